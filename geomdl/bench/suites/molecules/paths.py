"""Suite `molecules/paths`: products of spherical tensors by several ways, over their degree."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from geomdl.bench.registry import Context, suite
from geomdl.bench.results import Check, Column, SuiteResult, Table
from geomdl.bench.suites.molecules.speed import both, forward
from geomdl.bench.timing import compare
from geomdl.euclidean import (
    Convolution,
    GauntTensorProduct,
    Interaction,
    Linear,
    SO2Conv,
    TensorProduct,
    spherical,
    spherical_harmonics,
)
from geomdl.fields import Graph

NODES, NEIGHBOURS, CHANNELS = 64, 16, 32
DEGREES = (1, 2, 3, 4, 5, 6)
MIXED = ((3, 16), (3, 64), (6, 16), (6, 64))  # degree, channels
FEW = 2  # orders |m| that eSCN keeps
ROUNDS = 5
OFF = 1e-5  # float32, both ways of a convolution
UNIT = {"median": 1.0}  # of what is compared with itself


def graph(rng: torch.Generator) -> Graph:
    """Random neighbours."""
    ends = torch.randint(NODES, (2, NODES * NEIGHBOURS), generator=rng)
    ends[1] = torch.arange(NODES).repeat_interleave(NEIGHBOURS)
    return Graph.from_edge_index(ends, num_nodes=NODES)


def row_of(
    name: str, steps: Mapping[str, tuple[Callable[..., Tensor], Sequence[Tensor]]], limit: float
) -> dict[str, Any]:
    """Times of several ways: forward, and forward + backward, against the first.

    Args:
        name: of the row.
        steps: way -> function and its arguments.
        limit: seconds.
    """
    first = next(iter(steps))
    row: dict[str, Any] = {"name": name}
    rounds = []
    for key, make, share in (("forward", forward, 0.3), ("both", both, 0.7)):
        things = {way: make(f, inputs) for way, (f, inputs) in steps.items()}
        timing = compare(things, baseline=first, rounds=ROUNDS, warmup=1, limit=share * limit)
        row[key] = timing.time(first).median
        for way in list(steps)[1:]:
            row[f"{way}_{key}"] = vars(timing.ratio(way))
        rounds.append(timing.rounds)
    return {**row, "rounds": min(rounds)}


def convolutions(lmax: int, limit: float) -> dict[str, Any]:
    """Depthwise: the fused op, and the frames of the edges."""
    rng, rep = torch.Generator().manual_seed(lmax), spherical(lmax)
    edges, layers = graph(rng), {}
    for path in ("fused", "so2"):
        layers[path] = Convolution(rep, rep, lmax=lmax, channels=CHANNELS, path=path)
    sizes = (NODES, rep.dim, CHANNELS), (NODES * NEIGHBOURS, 3)
    weights = torch.randn(NODES * NEIGHBOURS, layers["fused"].paths, CHANNELS, generator=rng)
    inputs = [*(torch.randn(n, generator=rng) for n in sizes), weights]

    def bound(layer: nn.Module) -> Callable[..., Tensor]:
        return lambda x, v, w: layer(x, v, w, edges)

    steps = {path: (bound(layer), inputs) for path, layer in layers.items()}
    row = row_of(f"{lmax}", steps, limit)
    with torch.no_grad():
        ours, theirs = (f(*inputs) for f, inputs in steps.values())
    row["error"] = float((ours - theirs).norm() / ours.norm())
    row["chosen"] = min(("fused", "so2"), key=lambda path: row.get(f"{path}_both", UNIT)["median"])
    return row


def products(lmax: int, limit: float) -> dict[str, Any]:
    """Two features of each node: Clebsch-Gordan, and by functions on the sphere."""
    rng, rep = torch.Generator().manual_seed(lmax), spherical(lmax)
    ways = {
        "clebsch": TensorProduct(rep, rep, rep, channels=CHANNELS, rng=rng),
        "gaunt": GauntTensorProduct(rep, rep, rep, channels=CHANNELS, rng=rng),
    }
    inputs = [torch.randn(NODES * 4, rep.dim, CHANNELS, generator=rng) for _ in range(2)]
    return row_of(f"{lmax}", {way: (layer, inputs) for way, layer in ways.items()}, limit)


def mixing(lmax: int, channels: int, limit: float) -> dict[str, Any]:
    """Maps that mix channels: in the frames of edges, and by interactions with linear maps after.

    Args:
        lmax: of features and harmonics.
        channels: of both sides.
        limit: seconds.
    """
    rng, rep = torch.Generator().manual_seed(lmax), spherical(lmax)
    edges, count = graph(rng), NODES * NEIGHBOURS
    x = torch.randn(NODES, rep.dim, channels, generator=rng)
    v = torch.randn(count, 3, generator=rng)
    op = Interaction(rep, rep, rep, channels=channels)
    after = Linear(op.target.rep, rep, channels=channels, bias=False, rng=rng)

    def fused(x: Tensor, v: Tensor, w: Tensor) -> Tensor:
        found: Tensor = after(op(x, spherical_harmonics(v, lmax), w, edges))
        return found

    def frames(layer: SO2Conv) -> Callable[..., Tensor]:
        return lambda x, v, w: layer(x, v, w, edges)

    steps: dict[str, tuple[Callable[..., Tensor], Sequence[Tensor]]] = {
        "fused": (fused, [x, v, torch.randn(count, op.paths, channels, generator=rng)])
    }
    for way, most in (("so2", None), ("few", FEW)):
        layer = SO2Conv(rep, channels=channels, mmax=most, rng=rng)
        w = torch.randn(count, layer.inputs, channels, generator=rng)
        steps[way] = (frames(layer), [x, v, w])
    return row_of(f"{lmax}, {channels}", steps, limit)


def checks_of(rows: list[dict[str, Any]]) -> list[Check]:
    """Whether both ways give the same numbers; which is the faster one is told, not demanded."""
    off = max(row["error"] for row in rows)
    off = float("nan") if any(row["error"] != row["error"] for row in rows) else off
    text = f"both ways of a convolution differ by at most {off:.1e} ({OFF:g})"
    wins = [row["name"] for row in rows if row["chosen"] == "so2"]
    told = f"faster in the frames of edges, forward + backward: l = {', '.join(wins) or 'none'}"
    return [Check("outputs", off <= OFF, f"{text}; {told}")]


def columns_of(first: str, name: str, ways: dict[str, str], extra: Sequence[Column]) -> Any:
    """Columns of a table: times of the first way, ratios of the others."""
    made = [Column("name", name)]
    for key, word in (("forward", "forward"), ("both", "forward + backward")):
        made.append(Column(key, f"{first}, {word}", "milliseconds"))
        made += [
            Column(f"{way}_{key}", f"{title} / {first}", "ratio", note="Below 1 it is faster.")
            for way, title in ways.items()
        ]
    return (*made, *extra)


@suite("molecules/paths", title="Ways to a product", weight=1.0)
def paths(context: Context) -> SuiteResult:
    """Time products of spherical tensors by several ways.

    Args:
        context: limits of the run.

    Returns:
        Times of each way and their ratios over the degree; which is the faster one.
    """
    jobs: list[tuple[str, Callable[..., dict[str, Any]], tuple[int, ...]]] = []
    jobs += [("convolutions", convolutions, (l,)) for l in DEGREES]
    jobs += [("mixing", mixing, pair) for pair in MIXED]
    jobs += [("products", products, (l,)) for l in DEGREES]
    found: dict[str, list[dict[str, Any]]] = {}
    context.progress.stage("molecules/paths", len(jobs))
    for number, (name, make, args) in enumerate(jobs):
        row = make(*args, 0.9 * context.budget.left / (len(jobs) - number))
        found.setdefault(name, []).append(row)
        context.progress.advance(f"{name}: {row['name']}")
    error = Column("error", "difference", "scientific", note="Relative, float32.")
    tables = (
        Table(
            "convolutions",
            columns_of("fused", "l", {"so2": "SO(2)"}, (error, Column("chosen", "faster"))),
            tuple(found["convolutions"]),
            f"Convolutions by weights of paths, {CHANNELS} channels",
        ),
        Table(
            "mixing",
            columns_of(
                "fused", "l, channels", {"so2": "SO2Conv", "few": f"SO2Conv, m ≤ {FEW}"}, ()
            ),
            tuple(found["mixing"]),
            "Maps that mix channels: Interaction and then Linear, against SO2Conv",
        ),
        Table(
            "products",
            columns_of("Clebsch-Gordan", "l", {"gaunt": "Gaunt"}, ()),
            tuple(found["products"]),
            f"Products of two features, {4 * NODES} nodes, {CHANNELS} channels",
        ),
    )
    few = sum(row["rounds"] < ROUNDS for rows in found.values() for row in rows)
    return SuiteResult(
        title="Ways to a product",
        summary=f"{NODES} nodes of {NEIGHBOURS} neighbours, natural parities, every degree up to l"
        " on all sides; alternately in one process.",
        tables=tables,
        checks=tuple(checks_of(found["convolutions"])),
        reduced=f"fewer than {ROUNDS} rounds in {few} rows" if few else None,
        settings={"threads": torch.get_num_threads(), "dtype": "float32"},
    )
