"""How signals and images go on beyond their ends; which samples of the result belong to them."""

import math
from dataclasses import dataclass
from typing import Literal, get_args

import torch
import torch.nn.functional as F
from torch import Tensor

from geomdl.fields.numbers import one_of
from geomdl.scattering.banks import SIGMA_0
from geomdl.scattering.morlet import gaussian_1d

Mode = Literal["reflect", "periodic", "zero", "constant"]
MODES: tuple[str, ...] = get_args(Mode)
_TAIL = 1e-3  # of the low-pass, outside of which padding need not reach (kymatio)
_REACH = 16  # scales, over which what is beyond the ends makes less than 1e-8


@dataclass(frozen=True)
class Axis:
    """One axis of the input.

    Attributes:
        size: samples.
        before: samples added before them.
        after: samples added after them.
    """

    size: int
    before: int
    after: int

    @property
    def padded(self) -> int:
        """Samples in all."""
        return self.before + self.size + self.after

    def own(self, step: int) -> tuple[int, int]:
        """First and number of the padded samples 0, step, 2 step, … that are of the input."""
        first, last = (-(-n // step) for n in (self.before, self.before + self.size))
        return first, last - first


def check_mode(mode: str) -> None:
    """Refuse another word than reflect, periodic, zero, constant."""
    one_of("padding", mode, MODES)


def axis_2d(size: int, J: int, mode: str) -> Axis:
    """Padding of one axis of an image: kymatio's, to ⌊size / 2^J⌋ + 2 steps; none if periodic.

    2^J is the greater of the scales of the wavelets and of the low-pass.

    Example:
        >>> axis_2d(32, 3, "reflect")
        Axis(size=32, before=8, after=8)
    """
    if mode == "periodic":
        return Axis(size, 0, 0)
    step = 2**J
    more = ((size + step) // step + 1) * step - size
    return Axis(size, more // 2, more - more // 2)


def axis_1d(size: int, J: int, T: int, mode: str) -> Axis:
    """Padding of a signal: kymatio's, or less where more makes no difference; none if periodic.

    kymatio pads to a power of 2. Beyond 16 times the greatest scale on either side nothing reaches
    the signal (1e-8), so that padding goes no further than to the next good length for an FFT.

    Example:
        >>> axis_1d(2**16, 8, 2**8, "reflect").padded, axis_1d(2**13, 8, 2**8, "reflect").padded
        (73728, 16384)
    """
    if mode == "periodic":
        return Axis(size, 0, 0)
    before = _kymatio_1d(size, T)
    step = 2 ** max(J, math.floor(math.log2(T)))
    least = _REACH * max(2**J, T)
    if before[0] <= least:
        return Axis(size, *before)
    first = least + (before[0] - least) % step  # the same phase under subsampling
    whole = first + size + least
    padded = step * next(n for n in range(-(-whole // step), 2 * whole) if smooth(n))
    if padded >= size + sum(before):
        return Axis(size, *before)
    return Axis(size, first, padded - size - first)


def _kymatio_1d(size: int, T: int) -> tuple[int, int]:
    phi = torch.fft.ifft(gaussian_1d(size, torch.tensor([SIGMA_0 / T], dtype=torch.float64))[0])
    tails = phi.abs()[: size // 2].flip(0).cumsum(0).flip(0)
    small = (tails <= _TAIL).nonzero()
    support = int(small[0]) + 1 if len(small) else size // 2
    padded = 2 ** min(math.ceil(math.log2(size + 6 * support)), math.floor(math.log2(3 * size - 2)))
    more = padded - size
    return more // 2, more - more // 2


def smooth(n: int) -> bool:
    """Whether an FFT of n samples is fast: no prime factor above 5.

    Example:
        >>> smooth(288), smooth(289)
        (True, False)
    """
    for prime in (2, 3, 5):
        while n % prime == 0:
            n //= prime
    return n == 1


def pad(x: Tensor, axes: tuple[Axis, ...], mode: str, value: float = 0.0) -> Tensor:
    """Go on beyond the ends.

    Args:
        x: shape (rows, *sizes); real or complex.
        axes: one an axis.
        mode: "reflect" (without repeating the last sample), "zero", "constant"; "periodic" adds
            nothing.
        value: of "constant".

    Returns:
        shape (rows, *padded).

    Example:
        >>> pad(torch.tensor([[1.0, 2.0, 3.0]]), (Axis(3, 1, 2),), "reflect")
        tensor([[2., 1., 2., 3., 2., 1.]])
    """
    if mode == "reflect":
        for axis, a in enumerate(axes, start=1):
            if a.before or a.after:
                place = _reflected(a, x.device)
                x = x.index_select(axis, place)
        return x
    ends = [n for a in reversed(axes) for n in (a.before, a.after)]
    return F.pad(x, ends, value=0.0 if mode == "zero" else value) if any(ends) else x


def _reflected(axis: Axis, device: torch.device) -> Tensor:
    period = max(1, 2 * axis.size - 2)
    place = torch.arange(-axis.before, axis.size + axis.after, device=device) % period
    return torch.minimum(place, period - place)
