"""How much the outputs vary over inputs: the unit in which an error is measured.

An error is divided neither by the size of the output, which an offset makes as large as one likes
(energies of molecules lie near −10⁴ eV), nor by its spread over a batch, which what the group does
not touch may dominate (energies of different molecules). Inputs are moved by a tenth of their own
spread, those that the group moves and no others, and the change is scaled back to the whole spread:

    variation = rms_j ‖f(x + s δ_j) − mean_j f(x + s δ_j)‖ / s,   s = 0.1,

δ_j random with the spread of x: white for vectors, points and nodes; for grids with the power
spectrum of x, one half of it as a constant. For a linear map and centred data it is rms(f). Where
the output does not vary beyond rounding, s = 1 and s = 0.01 are tried, then all inputs; where it
still does not, it is constant.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from geomdl.auditing.statistics import rms
from geomdl.auditing.trees import Leaf, inexact
from geomdl.fields import Field, Grid

DRAWS = 8
SIZES = (0.1, 1.0, 0.01)


@dataclass(frozen=True)
class Variation:
    """How much one output varies: `spread` over inputs, `size` its rms, `moved` which inputs did.

    Attributes:
        spread: variation as defined above, in units of the output; 0 if it is constant.
        size: rms of the output, same units.
        moved: whether the inputs that the group moves suffice to vary it.
    """

    spread: float
    size: float
    moved: bool = True

    @property
    def constant(self) -> bool:
        """Whether the output does not vary beyond rounding."""
        return self.spread == 0.0

    @property
    def condition(self) -> float:
        """κ = size / spread, at least 1."""
        return max(1.0, self.size / self.spread) if self.spread else math.inf


def direction(field: Field | None, x: Tensor, rng: torch.Generator) -> Tensor:
    """Random δ of the shape and the spread of an input.

    Args:
        field: type of the input; None counts all axes but the last as samples.
        x: floating input.
        rng: generator on the CPU.

    Returns:
        shape, dtype and device of `x`; its rms is that of x minus its mean over samples (and
        pixels), or of x where that vanishes, or 1 where x is zero.
    """
    wide = x.to(_wide(x))  # half precision has no Fourier transform
    noise = torch.randn(x.shape, generator=rng, dtype=torch.float64).to(wide)
    if x.numel() == 0:
        return noise.to(x)
    if field is not None and isinstance(field.domain, Grid):
        return _surrogate(wide, noise, rng).to(x)
    fibre = len(field.fibre) if field is not None else 1
    axes = tuple(range(max(x.ndim - fibre, 0)))
    centred = wide - wide.mean(axes, keepdim=True) if axes else wide
    return (noise * _spread(wide, centred)).to(x)


def varied(inputs: Sequence[Leaf], which: set[int], size: float, rng: torch.Generator) -> list[Any]:
    """Values of the leaves, those numbered in `which` moved by `size` times a random direction."""
    return [
        leaf.value + size * direction(leaf.field, leaf.value, rng)
        if i in which and inexact(leaf.value)
        else leaf.value
        for i, leaf in enumerate(inputs)
    ]


def spread_of(outputs: Sequence[Tensor], size: float) -> float:
    """Unbiased rms deviation of several outputs from their mean, over `size`; NaN if not finite."""
    shapes = {tuple(y.shape) for y in outputs}
    if len(shapes) > 1:
        raise ValueError(f"f: expected outputs of one shape for all inputs, got {sorted(shapes)}")
    stacked = torch.stack([y.detach().to(_wide(y)) for y in outputs])
    n = len(outputs)
    # differences to the first come first: the mean of large equal numbers rounds
    stacked = stacked - stacked[0].clone()
    deviation = rms(stacked - stacked.mean(0, keepdim=True))
    return deviation * math.sqrt(n / (n - 1)) / size


def is_rounding(spread: float, scale: float, size: float, dtype: torch.dtype) -> bool:
    """Whether a spread of outputs of rms `scale` is no more than rounding, or not finite."""
    return not spread * size > 8 * torch.finfo(dtype).eps * scale


def measure(
    run: Callable[[list[Any]], list[Leaf]],
    inputs: Sequence[Leaf],
    moved: set[int],
    dtype: torch.dtype,
    rng: torch.Generator,
    draws: Iterator[list[Any]] | None = None,
) -> list[Variation]:
    """Variation of every inexact output leaf.

    Args:
        run: from the values of the input leaves to the inexact leaves of the output.
        inputs: leaves of the inputs.
        moved: numbers of those that the group moves.
        dtype: dtype of the audit, for rounding.
        rng: generator of the directions.
        draws: instead of perturbations, an iterator over values of the leaves.

    Returns:
        one Variation for each output leaf, in order.
    """
    everything = {i for i, leaf in enumerate(inputs) if inexact(leaf.value)}
    reference = [rms(leaf.value) for leaf in run([leaf.value for leaf in inputs])]
    found: dict[int, Variation] = {}
    for which in [moved & everything] + [everything] * (moved & everything != everything):
        for size in SIZES if draws is None else (1.0,):
            if len(found) == len(reference) or not (which or draws):
                continue
            runs = [
                run(next(draws) if draws else varied(inputs, which, size, rng))
                for _ in range(DRAWS)
            ]
            for k, scale in enumerate(reference):
                if k in found:
                    continue
                spread = spread_of([r[k].value for r in runs], size)
                if not is_rounding(spread, scale, size, dtype):
                    found[k] = Variation(spread, scale, which == (moved & everything))
        if draws is not None:
            break
    return [found.get(k, Variation(0.0, scale)) for k, scale in enumerate(reference)]


def _surrogate(x: Tensor, noise: Tensor, rng: torch.Generator) -> Tensor:
    """Half of the power a random constant a channel, half with the power spectrum of x."""
    axes = tuple(range(2, x.ndim))
    centred = x - x.mean((0, *axes), keepdim=True)
    sigma = _spread(x, centred)
    if rms(centred) > 0:
        pixels = math.prod(x.shape[2:])
        spectrum = torch.fft.fftn(centred, dim=axes) * torch.fft.fftn(noise, dim=axes)
        coloured = torch.fft.ifftn(spectrum, dim=axes) / math.sqrt(pixels)
        noise = (coloured if x.is_complex() else coloured.real).to(x)
        noise = noise * (sigma / max(rms(noise), torch.finfo(torch.float64).tiny))
    else:
        noise = noise * sigma
    shape = (*x.shape[:2], *(1 for _ in axes))
    constant = torch.randn(shape, generator=rng, dtype=torch.float64).to(x)
    return (noise + sigma * constant) / math.sqrt(2)


def _spread(x: Tensor, centred: Tensor) -> float:
    size = rms(x)
    spread = rms(centred)
    # what is left of a constant after the mean is taken away is rounding
    return spread if spread > 1e-12 * size else size or 1.0


def _wide(y: Tensor) -> torch.dtype:
    return torch.complex128 if y.is_complex() else torch.float64
