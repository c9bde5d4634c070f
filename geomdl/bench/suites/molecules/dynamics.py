"""Suite `molecules/dynamics`: ethanol in ASE, at constant energy and at its minimum."""

import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

from geomdl import data, registry
from geomdl.bench.budget import Budget
from geomdl.bench.registry import Context, suite
from geomdl.bench.results import Check, Column, Figure, SuiteResult, Table
from geomdl.bench.suites.molecules.motion import (
    KEEP,
    STEP,
    Trajectory,
    constant_energy,
    ethanol,
)
from geomdl.bench.suites.molecules.training import RECIPES, trained
from geomdl.euclidean import ASECalculator, Potential, potential_errors

TITLE = "Ethanol in ASE: energy, minimum, vibrations"
MODEL = "NequIP"
SECONDS, SHARE = 400.0, 0.4  # of training, at most; and of the budget
STEPS, KELVIN = 20_000, 500.0
DRIFT = 0.1  # meV/atom/ps, either way
LEAST = 1.0  # ps, of a run whose drift has a verdict
STRETCH = 1.5  # of a bond's length at first
RIGID = 20.0  # cm⁻¹, of translations and rotations that are not projected out
POINTS = 200  # of the drawing


def loaded(path: Path) -> Potential:
    """A potential that `geomdl.save` wrote.

    Raises:
        ValueError: the file holds something else.
    """
    found = registry.load(path)
    if not isinstance(found, Potential):
        raise ValueError(f"data: expected a potential in {path}, got {type(found).__name__}")
    return found


@suite("molecules/dynamics", title=TITLE, weight=3.0)
def dynamics(context: Context) -> SuiteResult:
    """Train a potential on ethanol, keep its energy for 10 ps, find its minimum and vibrations.

    Args:
        context: limits of the run; its `data` may be the path of a potential, a `.safetensors`,
            which is then not trained.

    Returns:
        Errors of the potential, drift of the energy, wavenumbers beside GFN2's.
    """
    try:
        import ase

        parts = data.parts(data.load("xtb_ethanol", root=context.root))
    except (FileNotFoundError, ImportError) as error:
        note = f"Nothing was measured. {error}."
        return SuiteResult(title=TITLE, summary=note, notes=(note,))
    context.progress.stage("molecules/dynamics: training", 1)
    seconds = None
    if context.data is not None and context.data.endswith(".safetensors"):
        potential = loaded(Path(context.data))
    else:
        seconds = max(min(SECONDS, SHARE * context.budget.left), 0.1)
        train, val = parts["train"], parts["validation"]
        potential, _ = trained(MODEL, train, val, seconds=seconds, seed=0)
    context.progress.advance()
    errors = potential_errors(potential, parts["test"])
    potential = potential.double().eval()
    context.progress.stage("molecules/dynamics: vibrations", 1)
    found = ethanol(potential)
    context.progress.advance()
    context.progress.stage("molecules/dynamics: constant energy", STEPS // KEEP)
    first = {key: value[0] for key, value in parts["test"].items()}
    atoms = ase.Atoms(first["z"].numpy(), first["pos"].double().numpy())
    atoms.calc = ASECalculator(potential)
    left = context.budget.left
    limit = Budget(None if left == float("inf") else max(0.9 * left, 1e-3))
    begin = time.perf_counter()
    run = constant_energy(atoms, STEPS, KELVIN, limit, lambda: context.progress.advance())
    steps = (len(run.time) - 1) * KEEP
    cost = (time.perf_counter() - begin) / steps
    return report(run, found, errors, {"steps": steps, "step": cost, "seconds": seconds})


def report(
    run: Trajectory, found: dict[str, Any], errors: dict[str, float], did: dict[str, Any]
) -> SuiteResult:
    """Tables and checks of what was measured.

    Args:
        run: at constant energy.
        found: of `motion.ethanol`.
        errors: of the potential on test frames.
        did: ``steps`` of the run, ``step`` seconds each, ``seconds`` of the training or None.
    """
    slope, beside = run.drift()
    peer = "mean" in found
    row = {
        "energy": f"{errors['energy']:.1f} meV",
        "forces": f"{errors['forces']:.1f} meV/Å",
        "time": f"{run.time[-1]:.3g} ps",
        "drift": f"{slope:+.2g} meV/atom/ps",
        "beside": f"{beside:.2g} meV/atom",
        "kelvin": f"{run.temperature.mean():.0f} ± {run.temperature.std():.0f} K",
        "step": did["step"],
    }
    columns = (
        Column("energy", "energy", note="Mean absolute error on test frames."),
        Column("forces", "forces", note="Likewise, of components."),
        Column("time", "time", note=f"Velocity Verlet, {STEP:g} fs, float64."),
        Column("drift", "drift", note="Slope of the total energy, least squares."),
        Column("beside", "fluctuation", note="Root mean square beside that line."),
        Column("kelvin", "temperature", note="Mean and standard deviation in time."),
        Column("step", "a step", "milliseconds"),
    )
    modes = [Column("name", "mode"), Column("ours", "geomdl, cm⁻¹")]
    if peer:
        modes += [Column("theirs", "GFN2, cm⁻¹"), Column("difference", "difference")]
    notes = [
        "Vibrations: Hessian by exact derivatives; translations and rotations, projected out, have"
        f" at most {found['rigid']:.2g} cm⁻¹ otherwise; the largest force is {found['force']:.1e}"
        " eV/Å.",
        f"GFN2 (tblite): its Hessian by differences of forces. Wavenumbers differ by"
        f" {found['mean']:.1f} cm⁻¹ in the mean; the geometry by {found['apart']:.4f} Å (root mean"
        f" square over atoms), bonds by at most {found['bond']:.4f} Å."
        if peer
        else "tblite is not installed, so nothing of GFN2's own stands beside the vibrations.",
    ]
    model = f"{MODEL} {dict(RECIPES[MODEL].sizes)}" if did["seconds"] else "loaded"
    less = []
    if did["seconds"] is not None and did["seconds"] < SECONDS:
        less.append(f"{did['seconds']:.0f} instead of {SECONDS:.0f} seconds of training")
    if did["steps"] < STEPS:
        less.append(f"{did['steps']} instead of {STEPS} steps")
    return SuiteResult(
        title=TITLE,
        summary="NequIP, trained on frames of GFN2-xTB dynamics of ethanol at 500 K. From the first"
        f" test frame, with velocities drawn at {KELVIN:g} K, at constant energy; and relaxed from"
        " the tabulated geometry, with its harmonic vibrations.",
        tables=(
            Table("energy", columns, (row,), "Dynamics at constant energy"),
            Table("vibrations", tuple(modes), tuple(found["rows"]), "Vibrations of ethanol"),
        ),
        figures=(_figure(run),),
        checks=tuple(checks_of(run, found)),
        notes=tuple(notes),
        reduced=", ".join(less) + ", to keep to the time budget" if less else None,
        settings={
            "data": "xtb_ethanol", "model": model,
            "seconds": did["seconds"], "steps": did["steps"], "threads": torch.get_num_threads(),
        },
    )  # fmt: skip


def checks_of(run: Trajectory, found: dict[str, Any]) -> list[Check]:
    """Whether energy is kept, the molecule holds, and its minimum is one."""
    slope, _ = run.drift()
    text = f"total energy: drifts by {slope:+.2g} meV/atom/ps (at most {DRIFT:g} either way)"
    held = f"bonds: at most {run.stretch:.2f} times their first length (at most {STRETCH:g})"
    least = f"minimum: its least wavenumber is {found['low']:.0f} cm⁻¹ (above 0)"
    rigid = f"rigid motions: at most {found['rigid']:.2g} cm⁻¹ (at most {RIGID:g})"
    kept = [Check("drift", abs(slope) <= DRIFT, text)] if run.time[-1] >= LEAST else []
    return [
        *kept,
        Check("bonds", run.stretch <= STRETCH, held),
        Check("minimum", found["low"] > 0, least),
        Check("rigid", found["rigid"] <= RIGID, rigid),
    ]


def _figure(run: Trajectory) -> Figure:
    """Total energy at evenly spaced times."""
    at = np.unique(np.linspace(0, len(run.time) - 1, POINTS).round().astype(int))
    return Figure(
        "energy",
        "curves",
        "Total energy of ethanol at constant energy",
        "meV an atom, less the first; the dotted line is 0. The kinetic energy of an atom at 500 K"
        " is 50 meV, rigid motions at rest.",
        {
            "x": run.time[at].tolist(),
            "x_label": "time, ps",
            "y_label": "total energy, meV/atom",
            "series": [{"name": "total", "values": [run.energy[at].tolist()]}],
            "level": {"value": 0.0, "text": ""},
        },
    )
