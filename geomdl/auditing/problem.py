"""What is audited, in one object: the callable, its inputs as leaves, the group that acts."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from geomdl.auditing.analytic import Analytic
from geomdl.auditing.trees import Leaf, arguments, cast, inexact, leaves, same, transform
from geomdl.auditing.variation import direction
from geomdl.fields import Field, Grid, Nodes, Type
from geomdl.groups import Group


@dataclass(frozen=True)
class Problem:
    """A callable between typed inputs and outputs.

    Attributes:
        f: the prepared callable.
        source: type of the inputs.
        target: type of the output.
        dtype: dtype of the audit.
        inputs: the arguments, cast.
        leaves: their leaves; analytic ones by the tensor that samples them.
        analytic: number of a leaf -> the analytic input behind it.
    """

    f: Callable[..., Any]
    source: Type
    target: Type
    dtype: torch.dtype
    inputs: tuple[Any, ...]
    leaves: tuple[Leaf, ...]
    analytic: Mapping[int, Analytic]

    @staticmethod
    def build(
        f: Callable[..., Any], inputs: Sequence[Any], source: Type, target: Type, dtype: torch.dtype
    ) -> "Problem":
        """Cast and check the inputs.

        Raises:
            ValueError: inputs do not fit `source`, or one has NaN or infinite entries.
        """
        analytic: dict[int, Analytic] = {}
        seen: list[Leaf] = []

        def visit(at: str, field: Field | None, leaf: Any) -> Any:
            if isinstance(leaf, Analytic):
                if leaf.field != field:
                    raise ValueError(f"{at}: expected an analytic {field}, got {leaf.field}")
                analytic[len(seen)] = leaf
                leaf = leaf.tensor
            leaf = cast(leaf, dtype)
            check(at, field, leaf)
            seen.append(Leaf(at, field, leaf))
            return leaf

        rebuilt = tuple(
            transform(type_, value, visit, name)
            for (name, type_), value in zip(arguments(source, inputs), inputs, strict=True)
        )
        return Problem(f, source, target, dtype, rebuilt, tuple(seen), analytic)

    @property
    def values(self) -> list[Any]:
        """Values of the leaves."""
        return [leaf.value for leaf in self.leaves]

    def values_of(self, inputs: Sequence[Any]) -> list[Any]:
        """Values of the leaves of other inputs of the same types."""
        fresh = Problem.build(self.f, inputs, self.source, self.target, self.dtype)
        return fresh.values

    def arguments(self, values: Sequence[Any], clone: bool = True) -> tuple[Any, ...]:
        """Arguments of `f` with other values of the leaves; tensors are cloned."""
        remaining = iter(values)

        def visit(_at: str, _field: Field | None, _leaf: Any) -> Any:
            value = next(remaining)
            return value.clone() if clone and isinstance(value, Tensor) else value

        types = arguments(self.source, self.inputs)
        return tuple(
            transform(type_, value, visit)
            for (_, type_), value in zip(types, self.inputs, strict=True)
        )

    def run(self, values: Sequence[Any]) -> list[Leaf]:
        """Leaves of the output, detached.

        Raises:
            ValueError: the output does not fit `target`.
        """
        return typed(self.target, self.f(*self.arguments(values)), "target: ")

    def run_inexact(self, values: Sequence[Any]) -> list[Leaf]:
        """As `run`, floating and complex leaves only."""
        return [leaf for leaf in self.run(values) if inexact(leaf.value)]

    def act(self, g: Any, values: Sequence[Any]) -> list[Any]:
        """Act on the values of the leaves; an analytic one at its own value is sampled anew."""
        moved = []
        for i, (leaf, value) in enumerate(zip(self.leaves, values, strict=True)):
            if leaf.field is None:
                moved.append(value)
            elif i in self.analytic and value is leaf.value:
                moved.append(self.analytic[i].at(g).to(value))
            else:
                moved.append(leaf.field.act(g, value))
        return moved

    def moved_by(self, g: Any) -> set[int]:
        """Numbers of the leaves that g changes."""
        values = self.values
        moved = self.act(g, values)
        return {i for i, (a, b) in enumerate(zip(values, moved, strict=True)) if not same(a, b)}

    def says_nothing(self, group: Group) -> list[str]:
        """Remark where the trivial group leaves nodes in their places."""
        for leaf in self.leaves:
            if group.order == 1 and leaf.field and isinstance(leaf.field.domain, Nodes):
                n = leaf.value.shape[-1 - len(leaf.field.fibre)]
                return [
                    f"the group is {group.name}, which says nothing; name the permutations:"
                    f' group="S{n}"'
                ]
        return []

    def exact(self, g: Any, values: Sequence[Any]) -> bool:
        """Whether no input is resampled under g."""
        return all(
            leaf.field is None or i in self.analytic or leaf.field.exact(g, value)
            for i, (leaf, value) in enumerate(zip(self.leaves, values, strict=True))
        )

    def redrawn(self, rng: torch.Generator) -> "Problem":
        """The same problem at other inputs: analytic ones drawn anew, the others moved.

        Images are moved by their whole spread (which keeps their spectrum), all else by a third.
        """
        analytic = {i: a.redraw(rng) for i, a in self.analytic.items()}
        leaves = []
        for i, leaf in enumerate(self.leaves):
            value = leaf.value
            if i in analytic:
                value = analytic[i].tensor.to(value)
            elif leaf.field is not None and inexact(value):
                size = 1.0 if isinstance(leaf.field.domain, Grid) else 0.3
                value = value + size * direction(leaf.field, value, rng)
            leaves.append(replace(leaf, value=value))
        return replace(self, leaves=tuple(leaves), analytic=analytic)

    def masked(self, values: Sequence[Any]) -> list[Any]:
        """Values with zero where a resampled action cannot be trusted; analytic ones stay."""
        return [
            value * leaf.field.mask(value)
            if isinstance(leaf.field, Field)
            and isinstance(leaf.field.domain, Grid)
            and i not in self.analytic
            else value
            for i, (leaf, value) in enumerate(zip(self.leaves, values, strict=True))
        ]


def kept(tensor: Tensor) -> Tensor:
    """A copy for keeps: later layers may work in place on what an earlier one has returned."""
    return tensor.detach().clone()


def typed(
    type_: Type, value: Any, prefix: str = "", keep: Callable[[Tensor], Tensor] = kept
) -> list[Leaf]:
    """Leaves of what a module took or gave, copied, numbers as tensors, checked against a type.

    Args:
        type_: type of the value.
        value: the value.
        prefix: put before the path in a message.
        keep: makes the copies.

    Raises:
        ValueError: it is not of that type.
    """
    found = []
    for leaf in leaves(type_, value):
        item = leaf.value
        if isinstance(item, float | int | complex):
            item = torch.as_tensor(item)
        if isinstance(item, Tensor):
            item = keep(item)
        if leaf.field is not None:
            leaf.field.check(item, f"{prefix}{leaf.path}")
        found.append(Leaf(leaf.path, leaf.field, item))
    return found


def check(path: str, field: Field | None, value: Any) -> None:
    """Refuse an input that is not of its type, or not of numbers.

    Raises:
        TypeError: it is no tensor.
        ValueError: wrong shape, NaN, or infinity (where a group acts).
    """
    if field is not None:
        field.check(value, path)
    if not inexact(value):
        return
    if bool(value.isnan().any()):
        raise ValueError(f"{path}: expected numbers, got NaN in {int(value.isnan().sum())} entries")
    if field is not None and bool(value.isinf().any()):
        raise ValueError(f"{path}: expected finite numbers, got infinity")
