"""Convolutions give the numbers and the gradients of PyG, option by option."""

import pytest

from geomdl.bench.parity import BOUNDS
from geomdl.bench.suites.graphs.parity_cases import cases
from tests.peers.loading import peer

pytestmark = pytest.mark.peers


@pytest.fixture(scope="module", autouse=True)
def pyg():
    """Loads with what it warns of."""
    return peer("torch_geometric.nn")


@pytest.mark.parametrize("dtype", BOUNDS)
@pytest.mark.parametrize("case", cases(), ids=lambda case: case.name)
def test_equal(case, dtype):
    assert case.error(dtype) <= BOUNDS[dtype]
