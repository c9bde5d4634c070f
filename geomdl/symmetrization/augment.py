"""Augmentation by random elements of a group, of inputs and outputs together."""

from typing import Any

import torch

from geomdl.fields import Type, act, fields_of, leaves
from geomdl.groups import Group
from geomdl.groups import elements as el
from geomdl.symmetrization.symmetrized import batch_axes, group_of_name


class Augment:
    """Random elements of a group, one a sample, acting on inputs and outputs by `geomdl.act`.

    Haar distributed for compact groups; what else `Group.sample` draws is said there. A call is an
    augmentation for `geomdl.training.fit` (`augment=`); `pair` moves targets along. At test time,
    `geomdl.symmetrize` averages over the same elements.

    Args:
        group: the group or its name.
        source: type of the inputs.
        target: type of the outputs, for `pair`.

    Raises:
        ValueError: a field is of another group.

    Example:
        >>> import geomdl
        >>> D4 = geomdl.group("D4")
        >>> image = geomdl.Field(geomdl.Grid(2), D4.trivial)
        >>> augment = Augment(D4, image)
        >>> x = torch.rand(2, 1, 3, 3)
        >>> y = augment(x, torch.Generator().manual_seed(0))
        >>> torch.equal(x, y), torch.equal(*(z.flatten(1).sort().values for z in (x, y)))
        (False, True)
    """

    def __init__(self, group: Group | str, source: Type, target: Type = None) -> None:
        self.group = group_of_name(group)
        self.source, self.target = source, target
        if not fields_of(source):
            raise ValueError(f"source: expected a Field of {self.group.name}, got {source!r}")
        for field in fields_of(source, target):
            if field.group != self.group:
                raise ValueError(
                    f"source: expected a Field of {self.group.name}, got one of {field.group.name}"
                )

    def __call__(self, inputs: Any, rng: torch.Generator) -> Any:
        """Moved inputs.

        Args:
            inputs: a tensor, or a tree of them, of type `source`, on any device.
            rng: generator on the CPU.

        Returns:
            of the structure of the inputs.
        """
        return act(self.draw(inputs, rng), self.source, inputs)

    def pair(self, inputs: Any, outputs: Any, rng: torch.Generator) -> tuple[Any, Any]:
        """Inputs and outputs, moved by the same elements.

        Args:
            inputs: of type `source`.
            outputs: of type `target`.
            rng: generator on the CPU.

        Raises:
            ValueError: there is no target.
        """
        if not fields_of(self.target):
            raise ValueError(f"target: expected a Field of {self.group.name}, got {self.target!r}")
        g = self.draw(inputs, rng)
        return act(g, self.source, inputs), act(g, self.target, outputs)

    def draw(self, inputs: Any, rng: torch.Generator) -> Any:
        """Elements for inputs: one a sample, or a single one where there is no batch axis."""
        if not isinstance(rng, torch.Generator):
            raise TypeError(f"rng: expected a torch.Generator, got {type(rng).__name__}")
        found = leaves(self.source, inputs)
        for name, field, x in found:
            field.check(x, name)
        _, field, x = found[0]
        if batch_axes(field, x):
            return self.group.sample(x.shape[0], rng)
        return el.take(self.group.sample(1, rng), 0)
