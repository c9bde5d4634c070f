"""Point clouds on the surfaces of solid shapes, and an equivariant network for them."""

import torch
from torch import Tensor, nn

from geomdl.data.shapes3d import SHAPES
from geomdl.euclidean import EGNN
from geomdl.fields import Graph

CLASSES = ("cube", "cylinder", "cone", "torus", "cross", "right helix")
POINTS = 24
NOISE = 0.02  # standard deviation of a coordinate
STRETCH = 0.1  # greatest change of a side
SHELL = 0.02  # greatest distance of a point from the surface before the noise
_TRIED = 400_000


def surface(name: str, rng: torch.Generator) -> Tensor:
    """Random points near the surface of a shape, (n, 3) in float64.

    Args:
        name: of `geomdl.data.shapes3d.SHAPES`, which fit into the unit ball.
        rng: generator.
    """
    tried = 2 * torch.rand(_TRIED, 3, generator=rng, dtype=torch.float64) - 1
    tried = tried[tried.square().sum(-1) < 1]
    parts = [part[SHAPES[name](part).abs() < SHELL] for part in tried.split(50_000)]
    return torch.cat(parts)


def make_clouds(n: int, rng: torch.Generator) -> tuple[Tensor, Tensor]:
    """Clouds of upright shapes, stretched along the axes, with noise, about their centroids.

    Args:
        n: number of clouds, the classes in turn.
        rng: generator.

    Returns:
        points (n, POINTS, 3) in float64, and labels (n,) in the order of `CLASSES`.
    """
    labels = torch.arange(n) % len(CLASSES)
    x = torch.empty(n, POINTS, 3, dtype=torch.float64)
    for label, name in enumerate(CLASSES):
        near, mine = surface(name, rng), (labels == label).nonzero().flatten()
        chosen = torch.randint(len(near), (len(mine), POINTS), generator=rng)
        x[mine] = near[chosen]
    sides = 1 + STRETCH * (2 * torch.rand(n, 1, 3, generator=rng, dtype=x.dtype) - 1)
    x = sides * x + NOISE * torch.randn(x.shape, generator=rng, dtype=x.dtype)
    return x - x.mean(1, keepdim=True), labels


class CloudEGNN(nn.Module):
    """EGNN of clouds of equal size: edges between points nearer than a cut-off.

    Args:
        classes: number of outputs.
        rng: for the weights.
        cutoff: in units of the coordinates.
    """

    def __init__(self, classes: int, rng: torch.Generator, cutoff: float = 1.0) -> None:
        super().__init__()
        self.network = EGNN(
            (1,), channels=24, layers=2, cutoff=cutoff, neighbors=8.0, outputs=classes,
            head="mean", rng=rng,
        )  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        """Points (batch, n, 3) to scores (batch, classes), invariant under E(3)."""
        batch, n, _ = x.shape
        apart = (x.unsqueeze(1) - x.unsqueeze(2)).square().sum(-1)
        near = (apart < self.network.cutoff**2) & ~torch.eye(n, dtype=torch.bool)
        cloud, i, j = near.nonzero(as_tuple=True)
        owner = torch.arange(batch).repeat_interleave(n)
        graph = Graph.from_edge_index(
            torch.stack([j, i]) + n * cloud, batch=owner, num_graphs=batch
        )
        kinds = torch.ones(batch * n, dtype=torch.int64)
        y: Tensor = self.network(kinds, x.flatten(0, 1), graph)
        return y
