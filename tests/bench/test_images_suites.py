"""The suites of images: plans and checks on fakes, and each of them once, as small as it gets."""

import copy
import dataclasses
import math
from functools import partial

import pytest
import torch
from torch import nn

from geomdl import bench, groups
from geomdl.bench import Budget, Context, registry
from geomdl.bench.statistics import mean_sd, quartiles
from geomdl.bench.suites import learning
from geomdl.bench.suites.images import (
    angles,
    construction,
    coordinates,
    costs,
    curves,
    designs,
    efficiency,
    expanding,
    expansion,
    layouts,
    peers,
    precision,
    samples,
    solids,
    speed,
    trained,
    trained_report,
    training,
    volumes,
)
from geomdl.bench.suites.images.contest import Course
from geomdl.bench.suites.images.designs import Design
from geomdl.bench.table import markdown
from geomdl.fields import Field, Grid
from geomdl.steerable.filters import filter_basis
from geomdl.steerable.taps import tap_space

modules = {
    "angles": angles, "curves": curves, "efficiency": efficiency, "speed": speed,
    "volumes": volumes, "coordinates": coordinates, "expansion": expansion,
}  # fmt: skip


# --- names ----------------------------------------------------------------------------------------
def test_a_family_of_suites_is_run_by_what_stands_before_the_slash():
    names = [f"images/{name}" for name in sorted(modules)]
    for given in (["images"], ["images/*"], ["images/curves", "images", "images/speed"]):
        found = [suite.name for suite in registry.find_suites(given)]
        assert sorted(found) == names
    assert [s.name for s in registry.find_suites(["images/speed", "digits"])] == [
        "images/speed",
        "digits",
    ]
    with pytest.raises(ValueError, match=r"no suite 'image'; there are .*images/angles"):
        registry.find_suites(["image"])


# --- speed ----------------------------------------------------------------------------------------
def row(name="C4", size=7, train=1.0, eval_=1.0, escnn=2.0, spread=0.0, rounds=9, still=1.0):
    def cell(middle):
        return vars(quartiles([middle - spread, middle, middle + spread]))

    return {
        "name": name, "size": f"{size}²", "kernel": "3×3", "channels": 48,
        "plain": 0.01, "rounds": rounds,
        "train": cell(train), "tuned": cell(train), "eval": cell(eval_), "escnn": cell(escnn),
        "still": cell(still),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("rows", "holds"),
    [
        ([row(), row("D8", 29)], [True, True, True, True, True]),
        ([row(), row(train=1.2)], [False, True, True, True, True]),
        ([row(), row(train=1.2, spread=0.4)], [False, True, True, True, True]),
        ([row(), row("C4", 29, train=1.04, spread=0.4)], [True, True, True, True, True]),
        ([row(), row("C4", 29, escnn=0.9, spread=0.2)], [True, True, True, True, True]),
        ([row(), row("C4", 7, escnn=1.4, spread=0.4)], [True, True, True, True, False]),
        ([row(), row(train=1.2, rounds=4)], [True, True, True, True, True]),
        ([row(train=1.2, rounds=4)], []),
        ([row(), row(eval_=1.1)], [True, False, True, True, True]),
        ([row(), row(still=1.1)], [True, True, False, True, True]),
        ([row(), row("C4", 29, escnn=0.9)], [True, True, True, False, True]),
        ([row(), row("C4", 29, escnn=1.2)], [True, True, True, True, True]),
        ([row(), row("C4", 7, escnn=1.2)], [True, True, True, True, False]),
        ([row(), row("C16", 29, escnn=1.2)], [True, True, True, True, False]),
    ],
)
def test_limits_of_speed_are_on_medians_and_noise_makes_none_easier(rows, holds):
    built, *found = [check.holds for check in speed.checks_of(rows)] or [True]
    assert found == holds
    assert built == (holds or [True])[0]
    few = sum(r["rounds"] < 5 for r in rows)
    said = f"No verdict on {few} of {len(rows)} cases, with fewer than 5 rounds."
    assert speed.notes_of(rows) == (said,) * bool(few)
    rows[0] |= {"train": {"median": math.nan, "low": math.nan, "high": math.nan}, "rounds": 9}
    assert not speed.checks_of(rows)[0].holds


def test_without_escnn_there_are_four_checks():
    rows = [{k: v for k, v in row().items() if k != "escnn"}]
    assert len(speed.checks_of(rows)) == 4


def test_tuning_excuses_no_slow_network_as_built():
    slow = row() | {"train": row(train=1.2)["train"]}
    assert [check.holds for check in speed.checks_of([slow])] == [False, *[True] * 5]


def test_all_groups_of_a_size_and_kernel_or_none(monkeypatch):
    now = [0.0]
    calls = []

    def fake(group, size, kernel, channels, *, peers, limit):
        now[0] += 20
        calls.append((group, size, kernel))
        return row(group, size) | {"plain": 1e-7 * (size * kernel * channels) ** 2}

    monkeypatch.setattr(speed, "measure_case", fake)
    context = Context(budget=Budget(200, clock=lambda: now[0]))
    rows = speed.measure(context, peers=True)
    assert len(rows) == len(calls)
    assert len(rows) % 5 == 0
    assert 5 <= len(rows) <= 10
    assert len(set(speed.cases())) == 50


def test_one_real_case():
    found = speed.measure_case("D4", 7, 3, 16, peers=False, limit=0.1, rounds=1)
    assert found["train"]["median"] > 0
    assert found["tuned"] == found["train"]  # so few channels stay dense
    assert found["fourier"] == 0
    assert found["eval"]["median"] > 0
    assert found["rounds"] == 1


def test_construction_in_a_fresh_process_and_what_is_left_out(monkeypatch):
    assert 0 < construction.seconds_of(construction._OURS, group="C4", threads=1) < 60
    monkeypatch.setattr(construction, "seconds_of", lambda code, **values: 0.5)
    found = construction.measure(Context(budget=Budget(1e-9)), peers=True)
    found[construction.MODEL] = {}
    assert found["C8"] == {"geomdl": [0.5], "escnn": [0.5]}
    assert [check.holds for check in construction.checks_of(found)] == [False] * 3
    assert "was not timed" in construction.notes(found)[0]
    found[construction.MODEL] = {"geomdl": [0.2]}
    assert construction.checks_of(found)[-1].holds
    assert construction.notes(found) == ()
    assert construction.MODEL in markdown(construction.table(found, peers=True))


# --- angles ---------------------------------------------------------------------------------------
def errors(name, s1=0.1, tests=(0.02, 0.02, 0.02)):
    cells = {f"s{w}": {"mean": s1 / w, "sd": 0.0, "n": 1} for w in (1, 2, 3)}
    test = vars(mean_sd(tests))
    runs = {"test": tests, **{f"s{w}": [s1 / w] * len(tests) for w in (1, 2, 3)}}
    return {"name": name, "group": "C8", "layout": "trained", "test": test, "runs": runs, **cells}


@pytest.mark.parametrize(
    ("found", "holds"),
    [
        (errors(trained.JUDGED[0], 0.04), True),
        (errors(trained.JUDGED[0], 0.06), False),
        (errors(trained.JUDGED[0], 0.04, (0.0215, 0.0215, 0.0215)), True),
        (errors(trained.JUDGED[0], 0.04, (0.0225, 0.0225, 0.0225)), False),
        (errors(trained.JUDGED[0], 0.04, (0.018, 0.023, 0.028)), True),
        (errors(trained.JUDGED[0], math.nan), False),
    ],
)
def test_a_lower_error_counts_at_equal_test_error_only(found, holds):
    theirs = [errors(name, s1) for name, s1 in zip(peers.KINDS, (0.1, 0.05), strict=True)]
    rows = [errors("geomdl", 0.001), found, errors(trained.JUDGED[1], 0.2), *theirs]
    check, other, *worse = trained_report.checks_of(rows, ["C8"], (1, 2, 3))
    assert check.holds == holds
    assert not other.holds
    assert not any(c.holds for c in worse)
    assert trained.JUDGED[0] in check.text
    assert all(trained.JUDGED[1] in c.text for c in worse)
    assert trained_report.checks_of(rows[:3], ["C8"], (1, 2, 3)) == []


def test_factors_are_geometric_means_with_intervals_over_the_seeds():
    ours, theirs = errors(trained.JUDGED[0]), errors(peers.KINDS[0])
    ours["runs"]["s1"], theirs["runs"]["s1"] = [0.1, 0.1, 0.1], [0.1, 0.2, 0.4]
    table = trained_report.factors([ours, theirs], ["C8"])
    (row,) = table.rows
    assert row["s1"]["mean"] == pytest.approx(2.0)
    half = 4.302653 * math.log(2) / math.sqrt(3)  # Student, two degrees of freedom
    assert row["s1"]["low"] == pytest.approx(2 * math.exp(-half), rel=1e-5)
    assert row["s1"]["high"] == pytest.approx(2 * math.exp(half), rel=1e-5)
    assert row["s2"]["mean"] == pytest.approx(1.0)
    alone = [errors(n, tests=(0.02,)) for n in (trained.JUDGED[0], peers.KINDS[0])]
    assert trained_report.factors(alone, ["C8"]) is None


def test_the_table_over_angles_begins_with_the_images_themselves():
    runs = {k: [0.1, 0.3] for k in ("test", *trained.AT_45, *trained.OVER_ANGLES)}
    rows = [trained.row_of(name, "C8", runs) for name in ("geomdl", "escnn")]
    floor, *rest = trained_report.over_angles(trained.Trained(rows), ["C8"]).rows
    assert floor["a90"] < 1e-12 < floor["a45"]  # pixels go to pixels
    assert [row["a45"]["mean"] for row in rest] == [pytest.approx(0.2)] * 2
    broken = trained.row_of("geomdl", "C8", {**runs, "a45": [0.1, math.nan]})
    assert "a45" not in broken
    assert "s1" in broken


def test_one_or_two_seeds_have_no_interval_that_excuses_them():
    assert trained_report.as_accurate([0.0215], [0.02])
    assert not trained_report.as_accurate([0.03], [0.02])
    assert not trained_report.as_accurate([0.018, 0.028], [0.02, 0.02])
    assert trained_report.as_accurate([0.018, 0.023, 0.028], [0.02, 0.02, 0.02])


def test_little_training_is_not_judged():
    assert training.untrained(187, 64, 6000) is not None
    assert training.untrained(188, 64, 6000) is None
    assert training.untrained(2, 64, 30) is None


def test_the_gain_is_the_least_over_the_widths():
    ours = errors("a", s1=0.05)
    ours["s2"] = {"mean": 0.04}
    angles.gains([ours, *(errors(name) for name in peers.KINDS)])
    assert ours["gain"] == pytest.approx(0.05 / 0.04)


# --- curves and samples ---------------------------------------------------------------------------
def test_less_time_means_fewer_seeds_and_then_less_training():
    plan = curves.make_plan(math.inf, 5, 3, 2000)
    assert (plan.seconds, plan.seeds, plan.reduced) == (120.0, 3, None)
    before = plan
    for left in (1000, 400, 100, 1):
        plan = curves.make_plan(left, 5, 3, 2000)
        assert plan.seeds <= before.seeds
        assert plan.seconds * plan.seeds <= before.seconds * before.seeds
        assert "to keep to the time budget" in plan.reduced
        before = plan
    assert (plan.seeds, plan.seconds, plan.points, plan.test) == (1, 0.5, 3, 250)


def course(*errors):
    seconds = [float(k + 1) for k in range(len(errors))]
    return Course(seconds, list(errors), len(errors), samples=10_000)


@pytest.mark.parametrize(
    ("ours", "holds"),
    [
        ([0.05, 0.05, 0.05, 0.05, 0.05, 0.05], [True, True]),
        ([0.052, 0.05, 0.05, 0.05, 0.05, 0.05], [True, True]),  # within the standard error
        ([0.053, 0.053, 0.053, 0.05, 0.05, 0.05], [False, False]),
        ([0.2, 0.05, 0.05, 0.05, 0.05, 0.05], [False, True]),
        ([0.2, 0.2, 0.2, 0.2, 0.2, 0.2], [False, False]),
    ],
)
def test_shares_of_time(ours, holds):
    courses = {
        "plain CNN": [course(0.5, 0.3, 0.2, 0.05, 0.05, 0.05)],
        "geomdl C8": [course(*ours)],
        "escnn C8": [course(0.5, 0.3, 0.2, 0.05, 0.05, 0.05)],
    }
    assert [check.holds for check in curves.checks_of(courses)] == holds
    facts = {name: {} for name in courses}
    rows = curves.rows_of(courses, facts)
    assert (rows[1]["plain"] is None) == (min(ours) > 0.053)
    assert rows[0]["plain"]["median"] == 1.0
    assert rows[0]["step"] == 1.0
    # the standard error of 5 % of 10,000 samples, on the way from 20 % down to 5 %
    assert rows[0]["time"]["mean"] == pytest.approx(4 - (0.05 * 0.95) ** 0.5 / 100 / 0.15)


def test_a_plan_for_few_and_many_samples():
    cost = {"a": 0.1, "b": 0.1}
    full = efficiency.make_plan(math.inf, cost, 3, 6000, 2000)
    assert full.counts == (100, 500, 1000, 6000)
    assert (full.steps, full.seeds, full.reduced) == (600, 3, None)
    less = efficiency.make_plan(600.0, cost, 3, 1200, 2000)
    assert less.counts == (100, 500, 1000, 1200)
    assert less.seeds == 1
    least = efficiency.make_plan(0.1, cost, 3, 1200, 2000)
    assert (least.steps, least.test) == (3, 250)
    assert "3 steps of training instead of 600" in least.reduced


def test_fewer_errors_for_every_number_of_samples_and_beyond_the_seeds():
    found = {
        "plain CNN": {10: [0.5, 0.4], 20: [0.3, 0.3]},
        "geomdl C8": {10: [0.3, 0.21], 20: [0.2, 0.2]},
    }
    assert efficiency.checks_of(found)[0].holds
    rows = learning.rows_of(found, efficiency.PLAIN, efficiency.OURS)
    assert rows[0]["gain"]["mean"] == pytest.approx(0.195)
    found["geomdl C8"][10] = [0.3, 0.3]  # better with every seed, but the interval includes zero
    assert not efficiency.checks_of(found)[0].holds
    found = {name: {10: runs[10][:1]} for name, runs in found.items()}
    assert efficiency.checks_of(found) == []


# --- volumes --------------------------------------------------------------------------------------
class Radial(nn.Module):
    """Looks at the distance from the centre only; sabotaged: at places."""

    def __init__(self, sabotaged=False):
        super().__init__()
        line = torch.arange(17.0) - 8
        r2 = line[:, None, None] ** 2 + line[:, None] ** 2 + line**2
        weights = torch.stack([r2, r2.sqrt()])
        self.weights = weights + 10 * line if sabotaged else weights

    def forward(self, x):
        return torch.einsum("bcxyz,kxyz->bk", x, self.weights)


def test_what_looks_at_distances_only_is_invariant():
    assert volumes.turned_error(Radial(), "quarter") <= 1e-5
    assert volumes.turned_error(Radial(), "any") <= 0.02
    assert volumes.turned_error(Radial(sabotaged=True), "quarter") > 0.1


@pytest.mark.parametrize("name", ["geomdl O", "geomdl SO(3)"])
def test_networks_on_volumes_are_exact_under_quarter_turns(name):
    model = solids.NETWORKS[name](10, 0).eval()
    assert volumes.turned_error(model, "quarter") <= volumes.EXACT
    assert volumes.turned_error(model, "any") < 1
    assert volumes.turned_error(solids.plain(10, 0).eval(), "quarter") > 0.01


@pytest.mark.parametrize(
    ("changes", "holds"),
    [
        ({}, [True, True]),
        ({"quarter": 1e-3}, [False, True]),
        ({"quarter": math.nan}, [False, True]),
        ({"test": 0.5}, [True, False]),
    ],
)
def test_checks_of_volumes(changes, holds):
    good = {"test": 0.1, "quarter": 1e-7, "any": 0.1}
    plain = {**good, "test": 0.4, "quarter": 0.2}
    found = {"plain 3D CNN": [plain] * 2, "geomdl O": [good | changes] * 2}
    assert [check.holds for check in volumes.checks_of(found)] == holds
    single = {name: runs[:1] for name, runs in found.items()}
    assert [check.holds for check in volumes.checks_of(single)] == holds[:1]


def test_a_difference_smaller_than_its_spread_over_the_seeds_is_no_win():
    good = {"test": 0.1, "quarter": 1e-7, "any": 0.1}
    plain = [{**good, "test": 0.4}, {**good, "test": 0.15}]
    assert not volumes.checks_of({"plain 3D CNN": plain, "geomdl O": [good] * 2})[1].holds


# --- coordinates ----------------------------------------------------------------------------------
@pytest.mark.parametrize("group", coordinates.GROUPS)
def test_both_coordinates_are_one_network_and_one_under_gradient_descent(group):
    x = torch.randn(3, 1, 9, 9, generator=torch.Generator().manual_seed(0)).double()
    design = Design(group, 32, 3, 2, last=32)
    ours, same = (designs.classifier("geomdl", design, 4, 0).double() for _ in range(2))
    same = coordinates.at_the_elements(same)
    assert any("Elements" in type(m).__name__ for m in same.modules())
    outputs = {}
    for optimiser in (torch.optim.SGD, torch.optim.Adam):
        pair = [copy.deepcopy(m) for m in (ours, same)]
        outputs[optimiser] = []
        for model in pair:
            steps = optimiser(model.parameters(), lr=1e-2)
            for _ in range(3):
                steps.zero_grad()
                model(x).square().sum().backward()
                steps.step()
            outputs[optimiser].append(model(x))
    assert (ours(x) - same(x)).abs().max() <= 1e-12
    a, b = outputs[torch.optim.SGD]
    assert (a - b).abs().max() <= 1e-10 * a.abs().max()
    a, b = outputs[torch.optim.Adam]
    assert (a - b).abs().max() >= 1e-3 * a.abs().max()


def test_coordinates_are_judged_by_intervals():
    def found(gain):
        return {"D8": {"irreps": [0.05, 0.06, 0.05], "elements": [0.05 + gain, 0.06 + gain, 0.051]}}

    assert coordinates.checks_of(found(0.01))[0].holds
    assert coordinates.checks_of(found(0.0))[0].holds
    worse = {"D8": {"irreps": [0.05, 0.06, 0.05], "elements": [0.03, 0.04, 0.031]}}
    assert not coordinates.checks_of(worse)[0].holds
    assert coordinates.rows_of({"D8": {"irreps": [0.05], "elements": [0.07]}})[0]["gain"] > 0


# --- expansion ------------------------------------------------------------------------------------
@pytest.mark.parametrize("compiled", [True, False])
@pytest.mark.parametrize("group", ["C8", "D8"])
def test_all_ways_make_the_filters_that_the_basis_says(group, compiled, monkeypatch):
    if not compiled:
        monkeypatch.setattr(expanding, "_compiled", lambda body: body)
    G, depth = groups.group(group), 2
    field = Field(Grid(2), (16 // G.order) * G.regular)
    space = tap_space(field, 3, "gaussian")
    basis = filter_basis(space, G.regular, G.regular).dense()  # (n, s.dim, taps, r.dim)
    found = expanding.ways(group, 16, 3, depth)
    rng = torch.Generator().manual_seed(0)
    gradients = [torch.randn(16, 16, 3, 3, generator=rng) for _ in range(depth)]
    split = torch.cat(gradients).double().view(-1, G.order, 16 // G.order, G.order, 9)
    for name, (weights, _) in found.items():
        w = torch.cat(list(weights)).detach().double()
        filters, slopes = expansion.passes(found[name], gradients)()
        wanted = torch.einsum("abn,nstr->asbrt", w, basis).reshape(-1, 16, 3, 3)
        slope = torch.einsum("asbrt,nstr->abn", split, basis)
        for got, right in ((torch.cat(list(filters)), wanted), (torch.cat(slopes), slope)):
            assert (got - right).abs().max() <= 1e-6 * right.abs().max(), name


@pytest.mark.parametrize("name", expansion.SAID)
def test_other_filters_are_found_out(name):
    found = expanding.ways("C8", 16, 3, 2)
    gradients = [torch.ones(16, 16, 3, 3)] * 2
    results = {key: expansion.passes(way, gradients)() for key, way in found.items()}
    assert expansion.difference(results) <= expansion.EQUAL
    (weight, *_), _ = found[name]
    with torch.no_grad():
        weight[0, 0, 0] += 0.01 * weight.abs().max()
    results[name] = expansion.passes(found[name], gradients)()
    error = expansion.difference(results)
    assert error > expansion.EQUAL
    results[name] = ([f * math.nan for f in results[name][0]], results[name][1])
    assert math.isnan(expansion.difference(results))
    cells = {key: vars(quartiles([0.5, 0.9])) for key in expansion.SAID}
    row = {"share": 0.1, **cells}
    assert expansion.checks_of([row | {"error": 1e-7}])[0].holds
    for bad in (error, math.nan):
        assert not expansion.checks_of([row | {"error": 1e-7}, row | {"error": bad}])[0].holds


def test_verdicts_say_what_the_ratios_say():
    def row(*values):
        cell = vars(quartiles(list(values)))
        return {"share": 0.2, **{name: cell for name in expansion.SAID}}

    together, *others = expansion.verdicts([row(0.5, 0.5), row(1.5, 1.5), row(0.5, 1.5)])
    assert "quartiles in 1 of 3 cases, slower in 1; 0.50× to 1.50× its time" in together
    assert together.endswith("the time of a training step by -10.0 % to +10.0 %.")
    assert len(others) == 2


# --- the whole ------------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def small():
    """A few of the samples."""
    task = samples.load_task(Context(data="rotated_digits"))
    return dataclasses.replace(task.reduced(128, 60), said="something else")


@pytest.fixture
def tiny(monkeypatch, small):
    """Small networks."""
    for name in ("angles", "coordinates", "curves", "efficiency"):
        monkeypatch.setattr(modules[name], "load_task", lambda context: small)
    for module in (coordinates, costs, curves, efficiency, trained):
        monkeypatch.setattr(
            module, "design_of", lambda group: Design(group, 16, 3, 3, pooled=True, last=16)
        )
    monkeypatch.setattr(angles, "CHANNELS", 16)
    monkeypatch.setattr(angles, "GROUPS", ("C8",))
    monkeypatch.setattr(angles, "LAYOUTS", {"no pooling": (False, 13), "pooling": (True, 17)})
    monkeypatch.setattr(curves, "NETWORKS", {
        name: (kind, "C4" if name == "geomdl C16" else group)
        for name, (kind, group) in curves.NETWORKS.items()
    })  # fmt: skip
    monkeypatch.setattr(solids, "CHANNELS", 24)
    monkeypatch.setattr(solids, "KERNELS", (3, 3, 3))
    monkeypatch.setattr(volumes, "TRAIN", 20)
    monkeypatch.setattr(volumes, "TEST", 10)
    monkeypatch.setattr(construction, "ROUNDS", 1)
    monkeypatch.setattr(construction, "seconds_of", lambda code, **values: 0.5)


@pytest.mark.usefixtures("tiny")
@pytest.mark.parametrize("name", sorted(modules))
def test_the_smallest_run_is_whole(name, tmp_path, monkeypatch):
    monkeypatch.setattr(speed, "GROUPS", ("C4",))
    monkeypatch.setattr(precision, "measure", partial(precision.measure, rounds=1, size=7))
    monkeypatch.setattr(costs, "measure", partial(costs.measure, rounds=1, groups=("C8",)))
    monkeypatch.setattr(layouts, "measure", partial(layouts.measure, rounds=1, cases=[(7, 3, 48)]))
    results = bench.run([f"images/{name}"], budget=0.1, seeds=2, out=tmp_path)
    found = results.suites[f"images/{name}"]
    assert found.reduced is not None
    assert found.tables[0].rows
    assert (tmp_path / f"images_{name}_{found.figures[0].name}.png").is_file()
    assert "to keep to the time budget" in (tmp_path / "table.md").read_text()
    assert "not asked for" in found.settings["peers"]
    for table in found.tables:
        for column in table.columns:
            assert any(column.key in row for row in table.rows), column.key
    if name in ("curves", "efficiency"):
        assert "something else" in found.notes[-1]
    if name == "efficiency":
        assert "No verdict" in found.notes[0]
        assert found.checks == ()
