"""Lanczos, spectral densities and traces, against dense eigenvalues and known spectra."""

import math

import pytest
import torch
from torch import nn

from geomdl.training import hessian_spectrum, sharpness
from geomdl.training.curvature import Curvature
from geomdl.training.krylov import eigenpairs, lanczos
from geomdl.training.spectrum import Spectrum, spectral_density
from geomdl.training.trace import hutch_plus_plus, hutchinson, mean_of


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def normal(*shape, seed=0):
    return torch.randn(*shape, generator=generator(seed), dtype=torch.float64)


def symmetric(eigenvalues, seed=0):
    """A matrix with these eigenvalues and random eigenvectors."""
    q = torch.linalg.qr(normal(len(eigenvalues), len(eigenvalues), seed=seed)).Q
    return q * eigenvalues.double() @ q.mT


def test_the_relation_of_lanczos_and_the_basis():
    A = symmetric(torch.linspace(-1, 3, 60))
    space = lanczos(A, normal(60, seed=1), 25)
    Q, T = space.basis, space.matrix
    assert Q.shape == (60, 25)
    assert torch.allclose(Q.mT @ Q, torch.eye(25, dtype=torch.float64), rtol=0, atol=1e-13)
    left = A @ Q - Q @ T
    assert torch.allclose(left[:, :-1], torch.zeros(60, 24, dtype=torch.float64), atol=1e-13)
    assert float(left[:, -1].norm()) == pytest.approx(float(space.beside[-1]), rel=1e-10)


def test_orthogonality_holds_after_an_eigenvalue_has_converged():
    """Plain Lanczos loses it there, and finds ghosts."""
    A = symmetric(torch.cat([torch.tensor([1e4]), torch.linspace(0, 1, 79)]))
    Q = lanczos(A, normal(80, seed=1), 60).basis
    assert torch.allclose(Q.mT @ Q, torch.eye(60, dtype=torch.float64), rtol=0, atol=1e-12)
    assert (torch.linalg.eigvalsh(Q.mT @ A @ Q) > 5e3).sum() == 1


def test_it_ends_in_an_invariant_space():
    A = symmetric(torch.tensor([3.0, 3.0, 1.0, 0.0, 0.0, 0.0]))
    space = lanczos(A, normal(6), 6)
    assert len(space.diagonal) == 3
    assert float(space.beside[-1]) == 0.0
    assert torch.linalg.eigvalsh(space.matrix).tolist() == pytest.approx([0, 1, 3], abs=1e-12)


@pytest.mark.parametrize("which", ["largest", "smallest", "magnitude"])
def test_eigenpairs_and_what_their_errors_prove(which):
    exact = torch.linspace(-1.5, 1, 150, dtype=torch.float64) ** 3
    A = symmetric(exact)
    order = {"largest": -exact, "smallest": exact, "magnitude": -exact.abs()}[which].argsort()
    found = eigenpairs(A, 4, which=which, rng=generator(3))
    assert found.converged
    assert torch.allclose(found.values, exact[order[:4]], rtol=0, atol=1e-6)
    residuals = (A @ found.vectors - found.vectors * found.values).norm(dim=0)
    assert torch.allclose(residuals, found.errors, rtol=1e-3, atol=1e-12)
    assert torch.allclose(found.vectors.norm(dim=0), torch.ones(4, dtype=torch.float64))
    early = eigenpairs(A, 4, which=which, max_steps=8, rng=generator(3))
    assert not early.converged
    assert early.steps == 8
    for value, error in zip(early.values, early.errors, strict=True):
        assert float((exact - value).abs().min()) <= float(error)
        assert float(error) > 1e-4


def test_a_repeated_eigenvalue_is_found_when_the_space_is_exhausted():
    A = symmetric(torch.tensor([2.0, 2.0, 2.0, 1.0]))
    assert eigenpairs(A, 4).values.tolist() == pytest.approx([2, 2, 2, 1], abs=1e-12)


def test_quadrature_is_exact_for_polynomials():
    A = symmetric(torch.linspace(-1, 2, 40))
    found = spectral_density(A, probes=3, steps=5, rng=generator(7))
    rng = generator(7)
    probes = [torch.randn(40, generator=rng, dtype=torch.float64) for _ in range(3)]
    for degree in range(10):
        expected = [float(v @ torch.linalg.matrix_power(A, degree) @ v / (v @ v)) for v in probes]
        got = (found.weights * found.nodes**degree).sum(1)
        assert got.tolist() == pytest.approx(expected, abs=1e-12)
    eleventh = [float(v @ torch.linalg.matrix_power(A, 10) @ v / (v @ v)) for v in probes]
    assert (found.weights * found.nodes**10).sum(1).tolist() != pytest.approx(eleventh, abs=1e-9)


def test_density_and_shares_are_those_of_the_eigenvalues_within_their_errors():
    exact = torch.cat([torch.linspace(0, 1, 380), torch.linspace(4, 5, 20)]).double()
    found = spectral_density(symmetric(exact), probes=10, steps=40, rng=generator(1))
    share = found.below(2.5)
    assert abs(share.value - 0.95) <= 5 * share.error
    assert 0 < share.error < 0.02
    trace = found.trace
    assert abs(trace.value - float(exact.sum())) <= 5 * trace.error
    x = torch.linspace(-1, 6, 400, dtype=torch.float64)
    mean, error = found.density(x, 0.3)
    z = (x[:, None] - exact) / 0.3
    smooth = (torch.exp(-z.square() / 2) / (0.3 * math.sqrt(2 * math.pi))).mean(1)
    assert bool(((mean - smooth).abs() <= 5 * error + 1e-3).all())
    assert float(torch.trapezoid(mean, x)) == pytest.approx(1, abs=1e-2)


def test_error_over_probes_is_honest():
    """The spread of many estimates is the standard error that each of them gives."""
    A = symmetric(torch.linspace(-1, 3, 60))
    runs = [spectral_density(A, probes=6, steps=8, rng=generator(s)).trace for s in range(60)]
    spread = torch.tensor([run.value for run in runs]).std()
    told = torch.tensor([run.error for run in runs]).square().mean().sqrt()
    assert 0.7 < float(spread / told) < 1.4


def test_hutchinson_has_the_variance_of_the_formula():
    A = symmetric(torch.linspace(-1, 3, 60))
    found = hutchinson(A, 4000, rng=generator(5))
    off = A - torch.diag(A.diag())
    assert abs(found.value - 60) <= 5 * found.error
    assert found.error == pytest.approx(math.sqrt(2 * float(off.square().sum()) / 4000), rel=0.1)


def test_hutch_plus_plus_is_unbiased_and_better_where_few_eigenvalues_hold_the_trace():
    A = symmetric(1 / torch.arange(1, 201).double() ** 2)
    exact = float(A.trace())
    plain = [hutchinson(A, 30, rng=generator(s)) for s in range(40)]
    better = [hutch_plus_plus(A, 30, rng=generator(s)) for s in range(40)]
    mean = mean_of(torch.tensor([found.value for found in better]))
    assert abs(mean.value - exact) <= 5 * mean.error

    def square(found):
        return torch.tensor([f.value - exact for f in found]).square().mean().sqrt()

    assert float(square(better)) < 0.2 * float(square(plain))
    told = torch.tensor([found.error for found in better]).square().mean().sqrt()
    assert 0.6 < float(square(better) / told) < 1.6


def test_hutch_plus_plus_is_exact_in_a_small_space():
    A = symmetric(torch.linspace(-1, 3, 5))
    assert hutch_plus_plus(A, 15) == (pytest.approx(5, abs=1e-12), 0.0)
    low = symmetric(torch.tensor([5.0, -2.0, *[0.0] * 20]))
    found = hutch_plus_plus(low, 9)
    assert found.value == pytest.approx(3, abs=1e-12)
    assert found.error <= 1e-12


def network():
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 3)).double()
    return net, (normal(30, 4, seed=1), torch.arange(30) % 3)


def test_spectrum_and_sharpness_of_a_network():
    model, data = network()
    exact = torch.linalg.eigvalsh(Curvature(model, data).dense())
    found = hessian_spectrum(model, data, probes=6, steps=67, top=3, rng=generator(2))
    largest = exact[exact.abs().argsort(descending=True)[:3]]
    assert torch.allclose(found.top.values, largest, rtol=0, atol=1e-5)
    assert found.span == pytest.approx((float(exact[0]), float(exact[-1])), abs=1e-8)
    assert abs(found.trace.value - float(exact.sum())) <= 5 * found.trace.error
    sharp = sharpness(model, data, tol=1e-8)
    assert float(sharp) == pytest.approx(float(exact[-1]), abs=1e-8)
    assert sharp.converged
    H = Curvature(model, data)
    assert H.quadratic(sharp.direction) == pytest.approx(float(sharp), abs=1e-8)
    ggn = hessian_spectrum(model, data, kind="ggn", probes=2, top=0)
    assert ggn.top is None
    assert ggn.span[0] >= -1e-12


def test_the_spectrum_is_drawn(tmp_path):
    model, data = network()
    found = hessian_spectrum(model, data, probes=3, steps=10, top=2)
    figure = found.plot(tmp_path / "a.png")
    assert figure.axes[0].get_yscale() == "log"
    assert (tmp_path / "a.png").stat().st_size > 5000
    assert "67 eigenvalues" in str(found)


def test_of_one_eigenvalue():
    found = spectral_density(2 * torch.eye(5), probes=2, steps=3)
    assert isinstance(found, Spectrum)
    assert found.span == pytest.approx((2, 2), abs=1e-12)
    assert bool(found.density(torch.tensor([2.0]))[0].isfinite().all())


@pytest.mark.parametrize(("call", "message"), [
    (lambda: spectral_density(torch.eye(3), probes=1), r"^probes: should be an integer >= 2"),
    (lambda: spectral_density(torch.eye(3), steps=1), r"^steps: should be an integer >= 2"),
    (lambda: hutchinson(torch.eye(3), 1), r"^probes: should be at least 2 for a standard error"),
    (lambda: hutch_plus_plus(torch.eye(3), 5), r"^products: should be at least 6 for a standard"),
    (lambda: mean_of(torch.ones(1)), r"^samples: should be at least 2"),
    (lambda: eigenpairs(torch.eye(3), 4), r"^k: should be at most the size 3 of the operator"),
    (lambda: eigenpairs(torch.eye(3), 2, max_steps=1), r"^max_steps: should be an integer >= 2"),
    (lambda: eigenpairs(torch.eye(3), which="top"), r"^which: should be one of largest, small"),
    (lambda: eigenpairs(torch.eye(3), tol=0.0), r"^tol: should be in \(0, 1\), got 0.0"),
    (lambda: lanczos(torch.eye(3), torch.zeros(3), 2), r"^start: should be a finite vector \(3,"),
    (lambda: lanczos(torch.eye(3) * math.nan, torch.ones(3), 2), r"^operator: products should be"),
    (lambda: lanczos(torch.ones(3, 2), torch.ones(3), 2), r"^operator: should be square, got sha"),
    (lambda: hessian_spectrum(nn.Linear(1, 1), (torch.ones(1, 1),) * 2, top=-1), r"^top: should"),
    (lambda: sharpness(nn.Dropout(0.5), (torch.ones(1, 1),) * 2), r"^model: should be free of"),
])  # fmt: skip
def test_refused_in_one_line(call, message):
    with pytest.raises(ValueError, match=message) as error:
        call()
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("call", [
    eigenpairs, spectral_density, lambda a: lanczos(a, torch.ones(2), 2),
])  # fmt: skip
def test_a_matrix_that_is_not_symmetric_is_refused(call):
    with pytest.raises(ValueError, match="operator: should be symmetric, got one off by 1"):
        call(torch.tensor([[0.0, 1.0], [0.0, 0.0]]))


@pytest.mark.parametrize("bad", [math.nan, math.inf])
@pytest.mark.parametrize("estimate", [
    lambda a: hutchinson(a, 4), lambda a: hutch_plus_plus(a, 6), lambda a: hutch_plus_plus(a, 90),
])  # fmt: skip
def test_traces_refuse_what_is_not_finite(estimate, bad):
    A = torch.eye(20)
    A[3, 4] = bad
    with pytest.raises(ValueError, match=r"^operator: products should be finite, got nan or inf$"):
        estimate(A)
