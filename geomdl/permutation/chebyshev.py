"""Chebyshev polynomials of the Laplacian: filters of a graph's spectrum, without eigenvectors."""

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor, nn

from geomdl.fields import Graph
from geomdl.fields.numbers import check_counts, positive
from geomdl.kernels import segment_sum
from geomdl.permutation.affine import affine, plus
from geomdl.permutation.aggregate import neighbor_sum
from geomdl.permutation.inputs import check_nodes, check_weight, node_field, small_graphs, sources
from geomdl.permutation.loops import loop_weight
from geomdl.registry import Example, register_layer

Normalization = Literal["sym", "rw", "none"]


def scaled_laplacian(
    graph: Graph,
    like: Tensor,
    weight: Tensor | None = None,
    normalization: Normalization = "sym",
    lambda_max: float | None = None,
) -> Callable[[Tensor], Tensor]:
    """Function x -> (2 L / λ - 1) x, with L of the edges that are no loops.

    L = 1 - D^(-1/2) A D^(-1/2) ("sym"), 1 - A D^(-1) ("rw") or D - A ("none"), D_i = Σ w_e over
    the edges that *leave* i, as in PyG. λ, if None: 2 where degrees divide, else twice the greatest
    degree of each graph of the batch, both of which bound the spectrum.

    Args:
        graph: whose edges these are.
        like: tensor of the type to compute in.
        weight: w, shape (edges,); 1 if None.
        normalization: "sym", "rw" or "none".
        lambda_max: λ, or None.
    """
    loops = loop_weight(graph, like, weight)
    if weight is None:
        degree = graph.out_degree.to(like.dtype)
    else:
        weight = weight.to(like.dtype)
        degree = segment_sum(weight, graph.out_ptr, graph.out_perm)
    degree = (degree - loops).unsqueeze(1)
    loops = loops.unsqueeze(1)
    one = torch.ones((), dtype=like.dtype, device=like.device)
    if normalization == "none":
        before, after, diagonal, greatest = one, one, degree, None
    else:
        some = degree != 0
        divisor = torch.where(some, degree, 1)
        root = torch.where(some, divisor.rsqrt() if normalization == "sym" else 1 / divisor, 0)
        before, after, diagonal = root, root if normalization == "sym" else one, one
        greatest = 2.0
    if lambda_max is not None:
        greatest = lambda_max
    factor: Tensor | float
    if greatest is None:
        most = degree.new_zeros(graph.num_graphs, 1)
        at = graph.batch_index.long().unsqueeze(1)
        most = 2 * most.scatter_reduce(0, at, degree, "amax").index_select(0, graph.batch_index)
        factor = torch.where(most != 0, 2 / torch.where(most != 0, most, 1), 0)
    else:
        factor = 2 / greatest

    def apply(x: Tensor) -> Tensor:
        scaled = before * x
        kept = None if weight is None else weight.to(scaled.dtype)
        neighbors = after * (neighbor_sum(scaled, graph, kept) - loops * scaled)
        return factor * (diagonal * x - neighbors) - x

    return apply


@register_layer(
    "permutation/ChebConv", example=Example(lambda: ChebConv(3, 2, K=3), small_graphs(3, edge=0))
)
class ChebConv(nn.Module):
    """Polynomial filter of a graph's spectrum, y = Σ_k T_k(2 L / λ - 1) x W_k + b, k = 0 … K - 1.

    T_k the Chebyshev polynomials, by T_k = 2 L̂ T_(k-1) - T_(k-2); L as of `scaled_laplacian`. A
    result reaches K - 1 steps far.

    Args:
        in_channels: of x.
        out_channels: of the result.
        K: number of polynomials.
        normalization: of L: "sym", "rw" or "none".
        lambda_max: λ; a bound of the spectrum if None.
        bias: whether there is b.
        rng: for the weights; torch's global one if None.

    Raises:
        ValueError: an impossible argument; when called, a tensor of the wrong shape.

    Example:
        >>> graph = Graph.from_edge_index(torch.tensor([[0, 1], [1, 2]]))
        >>> ChebConv(4, 8, K=3)(torch.randn(3, 4), graph).shape
        torch.Size([3, 8])

    Source: Defferrard, Bresson & Vandergheynst 2016, arXiv:1606.09375.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        K: int = 3,
        normalization: Normalization = "sym",
        lambda_max: float | None = None,
        bias: bool = True,
        rng: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        check_counts(in_channels=in_channels, out_channels=out_channels, K=K)
        if normalization not in ("sym", "rw", "none"):
            raise ValueError(
                f"normalization: expected 'sym', 'rw' or 'none', got {normalization!r}"
            )
        self.in_channels, self.out_channels, self.K = in_channels, out_channels, K
        self.normalization: Normalization = normalization
        self.lambda_max = None if lambda_max is None else positive("lambda_max", lambda_max)
        self.linears = nn.ModuleList(
            [affine(in_channels, out_channels, bias=False, rng=rng) for _ in range(K)]
        )
        self.bias = nn.Parameter(torch.zeros(out_channels)) if bias else None
        self.source = sources(in_channels, weight=0)
        self.target = node_field(out_channels)

    def forward(self, x: Tensor, graph: Graph, weight: Tensor | None = None) -> Tensor:
        """Features (nodes, in_channels) to (nodes, out_channels); weight: shape (edges,)."""
        check_nodes(x, graph, self.in_channels)
        check_weight(weight, graph)
        laplacian = scaled_laplacian(graph, x, weight, self.normalization, self.lambda_max)
        before, now = x, x
        y: Tensor = self.linears[0](x)
        for k, linear in enumerate(self.linears[1:]):
            before, now = now, 2 * laplacian(now) - before if k else laplacian(x)
            y = y + linear(now)
        return plus(y, self.bias)
