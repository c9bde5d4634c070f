"""Real data as plain tensors, offline first.

`load(name)` returns a dict of tensors, the same on every machine. Callers rotate images and build
graphs; loaders do not. Nothing is unpickled, and only `download=True` may use the network.

Example:
    >>> {key: tuple(value.shape) for key, value in load("digits").items()}
    {'images': (1797, 1, 28, 28), 'labels': (1797,)}
"""

from geomdl.data import (
    atlas,
    brec,
    digits,
    graph6,
    lookalikes,
    made_molecules,
    mnist,
    qm9,
    rotated_mnist,
    shapes3d,
    sounds,
    trajectories,
    tu,
)
from geomdl.data.files import data_folder
from geomdl.data.images import upsample
from geomdl.data.molecular_graphs import bonds
from geomdl.data.random_graphs import BlockModel, power_law_graph, stochastic_block_model
from geomdl.data.registry import load, names, register
from geomdl.data.split import folds, parts, split, time_blocks
from geomdl.data.trajectories import as_frames
from geomdl.data.tu import load_tu

__all__ = [
    "BlockModel",
    "as_frames",
    "atlas",
    "bonds",
    "brec",
    "data_folder",
    "digits",
    "folds",
    "graph6",
    "load",
    "load_tu",
    "lookalikes",
    "made_molecules",
    "mnist",
    "names",
    "parts",
    "power_law_graph",
    "qm9",
    "register",
    "rotated_mnist",
    "shapes3d",
    "sounds",
    "split",
    "stochastic_block_model",
    "time_blocks",
    "trajectories",
    "tu",
    "upsample",
]
