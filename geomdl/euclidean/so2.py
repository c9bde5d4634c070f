"""Maps between irreps that commute with rotations about an axis: blocks of equal |m|."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn

from geomdl.euclidean.alignment import Alignment, Rows
from geomdl.euclidean.paths import Path, coefficients
from geomdl.euclidean.spherical import Block, single
from geomdl.groups import Rep


class OrderMap(NamedTuple):
    """Matrices between the components of order ±m.

    Attributes:
        m: order, at least 0.
        sources: numbers of the irreps of the source that have it.
        targets: of those of the target.
        numbers: matrices: of m > 0 under SO(3) two, a and b.
    """

    m: int
    sources: tuple[int, ...]
    targets: tuple[int, ...]
    numbers: int

    @property
    def size(self) -> int:
        """Weights of one channel."""
        return self.numbers * len(self.sources) * len(self.targets)


@dataclass(frozen=True, eq=False)
class SO2Maps:
    """All maps that commute with turns about y, and under O(3) with mirrors that keep y.

    With z = x_m + i x_-m, y_l3,m + i y_l3,-m = Σ_l1 (a + i b) z_l1, m = 0, 1, …; b is 0 at m = 0.
    A mirror sends z to p (-1)^l z*, so that under O(3) only a is left between irreps of the same
    p (-1)^l, only b between others; those of -1 enter as -i z (`Rows.turned`), and then a is all.

    Attributes:
        sources: irreps of the source.
        targets: of the target.
        maps: by rising m.
        inputs: rows of the source, by irrep.
        outputs: of the target.
    """

    sources: tuple[Block, ...]
    targets: tuple[Block, ...]
    maps: tuple[OrderMap, ...]
    inputs: tuple[Rows, ...]
    outputs: tuple[Rows, ...]

    @staticmethod
    def of(source: Rep, target: Rep, mmax: int | None) -> "SO2Maps":
        """Maps of two representations.

        Raises:
            ValueError: not of one group, an irrep twice or without a map, an impossible order.
        """
        if target.group != source.group:
            raise ValueError(f"target: expected {source.group.name}, got {target.group.name}")
        if mmax is not None and (not isinstance(mmax, int) or mmax < 0):
            raise ValueError(f"mmax: expected a whole number of at least 0, got {mmax!r}")
        ins, outs = single("source", source), single("target", target)
        mirrors = not getattr(source.group, "special", True)
        most = min(max(b.l for b in ins), max(b.l for b in outs))
        most = most if mmax is None else min(most, mmax)
        turned = [[mirrors and b.p != (-1) ** b.l for b in side] for side in (ins, outs)]
        inputs, outputs = (
            tuple(Rows(b.l, t, min(b.l, most)) for b, t in zip(side, flags, strict=True))
            for side, flags in zip((ins, outs), turned, strict=True)
        )
        maps = []
        for m in range(most + 1):
            kinds = (False, True) if m == 0 and mirrors else (None,)
            for kind in kinds:
                by, to = (
                    tuple(n for n, r in enumerate(rows) if r.l >= m and kind in (None, r.turned))
                    for rows in (inputs, outputs)
                )
                one = OrderMap(m, by, to, 1 if mirrors or m == 0 else 2)
                if one.size:
                    maps.append(one)
        for number, b in enumerate(outs):
            if not any(number in one.targets for one in maps):
                raise ValueError(f"target: no product of the two features holds {b.name[2:]}")
        return SO2Maps(ins, outs, tuple(maps), inputs, outputs)

    @property
    def size(self) -> int:
        """Weights of one channel: by m, matrix (a, b), target and source."""
        return sum(one.size for one in self.maps)

    def place(self, one: OrderMap, number: int, to: int, by: int) -> int:
        """Place of a weight."""
        start = sum(other.size for other in self.maps[: self.maps.index(one)])
        row = number * len(one.targets) + one.targets.index(to)
        return start + row * len(one.sources) + one.sources.index(by)

    def order(self, side: str) -> list[int]:
        """Rows by map: of m = 0, or all of m and then all of -m."""
        rows = self.inputs if side == "sources" else self.outputs
        starts = [sum(2 * r.most + 1 for r in rows[:n]) + r.most for n, r in enumerate(rows)]
        found = []
        for one in self.maps:
            members = getattr(one, side)
            for sign in (1, -1) if one.m else (1,):
                found += [starts[n] + sign * one.m for n in members]
        return found

    def weights_of(self, path: Path) -> list[tuple[int, float]]:
        """Places and values of the weights that a path with harmonics of the axis amounts to."""
        by, to = self.sources.index(path.left), _find(self.targets, path.l, path.p)
        c = coefficients(path)[:, path.right.l] * (2 * path.right.l + 1) ** 0.5  # at m₂ = 0
        c = _turned(_turned(c, self.inputs[by]).T, self.outputs[to]).T
        found = []
        for one in self.maps:
            if by in one.sources and to in one.targets:
                row = c[path.left.l + one.m]
                values = (row[path.l + one.m], row[path.l - one.m])[: one.numbers]
                for number, value in enumerate(values):
                    found.append((self.place(one, number, to, by), float(value)))
        return found


def _find(blocks: Sequence[Block], l: int, p: int) -> int:
    return next(n for n, b in enumerate(blocks) if (b.l, b.p) == (l, p))


def _turned(c: Tensor, rows: Rows) -> Tensor:
    """Rows of a matrix as `Rows` has them."""
    if not rows.turned:
        return c
    signs = torch.where(torch.arange(-rows.l, rows.l + 1) < 0, -1.0, 1.0).to(c)
    return c.flip(0) * signs[:, None]


class Frames(nn.Module):
    """Features to the frames of edges, ordered by m, and messages back. Not a layer.

    Args:
        maps: whose rows these are.
    """

    inward: Tensor
    outward: Tensor

    def __init__(self, maps: SO2Maps) -> None:
        super().__init__()
        self.maps = maps
        shared = dict.fromkeys([*maps.inputs, *maps.outputs])
        self.numbers = {rows: n for n, rows in enumerate(shared)}
        self.alignment = Alignment(list(shared))
        outward = maps.order("targets")
        self.missing = sum(2 * r.most + 1 for r in maps.outputs) - len(outward)
        inverse = torch.full((len(outward) + self.missing,), len(outward))
        inverse[torch.tensor(outward)] = torch.arange(len(outward))
        self.register_buffer("inward", torch.tensor(maps.order("sources")), persistent=False)
        self.register_buffer("outward", inverse, persistent=False)

    def enter(self, x: Tensor, d: list[Tensor]) -> Tensor:
        """(edges, dim, channels) to (edges, rows, channels), rows by m."""
        pieces = x.split([2 * b.l + 1 for b in self.maps.sources], 1)
        turned = [
            torch.bmm(d[self.numbers[rows]], piece)
            for rows, piece in zip(self.maps.inputs, pieces, strict=True)
        ]
        return torch.cat(turned, 1).index_select(1, self.inward)

    def leave(self, y: Tensor, d: list[Tensor]) -> list[Tensor]:
        """(edges, rows, channels) to messages of the irreps of the target."""
        if self.missing:  # rows that no map leads to
            y = torch.cat([y, torch.zeros_like(y[:, :1])], 1)
        rows = y.index_select(1, self.outward)
        pieces = rows.split([2 * r.most + 1 for r in self.maps.outputs], 1)
        return [
            torch.bmm(d[self.numbers[r]].mT, piece)
            for r, piece in zip(self.maps.outputs, pieces, strict=True)
        ]
