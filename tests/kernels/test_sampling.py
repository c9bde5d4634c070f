"""Draws without replacement: which sets, how often, and that nothing else changes them."""

from itertools import combinations, pairwise

import numpy as np
import pytest

from geomdl.kernels import sampling, threads
from geomdl.kernels.sampling import mixed, number, sample_rows


def ptr_of(*degrees: int) -> np.ndarray:
    return np.cumsum([0, *degrees])


def drawn(ptr, rows, most, key):
    bounds, found = sample_rows(ptr, np.asarray(rows), most, key)
    return [found[a:b].tolist() for a, b in pairwise(bounds)]


def python(start, stop, *args):
    """The loop as Python runs it."""
    with np.errstate(over="ignore"):
        return sampling.draw.body(start, stop, *args)


@pytest.mark.parametrize("most", [0, 1, 2, 5, 9, 40, -1])
def test_sizes_and_ranges(most):
    degrees = [0, 1, 3, 40, 7, 0, 300]
    ptr = ptr_of(*degrees)
    for kind in (np.int32, np.int64):
        found = drawn(ptr.astype(kind), range(7), most, 3)
        for row, entries in enumerate(found):
            assert len(entries) == (degrees[row] if most < 0 else min(most, degrees[row]))
            assert entries == sorted(set(entries))
            assert all(ptr[row] <= e < ptr[row + 1] for e in entries)


def test_compiled_and_python_agree(monkeypatch):
    ptr = ptr_of(*range(60))
    for most in (1, 3, 8, 30):
        with monkeypatch.context() as patch:
            patch.setattr(sampling, "share_rows", lambda body, p, w, *a: python(0, len(p) - 1, *a))
            expected = drawn(ptr, range(60), most, 12345)
        assert drawn(ptr, range(60), most, 12345) == expected


def test_rows_do_not_depend_on_each_other_nor_on_threads():
    ptr = ptr_of(*[20] * 5000)
    rows = np.random.default_rng(0).permutation(5000)
    whole = dict(zip(rows.tolist(), drawn(ptr, rows, 4, 7), strict=True))
    assert drawn(ptr, rows[:50], 4, 7) == [whole[r] for r in rows[:50].tolist()]
    with threads.always(2):
        assert drawn(ptr, rows, 4, 7) == list(whole.values())
    other = drawn(ptr, rows, 4, 8)
    same = np.mean([a == b for a, b in zip(whole.values(), other, strict=True)])
    assert same < 0.01  # by chance, one in 4845


def unfairness(sets, degree, most):
    """Squared differences of how often each set came, in units of chance; about 1 a set."""
    every = list(combinations(range(degree), most))
    counts = np.array([sets.count(one) for one in every])
    assert counts.sum() == len(sets)
    expected = len(sets) / len(every)
    return float(((counts - expected) ** 2 / expected).sum()), len(every) - 1


@pytest.mark.parametrize(("degree", "most"), [(6, 2), (20, 1), (6, 4), (5, 3), (12, 2)])
def test_all_sets_are_as_likely(degree, most):
    count = 20_000
    ptr = ptr_of(*[degree] * count)
    found = drawn(ptr, range(count), most, 1)
    sets = [tuple(e - degree * r for e in entries) for r, entries in enumerate(found)]
    chi2, freedom = unfairness(sets, degree, most)
    limit = freedom + 5 * (2 * freedom) ** 0.5
    assert chi2 < limit
    worse = [s if s[0] else tuple(range(1, most + 1)) for s in sets[: count // 4]]
    biased, _ = unfairness(worse + sets[count // 4 :], degree, most)
    assert biased > limit  # the test sees that a quarter of the draws shun the first entry
    keys = [tuple(drawn(ptr_of(degree), [0], most, mixed(k))[0]) for k in range(4000)]
    chi2, freedom = unfairness(keys, degree, most)
    assert chi2 < freedom + 5 * (2 * freedom) ** 0.5  # and likewise over the keys


def test_neighbouring_keys_and_rows_are_independent():
    """Choices of one in two by consecutive rows and keys: no correlation."""
    count = 4000
    ptr = ptr_of(*[2] * count)
    table = np.array([[e[0] % 2 for e in drawn(ptr, range(count), 1, mixed(k))] for k in range(4)])
    signs = 2.0 * table - 1
    for a, b in ((signs[0], signs[1]), (signs[0][1:], signs[0][:-1]), (signs[2], signs[3])):
        assert abs((a * b).mean()) < 5 / count**0.5


def test_splitmix_is_the_published_one():
    """First outputs of the reference implementation (Vigna) for the seed 1234567."""
    state, found = 1234567, []
    for _ in range(3):
        found.append(sampling._splitmix(state))
        state = (state + 0x9E3779B97F4A7C15) % 2**64
    assert found == [6457827717110365317, 3203168211198807973, 9817491932198370423]


def test_mixed_tells_orders_and_lengths_apart():
    keys = {mixed(*parts) for parts in ((), (1,), (0, 1), (1, 0), (0, 0), (1, 1), (0, 0, 1))}
    assert len(keys) == 7


@pytest.mark.parametrize("kind", [np.int32, np.int64])
def test_numbers_come_in_the_order_met(kind):
    numbers, found = np.array([-1, 0, -1, -1]), np.array([1, 9, 9, 9])
    assert number(np.array([3, 1, 3, 0], kind), numbers, found, 1) == 3
    assert numbers.tolist() == [2, 0, -1, 1] and found.tolist()[:3] == [1, 3, 0]
    assert number(np.array([0, 3], kind), numbers, found, 3) == 3
