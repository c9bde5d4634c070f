"""`geomdl train property`: properties of molecules, such as those of QM9."""

import difflib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from geomdl.cli import train_atoms
from geomdl.cli.train_schema import DATA

if TYPE_CHECKING:
    from torch import Tensor

SHARES = (0.8, 0.1, 0.1)  # of molecules in a file that does not split them
UNITS = {"mu": "D", "alpha": "bohr³", "r2": "bohr²", "cv": "cal/(mol K)"}  # else meV, from eV


def train(config: dict[str, Any], path: Path) -> str:
    """Load, train, save.

    Args:
        config: whole, as `geomdl.cli.train_config.resolve` gives it.
        path: of the checkpoint.

    Returns:
        What came of it, in a line.

    Raises:
        FileNotFoundError: the data are missing.
        ValueError: something in it, or in the data, is impossible.
    """
    from geomdl.euclidean.properties import fit_property, property_errors

    names = tuple(name.strip() for name in config["target"].split(","))
    whole = {**config, "model": with_heads(config["model"], names)}
    parts = split_molecules(train_atoms.loaded(config), names, config["seed"])
    model: Any = train_atoms.created(whole, parts["all"]["numbers"])
    run = fit_property(
        model,
        parts["train"],
        parts["validation"],
        target=names,
        seed=config["seed"],
        folder=config["folder"],
        **config["fit"],
    )

    def errors(part: Any) -> str:
        return ", ".join(
            shown(name, error) for name, error in property_errors(model, part, names).items()
        )

    return train_atoms.finished(config, run, parts, path, errors, "molecules")


def with_heads(model: Mapping[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    """A model with an output for each property, and its head.

    Args:
        model: of the configuration.
        names: of the properties.

    Raises:
        ValueError: a property twice, or one that is not of QM9 and whose head is not given.

    Example:
        >>> with_heads({"outputs": "data", "head": "data"}, ("u0", "mu"))
        {'outputs': 2, 'head': ('sum', 'dipole_norm')}
    """
    from geomdl.euclidean.properties import QM9_HEADS

    found = dict(model)
    if len(set(names)) < len(names):
        raise ValueError(f"target: expected each property once, got {','.join(names)}")
    if found["head"] == DATA:
        for name in names:
            if name not in QM9_HEADS:
                near = difflib.get_close_matches(name, QM9_HEADS, n=1)
                hint = f"; did you mean {near[0]!r}?" if near else ""
                raise ValueError(
                    f"target: expected names among {', '.join(QM9_HEADS)}, or others with"
                    f" --model.head, got {name!r}{hint}"
                )
        found["head"] = tuple(QM9_HEADS[name] for name in names)
    if found["outputs"] == DATA:
        found["outputs"] = len(names)
    return found


def split_molecules(
    loaded: "Mapping[str, Tensor]", names: tuple[str, ...], seed: int
) -> "dict[str, dict[str, Tensor]]":
    """Training, validation and test molecules: as the data say, else at random.

    Args:
        loaded: `numbers`, `positions`, the properties, and perhaps `split`, see `data.parts`.
        names: of the properties.
        seed: of the split where it is drawn.

    Returns:
        "train", "validation", "test" and "all" -> `numbers`, `positions` and the properties.

    Raises:
        ValueError: something is missing, or there is nothing to train on or to validate.
    """
    from geomdl import data

    wanted = ("numbers", "positions", *names)
    missing = [name for name in wanted if name not in loaded]
    if missing:
        raise ValueError(f"data: expected an array called {missing[0]!r}, got {sorted(loaded)}")
    molecules = {name: loaded[name] for name in wanted}
    if "split" in loaded:
        parts = data.parts({**molecules, "split": loaded["split"]})
    else:
        drawn = data.split(molecules, SHARES, seed=seed)
        parts = dict(zip(("train", "validation", "test"), drawn, strict=True))
    for part in ("train", "validation"):
        if not len(parts[part]["numbers"]):
            raise ValueError(f"data: expected molecules in every part, got none for {part}")
    return {**parts, "all": molecules}


def shown(name: str, error: float) -> str:
    """An error in the unit that the field uses.

    Example:
        >>> shown("gap", 0.0481), shown("mu", 0.03), shown("mine", 2.0)
        ('gap 48.1 meV', 'mu 0.03 D', 'mine 2')
    """
    from geomdl.euclidean.properties import QM9_HEADS

    if name not in QM9_HEADS:
        return f"{name} {error:.3g}"
    return f"{name} {error:.3g} {UNITS[name]}" if name in UNITS else f"{name} {1e3 * error:.3g} meV"
