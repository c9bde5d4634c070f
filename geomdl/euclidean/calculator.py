"""Potentials as calculators of ASE: dynamics, relaxation, vibrations."""

import os
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from geomdl.euclidean.global_embedding import NEUTRAL
from geomdl.euclidean.neighbors import Neighbors, radius_graph
from geomdl.euclidean.potential import Potential, PotentialOutput
from geomdl.registry import load

Source = Potential | str | os.PathLike[str]
_VOIGT = ([0, 1, 2, 1, 0, 0], [0, 1, 2, 2, 2, 1])


class VerletList:
    """Neighbours that stay good while atoms move a little.

    Edges reach cutoff + skin. While no atom has gone further than skin / 2 from where it was then,
    atoms that were further apart than cutoff + skin are further apart than the cut-off, so no edge
    is missing; those beyond the cut-off count nothing, since weights of edges vanish there with the
    envelope. So results are *exact*, but for the order of sums.

    Args:
        cutoff: Å.
        skin: Å.

    Attributes:
        builds: how many times neighbours were sought.

    Example:
        >>> near = VerletList(2.0, skin=0.4)
        >>> pos = torch.tensor([[0.0, 0.0, 0.0], [2.3, 0.0, 0.0]])
        >>> [near(pos + torch.eye(3)[:2] * by).graph.num_edges for by in (0.0, 0.1, 0.5)]
        [2, 2, 2]
        >>> near.builds
        2
    """

    def __init__(self, cutoff: float, skin: float) -> None:
        if not 0 <= skin < float("inf"):
            raise ValueError(f"skin: expected a length of at least 0, got {skin!r}")
        self.cutoff, self.skin, self.builds = cutoff, float(skin), 0
        self._where: tuple[Tensor, Tensor | None, list[bool]] | None = None
        self._found: Neighbors

    def __call__(
        self, pos: Tensor, cell: Tensor | None = None, pbc: Sequence[bool] = (False,) * 3
    ) -> Neighbors:
        """Neighbours of atoms at pos, shape (nodes, 3); see `radius_graph`."""
        if not self._holds(pos, cell, list(pbc)):
            periodic = None if cell is None else torch.tensor(list(pbc))
            self._found = radius_graph(pos, self.cutoff + self.skin, cell, periodic)
            self._where = (pos.clone(), None if cell is None else cell.clone(), list(pbc))
            self.builds += 1
        return self._found

    def _holds(self, pos: Tensor, cell: Tensor | None, pbc: list[bool]) -> bool:
        if self._where is None:
            return False
        before, old, axes = self._where
        if before.shape != pos.shape or pbc != axes or (cell is None) != (old is None):
            return False
        if cell is not None and old is not None and not torch.equal(cell, old):
            return False
        return bool(((pos - before).norm(dim=1) <= self.skin / 2).all())


_classes: dict[type, type] = {}


def _joined(own: type) -> type:
    """The class with ASE's beneath it, which is imported where it is needed."""
    try:
        from ase.calculators.calculator import Calculator
    except ImportError as error:
        raise ImportError("ase: install it by pip install 'geomdl-torch[chem]'") from error
    if issubclass(own, Calculator):
        return own
    return _classes.setdefault(own, type(own.__name__, (own, Calculator), {}))


class ASECalculator:
    """A potential as a calculator of ASE (extra `chem`).

    Results are energy (and free_energy) in eV, forces in eV/Å, and, where all three axes are
    periodic, stress in eV/Å³ in ASE's order xx, yy, zz, yz, xz, xy. With an ensemble they are means
    over potential and ensemble, and ``results`` has the standard deviations (of a sample, n - 1)
    ``energy_std`` and ``forces_std``. Neighbours are those of a `VerletList`.

    Potentials that take a charge get ``atoms.info["charge"]`` in e, or else the sum of the initial
    charges; those that take a spin ``atoms.info["spin"]``, a multiplicity, or else one more than
    the sum of the initial magnetic moments.

    Args:
        potential: a `Potential`, or the path of one that `geomdl.save` wrote.
        device: where to compute; where the potential is if None.
        ensemble: further potentials or paths, trained from other seeds.
        skin: Å, of the `VerletList`.

    Attributes:
        potentials: all of them, in evaluation mode.
        neighbors: the `VerletList`.

    Raises:
        ImportError: ase is not installed.
        FileNotFoundError: there is no such file.
        ValueError: a file that holds no potential; when called, what `Potential` refuses, a charge
            or spin in ``atoms.info`` that is no number or not taken among them.

    Example::

        atoms.calc = ASECalculator("ethanol.safetensors")
        atoms.get_forces()

    Source: Hjorth Larsen et al. 2017, doi:10.1088/1361-648X/aa680e.
    """

    implemented_properties = ("energy", "free_energy", "forces", "stress")
    results: dict[str, Any]
    atoms: Any

    def __new__(cls, *args: Any, **kwargs: Any) -> "ASECalculator":
        made: ASECalculator = object.__new__(_joined(cls))
        return made

    def __init__(
        self,
        potential: Source,
        device: str | torch.device | None = None,
        ensemble: Sequence[Source] | None = None,
        *,
        skin: float = 0.5,
    ) -> None:
        super().__init__()
        self.potentials = [_potential(p, device) for p in (potential, *(ensemble or ()))]
        self.neighbors = VerletList(max(p.cutoff for p in self.potentials), skin)

    def check_state(self, atoms: Any, tol: float = 1e-15) -> list[str]:
        """What has changed since the last call; ASE asks, but overlooks ``info``."""
        changes: list[str] = super().check_state(atoms, tol=tol)  # type: ignore[misc]
        old = {} if self.atoms is None else self.atoms.info
        moved = any(atoms.info.get(name) != old.get(name) for name in NEUTRAL)
        return [*changes, "info"] if moved else changes

    def calculate(
        self,
        atoms: Any = None,
        properties: Sequence[str] = ("energy",),
        system_changes: Sequence[str] = ("positions", "numbers", "cell", "pbc"),
    ) -> None:
        """Energy, forces and stress of atoms; ASE calls it."""
        super().calculate(atoms, properties, system_changes)  # type: ignore[misc]
        import ase.geometry

        geometry: Any = ase.geometry  # untyped
        pbc = [bool(axis) for axis in self.atoms.pbc]
        pos = torch.tensor(self.atoms.positions, dtype=torch.float64)
        vectors = geometry.complete_cell(self.atoms.cell)
        cell = torch.tensor(vectors, dtype=torch.float64) if any(pbc) else None
        graph, shifts = self.neighbors(pos, cell, pbc)
        z = torch.tensor(self.atoms.numbers, dtype=torch.int64)
        found = [
            _run(p, z, pos, cell, graph, shifts, _numbers(self.atoms, p.globals))
            for p in self.potentials
        ]
        energies = torch.stack([x.energy for x in found])
        forces = torch.stack([x.forces for x in found])
        mean = float(energies.mean())
        self.results = {
            "energy": mean,
            "free_energy": mean,
            "forces": forces.mean(0).numpy(),
        }
        stresses = [x.stress for x in found if x.stress is not None]
        if all(pbc):
            self.results["stress"] = torch.stack(stresses).mean(0)[0][_VOIGT].numpy()
        if len(found) > 1:
            self.results["energy_std"] = float(energies.std())
            self.results["forces_std"] = forces.std(0).numpy()


def _potential(source: Source, device: str | torch.device | None) -> Potential:
    found = source if isinstance(source, Potential) else load(source)
    if not isinstance(found, Potential):
        raise ValueError(f"{source}: expected a Potential, got {type(found).__name__}")
    return found.to(device).eval() if device is not None else found.eval()


def _numbers(atoms: Any, taken: Sequence[str]) -> dict[str, Tensor]:
    """Charge and spin of atoms, where a potential takes them or ``info`` has others than neutral.

    Raises:
        ValueError: ``info`` has what is no number.
    """
    initial = {
        "charge": lambda: atoms.get_initial_charges().sum(),
        "spin": lambda: 1 + abs(atoms.get_initial_magnetic_moments().sum()),
    }
    found = {}
    for name, neutral in NEUTRAL.items():
        said = atoms.info.get(name)
        try:
            value = None if said is None else float(said)
        except (TypeError, ValueError):
            raise ValueError(f"atoms.info[{name!r}]: expected a number, got {said!r}") from None
        if name in taken:
            value = float(initial[name]()) if value is None else value
        if value is not None and (name in taken or value != neutral):
            found[name] = torch.tensor([value], dtype=torch.float64)
    return found


def _run(
    potential: Potential,
    z: Tensor,
    pos: Tensor,
    cell: Tensor | None,
    graph: Any,
    shifts: Tensor,
    numbers: dict[str, Tensor],
) -> PotentialOutput:
    """Results in float64 on the CPU."""
    like = next(potential.parameters())
    with torch.no_grad():
        found = potential(
            z.to(like.device),
            pos.to(like),
            None if cell is None else cell.to(like),
            graph=graph.to(like.device),
            shifts=None if cell is None else shifts.to(like.device),
            **{name: value.to(like) for name, value in numbers.items()},
        )
    energy, forces, stress = found
    return PotentialOutput(
        energy.cpu().double(),
        forces.cpu().double(),
        None if stress is None else stress.cpu().double(),
    )
