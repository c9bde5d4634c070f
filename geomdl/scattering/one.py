"""Scattering of signals."""

import math
from collections.abc import Mapping
from typing import Any, Literal

import torch
from torch import Tensor

from geomdl.registry import Example, register_layer
from geomdl.scattering.banks import bank_1d
from geomdl.scattering.cascade import Levels, Which
from geomdl.scattering.morlet import morlet_1d, widest_1d
from geomdl.scattering.padding import Mode, axis_1d, check_mode
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
from geomdl.scattering.two import check_period, check_shape

Convention = Literal["0.4", "0.3"]
_COPIES = 2  # of learnt wavelets; one is enough at first


def _inputs(rng: torch.Generator) -> tuple[Any, ...]:
    return (torch.randn(2, 2, 64, generator=rng, dtype=torch.float64),)


@register_layer(
    "scattering/Scattering1D",
    example=Example(lambda: Scattering1D(3, 64, Q=2, padding="periodic", channels=2), _inputs),
)
class Scattering1D(Scattering):
    """Wavelet scattering of signals: moduli of Morlet wavelets, cascaded and averaged.

    S₀ x = x * φ, S₁ x[n₁] = |x * ψ_{n₁}| * φ, S₂ x[n₁, n₂] = ||x * ψ_{n₁}| * ψ_{n₂}| * φ, j₂ > j₁,
    sampled every 2^⌊log₂ T⌋ samples. Q wavelets an octave at order 1, and Q₂ (one) after; φ has the
    width 1.59 T samples. Filters and scaling are those of kymatio's main branch; with
    convention="0.3" numbers are those of its release 0.3, up to 3e-7 relative in float32.

    With periodic padding S(T_t x) = T_t S x for shifts by multiples of the step, *exact*; shifts by
    c samples change S by at most e^(-1/2) c / (1.59 T) √(order + 1) ‖x‖ (undecimated, frame bound
    B ≤ 1). Intermediate subsampling aliases, by about 1e-4; `oversampling` lowers it.

    Args:
        J: log₂ of the greatest scale of the wavelets.
        shape: samples of a signal.
        Q: wavelets an octave, of order 1, or of order 1 and of all after.
        T: samples over which coefficients are averaged; 2^J if None; "global": the mean over all
            samples of the signal itself, without padding, one number a path (kymatio's main branch
            sums over the padded signal, each path as it is subsampled).
        order: greatest order, 0 to 3.
        out: "array"; "dict", path -> coefficients; "list", of dicts with metadata.
        average: whether to low-pass; without it the moduli themselves, as dict or list.
        padding: "reflect", "periodic", "zero" or "constant".
        value: of constant padding.
        oversampling: log₂ of how much finer everything is sampled. Samples lie at the multiples of
            the step from the first padded sample, as kymatio's: where the step does not divide the
            padding before the signal, the finer result may begin earlier than the coarse one, whose
            samples are not every 2^oversampling-th of it.
        stride: step of the result, a power of 2; 2^⌊log₂ T⌋ if None.
        frame: "morlet"; "tight": all filters divided by the root of their Littlewood-Paley sum, so
            that A = B = 1 (`Bank.littlewood_paley`).
        complex_input: takes complex signals; negative frequencies too at order 1, and the low-pass
            in two parts, "re" and "im".
        which: "decreasing": a wavelet follows finer ones alone; "all": all paths.
        convention: of kymatio: "0.4", or "0.3", whose coefficients are smaller by the subsampling
            in between.
        learnable: whether frequency and width of each wavelet are parameters, that start at the
            values above (orders that no path has get none). Morlet frame, real input. Widths
            beyond 1/4 cycle a sample, or below 1/8 of what the signal resolves, count as that.
            Subsampling stays what it was, so that moduli of wavelets that become broader in
            frequency alias more (four times as broad: by 0.2 %); `oversampling` lowers it.
        channels: if given, x is (batch, channels, shape), the result (batch, channels paths, …),
            and `source` and `target` are fields.

    Attributes:
        paths: metadata of each path, in the order of the result.
        source: field on the grid of x, or None.
        target: field on the coarser grid of the result, or None.

    Raises:
        ValueError: signals too short for J or T, or another impossible argument.

    Example:
        >>> scattering = Scattering1D(J=6, shape=1024, Q=8)
        >>> scattering(torch.zeros(4, 1024)).shape
        torch.Size([4, 126, 16])

    Source: Andén & Mallat 2014, arXiv:1304.6763; Andreux et al. 2020, arXiv:1812.11214.
    """

    d = 1

    def __init__(
        self,
        J: int,
        shape: int | tuple[int],
        Q: int | tuple[int, int] = 1,
        T: Width = None,
        *,
        order: int = 2,
        out: Out = "array",
        average: bool = True,
        padding: Mode = "reflect",
        value: float = 0.0,
        oversampling: int = 0,
        stride: int | None = None,
        frame: Frame = "morlet",
        complex_input: bool = False,
        which: Which = "decreasing",
        convention: Convention = "0.4",
        learnable: bool = False,
        channels: int | None = None,
    ) -> None:
        J = check_number("J", J, 1)
        if len(items(Q)) not in (1, 2):
            raise ValueError(f"Q: expected one or two numbers, got {Q!r}")
        first, after = (check_number("Q", q, 1) for q in (*items(Q), 1)[:2])
        (size,) = check_shape(shape, J, 1)
        width, whole = width_of(T, J, size, average)
        oversampling = check_number("oversampling", oversampling, 0)
        check_word("frame", frame, Frame)
        check_word("convention", convention, Convention)
        check_mode(padding)
        if learnable and (frame != "morlet" or complex_input):
            raise ValueError("learnable: expected frame='morlet' and real input")
        step = math.floor(math.log2(width))
        if stride is not None:
            if whole:
                raise ValueError("stride: T='global' leaves one sample; expected None")
            stride = check_number("stride", stride, 1, 2**step)
            if stride & (stride - 1):
                raise ValueError(f"stride: expected a power of 2, got {stride}")
            step = stride.bit_length() - 1
        levels = Levels(step, min(oversampling, step))
        axis = axis_1d(size, J, width, padding)
        check_period((size,), levels, padding)
        banks = [
            bank_1d(axis.padded, J, first, width, complex_input),
            bank_1d(axis.padded, J, after, width),
        ]
        if frame == "tight":
            banks = [bank.tight() for bank in banks]
        super().__init__(
            banks,
            (axis,),
            levels,
            spans_of((axis,), levels, -1, whole),
            order=order,
            out=out,
            average=average,
            padding=padding,
            value=value,
            complex_input=complex_input,
            which=which,
            channels=channels,
            mean=convention == "0.3",
            learnable=("xi", "sigma") if learnable else (),
            whole=whole,
        )
        self.J, self.Q, self.T = J, (first, after), width

    def transforms(self, parameters: Mapping[str, Tensor]) -> Tensor:
        n, xi = self.axes[0].padded, parameters["xi"]
        sigma = parameters["sigma"].clamp(1 / (8 * n), widest_1d(_COPIES))
        return morlet_1d(n, xi - xi.round(), sigma, _COPIES)
