"""Suite `molecules/gwl`: what networks tell apart with random weights, and what training finds."""

import math
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from geomdl.bench.registry import Context, suite
from geomdl.bench.results import Check, Column, SuiteResult, Table
from geomdl.bench.suites.molecules.published import PUBLISHED
from geomdl.data.lookalikes import INCOMPLETE, Lookalikes, chains, incomplete, stars
from geomdl.euclidean import (
    EGNN,
    MACE,
    Equiformer,
    Interaction,
    NequIP,
    PaiNN,
    SchNet,
    spherical,
    spherical_harmonics,
)
from geomdl.fields import Graph

K, LAYERS = 4, (1, 2, 3, 4, 5, 6)
FOLDS, DEGREES = (2, 3, 5, 10), (1, 2, 3, 5, 10)
APART = 1e-10  # relative; rounding is 1e-15
STEPS, RATE, DONE = 60, 1e-2, 0.1  # of Adam; the cross entropy at which a run stops
SEEDS = 10
Make = Callable[[torch.Generator], nn.Module]


class Star(nn.Module):
    """One `Interaction` of scalars with harmonics to a degree, and a linear map of the middle."""

    def __init__(self, degree: int, rng: torch.Generator) -> None:
        super().__init__()
        self.degree = degree
        self.layer = Interaction(spherical(0), spherical(degree), channels=4)
        self.weight = nn.Parameter(torch.randn(self.layer.paths, 4, generator=rng))
        self.head = nn.Parameter(torch.randn(4 * (degree + 1) ** 2, 2, generator=rng))

    def forward(self, z: Tensor, pos: Tensor, graph: Graph) -> Tensor:
        """Two numbers a system, which are not invariant."""
        y = spherical_harmonics(pos[graph.target] - pos[graph.source], self.degree)
        x = pos.new_ones(len(pos), 1, 4)
        sums = self.layer(x, y, self.weight.expand(len(y), -1, -1), graph)
        first = torch.searchsorted(graph.batch_index, torch.arange(graph.num_graphs))
        found: Tensor = sums[first].flatten(1) @ self.head * (1 / math.sqrt(len(self.head)))
        return found


def networks(layers: int) -> dict[str, Make]:
    """The models, 8 channels, harmonics to degree 2 where they have them."""
    size: dict[str, Any] = {"channels": 8, "layers": layers, "cutoff": 3.0, "outputs": 2}
    some: dict[str, Any] = {**size, "neighbors": 2.0}

    def egnn(rng: torch.Generator) -> nn.Module:
        model = EGNN((6,), rng=rng, **some)
        with torch.no_grad():  # steps of size 1, not 1/1000, as all other weights
            for layer in model.layers:
                if isinstance(layer.step, nn.Module):
                    layer.step.get_parameter("layers.1.weight").mul_(1e3)
        return model

    def mace(degree: int, hidden: int = 1) -> Make:
        return lambda rng: MACE(
            (6,), lmax=2, hidden=hidden, correlation=degree, rng=rng, **some
        )  # fmt: skip

    found: dict[str, Make] = {
        "SchNet": lambda rng: SchNet((6,), rng=rng, **some),
        "EGNN": egnn,
        "PaiNN": lambda rng: PaiNN((6,), rng=rng, **some),
        "NequIP": lambda rng: NequIP((6,), lmax=2, rng=rng, **some),
        "Equiformer": lambda rng: Equiformer((6,), lmax=2, rng=rng, **size),
    }
    if layers == 1:
        return found | {f"MACE, ν = {degree}": mace(degree) for degree in (1, 2, 3, 4)}
    return found | {"MACE, ν = 2": mace(2), "MACE, ν = 2, invariant features": mace(2, 0)}


def together(pair: Lookalikes) -> tuple[Tensor, Tensor, Graph]:
    """Both sets as one batch: atomic numbers, places, graph."""
    n = len(pair.first)
    edges = torch.cat([pair.edge_index, pair.edge_index + n], 1)
    batch = torch.arange(2).repeat_interleave(n)
    graph = Graph.from_edge_index(edges, num_nodes=2 * n, batch=batch)
    return torch.full((2 * n,), 6), torch.cat([pair.first, pair.second]), graph


def difference(make: Make, inputs: tuple[Tensor, Tensor, Graph]) -> float:
    """Of what a network with random weights says of the two, relative, in float64."""
    model = make(torch.Generator().manual_seed(0)).double()
    with torch.no_grad():
        one, other = model(*inputs)
    return float((one - other).norm() / one.norm())


def accuracy(make: Make, inputs: tuple[Tensor, Tensor, Graph], seed: int) -> float:
    """Share of the two that a trained network names right: 0.5 or 1 (in float64)."""
    model = make(torch.Generator().manual_seed(seed)).double()
    optimizer = torch.optim.Adam(model.parameters(), lr=RATE)
    names = torch.tensor([0, 1])
    for _ in range(STEPS):
        found = model(*inputs)
        loss = nn.functional.cross_entropy(found, names)
        if float(loss.detach()) < DONE:
            break
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        return float((model(*inputs).argmax(1) == names).double().mean())


Key = tuple[str, str, str]  # task, row, column


def cells() -> dict[Key, tuple[Make, tuple[Tensor, Tensor, Graph]]]:
    """All networks with all pairs."""
    found: dict[Key, tuple[Make, tuple[Tensor, Tensor, Graph]]] = {}
    inputs = together(chains(K))
    for layers in LAYERS:
        for name, make in networks(layers).items():
            if name not in ("MACE, ν = 1", "MACE, ν = 3", "MACE, ν = 4"):
                found["chains", name, str(layers)] = make, inputs
        if layers == 1:
            only = networks(1)["MACE, ν = 2"]  # no features between layers: the same network
            found["chains", "MACE, ν = 2, invariant features", "1"] = only, inputs
    for name in INCOMPLETE:
        inputs = together(incomplete(name))
        for row, make in networks(1).items():
            found["pairs", row, name] = make, inputs
    for n in FOLDS:
        inputs = together(stars(n))
        for degree in DEGREES:

            def star(rng: torch.Generator, degree: int = degree) -> nn.Module:
                return Star(degree, rng)

            found["stars", f"l ≤ {degree}", str(n)] = star, inputs
    return found


def cell_of(apart: float, runs: list[float]) -> str:
    """One cell: whether random weights tell the two apart, and the mean accuracy of training."""
    if not apart > APART:
        return "same" if apart <= APART else "n/a"
    return f"{100 * sum(runs) / len(runs):.0f} %" if runs else "apart"


def checks_of(apart: Mapping[Key, float]) -> list[Check]:
    """Whether random weights tell apart exactly what the statements say."""
    told = {key for key, value in apart.items() if value > APART}
    same = {key for key, value in apart.items() if value <= APART}

    def check(name: str, expected: Callable[[str, str], bool], rows: set[str], text: str) -> Check:
        task = name.split(",")[0]
        mine = [key for key in apart if key[0] == task and (not rows or key[1] in rows)]
        right = [key in (told if expected(key[1], key[2]) else same) for key in mine]
        return Check(name, bool(mine) and all(right), f"{text}: {sum(right)} of {len(mine)} cells")

    def body(row: str, column: str) -> bool:
        return int(row[-1]) >= int(column[0])

    many = {f"MACE, ν = {degree}" for degree in (1, 2, 3, 4)}
    two = {"SchNet", "EGNN", "NequIP", "Equiformer"}
    quick, never = {"PaiNN", "MACE, ν = 2"}, {"SchNet", "MACE, ν = 2, invariant features"}
    return [
        check("chains, many-body", lambda _, n: int(n) > K // 2, quick,
              "chains: apart from ⌊k/2⌋ + 1 layers on, and not before"),
        check("chains, linear", lambda _, n: int(n) > K, {"NequIP"},
              "chains: apart from k + 1 layers on where messages are linear in the features"),
        check("chains, invariant", lambda *_: False, never,
              "chains: invariant features tell nothing apart"),
        check("pairs, degree", body, many,
              "pairs: degree ν tells apart what agrees to ν bodies and less, and no more"),
        check("pairs, linear", lambda *_: False, two,
              "pairs: one layer of two-body messages tells none apart"),
        check("stars", lambda row, n: int(row.split()[-1]) >= int(n), set(),
              "stars: degree l tells apart stars of l neighbours and fewer, and no more"),
    ]  # fmt: skip


def _table(name: str, title: str, columns: list[str], heads: list[str],
           apart: Mapping[Key, float], runs: Mapping[Key, list[float]]) -> Table:  # fmt: skip
    rows = list(dict.fromkeys(row for task, row, _ in apart if task == name))
    heading = [Column("name", "features" if name == "stars" else "model")]
    heading += [Column(c, head) for c, head in zip(columns, heads, strict=True)]
    body = [
        {"name": row} | {c: cell_of(apart[name, row, c], runs.get((name, row, c), []))
                         for c in columns}
        for row in rows
    ]  # fmt: skip
    return Table(name, tuple(heading), tuple(body), title)


@suite("molecules/gwl", title="What networks on points tell apart", weight=2.0, seeds=SEEDS)
def gwl(context: Context) -> SuiteResult:
    """Test chains, stars and incomplete pairs with random weights, and train on them.

    Args:
        context: limits of the run.

    Returns:
        A table each, the published values that could be read at the source, and the statements.
    """
    every = cells()
    context.progress.stage("molecules/gwl: random weights", len(every))
    apart: dict[Key, float] = {}
    for key, (make, inputs) in every.items():
        apart[key] = difference(make, inputs)
        context.progress.advance()
    open_ = [key for key in every if apart[key] > APART]
    runs: dict[Key, list[float]] = {key: [] for key in open_}
    context.progress.stage("molecules/gwl: training", context.seeds)
    done = 0
    for seed in range(context.seeds):
        before = context.budget.used
        for key in open_:
            runs[key].append(accuracy(*every[key], seed))
        done, took = seed + 1, context.budget.used - before
        context.progress.advance(f"seed {seed}")
        if context.budget.left < 1.1 * took:
            break
    return SuiteResult(
        title="What networks on points tell apart",
        summary="Pairs of point sets. *same*: a network with random weights in float64 gives both"
        " the same numbers to rounding, so training cannot tell them apart. Else the accuracy of"
        f" {done} trained networks of 8 channels, on the pair itself: 50 % is chance.",
        tables=(
            _table("chains", f"Chains, k = {K}: layers of messages", [str(n) for n in LAYERS],
                   [f"{n}" for n in LAYERS], apart, runs),
            _table("pairs", "Pairs with the same lists up to 2, 3 and 4 bodies: one layer",
                   list(INCOMPLETE), list(INCOMPLETE), apart, runs),
            _table("stars", "Stars and the same turned by half a step: one layer",
                   [str(n) for n in FOLDS], [f"{n} neighbours" for n in FOLDS], apart, runs),
            PUBLISHED,
        ),
        checks=tuple(checks_of(apart)),
        reduced=f"{done} instead of {SEEDS} seeds" if done < SEEDS else None,
        settings={"steps": STEPS, "rate": RATE, "seeds": done, "dtype": "float64"},
    )  # fmt: skip
