"""What `molecules/dynamics` measures: a trajectory, a minimum and its vibrations."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from geomdl.bench.budget import Budget
from geomdl.euclidean import ASECalculator, Potential, Vibrations, hessian, vibrations
from geomdl.euclidean.vibrations import rigid_motions

Array = NDArray[np.float64]
STEP, KEEP = 0.5, 10  # fs; steps between two energies that are kept
FORCE = 1e-3  # eV/Å, the largest where a geometry counts as relaxed
MOVE = 0.005  # Å, of the differences of GFN2's forces


@dataclass(frozen=True)
class Trajectory:
    """Of a run at constant energy.

    Attributes:
        time: ps, shape (kept,).
        energy: of all atoms together, kinetic too, meV an atom, less the first.
        temperature: K, of the kinetic energy.
        stretch: longest that a bond of the start became, relative to its length then.
    """

    time: Array
    energy: Array
    temperature: Array
    stretch: float

    def drift(self) -> tuple[float, float]:
        """Slope in meV/atom/ps of the line of least squares, and root mean square beside it.

        Example:
            >>> t = np.array([0.0, 1.0, 2.0])
            >>> [round(x, 6) for x in Trajectory(t, 3 * t, t, 1.0).drift()]
            [3.0, 0.0]
        """
        slope, start = np.polyfit(self.time, self.energy, 1)
        beside = self.energy - slope * self.time - start
        return float(slope), float(np.sqrt(np.mean(beside**2)))


def bonds(atoms: Any) -> Any:
    """Pairs of atoms closer than 1.25 times the sum of their covalent radii, shape (bonds, 2)."""
    from ase.data import covalent_radii

    radii = covalent_radii[atoms.numbers]
    near = atoms.get_all_distances() < 1.25 * (radii[:, None] + radii)
    return np.argwhere(np.triu(near, 1))


def lengths_of(atoms: Any, pairs: Any) -> Array:
    """Distances of pairs in Å."""
    ends = atoms.positions[pairs]
    found: Array = np.linalg.norm(ends[:, 0] - ends[:, 1], axis=1)
    return found


def constant_energy(
    atoms: Any, steps: int, kelvin: float, budget: Budget, advance: Callable[[], None]
) -> Trajectory:
    """Velocity Verlet from velocities drawn at a temperature, without motion of the whole.

    Args:
        atoms: with a calculator; moved.
        steps: of 0.5 fs.
        kelvin: of the velocities at first.
        budget: seconds, after which it ends early.
        advance: called at each energy that is kept.
    """
    from ase import units
    from ase.md.verlet import VelocityVerlet

    masses = atoms.get_masses()
    drawn = np.sqrt(units.kB * kelvin) * np.random.default_rng(0).normal(size=3 * len(atoms))
    rigid = rigid_motions(torch.tensor(atoms.positions), torch.tensor(masses)).numpy()
    drawn -= rigid.T @ (rigid @ drawn)
    atoms.set_momenta(drawn.reshape(-1, 3) * np.sqrt(masses)[:, None])
    pairs = bonds(atoms)
    first, stretch = lengths_of(atoms, pairs), 1.0
    dynamics = VelocityVerlet(atoms, timestep=STEP * units.fs)
    freedom = drawn.size - len(rigid)  # ASE's temperature counts rigid motions, which stay at rest

    def now(done: int) -> tuple[float, float, float]:
        kelvin = 2 * atoms.get_kinetic_energy() / (units.kB * max(freedom, 1))
        return done * STEP / 1000, atoms.get_total_energy(), kelvin

    kept = [now(0)]
    for done in range(KEEP, steps + 1, KEEP):
        dynamics.run(KEEP)
        kept.append(now(done))
        stretch = float(np.max(lengths_of(atoms, pairs) / first, initial=stretch))
        advance()
        if budget.left == 0 and len(kept) > 2:
            break
    time, energy, temperature = np.array(kept).T
    return Trajectory(time, 1000 * (energy - energy[0]) / len(atoms), temperature, stretch)


def relaxed(atoms: Any, calculator: Any, steps: int = 500) -> Any:
    """A copy whose forces nearly vanish."""
    from ase.optimize import BFGS

    copy = atoms.copy()
    copy.calc = calculator
    BFGS(copy, logfile=None).run(fmax=FORCE, steps=steps)
    return copy


def exact(atoms: Any, potential: Potential) -> torch.Tensor:
    """Hessian of a potential in float64."""
    z, pos = torch.tensor(atoms.numbers), torch.tensor(atoms.positions)
    return hessian(potential, z, pos)


def differences(atoms: Any) -> torch.Tensor:
    """Hessian by central differences of the forces of a calculator."""
    copy, rows = atoms.copy(), []
    copy.calc = atoms.calc
    for at in range(len(copy)):
        for axis in range(3):
            ends = []
            for move in (-MOVE, MOVE):
                copy.positions = atoms.positions
                copy.positions[at, axis] += move
                ends.append(copy.get_forces())
            rows.append((ends[0] - ends[1]) / (2 * MOVE))
    n = len(copy)
    half = torch.tensor(np.array(rows)).view(n, 3, n, 3)
    return (half + half.permute(2, 3, 0, 1)) / 2


def spectrum(atoms: Any, h: torch.Tensor) -> tuple[Vibrations, float]:
    """Vibrations, and the largest wavenumber of what is rigid, were it not projected out."""
    masses, pos = torch.tensor(atoms.get_masses()), torch.tensor(atoms.positions)
    found = vibrations(h, masses, pos)
    rigid = 3 * len(masses) - len(found.wavenumbers)
    whole = vibrations(h, masses).wavenumbers.abs().sort().values
    return found, float(whole[:rigid].max())


def distance(a: Any, b: Any) -> tuple[float, float]:
    """Root mean square distance of atoms after turning, largest difference of bonds, both in Å."""
    from ase.build import minimize_rotation_and_translation

    moved = b.copy()
    minimize_rotation_and_translation(a, moved)
    apart = float(np.sqrt(((moved.positions - a.positions) ** 2).sum(1).mean()))
    pairs = bonds(a)
    return apart, float(np.abs(lengths_of(a, pairs) - lengths_of(b, pairs)).max())


def gfn2() -> Any | None:
    """GFN2-xTB of tblite as a calculator of ASE; None where it is not installed."""
    try:
        from tblite.ase import TBLite
    except ImportError:
        return None
    return TBLite(method="GFN2-xTB", verbosity=0)


def ethanol(potential: Potential) -> dict[str, Any]:
    """Minimum and vibrations of ethanol, of the potential and of GFN2 where it is installed.

    Returns:
        Rows of the modes, and ``force``, ``rigid`` in cm⁻¹, and, with GFN2, ``apart``, ``bond`` in
        Å and ``mean`` absolute difference in cm⁻¹.
    """
    from ase.build import molecule

    start = molecule("CH3CH2OH")
    ours = relaxed(start, ASECalculator(potential))
    own, rigid = spectrum(ours, exact(ours, potential))
    force = float(np.linalg.norm(ours.get_forces(), axis=1).max())
    waves = own.wavenumbers.tolist()
    rows = [{"name": str(n), "ours": f"{v:.0f}"} for n, v in enumerate(waves, start=1)]
    found: dict[str, Any] = {"rows": rows, "rigid": rigid, "force": force, "low": waves[0]}
    calculator = gfn2()
    if calculator is None:
        return found
    theirs = relaxed(start, calculator)
    other = spectrum(theirs, differences(theirs))[0].wavenumbers.tolist()
    for row, mine, wave in zip(rows, waves, other, strict=True):
        row |= {"theirs": f"{wave:.0f}", "difference": f"{mine - wave:+.0f}"}
    gaps = np.abs(np.array(waves) - np.array(other))
    apart, bond = distance(theirs, ours)
    return found | {"apart": apart, "bond": bond, "mean": float(gaps.mean())}
