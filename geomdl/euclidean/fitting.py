"""Training of potentials on energies and forces of frames: trajectories, clusters of one size."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from geomdl.euclidean.global_embedding import NEUTRAL
from geomdl.euclidean.potential import Potential, PotentialOutput
from geomdl.training import Run, evaluate, fit


class Frames(nn.Module):
    """A potential on frames of equally many atoms. Graphs are built anew, since atoms move.

    Args:
        potential: on systems.
    """

    def __init__(self, potential: Potential) -> None:
        super().__init__()
        self.potential = potential

    def forward(self, z: Tensor, pos: Tensor, *attributes: Tensor) -> PotentialOutput:
        """Species (frames, atoms), positions (frames, atoms, 3), attributes (frames,)."""
        frames, atoms = z.shape
        batch = torch.arange(frames, device=z.device).repeat_interleave(atoms)
        given = dict(zip(self.potential.model.attributes, attributes, strict=True))
        out: PotentialOutput = self.potential(z.flatten(), pos.flatten(0, 1), batch=batch, **given)
        return out


class EnergyForcesLoss(nn.Module):
    """Weighted mean squares of errors of energies an atom and of components of forces.

    L = w_E ⟨((E - E*) / atoms)²⟩ + w_F ⟨(F - F*)²⟩

    Args:
        energy: w_E, in 1/eV².
        forces: w_F, in Å²/eV².

    Raises:
        ValueError: a negative weight, or both zero.

    Example:
        >>> out = PotentialOutput(torch.tensor([1.0]), torch.ones(2, 3), None)
        >>> target = joined(torch.tensor([3.0]), torch.zeros(1, 2, 3))
        >>> EnergyForcesLoss(energy=0.5, forces=2.0)(out, target).item()
        2.5
    """

    def __init__(self, energy: float = 1.0, forces: float = 1.0) -> None:
        super().__init__()
        if not (energy >= 0 and forces >= 0 and energy + forces > 0):
            raise ValueError(
                f"energy, forces: expected weights of at least 0, one above, got {energy}, {forces}"
            )
        self.energy, self.forces = float(energy), float(forces)

    def forward(self, out: PotentialOutput, target: Tensor) -> Tensor:
        """Output of `Frames` and target of `joined` to the loss."""
        of_energy, of_forces = _errors(out, target)
        atoms = of_forces.shape[1] / 3
        return (
            self.energy * (of_energy / atoms).square().mean()
            + self.forces * of_forces.square().mean()
        )

    def extra_repr(self) -> str:
        """Weights."""
        return f"energy={self.energy:g}, forces={self.forces:g}"


def energy_error(out: PotentialOutput, target: Tensor) -> Tensor:
    """Mean absolute error of the energies in meV."""
    return 1000 * _errors(out, target)[0].abs().mean()


def forces_error(out: PotentialOutput, target: Tensor) -> Tensor:
    """Mean absolute error of the components of forces in meV/Å."""
    return 1000 * _errors(out, target)[1].abs().mean()


def joined(energy: Tensor, forces: Tensor) -> Tensor:
    """Energies (frames,) and forces (frames, atoms, 3) as one target, (frames, 1 + 3 atoms)."""
    return torch.cat([energy[:, None], forces.flatten(1).to(energy.dtype)], 1)


def _errors(out: PotentialOutput, target: Tensor) -> tuple[Tensor, Tensor]:
    energy, forces = target[:, 0], target[:, 1:]
    return out.energy - energy, out.forces.reshape(forces.shape) - forces


def fit_potential(
    potential: Potential,
    train: Mapping[str, Tensor],
    val: Mapping[str, Tensor] | None = None,
    *,
    energy: float = 1.0,
    forces: float = 1.0,
    **settings: Any,
) -> Run:
    """Train a potential on energies and forces by `geomdl.training.fit`.

    Shift and scale are set first (`Potential.fit_energies`). The metric of ``val`` is the mean
    absolute error of forces in meV/Å.

    Args:
        potential: trained in place.
        train: frames, as `geomdl.data` gives them: ``z`` (frames, atoms), ``pos`` (frames, atoms,
            3) in Å, ``energy`` (frames,) in eV, ``forces`` like pos in eV/Å; ``charge`` in e and
            ``spin``, (frames,), for a potential that takes them, neutral where they are not given.
        val: the same, or None.
        energy: weight w_E of `EnergyForcesLoss`.
        forces: weight w_F.
        settings: other arguments of `fit`, without loss and metric. With a folder:
            ``best.safetensors`` holds tensors alone, which `geomdl.load` refuses; keep
            ``run.model`` by `geomdl.save`.

    Returns:
        The `Run`, whose model is the potential with the best weights.

    Raises:
        ValueError: unknown species, NaN in data or on the way, or an impossible argument.

    Example:
        >>> from geomdl import data
        >>> from geomdl.euclidean import NequIP
        >>> found = data.parts(data.load("made_molecules", n=20, atoms=4))
        >>> potential = Potential(NequIP((1, 6, 8), lmax=1, channels=4, layers=1))
        >>> run = fit_potential(potential, found["train"], found["validation"], epochs=1)
        >>> run.best["val_metric"] > 0, run.model is potential
        (True, True)
    """
    for name, own in (("loss", "EnergyForcesLoss"), ("metric", "forces_error")):
        if name in settings:
            raise ValueError(f"{name}: expected none, since it is {own}, got {settings[name]!r}")
    given = _arguments(potential, train)
    z = given[0]
    batch = torch.arange(len(z)).repeat_interleave(z.shape[1])
    potential.fit_energies(z.flatten(), train["energy"], batch, train["forces"].flatten(0, 1))
    run = fit(
        Frames(potential),
        given,
        None if val is None else _arguments(potential, val),
        loss=EnergyForcesLoss(energy, forces),
        metric=forces_error,
        **{"maximize": False} | settings,
    )
    return replace(run, model=potential)


def potential_errors(
    potential: Potential, frames: Mapping[str, Tensor], *, batch_size: int = 64
) -> dict[str, float]:
    """Mean absolute errors on frames.

    Args:
        potential: as it is.
        frames: as for `fit_potential`.
        batch_size: most frames at once.

    Returns:
        ``energy`` in meV, of whole systems, and ``forces`` in meV/Å, of components.
    """
    model, given = Frames(potential), _arguments(potential, frames)
    return {
        "energy": evaluate(model, given, energy_error, batch_size=batch_size),
        "forces": evaluate(model, given, forces_error, batch_size=batch_size),
    }


def _arguments(potential: Potential, frames: Mapping[str, Tensor]) -> tuple[Tensor, ...]:
    """Inputs of `Frames` and the target; what is not said of a system is neutral."""
    y = joined(frames["energy"], frames["forces"])
    if not bool(y.isfinite().all()):
        raise ValueError("energy, forces: expected finite numbers, got NaN or infinity")
    names, like = tuple(potential.model.attributes), frames["pos"].new_ones(len(y))
    for name in sorted(set(NEUTRAL) & set(frames) - set(names)):
        raise ValueError(f"{name}: the potential takes none; make its model with attributes=")
    extra = [frames.get(name, NEUTRAL[name] * like).to(like.dtype) for name in names]
    return (frames["z"], frames["pos"], *extra, y)
