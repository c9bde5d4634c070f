"""The table of `geomdl verify`, for a terminal and in Markdown."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from geomdl.claims.evidence import Evidence, Values
from geomdl.claims.registry import Claim
from geomdl.claims.verify import Outcome

if TYPE_CHECKING:
    from rich.console import Group as RichGroup
    from rich.table import Table

_SIGN = {"equal": "±", "at most": "+", "at least": "−"}
_SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def number(value: float) -> str:
    """Write a number in four significant digits.

    Args:
        value: any number.

    Returns:
        Plain where that is short, else with a power of ten.

    Example:
        >>> number(57.0), number(0.142857), number(2.2e-16), number(float("nan"))
        ('57', '0.1429', '2.2×10⁻¹⁶', 'nan')
    """
    if value == 0 or not np.isfinite(value) or 1e-3 <= abs(value) < 1e5:
        return f"{value:.4g}".replace("-", "−")
    mantissa, exponent = f"{value:.1e}".split("e")
    mantissa = mantissa.removesuffix(".0")
    return f"{mantissa}×10{str(int(exponent)).translate(_SUPERSCRIPT)}".replace("-", "−", 1)


def values(array: Values, shown: int = 2) -> str:
    """Write a number or an array in a few characters.

    Args:
        array: any shape.
        shown: how many entries at most.

    Returns:
        All entries if they are so few, else the first ones and how many there are; the norm of a
        large array.

    Example:
        >>> values(np.array([1.0, 0.5])), values(np.arange(9.0)), values(np.ones(400))
        ('1, 0.5', '0, 1, … (9)', 'norm 20 (400)')
    """
    flat = array.ravel()
    if flat.size > 99:
        return f"norm {number(float(np.linalg.norm(flat)))} ({flat.size})"
    head = ", ".join(number(float(x)) for x in flat[:shown])
    return head if flat.size <= shown else f"{head}, … ({flat.size})"


def tolerance(evidence: Evidence) -> str:
    """Write the tolerance, the largest if it differs between entries.

    Args:
        evidence: of a claim.

    Returns:
        Sign and number; for a tolerance of zero "exact", or "none" beside a bound.

    Example:
        >>> tolerance(Evidence(1, 1, 1e-12, "rounding")), tolerance(Evidence(1, 1, 0, "counting"))
        ('± 10⁻¹²', 'exact')
    """
    largest = float(evidence.tolerance.max(initial=0.0))
    if largest == 0:
        return "exact" if evidence.relation == "equal" else "none"
    written = number(largest)
    return f"{_SIGN[evidence.relation]} {written.removeprefix('1×')}"


def rich_table(outcomes: Sequence[Outcome], width: int) -> "Table":
    """The table for a terminal.

    Args:
        outcomes: of claims.
        width: columns of the terminal; from 100 the largest error is shown, from 150 the
            statement.

    Returns:
        A `rich.table.Table`.
    """
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.add_column("claim", no_wrap=True)
    if width >= 150:
        table.add_column("statement", ratio=1)
    for head in ("predicted", "measured"):
        table.add_column(head, justify="right")
    if width >= 100:
        table.add_column("largest error", justify="right", no_wrap=True)
    table.add_column("tolerance", justify="right", no_wrap=True)
    table.add_column("verdict")
    table.add_column("s", justify="right", no_wrap=True)
    for outcome in outcomes:
        e = outcome.evidence
        numbers = ["–"] * 4
        if e is not None:
            shown = 2 if width >= 100 else 1
            numbers = [values(v, shown) for v in (e.predicted, e.measured)]
            numbers += [number(e.error), tolerance(e)]
        if width < 100:
            del numbers[2]
        cells = [Text(outcome.claim.name)]
        if width >= 150:
            cells.append(Text(outcome.claim.statement, style="dim"))
        cells += map(Text, numbers)
        mark = "✓" if outcome.holds else "✗"
        style = "green" if outcome.holds else "bold red"
        cells += [Text(f"{mark} {outcome.verdict}", style=style), Text(f"{outcome.seconds:.1f}")]
        table.add_row(*cells)
    return table


def contents(claims: Sequence[Claim]) -> "Table":
    """Names and statements, topic by topic.

    Args:
        claims: to list.

    Returns:
        A `rich.table.Table`.
    """
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for head in ("topic", "claim", "statement"):
        table.add_column(head, no_wrap=head == "claim")
    last = ""
    for claim in sorted(claims, key=lambda c: (c.topic, c.name)):
        topic = claim.topic if claim.topic != last else ""
        table.add_row(Text(topic, style="bold"), Text(claim.name), Text(claim.statement))
        last = claim.topic
    return table


def details(outcomes: Sequence[Outcome]) -> "RichGroup":
    """Statement, formula, source and the reason of the tolerance of each claim.

    Args:
        outcomes: of claims.

    Returns:
        What a rich console prints.
    """
    from rich.console import Group
    from rich.padding import Padding
    from rich.text import Text

    parts: list[Text | Padding] = []
    for outcome in outcomes:
        about, e = outcome.claim, outcome.evidence
        parts.append(Text(f"\n{about.name}", style="bold"))
        lines = [about.statement, about.formula, f"Source: {about.source}."]
        if e is not None:
            lines.append(f"Tolerance: {e.because}.")
        if outcome.sabotage:
            lines.append(f"Sabotaged: {about.sabotage}.")
        parts += [Padding(Text(line), (0, 0, 0, 2)) for line in lines]
    return Group(*parts)


def markdown(outcomes: Sequence[Outcome]) -> str:
    """The table in Markdown, with statement and source.

    Args:
        outcomes: of claims.

    Returns:
        Lines, with one line break at the end.
    """
    head = ("claim", "statement", "predicted", "measured", "largest error", "tolerance", "verdict")
    lines = ["| " + " | ".join((*head, "source")) + " |"]
    lines.append("|:--|:--|--:|--:|--:|--:|:--|:--|")
    for outcome in outcomes:
        about, e = outcome.claim, outcome.evidence
        if e is None:
            numbers = ["–"] * 4
        else:
            numbers = [values(e.predicted), values(e.measured), number(e.error), tolerance(e)]
        cells = [about.name, about.statement, *numbers, outcome.verdict, about.source]
        lines.append("| " + " | ".join(c.replace("|", "\\|") for c in cells) + " |")
    return "\n".join(lines) + "\n"
