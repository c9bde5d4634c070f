"""Suite `graphs/counting`: cycles and paths in the graph atlas, by class of the network."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from geomdl import data
from geomdl.bench.registry import Context, suite
from geomdl.bench.results import Check, Column, SuiteResult, Table
from geomdl.bench.statistics import paired_interval
from geomdl.bench.suites.graphs.patterns import PATTERNS, count
from geomdl.bench.suites.graphs.training import (
    BESIDES,
    beside,
    dots,
    parts_of,
    reduced,
    summaries,
    train,
)
from geomdl.fields import Graph
from geomdl.permutation import GIN, PPGN, GraphDataset, SubgraphGNN, random_walk_pe

TITLE = "Counting in the graph atlas"
SHARES = (0.6, 0.2)  # training and validation
WALK = 6  # steps of the random walk
EPOCHS = 100
Make = Callable[[torch.Generator], nn.Module]
NETWORKS: dict[str, tuple[str, Make]] = {
    "GIN": ("1-WL", lambda rng: GIN(1, 5, layers=4, rng=rng)),
    "GIN, random walks": (
        "1-WL and walks", lambda rng: GIN(1 + WALK, 5, layers=4, rng=rng)
    ),
    "node marking": (
        "marking",
        lambda rng: SubgraphGNN(
            1, channels=32, layers=4, out_channels=5, aggregation="ds", rng=rng
        ),
    ),
    "SSWL+": (
        "SSWL", lambda rng: SubgraphGNN(1, channels=32, layers=4, out_channels=5, rng=rng)
    ),
    "PPGN": ("2-FWL", lambda rng: PPGN(1, channels=32, layers=3, out_channels=5, rng=rng)),
    "pair marking": (
        "adjacent pairs",
        lambda rng: SubgraphGNN(
            1, channels=32, layers=4, out_channels=5, policy="pairs", aggregation="ds", rng=rng
        ),
    ),
}  # fmt: skip
"""Name -> what its class can tell apart, and how it is made."""
_NOTE = "Mean absolute error on test graphs, in units of the standard deviation; over the seeds."
COLUMNS = (
    Column("name", "network"),
    Column("class", "class"),
    *(Column(pattern, pattern, "number", "lower", _NOTE) for pattern in PATTERNS),
    *BESIDES,
)


def atlas() -> GraphDataset:
    """Graphs of the atlas with an edge or more; answers are counts, standardised."""
    found = data.load("atlas")
    batch, many = found["batch"], len(found["ptr"]) - 1
    graph = Graph.from_edge_index(found["edge_index"], batch=batch, num_graphs=many)
    whole = GraphDataset.of(graph, torch.ones(len(batch), 1), torch.zeros(many, 5))
    some = whole[(whole.table.edge_ptr.diff() > 0).nonzero().flatten()]
    counts = torch.stack([count(p, adjacency(some)) for p in PATTERNS], 1).float()
    return GraphDataset(some.table, some.x, (counts - counts.mean(0)) / counts.std(0))


def adjacency(graphs: GraphDataset) -> Tensor:
    """0 and 1, shape (graphs, n, n), n the nodes of the largest."""
    _, graph = graphs.inputs()
    n = int(graph.ptr.diff().max())
    owner, first = graph.batch_index.long(), graph.ptr.long()
    found = torch.zeros(len(graphs), n, n, dtype=torch.int64)
    source, target = graph.source.long(), graph.target.long()
    of = owner[source]
    found[of, source - first[of], target - first[of]] = 1
    return found


def with_walks(graphs: GraphDataset) -> GraphDataset:
    """Features with the probabilities of being back after 1, …, `WALK` steps."""
    x, graph = graphs.inputs()
    return GraphDataset(graphs.table, torch.cat([x, random_walk_pe(graph, WALK)], 1), graphs.y)


@suite("graphs/counting", title=TITLE, weight=4.0)
def counting(context: Context) -> SuiteResult:
    """Train networks of each class to count, for as many epochs.

    Args:
        context: limits of the run.

    Returns:
        Errors of each pattern and network.
    """
    plain = atlas()
    walked = with_walks(plain)
    total = len(NETWORKS) * context.seeds
    each = 0.9 * context.budget.left / total
    runs: dict[str, list[dict[str, float]]] = {name: [] for name in NETWORKS}
    context.progress.stage("graphs/counting", total)
    for seed in range(context.seeds):
        for name, (_, make) in NETWORKS.items():
            parts = parts_of(walked if "walks" in name else plain, SHARES, seed)
            model = make(torch.Generator().manual_seed(seed))
            out, more = train(
                model, parts, seed, epochs=EPOCHS, limit=each, batch_size=64, lr=3e-3,
                weight_decay=1e-4, loss=nn.functional.l1_loss, clip=10.0,
            )  # fmt: skip
            off = (out - parts["test"].y).abs().mean(0).tolist()
            runs[name].append(dict(zip(PATTERNS, off, strict=True)) | more)
            context.progress.advance(f"{name}: triangles {off[0]:.3f}")
    rows = [
        {"name": name, "class": NETWORKS[name][0], **summaries(of, PATTERNS), **beside(of)}
        for name, of in runs.items()
    ]
    return SuiteResult(
        title=TITLE,
        summary=f"Numbers of cycles and 4-paths in the {len(plain):,} graphs of the atlas (at most"
        " 7 nodes) that have an edge, by one network each with five outputs, trained on the"
        " absolute error. Nodes have no features.",
        tables=(Table("errors", COLUMNS, tuple(rows)),),
        figures=tuple(dots(runs, p, f"Counting {p}", "mean absolute error / deviation")
                      for p in ("triangles", "6-cycles")),
        checks=tuple(checks_of(runs)),
        reduced=reduced((run for of in runs.values() for run in of), EPOCHS),
        settings={"seeds": list(range(context.seeds)), "epochs": EPOCHS,
                  "batch": 64, "threads": torch.get_num_threads(), "dtype": "float32"},
    )  # fmt: skip


def checks_of(runs: dict[str, list[dict[str, Any]]]) -> list[Check]:
    """Whether what 1-WL cannot count is counted better by every network above it."""
    checks = []
    for name in NETWORKS:
        if name == "GIN" or len(runs["GIN"]) < 2:
            continue
        gain = paired_interval(
            [run["triangles"] for run in runs["GIN"]], [run["triangles"] for run in runs[name]]
        )
        text = (
            f"triangles: {name} errs less than GIN by {gain.mean:.3f} [{gain.low:.3f},"
            f" {gain.high:.3f}] deviations"
        )
        checks.append(Check(f"triangles, {name}", gain.low > 0, text))
    return checks
