"""Equivariant linear maps between spherical tensors."""

import math
from typing import Any

import torch
from torch import Tensor, nn

from geomdl.euclidean.spherical import blocks, from_blocks, spherical
from geomdl.fields import Field, Points
from geomdl.fields.numbers import check_counts
from geomdl.groups import Rep
from geomdl.registry import Example, register_layer


def _inputs(rng: torch.Generator) -> tuple[Any, ...]:
    return (torch.randn(5, 11, 3, generator=rng, dtype=torch.float64),)


def _example() -> "Linear":
    source, rng = from_blocks([(0, 1, 2), (0, -1, 1), (1, -1, 1), (2, 1, 1)]), torch.Generator()
    return Linear(source, spherical(2), channels=3, out_channels=4, rng=rng.manual_seed(0))


@register_layer("euclidean/Linear", example=Example(_example, _inputs, forces=True))
class Linear(nn.Module):
    """Mixes channels and copies of the same irrep; what e3nn calls `o3.Linear`.

    y[n, (l, p), m, :] = x[n, (l, p), m, :] W_lp / √(copies channels), + b for l = 0, p = 1

    The weights are all of Hom(source, target), by Schur's lemma. Equivariant under O(3), *exact*.
    Irreps of the target that the source lacks are zero.

    Args:
        source: sum of irreps, with copies or without (`blocks`).
        target: the same; the source with one copy of each if None.
        channels: of the input.
        out_channels: of the output; as many as of the input if None.
        bias: whether invariants get one.
        rng: for the weights, normal of variance one; torch's global one if None.

    Raises:
        ValueError: groups differ, or no irrep of the target is in the source; when called, a shape
            that does not fit.

    Example:
        >>> layer = Linear(spherical(2), spherical(1), channels=8, out_channels=4)
        >>> layer(torch.randn(3, 9, 8)).shape
        torch.Size([3, 4, 4])
    """

    def __init__(
        self,
        source: Rep,
        target: Rep | None = None,
        *,
        channels: int,
        out_channels: int | None = None,
        bias: bool = True,
        rng: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        inputs = blocks(source)
        if target is None:
            kinds = dict.fromkeys((b.l, b.p) for b in inputs)
            target = from_blocks([(*kind, 1) for kind in kinds], source.group)
        if target.group != source.group:
            raise ValueError(f"target: expected {source.group.name}, got {target.group.name}")
        width = channels if out_channels is None else out_channels
        check_counts(channels=channels, out_channels=width)
        self.inputs, self.outputs = inputs, blocks(target)
        self.channels, self.out_channels = channels, width
        self.weights = nn.ParameterDict()
        self.scales: dict[str, float] = {}
        for b in self.outputs:
            rows = sum(a.copies for a in inputs if (a.l, a.p) == (b.l, b.p)) * channels
            name = b.name.split("x")[1]
            if rows and name not in self.weights:
                columns = sum(c.copies for c in self.outputs if (c.l, c.p) == (b.l, b.p)) * width
                self.weights[name] = nn.Parameter(torch.randn(rows, columns, generator=rng))
                self.scales[name] = 1 / math.sqrt(rows)
        if not self.weights:
            raise ValueError("target: holds no irrep of the source, so that every map is zero")
        scalars = sum(b.copies for b in self.outputs if (b.l, b.p) == (0, 1)) * width
        self.bias = nn.Parameter(torch.zeros(scalars)) if bias and scalars else None
        self.source = Field(Points(3), source, channels=channels)
        self.target = Field(Points(3), target, channels=width)

    def forward(self, x: Tensor) -> Tensor:
        """(nodes, source.dim, channels) to (nodes, target.dim, out_channels)."""
        shape = (x.shape[0], *self.source.fibre)
        if tuple(x.shape) != shape:
            raise ValueError(f"x: expected shape {shape}, got {tuple(x.shape)}")
        nodes = x.shape[0]
        parts: dict[str, list[Tensor]] = {}
        pieces = x.split([b.stop - b.start for b in self.inputs], 1)
        for b, piece in zip(self.inputs, pieces, strict=True):
            rows = piece.reshape(nodes, 2 * b.l + 1, b.copies * self.channels)
            parts.setdefault(b.name.split("x")[1], []).append(rows)
        made: dict[str, Tensor] = {}
        for name, weight in self.weights.items():
            rows = parts[name][0] if len(parts[name]) == 1 else torch.cat(parts[name], -1)
            made[name] = rows @ (weight * self.scales[name])
            if name == "0e" and self.bias is not None:
                made[name] = made[name] + self.bias
        found: list[Tensor] = []
        bias: Tensor | None = self.bias
        for b in self.outputs:
            name, size = b.name.split("x")[1], b.copies * self.out_channels
            if name in made:
                piece, made[name] = made[name][..., :size], made[name][..., size:]
            else:
                piece = x.new_zeros(nodes, 2 * b.l + 1, size)
                if name == "0e" and bias is not None:
                    piece, bias = piece + bias[:size], bias[size:]
            rows = (2 * b.l + 1) * b.copies
            found.append(piece.reshape(nodes, rows, self.out_channels))
        return torch.cat(found, 1)

    def extra_repr(self) -> str:
        """Irreps in and out."""
        sides = (" + ".join(b.name for b in side) for side in (self.inputs, self.outputs))
        return " → ".join(f"{c}·({s})" for c, s in zip((self.channels, self.out_channels), sides))  # noqa: B905
