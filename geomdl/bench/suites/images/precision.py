"""A training step under bfloat16 autocast against the same in float32."""

from typing import Any

import torch
from torch import nn

from geomdl.bench.results import Column, Table
from geomdl.bench.suites.images.designs import Design, ours, plain
from geomdl.bench.suites.images.steps import training_step
from geomdl.bench.timing import compare

GROUP, CHANNELS, BATCH, SIZE, KERNEL, ROUNDS = "C8", 48, 16, 29, 5, 9
_COLUMNS = (
    Column("name", "network"),
    Column(
        "ratio", "bfloat16 / float32, training", "ratio",
        note="Time of a step under torch.autocast in bfloat16 over that in float32, paired within"
        " each round; median [quartiles].",
    ),
    Column("time", "float32", "milliseconds", note="Median."),
    Column(
        "error", "difference of the outputs", "scientific",
        note="Largest difference in evaluation, over the largest output in float32.",
    ),
)  # fmt: skip


def difference(model: nn.Module, x: torch.Tensor) -> float:
    """Largest difference that autocast makes, relative to the largest output."""
    model.eval()
    with torch.no_grad():
        exact = model(x)
        with torch.autocast("cpu", torch.bfloat16):
            found = model(x).float()
    model.train()
    return float((found - exact).abs().max() / exact.abs().max())


def measure(limit: float, rounds: int = ROUNDS, size: int = SIZE) -> Table:
    """Time ours and the plain network in both precisions.

    Args:
        limit: seconds after which no further round starts.
        rounds: of timing.
        size: pixels along each axis.
    """
    design = Design(GROUP, CHANNELS, KERNEL, lifted=True)
    x = torch.randn(BATCH, CHANNELS, size, size, generator=torch.Generator().manual_seed(0))
    rows: list[dict[str, Any]] = []
    for name, build in (("plain", plain), (f"geomdl {GROUP}", ours)):
        model = build(design, 0)
        error = difference(model, x)
        steps = {str(mixed): training_step(model, x, mixed) for mixed in (False, True)}
        timing = compare(steps, rounds=rounds, limit=limit / 2)
        row = {"name": name, "error": error, "ratio": vars(timing.ratio("True"))}
        rows.append({**row, "time": timing.time("False").median})
    title = f"Mixed precision: {CHANNELS} channels, {size}², {KERNEL}×{KERNEL}"
    return Table("precision", _COLUMNS, tuple(rows), title)
