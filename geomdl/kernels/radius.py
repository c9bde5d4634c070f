"""All pairs of points within a radius, periodic images included, by a search over bins.

Time and memory are linear in points and pairs.
"""

from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from geomdl.kernels.compiled import Compiled
from geomdl.kernels.rows import integers
from geomdl.kernels.threads import share_rows

_SLACK = 1 + 1e-6  # bins are that much wider than the radius: rounding moves no pair two bins away
_TIE = 1 + 1e-12  # pairs at the radius itself count, whichever way they are rounded
_MOST_IMAGES = 1 << 20  # of one cell
_FARTHEST = 1 << 29  # cells, so that differences of two, and images, are int32


class Pairs(NamedTuple):
    """Pairs (source, target) sorted by target, then source, then image.

    Attributes:
        source: shape (pairs,), int32 where the number of pairs fits, else int64.
        target: of the same type, shape (pairs,).
        images: cells by which the source is moved, of the same type, shape (pairs, 3).
        in_ptr: pairs of target i are in_ptr[i], …, in_ptr[i + 1] - 1, int64, shape (points + 1,).
        out_ptr: as `in_ptr`, of sources in `out_perm`, int64, shape (points + 1,).
        out_perm: stable order of the pairs by source, of the type of `source`, shape (pairs,).
    """

    source: Tensor
    target: Tensor
    images: Tensor
    in_ptr: Tensor
    out_ptr: Tensor
    out_perm: Tensor


def radius_pairs(
    x: Tensor, system: Tensor, cell: Tensor, periodic: Tensor, radius: float, loop: bool = False
) -> Pairs:
    """Pairs of points of one system with |x[target] - x[source] - images @ cell| ≤ radius.

    *Exact* in float64, ties included: pairs that are 10⁻¹² of the radius beyond it count. The same
    for any number of threads. Points are sorted into bins at least as wide as the radius, so that
    each looks at its own bin and those beside it, of as many images as the radius reaches. No
    derivatives.

    Args:
        x: finite, float64, shape (points, 3).
        system: of each point, int64, in [0, systems), shape (points,), in any order.
        cell: rows span the space, float64, shape (systems, 3, 3); along axes that are not periodic,
            any directions will do, orthogonal to the periodic ones being fastest.
        periodic: bool, shape (systems, 3).
        radius: positive.
        loop: whether a point is a neighbour of itself (its images always are).

    Returns:
        The pairs. Nothing is checked but the numbers of images and of cells to the origin.

    Raises:
        ValueError: the radius reaches more than 2²⁰ images of a cell, or a point lies more than 2²⁹
            cells from the origin.

    Example:
        >>> x = torch.tensor([[0.0, 0, 0], [1, 0, 0]], dtype=torch.float64)
        >>> one, never = torch.zeros(2, dtype=torch.int64), torch.zeros(1, 3, dtype=torch.bool)
        >>> found = radius_pairs(x, one, torch.eye(3).double()[None], never, 1.5)
        >>> found.source.tolist(), found.target.tolist()
        ([1, 0], [0, 1])
    """
    wrapped, wrap, place, bins, reach = _bins(x, system, cell, periodic, radius)
    sizes = bins.prod(1)
    first = sizes.cumsum(0) - sizes
    key = first[system] + (place[:, 0] * bins[system, 1] + place[:, 1]) * bins[system, 2]
    key += place[:, 2]
    order, bin_ptr = np.empty(len(x), np.int64), np.zeros(int(sizes.sum()) + 1, np.int64)
    transpose(integers(key), bin_ptr, order)
    rows = torch.from_numpy(order)
    tables = (
        *(t[rows].numpy() for t in (wrapped, wrap, place, system)),
        order,
        bin_ptr,
        *(t.contiguous().numpy() for t in (first, bins, reach, periodic, cell)),
        np.array([(radius * _TIE) ** 2]),
        np.array([loop]),
    )
    ptr = np.zeros(len(x) + 1, np.int64)
    share_rows(search, range(len(x) + 1), 64 * len(x), *tables, ptr, *_room(0, 1, 3))
    np.cumsum(ptr, out=ptr)
    count = int(ptr[-1])
    targets, images = _room(count, 1, 3)
    share_rows(search, range(len(x) + 1), 64 * len(x), *tables, ptr, targets, images)

    in_ptr, out_ptr = (np.zeros(len(x) + 1, np.int64) for _ in range(2))
    source, target, moved, out_perm = _room(count, 1, 1, 3, 1)
    arrange(ptr, targets, images, in_ptr, source, target, moved)
    transpose(source, out_ptr, out_perm)
    found = (source, target, moved, in_ptr, out_ptr, out_perm)
    return Pairs(*(torch.from_numpy(array) for array in found))


def _room(count: int, *widths: int) -> "list[np.ndarray[Any, Any]]":
    """Arrays for so many rows of integers, int32 if row numbers fit."""
    dtype = np.int32 if count <= np.iinfo(np.int32).max else np.int64
    return [np.empty((count, width) if width > 1 else count, dtype) for width in widths]


def _bins(x: Tensor, system: Tensor, cell: Tensor, periodic: Tensor, radius: float) -> Any:
    """Points moved into their cells, by how many cells, their bins; bins and reach of the systems.

    Returns:
        (points, 3) each, float64, int64, int64; (systems, 3) each, int64.
    """
    across = torch.linalg.cross(cell.roll(-1, 1), cell.roll(-2, 1))
    inverse = (across / (cell[:, :1] * across[:, :1]).sum(2, keepdim=True)).mT
    heights = 1 / inverse.norm(dim=1)  # distance between opposite faces of the cell
    places = torch.einsum("ni,nij->nj", x, inverse[system])
    wrap = torch.where(periodic[system], places.floor(), 0)
    if bool((lost := (wrap.abs() > _FARTHEST).any(1)).any()):
        at = int(lost.nonzero()[0])
        raise ValueError(
            f"pos: expected atoms within {_FARTHEST} cells of the origin, got node {at} beyond"
        )
    wrapped = x - torch.einsum("ni,nij->nj", wrap, cell[system])
    places -= wrap
    index = system[:, None].expand(-1, 3)
    low, high = (
        torch.zeros_like(heights).scatter_reduce_(0, index, places, how, include_self=False)
        for how in ("amin", "amax")
    )
    low, high = low.where(~periodic, 0), high.where(~periodic, 1)
    width = radius * _SLACK
    bins = ((high - low) * heights / width).floor().clamp(1, 1 << 20).long()
    most = 32 * torch.bincount(system, minlength=len(cell)) + 512
    while bool((over := bins.prod(1) > most).any()):
        bins = torch.where(over[:, None], (bins + 1) // 2, bins)
    step = (high - low) / bins
    reach = (width / (step * heights).clamp(min=1e-300)).ceil()
    reach = torch.where(periodic, reach, reach.clamp(max=1).minimum(bins - 1))
    images = (2 * reach / bins + 1).prod(1)
    if bool((images > _MOST_IMAGES).any()):
        at = int(images.argmax())
        raise ValueError(
            f"cutoff: {radius:g} reaches {float(images[at]):.0f} images of the cell of system {at};"
            f" expected at most {_MOST_IMAGES}"
        )
    bin_of = ((places - low[system]) / step.clamp(min=1e-300)[system]).floor().long()
    return wrapped, wrap.long(), bin_of.clamp(min=0).minimum(bins[system] - 1), bins, reach.long()


@Compiled
def search(  # type: ignore[no-untyped-def]
    start, stop, x, wrap, place, system, order, bin_ptr, first, bins, reach, periodic, cell,
    square, loop, ptr, found, images,
):  # fmt: skip
    """Count neighbours of sorted points start, …, stop - 1 in ptr[order + 1], or write them.

    They are written, if `found` has room, from ptr[order] on, in bins of descending images, so that
    the images by which the point is moved, seen from one neighbour, ascend.
    """
    write = len(found) > 0
    for p in range(start, stop):
        s, me = system[p], order[p]
        at = ptr[me]
        count = 0
        for i in range(reach[s, 0], -reach[s, 0] - 1, -1):
            u = place[p, 0] + i
            a = u // bins[s, 0]
            if a != 0 and not periodic[s, 0]:
                continue
            u -= a * bins[s, 0]
            for j in range(reach[s, 1], -reach[s, 1] - 1, -1):
                v = place[p, 1] + j
                b = v // bins[s, 1]
                if b != 0 and not periodic[s, 1]:
                    continue
                v -= b * bins[s, 1]
                row = first[s] + (u * bins[s, 1] + v) * bins[s, 2]
                for k in range(reach[s, 2], -reach[s, 2] - 1, -1):
                    w = place[p, 2] + k
                    c = w // bins[s, 2]
                    if c != 0 and not periodic[s, 2]:
                        continue
                    w -= c * bins[s, 2]
                    far0 = a * cell[s, 0, 0] + b * cell[s, 1, 0] + c * cell[s, 2, 0]
                    far1 = a * cell[s, 0, 1] + b * cell[s, 1, 1] + c * cell[s, 2, 1]
                    far2 = a * cell[s, 0, 2] + b * cell[s, 1, 2] + c * cell[s, 2, 2]
                    for q in range(bin_ptr[row + w], bin_ptr[row + w + 1]):
                        d0 = (x[q, 0] - x[p, 0]) + far0
                        d1 = (x[q, 1] - x[p, 1]) + far1
                        d2 = (x[q, 2] - x[p, 2]) + far2
                        if d0 * d0 + d1 * d1 + d2 * d2 > square[0]:
                            continue
                        if p == q and a == 0 and b == 0 and c == 0 and not loop[0]:
                            continue
                        if write:
                            found[at] = order[q]
                            images[at, 0] = wrap[q, 0] - wrap[p, 0] - a
                            images[at, 1] = wrap[q, 1] - wrap[p, 1] - b
                            images[at, 2] = wrap[q, 2] - wrap[p, 2] - c
                            at += 1
                        count += 1
        if not write:
            ptr[me + 1] = count


@Compiled
def arrange(ptr, found, images, in_ptr, source, target, moved):  # type: ignore[no-untyped-def]
    """Pairs in rows of sources to rows of targets, stable; in_ptr comes as zeros."""
    for k in found:
        in_ptr[k + 1] += 1
    for k in range(1, len(in_ptr)):
        in_ptr[k] += in_ptr[k - 1]
    for i in range(len(ptr) - 1):
        for e in range(ptr[i], ptr[i + 1]):
            k = found[e]
            at = in_ptr[k]
            in_ptr[k] += 1
            source[at] = i
            target[at] = k
            for d in range(3):
                moved[at, d] = images[e, d]
    for k in range(len(in_ptr) - 1, 0, -1):
        in_ptr[k] = in_ptr[k - 1]
    in_ptr[0] = 0


@Compiled
def transpose(key, ptr, perm):  # type: ignore[no-untyped-def]
    """Counting sort, stable: positions of key k are perm[ptr[k]:ptr[k + 1]]; ptr comes as zeros."""
    for k in key:
        ptr[k + 1] += 1
    for k in range(1, len(ptr)):
        ptr[k] += ptr[k - 1]
    for i in range(len(key)):
        perm[ptr[key[i]]] = i
        ptr[key[i]] += 1
    for k in range(len(ptr) - 1, 0, -1):
        ptr[k] = ptr[k - 1]
    ptr[0] = 0
