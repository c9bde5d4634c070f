"""Graph convolution: sums over neighbours, normalised by the degrees at both ends."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from geomdl.fields import Graph, sum_at_targets
from geomdl.fields.numbers import check_counts
from geomdl.permutation.affine import affine, plus
from geomdl.permutation.aggregate import neighbor_sum, scaled_neighbor_sum
from geomdl.permutation.inputs import check_nodes, check_weight, node_field, small_graphs, sources
from geomdl.permutation.loops import loop_count
from geomdl.permutation.memo import once
from geomdl.registry import Example, register_layer


def adjacency(
    graph: Graph,
    like: Tensor,
    weight: Tensor | None = None,
    loops: float = 1.0,
    normalize: bool = True,
) -> Callable[..., Tensor]:
    """Function x -> D^(-1/2) (A + S) D^(-1/2) x, with no other graph made.

    A_ij = Σ w_e over e: j → i; S is diagonal, `loops` where a node has no loop of its own and 0
    where it has; D_i = Σ_j (A + S)_ij. Where D vanishes, so does the result, and a negative D gives
    NaN. *Exact* up to rounding.

    Args:
        graph: whose edges these are.
        like: tensor of the type to compute in.
        weight: w, shape (edges,); 1 if None.
        loops: weight of the loops that are added; 0 for none.
        normalize: if not, the function is x -> A x.

    Returns:
        A function of tensors of shape (nodes, channels), and of the probability with which each
        edge, loops included, is left out, 0 by default.

    Example:
        >>> graph = Graph.from_edge_index(torch.tensor([[0, 1], [1, 0]]))
        >>> adjacency(graph, torch.zeros(()))(torch.tensor([[2.0], [4.0]]))
        tensor([[3.0000],
                [3.0000]])
    """
    weight = None if weight is None else weight.to(like.dtype)
    scale = stay = None
    if normalize and weight is None:
        scale, stay = _unweighted(graph, like.dtype, float(loops))
    elif normalize and weight is not None:
        scale, stay = _scales(sum_at_targets(weight, graph), graph, loops)

    def apply(x: Tensor, dropout: float = 0.0) -> Tensor:
        kept, own = weight, stay
        if kept is None and not dropout:
            return scaled_neighbor_sum(x, graph, scale, scale, own)
        if dropout:
            kept = like.new_ones(graph.num_edges) if weight is None else weight
            kept = nn.functional.dropout(kept, dropout)
            own = None if stay is None else nn.functional.dropout(stay, dropout)
        if scale is None:
            return neighbor_sum(x, graph, None if kept is None else kept.to(x.dtype))
        at, given = scale.unsqueeze(1), x
        x = at * x
        y = at * neighbor_sum(x, graph, None if kept is None else kept.to(x.dtype))
        return y if own is None else y + own.unsqueeze(1) * given

    return apply


def _scales(degree: Tensor, graph: Graph, loops: float) -> tuple[Tensor, Tensor | None]:
    """D^(-1/2), and the weight of the loops that are added, for degrees without these."""
    own = torch.where(loop_count(graph) > 0, 0.0, loops).to(degree.dtype) if loops else None
    degree = degree if own is None else degree + own
    some = degree != 0
    scale = torch.where(some, torch.where(some, degree, 1).rsqrt(), 0)
    return scale, None if own is None else scale.square() * own


@once
def _unweighted(graph: Graph, dtype: torch.dtype, loops: float) -> tuple[Tensor, Tensor | None]:
    return _scales(graph.in_degree.to(dtype), graph, loops)


@register_layer(
    "permutation/GCNConv", example=Example(lambda: GCNConv(3, 2), small_graphs(3, edge=0))
)
class GCNConv(nn.Module):
    """Graph convolution, y = Â x W + b, Â = D^(-1/2) (A + S) D^(-1/2).

    S adds a loop to nodes that have none; see `adjacency`. Repeated edges count as often
    as they are there, repeated loops too (PyG counts one of these).

    Args:
        in_channels: of x.
        out_channels: of the result.
        loops: weight of the loops that are added: 1, 2 ("improved") or 0 for none.
        normalize: whether degrees divide; if not, y = A x W + b, and nothing is added.
        bias: whether there is b.
        rng: for the weights; torch's global one if None.

    Raises:
        ValueError: an impossible argument; when called, a tensor of the wrong shape.

    Example:
        >>> graph = Graph.from_edge_index(torch.tensor([[0, 1], [1, 2]]))
        >>> GCNConv(4, 8)(torch.randn(3, 4), graph).shape
        torch.Size([3, 8])

    Source: Kipf & Welling 2017, arXiv:1609.02907.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        loops: float = 1.0,
        normalize: bool = True,
        bias: bool = True,
        rng: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        check_counts(in_channels=in_channels, out_channels=out_channels)
        if loops < 0:
            raise ValueError(f"loops: expected a weight of at least 0, got {loops!r}")
        self.in_channels, self.out_channels = in_channels, out_channels
        self.loops, self.normalize = float(loops), bool(normalize)
        self.linear = affine(in_channels, out_channels, bias=False, rng=rng)
        self.bias = nn.Parameter(torch.zeros(out_channels)) if bias else None
        self.source = sources(in_channels, weight=0)
        self.target = node_field(out_channels)

    def forward(self, x: Tensor, graph: Graph, weight: Tensor | None = None) -> Tensor:
        """Features to features.

        Args:
            x: shape (nodes, in_channels).
            graph: whose neighbours these are.
            weight: of the edges, shape (edges,); 1 if None.

        Returns:
            shape (nodes, out_channels).
        """
        check_nodes(x, graph, self.in_channels, self.bias)
        check_weight(weight, graph)
        return self.convolve(x, adjacency(graph, x, weight, self.loops, self.normalize))

    def convolve(self, x: Tensor, spread: Callable[..., Tensor]) -> Tensor:
        """The sums over neighbours, before or after W: where fewer numbers go along the edges."""
        if self.in_channels < self.out_channels:
            y = self.linear(spread(x))
        else:
            y = spread(self.linear(x))
        return plus(y, self.bias)
