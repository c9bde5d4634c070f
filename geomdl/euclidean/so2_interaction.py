"""Messages in the frames of edges, with weights from outside."""

from typing import Any

import torch
from torch import Tensor, nn

from geomdl.euclidean.interaction import small_graph
from geomdl.euclidean.so2 import Frames, SO2Maps
from geomdl.euclidean.spherical import blocks, spherical
from geomdl.fields import Edges, Field, Graph, Points, Vector
from geomdl.fields.messages import at_sources, sum_at_targets
from geomdl.fields.numbers import check_counts
from geomdl.groups import Rep
from geomdl.kernels.precision import uncast
from geomdl.kernels.rows import wide
from geomdl.registry import Example, register_layer


def _inputs(rng: torch.Generator) -> tuple[Any, ...]:
    graph = small_graph()

    def draw(*shape: int) -> Tensor:
        return torch.randn(shape, generator=rng, dtype=torch.float64)

    return draw(7, 8, 3), draw(graph.num_edges, 3), draw(graph.num_edges, 20, 3), graph


@register_layer(
    "euclidean/SO2Interaction",
    example=Example(
        lambda: SO2Interaction(spherical(1, "both"), spherical(2, "both"), channels=3),
        _inputs,
        forces=True,
    ),
)
class SO2Interaction(nn.Module):
    """Sum over neighbours of the linear maps that the symmetry of an edge leaves; by channels.

    y[n, :, u] = Σ_{e: m → n} D(R_e)ᵀ M(w[e, :, u]) D(R_e) x[m, :, u],  R_e v_e/|v_e| = ±y

    M commutes with turns about y (and, under O(3), with mirrors that keep y), hence is blocks of
    equal |m|: with z = xₘ + i x₋ₘ, yₘ + i y₋ₘ = Σ_l (a + i b) z, real a and b, its weights.
    Tensor products with harmonics, summed over paths of degrees l₂ ≤ l₁ + l₃, are the same maps in
    another basis (`Convolution` changes it): m = 0 alone is left of harmonics in the frame of their
    edge, so that an edge costs O(l³) a channel where they cost O(l⁵) or O(l⁶).

    Equivariant under O(3), *exact*, whatever mmax. Vectors that are zero send nothing. Derivatives
    of every order, where edges are along ±y too. Stores several tensors of edges × source.dim ×
    channels, unlike `Interaction`, and was slower on a CPU at every degree (suite
    `molecules/paths`).

    Args:
        source: irreps of x, each once, of degrees up to 6; O3 or SO3.
        target: irreps of y, each once, of degrees up to 6.
        channels: of x, w and y.
        mmax: greatest |m| that is used; all if None.

    Attributes:
        weights: how many an edge has a channel: by m, matrix (a, then b), target, source.

    Raises:
        ValueError: representations that do not fit; when called, shapes that do not.

    Example:
        >>> layer = SO2Interaction(spherical(2), spherical(2), channels=8)
        >>> graph = Graph.from_edge_index(torch.tensor([[0, 1], [1, 0]]))
        >>> layer(torch.randn(2, 9, 8), torch.randn(2, 3), torch.randn(2, 14, 8), graph).shape
        torch.Size([2, 9, 8])

    Source: Passaro & Zitnick 2023, arXiv:2302.03655.
    """

    def __init__(
        self, source: Rep, target: Rep, *, channels: int = 1, mmax: int | None = None
    ) -> None:
        super().__init__()
        check_counts(channels=channels)
        self.frames = Frames(SO2Maps.of(source, target, mmax))
        self.maps = self.frames.maps
        self.weights, self.channels = self.maps.size, channels
        one = source.group.trivial
        self.source = {
            "x": Field(Points(3), source, channels=channels),
            "v": Field(Vector(), source.group.standard),
            "w": Field(Vector(), self.weights * channels * one, shape=(self.weights, channels)),
            "graph": Field(Edges(), one),
        }
        self.target = Field(Points(3), target, channels=channels)

    @uncast
    def forward(self, x: Tensor, v: Tensor, w: Tensor, graph: Graph) -> Tensor:
        """Features to sums of messages.

        Args:
            x: shape (nodes, source.dim, channels).
            v: vectors of the edges, in any unit, shape (edges, 3).
            w: weights, shape (edges, weights, channels).
            graph: whose edges these are, in their order.

        Returns:
            shape (nodes, target.dim, channels).
        """
        check_shapes(self, graph, x=x, v=v, w=w)
        dtype = wide(x.dtype)
        d = self.frames.alignment(v.to(dtype))
        rows = self.frames.enter(at_sources(x.to(dtype), graph), d)
        messages = self.frames.leave(self._mapped(rows, w.to(dtype)), d)
        return torch.cat([sum_at_targets(m, graph) for m in messages], 1).to(x.dtype)

    def _mapped(self, rows: Tensor, w: Tensor) -> Tensor:
        """M applied to rows by m."""
        maps = self.maps.maps
        pieces = rows.split([(2 if one.m else 1) * len(one.sources) for one in maps], 1)
        weights = w.split([one.size for one in maps], 1)
        found = []
        for one, piece, part in zip(maps, pieces, weights, strict=True):
            z = piece.unflatten(1, (-1, len(one.sources)))
            matrices = part.unflatten(1, (one.numbers, len(one.targets), len(one.sources)))
            sources = [z, torch.stack([-z[:, 1], z[:, 0]], 1)] if one.numbers == 2 else [z]
            total: Tensor | None = None
            for matrix, source in zip(matrices.unbind(1), sources, strict=True):
                for a, b in zip(matrix.unbind(2), source.unbind(2), strict=True):
                    a, b = a.unsqueeze(1), b.unsqueeze(2)
                    total = a * b if total is None else torch.addcmul(total, a, b)
            assert total is not None
            found.append(total.flatten(1, 2))
        return torch.cat(found, 1)

    def extra_repr(self) -> str:
        """Irreps in and out."""
        sides = (
            " + ".join(b.name[2:] for b in blocks(self.source["x"].rep)),
            " + ".join(b.name[2:] for b in blocks(self.target.rep)),
        )
        return f"{' → '.join(sides)}, channels={self.channels}, weights={self.weights}"


def check_shapes(layer: Any, graph: Graph, x: Tensor, **edges: Tensor) -> None:
    """Refuse features of other nodes, and numbers of other edges.

    Raises:
        ValueError: a shape is not what the field in ``layer.source`` says.
    """
    for name, value in {"x": x, **edges}.items():
        count = graph.num_nodes if name == "x" else graph.num_edges
        shape = (count, *layer.source[name].fibre)
        if tuple(value.shape) != shape:
            raise ValueError(f"{name}: expected shape {shape}, got {tuple(value.shape)}")
