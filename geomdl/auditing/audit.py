"""`audit`: does f(g x) equal g f(x)?"""

import math
import time
from collections.abc import Callable, Sequence
from functools import partial
from types import MethodType
from typing import Any

import torch

from geomdl.auditing.certificate import WHOLE, Audit, ElementRow, LayerRow, OutputRow, worst_of
from geomdl.auditing.elements import Probe, choose, prove_nothing, turn_of
from geomdl.auditing.layers import audit_layers
from geomdl.auditing.prepare import Randomize, own_randomness, owner, prepared
from geomdl.auditing.problem import Problem
from geomdl.auditing.progress import track
from geomdl.auditing.trial import Attempt, Trial, generic
from geomdl.auditing.types import resolve
from geomdl.fields import Type
from geomdl.groups import Group
from geomdl.groups import elements as el

SAMPLES = 32
LAYER_ELEMENTS = 8


def audit(
    f: Callable[..., Any],
    *inputs: Any,
    group: Group | str | None = None,
    source: Type = None,
    target: Type = None,
    elements: Any = None,
    per_layer: bool = False,
    dtype: torch.dtype = torch.float64,
    samples: int = SAMPLES,
    seed: int = 0,
    randomize: Randomize = False,
    training: bool | None = False,
    draw: Callable[[torch.Generator], Sequence[Any]] | None = None,
    progress: bool | None = None,
) -> Audit:
    """Measure the equivariance error of any callable.

    For every element g tried and every output y = f(x),

        error(g) = rms(f(g x) − g f(x)) / (variation(y) · max(1, ‖ρ(g)‖)),

    the largest over the outputs. The variation says how much the output changes over inputs near x
    (`geomdl.auditing.variation`), so that neither an offset nor a large constant part hides a
    break. ‖ρ(g)‖, the largest operator norm of the representations, is 1 for compact groups in
    orthogonal representations; boosts are divided by it. Integer outputs count the share of entries
    that differ.

    Which elements: all of a finite group of up to 64; else generators, exponentials of the Lie
    algebra, representatives and `samples` random elements of every connected component
    (`geomdl.auditing.elements`). On grids, where an element moves pixels off the grid, inputs are
    cut to the inscribed disc and outputs compared there, and `Audit.roundtrip` says what resampling
    alone does; an `analytic_inputs` input is moved exactly instead (outputs on
    a grid are still compared with the resampled g f(x), so the error of a right network falls with
    the resolution, to rounding only for outputs off the grid).

    `f` is copied: the module, its mode, the inputs and all global random states stay as they are.

    Args:
        f: module, method of a module, or any other callable (which then must work in `dtype`).
        inputs: its positional arguments, in the order of `source`: tensors, or `Analytic` inputs.
        group: group or name; by default that of source and target. A subgroup of it will do. Layers
            on graphs of any size declare the trivial group: name the permutations of as many nodes
            as are given, "S12".
        source: type of the inputs; by default `f.source`.
        target: type of the output; by default `f.target`.
        elements: instead of the choice above, one element of the group, a batch, or a list.
        per_layer: name the first layer that breaks; `f` must be a module.
        dtype: dtype of the audit; float64, where exact means 1e-12, unless speed matters.
        samples: number of random elements.
        seed: seed of all random choices, and of the global generators while `f` runs.
        randomize: redraw weights and running statistics first (a zero-initialised layer hides
            everything behind it); or a function (module, rng) that redraws in place.
        training: False for evaluation mode, True for training mode, None for the mode as it is.
        draw: function of a generator giving further inputs, where perturbed ones make no sense; the
            variation is then taken over eight draws.
        progress: True or False to force the progress bar on or off.

    Returns:
        the certificate.

    Raises:
        TypeError: `f` is not callable, or no module where it must be.
        ValueError: types, inputs and group do not fit each other; an input has a NaN; the elements
            given are the identity alone.

    Example:
        >>> import geomdl
        >>> D4 = geomdl.group("D4")
        >>> v = geomdl.Field(geomdl.Vector(), D4.standard)
        >>> x = torch.tensor([[1.0, 2.0], [-3.0, 0.5]])
        >>> audit(lambda x: x * x.norm(dim=-1, keepdim=True), x, source=v, target=v).passed()
        True
        >>> audit(torch.relu, x, source=v, target=v).passed()
        False
    """
    start = time.monotonic()
    source, target, wanted, embed = resolve(f, group, source, target)
    if per_layer and owner(f) is None:
        raise TypeError(f"per_layer: f should be an nn.Module, got {type(f).__name__}")
    rng = torch.Generator().manual_seed(seed)
    probes, exhaustive = choose(wanted, samples, rng, elements)
    if prove_nothing(wanted, probes):
        raise ValueError("elements: only the identity was given, which proves nothing")
    ready = prepared(f, dtype, training=training, randomize=randomize, rng=rng)
    gs = [embed(probe.element) for probe in probes]
    with own_randomness(seed), torch.enable_grad():
        problem = Problem.build(ready, inputs, source, target, dtype)
        problem, notes = generic(problem, gs, rng)
        notes = [*problem.says_nothing(wanted), *notes]
        trial = Trial(problem)
        attempts = [
            trial.attempt(probe.label, g)
            for probe, g in track(list(zip(probes, gs, strict=True)), "audit", progress)
        ]
        variations = trial.variations(rng, draw)
        rows = tuple(
            _row(wanted, probe, attempt, trial.errors(attempt, variations))
            for probe, attempt in zip(probes, attempts, strict=True)
        )
        layers: tuple[LayerRow, ...] = ()
        if per_layer:
            chosen = _representatives(wanted, probes, rows)
            inner = audit_layers(problem, [(probes[i].label, gs[i]) for i in chosen], rng, progress)
            layers = (*inner, _whole(called(f), rows))
    return Audit(
        subject=called(f),
        group=wanted.name,
        dtype=str(dtype).removeprefix("torch."),
        error=worst_of([row.error for row in rows]),
        per_element=rows,
        per_layer=layers,
        roundtrip=worst_of([row.roundtrip for row in rows]),
        outputs=tuple(
            OutputRow(leaf.path, v.size, v.spread)
            for leaf, v in zip(trial.outputs, variations, strict=True)
            if v is not None
        ),
        exhaustive=exhaustive,
        compact=wanted.compact,
        reason=trial.reason,
        notes=(*notes, *trial.notes),
        seed=seed,
        randomized=bool(randomize),
        seconds=round(time.monotonic() - start, 3),
        versions=versions(),
    )


def _row(group: Group, probe: Probe, attempt: Attempt, errors: dict[str, float]) -> ElementRow:
    turn = turn_of(group, probe.element)
    return ElementRow(
        label=probe.label,
        kind=probe.kind,
        element=el.leaf_map(torch.Tensor.tolist, probe.element),
        error=worst_of(list(errors.values())) if errors else math.nan,
        errors=errors,
        roundtrip=attempt.roundtrip,
        angle=turn.angle if turn else None,
        det=turn.det if turn else None,
        dimension=turn.dimension if turn else None,
    )


def _whole(name: str, rows: Sequence[ElementRow]) -> LayerRow:
    """The callable itself as the last of its layers."""
    error = worst_of([row.error for row in rows])
    worst = max(rows, key=lambda r: math.inf if math.isnan(r.error) else r.error)
    return LayerRow(WHOLE, name, "declared", error, element=worst.label)


def _representatives(group: Group, probes: list[Probe], rows: Sequence[ElementRow]) -> list[int]:
    """Numbers of up to eight probes for the layers: the worst one, then generators, then others."""
    labels = {group.describe(g) for g in el.iterate(group, group.generators)}
    generate = [p.label in labels or p.kind == "generator" for p in probes]
    order = sorted(range(len(probes)), key=lambda i: not generate[i])
    worst = max(order, key=lambda i: math.inf if math.isnan(rows[i].error) else rows[i].error)
    chosen = [worst, *(i for i in order if i != worst)]
    return chosen[: min(sum(generate) + 1, LAYER_ELEMENTS)]


def called(f: Any) -> str:
    """Name of a callable."""
    if isinstance(f, MethodType):
        return f"{type(f.__self__).__name__}.{f.__name__}"
    if isinstance(f, partial):
        return called(f.func)
    return str(getattr(f, "__name__", type(f).__name__))


def versions() -> dict[str, str]:
    """Versions that a certificate states."""
    from geomdl import __version__

    return {"geomdl": __version__, "torch": str(torch.__version__)}
