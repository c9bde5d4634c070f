"""One file that shows everything a run found: plots inside, no script, no network."""

import os
from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import Any

from geomdl.bench import plots
from geomdl.bench import results as store
from geomdl.bench.page import stylesheet
from geomdl.bench.results import Check, Figure, Results, SuiteResult, Table
from geomdl.bench.table import best, duration, parts_of


def html(results: Results) -> str:
    """A report as one HTML page.

    Args:
        results: what a run found.

    Returns:
        The page: style and plots inline, readable on a phone, light or dark as the reader's
        system is, without scripts and without any address to load from.
    """
    suites = [
        _suite(name, i, suite) for i, (name, suite) in enumerate(results.suites.items(), start=1)
    ]
    title = "geomdl bench: " + ", ".join(results.suites)
    return "\n".join(
        [
            "<!doctype html>",
            '<html lang="en">',
            '<head><meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{escape(title)}</title>",
            f"<style>{stylesheet()}</style>",
            "</head>",
            "<body><main>",
            f"<header><h1>{escape(title)}</h1>{_byline(results)}</header>",
            *suites,
            _footer(results),
            "</main></body></html>",
            "",
        ]
    )


def rebuild(out: str | os.PathLike[str]) -> Path:
    """Write `report.html` again from the `results.json` of an earlier run.

    Args:
        out: folder with `results.json`.

    Returns:
        Path of the report.

    Raises:
        FileNotFoundError: there is no `results.json`.
        ValueError: it is truncated, of another kind, or of a newer version; the report cannot be
            written.
    """
    folder = Path(out)
    results = store.read(folder / "results.json")
    page, report = html(results), folder / "report.html"
    try:
        report.write_text(page, encoding="utf-8")
    except OSError as error:
        raise ValueError(
            f"out: expected a folder that can be written to, got {str(folder)!r} ({error.strerror})"
        ) from None
    return report


def _byline(results: Results) -> str:
    about = results.environment
    parts = [f"geomdl {about.get('geomdl')}"]
    if about.get("commit"):
        parts.append(f"commit {about['commit']}")
    seeds = results.options.get("seeds")
    parts += [f"{seeds} seeds"] * (seeds is not None) + [str(about.get("cpu"))]
    threads = about.get("threads")
    parts += [f"{threads} thread{'' if threads == 1 else 's'}", results.created[:10]]
    return f'<p class="quiet">{escape(" · ".join(parts))}</p>'


def _suite(name: str, number: int, suite: SuiteResult) -> str:
    parts = [f'<section id="{escape(name)}">', f"<h2>{escape(suite.title)}</h2>"]
    parts.append(f"<p>{escape(suite.summary)}</p>")
    if suite.reduced is not None:
        parts.append(
            f'<p class="reduced"><strong>A reduced run.</strong> {escape(suite.reduced)}.</p>'
        )
    if suite.checks:
        parts.append('<ul class="checks">' + "".join(map(_check, suite.checks)) + "</ul>")
    parts += [_table(table) for table in suite.tables]
    if suite.figures:
        cards = "".join(_figure(f"p{number}{i}", f) for i, f in enumerate(suite.figures))
        parts.append(f'<div class="figures">{cards}</div>')
    parts += [f'<p class="quiet">{escape(note)}</p>' for note in suite.notes]
    settings = {**suite.settings, "time of the suite": duration(suite.seconds)}
    parts.append(f"<details><summary>Settings</summary>{_key(settings)}</details>")
    return "\n".join([*parts, "</section>"])


def _check(check: Check) -> str:
    return f'<li class="card {"holds" if check.holds else "fails"}">{escape(check.text)}</li>'


def _table(table: Table) -> str:
    heads = "".join(
        f'<th scope="col"{_text(c.kind)} title="{escape(c.note)}">{escape(c.title)}</th>'
        for c in table.columns
    )
    strong = {c.key: best(table, c) for c in table.columns}
    rows = []
    for i, row in enumerate(table.rows):
        cells = []
        for column in table.columns:
            mark = ' class="best"' if i in strong[column.key] else _text(column.kind)
            number, spread, unit = map(escape, parts_of(column, row.get(column.key)))
            small = f" <small>{spread}</small>" if spread else ""
            label = f'data-label="{escape(column.title)}"'
            cells.append(f"<td{mark} {label}><span>{number}{unit}{small}</span></td>")
        rows.append(f"<tr>{''.join(cells)}</tr>")
    caption = f"<caption>{escape(table.title)}</caption>" if table.title else ""
    notes = {c.title: c.note for c in table.columns if c.note}
    key = f"<details><summary>What the columns mean</summary>{_key(notes)}</details>"
    return (
        f'<div class="wrap card"><table>{caption}<thead><tr>{heads}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table></div>" + (key if notes else "")
    )


def _text(kind: str) -> str:
    return ' class="text"' if kind == "text" else ""


def _figure(prefix: str, figure: Figure) -> str:
    return (
        f'<figure class="card"><figcaption><h3>{escape(figure.title)}</h3>'
        f'<span class="quiet">{escape(figure.caption)}</span></figcaption>'
        f"{plots.svg(figure, prefix)}</figure>"
    )


def _key(items: Mapping[str, Any]) -> str:
    pairs = "".join(
        f"<dt>{escape(str(name))}</dt><dd>{escape(_plain(value))}</dd>"
        for name, value in items.items()
    )
    return f'<dl class="key">{pairs}</dl>'


def _plain(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_plain(item)}" for name, item in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(map(_plain, value))
    return "none" if value is None else str(value)


def _footer(results: Results) -> str:
    about = {
        **{k: v for k, v in results.environment.items() if k not in ("geomdl", "commit")},
        **{f"option {k}": v for k, v in results.options.items()},
        "written": results.created,
    }
    return (
        "<footer><details><summary>What it was measured with</summary>"
        f"{_key(about)}</details></footer>"
    )
