"""MNIST, from a folder of the user: a file of 8,000 digits, or the four official files."""

from pathlib import Path

import torch
from torch import Tensor

from geomdl.data.download import fetch
from geomdl.data.files import Root, as_images, as_labels, data_folder, read_idx, read_npz
from geomdl.data.registry import register

SMALL = "mnist8k.npz"
MIRRORS = (
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
)
SHA256 = {  # of the files NAME-ubyte.gz
    "train-images-idx3": "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
    "train-labels-idx1": "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
    "t10k-images-idx3": "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
    "t10k-labels-idx1": "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
}


@register("mnist")
def mnist(root: Root = None, download: bool = False) -> dict[str, Tensor]:
    """Handwritten digits of 28×28 pixels.

    Read from mnist8k.npz (8,000 digits) where the folder has it, and else from the four official
    idx files: 60,000 digits for training, then 10,000 for testing. `download=True` fetches those of
    the four that are missing, 11 MB in all, and checks their hashes.

    Args:
        root: folder of the files; default the environment variable GEOMDL_DATA.
        download: whether missing files may be fetched into `root`.

    Returns:
        images: float32 in [0, 1], shape (n, 1, 28, 28).
        labels: int64, 0 to 9, shape (n,).

    Raises:
        FileNotFoundError: no folder is given, or files are missing there.
        ValueError: a file is corrupt, truncated or not MNIST.
        OSError: the download failed, or the folder cannot be written.

    Source: LeCun, Cortes, Burges, The MNIST database of handwritten digits (CC BY-SA 3.0).
    """
    folder = data_folder("mnist", root, f"{SMALL} or the four files of MNIST")
    small = folder / SMALL
    images, labels = _read_small(small) if small.is_file() else _read_official(folder, download)
    if images.dtype != torch.uint8 or images.shape[1:] != (28, 28):
        found = f"{images.dtype} of shape {tuple(images.shape)}"
        raise ValueError(f"{folder}: images should be uint8 of shape (n, 28, 28), got {found}")
    labels = as_labels(labels, str(folder))
    foreign = labels[(labels < 0) | (labels > 9)]
    if len(foreign):
        raise ValueError(f"{folder}: labels should be 0 to 9, got {int(foreign[0])}")
    return {"images": as_images(images, str(folder)), "labels": labels}


def _read_small(path: Path) -> tuple[Tensor, Tensor]:
    arrays = read_npz(path)
    for name in ("images", "labels"):
        if name not in arrays or arrays[name].dtype.kind not in "biuf":
            found = arrays[name].dtype if name in arrays else "none"
            raise ValueError(f"{path}: expected an array of numbers called {name}, got {found}")
    return torch.from_numpy(arrays["images"]), torch.from_numpy(arrays["labels"])


def _read_official(folder: Path, download: bool) -> tuple[Tensor, Tensor]:
    """The four idx files, training set first; fetched where missing and allowed."""
    paths = {name: folder / f"{name}-ubyte.gz" for name in SHA256}
    missing = [name for name, path in paths.items() if not path.is_file()]
    if missing and not download:
        raise FileNotFoundError(
            f"mnist: neither {SMALL} nor {paths[missing[0]].name} in {folder}; put one there, or"
            " fetch the official files with download=True"
        )
    for name in missing:
        fetch([mirror + paths[name].name for mirror in MIRRORS], paths[name], SHA256[name])
    train_x, train_y, test_x, test_y = paths.values()
    images, test_images = read_idx(train_x, 3), read_idx(test_x, 3)
    if images.shape[1:] != test_images.shape[1:]:
        shape = tuple(test_images.shape)
        raise ValueError(f"{test_x}: images should be like those of {train_x.name}, got {shape}")
    labels = torch.cat([read_idx(train_y, 1), read_idx(test_y, 1)])
    return torch.cat([images, test_images]), labels
