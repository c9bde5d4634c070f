"""Sizes of images followed through layers before any image is there."""

from collections.abc import Iterable, Sequence
from itertools import chain
from typing import Any

import torch
from torch import nn

from geomdl.fields import Field, Grid
from geomdl.steerable.checks import is_whole


def whole_sizes(size: int | Sequence[int], d: int, name: str = "size") -> tuple[int, ...]:
    """Pixels along each of d axes, from one number for all or one for each.

    Raises:
        ValueError: not d positive whole numbers.

    Example:
        >>> whole_sizes(29, 2), whole_sizes((8, 9), 2)
        ((29, 29), (8, 9))
    """
    sizes = tuple(size) if isinstance(size, Sequence) else (size,) * d
    if len(sizes) != d or not all(is_whole(n, 1) for n in sizes):
        raise ValueError(f"{name}: should be a positive integer or {d} of them, got {size!r}")
    return sizes


def layer_sizes(layer: nn.Module, sizes: Sequence[int]) -> tuple[int, ...]:
    """Sizes of a layer's output: what its method ``sizes`` says, else those of an empty batch.

    Args:
        layer: module with ``source`` and ``target``.
        sizes: pixels along each axis of its input; none for a vector.

    Returns:
        of the output, none if its ``target`` lives on no grid.

    Raises:
        ValueError: the layer refuses the sizes.
        TypeError: a module that says neither its fields nor its sizes.
    """
    follow: Any = getattr(layer, "sizes", None)
    if callable(follow):
        return tuple(follow(sizes))
    source, target = getattr(layer, "source", None), getattr(layer, "target", None)
    if not (isinstance(source, Field) and isinstance(target, Field)):
        raise TypeError(f"{type(layer).__name__} should have fields or a method sizes(sizes)")
    if not isinstance(target.domain, Grid):
        return ()
    state = chain(layer.parameters(), layer.buffers())
    dtype = next((t.dtype for t in state if t.is_floating_point()), torch.get_default_dtype())
    device = next((t.device for t in chain(layer.parameters(), layer.buffers())), None)
    modes = [(part, part.training) for part in layer.modules()]
    layer.eval()
    try:
        with torch.no_grad():
            empty = torch.empty(0, source.channels, *sizes, dtype=dtype, device=device)
            return tuple(layer(empty).shape[2:])
    finally:
        for part, training in modes:
            part.training = training


def chain_sizes(layers: Iterable[nn.Module], sizes: Sequence[int]) -> tuple[int, ...]:
    """Sizes after several layers, which are numbered from 1 in errors.

    Raises:
        ValueError: ``layer 3 (Conv): …``, and the nearest sizes of the input that all layers take.
    """
    layers = list(layers)
    try:
        return _follow(layers, sizes)
    except ValueError as error:
        good = _nearest(layers, sizes)
        hint = f"; for all layers the input may have size {' or '.join(good)}" if good else ""
        raise ValueError(f"{error}{hint}") from None


def _follow(layers: Sequence[nn.Module], sizes: Sequence[int]) -> tuple[int, ...]:
    sizes = tuple(sizes)
    for number, layer in enumerate(layers, start=1):
        try:
            sizes = layer_sizes(layer, sizes)
        except (ValueError, TypeError) as error:
            raise type(error)(f"layer {number} ({type(layer).__name__}): {error}") from error
    return sizes


def _nearest(layers: Sequence[nn.Module], sizes: Sequence[int], reach: int = 64) -> list[str]:
    """The nearest sizes below and above, all axes changed alike, that every layer takes."""
    found = []
    for sign in (-1, 1):
        for step in range(1, reach + 1):
            near = [n + sign * step for n in sizes]
            if min(near, default=0) < 1:
                break
            try:
                _follow(layers, near)
            except ValueError:
                continue
            same = len(set(near)) == 1
            found.append(str(near[0]) if same else "x".join(map(str, near)))
            break
    return found
