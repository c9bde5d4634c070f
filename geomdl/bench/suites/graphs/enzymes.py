"""Suite `graphs/enzymes`: classes of enzymes from their graphs, ten folds."""

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from geomdl import data
from geomdl.bench.registry import Context, suite
from geomdl.bench.results import Check, Column, SuiteResult, Table
from geomdl.bench.statistics import paired_interval
from geomdl.bench.suites.graphs.training import (
    BESIDES,
    Members,
    beside,
    dots,
    reduced,
    summaries,
    train,
)
from geomdl.fields import Graph
from geomdl.permutation import GAT, GCN, GIN, GPS, PNA, SAGE, GraphDataset

TITLE = "Classes of enzymes"
FOLDS, CLASSES = 10, 6
VALIDATION = 0.1  # of what is not tested
EPOCHS = 100
PLAIN = "no edges"
Make = Callable[[int, torch.Generator], nn.Module]
SETTINGS: dict[str, Any] = {"channels": 64, "layers": 4, "dropout": 0.3}
NETWORKS: dict[str, Make] = {
    PLAIN: lambda rows, rng: Members(rows, CLASSES, rng),
    "GCN": lambda rows, rng: GCN(rows, CLASSES, **SETTINGS, rng=rng),
    "SAGE": lambda rows, rng: SAGE(rows, CLASSES, **SETTINGS, rng=rng),
    "GIN": lambda rows, rng: GIN(rows, CLASSES, **SETTINGS, rng=rng),
    "GAT": lambda rows, rng: GAT(rows, CLASSES, **SETTINGS, rng=rng),
    "PNA": lambda rows, rng: PNA(rows, CLASSES, **SETTINGS, rng=rng),
    "GPS": lambda rows, rng: GPS(rows, CLASSES, **SETTINGS, rng=rng),
}
PUBLISHED = (
    {"name": "GIN", "accuracy": "59.6"},
    {"name": "GraphSAGE", "accuracy": "58.2"},
)
"""Errica et al. 2020, arXiv:1912.09893, as Papers with Code quotes it."""
COLUMNS = (
    Column("name", "network"),
    Column("accuracy", "accuracy", "percent", "higher", "Mean and deviation over the test folds."),
    *BESIDES,
)


def split_of(labels: Tensor, fold: int) -> dict[str, Tensor]:
    """Numbers of training, validation and test graphs; each class as often in every part.

    Args:
        labels: classes, shape (graphs,).
        fold: which tenth is tested.
    """
    folds = data.folds(labels, FOLDS, seed=0)
    test = (folds == fold).nonzero().flatten()
    rest = (folds != fold).nonzero().flatten()
    inner = data.folds(labels[rest], round(1 / VALIDATION), seed=fold)
    return {"train": rest[inner != 0], "validation": rest[inner == 0], "test": test}


def enzymes(root: Any) -> GraphDataset:
    """The 600 graphs; features are labels and attributes of the nodes, the latter standardised.

    Raises:
        FileNotFoundError: the file is missing.
    """
    found = data.load("ENZYMES", root=root)
    graph = Graph.from_edge_index(
        found["edge_index"], batch=found["batch"], num_graphs=len(found["labels"])
    )
    x = found["x"]
    deviation = x.std(0)
    x = (x - x.mean(0)) / torch.where(deviation > 0, deviation, 1)
    return GraphDataset.of(graph, x, found["labels"])


@suite("graphs/enzymes", title=TITLE, weight=5.0, seeds=1)
def classify(context: Context) -> SuiteResult:
    """Train each network on nine tenths and test it on the last, ten times.

    Args:
        context: limits of the run.

    Returns:
        Accuracies over the folds.
    """
    try:
        whole = enzymes(context.root)
    except FileNotFoundError as error:
        note = f"Nothing was measured. {error}."
        return SuiteResult(title=TITLE, summary=note, notes=(note,))
    total = len(NETWORKS) * FOLDS
    each = 0.9 * context.budget.left / total
    runs: dict[str, list[dict[str, float]]] = {name: [] for name in NETWORKS}
    context.progress.stage("graphs/enzymes", total)
    for fold in range(FOLDS):
        parts = {name: whole[index] for name, index in split_of(whole.y, fold).items()}
        for name, make in NETWORKS.items():
            model = make(whole.x.shape[1], torch.Generator().manual_seed(fold))
            out, more = train(
                model, parts, fold, epochs=EPOCHS, limit=each, batch_size=32, lr=2e-3,
                weight_decay=1e-3, monitor="metric", clip=10.0,
            )  # fmt: skip
            right = float((out.argmax(1) == parts["test"].y).double().mean())
            runs[name].append({"accuracy": right} | more)
            context.progress.advance(f"{name}: {100 * right:.0f} %")
    rows = [{"name": n, **summaries(of, ["accuracy"]), **beside(of)} for n, of in runs.items()]
    published = Table(
        "published", (Column("name", "network"), Column("accuracy", "accuracy, %")), PUBLISHED,
        "Published (arXiv:1912.09893), not measured here: ten folds, hyper-parameters searched",
    )  # fmt: skip
    return SuiteResult(
        title=TITLE,
        summary="The 600 protein graphs of ENZYMES, six classes. Each tenth is tested once; of the"
        " rest, a tenth chooses the epoch, so that no test graph chooses anything. Node labels and"
        " attributes are the features. Settings are the same for all networks and were not"
        " searched.",
        tables=(Table("accuracy", COLUMNS, tuple(rows)), published),
        figures=(dots(runs, "accuracy", "Accuracy on the test folds", "accuracy, %",
                      lambda share: 100 * share),),
        checks=tuple(checks_of(runs)),
        reduced=reduced((run for of in runs.values() for run in of), EPOCHS),
        settings={"folds": FOLDS, "epochs": EPOCHS, "batch": 32,
                  "networks": {k: str(v) for k, v in SETTINGS.items()},
                  "threads": torch.get_num_threads(), "dtype": "float32"},
    )  # fmt: skip


def checks_of(runs: dict[str, list[dict[str, float]]]) -> list[Check]:
    """Whether the best network with edges beats chance, and what it gains on none."""
    means = {name: math.fsum(run["accuracy"] for run in of) / len(of) for name, of in runs.items()}
    best = max((name for name in means if name != PLAIN), key=means.__getitem__)
    chance = [run["accuracy"] - 1 / CLASSES for run in runs[best]]
    ours, plain = ([run["accuracy"] for run in runs[name]] for name in (best, PLAIN))
    gain = paired_interval(ours, plain)
    low = paired_interval(chance, [0.0] * len(chance)).low
    text = (
        f"{best} is right {100 * means[best]:.1f} % of the time, {100 * gain.mean:+.1f} points"
        f" [{100 * gain.low:+.1f}, {100 * gain.high:+.1f}] of what sees no edges"
    )
    return [Check("above chance", low > 0, text)]
