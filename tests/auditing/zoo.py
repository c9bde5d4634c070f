"""What `geomdl audit tests.auditing.zoo:…` finds."""

import torch
from torch import Tensor, nn

import geomdl
from geomdl import Field, Grid, Nodes, Vector
from geomdl.fields import Edges, positions
from tests.auditing.networks import C4Net, PlainCNN, image, invariant, seeded

plain = seeded(PlainCNN())
group_net = seeded(C4Net())
number = 3


class Plain(PlainCNN):
    """Made without arguments."""


class NeedsWidth(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()


def factory() -> nn.Module:
    return C4Net()


def norm(x: Tensor) -> Tensor:
    return x.norm(dim=-1, keepdim=True)


def lorentz_norm(x: Tensor) -> Tensor:
    return x[..., :1] ** 2 - (x[..., 1:] ** 2).sum(-1, keepdim=True)


class Periodic(nn.Module):
    """A shift-equivariant network, which says so; nothing in it turns."""

    def __init__(self) -> None:
        super().__init__()
        Z = geomdl.group("Z8x8")
        self.source = Field(Grid(2, periodic=True), Z.trivial)
        self.target = Field(Grid(2, periodic=True), 3 * Z.trivial)
        self.conv = nn.Conv2d(1, 3, 3, padding=1, padding_mode="circular")

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(x).tanh()


class Turning(nn.Module):
    """Channels that turn: nobody else's group can act on them."""

    source = target = Field(Grid(2), geomdl.group("C4").regular)

    def forward(self, x: Tensor) -> Tensor:
        return x


class Smooth(nn.Module):
    """A blur and a mean: invariant under all turns, but for sampling."""

    def forward(self, x: Tensor) -> Tensor:
        for _ in range(3):
            x = nn.functional.avg_pool2d(x, 3, 1, 1)
        return x.square().mean((-2, -1))


class Molecule(nn.Module):
    """Several inputs, one of them optional and one a graph."""

    def __init__(self) -> None:
        super().__init__()
        G = geomdl.group("S6 * O3")
        self.source = {
            "charge": Field(Nodes(), G.trivial),
            "pos": positions(G),
            "graph": Field(Edges(), G.trivial),
            "cell": None,
        }
        self.target = {"energy": Field(Vector(), G.trivial, shape=()), "forces": Field(
            geomdl.Points(3), G.pull(1, geomdl.group("O3").standard))}  # fmt: skip

    def forward(
        self, charge: Tensor, pos: Tensor, graph: geomdl.Graph, cell: Tensor | None = None
    ) -> dict[str, Tensor]:
        source, target = graph.source.long(), graph.target.long()
        apart = pos[target] - pos[source]
        weight = charge[source] * charge[target] * torch.exp(-apart.square().sum(-1, keepdim=True))
        forces = torch.zeros_like(pos).index_add(0, target, weight * apart)
        return {"energy": weight.sum(), "forces": forces}


class Typed(nn.Module):
    """Takes integers, which no random input is."""

    source = Field(Nodes(), geomdl.group("S3").trivial, shape=())
    target = Field(Vector(), geomdl.group("S3").trivial)

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(3, 1)

    def forward(self, z: Tensor) -> Tensor:
        return self.embed(z).sum(0)


class Several(nn.Module):
    """Undeclared outputs of several kinds."""

    def forward(self, x: Tensor) -> dict[str, Tensor | tuple[Tensor, None]]:
        return {"map": x.tanh(), "pair": (x.square().mean((1, 2, 3)), None)}


IMAGE, LABEL = image(), invariant()
