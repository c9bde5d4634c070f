"""Suite `scattering/speed`: forward and backward against kymatio, alternately in one process."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor

from geomdl.bench.fresh import measure_fresh
from geomdl.bench.memory import METHOD, peak_memory
from geomdl.bench.registry import Context, suite
from geomdl.bench.results import Check, Column, Figure, SuiteResult, Table
from geomdl.bench.statistics import quartiles
from geomdl.bench.suites.scattering.peers import kymatio_of, peer_of, quick_filters
from geomdl.bench.timing import compare
from geomdl.scattering import HarmonicScattering3D, Scattering1D, Scattering2D

FORWARD, BOTH, LEAST = 5.0, 4.0, 2.5  # times faster: geometric means, and any case
MEMORY = 1 / 3  # of kymatio's peak, forward and backward
CONSTRUCTION = 50.0  # times faster, images
ROUNDS, LEAST_ROUNDS = 9, 3
FILL = 0.1  # seconds that a batch of kymatio's should take


@dataclass(frozen=True)
class Case:
    """One setting of one transform."""

    name: str
    kind: str
    J: int
    shape: tuple[int, ...]
    Q: int = 1

    def ours(self) -> torch.nn.Module:
        """Our transform."""
        if self.kind == "images":
            return Scattering2D(self.J, (self.shape[0], self.shape[1]))
        if self.kind == "signals":
            return Scattering1D(self.J, self.shape[0], self.Q, convention="0.3")
        return HarmonicScattering3D(self.J, (self.shape[0], self.shape[1], self.shape[2]), 2)

    def theirs(self) -> Any:
        """Kymatio's."""
        if self.kind == "images":
            with quick_filters():
                return kymatio_of("Scattering2D")(self.J, self.shape)
        if self.kind == "signals":
            return kymatio_of("Scattering1D")(self.J, self.shape[0], self.Q)
        return kymatio_of("HarmonicScattering3D")(self.J, self.shape, 2)

    def batch(self, count: int) -> Tensor:
        """Noise; for volumes without what lies near the Nyquist frequency."""
        rng = torch.Generator().manual_seed(0)
        x = torch.randn(count, *self.shape, generator=rng)
        if self.kind == "volumes":
            low = torch.fft.fftn(x, dim=(-3, -2, -1))
            keep = torch.fft.fftfreq(self.shape[0]).abs() < 0.25
            low = low * keep * keep[:, None] * keep[:, None, None]
            x = torch.fft.ifftn(low, dim=(-3, -2, -1)).real.contiguous()
        return x


CASES = (
    Case("32², J = 2", "images", 2, (32, 32)),
    Case("32², J = 3", "images", 3, (32, 32)),
    Case("128², J = 3", "images", 3, (128, 128)),
    Case("256², J = 4", "images", 4, (256, 256)),
    Case("512², J = 5", "images", 5, (512, 512)),
    Case("2¹³, J = 8, Q = 8", "signals", 8, (2**13,), 8),
    Case("2¹⁶, J = 8, Q = 8", "signals", 8, (2**16,), 8),
    Case("2¹⁶, J = 8, Q = 12", "signals", 8, (2**16,), 12),
    Case("64³, J = 2, L = 2", "volumes", 2, (64, 64, 64)),
)
_BUILD = """
import json, time, torch, warnings
torch.set_num_threads({threads})
warnings.simplefilter("ignore")
{load}
{make}(1, (8, 8))  # loads what is loaded on first use
start = time.perf_counter()
{make}({J}, {shape})
print(json.dumps(dict(seconds=time.perf_counter() - start)))
"""
_LIBRARIES = {
    "geomdl": ("from geomdl.scattering import Scattering2D", "Scattering2D"),
    "kymatio": ("from kymatio.torch import Scattering2D", "Scattering2D"),
}
BUILDS = ((3, (32, 32)), (3, (128, 128)), (4, (256, 256)))
COLUMNS = (
    Column("name", "transform"),
    Column("batch", "batch", "count", note="The smallest power of 2 that takes kymatio 0.1 s."),
    Column("theirs", "kymatio, forward", "milliseconds"),
    Column(
        "forward", "kymatio / geomdl, forward", "ratio",
        note="Paired within each round; median [quartiles].",
    ),
    Column("both", "forward + backward", "ratio", note="Likewise, with the gradient of the input."),
    Column("memory", "peak memory, forward + backward", "bytes", note=METHOD.capitalize() + "."),
    Column("share", "of kymatio's", "ratio"),
    Column(
        "error", "difference", "scientific",
        note="Norm of the difference of the outputs over that of kymatio's, float32.",
    ),
)  # fmt: skip


def step(transform: Callable[[Tensor], Tensor], x: Tensor) -> Callable[[], Tensor]:
    """Forward, and the gradient of the sum of squares with respect to the input."""

    def run() -> Tensor:
        leaf = x.detach().requires_grad_()
        return torch.autograd.grad(transform(leaf).square().sum(), leaf)[0]

    return run


def forward(transform: Callable[[Tensor], Tensor], x: Tensor) -> Callable[[], Tensor]:
    """Forward, without a graph."""

    def run() -> Tensor:
        with torch.no_grad():
            return transform(x)

    return run


def measure(case: Case, limit: float) -> dict[str, Any]:
    """One row of the table.

    Args:
        case: what to time.
        limit: seconds for it.
    """
    ours, theirs = case.ours(), case.theirs()
    count = 1
    while count < 512:
        once = compare({"kymatio": forward(theirs, case.batch(count))}, rounds=1, warmup=1, least=0)
        if once.seconds["kymatio"][0] >= FILL:
            break
        count *= 2
    x = case.batch(count)
    found, expected = ours(x), theirs(x)
    row: dict[str, Any] = {"name": case.name, "kind": case.kind, "batch": count}
    row["error"] = float((found - expected).norm() / expected.norm())
    rounds = []
    for key, make, share in (("forward", forward, 0.35), ("both", step, 0.65)):
        timing = compare(
            {"geomdl": make(ours, x), "kymatio": make(theirs, x)},
            baseline="geomdl", rounds=ROUNDS, warmup=1, limit=share * limit,
        )  # fmt: skip
        row[key] = vars(timing.ratio("kymatio"))
        rounds.append(timing.rounds)
        if key == "forward":
            row["theirs"] = timing.time("kymatio").median
    row["memory"], peak = peak_memory(step(ours, x)), peak_memory(step(theirs, x))
    row["share"] = row["memory"] / peak
    return {**row, "rounds": min(rounds)}


def construction(context: Context) -> Table:
    """Seconds of building a transform of images in fresh processes."""
    threads = torch.get_num_threads()
    rows = []
    context.progress.stage("scattering/speed: construction in fresh processes", len(BUILDS))
    for J, shape in BUILDS:
        took = {}
        for library, (load, make) in _LIBRARIES.items():
            code = _BUILD.format(threads=threads, load=load, make=make, J=J, shape=shape)
            took[library] = [
                measure_fresh(code)["seconds"] for _ in range(3 if library == "geomdl" else 1)
            ]
        ratio = took["kymatio"][0] / quartiles(took["geomdl"]).median
        rows.append(
            {
                "name": f"{shape[0]}², J = {J}",
                "geomdl": vars(quartiles(took["geomdl"])),
                "kymatio": took["kymatio"][0],
                "ratio": ratio,
            }
        )
        context.progress.advance()
    columns = (
        Column("name", "images"),
        Column("geomdl", "geomdl", "milliseconds", note="In fresh processes, packages loaded."),
        Column("kymatio", "kymatio", "seconds", note="Once, in a fresh process."),
        Column("ratio", "kymatio / geomdl", "ratio"),
    )
    return Table("construction", columns, tuple(rows), "Construction")


def checks_of(rows: list[dict[str, Any]], built: Table) -> list[Check]:
    """Whether times, memory and construction keep their limits."""
    checks = []
    for key, least, word in (("forward", FORWARD, "forward"), ("both", BOTH, "forward + backward")):
        ratios = [row[key]["median"] for row in rows]
        mean = math.exp(sum(map(math.log, ratios)) / len(ratios))
        text = (
            f"{word}: {mean:.2f} times faster than kymatio, geometric mean over {len(rows)} cases"
            f" (at least {least:g}); least {min(ratios):.2f} (at least {LEAST:g})"
        )
        checks.append(Check(key, mean >= least and min(ratios) >= LEAST, text))
    worst = max(rows, key=lambda row: row["share"])
    text = (
        f"peak memory, forward + backward: at most {worst['share']:.2f} of kymatio's,"
        f" {worst['name']} (at most 1/3)"
    )
    checks.append(Check("memory", worst["share"] <= MEMORY, text))
    slow = min(cast(float, row["ratio"]) for row in built.rows)
    text = f"construction: at least {slow:.0f} times faster (at least {CONSTRUCTION:g})"
    checks.append(Check("construction", slow >= CONSTRUCTION, text))
    bounds = {"images": 1e-6, "signals": 3e-7, "volumes": 1e-5}
    off = max(rows, key=lambda row: row["error"] / bounds[row["kind"]])
    text = (
        f"outputs: differ by at most {off['error']:.1e}"
        f" ({off['name']}, at most {bounds[off['kind']]:g})"
    )
    checks.append(Check("outputs", all(r["error"] <= bounds[r["kind"]] for r in rows), text))
    return checks


@suite("scattering/speed", title="Scattering: time, memory, construction", weight=3.0)
def speed(context: Context) -> SuiteResult:
    """Time our transforms against kymatio's.

    Args:
        context: limits of the run; without `peers` there is nothing to compare with.

    Returns:
        Ratios of times and memory, differences of the outputs.
    """
    peers, said = peer_of(context)
    settings = {"threads": torch.get_num_threads(), "dtype": "float32", "peers": said}
    title = "Scattering: time, memory, construction"
    if not peers:
        note = f"Nothing was timed: kymatio is {said.removeprefix('kymatio is ')}."
        return SuiteResult(title=title, summary=note, notes=(note,), settings=settings)
    built = construction(context)
    rows = []
    context.progress.stage("scattering/speed: times", len(CASES))
    for number, case in enumerate(CASES):
        rows.append(measure(case, 0.8 * context.budget.left / (len(CASES) - number)))
        context.progress.advance(case.name)
    few = [row["name"] for row in rows if row["rounds"] < ROUNDS]
    return SuiteResult(
        title=title,
        summary="Forward, and forward with the gradient of the input, against kymatio's frontend"
        " for torch, alternately in one process. For images kymatio is given its filters in closed"
        " form, as its own construction takes minutes; that is timed apart.",
        tables=(Table("speed", COLUMNS, tuple(rows)), built),
        figures=(_figure(rows),),
        checks=tuple(checks_of(rows, built)),
        reduced=f"fewer than {ROUNDS} rounds: {', '.join(few)}" if few else None,
        settings=settings,
    )


def _figure(rows: list[dict[str, Any]]) -> Figure:
    return Figure(
        "ratio",
        "dots",
        "Times faster than kymatio",
        "Forward, and forward with backward; the large dot is their median.",
        {
            "rows": [
                {"name": row["name"], "values": [row["forward"]["median"], row["both"]["median"]]}
                for row in rows
            ],
            "x_label": "time of kymatio, relative to ours",
            "unit": "×",
            "limit": {"value": LEAST, "text": "limit"},
        },
    )
