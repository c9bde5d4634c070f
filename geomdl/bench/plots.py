"""The plots of a report, each drawn from its data alone.

A `Figure` of results names one of these drawings by its `kind` and holds the numbers, so that a
report can be rebuilt from `results.json`. Series are labelled where they are, not in a legend, and
keep their colour from one drawing to the next.
"""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from geomdl.bench.results import Figure
from geomdl.bench.theme import inline_svg, style

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Drawing

Draw = Callable[[Any], "Drawing"]


def kinds() -> dict[str, Draw]:
    """The drawings by their names."""
    from geomdl.bench.drawings import bars, curves, dots, dumbbell, orbit, scatter

    return {
        "bars": bars,
        "curves": curves,
        "dots": dots,
        "dumbbell": dumbbell,
        "orbit": orbit,
        "scatter": scatter,
    }


def draw(figure: Figure) -> "Drawing":
    """Draw a figure.

    Args:
        figure: as data.

    Returns:
        A matplotlib figure.

    Raises:
        ValueError: no such kind of drawing.
    """
    known = kinds()
    if figure.kind not in known:
        raise ValueError(
            f"figure {figure.name}: no kind {figure.kind!r}; there are {', '.join(known)}"
        )
    return known[figure.kind](figure.data)


def save_png(figure: Figure, path: Path, dpi: int = 200) -> None:
    """Draw a figure into a PNG file, with its title above it.

    Args:
        figure: as data.
        path: of the file.
        dpi: dots per inch.
    """
    with style():
        drawing = draw(figure)
        width, height = drawing.get_size_inches()
        drawing.set_size_inches(width, height + 0.3)
        drawing.suptitle(figure.title, x=0.02, ha="left", fontsize=11, fontweight="bold")
        drawing.savefig(path, dpi=dpi, metadata={"Software": None})


def svg(figure: Figure, prefix: str) -> str:
    """Draw a figure as an SVG element for the report.

    Args:
        figure: as data.
        prefix: put before every id in it.

    Returns:
        `<svg …>…</svg>`.
    """
    with style():
        return inline_svg(draw(figure), prefix, f"{figure.title}. {figure.caption}")
