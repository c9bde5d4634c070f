"""Suite `molecules/speed`: the same numbers on both sides, verdicts on numbers that are given."""

import pytest
import torch

from geomdl.bench.results import Column, Table
from geomdl.bench.suites.molecules import speed, steps
from geomdl.bench.suites.molecules.peers import NequIPOnE3NN
from geomdl.euclidean import NequIP, radius_graph
from geomdl.interop import e3nn as bridge


@pytest.fixture(scope="module")
def case():
    return speed.Case(2, 4, nodes=10)


def test_outputs_agree(case):
    assert case.error() <= 1e-6


@pytest.mark.parametrize("key", ["both", "forces"])
def test_gradients_agree(case, key):
    ours, theirs = (step() for step in case.steps(key).values())
    rep = case.layer.source["x"].rep
    w = theirs[2].unflatten(1, (case.layer.paths, 4))[:, case.order]
    expected = (bridge.from_features(theirs[0], rep, 4), theirs[1], w)
    for found, wanted in zip(ours, expected, strict=True):
        assert wanted.abs().max() > 0.1
        assert (found - wanted).abs().max() <= 1e-5 * wanted.abs().max()


def test_the_network_on_e3nn_is_as_large():
    ours = NequIP((1, 6), lmax=1, channels=4, layers=2, rng=torch.Generator().manual_seed(0))
    theirs = NequIPOnE3NN(ours)
    sizes = [sum(p.numel() for p in model.parameters()) for model in (ours, theirs)]
    assert 0.95 <= sizes[0] / sizes[1] <= 1.05
    pos = torch.randn(6, 3, generator=torch.Generator().manual_seed(1))
    z = torch.tensor([1, 6, 1, 6, 6, 1])
    graph = radius_graph(pos, 5.0).graph
    energy = theirs(z, pos, graph)
    turned = theirs(z, pos @ torch.linalg.qr(torch.randn(3, 3))[0], graph)
    assert energy.shape == ours(z, pos, graph).shape == (1, 1)
    assert (turned - energy).abs().max() <= 1e-4 * energy.abs().max()


def row(forward=20.0, both=20.0, forces=12.0, share=0.05, error=1e-7):
    passes = {"forward": forward, "both": both, "forces": forces}
    return {"name": "2, 32", "share": share, "error": error} | {
        key: {"median": value} for key, value in passes.items()
    }


def tables(step=6.0, harmonics=11.0, growth=1.1):
    columns = (Column("name", "name"),)
    made = (("on e3nn", 1.0, None), ("a", step, 5.0), ("b", harmonics, 10.0))
    whole = [{"name": n, "ratio": {"median": r}, "least": least} for n, r, least in made]
    grown = [{"each": 1.0}, {"each": 1.0}, {"each": 1.0}, {"each": growth}]
    return Table("others", columns, tuple(whole)), Table("growth", columns, tuple(grown))


@pytest.mark.parametrize(
    ("changes", "others", "failing"),
    [
        ({}, {}, []),
        ({"forward": 14.0}, {}, ["forward"]),
        ({"both": 14.0}, {}, ["both"]),
        ({"forces": 9.0}, {}, ["forces"]),
        ({"share": 0.2}, {}, ["memory"]),
        ({"error": float("nan")}, {}, ["outputs"]),
        ({}, {"step": 4.0}, ["a"]),
        ({}, {"harmonics": 9.0}, ["b"]),
        ({}, {"growth": 1.6}, ["growth"]),
    ],
)
def test_verdicts(changes, others, failing):
    checks = speed.checks_of([row(**changes)], *tables(**others))
    assert [check.name for check in checks if not check.holds] == failing


@pytest.mark.parametrize("there", [True, False])
def test_a_step_is_judged_by_the_package_where_it_is(there, monkeypatch):
    monkeypatch.setattr(steps, "find_spec", lambda _: object() if there else None)
    monkeypatch.setattr(steps, "version", lambda _: "1.0")
    monkeypatch.setattr(steps, "step_of_package", lambda *_: lambda: None)
    monkeypatch.setattr(steps, "SIZES", {"lmax": 1, "channels": 2, "layers": 1, "cutoff": 2.0})
    rows = steps.step_of_nequip(1.0, 1)
    assert [row["least"] for row in rows] == ([None, 5.0] if there else [5.0])
    assert rows[0]["ratio"]["median"] > 0


def test_the_package_leaves_the_default_type():
    pytest.importorskip("nequip", reason="needs pip install nequip, which raises numpy")
    pos = torch.rand(6, 3, generator=torch.Generator().manual_seed(0)) * 2
    batch = torch.tensor([0, 0, 0, 1, 1, 1])
    graph = radius_graph(pos, 5.0, batch=batch).graph
    step = steps.step_of_package(torch.tensor([1, 6, 8] * 2), pos, batch, graph)
    step()
    assert torch.get_default_dtype() == torch.float32
