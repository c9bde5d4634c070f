"""The networks that are compared: one design, built as ours, as a plain CNN, or by escnn."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from geomdl import groups
from geomdl.fields import Field, Grid
from geomdl.steerable import (
    AvgPool,
    BatchNorm,
    Conv,
    FilteredPointwise,
    GroupPool,
    Pointwise,
    Rings,
    Sequential,
)


@dataclass(frozen=True)
class Design:
    """Layers of convolution, batch norm and ReLU, all with the same channels.

    Attributes:
        group: name; the fields are regular ones of it.
        channels: of every layer, a multiple of the group's order.
        kernel_size: of every layer, odd.
        depth: number of layers.
        pooled: halve the pixels after every layer (n becomes (n + 1) / 2, for odd n).
        norm: batch norm after every convolution; without it there are no biases either.
        lifted: the input has as many channels as the other layers, not one.
        last: channels of one more layer without padding; 0 for none.
    """

    group: str
    channels: int = 48
    kernel_size: int = 5
    depth: int = 3
    pooled: bool = False
    norm: bool = True
    lifted: bool = False
    last: int = 0

    @property
    def order(self) -> int:
        """Number of elements of the group."""
        order = groups.group(self.group).order
        assert order is not None
        return order

    @property
    def layers(self) -> tuple[tuple[int, int], ...]:
        """Channels and padding of each convolution."""
        inner = ((self.channels, self.kernel_size // 2),) * self.depth
        return inner + ((self.last, 0),) * bool(self.last)

    @property
    def inputs(self) -> int:
        """Channels of the input."""
        return self.channels if self.lifted else 1


def low_pass(field: Field) -> nn.Module:
    """Mean over 3×3 pixels, at every other pixel."""
    return AvgPool(field, 2, kernel_size=3, padding=1)


@dataclass(frozen=True)
class Variant:
    """What our networks may do otherwise than the ordinary one.

    Attributes:
        activation: field -> layer.
        pool: field -> layer that halves the pixels.
        radial: kernel size -> rings of the filters, as for `geomdl.steerable.Conv`.
    """

    activation: Callable[[Field], nn.Module] = Pointwise
    pool: Callable[[Field], nn.Module] = low_pass
    radial: Callable[[int], Any] = lambda kernel_size: None


def oversampled(field: Field) -> nn.Module:
    """ReLU on a grid twice as fine, then a Gaussian."""
    return FilteredPointwise(field, "relu", oversample=2, blur=0.5)


def gaussian_pool(field: Field) -> nn.Module:
    """Gaussian of 1.4 pixels, at every other pixel."""
    return AvgPool(field, 2, kernel_size=1, antialias=1.4)


VARIANTS = {
    "geomdl": Variant(),
    "geomdl, oversampled ReLU only": Variant(oversampled),
    "geomdl, Gaussian pools only": Variant(pool=gaussian_pool),
    "geomdl, smooth rings only": Variant(radial=Rings.smooth),
    "geomdl, oversampled": Variant(oversampled, gaussian_pool),
    "geomdl, oversampled, smooth rings": Variant(oversampled, gaussian_pool, Rings.smooth),
}


def ours(design: Design, seed: int, variant: Variant | None = None) -> Sequential:
    """The layers, by geomdl.

    Args:
        design: what to build.
        seed: of the weights.
        variant: of activation, pooling and rings.

    Returns:
        module with `source` and `target`; the target is a regular field on the grid.
    """
    chosen = VARIANTS["geomdl"] if variant is None else variant
    rng = torch.Generator().manual_seed(seed)
    G, grid = groups.group(design.group), Grid(2)
    field = Field(
        grid, (design.channels // design.order) * G.regular if design.lifted else G.trivial
    )
    layers: list[nn.Module] = []
    for i, (channels, padding) in enumerate(design.layers):
        wide = Field(grid, (channels // design.order) * G.regular)
        layers.append(
            Conv(
                field,
                wide,
                design.kernel_size,
                padding=padding,
                bias=False,
                radial=chosen.radial(design.kernel_size),
                rng=rng,
            )
        )
        if design.norm:
            layers.append(BatchNorm(wide))
        layers.append(chosen.activation(wide))
        if design.pooled and i < design.depth - 1:
            layers.append(chosen.pool(wide))
        field = wide
    return Sequential(*layers)


def plain(design: Design, seed: int) -> nn.Sequential:
    """The same layers without a group: as many channels, ordinary convolutions."""
    layers: list[nn.Module] = []
    before = design.inputs
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        for i, (channels, padding) in enumerate(design.layers):
            layers.append(
                nn.Conv2d(before, channels, design.kernel_size, padding=padding, bias=False)
            )
            if design.norm:
                layers.append(nn.BatchNorm2d(channels))
            layers.append(nn.ReLU())
            if design.pooled and i < design.depth - 1:
                layers.append(nn.AvgPool2d(3, 2, 1))
            before = channels
    return nn.Sequential(*layers)


class Classifier(nn.Module):
    """Scores from the invariants of a body, averaged over the pixels.

    Args:
        body: images -> features on a grid.
        invariant: features -> invariant features on the grid.
        features: how many those are.
        classes: number of scores.
        seed: of the linear map.
    """

    def __init__(
        self, body: nn.Module, invariant: nn.Module, features: int, classes: int, seed: int
    ) -> None:
        super().__init__()
        self.body, self.invariant = body, invariant
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.head = nn.Linear(features, classes)

    def forward(self, x: Tensor) -> Tensor:
        """Scores of a batch of images."""
        scores: Tensor = self.head(self.invariant(self.body(x)).flatten(2).mean(2))
        return scores


def classifier(
    kind: str, design: Design, classes: int, seed: int, variant: Variant | None = None
) -> Classifier:
    """Build one of the networks that learn to classify.

    Args:
        kind: "plain", "geomdl", "escnn", or `peers.ANTIALIASED`.
        design: its layers.
        classes: number of scores.
        seed: of the weights.
        variant: of ours.
    """
    channels = design.layers[-1][0]
    if kind == "plain":
        return Classifier(plain(design, seed), nn.Identity(), channels, classes, seed)
    copies = channels // design.order
    if kind == "geomdl":
        body = ours(design, seed, variant)
        return Classifier(body, GroupPool(body.target), copies, classes, seed)
    from geomdl.bench.suites.images.peers import ANTIALIASED, escnn_body

    peer = escnn_body(design, seed, kind == ANTIALIASED)
    return Classifier(peer, GroupMaximum(design.order), copies, classes, seed)


class GroupMaximum(nn.Module):
    """Maximum over each copy of a regular field given as plain channels."""

    def __init__(self, order: int) -> None:
        super().__init__()
        self.order = order

    def forward(self, x: Tensor) -> Tensor:
        """(batch, copies × order, h, w) -> (batch, copies, h, w)."""
        y: Tensor = x.unflatten(1, (-1, self.order)).amax(2)
        return y
