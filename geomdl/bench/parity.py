"""What suites of parity share: every case in two types, against a peer that computes in float64."""

import math
from collections.abc import Iterable, Sequence
from typing import Any, Protocol

import torch

from geomdl.bench.results import Check, Column

BOUNDS = {torch.float32: 1e-6, torch.float64: 1e-12}


class Case(Protocol):
    """Something that is computed here and by a peer."""

    @property
    def name(self) -> str:
        """What is compared."""

    def error(self, dtype: torch.dtype) -> float:
        """Greatest difference, relative."""


def columns(thing: str, note: str) -> tuple[Column, ...]:
    """Columns of the table: the thing, its type, the difference and its bound."""
    return (
        Column("name", thing),
        Column("dtype", "type"),
        Column("error", "greatest difference", "scientific", note=note),
        Column("bound", "bound", "scientific"),
    )


def measured(cases: Iterable[Case], progress: Any) -> list[dict[str, Any]]:
    """Every case in both types."""
    rows: list[dict[str, Any]] = []
    for case in cases:
        for dtype, bound in BOUNDS.items():
            name = str(dtype).removeprefix("torch.")
            row = {"name": case.name, "dtype": name, "error": case.error(dtype), "bound": bound}
            rows.append(row)
        progress.advance()
    return rows


def verdicts(rows: Sequence[dict[str, Any]], peer: str) -> list[Check]:
    """Whether each type keeps its bound in all cases; a NaN does not."""
    checks = []
    for dtype, bound in BOUNDS.items():
        name = str(dtype).removeprefix("torch.")
        some = [row for row in rows if row["dtype"] == name]
        worst = max(some, key=lambda row: math.inf if math.isnan(row["error"]) else row["error"])
        text = (
            f"{name}: at most {worst['error']:.1e} from {peer} in {len(some)} cases,"
            f" {worst['name']} (at most {bound:.0e})"
        )
        checks.append(Check(name, all(row["error"] <= bound for row in some), text))
    return checks
