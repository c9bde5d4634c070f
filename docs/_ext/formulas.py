"""Formulas as inline SVG, drawn by Matplotlib's mathtext: no LaTeX, no script, no network."""

from typing import Any

from docutils import nodes

from geomdl.bench.formula import svg


def inline(self: Any, node: nodes.math) -> None:
    """Formula within a line."""
    self.body.append(svg(node.astext()))
    raise nodes.SkipNode


def block(self: Any, node: nodes.math_block) -> None:
    """Formula on a line of its own."""
    self.body.append(f'<div class="formula-block">{svg(node.astext())}</div>\n')
    raise nodes.SkipNode


def setup(app: Any) -> dict[str, bool]:
    """Register the renderer `mathtext`."""
    app.add_html_math_renderer("mathtext", (inline, None), (block, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
