"""Audit an object by its name, with inputs made up from its types: what `geomdl audit` does."""

import functools
import importlib
import importlib.util
import inspect
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn

from geomdl.auditing.audit import SAMPLES, audit, called
from geomdl.auditing.certificate import Audit
from geomdl.auditing.made_up import (
    BATCH,
    cannot_run,
    check_shape,
    random_inputs,
    source_of_shape,
    space_of,
    split_batch,
    target_of,
)
from geomdl.auditing.prepare import Randomize, own_randomness
from geomdl.auditing.trees import is_type
from geomdl.auditing.types import under
from geomdl.fields import Grid, Type, fields_of, group_of
from geomdl.groups import Group
from geomdl.groups import group as group_by_name

TORCH = (b"PK\3\4", b"\x80\2\x8a\n")  # how files of torch.save start, now and formerly
Load = Callable[[str], nn.Module] | None


def audit_object(
    spec: str | Callable[..., Any],
    group: str | Group | None = None,
    shape: Sequence[int] | None = None,
    *,
    inputs: Sequence[Any] | None = None,
    load: Load = None,
    per_layer: bool = False,
    samples: int = SAMPLES,
    seed: int = 0,
    randomize: Randomize = False,
    dtype: torch.dtype = torch.float64,
    progress: bool | None = None,
) -> Audit:
    """Audit what a text names, on random inputs of its types.

    Types come from the object's `source` and `target`. Without them (or where they speak of another
    group and carry only trivial channels) the group acts on space alone: the input is an image of
    `shape`, or a vector of multiples of the standard representation; outputs that are images turn
    with it, all others are invariant. Images that the group must resample are analytic bumps.

    Args:
        spec: "package.module:object" (found from the current folder as well),
            "path/file.py:object", the path of a checkpoint or of an exported program (.pt2, which
            takes inputs of the shape it was exported with, its batch included), or the callable
            itself. A class, or a function without required arguments, is called to make the object.
        group: group; by default that of `source` and `target`.
        shape: of one input, (channels, *spatial) or (components,); for images the size of the
            batch may stand before it.
        inputs: instead of random ones, the positional arguments.
        load: reads a checkpoint, e.g. `geomdl.load`.
        per_layer: see `geomdl.audit`, and so are samples, seed, randomize, dtype and progress.
        samples: see per_layer.
        seed: see per_layer; also of the inputs, and of what makes the object.
        randomize: see per_layer.
        dtype: see per_layer.
        progress: see per_layer.

    Returns:
        the certificate.

    Raises:
        FileNotFoundError: there is no such file or module.
        ValueError: the object, its types, the group and the shape do not fit each other.

    Example:
        >>> audit_object("torch.nn.functional:relu", group="S3", shape=[3]).passed(1e-5)
        False
    """
    f = made(spec, load, seed)
    wanted, source, target, inputs = typed_object(f, group, shape, seed, dtype, inputs)
    try:
        return audit(
            f, *inputs, group=wanted, source=source, target=target, per_layer=per_layer,
            dtype=dtype, samples=samples, seed=seed, randomize=randomize, progress=progress,
        )  # fmt: skip
    except (ValueError, TypeError):
        raise
    except Exception as error:
        raise ValueError(cannot_run(error)) from error


def typed_object(
    f: Any,
    group: str | Group | None,
    shape: Sequence[int] | None,
    seed: int,
    dtype: torch.dtype,
    inputs: Sequence[Any] | None = None,
) -> tuple[Group | None, Type, Type, Sequence[Any]]:
    """Group, types and random inputs of an object, as `audit_object` says."""
    wanted = group_by_name(group) if isinstance(group, str) else group
    source, target = (
        tree if is_type(tree := getattr(f, name, None)) else None for name in ("source", "target")
    )
    if wanted is None and fields_of(source) and group_of(source, target).order == 1:
        raise ValueError("group: the object declares only the trivial group, name one to audit")
    if wanted is not None and fields_of(source, target):
        source, target = (under(tree, wanted) for tree in (source, target))
    rng = torch.Generator().manual_seed(seed)
    batch = BATCH
    if not fields_of(source):
        if wanted is None:
            raise ValueError("group: the object declares no source, name the group")
        batch, shape = split_batch(shape, space_of(wanted))
        source = source_of_shape(wanted, shape)
    elif shape is not None:
        grids = [f.domain.d for f in fields_of(source) if isinstance(f.domain, Grid)]
        batch, shape = split_batch(shape, grids[0] if grids else None)
        check_shape(source, shape or ())
    if inputs is None:
        inputs = random_inputs(source, shape, rng, batch)
    if target is None:
        target = target_of(f, source, inputs, dtype)
    return wanted, source, target, inputs


def made(spec: str | Callable[..., Any], load: Load, seed: int) -> Any:
    """The object that a text names, made with a seed."""
    with own_randomness(seed):
        return _find(spec, load) if isinstance(spec, str) else _made(spec, called(spec))


def _find(spec: str, load: Load) -> Any:
    if Path(spec).suffix == ".pt2" and Path(spec).is_file():
        return _exported(spec)
    module_name, colon, attribute = spec.partition(":")
    if Path(spec).is_file() or not colon:
        if load is None or not Path(spec).is_file():
            raise FileNotFoundError(
                f"spec: expected package.module:object or a checkpoint, found no file {spec}"
            )
        _check_checkpoint(spec)
        return load(spec)
    found = _imported(module_name)
    for name in attribute.split("."):
        if not hasattr(found, name):
            raise ValueError(f"spec: {module_name} has no {attribute}")
        found = getattr(found, name)
    return _made(found, spec)


def _check_checkpoint(path: str) -> None:
    """Refuse files that hold no network which can be built without code."""
    with Path(path).open("rb") as file:
        start = file.read(4)
    python = Path(path).suffix == ".py"
    if python or start in TORCH:
        kind = "a Python file" if python else "a checkpoint of torch.save"
        made = f"{path}:make" if python else "file.py:make"
        raise ValueError(
            f"spec: expected an object or a checkpoint of geomdl.save, got {kind}; name a function"
            f" that builds the network{'' if python else ' and loads it'}, {made}"
        )


def _exported(path: str) -> nn.Module:
    """What `torch.export.save` wrote, with its layers under their names."""
    try:
        return torch.export.unflatten(torch.export.load(path))
    except Exception as error:
        first = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ValueError(f"spec: cannot load {path} ({first})") from error


def _imported(name: str) -> Any:
    """A module by its name, from the current folder as well; or a file, path/to/file.py."""
    file = Path(name)
    if file.suffix == ".py" and not file.is_file():
        raise FileNotFoundError(f"spec: expected a Python file, found none at {name}")
    folder = str(file.resolve().parent if file.suffix == ".py" else Path.cwd())
    sys.path.insert(0, folder)
    try:
        if file.suffix != ".py":
            return importlib.import_module(name)
        found = importlib.util.spec_from_file_location(f"geomdl_audited_{file.stem}", file)
        assert found is not None
        assert found.loader is not None
        module = importlib.util.module_from_spec(found)
        sys.modules[found.name] = module  # where dataclasses look for their module
        found.loader.exec_module(module)
        return module
    except (Exception, SystemExit) as error:
        raise FileNotFoundError(f"spec: cannot import {name}: {_first_line(error)}") from error
    finally:
        sys.path.remove(folder)


def _first_line(error: BaseException) -> str:
    return f"{type(error).__name__}: {(str(error).splitlines() or [''])[0]}"


def _network(f: Callable[..., Any], name: str, required: Sequence[str]) -> Callable[..., Any]:
    """A function as the network itself, which says so where it makes one instead."""

    @functools.wraps(f)
    def network(*inputs: Any) -> Any:
        try:
            output = f(*inputs)
        except Exception as error:
            raise ValueError(f"{cannot_run(error)}; {hint}") from error
        if isinstance(output, nn.Module):
            raise ValueError(f"spec: {name} gives a module; {hint}")
        return output

    hint = (
        f"{name} needs {', '.join(required)}, and is taken for the network: if it builds one, name "
        "a function without required arguments"
    )
    return network


def _made(found: Any, name: str) -> Any:
    """The object, or what a class or a function without required arguments makes."""
    if isinstance(found, nn.Module):
        return found
    if not callable(found):
        raise ValueError(f"spec: {name} should be callable, got {type(found).__name__}")
    try:
        parameters = inspect.signature(found).parameters.values()
    except (TypeError, ValueError):
        return found  # a built-in function
    required = [
        p.name
        for p in parameters
        if p.default is p.empty and p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)
    ]
    takes_inputs = required or any(p.kind is p.VAR_POSITIONAL for p in parameters)
    if not inspect.isclass(found) and takes_inputs:
        return _network(found, name, required) if inspect.isfunction(found) else found
    if required:
        raise ValueError(f"spec: {name} needs {', '.join(required)}; name an instance instead")
    try:
        made = found()
    except (Exception, SystemExit) as error:
        raise ValueError(f"spec: {name}() raises {_first_line(error)}") from error
    if not callable(made):
        raise ValueError(f"spec: {name}() should be callable, got {type(made).__name__}")
    return made
