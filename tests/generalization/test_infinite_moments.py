"""Moments in closed form against quadrature."""

import itertools
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, special

from geomdl.generalization.infinite import gaussian_moments
from geomdl.generalization.infinite.moments import NONLINEARITIES

F64 = torch.float64


def density(u):
    return np.exp(-u * u / 2) / math.sqrt(2 * math.pi)


SMOOTH = {
    "erf": (special.erf, lambda u: 2 / math.sqrt(math.pi) * np.exp(-u * u)),
    "sin": (np.sin, np.cos),
    "gelu": (
        lambda u: u * special.ndtr(u),
        lambda u: special.ndtr(u) + u * density(u),
    ),
}
NODES, WEIGHTS = np.polynomial.hermite_e.hermegauss(160)
WEIGHTS = WEIGHTS / WEIGHTS.sum()
COVARIANCES = [(1, 1, 0.5), (0.3, 2, -0.4), (0.7, 0.7, 0.7), (4, 0.1, 0.2), (0, 1, 0), (1, 1, -1)]


def moments(name, a, b, c):
    return [float(m) for m in gaussian_moments(name, *torch.tensor([a, b, c], dtype=F64))]


@pytest.mark.parametrize("name", SMOOTH)
@pytest.mark.parametrize(("a", "b", "c"), COVARIANCES)
def test_smooth_ones_agree_with_gauss_and_hermite(name, a, b, c):
    phi, slope = SMOOTH[name]
    x, y = np.meshgrid(NODES, NODES, indexing="ij")
    u = math.sqrt(a) * x
    v = (c / math.sqrt(a) if a else 0) * x + math.sqrt(b - (c * c / a if a else 0)) * y
    weight = np.outer(WEIGHTS, WEIGHTS)
    expected = [(weight * f(u) * f(v)).sum() for f in (phi, slope)]
    assert moments(name, a, b, c) == pytest.approx(expected, abs=2e-11)


@pytest.mark.parametrize(("a", "b", "c"), COVARIANCES)
def test_relu_agrees_with_an_integral_over_the_angle(a, b, c):
    """In polar coordinates of the two Gaussians the radius integrates to 2 and to 1."""
    rho = c / math.sqrt(a * b) if a * b else 0.0
    turn = math.acos(rho)

    def kinked(f):
        edges = sorted({-math.pi / 2, math.pi / 2, turn - math.pi / 2})
        pairs = itertools.pairwise(edges)
        return sum(integrate.quad(f, lo, hi)[0] for lo, hi in pairs) / (2 * math.pi)

    first = 2 * kinked(lambda t: math.cos(t) * max(math.cos(t - turn), 0))
    second = kinked(lambda t: math.cos(t - turn) > 0)
    assert moments("relu", a, b, c) == pytest.approx([math.sqrt(a * b) * first, second], abs=1e-8)


variance = st.floats(0, 20, allow_subnormal=False)


@settings(deadline=None, max_examples=60)
@given(st.sampled_from(sorted(NONLINEARITIES)), variance, variance, st.floats(-1, 1))
def test_second_moment_is_the_derivative_by_the_covariance(name, a, b, rho):
    a, b, rho = a + 0.05, b + 0.05, 0.98 * rho
    a, b, c = (torch.tensor(t, dtype=F64) for t in (a, b, rho * math.sqrt(a * b)))
    c.requires_grad_()
    first, second = gaussian_moments(name, a, b, c)
    (slope,) = torch.autograd.grad(first, c)
    assert float(slope) == pytest.approx(float(second.detach()), rel=1e-8, abs=1e-10)


@settings(deadline=None, max_examples=60)
@given(st.sampled_from(sorted(NONLINEARITIES)), st.integers(0, 10**6), st.integers(1, 6))
def test_both_are_positive_semidefinite(name, seed, n):
    rng = torch.Generator().manual_seed(seed)
    z = torch.randn(n, 3, generator=rng, dtype=F64) * torch.rand(n, 1, generator=rng, dtype=F64)
    gram = z @ z.T
    v = gram.diagonal()
    for m in gaussian_moments(name, v[:, None], v[None], gram):
        torch.testing.assert_close(m, m.T, rtol=1e-14, atol=0)  # vector and scalar code differ
        assert float(torch.linalg.eigvalsh(m)[0]) >= -1e-7 * float(m.trace())


@pytest.mark.parametrize("name", sorted(NONLINEARITIES))
def test_rounding_above_the_diagonal_is_clamped(name):
    v = torch.tensor(0.7, dtype=F64)
    exact = gaussian_moments(name, v, v, v)
    for off in (1 + 1e-15, 1 + 1e-9, 1 - 3e-16):
        near = gaussian_moments(name, v, v, v * off)
        assert all(math.isfinite(float(m)) for m in near)
        assert [float(m) for m in near] == pytest.approx([float(m) for m in exact], abs=1e-9)


def test_an_unknown_nonlinearity_is_refused():
    with pytest.raises(ValueError, match=r"^nonlinearity: expected one of relu, .*, got 'tanh'$"):
        moments("tanh", 1, 1, 0.5)
