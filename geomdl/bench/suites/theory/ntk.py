"""Suite `theory/ntk`: empirical tangent kernels, against whole Jacobians by `torch.func`."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn

from geomdl.bench.memory import peak_memory
from geomdl.bench.registry import Context, suite
from geomdl.bench.results import Check, Column, Figure, SuiteResult, Table
from geomdl.bench.statistics import quartiles
from geomdl.bench.table import scientific
from geomdl.bench.timing import compare
from geomdl.fields import Graph
from geomdl.generalization import empirical_ntk, jacobian_contraction
from geomdl.permutation import GCN
from geomdl.steerable import SteerableCNN

TITLE = "Empirical tangent kernels"
OURS, PEER = "empirical_ntk", "torch.func"
ROUNDS = 5
SINGLE, DOUBLE = 1e-6, 1e-12  # largest error, relative to the kernel's norm
COLUMNS = (
    Column("model", "network"),
    Column("rows", "N", "count", note="Inputs; nodes of one graph in the last rows."),
    Column("outputs", "outputs", "count"),
    Column("parameters", "parameters", "count"),
    Column("time", "time", "milliseconds", note="Of empirical_ntk; median [quartiles]."),
    Column("faster", "times faster", "ratio",
           note="Time of torch.func divided by time, paired within each round."),
    Column("peak", "peak memory", "bytes", note="Tensors alive at once because of the call."),
    Column("smaller", "times smaller", "ratio", note="Peak of torch.func divided by peak."),
    Column("single", "error, float32", "scientific",
           note="Norm of the difference from torch.func in float64, relative to the kernel's."),
    Column("double", "error, float64", "scientific", note="Likewise, both in float64."),
)  # fmt: skip


@dataclass(frozen=True)
class Case:
    """A network and its inputs.

    Attributes:
        name: of the network, in words.
        rows: of the kernel.
        build: makes both, anew.
        faster: times faster that it should be, at least; None for no limit.
        smaller: times smaller, likewise.
    """

    name: str
    rows: int
    build: Callable[[], tuple[nn.Module, Any]]
    faster: float | None = None
    smaller: float | None = None


def perceptron(n: int) -> tuple[nn.Module, Tensor]:
    """784-1024-1024-10."""
    sizes = (784, 1024, 1024, 10)
    layers: list[nn.Module] = []
    for before, after in pairwise(sizes):
        layers += [nn.Linear(before, after), nn.ReLU()]
    return nn.Sequential(*layers[:-1]), torch.randn(n, 784)


def convolutional(n: int) -> tuple[nn.Module, Tensor]:
    """Three convolutions without padding and an affine map, on images of 32 × 32."""
    layers: list[nn.Module] = []
    for channels in (3, 32, 32):
        layers += [nn.Conv2d(channels, 32, 3), nn.ReLU()]
    last = [nn.Flatten(), nn.Linear(32 * 26 * 26, 10)]
    return nn.Sequential(*layers[:-1], *last), torch.randn(n, 3, 32, 32)


def steerable(n: int) -> tuple[nn.Module, Tensor]:
    """D4-equivariant network of regular fields."""
    model = SteerableCNN("D4", channels=16, depth=3)
    return model.eval(), torch.randn(n, 1, 28, 28)


def graph(n: int) -> tuple[nn.Module, tuple[Tensor, Graph]]:
    """Graph convolutions on one random graph of n nodes, four neighbours each on average."""
    ends = torch.randint(n, (2, 2 * n))
    edges = Graph.from_edge_index(torch.cat([ends, ends.flip(0)], 1), n)
    model = GCN(16, 4, channels=128, layers=3, readout="nodes")
    return model.eval(), (torch.randn(n, 16), edges)


def cases() -> list[Case]:
    """The rows of the table."""
    return [
        Case("perceptron 784-1024²-10", 8, lambda: perceptron(8)),
        Case("perceptron 784-1024²-10", 32, lambda: perceptron(32), 20.0, 2.0),
        Case("CNN, three layers", 8, lambda: convolutional(8)),
        Case("CNN, three layers", 32, lambda: convolutional(32), 2.0, 2.0),
        Case("steerable CNN, D4", 16, lambda: steerable(16)),
        Case("GCN, three layers", 64, lambda: graph(64)),
    ]


def off(found: Tensor, truth: Tensor) -> float:
    """Norm of a difference, relative to the truth."""
    return float((found.double() - truth).norm() / truth.norm())


def widened(value: Any) -> Any:
    """Tensors of floating point numbers in float64, in a tuple too."""
    if isinstance(value, tuple):
        return tuple(widened(v) for v in value)
    return value.double() if isinstance(value, Tensor) and value.is_floating_point() else value


def measure(case: Case, limit: float | None) -> dict[str, Any]:
    """A row of the table.

    Args:
        case: network and inputs.
        limit: seconds for the rounds.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model, x = case.build()
    things: dict[str, Callable[[], Tensor]] = {
        OURS: lambda: empirical_ntk(model, x),
        PEER: lambda: jacobian_contraction(model, x),
    }
    timing = compare(things, baseline=OURS, rounds=ROUNDS, warmup=1, limit=limit)
    peaks = {name: peak_memory(run) for name, run in things.items()}
    single = things[OURS]()
    model, x = model.double(), widened(x)
    truth = things[PEER]()
    pairs = zip(timing.seconds[PEER], timing.seconds[OURS], strict=True)
    return {
        "model": case.name,
        "rows": case.rows,
        "outputs": truth.shape[2],
        "parameters": sum(p.numel() for p in model.parameters()),
        "time": vars(timing.time(OURS)),
        "faster": vars(quartiles([a / b for a, b in pairs])),
        "peak": peaks[OURS],
        "smaller": peaks[PEER] / peaks[OURS],
        "single": off(single, truth),
        "double": off(things[OURS](), truth),
        "rounds": timing.rounds,
    }


@suite("theory/ntk", title=TITLE, weight=1.0)
def ntk(context: Context) -> SuiteResult:
    """Time `empirical_ntk` against the contraction of whole Jacobians by `torch.func`.

    Args:
        context: limits of the run; seconds cut the number of rounds.

    Returns:
        Ratios of time and memory, errors, and whether they keep their limits.
    """
    every, rows, checks = cases(), [], []
    context.progress.stage("theory/ntk", len(every))
    share = 0.6 * context.budget.seconds / len(every)
    for case in every:
        row = measure(case, share)
        rows.append(row)
        checks += checks_of(case, row)
        context.progress.advance(f"{case.name}, N = {case.rows}: {row['faster']['median']:.1f} ×")
    rounds = min(int(row["rounds"]) for row in rows)
    return SuiteResult(
        title=TITLE,
        summary="The kernel of all inputs and all outputs, from what one forward pass notes of the"
        " parameters, against Jacobians by torch.func (vmap of jacrev) contracted parameter by"
        " parameter, of which the same side is used twice; in one process, alternately.",
        tables=(Table("ntk", COLUMNS, tuple(rows)),),
        figures=(speeds(rows),),
        checks=tuple(checks),
        reduced=None if rounds == ROUNDS else f"{rounds} rounds instead of {ROUNDS}",
        settings={"rounds": rounds, "threads": torch.get_num_threads(), "dtype": "float32"},
    )


def checks_of(case: Case, row: dict[str, Any]) -> list[Check]:
    """Whether a row keeps its limits."""
    name, faster = f"{case.name}, N = {case.rows}", row["faster"]
    found = [
        Check(f"{name}, error", row["single"] <= SINGLE and row["double"] <= DOUBLE,
              f"{name}: error {scientific(row['single'])} in float32 (at most 1e-6),"
              f" {scientific(row['double'])} in float64 (at most 1e-12)"),
    ]  # fmt: skip
    if case.faster is not None:
        text = (
            f"{name}: {faster['median']:.1f} times faster [{faster['low']:.1f},"
            f" {faster['high']:.1f}] (at least {case.faster:g})"
        )
        found.append(Check(f"{name}, time", faster["low"] >= case.faster, text))
    if case.smaller is not None:
        text = f"{name}: {row['smaller']:.1f} times less memory (at least {case.smaller:g})"
        found.append(Check(f"{name}, memory", row["smaller"] >= case.smaller, text))
    return found


def speeds(rows: list[dict[str, Any]]) -> Figure:
    """Times faster, and times smaller, a row each network."""
    return Figure(
        "ntk", "dots", "Times faster than whole Jacobians",
        "The large dot is the median over the rounds, the small ones its quartiles.",
        {
            "rows": [
                {"name": f"{row['model']}, N = {row['rows']}",
                 "values": [row["faster"][k] for k in ("low", "median", "high")]}
                for row in rows
            ],
            "x_label": "times faster", "unit": " ×", "log": True,
        },
    )  # fmt: skip
