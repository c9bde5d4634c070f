"""Bounds that are numbers: kl, PAC-Bayes, codes, complexity, flatness, ranks."""

import copy
import functools
import itertools
import math
from decimal import Decimal, localcontext

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from scipy.optimize import brentq
from scipy.stats import kendalltau
from torch import nn

import geomdl
from geomdl import Field, Grid, steerable
from geomdl.generalization import bounds
from geomdl.generalization.bounds.compression import _gamma


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def randn(*shape, seed=0):
    return torch.randn(*shape, generator=seeded(seed), dtype=torch.float64)


# --- kl ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("q", [0.0, 0.01, 0.3, 0.9])
@pytest.mark.parametrize("budget", [1e-3, 0.1, 2.0])
def test_kl_inverse_against_a_root_finder(q, budget):
    p = bounds.kl_inverse(q, budget)
    root = brentq(lambda t: bounds.binary_kl(q, t) - budget, q + 1e-15, 1 - 1e-15, xtol=1e-14)
    assert p == pytest.approx(root, abs=1e-12)
    assert q < p <= q + math.sqrt(budget / 2)


def test_kl_inverse_at_the_ends():
    assert 0.2 <= bounds.kl_inverse(0.2, 0.0) <= math.nextafter(0.2, 1)
    assert bounds.kl_inverse(1.0, 0.3) == 1.0
    assert bounds.kl_inverse(0.5, 50.0) <= 1.0


def decimal_kl(q, p):
    with localcontext(prec=60):
        parts = ((Decimal(q), Decimal(p)), (1 - Decimal(q), 1 - Decimal(p)))
        return sum(a * (a / b).ln() for a, b in parts if a > 0)


@pytest.mark.parametrize("q", [0.0, 1e-17, 1e-4, 0.1, 0.3, 0.45, 0.9, 1 - 1e-9])
def test_kl_and_its_inverse_against_sixty_digits(q):
    """Near p = q the two terms cancel; a bound must not come out too small."""
    for gap in (1e-12, 1e-8, 1e-3, 0.2, 0.7, 0.999):
        for p in (q + (1 - q) * gap, q * (1 - gap)):
            if 0 < p < 1:
                exact = decimal_kl(q, p)
                assert abs(Decimal(bounds.binary_kl(q, p)) - exact) <= exact * Decimal(2.0**-50)
    for budget in (1e-20, 1e-16, 1e-14, 1e-8, 1e-3, 0.5, 5.0):
        p = bounds.kl_inverse(q, budget)
        assert p == 1 or decimal_kl(q, p) >= Decimal(budget)
        assert p - 2.0**-48 <= q or decimal_kl(q, p - 2.0**-48) <= Decimal(budget)


def test_bounds_are_in_order():
    tight = bounds.sample_bound(0.1, 200, 0.05)
    assert 0.1 < tight < bounds.occam_bound(0.1, 8, 200, 0.05) < 1
    assert bounds.pac_bayes_kl(0.1, 5.0, 200, 0.05) < bounds.pac_bayes_kl(0.1, 5.0, 100, 0.05)


# --- posterior --------------------------------------------------------------------------------


def problem(n=300, seed=0):
    x = randn(n, 2, seed=seed).float()
    y = (x[:, 0] + 0.3 * x[:, 1] > 0).long()
    first = nn.Linear(2, 2)
    first.weight.data = 0.3 * randn(2, 2, seed=5).float()
    trained = copy.deepcopy(first)
    trained.weight.data = torch.tensor([[-1.0, -0.3], [1.0, 0.3]])
    return trained, first, x, y


def test_the_posterior_and_what_its_bound_is_made_of():
    trained, first, x, y = problem()
    before = copy.deepcopy(trained.state_dict())
    found = bounds.pac_bayes_fit(trained, first, x, y, rng=seeded(), steps=100, draws=100)
    assert all(torch.equal(before[k], v) for k, v in trained.state_dict().items())
    prior = dict(first.named_parameters())
    kl = 0.0
    for k, w in found.mean.items():
        q = torch.distributions.Normal(w.double(), found.variance[k].double().sqrt())
        p = torch.distributions.Normal(
            prior[k].detach().double(), math.sqrt(found.prior_variance) * torch.ones_like(q.mean)
        )
        kl += float(torch.distributions.kl_divergence(q, p).sum())
    assert found.kl == pytest.approx(kl, rel=1e-5)
    j = -20 * math.log(found.prior_variance / 0.5)
    assert j == pytest.approx(round(j), abs=1e-9)
    assert found.penalty == pytest.approx(math.log(math.pi**2 * round(j) ** 2 / 6), rel=1e-9)
    assert found.risk < found.risk_bound < found.bound < 0.5
    assert found.delta == pytest.approx(0.035)
    again = bounds.pac_bayes_fit(trained, first, x, y, rng=seeded(), steps=100, draws=100)
    assert again.bound == found.bound
    errors = []
    for k in range(30):
        drawn = found.draw(trained, seeded(k))
        errors.append(float((drawn(x).argmax(1) != y).float().mean()))
    assert abs(np.mean(errors) - found.risk) <= 5 * np.std(errors, ddof=1) / math.sqrt(30) + 0.01


def test_frozen_weights_are_no_part_of_the_posterior():
    trained, first, x, y = problem()
    for model in (trained, first):
        model.bias.requires_grad_(False)
    found = bounds.pac_bayes_fit(trained, first, x, y, rng=seeded(), steps=5, draws=10)
    assert set(found.mean) == {"weight"}
    assert torch.equal(found.draw(trained, seeded()).bias, trained.bias)
    first.bias.data += 1
    with pytest.raises(ValueError, match="those of initial, got another 'bias'"):
        bounds.pac_bayes_fit(trained, first, x, y, rng=seeded(), steps=5, draws=10)


def test_what_the_data_changed_and_no_code_holds_is_refused():
    trained, first, x, y = problem()
    for model, value in ((trained, 1.0), (first, 0.0)):
        model.register_buffer("shift", torch.tensor(value))
    for bound in (bounds.compress, functools.partial(bounds.pac_bayes_fit, rng=seeded())):
        with pytest.raises(ValueError, match="got another 'shift'"):
            bound(trained, first, x, y)
    norm = steerable.BatchNorm(Field(Grid(2), 2 * geomdl.group("C4").trivial))
    model = nn.Sequential(nn.Unflatten(1, (2, 1, 1)), norm, nn.Flatten(), trained).eval()
    with pytest.raises(ValueError, match="no statistics of the data, got batch norm at '1'"):
        bounds.compress(model, copy.deepcopy(model), x, y)


def test_a_code_counts_frozen_weights():
    trained, first, x, y = problem()
    found = bounds.compress(trained, first, x, y)
    for model in (trained, first):
        model.requires_grad_(False)
    frozen = bounds.compress(trained, first, x, y)
    assert (frozen.bits, frozen.bound) == (found.bits, found.bound)


@pytest.mark.parametrize("statistics", [False, True])
def test_instance_norm_may_hold_statistics(statistics):
    trained, _, x, y = problem()
    norm = nn.InstanceNorm1d(1, track_running_stats=statistics)
    model = nn.Sequential(nn.Unflatten(1, (1, 2)), norm, nn.Flatten(), trained).eval()
    if not statistics:
        assert bounds.compress(model, copy.deepcopy(model), x, y).bits > 0
        return
    with pytest.raises(ValueError, match="no statistics of the data"):
        bounds.compress(model, copy.deepcopy(model), x, y)


# --- codes ------------------------------------------------------------------------------------


def test_code_lengths_fulfil_krafts_inequality():
    """All words for three whole numbers of modulus up to 40: Σ 2^{-bits} ≤ 1, and not far below."""
    total = 0.0
    for values in itertools.product(range(-7, 8), repeat=3):
        total += 2.0 ** -bounds.code_length(torch.tensor(values))
    assert 0.02 < total <= 1.0


def test_code_length_counts_the_arrangements():
    values = torch.zeros(100, dtype=torch.int64)
    values[:5] = 1
    choices = math.comb(100, 5)
    types = math.comb(102, 2)
    least = math.log2(choices) + math.log2(types) + _gamma(2)
    assert least <= bounds.code_length(values) <= least + 4
    assert [_gamma(k) for k in (1, 2, 3, 4)] == [1, 3, 3, 5]


def test_code_length_of_huge_numbers():
    m, n = 10**12, 3
    length = bounds.code_length(torch.tensor([m, 0, 1]))
    types = math.log2(math.comb(n + 2 * m, n))
    least = 2 * math.floor(math.log2(m + 1)) + 1 + types + math.log2(6)
    assert least <= length <= least + 4


def test_compression_bounds_the_network_that_is_written():
    trained, first, x, y = problem()
    found = bounds.compress(trained, first, x, y)
    risk = float((found.model(x).argmax(1) != y).double().mean())
    assert found.risk == risk
    assert found.bound == bounds.occam_bound(risk, found.bits, len(x), 0.05)
    for w, w0 in zip(found.model.parameters(), first.parameters(), strict=True):
        steps = (w - w0) * 2**found.exponent
        assert torch.allclose(steps, steps.round(), atol=1e-4)
    assert found.bound < 0.5


# --- complexity -------------------------------------------------------------------------------


def test_rademacher_by_all_signs():
    x = randn(6, 3)
    found = bounds.rademacher_ball(x @ x.T, 2.0, rng=seeded())
    exact = np.mean(
        [
            2.0 / 6 * float((torch.tensor(s, dtype=torch.float64) @ x).norm())
            for s in itertools.product([-1, 1], repeat=6)
        ]
    )
    assert found.value == pytest.approx(exact, rel=1e-12)
    assert found.error == 0
    assert found.lower <= found.value <= found.upper
    drawn = bounds.rademacher_ball(x @ x.T, 2.0, rng=seeded(), draws=50)
    assert abs(drawn.value - exact) <= 5 * drawn.error


def test_khintchines_constant_is_reached():
    gram = torch.ones(2, 2, dtype=torch.float64)  # |σ₁ + σ₂|: mean 1, root mean square √2
    found = bounds.rademacher_ball(gram, rng=seeded())
    assert found.value == pytest.approx(found.lower, rel=1e-12)


def test_peeling_is_above_what_networks_reach():
    x = randn(8, 3)
    whole = bounds.rademacher_ball(x @ x.T, rng=seeded()).value
    assert whole < bounds.peeling_bound([1.0], x)
    signs = 2.0 * torch.randint(2, (200, 8), generator=seeded()) - 1
    w = F.normalize(randn(4000, 3), dim=1)  # directions of one hidden unit, the others at rest
    reached = (signs.double() @ torch.relu(x @ w.T)).abs().amax(1).mean() / 8
    assert 0.3 * whole < reached < bounds.peeling_bound([1.0, 1.0], x)
    assert bounds.peeling_bound([2.0, 3.0], x) == pytest.approx(6 * bounds.peeling_bound([1, 1], x))


def test_averaged_gram_of_the_linear_kernel_projects():
    x = randn(5, 4)
    orbit = torch.stack([x.roll(k, 1) for k in range(4)])
    found = bounds.averaged_gram(lambda a, b: a @ b.T, x, orbit)
    means = x.mean(1)
    assert torch.allclose(found, 4 * means[:, None] * means)


# --- flatness ---------------------------------------------------------------------------------


def test_sigma_of_a_quadratic_loss():
    """‖x‖² σ² raises (w·x - y)² by itself in the mean."""
    model = nn.Linear(3, 1, bias=False).double()
    x = torch.tensor([[1.0, 2.0, 2.0]], dtype=torch.float64)
    y = model(x).detach()
    sigma = bounds.pac_bayes_sigma(
        model, x, y, rng=seeded(), rise=0.1, draws=400, loss=F.mse_loss, steps=12
    )
    assert sigma**2 * 9 == pytest.approx(0.1, rel=5 * math.sqrt(2 / 400))


def test_relative_measures_do_not_see_rescaling():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 5, bias=False), nn.ReLU(), nn.Linear(5, 2, bias=False))
    x, y = randn(20, 3).float(), torch.randint(2, (20,), generator=seeded())
    scaled = copy.deepcopy(model)
    with torch.no_grad():
        scaled[0].weight *= 4
        scaled[2].weight /= 4
    for adaptive in (True, False):
        rises = [bounds.worst_case_rise(m, x, y, adaptive=adaptive) for m in (model, scaled)]
        assert all(r > 0 for r in rises)
        assert (abs(rises[0] / rises[1] - 1) < 1e-3) == adaptive
    for relative in (True, False):
        found = [
            bounds.pac_bayes_sigma(m, x, y, rng=seeded(), relative=relative)
            for m in (model, scaled)
        ]
        assert (abs(found[0] / found[1] - 1) < 1e-3) == relative


def test_worst_case_of_a_linear_loss():
    model = nn.Linear(3, 1, bias=False).double()
    x = randn(1, 3)
    w = model.weight.detach()

    def loss(f, y):
        return f.mean()

    plain = bounds.worst_case_rise(model, x, x, rho=0.1, adaptive=False, loss=loss)
    assert plain == pytest.approx(0.1 * float(x.norm()), rel=1e-10)
    adaptive = bounds.worst_case_rise(model, x, x, rho=0.1, loss=loss)
    assert adaptive == pytest.approx(0.1 * float((w * x).norm()), rel=1e-10)


# --- ranks ------------------------------------------------------------------------------------


def test_ranks():
    rng = np.random.default_rng(0)
    width = [w for w in (1, 2, 3) for _ in range(8)]
    depth = [d for _ in range(3) for d in (1, 2) for _ in range(4)]
    noise = rng.normal(size=24)
    gap = [w + 0.1 * e for w, e in zip(width, noise, strict=True)]
    measures = {
        "noise": rng.normal(size=24),
        "same": gap,
        "width": width,
        "minus": [-g for g in gap],
    }
    rows = {
        r.name: r for r in bounds.rank_measures(gap, measures, {"width": width, "depth": depth})
    }
    assert rows["same"].tau == 1 == rows["same"].psi
    assert rows["minus"].tau == -1 == rows["minus"].psi
    assert rows["width"].tau == pytest.approx(kendalltau(width, gap).statistic)
    assert rows["width"].axes == {"width": 1.0, "depth": 0.0}
    assert rows["noise"].low < 0 < rows["noise"].high
    assert rows["width"].low > 0.5
    assert list(rows) == sorted(rows, key=lambda k: -rows[k].tau)


def test_a_constant_measure_has_no_rank():
    rows = bounds.rank_measures([0.1, 0.2, 0.4], {"same": [1, 1, 1], "minus": [3, 2, 1]})
    assert [row.name for row in rows] == ["minus", "same"]
    assert all(math.isnan(v) for v in (rows[1].tau, rows[1].low, rows[1].high))
    (row,) = bounds.rank_measures([0.1, 0.1, 0.1], {"m": [1, 2, 3]}, {"width": [1, 2, 3]})
    assert math.isnan(row.tau)
    assert (row.psi, row.axes) == (None, {"width": None})


def test_units_are_resampled_whole():
    gap = [0.0, 1.0, 2.0, 3.0]
    alone = bounds.rank_measures(gap, {"m": [0, 1, 3, 2]})[0]
    together = bounds.rank_measures(gap, {"m": [0, 1, 3, 2]}, units=[0, 0, 0, 0])[0]
    assert together.low == together.high == together.tau
    assert alone.low < alone.tau


# --- what is refused --------------------------------------------------------------------------

MODEL, FIRST, X, Y = problem(8)


def fit(**kwargs):
    named = {"model": MODEL, "initial": FIRST, "x": X, "y": Y, "rng": seeded(), **kwargs}
    return bounds.pac_bayes_fit(**named)


def test_an_average_that_cancels_is_of_an_invariant_kernel():
    """No linear function of the plane is invariant under its quarter turns."""
    x, rep = randn(6, 2), geomdl.group("C4").standard
    orbit = torch.stack([x @ g.T for g in rep(rep.group.elements)])
    assert float(bounds.averaged_gram(lambda a, b: a @ b.T, x, orbit).abs().max()) < 1e-15


def test_a_gram_matrix_may_be_negative_by_rounding():
    gram = torch.diag(torch.tensor([1.0, -1e-17], dtype=torch.float64))
    assert bounds.rademacher_ball(gram, rng=seeded()).value == pytest.approx(0.5)


REFUSED = [
    (lambda: bounds.kl_inverse(1.5, 0.1), "q"),
    (lambda: bounds.kl_inverse(0.5, -1.0), "budget"),
    (lambda: bounds.kl_inverse(0.5, math.nan), "budget"),
    (lambda: bounds.pac_bayes_kl(0.1, 1.0, 0, 0.05), "n: expected"),
    (lambda: bounds.pac_bayes_kl(0.1, 1.0, 10, 0.0), r"delta: expected a number in \(0, 1\)"),
    (lambda: bounds.pac_bayes_kl(0.1, 1.0, 10, 1.0), "delta"),
    (lambda: bounds.pac_bayes_kl(math.nan, 1.0, 10, 0.1), "risk"),
    (lambda: bounds.occam_bound(0.1, -1, 10, 0.1), "bits"),
    (lambda: fit(delta=2.0), "delta"),
    (lambda: fit(mc_delta=0.0), "mc_delta"),
    (lambda: fit(x=X[:0], y=Y[:0]), "x: expected at least one sample"),
    (lambda: fit(x=X * math.nan), "x: expected finite"),
    (lambda: fit(y=Y + 2), "labels"),
    (lambda: fit(model=nn.Sequential(nn.Dropout(0.5), MODEL)), "dropout"),
    (lambda: fit(initial=nn.Linear(2, 3)), "initial"),
    (lambda: fit(model=nn.Sequential(nn.BatchNorm1d(2), MODEL).eval()), "batch norm"),
    (lambda: fit(rng=0), "rng"),
    (lambda: bounds.compress(MODEL, nn.Linear(2, 3), X, Y), "initial"),
    (lambda: bounds.compress(nn.BatchNorm1d(2).eval(), FIRST, X, Y), "batch norm"),
    (lambda: bounds.code_length(torch.zeros(3)), "values"),
    (lambda: bounds.rademacher_ball(randn(3, 3), rng=seeded()), "symmetric"),
    (lambda: bounds.rademacher_ball(-torch.eye(2), rng=seeded()), "positive"),
    (lambda: bounds.rademacher_ball(torch.diag(torch.tensor([2.0, -1])), rng=seeded()), "positive"),
    (lambda: bounds.rademacher_ball(2.0 * torch.eye(2).flip(0) + 1, rng=seeded()), "positive"),
    (lambda: bounds.peeling_bound([], X), "norms"),
    (lambda: bounds.peeling_bound([-1.0], X), "norms"),
    (lambda: bounds.averaged_gram(lambda a, b: a @ b.T, X, X), "orbit"),
    (
        lambda: bounds.averaged_gram(
            lambda a, b: a @ b.T, X, X.flip(1)[None] * torch.tensor([1.0, -1])
        ),
        "sym",
    ),
    (lambda: bounds.pac_bayes_sigma(nn.Dropout(0.5), X, Y, rng=seeded()), "dropout"),
    (lambda: bounds.pac_bayes_sigma(MODEL, X, Y, rng=seeded(), loss=lambda f, y: f), "scalar"),
    (lambda: bounds.worst_case_rise(MODEL, X, Y, loss=lambda f, y: f), "loss: expected a scalar"),
    (lambda: bounds.worst_case_rise(MODEL, X * math.nan, Y), "x: expected finite"),
    (lambda: bounds.rank_measures({"m": [1.0, 2.0, 3.0]}, [1.0, 2.0, 3.0]), "gaps: expected a"),
    (lambda: bounds.rank_measures([1.0, 2.0, 3.0], [1.0, 2.0, 3.0]), "measures: expected names"),
    (lambda: bounds.rank_measures([1.0, 2.0], {}), "at least 3"),
    (lambda: bounds.rank_measures([1.0, 2.0, math.nan], {}), "gaps"),
    (lambda: bounds.rank_measures([1.0, 2.0, 3.0], {"m": [1.0]}), "m: expected 3"),
    (lambda: bounds.rank_measures([1.0, 2.0, 3.0], {}, {"lr": [1]}), "lr: expected 3"),
]


@pytest.mark.parametrize(("call", "text"), REFUSED)
def test_refused_in_one_line(call, text):
    with pytest.raises((ValueError, TypeError), match=text) as error:
        call()
    assert "\n" not in str(error.value)
