"""Group elements: tensors with batch axes in front, or tuples of them for products.

An element of a group ``G`` is a tensor with trailing ``G.element_shape``; a product's element is a
tuple, one entry a factor, and its ``element_shape`` is the tuple of theirs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import torch
from torch import Tensor

if TYPE_CHECKING:
    from geomdl.groups.group import Group

Element: TypeAlias = "Tensor | tuple[Element, ...]"
Shape: TypeAlias = "tuple[int, ...] | tuple[Shape, ...]"


def leaf_map(function: Callable[..., Any], *elements: Element) -> Any:
    """Apply ``function`` to the tensors of one or several elements of the same structure."""
    if isinstance(elements[0], tuple):
        return tuple(leaf_map(function, *parts) for parts in zip(*elements, strict=True))
    return function(*elements)


def take(g: Element, i: Any) -> Any:
    """Index the leading batch axis: an integer picks one element, a slice or tensor several."""
    return leaf_map(lambda t: t[i], g)


def stack(elements: Sequence[Element]) -> Any:
    """Stack single elements (or equal batches) along a new leading axis."""
    return leaf_map(lambda *ts: torch.stack(ts), *elements)


def cat(batches: Sequence[Element]) -> Any:
    """Concatenate batches along their leading axis."""
    return leaf_map(lambda *ts: torch.cat(ts), *batches)


def batch_shape(group: Group, g: Element) -> torch.Size:
    """Batch axes of ``g``, those before ``group.element_shape``."""
    shape: Any = group.element_shape
    while isinstance(g, tuple):
        g, shape = g[0], shape[0]
    return g.shape[: g.ndim - len(shape)]


def count(group: Group, g: Element) -> int:
    """Number of elements along the leading batch axis."""
    return int(batch_shape(group, g)[0])


def iterate(group: Group, g: Element) -> list[Any]:
    """Return the single elements of a batch with one batch axis."""
    return [take(g, i) for i in range(count(group, g))]


def flatten(group: Group, g: Element) -> Any:
    """Join all batch axes into one."""
    n = len(batch_shape(group, g))
    return leaf_map(lambda t: t.reshape(-1, *t.shape[n:]), g)


def expand(group: Group, g: Element, shape: Sequence[int]) -> Any:
    """Broadcast the batch axes of ``g`` to ``shape``."""
    n = len(batch_shape(group, g))
    return leaf_map(lambda t: t.expand((*shape, *t.shape[n:])), g)


def allclose(a: Element, b: Element, tol: float = 1e-9) -> bool:
    """Whether two elements (or batches) agree to ``tol``; NaN never does."""
    if isinstance(a, tuple):
        return all(allclose(x, y, tol) for x, y in zip(a, b, strict=True))
    assert isinstance(b, Tensor)
    return a.numel() == 0 or bool(((a - b).abs().amax() <= tol).item())


def generator(rng: torch.Generator | None, seed: int = 0) -> torch.Generator:
    """The given generator, or a fresh one seeded with ``seed``: nothing draws from global state."""
    return torch.Generator().manual_seed(seed) if rng is None else rng


def misfit(g: Any, identity: Element, shape: Any) -> str:
    """How ``g`` fails to look like an element, "" if it does not."""
    if isinstance(identity, tuple):
        if not isinstance(g, tuple) or len(g) != len(identity):
            return f"is a tuple of {len(identity)} parts, got {type(g).__name__}"
        problems = (misfit(*part) for part in zip(g, identity, shape, strict=True))
        return next((p for p in problems if p), "")
    if not isinstance(g, Tensor):
        return f"is a tensor of shape {shape}, got {type(g).__name__}"
    if tuple(g.shape[g.ndim - len(shape) :]) != tuple(shape) or g.ndim < len(shape):
        return f"has trailing shape {shape}, got {tuple(g.shape)}"
    if g.is_floating_point() != identity.is_floating_point() or g.is_complex():
        return f"has dtype {identity.dtype}, got {g.dtype}"
    return ""
