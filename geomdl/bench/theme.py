"""Colours and type of the plots and the report, light and dark.

Plots are drawn once, in the light colours; in the report each colour of a plot becomes a CSS
variable, so that the same drawing follows the reader's light or dark setting.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from io import StringIO
from typing import TYPE_CHECKING, Any

from geomdl.style import INK as INK
from geomdl.style import LINE as LINE
from geomdl.style import MUTED as MUTED
from geomdl.style import STYLE
from geomdl.style import SURFACE as SURFACE

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# name: (light, dark). Series are told apart by the colour-blind and in grey as well as can be.
COLORS = {
    "ink": (INK, "#e7eaf0"),
    "muted": (MUTED, "#9ba6b5"),
    "line": (LINE, "#323b48"),
    "surface": (SURFACE, "#171c24"),
    "good": ("#14794f", "#4fd39a"),
    "bad": ("#c02f3f", "#ff8590"),
    "s0": ("#77808d", "#a3adba"),
    "s1": ("#1f6fc4", "#6db3ff"),
    "s2": ("#c26a02", "#ffb454"),
    "s3": ("#068a6b", "#3fdcae"),
    "s4": ("#8447c9", "#c79bff"),
    "s5": ("#b73a77", "#ff8fc3"),
}
GOOD, BAD = (COLORS[k][0] for k in ("good", "bad"))
SERIES = tuple(light for name, (light, _) in COLORS.items() if re.fullmatch(r"s\d", name))

_STYLE: dict[str, Any] = STYLE | {
    "font.family": "DejaVu Sans",
    "axes.unicode_minus": True,
    "xtick.major.size": 0,
    "ytick.major.size": 0,
    "xtick.major.pad": 6,
    "xtick.minor.pad": 6,
    "xtick.minor.size": 0,
    "lines.linewidth": 2.0,
    "lines.solid_capstyle": "round",
    "svg.fonttype": "none",
    "svg.hashsalt": "geomdl",
    "figure.dpi": 100,
}


def series_color(index: int) -> str:
    """Colour of the series at a position; they repeat after six."""
    return SERIES[index % len(SERIES)]


@contextmanager
def style() -> Iterator[None]:
    """Draw in the house's style, whatever the user's settings are, and leave those alone."""
    import matplotlib as mpl

    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(_STYLE)  # type: ignore[arg-type]
        yield


def canvas(width: float, height: float) -> "tuple[Figure, Axes]":
    """A figure without a window (no pyplot, no global state) and its axes.

    Args:
        width: inches; 5 fills the width of a phone at its true size.
        height: inches.

    Returns:
        Figure and axes.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    figure.get_layout_engine().set(w_pad=0.06, h_pad=0.06)  # type: ignore[call-arg, union-attr]
    return figure, figure.add_subplot()


def inline_svg(figure: "Figure", prefix: str, label: str) -> str:
    """A drawing as an `<svg>` element to be put into a page.

    Args:
        figure: drawn in `style()`.
        prefix: put before every id, so that several drawings can share a page.
        label: what a screen reader says.

    Returns:
        The element, as `inlined` makes it.
    """
    buffer = StringIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    return inlined(buffer.getvalue(), prefix, label)


def inlined(svg: str, prefix: str, label: str) -> str:
    """An SVG file of matplotlib as an element to be put into a page.

    Args:
        svg: what is in the file; text as text, the light colours of the house.
        prefix: put before every id, so that several drawings can share a page.
        label: what a screen reader says.

    Returns:
        The element: colours as CSS variables, text as text in the page's font, no declaration, no
        metadata, no address.
    """
    from html import escape

    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"\s*<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = re.sub(r"<!--.*?-->\s*", "", svg, flags=re.DOTALL)
    svg = re.sub(r'\bid="', f'id="{prefix}-', svg)
    svg = svg.replace("url(#", f"url(#{prefix}-").replace('href="#', f'href="#{prefix}-')
    svg = re.sub(r"'DejaVu Sans'[^;\"]*", "var(--font)", svg)
    for name, (light, _) in COLORS.items():
        svg = svg.replace(light, f"var(--{name})")
    head, body = svg.split(">", 1)
    box = re.search(r'viewBox="[^"]*"', head)
    opening = f'<svg {box.group(0) if box else ""} role="img" aria-label="{escape(label)}"'
    return f"{opening}>{body}".replace("xlink:href", "href").strip()
