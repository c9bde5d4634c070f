"""`lie_derivative`: how fast does f lose a symmetry, and which layer costs what?"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.modules.conv import _ConvNd

from geomdl.auditing.audit import called, versions
from geomdl.auditing.certificate import OutputRow, worst_of
from geomdl.auditing.curves import moved
from geomdl.auditing.directions import Direction, Target, Wanted, directions
from geomdl.auditing.lie_result import LayerCost, LieDerivative, LieRow
from geomdl.auditing.prepare import Randomize, own_randomness, owner, prepared
from geomdl.auditing.problem import Problem
from geomdl.auditing.progress import track
from geomdl.auditing.sites import Action, Sites
from geomdl.auditing.statistics import default_tol, rms
from geomdl.auditing.tape import END, Tape
from geomdl.auditing.trees import Leaf, inexact
from geomdl.auditing.variation import Variation, measure
from geomdl.fields import Grid, Type
from geomdl.groups import Group

STEP = {torch.float64: 1e-6, torch.float32: 1e-2}  # of the finite difference beside


def lie_derivative(
    f: Callable[..., Any],
    *inputs: Any,
    action: Wanted = None,
    group: Group | str | None = None,
    source: Type = None,
    target: Target = None,
    per_layer: bool = False,
    layers: Sequence[str] | None = None,
    actions: Mapping[str, Action] | None = None,
    periodic: bool = False,
    dtype: torch.dtype = torch.float64,
    seed: int = 0,
    randomize: Randomize = False,
    training: bool | None = False,
    progress: bool | None = None,
) -> LieDerivative:
    """Measure the local equivariance error of any callable along one-parameter groups.

        L_A f(x) = d/dt ρ_out(exp(−tA)) f(ρ_in(exp(tA)) x) at t = 0 = Df(x) A_in x − A_out f(x),

    exact for the actions as they are discretised (`Warp` says how images move), by double-vjp:
    forward mode may be silently zero through custom ops. Reported as

        error = rms(L_A f) / variation(f),      lee = mean |L_A f|²,

    over the batch and the entries of the output: the first in the unit of `geomdl.audit`, a unit
    of t (a pixel, a radian) costing that share of what the output varies by, the second the number
    of the paper. Beside it stands a central finite difference, which would tell of a part of f
    that is cut from the tape.

    **Layer by layer.** f is opened at the calls m of its layers, h = m(u), with an action on
    what each takes and gives: on maps and patch tokens that of the images at their resolution; on
    all else, and beside a curve of your own on everything, none, unless `actions` or the layer
    itself (`source` and `target`, or `irreps_in` and `irreps_out` of e3nn) say otherwise. Then,
    whatever these actions are,

        L_A f = Σ_m ∂f/∂h · L_A m(u) + Σ_m ∂f/∂u · (A u arriving − A u) + the same at the output,

    ∂f/∂h being the derivative through all that follows, residual connections included: the first
    sum is what layers cost, the others are the code between layers (zero for a sum of two
    branches). The cost of m is rms of its term over variation(f): how fast f changes when m alone
    is replaced by ρ(−t) m ρ(t). Terms are computed exactly, one backward pass through the backward
    pass each, and not by random probes; they may cancel, so costs do not add up to the error and
    are not shares of it. Outputs that f gets by differentiating (forces) are left out of the costs.

    Args:
        f: module, method of a module, or any other callable; it must be twice differentiable.
        inputs: its positional arguments.
        action: for images a name or several (`translation_x`, `translation_y`, `rotation`,
            `scale`, `shear`, `hyperbolic`; "translation" for all translations); a curve
            (t, x) -> x_t, differentiable in t, or a dict of such. By default every name.
        group: instead, a Lie group or its name: one direction for each vector of `lie_algebra`.
        source: type of the inputs, beside a group; by default `f.source`.
        target: beside a group type of the output, by default `f.target`; beside an action a curve
            (t, y) -> y_t for the outputs, which by default move as hidden tensors do.
        per_layer: give the costs of layers and of the code between; `f` must be a module.
        layers: names of the layers to open f at; by default the innermost ones.
        actions: name of a layer -> how what it gives moves: None for not at all, a Field of the
            group, or a function (t, h, move) -> h_t, move being the default curve (t, h) -> h_t.
        periodic: images close up; only translations act then.
        dtype: see `geomdl.audit`, and so are seed, randomize, training and progress.
        seed: see dtype.
        randomize: see dtype.
        training: see dtype.
        progress: see dtype.

    Raises:
        TypeError: `f` is not callable, or no module where it must be.
        ValueError: an input has a NaN or the output has; an image has no batch axis; the shape of
            the output depends on t; `actions` names an unknown layer; f is not differentiable
            twice.

    Example:
        >>> x = torch.randn(2, 1, 8, 8, generator=torch.Generator().manual_seed(0))
        >>> blur = torch.nn.AvgPool2d(3, 1, 1)
        >>> found = lie_derivative(blur, x, action="translation_x", periodic=True)
        >>> found.error > 0.1  # it pads with zeros
        True

    Source: Gruver, Finzi, Goldblum and Wilson 2023, arXiv:2210.02984.
    """
    if per_layer and owner(f) is None:
        raise TypeError(f"per_layer: f should be an nn.Module, got {type(f).__name__}")
    rng = torch.Generator().manual_seed(seed)
    with own_randomness(seed), twice_differentiable():
        wanted = directions(f, inputs, action, group, source, target, periodic)
        ready = prepared(f, dtype, training=training, randomize=randomize, rng=rng)
        problem = Problem.build(ready, inputs, wanted.source, wanted.target, dtype)
        outputs = finite_outputs(problem)
        sites = Sites({}, wanted.group)
        if per_layer:
            sites = Sites.of(problem, wanted.group, actions or {}, layers)
        tape = Tape(problem, sites)
        check_same(outputs, tape.outputs)
        variations, units = spreads(problem, outputs, rng)
        rows, costs = [], []
        for direction in track(wanted.all, "lie derivative", progress):
            rows.append(_row(tape, direction, units))
            if per_layer:
                costs.append(_costs(tape, direction, units))
        if all(row.error == 0 for row in rows):
            refuse_steps(tape, rng)
    return LieDerivative(
        subject=called(f),
        dtype=str(dtype).removeprefix("torch."),
        rows=tuple(rows),
        layers=_layers(sites, [row.name for row in rows], costs, default_tol(dtype)),
        outputs=tuple(
            OutputRow(leaf.path, v.size, v.spread)
            for leaf, v in zip(outputs, variations, strict=True)
        ),
        seed=seed,
        randomized=bool(randomize),
        versions=versions(),
    )


@contextmanager
def twice_differentiable() -> Iterator[None]:
    """Gradients on, and attention by operations that have a second derivative."""
    no_cudnn = torch.backends.cudnn.flags(enabled=False)
    taping = torch.inference_mode(False), torch.enable_grad()
    with taping[0], taping[1], sdpa_kernel(SDPBackend.MATH), no_cudnn:
        yield


def finite_outputs(problem: Problem) -> list[Leaf]:
    """Floating leaves of f(x).

    Raises:
        ValueError: there are none, or one is not finite; an image has no batch axis.
    """
    with batched(problem):
        outputs = problem.run_inexact(problem.values)
    if not outputs:
        raise ValueError("f: expected a floating output, got none")
    for leaf in outputs:
        if not bool(leaf.value.isfinite().all()):
            raise ValueError(f"f: expected finite numbers, {leaf.path} has NaN or infinite entries")
    return outputs


@contextmanager
def batched(problem: Problem) -> Iterator[None]:
    """Refuse images without a batch axis while inside: by their axes they are signals."""
    module = owner(problem.f)
    fields = [leaf.field for leaf in problem.leaves if leaf.field is not None]
    sizes = {f.domain.d for f in fields if isinstance(f.domain, Grid)}

    def check(layer: nn.Module, args: tuple[Any, ...]) -> None:
        d = len(layer.kernel_size)  # type: ignore[arg-type]
        if args and args[0].ndim == d + 1 and d - 1 in sizes:
            raise ValueError(
                f"x: expected a batch axis, (batch, channels, *spatial) of {d} spatial axes, got "
                f"shape {tuple(args[0].shape)} at a {type(layer).__name__}"
            )

    convolutions = (
        [m for m in module.modules() if isinstance(m, _ConvNd)] if module is not None else []
    )
    handles = [m.register_forward_pre_hook(check) for m in convolutions]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def check_same(expected: Sequence[Leaf], got: Sequence[Leaf]) -> None:
    """Refuse a callable that does not give the same output again under observation."""
    for a, b in zip(expected, got, strict=True):
        size = float(a.value.abs().max()) if a.value.numel() else 0.0
        if a.value.shape != b.value.shape or not torch.allclose(
            a.value, b.value.detach(), rtol=0.0, atol=1e-5 * size
        ):
            raise ValueError(
                f"f: expected the same {a.path} again, got another (it draws random numbers, or "
                "needs its layers to work in place)"
            )


def moved_outputs(problem: Problem, direction: Direction, t: float) -> list[Tensor]:
    """f(ρ(t) x), one tensor an output."""
    values = [
        moved(direction.of_input(leaf), t, leaf.value) if inexact(leaf.value) else leaf.value
        for leaf in problem.leaves
    ]
    return [leaf.value for leaf in problem.run_inexact(values)]


def same_shape(expected: Tensor, got: Tensor, name: str, t: float) -> Tensor:
    """What came at another t, if it has the shape of what came at x.

    Raises:
        ValueError: it has another.
    """
    if got.shape != expected.shape:
        raise ValueError(
            f"f: expected a shape that does not depend on the element, got {tuple(got.shape)} for "
            f"{tuple(expected.shape)} at t={t:.4g} of {name}"
        )
    return got


def spreads(
    problem: Problem, outputs: Sequence[Leaf], rng: torch.Generator
) -> tuple[list[Variation], list[float]]:
    """Variation of each output over inputs near x, and its spread, the unit of its errors.

    Raises:
        ValueError: one does not vary.
    """
    every = {i for i, leaf in enumerate(problem.leaves) if inexact(leaf.value)}
    found = measure(problem.run_inexact, problem.leaves, every, problem.dtype, rng)
    for leaf, variation in zip(outputs, found, strict=True):
        if variation.constant:
            raise ValueError(f"f: expected an output that varies with the inputs, {leaf.path} does "
                             "not beyond rounding")  # fmt: skip
    return found, [v.spread for v in found]


def refuse_steps(tape: Tape, rng: torch.Generator) -> None:
    """Refuse an output that varies in steps alone: no error, by a derivative of 0, says nothing.

    Raises:
        ValueError: neither a derivative nor a small change moves one.
    """
    problem = tape.problem
    along = {i: torch.randn(leaf.value.shape, generator=rng, dtype=torch.float64).to(leaf.value)
             for i, leaf in enumerate(problem.leaves) if inexact(leaf.value)}  # fmt: skip
    pushed = tape.push((("", "", i), v) for i, v in along.items())
    if all(bool(y.any()) for y in pushed):
        return
    h = STEP.get(problem.dtype, 1e-2)
    sides = [
        problem.run_inexact([leaf.value + t * along[i] if i in along else leaf.value
                             for i, leaf in enumerate(problem.leaves)])
        for t in (h, -h)
    ]  # fmt: skip
    for y, a, b in zip(pushed, *sides, strict=True):
        if not bool(y.any()) and torch.equal(a.value, b.value):
            raise ValueError(
                f"f: expected an output that changes smoothly, {a.path} varies and has no"
                " derivative (a rounding, a threshold, an argmax?)"
            )


def relative(tensors: Sequence[Tensor], units: Sequence[float]) -> float:
    """Largest rms in units of the variation."""
    return worst_of([rms(x) / unit for x, unit in zip(tensors, units, strict=True)])


def _row(tape: Tape, direction: Direction, units: Sequence[float]) -> LieRow:
    whole = tape.whole(direction)
    h = STEP.get(tape.problem.dtype, 1e-2)
    sides = []
    for t in (h, -h):
        there = moved_outputs(tape.problem, direction, t)
        sides.append(
            [
                moved(direction.of_output(leaf), -t, same_shape(leaf.value, y, direction.name, t))
                for leaf, y in zip(tape.outputs, there, strict=True)
            ]
        )
    off = [w - (a - b) / (2 * h) for w, a, b in zip(whole, *sides, strict=True)]
    entries = torch.cat([w.flatten().abs() for w in whole])
    return LieRow(
        name=direction.name,
        error=relative(whole, units),
        lee=rms(entries) ** 2,
        difference=relative(off, units),
    )


Costs = tuple[dict[str, float], dict[str, float]]  # of layers, and of the code before each


def _costs(tape: Tape, direction: Direction, units: Sequence[float]) -> Costs:
    layers, between, left = tape.terms(direction)
    units = [units[i] for i in left]
    return (
        {name: relative(term, units) for name, term in layers.items()},
        {name: relative(term, units) for name, term in between.items()},
    )


def _layers(
    sites: Sites, names: Sequence[str], costs: Sequence[Costs], rounding: float
) -> tuple[LayerCost, ...]:
    found = []
    for name in [*sites.kinds, END] if costs else []:
        code = LayerCost(
            name, "code before" if name in sites.kinds else "code",
            {action: c[1][name] for action, c in zip(names, costs, strict=True)},
        )  # fmt: skip
        if not code.worst <= rounding:
            found.append(code)
        if name in sites.kinds:
            per_action = {action: c[0][name] for action, c in zip(names, costs, strict=True)}
            found.append(LayerCost(name, sites.kind(name), per_action))
    return tuple(found)
