"""`orbit_error`: the error of f at finite distances along a one-parameter group, layer by layer."""

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from geomdl.auditing.audit import called
from geomdl.auditing.between import BEFORE, LAST, Code, Crossed
from geomdl.auditing.certificate import finite_or_null, worst_of
from geomdl.auditing.curves import moved
from geomdl.auditing.directions import Direction, Target, Wanted, directions
from geomdl.auditing.lie import (
    finite_outputs,
    moved_outputs,
    relative,
    same_shape,
    spreads,
    twice_differentiable,
)
from geomdl.auditing.prepare import own_randomness, owner, prepared
from geomdl.auditing.problem import Problem, kept
from geomdl.auditing.progress import track
from geomdl.auditing.sites import Action, Seen, Sites, floating, offset
from geomdl.auditing.statistics import default_tol
from geomdl.auditing.summary import row as lines_of
from geomdl.auditing.tape import run
from geomdl.auditing.trees import Leaf, inexact
from geomdl.fields import Type
from geomdl.fields.numbers import is_finite
from geomdl.groups import Group

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from rich.table import Table

AT = (0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 2.5, 3.0)
CODE = "code"
ROUNDING = 1e-6  # of the sum of the costs, in float32 too
TURN = tuple(2 * math.pi * k / 24 for k in range(24))


@dataclass(frozen=True)
class OrbitError:
    """Equivariance error of a callable along one one-parameter group.

    Attributes:
        subject: name of what was audited.
        action: name of the action.
        at: the distances t: pixels, radians, or units of the Lie algebra.
        errors: rms(f(ρ(t) x) − ρ(t) f(x)) / variation(f) at each, largest over the outputs.
        layers: name of a layer -> its cost at each; of code between layers, "code before NAME" or
            "code at the end", where that costs more than rounding. Empty unless asked for.
        kinds: name of a layer -> its class, or "code".
    """

    subject: str
    action: str
    at: tuple[float, ...]
    errors: tuple[float, ...]
    layers: Mapping[str, tuple[float, ...]]
    kinds: Mapping[str, str]

    @property
    def error(self) -> float:
        """Largest of the errors."""
        return worst_of(self.errors)

    @property
    def costliest(self) -> str | None:
        """Name of the layer of the largest cost.

        It may be code between layers. None if none was measured, or if all of them together cost
        less than a tenth of an error beyond rounding: then f differentiates inside.
        """
        return self._costliest(range(len(self.at)))

    def _costliest(self, where: Sequence[int]) -> str | None:
        at = max(where, key=lambda i: self.errors[i], default=None)
        if at is None or sum(c[at] for c in self.layers.values()) < self.errors[at] / 10 - ROUNDING:
            return None
        return max(
            self.layers, key=lambda name: worst_of([self.layers[name][i] for i in where]),
            default=None,
        )  # fmt: skip

    def summary(self) -> str:
        """Errors in a line or two: of shifts by whole pixels, and of those between, apart."""
        lines = [f"{self.subject}: error {self.error:.2g} along {self.action}"]
        parts = {"everywhere": [*range(len(self.at))]}
        if self.action.startswith("translation"):
            whole = [i for i, t in enumerate(self.at) if t == round(t)]
            between = [i for i, t in enumerate(self.at) if t != round(t)]
            parts = {"whole pixels": whole, "between": between}
        for name, where in parts.items():
            layer = self._costliest(where)
            if not where:
                continue
            text = f"error {worst_of([self.errors[i] for i in where]):.3g}"
            if layer is not None:
                cost = worst_of([self.layers[layer][i] for i in where])
                text += f", costliest {self.label(layer)}: {cost:.3g}"
            elif self.layers:
                text += ", which no layer explains: it comes from code between them"
            lines += lines_of(name, text, 14)
        return "\n".join(lines)

    def label(self, name: str) -> str:
        """Name of a layer with its class; of code, as it is."""
        return name if self.kinds[name] == CODE else f"{name} ({self.kinds[name]})"

    def __str__(self) -> str:
        return self.summary()

    def passed(self, tol: float) -> bool:
        """Whether the error is at most ``tol`` everywhere; False for a NaN."""
        return self.error <= tol

    def table(self) -> "Table":
        """Layers by distances, as a table of rich; the costliest at each distance in bold."""
        from rich.table import Table

        found = Table(title=f"{self.subject}: cost of each layer under {self.action}")
        found.add_column("layer", no_wrap=True)
        found.add_column("kind")
        for t in self.at:
            found.add_column(f"{t:.4g}", justify="right")
        tops = [max(costs) for costs in zip(*self.layers.values(), strict=True)]
        for name, costs in self.layers.items():
            cells = [
                f"[bold]{cost:.2e}[/]" if cost and cost == top else f"{cost:.2e}"
                for cost, top in zip(costs, tops, strict=True)
            ]
            found.add_row(name, self.kinds[name], *cells)
        found.add_section()
        found.add_row("f", "whole", *(f"{error:.2e}" for error in self.errors))
        return found

    def to_json(self, indent: int | None = None) -> str:
        """Everything as JSON; a number that is not finite is null."""
        return json.dumps(
            finite_or_null({**asdict(self), "error": self.error}),
            indent=indent, allow_nan=False, ensure_ascii=False,
        )  # fmt: skip

    def plot(self, path: str | Path | None = None) -> "Figure":
        """Draw the error over t: a clock for a rotation, a curve elsewhere.

        Args:
            path: file to write as well; its ending names the format.

        Returns:
            the matplotlib figure, not shown.
        """
        from geomdl.auditing.lie_plots import along

        return along(self, path)


def orbit_error(
    f: Callable[..., Any],
    *inputs: Any,
    action: Wanted = None,
    group: Group | str | None = None,
    source: Type = None,
    target: Target = None,
    at: Sequence[float] | None = None,
    per_layer: bool = False,
    layers: Sequence[str] | None = None,
    actions: Mapping[str, Action] | None = None,
    periodic: bool = False,
    dtype: torch.dtype = torch.float64,
    seed: int = 0,
    training: bool | None = False,
    progress: bool | None = None,
) -> OrbitError:
    """Measure the error at finite distances: fractional and whole shifts, a turn of the clock.

        error(t) = rms(f(ρ(t) x) − ρ(t) f(x)) / variation(f),

    for the actions of `lie_derivative`, which is its slope at t = 0. Shifts by whole pixels of a
    periodic image, and turns by 90°, are *exact* up to rounding; elsewhere an image is read between
    its pixels, and the error includes what that costs. So a CNN with circular padding has none at
    whole shifts and that of its aliasing between them.

    The cost of a layer h = m(u) is rms(f' − f) / variation(f), where f' has
    h + ρ(−t)(m(ρ(t) u) − ρ(t) h) in place of h: m replaced by ρ(−t) m ρ(t), less what there and
    back loses. Unlike the error of `geomdl.audit` at a layer it has nothing of the layers before.
    Code between layers (a sum with positions, `torch.roll`, attention) is measured likewise, and
    stands as "code before" the layer that takes what it makes; but not for outputs that f gets by
    differentiating. A layer that takes padded images, which no longer close up, is measured with
    the code before it as one.

    Args:
        f: see `lie_derivative`, and so are inputs and all that is not below.
        inputs: see f.
        action: one name, curve, or dict of one.
        group: instead; its Lie algebra must be of dimension one.
        source: see f.
        target: see f.
        at: distances; by default from a quarter of a pixel to three, or 24 hours of a turn.
        per_layer: measure the cost of each layer too; `f` must be a module.
        layers: see f.
        actions: see f.
        periodic: see f.
        dtype: see f.
        seed: see f.
        training: see f.
        progress: see f.

    Raises:
        ValueError: not one direction; otherwise as `lie_derivative`.

    Example:
        >>> x = torch.randn(2, 1, 8, 8, generator=torch.Generator().manual_seed(0))
        >>> net = torch.nn.Sequential(
        ...     torch.nn.Conv2d(1, 2, 3, padding=1, padding_mode="circular"), torch.nn.ReLU()
        ... )
        >>> found = orbit_error(net, x, action="translation_x", periodic=True, at=[0.5, 1.0])
        >>> found.errors[0] > 0.01, found.errors[1] < 1e-12
        (True, True)
    """
    if per_layer and owner(f) is None:
        raise TypeError(f"per_layer: f should be an nn.Module, got {type(f).__name__}")
    rng = torch.Generator().manual_seed(seed)
    with own_randomness(seed), twice_differentiable():
        wanted = directions(f, inputs, action, group, source, target, periodic)
        if len(wanted.all) != 1:
            names = ", ".join(d.name for d in wanted.all)
            raise ValueError(f"action: expected one direction, got {names}")
        (direction,) = wanted.all
        if at is None:
            at = TURN if direction.name == "rotation" else AT
        if not len(at) or not all(map(is_finite, at)):
            raise ValueError(f"at: expected finite distances, got {at!r}")
        ready = prepared(f, dtype, training=training, rng=rng)
        problem = Problem.build(ready, inputs, wanted.source, wanted.target, dtype)
        outputs = finite_outputs(problem)
        sites = Sites({}, wanted.group)
        if per_layer:
            sites = Sites.of(problem, wanted.group, actions or {}, layers)
        _, units = spreads(problem, outputs, rng)
        given = plain(problem, sites)
        code = Code(problem, sites, direction, given, outputs, units)
        kinds = _kinds(sites)
        errors: list[float] = []
        costs: dict[str, list[float]] = {name: [] for name in kinds}
        for t in track(at, "orbit", progress):
            errors.append(relative(_differences(problem, direction, outputs, t), units))
            there = code.crossed(t)
            for name in sites.kinds:
                changed = defective(problem, sites, direction, name, t, given, there)
                pairs = zip(outputs, changed, strict=True)
                costs[name].append(relative([b - a.value for a, b in pairs], units))
            between = code.costs(t, there)
            for name in [name for name, kind in kinds.items() if kind == CODE]:
                costs[name].append(between.get(name, 0.0))
    dear = {
        n for n, c in costs.items() if kinds[n] != CODE or not worst_of(c) <= default_tol(dtype)
    }
    return OrbitError(
        subject=called(f),
        action=direction.name,
        at=tuple(map(float, at)),
        errors=tuple(errors),
        layers={name: tuple(c) for name, c in costs.items() if name in dear},
        kinds={
            n: kind if kind == CODE else sites.kind(n) for n, kind in kinds.items() if n in dear
        },
    )


def _kinds(sites: Sites) -> dict[str, str]:
    """Classes of all that may cost something, in order."""
    found: dict[str, str] = {}
    for name, kind in sites.kinds.items():
        found |= {BEFORE + name: CODE, name: kind}
    return {**found, LAST: CODE} if found else {}


def defective(
    problem: Problem,
    sites: Sites,
    direction: Direction,
    name: str,
    t: float,
    given: Mapping[str, list[Tensor]],
    there: Crossed,
) -> list[Tensor]:
    """Outputs of the network with h + ρ(−t)(m(ρ(t) u) − ρ(t) h) in place of h = m(u) at one site.

    Args:
        problem: the network.
        sites: where it is opened.
        direction: the one-parameter group.
        name: of the site.
        t: the distance.
        given: what each site gives for x.
        there: what the code between made of moved tensors.
    """
    seen = Seen()

    def before(call: str, layer: nn.Module, args: Any, kwargs: Any) -> Any:
        if call != name:
            return None
        curves = [c for _, c in sites.taken(layer, args, kwargs, direction, seen)]
        numbered = iter(enumerate(curves))

        def shifted(u: Tensor) -> Tensor:
            i, curve = next(numbered)
            if curve is None and name in there.arriving:
                return there.arriving[name][i]
            return moved(curve or direction.hidden, t, u)

        return offset((args, kwargs), shifted)

    def after(call: str, layer: nn.Module, output: Any) -> Any:
        if call not in sites.kinds:
            return None
        curves = [c for _, c in sites.given(call, layer, output, direction)]
        if call == name:
            ends = iter(zip(given[call], curves, strict=True))

            def shifted(got: Tensor) -> Tensor:
                h, curve = next(ends)
                wanted = moved(curve, t, h)
                return h + moved(curve, -t, same_shape(wanted, got, name, t) - wanted)

            output = offset(output, shifted)
        for h, curve in zip(floating(output), curves, strict=True):
            seen.note(h, curve)
        return output

    arguments = problem.arguments(problem.values)
    inexact_leaves = [leaf for leaf in problem.leaves if inexact(leaf.value)]
    for x, leaf in zip(floating(arguments), inexact_leaves, strict=True):
        seen.note(x, direction.of_input(leaf))
    return [leaf.value.detach() for leaf in run(problem, sites, arguments, before, after)]


def plain(problem: Problem, sites: Sites) -> dict[str, list[Tensor]]:
    """What each site gives for x: copies of its floating tensors."""
    given: dict[str, list[Tensor]] = {}

    def before(_call: str, _layer: nn.Module, _args: Any, _kwargs: Any) -> None:
        return None

    def after(call: str, _layer: nn.Module, output: Any) -> None:
        given[call] = [kept(h) for h in floating(output)] if call in sites.kinds else []

    run(problem, sites, problem.arguments(problem.values), before, after)
    return given


def _differences(
    problem: Problem, direction: Direction, outputs: Sequence[Leaf], t: float
) -> list[Tensor]:
    there = moved_outputs(problem, direction, t)
    return [
        same_shape(leaf.value, y, direction.name, t)
        - moved(direction.of_output(leaf), t, leaf.value)
        for leaf, y in zip(outputs, there, strict=True)
    ]
