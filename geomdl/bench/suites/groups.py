"""Suite `groups`: time of solving for equivariant linear maps, with the residual beside it."""

from typing import Any

from geomdl.bench.fresh import measure_fresh
from geomdl.bench.registry import Context, suite
from geomdl.bench.results import Check, Column, Figure, SuiteResult, Table
from geomdl.bench.statistics import quartiles, worst
from geomdl.bench.table import duration, scientific

LIMIT = 0.05  # seconds, cold
EXACT = 1e-12
ROUNDS = 7
CASES = {
    "D16: regular → regular": ("D16", "group.regular", "group.regular"),
    "S5: V⊗V → V⊗V⊗V, V standard": ("S5", "V @ V", "V @ V @ V"),
    "SO3: V⊗V → V⊗V, V standard": ("SO3", "V @ V", "V @ V"),
}
_CHILD = """
import json, time
import torch
import geomdl
torch.set_num_threads({threads})
small = geomdl.group("C3").regular
geomdl.intertwiners(small, small)  # loads what is loaded on first use
group = geomdl.group({group!r})
V = group.standard
r, s = {source}, {target}
start = time.perf_counter()
W = geomdl.intertwiners(r, s)
cold = time.perf_counter() - start
start = time.perf_counter()
geomdl.intertwiners(r, s)
warm = time.perf_counter() - start
g = group.sample(8, torch.Generator().manual_seed(1))
left = torch.einsum("bij,njk->bnik", s(g), W)
right = torch.einsum("nij,bjk->bnik", W, r(g))
error = float((left - right).abs().max())
print(json.dumps(dict(n=len(W), shape=[s.dim, r.dim], cold=cold, warm=warm, error=error)))
"""
_COLUMNS = (
    Column("name", "linear maps"),
    Column("shape", "size of a map"),
    Column("n", "dimension", "count", note="Number of independent equivariant maps."),
    Column(
        "cold",
        "first call",
        "milliseconds",
        note="In a fresh process, packages loaded, nothing of the group computed; median"
        " [quartiles] over processes.",
    ),
    Column("warm", "again", "milliseconds", note="The same call once more (from the cache)."),
    Column(
        "error",
        "residual",
        "scientific",
        note="Greatest |s(g) W - W r(g)| over all maps and 8 fresh random elements.",
    ),
)


def cold_call(group: str, source: str, target: str, threads: int) -> dict[str, Any]:
    """Solve one case in a fresh process.

    Args:
        group: its name.
        source: expression in `group` and `V = group.standard`.
        target: as source.
        threads: of torch.

    Returns:
        `n`, `shape`, seconds `cold` and `warm`, and the residual `error`.
    """
    return measure_fresh(_CHILD.format(group=group, source=source, target=target, threads=threads))


@suite("groups", title="Solving for equivariant linear maps", weight=1.0)
def groups(context: Context) -> SuiteResult:
    """Time `intertwiners`, cold, in fresh processes.

    Args:
        context: limits of the run.

    Returns:
        Times and residuals, and whether the cold calls keep within the limit.
    """
    import torch

    threads = torch.get_num_threads()
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in CASES}
    context.progress.stage("groups: intertwiners in fresh processes", ROUNDS)
    rounds = 0
    for i in range(ROUNDS):
        if i >= 2 and context.budget.used * (i + 1) / i > context.budget.seconds:
            break
        for name in list(CASES)[:: 1 if i % 2 == 0 else -1]:
            found[name].append(cold_call(*CASES[name], threads))
        rounds += 1
        context.progress.advance()
    rows, checks = [], []
    for name, runs in found.items():
        cold = quartiles([run["cold"] for run in runs])
        error = worst([run["error"] for run in runs])
        rows.append(
            {
                "name": name,
                "shape": "×".join(map(str, runs[0]["shape"])),
                "n": runs[0]["n"],
                "cold": vars(cold),
                "warm": vars(quartiles([run["warm"] for run in runs])),
                "error": error,
            }
        )
        text = (
            f"{name}: {runs[0]['n']} maps in {duration(cold.median)} (at most {duration(LIMIT)}),"
            f" residual {scientific(error)} (at most {scientific(EXACT)})"
        )
        checks.append(Check(name, cold.median <= LIMIT and error <= EXACT, text))
    return SuiteResult(
        title="Solving for equivariant linear maps",
        summary="All maps W with s(g) W = W r(g), from generators, on the first call.",
        tables=(Table("intertwiners", _COLUMNS, tuple(rows)),),
        figures=(
            Figure(
                "cold",
                "dots",
                "First call of intertwiners",
                "One dot a process; the large one is the median.",
                {
                    "rows": [
                        {"name": n.split(":")[0], "values": [run["cold"] for run in runs]}
                        for n, runs in found.items()
                    ],
                    "scale": 1e3,
                    "x_label": "milliseconds",
                    "unit": " ms",
                    "limit": {"value": 1e3 * LIMIT, "text": "limit"},
                },
            ),
        ),
        checks=tuple(checks),
        reduced=None
        if rounds == ROUNDS
        else f"{rounds} rounds instead of {ROUNDS}, to keep to the time budget",
        settings={"rounds": rounds, "threads": threads, "dtype": "float64"},
    )
