"""Suite `molecules/speed`: interactions against e3nn, alternately in one process."""

import math
from collections.abc import Callable, Sequence
from typing import Any, cast

import torch
from torch import Tensor

from geomdl.bench.fresh import measure_fresh
from geomdl.bench.registry import Context, suite
from geomdl.bench.results import Check, Column, Figure, SuiteResult, Table
from geomdl.bench.statistics import quartiles
from geomdl.bench.suites.molecules.peers import messages, uvu
from geomdl.bench.suites.molecules.steps import step_of_nequip
from geomdl.bench.timing import compare
from geomdl.euclidean import NequIP, radius_graph, spherical, spherical_harmonics
from geomdl.fields import Graph
from geomdl.interop import e3nn as bridge

NODES, NEIGHBOURS = 500, 16
DEGREES, CHANNELS = (1, 2, 3), (32, 64, 128)
PASSES = {"forward": 15.0, "both": 15.0, "forces": 10.0}  # times faster, geometric means
WORDS = {"forward": "forward", "both": "forward + backward", "forces": "forces and their gradient"}
MEMORY = 1 / 10  # of e3nn's, beyond inputs, outputs and their gradients
HARMONICS = 10.0  # times faster, l = 6, 10⁵ vectors
ATOMS = (1_000, 5_000, 20_000, 50_000)
LINEAR = 1.5  # growth of the time of an atom, from 5,000 atoms to 50,000
ROUNDS, LEAST_ROUNDS = 9, 3
_CHILD = """
import ctypes, json, re, torch
from geomdl.bench.suites.molecules.speed import Case
torch.set_num_threads({threads})

def resident(key):
    with open("/proc/self/status") as file:
        return 1024 * int(re.search(key + r":\\s+(\\d+)", file.read())[1])

case = Case({lmax}, {channels})
small = Case({lmax}, {channels}, nodes=20)
for one in (small, case):
    step, inputs = one.steps("both")["{which}"], one.inputs
    results = [torch.ones(one.results)] + [torch.ones_like(x) for x in inputs]
    kept = step() if one is small else None
    del kept, results
    ctypes.CDLL(None).malloc_trim(0)
    with open("/proc/self/clear_refs", "w") as file:
        file.write("5")
    before = resident("VmRSS")
    kept = step()
own = 4 * (case.results + sum(x.numel() for x in inputs))
print(json.dumps(dict(bytes=max(resident("VmHWM") - before - own, 0))))
"""
_METHOD = (
    "Most resident memory during one forward and backward in a fresh process, beyond what was there"
    " before, the outputs and the gradients."
)
COLUMNS = (
    Column("name", "l, channels"),
    Column("theirs", "e3nn, forward", "milliseconds"),
    Column(
        "forward", "e3nn / geomdl, forward", "ratio",
        note="Paired within each round; median [quartiles].",
    ),
    Column("both", "forward + backward", "ratio", note="Likewise; gradients of all three inputs."),
    Column(
        "forces", "forces and their gradient", "ratio",
        note="Gradients of features and harmonics, and the gradient of their squares.",
    ),
    Column("memory", "peak memory", "bytes", note=_METHOD),
    Column("share", "of e3nn's", "ratio"),
    Column(
        "error", "difference", "scientific",
        note="Norm of the difference of the outputs over that of e3nn's, float32.",
    ),
)  # fmt: skip


class Case:
    """One interaction, here and on e3nn, on the same numbers.

    Args:
        lmax: degree of features, harmonics and results, parities natural.
        channels: of each irrep.
        nodes: with 16 random neighbours each.
    """

    def __init__(self, lmax: int, channels: int, nodes: int = NODES) -> None:
        from e3nn import o3

        rng = torch.Generator().manual_seed(lmax)
        self.lmax, self.channels = lmax, channels
        edges = nodes * NEIGHBOURS
        ends = torch.randint(nodes, (2, edges), generator=rng)
        ends[1] = torch.arange(nodes).repeat_interleave(NEIGHBOURS)
        self.graph = Graph.from_edge_index(ends, num_nodes=nodes)
        rep = spherical(lmax)
        irreps = bridge.to_irreps(rep, channels)
        self.product = uvu(irreps, o3.Irreps.spherical_harmonics(lmax), irreps)
        self.layer, order = bridge.interaction(self.product)
        x = torch.randn(nodes, rep.dim, channels, generator=rng)
        s = spherical_harmonics(torch.randn(edges, 3, generator=rng), lmax)
        w = torch.randn(edges, self.layer.paths, channels, generator=rng)
        self.inputs = (x, s, w)
        unsorted = torch.empty_like(w)
        unsorted[:, order] = w
        self.theirs = (bridge.to_features(x, rep), s, unsorted.flatten(1))
        self.order = order
        self.results = nodes * self.layer.components * channels

    def ours(self, x: Tensor, s: Tensor, w: Tensor) -> Tensor:
        """Our op."""
        found: Tensor = self.layer(x, s, w, self.graph)
        return found

    def peers(self, x: Tensor, s: Tensor, w: Tensor) -> Tensor:
        """Gather, e3nn's product, sum."""
        return messages(self.product, x, s, w, self.graph)

    def error(self) -> float:
        """Difference of the outputs, as a share of e3nn's norm."""
        with torch.no_grad():
            found, theirs = self.ours(*self.inputs), self.peers(*self.theirs)
        rep = self.layer.target.rep
        columns = dict(zip(range(len(self.order)), self.product.irreps_out.slices(), strict=True))
        kinds: dict[tuple[int, int], list[Tensor]] = {}
        for number in self.order:
            ir = self.product.irreps_out[number].ir
            kinds.setdefault((ir.l, ir.p), []).append(theirs[:, columns[number]])
        expected = torch.cat([piece for some in kinds.values() for piece in some], 1)
        expected = bridge.from_features(expected, rep, self.channels)
        return float((found - expected).norm() / expected.norm())

    def steps(self, key: str) -> dict[str, Callable[[], Any]]:
        """Name of the library -> one pass."""
        make = {"forward": forward, "both": both, "forces": forces}[key]
        return {"geomdl": make(self.ours, self.inputs), "e3nn": make(self.peers, self.theirs)}


def forward(f: Callable[..., Tensor], inputs: Sequence[Tensor]) -> Callable[[], Tensor]:
    """Without a graph."""

    def run() -> Tensor:
        with torch.no_grad():
            return f(*inputs)

    return run


def both(f: Callable[..., Tensor], inputs: Sequence[Tensor]) -> Callable[[], Any]:
    """Forward, and the gradients of the sum of squares in all inputs."""

    def run() -> Any:
        leaves = [x.detach().requires_grad_() for x in inputs]
        return torch.autograd.grad(f(*leaves).square().sum(), leaves)

    return run


def forces(f: Callable[..., Tensor], inputs: Sequence[Tensor]) -> Callable[[], Any]:
    """Forward, gradients in features and harmonics, and the gradient of their squares."""

    def run() -> Any:
        leaves = [x.detach().requires_grad_() for x in inputs]
        energy = f(*leaves).square().sum()
        slopes = torch.autograd.grad(energy, leaves[:2], create_graph=True)
        return torch.autograd.grad(torch.stack([g.square().sum() for g in slopes]).sum(), leaves)

    return run


def measure(lmax: int, channels: int, limit: float) -> dict[str, Any]:
    """One row of the table.

    Args:
        lmax: degree.
        channels: of each irrep.
        limit: seconds for it.
    """
    case = Case(lmax, channels)
    row: dict[str, Any] = {"name": f"{lmax}, {channels}", "error": case.error()}
    rounds = []
    for key, share in (("forward", 0.15), ("both", 0.3), ("forces", 0.55)):
        timing = compare(
            case.steps(key), baseline="geomdl", rounds=ROUNDS, warmup=1, limit=share * limit
        )
        row[key] = vars(timing.ratio("e3nn"))
        rounds.append(timing.rounds)
        if key == "forward":
            row["theirs"] = timing.time("e3nn").median
    options = {"threads": torch.get_num_threads(), "lmax": lmax, "channels": channels}
    peak = {
        which: measure_fresh(_CHILD.format(which=which, **options))["bytes"]
        for which in ("geomdl", "e3nn")
    }
    row["memory"], row["share"] = peak["geomdl"], peak["geomdl"] / peak["e3nn"]
    return {**row, "rounds": min(rounds)}


def harmonics(limit: float) -> dict[str, Any]:
    """Harmonics to l = 6 of 10⁵ vectors."""
    from e3nn import o3

    x = torch.randn(100_000, 3, generator=torch.Generator().manual_seed(0))
    degrees = list(range(7))

    def theirs() -> Tensor:
        found: Tensor = o3.spherical_harmonics(degrees, x, True, normalization="component")
        return found

    things = {"geomdl": lambda: spherical_harmonics(x, 6), "e3nn": theirs}
    timing = compare(things, baseline="geomdl", rounds=ROUNDS, warmup=1, limit=limit)
    return {
        "name": "spherical harmonics, l ≤ 6, 100,000 vectors, against e3nn",
        "geomdl": timing.time("geomdl").median,
        "ratio": vars(timing.ratio("e3nn")),
        "least": HARMONICS,
    }


def growth(limit: float) -> Table:
    """Energy and forces of NequIP against the number of atoms, 0.1 of them a cubic Å."""
    model = NequIP((1,), lmax=2, channels=16, layers=2, cutoff=3.5)
    rows: list[dict[str, Any]] = []
    for atoms in ATOMS:
        rng = torch.Generator().manual_seed(atoms)
        pos = torch.rand(atoms, 3, generator=rng) * (10 * atoms) ** (1 / 3)
        z = torch.ones(atoms, dtype=torch.int64)

        def run(pos: Tensor = pos, z: Tensor = z) -> Tensor:
            graph = radius_graph(pos, model.cutoff).graph
            moved = pos.detach().requires_grad_()
            return torch.autograd.grad(model(z, moved, graph).sum(), moved)[0]

        timing = compare({"geomdl": run}, rounds=5, warmup=1, limit=limit / len(ATOMS))
        time = quartiles(timing.seconds["geomdl"])
        rows.append(
            {
                "atoms": atoms,
                "time": vars(time),
                "each": time.median / atoms,
            }
        )
    columns = (
        Column("atoms", "atoms", "count"),
        Column("time", "energy and forces", "milliseconds", note="Neighbours found each time."),
        Column("each", "an atom", "scientific", note="Seconds."),
    )
    return Table("growth", columns, tuple(rows), "Time against the number of atoms")


def checks_of(rows: list[dict[str, Any]], others: Table, grown: Table) -> list[Check]:
    """Whether times, memory and outputs keep their limits."""
    checks = []
    for key, least in PASSES.items():
        ratios = [row[key]["median"] for row in rows]
        mean = math.exp(sum(map(math.log, ratios)) / len(ratios))
        text = (
            f"{WORDS[key]}: {mean:.1f} times faster than e3nn, geometric mean over {len(rows)}"
            f" cases (at least {least:g}); least {min(ratios):.1f}"
        )
        checks.append(Check(key, mean >= least, text))
    worst = max(rows, key=lambda row: row["share"])
    text = f"peak memory: at most {worst['share']:.2f} of e3nn's, {worst['name']} (at most 1/10)"
    checks.append(Check("memory", worst["share"] <= MEMORY, text))
    off = max(row["error"] for row in rows)
    checks.append(Check("outputs", off <= 1e-6, f"outputs: differ by at most {off:.1e} (1e-06)"))
    for row in others.rows:
        fast, asked = cast("dict[str, float]", row["ratio"])["median"], cast(Any, row["least"])
        if asked is None:
            continue
        text = f"{row['name']}: {fast:.1f} times faster (at least {asked:g})"
        checks.append(Check(str(row["name"]).split(",")[0], fast >= asked, text))
    each: list[Any] = [row["each"] for row in grown.rows]
    more = each[-1] / each[1]
    text = (
        f"time of an atom: {more:.2f} times as long among {ATOMS[-1]:,} as among {ATOMS[1]:,}"
        f" (at most {LINEAR:g})"
    )
    checks.append(Check("growth", more <= LINEAR, text))
    return checks


@suite("molecules/speed", title="Interactions: time and memory", weight=3.0)
def speed(context: Context) -> SuiteResult:
    """Time interactions, a potential and harmonics against e3nn.

    Args:
        context: limits of the run.

    Returns:
        Ratios of times and memory, differences of the outputs, time against atoms.
    """
    settings = [(lmax, channels) for lmax in DEGREES for channels in CHANNELS]
    rows = []
    context.progress.stage("molecules/speed: interactions", len(settings))
    for number, (lmax, channels) in enumerate(settings):
        rows.append(measure(lmax, channels, 0.6 * context.budget.left / (len(settings) - number)))
        context.progress.advance(f"l = {lmax}, {channels} channels")
    context.progress.stage("molecules/speed: networks", 3)
    whole = step_of_nequip(context.budget.left / 4, ROUNDS)
    context.progress.advance()
    whole.append(harmonics(context.budget.left / 3))
    context.progress.advance()
    columns = (
        Column("name", "what"),
        Column("geomdl", "geomdl", "milliseconds"),
        Column("ratio", "peer / geomdl", "ratio", note="Median [quartiles]."),
    )
    others = Table("others", columns, tuple(whole), "A training step, and harmonics")
    grown = growth(0.5 * context.budget.left)
    context.progress.advance()
    few = [row["name"] for row in rows if row["rounds"] < ROUNDS]
    return SuiteResult(
        title="Interactions: time and memory",
        summary=f"{NODES} nodes of {NEIGHBOURS} neighbours: gather, tensor product with weights of"
        " the edges, sum, against e3nn's `TensorProduct` between a gather and `index_add`,"
        " alternately in one process.",
        tables=(Table("speed", COLUMNS, tuple(rows)), others, grown),
        figures=(_figure(rows),),
        checks=tuple(checks_of(rows, others, grown)),
        reduced=f"fewer than {ROUNDS} rounds: {', '.join(few)}" if few else None,
        settings={"threads": torch.get_num_threads(), "dtype": "float32"},
    )


def _figure(rows: list[dict[str, Any]]) -> Figure:
    return Figure(
        "ratio",
        "dots",
        "Times faster than e3nn",
        "Forward, with backward, and with forces; the large dot is their median.",
        {
            "rows": [
                {"name": f"l, C = {row['name']}", "values": [row[k]["median"] for k in PASSES]}
                for row in rows
            ],
            "x_label": "time of e3nn, relative to ours",
            "unit": "×",
            "limit": {"value": PASSES["both"], "text": "target"},
        },
    )
