"""The two memory layouts of images: channels first, as PyTorch makes them, and channels last."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import nn

from geomdl.bench.results import Column, Table
from geomdl.bench.suites.images.designs import Design, ours, plain
from geomdl.bench.suites.images.steps import evaluation, training_step
from geomdl.bench.timing import compare

GROUP, BATCH, ROUNDS = "D8", 16, 5
CASES = ((29, 3, 48), (29, 5, 48), (15, 3, 96), (15, 5, 96), (7, 3, 192), (7, 5, 192))
_COLUMNS = (
    Column("size", "image"),
    Column("kernel", "kernel"),
    Column("channels", "channels", "count"),
    *(
        Column(
            f"{name} {mode}", f"{label}, {said}", "ratio",
            note=f"Time of the {label} on channels-last images over that of the plain CNN on"
            " channels-first ones, paired within each round; median [quartiles]. Batch norm of"
            " fields gives channels first.",
        )
        for mode, said in (("train", "training"), ("eval", "evaluation"))
        for name, label in (("plain", "plain CNN"), ("geomdl", f"geomdl {GROUP}"))
    ),
)  # fmt: skip


def measure(
    limit: float, rounds: int = ROUNDS, cases: Sequence[tuple[int, int, int]] = CASES
) -> Table:
    """Time ours and the plain network with channels last against the plain one with them first.

    Args:
        limit: seconds for all of it, roughly.
        rounds: of timing.
        cases: size, kernel, channels.
    """
    rows: list[dict[str, Any]] = []
    until = limit / len(cases)
    for size, kernel, channels in cases:
        design = Design(GROUP, channels, kernel, lifted=True)
        rng = torch.Generator().manual_seed(0)
        first = torch.randn(BATCH, channels, size, size, generator=rng)
        last = first.to(memory_format=torch.channels_last)
        nhwc: nn.Module = plain(design, 0)
        nhwc.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        models: dict[str, tuple[nn.Module, torch.Tensor]] = {
            "first": (plain(design, 0), first),
            "plain": (nhwc, last),
            "geomdl": (ours(design, 0), last),
        }
        row: dict[str, Any] = {
            "size": f"{size}²", "kernel": f"{kernel}×{kernel}", "channels": channels
        }  # fmt: skip
        modes: dict[str, Callable[..., Callable[[], object]]]
        modes = {"train": training_step, "eval": evaluation}
        for mode, make in modes.items():
            timing = compare(
                {name: make(model, x) for name, (model, x) in models.items()},
                baseline="first", rounds=rounds, limit=until * (0.7 if mode == "train" else 0.3),
            )  # fmt: skip
            row |= {f"{n} {mode}": vars(timing.ratio(n)) for n in ("plain", "geomdl")}
        rows.append(row)
    return Table("layouts", _COLUMNS, tuple(rows), "Channels last")
