"""Residual pathways: an equivariant layer with a free one beside it."""

import math
from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from geomdl import groups
from geomdl.fields import Field, Grid, Type, Vector
from geomdl.registry import Example, register_layer
from geomdl.steerable import Conv, Linear
from geomdl.symmetrization.relaxed_departure import departure

BROKEN = "the free path that the laws draw at random breaks the symmetry, as it is there to do"


class FreeLinear(nn.Module):
    """Linear map of whole values, y = W x + b, which knows of no symmetry; 0 at the start.

    Args:
        source: field on vectors, points or nodes.
        target: likewise.
        bias: whether to add b.

    Shape:
        (…, *source.fibre) -> (…, *target.fibre).
    """

    def __init__(self, source: Field, target: Field, bias: bool = True) -> None:
        super().__init__()
        self.before, self.after = source.fibre, target.fibre
        ins, outs = math.prod(self.before), math.prod(self.after)
        self.weight = nn.Parameter(torch.zeros(outs, ins))
        self.bias = nn.Parameter(torch.zeros(outs)) if bias else None

    def forward(self, x: Tensor) -> Tensor:
        """Linear map."""
        lead = x.shape[: x.ndim - len(self.before)]
        y = F.linear(x.reshape(*lead, self.weight.shape[1]), self.weight, self.bias)
        return y.reshape(*lead, *self.after)


class FreeConv(nn.Module):
    """Convolution without steerable filters, y(x) = b + Σ_t K[t] f(x + t); 0 at the start.

    It keeps shifts, and no turns or mirrors. Padded so that it has the output sizes that are asked
    for.

    Args:
        source: field on a grid.
        target: field on the same grid.
        kernel_size: taps along each axis.
        stride: pixels from one output to the next.
        dilation: pixels from one tap to the next.
        padding_mode: what the added pixels hold, as in PyTorch.
    """

    def __init__(
        self,
        source: Field,
        target: Field,
        kernel_size: int = 1,
        stride: int = 1,
        dilation: int = 1,
        padding_mode: str = "zeros",
    ) -> None:
        super().__init__()
        assert isinstance(source.domain, Grid)
        self.d = source.domain.d
        self.kernel_size, self.stride = kernel_size, stride
        self.dilation, self.padding_mode = dilation, padding_mode
        size = (self.kernel_size,) * self.d
        self.weight = nn.Parameter(torch.zeros(target.channels, source.channels, *size))
        self.bias = nn.Parameter(torch.zeros(target.channels))

    def forward(self, x: Tensor, sizes: Sequence[int]) -> Tensor:
        """Convolve to an output of the given sizes."""
        reach = self.dilation * (self.kernel_size - 1) + 1
        ends: list[int] = []
        for before, after in zip(reversed(x.shape[2:]), reversed(sizes), strict=True):
            both = (after - 1) * self.stride + reach - before
            ends += [both // 2, both - both // 2]
        mode = "constant" if self.padding_mode == "zeros" else self.padding_mode
        conv = (torch.conv1d, torch.conv2d, torch.conv3d)[self.d - 1]
        padded = F.pad(x, ends, mode=mode)
        return conv(padded, self.weight, self.bias, self.stride, 0, self.dilation)


def free_path(layer: nn.Module) -> nn.Module:
    """Linear path of the shapes of a layer, without its symmetry.

    Raises:
        ValueError: the layer has no source and target Field, or none is known for them.
    """
    source, target = getattr(layer, "source", None), getattr(layer, "target", None)
    if not isinstance(source, Field) or not isinstance(target, Field):
        raise ValueError(
            f"free: expected a module, since {type(layer).__name__} has no Field as source and"
            " target, got None"
        )
    if not isinstance(source.domain, Grid) and type(source.domain) is type(target.domain):
        return FreeLinear(source, target)
    if isinstance(layer, Conv):
        options = (layer.kernel_size, layer.stride, layer.dilation, layer.padding_mode)
        return FreeConv(source, target, *options)
    if isinstance(layer, Linear):
        return FreeConv(source, target)
    raise ValueError(
        f"free: expected a module, since none is known from {source!r} to {target!r}, got None"
    )


def _example() -> nn.Module:
    G = groups.group("D4")
    field = Field(Vector(), G.trivial + 2 * G.standard)
    return Relaxed(Linear(field, field))


def _inputs(rng: torch.Generator) -> tuple[Any, ...]:
    return (torch.randn(3, 5, generator=rng, dtype=torch.float64),)


@register_layer(
    "symmetrization/Relaxed", example=Example(_example, _inputs, refuses={"equivariance": BROKEN})
)
class Relaxed(nn.Module):
    """An equivariant layer with a free one beside it: y = strict(x) + free(x).

    The free path is 0 at the start, where the layer is as equivariant as the strict one. Trained
    with the prior or the `penalty`, it takes up what the data break of the symmetry and no more.

    Args:
        strict: equivariant module.
        free: module of the same inputs and outputs; by default a linear map, or a convolution, of
            the shapes of `strict`. One that is given is multiplied by a learned number, 0 at the
            start.

    Attributes:
        source: of `strict`.
        target: of `strict`.

    Raises:
        TypeError: one of them is no module.
        ValueError: no free path is known for `strict`.

    Example:
        >>> import geomdl
        >>> v = geomdl.Field(geomdl.Vector(), 4 * geomdl.group("SO3").standard)
        >>> layer, x = Relaxed(Linear(v, v)), torch.randn(8, 12)
        >>> geomdl.audit(layer, x).passed()
        True
        >>> _ = torch.nn.init.normal_(layer.free.weight)
        >>> geomdl.audit(layer, x).passed()
        False

    Source: Finzi, Benton and Wilson 2021, arXiv:2112.01388.
    """

    source: Type
    target: Type

    def __init__(self, strict: nn.Module, free: nn.Module | None = None) -> None:
        super().__init__()
        for name, module in (("strict", strict), ("free", free)):
            if not isinstance(module, nn.Module) and (name, module) != ("free", None):
                raise TypeError(f"{name}: expected an nn.Module, got {type(module).__name__}")
        self.strict = strict
        self.source, self.target = getattr(strict, "source", None), getattr(strict, "target", None)
        self.amount = None if free is None else nn.Parameter(torch.zeros(()))
        self.free = free_path(strict) if free is None else free
        self.train(strict.training)
        like = next(strict.parameters(), None)
        if free is None and like is not None:
            self.free.to(like.device, like.dtype)

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Sum of both paths.

        Raises:
            ValueError: they give outputs of different shapes.
        """
        y = self.strict(*args, **kwargs)
        if isinstance(self.free, FreeConv):
            return y + self.free(*args, y.shape[2:])
        free = self.free(*args, **kwargs)
        if free.shape != y.shape:
            raise ValueError(
                f"free: expected an output of shape {tuple(y.shape)}, got {tuple(free.shape)}"
            )
        return y + (free if self.amount is None else self.amount * free)

    def prior(self, deviation: float = 1.0) -> Tensor:
        """Negative logarithm of a normal prior on the free weights, Σ w² / (2 deviation²)."""
        weights = self.free.parameters() if self.amount is None else [self.amount]
        return torch.stack([w.square().sum() for w in weights]).sum() / (2 * deviation**2)

    def penalty(self, *inputs: Any, rng: torch.Generator | None = None) -> Tensor:
        """Square of the `departure` at these inputs, to be added to a loss."""
        return departure(self, *inputs, rng=rng).square()
