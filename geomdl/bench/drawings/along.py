"""An input along its orbit, with answers below."""

import base64
from typing import TYPE_CHECKING

import numpy as np

from geomdl.bench import theme
from geomdl.bench.drawings.axes import WIDTH, Data
from geomdl.bench.theme import canvas, series_color

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def orbit(data: Data) -> "Figure":
    """One input along its orbit, and what each row answers to each of its transforms.

    Args:
        data: `images` (base64 of n × h × w bytes), `shape` [n, h, w], `columns` (n headings),
            `truth`, `rows` [{`name`, `answers` (n)}].

    Returns:
        The drawing. A right answer is faint, a wrong one stands out.
    """
    n, h, w = data["shape"]
    images = np.frombuffer(base64.b64decode(data["images"]), np.uint8).reshape(n, h, w) / 255.0
    rows = data["rows"]
    left = -0.2 - 0.31 * max((len(row["name"]) for row in rows), default=0)
    top, bottom = 1.25, -0.75 - 0.82 * len(rows)
    unit = WIDTH / (n - 0.4 - left)
    figure, ax = canvas(WIDTH, unit * (top - bottom) + 0.12)
    ax.set_axis_off()
    for i in range(n):
        ink = np.zeros((h, w, 4))  # black with transparency: a dark page inverts it
        ink[..., 3] = images[i]
        ax.imshow(ink, extent=(i - 0.45, i + 0.45, -0.45, 0.45), interpolation="nearest", zorder=2)
        ax.text(
            i, 0.62, data["columns"][i], ha="center", va="bottom", fontsize=8, color=theme.MUTED
        )
    for j, row in enumerate(rows):
        y = -1.0 - 0.82 * j
        ax.text(
            -0.8,
            y,
            row["name"],
            ha="right",
            va="center",
            fontsize=10,
            color=series_color(row.get("color", j)),
            fontweight="bold",
        )
        for i, answer in enumerate(row["answers"]):
            right = answer == data["truth"]
            ax.text(
                i,
                y,
                str(answer),
                ha="center",
                va="center_baseline",
                fontsize=11,
                color=theme.MUTED if right else theme.BAD,
                fontweight="normal" if right else "bold",
            )
    ax.set_xlim(left, n - 0.4)
    ax.set_ylim(bottom, top)
    ax.set_aspect("equal")
    return figure
