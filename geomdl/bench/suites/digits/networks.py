"""The networks that are compared."""

import inspect
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn

from geomdl.registry import default


@dataclass(frozen=True)
class Network:
    """A registered model and how it is trained.

    Attributes:
        name: as in the table.
        model: registered name.
        overrides: of its constructor.
        augmented: trained on digits turned by random angles.
        exact: claims that its answer to a digit is its answer to the digit turned by 90°.
    """

    name: str
    model: str
    overrides: Mapping[str, Any] = field(default_factory=dict)
    augmented: bool = False
    exact: bool = False

    def build(self, size: int, classes: int, seed: int) -> nn.Module:
        """Build it with the weights of a seed.

        Args:
            size: pixels along a side.
            classes: number of outputs.
            seed: of the weights.

        Returns:
            The model.
        """
        return build(self.model, (1, size, size), classes, seed, self.overrides)


# All with about as many weights as the D4 network, 39,151. The CNN is the ordinary one: strides and
# zero padding.
_PLAIN = {"widths": (13, 26, 46), "kernel_size": 5, "down": "stride", "padding": "zeros"}
NETWORKS = (
    Network("MLP", "translation/mlp", {"width": 46}),
    Network("CNN", "translation/cnn", _PLAIN),
    Network("CNN + rotations", "translation/cnn", _PLAIN, augmented=True),
    Network("D4 network", "steerable/d4_cnn", {"channels": 24}, exact=True),
)
BASELINE = "CNN"
EXACT = next(network.name for network in NETWORKS if network.exact)


def build(
    name: str,
    shape: tuple[int, ...],
    classes: int,
    seed: int,
    overrides: Mapping[str, Any] | None = None,
) -> nn.Module:
    """Build a registered classifier for images of a shape, with the weights of a seed.

    The constructor's `shape`, `in_channels`, `classes` and `rng`, where it has
    them, are given by the data and the seed; weights that a constructor draws from torch's global
    state are seeded too, and that state is left as it was.

    Args:
        name: registered.
        shape: of one image, channels first.
        classes: number of outputs.
        seed: of the weights.
        overrides: of the constructor; they win.

    Returns:
        The model.

    Raises:
        ValueError: an unknown name.
        TypeError: an argument that the constructor does not have.
    """
    parameters: Mapping[str, inspect.Parameter] = default[name].signature.parameters
    known: dict[str, Any] = {
        "shape": shape[1:],
        "in_channels": shape[0],
        "classes": classes,
        "rng": torch.Generator().manual_seed(seed),
    }
    arguments = {k: v for k, v in known.items() if k in parameters} | dict(overrides or {})
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return default[name].build(arguments)
