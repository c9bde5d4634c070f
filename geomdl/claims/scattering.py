"""Wavelet scattering: energy, distances, translations and deformations."""

import math

import torch
from torch import Tensor

from geomdl.claims.evidence import Evidence
from geomdl.claims.registry import claim
from geomdl.scattering import Bank, Scattering1D, Scattering2D, bank_1d, bank_2d

TOPIC = "scattering"


@claim(
    "littlewood-paley",
    statement="The bounds of a frame of wavelets are the least and the greatest value of its"
    " Littlewood-Paley sum, and waves of these frequencies attain them.",
    formula=r"A = \min_\omega |\hat\varphi|^2 + \frac{1}{2} \sum_\lambda"
    r" |\hat\psi_\lambda(\omega)|^2 + |\hat\psi_\lambda(-\omega)|^2, \quad B = \max_\omega",
    source="Mallat 2012, Group invariant scattering, arXiv:1101.2286, proposition 2.1; Parseval",
    topic=TOPIC,
    sabotage="one wavelet is left out of the transform, but not out of the sum",
)
def littlewood_paley(rng: torch.Generator, sabotage: bool) -> Evidence:
    """Energy of the transform of cosines, for Morlet and tight frames of signals and images."""
    predicted, measured, labels = [], [], []
    for name, bank in _banks().items():
        total = bank.littlewood_paley
        for word, place in (("A", int(total.argmin())), ("B", int(total.argmax()))):
            wave = torch.zeros_like(total)
            wave.view(-1)[place] = 1
            x = torch.fft.ifftn(wave)
            x = x.real if float(x.real.norm()) > 0.1 * float(x.abs().norm()) else x.imag
            predicted.append(float(total.view(-1)[place]))
            measured.append(float(_energy(x, bank, sabotage) / x.square().sum()))
            labels.append(f"{name}, {word}")
    because = "rounding of a transform whose values are of size one"
    return Evidence(predicted, measured, 1e-12, because, labels=tuple(labels))


@claim(
    "scattering-energy",
    statement="A scattering with a tight frame, all paths and nothing subsampled, keeps the energy:"
    " coefficients up to order m and the moduli of order m + 1 have that of the signal.",
    formula=r"\sum_{k \le m} \|S_k x\|^2 + \|U_{m+1} x\|^2 = \|x\|^2",
    source="Mallat 2012, Group invariant scattering, arXiv:1101.2286, theorem 2.6",
    topic=TOPIC,
    sabotage="wavelets follow finer ones alone, so that paths are missing",
)
def scattering_energy(rng: torch.Generator, sabotage: bool) -> Evidence:
    """Share of the energy of white noise, orders 0 to 2."""
    measured, labels = [], []
    for m in (0, 1, 2):
        options = {
            "padding": "periodic", "oversampling": 3, "frame": "tight",
            "which": "decreasing" if sabotage else "all", "out": "dict",
        }  # fmt: skip
        for name, make in (
            ("signals", lambda **o: Scattering1D(3, 40, Q=2, **o)),
            ("images", lambda **o: Scattering2D(2, (12, 9), L=2, **o)),
        ):
            kept, moduli = make(order=m, **options), make(order=m + 1, average=False, **options)
            x = torch.randn(kept.shape, generator=rng, dtype=torch.float64)
            energy = sum(_square(s) for s in kept.double()(x).values())
            rest = sum(_square(u) for n, u in moduli.double()(x).items() if len(n) == m + 1)
            share = (energy + rest) / _square(x)
            measured.append(share)
            labels.append(f"{name}, order {m}")
    because = "rounding, amplified by some hundred paths"
    return Evidence([1.0] * len(measured), measured, 1e-10, because, labels=tuple(labels))


@claim(
    "scattering-localisation",
    statement="The tight frame's filters stay local: their energy spreads over less than twice the"
    " width of the Morlet wavelets they come from.",
    formula=r"\sigma_t(h)^2 = \frac{\sum_t t^2 |h(t)|^2}{\sum_t |h(t)|^2}, \quad"
    r" \sigma_t(h_{\text{tight}}) \le 2\, \sigma_t(h)",
    source="elementary: the Littlewood-Paley sum is smooth, so that dividing by its root is a short"
    " convolution; Mallat 2012",
    topic=TOPIC,
    sabotage="signs are drawn for the frequencies: the frame stays tight, the energy identity"
    " holds",
)
def scattering_localisation(rng: torch.Generator, sabotage: bool) -> Evidence:
    """Standard deviations in time of low-pass and wavelets, and the energy identity beside them."""
    predicted, measured, labels = [], [], []
    for Q in (1, 4):
        bank = bank_1d(1024, 5, Q, 32)
        tight = bank.tight()
        if sabotage:
            signs = torch.randint(0, 2, (1024,), generator=rng).to(torch.float64) * 2 - 1
            tight = Bank(tight.wavelets, tight.psi * signs, tight.phi * signs)
        for name, plain, changed in (
            ("low-pass", bank.phi[None], tight.phi[None]),
            ("wavelets", bank.psi, tight.psi),
        ):
            ratios = _spread(changed) / _spread(plain)
            predicted.append(2.0)
            measured.append(float(ratios.max()))
            labels.append(f"Q = {Q}, {name}")
    because = "none: the bound is a round number above what smoothness gives"
    return Evidence(predicted, measured, 0.0, because, "at most", tuple(labels))


@claim(
    "scattering-distance",
    statement="Scattering does not increase distances, up to a power of the frame's upper bound.",
    formula=r"\|Sx - Sy\| \le \max(1, B)^{(m+1)/2}\, \|x - y\|",
    source="Mallat 2012, Group invariant scattering, arXiv:1101.2286, proposition 2.5",
    topic=TOPIC,
    sabotage="the signals are scaled by two on the one side only",
)
def scattering_distance(rng: torch.Generator, sabotage: bool) -> Evidence:
    """Greatest ratio over pairs of noise, and over pairs as near as the Jacobian sees them."""
    predicted, measured, labels = [], [], []
    for name, scattering, upper in _undecimated():
        x, y = torch.randn(2, 6, *scattering.shape, generator=rng, dtype=torch.float64)
        for label, other in (("far", y), ("near", x + 1e-3 * y)):
            change = scattering((2 if sabotage else 1) * x) - scattering(
                (2 if sabotage else 1) * other
            )
            ratios = change.flatten(1).norm(dim=1) / (x - other).flatten(1).norm(dim=1)
            predicted.append(max(1.0, upper) ** 1.5)
            measured.append(float(ratios.max()))
            labels.append(f"{name}, {label}")
    because = "rounding"
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
    """Noise, shifted by one and by two samples; Morlet frames, whose B enters the bound."""
    predicted, measured, labels = [], [], []
    for name, make, width in (
        ("signals", lambda **o: Scattering1D(5, 256, Q=2, **o), 1.59 * 32),
        ("images", lambda **o: Scattering2D(3, (24, 24), L=4, **o), 0.4 * 8),
    ):
        scattering = make(
            padding="periodic", oversampling=5, out="dict", average=not sabotage
        ).double()
        x = torch.randn(scattering.shape, generator=rng, dtype=torch.float64)
        upper = max(1.0, _upper(scattering))
        for c in (1, 2):
            moved = scattering(x.roll(c, -1))
            change = sum(_square(a - moved[n]) for n, a in scattering(x).items()) ** 0.5
            bound = math.exp(-0.5) * c / width * math.sqrt(3) * upper**1.5
            predicted.append(bound)
            measured.append(change / float(x.norm()))
            labels.append(f"{name}, {c}")
    because = "none: the bound is strict"
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
    """Greatest over least change, frequencies of 0.02 to 0.35 cycles a sample, dilations < 1 %."""
    scattering = Scattering1D(6, 2048, Q=4, padding="periodic", oversampling=2).double()
    frequencies = torch.logspace(math.log10(0.02), math.log10(0.35), 7, dtype=torch.float64)
    measured, predicted, labels = [], [], []
    for epsilon in (0.002, 0.005):
        changes = []
        for xi in frequencies:
            x, moved = (_packet(float(xi), s) for s in (1.0, 1 + epsilon))
            if sabotage:
                change = (torch.fft.fft(x).abs() - torch.fft.fft(moved).abs()).norm() / 2048**0.5
            else:
                change = (scattering(x) - scattering(moved)).norm()
            changes.append(float(change / (epsilon * x.norm())))
        predicted.append(2.0)
        measured.append(max(changes) / min(changes))
        labels.append(f"ε = {epsilon}")
    because = "none: a round number; the Fourier modulus spreads over more than five"
    return Evidence(predicted, measured, 0.0, because, "at most", tuple(labels))


def _banks() -> dict[str, Bank]:
    plain = {
        "signals, Q = 1": bank_1d(128, 4, 1, 16),
        "signals, Q = 8": bank_1d(256, 4, 8, 16),
        "images, L = 4": bank_2d((24, 24), 2, 4),
        "images, L = 8": bank_2d((16, 24), 3, 8),
    }
    return plain | {f"{name}, tight": bank.tight() for name, bank in plain.items()}


def _energy(x: Tensor, bank: Bank, sabotage: bool) -> Tensor:
    axes = tuple(range(x.ndim))
    filters = [bank.phi, *bank.psi[sabotage:]]
    parts = [torch.fft.ifftn(torch.fft.fftn(x, dim=axes) * f, dim=axes) for f in filters]
    return torch.stack([part.abs().square().sum() for part in parts]).sum()


def _square(x: Tensor) -> float:
    return float(x.square().sum())


def _spread(transforms: Tensor) -> Tensor:
    """Standard deviations in time, around 0, of the energy of filters."""
    n = transforms.shape[-1]
    energy = torch.fft.ifft(transforms).abs().square()
    t = torch.fft.fftfreq(n, 1 / n, dtype=transforms.dtype)
    found: Tensor = ((energy * t**2).sum(-1) / energy.sum(-1)).sqrt()
    return found


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


def _packet(xi: float, scale: float) -> Tensor:
    """cos(2π ξ t) under a Gaussian of 100 samples, dilated."""
    t = (torch.arange(2048, dtype=torch.float64) - 1024) * scale
    return torch.exp(-((t / 100) ** 2) / 2) * torch.cos(2 * math.pi * xi * t)
