"""An audit as one page: verdict, what each layer costs, and the pictures; no script, no network."""

import base64
from collections.abc import Sequence
from html import escape
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from geomdl.bench.page import stylesheet

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from rich.table import Table

    from geomdl.auditing import Audit, LocalErrors


def page(found: "Audit | None", local: "LocalErrors | None", tol: float | None) -> str:
    """The report.

    Args:
        found: certificate of an audit.
        local: Lie derivative, and errors along orbits.
        tol: tolerance of the audit.

    Returns:
        The page, with its style and its pictures inside.
    """
    subject = found.subject if found is not None else local.lie.subject if local else ""
    title = f"geomdl audit: {subject}"
    parts = [
        "<!doctype html>",
        '<html lang="en"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{escape(title)}</title><style>{stylesheet()}img {{ max-width: 100%; }}"
        "pre { white-space: pre-wrap; }</style></head>",
        f"<body><main><header><h1>{escape(title)}</h1></header>",
    ]
    if found is not None:
        sign = "holds" if found.passed(tol) else "fails"
        parts += [f"<h2>Under {escape(found.group)}</h2>", '<ul class="checks">',
                  f'<li class="card {sign}"><pre>{escape(found.summary(tol))}</pre></li></ul>',
                  _picture(found.plot(), "error over the group and over the layers")]  # fmt: skip
        parts += [_table(found.table(tol))] if found.per_layer else []
    if local is not None:
        parts += ["<h2>Small moves</h2>", f"<pre>{escape(local.lie.summary())}</pre>"]
        if local.lie.layers:
            parts += [_picture(local.lie.plot(), "cost of the layers, stacked by action"),
                      _table(local.lie.table())]  # fmt: skip
    for orbit in local.orbits if local is not None else ():
        parts += [f"<h2>Along {escape(orbit.action.replace('_', ' '))}</h2>",
                  _picture(orbit.plot(), f"error along {orbit.action}")]  # fmt: skip
        parts += [_table(orbit.table())] if orbit.layers else []
    return "\n".join([*parts, "</main></body></html>", ""])


def write(path: str, found: "Audit | None", local: "LocalErrors | None", tol: float | None) -> None:
    """Write the report to a file.

    Raises:
        ValueError: the file cannot be written.
    """
    try:
        Path(path).write_text(page(found, local, tol), encoding="utf-8")
    except OSError as error:
        raise ValueError(f"--html: cannot write {path!r} ({error.strerror})") from None


def _picture(figure: "Figure", label: str) -> str:
    buffer = BytesIO()
    figure.savefig(buffer, format="png", dpi=110)
    data = base64.b64encode(buffer.getvalue()).decode()
    return f'<figure><img alt="{escape(label)}" src="data:image/png;base64,{data}"></figure>'


def _table(table: "Table") -> str:
    """A table of rich as one of the page."""
    from rich.text import Text

    heads = [str(column.header) for column in table.columns]
    texts = [column.justify != "right" for column in table.columns]
    rows = zip(*(column.cells for column in table.columns), strict=True)
    body = []
    for cells in rows:
        marked = [Text.from_markup(str(cell)) for cell in cells]
        body.append("<tr>" + "".join(
            f'<td{_class(text, bool(cell.spans))} data-label="{escape(head)}">'
            f"<span>{escape(cell.plain)}</span></td>"
            for cell, text, head in zip(marked, texts, heads, strict=True)
        ) + "</tr>")  # fmt: skip
    return (
        f'<div class="wrap card"><table><caption>{escape(str(table.title))}</caption><thead><tr>'
        + "".join(
            f'<th scope="col"{_class(text, False)}>{escape(head)}</th>'
            for head, text in zip(heads, texts, strict=True)
        )
        + f"</tr></thead><tbody>{''.join(body)}</tbody></table></div>"
    )


def _class(text: bool, best: bool) -> str:
    words: Sequence[str] = ["text"] * text + ["best"] * best
    return f' class="{" ".join(words)}"' if words else ""
