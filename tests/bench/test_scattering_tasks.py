"""Suites `scattering/sounds` and `scattering/rotation`: oracles, verdicts and small runs."""

import math

import pytest
import torch

from geomdl import bench
from geomdl.bench import Context
from geomdl.bench.suites.images.angles import ANGLES, EXACT
from geomdl.bench.suites.scattering import rotation, sounds, texture
from geomdl.data import load
from geomdl.data.sounds import SOUNDS
from geomdl.scattering import RotoTranslationScattering, ScatteringSpectra


# --- sounds ---------------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def known():
    return sounds.extractors()


def test_only_joint_scattering_sees_the_direction_of_a_chirp(known):
    """Reversed time: exact but for what is subsampled."""
    rng = torch.Generator().manual_seed(0)
    x = SOUNDS["fast rising chirps"](sounds.SIZE, rng).to(torch.float32)[None]
    change = {}
    for name, extract in known.items():
        y, z = extract(x), extract(x.flip(-1))
        change[name] = float((y - z).norm() / y.norm())
    assert all(change[name] <= 2e-3 for name in sounds.NAMES if name != sounds.JOINT)
    assert change[sounds.JOINT] > 0.1


def test_mel_is_the_power_of_the_wavelets_at_positive_frequencies(known):
    n = sounds.SIZE
    x = torch.randn(2, n, generator=torch.Generator().manual_seed(0))
    psi = sounds.bank_1d(n, sounds.J, sounds.Q, 2**sounds.J).psi.reshape(-1, n).clone()
    psi[:, n // 2 + 1 :] = 0
    power = torch.fft.ifft(torch.fft.fft(x.double())[:, None] * psi).abs().square().sum(-1)
    assert (known[sounds.MEL](x) / power - 1).abs().max() <= 1e-5


def test_logarithms_stand_on_a_floor_of_the_training_samples():
    x = torch.tensor([[2.0, 0.0], [0.0, 4.0], [100.0, 0.0]])
    found = sounds.features(lambda part: part, x, 2)
    assert found[2, 0].item() == pytest.approx(math.log(100 + 1e-3))
    assert found[2, 1].item() == pytest.approx(math.log(2e-3))


def test_answers_that_are_wrong_in_one_way_or_another():
    labels = torch.tensor([0, 1, 2, 3, 4, 5])
    found = sounds.errors_of(torch.tensor([2, 0, 2, 4, 5, 5]), labels)
    assert found == {"test": pytest.approx(4 / 6), "direction": 0.5, "texture": 0.5}


def runs(test, direction, texture):
    return [
        {"test": test + d, "direction": direction + d, "texture": texture + 2 * d}
        for d in (0.0, 0.01, -0.01)
    ]


@pytest.mark.parametrize(
    ("second", "joint", "verdicts"),
    [
        (runs(0.3, 0.5, 0.1), runs(0.1, 0.0, 0.1), [True, True, True]),
        (runs(0.3, 0.5, 0.8), runs(0.1, 0.0, 0.1), [False, True, True]),
        (runs(0.7, 0.5, 0.1), runs(0.1, 0.0, 0.1), [True, False, True]),
        (runs(0.3, 0.5, 0.1), runs(0.1, 0.5, 0.1), [True, True, False]),
        (
            runs(0.3, 0.5, 0.1),
            [*runs(0.1, 0.1, 0.1)[:2], *runs(1, 1, 1)[:1]],
            [True, True, False],
        ),
    ],
)
def test_verdicts_on_sounds(second, joint, verdicts):
    found = {sounds.FOURIER: runs(0.7, 0.5, 0.8), sounds.SECOND: second, sounds.JOINT: joint}
    assert [check.holds for check in sounds.checks_of(found)] == verdicts


def test_a_signal_with_its_phases_drawn_anew_keeps_its_power_and_loses_its_clicks():
    x = SOUNDS["random clicks"](4096, torch.Generator().manual_seed(0))
    y = texture.shuffled(x, torch.Generator().manual_seed(1))
    spectra = ScatteringSpectra(4, 4096).double()
    assert torch.allclose(spectra(x).power, spectra(y).power, rtol=1e-10)
    assert texture.error_of(spectra, x, y) > 0.1
    assert texture.error_of(spectra, x, x) == 0
    assert texture.error_of(spectra, x, 0 * x) == pytest.approx(1)
    assert texture.kurtosis(x) > 30 and texture.kurtosis(y) == pytest.approx(3, abs=0.3)


@pytest.mark.parametrize(("error", "holds"), [(0.01, True), (0.03, False), (math.nan, False)])
def test_a_synthesis_has_to_come_nearer_than_the_spectrum(error, holds):
    (check,) = texture.checks_of({texture.SYNTHESISED: error, texture.SHUFFLED: 0.4})
    assert check.holds == holds


def test_the_smallest_run_of_sounds_is_whole(monkeypatch, tmp_path):
    monkeypatch.setattr(sounds, "TRAIN", 36)
    monkeypatch.setattr(sounds, "TEST", 18)
    name = "scattering/sounds"
    found = bench.run([name], budget=0.1, seeds=2, out=tmp_path).suites[name]
    assert "1 instead of 2 seeds, 3 instead of 200 steps of synthesis" in found.reduced
    assert found.checks == () and "one seed only" in found.notes[0]
    assert [row["name"] for row in found.tables[0].rows] == list(sounds.NAMES)
    for figure in ("errors", "synthesis"):
        assert (tmp_path / f"scattering_sounds_{figure}.png").is_file()


def test_synthesis_in_full_and_what_the_classifiers_reach(monkeypatch):
    monkeypatch.setattr(texture, "STEPS", 30)
    made = texture.synthesise(Context())
    distances = {row["name"]: row["distance"] for row in made.table.rows}
    assert distances[texture.SYNTHESISED] < 0.3 * distances[texture.SHUFFLED]
    assert made.reduced is None and len(made.checks) == 1
    loaded = load("sounds", n=180)
    extract = sounds.extractors()[sounds.SECOND]
    x, y = sounds.features(extract, loaded["signals"], 90), loaded["labels"]
    errors = sounds.errors_of(sounds.fit_linear(x[:90], y[:90])(x[90:]), y[90:])
    assert errors["texture"] < 0.3  # of guessing: 0.8
    assert 0.25 < errors["direction"] < 0.75


# --- rotation -------------------------------------------------------------------------------------
@pytest.mark.parametrize(("L", "exact"), [(2, True), (4, True), (3, False)])
def test_quarter_turns_are_exact_with_an_even_number_of_directions(L, exact):
    transform = RotoTranslationScattering(2, (21, 21), L).double()
    (error,) = rotation.changes(transform, (90,), 0, size=21)
    assert (error <= EXACT) == exact
    assert exact or error > 1e-6


def test_plain_scattering_is_averaged_over_places_and_sees_rotations(monkeypatch):
    monkeypatch.setattr(rotation, "DIRECTIONS", (4,))
    known = rotation.transforms(21)
    x = rotation.inputs(21, rotation.WIDTH, 0.0, 0)[:2]
    plain = rotation.Scattering2D(rotation.J, (21, 21), 4).double()
    assert torch.equal(known[rotation.PLAIN, 4](x), plain(x[:, 0]).mean((-2, -1)))
    (seen,) = rotation.changes(known[rotation.PLAIN, 4], (90,), 0, size=21)
    assert seen > 0.05


@pytest.mark.parametrize(
    ("quarter", "share", "verdicts"),
    [
        (1e-15, 0.05, [True, True]),
        (1e-10, 0.05, [False, True]),
        (1e-15, 0.2, [True, False]),
        (math.nan, 0.05, [False, False]),
    ],
)
def test_verdicts_on_rotations(quarter, share, verdicts):
    some = [share * 0.1] * (len(ANGLES) - 1)
    found = {
        (rotation.PLAIN, 4): [[0.1] * len(ANGLES)] * 2,
        (rotation.ROTO, 4): [[*some, 1e-16], [*some, quarter]],
    }
    assert [check.holds for check in rotation.checks_of(found)] == verdicts


def test_the_smallest_run_of_rotations_is_whole(monkeypatch, tmp_path):
    monkeypatch.setattr(rotation, "DIRECTIONS", (2, 4))
    name = "scattering/rotation"
    found = bench.run([name], budget=0.1, seeds=2, out=tmp_path).suites[name]
    assert "1 instead of 2 seeds, to keep to the time budget" in found.reduced
    assert [(row["name"], row["L"]) for row in found.tables[0].rows] == [
        (name, L) for L in (2, 4) for name in (rotation.PLAIN, rotation.ROTO)
    ]
    assert found.checks[0].holds
    assert (tmp_path / "scattering_rotation_rotation.png").is_file()
