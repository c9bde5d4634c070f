"""Suite `graphs/speed`: layers of message passing against PyG, alternately in one process."""

import math
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from geomdl.bench.fresh import measure_fresh
from geomdl.bench.registry import Context, suite
from geomdl.bench.results import Check, Column, Figure, SuiteResult, Table
from geomdl.bench.suites.graphs.peers import (
    CHANNELS,
    HEADS,
    MODELS,
    convolution,
    forms,
    molecule_edges,
    random_edges,
)
from geomdl.bench.timing import compare
from geomdl.fields import Graph
from geomdl.interop.pyg import convert
from geomdl.kernels import all_kernels
from geomdl.permutation.inputs import check_nodes

NODES, EDGES, MOLECULES = 50_000, 800_000, 128
FASTER, NEVER_BELOW = 6.0, 2.0  # times, geometric mean and every row, against edge_index
PREPARED = 1.5  # times, every row, against what PyG does with a sorted or sparse graph
MEMORY = 1 / 3  # of PyG's, for attention and statistics, on the great graph
OUTPUTS = 1e-6
CHECKS = 0.02  # of the forward time
ROUNDS = 9
_CHILD = """
import ctypes, json, re, torch
from geomdl.bench.suites.graphs.speed import Case
torch.set_num_threads({threads})

def resident(key):
    with open("/proc/self/status") as file:
        return 1024 * int(re.search(key + r":\\s+(\\d+)", file.read())[1])

case, small = Case("{model}", "{graph}", {size}), Case("{model}", "molecules", 4)
for one in (small, case):
    step = one.steps()["{which}"]
    results = [torch.ones_like(one.x)] + [torch.ones_like(t) for t in one.leaves("{which}")]
    kept = step() if one is small else None
    del kept, results
    ctypes.CDLL(None).malloc_trim(0)
    with open("/proc/self/clear_refs", "w") as file:
        file.write("5")
    before = resident("VmRSS")
    kept = step()
own = one.x.nbytes + sum(t.nbytes for t in one.leaves("{which}"))
print(json.dumps(dict(bytes=max(resident("VmHWM") - before - own, 0))))
"""
_METHOD = (
    "Most resident memory during one forward and backward in a fresh process, beyond what was there"
    " before, the outputs and the gradients."
)
COLUMNS = (
    Column("name", "layer, graph"),
    Column("ours", "geomdl", "milliseconds", note="Forward and backward, of x and all weights."),
    Column("ratio", "PyG / geomdl", "ratio", note="Paired in each round; median [quartiles]."),
    Column("prepared", "prepared PyG / geomdl", "ratio",
           note="PyG given a sorted `EdgeIndex` or a sparse matrix, the faster of both."),
    Column("form", "prepared as"),
    Column("products", "products alone", "percent",
           note="Time of the matrix products that our step makes, and nothing else, of its whole."),
    Column("bound", "PyG / products", "ratio",
           note="What no layer that makes these products can be above."),
    Column("memory", "peak memory", "bytes", note=_METHOD),
    Column("share", "of PyG's", "ratio"),
    Column("error", "difference", "scientific",
           note="Norm of the difference of our outputs, float32, from PyG's in float64, over"
           " the norm of these."),
    Column("checks", "input checks", "percent", note="Their time, of the forward time."),
)  # fmt: skip


class Products(TorchDispatchMode):
    """Remembers the matrix products that are made within, and makes them again when called."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.calls: list[tuple[Any, Any]] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Call the operation, and keep it if it is a product."""
        if func.overloadpacket.__name__ in ("mm", "addmm", "bmm", "baddbmm"):
            self.calls.append((func, args))
        return func(*args, **(kwargs or {}))

    def __call__(self) -> None:
        """The products alone."""
        for func, args in self.calls:
            func(*args)


class Case:
    """One layer on one graph, here and in PyG, with the same weights and numbers.

    Args:
        model: "GCN", "SAGE", "GIN", "GAT" or "PNA".
        graph: "random" or "molecules".
        size: nodes of the former (16 edges each), molecules of the latter.
    """

    def __init__(self, model: str, graph: str, size: int) -> None:
        if graph == "random":
            self.edge_index, self.nodes = random_edges(size, EDGES // NODES * size), size
        else:
            self.edge_index, self.nodes = molecule_edges(size)
        self.theirs = convolution(model, self.edge_index, self.nodes)
        self.layer: Any = convert(self.theirs).layer
        self.graph = Graph.from_edge_index(self.edge_index, self.nodes)
        rng = torch.Generator().manual_seed(1)
        self.x, self.slopes = torch.randn(2, self.nodes, CHANNELS, generator=rng).unbind()

    def leaves(self, which: str) -> list[Tensor]:
        """What there are gradients of."""
        module = self.layer if which == "geomdl" else self.theirs
        return [self.x, *module.parameters()]

    def steps(self) -> dict[str, Callable[[], Any]]:
        """Name -> forward and backward, of our layer and of PyG's on what it can take."""
        found = {"geomdl": self._step("geomdl", self.layer, self.graph)}
        with warnings.catch_warnings():  # sparse tensors warn of what they are, once
            warnings.filterwarnings("ignore", "Sparse ", UserWarning)
            return found | self._peers()

    def _peers(self) -> dict[str, Callable[[], Any]]:
        found = {}
        with torch.no_grad():
            expected = self.theirs(self.x, self.edge_index)
        for name, form in forms(self.edge_index, self.nodes).items():
            step = self._step(name, self.theirs, given := form())
            try:
                with torch.no_grad():
                    same = torch.allclose(self.theirs(self.x, given), expected, 1e-3, 1e-3)
                if name == "sparse":  # where some layers have no gradient
                    step()
            except (RuntimeError, NotImplementedError, ValueError, TypeError, AttributeError):
                continue
            if same:
                found[name] = step
        return found

    def _step(self, which: str, module: Any, graph: Any) -> Callable[[], Any]:
        weights = list(module.parameters())

        def run() -> Any:
            x = self.x.detach().requires_grad_()
            return torch.autograd.grad(module(x, graph), [x, *weights], self.slopes)

        return run

    def products(self) -> Products:
        """The matrix products of our forward and backward."""
        found = Products()
        with found:
            self._step("geomdl", self.layer, self.graph)()
        return found

    def error(self) -> float:
        """Difference of our outputs from PyG's in float64, as a share of their norm."""
        with torch.no_grad():
            found = self.layer(self.x, self.graph).double()
            expected = self.theirs.double()(self.x.double(), self.edge_index)
            self.theirs.float()
        return float((found - expected).norm() / expected.norm())

    def checks(self, repeats: int = 20) -> float:
        """Time of the checks of one forward pass, as a share of its whole time."""
        with torch.no_grad(), _recorded() as calls:
            self.layer(self.x, self.graph)

        weight = next(self.layer.parameters())

        def all_checks() -> None:
            check_nodes(self.x, self.graph, CHANNELS, weight)
            for check, args in calls:
                check(*args)

        def forward() -> None:
            with torch.no_grad():
                self.layer(self.x, self.graph)

        return _least(all_checks, repeats) / _least(forward, min(repeats, 20))


@contextmanager
def _recorded() -> Iterator[list[tuple[Callable[..., None], Any]]]:
    """Checks of kernels and their arguments, as they are called."""
    calls: list[tuple[Callable[..., None], Any]] = []
    before = {kernel: kernel.check for kernel in all_kernels()}

    def recorder(check: Callable[..., None]) -> Callable[..., None]:
        def run(*args: Any) -> None:
            calls.append((check, args))
            check(*args)

        return run

    try:
        for kernel, check in before.items():
            object.__setattr__(kernel, "check", recorder(check))
        yield calls
    finally:
        for kernel, check in before.items():
            object.__setattr__(kernel, "check", check)


def _least(call: Callable[[], None], repeats: int) -> float:
    call()
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - start)
    return min(seconds)


def measure(model: str, graph: str, size: int, limit: float) -> dict[str, Any]:
    """One row of the table.

    Args:
        model: name of the layer.
        graph: "random" or "molecules".
        size: nodes or molecules.
        limit: seconds for it.
    """
    case = Case(model, graph, size)
    steps = case.steps() | {"products": case.products()}
    timing = compare(steps, baseline="geomdl", rounds=ROUNDS, warmup=1, limit=0.6 * limit)
    ratios = {name: timing.ratio(name) for name in timing.seconds if name != "geomdl"}
    products = ratios.pop("products").median
    row: dict[str, Any] = {
        "name": f"{model}, {graph}",
        "model": model,
        "graph": graph,
        "ours": timing.time("geomdl").median,
        "products": products,
        "bound": ratios["PyG"].median / products,
        "ratio": vars(ratios.pop("PyG")),
        "error": case.error(),
        "checks": case.checks(),
        "rounds": timing.rounds,
    }
    if ratios:
        best = min(ratios, key=lambda name: ratios[name].median)
        row |= {"prepared": vars(ratios[best]), "form": best}
    options = {"threads": torch.get_num_threads(), "model": model, "graph": graph, "size": size}
    peak = {
        which: measure_fresh(_CHILD.format(which=which, **options))["bytes"]
        for which in ("geomdl", "PyG")
    }
    row["memory"], row["share"] = peak["geomdl"], peak["geomdl"] / max(peak["PyG"], 1)
    return row


def checks_of(rows: list[dict[str, Any]]) -> list[Check]:
    """Whether times, memory, outputs and checks keep their limits."""
    ratios = {row["name"]: row["ratio"]["median"] for row in rows}
    mean = math.exp(sum(map(math.log, ratios.values())) / len(ratios))
    bounds = {row["name"]: row["bound"] for row in rows}
    slow = min(ratios, key=lambda name: ratios[name])
    prepared = {row["name"]: row["prepared"]["median"] for row in rows if "prepared" in row}
    close = min(prepared, key=lambda name: prepared[name])
    large = max(
        (row for row in rows if row["model"] in ("GAT", "PNA") and row["graph"] == "random"),
        key=lambda row: row["share"],
    )
    off = max(rows, key=lambda row: math.inf if math.isnan(row["error"]) else row["error"])
    dear = max(rows, key=lambda row: row["checks"])
    return [
        Check(
            "faster",
            mean >= FASTER,
            f"forward + backward: {mean:.1f} times faster than PyG, geometric mean over"
            f" {len(rows)} cases (at least {FASTER:g})",
        ),
        Check(
            "least",
            ratios[slow] >= NEVER_BELOW,
            f"least: {ratios[slow]:.1f} times, {slow} (at least {NEVER_BELOW:g}; its products alone"
            f" allow {bounds[slow]:.1f})",
        ),
        Check(
            "prepared",
            prepared[close] >= PREPARED,
            f"against a sorted or sparse graph: least {prepared[close]:.1f} times, {close}"
            f" (at least {PREPARED:g})",
        ),
        Check(
            "memory",
            large["share"] <= MEMORY,
            f"peak memory of GAT and PNA: at most {large['share']:.2f} of PyG's, {large['name']}"
            " (at most 1/3)",
        ),
        Check(
            "outputs",
            off["error"] <= OUTPUTS,
            f"outputs: differ by at most {off['error']:.1e}, {off['name']} ({OUTPUTS:.0e})",
        ),
        Check(
            "checks",
            dear["checks"] <= CHECKS,
            f"input checks: at most {dear['checks']:.1%} of the forward time, {dear['name']}"
            f" (at most {CHECKS:.0%})",
        ),
    ]


@suite("graphs/speed", title="Message passing: time and memory", weight=3.0)
def speed(context: Context) -> SuiteResult:
    """Time layers on a random graph and on batches of molecules against PyG.

    Args:
        context: limits of the run.

    Returns:
        Ratios of times and memory, differences of the outputs.
    """
    settings = [
        (model, graph, size)
        for graph, size in (("random", NODES), ("molecules", MOLECULES))
        for model in MODELS
    ]
    rows: list[dict[str, Any]] = []
    context.progress.stage("graphs/speed", len(settings))
    for number, (model, graph, size) in enumerate(settings):
        rows.append(measure(model, graph, size, context.budget.left / (len(settings) - number)))
        context.progress.advance(rows[-1]["name"])
    few = [row["name"] for row in rows if row["rounds"] < ROUNDS]
    return SuiteResult(
        title="Message passing: time and memory",
        summary=f"One layer, {CHANNELS} channels in and out (GAT: {HEADS} heads of"
        f" {CHANNELS // HEADS}; GIN around one linear map), with the same weights, against PyG's on"
        f" `edge_index`; its graph, ours, is made before. Random: {NODES:,} nodes, {EDGES:,} edges."
        f" Molecules: {MOLECULES} of 18 to 23 nodes. The linear maps of the layers, which cost both"
        " sides the same, are in the times.",
        tables=(Table("speed", COLUMNS, tuple(rows)),),
        figures=(_figure(rows),),
        checks=tuple(checks_of(rows)),
        reduced=f"fewer than {ROUNDS} rounds: {', '.join(few)}" if few else None,
        settings={"threads": torch.get_num_threads(), "dtype": "float32"},
    )


def _figure(rows: list[dict[str, Any]]) -> Figure:
    return Figure(
        "ratio",
        "dots",
        "Times faster than PyG",
        "Forward and backward, on edge_index; small dots are the quartiles.",
        {
            "rows": [
                {
                    "name": row["name"],
                    "values": [row["ratio"][k] for k in ("low", "median", "high")],
                }
                for row in rows
            ],
            "x_label": "time of PyG, relative to ours",
            "unit": "×",
            "limit": {"value": FASTER, "text": "target"},
        },
    )
