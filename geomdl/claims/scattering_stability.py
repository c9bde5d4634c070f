"""Wavelet scattering: distances, translations and deformations."""

import math
from typing import Any

import torch
from torch import Tensor

from geomdl.claims.evidence import Evidence
from geomdl.claims.registry import claim
from geomdl.claims.scattering import TOPIC, square
from geomdl.scattering import Scattering1D, Scattering2D, bank_1d, bank_2d


@claim(
    "scattering-distance",
    statement="Scattering does not increase distances, up to a power of the frame's upper bound;"
    " waves, and constants, that grow attain it for tight frames.",
    formula=r"\|Sx - Sy\| \le \max(1, B)^{(m+1)/2}\, \|x - y\|",
    source="Mallat 2012, Group invariant scattering, arXiv:1101.2286, proposition 2.5",
    topic=TOPIC,
    sabotage="one wavelet of the first order is amplified by 1.7",
)
def scattering_distance(rng: torch.Generator, sabotage: bool) -> Evidence:
    """Greatest ratio over pairs of noise, of waves, and along the Jacobian's greatest direction."""
    predicted, measured, labels = [], [], []
    for name, scattering, upper in _undecimated():
        if sabotage:
            first: Any = scattering.tree.branches[0]
            first.wavelets.psi[0] *= 1.7
        x, y = torch.randn(2, 6, *scattering.shape, generator=rng, dtype=torch.float64)
        waves = _waves(scattering.shape)
        pairs = {
            "noise": (x, y),
            "constants": (x, x + 1),
            "waves": (waves, 2 * waves),
            "steepest": (x[:1], x[:1] + _steepest(scattering, x[:1], y[:1])),
        }
        for label, (one, other) in pairs.items():
            change = scattering(one) - scattering(other)
            ratios = change.flatten(1).norm(dim=1) / (one - other).flatten(1).norm(dim=1)
            predicted.append(max(1.0, upper) ** 1.5)
            measured.append(float(ratios.max()))
            labels.append(f"{name}, {label}")
    because = "rounding of differences of a thousandth"
    return Evidence(predicted, measured, 1e-10, because, "at most", tuple(labels))


@claim(
    "scattering-translation",
    statement="A shift by c samples changes scattering coefficients by at most c over the width of"
    " the low-pass, times a constant.",
    formula=r"\|S T_c x - S x\| \le e^{-1/2}\, \frac{|c|}{\sigma_J} \sqrt{m+1}\,"
    r" \max(1, B)^{(m+1)/2}\, \|x\|",
    source="Mallat 2012, Group invariant scattering, arXiv:1101.2286, theorem 2.10; the constant is"
    " the greatest |ω| exp(-ω²/2) of a Gaussian",
    topic=TOPIC,
    sabotage="the moduli are not averaged",
)
def scattering_translation(rng: torch.Generator, sabotage: bool) -> Evidence:
    """Noise and the slowest wave, shifted; Morlet frames, whose B enters the bound."""
    predicted, measured, labels = [], [], []
    for name, make, width in (
        ("signals", lambda **o: Scattering1D(5, 256, Q=2, **o), 1.59 * 32),
        ("images", lambda **o: Scattering2D(3, (24, 24), L=4, **o), 0.4 * 8),
    ):
        scattering = make(
            padding="periodic", oversampling=5, out="dict", average=not sabotage
        ).double()
        noise = torch.randn(scattering.shape, generator=rng, dtype=torch.float64)
        upper = max(1.0, _upper(scattering))
        slow = _waves(scattering.shape)[1]
        for label, x in (("noise", noise), ("slow wave", slow)):
            for c in (1, 2):
                moved = scattering(x.roll(c, -1))
                change = sum(square(a - moved[n]) for n, a in scattering(x).items()) ** 0.5
                bound = math.exp(-0.5) * c / width * math.sqrt(3) * upper**1.5
                predicted.append(bound)
                measured.append(change / float(x.norm()))
                labels.append(f"{name}, {label}, {c}")
    because = "the bound is strict"
    return Evidence(predicted, measured, 0.0, because, "at most", tuple(labels))


@claim(
    "scattering-deformation",
    statement="Dilating a wave packet changes its scattering coefficients alike at all frequencies,"
    " but its Fourier modulus the more, the higher the frequency.",
    formula=r"\frac{\|S D_\varepsilon x - S x\|}{\varepsilon \|x\|} \le C",
    source="Mallat 2012, Group invariant scattering, arXiv:1101.2286, theorem 2.12; Andén and"
    " Mallat 2014, arXiv:1304.6763, section II",
    topic=TOPIC,
    sabotage="the Fourier modulus takes the place of the scattering",
)
def scattering_deformation(rng: torch.Generator, sabotage: bool) -> Evidence:
    """Greatest over least change. Signals: 0.02 to 0.35 cycles a sample; images: three octaves."""
    one = Scattering1D(6, 2048, Q=4, padding="periodic", oversampling=2).double()
    two = Scattering2D(4, (128, 128), L=4, padding="periodic").double()
    signals = torch.logspace(math.log10(0.02), math.log10(0.35), 7, dtype=torch.float64)
    images = torch.tensor([0.25, 0.125, 0.0625], dtype=torch.float64)
    measured, predicted, labels = [], [], []
    for name, scattering, frequencies, width, epsilons in (
        ("signals", one, signals, 100.0, (0.002, 0.005, 0.02, 0.05)),
        ("images", two, images, 16.0, (0.005, 0.02, 0.05)),
    ):
        for epsilon in epsilons:
            packets = [
                torch.stack([_packet(scattering.shape, float(xi), width, s) for xi in frequencies])
                for s in (1.0, 1 + epsilon)
            ]
            x, moved = packets
            if sabotage:
                axes = tuple(range(1, x.ndim))
                change = torch.fft.fftn(x, dim=axes).abs() - torch.fft.fftn(moved, dim=axes).abs()
            else:
                change = scattering(x) - scattering(moved)
            norms = change.flatten(1).norm(dim=1) / x.flatten(1).norm(dim=1)
            predicted.append(2.0)
            measured.append(float(norms.max() / norms.min()))
            labels.append(f"{name}, ε = {epsilon}")
    because = "the bound is a round number"
    return Evidence(predicted, measured, 0.0, because, "at most", tuple(labels))


def _waves(shape: tuple[int, ...]) -> Tensor:
    """Cosines along the last axis, of all frequencies."""
    n = shape[-1]
    turns = torch.arange(n // 2 + 1)[:, None] * torch.arange(n) / n
    waves = torch.cos(2 * math.pi * turns.to(torch.float64))
    return waves if len(shape) == 1 else waves[:, None].expand(-1, *shape)


def _steepest(scattering: Any, x: Tensor, start: Tensor) -> Tensor:
    """The direction in which coefficients change most, a thousandth: power iteration on JᵀJ."""
    x = x.clone().requires_grad_()
    s = scattering(x)
    step: Tensor = 1e-3 * start / start.norm()
    for _ in range(10):
        change = scattering((x + step).detach()) - s.detach()
        (back,) = torch.autograd.grad(s, x, change, retain_graph=True)
        step = 1e-3 * back / back.norm()
    return step


def _undecimated() -> list[tuple[str, Scattering1D | Scattering2D, float]]:
    found: list[tuple[str, Scattering1D | Scattering2D, float]] = []
    for frame in ("morlet", "tight"):
        one = Scattering1D(4, 128, Q=4, padding="periodic", oversampling=4, frame=frame)
        two = Scattering2D(3, (24, 24), L=8, padding="periodic", oversampling=3, frame=frame)
        for name, scattering in ((f"signals, {frame}", one), (f"images, {frame}", two)):
            upper = 1.0 if frame == "tight" else _upper(scattering)
            found.append((name, scattering.double(), upper))
    return found


def _upper(scattering: Scattering1D | Scattering2D) -> float:
    """Greatest Littlewood-Paley sum of the frames of all orders."""
    if isinstance(scattering, Scattering1D):
        banks = [bank_1d(scattering.shape[0], scattering.J, Q, scattering.T) for Q in scattering.Q]
    else:
        shape = (scattering.shape[0], scattering.shape[1])
        banks = [bank_2d(shape, scattering.J, scattering.L)]
    return max(float(bank.littlewood_paley.max()) for bank in banks)


def _packet(shape: tuple[int, ...], xi: float, width: float, scale: float) -> Tensor:
    """cos(2π ξ t) along the last axis, under a Gaussian, dilated around the middle."""
    at = [(torch.arange(n, dtype=torch.float64) - n // 2) * scale for n in shape]
    squares = torch.stack(torch.meshgrid(*at, indexing="ij")).square().sum(0)
    return torch.exp(-squares / (2 * width**2)) * torch.cos(2 * math.pi * xi * at[-1])
