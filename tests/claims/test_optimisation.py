"""What the claims on optimisation compute with, against independent programs."""

import math

import numpy as np
import pytest
import torch
from scipy.optimize import minimize

from geomdl import claims
from geomdl.claims.acceleration import worst_quadratic
from geomdl.claims.flow_symmetry import class_basis
from geomdl.claims.flows import flow, gradients
from geomdl.claims.implicit import widest_margin
from geomdl.claims.linear_landscape import _critical_values, regression
from geomdl.claims.linear_networks import mode_dynamics
from geomdl.claims.sgd import (
    averaged_covariance,
    decreasing_variance,
    dropout_ridge,
    stationary_variance,
)
from geomdl.claims.sparsity import least_l1, least_potential
from geomdl.groups import group


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def normal(rng, *shape):
    return torch.randn(*shape, generator=rng, dtype=torch.float64)


@pytest.mark.parametrize("momentum", [0.0, 0.5, 0.9])
@pytest.mark.parametrize("step", [0.1, 1.0, 1.9])
def test_the_stationary_variance_solves_the_equation_of_lyapunov(step, momentum):
    curvature, noise = 0.7, 1.3
    a = np.array([[1 - step * curvature, -step * momentum], [curvature, momentum]])
    b = np.array([[step], [-1.0]])  # x' = x - η v', v' = β v + λ x + ξ
    system = np.eye(4) - np.kron(a, a)
    cov = np.linalg.solve(system, (noise**2 * b @ b.T).reshape(-1)).reshape(2, 2)
    assert stationary_variance(step, curvature, noise, momentum) == pytest.approx(cov[0, 0])


def test_beyond_the_edge_the_variance_is_infinite():
    assert stationary_variance(2.0, 1.0) == math.inf
    assert stationary_variance(2.0, 1.0, momentum=0.1) < math.inf
    with pytest.raises(ValueError, match="momentum: expected at least 0 and below 1, got 1"):
        stationary_variance(0.1, 1.0, momentum=1)
    with pytest.raises(ValueError, match="curvature: expected more than 0, got nan"):
        stationary_variance(0.1, math.nan)


def test_the_variance_under_decreasing_steps_against_the_mean_and_the_limit():
    c = torch.tensor([1.0, 1.5, 3.0]).double()
    for k in (1, 10, 1000):  # with c = 1 the iterate is the mean of k samples
        assert float(decreasing_variance(c, k, 2.0, 0.5)[0]) == pytest.approx(0.0625, rel=1e-12)
    limit = c.square() / (2 * c - 1) * 0.0625
    far = [(decreasing_variance(c, k, 2.0, 0.5) - limit)[1:] for k in (1000, 2000)]
    assert torch.allclose(far[0] / far[1], torch.tensor([2.0, 2.0]).double(), rtol=0.01)


def test_the_covariance_of_the_averaged_iterates_is_that_of_its_sum():
    rng, n, d = generator(), 40, 3
    h, s = (a @ a.T / 4 for a in (normal(rng, d, d), normal(rng, d, d)))
    eta = [k ** (-2 / 3) for k in range(1, n + 1)]
    expected = torch.zeros(d, d).double()
    for k in range(n):
        power, b = torch.eye(d).double(), torch.zeros(d, d).double()
        for j in range(k, n):
            power = power if j == k else power - eta[j] * h @ power
            b = b + eta[k] * power
        expected += b @ s @ b.T / n
    assert torch.allclose(averaged_covariance(h, s, eta), expected, rtol=1e-10)
    h = torch.diag(torch.tensor([0.5, 1.0, 2.0])).double()
    limit = torch.linalg.inv(h) @ s @ torch.linalg.inv(h)
    far = [
        float((averaged_covariance(h, s, [k ** (-2 / 3) for k in range(1, n + 1)]) - limit).norm())
        for n in (500, 4000)
    ]
    assert far[1] < 0.55 * far[0] < 0.1 * float(limit.norm())


def test_the_tolerance_is_five_errors_of_the_products_of_normal_numbers_alone():
    found = claims.run("iterate-averaging", 0)
    cov = found.predicted
    spread = np.sqrt((np.outer(np.diag(cov), np.diag(cov)) + cov**2) / 2000)
    assert (found.tolerance <= 1.1 * 5 * spread).all()


def test_decreasing_steps_are_held_to_the_exact_variance():
    c = torch.tensor([0.8, 1.0, 1.5, 2.0, 4.0]).double()
    exact = decreasing_variance(c, 2000, 2.0, 0.5)
    found = claims.run("sgd-decreasing-steps", 0)
    assert found.predicted == pytest.approx(exact.numpy(), rel=1e-6)
    assert (found.tolerance <= 1.1 * 5 * found.predicted * math.sqrt(2 / 4000)).all()


def test_dropout_is_drawn_from_the_generator():
    found = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        found.append(dropout_ridge(generator(), False).measured)
    assert np.array_equal(*found)


def test_the_worst_quadratic_is_smooth():
    a, b = worst_quadratic(40)
    values = torch.linalg.eigvalsh(a)
    assert values[0] > 0 and values[-1] < 1
    best = torch.linalg.solve(a, b)
    assert float(0.5 * best @ b) == pytest.approx((1 - 1 / 41) / 8)


def test_the_flow_has_order_four():
    start = [torch.tensor(0.3, dtype=torch.float64)]
    ends = [float(flow(lambda w: -w.sin(), start, 2.0, n)[0]) for n in (10, 20, 160)]
    errors = [abs(e - ends[2]) for e in ends[:2]]
    assert 13 < errors[0] / errors[1] < 19


def test_gradients_are_those_of_finite_differences():
    def loss(a, b):
        return (a @ b).tanh().sum()

    rng = generator()
    w = [normal(rng, 2, 3), normal(rng, 3, 2)]
    found = gradients(loss, w)
    move = [normal(rng, 2, 3), normal(rng, 3, 2)]
    ahead, behind = (
        loss(*(v + s * m for v, m in zip(w, move, strict=True))) for s in (1e-6, -1e-6)
    )
    along = sum(float((g * m).sum()) for g, m in zip(found, move, strict=True))
    assert float(ahead - behind) / 2e-6 == pytest.approx(along, rel=1e-7)


def test_the_modes_obey_their_equation():
    t = torch.linspace(0, 3, 7, dtype=torch.float64, requires_grad=True)
    a = mode_dynamics(t, 1.7, 0.01)
    (rate,) = torch.autograd.grad(a.sum(), t)
    assert torch.allclose(rate, 2 * a * (1.7 - a), rtol=1e-10)
    assert float(a[0].detach()) == pytest.approx(0.01)
    with pytest.raises(ValueError, match="expected more than 0"):
        mode_dynamics(t, 1.0, 0.0)


def test_the_least_critical_value_is_that_of_reduced_rank_regression():
    rng = generator(3)
    x, y = regression(rng, 20, 3)
    values = _critical_values(x, y, 2)
    assert len(values) == 7
    ordinary = y @ torch.linalg.pinv(x)
    u = torch.linalg.svd(ordinary @ x).U[:, :2]
    best = (y - u @ u.T @ ordinary @ x).square().sum() / 2
    assert float(values[0]) == pytest.approx(float(best), rel=1e-12)
    assert float(values[-1]) == pytest.approx(float(y.square().sum() / 2), rel=1e-12)


def test_all_critical_values_are_found():
    found = claims.run("linear-critical-values", 0)
    assert len(set(found.predicted.tolist())) == 7


@pytest.mark.parametrize("seed", range(3))
def test_the_widest_margin_against_a_general_solver(seed):
    rng = generator(seed)
    x = normal(rng, 10, 3)
    x = x * (x @ torch.ones(3).double()).sign()[:, None]
    w, alpha = widest_margin(x)
    margins = x @ w
    assert margins.min() >= 1 - 1e-9
    assert (alpha >= 0).all() and float((alpha * (margins - 1)).abs().max()) < 1e-8
    data = x.numpy()
    rule = {"type": "ineq", "fun": lambda v: data @ v - 1, "jac": lambda v: data}
    other = minimize(lambda v: v @ v / 2, 5 * w.numpy(), jac=lambda v: v, constraints=rule,
                     method="SLSQP")  # fmt: skip
    assert np.allclose(other.x, w.numpy(), rtol=1e-4, atol=1e-5)


def test_data_that_cannot_be_separated_are_refused():
    with pytest.raises(ValueError, match="x: expected data that a hyperplane through 0 separates"):
        widest_margin(torch.tensor([[1.0, 0.0], [-1.0, 0.0]], dtype=torch.float64))


@pytest.mark.parametrize("alpha", [0.2, 1.0, 5.0])
def test_the_least_potential_against_a_general_solver(alpha):
    rng = generator(1)
    x, y = normal(rng, 3, 6), normal(rng, 3)
    found = least_potential(x, y, alpha)
    assert torch.allclose(x @ found, y, atol=1e-10)
    null = torch.linalg.svd(x).Vh[3:].T.numpy()
    base = (torch.linalg.pinv(x) @ y).numpy()

    def potential(c):
        z = (base + null @ c) / alpha**2
        return float(np.sum(2 - np.sqrt(4 + z**2) + z * np.arcsinh(z / 2)))

    best = minimize(potential, np.zeros(3), method="BFGS", options={"gtol": 1e-9})
    assert np.allclose(base + null @ best.x, found.numpy(), atol=1e-4)


def test_the_least_l1_norm_has_a_certificate():
    rng = generator(2)
    x, y = normal(rng, 4, 9), normal(rng, 4)
    beta, dual = least_l1(x, y)
    assert torch.allclose(x @ beta, y, atol=1e-9)
    assert float((x.T @ dual).abs().max()) <= 1 + 1e-9
    assert float(dual @ y) == pytest.approx(float(beta.abs().sum()))


@pytest.mark.parametrize("name", ["S3", "D8", "S4"])
def test_class_functions_convolve_as_the_factors_say(name):
    G = group(name)
    basis, factors = class_basis(G)
    shift = G.regular(G.elements).double()
    assert torch.allclose(basis @ basis.T, torch.eye(len(basis)).double(), atol=1e-12)
    for i, chi in enumerate(basis):
        product = torch.einsum("g,gkh,ih->ik", chi, shift, basis)
        expected = torch.zeros_like(basis)
        expected[i] = factors[i] * chi
        assert torch.allclose(product, expected, atol=1e-10)
