"""Messages in the frames of edges, by weights of the layer that mix channels: eSCN."""

import math
from typing import Any

import torch
from torch import Tensor, nn

from geomdl.euclidean.interaction import small_graph
from geomdl.euclidean.so2 import Frames, SO2Maps
from geomdl.euclidean.so2_interaction import check_shapes
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

    return draw(7, 8, 3), draw(graph.num_edges, 3), draw(graph.num_edges, 6, 3), graph


def _example() -> nn.Module:
    both, rng = spherical(1, "both"), torch.Generator().manual_seed(0)
    return SO2Conv(both, both, channels=3, out_channels=2, rng=rng)


@register_layer("euclidean/SO2Conv", example=Example(_example, _inputs, forces=True))
class SO2Conv(nn.Module):
    """Mixes irreps and channels in the frames of edges by all weights that their symmetry leaves.

    y[n] = Σ_{e: m → n} D(R_e)ᵀ M (w[e] ∘ D(R_e) x[m]),  R_e v_e/|v_e| = ±y
    yₘ + i y₋ₘ = Σ_l (A_m + i B_m) z_l / √(terms),  z = w (xₘ + i x₋ₘ)

    A_m, B_m matrices between channels and irreps, the layer's own; w a radial function from
    outside, of |m|, irrep of x and channel. What e3nn does by `FullyConnectedTensorProduct` with
    harmonics of the edges, in O(l³) instead of O(l⁶). Under O(3), mirrors that keep the edge leave
    A alone between irreps of the same p (-1)^l, and B alone between others; the published layer has
    both, hence SO(3) only: give it representations of SO3.

    Equivariant, *exact*, whatever mmax. Vectors that are zero send nothing. Derivatives of every
    order, where edges are along ±y too. Stores several tensors of edges × dim × channels.

    Args:
        source: irreps of x, each once, of degrees up to 6; O3 or SO3.
        target: irreps of y, each once, of degrees up to 6; those of x if None.
        channels: of x and w.
        out_channels: of y; as many as of x if None.
        mmax: greatest |m| that is used; all if None.
        rng: for the weights, normal of variance one; torch's global one if None.

    Attributes:
        inputs: numbers of w an edge has a channel: by m, irrep of x.

    Raises:
        ValueError: representations that do not fit; when called, shapes that do not.

    Example:
        >>> layer = SO2Conv(spherical(2), channels=8, mmax=1)
        >>> graph = Graph.from_edge_index(torch.tensor([[0, 1], [1, 0]]))
        >>> w = torch.ones(2, layer.inputs, 8)
        >>> layer.inputs, layer(torch.randn(2, 9, 8), torch.randn(2, 3), w, graph).shape
        (5, torch.Size([2, 9, 8]))

    Source: Passaro & Zitnick 2023, arXiv:2302.03655; the radial function as in Liao et al. 2023,
        arXiv:2306.12059.
    """

    def __init__(
        self,
        source: Rep,
        target: Rep | None = None,
        *,
        channels: int,
        out_channels: int | None = None,
        mmax: int | None = None,
        rng: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        target = source if target is None else target
        width = channels if out_channels is None else out_channels
        check_counts(channels=channels, out_channels=width)
        self.frames = Frames(SO2Maps.of(source, target, mmax))
        self.maps = self.frames.maps
        self.matrices = nn.ParameterList(
            torch.randn(
                one.numbers,
                len(one.sources) * channels,
                len(one.targets) * width,
                generator=rng,
            )
            for one in self.maps.maps
        )
        self.inputs, self.out_channels = sum(len(one.sources) for one in self.maps.maps), width
        one = source.group.trivial
        self.source = {
            "x": Field(Points(3), source, channels=channels),
            "v": Field(Vector(), source.group.standard),
            "w": Field(Vector(), self.inputs * channels * one, shape=(self.inputs, channels)),
            "graph": Field(Edges(), one),
        }
        self.target = Field(Points(3), target, channels=width)

    @uncast
    def forward(self, x: Tensor, v: Tensor, w: Tensor, graph: Graph) -> Tensor:
        """Features to sums of messages.

        Args:
            x: shape (nodes, source.dim, channels).
            v: vectors of the edges, in any unit, shape (edges, 3).
            w: radial function, shape (edges, inputs, channels).
            graph: whose edges these are, in their order.

        Returns:
            shape (nodes, target.dim, out_channels).
        """
        check_shapes(self, graph, x=x, v=v, w=w)
        dtype = torch.promote_types(wide(x.dtype), wide(self.matrices[0].dtype))
        d = self.frames.alignment(v.to(dtype))
        rows = self.frames.enter(at_sources(x.to(dtype), graph), d)
        messages = self.frames.leave(self._mixed(rows, w.to(dtype)), d)
        return torch.cat([sum_at_targets(m, graph) for m in messages], 1).to(x.dtype)

    def _mixed(self, rows: Tensor, w: Tensor) -> Tensor:
        maps = self.maps.maps
        pieces = rows.split([(2 if one.m else 1) * len(one.sources) for one in maps], 1)
        radial = w.split([len(one.sources) for one in maps], 1)
        found = []
        for one, piece, part, matrix in zip(maps, pieces, radial, self.matrices, strict=True):
            z = (piece.unflatten(1, (-1, len(one.sources))) * part.unsqueeze(1)).flatten(2)
            scaled = matrix.to(z) / math.sqrt(matrix.shape[0] * matrix.shape[1])
            y = z @ scaled[0]
            if one.numbers == 2:
                y = y + torch.stack([-z[:, 1], z[:, 0]], 1) @ scaled[1]
            found.append(y.unflatten(2, (len(one.targets), self.out_channels)).flatten(1, 2))
        return torch.cat(found, 1)

    def extra_repr(self) -> str:
        """Irreps in and out."""
        ins, outs = (
            " + ".join(b.name[2:] for b in blocks(rep))
            for rep in (self.source["x"].rep, self.target.rep)
        )
        return f"{ins} → {outs}, mmax={self.maps.maps[-1].m}"
