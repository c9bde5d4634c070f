"""What the drawings share: sizes, ticks and labels."""

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from geomdl.bench.table import superscript
from geomdl.bench.theme import series_color

if TYPE_CHECKING:
    from matplotlib.axes import Axes

WIDTH = 5.0  # inches; about the width of a phone at true size
Data = Mapping[str, Any]


def percent(axis: Any) -> None:
    """Write the ticks of an axis as percentages."""
    axis.set_major_formatter(lambda v, _: f"{100 * v:.0f} %")


def power(value: float, _: object = None) -> str:
    """Write a tick as a power of ten."""
    exponent = round(math.log10(value))
    return "1" if exponent == 0 else f"10{superscript(exponent)}"


def log_of(ax: "Axes", x: float) -> float:
    """The coordinate that the x axis is linear in."""
    return math.log10(x) if ax.get_xscale() == "log" else x


def row_labels(ax: "Axes", rows: Sequence[Mapping[str, Any]]) -> None:
    """Name the rows at the left, each in its colour."""
    ax.set_yticks(range(len(rows)), [row["name"] for row in rows])
    ax.tick_params(axis="y", pad=6)
    for y, label in enumerate(ax.get_yticklabels()):
        label.set(color=series_color(rows[y].get("color", y)), fontweight="bold", fontsize=10)
    ax.grid(axis="y", visible=False)
    ax.spines["left"].set_visible(False)


def end_labels(ax: "Axes", ends: Sequence[tuple[str, float, str]]) -> None:
    """Write each name at the right end of its curve, moved apart where they would overlap."""
    transform = ax.transData.transform
    heights = [float(transform((0, y))[1]) for _, y, _ in ends]
    bottom = float(ax.transAxes.transform((0, 0))[1])
    tall = float(ax.transAxes.transform((0, 1))[1]) - bottom
    for (name, _, color), height in zip(ends, spread_labels(heights, 0.062 * tall), strict=True):
        ax.annotate(
            name,
            (1, (height - bottom) / tall),
            (5, 0),
            xycoords="axes fraction",
            textcoords="offset points",
            va="center",
            color=color,
            fontweight="bold",
            fontsize=10,
        )


def spread_labels(positions: Sequence[float], gap: float) -> list[float]:
    """Move labels apart as little as keeps their order and a gap between neighbours.

    Args:
        positions: where each label would like to be.
        gap: least distance between two.

    Returns:
        Where each label goes, in the order given; the least-squares solution (pool adjacent
        violators).

    Example:
        >>> spread_labels([0.0, 0.0, 9.0], 1.0)
        [-0.5, 0.5, 9.0]
    """
    order = sorted(range(len(positions)), key=lambda i: positions[i])
    pools: list[list[float]] = []  # sum of wishes, count
    for rank, i in enumerate(order):
        pools.append([positions[i] - rank * gap, 1])
        while len(pools) > 1 and pools[-2][0] / pools[-2][1] > pools[-1][0] / pools[-1][1]:
            total, count = pools.pop()
            pools[-1][0] += total
            pools[-1][1] += count
    placed = [0.0] * len(positions)
    base = [total / count for total, count in pools for _ in range(int(count))]
    for rank, i in enumerate(order):
        placed[i] = base[rank] + rank * gap
    return placed
