"""Kernel ridge regression, gradient flow, learning curves and spectra against oracles."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special
from scipy.integrate import solve_ivp
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF

import geomdl
from geomdl.generalization import (
    KernelRidge,
    circle_spectrum,
    gradient_flow,
    landmarks,
    learning_curve,
    sphere_spectrum,
)
from geomdl.generalization.kernel_solve import cholesky

F64 = torch.float64


def draw(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=F64)


def rbf(a, b):
    return torch.exp(-(torch.cdist(a, b, compute_mode="donot_use_mm_for_euclid_dist") ** 2) / 2)


# --- ridge regression ------------------------------------------------------------------------


def test_mean_and_variance_of_scikit_learn():
    x, y, new = draw(12, 3), draw(12, 2, seed=1), draw(5, 3, seed=2)
    oracle = GaussianProcessRegressor(RBF(1.0), alpha=0.1, optimizer=None).fit(x, y)
    mean, deviation = oracle.predict(new, return_std=True)
    found = KernelRidge(rbf, ridge=0.1).fit(x, y).predict(new)
    assert np.allclose(found.mean, mean, atol=1e-12)
    assert np.allclose(found.variance, deviation[:, 0] ** 2, atol=1e-12)


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 10**6), st.integers(2, 12), st.floats(0, 1))
def test_leaving_one_out_is_fitting_again(seed, n, ridge):
    ridge += 1e-3
    x, y = draw(n, 2, seed=seed), draw(n, 2, seed=seed + 1)
    for marks in (None, x[: (n + 1) // 2]):
        machine = KernelRidge(rbf, ridge, landmarks=marks).fit(x, y)
        again = []
        for i in range(n):
            rest = [j for j in range(n) if j != i]
            one = KernelRidge(rbf, ridge, landmarks=marks).fit(x[rest], y[rest])
            again.append(y[i] - one.predict(x[i : i + 1]).mean[0])
        assert torch.allclose(machine.leave_one_out(), torch.stack(again), atol=1e-8)


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 10**6), st.integers(1, 10), st.floats(1e-3, 2))
def test_laws_of_ridge_regression(seed, n, ridge):
    """Samples may be renumbered; outputs do not mix; variance lies between 0 and the prior."""
    x, y, new = draw(n, 2, seed=seed), draw(n, 3, seed=seed + 1), draw(4, 2, seed=seed + 2)
    found = KernelRidge(rbf, ridge).fit(x, y).predict(new)
    perm = torch.randperm(n, generator=torch.Generator().manual_seed(seed))
    other = KernelRidge(rbf, ridge).fit(x[perm], y[perm]).predict(new)
    assert torch.allclose(found.mean, other.mean, atol=1e-9)
    assert torch.allclose(found.variance, other.variance, atol=1e-9)
    one = KernelRidge(rbf, ridge).fit(x, y[:, 1]).predict(new)
    assert one.mean.shape == (4,)
    assert torch.allclose(one.mean, found.mean[:, 1], atol=1e-12)
    assert bool(((found.variance >= 0) & (found.variance <= 1 + 1e-12)).all())


def test_no_ridge_interpolates():
    x, y = draw(8, 2), draw(8, seed=1)
    machine = KernelRidge(rbf).fit(x, y)
    assert torch.allclose(machine.predict(x).mean, y, atol=1e-8)
    assert machine.jitter == 0
    assert float(machine.predict(x).variance.max()) < 1e-10


def test_jitter_is_added_where_needed_and_told():
    x = draw(6, 2)
    x = torch.cat([x, x])  # every sample twice: singular
    machine = KernelRidge(rbf).fit(x, x[:, 0])
    assert 0 < machine.jitter <= 1e-12
    assert torch.allclose(machine.predict(x).mean, x[:, 0], atol=1e-6)


def test_nystrom_with_all_samples_is_exact_and_fewer_come_near():
    x, y, new = draw(40, 2), draw(40, seed=1), draw(9, 2, seed=2)
    exact = KernelRidge(rbf, 0.1).fit(x, y).predict(new)
    every = KernelRidge(rbf, 0.1, landmarks=x).fit(x, y).predict(new)
    assert torch.allclose(every.mean, exact.mean, atol=1e-6)
    assert torch.allclose(every.variance, exact.variance, atol=1e-6)
    gaps = []
    for m in (10, 25, 35):
        machine = KernelRidge(rbf, 0.1, landmarks=m).fit(x, y)
        gaps.append(float((machine.predict(new).mean - exact.mean).norm()))
    assert gaps[0] > 3 * gaps[1] > 9 * gaps[2]


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 10**6), st.sampled_from(["pivoted", "uniform"]))
def test_landmarks_leave_a_positive_rest_that_shrinks(seed, sampler):
    x = draw(20, 2, seed=seed)
    rng = torch.Generator().manual_seed(seed)
    chosen = landmarks(rbf, x, 12, sampler, rng)
    assert len(set(chosen.tolist())) == len(chosen) == 12
    before = 20.0
    for m in (4, 8, 12):
        z = x[chosen[:m]]
        rest = rbf(x, x) - rbf(x, z) @ torch.linalg.solve(rbf(z, z), rbf(z, x))
        assert float(torch.linalg.eigvalsh((rest + rest.T) / 2)[0]) > -1e-7
        assert float(rest.trace()) <= before + 1e-9
        before = float(rest.trace())


def test_pivots_spread_where_uniform_ones_do_not():
    x = torch.cat([0.01 * draw(190, 2), 10 * draw(10, 2, seed=1)])  # a heap, and ten far away
    rest = {}
    for sampler in ("pivoted", "uniform"):
        z = x[landmarks(rbf, x, 12, sampler)]
        known = torch.linalg.solve(rbf(z, z) + 1e-12 * torch.eye(12), rbf(z, x)) * rbf(z, x)
        rest[sampler] = 200 - float(known.sum())
    assert rest["pivoted"] < 0.1 * rest["uniform"]


def test_many_samples_through_chunks(monkeypatch):
    x, y = draw(300, 2), draw(300, seed=1)
    whole = KernelRidge(rbf, 0.1, landmarks=x[:20]).fit(x, y)
    monkeypatch.setattr("geomdl.generalization.kernel_machines._CHUNK", 64)
    parts = KernelRidge(rbf, 0.1, landmarks=x[:20]).fit(x, y)
    assert torch.allclose(whole.predict(x).mean, parts.predict(x).mean, atol=1e-10)
    assert torch.allclose(whole.leave_one_out(), parts.leave_one_out(), atol=1e-10)


def test_a_network_of_infinite_width_is_a_kernel():
    from geomdl.generalization import infinite_ntk
    from geomdl.generalization.infinite import Dense, Nonlinearity

    network = [Dense(b_std=0.1), Nonlinearity("erf"), Dense(1.0)]
    x, y = draw(10, 3), draw(10, seed=1)
    machine = KernelRidge(lambda a, b: infinite_ntk(network, a, b).nngp, 1e-6).fit(x, y)
    assert torch.allclose(machine.predict(x).mean, y, atol=0.05)


def negative(a, b):
    return -rbf(a, b)


def fit(kernel=rbf, x=None, y=None, **settings):
    x, y = (draw(3, 2) if x is None else x), (draw(3) if y is None else y)
    return KernelRidge(kernel, **settings).fit(x, y)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: KernelRidge(rbf, -1), "ridge: expected a number of at least 0, got -1"),
        (lambda: KernelRidge(rbf, math.nan), "ridge: expected a number of at least 0"),
        (lambda: fit(y=draw(4)), "y: expected one row for each"),
        (lambda: fit(x=draw(0, 2), y=draw(0)), "y: expected one row for each of at least one"),
        (lambda: fit(y=draw(3) * math.nan), "y: expected finite"),
        (lambda: fit(x=draw(3, 2) * math.inf), "x: expected finite"),
        (lambda: fit(negative), "kernel: expected a positive definite matrix"),
        (lambda: fit(lambda a, b: a), r"kernel: expected values of shape \(3, 3\), got \(3, 2\)"),
        (lambda: fit(lambda a, b: rbf(a, b) * math.nan), "kernel: expected finite values"),
        (
            lambda: fit(x=torch.zeros(10_001, 1), y=torch.zeros(10_001)),
            "landmarks: expected some for more than 10000",
        ),
        (lambda: fit(landmarks=4), "m: expected at most the 3 samples, got 4"),
        (lambda: fit(landmarks=2, sampler="best"), "sampler: expected one of pivoted, uniform"),
        (lambda: KernelRidge(rbf, landmarks=0), "landmarks: expected an integer of at least 1"),
        (lambda: KernelRidge(rbf, landmarks=draw(0, 2)), "landmarks: expected at least one row"),
        (lambda: KernelRidge(rbf, landmarks=draw(2, 2) / 0), "landmarks: expected finite numbers"),
        (lambda: fit(landmarks=draw(2, 5)), r"landmarks: expected torch.float64 rows of shape"),
        (lambda: fit(landmarks=draw(2, 2).float()), r"landmarks: expected torch.float64 rows"),
        (lambda: fit(x=torch.tensor(1.0)), "x: expected rows, got a single number"),
        (lambda: fit().predict(torch.tensor(1.0)), "x: expected rows, got a single number"),
        (lambda: fit().mean(draw(2, 5)), r"x: expected torch.float64 rows of shape \(2,\)"),
        (
            lambda: fit(x=draw(1, 2), y=draw(1)).leave_one_out(),
            "leave_one_out: expected at least 2",
        ),
        (
            lambda: fit(x=draw(5, 2), y=draw(5), landmarks=5).leave_one_out(),
            "leave_one_out: expected a ridge, or landmarks fewer than the samples, got 1 − H_ii",
        ),
        (lambda: cholesky(-torch.eye(2, dtype=F64)), "kernel: expected a positive definite"),
    ],
)
def test_bad_input_is_refused_in_one_line(call, message):
    with pytest.raises(ValueError, match=f"^{message}") as caught:
        call()
    assert "\n" not in str(caught.value)


def test_other_errors():
    with pytest.raises(TypeError, match=r"^kernel: expected a function, got int$"):
        KernelRidge(3)
    with pytest.raises(TypeError, match=r"^landmarks: expected a whole number, .* got 2\.5$"):
        KernelRidge(rbf, landmarks=2.5)
    with pytest.raises(TypeError, match=r"^rng: expected a torch\.Generator or None, got int$"):
        KernelRidge(rbf, landmarks=2, rng=3)
    with pytest.raises(RuntimeError, match=r"^KernelRidge: call fit\(x, y\) first$"):
        KernelRidge(rbf).predict(draw(2, 2))


# --- gradient flow ---------------------------------------------------------------------------


def test_flow_of_a_linear_model_in_parameter_space():
    """θ' = −η Jᵀ(Jθ − y) by an ODE solver, on training and on test inputs."""
    j, j_test, theta0, y = draw(6, 9), draw(4, 9, seed=1), draw(9, seed=2), draw(6, seed=3)
    eta, times = 0.3, [0.0, 0.4, 2.0]

    def velocity(t, theta):
        return -eta * j.numpy().T @ (j.numpy() @ theta - y.numpy())

    path = solve_ivp(velocity, (0, 2), theta0.numpy(), t_eval=times, rtol=1e-11, atol=1e-12)
    found = gradient_flow(
        j @ j.T, y, j @ theta0, eta, torch.tensor(times), j_test @ j.T, j_test @ theta0
    )
    assert np.allclose(found.train, (j.numpy() @ path.y).T, atol=1e-8)
    assert np.allclose(found.test, (j_test.numpy() @ path.y).T, atol=1e-8)


def test_the_end_of_flow_is_interpolation_and_ridgeless_regression():
    x, new, y = draw(6, 2), draw(5, 2, seed=1), draw(6, 2, seed=2)
    k = rbf(x, x)
    end = gradient_flow(k, y, torch.zeros_like(y), 0.1, math.inf, rbf(new, x))
    assert torch.allclose(end.train, y, atol=1e-12)
    assert torch.allclose(end.test, KernelRidge(rbf).fit(x, y).predict(new).mean, atol=1e-8)


def test_flow_of_a_singular_kernel():
    """Three features, five samples: what is not in their span does not move."""
    j, y = draw(5, 3), draw(5, seed=1)
    end = gradient_flow(j @ j.T, y, torch.zeros_like(y), 1.0, math.inf, j @ j.T)
    projected = j @ torch.linalg.pinv(j) @ y
    assert torch.allclose(end.train, projected, atol=1e-10)
    assert torch.allclose(end.test, projected, atol=1e-10)
    now = gradient_flow(torch.zeros(2, 2, dtype=F64), y[:2], y[2:4], 1.0, 3.0, torch.eye(2))
    assert torch.equal(now.train, y[2:4])
    assert torch.allclose(now.test, 3 * (y[:2] - y[2:4]))


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 10**6), st.floats(0, 5), st.floats(0, 5))
def test_flow_is_a_semigroup(seed, s, t):
    j, y, f0 = draw(5, 7, seed=seed), draw(5, seed=seed + 1), draw(5, seed=seed + 2)
    theta = j @ j.T
    first = gradient_flow(theta, y, f0, 0.2, s, theta, f0)
    then = gradient_flow(theta, y, first.train, 0.2, t, theta, first.test)
    once = gradient_flow(theta, y, f0, 0.2, s + t, theta, f0)
    assert torch.allclose(then.train, once.train, atol=1e-9)
    assert torch.allclose(then.test, once.test, atol=1e-9)
    assert torch.allclose(once.test, once.train, atol=1e-9)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"theta": draw(3, 2)}, r"theta: expected shape \(2, 2\) for 2 targets"),
        ({"theta": draw(2, 2)}, "theta: expected a symmetric matrix"),
        ({"theta": torch.eye(2) * math.nan}, "theta: expected finite numbers"),
        ({"theta": torch.diag(torch.tensor([1.0, -1e-3]))}, "theta: expected no negative eigenv"),
        ({"f0_test": draw(4)}, "f0_test: expected cross beside it, got None"),
        ({"f0": draw(3)}, r"f0: expected the shape \(2,\) of y"),
        ({"eta": 0.0}, "eta: expected a positive number, got 0.0"),
        ({"t": -1.0}, "t: expected times of at least 0"),
        ({"t": math.nan}, "t: expected times of at least 0"),
        ({"cross": draw(4, 3)}, r"cross: expected shape \(test, 2\)"),
        ({"cross": draw(4, 2), "f0_test": draw(3)}, r"f0_test: expected shape \(4,\), got \(3,\)"),
    ],
)
def test_flow_refuses(change, message):
    good = {"theta": torch.eye(2), "y": draw(2), "f0": draw(2), "eta": 1.0, "t": 1.0}
    with pytest.raises(ValueError, match=f"^{message}"):
        gradient_flow(**(good | change))


# --- learning curves -------------------------------------------------------------------------


def test_isotropic_features_give_the_known_formula():
    """p equal modes without ridge: κ = (p − n)/n for n < p, the double descent of Hastie et al."""
    p, noise = 60, 0.5
    ones, v = torch.ones(p, dtype=F64), torch.full((p,), p**-0.5, dtype=F64)
    curve = learning_curve(ones, v, [20, 60, 90], noise=noise)
    gamma = p / 20
    under = (1 - 1 / gamma) + noise**2 / (gamma - 1)
    over = noise**2 * (60 / 90) / (1 - 60 / 90)
    assert float(curve.kappa[0]) == pytest.approx(2.0, rel=1e-12)
    assert float(curve.test[0]) == pytest.approx(under + noise**2, rel=1e-12)
    assert float(curve.test[1]) == math.inf
    assert float(curve.test[2]) == pytest.approx(over + noise**2, rel=1e-12)
    assert float(curve.train[0]) == 0
    assert float(curve.train[2]) == pytest.approx(noise**2 * (1 - 60 / 90), rel=1e-12)


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 10**6), st.integers(1, 30), st.floats(1e-6, 10))
def test_learnability_is_conserved(seed, n, ridge):
    values = draw(12, seed=seed).square() + 1e-6
    curve = learning_curve(values, draw(12, seed=seed + 1), n, ridge)
    supply = float(curve.learnability.sum() + ridge / curve.kappa[0])
    assert supply == pytest.approx(n, rel=1e-9)
    assert 0 <= float(curve.train[0]) <= float(curve.test[0])


def test_multiplicities_and_modes_that_the_kernel_lacks():
    values, v = torch.tensor([1.0, 0.5, 0.0], dtype=F64), torch.tensor([1.0, 1.0, 0.3], dtype=F64)
    with_zero = learning_curve(values, v, 10, 0.1)
    as_noise = learning_curve(values[:2], v[:2], 10, 0.1, noise=0.3)
    assert torch.allclose(with_zero.test, as_noise.test, rtol=1e-12)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((draw(3), draw(3), 2), "eigenvalues: expected at least 0"),
        ((torch.zeros(3), draw(3), 2), "eigenvalues: expected at least 0 and one above"),
        ((torch.ones(3), draw(2), 2), r"coefficients: expected shape \(3,\), got \(2,\)"),
        ((torch.ones(3), draw(3), 0), "n: expected an integer of at least 1, got 0"),
        ((torch.ones(3), draw(3), 2, -1.0), "ridge: expected a number of at least 0"),
        ((torch.ones(3), draw(3), 2, 0.0, math.nan), "noise: expected a number of at least 0"),
    ],
)
def test_learning_curve_refuses(arguments, message):
    with pytest.raises(ValueError, match=f"^{message}"):
        learning_curve(*arguments)


# --- spectra ---------------------------------------------------------------------------------


def arc_cosine(u):
    angle = u.clamp(-1, 1).acos()
    return (angle.sin() + (math.pi - angle) * u) / math.pi


def test_circle_against_the_eigenvalues_of_a_circulant_matrix():
    n = 4096
    angle = 2 * math.pi * torch.arange(n, dtype=F64) / n
    circulant = torch.fft.fft(arc_cosine(angle.cos())).real / n
    found = circle_spectrum(arc_cosine, 12)
    assert torch.allclose(found.eigenvalues, circulant[:13], atol=1e-8)
    assert found.multiplicities.tolist() == [1] + 12 * [2]


@pytest.mark.parametrize("dim", [3, 4, 7])
def test_sphere_against_legendre_and_gegenbauer(dim):
    def kernel(u):
        return (u + 0.3 * u**2).exp()

    found = sphere_spectrum(kernel, dim, 6)
    alpha = dim / 2 - 1
    x, w = special.roots_gegenbauer(60, alpha)
    for k, value in enumerate(found.eigenvalues.tolist()):
        p = special.eval_gegenbauer(k, alpha, x) / special.eval_gegenbauer(k, alpha, 1.0)
        expected = (w * p * kernel(torch.from_numpy(x)).numpy()).sum() / w.sum()
        assert value == pytest.approx(expected, abs=1e-13)


def test_the_trace_is_the_value_at_one():
    found = sphere_spectrum(lambda u: (2 * u).exp(), 4, 40)
    total = float((found.eigenvalues * found.multiplicities).sum())
    assert total == pytest.approx(math.exp(2), rel=1e-12)
    assert len(found.repeated()) == int(found.multiplicities.sum())


@pytest.mark.parametrize("name", ["C4", "D4", "Oh"])
def test_invariant_multiplicities_are_traces_of_the_averaged_kernel(name):
    """Σ_k m_k μ_k = (1/|G|) Σ_g E κ(x · g x) over the sphere."""
    V = geomdl.group(name).standard
    found = sphere_spectrum(lambda u: (2 * u).exp(), V.dim, 30, rep=V)
    rng = torch.Generator().manual_seed(0)
    x = torch.randn(20000, V.dim, generator=rng, dtype=F64)
    x = x / x.norm(dim=1, keepdim=True)
    turned = torch.einsum("gij,nj->gni", V(V.group.elements), x)
    sample = (2 * (turned * x).sum(-1)).exp().mean(0)
    error = 5 * float(sample.std()) / len(x) ** 0.5
    assert (
        abs(float(sample.mean()) - float((found.eigenvalues * found.multiplicities).sum()))
        <= error + 1e-9
    )


@pytest.mark.parametrize("dim", [2, 300, 784, 5000])
def test_spheres_of_many_dimensions(dim):
    found = sphere_spectrum(lambda u: u + u * u, dim, 2).eigenvalues.tolist()
    assert found == pytest.approx([1 / dim, 1 / dim, 2 / dim / (dim + 2)], rel=1e-9)


def test_spectra_refuse():
    with pytest.raises(ValueError, match="max_degree: expected multiplicities below"):
        sphere_spectrum(arc_cosine, 784, 12)
    with pytest.raises(ValueError, match=r"^dim: expected an integer of at least 2, got 1$"):
        sphere_spectrum(arc_cosine, 1, 3)
    with pytest.raises(ValueError, match=r"^max_degree: expected an integer of at least 0"):
        circle_spectrum(arc_cosine, -1)
    for few in (lambda: sphere_spectrum(arc_cosine, 3, 40, nodes=40),
                lambda: circle_spectrum(arc_cosine, 40, nodes=5)):  # fmt: skip
        with pytest.raises(ValueError, match=r"^nodes: expected an integer of at least 41, got"):
            few()
    with pytest.raises(ValueError, match=r"^kernel: expected 75 finite values"):
        circle_spectrum(lambda u: u * math.nan, 3)
    with pytest.raises(ValueError, match=r"^rep: expected dimension 3, got 2$"):
        sphere_spectrum(arc_cosine, 3, 3, rep=geomdl.group("C4").standard)


THREE = torch.ones(3, dtype=F64)


@pytest.mark.parametrize(
    ("call", "kind", "message"),
    [
        (lambda: circle_spectrum(None, 3), TypeError, "kernel: expected a function, got NoneType"),
        (lambda: landmarks(None, THREE[:, None], 2), TypeError, "kernel: expected a function"),
        (lambda: landmarks(arc_cosine, [1.0], 1), TypeError, "x: expected a tensor of real"),
        (lambda: landmarks(arc_cosine, THREE[0], 1), ValueError, "x: expected rows"),
        (lambda: landmarks(arc_cosine, THREE, 1, rng=3), TypeError, "rng: expected a torch.Gen"),
        (lambda: learning_curve(THREE, THREE, 2.5), ValueError, "n: expected an integer"),
        (lambda: learning_curve(THREE, THREE, None), ValueError, "n: expected an integer"),
        (lambda: learning_curve(THREE, THREE, []), ValueError, "n: expected at least one number"),
        (
            lambda: gradient_flow(torch.eye(3), THREE, THREE, 1.0, "late"),
            TypeError,
            "t: expected a time or a tensor of times, got 'late'",
        ),
        (
            lambda: gradient_flow(torch.eye(3), THREE[0], THREE, 1.0, 1.0),
            ValueError,
            "y: expected one target a row",
        ),
    ],
)
def test_what_is_of_another_kind_is_refused_in_one_line(call, kind, message):
    with pytest.raises(kind, match=f"^{message}") as caught:
        call()
    assert "\n" not in str(caught.value)
