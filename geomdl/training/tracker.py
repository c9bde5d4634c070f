"""Trackers: measurements taken along a run, their table and their picture, live."""

import io
import sys
from collections.abc import Callable, Mapping
from numbers import Real
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torch import Tensor

from .callbacks import Moment, quiet
from .engine import require_finite
from .figures import COLORS, GREY, figure
from .files import write_whole
from .history import History, Row, read_history, writable_folder

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["Measurement", "Tracker"]

Measurement = Callable[[Moment], Mapping[str, float]]


class Tracker:
    """A measurement taken along a run: a callback of `fit` and `descend`.

    The model is in evaluation mode while it is measured. A column whose name ends with "threshold"
    is drawn as a dashed line.

    Args:
        measure: function of a `Moment` that gives numbers by name; none skips the moment.
        every: steps from one measurement to the next; None measures at the end of each epoch.
        path: a ``.jsonl`` file for the rows. A run that goes on there after a kill keeps those up
            to the step at which it goes on; without a file they begin there.
        live: True redraws a figure in the notebook at each refresh (elsewhere it does nothing); a
            path writes the figure there, whole or not at all.
        refresh: measurements from one redrawing to the next.
        log: whether the ordinate is logarithmic.
        title: of the figure.

    Attributes:
        rows: one dict a measurement, with "step", "epoch" and what was measured.

    Raises:
        TypeError: ``measure`` is not callable, or gives no numbers by name; ``live`` is no path.
        ValueError: an impossible argument; when a run begins: a folder that cannot be written to;
            a measurement that is NaN or infinite, or called "step" or "epoch".

    Example:
        >>> import torch
        >>> from geomdl.training import fit
        >>> norm = Tracker(lambda m: {"norm": float(m.model.weight.detach().norm())})
        >>> x = torch.linspace(-1, 1, 64)[:, None]
        >>> run = fit(torch.nn.Linear(1, 1), (x, 2 * x), epochs=3, callbacks=[norm])
        >>> norm.column("step")
        [0, 1, 2, 3]
        >>> len(norm.column("norm"))
        4
    """

    def __init__(
        self,
        measure: Measurement,
        *,
        every: int | None = None,
        path: str | Path | None = None,
        live: bool | str | Path = False,
        refresh: int = 1,
        log: bool = False,
        title: str = "",
    ) -> None:
        if not callable(measure):
            raise TypeError(f"measure: should be callable, got {type(measure).__name__}")
        for name, value in (("every", every), ("refresh", refresh)):
            whole = isinstance(value, int) and not isinstance(value, bool) and value >= 1
            if not whole and not (name == "every" and value is None):
                raise ValueError(f"{name}: should be an integer >= 1, got {value!r}")
        if not isinstance(live, bool | str | Path):
            raise TypeError(f"live: should be True, False or a path, got {type(live).__name__}")
        self.measure, self.every, self.refresh = measure, every, refresh
        self.live, self.log, self.title = live, log, title
        self.history = History(None if path is None else Path(path))
        self._shown: Any = None

    @property
    def rows(self) -> list[Row]:
        """What was measured so far."""
        return self.history.rows

    def begin(self, step: int) -> None:
        """Forget what was measured, but for the rows on the disk of a run that goes on."""
        path, kept = self.history.path, list[Row]()
        for place in (path, None if isinstance(self.live, bool) else Path(self.live)):
            if place is not None:
                writable_folder(place.resolve().parent)
        if step > 0 and path is not None and path.exists():
            kept = [row for row in read_history(path) if row["step"] <= step]
        self.history.begin(kept)

    def __call__(self, moment: Moment) -> None:
        """Measure, keep the row, and redraw where that is asked for."""
        with quiet(moment.model):
            measured: object = self.measure(moment)
        if not isinstance(measured, Mapping):
            kind = type(measured).__name__
            raise TypeError(f"measure: should give numbers by name, in a dict, got {kind}")
        if not measured:
            return
        where, found = f"at step {moment.step}", dict[str, float]()
        for name, value in measured.items():
            if name in ("step", "epoch"):
                raise ValueError(f"measure: should leave the name {name!r} to the tracker {where}")
            if not isinstance(value, Real | Tensor):
                kind = type(value).__name__
                raise TypeError(f"tracker {name}: should be a number, got {kind} {where}")
            found[name] = require_finite(value, f"tracker {name}", where)  # type: ignore[arg-type]
        self.history.append({"step": moment.step, "epoch": moment.epoch} | found)
        if self.live is not False and len(self.rows) % self.refresh == 0:
            self._redraw()

    def column(self, name: str) -> list[float]:
        """The measurements of one name, in order.

        Raises:
            ValueError: nothing of that name was measured.
        """
        if not any(name in row for row in self.rows):
            known = sorted({key for row in self.rows for key in row})
            raise ValueError(f"name: should be one of {', '.join(known)}, got {name!r}")
        return [row[name] for row in self.rows if name in row]

    def draw(self, axes: "Axes") -> None:
        """Draw every column over the steps."""
        names = list(dict.fromkeys(key for row in self.rows for key in row))
        colors = iter(COLORS * len(names))
        for name in names:
            if name in ("step", "epoch"):
                continue
            points = [(row["step"], row[name]) for row in self.rows if name in row]
            dashed = name.endswith("threshold")
            style: dict[str, Any] = {"color": GREY if dashed else next(colors), "label": name}
            style |= {"ls": "--", "lw": 1.2} if dashed else {"lw": 1.6}
            mark = "" if dashed or len(points) > 40 else "."
            axes.plot([p[0] for p in points], [p[1] for p in points], marker=mark, **style)
        axes.set(xlabel="step", yscale="log" if self.log else "linear")
        if self.title:
            axes.set_title(self.title, fontsize=11, loc="left")
        if any(name not in ("step", "epoch") for name in names):
            axes.legend()

    def plot(self, path: str | Path | None = None) -> "Figure":
        """The columns over the steps, in one figure.

        Args:
            path: where to write it; None writes nothing.
        """
        return figure(self.draw, path)

    def _redraw(self) -> None:
        if self.live is not True:
            write_whole(Path(str(self.live)), _png(self.plot()))
            return
        display = _notebook_display()
        if display is None:
            return
        picture = _Picture(_png(self.plot()))
        if self._shown is None:
            self._shown = display(picture, display_id=True)
        else:
            self._shown.update(picture)


class _Picture:
    """What a notebook shows, whether or not it knows matplotlib."""

    def __init__(self, png: bytes) -> None:
        self._repr_png_ = lambda: png


def _png(drawn: "Figure") -> bytes:
    held = io.BytesIO()
    drawn.savefig(held, format="png", dpi=110)
    return held.getvalue()


def _notebook_display() -> Callable[..., Any] | None:
    """IPython's ``display`` within a notebook, else None."""
    ipython: Any = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    if shell is None or type(shell).__name__ != "ZMQInteractiveShell":
        return None
    shown: Callable[..., Any] = ipython.display.display
    return shown
