"""Suite `molecules/parity`: the same numbers as e3nn, case by case."""

import math
from typing import Any

import torch

from geomdl.bench.peers import find_peer
from geomdl.bench.registry import Context, suite
from geomdl.bench.results import Check, Column, SuiteResult, Table
from geomdl.bench.suites.molecules.parity_cases import cases, constants

BOUNDS = {torch.float32: 1e-6, torch.float64: 1e-12}
ESTIMATE = 1e-2  # of e3nn's constants, from 10⁶ numbers
COLUMNS = (
    Column("name", "case"),
    Column("dtype", "type"),
    Column(
        "error", "greatest difference", "scientific",
        note="Over the greatest number of e3nn's, which computes in float64.",
    ),
    Column("bound", "bound", "scientific"),
)  # fmt: skip
CONSTANTS = (
    Column("name", "activation"),
    Column("ours", "by quadrature", note="Gauss and Hermite, 100 nodes."),
    Column("theirs", "e3nn", note="From 10⁶ normal numbers."),
    Column("error", "relative difference", "scientific"),
)


def measured(progress: Any) -> list[dict[str, Any]]:
    """Every case in both types."""
    rows: list[dict[str, Any]] = []
    found = cases()
    progress.stage("molecules/parity", len(found))
    for case in found:
        for dtype, bound in BOUNDS.items():
            name = str(dtype).removeprefix("torch.")
            row = {"name": case.name, "dtype": name, "error": case.error(dtype), "bound": bound}
            rows.append(row)
        progress.advance()
    return rows


def checks_of(rows: list[dict[str, Any]], moments: list[dict[str, Any]]) -> list[Check]:
    """Whether each type keeps its bound in all cases; a NaN does not."""
    checks = []
    for dtype, bound in BOUNDS.items():
        name = str(dtype).removeprefix("torch.")
        some = [row for row in rows if row["dtype"] == name]
        worst = max(some, key=lambda row: math.inf if math.isnan(row["error"]) else row["error"])
        text = (
            f"{name}: at most {worst['error']:.1e} from e3nn in {len(some)} cases, {worst['name']}"
            f" (at most {bound:.0e})"
        )
        checks.append(Check(name, all(row["error"] <= bound for row in some), text))
    most = max(row["error"] for row in moments)
    text = f"constants of gates: e3nn's estimates differ by {most:.1e} from ours (at most 1%)"
    holds = all(row["error"] <= ESTIMATE for row in moments)
    return [*checks, Check("constants", holds, text)]


@suite("molecules/parity", title="The same numbers as e3nn", weight=0.3)
def parity(context: Context) -> SuiteResult:
    """Compare harmonics, 3j symbols, products, linear maps and gates with e3nn.

    e3nn is a dependency, so that this runs without ``--peers`` too.

    Args:
        context: limits of the run, and how far it is.

    Returns:
        Differences, case by case, in float32 and float64.
    """
    rows = measured(context.progress)
    moments: list[dict[str, Any]] = [
        {
            "name": name,
            "ours": f"{ours:.6f}",
            "theirs": f"{theirs:.6f}",
            "error": abs(theirs / ours - 1),
        }
        for name, (ours, theirs) in constants().items()
    ]
    return SuiteResult(
        title="The same numbers as e3nn",
        summary="Harmonics, 3j symbols, tensor products, linear maps and gates against e3nn's,"
        " whose weights are converted by `interop.e3nn`. e3nn takes the constants of its gates from"
        " random numbers; gates are compared with these, which the second table holds to ours.",
        tables=(
            Table("parity", COLUMNS, tuple(rows)),
            Table("constants", CONSTANTS, tuple(moments), "Constants of second moments"),
        ),
        checks=tuple(checks_of(rows, moments)),
        settings={"peer": find_peer(Context(peers=True), "e3nn")[1]},
    )
