"""Suite `molecules/parity`: the same numbers as e3nn, case by case."""

from typing import Any

from geomdl.bench.parity import columns, measured, verdicts
from geomdl.bench.peers import find_peer
from geomdl.bench.registry import Context, suite
from geomdl.bench.results import Check, Column, SuiteResult, Table
from geomdl.bench.suites.molecules.parity_cases import cases, constants

ESTIMATE = 1e-2  # of e3nn's constants, from 10⁶ numbers
COLUMNS = columns("case", "Over the greatest number of e3nn's, which computes in float64.")
CONSTANTS = (
    Column("name", "activation"),
    Column("ours", "by quadrature", note="Gauss and Hermite, 100 nodes."),
    Column("theirs", "e3nn", note="From 10⁶ normal numbers."),
    Column("error", "relative difference", "scientific"),
)


def checks_of(rows: list[dict[str, Any]], moments: list[dict[str, Any]]) -> list[Check]:
    """Whether each type keeps its bound in all cases, and e3nn's constants are near ours."""
    most = max(row["error"] for row in moments)
    text = f"constants of gates: e3nn's estimates differ by {most:.1e} from ours (at most 1%)"
    holds = all(row["error"] <= ESTIMATE for row in moments)
    return [*verdicts(rows, "e3nn"), Check("constants", holds, text)]


@suite("molecules/parity", title="The same numbers as e3nn", weight=0.3)
def parity(context: Context) -> SuiteResult:
    """Compare harmonics, 3j symbols, products, linear maps and gates with e3nn.

    e3nn is a dependency, so that this runs without ``--peers`` too.

    Args:
        context: limits of the run, and how far it is.

    Returns:
        Differences, case by case, in float32 and float64.
    """
    found = cases()
    context.progress.stage("molecules/parity", len(found))
    rows = measured(found, context.progress)
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
