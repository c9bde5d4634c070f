"""Networks brought into line: units permuted, and fields of equivariant networks turned."""

import math
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any, Literal

import torch
from torch import Tensor, nn

from .callbacks import quiet
from .chain import Chain
from .modes import refuse_random

__all__ = ["Alignment", "Symmetry", "align", "symmetric_copy"]

Symmetry = Literal["group", "permutation"]


@dataclass(frozen=True)
class Alignment:
    """A network moved next to another by symmetries that do not change what it computes.

    Attributes:
        model: the moved copy.
        permutations: of the channels of each hidden field: channel i is now what π(i) was.
        before: distance ‖θ - θ'‖ of the expanded weights before.
        after: and after.
        error: by how much the outputs of the copy differ, relative to their norm: rounding.
    """

    model: nn.Module = field(repr=False)
    permutations: list[Tensor] = field(repr=False)
    before: float
    after: float
    error: float


def align(
    model: nn.Module,
    other: nn.Module,
    inputs: Any,
    *,
    symmetry: Symmetry = "group",
    restarts: int = 0,
    rng: torch.Generator | None = None,
) -> Alignment:
    """Move ``other`` next to ``model`` without changing what it computes.

    A hidden layer of units may be permuted. In an equivariant network the permutation must commute
    with the group, so whole fields go to whole fields, and each field may besides be moved by a
    map that commutes with the group: for regular fields of G a right translation by an element of
    its own, so c fields have |G|^c c! symmetries. Sought is the one that maximises Σ ⟨W, W'⟩ over
    the expanded weights: coordinate descent over the hidden fields, each step *exact* (the best
    turn for each pair of fields, then an assignment), from the identity, from a sweep through the
    layers from either end, and from random ones. The whole is a local optimum; for a copy that
    differs by a symmetry alone the sweep finds it, unless two units are equal.

    Args:
        model: a chain of linear layers, convolutions (also those of `geomdl.translation`, and of
            `geomdl.steerable` and `geomdl.linear` on permutation representations, such as regular
            fields) and norms, with pointwise functions and pools between, and no skip connections.
        other: a network of the same architecture; it is left as it is.
        inputs: of one call of the networks, a tensor or a tuple, with which the result is checked.
        symmetry: "group", or "permutation" for whole fields as they stand.
        restarts: random starts besides the others.
        rng: source of these; None takes the seed 0.

    Returns:
        the `Alignment`.

    Raises:
        ValueError: networks that are no such chains or differ in architecture, whose outputs the
            moved weights change, or that do not take the inputs; dropout or batch norm in training
            mode.

    Example:
        >>> a = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))
        >>> x = torch.randn(5, 3)
        >>> b = symmetric_copy(a, x, rng=torch.Generator().manual_seed(1))
        >>> found = align(a, b, x)
        >>> found.before > 0.5, found.after < 1e-6
        (True, True)

    Source: Ainsworth, Hayase and Srinivasa 2023, arXiv:2209.04836 (permutations); the commutant
    of a sum of regular representations by permutations is elementary.
    """
    if symmetry not in ("group", "permutation"):
        raise ValueError(f"symmetry: should be 'group' or 'permutation', got {symmetry!r}")
    if isinstance(restarts, bool) or not isinstance(restarts, int) or restarts < 0:
        raise ValueError(f"restarts: should be an integer >= 0, got {restarts!r}")
    inputs, rng = _tuple(inputs), rng or torch.Generator().manual_seed(0)
    refuse_random(model)
    refuse_random(other, "other")
    copy = deepcopy(other)
    one, two = Chain.of(model, inputs), Chain.of(copy, inputs)
    shapes = [[link.weight().shape for link in chain.links] for chain in (one, two)]
    if shapes[0] != shapes[1]:
        raise ValueError("other: should have the architecture of model")
    matching = _Matching(one, two, symmetry == "group")
    best = matching.search(restarts, rng)
    still = [torch.arange(len(orbits.orbit)) for orbits in one.hidden]
    before, after = matching.distance(still), matching.distance(best)
    two.move(best)
    error = _difference(other, copy, inputs)
    return Alignment(copy, best, before, after, error)


def symmetric_copy(
    model: nn.Module,
    inputs: Any,
    *,
    permute: bool = True,
    turn: bool = True,
    rng: torch.Generator | None = None,
) -> nn.Module:
    """A copy that computes the same with other weights: a random symmetry of each hidden field.

    Args:
        model: as for `align`.
        inputs: of one call.
        permute: whether units, or whole fields, change places.
        turn: whether each field is turned by a random element.
        rng: source of the symmetry; None takes the seed 0.

    Returns:
        the copy; its outputs are those of the model to rounding.

    Raises:
        ValueError: as for `align`.

    Example:
        >>> model = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2)).double()
        >>> x = torch.randn(5, 3, dtype=torch.float64)
        >>> bool((symmetric_copy(model, x)(x) - model(x)).abs().max() <= 1e-12)
        True
    """
    inputs, rng = _tuple(inputs), rng or torch.Generator().manual_seed(0)
    refuse_random(model)
    copy = deepcopy(model)
    chain = Chain.of(copy, inputs)
    chain.move([o.random(rng, permute=permute, turn=turn) for o in chain.hidden])
    _difference(model, copy, inputs)
    return copy


class _Matching:
    """Σ_l ⟨A_l, π B_l⟩ over the filters and biases of two chains."""

    def __init__(self, one: Chain, two: Chain, turn: bool) -> None:
        self.one, self.two, self.turn = one, two, turn
        self.first = [(link.weight(), link.bias()) for link in one.links]
        self.second = [(link.weight(), link.bias()) for link in two.links]

    def search(self, restarts: int, rng: torch.Generator) -> list[Tensor]:
        """The best of several local optima."""
        hidden = self.two.hidden
        still = [torch.arange(len(orbits.orbit)) for orbits in hidden]
        starts = [list(still), self._swept(range(len(hidden)), still, into=True)]
        starts.append(self._swept(range(len(hidden) - 1, -1, -1), still, into=False))
        starts += [[o.random(rng, turn=self.turn) for o in hidden] for _ in range(restarts)]
        return max((self._climb(start) for start in starts), key=self.value)

    def value(self, permutations: Sequence[Tensor]) -> float:
        """Σ ⟨A, π B⟩."""
        moved, total = self.two.moved(permutations), 0.0
        for (a, bias), (b, other) in zip(self.first, moved, strict=True):
            total += float((a * b).sum())
            total += 0.0 if bias is None or other is None else float(bias @ other)
        return total

    def distance(self, permutations: Sequence[Tensor]) -> float:
        """‖A - π B‖."""
        squares = []
        for (a, bias), (b, other) in zip(self.first, self.two.moved(permutations), strict=True):
            squares.append(float((a - b).square().sum()))
            if bias is not None and other is not None:
                squares.append(float((bias - other).square().sum()))
        return math.sqrt(sum(squares))

    def _swept(self, order: Sequence[int], still: list[Tensor], into: bool) -> list[Tensor]:
        """One pass that looks at the weights on one side of each field only."""
        found = list(still)
        for number in order:
            gain = self._gain(number, found, into=into, out=not into)
            found[number] = self.two.hidden[number].best(gain, self.turn)
        return found

    def _climb(self, found: list[Tensor]) -> list[Tensor]:
        """Coordinate descent until nothing gains."""
        value = self.value(found)
        while True:
            for number, orbits in enumerate(self.two.hidden):
                found[number] = orbits.best(self._gain(number, found), self.turn)
            after = self.value(found)
            if not after > value + 1e-9 * abs(value):
                return found
            value = after

    def _gain(
        self, number: int, permutations: Sequence[Tensor], into: bool = True, out: bool = True
    ) -> Tensor:
        """What it brings to make channel i of a field what channel j was, (n, n)."""
        orbits = self.two.hidden[number]
        n = len(orbits.orbit)
        free = [p if i != number else torch.arange(n) for i, p in enumerate(permutations)]
        moved, gain = self.two.moved(free), torch.zeros(n, n, dtype=torch.float64)
        if into:
            (a, bias), (b, other) = self.first[number], moved[number]
            gain += a.flatten(1) @ b.flatten(1).mT
            if bias is not None and other is not None:
                gain += bias[:, None] * other
        if out:
            a, b = (self.one.inner(number, self.first[number + 1][0]),
                    self.two.inner(number, moved[number + 1][0]))  # fmt: skip
            seen = a.transpose(0, 1).flatten(1) @ b.transpose(0, 1).flatten(1).mT
            if self.two.links[number].pooled:
                sizes = torch.bincount(orbits.orbit).double()
                seen = (seen / sizes)[orbits.orbit][:, orbits.orbit]
            gain += seen
        return gain


def _tuple(inputs: Any) -> tuple[Any, ...]:
    return tuple(inputs) if isinstance(inputs, tuple | list) else (inputs,)


def _difference(model: nn.Module, copy: nn.Module, inputs: Sequence[Any]) -> float:
    """Of the outputs, relative to their norm.

    Raises:
        ValueError: it is not rounding, so that the copy is another function.
    """
    with torch.no_grad(), quiet(model), quiet(copy):
        a, b = model(*inputs), copy(*inputs)
    error = float((a - b).norm() / a.norm().clamp_min(torch.finfo(a.dtype).tiny))
    if not error <= 1e3 * torch.finfo(a.dtype).eps:
        raise ValueError(
            "model: should be a chain of layers with pointwise functions and pools between, without"
            f" skip connections; moving its weights changed its output by {error:.1e}"
        )
    return error
