"""A contact sheet: inputs, outputs and differences along an orbit."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from geomdl.auditing.elements import Probe, choose
from geomdl.auditing.prepare import own_randomness, prepared
from geomdl.auditing.problem import Problem
from geomdl.auditing.trees import Leaf, inexact
from geomdl.auditing.types import resolve
from geomdl.fields import Field, Grid, Points, Type
from geomdl.groups import Group
from geomdl.groups import elements as el

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLUMNS = 8
BLUE = "#0072B2"
ROWS = ("g x", "f(g x)", "g f(x)", "difference")


def contact_sheet(
    f: Callable[..., Any],
    *inputs: Any,
    group: Group | str | None = None,
    source: Type = None,
    target: Type = None,
    elements: Any = None,
    channel: int = 0,
    dtype: torch.dtype = torch.float64,
    path: str | Path | None = None,
) -> "Figure":
    """Draw g x, f(g x), g f(x) and their difference for up to eight elements, one a column.

    Of the inputs and of the outputs the first that can be drawn is shown, and of a batch the first
    sample. Each row has one scale, and that of the differences says how much it magnifies; what is
    exact is blank. Where an element is resampled, only the inscribed disc is shown.

    Args:
        f: as for `geomdl.audit`, and so are inputs, group, source, target, elements and dtype.
        inputs: see f.
        group: see f.
        source: see f.
        target: see f.
        elements: see f; by default the whole group if it is small, else turns or random elements.
        channel: which channel of an image is drawn.
        dtype: see f.
        path: file to write as well; its ending names the format.

    Returns:
        the matplotlib figure, not shown.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    source, target, wanted, embed = resolve(f, group, source, target)
    rng = torch.Generator().manual_seed(0)
    probes = _orbit(wanted, elements, rng)[:COLUMNS]
    ready = prepared(f, dtype, rng=rng)
    columns = []
    with own_randomness(0), torch.enable_grad():
        problem = Problem.build(ready, inputs, source, target, dtype)
        i, k = _first(list(problem.leaves)), _first(problem.run(problem.values))
        for probe in probes:
            g = embed(probe.element)
            values = problem.values
            exact = problem.exact(g, values)
            values = values if exact else problem.masked(values)
            base = problem.run(values)[k]
            moved = problem.act(g, values)
            there, expected = problem.run(moved)[k].value, base.value
            if base.field is not None:
                exact = exact and base.field.exact(g, expected)
                mask = 1 if exact else base.field.mask(expected)
                there, expected = there * mask, base.field.act(g, expected) * mask
            columns.append((moved[i], there, expected, there - expected))
    fields = [problem.leaves[i].field, *[base.field] * 3]
    n = len(columns)
    figure = Figure(figsize=(1.0 + 1.45 * n, 6.6), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(4, n, squeeze=False)
    for row, field in enumerate(fields):
        scale = max(_size(column[min(row, 1)], field, channel) for column in columns) or 1.0
        name = ROWS[row]
        if row == 3:
            largest = max(_size(column[3], field, channel) for column in columns)
            if 1e-9 * scale < largest < scale / 2:
                name, scale = f"difference ×{scale / largest:.0f}", largest
        for c, column in enumerate(columns):
            _draw(axes[row, c], field, column[row], channel, scale, diverging=row == 3)
        axes[row, 0].set_ylabel(name, fontsize=10)
    for c, (probe, column) in enumerate(zip(probes, columns, strict=True)):
        axes[0, c].set_title(probe.label, fontsize=9)
        largest = float(column[3].abs().max()) if column[3].numel() else 0.0
        axes[3, c].set_xlabel(f"max {largest:.0e}" if largest else "max 0", fontsize=8)
    if path is not None:
        figure.savefig(path, dpi=150)
    return figure


def _orbit(group: Group, elements: Any, rng: torch.Generator) -> list[Probe]:
    if elements is not None:
        return choose(group, 0, rng, elements)[0]
    if group.order is not None and group.order <= 2 * COLUMNS:
        whole = el.iterate(group, group.elements)
        step = math.ceil(len(whole) / COLUMNS)
        return choose(group, 0, rng, whole[::step])[0]
    if group.lie_dim == 1:
        steps = torch.arange(COLUMNS, dtype=torch.float64).unsqueeze(1) * (2 * math.pi / COLUMNS)
        return choose(group, 0, rng, group.exp(steps))[0]
    probes = choose(group, COLUMNS, rng)[0]
    drawn = [probe for probe in probes if probe.kind == "sample"] or probes
    return choose(group, 0, rng, [group.identity])[0] + drawn


def _first(leaves: list[Leaf]) -> int:
    for i, leaf in enumerate(leaves):
        if leaf.field is not None and inexact(leaf.value):
            return i
    raise ValueError("contact_sheet: expected a floating tensor with a Field, got none")


def _picture(x: Tensor, field: Field | None, channel: int) -> Tensor:
    """What is drawn of a tensor: an image, a line, points (n, 2) or a list of numbers."""
    x = x.detach().cpu().to(torch.float64)
    if field is not None and isinstance(field.domain, Grid):
        x = x[0, min(channel, x.shape[1] - 1)]
        while x.ndim > 2:
            x = x[x.shape[0] // 2]
        return x
    if field is not None and isinstance(field.domain, Points) and field.affine:
        return x.flatten(0, -2)[:, :2]
    lead = x.ndim - (len(field.fibre) if field is not None else min(x.ndim, 1))
    return (x.flatten(0, lead - 1)[0] if lead else x).flatten()[:64]


def _size(x: Tensor, field: Field | None, channel: int) -> float:
    picture = _picture(x, field, channel)
    return float(picture.abs().max()) if picture.numel() else 0.0


def _draw(
    axes: "Axes", field: Field | None, x: Tensor, channel: int, scale: float, diverging: bool
) -> None:
    picture = _picture(x, field, channel)
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_color("#cccccc")
    if field is not None and isinstance(field.domain, Grid) and picture.ndim == 2:
        signed = diverging or bool((picture < -1e-9 * scale).any())
        axes.imshow(
            picture.numpy(), cmap="RdBu_r" if signed else "gray_r", vmin=-scale if signed else 0.0,
            vmax=scale, interpolation="nearest",
        )  # fmt: skip
    elif picture.ndim == 2:
        points = picture.numpy()
        axes.scatter(points[:, 0], points[:, 1], c=range(len(points)), s=22, cmap="viridis")
        axes.set_xlim(-1.15 * scale, 1.15 * scale)
        axes.set_ylim(-1.15 * scale, 1.15 * scale)
        axes.set_aspect("equal")
    else:
        if field is not None and isinstance(field.domain, Grid):
            axes.plot(picture.numpy(), color=BLUE, linewidth=1.2)
        else:
            axes.bar(range(len(picture)), picture.numpy(), color=BLUE, width=0.8)
        axes.axhline(0, color="#cccccc", linewidth=0.7)
        axes.set_ylim(-1.15 * scale, 1.15 * scale)
