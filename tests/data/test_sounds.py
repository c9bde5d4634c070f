"""Chirps and textures: which spectra coincide, what tells them apart, and what is refused."""

import pytest
import torch

from geomdl.data import load
from geomdl.data.sounds import CHIRPS, OCTAVES, SOUNDS, SWEEPS

NAMES = list(SOUNDS)
SIZE = 4096


def made(name: str, count: int = 1) -> torch.Tensor:
    rng = torch.Generator().manual_seed(1)
    return torch.stack([SOUNDS[name](SIZE, rng) for _ in range(count)])


@pytest.mark.parametrize("rate", ["slow", "fast"])
def test_falling_chirps_are_rising_ones_in_reversed_time(rate):
    rising, falling = made(f"{rate} rising chirps"), made(f"{rate} falling chirps")
    assert torch.equal(falling, rising.flip(-1))
    assert not torch.allclose(falling, rising)


@pytest.mark.parametrize("rate", ["slow", "fast"])
def test_chirps_rise_by_four_octaves_in_their_time(rate):
    """Slope of the centroid of log-frequency in the middle of a single chirp."""
    size = round(1.2 * SWEEPS[rate])  # room for one
    rng = torch.Generator().manual_seed(3)
    slopes = []
    for _ in range(20):
        x = SOUNDS[f"{rate} rising chirps"](size, rng)
        place = torch.fft.fft(x.square())[1].angle() / (2 * torch.pi)  # on the circle
        x = x.roll(size // 2 + round(float(place) * size))
        middle = x[size // 4 : 3 * size // 4]
        frames = (
            torch.stft(
                middle,
                64,
                8,
                window=torch.hann_window(64).double(),
                center=False,
                return_complex=True,
            )
            .abs()
            .square()[1:]
        )
        centre = (frames * torch.arange(1, 33).double().log2()[:, None]).sum(0) / frames.sum(0)
        slopes.append(float((centre[1:] - centre[:-1]).median()) / 8 * SWEEPS[rate])
    assert torch.tensor(slopes).median() == pytest.approx(OCTAVES, rel=0.25)


def test_expected_spectra_of_textures_coincide():
    """In bands of an octave, relative to their mean over the textures: known to a few per cent."""
    bands = {}
    for name in NAMES:
        power = torch.fft.rfft(made(name, 300)).abs().square()
        octave = [power[:, 2**k : 2 ** (k + 1)].mean() for k in range(6, 11)]
        bands[name] = torch.stack(octave) / sum(octave)
    textures = torch.stack([bands[name] for name in NAMES[CHIRPS:]])
    assert (textures / textures.mean(0) - 1).abs().max() < 0.08
    assert (bands[NAMES[0]] / textures.mean(0) - 1).abs().max() > 0.3  # chirps are another matter


def test_envelopes_of_textures_differ():
    def beat(name, period):  # power of the squared signal about one rate, relative to its mean
        envelope = torch.fft.rfft(made(name, 50).square()).abs().square()
        centre = SIZE // period
        low, high = round(0.8 * centre), round(1.2 * centre)
        return envelope[:, low : high + 1].amax(1).mean() / envelope[:, 20 * centre :].mean()

    assert beat("slowly modulated noise", 512) > 10 * beat("steady noise", 512)
    assert beat("quickly modulated noise", 64) > 10 * beat("steady noise", 64)
    assert beat("slowly modulated noise", 64) < 2 * beat("steady noise", 64)
    assert beat("regular clicks", 64) > 3 * beat("random clicks", 64)


def test_the_data_set():
    found = load("sounds", n=20)
    assert found["signals"].shape == (20, 4096)
    assert (found["signals"].dtype, found["labels"].dtype) == (torch.float32, torch.int64)
    assert sorted(torch.bincount(found["labels"]).tolist()) == [2] * 7 + [3] * 2
    assert (found["signals"].square().mean(1) - 1).abs().max() <= 1e-5
    again, other = load("sounds", n=20), load("sounds", n=20, seed=1)
    assert torch.equal(again["signals"], found["signals"])
    assert not torch.equal(other["signals"], found["signals"])
    quiet = load("sounds", n=20, noise=0.0)
    scaled = (found["signals"] * (1 + 0.1**2) ** 0.5 - quiet["signals"]).std()
    assert scaled == pytest.approx(0.1, rel=0.05)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n": 0}, r"^sounds: n should be an int of at least 1, got 0$"),
        ({"n": True}, r"^sounds: n should be an int of at least 1, got True$"),
        ({"size": 2047}, r"^sounds: size should be an int of at least 2048, got 2047$"),
        ({"noise": -1.0}, r"^sounds: noise should be at least 0 and finite, got -1.0$"),
        ({"noise": float("nan")}, r"^sounds: noise should be at least 0 and finite, got nan$"),
    ],
)
def test_what_is_refused(options, message):
    with pytest.raises(ValueError, match=message):
        load("sounds", **options)
