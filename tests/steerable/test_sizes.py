"""Which sizes keep rotations exact, and what the refusal advises."""

import re

import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st

from geomdl.steerable.sizes import check_exact, excess, pool_window

SMALL = st.integers(1, 4)


@given(n=st.integers(8, 40), k=st.integers(1, 5), s=SMALL, p=st.integers(0, 2), d=st.integers(1, 2))
def test_no_excess_means_that_windows_are_centred(n: int, k: int, s: int, p: int, d: int) -> None:
    """Against the positions themselves: taps of all windows, mirrored, are those of windows."""
    length = n + 2 * p
    assume(length > d * (k - 1))
    starts = range(0, length - d * (k - 1), s)
    windows = {tuple(start + d * i for i in range(k)) for start in starts}
    mirrored = {tuple(sorted(length - 1 - i for i in window)) for window in windows}
    assert (excess(n, k, s, p, d) == 0) == (windows == mirrored)


@given(n=st.integers(8, 40), k=st.integers(1, 5), s=SMALL, p=st.integers(0, 2), d=st.integers(1, 2))
def test_every_remedy_in_the_message_works(n: int, k: int, s: int, p: int, d: int) -> None:
    assume(n + 2 * p > d * (k - 1))
    try:
        check_exact("D4", [n, n], k, s, p, d)
    except ValueError as error:
        message = str(error)
        remedies = message.split("; use ")[1]
        for padding in re.findall(r"padding=(\d+)", remedies):
            check_exact("D4", [n], k, s, int(padding), d)
        for kernel_size in re.findall(r"kernel_size=(\d+)", remedies):
            check_exact("D4", [n], int(kernel_size), s, p, d)
        for size in re.findall(r"\d+", remedies.split("size ")[-1]):
            check_exact("D4", [int(size)], k, s, p, d)
        assert "\n" not in message
    else:
        assert excess(n, k, s, p, d) == 0


def test_message_names_everything() -> None:
    with pytest.raises(ValueError, match="breaks D4") as info:
        check_exact("D4", (29, 28), 3, 2, 1)
    assert str(info.value) == (
        "x: size 28 breaks D4 with kernel_size=3, stride=2, padding=1, dilation=1: "
        "(n + 2p - d(k - 1) - 1) mod s should be 0, got 1; "
        "use kernel_size=4 or size 27 or 29"
    )


def test_windows_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="5 pixels needs size 3 or more with padding=1"):
        check_exact("D4", (2, 2), 3, 1, 1, 2)


@given(n=st.integers(1, 60), s=st.integers(1, 5))
def test_pool_windows_are_centred_and_cover_everything(n: int, s: int) -> None:
    if n < s:
        with pytest.raises(ValueError, match=f"x: size should be at least stride={s}, got {n}"):
            pool_window(n, s)
        return
    k = pool_window(n, s)
    assert s <= k < 2 * s
    assert excess(n, k, s) == 0
    out = torch.nn.functional.max_pool1d(torch.zeros(1, 1, n), k, s).shape[-1]
    assert out == n // s
    assert (out - 1) * s + k == n
