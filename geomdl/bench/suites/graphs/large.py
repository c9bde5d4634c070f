"""Suite `graphs/large`: nodes of a graph with ten million edges, learnt from sampled neighbours."""

import math
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, fields
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn

from geomdl.bench.registry import Context, suite
from geomdl.bench.results import Check, Column, Figure, SuiteResult, Table
from geomdl.data import power_law_graph
from geomdl.fields import Graph
from geomdl.permutation import NeighborSampler, SAGEConv, neighbor_mean

TITLE = "Training on a large graph"
NODES, EDGES, EXPONENT = 1_000_000, 10_000_000, 2.5
LEAST = 2_000  # nodes, however short the time
FEATURES, CHANNELS, LAYERS = 32, 64, 3
FANOUTS, BATCH = (10, 5, 5), 1024
STEPS, RATE = 400, 3e-3
TEST = 0.1  # share of the nodes
ENOUGH = 240.0  # seconds, for the whole graph and some steps
MEMORY = 24e9  # bytes, which all must fit in
GAIN = 0.1  # of the accuracy over the best answer without neighbours
PARTS = 20  # of the curve


class SAGE(nn.Module):
    """Layers `SAGEConv` with ReLU between them, to scores of two classes."""

    def __init__(self, rng: torch.Generator) -> None:
        super().__init__()
        sizes = [FEATURES, *[CHANNELS] * (LAYERS - 1), 2]
        self.layers = nn.ModuleList(SAGEConv(a, b, rng=rng) for a, b in pairwise(sizes))

    def forward(self, x: Tensor, graph: Graph) -> Tensor:
        """Scores, shape (nodes, 2)."""
        for k, layer in enumerate(self.layers):
            x = layer(x.relu() if k else x, graph)
        return x


@dataclass(frozen=True)
class Nodes:
    """One graph with features, and classes that its neighbourhoods decide.

    Attributes:
        graph: directed, of a power law.
        x: normal numbers, independent of each other, float32, shape (nodes, FEATURES).
        y: 0 or 1, int64, shape (nodes,).
        train: numbers of nodes that have neighbours.
        test: likewise, others.
        seconds: of making "edges", "graph" and "answers".
    """

    graph: Graph
    x: Tensor
    y: Tensor
    train: Tensor
    test: Tensor
    seconds: Mapping[str, float]


def make(nodes: int, edges: int, seed: int) -> Nodes:
    """A graph, and y_i = [Σ_j (s_j + mean over k → j of s_k) > 0 over j → i], s = x·w for random w.

    A node's own features say nothing of its class (but where it is its own neighbour).
    """
    begin = time.perf_counter()
    edge_index = power_law_graph(nodes, edges, EXPONENT, seed)
    drawn = time.perf_counter()
    graph = Graph.from_edge_index(edge_index, nodes)
    built = time.perf_counter()
    rng = torch.Generator().manual_seed(seed)
    x = torch.randn(nodes, FEATURES, generator=rng)
    s = x @ torch.randn(FEATURES, 1, generator=rng) / math.sqrt(FEATURES)
    once = neighbor_mean(s, graph)
    y = (neighbor_mean(s + once, graph) > 0).long().flatten()
    order = torch.randperm(nodes, generator=rng)
    order = order[graph.in_degree[order] > 0]
    count = round(TEST * len(order))
    done = time.perf_counter()
    seconds = {"edges": drawn - begin, "graph": built - drawn, "answers": done - built}
    return Nodes(graph, x, y, order[count:], order[:count], seconds)


@dataclass(frozen=True)
class Learnt:
    """What one training did.

    Attributes:
        losses: of the steps.
        accuracy: on the test nodes, all neighbours of all layers taken.
        seconds: of the steps, and of them those of sampling.
        sizes: nodes and edges of a batch, means.
    """

    losses: list[float]
    accuracy: float
    seconds: tuple[float, float]
    sizes: tuple[float, float]


def learn(data: Nodes, neighbors: bool, seed: int, steps: int, limit: float) -> Learnt:
    """Train by Adam on batches of sampled neighbourhoods, at most `limit` seconds.

    Args:
        data: graph, features and classes.
        neighbors: whether the network sees them; if not, the graph has no edges.
        seed: of weights and batches.
        steps: most of them.
        limit: seconds; one step is always done.
    """
    graph = data.graph
    if not neighbors:
        graph = Graph.from_edge_index(torch.empty(2, 0, dtype=torch.int64), graph.num_nodes)
    model = SAGE(torch.Generator().manual_seed(seed))
    optimizer = torch.optim.Adam(model.parameters(), lr=RATE)
    sampler = NeighborSampler(graph, FANOUTS, BATCH, data.train, seed=seed, x=data.x, y=data.y)
    losses: list[float] = []
    sampling, nodes, edges = 0.0, 0, 0
    begin = time.perf_counter()
    while len(losses) < steps:
        batches = iter(sampler)
        while len(losses) < steps:
            start = time.perf_counter()
            batch = next(batches, None)
            if batch is None:
                break
            assert batch.x is not None
            assert batch.y is not None
            sampling += time.perf_counter() - start
            nodes, edges = nodes + batch.graph.num_nodes, edges + batch.graph.num_edges
            found = model(batch.x, batch.graph)[: batch.batch_size]
            loss = nn.functional.cross_entropy(found, batch.y[: batch.batch_size])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(float(loss.detach()))
            if time.perf_counter() - begin > limit:
                steps = len(losses)
    spent = time.perf_counter() - begin
    with torch.no_grad():
        right = model(data.x, graph)[data.test].argmax(1) == data.y[data.test]
    return Learnt(
        losses,
        float(right.double().mean()),
        (spent, sampling),
        (nodes / len(losses), edges / len(losses)),
    )


def bytes_of(graph: Graph) -> int:
    """Of all its tensors."""
    return sum(getattr(graph, field.name).nbytes for field in fields(graph))


def peak() -> float:
    """Most bytes that the process ever held in memory; NaN where the system does not say."""
    try:
        import resource
    except ImportError:  # Windows
        return math.nan
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return float(most if sys.platform == "darwin" else 1024 * most)


def checks_of(ours: list[float], accuracy: float, without: float, memory: float) -> list[Check]:
    """Verdicts on losses, accuracies with and without neighbours, and peak memory."""
    few = max(1, len(ours) // 10)
    first, last = sum(ours[:few]) / few, sum(ours[-few:]) / few
    return [
        Check("loss", last < first, f"the loss falls: {first:.3f} to {last:.3f}"),
        Check(
            "neighbours",
            accuracy > without + GAIN,
            f"neighbours tell more: {100 * accuracy:.1f} % beside {100 * without:.1f} % without",
        ),
        Check("memory", memory < MEMORY, f"within 24 GB: {memory / 1e9:.2f} GB"),
    ]


@suite("graphs/large", title=TITLE, weight=3.0, seeds=1)
def large(context: Context) -> SuiteResult:
    """Train three layers of SAGE on sampled neighbourhoods of a graph with a power law.

    Args:
        context: limits of the run.

    Returns:
        Times, memory, and accuracy beside the same network without neighbours.
    """
    share = min(1.0, context.budget.left / ENOUGH)
    nodes = max(min(LEAST, NODES), round(NODES * share))
    edges = round(nodes * EDGES / NODES)
    context.progress.stage(f"graphs/large: {nodes:,} nodes, {edges:,} edges", 3)
    data = make(nodes, edges, 0)
    context.progress.advance("graph")
    left = context.budget.left
    without = learn(data, False, 0, STEPS, 0.1 * left)
    context.progress.advance("without neighbours")
    ours = learn(data, True, 0, STEPS, 0.6 * left)
    context.progress.advance("with neighbours")
    memory = peak()
    rows: tuple[dict[str, Any], ...] = (
        _row("SAGE, 3 layers", ours),
        _row("the same without edges", without),
    )
    once: tuple[dict[str, Any], ...] = (
        {"name": "drawing the edges", "seconds": data.seconds["edges"], "bytes": 16 * edges},
        {
            "name": "Graph.from_edge_index (sorted both ways)",
            "seconds": data.seconds["graph"],
            "bytes": bytes_of(data.graph),
        },
        {
            "name": "features and classes",
            "seconds": data.seconds["answers"],
            "bytes": data.x.nbytes + data.y.nbytes,
        },
    )
    few = len(ours.losses) < STEPS
    reduced = [f"{nodes:,} nodes and {edges:,} edges"] * (nodes < NODES)
    reduced += [f"{len(ours.losses)} instead of {STEPS} steps"] * few
    return SuiteResult(
        title=TITLE,
        summary=f"A directed graph of {nodes:,} nodes and {edges:,} edges, degrees of a power law"
        f" of exponent {EXPONENT}. The class of a node is the sign of a random projection of the"
        " features one and two steps away, of which its own features say nothing. Batches of"
        f" {BATCH} nodes with up to {', '.join(map(str, FANOUTS))} neighbours a layer, by"
        " `NeighborSampler`; accuracy on test nodes with all neighbours of the whole graph.",
        tables=(
            Table("training", COLUMNS, rows),
            Table("once", ONCE, once, "Once"),
        ),
        figures=(_figure({"without": without.losses, "with neighbours": ours.losses}),),
        checks=tuple(checks_of(ours.losses, ours.accuracy, without.accuracy, memory)),
        notes=(
            f"Peak resident memory of the process: {memory / 1e9:.2f} GB, suites before this one"
            " included.",
            "PyG's NeighborLoader needs pyg-lib or torch-sparse, neither of which is on PyPI.",
        ),
        reduced=", ".join(reduced) + ", to keep to the time budget" if reduced else None,
        settings={
            "nodes": nodes, "edges": edges, "exponent": EXPONENT, "features": FEATURES,
            "channels": CHANNELS, "layers": LAYERS, "fanouts": list(FANOUTS), "batch": BATCH,
            "optimiser": f"Adam, {RATE}", "threads": torch.get_num_threads(), "dtype": "float32",
        },
    )  # fmt: skip


COLUMNS = (
    Column("name", "network"),
    Column("accuracy", "accuracy", "percent", "higher", "Of test nodes; chance is 50 %."),
    Column("first", "first loss", "number"),
    Column("last", "last loss", "number", note="Mean of the last tenth of the steps."),
    Column("steps", "batches", "count"),
    Column("rate", "batches a second", "number", note="Sampling, gathering, step of Adam."),
    Column("sampling", "share of sampling", "percent", note="Drawing, renumbering, gathering."),
    Column("nodes", "nodes a batch", "count"),
    Column("edges", "edges a batch", "count"),
)
ONCE = (
    Column("name", "what"),
    Column("seconds", "time", "seconds"),
    Column("bytes", "memory", "bytes"),
)


def _row(name: str, run: Learnt) -> dict[str, Any]:
    few = max(1, len(run.losses) // 10)
    return {
        "name": name,
        "accuracy": run.accuracy,
        "first": run.losses[0],
        "last": sum(run.losses[-few:]) / few,
        "steps": len(run.losses),
        "rate": len(run.losses) / run.seconds[0],
        "sampling": run.seconds[1] / run.seconds[0],
        "nodes": round(run.sizes[0]),
        "edges": round(run.sizes[1]),
    }


def _figure(losses: Mapping[str, list[float]]) -> Figure:
    """Losses, averaged over equal parts of each training."""
    count = min([PARTS, *map(len, losses.values())])
    series = []
    for name, run in losses.items():
        cuts = [len(run) * k // count for k in range(count + 1)]
        means = [sum(run[a:b]) / (b - a) for a, b in pairwise(cuts)]
        series.append({"name": name, "values": [means]})
    return Figure(
        "large_loss",
        "curves",
        "Loss on batches",
        "Cross entropy, means over equal parts of the steps.",
        {
            "x": [round(100 * (k + 1) / count) for k in range(count)],
            "x_label": "share of the steps, %",
            "y_label": "cross entropy",
            "series": series,
        },
    )
