"""Suite `import`: what `import geomdl` costs beyond `import torch`."""

from collections.abc import Callable
from typing import Any

from geomdl.bench.fresh import run_fresh
from geomdl.bench.registry import Context, suite
from geomdl.bench.results import Check, Column, Figure, SuiteResult, Table
from geomdl.bench.statistics import quartiles
from geomdl.bench.timing import compare

LIMIT = 0.3  # seconds beyond torch
ROUNDS = 9
CASES = {
    "import torch": "import torch",
    "import torch, geomdl": "import torch, geomdl",
    "and every public name": "import torch, geomdl; [getattr(geomdl, n) for n in geomdl.__all__]",
}
_COLUMNS = (
    Column("name", "in a fresh interpreter"),
    Column("time", "time", "seconds", note="Wall time of the whole process; median [quartiles]."),
    Column(
        "extra",
        "beyond torch",
        "seconds",
        note="Difference to `import torch` within a round; median [quartiles].",
    ),
)


def interpreter(code: str) -> Callable[[], object]:
    """A callable that runs code in a fresh interpreter which finds this geomdl.

    Args:
        code: Python.

    Returns:
        The callable; it raises where the code fails.
    """
    return lambda: run_fresh(code)


@suite("import", title="What import geomdl costs", weight=1.0)
def startup(context: Context) -> SuiteResult:
    """Time `import geomdl` against `import torch` in fresh interpreters, alternated.

    Args:
        context: limits of the run.

    Returns:
        Times, and whether the median cost beyond torch keeps within the limit.
    """
    context.progress.stage("import: fresh interpreters", 1)
    things = {name: interpreter(code) for name, code in CASES.items()}
    timing = compare(
        things, rounds=ROUNDS, warmup=1, least=1e-9, limit=0.8 * context.budget.seconds
    )
    context.progress.advance()
    base = timing.seconds[timing.baseline]
    rows: list[dict[str, Any]] = []
    extras: dict[str, list[float]] = {}
    for name in CASES:
        extra = [t - b for t, b in zip(timing.seconds[name], base, strict=True)]
        extras[name] = extra
        row = {"name": name, "time": vars(timing.time(name))}
        rows.append({**row, "extra": None if name == timing.baseline else vars(quartiles(extra))})
    cost = quartiles(extras["import torch, geomdl"])
    text = (
        f"`import geomdl` costs {cost.median:.3f} s [{cost.low:.3f}, {cost.high:.3f}] more than"
        f" `import torch` (median of {timing.rounds} rounds; at most {LIMIT} s)"
    )
    return SuiteResult(
        title="What import geomdl costs",
        summary="Fresh interpreters, one after another, in turn; compared within each round.",
        tables=(Table("import", _COLUMNS, tuple(rows)),),
        figures=(
            Figure(
                "time",
                "dots",
                "Time of a fresh interpreter",
                "One dot a round; the large one is the median.",
                {
                    "rows": [{"name": n, "values": list(timing.seconds[n])} for n in CASES],
                    "x_label": "seconds",
                    "unit": " s",
                },
            ),
        ),
        checks=(Check("import", cost.median <= LIMIT, text),),
        reduced=None
        if timing.rounds == ROUNDS
        else f"{timing.rounds} rounds instead of {ROUNDS}, to keep to the time budget",
        settings={"rounds": timing.rounds},
    )
