"""Products with curvature matrices, and traces, are those of curvlinops."""

import pytest
import torch
from torch import nn

from geomdl.training import Curvature, hutch_plus_plus, hutchinson
from tests.peers.loading import peer

pytestmark = pytest.mark.peers

OPERATORS = {
    "hessian": "HessianLinearOperator",
    "ggn": "GGNLinearOperator",
    "empirical_fisher": "EFLinearOperator",
}
OUT = 3


def normal(*shape, seed=0):
    rng = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=rng, dtype=torch.float64)


@pytest.fixture(scope="module")
def curvlinops():
    return peer("curvlinops")


def network(name):  # without norms, of which theirs would need derivatives in forward mode
    torch.manual_seed(0)
    layers = {
        "mlp": [nn.Flatten(), nn.Linear(12, 5), nn.Tanh(), nn.Linear(5, OUT)],
        "cnn": [nn.Conv1d(2, 4, 3), nn.GELU(), nn.Flatten(), nn.Linear(16, OUT)],
    }
    return nn.Sequential(*layers[name]).double()


def batches():
    x, label, value = normal(11, 2, 6), torch.arange(11) % OUT, normal(11, OUT, seed=1)
    cut = (slice(0, 4), slice(4, 11))
    return {
        nn.CrossEntropyLoss: [(x[i], label[i]) for i in cut],
        nn.MSELoss: [(x[i], value[i]) for i in cut],
    }


@pytest.mark.parametrize("name", ["mlp", "cnn"])
@pytest.mark.parametrize("loss", [nn.CrossEntropyLoss, nn.MSELoss])
@pytest.mark.parametrize("kind", OPERATORS)
def test_products(curvlinops, kind, loss, name):
    """Theirs takes every output as a term of a squared error of its own, so that g is C times ours
    and the mean has C times as many terms: their empirical Fisher matrix is C times ours."""
    model, data = network(name), batches()[loss]
    ours = Curvature(model, data, loss(), kind=kind)
    theirs = getattr(curvlinops, OPERATORS[kind])(model, loss(), list(model.parameters()), data)
    factor = OUT if (kind, loss) == ("empirical_fisher", nn.MSELoss) else 1
    v = normal(ours.dim, 2, seed=2)
    expected = theirs @ v
    assert float(expected.abs().max()) > 1e-2
    assert torch.allclose(factor * (ours @ v), expected, rtol=0, atol=1e-10)


@pytest.mark.parametrize("loss", [nn.CrossEntropyLoss, nn.MSELoss])
@pytest.mark.parametrize("kind", ["hessian", "ggn"])
def test_products_of_a_sum(curvlinops, kind, loss):
    model, (x, y) = network("mlp"), batches()[loss][1]
    summed = loss(reduction="sum")
    ours = Curvature(model, (x, y), summed, kind=kind)
    theirs = getattr(curvlinops, OPERATORS[kind])(model, summed, list(model.parameters()), [(x, y)])
    v = normal(ours.dim, seed=2)
    assert torch.allclose(ours @ v, theirs @ v, rtol=1e-10)


def test_traces(curvlinops):
    """Both within five standard errors, as we give them, of the trace of the dense matrix."""
    model, data = network("mlp"), batches()[nn.CrossEntropyLoss]
    ours = Curvature(model, data, kind="ggn")
    loss, weights = nn.CrossEntropyLoss(), list(model.parameters())
    theirs = curvlinops.GGNLinearOperator(model, loss, weights, data)
    exact = float(ours.dense().trace())
    torch.manual_seed(0)
    for mine, other in (
        (hutchinson, curvlinops.hutchinson_trace),
        (hutch_plus_plus, curvlinops.hutchpp_trace),
    ):
        found = mine(ours, 30, rng=torch.Generator().manual_seed(1))
        assert abs(found.value - exact) <= 5 * found.error
        assert abs(float(other(theirs, num_matvecs=30)) - exact) <= 5 * found.error
