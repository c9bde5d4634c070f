"""What a run of suites found, as data: everything a report shows can be rebuilt from it.

`results.json` is these dataclasses written out, with the version of their layout. A number that is
not finite has no place in JSON; it is written as null and shown as `n/a`.
"""

import dataclasses
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

SCHEMA = "geomdl.bench"
VERSION = 1

Cell = str | int | float | None | Mapping[str, Any]


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Attributes:
        key: name in the rows.
        title: heading.
        kind: how a cell is written: `text`, `percent`, `points`, `ratio`, `scientific`,
            `milliseconds`, `seconds`, `bytes`, `count` or `number`.
        better: "higher" or "lower" where one is better; the best cell is set in bold.
        note: what the column means, in a sentence.
    """

    key: str
    title: str
    kind: str = "text"
    better: str | None = None
    note: str = ""


@dataclass(frozen=True)
class Table:
    """A table: one dictionary a row, its cells named by the columns' keys."""

    name: str
    columns: tuple[Column, ...]
    rows: tuple[Mapping[str, Cell], ...]
    title: str = ""


@dataclass(frozen=True)
class Figure:
    """A figure as data: `kind` names the drawing in `geomdl.bench.plots`."""

    name: str
    kind: str
    title: str
    caption: str
    data: Mapping[str, Any]


@dataclass(frozen=True)
class Check:
    """A statement that the suite checked, and whether it holds."""

    name: str
    holds: bool
    text: str


@dataclass(frozen=True)
class SuiteResult:
    """What one suite found.

    Attributes:
        reduced: why this was less than the full run, or None for the full run.
        settings: what it was run with (dtype, epochs, sizes, seeds).
    """

    title: str
    summary: str
    tables: tuple[Table, ...] = ()
    figures: tuple[Figure, ...] = ()
    checks: tuple[Check, ...] = ()
    notes: tuple[str, ...] = ()
    reduced: str | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    seconds: float = 0.0


@dataclass(frozen=True)
class Results:
    """Everything one `geomdl.bench.run` found.

    Attributes:
        created: time of writing, UTC, ISO 8601.
        environment: as `geomdl.bench.environment()` tells it.
        options: the arguments of the run that change what is measured.
        suites: name -> what it found.
    """

    created: str
    environment: Mapping[str, Any]
    options: Mapping[str, Any]
    suites: Mapping[str, SuiteResult]

    @property
    def holds(self) -> bool:
        """Whether every check of every suite holds."""
        return all(check.holds for suite in self.suites.values() for check in suite.checks)

    def to_json(self) -> dict[str, Any]:
        """The dictionary that `results.json` holds."""
        document = {"schema": SCHEMA, "version": VERSION, **dataclasses.asdict(self)}
        return dict(_jsonable(document))

    @staticmethod
    def from_json(document: Any) -> "Results":
        """Rebuild what `to_json` wrote.

        Raises:
            ValueError: another schema, a newer version, or a field that is missing or unknown.
        """
        if not isinstance(document, dict) or document.get("schema") != SCHEMA:
            raise ValueError(f"results: expected a file with schema {SCHEMA!r}")
        if document.get("version") != VERSION:
            got = document.get("version")
            raise ValueError(f"results: expected version {VERSION} of the schema, got {got!r}")
        try:
            return Results(
                created=document["created"],
                environment=document["environment"],
                options=document["options"],
                suites={name: _suite(suite) for name, suite in document["suites"].items()},
            )
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"results: a field is missing or unknown ({error})") from None


def write(results: Results, path: Path) -> None:
    """Write results as JSON.

    Args:
        results: what a run found.
        path: the file.
    """
    path.write_text(json.dumps(results.to_json(), indent=1, allow_nan=False) + "\n")


def read(path: Path) -> Results:
    """Read results from JSON.

    Args:
        path: the file.

    Returns:
        The results.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: not JSON, or not the results of a benchmark.
    """
    try:
        text = path.read_text()
    except (FileNotFoundError, NotADirectoryError):
        raise FileNotFoundError(
            f"results: no file {path}; `geomdl bench --out {path.parent}` writes it"
        ) from None
    except UnicodeDecodeError:
        raise ValueError(f"results: {path} is not JSON") from None
    try:
        document = json.loads(text)
    except json.JSONDecodeError as error:
        raise ValueError(f"results: {path} is truncated or not JSON ({error})") from None
    return Results.from_json(document)


def _suite(document: Mapping[str, Any]) -> SuiteResult:
    known = dict(document)
    known["tables"] = tuple(
        Table(
            name=table["name"],
            columns=tuple(Column(**column) for column in table["columns"]),
            rows=tuple(table["rows"]),
            title=table["title"],
        )
        for table in document["tables"]
    )
    known["figures"] = tuple(Figure(**figure) for figure in document["figures"])
    known["checks"] = tuple(Check(**check) for check in document["checks"])
    known["notes"] = tuple(document["notes"])
    return SuiteResult(**known)


def _jsonable(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _jsonable(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_jsonable(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
