"""What a smaller error at 45° costs: time and memory of the networks of `images/angles`."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

from geomdl.bench.memory import METHOD, peak_memory
from geomdl.bench.results import Column, Table
from geomdl.bench.suites.images.designs import VARIANTS, Design, ours, plain
from geomdl.bench.suites.images.samples import SIZE
from geomdl.bench.suites.images.steps import evaluation, training_step
from geomdl.bench.suites.images.trained import design_of
from geomdl.bench.timing import compare

GROUPS, BATCH, ROUNDS = ("C8", "D8"), 16, 7
BASE = "geomdl"
_TIMED = "over that of the ordinary network, paired within each round; median [quartiles]."
_COLUMNS = (
    Column("name", "network"),
    Column("group", "group"),
    Column("train", "training step", "ratio", note=f"Time of a training step {_TIMED}"),
    Column("eval", "evaluation", "ratio", note=f"Time of the forward pass in evaluation {_TIMED}"),
    Column("step", "training step, time", "milliseconds", note="Median."),
    Column("memory", "memory of a step", "bytes", note=METHOD[0].upper() + METHOD[1:] + "."),
)


def measure(limit: float, rounds: int = ROUNDS, groups: Sequence[str] = GROUPS) -> Table:
    """Time the variants of ours, and the plain CNN of the same channels, against the ordinary one.

    Args:
        limit: seconds for all of it, roughly.
        rounds: of timing.
        groups: names.
    """
    rows: list[dict[str, Any]] = []
    for group in groups:
        design: Design = design_of(group)
        x = torch.randn(BATCH, 1, SIZE, SIZE, generator=torch.Generator().manual_seed(0))
        models: dict[str, nn.Module] = {n: ours(design, 0, v) for n, v in VARIANTS.items()}
        models["plain CNN"] = plain(design, 0)
        steps = {name: training_step(model, x) for name, model in models.items()}
        memory = {name: peak_memory(step) for name, step in steps.items()}
        share = limit / len(groups)
        train = compare(steps, baseline=BASE, rounds=rounds, limit=0.7 * share)
        calls = {name: evaluation(model, x) for name, model in models.items()}
        still = compare(calls, baseline=BASE, rounds=rounds, limit=0.3 * share)
        for name in models:
            row: dict[str, Any] = {"name": name, "group": group, "memory": memory[name]}
            row |= {"step": train.time(name).median}
            row |= {"train": vars(train.ratio(name)), "eval": vars(still.ratio(name))}
            rows.append(row)
    return Table("costs", _COLUMNS, tuple(rows), "Networks of images/angles")
