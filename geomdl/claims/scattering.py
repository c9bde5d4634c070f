"""Wavelet scattering: frames, energy and localisation."""

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
    shares = _shares(rng, "decreasing" if sabotage else "all")
    because = "rounding, amplified by some hundred paths"
    return Evidence([1.0] * len(shares), [*shares.values()], 1e-10, because, labels=tuple(shares))


@claim(
    "scattering-pruned",
    statement="A scattering with a tight frame whose wavelets follow finer ones alone keeps at most"
    " the energy of the signal: coefficients up to order m and the moduli of order m + 1.",
    formula=r"\sum_{k \le m} \|S_k x\|^2 + \|U_{m+1} x\|^2 \le \|x\|^2, \quad"
    r" j_1 < j_2 < \dots",
    source="Mallat 2012, Group invariant scattering, arXiv:1101.2286, theorem 2.6; terms of the sum"
    " over all paths are not negative",
    topic=TOPIC,
    sabotage="half of the paths of the greatest order are counted twice",
)
def scattering_pruned(rng: torch.Generator, sabotage: bool) -> Evidence:
    """Share of the energy of white noise, orders 0 to 2; at order 0 nothing is pruned yet."""
    shares = _shares(rng, "decreasing", twice=sabotage)
    because = "rounding, amplified by some hundred paths"
    return Evidence(
        [1.0] * len(shares), [*shares.values()], 1e-10, because, "at most", tuple(shares)
    )


@claim(
    "scattering-localisation",
    statement="The tight frame's filters stay as local as the Morlet wavelets they come from: their"
    " energy spreads over at most 1.2 times the width.",
    formula=r"\sigma(h)^2 = \frac{\sum_t |t|^2 |h(t)|^2}{\sum_t |h(t)|^2}, \quad"
    r" \sigma(h_{\text{tight}}) \le 1.2\, \sigma(h)",
    source="elementary: the Littlewood-Paley sum is smooth, so that dividing by its root is a short"
    " convolution; Mallat 2012",
    topic=TOPIC,
    sabotage="signs are drawn for the frequencies: the frame stays tight, the energy identity"
    " holds",
)
def scattering_localisation(rng: torch.Generator, sabotage: bool) -> Evidence:
    """Standard deviations in time and space of low-pass and wavelets."""
    measured, labels = [], []
    for name, bank in (
        ("Q = 1", bank_1d(1024, 5, 1, 32)),
        ("Q = 4", bank_1d(1024, 5, 4, 32)),
        ("images, L = 4", bank_2d((64, 64), 3, 4)),
        ("images, L = 8", bank_2d((64, 64), 3, 8)),
    ):
        tight = bank.tight()
        if sabotage:
            signs = torch.randint(0, 2, bank.phi.shape, generator=rng).to(torch.float64) * 2 - 1
            tight = Bank(tight.wavelets, tight.psi * signs, tight.phi * signs)
        for word, plain, changed in (
            ("low-pass", bank.phi[None], tight.phi[None]),
            ("wavelets", bank.psi, tight.psi),
        ):
            measured.append(float((_spread(changed) / _spread(plain)).max()))
            labels.append(f"{name}, {word}")
    because = "the bound is a round number above what smoothness gives"
    predicted = [1.2] * len(measured)
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


def _shares(rng: torch.Generator, which: str, twice: bool = False) -> dict[str, float]:
    """Energy of coefficients up to order m and of moduli of order m + 1, over that of white noise.

    `which` paths; `twice`: every other modulus is counted twice.
    """
    found = {}
    for m in (0, 1, 2):
        options = {
            "padding": "periodic", "oversampling": 3, "frame": "tight", "which": which,
            "out": "dict",
        }  # fmt: skip
        for name, make in (
            ("signals", lambda **o: Scattering1D(3, 40, Q=2, **o)),
            ("images", lambda **o: Scattering2D(2, (12, 9), L=2, **o)),
        ):
            kept, moduli = make(order=m, **options), make(order=m + 1, average=False, **options)
            x = torch.randn(kept.shape, generator=rng, dtype=torch.float64)
            energy = sum(square(s) for s in kept.double()(x).values())
            last = [square(u) for n, u in moduli.double()(x).items() if len(n) == m + 1]
            rest = sum(last) + (sum(last[::2]) if twice else 0)
            found[f"{name}, order {m}"] = (energy + rest) / square(x)
    return found


def square(x: Tensor) -> float:
    """Sum of squares."""
    return float(x.square().sum())


def _spread(transforms: Tensor) -> Tensor:
    """Standard deviations in time or space, around 0, of the energy of filters."""
    axes = tuple(range(1, transforms.ndim))
    energy = torch.fft.ifftn(transforms, dim=axes).abs().square()
    at = [torch.fft.fftfreq(n, 1 / n, dtype=transforms.dtype) for n in transforms.shape[1:]]
    squares = torch.stack(torch.meshgrid(*at, indexing="ij")).square().sum(0)
    found: Tensor = ((energy * squares).sum(axes) / energy.sum(axes)).sqrt()
    return found
