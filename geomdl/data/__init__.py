"""Real data as plain tensors, offline first.

`load(name)` returns a dict of tensors, the same on every machine. Callers rotate images and build
graphs; loaders do not. Nothing is unpickled, and only `download=True` may use the network.

Example:
    >>> {key: tuple(value.shape) for key, value in load("digits").items()}
    {'images': (1797, 1, 28, 28), 'labels': (1797,)}
"""

from geomdl.data import (
    digits,
    lookalikes,
    made_molecules,
    mnist,
    qm9,
    rotated_mnist,
    shapes3d,
    sounds,
    trajectories,
)
from geomdl.data.files import data_folder
from geomdl.data.images import upsample
from geomdl.data.registry import load, names, register
from geomdl.data.split import parts, split, time_blocks
from geomdl.data.trajectories import as_frames

__all__ = [
    "as_frames",
    "data_folder",
    "digits",
    "load",
    "lookalikes",
    "made_molecules",
    "mnist",
    "names",
    "parts",
    "qm9",
    "register",
    "rotated_mnist",
    "shapes3d",
    "sounds",
    "split",
    "time_blocks",
    "trajectories",
    "upsample",
]
