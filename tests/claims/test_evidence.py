import json

import numpy as np
import pytest
import torch

from geomdl.claims import Evidence, figures

NAN, INF = float("nan"), float("inf")


def make(predicted, measured, tolerance=0.1, **more):
    return Evidence(predicted, measured, tolerance, "test", **more)


@pytest.mark.parametrize(
    ("relation", "excess", "holds"),
    [
        ("equal", 0.05, True),
        ("equal", -0.05, True),
        ("equal", 0.2, False),
        ("equal", -0.2, False),
        ("at most", -9.0, True),
        ("at most", 0.05, True),
        ("at most", 0.2, False),
        ("at least", 9.0, True),
        ("at least", -0.05, True),
        ("at least", -0.2, False),
    ],
)
def test_the_relation_decides(relation, excess, holds):
    assert make(1.0, 1.0 + excess, relation=relation).holds is holds


@pytest.mark.parametrize("relation", ["equal", "at most", "at least"])
@pytest.mark.parametrize("bad", [NAN, INF, -INF])
def test_nothing_that_is_not_finite_ever_holds(bad, relation):
    assert not make(bad, 1.0, 1e300, relation=relation).holds
    assert not make(1.0, bad, 1e300, relation=relation).holds
    assert not make(bad, bad, 1e300, relation=relation).holds
    assert not make([1.0, 1.0], [1.0, bad], 1e300, relation=relation).holds
    if not bad < 0:
        assert not make(1.0, 1.0, bad, relation=relation).holds
        assert not make([1.0, 1.0], [1.0, 1.0], [0.1, bad], relation=relation).holds


def test_one_bad_entry_is_enough():
    assert make([1, 2, 3], [1, 2, 3], 0).holds
    assert not make([1, 2, 3], [1, 2, 3.2]).holds
    assert make([1, 2], [1.5, 2], [0.6, 0]).holds
    assert not make([1, 2], [1, 2.5], [0.6, 0]).holds


def test_no_entry_and_another_shape_never_hold():
    assert not make([], []).holds
    assert not make([1.0, 1.0], 1.0).holds
    assert not make([[1.0]], [1.0]).holds
    assert np.isnan(make([], []).error)
    assert np.isnan(make([1.0, 1.0], 1.0).error)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"relation": "about"}, "relation: expected one of equal, at most, at least, got 'about'"),
        ({"tolerance": -1}, "tolerance: expected at least 0, got -1"),
        ({"tolerance": [1, 1, 1]}, r"tolerance: expected a shape that broadcasts to \(2,\)"),
        ({"tolerance": [[1, 1]]}, r"tolerance: expected a shape that broadcasts to \(2,\)"),
        ({"labels": ("a",)}, "labels: expected 2, got 1"),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        make([1, 2], [1, 2], **arguments)


def test_values_are_copies_that_cannot_change():
    measured = torch.ones(2, requires_grad=True)
    found = make([1, 1], measured)
    with torch.no_grad():
        measured += 1
    assert found.holds
    with pytest.raises(ValueError, match="read-only"):
        found.measured[0] = 1
    with pytest.raises(AttributeError):
        found.predicted = 3


def test_json_is_valid_whatever_is_in_it():
    found = json.loads(make([1, 2], [NAN, INF], labels=("a", "b")).to_json())
    assert found["holds"] is False
    assert found["measured"] == ["nan", "inf"]
    assert found["predicted"] == [1.0, 2.0]
    assert found["labels"] == ["a", "b"]
    large = json.loads(make(torch.ones(8, 9), torch.ones(8, 9)).to_json())
    assert large["holds"] is True
    assert large["predicted"] == {"shape": [8, 9], "norm": pytest.approx(72**0.5)}
    assert json.loads(make(1, 1).to_json())["predicted"] == 1.0


@pytest.mark.parametrize(
    ("predicted", "measured"),
    [(1, 1), ([1, 2], [1, NAN]), ([], []), ([1, 1e6], [1, 1e6]), (torch.ones(9, 9), INF)],
)
def test_everything_can_be_drawn(predicted, measured, tmp_path):
    make(predicted, measured, name="n").draw().savefig(tmp_path / "a.png")
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")


def test_matplotlib_waits_for_somebody_who_looks():
    import subprocess
    import sys

    code = (
        "import sys, geomdl.claims as c; c.run('schur'); c.run('rademacher');"
        "assert 'matplotlib' not in sys.modules; c.run('schur').draw();"
        "assert 'matplotlib' in sys.modules and 'matplotlib.pyplot' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_an_axis_of_shares_has_ticks_between_whole_numbers():
    for x, whole in (([0.1, 0.5, 0.9], False), ([1.0, 40, 200], True)):
        draw = figures.curve(x, x, x, labels=("x", "y"))
        axes = Evidence(1, 1, 0, "counting", figure=draw).draw().axes[0]
        low, high = axes.get_xlim()
        ticks = [t for t in axes.get_xticks() if low <= t <= high]
        assert len(ticks) > 2 and all(t.is_integer() for t in ticks) is whole
