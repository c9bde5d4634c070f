"""Functions of eigenvectors that do not depend on their signs."""

import torch
from torch import Tensor, nn

from geomdl.fields import Graph
from geomdl.fields.numbers import check_counts
from geomdl.permutation.affine import affine, perceptron
from geomdl.permutation.aggregate import neighbor_sum
from geomdl.permutation.inputs import check_nodes, node_field, small_graphs, sources
from geomdl.registry import Example, register_layer


@register_layer(
    "permutation/SignNet", example=Example(lambda: SignNet(2, 3, hidden=8), small_graphs(2))
)
class SignNet(nn.Module):
    """Positions from eigenvectors, whatever their signs: y = ρ([φ(v_a) + φ(-v_a)]_a).

    φ is a graph isomorphism network of one number a node, the same for all a; ρ is a perceptron.
    φ(v) + φ(-v) is any function that is even in v, and all there are, but each sign is given away
    by itself; rotations within an eigenspace are the matter of `BasisNet`. *Exact*.

    Args:
        k: number of eigenvectors.
        out_channels: of the result.
        hidden: channels within φ and ρ.
        layers: of φ.
        rng: for the weights; torch's global one if None.

    Raises:
        ValueError: an impossible argument; when called, a tensor of the wrong shape.

    Example:
        >>> graph = Graph.from_edge_index(torch.tensor([[0, 1, 1, 2], [1, 0, 2, 1]]))
        >>> SignNet(2, 8)(torch.randn(3, 2), graph).shape
        torch.Size([3, 8])

    Source: Lim et al. 2023, arXiv:2202.13013.
    """

    def __init__(
        self,
        k: int,
        out_channels: int,
        *,
        hidden: int = 32,
        layers: int = 2,
        rng: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        check_counts(k=k, out_channels=out_channels, hidden=hidden, layers=layers)
        self.k = k
        self.embed = affine(1, hidden, rng=rng)
        self.phi = nn.ModuleList([perceptron([hidden] * 3, rng=rng) for _ in range(layers)])
        self.rho = perceptron([k * hidden, hidden, out_channels], rng=rng)
        self.source, self.target = sources(k), node_field(out_channels)

    def forward(self, x: Tensor, graph: Graph) -> Tensor:
        """Eigenvectors (nodes, k) to features (nodes, out_channels)."""
        check_nodes(x, graph, self.k)
        both = torch.stack([x, -x], 1).unsqueeze(3)  # (nodes, 2, k, 1)
        h = self.embed(both).relu()
        for layer in self.phi:
            h = h + layer(h + neighbor_sum(h, graph))
        y: Tensor = self.rho(h.sum(1).flatten(1))
        return y
