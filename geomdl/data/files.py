"""Read .npz and idx files without pickle; whatever is wrong with a file is a one-line error."""

import gzip
import math
import os
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import torch
from torch import Tensor

if TYPE_CHECKING:
    import numpy

Root: TypeAlias = str | os.PathLike[str] | None
_LARGEST_IDX = 1 << 31  # bytes; a header that asks for more is not read on


def data_folder(name: str, root: Root, wanted: str) -> Path:
    """Folder of a data set: `root`, or else the environment variable GEOMDL_DATA.

    Args:
        name: of the data set, for the message.
        root: as given to `load`.
        wanted: what should lie in the folder, for the message.

    Raises:
        FileNotFoundError: neither is set.
    """
    folder = root or os.environ.get("GEOMDL_DATA")
    if not folder:
        raise FileNotFoundError(
            f"{name}: give root=, or set GEOMDL_DATA, to the folder with {wanted}"
        )
    return Path(folder)


def read_npz(path: Path) -> "dict[str, numpy.ndarray[Any, Any]]":
    """All arrays of an .npz file, read without pickle.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is no .npz file, truncated, corrupt, or holds Python objects.
    """
    import numpy

    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file")
    try:
        # numpy leaves a file that it opened itself open where the zip is broken
        with path.open("rb") as stream, numpy.load(stream, allow_pickle=False) as file:
            return {name: file[name] for name in file.files}
    except Exception as error:  # zip, zlib and numpy raise a dozen kinds on corrupt bytes
        raise ValueError(f"{path}: expected a whole .npz file, got {_reason(error)}") from error


def read_tensors(path: Path) -> dict[str, Tensor]:
    """Tensors of an .npz file; `images` and `labels` as `geomdl.data.load` says.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is no whole .npz file, or an array has a wrong type or shape.
    """
    tensors = {}
    for name, array in read_npz(path).items():
        if array.dtype.kind not in "biufc":
            raise ValueError(f"{path}: {name} should hold numbers, got {array.dtype}")
        try:
            value = torch.from_numpy(array.astype(array.dtype.newbyteorder("=")))
        except TypeError as error:
            raise ValueError(f"{path}: {name} has no torch type, got {array.dtype}") from error
        if name == "images":
            value = as_images(value, str(path))
        elif name == "labels":
            value = as_labels(value, str(path))
        tensors[name] = value
    return tensors


def as_images(images: Tensor, where: str) -> Tensor:
    """Floating images with a channel axis; uint8 is divided by 255 in float32.

    Args:
        images: uint8 or floating, shape (n, height, width) or (n, channels, *spatial).
        where: of the message.

    Returns:
        shape (n, channels, *spatial), of the given floating type.
    """
    if images.ndim < 3:
        shape = tuple(images.shape)
        raise ValueError(f"{where}: images should be (n, [channels,] h, w), got shape {shape}")
    if images.dtype == torch.uint8:
        images = images.to(torch.float32) / 255
    elif not images.is_floating_point():
        raise ValueError(f"{where}: images should be uint8 or floating, got {images.dtype}")
    return images.unsqueeze(1) if images.ndim == 3 else images


def as_labels(labels: Tensor, where: str) -> Tensor:
    """Integer labels as int64, shape (n,)."""
    if labels.ndim != 1:
        raise ValueError(f"{where}: labels should have shape (n,), got {tuple(labels.shape)}")
    if labels.is_floating_point() or labels.is_complex() or labels.dtype == torch.bool:
        raise ValueError(f"{where}: labels should be integers, got {labels.dtype}")
    return labels.to(torch.int64)


def read_idx(path: Path, ndim: int) -> Tensor:
    """The uint8 array of a gzipped idx file, the format of the original MNIST.

    Args:
        path: of the .gz file.
        ndim: number of axes that the file should have.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is truncated, corrupt, or no such array.

    Source: LeCun, Cortes, Burges, The MNIST database of handwritten digits.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file")
    try:
        with gzip.open(path) as file:
            header = file.read(4 + 4 * ndim)
            if header[:4] != bytes([0, 0, 8, ndim]) or len(header) != 4 + 4 * ndim:
                raise ValueError(f"the header {header[:4].hex()}")
            shape = [int.from_bytes(header[4 * i : 4 * i + 4], "big") for i in range(1, ndim + 1)]
            count = math.prod(shape)
            if count > _LARGEST_IDX:
                raise ValueError(f"a header for {count} bytes")
            body = bytearray(file.read(count + 1))
            if len(body) != count:
                raise ValueError(f"{'more' if len(body) > count else 'fewer'} than {count} bytes")
    except (ValueError, OSError, EOFError, zlib.error) as error:
        raise ValueError(
            f"{path}: expected a whole idx file of {ndim} axes, got {_reason(error)}"
        ) from error
    if not count:
        return torch.empty(shape, dtype=torch.uint8)
    return torch.frombuffer(body, dtype=torch.uint8).reshape(shape)


def _reason(error: Exception) -> str:
    lines = str(error).splitlines()
    return lines[0] if lines else type(error).__name__
