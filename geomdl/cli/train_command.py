"""`geomdl train`: train a registered model on images with labels, save a checkpoint."""

import argparse
import ast
from pathlib import Path
from typing import Any


def add(commands: Any) -> None:
    """Add the command to the parser."""
    command = commands.add_parser(
        "train",
        help="train a model on a data set and save a checkpoint",
        description="Train a registered model (see `geomdl list models`) to classify images; a"
        " fifth of them is kept apart to choose the best epoch.",
    )
    command.add_argument("model", metavar="MODEL", help='like "steerable/d4_cnn"')
    command.add_argument(
        "--data",
        default="digits",
        metavar="NAME|FILE.npz",
        help="data set, or a file with images and labels (default: digits)",
    )
    command.add_argument("--root", metavar="FOLDER", help="of data sets (or GEOMDL_DATA)")
    command.add_argument("--epochs", type=int, default=20, metavar="N", help="default: 20")
    command.add_argument("--batch-size", type=int, default=64, metavar="N", help="default: 64")
    command.add_argument("--lr", type=float, default=3e-3, metavar="X", help="default: 0.003")
    command.add_argument("--seed", type=int, default=0, metavar="N", help="default: 0")
    command.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        dest="settings",
        help="argument of the model, such as channels=16; may be repeated",
    )
    command.add_argument(
        "--out",
        default="model.safetensors",
        metavar="FILE",
        help="checkpoint (default: model.safetensors)",
    )
    command.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Load, train, save."""
    from geomdl import data, registry
    from geomdl.bench.runner import writable_folder
    from geomdl.bench.suites.digits.networks import build
    from geomdl.training import fit

    overrides = settings(arguments.settings)
    path = checkpoint_path(arguments.out)
    registry.default[arguments.model]  # an unknown name is refused before anything is loaded
    writable_folder(path.parent)
    loaded = data.load(arguments.data, root=arguments.root)
    if not {"images", "labels"} <= set(loaded):
        raise ValueError(f"data: expected images and labels, got {', '.join(loaded) or 'nothing'}")
    samples = {"x": loaded["images"], "y": loaded["labels"]}
    train, val = data.split(samples, (0.8, 0.2), seed=arguments.seed)
    model = build(
        arguments.model,
        shape=tuple(samples["x"].shape[1:]),
        classes=int(samples["y"].max()) + 1,
        seed=arguments.seed,
        overrides=overrides,
    )
    done = fit(
        model,
        (train["x"], train["y"]),
        (val["x"], val["y"]),
        epochs=arguments.epochs,
        batch_size=arguments.batch_size,
        lr=arguments.lr,
        seed=arguments.seed,
    )
    registry.save(done.model, path)
    best = done.best
    print(
        f"{arguments.model}: accuracy {100 * best['val_metric']:.1f} % on {len(val['y'])} samples"
        f" kept apart, after epoch {best['epoch']} of {arguments.epochs} ({done.seconds:.1f} s)"
    )
    print(path)
    return 0


def settings(pairs: list[str]) -> dict[str, Any]:
    """Arguments of a constructor from words like `channels=16`.

    Args:
        pairs: NAME=VALUE; the value is a Python literal, or else a string.

    Returns:
        name -> value.

    Raises:
        ValueError: a word without a name or an equals sign.

    Example:
        >>> settings(["channels=16", "shape=(9, 9)", "group=D4"])
        {'channels': 16, 'shape': (9, 9), 'group': 'D4'}
    """
    found: dict[str, Any] = {}
    for pair in pairs:
        name, equals, text = pair.partition("=")
        if not equals or not name.isidentifier():
            raise ValueError(f"--set: expected NAME=VALUE, got {pair!r}")
        try:
            found[name] = ast.literal_eval(text)
        except (ValueError, SyntaxError):
            found[name] = text
    return found


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
