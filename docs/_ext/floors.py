"""A picture of the floors of the house, drawn from `pyproject.toml`."""

import re
import tomllib
from html import escape
from pathlib import Path
from typing import Any

from docutils import nodes
from docutils.parsers.rst import Directive

ROOT = Path(__file__).parents[2]
WIDTH, HIGH, GAP = 720, 40, 10


def floors() -> list[list[str]]:
    """Packages of each floor, the top one first, as the import contract lists them."""
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    contract = tomllib.loads(text)["tool"]["importlinter"]["contracts"][0]
    return [re.findall(r"\w+", line) for line in contract["layers"]]


def svg() -> str:
    """One row a floor; what is not built yet is dashed."""
    rows = floors()
    tall = len(rows) * (HIGH + GAP)
    drawn = []
    for i, row in enumerate(rows):
        wide = (WIDTH - GAP * (len(row) - 1)) / len(row)
        for k, name in enumerate(row):
            built = (ROOT / "geomdl" / name / "__init__.py").is_file()
            x, y = k * (wide + GAP), i * (HIGH + GAP)
            size = min(15.0, wide / len(name) * 1.55)
            kind = "built" if built else "planned"
            drawn.append(
                f'<g class="{kind}"><rect x="{x + 1:.1f}" y="{y + 1:.1f}" width="{wide - 2:.1f}"'
                f' height="{HIGH - 2}" rx="6"/><text x="{x + wide / 2:.1f}" y="{y + 25}"'
                f' font-size="{size:.1f}">{escape(name)}</text></g>'
            )
    return (
        f'<svg class="floors" role="img" aria-label="the floors of geomdl" viewBox="0 0 {WIDTH}'
        f' {tall}">{"".join(drawn)}</svg>'
    )


class Floors(Directive):
    """`.. floors::`, the picture."""

    def run(self) -> list[nodes.Node]:
        return [nodes.raw("", f'<div class="floors-box">{svg()}</div>', format="html")]


def setup(app: Any) -> dict[str, bool]:
    """Register the directive."""
    app.add_directive("floors", Floors)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
