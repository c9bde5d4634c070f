"""Suite `scattering/sounds`: chirps and textures told apart, and a texture synthesised."""

import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor

from geomdl import data
from geomdl.bench.registry import Context, suite
from geomdl.bench.results import Check, Column, Figure, SuiteResult, Table
from geomdl.bench.statistics import mean_sd, paired_interval
from geomdl.bench.suites.scattering import texture
from geomdl.bench.suites.scattering.small_data import fit_linear
from geomdl.data.sounds import CHIRPS, SOUNDS
from geomdl.scattering import Scattering1D, TimeFrequencyScattering, bank_1d

SIZE, TRAIN, TEST = 4096, 270, 270
J, Q, BATCH = 8, 4, 30
FLOOR = 1e-3  # of a coefficient's mean, under the logarithm
FOURIER, MEL, FIRST, SECOND, JOINT = (
    "Fourier modulus", "mel", "scattering, order 1", "scattering, order 2", "joint scattering",
)  # fmt: skip
NAMES = (FOURIER, MEL, FIRST, SECOND, JOINT)
KINDS = ("test", "direction", "texture")
COLUMNS = (
    Column("name", "features, then linear"),
    Column("numbers", "numbers", "count"),
    Column("test", "test error", "percent", "lower", "Share of wrong answers, over the seeds."),
    Column(
        "direction", "direction", "percent", "lower",
        "Share of the chirps whose answer is no chirp of their direction: half by guessing.",
    ),
    Column(
        "texture", "textures", "percent", "lower",
        "Share of the textures with a wrong answer: four fifths by guessing.",
    ),
)  # fmt: skip

Found = Mapping[str, Sequence[Mapping[str, float]]]
"""Name of the features -> errors of each seed."""


def extractors(size: int = SIZE) -> dict[str, Callable[[Tensor], Tensor]]:
    """Name -> signals (n, size) to numbers (n, …), not negative: all of them averages over time."""
    first = Scattering1D(J, size, Q, order=1, padding="periodic")
    second = Scattering1D(J, size, Q, padding="periodic")
    joint = TimeFrequencyScattering(J, size, Q, J_fr=2, padding="periodic")
    psi = bank_1d(size, J, Q, 2**J).psi.reshape(-1, size)[:, : size // 2 + 1]

    def mel(x: Tensor) -> Tensor:
        power = torch.fft.rfft(x).abs().square() / size
        found: Tensor = power @ psi.to(x.dtype).square().T
        return found

    def averaged(scattering: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
        return scattering(x).mean(-1).flatten(1)

    return {
        FOURIER: lambda x: torch.fft.rfft(x).abs(),
        MEL: mel,
        **{
            name: partial(averaged, scattering)
            for name, scattering in ((FIRST, first), (SECOND, second), (JOINT, joint))
        },
    }


def features(extract: Callable[[Tensor], Tensor], x: Tensor, train: int) -> Tensor:
    """Logarithms of the numbers, above a floor relative to their means over the first samples."""
    with torch.no_grad():
        found = torch.cat([extract(part) for part in x.split(BATCH)])
    floor = FLOOR * found[:train].abs().mean(0)
    return (found.abs() + floor).log()


def errors_of(answers: Tensor, labels: Tensor) -> dict[str, float]:
    """Share of wrong answers, of wrong directions of chirps, and of wrong textures.

    Example:
        >>> errors_of(torch.tensor([0, 3, 2, 4, 8]), torch.tensor([0, 1, 3, 4, 7]))["test"]
        0.6
    """
    chirps = labels < CHIRPS
    right = answers == labels
    aligned = (answers < CHIRPS) & (answers % 2 == labels % 2)
    return {
        "test": 1 - float(right.double().mean()),
        "direction": 1 - float(aligned[chirps].double().mean()),
        "texture": 1 - float(right[~chirps].double().mean()),
    }


@suite("scattering/sounds", title="Chirps and textures", weight=3.0, seeds=5)
def chirps_and_textures(context: Context) -> SuiteResult:
    """Tell sounds apart by linear classifiers, and synthesise one of them.

    Args:
        context: limits of the run.

    Returns:
        Test errors by features, and distances of statistics.
    """
    made = texture.synthesise(context)
    known = extractors()
    found: dict[str, list[dict[str, float]]] = {name: [] for name in NAMES}
    numbers: dict[str, int] = {}
    context.progress.stage("scattering/sounds: classification", context.seeds * len(NAMES))
    done, begin = 0, time.perf_counter()
    for seed in range(context.seeds):
        if done and (time.perf_counter() - begin) / done > context.budget.left:
            break
        loaded = data.load("sounds", n=TRAIN + TEST, size=SIZE, seed=seed)
        y = loaded["labels"]
        for name, extract in known.items():
            x = features(extract, loaded["signals"], TRAIN)
            answers = fit_linear(x[:TRAIN], y[:TRAIN])(x[TRAIN:])
            found[name].append(errors_of(answers, y[TRAIN:]))
            numbers[name] = x.shape[1]
            context.progress.advance(f"{name}: {100 * found[name][-1]['test']:.1f} %")
        done += 1
    few = f"{done} instead of {context.seeds} seeds" if done < context.seeds else None
    parts = [part for part in (few, made.reduced) if part]
    return SuiteResult(
        title="Chirps and textures",
        summary=f"{len(SOUNDS)} classes of signals of {SIZE:,} samples: within the chirps of a"
        " rate, and within the textures, power spectra coincide. Features are averages over time,"
        f" in logarithms, then logistic regression on {TRAIN} of them. Synthesis by gradient"
        " descent on scattering spectra.",
        tables=(
            Table("errors", COLUMNS, tuple(rows_of(found, numbers)), "Test error"),
            made.table,
        ),
        figures=(_figure(found), made.figure),
        checks=(*(checks_of(found) if done > 1 else ()), *made.checks),
        notes=("No verdict on the test error: one seed only.",) if done < 2 else (),
        reduced=", ".join(parts) + ", to keep to the time budget" if parts else None,
        settings={
            "data": "sounds", "training samples": TRAIN, "test samples": TEST, "J": J, "Q": Q,
            "seeds": list(range(done)), "dtype": "float32", **made.settings,
        },
    )  # fmt: skip


def rows_of(found: Found, numbers: Mapping[str, int]) -> list[dict[str, Any]]:
    """Rows of the table of errors."""
    return [
        {
            "name": name,
            "numbers": numbers[name],
            **{kind: vars(mean_sd([run[kind] for run in runs])) for kind in KINDS},
        }
        for name, runs in found.items()
    ]


def checks_of(found: Found) -> list[Check]:
    """Whether order 2 beats the Fourier modulus, and joint scattering order 2.

    That is: the paired 95 % interval over the seeds lies above zero.
    """
    checks = []
    for better, worse, kind, word in (
        (SECOND, FOURIER, "texture", "on textures"),
        (SECOND, FOURIER, "test", "in all"),
        (JOINT, SECOND, "direction", "on the direction of chirps"),
    ):
        a, b = ([run[kind] for run in found[name]] for name in (worse, better))
        gap = paired_interval(a, b)
        text = (
            f"{word}, {better} errs less than {worse} by {100 * gap.mean:.1f} points"
            f" [{100 * gap.low:.1f}, {100 * gap.high:.1f}: paired 95 % interval over the seeds]"
        )
        checks.append(Check(f"{better}, {kind}", gap.low > 0, text[0].upper() + text[1:]))
    return checks


def _figure(found: Found) -> Figure:
    return Figure(
        "errors",
        "dots",
        "Test error",
        "One dot a seed; the large dot is their median.",
        {
            "x_label": "test error",
            "unit": " %",
            "scale": 100,
            "rows": [{"name": n, "values": [r["test"] for r in runs]} for n, runs in found.items()],
        },
    )
