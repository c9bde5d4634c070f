"""Equivariant convolution on pixels and voxels."""

from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from geomdl import groups
from geomdl.fields import Field, Grid
from geomdl.registry import Example, register_layer
from geomdl.steerable.checks import GridCheck, same_domain, shifts, whole
from geomdl.steerable.expansion import Expansion
from geomdl.steerable.taps import grid_of, tap_representation

PaddingMode = Literal["zeros", "circular", "reflect", "replicate"]


def _example() -> nn.Module:
    G = groups.group("D4")
    source = Field(Grid(2), 2 * G.trivial + G.standard)
    return Conv(source, Field(Grid(2), 2 * G.regular), 3, stride=2, padding=1)


def _inputs(rng: torch.Generator) -> tuple[Any, ...]:
    return (torch.randn(2, 4, 9, 9, generator=rng, dtype=torch.float64),)


@register_layer("steerable/Conv", example=Example(_example, _inputs))
class Conv(nn.Module):
    """Convolution with every filter bank that commutes with the group, and no other.

    y(x) = b + Σ_t K[t] f(x + t), K in Hom_G(P ⊗ r, s), b in Hom_G(1, s); P permutes the taps.

    For regular fields K holds the |G| rotated and mirrored copies of free filters. Works for any
    representations of any finite group that maps the grid to itself: subgroups of D4 in 2D, of Oh
    in 3D. The cost is that of a dense convolution of ``source.channels`` to ``target.channels``.

    Args:
        source: field on ``Grid(d)``, representation r.
        target: field on the same grid, representation s of the same group.
        kernel_size: taps along each axis, odd or even.
        stride: pixels from one output to the next; exact only if the sizes allow it, else refused
            at the call.
        padding: pixels added at both ends of each axis.
        dilation: pixels from one tap to the next.
        bias: whether to add a bias; none exists where s has no fixed vector.
        padding_mode: what the added pixels hold; by default "circular" on a periodic grid, else
            "zeros".
        gain: of the initial weights, which preserve the mean square of uncorrelated inputs through
            a ReLU by default.
        rng: source of the initial weights; None draws as PyTorch's own layers do, so
            that ``torch.manual_seed`` decides.

    Shape:
        ``(batch, source.channels, *spatial)`` -> ``(batch, target.channels, *spatial')``; exact
        under 90° rotations and reflections: to 1e-12 in float64, 1e-5 in float32.

    Raises:
        ValueError: the group does not map the grid to itself, the fields do not fit together, or
            there is no equivariant filter but zero.

    Example:
        >>> import geomdl
        >>> from geomdl import Field, Grid
        >>> G = geomdl.group("C4")
        >>> conv = Conv(Field(Grid(2), G.trivial), Field(Grid(2), 8 * G.regular), 3, padding=1)
        >>> conv(torch.zeros(1, 1, 28, 28)).shape
        torch.Size([1, 32, 28, 28])
        >>> conv.filters.n  # eight free filters of nine taps
        72

    Source: Cohen and Welling 2016, arXiv:1602.07576; Weiler and Cesa 2019, arXiv:1911.08251.
    """

    def __init__(
        self,
        source: Field,
        target: Field,
        kernel_size: int,
        stride: int = 1,
        padding: int = 0,
        dilation: int = 1,
        bias: bool = True,
        padding_mode: PaddingMode | None = None,
        *,
        gain: float = 2**0.5,
        rng: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        grid = grid_of(source, "source")
        same_domain(source, target)
        whole(kernel_size=kernel_size, stride=stride, dilation=dilation)
        if padding < 0:
            raise ValueError(f"padding: should be 0 or more, got {padding}")
        if padding_mode is None:
            padding_mode = "circular" if grid.periodic else "zeros"
        modes = ("zeros", "circular", "reflect", "replicate")
        if padding_mode not in modes:
            raise ValueError(
                f"padding_mode: should be one of {', '.join(modes)}, got {padding_mode!r}"
            )
        same_size = 2 * padding == dilation * (kernel_size - 1)
        if shifts(source) and not (stride == 1 and padding_mode == "circular" and same_size):
            raise ValueError(
                f"padding: {source.group.name} shifts pixels, which needs stride=1, "
                f"padding_mode='circular' and padding={dilation * (kernel_size - 1) / 2:g}, got "
                f"stride={stride}, padding_mode={padding_mode!r} and padding={padding}"
            )
        self.source, self.target = source, target
        self.kernel_size, self.stride = kernel_size, stride
        self.padding, self.dilation, self.padding_mode = padding, dilation, padding_mode
        taps = tap_representation(source, kernel_size)
        self.filters = Expansion(taps, source.rep, target.rep, gain, rng)
        trivial = source.group.trivial
        has_bias = bias and len(target.rep.fixed()) > 0
        self.bias = Expansion(trivial, trivial, target.rep, 0.0) if has_bias else None
        self._d = grid.d
        self._check = GridCheck.of(source)

    def filter(self) -> tuple[Tensor, Tensor | None]:
        """Expanded filter ``(out, in, *kernel)``, bias (out,) of the equal plain convolution."""
        weight = self.filters.expand().unflatten(-1, (self.kernel_size,) * self._d)
        return weight, None if self.bias is None else self.bias.expand().flatten()

    def forward(self, x: Tensor) -> Tensor:
        """Convolve a batch of fields."""
        self._check.windows(x, self.kernel_size, self.stride, self.padding, self.dilation)
        weight, bias = self.filter()
        padding = self.padding
        if self.padding_mode != "zeros" and padding:
            x = F.pad(x, (padding,) * (2 * self._d), mode=self.padding_mode)
            padding = 0
        conv = (F.conv1d, F.conv2d, F.conv3d)[self._d - 1]
        return conv(x, weight, bias, self.stride, padding, self.dilation)

    def extra_repr(self) -> str:
        """Fields and sizes."""
        return (
            f"{self.source.rep.name} -> {self.target.rep.name}, kernel_size={self.kernel_size}, "
            f"stride={self.stride}, padding={self.padding}, dilation={self.dilation}, "
            f"padding_mode={self.padding_mode}"
        )
