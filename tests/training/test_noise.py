"""The gradient noise scale, against exact moments and repeated experiments."""

import math

import pytest
import torch
from torch import nn

from geomdl.training import gradient_noise
from geomdl.training.noise import noise_of
from geomdl.training.objective import Objective


def normal(*shape, seed=0):
    rng = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=rng, dtype=torch.float64)


def test_the_two_estimates_are_those_of_a_small_and_a_large_batch():
    """McCandlish's formulas, as printed, and the jackknife by leaving out each batch."""
    m, b = 12, 5
    g = 3 + normal(m, 4)
    found = noise_of(g, b)
    small, large = float(g.square().sum(1).mean()), float(g.mean(0).square().sum())
    square = (m * b * large - b * small) / (m * b - b)
    trace = (small - large) / (1 / b - 1 / (m * b))
    assert found.square.value == pytest.approx(square, rel=1e-12)
    assert found.trace.value == pytest.approx(trace, rel=1e-12)

    def ratio(g):
        m = len(g)
        s = float((g - g.mean(0)).square().sum()) / (m - 1)
        return b * s / (float(g.mean(0).square().sum()) - s / m)

    without = torch.tensor([ratio(torch.cat([g[:j], g[j + 1 :]])) for j in range(m)])
    error = math.sqrt((m - 1) ** 2 / m * float(without.var()))
    assert found.scale.error == pytest.approx(error, rel=1e-5)
    assert found.scale.value == pytest.approx(
        m * ratio(g) - (m - 1) * float(without.mean()), rel=1e-5
    )


def test_estimates_are_unbiased_and_errors_honest():
    mean, spread = torch.tensor([1.0, -0.5, 0.0]).double(), torch.tensor([1.0, 2.0, 0.5]).double()
    runs = [noise_of(mean + spread / 2 * normal(60, 3, seed=s), 4) for s in range(200)]
    exact = {"trace": 5.25, "square": 1.25, "scale": 4.2}
    for name, value in exact.items():
        got = torch.tensor([getattr(run, name) for run in runs]).double()
        mean_, deviation = float(got[:, 0].mean()), float(got[:, 0].std())
        assert abs(mean_ - value) <= 5 * deviation / math.sqrt(200), name
        assert 0.8 < deviation / float(got[:, 1].square().mean().sqrt()) < 1.2, name


def test_of_a_model_it_is_that_of_the_gradients_of_single_samples():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2)).double()
    x, y = normal(40, 3), 2 + normal(40, 2, seed=1)
    found = gradient_noise(model, (x, y), batches=40)
    ones = Objective(model, [(x[i : i + 1], y[i : i + 1]) for i in range(40)])
    g = torch.stack([ones.flat(ones.batch_gradient(i)) for i in range(40)])
    assert found.trace.value == pytest.approx(float(g.T.cov().trace()), rel=1e-10)
    assert found.square.value == pytest.approx(
        float(g.mean(0).square().sum() - g.T.cov().trace() / 40), rel=1e-10
    )
    assert (found.batches, found.batch_size) == (40, 1)
    given = gradient_noise(model, [(x[i : i + 4], y[i : i + 4]) for i in range(0, 40, 4)])
    cut = gradient_noise(model, (x, y), batches=10)
    assert given.scale == pytest.approx(cut.scale, rel=1e-10)
    assert "samples" in str(found)


@pytest.mark.parametrize(("call", "message"), [
    (lambda m, x: gradient_noise(m, (x[:6], x[:6]), batches=8),
     r"^data: should have at least 8 samples, one for each of the batches, got 6"),
    (lambda m, x: gradient_noise(m, (x, x), batches=7), r"^batches: should be at least 8"),
    (lambda m, x: gradient_noise(m, [(x[:5], x[:5])] * 3), r"^gradients: should be of at least 8"),
    (lambda m, x: gradient_noise(m, [(x[:5], x[:5]), (x, x)]), r"^data: batches should have one"),
    (lambda m, x: gradient_noise(m, (x, x), lambda f, y: (f - y).square()), r"be a scalar"),
    (lambda m, x: noise_of(torch.full((9, 2), math.nan), 1), r"^gradients: should be finite"),
    (lambda m, x: noise_of(normal(9, 2) - normal(9, 2).mean(0), 1),
     r"^data: too few samples to tell the gradient from its noise, \|G\|² = -"),
    (lambda m, x: gradient_noise(m, (x, x), nn.MSELoss(reduction="sum")), r"got a sum"),
    (lambda m, x: gradient_noise(nn.Sequential(m, nn.BatchNorm1d(3)), (x, x)), "of batch norm"),
])  # fmt: skip
def test_refused_in_one_line(call, message):
    torch.manual_seed(0)
    with pytest.raises(ValueError, match=message) as error:
        call(nn.Linear(3, 3).double(), normal(40, 3))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(("gradients", "batch_size", "message"), [
    (torch.ones(10), 1, r"^gradients: shape should be \(batches, weights\), got \(10,\)$"),
    (torch.tensor(1.0), 1, r"^gradients: shape should be \(batches, weights\), got \(\)$"),
    (torch.ones(10, 2), 0, r"^batch_size: should be a finite number > 0, got 0$"),
    (torch.ones(10, 2), math.nan, r"^batch_size: should be a finite number > 0, got nan$"),
    (torch.ones(10, 2), math.inf, r"^batch_size: should be a finite number > 0, got inf$"),
])  # fmt: skip
def test_noise_of_refuses_shapes_and_sizes(gradients, batch_size, message):
    with pytest.raises(ValueError, match=message):
        noise_of(gradients, batch_size)
