"""Suite `graphs/parity`: the same numbers as torch_geometric, convolution by convolution."""

import math
from typing import Any

import torch

from geomdl.bench.peers import find_peer
from geomdl.bench.registry import Context, suite
from geomdl.bench.results import Check, Column, SuiteResult, Table
from geomdl.bench.suites.graphs.parity_cases import cases

BOUNDS = {torch.float32: 1e-6, torch.float64: 1e-12}
COLUMNS = (
    Column("name", "convolution"),
    Column("dtype", "type"),
    Column(
        "error", "greatest difference", "scientific",
        note="Of results and gradients, over PyG's greatest, which computes in float64.",
    ),
    Column("bound", "bound", "scientific"),
)  # fmt: skip


def measured(progress: Any) -> list[dict[str, Any]]:
    """Every case in both types."""
    rows: list[dict[str, Any]] = []
    found = cases()
    progress.stage("graphs/parity", len(found))
    for case in found:
        for dtype, bound in BOUNDS.items():
            name = str(dtype).removeprefix("torch.")
            row = {"name": case.name, "dtype": name, "error": case.error(dtype), "bound": bound}
            rows.append(row)
        progress.advance()
    return rows


def checks_of(rows: list[dict[str, Any]]) -> list[Check]:
    """Whether each type keeps its bound in all cases; a NaN does not."""
    checks = []
    for dtype, bound in BOUNDS.items():
        name = str(dtype).removeprefix("torch.")
        some = [row for row in rows if row["dtype"] == name]
        worst = max(some, key=lambda row: math.inf if math.isnan(row["error"]) else row["error"])
        text = (
            f"{name}: at most {worst['error']:.1e} from PyG in {len(some)} cases, {worst['name']}"
            f" (at most {bound:.0e})"
        )
        checks.append(Check(name, all(row["error"] <= bound for row in some), text))
    return checks


@suite("graphs/parity", title="The same numbers as PyG", weight=0.3)
def parity(context: Context) -> SuiteResult:
    """Compare convolutions with those of torch_geometric, results and gradients.

    torch_geometric is a dependency, so that this runs without ``--peers`` too.

    Args:
        context: limits of the run, and how far it is.

    Returns:
        Differences, case by case, in float32 and float64.
    """
    rows = measured(context.progress)
    return SuiteResult(
        title="The same numbers as PyG",
        summary="Convolutions of torch_geometric against ours, which `interop.pyg.convert` makes of"
        " them, on a graph with repeated edges, loops and an isolated node: results and gradients.",
        tables=(Table("parity", COLUMNS, tuple(rows)),),
        checks=tuple(checks_of(rows)),
        settings={"peer": find_peer(Context(peers=True), "torch_geometric")[1]},
    )
