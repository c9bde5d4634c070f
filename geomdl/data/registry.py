"""Names of data sets, and `load`, which checks what a loader returns."""

import inspect
import os
from collections.abc import Callable
from difflib import get_close_matches
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import Tensor

from geomdl.data.files import Root, read_tensors

LoaderT = TypeVar("LoaderT", bound=Callable[..., dict[str, Tensor]])
_LOADERS: dict[str, Callable[..., dict[str, Tensor]]] = {}


def register(name: str) -> Callable[[LoaderT], LoaderT]:
    """Give a loader a name for `load`; a decorator.

    The loader is called as loader(root, download, **options) and returns a dict of finite tensors,
    samples on the leading axis. It uses the network only where `download` is true, and no pickle.

    Args:
        name: new, and no path of an .npz file.

    Raises:
        ValueError: the name is taken, or ends in ".npz".

    Example:
        >>> @register("two points")
        ... def two_points(root, download, scale=1.0):
        ...     return {"pos": scale * torch.eye(2)}
        >>> load("two points", scale=2.0)["pos"].tolist()
        [[2.0, 0.0], [0.0, 2.0]]
    """
    if name.endswith(".npz"):
        raise ValueError(f"name: expected no file name, got {name!r}")

    def add(loader: LoaderT) -> LoaderT:
        if name in _LOADERS:
            raise ValueError(f"name: {name!r} is taken by {_LOADERS[name].__module__}")
        _LOADERS[name] = loader
        return loader

    return add


def names() -> list[str]:
    """Names that `load` knows, sorted."""
    return sorted(_LOADERS)


def load(
    name: str | os.PathLike[str], root: Root = None, download: bool = False, **options: Any
) -> dict[str, Tensor]:
    """Load a data set, by its name or from an .npz file, as plain tensors on the CPU.

    From a file, uint8 `images` become float32 in [0, 1]; images without a channel axis get one;
    `labels` become int64; every other array keeps its type.

    Args:
        name: one of `names()`, or the path of an .npz file.
        root: folder of the files; default the environment variable GEOMDL_DATA. Put before the path
            of an .npz file, which is read as it stands without it.
        download: whether missing files may be fetched, and written to `root`. Nothing else uses the
            network.
        **options: of the loader, such as `size` of "digits"; see its docstring.

    Returns:
        For images: `images`, floating, shape (n, channels, height, width), and `labels`, int64,
        shape (n,); for graphs: `edge_index`, int64, shape (2, edges), and `batch`, the graph of
        each node. Never NaN or infinite.

    Raises:
        FileNotFoundError: files are missing; the message says what to do.
        ValueError: unknown name, or a corrupt, truncated or foreign file.
        TypeError: unknown option.
        OSError: the download failed, or `root` cannot be written.

    Example:
        >>> load("digits", size=29)["images"].shape
        torch.Size([1797, 1, 29, 29])
    """
    label = os.fspath(name)
    if label.endswith(".npz"):
        if options:
            raise TypeError(f"{label}: a file takes no options, got {', '.join(sorted(options))}")
        return _checked(label, read_tensors(Path(root or "") / label))
    loader = _LOADERS.get(label)
    if loader is None:
        near = get_close_matches(label, _LOADERS, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise ValueError(f"name: expected one of {names()} or an .npz file, got {label!r}{hint}")
    known = list(inspect.signature(loader).parameters)[2:]
    unknown = sorted(set(options) - set(known))
    if unknown:
        raise TypeError(f"{label}: expected options among {known}, got {', '.join(unknown)}")
    return _checked(label, loader(root, download, **options))


def _checked(name: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Refuse NaN and infinity, and images and labels that are not as many."""
    for key, value in tensors.items():
        if not bool(torch.isfinite(value).all()):
            first = int((~torch.isfinite(value)).nonzero()[0, :1].sum())
            raise ValueError(f"{name}: {key} should be finite, got NaN or infinity in row {first}")
    if "images" in tensors and "labels" in tensors:
        images, labels = len(tensors["images"]), len(tensors["labels"])
        if images != labels:
            raise ValueError(f"{name}: expected a label for each image, got {images} and {labels}")
    return tensors
