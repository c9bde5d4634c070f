"""Suite `kernels`: the sum over neighbours against PyG's default path, with the error beside it."""

import functools
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from geomdl.bench.fresh import measure_fresh
from geomdl.bench.memory import peak_memory
from geomdl.bench.registry import Context, suite
from geomdl.bench.results import Check, Column, Figure, SuiteResult, Table
from geomdl.bench.statistics import quartiles
from geomdl.bench.table import scientific
from geomdl.bench.timing import compare

NODES, EDGES, CHANNELS = 50_000, 800_000, 64
THREADS = (1, 2)
FACTOR = 4.0  # times faster than PyG
WARM = 2.0  # seconds
ROUNDS, FRESH = 9, 5
OURS, PEER, MATRIX = "geomdl neighbor_sum", "PyG scatter", "torch.sparse.mm (CSR)"
_CHILD = """
import json, time, torch
from geomdl.kernels import neighbor_sum
torch.set_num_threads({threads})
csr = [torch.tensor(t, dtype=torch.int32) for t in ([0, 1, 3], [1, 0, 1], [0, 1, 3], [1, 0, 1])]
x = torch.ones(2, 4, requires_grad=True)
start = time.perf_counter()
neighbor_sum(x, *csr).sum().backward()
first = time.perf_counter() - start
start = time.perf_counter()
neighbor_sum(x, *csr).sum().backward()
print(json.dumps(dict(first=first, again=time.perf_counter() - start)))
"""
_COLUMNS = (
    Column("name", "method"),
    Column("pass", "pass"),
    Column("threads", "threads", "count"),
    Column("time", "time", "milliseconds", note="Per call; median [quartiles] over rounds."),
    Column(
        "speed",
        "times faster than PyG",
        "ratio",
        note="Time of PyG divided by time, paired within each round; median [quartiles].",
    ),
    Column(
        "error",
        "error",
        "scientific",
        note="Largest |result - result in float64| over largest |result in float64|; of the"
        " gradient where there is a backward pass.",
    ),
    Column("peak", "peak memory", "bytes", note="Tensors alive at once because of the call."),
)
_FIRST = (
    Column("name", "in a fresh process"),
    Column("first", "first call", "seconds", note="Forward and backward on two nodes."),
    Column("again", "again", "milliseconds", note="The same once more."),
)


def problem(nodes: int, edges: int, channels: int) -> dict[str, Callable[[Any], Any]]:
    """Three ways to sum features over the neighbours of a random graph, and their features.

    Args:
        nodes: of the graph.
        edges: uniformly random, repeats included.
        channels: per node.

    Returns:
        name -> function of features (nodes, channels).
    """
    import torch
    from torch_geometric.utils import scatter

    from geomdl.fields.graph import Graph
    from geomdl.kernels import neighbor_sum

    rng = torch.Generator().manual_seed(0)
    graph = Graph.from_edge_index(torch.randint(nodes, (2, edges), generator=rng), nodes)
    source, target = graph.to_edge_index()
    csr = (graph.in_ptr, graph.in_neighbors, graph.out_ptr, graph.out_neighbors)

    @functools.cache
    def adjacency(dtype: torch.dtype) -> torch.Tensor:
        import warnings

        with warnings.catch_warnings():  # torch calls its CSR a beta
            warnings.simplefilter("ignore", UserWarning)
            values = torch.ones(edges, dtype=dtype)
            return torch.sparse_csr_tensor(
                graph.in_ptr, graph.in_neighbors, values, (nodes, nodes), check_invariants=False
            )

    return {
        PEER: lambda x: scatter(x.index_select(0, source), target, 0, nodes, reduce="sum"),
        OURS: lambda x: neighbor_sum(x, *csr),
        MATRIX: lambda x: torch.sparse.mm(adjacency(x.dtype), x),
    }


def passes(method: Callable[[Any], Any], x: Any, weights: Any) -> dict[str, Callable[[], Any]]:
    """The two things that are timed; each gives the tensor that is compared with float64."""
    import torch

    def both() -> Any:
        leaf = x.detach().requires_grad_()
        return torch.autograd.grad(method(leaf), leaf, weights)[0]

    return {"forward": lambda: method(x), "forward + backward": both}


def first_call(folder: Path, threads: int) -> dict[str, float]:
    """Seconds of the first and second call in a fresh process.

    Args:
        folder: of the cache; empty for a cold start.
        threads: of torch.
    """
    return measure_fresh(_CHILD.format(threads=threads), GEOMDL_CACHE_DIR=str(folder))


def measure(context: Context, nodes: int, edges: int, channels: int) -> list[dict[str, Any]]:
    """Rows of the table of speeds: each method, pass and number of threads.

    Args:
        context: limits of the run.
        nodes: of the graph.
        edges: of the graph.
        channels: per node.
    """
    import torch

    methods = problem(nodes, edges, channels)
    rng = torch.Generator().manual_seed(1)
    x, weights = (torch.randn(nodes, channels, generator=rng) for _ in range(2))
    exact = {
        name: run() for name, run in passes(methods[PEER], x.double(), weights.double()).items()
    }
    rows: list[dict[str, Any]] = []
    before = torch.get_num_threads()
    share = 0.8 * context.budget.seconds / (len(THREADS) * len(exact))
    context.progress.stage("kernels: sum over neighbours", len(THREADS) * len(exact))
    try:
        for threads in THREADS:
            torch.set_num_threads(threads)
            for name, truth in exact.items():
                things = {m: passes(f, x, weights)[name] for m, f in methods.items()}
                timing = compare(things, baseline=PEER, rounds=ROUNDS, limit=share)
                for method, run in things.items():
                    error = (run().double() - truth).abs().max() / truth.abs().max()
                    base = zip(timing.seconds[PEER], timing.seconds[method], strict=True)
                    row = {"name": method, "pass": name, "threads": threads}
                    row |= {"time": vars(timing.time(method)), "error": float(error)}
                    row |= {"speed": vars(quartiles([a / b for a, b in base]))}
                    rows.append({**row, "peak": peak_memory(run), "rounds": timing.rounds})
                context.progress.advance(f"{name}, {threads} threads")
    finally:
        torch.set_num_threads(before)
    return rows


def first_calls(context: Context) -> dict[str, list[dict[str, float]]]:
    """First calls in fresh processes: once compiling, then finding the cache that this left."""
    import torch

    context.progress.stage("kernels: first call in fresh processes", 1 + FRESH)
    threads = torch.get_num_threads()
    found: dict[str, list[dict[str, float]]] = {"cold": [], "warm": []}
    with tempfile.TemporaryDirectory() as folder:
        for i in range(1 + FRESH):
            found["warm" if i else "cold"].append(first_call(Path(folder), threads))
            context.progress.advance()
    return found


@suite("kernels", title="Compiled kernels", weight=1.0)
def kernels(context: Context) -> SuiteResult:
    """Time the sum over neighbours against PyG's gather and scatter.

    Args:
        context: limits of the run.

    Returns:
        Times, ratios, errors and memory, and whether the ratios and the first call keep their
        limits.
    """
    rows = measure(context, NODES, EDGES, CHANNELS)
    calls = first_calls(context)
    checks = []
    for row in rows:
        if row["name"] == OURS:
            label = f"{row['pass']}, {row['threads']} thread{'s' * (row['threads'] > 1)}"
            speed, error = row["speed"], row["error"]
            text = (
                f"{label}: {speed['median']:.1f} times faster than PyG's scatter"
                f" [{speed['low']:.1f}, {speed['high']:.1f}] (at least {FACTOR:g}),"
                f" error {scientific(error)} (at most 1e-5)"
            )
            checks.append(Check(label, speed["low"] >= FACTOR and error <= 1e-5, text))
    warm = quartiles([call["first"] for call in calls["warm"]])
    text = f"first call with a filled cache: {warm.median:.2f} s (at most {WARM:g} s)"
    checks.append(Check("warm first call", warm.median <= WARM, text))
    first = {
        "cold": "nothing compiled yet",
        "warm": "cache on disk filled by an earlier process",
    }
    table: tuple[dict[str, Any], ...] = tuple(
        {
            "name": first[name],
            "first": vars(quartiles([call["first"] for call in found])),
            "again": vars(quartiles([call["again"] for call in found])),
        }
        for name, found in calls.items()
    )
    rounds = min(row["rounds"] for row in rows)
    return SuiteResult(
        title="Compiled kernels",
        summary=f"Sum over neighbours on a random graph of {NODES:,} nodes and {EDGES:,} edges,"
        f" {CHANNELS} channels in float32; PyG's default path is index_select and"
        " torch_geometric.utils.scatter.",
        tables=(
            Table("speed", _COLUMNS, tuple(rows), "Speed"),
            Table("first", _FIRST, table, "First call"),
        ),
        figures=(
            Figure(
                "first",
                "dots",
                "First call with a filled cache",
                "One dot a process; the large one is the median.",
                {
                    "rows": [{"name": "warm", "values": [c["first"] for c in calls["warm"]]}],
                    "x_label": "seconds",
                    "unit": " s",
                    "limit": {"value": WARM, "text": "limit"},
                },
            ),
        ),
        checks=tuple(checks),
        reduced=None
        if rounds == ROUNDS
        else f"{rounds} rounds instead of {ROUNDS}, to keep to the time budget",
        settings={"rounds": rounds, "dtype": "float32", "threads": list(THREADS)},
    )
