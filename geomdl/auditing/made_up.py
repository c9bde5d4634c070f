"""Types and random inputs for an object that is audited by its name alone."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from geomdl.auditing.analytic import analytic_inputs
from geomdl.auditing.channel_map import coarser
from geomdl.auditing.prepare import own_randomness, prepared
from geomdl.auditing.trees import cast
from geomdl.fields import Edges, Field, Graph, Grid, Nodes, Points, Type, Vector, fields_of
from geomdl.fields.checks import permuted_nodes
from geomdl.fields.grid import keeps_pixels
from geomdl.fields.motion import motion, periods
from geomdl.groups import Group
from geomdl.groups import elements as el

BATCH = 8
SIZES = {1: 64, 2: 28, 3: 12}  # of an image where nobody states one, by dimension
NODES = 10


def source_of_shape(group: Group, shape: Sequence[int] | None) -> Field:
    """Type of an undeclared input: an image of (channels, *spatial), or a vector of (components,).

    Raises:
        ValueError: there is no shape, or no multiple of the standard representation fits it.
    """
    if shape is None:
        raise ValueError("shape: the object declares no source, give the shape of one input")
    if len(shape) > 1:
        return Field(Grid(len(shape) - 1, periods(group) is not None), shape[0] * group.trivial)
    copies, rest = divmod(shape[0], group.standard.dim)
    if rest or not copies:
        raise ValueError(
            f"shape: expected a multiple of {group.standard.dim}, the dimension of the standard "
            f"representation of {group.name}, got {shape[0]}"
        )
    return Field(Vector(), copies * group.standard)


def check_shape(source: Type, shape: Sequence[int]) -> None:
    """Refuse a shape (channels, *spatial) that a declared source contradicts."""
    for field in fields_of(source):
        domain, dim = field.domain, field.rep.dim
        if isinstance(domain, Grid) and (len(shape) != domain.d + 1 or shape[0] != dim):
            axes = ", ".join([str(dim), *["size"] * domain.d])
            raise ValueError(f"shape: expected {axes} by the source, got {tuple(shape)}")


def space_of(group: Group) -> int | None:
    """Dimension of the space whose points a group moves; None if it moves none."""
    parts = group.identity_parts
    moves = parts.linear if parts.linear is not None else parts.translation
    return None if moves is None else int(moves.shape[-1])


def split_batch(shape: Sequence[int] | None, space: int | None) -> tuple[int, Sequence[int] | None]:
    """Size of the batch and shape of one input; the first may be left out of an image's shape.

    Example:
        >>> split_batch([4, 1, 28, 28], 2), split_batch([1, 28, 28], 2)
        ((4, [1, 28, 28]), (8, [1, 28, 28]))
    """
    if shape is not None and space is not None and len(shape) == space + 2:
        return shape[0], shape[1:]
    return BATCH, shape


def random_inputs(
    source: Type, shape: Sequence[int] | None, rng: torch.Generator, batch: int = BATCH
) -> list[Any]:
    """Random positional arguments of some types."""
    parts = (
        source.values() if isinstance(source, Mapping)
        else source if isinstance(source, tuple) else (source,)
    )  # fmt: skip
    return [_one(part, shape, rng, batch) for part in parts]


def _one(type_: Type, shape: Sequence[int] | None, rng: torch.Generator, batch: int) -> Any:
    if type_ is None:
        return None
    if isinstance(type_, Mapping):
        return {name: _one(part, shape, rng, batch) for name, part in type_.items()}
    if isinstance(type_, tuple):
        return tuple(_one(part, shape, rng, batch) for part in type_)
    domain, group = type_.domain, type_.group
    nodes = permuted_nodes(group) or NODES
    if isinstance(domain, Grid):
        shifted = tuple(domain.resolution * p for p in periods(group) or ())
        usual = shifted or (SIZES.get(domain.d, 6),) * domain.d
        sizes = tuple(shape[1:]) if shape else usual
        if _resamples(type_):
            return analytic_inputs(type_, sizes, rng, batch=batch)
        return torch.randn(batch, type_.rep.dim, *sizes, generator=rng, dtype=torch.float64)
    if isinstance(domain, Edges):
        ends = torch.randint(nodes, (2, 3 * nodes), generator=rng)
        return Graph.from_edge_index(ends, num_nodes=nodes)
    lead = (nodes,) if isinstance(domain, Points | Nodes) else (batch,)
    scale = 2.0 if type_.affine else 1.0
    return scale * torch.randn(*lead, *type_.fibre, generator=rng, dtype=torch.float64)


def _resamples(field: Field) -> bool:
    """Whether some element of the group moves pixels off the grid."""
    assert isinstance(field.domain, Grid)
    group = field.group
    if group.lie_dim or not el.count(group, group.generators):
        return group.lie_dim > 0
    return not bool(keeps_pixels(motion(field.domain, group, group.generators)).all())


def target_of(f: Any, source: Type, inputs: Sequence[Any], dtype: torch.dtype) -> Type:
    """Type of an undeclared output: images turn with the input, all else is invariant."""
    rng = torch.Generator().manual_seed(0)
    ready = prepared(f, dtype, rng=rng)
    field = fields_of(source)[0]
    grid = field.domain if isinstance(field.domain, Grid) else None
    tensors = [cast(getattr(x, "tensor", x), dtype) for x in inputs]
    try:
        with own_randomness(0):
            output = ready(*tensors)
    except ValueError:
        raise
    except Exception as error:
        raise ValueError(cannot_run(error)) from error

    def guess(value: Any) -> Type:
        if isinstance(value, Mapping):
            return {name: guess(part) for name, part in value.items()}
        if isinstance(value, tuple | list):
            return tuple(guess(part) for part in value)
        if not isinstance(value, Tensor) or value.ndim < 1:
            return None
        if grid is not None and value.ndim == grid.d + 2:
            new = coarser(grid, field.group, tuple(tensors[0].shape[2:]), tuple(value.shape[2:]))
            return Field(new, value.shape[1] * field.group.trivial)
        if value.ndim == 1:
            return Field(Vector(), field.group.trivial, shape=())
        return Field(Vector(), value.shape[-1] * field.group.trivial)

    return guess(output)


def cannot_run(error: Exception) -> str:
    """One line on an object that refuses the inputs made up for it."""
    first = str(error).splitlines()[0] if str(error) else type(error).__name__
    return f"object: cannot run on random inputs of its types ({first}); give shape= or inputs="
