"""Suite `graphs/expressivity`: what each colouring tells apart, exactly, on BREC, SR25 and CSL."""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from geomdl.bench.budget import Budget
from geomdl.bench.registry import Context, suite
from geomdl.bench.results import Cell, Check, Column, SuiteResult, Table
from geomdl.data.brec import brec_pairs, sr25_graphs
from geomdl.expressivity import beyond_refinement, certificates, circular_skip_links
from geomdl.expressivity.wl import COLORINGS, FINER
from geomdl.fields import Graph

# BREC's four parts -> categories
PARTS = {
    "Basic": ("basic",),
    "Regular": ("regular", "strongly regular", "4-vertex condition", "distance regular"),
    "Extension": ("extension",),
    "CFI": ("CFI",),
}
ROWS = {
    "wl": "1-WL",
    "spd": "shortest paths",
    "marking": "one node marked",
    "sswl": "SSWL",
    "2-fwl": "3-WL (2-FWL)",
    "adjacent-pairs": "adjacent pairs marked",
    "pairs": "all ordered pairs marked",
}
EXPECTED = {
    "wl": (0, 0, 0, 0),
    "spd": (16, 14, 41, 12),
    "marking": (60, 50, 100, 41),
    "sswl": (60, 50, 100, 57),
    "2-fwl": (60, 50, 100, 60),
    "adjacent-pairs": (60, 120, 100, 41),
    "pairs": (60, 138, 100, 80),
}
# classes among the ten graphs of CSL and the fifteen of SR25
CLASSES = {
    "wl": (1, 1),
    "spd": (9, 1),
    "marking": (10, 1),
    "sswl": (10, 1),
    "2-fwl": (10, 1),
    "adjacent-pairs": (10, 15),
    "pairs": (10, 15),
}
MANY, FEW, NODES, EDGES = 100_000, 1_000, 25, 50  # graphs, and of each
LIMIT = 10.0  # seconds for so many graphs
PINNED = Path(__file__).parent / "brec_pairs.json"
Pair = tuple[Graph, Graph]
Certify = Callable[[Sequence[Graph]], Tensor]


@dataclass(frozen=True)
class Found:
    """Numbers of the pairs that a colouring told apart, and how long it took."""

    pairs: list[int]
    seconds: float


def pinned() -> dict[str, list[int]]:
    """Numbers of the pairs of BREC, from 0, that each colouring tells apart."""
    found: dict[str, list[int]] = json.loads(PINNED.read_text())
    return found


def renamed(graph: Graph, rng: torch.Generator) -> Graph:
    """The same graph, its nodes numbered anew."""
    return graph.permute(torch.randperm(graph.num_nodes, generator=rng))


def benchmark_pairs(root: Path | None, seed: int = 0) -> tuple[list[Pair], list[str]]:
    """The pairs of BREC with nodes in random order, and their categories."""
    rng = torch.Generator().manual_seed(seed)
    pairs = brec_pairs(root)
    graphs = [
        (renamed(Graph.from_edge_index(*pair.first), rng),
         renamed(Graph.from_edge_index(*pair.second), rng))
        for pair in pairs
    ]  # fmt: skip
    return graphs, [pair.category for pair in pairs]


def told_apart(certify: Certify, pairs: Sequence[Pair], budget: Budget) -> Found | None:
    """Which pairs get two certificates, a call for each pair; None if the budget ends before."""
    start, found = time.perf_counter(), []
    for k, pair in enumerate(pairs):
        if budget.left <= 0:
            return None
        first, second = certify(pair).tolist()
        if first != second:
            found.append(k)
    return Found(found, time.perf_counter() - start)


def counts(pairs: Sequence[int], categories: Sequence[str]) -> dict[str, int]:
    """How many of the pairs are in each part of BREC."""
    return {
        part: sum(categories[k] in inside for k in pairs) for part, inside in PARTS.items()
    }  # fmt: skip


def many_graphs(count: int) -> Graph:
    """Random graphs of 25 nodes and 50 undirected edges, some of them twice, as one batch."""
    ends = torch.randint(NODES, (2, count, EDGES), generator=torch.Generator().manual_seed(0))
    ends = (ends + NODES * torch.arange(count).view(-1, 1)).flatten(1)
    batch = torch.arange(count).repeat_interleave(NODES)
    return Graph.from_edge_index(torch.cat([ends, ends.flip(0)], 1), batch=batch)


def many(budget: Budget) -> dict[str, Cell]:
    """Time of 1-WL on many graphs at once; on fewer where the budget is short."""
    count = MANY if budget.left > 6 * LIMIT else FEW
    graphs = many_graphs(count)
    certificates(many_graphs(2), "wl")
    start = time.perf_counter()
    classes = len(certificates(graphs, "wl").unique())
    return {"name": ROWS["wl"], "graphs": count, "classes": classes,
            "seconds": time.perf_counter() - start}  # fmt: skip


def checks_of(
    found: Mapping[str, Sequence[int]],
    categories: Sequence[str],
    classes: Mapping[str, tuple[int, ...]],
    beyond: Mapping[str, int],
    pairs_beyond: int,
) -> list[Check]:
    """What the theory and earlier counts say of what was found."""
    made = []
    if found:
        wrong = [m for m in found if tuple(counts(found[m], categories).values()) != EXPECTED[m]]
        totals = ", ".join(f"{ROWS[m]} {len(found[m])}" for m in found)
        made.append(Check("brec, counts", not wrong, f"pairs of BREC told apart: {totals}"))
        pins = pinned()
        moved = {m: len(set(found[m]) ^ set(pins[m])) for m in found}
        made.append(Check(
            "brec, pinned", not any(moved.values()),
            "the very pairs that were told apart before, nodes numbered anew:"
            f" {sum(moved.values())} others",
        ))  # fmt: skip
        links = [(a, b) for a, finer in FINER.items() for b in finer if a in found and b in found]
        outside = sum(len(set(found[a]) - set(found[b])) for a, b in links)
        made.append(Check(
            "brec, nested", outside == 0 and bool(links),
            f"what a coarser colouring tells apart, a finer one does: {len(links)} inclusions,"
            f" {outside} pairs outside",
        ))  # fmt: skip
    right = [m for m in classes if classes[m] == CLASSES[m][: len(classes[m])]]
    made.append(Check(
        "classes", len(right) == len(classes) > 0,
        f"classes of CSL and SR25 as expected: {len(right)} of {len(classes)} colourings",
    ))  # fmt: skip
    made.append(Check(
        "beyond 1-WL", beyond.get("wl") == 0 and beyond.get("2-fwl") == pairs_beyond,
        f"planar pairs of treewidth 2: none by 1-WL, all {pairs_beyond} by 3-WL",
    ))  # fmt: skip
    return made


@suite("graphs/expressivity", title="What colourings of graphs tell apart", weight=2.0)
def expressivity(context: Context) -> SuiteResult:
    """Count the pairs of BREC that each colouring tells apart, exactly.

    Args:
        context: limits of the run; `root` is the folder with brec/*.npy and brec/sr25.g6.

    Returns:
        A table of BREC, one of CSL, SR25 and pairs beyond 1-WL, and what they should be.
    """
    links, beyond = circular_skip_links(), beyond_refinement()
    context.progress.stage("graphs/expressivity: small families", len(COLORINGS))
    reduced, families = [], [links]
    try:
        families.append([Graph.from_edge_index(*graph) for graph in sr25_graphs(context.root)])
    except FileNotFoundError as error:
        reduced.append(f"without SR25 ({error})")
    classes: dict[str, tuple[int, ...]] = {}
    apart: dict[str, int] = {}
    for name in COLORINGS:
        classes[name] = tuple(len(certificates(graphs, name).unique()) for graphs in families)
        apart[name] = sum(len(certificates(pair, name).unique()) - 1 for pair in beyond)
        context.progress.advance()

    row = many(context.budget)
    if row["graphs"] != MANY:
        reduced.append(f"1-WL of {row['graphs']:,} random graphs instead of {MANY:,}")
    found: dict[str, Found] = {}
    categories: list[str] = []
    try:
        pairs, categories = benchmark_pairs(context.root)
        context.progress.stage("graphs/expressivity: BREC", len(COLORINGS))
        for name in COLORINGS:
            one = told_apart(partial(certificates, coloring=name), pairs, context.budget)
            if one is None:
                reduced.append(f"{len(found)} of {len(COLORINGS)} colourings of BREC, for time")
                break
            found[name] = one
            context.progress.advance(name)
    except FileNotFoundError as error:
        reduced.append(f"without BREC ({error})")
    return SuiteResult(
        title="What colourings of graphs tell apart",
        summary="Pairs of graphs that are not isomorphic and get two certificates. Exact: colours"
        " are compared as what they stand for. No network of a class tells apart more than the"
        " colouring of its class; seconds are of all pairs, on one thread.",
        tables=(_brec(found, categories), _families(classes, apart, len(beyond)),
                Table("many", MANY_COLUMNS, (row,), "Many graphs at once, at random")),
        checks=(*checks_of({m: f.pairs for m, f in found.items()}, categories, classes, apart,
                           len(beyond)), *fast_enough(row)),
        reduced="; ".join(reduced) or None,
        settings={"seed of the numbering": 0},
    )  # fmt: skip


MANY_COLUMNS = (
    Column("name", "colouring"),
    Column("graphs", f"graphs of {NODES} nodes", "count"),
    Column("classes", "classes", "count"),
    Column("seconds", "seconds", "seconds", "lower", "Of the colouring; the batch is made before."),
)


def fast_enough(row: Mapping[str, Cell]) -> list[Check]:
    """Whether so many graphs were within the limit; nothing of fewer."""
    seconds = row["seconds"]
    assert isinstance(seconds, float)
    if row["graphs"] != MANY:
        return []
    text = f"1-WL of {MANY:,} graphs of {NODES} nodes: {seconds:.1f} s (at most {LIMIT:.0f})"
    return [Check("many graphs", seconds <= LIMIT, text)]


def _brec(found: Mapping[str, Found], categories: Sequence[str]) -> Table:
    sizes = {p: sum(c in inside for c in categories) for p, inside in PARTS.items()}
    columns = [Column("name", "colouring")]
    columns += [Column(part, f"{part} ({size})", "count") for part, size in sizes.items()]
    columns += [Column("total", f"Total ({len(categories)})", "count"),
                Column("seconds", "seconds", "seconds")]  # fmt: skip
    rows: list[dict[str, Cell]] = [
        {"name": ROWS[m], **counts(f.pairs, categories), "total": len(f.pairs),
         "seconds": f.seconds}
        for m, f in found.items()
    ]  # fmt: skip
    return Table("brec", tuple(columns), tuple(rows), "Pairs of BREC told apart")


def _families(
    classes: Mapping[str, tuple[int, ...]], apart: Mapping[str, int], beyond: int
) -> Table:
    columns = (
        Column("name", "colouring"),
        Column("csl", "CSL: classes of 10", "count"),
        Column("sr25", "SR25: classes of 15", "count"),
        Column("beyond", f"planar CFI pairs of {beyond}", "count",
               note="in the manner of EXP: CFI pairs of random planar graphs of treewidth 2"),
    )  # fmt: skip
    rows = tuple(
        {"name": ROWS[m], "csl": counted[0], "sr25": counted[1] if len(counted) > 1 else None,
         "beyond": apart[m]}
        for m, counted in classes.items()
    )  # fmt: skip
    return Table("families", columns, rows, "Families of regular graphs, and pairs beyond 1-WL")
