"""Compiled loops of `geomdl.kernels.interaction`: its form and three derivatives over edges.

On an edge with harmonics s, a path is a small matrix M = Σ_j c_j s_j between components, the same
for all channels, so that the work is M times rows of features, in vectors over channels. Matrices
of `LANES` edges are made at once. The innermost loops are vectors (`interaction_vectors`).

M is dense, zeros among its entries: a NaN in a component of a source's feature reaches all that its
paths make of it, 0 · NaN, where the reference leaves some alone; but in the same channel, and only
at the targets of that source's edges. Edges keep to their lanes: no NaN passes between them.
"""

from functools import partial
from types import FunctionType
from typing import TYPE_CHECKING, Any

import numpy as np

from geomdl.kernels import interaction_vectors
from geomdl.kernels.compiled import OPTIONS, Compiled
from geomdl.kernels.interaction_vectors import LANES, WIDTH, intrinsics

if TYPE_CHECKING:  # what `_names` adds
    value = tangent = gradient = second = filled = contracted = np.vectorize(print)
    axpy = clear = total = np.vectorize(print)


def _filled(s, perm, first, last, terms, values, columns, matrices):  # type: ignore[no-untyped-def]
    """Matrices (entries, LANES) of the edges perm[first], … before last, LANES at most."""
    for lane in range(LANES):
        edge = perm[max(first, min(first + lane, last - 1))]
        for j in range(columns.shape[0]):
            columns[j, lane] = s[edge, j]
    for entry in range(matrices.shape[0]):
        for lane in range(LANES):
            matrices[entry, lane] = 0
    for q in range(terms.shape[0]):
        j, entry, c = terms[q, 1], terms[q, 4], values[q]
        for lane in range(LANES):
            matrices[entry, lane] += c * columns[j, lane]


def _names() -> dict[str, Any]:
    """What the loops below call."""
    import numba

    found = intrinsics()
    found["filled"] = numba.njit(**OPTIONS)(_filled)
    body: Any = _contracted
    whole = FunctionType(body.__code__, body.__globals__ | found, body.__name__)
    found["contracted"] = numba.njit(**OPTIONS)(whole)
    return found


def _contracted(gm, terms, values, sums, gs, row):  # type: ignore[no-untyped-def]
    """gs_j = Σ c gM over terms and lanes; gm becomes zero."""
    lanes = sums.shape[1]
    for j in range(sums.shape[0]):
        clear((sums,), 1, (j * lanes,))
    for q in range(terms.shape[0]):
        axpy((sums, gm, values), 1, (terms[q, 1] * lanes, terms[q, 4] * lanes, q))
    for j in range(sums.shape[0]):
        total((gs, sums), 1, (row * sums.shape[0] + j, j * lanes))
    for entry in range(gm.shape[0]):
        clear((gm,), 1, (entry * lanes,))


_compiled = partial(Compiled, names=_names, source=interaction_vectors.__file__)


@_compiled
def value_rows(  # type: ignore[no-untyped-def]
    start, stop, ptr, index, perm, x, s, w, terms, values, blocks, entries, y
):
    """y[n] = Σ_e M(s_e) x[index_e] w_e over edges into start ≤ n < stop."""
    components, channels, paths = x.shape[1], x.shape[2], blocks.shape[0]
    columns = np.empty((s.shape[1], LANES), x.dtype)
    matrices = np.empty((entries, LANES), x.dtype)
    last = min(ptr[stop], perm.shape[0]) if stop > start else 0  # its row is checked later
    ready = ptr[start] if stop > start else 0
    for n in range(start, stop):
        if ptr[n] < 0 or ptr[n + 1] < ptr[n] or ptr[n + 1] > perm.shape[0]:
            return n
        y[n] = 0
        for e in range(ptr[n], ptr[n + 1]):
            if e == ready:
                filled(s, perm, e, last, terms, values, columns, matrices)
                ready += LANES
            lane, edge, m = e - ready + LANES, perm[e], index[e]
            if m < 0 or m >= x.shape[0]:
                return y.shape[0] + e
            for p in range(paths):
                numbers = (
                    blocks[p, 5] * LANES + lane,
                    (m * components + blocks[p, 0]) * channels,
                    (edge * paths + p) * channels,
                    (n * y.shape[1] + blocks[p, 2]) * channels,
                    channels,
                    blocks[p, 4] * channels,
                    blocks[p, 3],
                )
                value((matrices, x, w, y), blocks[p, 1], numbers)
    return -1


@_compiled
def tangent_rows(  # type: ignore[no-untyped-def]
    start, stop, ptr, index, perm, x, s, w, hx, hs, hw, terms, values, blocks, entries, y
):
    """Derivative of `value_rows` in the direction (hx, hs, hw)."""
    components, channels, paths = x.shape[1], x.shape[2], blocks.shape[0]
    columns = np.empty((s.shape[1], LANES), x.dtype)
    matrices = np.empty((entries, LANES), x.dtype)
    slopes = np.empty((entries, LANES), x.dtype)
    last = min(ptr[stop], perm.shape[0]) if stop > start else 0  # its row is checked later
    ready = ptr[start] if stop > start else 0
    for n in range(start, stop):
        if ptr[n] < 0 or ptr[n + 1] < ptr[n] or ptr[n + 1] > perm.shape[0]:
            return n
        y[n] = 0
        for e in range(ptr[n], ptr[n + 1]):
            if e == ready:
                filled(s, perm, e, last, terms, values, columns, matrices)
                filled(hs, perm, e, last, terms, values, columns, slopes)
                ready += LANES
            lane, edge, m = e - ready + LANES, perm[e], index[e]
            if m < 0 or m >= x.shape[0]:
                return y.shape[0] + e
            for p in range(paths):
                numbers = (
                    blocks[p, 5] * LANES + lane,
                    (m * components + blocks[p, 0]) * channels,
                    (edge * paths + p) * channels,
                    (n * y.shape[1] + blocks[p, 2]) * channels,
                    channels,
                    blocks[p, 4] * channels,
                    blocks[p, 3],
                )
                tangent((matrices, x, w, slopes, hx, hw, y), blocks[p, 1], numbers)
    return -1


@_compiled
def gradient_rows(  # type: ignore[no-untyped-def]
    start, stop, ptr, index, perm, x, s, w, g, terms, values, blocks, entries, gx, gs, gw
):
    """Gradients of Σ g y over edges out of start ≤ n < stop, to targets index_e."""
    components, channels, paths = x.shape[1], x.shape[2], blocks.shape[0]
    columns = np.empty((s.shape[1], LANES), x.dtype)
    matrices = np.empty((entries, LANES), x.dtype)
    lanes = WIDTH // x.itemsize
    gm = np.zeros((entries, lanes), x.dtype)
    sums = np.empty((s.shape[1], lanes), x.dtype)
    last = min(ptr[stop], perm.shape[0]) if stop > start else 0  # its row is checked later
    ready = ptr[start] if stop > start else 0
    for n in range(start, stop):
        if ptr[n] < 0 or ptr[n + 1] < ptr[n] or ptr[n + 1] > perm.shape[0]:
            return n
        gx[n] = 0
        for e in range(ptr[n], ptr[n + 1]):
            if e == ready:
                filled(s, perm, e, last, terms, values, columns, matrices)
                ready += LANES
            lane, edge, m = e - ready + LANES, perm[e], index[e]
            following = perm[max(e, min(e + 1, last - 1))]
            if m < 0 or m >= g.shape[0]:
                return x.shape[0] + e
            for p in range(paths):
                numbers = (
                    blocks[p, 5] * LANES + lane,
                    (n * components + blocks[p, 0]) * channels,
                    (edge * paths + p) * channels,
                    (m * g.shape[1] + blocks[p, 2]) * channels,
                    channels,
                    blocks[p, 4] * channels,
                    blocks[p, 3],
                    blocks[p, 5] * lanes,
                    (following * paths + p) * channels,
                )
                gradient((matrices, x, w, g, gx, gw, gm), blocks[p, 1], numbers)
            contracted(gm, terms, values, sums, gs, edge)
    return -1


@_compiled
def second_rows(  # type: ignore[no-untyped-def]
    start,
    stop,
    ptr,
    index,
    perm,
    x,
    s,
    w,
    g,
    hx,
    hs,
    hw,
    terms,
    values,
    blocks,
    entries,
    gx,
    gs,
    gw,
):
    """Gradients in x, s, w of Σ g (tangent of y) over edges out of start ≤ n < stop."""
    components, channels, paths = x.shape[1], x.shape[2], blocks.shape[0]
    columns = np.empty((s.shape[1], LANES), x.dtype)
    matrices = np.empty((entries, LANES), x.dtype)
    slopes = np.empty((entries, LANES), x.dtype)
    lanes = WIDTH // x.itemsize
    gm = np.zeros((entries, lanes), x.dtype)
    sums = np.empty((s.shape[1], lanes), x.dtype)
    last = min(ptr[stop], perm.shape[0]) if stop > start else 0  # its row is checked later
    ready = ptr[start] if stop > start else 0
    for n in range(start, stop):
        if ptr[n] < 0 or ptr[n + 1] < ptr[n] or ptr[n + 1] > perm.shape[0]:
            return n
        gx[n] = 0
        for e in range(ptr[n], ptr[n + 1]):
            if e == ready:
                filled(s, perm, e, last, terms, values, columns, matrices)
                filled(hs, perm, e, last, terms, values, columns, slopes)
                ready += LANES
            lane, edge, m = e - ready + LANES, perm[e], index[e]
            following = perm[max(e, min(e + 1, last - 1))]
            if m < 0 or m >= g.shape[0]:
                return x.shape[0] + e
            for p in range(paths):
                numbers = (
                    blocks[p, 5] * LANES + lane,
                    (n * components + blocks[p, 0]) * channels,
                    (edge * paths + p) * channels,
                    (m * g.shape[1] + blocks[p, 2]) * channels,
                    channels,
                    blocks[p, 4] * channels,
                    blocks[p, 3],
                    blocks[p, 5] * lanes,
                    (following * paths + p) * channels,
                )
                second((matrices, x, w, slopes, hx, hw, g, gx, gw, gm), blocks[p, 1], numbers)
            contracted(gm, terms, values, sums, gs, edge)
    return -1
