"""Figures of a tutorial: every Matplotlib figure that a cell binds to a name, once.

`Audit.plot` and `contact_sheet` give figures that pyplot does not know, so that sphinx-gallery's
own scraper would not see them.
"""

from collections.abc import Mapping
from typing import Any

MARK = "_shown_on_the_page"


def new_figures(variables: Mapping[str, Any]) -> list[Any]:
    """Figures among the variables that were not seen yet; they are marked as seen.

    Raises:
        ValueError: axes without data: what a later cell draws there would never be seen.

    Example:
        >>> from matplotlib.figure import Figure
        >>> variables = {"a": Figure(), "b": 1}
        >>> len(new_figures(variables)), len(new_figures(variables))
        (1, 0)
    """
    from matplotlib.figure import Figure

    new = {k: v for k, v in variables.items() if isinstance(v, Figure) and not hasattr(v, MARK)}
    for name, figure in new.items():
        if any(axes.axison and not axes.has_data() for axes in figure.axes):
            raise ValueError(f"{name} has axes without data: draw all of a figure in one cell")
        setattr(figure, MARK, True)
    return list(new.values())


class Scraper:
    """What sphinx-gallery calls after each cell."""

    def __repr__(self) -> str:
        return "Scraper()"

    def __call__(self, block: Any, block_vars: dict[str, Any], gallery_conf: Any) -> str:
        from matplotlib import pyplot
        from sphinx_gallery.scrapers import figure_rst

        paths = []
        for figure in new_figures(block_vars["example_globals"]):
            path = next(block_vars["image_path_iterator"])
            figure.savefig(path, dpi=150, bbox_inches="tight", facecolor="white")
            paths.append(path)
        pyplot.close("all")
        return str(figure_rst(paths, gallery_conf["src_dir"]))


def _get_sg_image_scraper() -> Scraper:
    """Hook by which sphinx-gallery finds the scraper."""
    return Scraper()
