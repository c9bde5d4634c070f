"""The style sheet of the report: one column on a phone, two on a desk, light or dark."""

from geomdl.bench.theme import COLORS

FONT = 'system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", "DejaVu Sans", sans-serif'

_RULES = """
*, *::before, *::after { box-sizing: border-box; }
html { color-scheme: light dark; -webkit-text-size-adjust: 100%; }
body {
  margin: 0; background: var(--page); color: var(--ink);
  font: 16px/1.55 var(--font); font-variant-numeric: tabular-nums;
}
main { max-width: 70rem; margin: 0 auto; padding: clamp(1rem, 4vw, 3rem) clamp(.8rem, 4vw, 2rem); }
h1 { font-size: clamp(1.5rem, 4.5vw, 2.2rem); line-height: 1.15; letter-spacing: -.02em;
     margin: 0; }
h2 { font-size: clamp(1.2rem, 3vw, 1.5rem); line-height: 1.2; letter-spacing: -.01em;
     margin: 3rem 0 .4rem; }
h3 { font-size: 1rem; margin: 0 0 .1rem; }
p { margin: .3rem 0 0; max-width: 46rem; text-wrap: pretty; }
.quiet { color: var(--muted); font-size: .9rem; }
.card { background: var(--surface); border: 1px solid var(--line); border-radius: 12px; }
.checks { list-style: none; margin: 1rem 0 0; padding: 0; display: grid; gap: .5rem; }
.checks li { padding: .6rem .9rem .6rem 2.4rem; position: relative; }
.checks li::before { position: absolute; left: .95rem; font-weight: 700; }
.holds::before { content: "✓"; color: var(--good); }
.fails::before { content: "✗"; color: var(--bad); }
.fails { border-color: var(--bad); }
.reduced { margin: 1rem 0 0; padding: .6rem .9rem; border-left: 4px solid var(--s2);
           background: var(--surface); border-radius: 0 8px 8px 0; max-width: none; }
.wrap { overflow-x: auto; margin: 1rem 0 0; }
table { border-collapse: collapse; width: 100%; font-size: .92rem; }
caption { text-align: left; font-weight: 600; padding: .8rem .9rem .2rem; }
th, td { padding: .5rem .8rem; text-align: right; vertical-align: top; }
th { font-weight: 500; color: var(--muted); font-size: .82rem; line-height: 1.25;
     border-bottom: 1px solid var(--line); vertical-align: bottom; }
th:first-child, td:first-child, .text { text-align: left; }
tbody tr + tr td { border-top: 1px solid var(--line); }
td { white-space: nowrap; }
td:first-child { font-weight: 600; }
td.best { font-weight: 700; }
td small { color: var(--muted); font-size: .8rem; font-weight: 400; }
@media (min-width: 46.01rem) { td small { display: block; line-height: 1.2; } }
dl.key { display: grid; grid-template-columns: max-content 1fr; gap: .25rem 1rem; margin: .8rem 0 0;
         font-size: .88rem; }
dl.key dt { color: var(--ink); font-weight: 600; }
dl.key dd { margin: 0; color: var(--muted); overflow-wrap: anywhere; }
details { margin: .8rem 0 0; }
summary { cursor: pointer; color: var(--muted); font-size: .9rem; }
.figures { display: grid; gap: 1rem; margin: 1.2rem 0 0;
           grid-template-columns: repeat(auto-fit, minmax(min(100%, 26rem), 1fr));
           align-items: stretch; }
figure { margin: 0; padding: .9rem .9rem .6rem; display: flex; flex-direction: column; }
figcaption { margin-bottom: .4rem; }
figure svg { display: block; width: 100%; height: auto; max-width: 34rem; margin: .2rem auto 0; }
footer { margin-top: 3rem; padding-top: 1rem; border-top: 1px solid var(--line); }
@media (max-width: 46rem) {
  .wrap { overflow: visible; }
  .wrap.card { background: none; border: 0; border-radius: 0; }
  table, tbody, tr, td { display: block; width: 100%; }
  thead { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
  caption { display: block; padding: 0 0 .5rem; }
  tbody tr { background: var(--surface); border: 1px solid var(--line); border-radius: 12px;
             padding: .5rem .9rem; margin-bottom: .7rem; }
  td, tbody tr + tr td { display: flex; justify-content: space-between; gap: 1rem; border: 0;
       padding: .22rem 0; white-space: normal; }
  td span { white-space: nowrap; text-align: right; }
  td::before { content: attr(data-label); color: var(--muted); font-weight: 400; text-align: left; }
  td:first-child { font-size: 1.05rem; padding-bottom: .3rem; }
  td:first-child::before { content: none; }
  dl.key { grid-template-columns: 1fr; gap: 0; }
  dl.key dd { margin-bottom: .5rem; }
}
@media (prefers-color-scheme: dark) { figure svg image { filter: invert(1); } }
@media print { body { background: #fff; } .figures { grid-template-columns: 1fr 1fr; } }
"""


def stylesheet() -> str:
    """The style sheet, with the colours of the plots as variables."""
    light = "".join(f"--{name}:{color};" for name, (color, _) in COLORS.items())
    dark = "".join(f"--{name}:{color};" for name, (_, color) in COLORS.items())
    return (
        f":root {{ {light} --page:#f3f5f8; --font:{FONT}; }}\n"
        f"@media (prefers-color-scheme: dark) {{ :root {{ {dark} --page:#0e1217; }} }}\n" + _RULES
    )
