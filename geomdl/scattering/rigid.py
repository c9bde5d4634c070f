"""Roto-translation scattering: wavelets in space and along the orbit of rotations."""

from typing import Any

import torch
from torch import Tensor, nn

from geomdl.fields import Field, Grid, Vector
from geomdl.groups import group
from geomdl.kernels import filter_fold, real_spectrum, wavelet_modulus
from geomdl.kernels.precision import uncast
from geomdl.registry import Example, register_layer
from geomdl.scattering.banks import bank_1d, bank_2d
from geomdl.scattering.buffers import WideBuffers
from geomdl.scattering.cascade import Levels, Wavelets
from geomdl.scattering.padding import Axis, Mode, check_mode, pad
from geomdl.scattering.transform import check_dtype, check_number, check_value, some
from geomdl.scattering.two import check_shape


def _inputs(rng: torch.Generator) -> tuple[Any, ...]:
    return (torch.randn(2, 1, 9, 9, generator=rng, dtype=torch.float64),)


class _Angular(WideBuffers):
    """Wavelets on the circle of 2 L directions, and their mean."""

    psi: Tensor

    def __init__(self, L: int, K: int) -> None:
        super().__init__()
        self._exact = bank_1d(2 * L, K, 1, 2**K).psi
        self.hold()

    def exact_buffers(self) -> dict[str, Tensor]:
        return {"psi": self._exact}

    def forward(self, v: Tensor) -> Tensor:
        """Means over the circle of |v * ψ_k| and |mean of v|, (…, 2 L, pixels) to (k + 1, …)."""
        spectrum = torch.fft.fft(v, dim=-2)
        means = [(spectrum[..., :1, :] / v.shape[-2]).abs().mean(-2)]
        for psi in self.psi:
            means.append(torch.fft.ifft(spectrum * psi[:, None], dim=-2).abs().mean(-2))
        return torch.stack(means)


@register_layer(
    "scattering/RotoTranslationScattering",
    example=Example(lambda: RotoTranslationScattering(2, (9, 9), L=2), _inputs),
)
class RotoTranslationScattering(nn.Module):
    """Scattering that no rotation of the image changes, but that keeps what relative angles say.

    U₁[j, θ] = |x * ψ_{j,θ}| is a function of places and directions, as a feature map of a group
    convolution. At order 2 it meets wavelets that turn along with θ, and then wavelets ψ_k on the
    circle of directions:

    V[j₁, j₂, α](u, θ) = U₁[j₁, θ] * ψ_{j₂, θ+α}, S₂ = mean over u and θ of |V *_θ ψ_k|;
    k = 0: |mean_θ V|,

    S₁[j] = mean of U₁[j], S₀ = mean of x. Invariant to quarter turns, for even L and square images
    and with nothing subsampled, *exact*; to turns by π/L up to the sampling of the image.

    Args:
        J: number of scales.
        shape: rows and columns of the images, equal.
        L: directions in the half circle.
        K: number of octaves along the circle of directions; as many as fit in 2 L if None.
        padding: "reflect", "periodic", "zero" or "constant".
        value: of constant padding.
        oversampling: log₂ of how much finer everything is sampled; nothing is subsampled if None.

    Attributes:
        paths: of each number (order, j, α, k), in the order of the result.
        source: field on the grid of x, under quarter turns.
        target: invariants.

    Raises:
        ValueError: images that are not square, or too small for J, or another impossible argument.

    Example:
        >>> scattering = RotoTranslationScattering(J=2, shape=(16, 16), L=4)
        >>> x = torch.rand(3, 1, 16, 16)
        >>> y = scattering(x)
        >>> y.shape, bool(torch.allclose(scattering(x.rot90(dims=(-2, -1))), y, atol=1e-6))
        (torch.Size([3, 19]), True)

    Source: Sifre & Mallat 2013, CVPR; Oyallon & Mallat 2015, arXiv:1412.8659.
    """

    turns: Tensor
    beyond: Tensor

    def __init__(
        self,
        J: int,
        shape: tuple[int, int],
        L: int = 8,
        K: int | None = None,
        *,
        padding: Mode = "reflect",
        value: float = 0.0,
        oversampling: int | None = None,
    ) -> None:
        super().__init__()
        J, L = check_number("J", J, 1), check_number("L", L, 1)
        if oversampling is not None:
            oversampling = check_number("oversampling", oversampling, 0)
        check_mode(padding)
        check_value(value)
        self.shape = check_shape(shape, J, 2)
        if self.shape[0] != self.shape[1]:
            raise ValueError(f"shape: expected square images, got {shape}")
        K = check_number("K", max(1, (2 * L).bit_length() - 2) if K is None else K, 1)
        levels = Levels(J, J if oversampling is None else min(oversampling, J))
        self.J, self.L, self.padding, self.value = J, L, padding, value
        self.axes = (self._axis(levels),) * 2
        bank = bank_2d((self.axes[0].padded, self.axes[1].padded), J, L)
        self.scales = nn.ModuleDict()
        for j in range(J):
            for k in range(-1, j):  # k: scale of the signals that come in
                level = 0 if k < 0 else levels.of(k)
                filters = tuple(range(j * L, (j + 1) * L))
                made = Wavelets(bank, filters, 2, level, levels.of(j), False, False)
                self.scales[f"{k} {j}"] = made
        self.angular = _Angular(L, K)
        turns = [(a + t) % L for t in range(L) for a in range(L)]
        self.register_buffer("turns", torch.tensor(turns).view(L, L), persistent=False)
        beyond = [a + t >= L for t in range(L) for a in range(L)]
        self.register_buffer("beyond", torch.tensor(beyond).view(L, L, 1), persistent=False)
        first = [(1, (j,), 0, 0) for j in range(J)]
        second = [
            (2, (j, k), a, c)
            for j in range(J)
            for k in range(j + 1, J)
            for c in range(len(self.angular.psi) + 1)
            for a in range(L)
        ]
        self.paths = ((0, (), 0, 0), *first, *second)
        C4 = group("C4" if L % 2 == 0 and oversampling is None else "C1")
        action = C4.standard if C4.order == 4 else 2 * C4.trivial
        self.source = Field(Grid(2, action=action), C4.trivial)
        self.target = Field(Vector(), len(self.paths) * C4.trivial)

    def _axis(self, levels: Levels) -> Axis:
        """As much on either side, up to a multiple of the step."""
        size, step = self.shape[0], 2**levels.result
        if self.padding == "periodic":
            if size % step:
                raise ValueError(f"shape: with periodic padding {step} should divide {self.shape}")
            return Axis(size, 0, 0)
        before = next(
            n for n in range(2**self.J, 2 * 2**self.J + 1) if (size + 2 * n) % step in (0, 1)
        )
        return Axis(size, before, before + (-(size + 2 * before)) % step)

    @uncast
    def forward(self, x: Tensor) -> Tensor:
        """(batch, 1, *shape) to (batch, paths)."""
        check_dtype(x, self.angular.dtype)
        if x.ndim != 4 or tuple(x.shape[1:]) != (1, *self.shape):
            raise ValueError(f"x: expected (batch, 1, *{self.shape}), got {tuple(x.shape)}")
        rows = some(x[:, 0].to(self.angular.dtype))
        u = pad(rows, self.axes, self.padding, self.value)
        spectrum = real_spectrum(u)
        found = [rows.mean((1, 2))[:, None]]
        second = []
        for j in range(self.J):
            w: Any = self.scales[f"-1 {j}"]
            moduli = wavelet_modulus(spectrum, w.psi, w.bands, w.rows, w.columns)
            found.append(self._mean(moduli.mean(1))[:, None])
            if j + 1 < self.J:
                inner = real_spectrum(moduli.flatten(0, 1))
                for k in range(j + 1, self.J):
                    second.append(self._orbit(inner, self.scales[f"{j} {k}"]))
        return torch.cat(found + second, 1)[: x.shape[0]].to(x.dtype)

    def _orbit(self, x: Tensor, w: Any) -> Tensor:
        """Second order of spectra (batch · L, M, N, 2), (batch, (k + 1) L)."""
        L = self.L
        folded = filter_fold(x, w.psi, w.bands, w.rows, w.columns)
        v = torch.fft.ifft2(torch.view_as_complex(folded))  # (batch · θ, θ₂, m, n)
        shape = v.shape[-2:]
        v = v.reshape(-1, L, L, shape.numel())
        # θ₂ = θ + α; half a turn on, the wave runs the other way: the conjugate, as U₁ is real
        v = v.gather(2, self.turns[None, :, :, None].expand_as(v))
        v = torch.where(self.beyond, v.conj(), v).transpose(1, 2)  # (batch, α, θ, pixels)
        means = self.angular(torch.cat([v, v.conj()], -2)).unflatten(-1, shape)
        return self._mean(means.transpose(0, 1).flatten(0, 2)).view(means.shape[1], -1)

    def _mean(self, u: Tensor) -> Tensor:
        """Mean over the image itself, (rows, m, n) to (rows,)."""
        for axis, a in enumerate(self.axes, start=1):
            u = u.narrow(axis, *a.own(a.padded // u.shape[axis]))
        return u.mean((1, 2))
