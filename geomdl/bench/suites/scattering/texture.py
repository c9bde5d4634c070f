"""A texture synthesised from its scattering spectra, for the suite `scattering/sounds`."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from geomdl.bench.budget import affordable
from geomdl.bench.registry import Context
from geomdl.bench.results import Check, Column, Figure, Table
from geomdl.data.sounds import SOUNDS
from geomdl.scattering import ScatteringSpectra

TEXTURE, SIZE, J = "random clicks", 4096, 8
STEPS, TRIAL = 200, 3
SHARE = 0.05  # of the distance of a signal with the same spectrum
SHOWN = 1024
NOISE, SHUFFLED, SYNTHESISED = "white noise", "phases at random", "synthesised"
COLUMNS = (
    Column("name", "signal"),
    Column(
        "distance", "error of the statistics", "scientific", "lower",
        "Norm of the difference of the scattering spectra to those of the original, over their"
        " norm; each normalised by the power of its wavelets.",
    ),
    Column(
        "kurtosis", "kurtosis", "scientific",
        note="Fourth moment over the squared second, which no statistic states: 3 of noise.",
    ),
)  # fmt: skip


@dataclass(frozen=True)
class Made:
    """What the synthesis gave."""

    table: Table
    figure: Figure
    checks: tuple[Check, ...]
    reduced: str | None
    settings: Mapping[str, Any]


def shuffled(x: Tensor, rng: torch.Generator) -> Tensor:
    """A signal with the same modulus of the Fourier transform, its phases drawn at random.

    Example:
        >>> x = torch.randn(64, generator=torch.Generator().manual_seed(0))
        >>> y = shuffled(x, torch.Generator().manual_seed(1))
        >>> bool(torch.allclose(torch.fft.rfft(y).abs(), torch.fft.rfft(x).abs(), atol=1e-4))
        True
    """
    noise = torch.fft.rfft(torch.randn(len(x), generator=rng, dtype=x.dtype))
    phase = noise / noise.abs()  # real at frequency 0 and the Nyquist frequency
    found: Tensor = torch.fft.irfft(torch.fft.rfft(x).abs() * phase, n=len(x))
    return found


def error_of(spectra: ScatteringSpectra, x: Tensor, y: Tensor) -> float:
    """Distance of the statistics of y to those of x, over that of a signal without any, 0."""
    with torch.no_grad():
        return spectra.distance(x, y) / spectra.distance(x, torch.zeros_like(x))


def kurtosis(x: Tensor) -> float:
    """Fourth moment about the mean over the squared second."""
    z = x - x.mean()
    return float(z.pow(4).mean() / z.square().mean().square())


def synthesise(context: Context) -> Made:
    """Synthesise the texture in a third of the time."""
    spectra = ScatteringSpectra(J, SIZE)
    x = SOUNDS[TEXTURE](SIZE, torch.Generator().manual_seed(0)).to(torch.float32)
    x = x / x.square().mean().sqrt()
    begin = time.perf_counter()
    spectra.synthesize(x, steps=TRIAL, rng=torch.Generator().manual_seed(0), progress=False)
    cost = {"step": (time.perf_counter() - begin) / TRIAL}
    steps = affordable(context.budget.left / 3, cost, repeats=1, most=STEPS, least=TRIAL)
    context.progress.stage(f"scattering/sounds: synthesis, {steps} steps", 1)
    y = spectra.synthesize(x, steps=steps, rng=torch.Generator().manual_seed(0), progress=False)[0]
    context.progress.advance()
    rng = torch.Generator().manual_seed(1)
    noise = torch.randn(SIZE, generator=rng)
    signals = {NOISE: noise, SHUFFLED: shuffled(x, rng), SYNTHESISED: y}
    errors = {name: error_of(spectra, x, z) for name, z in signals.items()}
    rows = [
        {"name": name, "distance": errors.get(name), "kurtosis": kurtosis(z)}
        for name, z in {f"{TEXTURE}, the original": x, **signals}.items()
    ]
    return Made(
        table=Table("synthesis", COLUMNS, tuple(rows), "Synthesis"),
        figure=_figure({TEXTURE: x, SYNTHESISED: y, SHUFFLED: signals[SHUFFLED]}),
        checks=checks_of(errors) if steps == STEPS else (),
        reduced=f"{steps} instead of {STEPS} steps of synthesis" if steps < STEPS else None,
        settings={"texture": TEXTURE, "steps of synthesis": steps},
    )


def checks_of(errors: Mapping[str, float]) -> tuple[Check, ...]:
    """Whether synthesis comes far nearer than a signal with the same power spectrum."""
    share = errors[SYNTHESISED] / errors[SHUFFLED]
    text = (
        f"synthesis: error of the statistics {errors[SYNTHESISED]:.1e}, {share:.2g} of that of a"
        f" signal with the same spectrum (at most {SHARE:g})"
    )
    return (Check("synthesis", share <= SHARE, text),)


def _figure(signals: Mapping[str, Tensor]) -> Figure:
    high = max(float(x[:SHOWN].abs().max()) for x in signals.values())
    return Figure(
        "synthesis",
        "curves",
        "A texture and its synthesis",
        f"The first {SHOWN} samples, one above the other.",
        {
            "x": list(range(SHOWN)),
            "x_label": "sample",
            "y_label": "signal",
            "series": [
                {"name": name, "values": [[float(v) - 2 * high * k for v in x[:SHOWN]]]}
                for k, (name, x) in enumerate(signals.items())
            ],
        },
    )
