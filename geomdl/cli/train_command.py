"""`geomdl train`: train a registered model on a data set, save a checkpoint."""

import argparse
from pathlib import Path
from typing import Any

from geomdl.cli import (
    train_config,
    train_potential,
    train_presets,
    train_property,
    train_schema,
)


def add(commands: Any) -> None:
    """Add the command to the parser."""
    command = commands.add_parser(
        "train", help="train a model, or from a configuration file, and save a checkpoint"
    )

    def take(words: list[str], namespace: Any = None) -> tuple[argparse.Namespace, list[str]]:
        # Which options there are hangs on the model; `run` has a parser for them.
        return argparse.Namespace(words=words, run=run), []

    command.parse_known_args = take


def run(arguments: argparse.Namespace) -> int:
    """Read the configuration, and show it or train."""
    what, pairs, flags = train_config.scan(arguments.words)
    if "help" in flags:
        named = what if what and not what.endswith((".yaml", ".yml")) else None
        if named in train_presets.SHORT:
            named = train_presets.SHORT[named][1]["name"]
        print(train_schema.parser(named).format_help(), end="")
        return 0
    if what is None:
        raise ValueError("model: expected a name or a .yaml file, got none (see geomdl train -h)")
    config = train_config.resolve(what, pairs)
    if "print" in flags:
        print(train_config.to_yaml(config), end="")
        return 0
    return train(config)


def train(config: dict[str, Any]) -> int:
    """Load, train, save.

    Args:
        config: whole, as `resolve` gives it.

    Returns:
        0.

    Raises:
        ValueError: something in it is impossible.
    """
    from geomdl import data, registry
    from geomdl.bench.runner import writable_folder
    from geomdl.bench.suites.digits.networks import build
    from geomdl.training import fit

    path = checkpoint_path(config["out"])
    writable_folder(path.parent)
    beside = path.with_name(path.name + ".yaml")
    kind = train_presets.kind_of(config["model"]["name"])
    if kind != "samples":
        of_kind = train_potential if kind == "frames" else train_property
        shown = of_kind.train(config, path)
        beside.write_text(train_config.to_yaml(config), encoding="utf-8")
        print(shown, path, sep="\n")
        return 0
    source, seed = config["data"], config["seed"]
    samples, outputs = tensors(data.load(source["name"], root=source["root"], **source["options"]))
    train, val = data.split(samples, (0.8, 0.2), seed=seed)
    arguments = {k: v for k, v in config["model"].items() if v != train_schema.DATA}
    name = arguments.pop("name")
    shape = tuple(samples["x"].shape[1:])
    model = build(name, shape=shape, classes=outputs, seed=seed, overrides=arguments)
    done = fit(
        model,
        (train["x"], train["y"]),
        (val["x"], val["y"]),
        seed=seed,
        folder=config["folder"],
        **config["fit"],
    )
    registry.save(done.model, path)
    beside.write_text(train_config.to_yaml(config), encoding="utf-8")
    best = done.best
    if "val_metric" in best:
        quality = f"accuracy {100 * best['val_metric']:.1f} %"
    else:
        quality = f"mean squared error {best['val_loss']:.4g}"
    print(
        f"{name}: {quality} on {len(val['y'])} samples kept apart, after epoch {best['epoch']} of"
        f" {config['fit']['epochs']} ({done.seconds:.1f} s)"
    )
    print(path)
    return 0


def tensors(loaded: dict[str, Any]) -> tuple[dict[str, Any], int]:
    """What goes in and what should come out, and how many outputs the model needs.

    Args:
        loaded: a data set with `images` and `labels`, or with `x` and `y`.

    Returns:
        `x` and `y`, and the number of classes (whole numbers y) or of components of y.

    Raises:
        ValueError: it has neither pair, or x has no channel axis.

    Example:
        >>> import torch
        >>> samples, outputs = tensors({"x": torch.ones(5, 2), "y": torch.zeros(5)})
        >>> samples["y"].shape, outputs
        (torch.Size([5, 1]), 1)
    """
    for names in (("images", "labels"), ("x", "y")):
        if set(names) <= set(loaded):
            x, y = (loaded[name] for name in names)
            break
    else:
        got = ", ".join(loaded) or "nothing"
        raise ValueError(f"data: expected images and labels, or x and y, got {got}")
    if x.ndim < 2 or len(x) != len(y):
        shapes = f"{tuple(x.shape)} and {tuple(y.shape)}"
        raise ValueError(f"data: expected x of shape (n, channels, ...) and n of y, got {shapes}")
    if not y.is_floating_point():
        if y.ndim != 1 or int(y.min()) < 0:
            raise ValueError(f"data: expected labels from 0 on, shape (n,), got {tuple(y.shape)}")
        return {"x": x, "y": y}, int(y.max()) + 1
    y = y[:, None] if y.ndim == 1 else y
    if y.ndim != 2:
        raise ValueError(f"data: expected y of shape (n, outputs), got {tuple(y.shape)}")
    return {"x": x, "y": y}, int(y.shape[1])


def checkpoint_path(text: str) -> Path:
    """Path of the checkpoint.

    Args:
        text: as given.

    Returns:
        The path.

    Raises:
        ValueError: it is a folder, or has another ending.
    """
    path = Path(text)
    if path.suffix != ".safetensors" or path.is_dir():
        raise ValueError(f"--out: expected a file name ending in .safetensors, got {text!r}")
    return path
