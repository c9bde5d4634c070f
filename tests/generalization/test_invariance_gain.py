"""Gains of invariance: formulas against experiments, four ways to use a symmetry."""

import json
import math

import pytest
import torch

import geomdl
from geomdl.generalization import (
    action_on,
    averaging_gap,
    chi_mean,
    harmonic_counts,
    invariance_gain,
    measure_invariance_gain,
    rademacher_ratio,
    ridgeless_risk,
    samples_for,
)
from geomdl.groups import group

C4, D4, C6 = group("C4"), group("D4"), group("C6")
SKEW = group("C2").finite_rep(torch.tensor([[[1.0, 0], [0, 1]], [[1, 1], [0, -1]]]).double())
METHODS = ("plain", "averaged", "augmented", "invariant")


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


# --- closed forms -----------------------------------------------------------------------------


@pytest.mark.parametrize("n", [6, 10, 16, 17, 30, 60])
def test_the_formulas_agree_with_each_other(n):
    gain = invariance_gain(C4, 4 * C4.regular, n=n, noise=0.5)
    d, k = 16, 4
    assert (gain.dim, gain.invariant_dim, gain.sample_gain) == (d, k, 4)
    assert gain.plain == ridgeless_risk(n, d, 0.5)
    assert gain.invariant == ridgeless_risk(n, k, 0.5)
    if n in (16, 17):
        assert gain.gap == gain.plain == math.inf
        assert gain.samples is None
        assert "in place of" not in str(gain)
        return
    assert gain.gap == pytest.approx(averaging_gap(n, d, d - k, 0.5), abs=1e-12)
    if n > d + 1:
        assert gain.averaged == pytest.approx(0.25 * k / (n - d - 1))
        assert gain.samples == math.ceil((n - 1) * k / d + 1)
    assert ridgeless_risk(gain.samples, k, 0.5) <= gain.plain * (1 + 1e-9)
    if gain.samples > 1:
        assert ridgeless_risk(gain.samples - 1, k, 0.5) > gain.plain


def test_without_noise_a_dimension_of_samples_is_enough():
    gain = invariance_gain(C4, 4 * C4.regular, n=30)
    assert (gain.plain, gain.averaged, gain.invariant, gain.samples) == (0, 0, 0, 4)
    few = invariance_gain(C4, 4 * C4.regular, n=8)
    assert few.plain == 0.5
    assert few.averaged == pytest.approx(0.5 - averaging_gap(8, 16, 12, 0.0))
    assert few.samples == 2  # 1 - 2/4


def test_samples_before_the_peak():
    assert samples_for(0.75, 8, noise=0.0) == 2
    assert samples_for(0.2, 8, noise=0.0) == 7
    assert samples_for(0.1, 8, noise=0.0) == 8
    with pytest.raises(ValueError, match="risk: expected more than 0"):
        samples_for(0.0, 8, noise=0.5)
    with pytest.raises(ValueError, match="risk: expected one that 1000 samples reach"):
        samples_for(1e-9, 8, noise=0.5, most=1000)
    for least, options in ((9000, (0.1, 10**4, 0.0)), (50, (0.5, 100, 0.0, 1.0))):
        assert samples_for(*options, most=least) == least
        with pytest.raises(ValueError, match=f"^risk: expected one that {least - 1} samples"):
            samples_for(*options, most=least - 1)
    for options, name in (((0.1, 0, 0.5), "k"), ((0.1, 3, 0.5, 1.0, 0), "most")):
        with pytest.raises(ValueError, match=f"^{name}: expected an integer of at least 1, got 0"):
            samples_for(*options)


def test_the_gap_without_noise_is_finite_at_the_peak():
    """Least squares without noise is exact from n = d on; before, only its bias is averaged."""
    d, a, draws = 6, 4, 4000
    assert [averaging_gap(n, d, a, 0.0) for n in (6, 7, 8, 20)] == [0, 0, 0, 0]
    assert [averaging_gap(n, d, 0, 0.5) for n in (4, 5, 6, 7, 9)] == [0] * 5
    x = torch.randn(draws, d, d - 1, generator=generator(), dtype=torch.float64)
    first = torch.linalg.qr(x).Q[:, :1]  # e_1 is invariant, the last a coordinates are not
    error = (torch.linalg.qr(x).Q[:, d - a :] * first).sum(-1)  # of the projection of e_1
    square = error.square().sum(1)
    bar = 5 * float(square.std()) / draws**0.5
    assert abs(float(square.mean()) - averaging_gap(d - 1, d, a, 0.0)) <= bar


@pytest.mark.parametrize(("name", "options"), [
    ("n", (-3, 24, 20, 0.5)), ("d", (3, 0, 0, 0.5)), ("a", (3, 24, 30, 0.5)),
    ("a", (3, 24, -1, 0.5)), ("noise", (3, 24, 20, -1.0)), ("noise", (3, 24, 20, math.nan)),
    ("norm", (3, 24, 20, 0.5, math.inf)),
])  # fmt: skip
def test_the_gap_refuses(name, options):
    with pytest.raises(ValueError, match=f"^{name}: expected"):
        averaging_gap(*options)


@pytest.mark.parametrize("name", ["C6", "D4", "S4", "O"])
def test_shares_against_traces_of_averaged_zonal_functions(name):
    """γ_k is the mean of P_k(⟨x, g x⟩) over the group and the sphere, P_k(1) = 1."""
    G = group(name)
    rep = G.standard if name in ("O", "S4") else G.regular
    gain = invariance_gain(G, rep, degrees=5)
    x = torch.randn(20_000, rep.dim, generator=generator(), dtype=torch.float64)
    x = x / x.norm(dim=1, keepdim=True)
    t = torch.einsum("ni,gij,nj->ng", x, rep(G.elements), x)
    a = rep.dim / 2 - 1
    values = [torch.ones_like(t), t]
    for k in range(2, 6):  # Gegenbauer, with value 1 at 1
        values.append(
            ((2 * k + 2 * a - 2) * t * values[-1] - (k - 1) * values[-2]) / (k + 2 * a - 1)
        )
    for share, value in zip(gain.share, values, strict=True):
        mean = value.mean(1)
        assert abs(float(mean.mean()) - share) <= 5 * float(mean.std()) / len(mean) ** 0.5 + 1e-12


def test_infinite_groups_and_subgroups():
    gain = invariance_gain("SO3", group("SO3").standard, degrees=4)
    assert gain.order is None
    assert gain.invariant_harmonics == (1, 0, 0, 0, 0)
    assert gain.harmonics == (1, 3, 5, 7, 9)
    assert gain.sample_gain == math.inf
    assert "∞" in str(gain)
    half = invariance_gain("C4", D4.regular, degrees=2)
    assert (half.order, half.dim, half.invariant_dim) == (4, 8, 2)


def test_the_complexity_of_a_ball():
    assert rademacher_ratio(24, 4) == pytest.approx(0.388, abs=1e-3)
    assert rademacher_ratio(6000, 1000) == pytest.approx(6**-0.5, rel=1e-3)
    assert rademacher_ratio(24, 0) == chi_mean(0) == 0
    assert chi_mean(2) == pytest.approx((math.pi / 2) ** 0.5, rel=1e-12)


@pytest.mark.parametrize("channels", ["trivial", "standard", "regular"])
def test_the_action_on_images_is_that_of_the_field(channels):
    field = geomdl.Field(geomdl.Grid(2), getattr(D4, channels))
    rep = action_on(field, (3, 3))
    x = torch.randn(2, field.rep.dim, 3, 3, generator=generator(), dtype=torch.float64)
    for g in D4.elements:
        assert torch.allclose(x.flatten(1) @ rep(g).T, field.act(g, x).flatten(1), atol=1e-12)
    assert invariance_gain(D4, field, shape=(3, 3), degrees=1).dim == rep.dim
    vector = geomdl.Field(geomdl.Vector(), D4.regular)
    assert action_on(vector) == D4.regular


# --- measured ---------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [6, 40])
def test_linear_risks_are_the_exact_ones(n):
    found = measure_invariance_gain("linear", 4 * C4.regular, n, 1500, rng=generator(2))
    assert tuple(found.risks) == METHODS
    for method in METHODS:
        risk, error = found.mean(method)
        assert abs(risk - found.predicted[method]) <= 5 * error
    assert (found.risks["augmented"] - found.risks["invariant"]).abs().max() < 1e-10
    gain, error = found.gain("averaged")
    assert abs(gain - averaging_gap(n, 16, 12, 0.5)) <= 5 * error


def test_augmented_kernels_are_invariant_ones():
    found = measure_invariance_gain("kernel", C6.regular, 20, 10, test=100)
    assert (found.risks["augmented"] - found.risks["invariant"]).abs().max() < 1e-9
    for method in ("averaged", "invariant"):
        gain, error = found.gain(method)
        assert gain > 3 * error


@pytest.mark.parametrize("ridge", [0.01, 0.25])
def test_risks_of_kernels_are_as_predicted(ridge):
    rep = 3 * C4.regular
    found = measure_invariance_gain("kernel", rep, 60, 100, ridge=ridge, test=200, rng=generator(3))
    assert tuple(found.predicted) == METHODS
    for method in METHODS:
        risk, error = found.mean(method)
        assert abs(risk - found.predicted[method]) <= 4 * error + 0.02 * risk, method
    gain = found.predicted["plain"] - found.predicted["averaged"]
    measured, error = found.gain("averaged")
    assert abs(measured - gain) <= 4 * error + 0.02 * measured
    assert measure_invariance_gain("kernel", C4.regular, 20, 2).predicted == {}


def test_ridge_is_one_penalty_for_both():
    found = measure_invariance_gain("linear", 2 * C4.regular, 5, 20, ridge=0.7)
    assert (found.risks["augmented"] - found.risks["invariant"]).abs().max() < 1e-10
    assert found.predicted == {}


def test_networks():
    found = measure_invariance_gain(
        "network", C6.regular, 30, 6, test=200, hidden=24, steps=150, noise=0.3
    )
    for method in METHODS[1:]:
        assert found.risks[method].shape == (6,)
        gain, error = found.gain(method)
        assert gain > 2 * error, method
    risk, _ = found.mean("plain")
    assert 0 < risk < 1


@pytest.mark.parametrize("model", ["linear", "kernel", "network"])
def test_given_samples_are_turned_for_the_test(model):
    rep = C4.regular
    x = torch.randn(60, 4, generator=generator(), dtype=torch.float64)
    y = (x[:, 0] > 0).long()  # not invariant at all
    options = {"test": 40, "hidden": 8, "steps": 30, "ridge": 0.1, "noise": 0.0}
    found = measure_invariance_gain(model, rep, 20, 4, data=(x, y), **options)
    for method in METHODS:
        assert found.risks[method].isfinite().all()
    assert found.mean("invariant")[0] > 0.3


def test_the_results_are_shown(tmp_path):
    found = measure_invariance_gain("linear", C4.regular, 12, 4)
    assert set(json.loads(json.dumps(found.to_dict(), allow_nan=False))["risks"]) == set(METHODS)
    assert "averaged" in str(found)
    found.plot(tmp_path / "a.png")
    assert (tmp_path / "a.png").stat().st_size > 4000
    gain = invariance_gain(C4, 3 * C4.regular, n=12, noise=0.5, degrees=3)
    assert json.loads(json.dumps(gain.to_dict(), allow_nan=False))["plain"] == "inf"
    more = invariance_gain(C4, 3 * C4.regular, n=30, noise=0.5, degrees=3)
    assert "9 in place of 30" in str(more)


# --- what is refused --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: invariance_gain(C6, C4.regular), "C6"),
        (lambda: invariance_gain(C4, C4.trivial), "rep: expected a dimension of at least 2"),
        (lambda: invariance_gain(C4, C4.standard, n=4), "n: only 0 is invariant"),
        (lambda: invariance_gain(C4, C4.regular, n=0), "n: expected a whole number"),
        (lambda: invariance_gain(C4, C4.regular, n=4, noise=-1.0), "noise: expected a number"),
        (lambda: invariance_gain(C4, C4.regular, n=4, noise=math.nan), "noise: expected a number"),
        (lambda: invariance_gain(C4, C4.regular, degrees=-1), "degrees: expected a whole number"),
        (
            lambda: invariance_gain("C2", SKEW, degrees=2),
            "rep: expected an orthogonal one",
        ),
        (
            lambda: invariance_gain(D4, geomdl.Field(geomdl.Grid(2), D4.trivial)),
            "shape: expected 2 numbers",
        ),
        (
            lambda: invariance_gain(C6, geomdl.Field(geomdl.Grid(2), C6.trivial), shape=(3, 3)),
            "shape: C6 should permute the pixels",
        ),
        (
            lambda: action_on(geomdl.Field(geomdl.Points(2), C4.trivial)),
            "field: expected a Vector, or a Grid",
        ),
        (lambda: measure_invariance_gain("tree", C4.regular, 9), "model: expected one of linear"),
        (lambda: measure_invariance_gain("linear", C4.regular, 0), "n: expected a whole number"),
        (
            lambda: measure_invariance_gain("linear", group("SO2").standard, 9),
            "rep: expected an orthogonal one of a finite group",
        ),
        (
            lambda: measure_invariance_gain("linear", C4.regular, 9, ridge=-1.0),
            "ridge: expected a number of at least 0",
        ),
        (
            lambda: measure_invariance_gain("kernel", C4.regular, 9, ridge=0.0),
            "ridge: expected more than 0 of the model 'kernel'",
        ),
        (
            lambda: measure_invariance_gain("linear", C4.regular, 9, noise=math.nan),
            "noise: expected a number of at least 0",
        ),
        (
            lambda: measure_invariance_gain("linear", C4.regular, 9, 1),
            "seeds: expected a whole number of at least 2, for the error is that of their mean",
        ),
        (
            lambda: measure_invariance_gain("network", C4.regular, 9, hidden=0),
            "hidden: expected a whole number of at least 1, got 0",
        ),
        (
            lambda: measure_invariance_gain("network", C4.regular, 9, lr=math.nan),
            "lr: expected a positive number",
        ),
        (
            lambda: measure_invariance_gain("network", C4.regular, 9, hidden=6),
            r"hidden: expected a multiple of \|G\|=4, got 6",
        ),
        (
            lambda: measure_invariance_gain(
                "linear", C4.regular, 9, data=(torch.ones(9, 4), torch.ones(9))
            ),
            "data: expected more than n=9 samples",
        ),
        (lambda: chi_mean(-2), "m: expected an integer of at least 0"),
        (lambda: rademacher_ratio(3, 5), "k: expected at most d=3, got 5"),
        (lambda: rademacher_ratio(0, 0), "d: expected an integer of at least 1"),
        (lambda: harmonic_counts(C4.trivial, 3), "rep: expected a dimension"),
    ],
)
def test_bad_input_is_refused(call, text):
    with pytest.raises(ValueError, match=text) as caught:
        call()
    assert "\n" not in str(caught.value)


def test_a_field_or_a_representation():
    with pytest.raises(TypeError, match="field: expected a Field or a Rep, got str"):
        invariance_gain(C4, "regular")
    with pytest.raises(TypeError, match="rep: expected a Rep, got str"):
        measure_invariance_gain("linear", "C4", 9)
