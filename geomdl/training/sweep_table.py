"""What `sweep` gives back: one row a point and seed, and means over seeds."""

import csv
import html
import json
import math
import os
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .history import Row

__all__ = ["RESERVED", "Sweep", "plain"]

RESERVED = ("seed", "runs", "seconds", "error")
"""Columns of the tables; neither a name of the grid nor a result may be called so."""


def plain(value: Any, strict: bool = False) -> Any:
    """A value as JSON knows it; what JSON does not know becomes its `repr`.

    Args:
        value: anything; tuples become lists, scalars of NumPy and torch numbers.
        strict: refuse instead of `repr`.

    Returns:
        A tree of dicts, lists, strings, numbers, booleans and None.

    Raises:
        TypeError: `strict`, and JSON does not know it.

    Example:
        >>> plain({"widths": (8, 16), "group": None})
        {'widths': [8, 16], 'group': None}
    """
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, list | tuple):
        return [plain(item, strict) for item in value]
    if isinstance(value, dict) and all(isinstance(key, str) for key in value):
        return {key: plain(item, strict) for key, item in value.items()}
    if hasattr(value, "item") and getattr(value, "ndim", None) == 0:
        return value.item()
    if strict:
        raise TypeError(
            "grid: with a folder, values should be numbers, strings, booleans, None, lists or"
            f" dicts of them, got {type(value).__name__}"
        )
    return repr(value)


@dataclass(frozen=True, repr=False)
class Sweep:
    """Results of a sweep; `print` shows means over the seeds, and so does a notebook.

    Args:
        rows: dicts in the order of the grid, then of the seeds: the point, ``seed``, the results,
            ``seconds``, ``error`` (None, or one line; the results are missing then).
            ``pandas.DataFrame(sweep.rows)`` takes them as they are.
        names: of the grid.

    Example:
        >>> row = {"width": 8, "seconds": 0.5, "error": None}
        >>> table = Sweep(
        ...     (row | {"seed": 0, "loss": 1.0}, row | {"seed": 1, "loss": 3.0}), ("width",)
        ... )
        >>> table.mean()
        [{'width': 8, 'runs': 2, 'loss': 2.0, 'loss_sd': 1.4142135623730951}]
        >>> print(table)
        width  runs  loss
        -----  ----  ---------
        8      2     2 ± 1.414
    """

    rows: tuple[Row, ...]
    names: tuple[str, ...]

    @property
    def results(self) -> tuple[str, ...]:
        """Names of the results, in the order in which they come up."""
        known = {*self.names, *RESERVED}
        return tuple(dict.fromkeys(key for row in self.rows for key in row if key not in known))

    @property
    def failed(self) -> list[Row]:
        """The rows with an error."""
        return [row for row in self.rows if row["error"] is not None]

    def mean(self, by: str | Sequence[str] | None = None) -> list[Row]:
        """Means over the seeds, and over every name that is not in `by`.

        Args:
            by: names of the grid (or ``"seed"``) that stay; default all of the grid.

        Returns:
            One dict for each combination that came up: the names, ``runs`` (rows without error),
            for each result its mean and, as ``<result>_sd``, the standard deviation of the rows
            (divided by runs − 1; NaN for one). A NaN among the results stays one.

        Raises:
            ValueError: `by` holds no name of the grid.
        """
        chosen = self._chosen(by)
        groups: dict[str, list[Row]] = {}
        for row in self.rows:
            mark = json.dumps([plain(row.get(name)) for name in chosen], sort_keys=True)
            groups.setdefault(mark, []).append(row)
        return [self._mean(rows, chosen) for rows in groups.values()]

    def _mean(self, rows: list[Row], chosen: tuple[str, ...]) -> Row:
        whole = [row for row in rows if row["error"] is None]
        found: Row = {name: rows[0].get(name) for name in chosen} | {"runs": len(whole)}
        for name in self.results:
            values = [float(row[name]) for row in whole if name in row]
            if values:
                finite = all(map(math.isfinite, values))
                found[name] = statistics.fmean(values)
                spread = statistics.stdev(values) if finite and len(values) > 1 else math.nan
                found[f"{name}_sd"] = spread
        return found

    def _chosen(self, by: str | Sequence[str] | None) -> tuple[str, ...]:
        if by is None:
            return self.names
        chosen = (by,) if isinstance(by, str) else tuple(by)
        for name in chosen:
            if name not in (*self.names, "seed"):
                known = ", ".join((*self.names, "seed"))
                raise ValueError(f"by: expected names among {known}, got {name!r}")
        return chosen

    def summary(self, by: str | Sequence[str] | None = None) -> str:
        """The table of `mean` as text: mean ± standard deviation.

        Args:
            by: as for `mean`.

        Returns:
            Lines; a last one says how many rows failed, where some did.
        """
        table = self._cells(by)
        widths = [max(map(len, column)) for column in zip(*table, strict=True)]
        table.insert(1, ["-" * width for width in widths])
        lines = ["  ".join(map(str.ljust, row, widths)).rstrip() for row in table]
        return "\n".join([*lines, *self._failures()])

    def _cells(self, by: str | Sequence[str] | None = None) -> list[list[str]]:
        chosen = self._chosen(by)
        table = [[*chosen, "runs", *self.results]]
        for row in self.mean(by):
            cells = [_short(row[name]) for name in (*chosen, "runs")]
            table.append(cells + [_spread(row, name) for name in self.results])
        return table

    def _failures(self) -> list[str]:
        failed = len(self.failed)
        return [f"{failed} of {len(self.rows)} rows failed"] if failed else []

    def to_csv(self, path: str | os.PathLike[str]) -> None:
        """Write all rows, in the order of `rows`; lists and dicts as JSON.

        Args:
            path: of the file, which appears whole or not at all.
        """
        columns = [*self.names, "seed", *self.results, "seconds", "error"]
        target = Path(path)
        part = target.with_name(f".{target.name}.{os.getpid()}.tmp")
        try:
            with part.open("w", newline="", encoding="utf-8") as file:
                writer = csv.DictWriter(file, columns, restval="")
                writer.writeheader()
                for row in self.rows:
                    writer.writerow({key: _cell(value) for key, value in row.items()})
            os.replace(part, target)
        finally:
            part.unlink(missing_ok=True)

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[Row]:
        return iter(self.rows)

    def __str__(self) -> str:
        return self.summary()

    def __repr__(self) -> str:
        return f"Sweep({len(self.rows)} rows over {', '.join(self.names) or 'seeds'})"

    def _repr_html_(self) -> str:
        head, *body = self._cells()
        rows = ["".join(f"<th>{html.escape(cell)}</th>" for cell in head)]
        rows += ["".join(f"<td>{html.escape(cell)}</td>" for cell in cells) for cells in body]
        table = "".join(f"<tr>{row}</tr>" for row in rows)
        return f"<table>{table}</table>" + "".join(f"<p>{line}</p>" for line in self._failures())


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _spread(row: Row, name: str) -> str:
    if name not in row:
        return "–"
    mean, spread = row[name], row[f"{name}_sd"]
    return _short(mean) if row["runs"] < 2 else f"{_short(mean)} ± {_short(spread)}"


def _cell(value: Any) -> Any:
    return json.dumps(plain(value)) if isinstance(value, list | tuple | dict) else value
