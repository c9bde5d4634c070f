"""Messages summed over paths, by the way that is the faster one here."""

from typing import Any, get_args

import torch
from torch import Tensor, nn

from geomdl.euclidean.harmonics import spherical_harmonics
from geomdl.euclidean.interaction import Coupled, rows_of, small_graph
from geomdl.euclidean.path_choice import PathChoice, Way, measured, timed
from geomdl.euclidean.paths import Product, summed_product
from geomdl.euclidean.so2_interaction import SO2Interaction, check_shapes
from geomdl.euclidean.spherical import spherical
from geomdl.fields import Edges, Field, Graph, Points, Vector
from geomdl.fields.numbers import check_counts
from geomdl.groups import Rep
from geomdl.kernels import interaction
from geomdl.kernels.directions import unit
from geomdl.kernels.precision import uncast
from geomdl.registry import Example, register_layer


class Fused(Coupled):
    """Harmonics and the interaction as one op. Not a layer."""

    def __init__(self, made: Product, lmax: int) -> None:
        super().__init__()
        self.hold_for_kernel(made)
        self.lmax = lmax

    def forward(self, x: Tensor, v: Tensor, w: Tensor, graph: Graph) -> Tensor:
        """As `Convolution`."""
        s = spherical_harmonics(v, self.lmax)
        return interaction(x, s, w, rows_of(graph), self.table, self.components)


class InFrames(nn.Module):
    """Weights of paths to those of `SO2Interaction`, and that. Not a layer."""

    order: Tensor
    directed: Tensor

    def __init__(self, made: Product, source: Rep, target: Rep, channels: int) -> None:
        super().__init__()
        self.layer = SO2Interaction(source, target, channels=channels)
        self.layer.frames.alignment.blank = False  # l₂ = 0 is there without a direction
        maps = self.layer.maps
        groups: dict[Any, list[int]] = {}  # one after another: paths come by ends
        for number, path in enumerate(made.paths):
            groups.setdefault((path.l, path.p, path.left), []).append(number)
        self.sizes = [len(numbers) for numbers in groups.values()]
        places: list[int] = []
        for n, numbers in enumerate(groups.values()):
            found = [dict(maps.weights_of(made.paths[number])) for number in numbers]
            used = list(found[0])
            table = torch.tensor([[one[q] for one in found] for q in used], dtype=torch.float64)
            self.register_buffer(f"bits{n}", table.view(torch.int64), persistent=False)
            places += used
        order = torch.full((maps.size,), len(places))
        order[torch.tensor(places)] = torch.arange(len(places))
        self.unused = maps.size - len(places)
        self.register_buffer("order", order, persistent=False)
        directed = torch.tensor([path.right.l > 0 for path in made.paths])
        self.register_buffer("directed", directed, persistent=False)

    def converted(self, v: Tensor, w: Tensor) -> Tensor:
        """Weights (edges, paths, channels) to (edges, weights, channels)."""
        kept = ~self.directed | (unit(v)[1] != 0)  # without a direction, Y_0 alone
        w = torch.where(kept.unsqueeze(2), w, 0)
        parts = []
        for n, part in enumerate(w.split(self.sizes, 1)):
            table: Tensor = getattr(self, f"bits{n}").view(torch.float64).to(w)
            parts.append(torch.matmul(table, part))
        if self.unused:
            parts.append(torch.zeros_like(w[:, :1]))
        return torch.cat(parts, 1).index_select(1, self.order)

    def forward(self, x: Tensor, v: Tensor, w: Tensor, graph: Graph) -> Tensor:
        """As `Convolution`."""
        found: Tensor = self.layer(x, v, self.converted(v, w), graph)
        return found


def _inputs(rng: torch.Generator) -> tuple[Any, ...]:
    graph = small_graph()

    def draw(*shape: int) -> Tensor:
        return torch.randn(shape, generator=rng, dtype=torch.float64)

    return draw(7, 8, 3), draw(graph.num_edges, 3), draw(graph.num_edges, 10, 3), graph


@register_layer(
    "euclidean/Convolution",
    example=Example(
        lambda: Convolution(
            spherical(1, "both"), spherical(1, "both"), lmax=1, channels=3, path="fused"
        ),
        _inputs,
        forces=True,
    ),
)
class Convolution(nn.Module):
    """Products with harmonics of the edges, weighted and summed over paths and neighbours.

    y[n, k, u] = Σ_{e: m → n} Σ_path w[e, path, u] √(2l + 1) Σ_ij C[i, j, k] x[m, i, u] Y_j(v_e)

    `Interaction` of the harmonics of v, with the paths into an irrep added up. Two ways to the same
    numbers, up to rounding: "fused", the harmonics and one op that stores nothing of the size of
    edges × components; "so2", in the frames of the edges (`SO2Interaction`), of fewer
    multiplications at high degrees, that stores such tensors. "auto" times both, forward and
    backward, on 64 nodes of 16 neighbours when the layer is built (and takes "fused" untimed where
    the environment says GEOMDL_MEASURE=0, so that results are bitwise those of another run); `tune`
    times them on the data and the device where it runs.

    Equivariant under O(3), *exact*; derivatives of every order. A zero vector has Y_0 alone.

    Args:
        source: irreps of x, each once, of degrees up to 6; O3 or SO3.
        target: irreps of y, each once, of degrees up to 6.
        lmax: degree of the harmonics, up to 12.
        channels: of x, w and y.
        path: "auto", "fused" or "so2".

    Attributes:
        paths: how many, the weights that an edge has a channel.
        choice: the way taken, and the times if they were measured.

    Raises:
        ValueError: representations that do not fit; when called, shapes that do not.

    Example:
        >>> layer = Convolution(spherical(2), spherical(2), lmax=2, channels=8, path="fused")
        >>> graph = Graph.from_edge_index(torch.tensor([[0, 1], [1, 0]]))
        >>> layer(torch.randn(2, 9, 8), torch.randn(2, 3), torch.randn(2, 11, 8), graph).shape
        torch.Size([2, 9, 8])
        >>> layer.choice.path
        'fused'

    Source: Thomas et al. 2018, arXiv:1802.08219; Passaro & Zitnick 2023, arXiv:2302.03655.
    """

    def __init__(
        self, source: Rep, target: Rep, *, lmax: int, channels: int = 1, path: str = "auto"
    ) -> None:
        super().__init__()
        if path not in ("auto", *get_args(Way)):
            raise ValueError(f"path: expected 'auto', 'fused' or 'so2', got {path!r}")
        check_counts(channels=channels)
        self.lmax, self.channels = lmax, channels
        self.made = summed_product(source, spherical(lmax, of=source.group), target)
        self.paths, one = len(self.made.paths), source.group.trivial
        self.source = {
            "x": Field(Points(3), source, channels=channels),
            "v": Field(Vector(), source.group.standard),
            "w": Field(Vector(), self.paths * channels * one, shape=(self.paths, channels)),
            "graph": Field(Edges(), one),
        }
        self.target = Field(Points(3), target, channels=channels)
        self.choice = measured(self) if path == "auto" else PathChoice(path)
        self.way = self.built(self.choice.path)

    def built(self, path: str) -> nn.Module:
        """The module that goes one way."""
        if path == "fused":
            return Fused(self.made, self.lmax)
        return InFrames(self.made, self.source["x"].rep, self.target.rep, self.channels)

    def tune(self, x: Tensor, v: Tensor, w: Tensor, graph: Graph) -> PathChoice:
        """Take the faster way for data like these, where they are; the times."""
        check_shapes(self, graph, x=x, v=v, w=w)
        self.choice = timed(self, x, v, w, graph)
        self.way = self.built(self.choice.path).to(x.device)
        return self.choice

    @uncast
    def forward(self, x: Tensor, v: Tensor, w: Tensor, graph: Graph) -> Tensor:
        """Features to sums of messages.

        Args:
            x: shape (nodes, source.dim, channels).
            v: vectors of the edges, in any unit, shape (edges, 3).
            w: weights, shape (edges, paths, channels).
            graph: whose edges these are, in their order.

        Returns:
            shape (nodes, target.dim, channels).
        """
        check_shapes(self, graph, x=x, v=v, w=w)
        found: Tensor = self.way(x, v, w, graph)
        return found

    def extra_repr(self) -> str:
        """The way taken, and the times."""
        return f"lmax={self.lmax}, channels={self.channels}, paths={self.paths}, {self.choice}"
