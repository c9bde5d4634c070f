"""Networks with one hidden layer, and deep ones, against closed forms and dense sampling."""

import math

import pytest
import torch
from scipy import integrate, stats

from geomdl.expressivity import (
    Cosines,
    Gaussian,
    Matern,
    barron_network,
    free_knots,
    greedy,
    maurey_network,
    maurey_variance,
    product_network,
    random_features,
    sawtooth,
    square_network,
)

TWO = Cosines([1.0, -0.5], torch.tensor([[1.0, 0.0, 2.0], [0.0, 2.0, 1.0]]))
SPECTRA = [Gaussian(3, 0.8), Matern(3, 1.5), Matern(3, 2.5, 2.0), TWO]


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def within(sample: torch.Tensor, expected: float, errors: float = 5) -> bool:
    """Mean within so many standard errors."""
    spread = float(sample.std()) / len(sample) ** 0.5
    return abs(float(sample.mean()) - expected) <= errors * spread + 1e-12


@pytest.mark.parametrize("f", [*SPECTRA, Matern(3, 0.5)], ids=lambda f: type(f).__name__)
def test_the_measure_has_the_function_as_its_transform(f):
    signs, omega = f.sample(40_000, seeded())
    for x in torch.tensor([[0.3, 0.4, -0.2], [1.0, -1.0, 0.5]], dtype=torch.float64):
        assert within(f.mass * signs * torch.cos(omega @ x), float(f(x)))


@pytest.mark.parametrize("f", SPECTRA, ids=lambda f: type(f).__name__)
def test_barron_norm_is_the_mean_length(f):
    if not isinstance(f, Matern):  # whose lengths have few moments
        _, omega = f.sample(40_000, seeded())
        assert within(f.mass * omega.norm(dim=1), f.barron_norm())
    # E over the tilted measure of 1/|ω| is mass / C_f
    _, tilted = f.sample(40_000, seeded(1), tilted=True)
    assert within(f.barron_norm() / tilted.norm(dim=1), f.mass)


@pytest.mark.parametrize("nu", [1.5, 2.5])
@pytest.mark.parametrize("d", [1, 4])
def test_barron_norm_by_quadrature(nu, d):
    """|ω|²/d is Fisher's F with d and 2ν degrees, times 1/ℓ²."""
    mean, _ = integrate.quad(lambda s: math.sqrt(d * s) * stats.f.pdf(s, d, 2 * nu), 0, math.inf)
    assert Matern(d, nu, 2.0).barron_norm() == pytest.approx(mean / 2, rel=1e-6)
    chi, _ = integrate.quad(lambda r: r * stats.chi.pdf(r, d), 0, math.inf)
    assert Gaussian(d, 2.0).barron_norm() == pytest.approx(chi / 2, rel=1e-8)


@pytest.mark.parametrize("nu", [0.5, 1.5, 2.5])
def test_matern_is_scipys_bessel_form(nu):
    from scipy.special import gamma, kv

    r = torch.tensor([0.2, 1.0, 3.0], dtype=torch.float64)
    z = math.sqrt(2 * nu) * r.numpy()
    expected = 2 ** (1 - nu) / gamma(nu) * z**nu * kv(nu, z)
    assert torch.allclose(Matern(1, nu)(r.unsqueeze(1)), torch.from_numpy(expected), atol=1e-12)


@pytest.mark.parametrize("f", SPECTRA, ids=lambda f: type(f).__name__)
def test_maureys_constant(f):
    x = torch.tensor([0.5, -0.4, 0.8], dtype=torch.float64)
    with torch.no_grad():
        errors = [maurey_network(f, 8, seeded(s))(x) - f(x) for s in range(500)]
    sample = torch.stack(errors)
    assert within(sample, 0.0)
    assert within(8 * sample.square(), float(maurey_variance(f, x)))


def test_the_number_of_the_text():
    x = 0.3 * torch.randn(20_000, 20, generator=seeded(), dtype=torch.float64)
    closed = (1 + 1.36**-10) / 2 - 1.18**-10  # E e^{-a|x|²} = (1 + 2aσ²)^{-d/2}
    assert closed == pytest.approx(0.332, abs=5e-4)
    assert within(maurey_variance(Gaussian(20), x), closed)


@pytest.mark.parametrize("f", SPECTRA, ids=lambda f: type(f).__name__)
def test_barrons_steps_are_unbiased_and_bounded(f):
    n, radius = 50, 1.2
    x = torch.tensor([[0.5, -0.4, 0.8], [0.0, 0.0, -1.2]], dtype=torch.float64)
    with torch.no_grad():
        drawn = torch.stack([barron_network(f, n, radius, seeded(s))(x) - f(x) for s in range(300)])
    for column in drawn.T:
        assert within(column, 0.0)
        assert n * float(column.square().mean()) <= (2 * radius * f.barron_norm()) ** 2
    one = barron_network(f, n, radius, seeded())
    assert float(one.amplitudes.detach().abs().max()) <= 2 * radius * f.barron_norm() / n
    assert one(x).requires_grad  # a network that one may go on training


def dictionary() -> tuple[torch.Tensor, torch.Tensor]:
    rng = seeded()
    frequencies = torch.randn(300, 5, generator=rng, dtype=torch.float64)
    x = torch.randn(60, 5, generator=rng, dtype=torch.float64)
    atoms = torch.cos(frequencies @ x.T)
    weights = torch.rand(300, generator=rng, dtype=torch.float64)
    signs = torch.randint(0, 2, (300,), generator=rng).double() * 2 - 1
    return (signs * weights / weights.sum()) @ atoms, atoms


@pytest.mark.parametrize("method", ["relaxed", "frank-wolfe", "orthogonal"])
@pytest.mark.parametrize("mass", [1.0, 2.0])
def test_greedy_keeps_its_bound_and_its_books(method, mass):
    y, atoms = dictionary()
    found = greedy(y, atoms, 24, method, mass=mass)
    assert bool((found.errors <= found.bounds * (1 + 1e-12)).all())
    assert bool((found.errors.diff() <= 1e-15).all())
    rebuilt = found.coefficients @ atoms[found.chosen]
    assert float((rebuilt - y).square().mean()) == pytest.approx(float(found.errors[-1]), rel=1e-9)
    if method != "orthogonal":
        assert float(found.coefficients.abs().sum()) <= mass * (1 + 1e-12)


def test_the_first_relaxed_step_is_the_best_of_all():
    y, atoms = dictionary()
    alphas = torch.linspace(0, 1, 201, dtype=torch.float64)
    tried = torch.stack([(y - s * a * atoms).square().mean(1) for a in alphas for s in (1, -1)])
    assert float(greedy(y, atoms, 1).errors[1]) <= float(tried.min()) + 1e-15
    assert float(greedy(y, atoms, 1).errors[1]) == pytest.approx(float(tried.min()), rel=3e-3)


def test_the_bound_of_relaxed_greedy_is_reached():
    """By the first step of an orthonormal dictionary towards its mean."""
    atoms = 8**0.5 * torch.eye(8, dtype=torch.float64)
    found = greedy(atoms.mean(0), atoms, 6)
    assert float(found.errors[1]) == pytest.approx(float(found.bounds[1]), rel=1e-12)
    assert bool((found.errors[2:] < found.bounds[2:]).all())


def test_a_dictionary_that_does_not_hold_the_target_breaks_the_bound():
    y, atoms = dictionary()
    far = greedy(3 * y.sign(), atoms, 24, mass=4.0)
    assert bool((far.errors > far.bounds).any())


def test_random_features_do_no_worse_than_their_mean():
    y, atoms = dictionary()
    found = random_features(y, atoms, 20, seeded())
    assert bool((found.errors.diff() <= 1e-15).all())
    some = atoms[found.chosen]
    best = torch.linalg.lstsq(some.T, y.unsqueeze(1), driver="gelsd").solution.squeeze(1)
    assert float((best @ some - y).square().mean()) == pytest.approx(float(found.errors[-1]))
    assert float((found.coefficients - best).abs().max()) < 1e-6


@pytest.mark.parametrize("m", [1, 2, 5])
def test_the_square_is_the_interpolation(m):
    network = square_network(m)
    x = torch.arange(2**m + 1, dtype=torch.float64) / 2**m
    with torch.no_grad():
        assert torch.equal(network(x.unsqueeze(1)).squeeze(1), x**2)
        middle = (x[1:] + x[:-1]) / 2
        error = network(middle.unsqueeze(1)).squeeze(1) - middle**2
    assert torch.equal(error, torch.full_like(error, 2.0 ** (-2 * m - 2)))


@pytest.mark.parametrize("bound", [1.0, 3.0])
def test_the_product(bound):
    m = 6
    network = product_network(m, bound)
    xy = bound * (2 * torch.rand(2000, 2, generator=seeded(), dtype=torch.float64) - 1)
    with torch.no_grad():
        error = network(xy).squeeze(1) - xy.prod(1)
        assert float(error.abs().max()) <= bound**2 * 4.0**-m
        assert float(error.abs().max()) >= 0.1 * bound**2 * 4.0**-m
        xy[:, 0] = 0
        assert float(network(xy).abs().max()) <= 1e-15 * bound**2 * 10


def test_the_sawtooth():
    x = torch.rand(500, 1, generator=seeded(), dtype=torch.float64)
    expected = x.clone()
    for _ in range(6):
        expected = 1 - (2 * expected - 1).abs()
    assert torch.equal(sawtooth(6)(x), expected) or torch.allclose(sawtooth(6)(x), expected)


def test_free_knots_against_a_search():
    x = torch.linspace(0, 1, 61, dtype=torch.float64)
    y = torch.exp(2 * x)

    def error(i: int, j: int) -> float:
        """Best line over samples by a linear program."""
        from scipy.optimize import linprog

        t, v = x[i : j + 1].numpy(), y[i : j + 1].numpy()
        ones = torch.ones(len(t)).numpy()
        rows = [*zip(t, ones, -ones, strict=True), *zip(-t, -ones, -ones, strict=True)]
        return float(
            linprog([0, 0, 1], rows, [*v, *-v], bounds=[(None, None)] * 2 + [(0, None)]).x[2]
        )

    for sign in (1, -1):
        found = free_knots(x, sign * y, 2)
        best = min(max(error(0, k), error(k, 60)) for k in range(20, 50))
        assert found.error == pytest.approx(best, rel=1e-8)
        assert len(found.knots) == 3


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: Gaussian(0), "d: expected an integer of at least 1, got 0"),
        (lambda: Gaussian(2, -1.0), "width: expected a positive number"),
        (lambda: Gaussian(2)(torch.zeros(3)), r"x: last axis should be d=2, got shape \(3,\)"),
        (lambda: Matern(2, 1.0), "nu: expected 0.5, 1.5 or 2.5"),
        (lambda: Cosines([1.0], torch.zeros(2, 2)), "frequencies: expected shape"),
        (lambda: Cosines([math.nan], torch.zeros(1, 2)), "amplitudes: expected finite"),
        (lambda: barron_network(Matern(2, 0.5), 3, 1.0), "f: expected a finite Barron norm"),
        (lambda: barron_network(Gaussian(2), 0, 1.0), "n: expected an integer"),
        (lambda: greedy(torch.ones(3), torch.ones(2, 4), 1), "atoms: expected shape"),
        (lambda: greedy(torch.ones(3), 2 * torch.ones(2, 3), 1), "atoms: expected norms"),
        (lambda: greedy(torch.ones(3), torch.full((2, 3), math.nan), 1), "atoms: expected finite"),
        (lambda: greedy(torch.ones(3), torch.ones(2, 3), 1, "best"), "method: expected one of"),
        (lambda: random_features(torch.ones(3), torch.ones(2, 3), 3), "n: expected at most 2"),
        (lambda: free_knots(torch.zeros(3), torch.zeros(3), 1), "x: expected ascending"),
        (
            lambda: free_knots(torch.arange(4.0), torch.tensor([0.0, 1, 0, 1]), 1),
            "y: expected values of a convex",
        ),
        (lambda: sawtooth(0), "k: expected an integer"),
        (lambda: product_network(2, 0.0), "bound: expected a positive"),
    ],
)
def test_bad_input_is_one_line(call, message):
    with pytest.raises(ValueError, match=message) as caught:
        call()
    assert "\n" not in str(caught.value)
