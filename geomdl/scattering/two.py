"""Scattering of images."""

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from geomdl.registry import Example, register_layer
from geomdl.scattering.banks import bank_2d, columns, wavelets_2d
from geomdl.scattering.cascade import Levels, Which
from geomdl.scattering.morlet import copies_2d, morlet_2d, narrowest_2d
from geomdl.scattering.padding import Mode, axis_2d, check_mode
from geomdl.scattering.transform import (
    Frame,
    Out,
    Scattering,
    Width,
    check_number,
    check_word,
    items,
    spans_of,
    width_of,
)


def _inputs(rng: torch.Generator) -> tuple[Any, ...]:
    return (torch.randn(2, 2, 16, 8, generator=rng, dtype=torch.float64),)


@register_layer(
    "scattering/Scattering2D",
    example=Example(lambda: Scattering2D(2, (16, 8), L=4, padding="periodic", channels=2), _inputs),
)
class Scattering2D(Scattering):
    """Wavelet scattering of images: moduli of Morlet wavelets, cascaded and averaged.

    S₀ x = x * φ, S₁ x[n₁] = |x * ψ_{n₁}| * φ, S₂ x[n₁, n₂] = ||x * ψ_{n₁}| * ψ_{n₂}| * φ, j₂ > j₁,
    sampled every 2^⌊log₂ T⌋ pixels: for order 2, 1 + L J + L² J (J - 1) / 2 paths. ψ_{j,θ} has the
    centre frequency (3π/4) / 2^j and the width 0.8·2^j pixels, φ the width 0.4 T. For T = 2^J
    numbers are those of kymatio up to rounding (1e-6 relative in float32): order, angles, padding,
    scale.

    With periodic padding S(T_t x) = T_t S x for shifts by multiples of the step, *exact*; shifts by
    c pixels change S by at most e^(-1/2) c / (0.4 T) √(order + 1) ‖x‖ (undecimated, frame bound
    B ≤ 1). Intermediate subsampling aliases: of white noise, for J from 2 to 4, by up to 7 % for
    L = 1, 4 % for L = 2, 1.5 % for L = 3, 1 % for L = 4 and 0.6 % for L = 8; `oversampling` lowers
    it.

    Args:
        J: number of scales.
        shape: rows and columns of the images.
        L: directions in the half circle.
        T: pixels over which coefficients are averaged; 2^J if None; "global": the mean over all
            pixels of the image itself, without padding, one number a path.
        order: greatest order, 0 to 3.
        out: "array"; "dict", path -> coefficients; "list", of dicts with metadata.
        average: whether to low-pass; without it the moduli themselves, as dict or list.
        padding: "reflect", "periodic", "zero" or "constant".
        value: of constant padding.
        oversampling: log₂ of how much finer everything is sampled; log₂ T: nothing is subsampled.
        frame: "morlet"; "tight": all filters divided by the root of their Littlewood-Paley sum, so
            that A = B = 1 (`Bank.littlewood_paley`).
        complex_input: takes complex images; 2 L directions at order 1, and the low-pass in two
            parts, "re" and "im".
        which: "decreasing": a wavelet follows finer ones alone; "all": all paths, L J of them an
            order.
        learnable: whether frequency, width, direction and slant of each wavelet are parameters,
            that start at the values above (order 0 has none). Morlet frame, real input. Widths
            along and across the wave below about half of the least of their scale at first count
            as that. Subsampling stays what it was, so that moduli of wavelets that become narrower
            in space alias more (half as wide: by 2 %, 6 % at order 2), and at order 2 those of
            higher frequency; `oversampling` lowers it.
        channels: if given, x is (batch, channels, *shape), the result (batch, channels paths, …),
            and `source` and `target` are fields.

    Attributes:
        paths: metadata of each path, in the order of the result.
        source: field on the grid of x, or None.
        target: field on the coarser grid of the result, or None.

    Raises:
        ValueError: images too small for J, or another impossible argument.

    Example:
        >>> scattering = Scattering2D(J=2, shape=(32, 32))
        >>> scattering(torch.zeros(5, 3, 32, 32)).shape
        torch.Size([5, 3, 81, 8, 8])
        >>> scattering.paths[1].j, scattering.paths[-1].name
        ((0,), 'S2_n7_n15')

    Source: Bruna & Mallat 2013, arXiv:1203.1513; Andreux et al. 2020, arXiv:1812.11214.
    """

    d = 2

    def __init__(
        self,
        J: int,
        shape: tuple[int, int],
        L: int = 8,
        T: Width = None,
        *,
        order: int = 2,
        out: Out = "array",
        average: bool = True,
        padding: Mode = "reflect",
        value: float = 0.0,
        oversampling: int = 0,
        frame: Frame = "morlet",
        complex_input: bool = False,
        which: Which = "decreasing",
        learnable: bool = False,
        channels: int | None = None,
    ) -> None:
        J, L = check_number("J", J, 1), check_number("L", L, 1)
        oversampling = check_number("oversampling", oversampling, 0)
        check_word("frame", frame, Frame)
        check_mode(padding)
        if learnable and (frame != "morlet" or complex_input):
            raise ValueError("learnable: expected frame='morlet' and real input")
        shape = check_shape(shape, J, 2)
        width, whole = width_of(T, J, min(shape), average)
        step = math.floor(math.log2(width))
        levels = Levels(step, min(oversampling, step))
        axes = tuple(axis_2d(n, max(J, math.ceil(math.log2(width))), padding) for n in shape)
        check_period(shape, levels, padding)
        padded = (axes[0].padded, axes[1].padded)
        banks = [bank_2d(padded, J, L, complex_input, width)]
        if frame == "tight":
            banks = [banks[0].tight()]
        if complex_input:  # moduli are real
            real = bank_2d(padded, J, L, T=width)
            banks.append(real.tight() if frame == "tight" else real)
        super().__init__(
            banks,
            axes,
            levels,
            # kymatio leaves out a step at either end
            spans_of(axes, levels, 1 if padding != "periodic" and width == 2**J else -1, whole),
            order=order,
            out=out,
            average=average,
            padding=padding,
            value=value,
            complex_input=complex_input,
            which=which,
            channels=channels,
            learnable=("xi", "sigma", "theta", "slant") if learnable else (),
            whole=whole,
        )
        self.J, self.L, self.T = J, L, width
        rings = [wavelets_2d(J, L)[k * L : (k + 1) * L] for k in range(J)]
        # learnt wavelets may become narrower: one more than they need at first
        self._copies = [copies_2d(*columns(ring, "xi", "sigma", "slant")) + 1 for ring in rings]

    def transforms(self, parameters: Mapping[str, Tensor]) -> Tensor:
        shape = (self.axes[0].padded, self.axes[1].padded)
        found = []
        for k, copies in enumerate(self._copies):
            ring = slice(k * self.L, (k + 1) * self.L)
            theta, least, most = parameters["theta"][ring], narrowest_2d(copies), max(shape)
            xi = parameters["xi"][ring].clamp(-math.sqrt(2) * math.pi, math.sqrt(2) * math.pi)
            sigma = parameters["sigma"][ring].clamp(least, most)
            slant = parameters["slant"][ring].clamp(1 / most).minimum(sigma / least)
            found.append(morlet_2d(shape, xi, sigma, theta, slant, copies))
        return torch.cat(found)


def sizes_of(shape: Any, *d: int) -> tuple[int, ...]:
    """The sizes, as many as one of d; one number is one size; anything else is refused."""
    sizes = items(shape)
    if len(sizes) not in d:
        counts = " or ".join(map(str, d))
        raise ValueError(f"shape: expected {counts} size{'s' * (d != (1,))}, got {shape!r}")
    return tuple(check_number("shape", n, 1) for n in sizes)


def check_shape(shape: Any, J: int, *d: int) -> Any:
    """The sizes, if they are large enough for 2^J."""
    sizes = sizes_of(shape, *d)
    if min(sizes) < 2**J:
        most = min(sizes).bit_length() - 1
        raise ValueError(
            f"J: scales up to 2^{J} = {2**J} samples need at least as many, got shape={shape};"
            f" use J <= {most}"
        )
    return sizes


def check_period(shape: tuple[int, ...], levels: Levels, padding: str) -> None:
    """Refuse periodic signals that the step of the result does not divide."""
    step = 2**levels.result
    if padding == "periodic" and any(n % step for n in shape):
        raise ValueError(
            f"shape: with periodic padding the step 2^{levels.result} should divide {shape}; use"
            " oversampling, or padding='reflect'"
        )
