"""Suite `theory/bounds`: bounds that are valid, on networks that learnt the digits."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch

from geomdl.bench.registry import Context, suite
from geomdl.bench.results import Check, Column, SuiteResult, Table
from geomdl.bench.statistics import mean_sd
from geomdl.bench.suites.theory.trained_nets import LOSS, SQUARE, Setting, train
from geomdl.generalization import bounds

TITLE = "Bounds on the error of trained networks"
SAMPLES, TEST, WIDTH = 1397, 400, 128
STEPS, DRAWS = 1500, 400
DELTA, MC_DELTA = 0.025, 0.01
COLUMNS = (
    Column("name", "network"),
    Column("parameters", "parameters", "count"),
    Column("test", "test error", "percent", "lower"),
    Column("held_out", "test set bound", "percent", "lower",
           "On the error, from the test set alone (Chernoff)."),
    Column("pac_bayes", "PAC-Bayes bound", "percent", "lower",
           "On the error of a network drawn from the posterior, from the training set alone."),
    Column("posterior", "error of the posterior", "percent", "lower", "On the training set."),
    Column("kl", "KL", "number", "lower", "Of posterior and prior, in nats."),
    Column("occam", "Occam bound", "percent", "lower",
           "On the error of the network after rounding, from the training set alone."),
    Column("bits", "bits", "count", "lower", "That write the rounded network."),
)  # fmt: skip


@suite("theory/bounds", title=TITLE, seeds=2)
def certificates(context: Context) -> SuiteResult:
    """Bound the error of a dense and of an invariant network.

    Args:
        context: limits of the run; the seeds say how many of each, seconds cut nothing.

    Returns:
        One row a kind of network.
    """
    kinds = ("dense", SQUARE)
    context.progress.stage("theory/bounds", len(kinds) * context.seeds)
    runs: dict[str, list[dict[str, float]]] = {kind: [] for kind in kinds}
    for seed in range(context.seeds):
        for kind in kinds:
            runs[kind].append(certify(kind, seed))
            found = runs[kind][-1]
            context.progress.advance(f"{kind}: PAC-Bayes {100 * found['pac_bayes']:.1f} %")
    return SuiteResult(
        title=TITLE,
        summary=f"Networks of {WIDTH} units without biases, dense or invariant under {SQUARE} by"
        f" their layers, on {SAMPLES} digits turned and mirrored at random; {TEST} are kept for"
        f" the test. Each bound holds with probability {1 - DELTA - MC_DELTA:g} or more; chance"
        " errs on 90 %.",
        tables=(Table("bounds", COLUMNS, tuple(row(kind, of) for kind, of in runs.items())),),
        checks=tuple(checks_of(runs)),
        settings={"seeds": list(range(context.seeds)), "samples": SAMPLES, "test": TEST,
                  "loss": LOSS, "steps": STEPS, "draws": DRAWS, "delta": DELTA,
                  "delta of the draws": MC_DELTA, "threads": torch.get_num_threads()},
    )  # fmt: skip


def certify(kind: str, seed: int) -> dict[str, float]:
    """Train one network and bound its error in three ways."""
    net = train(Setting(kind, WIDTH, 1, 0.1, 32, SAMPLES), seed, TEST)
    rng = torch.Generator().manual_seed(seed)
    fitted = bounds.pac_bayes_fit(
        net.model, net.initial, net.x, net.y, rng=rng, delta=DELTA, mc_delta=MC_DELTA,
        steps=STEPS, draws=DRAWS, progress=False,
    )  # fmt: skip
    written = bounds.compress(net.model, net.initial, net.x, net.y, delta=DELTA)
    return {
        "parameters": sum(p.numel() for p in net.model.parameters()),
        "test": net.test_error,
        "held_out": bounds.sample_bound(net.test_error, TEST, DELTA),
        "pac_bayes": fitted.bound,
        "posterior": fitted.risk,
        "kl": fitted.kl,
        "occam": written.bound,
        "bits": written.bits,
    }


def row(kind: str, runs: Sequence[Mapping[str, float]]) -> dict[str, Any]:
    """Cells of a kind of network."""
    keys = [key for key in runs[0] if key != "parameters"]
    cells = {key: vars(mean_sd([run[key] for run in runs])) for key in keys}
    return {"name": kind, "parameters": int(runs[0]["parameters"]), **cells}


def checks_of(runs: Mapping[str, Sequence[Mapping[str, float]]]) -> list[Check]:
    """Whether the bounds lie above the errors and below 1, and lower for the invariant network."""
    every = [run for of in runs.values() for run in of]
    pairs = list(zip(runs["dense"], runs[SQUARE], strict=True))
    least = min(a["pac_bayes"] - b["pac_bayes"] for a, b in pairs)
    largest = max(run["pac_bayes"] for run in every)
    return [
        Check("valid", all(run["held_out"] > run["test"] for run in every)
              and all(run["pac_bayes"] > run["posterior"] for run in every),
              "every bound lies above the error that it was computed from"),
        Check("not vacuous", largest < 1.0,
              f"PAC-Bayes bounds are below 1: at most {100 * largest:.1f} %"),
        Check("symmetry", least > 0,
              f"the PAC-Bayes bound of {SQUARE} networks is lower with every seed, by at least"
              f" {100 * least:.1f} points"),
    ]  # fmt: skip
