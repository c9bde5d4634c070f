"""Suite `graphs/parity`: the same numbers as torch_geometric, convolution by convolution."""

from geomdl.bench.parity import columns, measured, verdicts
from geomdl.bench.peers import find_peer
from geomdl.bench.registry import Context, suite
from geomdl.bench.results import SuiteResult, Table
from geomdl.bench.suites.graphs.parity_cases import cases

COLUMNS = columns(
    "convolution", "Of results and gradients, over PyG's greatest, which computes in float64."
)


@suite("graphs/parity", title="The same numbers as PyG", weight=0.3)
def parity(context: Context) -> SuiteResult:
    """Compare convolutions with those of torch_geometric, results and gradients.

    torch_geometric is a dependency, so that this runs without ``--peers`` too.

    Args:
        context: limits of the run, and how far it is.

    Returns:
        Differences, case by case, in float32 and float64.
    """
    found = cases()
    context.progress.stage("graphs/parity", len(found))
    rows = measured(found, context.progress)
    return SuiteResult(
        title="The same numbers as PyG",
        summary="Convolutions of torch_geometric against ours, which `interop.pyg.convert` makes of"
        " them, on a graph with repeated edges, loops and an isolated node: results and gradients.",
        tables=(Table("parity", COLUMNS, tuple(rows)),),
        checks=tuple(verdicts(rows, "PyG")),
        settings={"peer": find_peer(Context(peers=True), "torch_geometric")[1]},
    )
