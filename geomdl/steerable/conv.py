"""Equivariant convolution on pixels and voxels."""

import math
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
    is_whole,
    named,
    same_domain,
    shifts,
    split,
    whole,
)
from geomdl.steerable.filtered import Filtered
from geomdl.steerable.frequencies import Window, convolve, multiplications, rotations
from geomdl.steerable.remembered import ordinary
from geomdl.steerable.rings import Rings
from geomdl.steerable.sizes import exact_padding, out_size
from geomdl.steerable.taps import grid_of, tap_space

Form = Literal["dense", "fourier"]
PaddingMode = Literal["zeros", "circular", "reflect", "replicate"]
PADDING_MODES = ("zeros", "circular", "reflect", "replicate")


def _example() -> nn.Module:
    G = groups_.group("D4")
    source = Field(Grid(2), 2 * G.trivial + G.standard)
    return Conv(source, Field(Grid(2), 2 * G.regular), 3, stride=2, padding=1)


def _inputs(rng: torch.Generator) -> tuple[Any, ...]:
    return (torch.randn(2, 4, 9, 9, generator=rng, dtype=torch.float64),)


@register_layer("steerable/Conv", example=Example(_example, _inputs))
class Conv(Filtered):
    """Convolution with every filter bank that commutes with the group, and no other.

    y(x) = b + Σ_t K[t] f(x + t), K[g t] = s(g) K[t] r(g)⁻¹, b in Hom_G(1, s).

    For regular fields K holds the |G| rotated and mirrored copies of free filters. Works for any
    representations of any compact group that turns and mirrors the grid: C_n, D_n, SO2, O2 in the
    plane; cyclic, dihedral and polyhedral groups, SO3, O3 in space. The cost is that of a dense
    convolution of ``source.channels`` to ``target.channels``, or less: see `form` and `tune`.

    Args:
        source: field on ``Grid(d)``, representation r.
        target: field on the same grid, representation s of the same group.
        kernel_size: taps along each axis, odd or even.
        stride: pixels from one output to the next; exact only if the sizes allow it, else refused
            at the call.
        padding: pixels added at both ends of each axis; "exact" adds the fewest, at least half a
            kernel, that keep strides centred.
        dilation: pixels from one tap to the next.
        groups: parts into which channels are cut, outputs of a part seeing its inputs only.
        bias: whether to add a bias; none exists where s has no fixed vector.
        padding_mode: what the added pixels hold; by default "circular" on a periodic grid, else
            "zeros".
        radial: what filters are made of. "free": every function of the taps, for groups that map
            the grid to itself; "gaussian": smooth rings with a highest frequency on each, the
            customary ones; or other `Rings`. None is free where that is possible, else gaussian.
        gain: of the initial weights, which preserve the mean square of uncorrelated inputs through
            a ReLU by default. Smooth images are correlated: see `calibrate`.
        rng: source of the initial weights; None draws as PyTorch's own layers do, so
            that ``torch.manual_seed`` decides.

    Shape:
        ``(batch, source.channels, *spatial)`` -> ``(batch, target.channels, *spatial')``; exact
        under 90° rotations and reflections: to 1e-12 in float64, 1e-5 in float32. Under other
        angles the error is that of sampling: it falls as images become smooth on the scale of a
        pixel, and rings wide.

    Raises:
        ValueError: free filters where the group does not map the grid to itself, fields that do not
            fit together, or no equivariant filter but zero; at the call, a size at which windows do
            not fit or are not centred.

    Example:
        >>> import geomdl
        >>> from geomdl import Field, Grid
        >>> G = geomdl.group("C4")
        >>> conv = Conv(Field(Grid(2), G.trivial), Field(Grid(2), 8 * G.regular), 3, padding=1)
        >>> conv(torch.zeros(1, 1, 28, 28)).shape
        torch.Size([1, 32, 28, 28])
        >>> conv.filters.n  # eight free filters of nine taps
        72
        >>> O2 = geomdl.group("O2")
        >>> conv = Conv(Field(Grid(2), O2.trivial), Field(Grid(2), O2.bandlimited(2)), 5)
        >>> conv.filters.n  # on three rings
        11

    Source: Cohen and Welling 2016, arXiv:1602.07576; Weiler and Cesa 2019, arXiv:1911.08251.
    """

    _form: Form = "dense"

    def __init__(
        self,
        source: Field,
        target: Field,
        kernel_size: int,
        stride: int = 1,
        padding: int | Literal["exact"] = 0,
        dilation: int = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: PaddingMode | None = None,
        radial: Rings | Literal["free", "gaussian"] | None = None,
        *,
        gain: float = 2**0.5,
        rng: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        grid = grid_of(source, "source")
        same_domain(source, target)
        whole(kernel_size=kernel_size, stride=stride, dilation=dilation, groups=groups)
        if padding != "exact" and not is_whole(padding):
            raise ValueError(f"padding: should be 0 or more, or 'exact', got {padding!r}")
        if padding_mode is None:
            padding_mode = "circular" if grid.periodic else "zeros"
        if padding_mode not in PADDING_MODES:
            raise ValueError(
                f"padding_mode: should be one of {', '.join(PADDING_MODES)}, got {padding_mode!r}"
            )
        reach = dilation * (kernel_size - 1)
        same_size = reach % 2 == 0 and padding in ("exact", reach // 2)
        if shifts(source) and not (stride == 1 and padding_mode == "circular" and same_size):
            wanted = f"padding={reach // 2}" if reach % 2 == 0 else "an odd kernel_size"
            raise ValueError(
                f"padding: {source.group.name} shifts pixels, which needs stride=1, "
                f"padding_mode='circular' and {wanted}, got kernel_size={kernel_size}, "
                f"stride={stride}, padding_mode={padding_mode!r} and padding={padding}"
            )
        self.source, self.target = source, target
        self.kernel_size, self.stride = kernel_size, stride
        self.padding, self.dilation, self.groups = padding, dilation, groups
        self.padding_mode, self.radial = padding_mode, radial
        part = split(source, groups, "source")
        split(target, groups, "target")
        shape = (target.rep.dim, part.dim, *(kernel_size,) * grid.d)
        space = tap_space(source, kernel_size, radial)
        self.make_filters(space, part, target.rep, shape, bias, gain, rng)
        self._d = grid.d
        self._fewer: tuple[torch.Size | None, bool] = (None, False)
        self._check = GridCheck.of(source)
        self._accepted: tuple[torch.Size | None, list[int]] = (None, [])

    @property
    def form(self) -> Form:
        """How the layer computes, "dense" or "fourier"; the results are equal up to rounding.

        "dense" expands the filters and leaves the rest to PyTorch's convolution. "fourier" works in
        the Fourier basis of the rotations, by matrix products with about n times fewer
        multiplications for the n rotations of C_n or D_n, and expands nothing; it keeps more for
        the backward pass, and holds a matrix of pixels × pixels for each basis function, so it is
        for small images with many channels. `tune` chooses by measurement. A layer in this form is
        still dense for images at which that has fewer multiplications, under autocast, and where
        operations are recorded or transformed (`torch.compile`, `torch.export`, `torch.func`). Not
        part of the state, and unknown to `to_plain`, whose layers are dense.

        Raises:
            ValueError: on setting "fourier", for other fields than regular ones of one group C_n or
                D_n, n > 2, for ``groups`` > 1, in space, and for subclasses with other filters.
        """
        return self._form

    @form.setter
    def form(self, form: Form) -> None:
        if form not in ("dense", "fourier"):
            raise ValueError(f"form: should be 'dense' or 'fourier', got {form!r}")
        if form == "fourier" and not self.has_fourier_form:
            raise ValueError(
                "form: 'fourier' needs regular fields of C_n or D_n, n > 2, on a plane, and"
                f" groups=1, got {self}"
            )
        self._form = form

    @property
    def has_fourier_form(self) -> bool:
        """Whether `form` may be "fourier"."""
        kind = type(self)
        ours = kind.filter is Filtered.filter and kind._arranged is Filtered._arranged
        regular = rotations(self.source.rep) is not None and rotations(self.target.rep) is not None
        return ours and regular and self.groups == 1 and self._d == 2

    def multiplications(self, sizes: Sequence[int]) -> dict[Form, int]:
        """Multiplications for one image of these sizes, for each form that the layer may have.

        Raises:
            ValueError: windows do not fit, or are not centred.

        Example:
            >>> import geomdl
            >>> from geomdl import Field, Grid
            >>> field = Field(Grid(2), 12 * geomdl.group("C16").regular)
            >>> Conv(field, field, 5, padding=2).multiplications((7, 7))
            {'dense': 45158400, 'fourier': 14617680}
        """
        before, after = math.prod(sizes), math.prod(self.sizes(sizes))
        found: dict[Form, int] = {"dense": self.filters.size * after}
        if self.has_fourier_form:
            (block,) = self.filters.rows[0]
            copies = (block.columns[1], block.rows[1])
            found["fourier"] = multiplications(block.taps, block.columns[0], copies, before, after)
        return found

    def padding_for(self, sizes: Sequence[int]) -> list[int]:
        """Pixels added at both ends of each axis of an input of these sizes."""
        if self.padding != "exact":
            return [self.padding] * self._d
        steps = self._check.steps(self.stride)
        return [
            exact_padding(n, self.kernel_size, step, self.dilation)
            for n, step in zip(sizes, steps, strict=True)
        ]

    def sizes(self, sizes: Sequence[int]) -> tuple[int, ...]:
        """Sizes of the output for an input of these sizes.

        Raises:
            ValueError: windows do not fit, or are not centred.
        """
        self._check.equal(sizes)
        out, paddings = [], self.padding_for(sizes)
        self._check.fit(sizes, self.kernel_size, self.stride, paddings, self.dilation)
        for n, padding in zip(sizes, paddings, strict=True):
            if self.padding_mode == "reflect" and padding >= n:
                raise ValueError(
                    f"x: padding_mode='reflect' with padding={padding} needs size {padding + 1} or "
                    f"more, got {n}"
                )
            if self.padding_mode == "circular" and padding > n:
                raise ValueError(
                    f"x: padding_mode='circular' with padding={padding} needs size {padding} or "
                    f"more, got {n}"
                )
            out.append(out_size(n, self.kernel_size, self.stride, padding, self.dilation))
        return tuple(out)

    def forward(self, x: Tensor) -> Tensor:
        """Convolve a batch of fields."""
        accepted, padding = self._accepted
        compiling = torch.compiler.is_compiling()
        known = isinstance(x, Tensor) and x.shape == accepted and x.is_floating_point()
        if compiling or not known:
            padding = self._accept(x)
        if not compiling and self._form == "fourier" and self._uses_frequencies(x):
            return self._by_frequency(x, padding)
        weight, bias = self._filter()
        if self.padding_mode != "zeros" and any(padding):
            x = F.pad(x, [p for p in reversed(padding) for _ in range(2)], mode=self.padding_mode)
            padding = [0] * self._d
        conv = (torch.conv1d, torch.conv2d, torch.conv3d)[self._d - 1]
        return conv(x, weight, bias, self.stride, padding, self.dilation, self.groups)

    def _uses_frequencies(self, x: Tensor) -> bool:
        """Whether the Fourier form can be taken here, and has fewer multiplications."""
        if torch._C._is_any_autocast_enabled() or not ordinary([x, *self.filters.parameters()]):
            return False
        if self._fewer[0] != x.shape[2:]:
            found = self.multiplications(x.shape[2:])
            self._fewer = (x.shape[2:], found["fourier"] <= found["dense"])
        return self._fewer[1]

    def _by_frequency(self, x: Tensor, padding: Sequence[int]) -> Tensor:
        """Convolve without expanding filters."""
        (block,) = self.filters.rows[0]
        window = Window(
            self.kernel_size,
            self.stride,
            (padding[0], padding[1]),
            self.dilation,
            self.padding_mode,
        )
        y = convolve(x, block.current, block.taps, block.columns[0], window)
        return y if self.bias is None else y + self.bias.expand().view(-1, 1, 1)

    def _accept(self, x: Tensor) -> list[int]:
        """Refuse a bad input; else the padding of a good one, whose shape is remembered."""
        check_input(self.source, x)
        named(self, self.sizes, x.shape[2:])
        padding = self.padding_for(x.shape[2:])
        if type(x) is Tensor and not torch.compiler.is_compiling():
            self._accepted = (x.shape, padding)
        return padding

    def extra_repr(self) -> str:
        """Fields and sizes."""
        radial = "" if self.radial is None else f", radial={self.radial!r}"
        groups = "" if self.groups == 1 else f", groups={self.groups}"
        form = "" if self._form == "dense" else f", form={self._form!r}"
        return (
            f"{self.source.rep.name} -> {self.target.rep.name}, kernel_size={self.kernel_size}, "
            f"stride={self.stride}, padding={self.padding}, dilation={self.dilation}, "
            f"padding_mode={self.padding_mode}{groups}{radial}{form}"
        )
