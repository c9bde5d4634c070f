"""The claims as one page: what is stated, predicted and measured; no script, no network."""

from collections.abc import Sequence
from html import escape
from itertools import groupby
from typing import Any

from geomdl.bench.environment import environment
from geomdl.bench.formula import svg
from geomdl.bench.page import stylesheet
from geomdl.bench.theme import inlined
from geomdl.claims.table import number, tolerance, values
from geomdl.claims.verify import Outcome

_RULES = """
nav a { margin-right: 1rem; white-space: nowrap; } a { color: var(--s1); }
.claim { padding: 1rem 1.2rem; margin: 1rem 0 0; display: grid; gap: .4rem 1.6rem;
         grid-template-columns: minmax(0, 1fr) minmax(0, 26rem); align-items: start; }
.claim h3 { font-size: 1.05rem; } .claim h3::before { margin-right: .5rem; }
.claim .formula { max-width: 100%; height: auto !important; }
.claim .formula-block { margin: .9rem 0; overflow-x: auto; }
.claim figure { padding: 0; }
@media (max-width: 46rem) { .claim { grid-template-columns: minmax(0, 1fr); } }
"""


def page(outcomes: Sequence[Outcome], seed: int, fast: bool) -> str:
    """The report.

    Args:
        outcomes: of claims, run with `figures`.
        seed: that they ran with.
        fast: whether they made their smaller experiments.

    Returns:
        The page, with its style, formulas and figures inside.
    """
    held = sum(outcome.holds for outcome in outcomes)
    title = f"geomdl verify: {held} of {len(outcomes)} claims hold"
    about = environment()
    facts = [f"geomdl {about['geomdl']}", f"commit {about['commit']}" * bool(about["commit"]),
             f"seed {seed}", "small experiments (--fast)" * fast, str(about["cpu"]),
             f"{sum(o.seconds for o in outcomes):.0f} s of work"]  # fmt: skip
    topics = [
        (topic, list(group))
        for topic, group in groupby(
            sorted(outcomes, key=lambda o: o.claim.topic), key=lambda o: o.claim.topic
        )
    ]
    links = " ".join(  # a line breaks where there is a space
        f'<a href="#{_anchor(topic)}">{escape(topic)} ({len(group)})</a>' for topic, group in topics
    )
    parts = [
        "<!doctype html>",
        '<html lang="en"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{escape(title)}</title><style>{stylesheet()}{_RULES}</style></head>",
        f"<body><main><header><h1>{escape(title)}</h1>",
        f'<p class="quiet">{escape(" · ".join(filter(None, facts)))}</p>',
        "<p>Each theorem predicts a number, a program measures it, and the two are compared. The"
        " tolerance says what chance or rounding alone may do.</p>",
        f"<nav>{links}</nav></header>",
    ]
    for topic, group in topics:
        parts.append(f'<section id="{_anchor(topic)}"><h2>{escape(topic.capitalize())}</h2>')
        parts += [_claim(outcome) for outcome in group]
        parts.append("</section>")
    return "\n".join([*parts, "</main></body></html>", ""])


def _anchor(topic: str) -> str:
    return escape(topic.replace(" ", "-"))


def _claim(outcome: Outcome) -> str:
    about, e = outcome.claim, outcome.evidence
    key: dict[str, str] = {}
    if e is not None:
        key |= {"predicted": f"{_SIGN[e.relation]}{values(e.predicted)}",
                "measured": values(e.measured), "largest error": number(e.error),
                "tolerance": f"{tolerance(e)}: {e.because}"}  # fmt: skip
    key["verdict"] = outcome.verdict
    if outcome.failure:
        key["failure"] = outcome.failure
    twin = outcome.twin
    if twin is not None:
        said = twin.failure or (f"error {number(twin.evidence.error)}" if twin.evidence else "")
        key["twin"] = f"{about.sabotage}: {said}"
    elif outcome.sabotage:
        key["sabotaged"] = about.sabotage
    key |= {"source": about.source, "time": f"{outcome.seconds:.1f} s"}
    pairs = "".join(f"<dt>{escape(k)}</dt><dd>{escape(v)}</dd>" for k, v in key.items())
    return (
        f'<article class="claim card" id="claim-{escape(about.name)}"><div>'
        f'<h3 class="{"holds" if outcome.holds else "fails"}">{escape(about.name)}</h3>'
        f"<p>{escape(about.statement)}</p>{_formula(about.formula)}"
        f'<dl class="key">{pairs}</dl></div>{_figure(outcome)}</article>'
    )


_SIGN: dict[str, Any] = {"equal": "", "at most": "at most ", "at least": "at least "}


def _formula(text: str) -> str:
    try:
        return f'<div class="formula-block">{svg(text)}</div>'
    except ValueError:  # a third party's formula may use what mathtext does not know
        return f"<pre>{escape(text)}</pre>"


def _figure(outcome: Outcome) -> str:
    drawn = outcome.pictures.get("svg")
    if drawn is None:
        return ""
    name = outcome.claim.name
    label = f"{name}: predicted and measured"
    return f"<figure>{inlined(drawn.decode(), name.replace('/', '-'), label)}</figure>"
