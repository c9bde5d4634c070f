"""Wide residual networks whose stages have each their group."""

from collections.abc import Sequence
from typing import Any, Literal

import torch
from torch import Tensor, nn

from geomdl.fields import Field, Grid, restricted
from geomdl.groups import Group, Rep
from geomdl.registry import Example, register_model
from geomdl.steerable.checks import whole
from geomdl.steerable.classifier import Classifier, check_odd, equal_sizes
from geomdl.steerable.conv import Conv
from geomdl.steerable.dropout import Dropout
from geomdl.steerable.features import (
    Features,
    FieldKind,
    grid_for,
    named_group,
    source_of,
    target_of,
)
from geomdl.steerable.linear import Linear
from geomdl.steerable.norm import BatchNorm
from geomdl.steerable.pooling import AvgPool, GlobalPool
from geomdl.steerable.restriction import Restrict
from geomdl.steerable.sequential import Sequential
from geomdl.steerable.static_sizes import chain_sizes
from geomdl.steerable.taps import grid_of, maps_grid

STAGES = 3


class WideBlock(nn.Module):
    """Residual block: y = shortcut(x) + conv(drop(act(norm(conv(act(norm(x))))))).

    The shortcut is x itself where the field stays, else a convolution of act(norm(x)) without
    neighbours. A stride of 2 has an odd kernel on odd sizes and an even one on even sizes, so that
    windows are centred.

    Args:
        source: field of x.
        target: field of y.
        features: kind of the fields.
        width: copies between the two convolutions, and in x if that is a field of the stage.
        active: whether x is act(norm(x)) already, as in the first block of a stage.
        kernel_size: taps, odd.
        stride: 1 or 2.
        even: whether the size of x is even; matters for stride 2.
        dropout: probability.
        rng: source of the initial weights.
    """

    def __init__(
        self,
        source: Field,
        target: Field,
        features: Features,
        width: int,
        active: bool,
        kernel_size: int,
        stride: int,
        even: bool,
        dropout: float,
        rng: torch.Generator | None,
    ) -> None:
        super().__init__()
        self.source, self.target = source, target
        more = int(even and stride > 1)
        inside = features.activation(features.field(width))
        hidden, given = source_of(inside), source if active else target_of(inside)
        self.norm1 = None if active else BatchNorm(source)
        self.act1 = None if active else features.activation(given)
        half = kernel_size // 2
        self.conv1 = Conv(given, hidden, kernel_size, padding=half, bias=False, rng=rng)
        self.norm2, self.act2 = BatchNorm(hidden), inside
        field = target_of(inside)
        self.drop = Dropout(field, dropout) if dropout else None
        self.conv2 = Conv(field, target, kernel_size + more, stride, half, bias=False, rng=rng)
        self.shortcut = None
        if active or source != target:
            self.shortcut = Conv(given, target, 1 + more, stride, bias=False, rng=rng)

    def sizes(self, sizes: Sequence[int]) -> tuple[int, ...]:
        """Sizes of the output."""
        return chain_sizes([self.conv1, self.conv2], sizes)

    def forward(self, x: Tensor) -> Tensor:
        """Apply the block."""
        active = x
        if self.norm1 is not None and self.act1 is not None:
            active = self.act1(self.norm1(x))
        y = self.act2(self.norm2(self.conv1(active)))
        if self.drop is not None:
            y = self.drop(y)
        short = x if self.shortcut is None else self.shortcut(active)
        out: Tensor = self.conv2(y) + short
        return out


def _inputs(rng: torch.Generator) -> tuple[Any, ...]:
    return (torch.randn(2, 1, 9, 9, generator=rng, dtype=torch.float64),)


def _example() -> nn.Module:
    return SteerableResNet(("D4", "D4", "C4"), (9, 9), 1, 3, depth=10, widen=1, dropout=0.1).eval()


@register_model("steerable/resnet", example=Example(_example, _inputs))
class SteerableResNet(Classifier):
    """Wide residual network with a group for each of its three stages.

    The WRN of Zagoruyko and Komodakis: a convolution to 16 channels, then three stages of
    (depth - 4)/6 residual blocks with 16, 32, 64 times ``widen`` channels, the second and third at
    half the size of the one before. The last block ends in invariant fields; batch norm, ReLU, the
    mean over all pixels and a linear map follow. Small patterns have more symmetry than large ones,
    so later stages may have smaller groups; the network as a whole has the last one.

    Quarter turns stay exact at every size: where a stride meets an even size its kernels have one
    tap more (32 → 16 → 8 and 96 → 48 → 24 with 4, 33 → 17 → 9 and 97 → 49 → 25 with 3 taps).

    Args:
        groups: one group (or name) for all stages, or one for each, every one inside of the one
            before: ("D8", "D4", "D1").
        shape: pixels along each axis, all equal; one to three axes.
        in_channels: channels of the input, each a trivial field.
        classes: number of outputs.
        depth: 6n + 4: convolutions in a row.
        widen: k, factor of all channels after the first convolution.
        fix: "compute": the channels, and with them the cost, are those of the ordinary network,
            and the weights |G| times fewer. "params": channels times |G|^(1/2), so that the number
            of weights is kept, as published.
        kernel_size: taps, odd; None: 3 for groups that map the grid to itself, else 5.
        first_stride: 2 halves the size also in the first stage (STL-10).
        down: "conv": strides of convolutions, as published. "pool": means over windows before the
            blocks instead, for fewer aliases at 45°.
        dropout: probability, of whole fields between the convolutions of a block.
        fields: kind of the hidden fields, as in `SteerableCNN`; regular ones for finite groups.
        nonlinearity: as in `SteerableCNN`.
        frequency: highest one of the fields of infinite groups.
        stem: channels of the first convolution; times 1, 2, 4 and ``widen`` those of the stages.
        action: how the group moves coordinates, a representation of one dimension for each axis;
            None for its own way. Signals need it: ``action=C2.irrep(1)`` reverses them.
        rng: source of the initial weights; None draws as PyTorch's own layers do.

    Shape:
        ``(batch, in_channels, *shape)`` -> (batch, classes); invariant under the last group: exact
        for its elements that map the pixels to pixels, for others up to sampling.

    Raises:
        ValueError: a depth that is not 6n + 4, groups that do not lie in one another, sizes that do
            not fit.

    Example:
        >>> net = SteerableResNet(("D4", "C4", "C1"), shape=(32, 32), depth=10, widen=1)
        >>> net(torch.zeros(2, 3, 32, 32)).shape, net.source.group
        (torch.Size([2, 10]), group('C1'))

    Source: Zagoruyko and Komodakis 2016, arXiv:1605.07146; Weiler and Cesa 2019, arXiv:1911.08251.
    """

    def __init__(
        self,
        groups: Group | str | Sequence[Group | str] = "D4",
        shape: Sequence[int] = (32, 32),
        in_channels: int = 3,
        classes: int = 10,
        depth: int = 16,
        widen: int = 2,
        *,
        fix: Literal["compute", "params"] = "compute",
        kernel_size: int | None = None,
        first_stride: int = 1,
        down: Literal["conv", "pool"] = "conv",
        dropout: float = 0.0,
        fields: FieldKind | None = None,
        nonlinearity: str | None = None,
        frequency: int = 2,
        stem: int = 16,
        action: Rep | None = None,
        rng: torch.Generator | None = None,
    ) -> None:
        whole(in_channels=in_channels, classes=classes, depth=depth, widen=widen, stem=stem)
        shape = equal_sizes(shape)
        stages = [groups] * STAGES if isinstance(groups, Group | str) else groups
        if not isinstance(stages, Sequence):
            raise ValueError(f"groups: should be one, or {STAGES}, got {groups!r}")
        if len(stages) != STAGES:
            raise ValueError(f"groups: should be one, or {STAGES}, got {len(stages)}")
        if depth < 10 or (depth - 4) % 6:
            raise ValueError(f"depth: should be 6n + 4 with n from 1 on, got {depth}")
        if fix not in ("compute", "params"):
            raise ValueError(f"fix: should be 'compute' or 'params', got {fix!r}")
        if down not in ("conv", "pool"):
            raise ValueError(f"down: should be 'conv' or 'pool', got {down!r}")
        if first_stride not in (1, 2):
            raise ValueError(f"first_stride: should be 1 or 2, got {first_stride}")
        if kernel_size is not None:
            check_odd(kernel_size)

        kind = (fields, nonlinearity, frequency)
        G = named_group(stages[0])
        image = Field(grid_for(G, len(shape), action), in_channels * G.trivial)
        features = Features.of(G, _grid(image), *kind)
        activation = features.activation(features.field(_widths(stem, features, "params")[0]))
        stream = source_of(activation)
        layers: list[nn.Module] = [Conv(image, stream, 5, padding=2, bias=False, rng=rng)]
        sizes, blocks = shape, (depth - 4) // 6
        for stage, name in enumerate(stages):
            layers += [BatchNorm(stream), activation]
            halve = stage > 0 or first_stride == 2
            if halve and down == "pool":
                layers.append(AvgPool(target_of(activation)))
                sizes = chain_sizes(layers[-1:], sizes)
            if named_group(name) != features.group:
                layers.append(Restrict(target_of(activation), named_group(name)))
            stream = target_of(layers[-1])
            features = Features.of(stream.group, _grid(stream), *kind)
            taps = kernel_size or (3 if maps_grid(stream.group, features.grid) else 5)
            copies, invariants = _widths(stem * widen * 2**stage, features, fix)
            for i in range(blocks):
                last = stage == STAGES - 1 and i == blocks - 1
                activation = features.activation(
                    features.invariants(invariants) if last else features.field(copies)
                )
                block = WideBlock(
                    stream,
                    source_of(activation),
                    features,
                    copies,
                    active=i == 0,
                    kernel_size=taps,
                    stride=2 if halve and down == "conv" and i == 0 else 1,
                    even=sizes[0] % 2 == 0,
                    dropout=dropout,
                    rng=rng,
                )
                layers.append(block)
                sizes, stream = block.sizes(sizes), block.target
        layers += [BatchNorm(stream), activation, GlobalPool(target_of(activation))]
        super().__init__(_under(image, stream.group), shape, classes)
        self.body = Sequential(*layers, size=shape)
        self.head = Linear(self.body.target, self.target, rng=rng)


def _widths(channels: int, features: Features, fix: str) -> tuple[int, int]:
    """Copies, and trivial fields, that stand for the channels of an ordinary network."""
    dim = features.each.dim
    wide = channels * (dim**0.5 if fix == "params" else 1.0)
    return max(1, int(wide / dim)), max(1, int(wide))


def _grid(field: Field) -> Grid:
    return grid_of(field, "source")


def _under(field: Field, group: Group) -> Field:
    """A field, or the same one under a subgroup."""
    return field if field.group == group else restricted(field, group)
