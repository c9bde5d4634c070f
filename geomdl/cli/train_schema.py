"""Keys of a training run and their types: those of `fit` and of the model's constructor."""

import argparse
import inspect
import json
import types
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, Union, get_args, get_origin

from geomdl.cli.train_presets import kind_of

DATA = "data"  # as the value of an argument of the model: what the data say
FROM_DATA = ("shape", "in_channels", "classes", "species")
FROM_TARGET = ("outputs", "head")
USAGE = "geomdl train MODEL|potential|property|CONFIG.yaml [--KEY VALUE ...] [--print_config]"
DESCRIPTION = """Train a registered model (see `geomdl list models`) on a data set and save a
checkpoint. Images with labels, or x with whole numbers y, are classified; x with other numbers y is
regression. A fifth of the samples is kept apart to choose the best epoch. `geomdl train potential`
(a small NequIP), and models named potential/..., learn energies and forces of frames: arrays z, R,
E, F of an .npz file, or a data set of molecules; blocks of time are kept apart. `geomdl train
property` (a PaiNN), and other models of atoms, learn properties of molecules: of QM9, or arrays
numbers, positions and the property of an .npz file. Every key below may stand in the configuration
file, and on the command line over it."""
EPILOG = """Shorter: --data NAME, --root FOLDER, --n N for N samples of the data set, --model NAME,
--epochs N, --batch-size N, --lr X, and --set NAME=VALUE for --model.NAME VALUE. `geomdl train MODEL
--help` shows the arguments of the model; `geomdl train MODEL --print_config > config.yaml` begins a
file. The whole configuration is written beside the checkpoint; training from it gives the same
weights."""


def parser(model: str | None) -> Any:
    """A jsonargparse parser of all keys; their types are those of `fit` and of the constructor.

    Args:
        model: registered name, or None: without arguments of a model.

    Returns:
        The parser.

    Raises:
        ValueError: an unknown name.
    """
    import jsonargparse

    from geomdl.registry import default
    from geomdl.training import fit

    whole = jsonargparse.ArgumentParser(
        usage=USAGE, description=DESCRIPTION, epilog=EPILOG, exit_on_error=False, allow_abbrev=False
    )
    run = whole.add_argument_group("run")
    run.add_argument("--seed", type=int, default=0, help="of the split, the weights and `fit`")
    run.add_argument("--out", type=str, default="model.safetensors", help="checkpoint")
    folder = "of the run, for `fit`: history, checkpoints"
    run.add_argument("--folder", type=str | None, default=None, help=folder)
    kind = kind_of(model) if model is not None else "samples"
    if kind == "molecules":
        target = "property to learn; several with commas between them, by one model"
        run.add_argument("--target", type=str, default="u0", help=target)
    data = whole.add_argument_group("data")
    data.add_argument("--data.name", type=str, default="digits", help="or the path of an .npz file")
    root = "folder of data sets, or GEOMDL_DATA"
    data.add_argument("--data.root", type=str | None, default=None, help=root)
    options = "options of the loader: {size: 29}"
    data.add_argument("--data.options", type=dict[str, Any], default={}, help=options)
    _add(
        whole.add_argument_group("fit"),
        "fit",
        fit,
        skip=("model", "train", "val", "seed", "folder"),
    )
    if kind == "frames":
        from geomdl.euclidean.fitting import EnergyForcesLoss

        _add(whole.add_argument_group("loss of potentials"), "loss", EnergyForcesLoss)
    if model is not None:
        group = whole.add_argument_group(f"model {model}")
        known = FROM_DATA + FROM_TARGET * (kind == "molecules")
        _add(group, "model", default[model].factory, data=known)
    return whole


def _add(
    group: Any,
    prefix: str,
    function: Callable[..., Any],
    skip: Sequence[str] = (),
    data: Sequence[str] = (),
) -> None:
    """Add the parameters whose types a file can hold."""
    try:
        signature = inspect.signature(function, eval_str=True)
    except NameError:  # an annotation that only a type checker can resolve
        signature = inspect.signature(function)
    helps = _helps(function, signature.return_annotation)
    for name, parameter in signature.parameters.items():
        kind = plain_type(parameter.annotation)
        if kind is None or name in skip or parameter.kind in (
            parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD,
        ):  # fmt: skip
            continue
        value = parameter.default
        if name in data:
            kind, value = Union[Literal["data"], kind], DATA  # noqa: UP007
        elif value is parameter.empty or not _is_plain(value):
            value = argparse.SUPPRESS
        text = helps.get(name, name).replace("%", "%%")
        group.add_argument(f"--{prefix}.{name}", type=kind, default=value, help=text)


def _helps(function: Callable[..., Any], built: Any) -> dict[str, str]:
    """What docstrings say of parameters: the function's, then those of the class that it builds."""
    import docstring_parser

    found: dict[str, str] = {}
    for one in (function, *getattr(function, "__mro__", ()), *getattr(built, "__mro__", ())):
        if getattr(one, "__module__", "builtins").partition(".")[0] in ("builtins", "torch"):
            continue
        for text in docstring_parser.parse(inspect.getdoc(one) or "").params:
            words = (text.description or "").replace("`", "").split()
            found.setdefault(text.arg_name, " ".join(words))
    return found


def plain_type(annotation: Any) -> Any:
    """The part of a type that a file can hold, or None.

    Args:
        annotation: of a parameter.

    Returns:
        A type of numbers, strings, booleans, None, and lists, tuples and dicts of them.

    Example:
        >>> import torch
        >>> plain_type(torch.Generator | None) is None, plain_type(torch.Generator | str)
        (True, <class 'str'>)
    """
    if annotation in (inspect.Parameter.empty, Any):
        return Any
    if annotation in (int, float, str, bool, type(None), ...):
        return annotation
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return annotation
    if origin in (Union, types.UnionType):
        parts = [part for part in map(plain_type, inner) if part is not None]
        return Union[tuple(parts)] if set(parts) - {type(None)} else None  # noqa: UP007
    if origin in (list, tuple, dict, Sequence, Mapping):
        return annotation if all(plain_type(part) is not None for part in inner) else None
    return None


def _is_plain(value: Any) -> bool:
    try:
        json.dumps(value)
    except (TypeError, ValueError):
        return False
    return True
