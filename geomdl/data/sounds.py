"""Chirps and textures: signals that a power spectrum cannot tell apart; made, not read."""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from geomdl.data.files import Root
from geomdl.data.registry import register

LOWEST, OCTAVES = 0.02, 4  # cycles a sample where a chirp begins, and how far it goes
SWEEPS = {"slow": 1024, "fast": 256}  # samples of a chirp, up to 20 %
RATES = {"slowly": 1 / 512, "quickly": 1 / 64}  # of the modulation, cycles a sample, up to 20 %
PERIOD = 64  # samples between clicks, up to 20 %


def _uniform(rng: torch.Generator, low: float, high: float) -> float:
    return low + (high - low) * float(torch.rand((), generator=rng, dtype=torch.float64))


def _jitter(rng: torch.Generator) -> float:
    return _uniform(rng, 0.8, 1.2)


def _chirps(sweep: int, direction: int) -> Callable[[int, torch.Generator], Tensor]:
    def make(size: int, rng: torch.Generator) -> Tensor:
        long = round(sweep * _jitter(rng))
        t = torch.arange(long, dtype=torch.float64) / long
        turns = LOWEST * long * (2 ** (OCTAVES * t) - 1) / (OCTAVES * math.log(2))
        x = torch.zeros(size, dtype=torch.float64)
        for _ in range(max(1, round(size / long))):
            chirp = torch.sin(math.pi * t) * torch.cos(2 * math.pi * (turns + _uniform(rng, 0, 1)))
            start = int(_uniform(rng, 0, size))
            x.index_add_(0, (torch.arange(long) + start) % size, chirp)  # round the end
        return x if direction > 0 else x.flip(0)

    return make


def _modulated(rate: float) -> Callable[[int, torch.Generator], Tensor]:
    def make(size: int, rng: torch.Generator) -> Tensor:
        cycles = torch.arange(size, dtype=torch.float64) * rate * _jitter(rng)
        envelope = 1 + (rate > 0) * torch.cos(2 * math.pi * (cycles + _uniform(rng, 0, 1)))
        noise = torch.randn(size, generator=rng, dtype=torch.float64)
        return _tilted(envelope * noise, rng)

    return make


def _clicks(regular: bool) -> Callable[[int, torch.Generator], Tensor]:
    def make(size: int, rng: torch.Generator) -> Tensor:
        period = PERIOD * _jitter(rng)
        count = max(1, int(size / period))
        places = (torch.arange(count, dtype=torch.float64) + _uniform(rng, 0, 1)) * period
        if not regular:
            places = size * torch.rand(count, generator=rng, dtype=torch.float64)
        signs = 2.0 * torch.randint(2, (count,), generator=rng) - 1
        x = torch.zeros(size, dtype=torch.float64)
        return _tilted(x.index_add(0, places.long() % size, signs.double()), rng)

    return make


def _tilted(x: Tensor, rng: torch.Generator) -> Tensor:
    """White noise with the spectrum f^(-α), α uniform in [0, 1]."""
    f = torch.fft.rfftfreq(len(x), dtype=torch.float64).clamp(min=1 / len(x))
    gain = f ** (-_uniform(rng, 0, 1) / 2)
    found: Tensor = torch.fft.irfft(torch.fft.rfft(x) * gain, n=len(x))
    return found


SOUNDS: dict[str, Callable[[int, torch.Generator], Tensor]] = {
    "slow rising chirps": _chirps(SWEEPS["slow"], 1),
    "slow falling chirps": _chirps(SWEEPS["slow"], -1),
    "fast rising chirps": _chirps(SWEEPS["fast"], 1),
    "fast falling chirps": _chirps(SWEEPS["fast"], -1),
    "steady noise": _modulated(0.0),
    "slowly modulated noise": _modulated(RATES["slowly"]),
    "quickly modulated noise": _modulated(RATES["quickly"]),
    "random clicks": _clicks(False),
    "regular clicks": _clicks(True),
}
"""A signal from its length and a generator: by name, in order of the labels.

Falling chirps are rising ones in reversed time, *exact*, so that their power spectra are the same.
Textures (from the fifth on) are white noise under one law of filters: independent samples, or
clicks of independent signs, times an envelope; so the expectation of their power spectra is the
same up to a factor, *exact*.
"""
CHIRPS = 4  # the first so many are chirps


@register("sounds")
def sounds(
    root: Root = None,
    download: bool = False,
    n: int = 900,
    size: int = 4096,
    seed: int = 0,
    noise: float = 0.1,
) -> dict[str, Tensor]:
    """Chirps and textures in nine classes, with noise, mean square 1.

    The classes are those of `SOUNDS`, equally frequent (up to one): chirps of four octaves, slow
    and fast, rising and falling; noise, steady and modulated at two rates; clicks, regular and
    not. Within the chirps of a rate, and within the textures, power spectra coincide.

    Args:
        root: not needed.
        download: not needed.
        n: number of samples.
        size: samples of a signal, at least 2048.
        seed: of everything that is random; another seed gives independent samples.
        noise: standard deviation of the white Gaussian noise on signals of mean square 1.

    Returns:
        signals: float32, shape (n, size), mean square 1.
        labels: int64, 0 to 8, shape (n,).

    Raises:
        ValueError: `n`, `size` or `noise` out of range.

    Example:
        >>> from geomdl.data import load
        >>> load("sounds", n=18)["signals"].shape
        torch.Size([18, 4096])
    """
    for name, value, least in (("n", n, 1), ("size", size, 2 * SWEEPS["slow"])):
        if not isinstance(value, int) or isinstance(value, bool) or value < least:
            raise ValueError(f"sounds: {name} should be an int of at least {least}, got {value!r}")
    if not 0 <= noise < math.inf:
        raise ValueError(f"sounds: noise should be at least 0 and finite, got {noise}")
    rng = torch.Generator().manual_seed(seed)
    labels = torch.randperm(n, generator=rng) % len(SOUNDS)
    makers = list(SOUNDS.values())
    signals = torch.stack([_level(makers[label](size, rng)) for label in labels.tolist()])
    signals += noise * torch.randn(signals.shape, generator=rng, dtype=torch.float64)
    return {"signals": _level(signals).to(torch.float32), "labels": labels}


def _level(x: Tensor) -> Tensor:
    """Scaled to mean square 1."""
    scaled: Tensor = x / x.square().mean(-1, keepdim=True).sqrt()
    return scaled
