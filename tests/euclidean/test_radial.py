"""Radial functions: against their formulas, at zero, and at the cut-off by finite differences."""

import math

import pytest
import torch

from geomdl.euclidean import BesselBasis, CosineCutoff, GaussianBasis, PolynomialCutoff, lengths
from geomdl.euclidean.radial import sinc

C = 3.7


def distances(*values):
    return torch.tensor(values, dtype=torch.float64)


def derivatives(f, r, order):
    """Value and derivatives of a function of one distance, by automatic differentiation."""
    r = torch.tensor(r, dtype=torch.float64, requires_grad=True)
    found = [f(r)]
    for _ in range(order):
        found.append(torch.autograd.grad(found[-1], r, create_graph=True)[0])
    return [float(x.detach()) for x in found]


def test_bessel_functions_are_the_formula_and_orthonormal():
    basis = BesselBasis(C, 6).double()
    r = torch.linspace(0.05, C, 50, dtype=torch.float64)
    k = torch.arange(1, 7, dtype=torch.float64)
    expected = math.sqrt(2 / C) * (k * math.pi * r[:, None] / C).sin() / r[:, None]
    torch.testing.assert_close(basis(r), expected, rtol=1e-12, atol=1e-13)
    points = (torch.arange(4000, dtype=torch.float64) + 0.5) * (C / 4000)
    b = basis(points) * points[:, None]
    torch.testing.assert_close(b.T @ b * (C / 4000), torch.eye(6).double(), rtol=0, atol=1e-12)


@pytest.mark.parametrize("k", [1, 2, 5])
def test_bessel_functions_at_zero_have_their_series(k):
    basis = BesselBasis(C, 5).double()
    w = k * math.pi / C
    scale = math.sqrt(2 / C) * w
    found = derivatives(lambda r: basis(r)[k - 1], 0.0, 4)
    expected = [scale, 0, -scale * w**2 / 3, 0, scale * w**4 / 5]
    assert found == pytest.approx(expected, rel=1e-13, abs=1e-15)


@pytest.mark.parametrize("z", [1e-9, 1e-3, 0.25, 0.999999, 1.0, 1.000001, 3.0])
def test_sinc_and_four_derivatives_agree_with_the_integral(z):
    # sin(z)/z = ∫₀¹ cos(z t) dt, by Gauss-Legendre: no cancellation at any z
    import numpy as np

    t, w = np.polynomial.legendre.leggauss(40)
    t, w = (t + 1) / 2, w / 2
    for m, value in enumerate(derivatives(sinc, z, 4)):
        expected = float((w * t**m * np.cos(z * t + m * math.pi / 2)).sum())
        assert abs(value - expected) <= math.factorial(m) * 1e-15


def test_trainable_bases_start_as_the_fixed_ones_and_learn():
    r = torch.linspace(0, C, 9, dtype=torch.float64)
    for kind in (BesselBasis, GaussianBasis):
        fixed, free = kind(C, 5).double(), kind(C, 5, trainable=True).double()
        assert not list(fixed.parameters())
        assert torch.equal(fixed(r), free(r))
        free(r).square().sum().backward()
        for parameter in free.parameters():
            assert parameter.grad.abs().max() > 1e-3


def test_gaussians_are_the_formula():
    r = torch.linspace(0, C, 11, dtype=torch.float64)
    centres = torch.linspace(0, C, 7, dtype=torch.float64)
    expected = torch.exp(-0.5 * ((r[:, None] - centres) / centres[1]) ** 2)
    torch.testing.assert_close(GaussianBasis(C, 7).double()(r), expected, rtol=1e-13, atol=1e-15)


@pytest.mark.parametrize("p", [1, 2, 3, 6, 9])
def test_the_polynomial_is_the_published_one_and_zero_beyond(p):
    cut = PolynomialCutoff(C, p).double()
    r = torch.linspace(0, C, 101, dtype=torch.float64)
    u = r / C
    published = (
        1
        - (p + 1) * (p + 2) / 2 * u**p
        + p * (p + 2) * u ** (p + 1)
        - p * (p + 1) / 2 * u ** (p + 2)
    )
    torch.testing.assert_close(cut(r), published, rtol=0, atol=(p + 2) ** 2 * 1e-15)
    assert (cut(r[:-1]) > 0).all()
    assert cut(distances(C, C * (1 + 1e-15), 2 * C, math.inf)).tolist() == [0, 0, 0, 0]


def one_sided(f, order, h=1e-3):
    """A derivative at the cut-off from inside, by differences of order h⁴."""
    points = distances(*(C - i * h for i in range(order + 4)))
    powers = torch.stack([(points - C) ** m for m in range(order + 4)])
    wanted = torch.zeros(order + 4, dtype=torch.float64)
    wanted[order] = math.factorial(order)
    weights = torch.linalg.solve(powers, wanted)
    return float(weights @ f(points))


@pytest.mark.parametrize("p", [2, 6])
@pytest.mark.parametrize("basis", [BesselBasis, GaussianBasis])
def test_what_the_polynomial_ends_is_twice_differentiable(p, basis):
    cut, functions = PolynomialCutoff(C, p).double(), basis(C, 4).double()
    for k in range(4):

        def product(r, k=k):
            return cut(r) * functions(r)[..., k]

        # the third derivative, of size p³/c³, is the first that jumps
        third = one_sided(product, 3)
        for order in range(3):
            assert abs(one_sided(product, order)) <= 1e-7
        assert abs(derivatives(cut, C, 2)[2]) <= 1e-12
        assert product(distances(C + 1e-9, 2 * C)).tolist() == [0, 0]
        if basis is GaussianBasis and k == 3:
            assert abs(third) > 0.1


def test_the_cosine_has_one_derivative_less_as_it_says():
    cut = CosineCutoff(C).double()
    r = torch.linspace(0, C, 50, dtype=torch.float64)
    torch.testing.assert_close(cut(r), (1 + (math.pi * r / C).cos()) / 2, rtol=0, atol=1e-15)
    assert abs(one_sided(cut, 0)) <= 1e-15 and abs(one_sided(cut, 1)) <= 1e-9
    assert one_sided(cut, 2) == pytest.approx(math.pi**2 / (2 * C**2), rel=1e-5)
    assert cut(distances(C, C + 1e-12, math.inf)).tolist() == [0, 0, 0]


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
def test_half_precision_is_storage(dtype):
    r = (C * torch.rand(30, generator=torch.Generator().manual_seed(0))).to(dtype)
    for module in (BesselBasis(C, 5), GaussianBasis(C, 5), PolynomialCutoff(C), CosineCutoff(C)):
        exact = module(r.double())
        found = module(r)
        assert found.dtype == dtype
        bound = torch.finfo(dtype).eps * exact.abs() + 1e-5 * (dtype != torch.float64)
        assert ((found.double() - exact).abs() <= bound).all()


def test_a_nan_is_kept():
    r = distances(1.0, math.nan)
    for module in (BesselBasis(C), GaussianBasis(C), PolynomialCutoff(C), CosineCutoff(C)):
        assert module(r)[1].isnan().all() and module(r)[0].isfinite().all()


def test_lengths_at_zero_and_elsewhere():
    v = torch.randn(5, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    torch.testing.assert_close(lengths(v), v.norm(dim=1), rtol=1e-15, atol=0)
    assert torch.autograd.gradgradcheck(lengths, (v.requires_grad_(),))
    zero = torch.zeros(1, 3, dtype=torch.float64, requires_grad=True)
    (slope,) = torch.autograd.grad(lengths(zero).sum(), zero, create_graph=True)
    (second,) = torch.autograd.grad(slope.sum(), zero, allow_unused=True)
    assert slope.tolist() == [[0, 0, 0]] and (second is None or second.isfinite().all())


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: BesselBasis(0.0), "cutoff: expected a positive number, got 0.0"),
        (lambda: CosineCutoff(math.nan), "cutoff: expected a positive number, got nan"),
        (lambda: PolynomialCutoff(-1.0), "cutoff: expected a positive number, got -1.0"),
        (lambda: PolynomialCutoff(1.0, p=0), "p: expected an integer of at least 1, got 0"),
        (lambda: BesselBasis(1.0, 2.5), "n: expected an integer of at least 1, got 2.5"),
        (lambda: GaussianBasis(1.0, 1), "n: expected an integer of at least 2, got 1"),
    ],
)
def test_bad_arguments_are_refused(make, message):
    with pytest.raises(ValueError, match=f"^{message}$"):
        make()


def test_integers_are_refused():
    with pytest.raises(TypeError, match=r"^r: expected real floating-point numbers, got"):
        CosineCutoff(1.0)(torch.arange(3))
