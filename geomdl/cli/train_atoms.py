"""What `geomdl train potential` and `geomdl train property` have in common."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from geomdl.cli import train_schema

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor, nn

    from geomdl.training import Run


def loaded(config: Mapping[str, Any]) -> "dict[str, Tensor]":
    """The data of a configuration."""
    from geomdl import data

    source = config["data"]
    return data.load(source["name"], root=source["root"], **source["options"])


def created(config: Mapping[str, Any], numbers: "Tensor") -> "nn.Module":
    """The model of a configuration, its weights drawn by the seed.

    Args:
        config: whole, as `geomdl.cli.train_config.resolve` gives it.
        numbers: atomic numbers that occur, 0 where there is no atom.

    Raises:
        ValueError: an impossible argument.

    Example:
        >>> import torch
        >>> model = {"name": "euclidean/SchNet", "species": "data", "layers": 1}
        >>> created({"model": model, "seed": 0}, torch.tensor([[8, 1, 1], [9, 1, 0]])).species
        (1, 8, 9)
    """
    import torch

    from geomdl import registry

    arguments = {k: v for k, v in config["model"].items() if v != train_schema.DATA}
    name = arguments.pop("name")
    if config["model"].get("species") == train_schema.DATA:
        arguments["species"] = tuple(sorted(set(numbers.flatten().tolist()) - {0}))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config["seed"])
        return registry.create_model(name, **arguments)


def finished(
    config: Mapping[str, Any],
    run: "Run",
    parts: "Mapping[str, Mapping[str, Tensor]]",
    path: Path,
    errors: "Callable[[Mapping[str, Tensor]], str]",
    what: str,
) -> str:
    """Save the model, and say how good it is.

    Args:
        config: whole.
        run: of the training.
        parts: "validation" and "test" -> samples, perhaps none.
        path: of the checkpoint.
        errors: samples -> their mean absolute errors, in words.
        what: samples are.

    Returns:
        A line.
    """
    from geomdl import registry

    registry.save(run.model, path)
    found = []
    for part in ("validation", "test"):
        if count := len(next(iter(parts[part].values()))):
            found.append(f"{errors(parts[part])} on {count} {part} {what}")
    best, epochs = run.best["epoch"], len(run.history)
    return (
        f"{config['model']['name']}: mean absolute error {'; '.join(found)}, after epoch {best} of"
        f" {epochs} ({run.seconds:.1f} s)"
    )
