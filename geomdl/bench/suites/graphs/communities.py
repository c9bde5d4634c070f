"""Suite `graphs/communities`: nodes of a stochastic block model, beside the known optimum."""

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from geomdl import data
from geomdl.auditing import audit
from geomdl.bench.registry import Context, suite
from geomdl.bench.results import Check, Column, Figure, SuiteResult, Table
from geomdl.bench.statistics import mean_sd, worst
from geomdl.bench.suites.graphs.training import reduced, seconds_of
from geomdl.fields import Graph
from geomdl.permutation import GAT, GCN, GIN, SAGE, belief_propagation, fit_nodes

TITLE = "Communities of a block model"
NODES, DEGREE, KNOWN = 2000, 4.0, 0.05
SIGNALS = (0.5, 1.0, 1.5, 2.5, 4.0)  # (c_in - c_out)² / (2 (c_in + c_out)), 1 at the threshold
GRAPHS = {"train": 3, "validation": 1, "test": 3}
EPOCHS, LAYERS, CHANNELS = 80, 8, 32
ROUNDING = 0.01  # of an accuracy, by which the optimum of a finite graph may be missed
Make = Callable[[torch.Generator], nn.Module]
SETTINGS: dict[str, Any] = {
    "channels": CHANNELS, "layers": LAYERS, "readout": "nodes",
}  # fmt: skip
NETWORKS: dict[str, Make] = {
    "GCN": lambda rng: GCN(3, 2, **SETTINGS, rng=rng),
    "SAGE": lambda rng: SAGE(3, 2, **SETTINGS, rng=rng),
    "GIN": lambda rng: GIN(3, 2, **SETTINGS, rng=rng),
    "GAT": lambda rng: GAT(3, 2, **SETTINGS, rng=rng),
}
OPTIMUM = "belief propagation"
COLUMNS = (
    Column("name", "method"),
    *(
        Column(f"s{signal:g}", f"signal {signal:g}", "percent", "higher",
               "Nodes of test graphs in the right group, of those that are not known; over seeds.")
        for signal in SIGNALS
    ),
    Column("error", "equivariance error", "scientific", "lower",
           "Of the trained network under renumbering of the nodes, in float64, by geomdl.audit."),
    Column("seconds", "training", "seconds", note="Mean over the runs."),
    Column("parameters", "parameters", "count"),
)  # fmt: skip


def affinity(signal: float, degree: float = DEGREE) -> Tensor:
    """C of two groups of a mean degree: c_in = d + √(signal d), c_out = d - √(signal d).

    Example:
        >>> affinity(1.0, 4.0).tolist()
        [[6.0, 2.0], [2.0, 6.0]]
    """
    lean = math.sqrt(signal * degree)
    return torch.tensor([[degree + lean, degree - lean], [degree - lean, degree + lean]],
                        dtype=torch.float64)  # fmt: skip


class Task:
    """Graphs of one signal, of whose nodes some groups are known.

    Args:
        signal: above 1, what is known spreads over the whole graph.
        seed: of graphs and known nodes.
        nodes: of a graph.
    """

    def __init__(self, signal: float, seed: int, nodes: int = NODES) -> None:
        self.affinity, n = affinity(signal), nodes
        graphs, labels = [], []
        for number in range(sum(GRAPHS.values())):
            ends, label = data.stochastic_block_model(
                (n // 2, n - n // 2), matrix=self.affinity / n, seed=1000 * seed + number
            )
            graphs.append(Graph.from_edge_index(ends, num_nodes=n))
            labels.append(label)
        self.graph, self.labels = Graph.batch(graphs), torch.cat(labels)
        rng = torch.Generator().manual_seed(seed)
        known = torch.rand(len(self.labels), generator=rng) < KNOWN
        self.known = torch.where(known, self.labels, -1)
        self.x = torch.nn.functional.one_hot(self.known + 1, 3).float()
        owner = torch.arange(len(graphs)).repeat_interleave(n)
        cuts = torch.tensor([0, *GRAPHS.values()]).cumsum(0)
        self.parts = {
            name: ((owner >= cuts[i]) & (owner < cuts[i + 1]) & ~known).nonzero().flatten()
            for i, name in enumerate(GRAPHS)
        }

    def accuracy(self, scores: Tensor) -> float:
        """Share of the test nodes that are in the right group, of those that are not known."""
        test = self.parts["test"]
        return float((scores[test].argmax(1) == self.labels[test]).double().mean())


@suite("graphs/communities", title=TITLE, weight=3.0)
def communities(context: Context) -> SuiteResult:
    """Train networks to find two groups, at several signals, beside belief propagation.

    Args:
        context: limits of the run.

    Returns:
        Accuracies against the signal.
    """
    names = (OPTIMUM, *NETWORKS)
    runs: dict[str, dict[float, list[dict[str, float]]]] = {
        name: {signal: [] for signal in SIGNALS} for name in names
    }
    total = context.seeds * len(SIGNALS) * len(NETWORKS)
    each = 0.9 * context.budget.left / total
    context.progress.stage("graphs/communities", total)
    for seed in range(context.seeds):
        for signal in SIGNALS:
            task = Task(signal, seed)
            best = belief_propagation(task.graph, task.affinity, task.known)
            runs[OPTIMUM][signal].append({"accuracy": task.accuracy(best)})
            for name, make in NETWORKS.items():
                runs[name][signal].append(trained(make, task, seed, each))
                found = runs[name][signal][-1]["accuracy"]
                context.progress.advance(f"{name}, signal {signal:g}: {100 * found:.0f} %")
    every = (run for name in NETWORKS for of in runs[name].values() for run in of)
    return SuiteResult(
        title=TITLE,
        summary=f"Two groups of {NODES // 2:,} nodes with mean degree {DEGREE:g}, {KNOWN:.0%} of"
        " the nodes known. Networks are trained on other graphs of the same signal"
        " (c_in − c_out)² / (2 (c_in + c_out)); the optimum knows the probabilities of edges."
        " Below 1, the detectability threshold, nothing could be found without known nodes.",
        tables=(Table("accuracy", COLUMNS, tuple(_row(name, runs[name]) for name in names)),),
        figures=(_figure(runs),),
        checks=tuple(checks_of(runs)),
        reduced=reduced(every, EPOCHS),
        settings={"nodes": NODES, "graphs": GRAPHS, "known": KNOWN, "epochs": EPOCHS,
                  "networks": {k: str(v) for k, v in SETTINGS.items()},
                  "seeds": list(range(context.seeds)), "threads": torch.get_num_threads()},
    )  # fmt: skip


def trained(make: Make, task: Task, seed: int, limit: float) -> dict[str, float]:
    """Accuracy, equivariance error and cost of one training."""
    model = make(torch.Generator().manual_seed(seed))
    run = fit_nodes(
        model, task.x, task.graph, task.labels, task.parts["train"], task.parts["validation"],
        epochs=EPOCHS, lr=5e-3, weight_decay=1e-4, clip=10.0, seed=seed, progress=False,
        accelerator="cpu", budget=seconds_of(limit),
    )  # fmt: skip
    with torch.no_grad():
        scores = model(task.x, task.graph)
    small = task.graph.unbatch()[0]
    error = audit(model, task.x[: small.num_nodes], small, group=f"S{small.num_nodes}").error
    return {
        "accuracy": task.accuracy(scores),
        "error": error,
        "seconds": run.seconds,
        "epochs": len(run.history),
        "parameters": sum(p.numel() for p in model.parameters()),
    }


def _row(name: str, runs: dict[float, list[dict[str, float]]]) -> dict[str, Any]:
    row: dict[str, Any] = {"name": name}
    for signal, of in runs.items():
        row[f"s{signal:g}"] = vars(mean_sd([run["accuracy"] for run in of]))
    every = [run for of in runs.values() for run in of]
    if name == OPTIMUM:
        return row
    return row | {
        "error": worst([run["error"] for run in every]),
        "seconds": sum(run["seconds"] for run in every) / len(every),
        "parameters": int(every[0]["parameters"]),
    }


def checks_of(runs: dict[str, dict[float, list[dict[str, float]]]]) -> list[Check]:
    """Whether nobody beats the optimum, and somebody comes near it."""

    def mean(name: str, signal: float) -> float:
        of = runs[name][signal]
        return sum(run["accuracy"] for run in of) / len(of)

    over = max(mean(name, s) - mean(OPTIMUM, s) for name in NETWORKS for s in SIGNALS)
    near = max(NETWORKS, key=lambda name: mean(name, SIGNALS[-1]))
    far = mean(OPTIMUM, SIGNALS[-1]) - mean(near, SIGNALS[-1])
    return [
        Check("optimum", over <= ROUNDING,
              f"no network is better than belief propagation by more than {100 * over:.1f} points"
              f" (at most {100 * ROUNDING:.0f})"),
        Check("near", far <= 0.05,
              f"at signal {SIGNALS[-1]:g}, {near} is {100 * far:.1f} points below the optimum"
              " (at most 5)"),
    ]  # fmt: skip


def _figure(runs: dict[str, dict[float, list[dict[str, float]]]]) -> Figure:
    series = []
    for name, of in runs.items():
        count = len(next(iter(of.values())))
        values = [[100 * of[s][seed]["accuracy"] for s in SIGNALS] for seed in range(count)]
        series.append({"name": name, "values": values})
    return Figure(
        "accuracy", "curves", "Nodes in the right group",
        "Mean over the seeds; bands from the best to the worst. The threshold is at 1.",
        {"x": list(SIGNALS), "x_label": "signal", "y_label": "accuracy, %", "series": series},
    )  # fmt: skip
