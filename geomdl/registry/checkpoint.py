"""`save` and `load`: one safetensors file, its configuration in the metadata, no pickle.

Loading builds registered names with plain arguments and copies tensors; it runs no code from the
file. What a constructor does with its arguments is the constructor's business: a hostile file can
ask for a huge model, not for a foreign one.
"""

import hashlib
import json
import os
import secrets
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn

from geomdl import __version__
from geomdl.registry import migrations
from geomdl.registry.config import decode, encode
from geomdl.registry.names import Registry, default
from geomdl.registry.state import capture, check_ties, restore, ties

_JSON = ("config", "state", "audit")
# digests of the configurations and layouts that a build has confirmed
_confirmed: WeakKeyDictionary[Registry, set[str]] = WeakKeyDictionary()


def save(
    model: nn.Module,
    path: str | os.PathLike[str],
    *,
    audit: Any = None,
    registry: Registry = default,
) -> None:
    """Write a registered module, or a tree of them, to one safetensors file.

    The file appears whole or not at all. Parameters, persistent buffers, ties, dtypes, frozen
    parameters and the training mode are kept; hooks, gradients and optimisers are not. The model
    is rebuilt once from its arguments to make sure that `load` can (not again for the same layout).

    Args:
        model: built by a registered class or function, as are its module arguments.
        path: file to write, in a folder that exists.
        audit: certificate to keep with it: an `Audit`, its JSON, or a JSON-able dict.
        registry: where the names are registered.

    Raises:
        ValueError: the model is not registered, an argument cannot be written, the model has been
            changed since it was built, or the folder cannot be written to.

    Example::

        geomdl.save(model, "digits.safetensors", audit=geomdl.audit(model, x))
        model = geomdl.load("digits.safetensors")
    """
    from safetensors.torch import save as to_bytes

    config = encode(model)
    tensors, state = capture(model)
    _confirm(model, config, registry)
    metadata = {
        "geomdl": str(migrations.FORMAT),
        "geomdl_version": __version__,
        "config": json.dumps(config, allow_nan=False),
        "state": json.dumps(state, allow_nan=False),
    }
    if audit is not None:
        metadata["audit"] = _certificate(audit)
    _write(Path(path), to_bytes(tensors, metadata=metadata))


def load(
    path: str | os.PathLike[str],
    *,
    expect: str | None = None,
    registry: Registry = default,
) -> nn.Module:
    """Read a file that `save` wrote: the model on the CPU, equal bit for bit, in the same mode.

    Args:
        path: the file.
        expect: registered name that the model must have.
        registry: where the names are looked up; nothing else is built.

    Returns:
        The model. Torch's global random state is left as it was.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is truncated, foreign, newer, of another model, or of an unknown name.
    """
    path = Path(path)
    raw, tensors = _read(path, with_tensors=True)
    try:
        metadata, tensors = migrations.migrate(int(raw["geomdl"]), raw, tensors)
        config, state = metadata["config"], metadata["state"]
        name = config.get("$module") if isinstance(config, dict) else None
        if expect is not None and name != expect:
            raise ValueError(f"expected model {expect!r}, got {name!r}")
        with torch.random.fork_rng(devices=[]):
            model = decode(config, registry)
        restore(model, tensors, state)
    except Exception as error:
        raise ValueError(f"{path}: {_line(error)}") from error
    return model


def read_metadata(path: str | os.PathLike[str]) -> dict[str, Any]:
    """What a checkpoint says about itself, without building the model.

    Args:
        path: a file that `save` wrote.

    Returns:
        ``geomdl`` (format version), ``geomdl_version``, ``config``, ``state`` and, where one was
        saved, ``audit``.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is truncated, foreign or newer.
    """
    return _read(Path(path), with_tensors=False)[0]


def _read(path: Path, *, with_tensors: bool) -> tuple[dict[str, Any], dict[str, Tensor]]:
    from safetensors import SafetensorError, safe_open

    if not path.exists():
        raise FileNotFoundError(f"{path}: no such file")
    try:
        with safe_open(path, framework="pt") as file:
            header = file.metadata() or {}
            names = file.keys() if with_tensors else ()
            tensors = {name: file.get_tensor(name) for name in names}
    except (SafetensorError, OSError) as error:
        raise ValueError(f"{path}: not a whole safetensors file ({_line(error)})") from error
    version = header.get("geomdl")
    if version is None:
        raise ValueError(f"{path}: no geomdl checkpoint, its metadata lacks 'geomdl'")
    if not version.isdecimal() or len(version) > 9 or int(version) < 1:
        raise ValueError(f"{path}: format version should be a number, got {version[:20]!r}")
    if int(version) > migrations.FORMAT:
        raise ValueError(
            f"{path}: format version {version} is newer than {migrations.FORMAT}, the newest that "
            f"geomdl {__version__} reads; upgrade geomdl-torch"
        )
    metadata: dict[str, Any] = dict(header)
    for key in _JSON:
        if key in header or key != "audit":
            try:
                metadata[key] = json.loads(header.get(key, ""))
            except (ValueError, RecursionError) as error:
                raise ValueError(f"{path}: metadata {key!r} is no JSON: {_line(error)}") from error
    return metadata, tensors


def _confirm(model: nn.Module, config: dict[str, Any], registry: Registry) -> None:
    """Refuse a model that its own configuration would not give back."""
    layout, tied = _layout(model), ties(model.state_dict(keep_vars=True))
    digest = hashlib.sha256(repr((config, layout, tied)).encode()).hexdigest()
    confirmed = _confirmed.setdefault(registry, set())
    if digest in confirmed:
        return
    try:
        with torch.random.fork_rng(devices=[]):
            twin = decode(config, registry)
    except Exception as error:
        raise ValueError(f"model: cannot be built from its arguments: {_line(error)}") from error
    again = _layout(twin)
    for part in sorted(layout.keys() | again.keys()):
        if layout.get(part) != again.get(part):
            raise ValueError(
                f"model: changed since it was built: {part or 'the model'} is "
                f"{layout.get(part, 'nothing')}, its arguments give {again.get(part, 'nothing')}"
            )
    try:
        check_ties(twin.state_dict(keep_vars=True), tied)
    except ValueError as error:
        raise ValueError(f"model: changed since it was built: {error}") from None
    confirmed.add(digest)


def _layout(model: nn.Module) -> dict[str, str]:
    modules = model.named_modules(remove_duplicate=False)
    types = {name: f"{type(m).__module__}.{type(m).__qualname__}" for name, m in modules}
    return types | {name: str(tuple(t.shape)) for name, t in model.state_dict().items()}


def _certificate(audit: Any) -> str:
    try:
        text = audit.to_json() if hasattr(audit, "to_json") else audit
        return json.dumps(json.loads(text) if isinstance(text, str) else text, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise ValueError(f"audit: should be JSON, {_line(error)}") from error


def _write(path: Path, data: bytes) -> None:
    """Write a file so that it appears whole or not at all, also when the machine stops."""
    if not path.name:
        raise ValueError(f"path: should name a file, got {str(path)!r}")
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        try:
            with open(part, "xb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            os.replace(part, path)
        finally:
            part.unlink(missing_ok=True)
    except OSError as error:
        reason = error.strerror or _line(error)
        raise ValueError(f"path: cannot write {path}: {reason}") from error


def _line(error: BaseException) -> str:
    text = " ".join(str(error).split())
    return f"{text} is missing" if isinstance(error, KeyError) else text or type(error).__name__
