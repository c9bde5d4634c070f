"""Suite `scattering/rotation`: change of the coefficients when images are turned exactly."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from geomdl.bench.registry import Context, suite
from geomdl.bench.results import Check, Column, Figure, SuiteResult, Table
from geomdl.bench.statistics import mean_sd, worst
from geomdl.bench.suites.images.angles import EXACT
from geomdl.bench.suites.images.errors import inputs, relative
from geomdl.bench.suites.images.trained import ANGLES
from geomdl.scattering import RotoTranslationScattering, Scattering2D

SIZE, WIDTH, J, IMAGES = 33, 2.0, 2, 8
DIRECTIONS = (4, 8, 16)
ROTO, PLAIN = "roto-translation", "plain"
SHARE = 0.1  # of the change of plain scattering
COLUMNS = (
    Column("name", "scattering"),
    Column("L", "L", "count", note="Directions in the half circle."),
    *(
        Column(
            f"a{angle}", f"{angle}°", "scientific",
            note="Change of the coefficients, relative to their variation over the images; over"
            " the seeds.",
        )
        for angle in ANGLES[:-1]
    ),
    Column("a90", "90°", "scientific", note="The same; greatest over the seeds."),
)  # fmt: skip

Transform = Callable[[Tensor], Tensor]


def transforms(size: int = SIZE) -> dict[tuple[str, int], Transform]:
    """Name and L -> images (batch, 1, size, size) to numbers (batch, paths), float64.

    Those of plain scattering are averaged over the image, and keep their directions.
    """
    found: dict[tuple[str, int], Transform] = {}
    for L in DIRECTIONS:
        found[PLAIN, L] = _averaged(Scattering2D(J, (size, size), L).double())
        found[ROTO, L] = RotoTranslationScattering(J, (size, size), L).double()
    return found


def _averaged(scattering: Scattering2D) -> Transform:
    def transform(x: Tensor) -> Tensor:
        found: Tensor = scattering(x[:, 0]).mean((-2, -1))
        return found

    return transform


def changes(
    transform: Transform, angles: Sequence[float], seed: int, size: int = SIZE
) -> list[float]:
    """Change of the coefficients under rotations, relative to their variation over the images.

    Args:
        transform: one of `transforms`.
        angles: degrees.
        seed: of the images.
        size: pixels along each axis.
    """
    with torch.no_grad():
        y, *turned = (transform(inputs(size, WIDTH, float(a), seed)[:IMAGES]) for a in (0, *angles))
    return [relative(z, y) for z in turned]


@suite("scattering/rotation", title="Scattering under rotations", weight=1.0)
def rotation(context: Context) -> SuiteResult:
    """Turn images given by formulas, and see how much the coefficients change.

    Args:
        context: limits of the run.

    Returns:
        Changes by angle, transform and number of directions.
    """
    known = transforms()
    found: dict[tuple[str, int], list[list[float]]] = {case: [] for case in known}
    context.progress.stage("scattering/rotation", context.seeds * len(known))
    done = 0
    for seed in range(context.seeds):
        if seed and context.budget.used / seed > context.budget.left:
            break
        for case, transform in known.items():
            found[case].append(changes(transform, ANGLES, seed))
            context.progress.advance(f"{case[0]}, L = {case[1]}")
        done = seed + 1
    few = f"{done} instead of {context.seeds} seeds, to keep to the time budget"
    return SuiteResult(
        title="Scattering under rotations",
        summary="Images are sums of oriented Gaussian blobs under a radial window, computed anew at"
        " every angle, so that nothing is resampled. Nothing is trained.",
        tables=(Table("rotation", COLUMNS, tuple(rows_of(found))),),
        figures=(_figure(found),),
        checks=tuple(checks_of(found)),
        reduced=few if done < context.seeds else None,
        settings={
            "image": f"{SIZE}×{SIZE}", "images": IMAGES, "width of the blobs": WIDTH, "J": J,
            "seeds": list(range(done)), "dtype": "float64",
        },
    )  # fmt: skip


Found = Mapping[tuple[str, int], Sequence[Sequence[float]]]


def rows_of(found: Found) -> list[dict[str, Any]]:
    """Rows of the table."""
    rows = []
    for (name, L), runs in found.items():
        row: dict[str, Any] = {"name": name, "L": L}
        by_angle = dict(zip(ANGLES, zip(*runs, strict=True), strict=True))
        row |= {f"a{angle}": vars(mean_sd(by_angle[angle])) for angle in ANGLES[:-1]}
        rows.append({**row, "a90": worst(by_angle[90])})
    return rows


def checks_of(found: Found) -> list[Check]:
    """Whether quarter turns are exact, and every other angle changes less than with plain ones."""
    roto = {L: runs for (name, L), runs in found.items() if name == ROTO}
    error = worst([run[-1] for runs in roto.values() for run in runs])
    text = (
        f"{ROTO}: rotations by 90° change the coefficients by {error:.1e} (at most {EXACT:g}),"
        f" L = {', '.join(map(str, roto))}"
    )
    checks = [Check("90°", error <= EXACT, text)]
    for L, runs in roto.items():
        shares = [
            a / b
            for run, plain in zip(runs, found[PLAIN, L], strict=True)
            for a, b in zip(run, plain, strict=True)
        ]
        text = (
            f"L = {L}: {ROTO} changes by at most {worst(shares):.2g} of what {PLAIN} scattering"
            f" does, at any angle (at most {SHARE:g})"
        )
        checks.append(Check(f"all angles, {L}", worst(shares) <= SHARE, text))
    return checks


def _figure(found: Found) -> Figure:
    return Figure(
        "rotation",
        "curves",
        "Change under rotations",
        "Relative to the variation over the images; mean over the seeds, bands from the least to"
        " the greatest. Exact 90° is left out.",
        {
            "x": ANGLES[:-1],
            "x_label": "angle",
            "x_unit": "°",
            "ticks": ANGLES[:-1],
            "y_label": "change of the coefficients",
            "log": True,
            "series": [
                {"name": f"{name}, L = {L}", "values": [run[:-1] for run in runs]}
                for (name, L), runs in found.items()
            ],
        },
    )
