"""Learned canonicalization: a small equivariant network names one element for each input."""

from typing import Any

import torch
from torch import Tensor, nn

from geomdl.fields import Field, Nodes, Points, Type
from geomdl.groups import elements as el
from geomdl.groups.finite import FiniteGroup
from geomdl.groups.orthogonal import Orthogonal
from geomdl.groups.symmetric import Symmetric
from geomdl.symmetrization.action import Action
from geomdl.symmetrization.clouds import choose, holds_members, holds_vectors
from geomdl.symmetrization.frame import Frame, Orbit, Weighted
from geomdl.symmetrization.networks import MemberScores, OrbitScores, VectorNetwork
from geomdl.symmetrization.orthonormal import gram_schmidt
from geomdl.symmetrization.ties import first_equal, permutations


class BestElement(Frame):
    """The element of a finite group with the highest score.

    g* = argmax_h s_h(x), where s_{gh}(g x) = s_h(x). Exact where one score is the highest: an input
    with a symmetry of its own has several, and then only invariant outputs do not depend on which.
    In training mode the choice has the gradient of softmax(s) (straight-through); in evaluation
    mode it has none, and gradients are those of the function.

    Args:
        group: a finite group.
        source: type of the inputs.
        by: name of the input that the default network looks at; by default the first.
        canonicalizer: module from the inputs to scores (batch, |G|), in the order of
            ``group.elements``, a field of ``group.regular``; by default `OrbitScores`.

    Source: Kaba et al. 2023, arXiv:2211.06489.
    """

    def __init__(
        self,
        group: FiniteGroup,
        source: Type,
        by: str | None = None,
        canonicalizer: nn.Module | None = None,
    ) -> None:
        super().__init__(group, 1)
        self.orbit = Orbit(group)
        if canonicalizer is None:
            canonicalizer = OrbitScores(self.orbit, source, by)
        self.canonicalizer = canonicalizer

    def forward(self, inputs: Any) -> Weighted:
        """One element for each sample."""
        scores = called(self.canonicalizer, inputs)
        every, order = self.orbit.every, len(self.orbit.every.weights)
        if scores.shape[-1:] != (order,):
            raise ValueError(
                f"canonicalizer: expected scores (batch, {order}), got {tuple(scores.shape)}"
            )
        best = scores.argmax(-1).unsqueeze(0).cpu()
        chosen, inverse = el.take(every.elements, best), el.take(every.inverses, best)
        if not (self.training and scores.requires_grad):
            return Weighted(chosen, inverse, [1.0])
        soft = scores.softmax(-1).movedim(-1, 0)  # (|G|, batch)
        change = soft - soft.detach()

        def straight(action: Action, field: Field, x: Any, invert: bool) -> Tensor | None:
            if not (isinstance(x, Tensor) and x.is_floating_point()):
                return None
            total = torch.zeros_like(x)
            for g, share in zip(self.orbit.each(invert), change, strict=True):
                weight = share.to(x).reshape(*share.shape, *[1] * (x.ndim - share.ndim))
                total = total + weight * action.move(field, g, x)
            return total

        return Weighted(chosen, inverse, [1.0], straight)


class LearnedAxes(Frame):
    """The orthogonal matrix, or rotation, that Gram and Schmidt make of learned vectors.

    Exact, differentiable, and continuous where the vectors are independent; there are none such for
    an input with a symmetry of its own.

    Args:
        group: O(d) or SO(d).
        source: type of the inputs, one of which should hold points or vectors.
        by: name of that input; by default the first.
        canonicalizer: module from the inputs to vectors (batch, d, d), the rows of which the group
            turns (d − 1 of them are enough for SO(d)); by default `VectorNetwork`.

    Source: Kaba et al. 2023, arXiv:2211.06489.
    """

    def __init__(
        self,
        group: Orthogonal,
        source: Type,
        by: str | None = None,
        canonicalizer: nn.Module | None = None,
    ) -> None:
        super().__init__(group, 1)
        self.d, self.special = group.n, group.special
        self.needed = group.n - 1 if group.special else group.n
        if canonicalizer is None:
            what = "points or vectors that the group turns by its matrices"
            reading = choose(source, by, holds_vectors, what)
            canonicalizer = VectorNetwork(reading, self.needed)
        self.canonicalizer = canonicalizer

    def forward(self, inputs: Any) -> Weighted:
        """One matrix for each sample."""
        v = called(self.canonicalizer, inputs)
        if v.ndim < 2 or v.shape[-1] != self.d or v.shape[-2] < self.needed:
            raise ValueError(
                f"canonicalizer: expected vectors (batch, {self.needed}, {self.d}),"
                f" got {tuple(v.shape)}"
            )
        matrix = gram_schmidt(v.double(), self.special).unsqueeze(0)
        return Weighted(matrix, matrix.mT, [1.0])


class LearnedOrder(Frame):
    """The permutation that sorts the members of a set by learned scores.

    Exact. Members of the same score tie, as those with equal numbers in the input that the scores
    look at do: the average is then over all their orders, as that of `Sorting` is. In training mode
    the order has the gradient of SoftSort (straight-through), for values at the members; in
    evaluation mode none.

    Args:
        group: S_n.
        source: type of the inputs, one of which should hold the members.
        by: name of that input; by default the first.
        canonicalizer: module from the inputs to scores (batch, n), which the group permutes; by
            default `MemberScores`.
        alone: whether there is no other input, and outputs are invariant: then the order of members
            that tie is of no account.

    Source: Kaba et al. 2023, arXiv:2211.06489; Prillo and Eisenschlos 2020, arXiv:2006.16038.
    """

    def __init__(
        self,
        group: Symmetric,
        source: Type,
        by: str | None = None,
        canonicalizer: nn.Module | None = None,
        alone: bool = False,
    ) -> None:
        super().__init__(group, 1)
        self.n, self.alone = group.n, alone
        self.reading = None
        if canonicalizer is None:
            what = "numbers of the members of a set, which the group permutes"
            reading = choose(source, by, holds_members, what)
            self.reading = reading
            canonicalizer = MemberScores(reading, reading.numbers(group.n))
        self.canonicalizer = canonicalizer

    def forward(self, inputs: Any) -> Weighted:
        """One permutation for each sample."""
        scores = called(self.canonicalizer, inputs)
        if scores.shape[-1:] != (self.n,):
            raise ValueError(
                f"canonicalizer: expected scores (batch, {self.n}), got {tuple(scores.shape)}"
            )
        if self.reading is not None and not self.alone:  # equal members, to the last bit
            scores = scores.gather(-1, first_equal(self.reading.members(inputs)))
        order = scores.argsort(dim=-1, stable=True)
        ranked = scores.gather(-1, order)
        same = (ranked[..., 1:] == ranked[..., :-1]) & (not self.alone)
        found = permutations(order.unsqueeze(0), [1.0], same.unsqueeze(0))
        if not (self.training and scores.requires_grad):
            return found
        soft = (-(ranked.unsqueeze(-1) - scores.unsqueeze(-2)).abs()).softmax(-1)
        change = soft - soft.detach()  # (…, rank, member)

        def straight(action: Action, field: Field, x: Any, invert: bool) -> Tensor | None:
            rows = isinstance(field.domain, (Nodes, Points))
            if not rows or not x.is_floating_point():
                return None
            matrix = (change if invert else change.mT).to(x)
            flat = x.flatten(change.ndim - 1) if x.ndim >= change.ndim else x.unsqueeze(-1)
            zero: Tensor = (matrix @ flat).reshape(x.shape)
            return zero

        return found._replace(straight=straight)


def called(module: nn.Module, inputs: Any) -> Tensor:
    """A canonicalizer of the inputs, as f is called."""
    y = module(**inputs) if isinstance(inputs, dict) else module(*inputs)
    if not isinstance(y, Tensor):
        raise TypeError(f"canonicalizer: expected a tensor, got {type(y).__name__}")
    return y
