"""Neighbours drawn without replacement, the same whatever else is drawn at the same time.

Each row draws from a counter of its own, hashed from its key (splitmix64), so that the choice for a
node depends on neither the other nodes, nor their order, nor the number of threads.

Source: Steele, Lea & Flood 2014, doi:10.1145/2660193.2660195 (splitmix64); Bentley & Floyd 1987,
doi:10.1145/30401.315746 (Floyd's sample); Knuth, The Art of Computer Programming 2, 3.4.2,
algorithm S.
"""

from typing import Any

import numpy as np

from geomdl.kernels.compiled import Compiled
from geomdl.kernels.threads import share_rows

Integers = np.ndarray[Any, np.dtype[Any]]
_GOLDEN = 0x9E3779B97F4A7C15
_FIRST, _SECOND = 0xBF58476D1CE4E5B9, 0x94D049BB133111EB
_MASK = (1 << 64) - 1


def mixed(*parts: int) -> int:
    """One key of 64 bits out of several numbers, whose order counts.

    Example:
        >>> mixed(0, 1) != mixed(1, 0), mixed(3) < 1 << 64
        (True, True)
    """
    key = 0
    for part in parts:
        key = _splitmix((key ^ part) & _MASK)
    return key


def sample_rows(ptr: Integers, rows: Integers, most: int, key: int) -> tuple[Integers, Integers]:
    """Draw up to `most` entries of each row without replacement, all sets being as likely.

    *Exact* up to the 2⁻⁵³ with which a number below n is drawn. Row r draws the same under the same
    key, whatever the other rows.

    Args:
        ptr: entries of row r are ptr[r], …, ptr[r + 1] - 1; int32 or int64, contiguous, unchecked.
        rows: numbers of rows, int64, contiguous, unchecked.
        most: at least 0; -1 takes every entry.
        key: 64 bits.

    Returns:
        Bounds of shape (len(rows) + 1,) and the entries, ascending within each row; int64.

    Example:
        >>> bounds, found = sample_rows(np.array([0, 3, 4]), np.array([1, 0]), 2, key=0)
        >>> bounds.tolist(), found[0].item(), len(set(found[1:]) & {0, 1, 2})
        ([0, 1, 3], 3, 2)
    """
    counts = ptr[rows + 1].astype(np.int64) - ptr[rows]
    if most >= 0:
        counts = np.minimum(counts, most)
    bounds = np.zeros(len(rows) + 1, np.int64)
    np.cumsum(counts, out=bounds[1:])
    found = np.empty(int(bounds[-1]), np.int64)
    keys = np.array([key], np.uint64)
    share_rows(draw, bounds, 8 * len(found), bounds, ptr, rows, keys, found)
    return bounds, found


@Compiled
def draw(start, stop, bounds, ptr, rows, keys, found):  # type: ignore[no-untyped-def]
    """Entries of rows start ≤ i < stop, as many as bounds leave room for, ascending."""
    golden = np.uint64(_GOLDEN)
    first, second = np.uint64(_FIRST), np.uint64(_SECOND)
    a, b, c, low = np.uint64(30), np.uint64(27), np.uint64(31), np.uint64(11)
    scale = 1.0 / 9007199254740992.0  # 2⁻⁵³
    for i in range(start, stop):
        begin = np.int64(ptr[rows[i]])
        degree = np.int64(ptr[rows[i] + 1]) - begin
        at = bounds[i]
        count = bounds[i + 1] - at
        if count == degree:
            for k in range(count):
                found[at + k] = begin + k
            continue
        z = keys[0] ^ np.uint64(rows[i])
        z = (z ^ (z >> a)) * first
        z = (z ^ (z >> b)) * second
        state = z ^ (z >> c)
        if count * count <= 4 * degree:  # Floyd: a draw for each that is taken
            for k in range(count):
                last = degree - count + k
                state += golden
                z = (state ^ (state >> a)) * first
                z = (z ^ (z >> b)) * second
                z ^= z >> c
                chosen = np.int64(np.float64(z >> low) * scale * (last + 1)) + begin
                p = at + k  # where it belongs among those that are there, ascending
                while p > at and found[p - 1] > chosen:
                    p -= 1
                if p > at and found[p - 1] == chosen:  # taken already: the last, greater than all
                    found[at + k] = last + begin
                    continue
                for q in range(at + k, p, -1):
                    found[q] = found[q - 1]
                found[p] = chosen
        else:  # Knuth's S: a draw for each entry
            taken = 0
            for k in range(degree):
                state += golden
                z = (state ^ (state >> a)) * first
                z = (z ^ (z >> b)) * second
                z ^= z >> c
                if np.float64(z >> low) * scale * (degree - k) < count - taken:
                    found[at + taken] = begin + k
                    taken += 1
                    if taken == count:
                        break


def number(nodes: Integers, numbers: Integers, found: Integers, count: int) -> int:
    """Give each node without a number the next one, in the order in which they come.

    Args:
        nodes: node numbers, int32 or int64.
        numbers: number of each node or -1, int64; written.
        found: node of each number, int64, with room for all; written.
        count: how many have a number.

    Returns:
        How many have one now.
    """
    return int(count_off(nodes, numbers, found, np.array([count])))


@Compiled
def count_off(nodes, numbers, found, counts):  # type: ignore[no-untyped-def]
    """Loop of `number`."""
    count = counts[0]
    for node in nodes:
        if numbers[node] < 0:
            numbers[node] = count
            found[count] = node
            count += 1
    return count


def _splitmix(z: int) -> int:
    """The function that `draw` hashes with, in Python's integers."""
    z = (z + _GOLDEN) & _MASK
    z = ((z ^ z >> 30) * _FIRST) & _MASK
    z = ((z ^ z >> 27) * _SECOND) & _MASK
    return z ^ z >> 31
