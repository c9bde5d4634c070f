"""Number the different ones of many multisets of integers, exactly and in linear time."""

import numpy as np
from numpy.typing import NDArray

from geomdl.expressivity.layout import Integers
from geomdl.kernels.compiled import Compiled


def number_multisets(
    first: Integers,
    ptr: Integers,
    index: Integers,
    values: Integers,
    extra: Integers,
    alone: NDArray[np.bool_] | None = None,
) -> tuple[Integers, int]:
    """Equal numbers to equal rows (first[i], {{values[index[k]] of extra[k]}}_k).

    Row i has the entries k = ptr[i], …, ptr[i + 1] - 1. Numbers count up in the order in which
    rows occur first. *Exact*: entries are sorted and put into a table; rows that fall on one place
    of it are compared entry by entry, so that a collision costs time and nothing else.

    Args:
        first: shape (rows,), any integers.
        ptr: shape (rows + 1,).
        index: shape (entries,).
        values: at least 0, shape (n,).
        extra: at least 0, shape (entries,), or of length 0 for none.
        alone: rows whose `first` no other row has, shape (rows,): their entries are not looked at.

    Returns:
        The numbers, shape (rows,), and how many there are.

    Raises:
        OverflowError: (largest value + 1) (largest extra + 1) does not fit in 63 bits.
    """
    size = int(values.max(initial=0)) + 1
    most = size * (int(extra.max(initial=0)) + 1)
    if most >= 1 << 63:
        raise OverflowError(f"edge_color: expected fewer colours, got {most} pairs of colours")
    rows = len(first)
    keys = np.empty(len(index), np.int64)
    table = np.full(1 << max(2 * rows, 2).bit_length(), -1, np.int64)
    numbers = np.empty(rows, np.int64)
    alone = np.zeros(rows, np.bool_) if alone is None else alone
    count = _number(first, ptr, index, values, extra, alone, size, keys, table, numbers)
    return numbers, int(count)


@Compiled
def _number(  # type: ignore[no-untyped-def]
    first, ptr, index, values, extra, alone, size, keys, table, numbers
):
    """Fill `numbers`; the table holds, at each place, the first row that fell there."""
    mask = len(table) - 1
    count = 0
    for i in range(len(first)):
        if alone[i]:
            numbers[i] = count
            count += 1
            continue
        low, high = ptr[i], ptr[i + 1]
        for k in range(low, high):
            key = values[index[k]]
            if len(extra):
                key += size * extra[k]
            keys[k] = key
        gap = 1
        while 3 * gap < high - low:
            gap = 3 * gap + 1
        while gap:  # Shell's sort; of few entries, insertion
            for k in range(low + gap, high):
                key = keys[k]
                j = k - gap
                while j >= low and keys[j] > key:
                    keys[j + gap] = keys[j]
                    j -= gap
                keys[j + gap] = key
            gap //= 3
        mixed = first[i] * 0x9E3779B97F4A7C1 + (high - low)
        for k in range(low, high):
            mixed = (mixed ^ (mixed >> 29)) * 0x3F58476D1CE4E5B9 + keys[k]
        mixed = (mixed ^ (mixed >> 31)) * 0x14D049BB133111EB
        place = (mixed ^ (mixed >> 29)) & mask
        while True:
            other = table[place]
            if other < 0:
                table[place] = i
                numbers[i] = count
                count += 1
                break
            start = ptr[other]
            same = first[other] == first[i] and ptr[other + 1] - start == high - low
            k = 0
            while same and k < high - low:
                same = keys[start + k] == keys[low + k]
                k += 1
            if same:
                numbers[i] = numbers[other]
                break
            place = (place + 1) & mask
    return count
