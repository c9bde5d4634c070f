"""Suites of symmetrized networks, at their smallest."""

import math
from dataclasses import replace

import pytest
import torch
from torch import nn

from geomdl.bench.budget import Budget
from geomdl.bench.registry import Context, find_suites
from geomdl.bench.suites.symmetry import clouds, digits, methods, points, report
from geomdl.fields import positions
from geomdl.groups import group
from geomdl.symmetrization import Symmetrized, symmetrize

COSTLY = ("sets + turns, quadrature after", "EGNN", "D4 network")


def quick(seeds=1, seconds=0.5):
    return Context(budget=Budget(seconds), seeds=seeds)


@pytest.fixture
def small(monkeypatch):
    monkeypatch.setattr(report, "ROUNDS", 1)
    monkeypatch.setattr(methods, "AUDITED", 2)
    monkeypatch.setattr(clouds, "_TRIED", 50_000)
    monkeypatch.setattr(clouds, "POINTS", 5)
    for module in (digits, points):
        monkeypatch.setattr(module, "TRAIN", 32)
        monkeypatch.setattr(module, "TEST", 16)
        few = tuple(m for m in module.METHODS if m.name not in COSTLY)
        monkeypatch.setattr(module, "METHODS", few)


def test_the_prefix_names_both():
    assert [s.name for s in find_suites(["symmetry"])] == ["symmetry/digits", "symmetry/points"]


@pytest.mark.parametrize(("module", "body"), [(digits, "digits"), (points, "points")])
def test_suite(small, module, body):
    found = getattr(module, body)(quick())
    (table,) = found.tables
    rows = {row["name"]: row for row in table.rows}
    assert list(rows) == [method.name for method in module.METHODS]
    checks = {check.name: check.holds for check in found.checks}
    assert checks["exact"]
    assert checks["answers"]
    for method in module.METHODS:
        row = rows[method.name]
        assert 0 <= row["turned"]["mean"] <= 1
        assert (row["error"] < 1e-10) == method.exact, method.name
        if method.after is not None:
            assert row["parameters"] == rows[method.after]["parameters"]
    assert "epochs of training instead of" in found.reduced
    assert {figure.kind for figure in found.figures} == {"dumbbell", "dots"}


def test_evaluations_are_counted():
    x = torch.randn(3, 5, 3)
    G = group("SO3")
    f = nn.Sequential(nn.Flatten(), nn.Linear(15, 2))
    source, target = positions(G), points.task_of(6, 6).target
    assert methods.evaluations(f, x) == 1
    f = nn.Sequential(nn.Flatten(), nn.Linear(15, target.channels))
    for mode, options, cost in (
        ("frames", {}, 4),
        ("frames", {"weighted": True}, 25),
        ("sample", {"n": 3}, 3),
    ):
        model = symmetrize(f, G, mode, source=source, target=target, **options)
        assert isinstance(model, Symmetrized)
        assert methods.evaluations(model, x) == cost


def test_what_follows_another_keeps_its_weights(small):
    task = digits.task_of(16, 16)
    plain, _, after, *_ = digits.METHODS
    f = plain.build(task, 0, {})
    module = methods.train(after.build(task, 1, {plain.name: f}), after, task, 1, 1)
    assert module.f is f
    with pytest.raises(KeyError):
        after.build(task, 0, {})


def test_clouds_are_centred_and_near_their_shapes():
    x, y = clouds.make_clouds(12, torch.Generator().manual_seed(0))
    assert x.shape == (12, clouds.POINTS, 3)
    assert x.mean(1).abs().max() < 1e-12
    assert torch.equal(y.bincount(), torch.full((len(clouds.CLASSES),), 2))
    rng = torch.Generator().manual_seed(1)
    for name in clouds.CLASSES:
        p = clouds.surface(name, rng)
        assert len(p) > 100
        assert clouds.SHAPES[name](p).abs().max() < clouds.SHELL


def test_the_network_of_messages_sees_no_rotation():
    x, _ = clouds.make_clouds(6, torch.Generator().manual_seed(0))
    network = clouds.CloudEGNN(6, torch.Generator().manual_seed(0)).double()
    turn = group("SO3").sample(1, torch.Generator().manual_seed(1))
    y = network(x)
    assert y.std(0).max() > 1e-3
    assert (network(x @ turn.mT) - y).abs().max() < 1e-12 * y.abs().max()
    assert (torch.cat([network(one[None]) for one in x]) - y).abs().max() < 1e-12
    assert (network(x * torch.tensor([2.0, 1, 1])) - y).abs().max() > 1e-3, "stretched"


def runs_of(method):
    """Three runs as they should be."""
    good = {"upright": 0.9, "turned": 0.9, "same": 1.0, "error": 1e-15}
    if not method.exact:
        good |= {"turned": 0.4, "same": 0.4, "error": 0.5}
    return [{k: v - 0.01 * s * (k == "upright") for k, v in good.items()} for s in range(3)]


@pytest.mark.parametrize(
    ("broken", "name"),
    [
        ({"error": 1e-3}, "exact"),
        ({"error": math.nan}, "exact"),
        ({"same": 0.99}, "answers"),
        ({"turned": 0.3}, "gain, D4 network"),
    ],
)
def test_checks_see_what_is_broken(broken, name):
    runs = {method.name: runs_of(method) for method in digits.METHODS}
    assert all(check.holds for check in report.checks_of(runs, digits.METHODS))
    runs["D4 network"][1] |= broken
    failed = [check.name for check in report.checks_of(runs, digits.METHODS) if not check.holds]
    assert failed == [name]


def test_a_method_that_only_claims_to_be_exact_is_found(small):
    plain = digits.METHODS[0]
    task = digits.task_of(16, 16)
    found = methods.examine(plain.build(task, 0, {}).eval(), task)
    claimed = (plain, replace(plain, name="claimed", exact=True))
    runs = {method.name: [found] for method in claimed}
    checks = {check.name: check.holds for check in report.checks_of(runs, claimed)}
    assert not checks["exact"]
