"""Suite `graphs/qm9`: properties of molecules from their graphs, without coordinates."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
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
    parts_of,
    reduced,
    summaries,
    train,
)
from geomdl.bench.suites.scattering.regression import composition
from geomdl.fields import Graph
from geomdl.permutation import GIN, GPS, PNA, GraphDataset, mean_log_degree, random_walk_pe

TITLE = "Properties of molecules without coordinates"
MOLECULES, SHARES = 5_000, (0.7, 0.1)  # training and validation
VALENCES = {1: 1, 6: 4, 7: 3, 8: 2, 9: 1}  # of the elements of QM9
OPEN = 3  # classes of bonds: 0, 1, and 2 or more open valences
WALK = 8  # steps of the random walk
EPOCHS, BATCH = 10, 50
UNITS = {"gap": ("gap, meV", 1000.0), "u0": ("U0, meV", 1000.0), "alpha": ("alpha, bohr³", 1.0)}
MEAN, FORMULA, PLAIN = "mean", "linear in the formula", "no edges"
Runs = Mapping[str, Sequence[Mapping[str, float]]]
Make = Callable[[float, torch.Generator], nn.Module]
SETTINGS: dict[str, Any] = {"channels": 64, "layers": 4, "norm": "none"}
# Without normalisation GINE erred less than with "layer" or "graph", on the molecules of seed 0.
ATOMS, OUT = len(VALENCES), len(UNITS)
FULL: dict[str, Any] = {
    "in_channels": ATOMS + WALK, "out_channels": OUT, "edge_channels": OPEN, **SETTINGS,
}  # fmt: skip
NETWORKS: dict[str, tuple[str, Make]] = {
    PLAIN: ("atoms", lambda delta, rng: Members(ATOMS, OUT, rng)),
    "GIN": ("atoms, edges", lambda delta, rng: GIN(ATOMS, OUT, **SETTINGS, rng=rng)),
    "GINE": ("bonds, walks", lambda delta, rng: GIN(**FULL, rng=rng)),
    "PNA": ("bonds, walks", lambda delta, rng: PNA(**FULL, delta=delta, rng=rng)),
    "GPS": ("bonds, walks", lambda delta, rng: GPS(**FULL, rng=rng)),
}
"""Name -> what it sees, and how it is made."""
_NOTE = "Mean absolute error on the test molecules, over the seeds."
COLUMNS = (
    Column("name", "predictor"),
    Column("sees", "sees", note="Bonds: edges with classes. Walks: how soon they are back."),
    *(Column(key, title, "number", "lower", _NOTE) for key, (title, _) in UNITS.items()),
    *BESIDES,
)


def molecules(root: Any) -> GraphDataset:
    """Molecules of QM9 as graphs of atoms, those within reach of a bond joined; see `graphs`.

    Raises:
        FileNotFoundError: qm9pack is not installed.
    """
    found = data.load("qm9", root=root, n=MOLECULES)
    y = torch.stack([unit * found[key] for key, (_, unit) in UNITS.items()], 1)
    return graphs(found["numbers"], found["positions"], y)


def graphs(numbers: Tensor, positions: Tensor, y: Tensor) -> GraphDataset:
    """Graphs of `data.bonds`: distances say who is bonded, and nothing else.

    Features of an atom are its element and how likely random walks are back after 1, …, `WALK`
    steps. Those of a bond are classes: the lesser number of open valences of its two ends, 0 if it
    is single, 1 if it may be double or aromatic, 2 if it may be triple. Both are functions of the
    graph.

    Args:
        numbers: nuclear charges, shape (molecules, atoms), 0 where there is no atom.
        positions: Å, shape (molecules, atoms, 3).
        y: answers, shape (molecules, properties).
    """
    found = data.bonds(numbers, positions)
    graph = Graph.from_edge_index(
        found["edge_index"], batch=found["batch"], num_graphs=len(numbers)
    )
    kind = (found["z"].unsqueeze(1) == torch.tensor(list(VALENCES))).long().argmax(1)
    left = torch.tensor(list(VALENCES.values()))[kind] - graph.in_degree
    ends = left[found["edge_index"]].amin(0).clamp(0, OPEN - 1)
    elements = nn.functional.one_hot(kind, ATOMS).float()
    x = torch.cat([elements, random_walk_pe(graph, WALK)], 1)
    return GraphDataset.of(graph, x, y, nn.functional.one_hot(ends.long(), OPEN).float())


def formula(part: GraphDataset) -> Tensor:
    """Atoms of each element, and 1, shape (molecules, elements + 1)."""
    atoms = part.x[:, :ATOMS].double()
    owner = torch.arange(len(part)).repeat_interleave(part.table.ptr.long().diff())
    counts = atoms.new_zeros(len(part), ATOMS).index_add(0, owner, atoms)
    return torch.cat([counts, counts.new_ones(len(part), 1)], 1)


def residuals(parts: Mapping[str, GraphDataset]) -> tuple[dict[str, GraphDataset], Tensor]:
    """Answers less what is linear in the formula, by least squares on the training molecules.

    Args:
        parts: of the data, those for training first.

    Returns:
        The parts, with answers in units of the residuals' deviations, and these.
    """
    sizes = [len(part) for part in parts.values()]
    counts = torch.cat([formula(part) for part in parts.values()])
    y = torch.cat([part.y for part in parts.values()])
    rest = (y - composition(counts, y, torch.arange(sizes[0]))).split(sizes)
    scale = rest[0].std(0)
    return {
        name: replace(part, y=of / scale)
        for (name, part), of in zip(parts.items(), rest, strict=True)
    }, scale


def atoms_alone(part: GraphDataset) -> GraphDataset:
    """The same without features of edges, elements being all that is known of an atom."""
    return replace(part, x=part.x[:, :ATOMS], edge=None)


@suite("graphs/qm9", title=TITLE, weight=5.0)
def qm9(context: Context) -> SuiteResult:
    """Train each network on gap, U0 and polarizability, for as many epochs.

    Args:
        context: limits of the run.

    Returns:
        Mean absolute errors on test molecules.
    """
    try:
        whole = molecules(context.root)
    except FileNotFoundError as error:
        note = f"Nothing was measured. {error}."
        return SuiteResult(title=TITLE, summary=note, notes=(note,))
    runs: dict[str, list[dict[str, float]]] = {name: [] for name in (MEAN, FORMULA, *NETWORKS)}
    left = len(NETWORKS) * context.seeds
    context.progress.stage("graphs/qm9", left)
    for seed in range(context.seeds):
        parts = parts_of(whole, SHARES, seed)
        delta = mean_log_degree(parts["train"].inputs()[1])
        runs[MEAN].append(errors(parts["test"].y - parts["train"].y.mean(0)))
        full, scale = residuals(parts)
        runs[FORMULA].append(errors(full["test"].y * scale))
        for name, (sees, make) in NETWORKS.items():
            seen = full if "bonds" in sees else {k: atoms_alone(p) for k, p in full.items()}
            out, more = train(
                make(delta, torch.Generator().manual_seed(seed)), seen, seed, epochs=EPOCHS,
                limit=0.9 * context.budget.left / left, batch_size=BATCH, lr=3e-3,
                weight_decay=1e-4, loss=nn.functional.l1_loss, clip=10.0,
            )  # fmt: skip
            left -= 1
            runs[name].append(errors((out - full["test"].y) * scale) | more)
            context.progress.advance(f"{name}: gap {runs[name][-1]['gap']:.0f} meV")
    trained = {name: runs[name] for name in NETWORKS}
    return SuiteResult(
        title=TITLE,
        summary=f"HOMO-LUMO gap, U0 (less the free atoms) and isotropic polarizability of"
        f" {len(whole):,} molecules of QM9 as graphs of atoms and bonds, hydrogens with them, all"
        " three by one network. Bonds come from distances (data.bonds); networks see the graph"
        " alone. They are trained, on the absolute error, for what a linear function of the"
        " formula leaves, which has a row of its own. Settings are the same for all networks.",
        tables=(Table("errors", COLUMNS, tuple(_row(name, of) for name, of in runs.items())),),
        figures=tuple(dots(trained, key, f"QM9 without coordinates: {key}", UNITS[key][0])
                      for key in UNITS),
        checks=tuple(checks_of(runs)),
        notes=("With coordinates: molecules/qm9.",),
        reduced=reduced((run for of in trained.values() for run in of), EPOCHS),
        settings={"data": "qm9", "molecules": {k: len(p) for k, p in parts.items()},
                  "epochs": EPOCHS, "batch": BATCH, "seeds": list(range(context.seeds)),
                  "networks": {k: str(v) for k, v in SETTINGS.items()},
                  "threads": torch.get_num_threads(), "dtype": "float32"},
    )  # fmt: skip


def errors(off: Tensor) -> dict[str, float]:
    """Mean absolute errors, property by property; off: shape (molecules, properties)."""
    return dict(zip(UNITS, off.abs().mean(0).tolist(), strict=True))


def _row(name: str, runs: Sequence[Mapping[str, float]]) -> dict[str, Any]:
    row = {"name": name, **summaries(runs, list(UNITS))}
    if name not in NETWORKS:
        return row | {"sees": "formula" if name == FORMULA else "nothing"}
    return row | {"sees": NETWORKS[name][0], **beside(runs)}


def checks_of(runs: Runs) -> list[Check]:
    """Whether the best network with edges errs less than what sees none, over several seeds."""
    checks = []
    for key, (title, _) in UNITS.items():
        if len(runs[PLAIN]) < 2:
            continue
        best = min(
            (name for name in NETWORKS if name != PLAIN),
            key=lambda name: sum(run[key] for run in runs[name]),
        )
        plain, ours = ([run[key] for run in runs[name]] for name in (PLAIN, best))
        gain = paired_interval(plain, ours)
        share = gain.mean * len(plain) / sum(plain)
        text = (
            f"{title}: {best} errs less than what sees no edges by {gain.mean:.3g}"
            f" [{gain.low:.3g}, {gain.high:.3g}], {share:.0%} of it"
        )
        checks.append(Check(key, gain.low > 0, text))
    return checks
