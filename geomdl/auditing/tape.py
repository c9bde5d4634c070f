"""Derivatives of a network opened at its sites: from each to the output, and from one to the next.

Both are taken by double-vjp. The derivative J w of y along w is that of ⟨s, y⟩ along w, once more
differentiated in s; so one backward pass with a variable seed s serves all w.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import torch
from torch import Tensor, nn

from geomdl.auditing.curves import Curve, tangent
from geomdl.auditing.directions import Direction
from geomdl.auditing.prepare import owner
from geomdl.auditing.problem import Problem, kept
from geomdl.auditing.recording import After, Before, hooked
from geomdl.auditing.sites import Seen, Sites, offset
from geomdl.auditing.trees import Leaf, inexact, leaves, same

Terms = dict[str, list[Tensor]]  # name -> one tensor an output
END = "(end)"


class Jacobian:
    """Derivative of some tensors by others, to be applied many times."""

    def __init__(self, ys: Sequence[Tensor], points: Sequence[Tensor]) -> None:
        self._ys, self._points = ys, points
        self._live = [y for y in ys if y.requires_grad]
        self._seeds = [torch.zeros_like(y, requires_grad=True) for y in self._live]
        self._slopes: Sequence[Tensor | None] = [None] * len(points)
        if self._live:
            with said_in_one_line():
                self._slopes = torch.autograd.grad(
                    self._live, points, self._seeds, create_graph=True, allow_unused=True
                )

    def __call__(self, along: Sequence[tuple[int, Tensor]]) -> list[Tensor]:
        """Derivative of all ys along changes of some points, given by their numbers.

        Raises:
            ValueError: there is one, but no second backward pass that would give it.
        """
        slopes = [(self._slopes[i], w) for i, w in along]
        parts = [inner(s, w) for s, w in slopes if s is not None and s.requires_grad]
        found: Sequence[Tensor | None] = [None] * len(self._seeds)
        with said_in_one_line():
            if parts:
                found = torch.autograd.grad(
                    torch.stack(parts).sum(), self._seeds, retain_graph=True, allow_unused=True
                )
            if all(y is None for y in found):
                self._check_flat([self._points[i] for i, _ in along])
        results = iter(found)
        pushed = [next(results) if y.requires_grad else None for y in self._ys]
        return [
            torch.zeros_like(y) if p is None else p.detach()
            for y, p in zip(self._ys, pushed, strict=True)
        ]

    def _check_flat(self, points: Sequence[Tensor]) -> None:
        """Tell a step, which is flat, from a kernel without a second derivative."""
        if not (points and self._live):
            return
        probes = [torch.rand_like(y) for y in self._live]
        tried = torch.autograd.grad(
            self._live, points, probes, retain_graph=True, allow_unused=True
        )
        if any(t is not None and bool((t != 0).any()) for t in tried):
            raise RuntimeError("a backward pass that cannot be differentiated")


class Tape:
    """One run with an offset of zero on all that sites take and give: ∂f by each of them."""

    def __init__(self, problem: Problem, sites: Sites) -> None:
        self.problem, self.sites = problem, sites
        self._offsets: dict[tuple[str, str, int], Tensor] = {}
        for i, value in enumerate(problem.values):
            if inexact(value):
                self._offsets["", "", i] = kept(value).requires_grad_()
        values = [self._offsets.get(("", "", i), v) for i, v in enumerate(problem.values)]

        def before(name: str, _layer: nn.Module, args: Any, kwargs: Any) -> Any:
            return offset((args, kwargs), self._adder(name, "in")) if name in sites.kinds else None

        def after(name: str, _layer: nn.Module, output: Any) -> Any:
            return offset(output, self._adder(name, "out")) if name in sites.kinds else None

        self.outputs = run(problem, sites, problem.arguments(values), before, after)
        self._numbers = {key: i for i, key in enumerate(self._offsets)}
        ys = [leaf.value for leaf in self.outputs]
        self._jacobian = Jacobian(ys, [*self._offsets.values()])

    def _adder(self, name: str, side: str) -> Any:
        numbers = count()

        def add(x: Tensor) -> Tensor:
            zero = torch.zeros_like(x, requires_grad=True)
            self._offsets[name, side, next(numbers)] = zero
            return x + zero

        return add

    def push(self, along: Iterable[tuple[tuple[str, str, int], Tensor]]) -> list[Tensor]:
        """Derivative of the outputs along changes of what sites take ("in") and give ("out")."""
        return self._jacobian([(self._numbers[key], w) for key, w in along])

    def whole(self, direction: Direction) -> list[Tensor]:
        """L_A f, one tensor an output."""
        pushed = self.push(
            (("", "", i), tangent(direction.of_input(leaf), leaf.value))
            for i, leaf in enumerate(self.problem.leaves)
            if inexact(leaf.value)
        )
        return [
            y - tangent(direction.of_output(leaf), leaf.value.detach())
            for y, leaf in zip(pushed, self.outputs, strict=True)
        ]

    def terms(self, direction: Direction) -> tuple[Terms, Terms, list[int]]:
        """Terms of L_A f: of the layers, and of the code before each and at the end.

        Their sum is `whole`, up to rounding, at the outputs whose numbers stand beside: those that
        do not change where the network is cut. Others f makes by differentiating, so that a layer
        acts in them once more, backward; what it costs there is not this.

        Raises:
            ValueError: no output is left.
        """
        crossings, end = crossed(self.problem, self.sites, direction)
        left = [i for i, y in enumerate(end) if same(self.outputs[i].value, y.value)]
        if not left:
            raise ValueError("per_layer: expected an output that is no derivative taken inside f")
        costs, between = {}, {}
        for name, c in crossings.items():
            costs[name] = self.push(
                [((name, "in", i), w) for i, w in enumerate(c.taken)]
                + [((name, "out", i), -w) for i, w in enumerate(c.given)]
            )
            between[name] = self.push(
                ((name, "in", i), r - w)
                for i, (r, w) in enumerate(zip(c.arriving, c.taken, strict=True))
                if r is not w
            )
        between[END] = [
            leaf.tangent - tangent(direction.of_output(leaf), leaf.value) for leaf in end
        ]
        return _only(costs, left), _only(between, left), left


def _only(terms: Terms, outputs: Sequence[int]) -> Terms:
    return {name: [term[i] for i in outputs] for name, term in terms.items()}


@dataclass
class Crossing:
    """Tangents at one site, one for each floating tensor.

    Attributes:
        taken: A u for what the call takes.
        given: A h for what it gives.
        arriving: what the code before makes of A h of the calls before.
    """

    taken: list[Tensor] = field(default_factory=list)
    given: list[Tensor] = field(default_factory=list)
    arriving: list[Tensor] = field(default_factory=list)


@dataclass(frozen=True)
class Arrived(Leaf):
    """An output, with the tangent that arrives at it."""

    tangent: Tensor


class Front:
    """Tensors in which the network is cut, with their tangents."""

    def __init__(self) -> None:
        self.seen = Seen()
        self._leaves: list[tuple[Tensor, Tensor]] = []
        self._moved: dict[int, Tensor] = {}

    def cut(self, x: Tensor, curve: Curve) -> Tensor:
        """Cut at a tensor; what is returned is to be given on in its place."""
        leaf = kept(x).requires_grad_()
        shown = leaf.clone()  # code after it may work in place
        self.seen.note(shown, curve)
        self._moved[id(shown)] = tangent(curve, x.detach())
        self._leaves.append((leaf, self._moved[id(shown)]))
        return shown

    def arriving(self, u: Tensor) -> Tensor:
        """Tangent of u that the code since the last cuts makes of theirs."""
        if self.seen.curve(u) is not None:
            return self._moved[id(u)]
        if not u.requires_grad:
            return torch.zeros_like(u)
        jacobian = Jacobian([u], [leaf for leaf, _ in self._leaves])
        return jacobian([(i, moved) for i, (_, moved) in enumerate(self._leaves)])[0]


def crossed(
    problem: Problem, sites: Sites, direction: Direction
) -> tuple[dict[str, Crossing], list[Arrived]]:
    """Tangents at all sites, and outputs with those arriving there, of a run cut at each site.

    Raises:
        ValueError: the network does not run when it is cut.
    """
    front = Front()
    found = {name: Crossing() for name in sites.kinds}

    def before(name: str, layer: nn.Module, args: Any, kwargs: Any) -> None:
        if name not in found:
            return
        for u, curve in sites.taken(layer, args, kwargs, direction, front.seen):
            arriving = front.arriving(u)
            found[name].arriving.append(arriving)
            if curve is None:
                sites.joined.add(name)
            if curve is None or curve is front.seen.curve(u):
                found[name].taken.append(arriving)
            else:
                found[name].taken.append(tangent(curve, u.detach()))

    def after(name: str, layer: nn.Module, output: Any) -> Any:
        if name not in found:
            return None
        curves = iter([c for _, c in sites.given(name, layer, output, direction)])

        def cut(h: Tensor) -> Tensor:
            shown = front.cut(h, next(curves))
            found[name].given.append(front.arriving(shown))
            return shown

        return offset(output, cut)

    values = [
        front.cut(leaf.value, direction.of_input(leaf)) if inexact(leaf.value) else leaf.value
        for leaf in problem.leaves
    ]
    arguments = problem.arguments(values, clone=False)
    try:
        outputs = run(problem, sites, arguments, before, after)
    except RuntimeError as error:  # of a gradient that is taken across the cuts
        first = str(error).splitlines()[0]
        raise ValueError(f"per_layer: expected a network that can be cut, got: {first}") from error
    return found, [
        Arrived(leaf.path, leaf.field, leaf.value.detach(), front.arriving(leaf.value))
        for leaf in outputs
    ]


def run(
    problem: Problem, sites: Sites, arguments: tuple[Any, ...], before: Before, after: After
) -> list[Leaf]:
    """Floating leaves of the output, on the tape, of one run that is watched at its sites."""
    module = owner(problem.f)
    if module is None or not sites.kinds:
        output = problem.f(*arguments)
    else:
        with hooked(module, before, after):
            output = problem.f(*arguments)
    return [leaf for leaf in leaves(problem.target, output) if inexact(leaf.value)]


def inner(a: Tensor, b: Tensor) -> Tensor:
    """Real inner product, of complex tensors too."""
    return (a.conj() * b).real.sum() if a.is_complex() else (a * b).sum()


@contextmanager
def said_in_one_line() -> Iterator[None]:
    """What autograd refuses becomes a ValueError of one line."""
    try:
        yield
    except RuntimeError as error:
        first = str(error).splitlines()[0]
        raise ValueError(f"f: expected a callable differentiable twice, got: {first}") from error
