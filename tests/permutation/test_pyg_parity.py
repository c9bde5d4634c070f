"""Convolutions give the numbers and the gradients of PyG, which is a dependency."""

import pytest
import torch
from torch_geometric.nn import GATConv

from geomdl.bench.parity import BOUNDS
from geomdl.bench.suites.graphs.parity_cases import CHANNELS, OUT, Case, cases

FEW = [case for case in cases() if "edge" in case.name or "," not in case.name]


@pytest.mark.parametrize("case", FEW, ids=lambda case: case.name)
def test_equal(case):
    for dtype, bound in BOUNDS.items():
        assert case.error(dtype) <= bound


def test_a_difference_is_seen():
    """The harness would notice other weights, and an option left aside."""

    class Sloped(GATConv):  # another slope after conversion
        pass

    good = Case("GATConv", lambda: GATConv(CHANNELS, OUT))
    assert good.error(torch.float64) <= 1e-12

    def scaled(dtype):
        found, expected = good.both(dtype)
        return found * (1 + 1e-5), expected

    bad = Case("scaled", good.build)
    object.__setattr__(bad, "both", scaled)
    assert not bad.error(torch.float32) <= 1e-6
