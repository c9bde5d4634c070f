"""Suite `molecules/dynamics`: given drifts, springs of known vibrations, verdicts."""

import numpy as np
import pytest
import torch

import geomdl
from geomdl.bench.budget import Budget
from geomdl.bench.registry import Context
from geomdl.bench.suites.molecules import dynamics, motion, training
from geomdl.data import made_molecules
from geomdl.euclidean import NequIP, Potential

pytest.importorskip("ase", reason="needs ase, of the extra chem")
ERRORS = {"energy": 10.0, "forces": 30.0}
DID = {"steps": 20_000, "step": 0.01, "seconds": 400.0}


def run(slope=0.0, stretch=1.2, size=0.02):
    time = np.linspace(0, 10, 2001)
    energy = slope * time + size * np.sqrt(2) * np.sin(2 * np.pi * time / 0.1)
    return motion.Trajectory(time, energy, np.full(2001, 490.0), stretch)


def found(**changes):
    rows = [{"name": "1", "ours": "250", "theirs": "248", "difference": "+2"}]
    known = {"rows": rows, "rigid": 1.0, "force": 1e-4, "low": 250.0}
    return known | {"mean": 2.0, "apart": 0.01, "bond": 0.002} | changes


def test_a_drift_is_found_beneath_a_fluctuation():
    slope, beside = run(slope=0.3, size=0.5).drift()
    assert abs(slope - 0.3) < 2e-3  # a sine has a slope of 6 A p / (π T²) of its own
    assert abs(beside - 0.5) < 1e-3


@pytest.mark.parametrize(
    ("of_run", "of_minimum", "failing"),
    [
        ({}, {}, []),
        ({"slope": 0.2}, {}, ["drift"]),
        ({"slope": -0.2}, {}, ["drift"]),
        ({"slope": float("nan")}, {}, ["drift"]),
        ({"stretch": 1.7}, {}, ["bonds"]),
        ({}, {"low": -30.0}, ["minimum"]),
        ({}, {"rigid": float("nan")}, ["rigid"]),
    ],
)
def test_verdicts(of_run, of_minimum, failing):
    checks = dynamics.checks_of(run(**of_run), found(**of_minimum))
    assert [check.name for check in checks if not check.holds] == failing


def test_a_short_run_has_no_verdict_on_its_drift():
    whole = run(slope=5.0)
    short = motion.Trajectory(
        *(x[:100] for x in (whole.time, whole.energy, whole.temperature)), 1.2
    )
    assert [check.name for check in dynamics.checks_of(short, found())] == [
        "bonds",
        "minimum",
        "rigid",
    ]


def test_reports_say_what_is_missing():
    whole = dynamics.report(run(), found(), ERRORS, DID)
    assert whole.reduced is None
    assert "2.0 cm⁻¹" in whole.notes[1]
    assert [column.key for column in whole.tables[1].columns][-1] == "difference"
    alone = {k: v for k, v in found().items() if k not in ("mean", "apart", "bond")}
    less = dynamics.report(run(), alone, ERRORS, DID | {"steps": 500, "seconds": 3.0})
    assert less.notes[1].startswith("tblite is not installed")
    assert len(less.tables[1].columns) == 2
    assert less.reduced == (
        "3 instead of 400 seconds of training, 500 instead of 20000 steps,"
        " to keep to the time budget"
    )


def spring():
    """Carbon monoxide as a spring of ASE's."""
    from ase import Atoms
    from ase.calculators.harmonic import HarmonicCalculator, HarmonicForceField

    atoms = Atoms("CO", positions=[[0.0, 0, 0], [0.6, 0, 0.8]])
    along = np.array([-0.6, 0, -0.8, 0.6, 0, 0.8])
    field = HarmonicForceField(atoms.copy(), 120 * np.outer(along, along))
    atoms.calc = HarmonicCalculator(field)
    return atoms


def test_the_hessian_of_a_spring():
    atoms = spring()
    vibrations, rigid = motion.spectrum(atoms, motion.differences(atoms))
    masses = atoms.get_masses()
    expected = 521.4709 * np.sqrt(120 * (1 / masses).sum())
    assert abs(vibrations.wavenumbers.numpy() / expected - 1).max() < 1e-6
    assert rigid < 1e-2


def test_a_spring_keeps_its_energy_and_stops_with_the_budget():
    kept = []
    found = motion.constant_energy(spring(), 400, 300.0, Budget(None), lambda: kept.append(1))
    assert len(found.time) == 1 + len(kept) == 41
    assert abs(found.time[-1] - 0.2) < 1e-12
    assert abs(found.drift()[0]) < 0.5
    assert found.energy.max() - found.energy.min() > 1e-6
    clock = iter(range(1000))
    short = Budget(5, clock=lambda: float(next(clock)))
    assert 3 <= len(motion.constant_energy(spring(), 400, 300.0, short, lambda: None).time) < 10


def test_differences_of_geometries():
    from ase.build import molecule

    a = molecule("CH3CH2OH")
    assert len(motion.bonds(a)) == 8
    b = a.copy()
    b.rotate(70, (1, 2, 3))
    b.positions += 4
    assert max(motion.distance(a, b)) < 1e-8
    pair = motion.bonds(a)[0]
    b.set_distance(*pair, a.get_distance(*pair) + 0.03, fix=0)
    apart, bond = motion.distance(a, b)
    assert 1e-3 < apart < 0.03
    assert abs(bond - 0.03) < 0.03


@pytest.fixture
def frames(monkeypatch):
    """Forty made-up frames instead of the file."""
    made = made_molecules.made_molecules(n=40, atoms=4)
    monkeypatch.setattr(dynamics.data, "load", lambda *_, **__: made)


def test_it_runs_from_a_checkpoint_and_from_nothing(frames, monkeypatch, tmp_path):
    monkeypatch.setattr(dynamics, "STEPS", 20)
    monkeypatch.setattr(motion, "gfn2", lambda: None)
    rng = torch.Generator().manual_seed(0)
    potential = Potential(NequIP((1, 6, 7, 8), lmax=0, channels=2, layers=1, rng=rng))
    geomdl.save(potential, tmp_path / "p.safetensors")
    result = dynamics.dynamics(Context(data=str(tmp_path / "p.safetensors")))
    assert result.reduced is None or "20 instead" in result.reduced
    assert len(result.tables[1].rows) == 21
    assert len(result.figures[0].data["x"]) == 3
    geomdl.save(potential.model, tmp_path / "m.safetensors")
    with pytest.raises(ValueError, match=r"^data: expected a potential in .*, got NequIP$"):
        dynamics.loaded(tmp_path / "m.safetensors")


def test_it_trains_what_it_is_not_given(frames, monkeypatch):
    sizes = {"lmax": 0, "channels": 2, "layers": 1, "radial": (2,)}
    monkeypatch.setitem(dynamics.RECIPES, "NequIP", training.Recipe(0.01, sizes))
    monkeypatch.setattr(dynamics, "STEPS", 20)
    monkeypatch.setattr(dynamics, "SECONDS", 0.5)
    monkeypatch.setattr(motion, "gfn2", lambda: None)
    result = dynamics.dynamics(Context())
    assert result.reduced is None
    assert result.settings["seconds"] == 0.5
    assert result.settings["model"] == f"NequIP {sizes}"


def test_without_data_it_says_so(tmp_path):
    result = dynamics.dynamics(Context(root=tmp_path))
    assert "Nothing was measured" in result.summary
    assert not result.tables


def test_the_temperature_counts_what_can_move():
    from ase import units

    atoms = spring()  # at its minimum: all energy is kinetic at first, of one motion
    found = motion.constant_energy(atoms, 20, 300.0, Budget(None), lambda: None)
    assert abs(units.kB * found.temperature[0] / 2 / atoms.get_total_energy() - 1) < 0.05
