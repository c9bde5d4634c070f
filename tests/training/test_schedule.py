import math
from itertools import pairwise

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from geomdl.training.schedule import warmup_cosine, warmup_steps


@given(total=st.integers(1, 500), share=st.floats(0, 0.99))
def test_rises_then_falls_and_never_vanishes(total, share):
    warmup = warmup_steps(share, total)
    assert 0 <= warmup < total
    factors = [warmup_cosine(t, total, warmup) for t in range(total)]
    assert all(0 < f <= 1 for f in factors)
    assert factors[warmup] == 1.0
    assert all(a < b for a, b in pairwise(factors[: warmup + 1]))
    assert all(a > b for a, b in pairwise(factors[warmup:]))
    assert warmup_cosine(total, total, warmup) == pytest.approx(0, abs=1e-15)


def test_is_torchs_cosine_after_the_warm_up():
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    reference = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=20)
    for t in range(20):
        assert optimizer.param_groups[0]["lr"] == pytest.approx(warmup_cosine(t + 5, 25, 5))
        optimizer.step()
        reference.step()


def test_warm_up_is_linear():
    assert [warmup_cosine(t, 100, 4) for t in range(5)] == pytest.approx([0.2, 0.4, 0.6, 0.8, 1.0])
    assert math.isclose(warmup_cosine(52, 100, 4), 0.5)
