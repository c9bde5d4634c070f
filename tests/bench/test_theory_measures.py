"""The suite of measures, at its smallest."""

import itertools
import math

import pytest
import torch

from geomdl.auditing import audit
from geomdl.bench import plots
from geomdl.bench.budget import Budget
from geomdl.bench.registry import Context, find_suite
from geomdl.bench.results import Figure
from geomdl.bench.suites.theory import certificates, trained_nets
from geomdl.bench.suites.theory import measures as suite
from geomdl.bench.suites.theory.trained_nets import Setting, build, digits, grid
from geomdl.fields import Field, Grid, Vector
from geomdl.generalization import bounds
from geomdl.groups import group
from geomdl.steerable import to_plain

SMALL = [
    Setting(kind, 64, depth, 0.1, 16, n)
    for kind, depth, n in itertools.product(("dense", "D4"), (1, 2), (32, 64))
]
LEARNT = 1.8


@pytest.fixture(scope="module")
def small():
    with pytest.MonkeyPatch.context() as patch:
        for module in (suite, trained_nets):
            patch.setattr(module, "LOSS", LEARNT)
        patch.setattr(trained_nets, "SAMPLES", 16)
        patch.setattr(suite, "grid", lambda: SMALL)
        yield find_suite("theory/measures").body(Context(budget=Budget(None), seeds=1))


@pytest.fixture
def made_up(monkeypatch):
    """Trainings that take no time: the second fails, the gap is told by the setting."""
    count = iter(range(100))

    def train(setting, seed):
        loss = 9.0 if next(count) == 1 else 0.01
        gap = (2.0 if setting.kind == "dense" else 1.0) / setting.samples
        nothing = torch.nn.Identity()
        return trained_nets.Trained(nothing, nothing, None, None, loss, 0.0, gap + 0.01 * seed, 3)

    monkeypatch.setattr(suite, "grid", lambda: SMALL)
    monkeypatch.setattr(suite, "train", train)
    monkeypatch.setattr(
        suite, "measures",
        lambda net, seed: {"gap": net.test_error, "minus": -net.test_error},
    )  # fmt: skip


def test_suite(small):
    ranks, gaps = small.tables
    names = [row["name"] for row in ranks.rows]
    assert {"noise", "samples alone", "path norm", "adaptive sharpness"} <= set(names)
    for row in ranks.rows:
        assert -1 <= row["tau"]["low"] <= row["tau"]["high"] <= 1
        assert row["width"] is None  # nothing to compare
        assert -1 <= row["depth"] <= 1
    assert sum(row["count"] for row in gaps.rows) == len(SMALL)
    assert small.reduced is None
    assert [c.name for c in small.checks] == ["trained", "symmetry", "noise"]
    assert small.checks[0].holds


def test_ranks_and_checks_of_known_gaps(made_up):
    found = suite.complexity(Context(budget=Budget(None), seeds=2))
    ranks = {row["name"]: row for row in found.tables[0].rows}
    assert ranks["gap"]["tau"]["mean"] == 1 == ranks["gap"]["kind"] == ranks["gap"]["samples"]
    assert ranks["minus"]["tau"]["mean"] == -1 == ranks["minus"]["samples"]
    assert ranks["noise"]["tau"]["low"] < 0 < ranks["noise"]["tau"]["high"]
    checks = {check.name: check for check in found.checks}
    assert not checks["trained"].holds
    assert checks["trained"].text.startswith("15 of 16")
    assert checks["symmetry"].holds
    assert "(7 pairs)" in checks["symmetry"].text
    assert sum(row["count"] for row in found.tables[1].rows) == 15


def test_a_gap_that_symmetry_does_not_narrow_is_seen():
    rows = [
        {"setting": s, "seed": seed, "gap": (0.1 if s.kind == "dense" else 0.2) + 0.01 * seed,
         "measures": {"noise": float((k + seed) % 2)}}
        for k, s in enumerate(SMALL) for seed in (0, 1)
    ]  # fmt: skip
    ranks = suite.ranked(rows)
    checks = {c.name: c.holds for c in suite.checks_of(rows, rows, ranks)}
    assert checks == {"trained": True, "symmetry": False, "noise": True}


def test_a_short_budget_is_said(made_up):
    seconds = iter(range(10**6))
    budget = Budget(25.0, clock=lambda: float(next(seconds)))
    found = suite.complexity(Context(budget=budget, seeds=2))
    count = int(found.reduced.split()[0])
    assert found.reduced == f"{count} networks of 16"
    assert 8 <= count < 16


def test_the_grid_has_every_pair_once():
    settings = grid()
    assert len(set(settings)) == len(settings) == 64
    assert {s.kind for s in settings} == {"dense", "D4"}


@pytest.mark.parametrize("depth", [1, 2])
def test_networks_are_what_they_are_called(depth):
    square = group("D4")
    x = digits(0)[0][:3].double()
    nets = {k: build(Setting(k, 16, depth, 0.1, 16, 32), 0).double() for k in ("dense", "D4")}
    fields = {
        "source": Field(Grid(2), square.trivial),
        "target": Field(Vector(), 10 * square.trivial),
    }
    errors = {k: audit(net, x, group=square, **fields).error for k, net in nets.items()}
    assert errors["D4"] < 1e-12 < 1e-2 < errors["dense"]
    for net in nets.values():
        y = net(x)
        assert y.shape == (3, 10)
        with torch.no_grad():
            for p in net.parameters():
                p *= 2
        assert torch.allclose(net(x), 2 ** (depth + 1) * y)  # homogeneous


def test_measures_are_those_of_the_network(small):
    net = trained_nets.train(SMALL[0], 0)
    assert net.loss <= LEARNT
    found = trained_nets.measures(net, 0)
    n = len(net.x)
    assert n == 32
    plain = to_plain(net.model).double()
    gamma = bounds.margin_percentile(bounds.margins(plain(net.x.double()).detach(), net.y), 10)
    path = bounds.path_norm(plain, net.x.double())
    assert found["path norm"] == pytest.approx((path / max(gamma, 1e-3)) ** 2 / n)
    assert found["parameters"] == (64 * 64 + 640) / n
    assert found["samples alone"] == 1 / n
    assert all(math.isfinite(v) for v in found.values())


def test_bars():
    rows = [
        {"name": "a", "mean": 0.5, "low": 0.1, "high": 0.9, "mark": 0.2},
        {"name": "b", "mean": -0.5, "low": -0.6, "high": 0.1, "mark": None},
    ]
    data = {"rows": rows, "x_label": "x", "bar_label": "τ", "mark_label": "ψ"}
    axes = plots.draw(Figure("f", "bars", "", "", data)).axes[0]
    widths = [patch.get_width() for patch in axes.patches[:2]]
    assert widths == [0.5, -0.5]
    ends = [line.get_xdata().tolist() for line in axes.lines[:2]]
    assert ends == [[0.1, 0.9], [-0.6, 0.1]]


def test_certificates(monkeypatch):
    monkeypatch.setattr(trained_nets, "LOSS", LEARNT)
    for name, value in {"SAMPLES": 64, "WIDTH": 64, "STEPS": 3, "DRAWS": 3}.items():
        monkeypatch.setattr(certificates, name, value)
    found = certificates.certificates(Context(budget=Budget(None), seeds=1))
    rows = {row["name"]: row for row in found.tables[0].rows}
    assert list(rows) == ["dense", "D4"]
    for cells in rows.values():
        assert cells["test"]["mean"] < cells["held_out"]["mean"] <= 1
        assert cells["posterior"]["mean"] < cells["pac_bayes"]["mean"] <= 1
        assert cells["bits"]["mean"] > 0
    assert rows["dense"]["parameters"] == 64 * 64 + 640
    assert next(c for c in found.checks if c.name == "valid").holds


def test_checks_of_certificates_see_what_is_broken():
    good = {"test": 0.1, "held_out": 0.2, "posterior": 0.2, "pac_bayes": 0.5}
    runs = {"dense": [good | {"pac_bayes": 0.9}], "D4": [good]}
    assert all(c.holds for c in certificates.checks_of(runs))
    for broken, name in (
        ({"held_out": 0.05}, "valid"),
        ({"pac_bayes": 0.95}, "symmetry"),
    ):
        checks = certificates.checks_of(runs | {"D4": [good | broken]})
        assert [c.name for c in checks if not c.holds] == [name]
    checks = certificates.checks_of(runs | {"dense": [good | {"pac_bayes": 1.0}]})
    assert [c.name for c in checks if not c.holds] == ["not vacuous"]
