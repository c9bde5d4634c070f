"""`geomdl train potential`: energies and forces of frames of a molecule."""

from pathlib import Path
from typing import Any

from geomdl.cli import train_atoms


def train(config: dict[str, Any], path: Path) -> str:
    """Load, train, save.

    Args:
        config: whole, as `geomdl.cli.train_config.resolve` gives it.
        path: of the checkpoint.

    Returns:
        What came of it, in a line.

    Raises:
        ValueError: something in it, or in the data, is impossible.
    """
    from geomdl import data
    from geomdl.euclidean.fitting import fit_potential, potential_errors

    frames = data.as_frames(train_atoms.loaded(config), str(config["data"]["name"]))
    parts = data.parts(frames)
    potential: Any = train_atoms.created(config, frames["z"])
    run = fit_potential(
        potential,
        parts["train"],
        parts["validation"],
        seed=config["seed"],
        folder=config["folder"],
        **config["loss"],
        **config["fit"],
    )

    def errors(part: Any) -> str:
        found = potential_errors(potential, part)
        return f"energy {found['energy']:.3g} meV, forces {found['forces']:.3g} meV/Å"

    return train_atoms.finished(config, run, parts, path, errors, "frames")
