"""Layers one after another, refused where their fields or sizes do not meet."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import count
from typing import Any, Self, cast

import torch
from torch import Tensor, nn

from geomdl import groups
from geomdl.fields import Field, Grid, check_chain
from geomdl.registry import Example, register_layer
from geomdl.registry.record import record_of
from geomdl.steerable.checks import described
from geomdl.steerable.conv import Conv
from geomdl.steerable.pointwise import Pointwise
from geomdl.steerable.static_sizes import chain_sizes, whole_sizes
from geomdl.steerable.taps import grid_of


def _check(pairs: Sequence[tuple[str, nn.Module]]) -> None:
    """Refuse layers that do not follow one another, and two of one name."""
    if not pairs:
        raise ValueError("layers: should be at least one, got none")
    names = [name for name, _ in pairs]
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"layers: names should differ, got {name!r} twice")
    for name, layer in pairs:
        if not isinstance(layer, nn.Module):
            raise TypeError(f"layers: layer {name!r} should be a module, got {layer!r}")
    check_chain(layer for _, layer in pairs)


def _named(
    pairs: Sequence[tuple[str | None, nn.Module]], renumber: bool = True
) -> list[tuple[str, nn.Module]]:
    """Names for new layers: numbers in a row where all are numbers, as torch gives them."""
    names = [name for name, _ in pairs if name is not None]
    if renumber and all(name.isdigit() for name in names):
        return [(str(i), layer) for i, (_, layer) in enumerate(pairs)]
    found = []
    for i, (name, layer) in enumerate(pairs):
        if name is None:
            name = next(str(n) for n in count(i) if str(n) not in names)
            names.append(name)
        found.append((name, layer))
    return found


def _example() -> nn.Module:
    G = groups.group("C4")
    conv = Conv(Field(Grid(2), G.trivial), Field(Grid(2), 2 * G.regular), 3)
    return Sequential(conv, Pointwise(conv.target), size=6)


def _inputs(rng: torch.Generator) -> tuple[Any, ...]:
    return (torch.randn(2, 1, 6, 6, generator=rng, dtype=torch.float64),)


@register_layer("steerable/Sequential", example=Example(_example, _inputs))
class Sequential(nn.Sequential):
    """``torch.nn.Sequential`` whose layers' fields and sizes are checked when it is built.

    They are checked again when it is changed (``append``, ``insert``, ``extend``, ``net[i] = …``,
    ``del net[i]``, ``+=``); a change that does not fit is refused and leaves it as it was. Sums and
    multiples are checked likewise.

    Args:
        layers: modules with ``source`` and ``target``, at least one; or one dict of named ones, as
            slices give. Names differ.
        size: pixels of the images to come, one number or one for each axis: then a stride that
            breaks the symmetry, or a window that does not fit, is refused here and not at the call.

    Raises:
        ValueError: a layer's source is not the target of the one before, two have one name; or a
            layer does not take the sizes, then with its number, the remedy, and the nearest sizes
            that all layers take.

    Example:
        >>> import geomdl
        >>> from geomdl import Field, Grid
        >>> from geomdl.steerable import Conv, GroupPool
        >>> G = geomdl.group("C4")
        >>> conv = Conv(Field(Grid(2), G.trivial), Field(Grid(2), 8 * G.regular), 3)
        >>> net = Sequential(conv, GroupPool(conv.target), size=28)
        >>> net.target.rep
        <8·trivial of C4, dim 8>
        >>> net.sizes((28, 28))
        (26, 26)
    """

    _size: tuple[int, ...] | None = None

    def __init__(
        self,
        *layers: nn.Module | Mapping[str, nn.Module],
        size: int | Sequence[int] | None = None,
    ) -> None:
        super().__init__()
        pairs: list[tuple[str, nn.Module]] = []
        for i, layer in enumerate(layers):
            pairs += layer.items() if isinstance(layer, Mapping) else [(str(i), layer)]
        _check(pairs)
        if size is not None:
            self._size = whole_sizes(size, grid_of(cast(Field, pairs[0][1].source), "source").d)
        self._become(pairs)

    def _become(self, pairs: Sequence[tuple[str, nn.Module]]) -> None:
        """Have these layers, if they suit; what `geomdl.save` writes follows."""
        _check(pairs)
        if self._size is not None:
            chain_sizes([layer for _, layer in pairs], self._size)
        self._modules.clear()
        for name, layer in pairs:
            self.add_module(name, layer)
        record = record_of(self)
        if record is not None:
            record.arguments["layers"] = (dict(pairs),)

    def _pairs(self) -> list[tuple[str | None, nn.Module]]:
        return list(zip(self._modules, self, strict=True))

    def insert(self, index: int, module: nn.Module) -> Self:
        """Put a layer before another one, if it fits between its neighbours.

        Raises:
            ValueError: it does not; then nothing changes.
            IndexError: there is no such place.
        """
        pairs, n = self._pairs(), len(self)
        if not -n <= index <= n:
            raise IndexError(f"index: should be from {-n} to {n}, got {index}")
        index = index % n if index < 0 else index
        self._become(_named([*pairs[:index], (None, module), *pairs[index:]]))
        return self

    def append(self, module: nn.Module) -> Self:
        """Put a layer at the end. Raises ValueError, and changes nothing, if it does not fit."""
        return self.extend([module])

    def extend(self, sequential: Iterable[nn.Module]) -> Self:
        """Put layers at the end. Raises ValueError, and changes nothing, if they do not fit."""
        self._become(_named([*self._pairs(), *((None, layer) for layer in sequential)]))
        return self

    def __setitem__(self, index: int, module: nn.Module) -> None:
        pairs = self._pairs()
        pairs[index] = (pairs[index][0], module)
        self._become(_named(pairs, renumber=False))

    def __delitem__(self, index: slice | int) -> None:
        pairs = self._pairs()
        del pairs[index]
        self._become(_named(pairs))

    def __iadd__(self, other: Iterable[nn.Module]) -> Self:
        return self.extend(other)

    def __add__(self, other: Iterable[nn.Module]) -> "Sequential":
        return Sequential(*self, *other)

    def __mul__(self, times: int) -> "Sequential":
        return Sequential(*list(self) * times)

    def __rmul__(self, times: int) -> "Sequential":
        return self * times

    def __imul__(self, times: int) -> Self:
        pairs = list(self) * times
        self._become([(str(i), layer) for i, layer in enumerate(pairs)])
        return self

    @property
    def source(self) -> Field:
        """Field of the first layer's input."""
        return cast(Field, self[0].source)

    @property
    def target(self) -> Field:
        """Field of the last layer's output."""
        return cast(Field, self[len(self) - 1].target)

    def sizes(self, sizes: Sequence[int]) -> tuple[int, ...]:
        """Sizes of the output for an input of these sizes; none if the output is a vector.

        Raises:
            ValueError: a layer does not take them; it is named.
        """
        return chain_sizes(self, sizes)

    def forward(self, x: Tensor) -> Tensor:
        """Apply the layers; in eager mode an error of one of them says which."""
        if torch.compiler.is_compiling():
            for layer in self:
                x = layer(x)
            return x
        for number, layer in enumerate(self, start=1):
            try:
                x = layer(x)
            except ValueError as error:
                text = str(error).removeprefix(f"{described(layer)}: ")
                raise ValueError(f"layer {number} ({type(layer).__name__}): {text}") from error
        return x
