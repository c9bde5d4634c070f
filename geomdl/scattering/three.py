"""Solid harmonic scattering of volumes: invariant to translations and rotations."""

import math
from collections.abc import Sequence
from typing import Any, Literal

import torch
from torch import Tensor

from geomdl.fields import Field, Grid, Vector
from geomdl.groups import group
from geomdl.groups.constant import memoized
from geomdl.kernels import component_norm, filter_fold, power_sums
from geomdl.kernels.precision import uncast
from geomdl.registry import Example, register_layer
from geomdl.scattering.buffers import WideBuffers
from geomdl.scattering.transform import (
    check_dtype,
    check_number,
    check_word,
    is_finite,
    powers_of,
    some,
)
from geomdl.scattering.two import sizes_of

Output = Literal["integral", "local"]


@memoized
def solid_harmonics(shape: tuple[int, int, int], sigma: float, l: int) -> Tensor:
    """Transforms of solid harmonic wavelets of degree l, without their phase (-i)^l.

    ψ̂_m(ω) = c_l (σ|ω|)^l exp(-σ²|ω|²/2) Y_lm(ω/|ω|), Y_lm real and orthonormal, c_l kymatio's; so
    the 2 l + 1 wavelets turn among each other. At the Nyquist frequency of an even size the mean
    over both signs, so that they are real in space and the cube's symmetries are kept *exactly*,
    on even sizes as on odd ones.

    Args:
        shape: sizes of the volume.
        sigma: width σ of the wavelet, voxels.
        l: degree.

    Returns:
        shape (2 l + 1, M, N, O // 2 + 1), float64, the last axis as that of `torch.fft.rfftn`.
    """
    from e3nn import o3

    signs = [(1, -1) if n % 2 == 0 else (1,) for n in shape]
    mean = torch.zeros(())
    count = math.prod(map(len, signs))
    for a in signs[0]:
        for b in signs[1]:
            for c in signs[2]:
                omega = torch.stack(_grid(shape, (a, b, c)), -1)
                radius = sigma * omega.norm(dim=-1, keepdim=True)
                angular = o3.spherical_harmonics(l, omega, normalize=True, normalization="integral")
                if l == 0:
                    angular = torch.ones_like(radius)
                mean = mean + radius**l * torch.exp(-(radius**2) / 2) * angular / count
    return (_factor(l) * mean.movedim(-1, 0)).contiguous()


def _grid(shape: tuple[int, int, int], signs: tuple[int, ...]) -> tuple[Tensor, ...]:
    axes = []
    for axis, (n, sign) in enumerate(zip(shape, signs, strict=True)):
        frequencies = 2 * math.pi * torch.fft.fftfreq(n, dtype=torch.float64)
        if n % 2 == 0:
            frequencies[n // 2] = sign * math.pi
        axes.append(frequencies[: n // 2 + 1] if axis == 2 else frequencies)
    return torch.meshgrid(*axes, indexing="ij")


def _factor(l: int) -> float:
    """Kymatio's normalisation of the wavelets of degree l."""
    if l == 0:
        return 1.0
    if l % 2 == 0:
        odd = math.prod(range(l + 1, 0, -2))
        below = 2 * math.pi * math.sqrt(l + 0.5) * odd
    else:
        below = 2 ** ((l + 3) / 2) * math.sqrt(math.pi * (2 * l + 1)) * math.factorial((l + 1) // 2)
    factor: float = (2 * math.pi) ** 1.5 / below
    return factor


class _Degree(WideBuffers):
    """The wavelets of one degree at all scales."""

    psi: Tensor
    bands: Tensor

    def __init__(self, shape: tuple[int, int, int], J: int, l: int, sigma: float) -> None:
        super().__init__()
        self.l = l
        scales = [solid_harmonics(shape, sigma * 2**j, l).flatten(1) for j in range(J + 1)]
        psi = torch.stack(scales).unsqueeze(2)  # (scales, 2 l + 1, 1, frequencies)
        whole = torch.tensor([[0, 1, 0, psi.shape[-1]]]).repeat(2 * l + 1, 1)
        self.register_buffer("bands", whole, persistent=False)
        self._exact = psi
        self.hold()

    def exact_buffers(self) -> dict[str, Tensor]:
        return {"psi": self._exact}

    def modulus(self, x: Tensor, j: int, shape: tuple[int, int, int]) -> Tensor:
        """(Σ_m |x * ψ_jlm|²)^½ of half spectra (rows, frequencies), (rows, *shape).

        Its derivative at 0 is 0.
        """
        if self.l % 2:
            x = 1j * x
        y = filter_fold(torch.view_as_real(x.unsqueeze(1)), self.psi[j], self.bands, 1, 1)
        half = torch.view_as_complex(y).reshape(x.shape[0], -1, *shape[:2], shape[2] // 2 + 1)
        parts = real_volumes(half, shape)
        u: Tensor = component_norm(parts.flatten(2)).unflatten(1, shape)
        return u


def _inputs(rng: torch.Generator) -> tuple[Any, ...]:
    return (torch.randn(2, 1, 5, 5, 5, generator=rng, dtype=torch.float64),)


@register_layer(
    "scattering/HarmonicScattering3D",
    example=Example(lambda: HarmonicScattering3D(1, (5, 5, 5), L=2, channels=1), _inputs),
)
class HarmonicScattering3D(torch.nn.Module):
    """Solid harmonic scattering: moduli that do not see rotations, integrated over the volume.

    U₁[j, l] = (Σ_m |x * ψ_{jlm}|²)^½, U₂[j₁, j₂, l] = (Σ_m |U₁[j₁, l] * ψ_{j₂lm}|²)^½, j₂ > j₁,
    periodic ends, nothing subsampled; S = Σ_voxels U^q for the powers q. Invariant to circular
    shifts and to the 48 symmetries of a cube of voxels, *exact*; to other rotations up to sampling,
    an error that falls with sigma. Numbers are kymatio's, up to rounding, on even sizes and for
    inputs without energy at the Nyquist frequency; kymatio is not invariant there, nor on odd
    sizes.

    Args:
        J: log₂ of the greatest scale; scales are 0 … J.
        shape: sizes of the volumes.
        L: greatest degree l.
        sigma: width of the finest wavelet, voxels.
        order: 1 or 2.
        output: "integral"; "local": U averaged by a Gaussian of width sigma 2^J, every 2^J voxels.
        powers: q of the integrals.
        channels: if given, x is (batch, channels, *shape), the result (batch, numbers), and
            `source` and `target` are fields under the symmetries of a cube of voxels.

    Attributes:
        paths: (j,) and (j₁, j₂), in the order of the result.
        source: field on the grid of x, or None.
        target: invariants, or None.

    Raises:
        ValueError: an impossible argument.

    Example:
        >>> HarmonicScattering3D(J=2, shape=(16, 16, 16), L=2)(torch.rand(4, 16, 16, 16)).shape
        torch.Size([4, 6, 3, 3])

    Source: Eickenberg et al. 2018, arXiv:1805.00571.
    """

    def __init__(
        self,
        J: int,
        shape: tuple[int, int, int],
        L: int = 3,
        sigma: float = 1.0,
        *,
        order: int = 2,
        output: Output = "integral",
        powers: Sequence[float] = (0.5, 1.0, 2.0),
        channels: int | None = None,
    ) -> None:
        super().__init__()
        J, L = check_number("J", J, 0), check_number("L", L, 0)
        order = check_number("order", order, 1, 2)
        check_word("output", output, Output)
        rows, columns, layers = sizes_of(shape, 3)
        self.shape = (rows, columns, layers)
        if not (is_finite(sigma) and sigma > 0):
            raise ValueError(f"sigma: expected a positive width, got {sigma!r}")
        self.powers, self.sigma = powers_of(powers, lambda q: q > 0), float(sigma)
        if not self.powers:
            raise ValueError(f"powers: expected positive numbers, got {powers!r}")
        if output == "local" and any(n % 2**J for n in self.shape):
            raise ValueError(f"shape: for local output 2^J={2**J} should divide {shape}")
        self.J, self.L, self.order, self.output = J, L, order, output
        degrees = (_Degree(self.shape, J, l, sigma) for l in range(L + 1))
        self.degrees = torch.nn.ModuleList(degrees)
        pairs = [(a, b) for a in range(J + 1) for b in range(a + 1, J + 1)]
        self.paths = (*((j,) for j in range(J + 1)), *(pairs if order > 1 else ()))
        self.channels, self.source, self.target = channels, None, None
        if channels is not None:
            self.channels = channels = check_number("channels", channels, 1)
            if output != "integral" or len(set(self.shape)) > 1:
                raise ValueError("channels: a layer has output='integral' and a cube for a shape")
            Oh = group("Oh")
            numbers = channels * len(self.paths) * (L + 1) * len(self.powers)
            self.source = Field(Grid(3), channels * Oh.trivial)
            self.target = Field(Vector(), numbers * Oh.trivial)

    @uncast
    def forward(self, x: Tensor) -> Tensor:
        """(…, M, N, O) to (…, paths, L + 1, powers), or (…, paths, L + 1, m, n, o)."""
        first: Any = self.degrees[0]
        check_dtype(x, first.dtype)
        if x.ndim < 3 or tuple(x.shape[-3:]) != self.shape:
            sizes = ", ".join(map(str, self.shape))
            raise ValueError(f"x: expected shape (…, {sizes}), got {tuple(x.shape)}")
        if self.channels is not None and (x.ndim != 5 or x.shape[1] != self.channels):
            sizes = ", ".join(map(str, self.shape))
            raise ValueError(
                f"x: expected shape (batch, {self.channels}, {sizes}), got {tuple(x.shape)}"
            )
        lead = x.shape[:-3]
        rows = x.reshape(-1, *self.shape).to(first.dtype)
        spectrum = self._spectrum(some(rows))
        by_degree = [torch.stack(self._of_degree(spectrum, degree), 1) for degree in self.degrees]
        s = torch.stack(by_degree, 2)[: rows.shape[0]].to(x.dtype)
        if self.channels is not None:
            layer: Tensor = s.flatten(1).unflatten(0, lead).flatten(1)
            return layer
        return s.reshape(*lead, *s.shape[1:])

    def _spectrum(self, u: Tensor) -> Tensor:
        half: Tensor = torch.fft.rfftn(u, dim=(-3, -2, -1))
        return half.flatten(1)

    def _of_degree(self, x: Tensor, degree: Any) -> list[Tensor]:
        first, second = [], []
        for j in range(self.J + 1):
            u = degree.modulus(x, j, self.shape)
            first.append(self._read(u))
            if self.order > 1 and j < self.J:
                inner = self._spectrum(u)
                for k in range(j + 1, self.J + 1):
                    second.append(self._read(degree.modulus(inner, k, self.shape)))
        return first + second

    def _read(self, u: Tensor) -> Tensor:
        if self.output == "integral":
            return power_sums(u.flatten(1), self.powers)
        step = 2**self.J
        first: Any = self.degrees[0]
        low = first.psi[self.J].view(*self.shape[:2], -1)  # degree 0: a Gaussian
        half = torch.fft.rfftn(u, dim=(-3, -2, -1)) * low
        return real_volumes(half, self.shape)[:, ::step, ::step, ::step]


def real_volumes(half: Tensor, shape: tuple[int, int, int]) -> Tensor:
    """Inverse of `torch.fft.rfftn` over the last three axes.

    In two steps: `torch.fft.irfftn` copies more.
    """
    planes = torch.fft.ifft2(half, dim=(-3, -2))
    volumes: Tensor = torch.fft.irfft(planes, n=shape[2], dim=-1)
    return volumes
