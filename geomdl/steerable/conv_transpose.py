"""Equivariant transposed convolution: the adjoint of a strided one, which makes images larger."""

from collections.abc import Sequence
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from geomdl import groups as groups_
from geomdl.fields import Field, Grid
from geomdl.registry import Example, register_layer
from geomdl.steerable.checks import (
    GridCheck,
    check_input,
    finite,
    is_whole,
    named,
    same_domain,
    shifts,
    split,
    whole,
)
from geomdl.steerable.filtered import Filtered
from geomdl.steerable.rings import Rings
from geomdl.steerable.taps import grid_of, tap_space


def _example() -> nn.Module:
    G = groups_.group("D4")
    source = Field(Grid(2), 2 * G.regular + G.standard)
    return ConvTranspose(source, Field(Grid(2), G.standard + G.regular), 3, stride=2, padding=1)


def _inputs(rng: torch.Generator) -> tuple[Any, ...]:
    return (torch.randn(2, 18, 4, 4, generator=rng, dtype=torch.float64),)


@register_layer("steerable/ConvTranspose", example=Example(_example, _inputs))
class ConvTranspose(Filtered):
    """Transposed convolution with every filter bank that commutes with the group, and no other.

    y(x) = b + Σ_t K[t] f((x - t)/s), the sum over the taps t at which (x - t)/s is a pixel,
    K[g t] = s(g) K[t] r(g)⁻¹. The filters are those of a `Conv` from source to target; the map is
    the adjoint of the convolution from target to source with filters K[t]ᵀ, stride s and the same
    padding, and f ↦ y takes n pixels to (n - 1)s - 2p + d(k - 1) + 1.

    Args:
        source: field on ``Grid(d)``, representation r.
        target: field on the same grid, representation s of the same group.
        kernel_size: taps along each axis, odd or even. A multiple of the stride lets every pixel of
            the output see equally many taps.
        stride: pixels of the output from one pixel of the input to the next.
        padding: pixels cut off at both ends of the output.
        output_padding: pixels added at one end alone, which only a group that leaves the pixels in
            place can bear; another kernel size or padding gives those sizes symmetrically.
        dilation: pixels from one tap to the next.
        groups: parts into which channels are cut, outputs of a part seeing its inputs only.
        bias: whether to add a bias; none exists where s has no fixed vector.
        radial: what filters are made of, as in `Conv`.
        gain: of the initial weights, which preserve the mean square of uncorrelated inputs through
            a ReLU by default.
        rng: source of the initial weights; None draws as PyTorch's own layers do.

    Shape:
        ``(batch, source.channels, *spatial)`` -> ``(batch, target.channels, *spatial')``; exact
        under 90° rotations and reflections at every size (windows are centred whenever
        ``output_padding`` is 0). Under other angles the error is that of sampling, as in `Conv`,
        and of the pattern that the stride leaves.

    Raises:
        ValueError: as `Conv` does; a group that shifts pixels; an ``output_padding`` under a group
            that turns or mirrors them; at the call, an output without pixels.

    Example:
        >>> import geomdl
        >>> from geomdl import Field, Grid
        >>> G = geomdl.group("D4")
        >>> up = ConvTranspose(Field(Grid(2), 2 * G.regular), Field(Grid(2), G.regular), 4, 2, 1)
        >>> up(torch.zeros(1, 16, 7, 7)).shape
        torch.Size([1, 8, 14, 14])

    Source: Weiler and Cesa 2019, arXiv:1911.08251 (escnn's R2ConvTransposed).
    """

    def __init__(
        self,
        source: Field,
        target: Field,
        kernel_size: int,
        stride: int = 1,
        padding: int = 0,
        output_padding: int = 0,
        dilation: int = 1,
        groups: int = 1,
        bias: bool = True,
        radial: Rings | Literal["free", "gaussian"] | None = None,
        *,
        gain: float = 2**0.5,
        rng: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        grid = grid_of(source, "source")
        same_domain(source, target)
        whole(kernel_size=kernel_size, stride=stride, dilation=dilation, groups=groups)
        finite(gain=gain)
        if not is_whole(padding):
            raise ValueError(f"padding: should be 0 or more, got {padding!r}")
        if shifts(source):
            raise ValueError(
                f"source: {source.group.name} shifts pixels, which a transposed convolution with "
                "zeros beyond the border does not"
            )
        self._check = GridCheck.of(source)
        if not is_whole(output_padding) or output_padding >= max(stride, dilation):
            raise ValueError(
                f"output_padding: should be from 0 to max(stride, dilation) - 1="
                f"{max(stride, dilation) - 1}, got {output_padding!r}"
            )
        if output_padding and self._check.centred:
            raise ValueError(
                f"output_padding: adds pixels at one end, which breaks {source.group.name}; should "
                f"be 0, with a kernel_size or padding that gives the size, got {output_padding}"
            )
        self.source, self.target = source, target
        self.kernel_size, self.stride, self.padding = kernel_size, stride, padding
        self.output_padding, self.dilation, self.groups = output_padding, dilation, groups
        self.radial = radial
        part = split(source, groups, "source")
        split(target, groups, "target")
        # a pixel of the output sees one in s^d of the taps
        gain = gain * min(stride, kernel_size) ** (grid.d / 2)
        shape = (target.rep.dim, part.dim, *(kernel_size,) * grid.d)
        space = tap_space(source, kernel_size, radial)
        self.make_filters(space, part, target.rep, shape, bias, gain, rng)
        self._d = grid.d

    def _arranged(self, weight: Tensor) -> Tensor:
        """As ``F.conv_transpose`` takes it: (source.channels, target.channels / groups, …)."""
        parts: Tensor = weight.unflatten(0, (self.groups, -1)).transpose(1, 2)
        return parts.flatten(0, 1)

    def sizes(self, sizes: Sequence[int]) -> tuple[int, ...]:
        """Sizes of the output for an input of these sizes.

        Raises:
            ValueError: an output without pixels, or sizes that the group cannot turn.
        """
        self._check.equal(sizes)
        reach = self.dilation * (self.kernel_size - 1) + 1 + self.output_padding
        out = tuple((n - 1) * self.stride - 2 * self.padding + reach for n in sizes)
        if min(out) < 1:
            raise ValueError(
                f"x: size {min(sizes)} gives no pixels with kernel_size={self.kernel_size}, "
                f"stride={self.stride}, padding={self.padding}; "
                f"use size {-((reach - 1 - 2 * self.padding) // self.stride) + 1} or more"
            )
        return out

    def forward(self, x: Tensor) -> Tensor:
        """Convolve a batch of fields."""
        check_input(self.source, x)
        named(self, self.sizes, x.shape[2:])
        weight, bias = self._filter()
        conv = (F.conv_transpose1d, F.conv_transpose2d, F.conv_transpose3d)[self._d - 1]
        return conv(
            x,
            weight,
            bias,
            self.stride,
            self.padding,
            self.output_padding,
            self.groups,
            self.dilation,
        )

    def extra_repr(self) -> str:
        """Fields and sizes."""
        radial = "" if self.radial is None else f", radial={self.radial!r}"
        groups = "" if self.groups == 1 else f", groups={self.groups}"
        return (
            f"{self.source.rep.name} -> {self.target.rep.name}, kernel_size={self.kernel_size}, "
            f"stride={self.stride}, padding={self.padding}, dilation={self.dilation}"
            f"{groups}{radial}"
        )
