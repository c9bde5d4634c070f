"""Code between layers, at finite distances: what it makes of moved tensors, and what that costs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor, nn

from geomdl.auditing.curves import moved
from geomdl.auditing.directions import Direction
from geomdl.auditing.lie import relative, same_shape
from geomdl.auditing.problem import Problem, kept
from geomdl.auditing.sites import Seen, Sites, floating, offset
from geomdl.auditing.tape import run
from geomdl.auditing.trees import Leaf, inexact, same

BEFORE, LAST = "code before ", "code at the end"


@dataclass
class Crossed:
    """What the code made of the tensors between which it stands.

    Attributes:
        arriving: name of a site -> what it was to take.
        made: name of a site -> numbers of what was not given to it as it is, but made of it.
        outputs: of the network.
    """

    arriving: dict[str, list[Tensor]] = field(default_factory=dict)
    made: dict[str, list[int]] = field(default_factory=dict)
    outputs: list[Leaf] = field(default_factory=list)


def crossed(
    problem: Problem,
    sites: Sites,
    direction: Direction,
    t: float,
    given: Mapping[str, list[Tensor]],
) -> Crossed | None:
    """Run f with ρ(t) x and, in place of what each site gives, ρ(t) of what it gives for x.

    So the code between two sites is called with moved tensors, whatever the layers do.

    Args:
        problem: the network.
        sites: where it is opened.
        direction: the one-parameter group.
        t: the distance.
        given: what each site gives for x.

    Returns:
        None for a network that differentiates inside, across the sites.
    """
    found, seen = Crossed(), Seen()

    def before(call: str, layer: nn.Module, args: Any, kwargs: Any) -> None:
        if call in sites.kinds:
            ends = sites.taken(layer, args, kwargs, direction, seen)
            found.arriving[call] = [kept(u) for u, _ in ends]
            found.made[call] = [
                i for i, (u, c) in enumerate(ends) if c is not None and seen.curve(u) is not c
            ]
            if any(curve is None for _, curve in ends):
                sites.joined.add(call)

    def after(call: str, layer: nn.Module, output: Any) -> Any:
        if call not in sites.kinds:
            return None
        curves = [c for _, c in sites.given(call, layer, output, direction)]
        pairs = iter(zip(given[call], curves, strict=True))

        def shifted(_: Tensor) -> Tensor:
            h, curve = next(pairs)
            return moved(curve, t, h).clone()

        output = offset(output, shifted)
        for h, curve in zip(floating(output), curves, strict=True):
            seen.note(h, curve)
        return output

    values = [
        moved(direction.of_input(leaf), t, leaf.value) if inexact(leaf.value) else leaf.value
        for leaf in problem.leaves
    ]
    arguments = problem.arguments(values)
    inputs = [leaf for leaf in problem.leaves if inexact(leaf.value)]
    for x, leaf in zip(floating(arguments), inputs, strict=True):
        seen.note(x, direction.of_input(leaf))
    try:
        found.outputs = run(problem, sites, arguments, before, after)
    except RuntimeError:
        return None
    return found


class Code:
    """Costs of the code before each site, and of that after all of them.

    Outputs that f gets by differentiating are left out: they are not what the code alone makes.

    Args:
        problem: the network.
        sites: where it is opened.
        direction: the one-parameter group.
        given: what each site gives for x.
        outputs: of the network for x.
        units: of their errors.
    """

    def __init__(
        self,
        problem: Problem,
        sites: Sites,
        direction: Direction,
        given: Mapping[str, list[Tensor]],
        outputs: Sequence[Leaf],
        units: Sequence[float],
    ) -> None:
        self.problem, self.sites, self.direction = problem, sites, direction
        self.given, self.outputs, self.units = given, outputs, units
        here = crossed(problem, sites, direction, 0.0, given) if sites.kinds else None
        whole = [] if here is None else here.outputs
        pairs = zip(outputs, whole, strict=False)
        self.left = [i for i, (a, b) in enumerate(pairs) if same(a.value, b.value)]

    def crossed(self, t: float) -> Crossed:
        """What the code makes of tensors moved by ρ(t); nothing where that cannot be told."""
        there = None
        if self.left:
            there = crossed(self.problem, self.sites, self.direction, t, self.given)
        return Crossed() if there is None else there

    def costs(self, t: float, there: Crossed) -> dict[str, float]:
        """Cost of each piece of code at one distance, by its name.

        u' being what the code before a site makes of moved tensors, its cost is how much f changes
        with u + ρ(−t)(u' − ρ(t) u) in place of u.
        """
        if not there.outputs:
            return {}
        plain = [y.value for y in self.outputs]
        found = {
            BEFORE + name: self._cost(plain, self._changed(name, t, there))
            for name, made in there.made.items()
            if made
        }
        ends = [moved(self.direction.of_output(leaf), t, leaf.value) for leaf in self.outputs]
        return {**found, LAST: self._cost(ends, [y.value for y in there.outputs])}

    def _cost(self, before: Sequence[Tensor], after: Sequence[Tensor]) -> float:
        """Largest difference of two lists of outputs."""
        differences = [after[i].detach() - before[i] for i in self.left]
        return relative(differences, [self.units[i] for i in self.left])

    def _changed(self, name: str, t: float, there: Crossed) -> list[Tensor]:
        """Outputs with the defect of the code before one site in place."""
        seen = Seen()

        def before(call: str, layer: nn.Module, args: Any, kwargs: Any) -> Any:
            if call != name:
                return None
            ends = sites.taken(layer, args, kwargs, direction, seen)
            numbered = iter(enumerate(curve for _, curve in ends))

            def shifted(u: Tensor) -> Tensor:
                i, curve = next(numbered)
                if curve is None or i not in there.made[name]:
                    return u
                wanted, got = moved(curve, t, u), there.arriving[name][i]
                return u + moved(curve, -t, same_shape(wanted, got, name, t) - wanted)

            return offset((args, kwargs), shifted)

        def after(call: str, layer: nn.Module, output: Any) -> None:
            if call in sites.kinds:
                for h, curve in sites.given(call, layer, output, direction):
                    seen.note(h, curve)

        sites, direction = self.sites, self.direction
        arguments = self.problem.arguments(self.problem.values)
        inputs = [leaf for leaf in self.problem.leaves if inexact(leaf.value)]
        for x, leaf in zip(floating(arguments), inputs, strict=True):
            seen.note(x, direction.of_input(leaf))
        return [y.value for y in run(self.problem, sites, arguments, before, after)]
