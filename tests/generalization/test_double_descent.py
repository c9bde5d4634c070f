"""Double descent: exact curves against experiments, and what each family promises."""

import json
import math

import numpy as np
import pytest
import torch

import geomdl
from geomdl.generalization import (
    FLOW_OVER_RIDGE,
    arc_cosine_kernel,
    averaged_kernel,
    benign_variance,
    double_descent,
    effective_rank,
    flow_risk,
    kernel_ridge,
    learning_curve,
    least_squares,
    optimal_ridge,
    plot_descent,
    random_feature_risk,
    relu_features,
    ridge_risk,
    ridgeless_risk,
    shrinkage_risk,
    sphere_spectrum,
)
from geomdl.generalization.two_layer import TwoLayer, train

D4 = geomdl.group("D4").regular


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def normal(*shape, seed=0):
    return torch.randn(*shape, generator=generator(seed), dtype=torch.float64)


# --- the exact curve --------------------------------------------------------------------------


@pytest.mark.parametrize("rep", [None, D4])
@pytest.mark.parametrize("noise", [0.0, 0.7])
def test_the_curve_is_exact(rep, noise):
    widths = [32, 64, 256, 640] if rep else [4, 8, 32, 80]
    found = double_descent("gaussian", widths, 16, 1000, noise=noise, rep=rep, rng=generator(1))
    assert found.exact
    for predicted, risk, error in zip(found.predicted, found.risk, found.error, strict=True):
        assert abs(risk - predicted) <= 5 * error + 1e-12
    assert max(found.error) < 0.05 * max(found.risk)
    assert found.threshold == (128 if rep else 16)


def test_the_curve_is_infinite_where_the_mean_is():
    for n in (19, 20, 21):
        assert ridgeless_risk(n, 20, noise=0.1) == math.inf
        assert ridgeless_risk(n, 20, missing=0.1) == math.inf
    assert ridgeless_risk(22, 20, noise=0.1) < math.inf
    assert ridgeless_risk(20, 20) == 0  # without noise the square system is solved
    assert ridgeless_risk(19, 20) == pytest.approx(0.05)


def test_the_limit_of_little_ridge_and_large_sizes():
    for n, p in ((4000, 1000), (1000, 4000)):
        small = ridge_risk(n, p, 1e-9 * n, 0.5, 1.0, 0.3)
        assert small == pytest.approx(ridgeless_risk(n, p, 0.5, 1.0, 0.3), rel=3e-3)


@pytest.mark.parametrize(("n", "p"), [(60, 30), (60, 60), (60, 120)])
def test_ridge_against_experiment(n, p):
    ridge = optimal_ridge(p, 0.5)
    found = double_descent("gaussian", [p], n, 400, noise=0.5, ridge=ridge)
    assert not found.exact
    assert found.risk[0] == pytest.approx(found.predicted[0], rel=0.04)
    for factor in (0.5, 2.0):
        other = double_descent("gaussian", [p], n, 400, noise=0.5, ridge=factor * ridge)
        worse = other.risks[0] - found.risks[0]  # the same data: seeds pair
        assert float(worse.mean()) > 3 * float(worse.std()) / 400**0.5


# --- the curve of random features -------------------------------------------------------------

EIGHT = geomdl.group("C4").regular + geomdl.group("C4").regular


@pytest.mark.parametrize("rep", [None, EIGHT])
@pytest.mark.parametrize(
    ("family", "at", "ridge", "off"),
    [
        ("relu", [20, 80, 160], 0.0, [0.15, 0.15, 0.1]),  # away from the peak, at p = n = 40
        ("relu", [20, 40, 160], 4.0, [0.1, 0.1, 0.1]),
        ("kernel", [0.1, 1.0, 10.0, 1e4], 0.0, [0.05, 0.1, 0.1, 0.1]),
    ],
)
def test_features_are_as_predicted(rep, family, at, ridge, off):
    widths = at if family == "kernel" or rep is None else [4 * w for w in at]
    options = {"noise": 0.5, "ridge": ridge, "inputs": 8, "rep": rep, "test": 200}
    found = double_descent(family, widths, 40, 150, **options)
    assert not found.exact
    for predicted, risk, error, part in zip(
        found.predicted, found.risk, found.error, off, strict=True
    ):
        assert abs(risk - predicted) <= 3 * error + part * predicted
    assert found.curve[0][0] == widths[0]
    assert found.curve[-1][0] == pytest.approx(widths[-1])


def test_the_prediction_is_infinite_at_the_peak_alone():
    found = double_descent("relu", [20, 40, 80], 40, 2, noise=0.5, inputs=8)
    infinite = [at for at, risk in found.curve if risk == math.inf]
    assert infinite == [40]
    assert {39, 41} <= {at for at, _ in found.curve}
    along = double_descent("relu", 40, [20, 80], 2, noise=0.5, inputs=8)
    assert [at for at, risk in along.curve if risk == math.inf] == [40]


def test_limits_of_the_prediction():
    for n, p in ((40, 90), (90, 40)):
        exact = random_feature_risk(n, p, 10, 0.0, 0.5, 1.3)
        assert random_feature_risk(n, p, 10, 1e-8, 0.5, 1.3) == pytest.approx(exact, rel=1e-6)
    many = random_feature_risk(40, 10**7, 10, 1e6, 0.5)
    assert random_feature_risk(40, math.inf, 10, 0.1, 0.5) == pytest.approx(many, rel=1e-5)
    # interpolating, all that norms do is to divide the noise: E d/|x|² = d/(d - 2)
    clean, noisy = (random_feature_risk(40, math.inf, 6, 1e-9, noise) for noise in (0.0, 1.0))
    sphere = sphere_spectrum(
        lambda u: ((1 - u * u).sqrt() + u * (math.pi - u.acos())) / (2 * math.pi), 6, 14
    )
    values, one = sphere.repeated().clamp_min(0), torch.zeros(int(sphere.multiplicities.sum()))
    one[1] = 1.0
    tail = 0.5 - float(values.sum())
    on_sphere = [learning_curve(values, one, 40, tail, noise) for noise in (0.0, 1.0)]
    assert clean == pytest.approx(float(on_sphere[0].test), rel=1e-3)
    variance = float(on_sphere[1].test - on_sphere[0].test) - 1
    assert noisy - clean == pytest.approx(6 / 4 * variance, rel=1e-3)
    assert random_feature_risk(40, 80, 2, noise=0.1) == math.inf
    peak = [random_feature_risk(40, 40, 10, ridge) for ridge in (1e-8, 1e-12, 1e-30, 0.0)]
    assert peak == sorted(peak)
    assert peak[-2:] == [math.inf, math.inf]  # as far as float64 tells them apart
    far = random_feature_risk(40, 80, 3000, 1e-30, 0.5)
    assert far == pytest.approx(random_feature_risk(40, 80, 3000, 0.0, 0.5), rel=1e-9)
    assert 0 < random_feature_risk(40, 80, 400) < 2  # harmonics too many for whole numbers


# --- parts ------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(12, 5), (5, 12), (7, 7)])
def test_least_squares_is_that_of_the_pseudoinverse(shape):
    x, y = normal(3, *shape), normal(3, shape[0], 2, seed=1)
    x[1, :, -1] = x[1, :, 0]  # of less than full rank
    assert torch.allclose(least_squares(x, y), torch.linalg.pinv(x) @ y, atol=1e-10)
    eye = torch.eye(shape[1], dtype=x.dtype)
    ridge = torch.linalg.solve(x.mT @ x + 0.3 * eye, x.mT @ y)
    assert torch.allclose(least_squares(x, y, 0.3), ridge, atol=1e-12)


def test_the_kernel_is_the_limit_of_features():
    x, z, m = normal(4, 3), normal(5, 3, seed=1), 100_000
    w = normal(m, 3, seed=2) / 3**0.5
    rep = geomdl.group("C3").regular
    g = rep(rep.group.elements)
    for matrices in (None, g):
        a, b = relu_features(x, w, matrices), relu_features(z, w, matrices)
        exact = averaged_kernel(x, z, matrices)
        error = (a[:, None] * b[None]).std(-1) / m**0.5
        assert ((a @ b.T / m - exact).abs() <= 5 * error).all()
    turned = averaged_kernel(x @ g[1].T, z, g)
    assert (turned - averaged_kernel(x, z, g)).abs().max() <= 1e-12
    assert (arc_cosine_kernel(x @ g[1].T, z) - arc_cosine_kernel(x, z)).abs().max() > 1e-2


@pytest.mark.parametrize("rep", [None, D4])
def test_networks_of_a_batch_are_trained_as_if_alone(rep):
    group = None if rep is None else rep(rep.group.elements)
    x, y = normal(3, 6, 8), normal(3, 6, 1, seed=1)
    together = TwoLayer(3, 8, 4, 1, generator(), group)
    alone = TwoLayer(1, 8, 4, 1, generator(), group)
    for name in ("w", "a", "c"):
        setattr(alone, name, getattr(together, name).detach()[1:2].clone().requires_grad_())
    assert alone.parameters_of_one == 4 * (8 + 2) + 1
    for f, part in ((together, slice(None)), (alone, slice(1, 2))):
        assert list(train(f, x[part], y[part], [7, 20], lr=0.01)) == [7, 20]
    with torch.no_grad():
        assert torch.allclose(together(x)[1:2], alone(x[1:2]), atol=1e-12)
        if group is not None:
            turned = x @ group[5].T
            assert (together(turned) - together(x)).abs().max() <= 1e-12
        assert together(x).std() > 1e-3


def test_stopping_early_costs_at_most_so_much():
    x = normal(40, 20, 10)
    for time in (0.1, 1.0, 10.0):
        flow, ridge = flow_risk(x, time, 0.5)
        assert (flow <= FLOW_OVER_RIDGE * ridge).all()
    eye = torch.eye(10, dtype=torch.float64) * 10**0.5  # eigenvalues 1
    flow, ridge = flow_risk(eye, 1.7933, 1.0, norm=0.0)
    assert float(flow / ridge) == pytest.approx(FLOW_OVER_RIDGE, abs=1e-4)


def test_the_risk_of_the_flow_is_that_of_small_steps():
    x, time, noise, trials = normal(12, 5), 2.0, 0.5, 4000
    theta = normal(5, trials, seed=1)
    theta = theta / theta.norm(dim=0)
    y = x @ theta + noise * normal(12, trials, seed=2)
    w, steps = torch.zeros_like(theta), 2000
    for _ in range(steps):
        w = w - time / steps * x.T @ (x @ w - y) / 12
    risk = (w - theta).square().sum(0)
    flow, ridge = flow_risk(x, time, noise)
    assert abs(float(risk.mean() - flow)) <= 5 * float(risk.std()) / trials**0.5
    w = least_squares(x, y, 12 / time)
    risk = (w - theta).square().sum(0)
    assert abs(float(risk.mean() - ridge)) <= 5 * float(risk.std()) / trials**0.5


def test_ranks_of_a_tail():
    values = torch.cat([torch.ones(3), torch.full((400,), 0.01)]).double()
    assert effective_rank(values, 3) == pytest.approx((400, 400))
    assert effective_rank(values, 0)[0] == pytest.approx(7)
    assert benign_variance(values, 50, 2.0) == (pytest.approx(4 * (3 / 50 + 50 / 400)), 3)
    assert benign_variance(values, 1000)[0] == math.inf


# --- the families -----------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["", "C4"])
def test_random_features_peak_at_the_threshold(name):
    rep = geomdl.group(name).regular if name else None
    order = 4 if name else 1
    widths = [order * p for p in (6, 12, 18, 24, 30, 48, 96)]
    options = {"noise": 0.5, "rep": rep, "inputs": 4, "test": 200}
    found = double_descent("relu", widths, 24, 12, **options)
    assert found.peak == found.threshold == 24 * order
    assert found.dims == (6, 12, 18, 24, 30, 48, 96)
    assert found.train_risk[2] > 1e-3
    assert found.train_risk[-1] < 1e-20
    ridged = double_descent("relu", widths, 24, 12, ridge=3.0, **options)
    assert max(ridged.risk) < 0.5 * max(found.risk)


def test_the_samples_move_the_peak_too():
    options = {"seeds": 12, "noise": 0.5, "inputs": 4, "test": 200}
    rep = geomdl.group("C4").regular
    sizes = [4, 8, 16, 32, 64]
    plain = double_descent("relu", 32, sizes, **options)
    shared = double_descent("relu", 32, sizes, rep=rep, **options)
    assert (plain.peak, plain.threshold) == (32, 32)
    assert (shared.peak, shared.threshold) == (8, 8)
    assert plain.axis == "samples"


def test_the_kernel_forgets_its_ridge():
    found = double_descent("kernel", [1e-2, 1.0, 1e6], 20, 8, noise=0.5)
    assert found.axis == "1/ridge"
    assert found.dims is None
    assert found.train_risk[-1] < 1e-3 < found.train_risk[0]
    assert found.risk[1] < found.risk[0]


def test_networks_learn_noise_in_the_end():
    options = {"seeds": 4, "noise": 0.5, "inputs": 4, "test": 200}
    found = double_descent("network", [1, 40], 16, steps=400, **options)
    assert found.train_risk[1] < 1e-3 < found.train_risk[0]
    assert found.threshold == pytest.approx(15 / 6)
    along = double_descent("epochs", [2, 50, 300], 16, hidden=40, **options)
    assert along.axis == "epochs"
    assert along.train_risk[0] > along.train_risk[1] > along.train_risk[2]
    assert along.dims == (40 * 6 + 1,) * 3


def test_on_real_digits():
    loaded = geomdl.data.load("digits", size=None)
    data = (loaded["images"].flatten(1), loaded["labels"])
    G = geomdl.group("D4")
    pixels = geomdl.Field(geomdl.Grid(2), G.trivial)
    image = torch.arange(64.0).reshape(1, 1, 8, 8)
    moved = torch.stack([pixels.act(g, image).flatten() for g in G.elements]).long()
    rep = G.permutation_rep(moved.argsort(1))
    options = {"seeds": 3, "data": data, "test": 100}
    plain = double_descent("relu", [24, 96, 480], 96, **options)
    shared = double_descent("relu", [192, 768, 3840], 96, rep=rep, **options)
    for found in (plain, shared):
        assert found.peak == found.threshold == found.at[1]
        assert found.wrong.shape == (3, 3)
        assert found.wrong[-1].mean() < found.wrong[1].mean() < 0.95
    noisy = double_descent("relu", [480], 96, noise=1.0, **options)
    assert noisy.wrong.mean() > 0.7  # labels drawn anew say nothing
    values = (data[0], data[1].double())
    assert double_descent("relu", [24], 96, seeds=2, data=values).wrong is None


def test_seeds_decide_and_nothing_else():
    torch.manual_seed(0)
    one, two, other = (
        double_descent("relu", [4, 9], 6, 3, rng=generator(seed)).risks for seed in (5, 5, 6)
    )
    assert torch.equal(one, two)
    assert not torch.equal(one, other)


def test_the_result_is_shown(tmp_path):
    found = double_descent("gaussian", [10, 20, 40], 20, 5, noise=0.5, rng=generator())
    assert json.loads(json.dumps(found.to_dict(), allow_nan=False))["predicted"][1] == "inf"
    assert "threshold 20" in str(found)
    found.plot(tmp_path / "a.png")
    assert (tmp_path / "a.png").stat().st_size > 5000
    ridged = double_descent("gaussian", [10, 20, 40], 20, 2, noise=0.5, ridge=1.0)
    figure = plot_descent([found, ridged])
    texts = [t.get_text() for t in figure.axes[0].get_legend().get_texts()]
    assert "gaussian, ridge 1" in texts
    with pytest.raises(ValueError, match="curves: expected one axis"):
        plot_descent([found, double_descent("kernel", [1.0], 4, 2)])


def test_whole_numbers_may_be_of_any_type():
    found = double_descent("relu", 4, [8.0, 16], 2, inputs=4)
    assert found.risk == double_descent("relu", 4.0, np.array([8, 16]), 2, inputs=4).risk


# --- what is refused --------------------------------------------------------------------------

X = torch.randn(9, 4, generator=generator())


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"family": "forest"}, "family: expected one of gaussian, relu, kernel, network, epochs"),
        ({"widths": [4, 4]}, "widths: expected increasing numbers"),
        ({"widths": [8, 4]}, "widths: expected increasing numbers"),
        ({"widths": []}, "widths: expected whole numbers"),
        ({"widths": [0, 4]}, "widths: expected whole numbers"),
        ({"widths": [2.5]}, "widths: expected whole numbers"),
        ({"widths": [math.nan]}, "widths: expected whole numbers"),
        ({"family": "kernel", "widths": [-1.0]}, "widths: expected positive numbers"),
        ({"n": [4, 8]}, "n: expected a single number"),
        ({"n": 0}, "n: expected whole numbers"),
        ({"seeds": 0}, "seeds: expected a whole number"),
        ({"seeds": 1}, "seeds: expected a whole number of at least 2, for the error is"),
        ({"widths": "48"}, "widths: expected whole numbers"),
        ({"widths": torch.tensor([4, 8])}, "widths: expected whole numbers"),
        ({"n": None}, "n: expected whole numbers"),
        ({"noise": "0.5"}, "noise: expected a number of at least 0, got '0.5'"),
        ({"ridge": None}, "ridge: expected a number of at least 0, got None"),
        ({"lr": 0.0}, "lr: expected a positive number"),
        ({"inputs": 0}, "inputs: expected an integer of at least 1"),
        ({"data": (X[:0], X[:0, 0])}, "data: expected at least one sample"),
        ({"ridge": -1.0}, "ridge: expected a number of at least 0, got -1.0"),
        ({"ridge": math.nan}, "ridge: expected a number of at least 0, got nan"),
        ({"noise": -1.0}, "noise: expected a number of at least 0"),
        ({"family": "kernel", "ridge": 1.0}, "ridge: of the family 'kernel'"),
        ({"family": "gaussian", "data": (X, X[:, 0])}, "data: the family 'gaussian'"),
        ({"data": (X, X[:3, 0])}, r"data: expected x \(N, d\)"),
        ({"data": (X * math.nan, X[:, 0])}, "data: x should be finite"),
        ({"data": (X, X[:, 0] / 0)}, "data: y should be finite"),
        ({"data": (X, torch.arange(9) - 1)}, "data: classes y"),
        ({"data": (X, X[:, 0]), "n": 9}, "data: expected more than n=9 samples, got 9"),
        ({"data": (X, torch.arange(9)), "n": 4, "noise": 1.5}, "noise: of classes"),
        ({"rep": D4, "widths": [4]}, "widths: expected multiples of the order 8"),
        ({"rep": D4, "data": (X, X[:, 0]), "widths": [8]}, "data: last axis of x should be"),
        ({"rep": D4, "inputs": 5, "widths": [8]}, "inputs: expected rep.dim=8, got 5"),
        ({"rep": geomdl.group("SO2").standard}, "rep: expected an orthogonal one of a finite"),
        ({"rep": geomdl.group("C4").standard}, "rep: only 0 is invariant"),
        ({"test": 0}, "test: expected a whole number"),
        ({"family": "network", "steps": 0}, "steps: expected a whole number"),
        ({"family": "epochs", "rep": D4, "hidden": 12}, r"hidden: expected a multiple of .G.=8"),
        ({"family": "gaussian", "inputs": 3}, "inputs: expected at least 8"),
    ],
)
def test_bad_input_is_refused(change, text):
    options = {"family": "relu", "widths": [4, 8], "n": 4, "seeds": 2} | change
    with pytest.raises(ValueError, match=text) as caught:
        double_descent(**options)
    assert "\n" not in str(caught.value)


def test_other_bad_input():
    with pytest.raises(TypeError, match="data: expected a pair of tensors"):
        double_descent("relu", [4], 4, 2, data=X)
    with pytest.raises(TypeError, match="rep: expected a Rep, got str"):
        double_descent("relu", [4], 4, 2, rep="C4")
    with pytest.raises(TypeError, match=r"rng: expected a torch.Generator, got int"):
        double_descent("relu", [4], 4, 2, rng=0)
    for call in (
        lambda: ridgeless_risk(0, 4),
        lambda: ridgeless_risk(4, 4, noise=-1.0),
        lambda: ridge_risk(4, 4, math.nan),
        lambda: optimal_ridge(4, 1.0, norm=0.0),
        lambda: least_squares(X, X, -1.0),
        lambda: kernel_ridge(X @ X.T, X, 0.0),
        lambda: flow_risk(X, 0.0, 1.0),
        lambda: random_feature_risk(40, 0, 5),
        lambda: random_feature_risk(40, 4, 1),
        lambda: random_feature_risk(40, 4, 5, math.nan),
        lambda: random_feature_risk(40, 4, 5, rep=D4),
        lambda: effective_rank(torch.arange(3.0), 0),
        lambda: effective_rank(torch.ones(3), 3),
        lambda: benign_variance(torch.ones(3), 0),
        lambda: benign_variance(torch.ones(0), 4),
        lambda: benign_variance(torch.ones(3), 4, noise=-1.0),
        lambda: effective_rank([1.0, 0.5], 0),
        lambda: flow_risk(X[0], 1.0, 1.0),
        lambda: flow_risk(X / 0, 1.0, 1.0),
        lambda: shrinkage_risk(X[0].abs(), X[0], 0, 1.0),
    ):
        with pytest.raises(ValueError, match="expected"):
            call()


EYE = torch.eye(3, dtype=torch.float64)


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: least_squares(EYE * math.nan, EYE), "x: expected finite numbers"),
        (lambda: least_squares(EYE, EYE / 0), "y: expected finite numbers"),
        (lambda: least_squares(EYE, EYE[0]), "y: expected floating point numbers"),
        (lambda: least_squares(EYE.long(), EYE.long()), "x: expected floating point numbers"),
        (lambda: least_squares(EYE, EYE.float()), "y: expected torch.float64 as x has"),
        (lambda: least_squares(EYE, EYE[:2]), "y: expected 3 rows"),
        (lambda: least_squares(EYE.expand(2, 3, 3), EYE.expand(4, 3, 3)), "y: expected leading"),
        (lambda: kernel_ridge(EYE * math.nan, EYE, 1.0), "kernel: expected finite numbers"),
        (lambda: kernel_ridge(EYE[:2], EYE, 1.0), "kernel: expected square matrices"),
        (lambda: kernel_ridge(EYE.cumsum(0), EYE, 1.0), "kernel: expected symmetric matrices"),
        (lambda: kernel_ridge(-EYE, EYE, 0.5), "ridge: expected one that makes the matrix"),
        (lambda: kernel_ridge(EYE, EYE, "much"), "ridge: expected a positive number, got 'much'"),
        (lambda: least_squares(EYE, EYE, "much"), "ridge: expected a number of at least 0"),
        (
            lambda: least_squares(torch.ones_like(EYE), EYE, 1e-20),
            "ridge: expected one that makes the matrix positive definite, got 1e-20 beside",
        ),
        (lambda: kernel_ridge(EYE, EYE[:2], 1.0), "y: expected 3 rows"),
        (lambda: kernel_ridge(EYE, EYE.float(), 1.0), "y: expected torch.float64 as kernel has"),
        (lambda: relu_features(EYE, EYE * math.nan), "weights: expected finite numbers"),
        (lambda: relu_features(EYE, EYE[:, :2]), "weights: last axis should be 3"),
        (lambda: relu_features(EYE, EYE, EYE), "group: expected torch.float64 matrices"),
        (lambda: averaged_kernel(EYE / 0, EYE), "x: expected finite numbers"),
        (lambda: averaged_kernel(EYE, EYE[0]), "z: expected floating point numbers"),
        (lambda: averaged_kernel(EYE, EYE[:, :2], EYE[None]), "z: last axis should be 3"),
        (lambda: averaged_kernel(EYE, EYE, EYE[None].float()), "group: expected torch.float64"),
    ],
)
def test_matrices_that_do_not_fit_are_refused(call, text):
    with pytest.raises(ValueError, match=f"^{text}") as caught:
        call()
    assert "\n" not in str(caught.value)
