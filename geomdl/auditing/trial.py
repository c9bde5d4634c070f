"""One element at a time: f(g x) against g f(x), output by output."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from geomdl.auditing.problem import Problem
from geomdl.auditing.roundtrip import roundtrip
from geomdl.auditing.statistics import rms
from geomdl.auditing.trees import Leaf, inexact, same
from geomdl.auditing.variation import Variation, measure, varied
from geomdl.fields import Field, Grid


@dataclass(frozen=True)
class Attempt:
    """What one element did: rms differences of the outputs over norms, and the round trip."""

    differences: tuple[float, ...]
    roundtrip: float


@dataclass(frozen=True)
class Base:
    """Inputs, cut to the disc or not, with the outputs that belong to them."""

    values: list[Any]
    outputs: list[Leaf]


class Trial:
    """A problem with its outputs, and what is learnt on the way: `reason`, `notes`, `moved`."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.reason: str | None = None
        self.notes: list[str] = []
        self.moved: set[int] = set()
        for leaf in self.outputs:
            if inexact(leaf.value) and not bool(leaf.value.isfinite().all()):
                self.reason = f"{leaf.path} of f is not finite: it has NaN or infinite entries"

    @cached_property
    def whole(self) -> Base:
        """The inputs as they are."""
        values = self.problem.values
        return Base(values, self.problem.run(values))

    @cached_property
    def disc(self) -> Base:
        """The inputs cut to the inscribed disc."""
        values = self.problem.masked(self.problem.values)
        return Base(values, self.problem.run(values))

    @property
    def outputs(self) -> list[Leaf]:
        """Leaves of f(x)."""
        return self.whole.outputs

    def attempt(self, label: str, g: Any) -> Attempt:
        """Try one element of the group of the fields."""
        problem = self.problem
        exact = problem.exact(g, problem.values)
        base = self.whole if exact else self.disc
        moved = problem.act(g, base.values)
        self.moved |= problem.moved_by(g)
        there = problem.run(moved)
        self._compare_structure(label, base.outputs, there)
        norm = max((norm_of(leaf.field, g) for leaf in problem.leaves), default=1.0)
        differences = []
        trips = [
            roundtrip(leaf.field, g, value)
            for i, (leaf, value) in enumerate(zip(problem.leaves, base.values, strict=True))
            if leaf.field is not None and i not in problem.analytic and not exact
        ]
        for leaf, after in zip(base.outputs, there, strict=False):
            field = leaf.field
            expected = leaf.value if field is None else field.act(g, leaf.value)
            difference = leaf_difference(leaf, expected, after.value, g, exact)
            if isinstance(difference, str):
                self._fail(f"{difference} at {label}")
                difference = math.nan
            differences.append(difference / max(norm, norm_of(field, g)))
            if field is not None and isinstance(field.domain, Grid):
                trips.append(roundtrip(field, g, leaf.value))
        return Attempt(tuple(differences), max(trips, default=0.0))

    def variations(
        self,
        rng: torch.Generator,
        draw: Callable[[torch.Generator], Sequence[Any]] | None = None,
    ) -> list[Variation | None]:
        """Variation of each output; None for those of integers. Call it after all attempts."""
        draws: Iterator[list[Any]] | None = None
        if draw is not None:
            draws = (self.problem.values_of(draw(rng)) for _ in iter(int, 1))
        again = self.problem.run_inexact(self.problem.values)
        problem = self.problem
        found = iter(
            measure(problem.run_inexact, problem.leaves, self.moved, problem.dtype, rng, draws)
        )
        variations = [next(found) if inexact(leaf.value) else None for leaf in self.outputs]
        floats = [leaf for leaf in self.outputs if inexact(leaf.value)]
        for leaf, repeated in zip(floats, again, strict=True):
            finite = bool(torch.isfinite(leaf.value).all())
            if finite and not same(leaf.value, repeated.value):
                self.notes.append(f"f is not deterministic: {leaf.path} differs between two calls")
        for leaf, variation in zip(self.outputs, variations, strict=True):
            if self.moved and variation and not variation.constant and not variation.moved:
                self.notes.append(f"{leaf.path} does not depend on the inputs that the group moves")
        self.reason = self.reason or self._constant(variations)
        return variations

    def errors(self, attempt: Attempt, variations: Sequence[Variation | None]) -> dict[str, float]:
        """Relative error of each output by its name; NaN where it does not vary."""
        errors: dict[str, float] = {}
        for leaf, difference, variation in zip(
            self.outputs, attempt.differences, variations, strict=False
        ):
            unit = 1.0 if variation is None else variation.spread
            errors[leaf.path] = difference / unit if unit else math.nan
        return errors

    def _constant(self, variations: Sequence[Variation | None]) -> str | None:
        for leaf, variation in zip(self.outputs, variations, strict=True):
            if variation is not None and variation.constant:
                return (
                    f"{leaf.path} does not vary with the inputs beyond rounding (rms "
                    f"{variation.size:.3g}): a constant proves nothing"
                )
            if variation is None and isinstance(leaf.value, Tensor):
                values = leaf.value
                if values.numel() == 0 or bool((values == values.flatten()[0]).all()):
                    return f"{leaf.path} has the same value everywhere: a constant proves nothing"
        return None if variations else "f has no output to compare"

    def _compare_structure(self, label: str, before: list[Leaf], after: list[Leaf]) -> None:
        if [leaf.path for leaf in before] != [leaf.path for leaf in after]:
            self._fail(f"the outputs of f(g x) are others than those of f(x) at {label}")

    def _fail(self, reason: str) -> None:
        self.reason = self.reason or reason


def leaf_difference(leaf: Leaf, expected: Any, got: Any, g: Any, exact: bool) -> float | str:
    """Difference f(g x) − g f(x) at one output: rms; for integers the share that differs.

    Args:
        leaf: the output for x.
        expected: g f(x).
        got: f(g x).
        g: the element.
        exact: whether it moved the inputs exactly; if not, or if it does not move the output
            exactly, only what is inside of the disc counts.

    Returns:
        the difference, or what makes it impossible, in words.
    """
    if not isinstance(expected, Tensor):
        return float(expected != got)
    if not isinstance(got, Tensor) or expected.shape != got.shape:
        shape = tuple(got.shape) if isinstance(got, Tensor) else type(got).__name__
        return f"{leaf.path}: f(g x) has shape {shape}, g f(x) has {tuple(expected.shape)}"
    if not inexact(expected):
        return float((expected != got).double().mean()) if expected.numel() else 0.0
    field = leaf.field
    on_grid = field is not None and isinstance(field.domain, Grid)
    if field is not None and on_grid and not (exact and field.exact(g, leaf.value)):
        mask = field.mask(got)
        expected, got = expected[..., mask], got[..., mask]
    if not bool(got.isfinite().all()):
        return f"{leaf.path} of f is not finite"
    wide = torch.complex128 if expected.is_complex() else torch.float64
    return rms(got.to(wide) - expected.to(wide))


def generic(problem: Problem, gs: Sequence[Any], rng: torch.Generator) -> tuple[Problem, list[str]]:
    """The problem, its inputs moved off a point that an element fixes though it acts on others.

    A network that sees f(g x) = f(x) because g x = x is not tested at g: a constant image, a zero
    vector or a symmetric molecule would let it pass.

    Args:
        problem: as given.
        gs: elements of the group of its fields.
        rng: generator of the perturbation, a tenth of the spread of the inputs.

    Returns:
        the problem, and a note if it was changed.
    """

    def fixed(g: Any, values: list[Any]) -> bool:
        return all(map(same, values, problem.act(g, values)))

    values = problem.values
    stuck = [g for g in gs if fixed(g, values)]
    which = {i for i, leaf in enumerate(problem.leaves) if leaf.field is not None}
    perturbed = varied(problem.leaves, which - set(problem.analytic), 0.1, rng)
    if not stuck or all(fixed(g, perturbed) for g in stuck):
        return problem, []
    pairs = zip(problem.leaves, perturbed, strict=True)
    leaves = tuple(replace(leaf, value=value) for leaf, value in pairs)
    note = f"{len(stuck)} of the elements fix the inputs, which were perturbed by a tenth"
    return replace(problem, leaves=leaves), [note]


def norm_of(field: Field | None, g: Any) -> float:
    """Operator norm of ρ(g), at least 1; 1 for compact groups."""
    if field is None or field.group.compact or field.rep.is_orthogonal:
        return 1.0
    norms = [float(torch.linalg.matrix_norm(block(g), 2)) for block, _ in field.rep.blocks]
    return max(1.0, *norms)
