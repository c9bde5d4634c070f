"""Messages between neighbours: features times harmonics of the edges, weighted and summed."""

from typing import Any

import torch
from torch import Tensor, nn

from geomdl.euclidean.paths import Product, product
from geomdl.euclidean.spherical import blocks, spherical
from geomdl.fields import Edges, Field, Graph, Points, Vector
from geomdl.fields.numbers import check_counts
from geomdl.groups import Rep
from geomdl.kernels import interaction
from geomdl.kernels.interaction_vectors import DEGREE
from geomdl.kernels.precision import uncast
from geomdl.registry import Example, register_layer


class Coupled(nn.Module):
    """Holds the table of a product, whatever dtype the module has. Not a layer."""

    terms: Tensor
    bits: Tensor
    blocks: Tensor

    def hold(self, made: Product) -> None:
        """Register the table; coefficients as bits, which no change of dtype rounds."""
        self.components, self.paths = made.target.dim, len(made.paths)
        self.register_buffer("terms", made.terms, persistent=False)
        self.register_buffer("bits", made.values.view(torch.int64), persistent=False)
        self.register_buffer("blocks", made.table, persistent=False)

    def hold_for_kernel(self, made: Product) -> None:
        """The same for the kernel, whose loops are made for the lower degrees.

        Raises:
            ValueError: a higher degree.
        """
        most = max(path.left.l for path in made.paths)
        if most > DEGREE:
            raise ValueError(f"source: expected degrees up to {DEGREE}, got {most}")
        self.hold(made)

    @property
    def table(self) -> list[Tensor]:
        """Terms, coefficients and blocks, as `geomdl.kernels.interaction` takes them."""
        return [self.terms, self.bits.view(torch.float64), self.blocks]


def rows_of(graph: Graph) -> list[Tensor]:
    """Index tensors of a graph, as `geomdl.kernels.interaction` takes them."""
    inward = [graph.in_ptr, graph.in_neighbors, graph.perm]
    return [*inward, graph.out_ptr, graph.out_neighbors, graph.out_perm]


def small_graph() -> Graph:
    """Seven nodes in two graphs, one of them without edges, a loop and a repeated edge."""
    ends = torch.tensor([[0, 0, 1, 2, 3, 1, 4, 4, 3], [1, 2, 2, 3, 3, 0, 5, 5, 1]])
    return Graph.from_edge_index(ends, batch=torch.tensor([0, 0, 0, 0, 1, 1, 1]))


def _inputs(rng: torch.Generator) -> tuple[Any, ...]:
    graph = small_graph()

    def draw(*shape: int) -> Tensor:
        return torch.randn(shape, generator=rng, dtype=torch.float64)

    return draw(7, 8, 3), draw(graph.num_edges, 4), draw(graph.num_edges, 12, 3), graph


@register_layer(
    "euclidean/Interaction",
    example=Example(
        lambda: Interaction(spherical(1, "both"), spherical(1), channels=3), _inputs, forces=True
    ),
)
class Interaction(Coupled):
    """Gather, tensor product with harmonics, weights of the edges, sum over neighbours; one op.

    y[n, (k, path), u] = Σ_{e: m → n} w[e, path, u] √(2l + 1) Σ_ij C[i, j, k] x[m, i, u] s[e, j]

    C the Clebsch-Gordan coefficients of e3nn of the path (l₁ ⊗ l₂ → l); e3nn's `TensorProduct` with
    connections "uvu", weights of the edges, irrep_normalization="component". Equivariant under
    O(3), *exact*; sums in the order of the edges, bitwise the same for any number of threads.
    Nothing of the size of edges × components is stored: memory is that of arguments and results,
    and of copies of them where channels are made up to whole vectors, or half precision is widened.
    Derivatives of every order.

    Args:
        source: irreps of x, each once, of degrees up to 6; O3 or SO3.
        edge: irreps of s, each once.
        target: irreps that are kept, each once; all that the product holds if None.
        channels: of x, w and y; fastest in multiples of 16.

    Attributes:
        paths: how many, the weights that an edge has a channel.
        target: field of y: of each irrep as many copies as paths lead to it; `Linear` mixes them.

    Raises:
        ValueError: representations that do not fit; when called, shapes that do not.

    Example:
        >>> layer = Interaction(spherical(2), spherical(2), spherical(2), channels=8)
        >>> graph = Graph.from_edge_index(torch.tensor([[0, 1], [1, 0]]))
        >>> layer(torch.randn(2, 9, 8), torch.randn(2, 9), torch.randn(2, 11, 8), graph).shape
        torch.Size([2, 35, 8])

    Source: Thomas et al. 2018, arXiv:1802.08219; Batzner et al. 2022, arXiv:2101.03164.
    """

    def __init__(
        self, source: Rep, edge: Rep, target: Rep | None = None, *, channels: int = 1
    ) -> None:
        super().__init__()
        check_counts(channels=channels)
        made = product(source, edge, target)
        self.hold_for_kernel(made)
        self.channels = channels
        one = source.group.trivial
        self.source = {
            "x": Field(Points(3), source, channels=channels),
            "s": Field(Vector(), edge),
            "w": Field(
                Vector(), len(made.paths) * channels * one, shape=(len(made.paths), channels)
            ),
            "graph": Field(Edges(), one),
        }
        self.target = Field(Points(3), made.target, channels=channels)

    @uncast
    def forward(self, x: Tensor, s: Tensor, w: Tensor, graph: Graph) -> Tensor:
        """Features to sums of messages.

        Args:
            x: shape (nodes, source.dim, channels).
            s: harmonics of the edges, shape (edges, edge.dim).
            w: weights, shape (edges, paths, channels).
            graph: whose edges these are, in their order.

        Returns:
            shape (nodes, target.rep.dim, channels).
        """
        sizes = {
            "x": (x, (graph.num_nodes, *self.source["x"].fibre)),
            "s": (s, (graph.num_edges, *self.source["s"].fibre)),
            "w": (w, (graph.num_edges, self.paths, self.channels)),
        }
        for name, (value, shape) in sizes.items():
            if tuple(value.shape) != shape:
                raise ValueError(f"{name}: expected shape {shape}, got {tuple(value.shape)}")
        return interaction(x, s, w, rows_of(graph), self.table, self.components)

    def extra_repr(self) -> str:
        """Irreps that come out."""
        kept = " + ".join(b.name for b in blocks(self.target.rep))
        return f"{self.source['x'].rep.dim} → {kept}, channels={self.channels}"
