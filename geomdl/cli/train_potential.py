"""`geomdl train potential`: energies and forces of frames of a molecule."""

from pathlib import Path
from typing import Any

from geomdl.cli import train_schema

PREFIX = "potential/"
SHORT = "potential"  # for the small network below
SMALL: dict[str, Any] = {"lmax": 2, "channels": 16, "layers": 3, "radial": (32,)}
FIT: dict[str, Any] = {
    "epochs": 50,
    "batch_size": 5,
    "lr": 0.01,
    "weight_decay": 0.0,
    "ema": 0.99,
    "maximize": False,
}


def preset(what: str) -> dict[str, Any]:
    """What stands under the file and the command line where potentials are trained.

    Args:
        what: "potential", for a small NequIP, or the registered name of a potential.

    Returns:
        A tree of keys; empty for other models.

    Example:
        >>> preset("potential")["model"]["name"], preset("translation/mlp")
        ('potential/NequIP', {})
    """
    if what == SHORT:
        return {"model": {"name": f"{PREFIX}NequIP", **SMALL}, "fit": FIT}
    return {"fit": FIT} if what.startswith(PREFIX) else {}


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
    import torch

    from geomdl import data, registry
    from geomdl.euclidean.fitting import fit_potential, potential_errors

    source, seed = config["data"], config["seed"]
    loaded = data.load(source["name"], root=source["root"], **source["options"])
    frames = data.as_frames(loaded, str(source["name"]))
    parts = data.parts(frames)
    arguments = {k: v for k, v in config["model"].items() if v != train_schema.DATA}
    name = arguments.pop("name")
    if config["model"].get("species") == train_schema.DATA:
        arguments["species"] = tuple(sorted(set(frames["z"].flatten().tolist())))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        potential = registry.create_model(name, **arguments)
    done = fit_potential(
        potential,  # type: ignore[arg-type]
        parts["train"],
        parts["validation"],
        seed=seed,
        folder=config["folder"],
        **config["loss"],
        **config["fit"],
    )
    registry.save(done.model, path)
    lines = []
    for part, what in (("validation", "validation frames"), ("test", "test frames")):
        if count := len(parts[part]["energy"]):
            found = potential_errors(done.model, parts[part])  # type: ignore[arg-type]
            lines.append(
                f"energy {found['energy']:.3g} meV, forces {found['forces']:.3g} meV/Å on {count}"
                f" {what}"
            )
    best, epochs = done.best["epoch"], len(done.history)
    return (
        f"{name}: mean absolute error {'; '.join(lines)}, after epoch {best} of {epochs}"
        f" ({done.seconds:.1f} s)"
    )
