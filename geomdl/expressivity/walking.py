"""From layer to layer: the pieces of a domain on which a network is affine."""

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from geomdl.expressivity.cells import TOLERANCE, Array, Cell
from geomdl.expressivity.following import Function, follow
from geomdl.expressivity.maxima import Largest
from geomdl.fields.numbers import at_least
from geomdl.training import refuse_random

Indices = NDArray[np.int64]
CellT = TypeVar("CellT", bound=Cell)
_NUMBERS = 1 << 22  # held at once
_SURE = 1e-6  # how well the affine pieces must agree with the network, relative


@dataclass(frozen=True)
class Chart:
    """Coordinates of a flat domain: x(t) = origin + Σ t_i axes_i.

    Args:
        origin: shape (*input).
        axes: shape (k, *input).
    """

    origin: Tensor
    axes: Tensor

    def __call__(self, t: Tensor) -> Tensor:
        """Points of the input, (..., *input), for coordinates (..., k)."""
        x: Tensor = self.origin + torch.tensordot(t, self.axes, dims=1)
        return x


def in_float64(model: Function) -> Function:
    """The network with its weights as they are, to be evaluated in float64.

    Raises:
        TypeError: it cannot be called.
        ValueError: dropout or batch norm in training mode.
    """
    if not isinstance(model, nn.Module):
        if not callable(model):
            raise TypeError(f"model: expected a network, got {type(model).__name__}")
        return model
    refuse_random(model)
    if all(p.dtype == torch.float64 for p in model.parameters() if p.is_floating_point()):
        return model
    return copy.deepcopy(model).double()


def walk(
    model: Function, start: list[CellT], chart: Chart, limit: int
) -> tuple[list[CellT], Tensor, Tensor]:
    """Cut cells at the kinks of one layer of activations after the other.

    Args:
        model: the network, in float64.
        start: disjoint cells.
        chart: of the domain.
        limit: most pieces before giving up.

    Returns:
        cells, the derivatives (n, out, k) of the output along the coordinates, and its values
        (n, out) at the centres.

    Raises:
        ValueError: more pieces than ``limit``; a network that is not piecewise affine.
    """
    cells, level = start, 0
    at_least("limit", limit, 1)
    while True:
        found: list[CellT] = []
        slopes: list[Tensor] = []
        values: list[Tensor] = []
        ended = True
        at, step = 0, 1  # the first cell alone tells how many may follow at once
        while at < len(cells):
            some = cells[at : at + step]
            n, v, kinked = _affine(model, some, chart, level)
            at, step = at + step, max(1, _NUMBERS // max(1, n[0].numel()))
            if kinked is None:
                slopes.append(n)
                values.append(v)
                continue
            ended = False
            scale = float(v.abs().max())
            for cell, normal, value in zip(some, n.numpy(), v.numpy(), strict=True):
                if isinstance(kinked, Largest):
                    found += _choose(cell, normal, value, kinked.windows.numpy(), scale)
                else:
                    found += _cut(cell, normal, value, kinked.knots, scale)
            if len(found) > limit:
                raise ValueError(f"limit: more than {limit} regions")
        if ended:
            out = torch.cat(slopes), torch.cat(values)
            _check(model, cells, chart, *out)
            return cells, *out
        cells, level = found, level + 1


def _affine(
    model: Function, cells: Sequence[Cell], chart: Chart, level: int
) -> tuple[Tensor, Tensor, Any]:
    """Derivatives and values, at the centres, of what comes after ``level`` activations."""
    centres = torch.from_numpy(np.stack([c.centre for c in cells]))
    k, size = centres.shape[1], cells[0].size
    steps = size * torch.eye(k + 1, k, dtype=torch.float64).roll(1, 0)
    u, kinked = follow(model, chart(centres.unsqueeze(1) + steps), level)
    if not bool(torch.isfinite(u).all()):
        raise ValueError("model: expected finite values, got NaN or infinity")
    v = u[:, 0]
    return (u[:, 1:] - v.unsqueeze(1)).mT / size, v, kinked


def _cut(
    cell: CellT, normal: Array, value: Array, knots: Sequence[float], scale: float
) -> list[CellT]:
    """Pieces of a cell between the hyperplanes normal · (t - centre) + value = knot."""
    length = np.linalg.norm(normal, axis=1)
    sure = length * cell.size > TOLERANCE * scale  # else constant on the cell, up to rounding
    unit = normal[sure] / length[sure, None]
    height = value[sure] / length[sure] - unit @ cell.centre
    rows = np.concatenate([unit] * len(knots)) if knots else unit[:0]
    offsets = np.concatenate([height - knot / length[sure] for knot in knots] or [height[:0]])
    return cell.cut(rows, offsets)


def _choose(
    cell: CellT, normal: Array, value: Array, windows: Indices, scale: float
) -> list[CellT]:
    """Pieces of a cell on each of which one entry of every window is the largest."""
    thin, corners = TOLERANCE * scale, cell.corners
    if corners is not None:  # most windows have one entry that is the largest everywhere
        u = np.pad(value + (corners - cell.centre) @ normal.T, [(0, 0), (0, 1)],
                   constant_values=-np.inf)[:, windows]  # fmt: skip
        windows = windows[~(u >= u.max(-1, keepdims=True) - thin).all(0).any(-1)]
    offset = value - normal @ cell.centre
    pieces = [cell]
    for window in windows:
        entries = window[window >= 0]
        n, b = normal[entries], offset[entries]
        pieces = [part for piece in pieces for part in _largest(piece, n, b, thin)]
    return sorted(pieces, key=lambda piece: float(piece.centre[0]))  # intervals stay in order


def _largest(cell: CellT, normals: Array, offsets: Array, thin: float) -> list[CellT]:
    """Pieces on which one of some affine functions is the largest; of equal ones the first."""
    found = []
    for i in range(len(normals)):
        n, b = normals[i] - normals, offsets[i] - offsets
        length = np.linalg.norm(n, axis=1)
        varies = length * cell.size > thin
        above = (n @ cell.centre + b)[~varies]
        before = np.flatnonzero(~varies) < i
        if bool((above < np.where(before, thin, -thin)).any()):
            continue
        n, b = n[varies] / length[varies, None], b[varies] / length[varies]
        part = cell.part(n, b) if len(n) else cell
        if part is not None:
            found.append(part)
    return found or [cell]


def _check(
    model: Function, cells: Sequence[Cell], chart: Chart, slopes: Tensor, values: Tensor
) -> None:
    """Compare the affine pieces with the network itself, at other points of their closures."""
    scale = float(values.abs().max()) + float(slopes.abs().max()) * cells[0].size
    for start in range(0, len(cells), 4096):
        some = cells[start : start + 4096]
        points = [c.witnesses() for c in some]
        owner = torch.arange(start, start + len(some)).repeat_interleave(
            torch.tensor([len(p) for p in points])
        )
        t = torch.from_numpy(np.concatenate(points))
        centres = torch.from_numpy(np.stack([c.centre for c in some]))[owner - start]
        claimed = values[owner] + torch.einsum("nok,nk->no", slopes[owner], t - centres)
        with torch.no_grad():
            true = model(chart(t)).reshape(len(t), -1)
        worst = float((claimed - true).abs().max())
        if not worst <= _SURE * scale:
            raise ValueError(
                "model: expected a network that is affine but for ReLU, leaky ReLU, PReLU, abs, "
                f"clamp and maxima, got one that differs by {worst:.2g}"
            )
