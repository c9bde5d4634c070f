"""What the coefficients are: for every path its order and the wavelets that it passed."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from geomdl.scattering.banks import Bank, Wavelet
from geomdl.scattering.cascade import Path


class PathInfo(NamedTuple):
    """One path of the cascade.

    Attributes:
        order: number of wavelets passed.
        n: numbers of the wavelets.
        j: their scales.
        theta: their directions, radians; empty for signals.
        orientation: numbers of the directions; empty for signals.
        xi: centre frequencies, cycles a sample (signals) or radians a pixel (images).
        sigma: widths, in the unit of the frequency (signals) or pixels (images).
        part: "re" or "im" of the low-pass of complex input, else "".
    """

    order: int
    n: Path
    j: tuple[int, ...]
    theta: tuple[float, ...]
    orientation: tuple[int, ...]
    xi: tuple[float, ...]
    sigma: tuple[float, ...]
    part: str = ""

    @property
    def name(self) -> str:
        """A short name: S0, S1_n3, S2_n3_n11; S0_re."""
        return "_".join([f"S{self.order}", *(f"n{n}" for n in self.n), *self.part.split()])


def describe(path: Path, banks: Sequence[Bank], part: str = "") -> PathInfo:
    """The metadata of a path.

    Args:
        path: numbers of the wavelets.
        banks: those that each order meets, the last for all further ones.
        part: "re", "im" or "".
    """
    passed: list[Wavelet] = [
        banks[min(order, len(banks) - 1)].wavelets[n] for order, n in enumerate(path)
    ]

    def each(name: str) -> Any:
        values = (getattr(wavelet, name) for wavelet in passed)
        return tuple(value for value in values if value is not None)

    return PathInfo(
        len(path),
        path,
        each("j"),
        each("theta"),
        each("orientation"),
        each("xi"),
        each("sigma"),
        part,
    )
