"""Suite `molecules/qm9`: properties of small molecules, each model trained for the same time."""

import math
import time
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from geomdl import data
from geomdl.auditing import audit
from geomdl.bench.registry import Context, suite
from geomdl.bench.results import Column, Figure, SuiteResult, Table
from geomdl.bench.statistics import mean_sd, worst
from geomdl.euclidean import Molecules, fit_property, property_errors
from geomdl.euclidean.atoms import AtomicModel
from geomdl.euclidean.properties import QM9_HEADS
from geomdl.registry import default

TITLE = "Properties of molecules"
TARGETS = ("u0", "gap", "mu")
HEADS = tuple(QM9_HEADS[name] for name in TARGETS)
MOLECULES = 25_000  # of which come the first so many of each part
SIZES = {"train": 10_000, "validation": 500, "test": 2_000}
BATCH, LEAST_EPOCHS, MOST_EPOCHS = 50, 6, 200
SHARE = 0.8  # of the time, for training
NETWORKS: dict[str, dict[str, Any]] = {
    "SchNet": {"channels": 64, "layers": 3, "lr": 2e-3},
    "EGNN": {"channels": 64, "layers": 3, "lr": 2e-3},
    "PaiNN": {"channels": 48, "layers": 3, "lr": 2e-3},
    "NequIP": {"lmax": 1, "channels": 32, "layers": 3, "radial": (32,), "lr": 5e-3},
    "MACE": {"lmax": 1, "channels": 32, "layers": 2, "radial": (32,), "correlation": 2, "lr": 5e-3},
    "Equiformer": {"lmax": 1, "channels": 32, "layers": 3, "radial": (32,), "lr": 2e-3},
}
PUBLISHED = (
    {"name": "EGNN", "u0": "11", "gap": "48", "mu": "0.029", "source": "arXiv:2102.09844"},
    {"name": "SEGNN", "u0": "", "gap": "42", "mu": "0.023", "source": "arXiv:2110.02905"},
    {"name": "Equiformer", "u0": "", "gap": "30", "mu": "0.011", "source": "arXiv:2206.11990"},
    {"name": "EquiformerV2", "u0": "", "gap": "29", "mu": "0.010", "source": "arXiv:2306.12059"},
)
"""Papers' own, 110,000 molecules, a network for each property, days on GPUs."""
_UNITS = (("u0", "U0, meV"), ("gap", "gap, meV"), ("mu", "dipole, D"))
_NOTE = "Mean absolute error on the test molecules, over the seeds."
COLUMNS = (
    Column("name", "model"),
    *(Column(key, title, "number", "lower", _NOTE) for key, title in _UNITS),
    Column(
        "error", "equivariance error", "scientific", "lower",
        "Of the trained network, in float64, by geomdl.audit on four test molecules.",
    ),
    Column("epochs", "epochs", "count", note="That were begun; mean over the seeds."),
    Column("time", "a step", "milliseconds", note=f"On {BATCH} molecules, before training."),
    Column("seconds", "training", "seconds", note="Mean over the seeds."),
    Column("parameters", "parameters", "count"),
)  # fmt: skip
Parts = Mapping[str, Mapping[str, Tensor]]


def build(name: str, seed: int) -> AtomicModel:
    """A network with three outputs: U0, gap, dipole."""
    sizes = {key: value for key, value in NETWORKS[name].items() if key != "lr"}
    rng = torch.Generator().manual_seed(seed)
    model = default.create_model(
        f"euclidean/{name}", outputs=len(TARGETS), head=HEADS, rng=rng, **sizes
    )
    assert isinstance(model, AtomicModel)
    return model


def seconds_a_step(name: str, train: Mapping[str, Tensor]) -> float:
    """Least of three timed steps of training, after one that compiles what is compiled."""
    few = {key: value[: 4 * BATCH] for key, value in train.items()}
    model = build(name, 0)
    molecules = Molecules.of(few["numbers"], few["positions"].float(), model.cutoff)
    optimizer = torch.optim.AdamW(model.parameters())
    times = []
    for index in torch.arange(len(molecules)).split(BATCH):
        begin = time.perf_counter()
        loss = model(*molecules.batch(index)).abs().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        times.append(time.perf_counter() - begin)
    return min(times[1:] or times)


def plan(seconds: float, steps: Mapping[str, float], most: int) -> tuple[int, dict[str, int]]:
    """Training molecules, as many for all, and epochs of each network.

    Args:
        seconds: for the training of each network.
        steps: network -> seconds of a step.
        most: molecules there are.
    """
    if seconds == math.inf:
        return most, dict.fromkeys(steps, MOST_EPOCHS)
    slowest = max(steps.values())
    train = min(most, max(BATCH, BATCH * int(seconds / (LEAST_EPOCHS * slowest))))
    batches = math.ceil(train / BATCH)
    return train, {
        name: max(1, min(MOST_EPOCHS, int(seconds / (step * batches))))
        for name, step in steps.items()
    }


@suite("molecules/qm9", title=TITLE, weight=8.0, seeds=1)
def qm9(context: Context) -> SuiteResult:
    """Train each model on U0, gap and dipole of QM9 for the same time.

    Args:
        context: limits of the run.

    Returns:
        Mean absolute errors on test molecules.
    """
    try:
        loaded = data.load("qm9", root=context.root, n=MOLECULES)
    except FileNotFoundError as error:
        note = f"Nothing was measured. {error}."
        return SuiteResult(title=TITLE, summary=note, notes=(note,))
    found = data.parts({key: loaded[key] for key in ("numbers", "positions", "split", *TARGETS)})
    parts = {part: {k: v[: SIZES[part]] for k, v in found[part].items()} for part in SIZES}
    context.progress.stage("molecules/qm9: time of a step", len(NETWORKS))
    steps = {}
    for name in NETWORKS:
        steps[name] = seconds_a_step(name, parts["train"])
        context.progress.advance(f"{name}: {1000 * steps[name]:.0f} ms")
    each = SHARE * context.budget.left / (len(NETWORKS) * context.seeds)
    count, epochs = plan(each, steps, len(parts["train"]["u0"]))
    train = {key: value[:count] for key, value in parts["train"].items()}
    runs: dict[str, list[dict[str, float]]] = {name: [] for name in NETWORKS}
    context.progress.stage(
        f"molecules/qm9: {count:,} molecules, {each:.0f} s each", len(NETWORKS) * context.seeds
    )
    for seed in range(context.seeds):
        for name in NETWORKS:
            limit = None if each == math.inf else max(1.0, 1.2 * each)
            runs[name].append(trained(name, seed, train, parts, epochs[name], limit))
            last = runs[name][-1]
            context.progress.advance(f"{name}: U0 {last['u0']:.0f} meV, gap {last['gap']:.0f} meV")
    rows = tuple(_row(name, runs[name], steps[name]) for name in NETWORKS)
    few = [f"{count:,} instead of {SIZES['train']:,} molecules"] * (count < SIZES["train"])
    few += [f"{min(epochs.values())} epochs of the slowest"] * (min(epochs.values()) < 20)
    return SuiteResult(
        title=TITLE,
        summary="U0 (less the free atoms), HOMO-LUMO gap and length of the dipole of QM9, all three"
        " by one network, trained on the absolute errors in units of their spreads. Every network"
        " has the same molecules, and as many epochs as fit in the same time by a step measured"
        " before; 1.2 times that time ends a training.",
        tables=(Table("errors", COLUMNS, rows), _published()),
        figures=tuple(_figure(key, title, runs) for key, title in _UNITS),
        notes=(
            "One seed does not tell which model is better; several (--seeds) at least show the"
            " spread.",
        ),
        reduced=", ".join(few) + ", to keep to the time budget" if few else None,
        settings={
            "data": "qm9", "training molecules": count,
            "validation molecules": len(parts["validation"]["u0"]),
            "test molecules": len(parts["test"]["u0"]),
            "batch": BATCH, "seeds": list(range(context.seeds)), "seconds of a training": each,
            "optimiser": "AdamW, warm-up and cosine", "threads": torch.get_num_threads(),
            "dtype": "float32", "sizes": {k: str(v) for k, v in NETWORKS.items()},
        },
    )  # fmt: skip


def trained(
    name: str,
    seed: int,
    train: Mapping[str, Tensor],
    parts: Parts,
    epochs: int,
    limit: float | None,
) -> dict[str, float]:
    """Errors (meV, meV, D), equivariance error, parameters and seconds of one training."""
    model = build(name, seed)
    run = fit_property(
        model, train, parts["validation"], target=TARGETS, epochs=epochs, batch_size=BATCH,
        lr=NETWORKS[name]["lr"], weight_decay=1e-4, clip=10.0, seed=seed, accelerator="cpu",
        progress=False, budget=limit,
    )  # fmt: skip
    test = parts["test"]
    found = property_errors(model, test, TARGETS)
    table = Molecules.of(test["numbers"][:4], test["positions"][:4], model.cutoff)
    error = audit(model, *table.batch(torch.arange(len(table)))).error
    return {
        "u0": 1000 * found["u0"],
        "gap": 1000 * found["gap"],
        "mu": found["mu"],
        "error": error,
        "parameters": sum(p.numel() for p in model.parameters()),
        "seconds": run.seconds,
        "epochs": len(run.history),
    }


def _row(name: str, runs: list[dict[str, float]], step: float) -> dict[str, Any]:
    row: dict[str, Any] = {key: vars(mean_sd([run[key] for run in runs])) for key, _ in _UNITS}
    seconds = sum(run["seconds"] for run in runs) / len(runs)
    return row | {
        "name": name,
        "error": worst([run["error"] for run in runs]),
        "epochs": round(sum(run["epochs"] for run in runs) / len(runs)),
        "time": step,
        "seconds": seconds,
        "parameters": int(runs[0]["parameters"]),
    }


def _published() -> Table:
    columns = (Column("name", "model"), *(Column(key, title) for key, title in _UNITS))
    title = "Published, not measured here: 110,000 training molecules, a network for each property"
    return Table("published", (*columns, Column("source", "source")), PUBLISHED, title)


def _figure(key: str, title: str, runs: Mapping[str, list[dict[str, float]]]) -> Figure:
    rows = [{"name": name, "values": [run[key] for run in of]} for name, of in runs.items()]
    caption = "Mean absolute error on the test molecules, at equal training time; a dot a seed."
    return Figure(key, "dots", title, caption, {"rows": rows, "x_label": f"error, {title}"})
