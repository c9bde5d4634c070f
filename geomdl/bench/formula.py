"""Formulas as inline SVG, drawn by Matplotlib's mathtext: no LaTeX, no script, no network."""

import re
from html import escape

# what mathtext knows under another name only
SYNONYMS = {
    "le": "leq", "ge": "geq", "ne": "neq", "iff": "Leftrightarrow", "tbinom": "binom",
    "tfrac": "frac", "stackrel": "overset", "lVert": "Vert", "rVert": "Vert",
}  # fmt: skip
SIZE = 10.0  # of the font in which paths are drawn; the page scales by `em`


def svg(formula: str) -> str:
    """Draw a formula of TeX's mathematics as an SVG in the colour of the text.

    Args:
        formula: what stands between dollars; one line.

    Raises:
        ValueError: mathtext does not know a command.

    Example:
        >>> svg("x^2")[:4]
        '<svg'
    """
    from matplotlib import rc_context
    from matplotlib.path import Path
    from matplotlib.textpath import TextPath

    text = " ".join(formula.split())
    known = re.sub(r"\\([A-Za-z]+)", lambda m: "\\" + SYNONYMS.get(m[1], m[1]), text)
    known = re.sub(r"\\sqrt\s*(\w)", r"\\sqrt{\1}", known)
    with rc_context({"mathtext.fontset": "stix"}):
        path = TextPath((0, 0), f"${known}$", size=SIZE)
    letters = {Path.MOVETO: "M", Path.LINETO: "L", Path.CURVE3: "Q", Path.CURVE4: "C"}
    drawn = []
    for points, code in path.iter_segments(curves=True, simplify=False):
        if code == Path.CLOSEPOLY:
            drawn.append("Z")
            continue
        pairs = zip(points[::2], -points[1::2], strict=True)
        drawn.append(letters[code] + " ".join(f"{x:.2f} {y:.2f}" for x, y in pairs))
    box = path.get_extents()
    x, width = box.x0 - 0.3, box.width + 0.6
    top, bottom = box.y1 + 0.3, box.y0 - 0.3
    return (
        f'<svg class="formula" role="img" aria-label="{escape(text, quote=True)}"'
        f' viewBox="{x:.2f} {-top:.2f} {width:.2f} {top - bottom:.2f}"'
        f' style="width:{width / SIZE:.3f}em;height:{(top - bottom) / SIZE:.3f}em;'
        f'vertical-align:{bottom / SIZE:.3f}em">'
        f'<path fill="currentColor" d="{"".join(drawn)}"/></svg>'
    )
