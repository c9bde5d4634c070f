"""How far a module departs from equivariance, as a number that can be trained away."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.utils import _pytree as pytree

from geomdl.auditing.variation import direction
from geomdl.fields import Field, Grid, Type, act, fields_of, map_fields
from geomdl.fields.numbers import at_least
from geomdl.groups import Group
from geomdl.groups import elements as el

SIZE = 0.1  # of the displacement that measures the variation, in spreads of the input


def departure(
    f: Callable[..., Any],
    *inputs: Any,
    source: Type = None,
    target: Type = None,
    n: int = 2,
    rng: torch.Generator | None = None,
) -> Tensor:
    """Equivariance error in units of the audit, differentiable in the parameters of f.

        departure = (mean_i rms(f(g_i x) − g_i f(x))²)^(1/2) / variation

    over n random elements g_i. `geomdl.audit` reports the worst element, this the mean square; the
    variation, rms(f(x + s δ) − f(x)) / s with one random δ of the spread of x, is held fixed, so
    that it is not what training enlarges. An estimate: it spreads with the elements and with δ, and
    is 0 (to rounding) iff those elements are symmetries at x. Where elements move pixels between
    pixels, inputs are cut to the inscribed disc and outputs compared there.

    Args:
        f: module or function.
        inputs: its arguments, in the order of `source`.
        source: type of the inputs; by default `f.source`.
        target: type of the output; by default `f.target`.
        n: number of elements.
        rng: what elements and δ are drawn from; by default a generator seeded with 0.

    Returns:
        a number ≥ 0, of the dtype of the output.

    Raises:
        ValueError: no types, or inputs that are not of them; an output that does not vary.

    Example:
        >>> import geomdl
        >>> v = geomdl.Field(geomdl.Vector(), geomdl.group("SO3").standard)
        >>> x = torch.randn(5, 3, generator=torch.Generator().manual_seed(0))
        >>> bool(departure(torch.nn.Identity(), x, source=v, target=v) < 1e-6)
        True
        >>> bool(departure(torch.nn.ReLU(), x, source=v, target=v) > 0.1)
        True
    """
    at_least("n", n, 1)
    source = getattr(f, "source", None) if source is None else source
    target = getattr(f, "target", None) if target is None else target
    fields = fields_of(source, target)
    if not fields:
        raise ValueError("source: expected Fields of a group, got none")
    group: Group = fields[0].group
    rng = torch.Generator().manual_seed(0) if rng is None else rng
    given = map_fields(_cut, source, inputs)
    y = f(*given)
    with torch.no_grad():
        near = map_fields(lambda field, x, _: _displaced(field, x, rng), source, given)
        variation = _distance(f(*near), y) / SIZE
    if not float(variation) > 1e-3 * torch.finfo(variation.dtype).eps:
        raise ValueError("f: expected an output that varies with its inputs, got a constant")
    squares = []
    for g in el.iterate(group, group.sample(n, rng)):
        there, here = f(*act(g, source, given)), act(g, target, y)
        squares.append(
            _distance(map_fields(_cut, target, there), map_fields(_cut, target, here)).square()
        )
    return torch.stack(squares).mean().sqrt() / variation


def _cut(field: Field, x: Any, _: str) -> Any:
    """Values without the pixels that some element moves in or out."""
    return x * field.mask(x) if isinstance(field.domain, Grid) else x


def _displaced(field: Field, x: Any, rng: torch.Generator) -> Any:
    moves = isinstance(x, Tensor) and x.is_floating_point()
    return x + SIZE * direction(field, x, rng) if moves else x


def _distance(a: Any, b: Any) -> Tensor:
    """Root mean square difference of two trees of tensors; never quite 0, for its gradient."""
    pairs = zip(pytree.tree_leaves(a), pytree.tree_leaves(b), strict=True)
    parts = [(p - q).flatten() for p, q in pairs if isinstance(p, Tensor)]
    joined = torch.cat(parts)
    return (joined.square().mean() + torch.finfo(joined.dtype).tiny).sqrt()
