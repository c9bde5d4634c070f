"""Suite `graphs/brec`: which of the 400 pairs of BREC trained networks tell apart."""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import nn

from geomdl.bench.registry import Context, suite
from geomdl.bench.results import Check, Column, SuiteResult, Table
from geomdl.bench.suites.graphs.separation import COPIES, NOISE, PUBLISHED, Outcome, Trained, run
from geomdl.data.brec import CATEGORIES, brec_pairs
from geomdl.fields import Graph
from geomdl.permutation import PPGN, SubgraphGNN

OUTPUTS, STEPS, RATE = 16, 10, 2e-3
Make = Callable[[Graph, torch.Generator], nn.Module]


class Pair(NamedTuple):
    """Two graphs that are not isomorphic, and the category of BREC that they are from."""

    category: str
    first: Graph
    second: Graph


def ppgn(graph: Graph, rng: torch.Generator) -> nn.Module:
    """Five layers: as many rounds as 2-FWL needs on these graphs."""
    return PPGN(channels=8, layers=5, sine=8.0, out_channels=OUTPUTS, readout="mean", rng=rng)


def _copies(policy: str, aggregation: str, **sizes: Any) -> Make:
    def make(graph: Graph, rng: torch.Generator) -> nn.Module:
        neighbors = max(1.0, graph.num_edges / graph.num_nodes)
        return SubgraphGNN(
            policy=policy, aggregation=aggregation, out_channels=OUTPUTS, readout="mean",
            neighbors=neighbors, rng=rng, **sizes,
        )  # fmt: skip

    return make


BRANCHES: dict[str, Make] = {
    "node marking": _copies("marking", "ds", channels=8, layers=14, sine=4.0),
    "SSWL+": _copies("marking", "sswl+", channels=8, layers=12, sine=6.0),
    "PPGN": ppgn,
    "I²": _copies("pairs", "ds", channels=8, layers=4, sine=3.0),
}
MODELS: dict[str, tuple[str, ...]] = {name: (name,) for name in BRANCHES} | {
    "PPGN + I²": ("PPGN", "I²")
}
EXACT = ("PPGN", "PPGN + I²")  # have layers enough for all that their class can
CLASSES = {
    "node marking": ("marking",),
    "SSWL+": ("sswl",),
    "PPGN": ("2-fwl",),
    "I²": ("adjacent-pairs",),
    "PPGN + I²": ("2-fwl", "adjacent-pairs"),
}
"""Model -> colourings that together tell apart what it does at most."""
PAPERS = Table(
    "papers",
    (Column("name", "model"), Column("pairs", "of 400", "count", "higher"), Column("source", "")),
    (
        {"name": "PPGN", "pairs": 233, "source": "arXiv:2304.07702"},
        {"name": "NGNN", "pairs": 166, "source": "arXiv:2304.07702"},
        {"name": "SUN", "pairs": 223, "source": "arXiv:2304.07702"},
        {"name": "KP-GNN", "pairs": 275, "source": "arXiv:2304.07702"},
        {"name": "I2-GNN", "pairs": 281, "source": "arXiv:2304.07702; without 60 of the pairs"},
    ),
    "Published, by the authors' statistic",
)


def read_pairs(root: Path | None) -> list[Pair]:
    """The 400 pairs, in the order of the benchmark.

    Raises:
        FileNotFoundError: a file is missing.
    """
    return [
        Pair(pair.category, *(Graph.from_edge_index(*graph) for graph in pair[1:]))
        for pair in brec_pairs(root)
    ]


def colorings() -> dict[str, frozenset[int]]:
    """Model -> numbers of the pairs that the colourings of its class tell apart, exactly.

    Example:
        >>> {name: len(pairs) for name, pairs in colorings().items()}
        {'node marking': 251, 'SSWL+': 267, 'PPGN': 270, 'I²': 321, 'PPGN + I²': 340}
    """
    known = json.loads(Path(__file__).with_name("brec_pairs.json").read_text())
    return {
        name: frozenset(k for coloring in classes for k in known[coloring])
        for name, classes in CLASSES.items()
    }


def spread_order(pairs: Sequence[Pair]) -> list[int]:
    """Numbers of the pairs in an order of which every beginning is a fair sample of categories.

    Example:
        >>> one = Graph.from_graph6("A_")
        >>> spread_order([Pair(c, one, one) for c in "aaaabb"])
        [0, 4, 1, 2, 5, 3]
    """
    count = {c: sum(p.category == c for p in pairs) for c in {p.category for p in pairs}}
    seen: dict[str, int] = {}
    place = []
    for k, pair in enumerate(pairs):
        number = seen[pair.category] = seen.get(pair.category, 0) + 1
        place.append(((number - 0.5) / count[pair.category], k))
    return [k for _, k in sorted(place)]


def outcomes(
    pair: Pair, models: Mapping[str, Sequence[str]], number: int, copies: int = COPIES
) -> tuple[dict[str, Outcome], dict[str, float]]:
    """What every model makes of a pair, and the seconds of each branch.

    Branches that models share are trained once: the loss of a model is the sum of theirs.
    """
    trained: dict[str, Trained] = {}
    seconds: dict[str, float] = {}
    for branch in dict.fromkeys(b for branches in models.values() for b in branches):
        model = BRANCHES[branch](pair.first, torch.Generator().manual_seed(number))
        graphs = [pair.first, pair.second]
        begin = time.perf_counter()
        trained[branch] = run(model, graphs, steps=STEPS, rate=RATE, seed=number, copies=copies)
        seconds[branch] = time.perf_counter() - begin
    found = {}
    for name, branches in models.items():
        whole = trained[branches[0]]
        for branch in branches[1:]:
            whole = whole + trained[branch]
        found[name] = whole.outcome()
    return found, seconds


Found = dict[str, dict[int, Outcome]]  # model -> number of the pair -> what was found


def table(found: Found, pairs: Sequence[Pair], seconds: Mapping[str, float]) -> Table:
    """Pairs told apart, by model and category."""
    names, most = list(CATEGORIES), colorings()
    tested = next(iter(found.values()))
    columns = [
        Column("name", "model"),
        *(Column(name, name, "count", "higher") for name in names),
        Column("total", "all", "count", "higher", "By T² with q, against rounding."),
        Column("published", "published test", "count", note="By the statistic of the authors."),
        Column("random", "at first", "count", note="Apart with random weights, by 1e-6 relative."),
        Column("most", "colouring", "count", note="What colourings of its class tell apart."),
        Column("seconds", "a pair", "seconds", "lower", "Training and tests, mean."),
    ]

    def counts(which: Callable[[int], bool]) -> dict[str, Any]:
        by = {name: sum(pairs[k].category == name and which(k) for k in tested) for name in names}
        return by | {"total": sum(by.values())}

    rows: list[dict[str, Any]] = [{"name": "pairs tested"} | counts(lambda k: True)]
    for name, by_pair in found.items():
        rows.append(
            {"name": name}
            | counts(lambda k, by_pair=by_pair: by_pair[k].separated)  # type: ignore[misc]
            | {
                "published": sum(o.published for o in by_pair.values()),
                "random": sum(o.before > 1e-6 for o in by_pair.values()),
                "most": len(most[name] & set(by_pair)),
                "seconds": seconds[name] / max(1, len(by_pair)),
            }
        )
    return Table("brec", tuple(columns), tuple(rows), "Pairs told apart after training")


def _but(pairs: Sequence[str]) -> str:
    return f", but for {', '.join(pairs)}" if pairs else ""


def checks(found: Found, pairs: Sequence[Pair]) -> list[Check]:
    """What should hold of a run, whole or not; the numbers themselves only of a whole one."""
    most = colorings()
    excess, misses = [], []
    for name, by_pair in found.items():
        apart = {k for k, outcome in by_pair.items() if outcome.separated}
        excess += [f"{name}: {k}" for k in sorted(apart - most[name])]
        if name in EXACT:
            misses += [f"{name}: {k}" for k in sorted((most[name] & set(by_pair)) - apart)]
    tested = len(next(iter(found.values())))
    same = [o for by_pair in found.values() for o in by_pair.values()]
    unsound = sum(o.same.ours > o.threshold for o in same)
    made = [
        Check("sound", unsound == 0, f"{unsound} times a graph was told apart from itself"),
        Check("bounded", not excess, "No model tells apart a pair that colourings of its class do"
              f" not{_but(excess)}"),
        Check("reached", not misses, f"{' and '.join(EXACT)} tell apart all of the {tested} pairs"
              f" tested that colourings of their class do{_but(misses)}"),
    ]  # fmt: skip
    if tested == 400:
        total = {name: sum(o.separated for o in found[name].values()) for name in found}
        best = max(total, key=lambda name: total[name])
        made += [
            Check("PPGN", total["PPGN"] == 270, f"PPGN: {total['PPGN']}, of 270 by 2-FWL"),
            Check("best", total[best] >= 320, f"The best model, {best}: {total[best]} of 400"),
        ]
    return made


@suite("graphs/brec", title="Pairs of BREC told apart by trained networks", weight=8.0, seeds=1)
def brec(context: Context) -> SuiteResult:
    """Train each model on each pair, and test whether its embeddings differ.

    Args:
        context: limits of the run; pairs are taken in an order of which every beginning is a fair
            sample, until the time is over.

    Returns:
        Pairs told apart by category, by our statistic and by the published one, and the checks.
    """
    title = "Pairs of BREC told apart by trained networks"
    try:
        pairs = read_pairs(context.root)
    except FileNotFoundError as error:
        return SuiteResult(
            title, "Nothing was measured.", notes=(f"Nothing was measured. {error}",),
            reduced="no data",
        )  # fmt: skip
    order = spread_order(pairs)
    context.progress.stage("graphs/brec", len(order))
    found: Found = {name: {} for name in MODELS}
    seconds = dict.fromkeys(MODELS, 0.0)
    worst = 0.0
    for k in order:
        if found["PPGN"] and context.budget.left < worst:
            break
        begin = time.perf_counter()
        made, spent = outcomes(pairs[k], MODELS, k)
        worst = max(worst, time.perf_counter() - begin)
        for name, branches in MODELS.items():
            found[name][k] = made[name]
            seconds[name] += sum(spent[branch] for branch in branches)
        context.progress.advance(f"pair {k}")
    done = len(found["PPGN"])
    return SuiteResult(
        title=title,
        summary="Each model is trained on each pair alone, in float64, to give the two graphs"
        f" embeddings at a right angle; then T² of {COPIES} renamed copies of each decides. A pair"
        " counts as told apart if T² exceeds its threshold for the two graphs and stays below for"
        " one graph under two sets of names. Our T² has the factor q that the published one lacks,"
        f" and takes {NOISE:.0f} times the spread of the copies for rounding, where the published"
        f" one divides by it; the published threshold is {PUBLISHED}. A model with two branches"
        " adds their embeddings and their losses.",
        tables=(table(found, pairs, seconds), PAPERS),
        checks=tuple(checks(found, pairs)),
        reduced=f"{done} of {len(pairs)} pairs" if done < len(pairs) else None,
        settings={
            "dtype": "float64", "steps": STEPS, "rate": RATE, "copies": COPIES, "outputs": OUTPUTS,
        },
    )  # fmt: skip
