"""Compiled loops of `geomdl.expressivity.partitions`: split, mark, certify."""

from types import FunctionType
from typing import TYPE_CHECKING, Any

import numpy as np

from geomdl.kernels.compiled import OPTIONS, Compiled

if TYPE_CHECKING:  # what `_names` adds
    refined = marked = certified = np.vectorize(print)


def _refined(out_ptr, targets, order, place, cell, length, queue):  # type: ignore[no-untyped-def]
    """Split cells by counts of edges from each cell in the queue until the queue is empty."""
    n = len(order)
    relations = out_ptr.shape[0]
    waiting = np.zeros(n, np.bool_)
    line = np.empty(n, np.int64)  # a ring: no cell waits twice
    head, waits = 0, len(queue)
    for k in range(len(queue)):
        line[k] = queue[k]
        waiting[queue[k]] = True
    cells = 0
    for k in range(n):
        cells += length[k] > 0
    count = np.zeros(n, np.int64)
    hit = np.empty(n, np.int64)  # nodes with a count
    spare = np.empty(n, np.int64)
    splitter = np.empty(n, np.int64)
    inside = np.zeros(n, np.int64)  # of each cell, how many nodes with a count
    touched = np.empty(n, np.int64)  # cells with such nodes
    while waits and cells < n:
        at = line[head]
        head = (head + 1) % n
        waits -= 1
        waiting[at] = False
        size = length[at]
        splitter[:size] = order[at : at + size]
        for r in range(relations):
            hits = 0
            for k in range(size):
                v = splitter[k]
                for e in range(out_ptr[r, v], out_ptr[r, v + 1]):
                    t = targets[e]
                    if count[t] == 0:
                        hit[hits] = t
                        hits += 1
                    count[t] += 1
            cut = 0
            for k in range(hits):  # move what was hit to the end of its cell
                t = hit[k]
                start = cell[t]
                if length[start] == 1:
                    continue
                if inside[start] == 0:
                    touched[cut] = start
                    cut += 1
                inside[start] += 1
                end = start + length[start] - inside[start]
                other = order[end]
                there = place[t]
                order[end], order[there] = t, other
                place[t], place[other] = end, there
            for k in range(1, cut):
                start = touched[k]
                j = k - 1
                while j >= 0 and touched[j] > start:
                    touched[j + 1] = touched[j]
                    j -= 1
                touched[j + 1] = start
            for k in range(cut):
                start = touched[k]
                stop = start + length[start]
                low = stop - inside[start]
                inside[start] = 0
                least, most = count[order[low]], count[order[low]]
                for j in range(low, stop):
                    least, most = min(least, count[order[j]]), max(most, count[order[j]])
                if low == start and least == most:
                    continue
                if least < most:  # sort by counts, by counting
                    bucket = np.zeros(most - least + 2, np.int64)
                    for j in range(low, stop):
                        bucket[count[order[j]] - least + 1] += 1
                        spare[j] = order[j]
                    for j in range(most - least):
                        bucket[j + 1] += bucket[j]
                    for j in range(low, stop):
                        v = spare[j]
                        to = low + bucket[count[v] - least]
                        bucket[count[v] - least] += 1
                        order[to], place[v] = v, to
                # cut at `low` and wherever the count changes
                old = waiting[start]
                longest, begin = start, start
                length[start] = stop - start
                for j in range(start + 1, stop + 1):
                    if j in (stop, low) or (j > low and count[order[j]] != count[order[j - 1]]):
                        length[begin] = j - begin
                        for i in range(begin, j):
                            cell[order[i]] = begin
                        if begin != start:
                            cells += 1
                        if length[begin] > length[longest]:
                            longest = begin
                        begin = j
                begin = start
                while begin < stop:
                    if not waiting[begin] and (old or begin != longest):
                        waiting[begin] = True
                        line[(head + waits) % n] = begin
                        waits += 1
                    begin += length[begin]
            for k in range(hits):
                count[hit[k]] = 0
            if cells == n:
                break
    return cells


def _marked(out_ptr, targets, order, place, cell, length, node):  # type: ignore[no-untyped-def]
    """Make the node a cell of its own at the front of its cell, and refine."""
    start = cell[node]
    size = length[start]
    if size == 1:
        return
    other, there = order[start], place[node]
    order[start], order[there] = node, other
    place[node], place[other] = start, there
    length[start] = 1
    length[start + 1] = size - 1
    for k in range(start + 1, start + size):
        cell[order[k]] = start + 1
    queue = np.empty(1, np.int64)
    queue[0] = start
    refined(out_ptr, targets, order, place, cell, length, queue)


def _certified(  # type: ignore[no-untyped-def]
    in_ptr, sources, colors, node_color, order, place, cell, length, found
):
    """Per cell: where it begins, its colour, degree, and the sorted cells of what enters a node."""
    n = len(order)
    pair = np.empty(len(sources), np.int64)
    at, start = 0, 0
    while start < n:
        v = order[start]
        low, high = in_ptr[v], in_ptr[v + 1]
        found[at], found[at + 1], found[at + 2] = start + 1, node_color[v], high - low
        at += 3
        for e in range(low, high):
            pair[e] = colors[e] * n + cell[sources[e]]
        gap = 1
        while 3 * gap < high - low:
            gap = 3 * gap + 1
        while gap:  # Shell's sort
            for e in range(low + gap, high):
                key = pair[e]
                j = e - gap
                while j >= low and pair[j] > key:
                    pair[j + gap] = pair[j]
                    j -= gap
                pair[j + gap] = key
            gap //= 3
        for e in range(low, high):
            found[at], found[at + 1] = pair[e] // n, pair[e] % n
            at += 2
        start += length[start]


def _processed(  # type: ignore[no-untyped-def]
    out_ptr, targets, in_ptr, sources, colors, node_color, order, place, cell, length,
    queue, nodes, found
):  # fmt: skip
    """Refine by the queue; then, from there, certificates with each of the nodes marked (-1: none).

    One function, so that the loops within are compiled once.
    """
    refined(out_ptr, targets, order, place, cell, length, queue)
    order_, place_ = np.empty_like(order), np.empty_like(order)
    cell_, length_ = np.empty_like(order), np.empty_like(order)
    for k in range(len(nodes)):
        order_[:], place_[:], cell_[:], length_[:] = order, place, cell, length
        if nodes[k] >= 0:
            marked(out_ptr, targets, order_, place_, cell_, length_, nodes[k])
        certified(in_ptr, sources, colors, node_color, order_, place_, cell_, length_, found[k])


def _names() -> dict[str, Any]:
    """What the last of the loops calls."""
    import numba

    found: dict[str, Any] = {}
    for name, body in (("refined", _refined), ("marked", _marked), ("certified", _certified)):
        code: Any = body
        whole = FunctionType(code.__code__, code.__globals__ | found, code.__name__)
        found[name] = numba.njit(**OPTIONS)(whole)
    return found


process = Compiled(_processed, _names)
