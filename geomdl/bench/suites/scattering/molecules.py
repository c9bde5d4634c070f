"""Suite `scattering/molecules`: energies of QM9 from solid harmonic scattering."""

import math
import time
from itertools import islice
from typing import Any

import torch
from torch import Tensor

from geomdl import data
from geomdl.bench.budget import affordable
from geomdl.bench.registry import Context, suite
from geomdl.bench.results import Check, Column, SuiteResult, Table
from geomdl.bench.statistics import mean_sd, paired_interval
from geomdl.bench.suites.learning import Errors, columns_of, figure_of, no_errors, rows_of
from geomdl.bench.suites.scattering import densities
from geomdl.bench.suites.scattering.regression import PRODUCTS, composition, ridge

MOLECULES, LEAST = 5000, 5  # LEAST: batches
COUNTS = (250, 500, 1000, 2000, 4000)
KCAL = 23.060548  # kcal/mol, of 1 eV
PLAIN, OURS, BILINEAR = "composition", "scattering + linear", "scattering + bilinear"
NAMES = (PLAIN, OURS, BILINEAR)
TITLE = "Energies of molecules"


def transformed(context: Context, numbers: Tensor, positions: Tensor) -> Tensor:
    """Features of as many molecules as two thirds of the time allow, the first ones."""
    batches = densities.features(numbers, positions)
    rows = [next(batches)]  # compiles what is compiled on first use
    begin = time.perf_counter()
    rows += [next(batches)]
    cost = {"batch": time.perf_counter() - begin}
    most = math.ceil(len(numbers) / densities.BATCH)
    most = affordable(context.budget.left * 2 / 3, cost, repeats=1, most=most, least=LEAST)
    context.progress.stage("scattering/molecules: transforms", most)
    for batch in islice(batches, most - len(rows)):
        rows.append(batch)
        context.progress.advance()
    return torch.cat(rows)


def measure(x: Tensor, counts: Tensor, y: Tensor, train: Tensor, test: Tensor) -> dict[str, float]:
    """Mean absolute errors on the test molecules, in the unit of y."""
    found = {
        PLAIN: composition(counts, y, train),
        OURS: ridge(x, counts, y, train),
        BILINEAR: ridge(x, counts, y, train, products=PRODUCTS),
    }
    return {name: float((z - y)[test].abs().mean()) for name, z in found.items()}


@suite("scattering/molecules", title=TITLE, weight=4.0, seeds=5)
def energies(context: Context) -> SuiteResult:
    """Predict the energies of QM9 by ridge regression on scattering coefficients.

    Args:
        context: limits of the run.

    Returns:
        Mean absolute errors by the number of training molecules.
    """
    try:
        loaded = data.load("qm9", root=context.root, n=MOLECULES)
    except FileNotFoundError as error:
        note = f"Nothing was measured. {error}."
        return SuiteResult(title=TITLE, summary=note, notes=(note,))
    x = transformed(context, loaded["numbers"], loaded["positions"])
    counts = densities.counts_of(loaded["numbers"])[: len(x)]
    y = KCAL * loaded["energy"][: len(x)]
    known = len(x) - len(x) // 5
    sizes = tuple(dict.fromkeys((*(n for n in COUNTS if n < known), min(known, COUNTS[-1]))))
    errors = no_errors(NAMES, sizes)
    context.progress.stage("scattering/molecules: regression", context.seeds * len(sizes))
    done, begin = 0, time.perf_counter()
    for seed in range(context.seeds):
        if done and (time.perf_counter() - begin) / done > context.budget.left:
            break
        order = torch.randperm(len(x), generator=torch.Generator().manual_seed(seed))
        for size in sizes:
            found = measure(x, counts, y, order[:size], order[known:])
            for name in NAMES:
                errors[name][size].append(found[name])
            context.progress.advance(f"{size}: {found[OURS]:.1f} kcal/mol")
        done += 1
    few = verdict_of(sizes[-1], done)
    return SuiteResult(
        title=TITLE,
        summary="Internal energies at 0 K of QM9, on test molecules drawn by the seed. Gaussians at"
        " the nuclei, weighted by nuclear, valence and core charges, in solid harmonic scattering;"
        " then ridge regression with leave-one-out errors, on the coefficients, or on them and the"
        f" products of their first {PRODUCTS} principal components. All have the counts of atoms,"
        " unpenalised; composition has nothing else.",
        tables=(Table("errors", _columns(), tuple(_rows(errors)), "Mean absolute error"),),
        figures=(
            figure_of(
                errors, "errors", title="Mean absolute error", label="error, kcal/mol"
            ),
        ),
        checks=() if few else tuple(checks_of(errors)),
        notes=(few,) if few else (),
        reduced=reduced_by(len(x), done, context.seeds),
        settings={
            "data": "qm9", "molecules": len(x), "test molecules": len(x) - known,
            "J": densities.J, "L": densities.L, "voxels": "×".join(map(str, densities.SHAPE)),
            "voxel": f"{densities.SPACING} Å", "features": x.shape[1], "seeds": list(range(done)),
            "dtype": "float32 transforms, float64 regression",
        },
    )  # fmt: skip


def reduced_by(molecules: int, done: int, seeds: int) -> str | None:
    """How this is less than the whole."""
    parts = [f"{molecules} instead of {MOLECULES} molecules"] * (molecules < MOLECULES)
    parts += [f"{done} instead of {seeds} seeds"] * (done < seeds)
    return ", ".join(parts) + ", to keep to the time budget" if parts else None


def verdict_of(most: int, seeds: int) -> str | None:
    """Why there is no verdict; None where there is."""
    if most < COUNTS[0]:
        return f"No verdict: {most} training molecules, fewer than {COUNTS[0]}."
    return "No verdict: one seed only." if seeds < 2 else None


def checks_of(errors: Errors) -> list[Check]:
    """Whether scattering beats the counts of atoms: the paired 95 % interval is above zero."""
    checks = []
    for name in (OURS, BILINEAR):
        gaps = {n: paired_interval(a, errors[name][n]) for n, a in errors[PLAIN].items()}
        text = "; ".join(
            f"{gap.mean:.1f} kcal/mol [{gap.low:.1f}, {gap.high:.1f}] with {n:,}"
            for n, gap in gaps.items()
        )
        holds = all(gap.low > 0 for gap in gaps.values())
        said = f"{name} errs less than {PLAIN} (paired 95 % interval over the seeds): {text}"
        checks.append(Check(name, holds, said))
    return checks


def _columns() -> tuple[Column, ...]:
    note = "kcal/mol, on test molecules, over the seeds."
    columns = columns_of(NAMES, PLAIN, OURS, kind="scientific", gain="scientific", note=note)
    volts = Column("volts", f"{OURS}, eV", "scientific", note="The same error in eV.")
    return (*columns, volts)


def _rows(errors: Errors) -> list[dict[str, Any]]:
    volts = [mean_sd([e / KCAL for e in found]) for found in errors[OURS].values()]
    rows = rows_of(errors, PLAIN, OURS)
    return [{**row, "volts": vars(v)} for row, v in zip(rows, volts, strict=True)]
