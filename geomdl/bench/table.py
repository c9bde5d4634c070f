"""Tables of results: as Markdown, for a terminal, and cell by cell for the report."""

import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from geomdl.bench.results import Cell, Column, Table

if TYPE_CHECKING:
    from rich.table import Table as RichTable

MISSING = "n/a"
_SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def superscript(exponent: int) -> str:
    """Write an integer as an exponent: `-15` gives `⁻¹⁵`."""
    return str(exponent).translate(_SUPERSCRIPT)


def scientific(value: float) -> str:
    """Write a number as mantissa and power of ten.

    Args:
        value: any number.

    Returns:
        Two significant digits.

    Example:
        >>> scientific(0.00031), scientific(0.42), scientific(0)
        ('3.1×10⁻⁴', '0.42', '0')
    """
    if value == 0 or not math.isfinite(value):
        return f"{value:g}"
    if 0.01 <= abs(value) < 100:
        return f"{value:.2g}"
    mantissa, exponent = f"{value:.1e}".split("e")
    return f"{mantissa}×10{superscript(int(exponent))}"


def size(value: float) -> str:
    """Write a number of bytes.

    Args:
        value: bytes.

    Returns:
        Three significant digits and a decimal unit.

    Example:
        >>> size(19_267_592)
        '19.3 MB'
    """
    for unit, scale in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if abs(value) >= scale:
            return f"{value / scale:.3g} {unit}"
    return f"{value:.0f} B"


def duration(seconds: float) -> str:
    """Write a number of seconds.

    Args:
        seconds: how many.

    Returns:
        Three significant digits of ms or s, or minutes and seconds.

    Example:
        >>> duration(0.0123), duration(4.2), duration(312)
        ('12.3 ms', '4.2 s', '5 min 12 s')
    """
    if seconds < 0.9995:
        return f"{seconds * 1e3:.3g} ms"
    if seconds < 99.5:
        return f"{seconds:.3g} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s"


def _three(value: float) -> str:
    return f"{value:#.3g}".rstrip(".")


def _ratio(value: float) -> str:
    return f"{value:.2f}" if value >= 0.1 else f"{value:#.2g}"


def _points(value: float) -> str:
    return f"{100 * value:+.1f}".replace("-", "−")


_NUMBER: dict[str, tuple[Callable[[float], str], str]] = {
    "percent": (lambda v: f"{100 * v:.1f}", " %"),
    "points": (_points, ""),
    "ratio": (_ratio, "×"),
    "scientific": (scientific, ""),
    "milliseconds": (lambda v: _three(1e3 * v), " ms"),
    "seconds": (lambda v: _three(v).replace("-", "−"), " s"),
    "count": (lambda v: f"{v:,.0f}", ""),
    "number": (lambda v: _three(v).replace("-", "−"), ""),
    "bytes": (size, ""),
}


def parts_of(column: Column, cell: Cell) -> tuple[str, str, str]:
    """Write a cell in three parts: the number, its spread, the unit.

    Args:
        column: of the cell; its `kind` says how numbers are written.
        cell: a number, a text, or a dictionary with mean, sd and n, or with median (or mean), low
            and high.

    Returns:
        The parts; each may be empty.

    Raises:
        ValueError: a kind of column that there is not.

    Example:
        >>> parts_of(Column("a", "accuracy", "percent"), {"mean": 0.973, "sd": 0.004, "n": 3})
        ('97.3', '± 0.4', ' %')
    """
    if cell is None or isinstance(cell, str):
        return cell or MISSING, "", ""
    if column.kind not in _NUMBER:
        if column.kind == "text" and not isinstance(cell, Mapping):
            return str(cell), "", ""
        known = ", ".join(("text", *_NUMBER))
        raise ValueError(
            f"column {column.key}: no kind {column.kind!r} for {cell!r}; it has {known}"
        )
    write, unit = _NUMBER[column.kind]
    if not isinstance(cell, Mapping):
        return write(cell), "", unit
    middle = cell.get("mean", cell.get("median"))
    if middle is None:
        return MISSING, "", ""
    if "low" in cell:
        return write(middle), f"[{write(cell['low'])}, {write(cell['high'])}]", unit
    return write(middle), f"± {write(cell['sd'])}" if cell.get("n", 2) > 1 else "", unit


def text_of(column: Column, cell: Cell) -> str:
    """Write a cell in one line.

    Args:
        column: of the cell.
        cell: as in `parts_of`.

    Returns:
        Number, spread and unit.

    Example:
        >>> text_of(Column("a", "accuracy", "percent"), {"mean": 0.973, "sd": 0.004, "n": 3})
        '97.3 ± 0.4 %'
        >>> text_of(Column("t", "time", "ratio"), {"median": 3.4, "low": 3.3, "high": 3.6})
        '3.40× [3.30, 3.60]'
    """
    number, spread, unit = parts_of(column, cell)
    if spread.startswith("["):
        return f"{number}{unit} {spread}"
    return f"{number} {spread}{unit}" if spread else number + unit


def value_of(cell: Cell) -> float | None:
    """The number that a cell is ranked by: itself, its mean or its median; None if it has none."""
    if isinstance(cell, Mapping):
        cell = cell.get("mean", cell.get("median"))
    return None if cell is None or isinstance(cell, str | Mapping) else float(cell)


def best(table: Table, column: Column) -> set[int]:
    """Rows whose cell is the best of its column, as printed: equal texts are equally good.

    Args:
        table: with the rows.
        column: with `better` set.

    Returns:
        Indices of rows; empty where no direction is better, or all are equal.

    Example:
        >>> c = Column("x", "x", "count", better="lower")
        >>> best(Table("t", (c,), ({"x": 3}, {"x": 1}, {"x": 2})), c)
        {1}
    """
    values = {i: value_of(row.get(column.key)) for i, row in enumerate(table.rows)}
    ranked = {i: v for i, v in values.items() if v is not None}
    if column.better is None or len(ranked) < 2:
        return set()
    target = (max if column.better == "higher" else min)(ranked.values())
    leader = next(i for i, v in ranked.items() if v == target)

    def main(i: int) -> str:  # 97.3 ± 0.4 and 97.3 ± 0.1 are equally good
        return parts_of(column, table.rows[i].get(column.key))[0]

    winners = {i for i in ranked if main(i) == main(leader)}
    return set() if len(winners) == len(table.rows) else winners


def markdown(table: Table) -> str:
    """Write a table as Markdown, the best of each column in bold.

    Args:
        table: any table.

    Returns:
        Lines, with one line break at the end.

    Example:
        >>> columns = (Column("name", "model"), Column("p", "parameters", "count"))
        >>> print(markdown(Table("t", columns, ({"name": "CNN", "p": 1234},))), end="")
        | model | parameters |
        |:--|--:|
        | CNN | 1,234 |
    """
    lines = ["| " + " | ".join(c.title for c in table.columns) + " |"]
    lines.append("|" + "|".join(":--" if c.kind == "text" else "--:" for c in table.columns) + "|")
    strong = {c.key: best(table, c) for c in table.columns}
    for i, row in enumerate(table.rows):
        cells = [text_of(c, row.get(c.key)).replace("|", "\\|") for c in table.columns]
        cells = [
            f"**{cell}**" if i in strong[c.key] else cell
            for c, cell in zip(table.columns, cells, strict=True)
        ]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def rich_table(table: Table, width: int = 160) -> "RichTable":
    """A table for the terminal; turned on its side where it would not fit.

    Args:
        table: any table.
        width: columns of the terminal.

    Returns:
        A `rich.table.Table`, the best of each column in bold.
    """
    from rich import box
    from rich.table import Table as RichTable
    from rich.text import Text

    strong = {c.key: best(table, c) for c in table.columns}
    heads = [Text(c.title) for c in table.columns]
    rows = [
        [
            Text(text_of(c, row.get(c.key)), style="bold" if i in strong[c.key] else "")
            for c in table.columns
        ]
        for i, row in enumerate(table.rows)
    ]
    needed = [max((len(r[k]) for r in rows), default=0) for k in range(len(heads))]
    if sum(needed) + 2 * len(needed) > width:
        turned = list(zip(heads, *rows, strict=True))
        heads, rows = list(turned[0]), [list(line) for line in turned[1:]]
        needed = [max(len(r[k]) for r in (heads, *rows)) for k in range(len(heads))]
    if sum(needed) + 2 * len(needed) > width:
        needed = [0] * len(needed)  # then let rich break the lines
    drawn = RichTable(box=box.SIMPLE_HEAD, title=table.title or None, title_justify="left")
    for k, (head, least) in enumerate(zip(heads, needed, strict=True)):
        drawn.add_column(head, justify="left" if k == 0 else "right", min_width=least)
    for line in rows:
        drawn.add_row(*line)
    return drawn
