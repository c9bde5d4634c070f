"""The suites of images: inputs that turn exactly, errors, networks, training."""

import math

import pytest
import torch
from torch import nn

import geomdl
from geomdl.bench import Context
from geomdl.bench.suites.images import analytic, angles, peers, samples, training
from geomdl.bench.suites.images.analytic import (
    random_blobs,
    resampled,
    rotation,
    round_trip,
    window,
)
from geomdl.bench.suites.images.contest import Course, moments, race
from geomdl.bench.suites.images.designs import (
    VARIANTS,
    Design,
    GroupMaximum,
    classifier,
    ours,
    plain,
)
from geomdl.bench.suites.images.errors import (
    centre_error,
    inputs,
    pooled_error,
    relative,
    score_error,
    turn_fibres,
)
from geomdl.bench.suites.images.training import Learner, error_of, turn_at_random
from geomdl.fields import Field, Grid, coordinates

SMALL = Design("C4", 8, 3, 3, pooled=True, last=16)


# --- inputs ---------------------------------------------------------------------------------------
@pytest.mark.parametrize("size", [12, 13])
def test_a_quarter_turn_of_blobs_turns_the_array(size):
    blobs = random_blobs(3, size, 1.5, seed=0)
    x, z = blobs.sample(size), blobs.sample(size, rotation(90))
    assert (z - x.rot90(1, (-2, -1))).abs().max() <= 1e-12
    assert (z - x.rot90(-1, (-2, -1))).abs().max() > 0.1
    assert x.dtype == torch.float64
    assert x.square().mean() == pytest.approx(1)
    flip = torch.tensor([[-1.0, 0], [0, 1]], dtype=torch.float64)
    assert (blobs.sample(size, flip) - x.flip(-1)).abs().max() <= 1e-12


def test_blobs_are_the_formula_at_the_turned_places():
    blobs = random_blobs(2, 9, 2.0, seed=1)
    g = rotation(33)
    place = torch.tensor([2.0, -1.0], dtype=torch.float64)  # row 5, column 6 of a 9×9 grid
    p = torch.linalg.solve(g, place)
    value = 0.0
    for c, phi, a in zip(blobs.centres[1], blobs.angles[1], blobs.weights[1], strict=True):
        u = rotation(-math.degrees(float(phi))) @ (p - c) / torch.tensor([4.0, 2.0])
        value += float(a * torch.exp(-u.square().sum() / 2))
    assert float(blobs.sample(9, g)[1, 0, 5, 6]) == pytest.approx(value, rel=1e-10)


def test_the_same_function_turns_alike_by_formula_and_by_interpolation():
    blobs = random_blobs(4, 33, 3.0, seed=0)
    inner = (..., slice(8, 25), slice(8, 25))
    exact, found = blobs.sample(33, rotation(30))[inner], resampled(blobs.sample(33), 30)[inner]
    assert (exact - found).norm() / exact.norm() < 0.02
    wrong = resampled(blobs.sample(33), -30)[inner]
    assert (exact - wrong).norm() / exact.norm() > 0.5


def test_the_round_trip_costs_less_for_smoother_images_and_nothing_at_quarter_turns():
    errors = [round_trip(random_blobs(4, 33, width, 0).sample(33), 45) for width in (1, 2, 4)]
    assert errors == sorted(errors, reverse=True)
    assert errors[0] > 0.01
    assert round_trip(random_blobs(4, 33, 1, 0).sample(33), 90) <= 1e-12


# --- errors ---------------------------------------------------------------------------------------
@pytest.mark.parametrize("group", ["C4", "D4"])
def test_an_exact_network_is_found_exact_and_a_spoilt_one_is_not(group):
    design = Design(group, 8, 3, 2, norm=False)
    body = ours(design, 0).double()
    assert centre_error(body, design.order, 1.0, 9, 1) <= 1e-12
    assert pooled_error(body, design.order, 1.0, 9, 90) <= 1e-12
    assert pooled_error(body, design.order, 1.0, 9, 45) > 1e-3
    spoilt = ours(design, 0).double()
    forward = spoilt.forward
    spoilt.forward = lambda x: forward(x) * torch.linspace(1, 2, 9, dtype=x.dtype)[:, None]
    assert pooled_error(spoilt, design.order, 1.0, 9, 90) > 1e-3
    turned_wrongly = turn_fibres(body, torch.eye(8, dtype=torch.float64), 3)
    assert not torch.equal(turned_wrongly, turn_fibres(body, torch.eye(8).double(), 1))


def test_the_centre_of_a_c8_network_at_45_degrees_errs_less_on_smoother_images():
    design = Design("C8", 16, 5, 2, norm=False)
    body = ours(design, 0).double()
    assert centre_error(body, 8, 1.0, 21, 2) <= 1e-12
    errors = [centre_error(body, 8, width, 21, 1) for width in (1.0, 2.0, 3.0)]
    assert errors == sorted(errors, reverse=True)
    assert 1e-4 < errors[-1] < errors[0] < 0.5


def test_an_output_that_does_not_vary_has_no_error():
    design = Design("C4", 8, 3, 1, norm=False)
    body = ours(design, 0).double()
    with torch.no_grad():
        for parameter in body.parameters():
            parameter.zero_()
    assert math.isnan(centre_error(body, 4, 1.0, 9, 1))
    assert math.isnan(pooled_error(body, 4, 1.0, 9, 45))
    with pytest.raises(ValueError, match="output should have an odd size, got 8"):
        centre_error(body, 4, 1.0, 8, 1)


def test_scores_are_compared_in_the_type_of_the_model():
    exact, other = classifier("geomdl", SMALL, 3, 0).eval(), classifier("plain", SMALL, 3, 0).eval()
    assert score_error(exact, 33, 90) <= 1e-5
    assert score_error(exact.double(), 33, 90) <= 1e-12
    assert score_error(other, 33, 90) > 1e-2
    assert inputs(9, 1.0, 0.0, 0) is inputs(9, 1.0, 0.0, 0)


class Isotropic(nn.Module):
    """Means over smooth rings about the centre: nothing else sees less of an angle."""

    def __init__(self):
        super().__init__()
        self.zero = nn.Parameter(torch.zeros(1, dtype=torch.float64))  # tells the dtype

    def forward(self, x):
        r = coordinates(x.shape[2:]).norm(dim=-1)
        rings = [torch.exp(-0.5 * ((r - c) / 3) ** 2) for c in range(0, 21, 4)]
        return torch.stack([(x[:, 0] * ring).mean((1, 2)) for ring in rings], 1)


def test_what_is_isotropic_has_a_small_error_under_the_window_and_not_without():
    assert score_error(Isotropic(), 33, 45) <= 0.02
    blobs = random_blobs(16, 33, 2.0, 0)
    y, z = (Isotropic()(blobs.sample(33, turn)) for turn in (None, rotation(45)))
    assert relative(z, y) > 0.2


def test_the_window_is_radial_and_vanishes_at_the_inscribed_circle():
    w = window(33)
    outside = coordinates((33, 33)).norm(dim=-1) >= 16
    assert (w[outside] == 0).all()
    assert w.square().mean() == pytest.approx(1)
    assert torch.equal(w, w.rot90())
    assert w.max() == w[16, 16]


# --- networks -------------------------------------------------------------------------------------
def test_all_kinds_of_a_design_have_the_same_shapes():
    x = torch.randn(2, 1, 33, 33, generator=torch.Generator().manual_seed(0))
    assert plain(SMALL, 0)(x).shape == ours(SMALL, 0)(x).shape == (2, 16, 7, 7)
    lifted = Design("C4", 8, 3, lifted=True)
    x = torch.randn(2, 8, 5, 5, generator=torch.Generator().manual_seed(0))
    assert plain(lifted, 0)(x).shape == ours(lifted, 0)(x).shape == (2, 8, 5, 5)
    assert ours(lifted, 0).target == Field(Grid(2), 2 * geomdl.group("C4").regular)


@pytest.mark.parametrize("kind", ["plain", "geomdl"])
def test_a_seed_decides_the_weights_and_leaves_the_global_state_alone(kind):
    before = torch.random.get_rng_state()
    weights = [
        torch.cat([p.flatten() for p in classifier(kind, SMALL, 3, seed).parameters()])
        for seed in (0, 0, 1)
    ]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])
    assert torch.equal(torch.random.get_rng_state(), before)


def test_the_maximum_over_plain_channels_is_that_over_the_group():
    y = torch.randn(2, 16, 3, 3, generator=torch.Generator().manual_seed(0))
    pool = classifier("geomdl", SMALL, 3, 0).invariant
    assert torch.equal(GroupMaximum(4)(y), pool(y))


def test_every_variant_builds_and_keeps_the_centre():
    for variant in VARIANTS.values():
        body = ours(Design("C4", 8, 3, 3, pooled=True), 0, variant)
        assert body(torch.zeros(1, 1, 33, 33)).shape == (1, 8, 9, 9)


def test_escnn_is_used_only_where_asked_for_and_installed(monkeypatch):
    assert peers.peer_of(Context()) == (False, "not asked for")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert peers.peer_of(Context(peers=True)) == (False, "escnn is not installed")


# --- training -------------------------------------------------------------------------------------
class Clock:
    """Seconds that go by one a reading."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        self.now += 1.0
        return self.now


def toy(seed=0, n=40, **options):
    rng = torch.Generator().manual_seed(0)
    x = torch.randn(n, 2, generator=rng)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = nn.Sequential(nn.Linear(2, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 2))
    samples = (x, (x[:, 0] > 0).long())
    return Learner(model, samples, seed=seed, batch=16, **options), samples


def test_it_learns_and_a_seed_decides_everything():
    outcomes = []
    for seed in (0, 0, 1):
        learner, samples = toy(seed)
        learner.train(steps=120)
        with learner.averaged() as model:
            outcomes.append((error_of(model, samples, batch=7), model[0].weight.clone()))
    assert outcomes[0][0] <= 0.1
    assert torch.equal(outcomes[0][1], outcomes[1][1])
    assert not torch.equal(outcomes[0][1], outcomes[2][1])


def test_the_average_is_lent_and_taken_back():
    learner, _ = toy()
    learner.train(steps=30)
    before = [
        t.detach().clone() for t in (*learner.model.parameters(), learner.model[1].running_mean)
    ]
    with learner.averaged() as model:
        assert not model.training
        assert not torch.equal(model[0].weight, before[0])
        assert not torch.equal(model[1].running_mean, before[-1])
    after = [*learner.model.parameters(), learner.model[1].running_mean]
    assert learner.model.training
    assert all(torch.equal(a, b) for a, b in zip(before, after, strict=True))


def test_stopping_and_going_on_changes_nothing_and_time_adds_up():
    whole, parts = toy(clock=Clock())[0], toy(clock=Clock())[0]
    whole.train(steps=20)
    for steps in (3, 3, 11, 20):
        parts.train(steps=steps)
        with parts.averaged():
            pass
    assert all(
        torch.equal(a, b)
        for a, b in zip(whole.model.parameters(), parts.model.parameters(), strict=True)
    )
    assert whole.seconds == parts.seconds == 20.0
    parts.train(seconds=25.0)
    assert parts.steps == 25


def test_few_samples_make_small_batches():
    learner, _ = toy(n=5)
    assert learner.batch == 5
    learner.train(steps=3)
    assert learner.steps == 3


def test_each_image_turns_by_its_own_angle():
    x = random_blobs(6, 21, 3.0, 0).sample(21)
    line = torch.arange(21) - 10
    x = x * (line[:, None] ** 2 + line**2 < 64)
    first = x[:1].expand(6, -1, -1, -1)
    y = turn_at_random(first, torch.Generator().manual_seed(0))
    assert torch.equal(y, turn_at_random(first, torch.Generator().manual_seed(0)))
    assert (torch.pdist(y.flatten(1)) > 1).all()
    assert (y.square().sum((1, 2, 3)) / first.square().sum((1, 2, 3)) - 1).abs().max() < 0.15


# --- taking turns ---------------------------------------------------------------------------------
class Fake:
    """A learner that needs a second a step, and errs less the longer it learned."""

    def __init__(self, name, log, pace):
        self.name, self.log, self.pace = name, log, pace
        self.seconds, self.steps = 0.0, 0
        self.model = nn.Identity()

    def train(self, seconds):
        self.log.append(self.name)
        while self.seconds < seconds:
            self.seconds += self.pace
            self.steps += 1

    def averaged(self):
        import contextlib

        return contextlib.nullcontext(lambda x: torch.eye(2)[(x[:, 0] > 10 / self.seconds).long()])


def test_networks_take_turns_in_alternating_order():
    log, told = [], []
    learners = {"a": Fake("a", log, 1.0), "b": Fake("b", log, 2.0)}
    x = torch.arange(10.0)[:, None]
    test = (x, torch.ones(10, dtype=torch.int64))
    courses = race(learners, test, [1.0, 4.0, 9.0], told.append)
    assert log == ["a", "b", "b", "a", "a", "b"]
    assert courses["a"].seconds == [1.0, 4.0, 9.0]
    assert courses["b"].seconds == [2.0, 4.0, 10.0]
    assert courses["b"].steps == 5
    assert courses["b"].samples == 10
    assert courses["a"].errors == sorted(courses["a"].errors, reverse=True)
    assert len(told) == 3


def test_times_to_an_error():
    course = Course([1.0, 2.0, 3.0, 4.0], [0.5, 0.1, 0.3, 0.2], samples=100)
    assert course.final == pytest.approx(0.2)
    assert course.target == pytest.approx(0.24)
    assert course.time_to(course.target) == pytest.approx(1.65)  # linear from 0.5 to 0.1
    assert course.time_to(0.5) == 1.0
    assert course.time_to(0.3) == pytest.approx(1.5)
    assert course.time_to(0.1) == 2.0
    assert course.time_to(0.05) == math.inf
    assert moments(100.0, 2) == [25.0, 100.0]


# --- data -----------------------------------------------------------------------------------------
def test_without_mnist_the_digits_of_scikit_learn_are_taken_and_that_is_said(monkeypatch, tmp_path):
    monkeypatch.delenv("GEOMDL_DATA", raising=False)
    task = samples.load_task(Context())
    assert task.name == "rotated_digits"
    assert "for want of MNIST" in task.said
    assert (len(task.train[1]), len(task.test[1]), task.classes) == (1200, 597, 10)
    assert task.train[0].shape[1:] == (1, samples.SIZE, samples.SIZE)
    assert len(task.reduced(5, 3).test[0]) == 3
    with pytest.raises(FileNotFoundError, match="mnist8k"):
        samples.load_task(Context(data="rotated_mnist", root=tmp_path))
    with pytest.raises(ValueError, match="data: expected 'rotated_mnist' or 'rotated_digits'"):
        samples.load_task(Context(data="digits"))


def test_constants_fit_together():
    assert samples.SIZE % 4 == 1  # odd after halving twice
    assert training.BATCH > 0
    assert analytic.rotation(0).equal(torch.eye(2, dtype=torch.float64))


@pytest.mark.parametrize(
    ("y", "z", "wanted"),
    [
        (torch.ones(3, 2), torch.ones(3, 2), math.nan),  # does not vary: no error
        (torch.eye(3), torch.full((3, 3), math.nan), math.inf),
        (torch.full((3, 3), math.nan), torch.eye(3), math.inf),
        (torch.full((3, 3), math.inf), torch.eye(3), math.inf),
    ],
)
def test_what_is_not_finite_is_no_constant(y, z, wanted):
    found = relative(z, y)
    assert math.isnan(found) if math.isnan(wanted) else found == wanted


def test_no_network_is_no_proof_of_exactness():
    assert not angles._exact([]).holds
    assert angles._exact([{"name": "geomdl", "quarter": 1e-15}]).holds
    assert not angles._exact([{"name": "geomdl", "quarter": math.inf}]).holds
