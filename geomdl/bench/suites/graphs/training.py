"""What the tasks on graphs share: a network without edges, a training, errors, rows."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from geomdl.auditing import audit
from geomdl.bench.results import Column, Figure
from geomdl.bench.statistics import mean_sd, worst
from geomdl.fields import Edges, Field, Graph, Nodes, Vector
from geomdl.groups import group
from geomdl.permutation import DeepSets, GraphDataset, fit_graphs, pad_sets, predict_graphs

SAMPLES = 4  # graphs that are audited
BESIDES = (
    Column(
        "error", "equivariance error", "scientific", "lower",
        "Of the trained network under renumbering of the nodes, in float64, by geomdl.audit; the"
        " worst over the seeds.",
    ),
    Column("epochs", "epochs", "count", note="That were begun; mean over the runs."),
    Column("seconds", "training", "seconds", note="Mean over the runs."),
    Column("parameters", "parameters", "count"),
)  # fmt: skip
"""Columns that stand beside errors."""


class Members(nn.Module):
    """DeepSets on the nodes of each graph: edges are not looked at.

    Args:
        in_channels: of a node.
        out_channels: of a graph.
        rng: for the weights.
    """

    def __init__(self, in_channels: int, out_channels: int, rng: torch.Generator) -> None:
        super().__init__()
        self.sets = DeepSets(in_channels, channels=64, out_channels=out_channels, rng=rng)
        one = group("C1").trivial
        self.source = {"x": Field(Nodes(), in_channels * one), "graph": Field(Edges(), one)}
        self.target = Field(Vector(), out_channels * one)

    def forward(self, x: Tensor, graph: Graph) -> Tensor:
        """Features (nodes, in_channels) to (graphs, out_channels)."""
        found: Tensor = self.sets(*pad_sets(x[graph.node_perm], graph.ptr))
        return found


def train(
    model: nn.Module,
    parts: Mapping[str, GraphDataset],
    seed: int,
    *,
    epochs: int,
    limit: float = math.inf,
    **settings: Any,
) -> tuple[Tensor, dict[str, float]]:
    """Train on "train", keep what is best on "validation", and answer for "test".

    Args:
        model: fresh.
        parts: of the data.
        seed: of the order of batches.
        epochs: of training, by which the result is the same on any machine.
        limit: seconds after which it stops before that.
        settings: other arguments of `fit`.

    Returns:
        Outputs on the test graphs, and what stands beside errors: see `BESIDES`.
    """
    run = fit_graphs(
        model, parts["train"], parts["validation"], seed=seed, progress=False, accelerator="cpu",
        epochs=epochs, budget=seconds_of(limit), **settings,
    )  # fmt: skip
    test = parts["test"]
    inputs = test.inputs(torch.arange(min(len(test), SAMPLES)))
    nodes = inputs[1].num_nodes
    return predict_graphs(model, test), {
        "error": audit(model, *inputs, group=f"S{nodes}").error,
        "epochs": len(run.history),
        "seconds": run.seconds,
        "parameters": sum(p.numel() for p in model.parameters()),
    }


def seconds_of(limit: float) -> float | None:
    """What `fit` takes as its budget: a second at least; None without a limit."""
    return None if limit == math.inf else max(limit, 1.0)


def reduced(runs: Iterable[Mapping[str, float]], epochs: int) -> str | None:
    """Why this is less than a whole run, if it is: a training ended before its epochs."""
    few = min(run["epochs"] for run in runs)
    return f"{few:.0f} epochs of one training instead of {epochs}" if few < epochs else None


def beside(runs: Sequence[Mapping[str, float]]) -> dict[str, Any]:
    """Cells of `BESIDES` out of the runs of one model."""
    return {
        "error": worst([run["error"] for run in runs]),
        "epochs": round(sum(run["epochs"] for run in runs) / len(runs)),
        "seconds": sum(run["seconds"] for run in runs) / len(runs),
        "parameters": int(runs[0]["parameters"]),
    }


def parts_of(data: GraphDataset, sizes: Sequence[float], seed: int) -> dict[str, GraphDataset]:
    """Training, validation and test graphs, drawn from a seed.

    Args:
        data: all graphs.
        sizes: shares of training and validation; the rest is for testing.
        seed: of the order.
    """
    order = torch.randperm(len(data), generator=torch.Generator().manual_seed(seed))
    first, second = (math.floor(share * len(data)) for share in (sizes[0], sum(sizes)))
    names = ("train", "validation", "test")
    return {
        name: data[index]
        for name, index in zip(names, order.tensor_split([first, second]), strict=True)
    }


def summaries(runs: Sequence[Mapping[str, float]], keys: Sequence[str]) -> dict[str, Any]:
    """Mean and deviation over the runs, key by key."""
    return {key: vars(mean_sd([run[key] for run in runs])) for key in keys}


def dots(
    runs: Mapping[str, Sequence[Mapping[str, float]]],
    key: str,
    title: str,
    label: str,
    scale: Callable[[float], float] = float,
) -> Figure:
    """One number of every run, a row a model."""
    rows = [{"name": name, "values": [scale(run[key]) for run in of]} for name, of in runs.items()]
    return Figure(
        key, "dots", title, "A dot a run; the large one is their median.",
        {"rows": rows, "x_label": label},
    )  # fmt: skip
