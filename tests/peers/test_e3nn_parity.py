"""Products, linear maps and gates give the numbers of e3nn 0.6, case by case."""

import pytest

from geomdl.bench.parity import BOUNDS
from geomdl.bench.suites.molecules.parity_cases import cases, constants
from tests.peers.loading import peer

pytestmark = pytest.mark.peers


@pytest.fixture(scope="module", autouse=True)
def e3nn():
    """Loads with what it warns of."""
    peer("e3nn.nn")
    return peer("e3nn.o3")


@pytest.mark.parametrize("dtype", BOUNDS)
@pytest.mark.parametrize("case", cases(), ids=lambda case: case.name)
def test_equal(case, dtype):
    assert case.error(dtype) <= BOUNDS[dtype]


@pytest.mark.parametrize("name", ["silu", "sigmoid"])
def test_constants_of_gates_are_estimates_in_e3nn(name):
    ours, theirs = constants()[name]
    assert 1e-6 < abs(theirs / ours - 1) <= 2e-3
