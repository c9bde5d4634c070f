"""Types of several inputs or outputs: trees of fields, and one group element acting on all."""

from collections.abc import Callable, Iterable
from typing import Any, TypeAlias

from geomdl.fields.field import Field
from geomdl.groups import Group

Type: TypeAlias = "Field | dict[str, Type] | tuple[Type, ...] | None"


def act(g: Any, source: Type, inputs: Any) -> Any:
    """Act on all inputs (or outputs) at once.

    Args:
        g: one element of the group of the fields, or a batch that acts sample by sample.
        source: a `Field` for one tensor; None for what stays unchanged; a dict of types for named
            arguments in order, or a tuple of types.
        inputs: of that structure. For a dict of types also a tuple in the same order, shorter where
            the last arguments are left out, or a NamedTuple; for a single `Field` also a tuple of
            one. None, an optional argument that is not given, stays None.

    Returns:
        of the structure of ``inputs``.

    Raises:
        ValueError: structures or shapes do not fit; the message names the argument.

    Example:
        >>> import geomdl, torch
        >>> G = geomdl.group("S3") * geomdl.group("O3")
        >>> source = {
        ...     "z": Field(geomdl.Nodes(), G.trivial, shape=()),
        ...     "pos": geomdl.fields.positions(G),
        ...     "cutoff": None,
        ... }
        >>> g = (torch.tensor([1, 2, 0]), -torch.eye(3, dtype=torch.float64))
        >>> z, pos, cutoff = act(g, source, (torch.tensor([1, 6, 8]), torch.eye(3), 5.0))
        >>> z, pos.diag(-1), pos[0, 2], cutoff
        (tensor([8, 1, 6]), tensor([-1., -1.]), tensor(-1.), 5.0)
    """

    def move(field: Field, x: Any, name: str) -> Any:
        field.check(x, name)
        return field.act_unchecked(g, x)

    return map_fields(move, source, inputs)


def map_fields(
    function: Callable[[Field, Any, str], Any], source: Type, inputs: Any, name: str = "x"
) -> Any:
    """Replace each value that has a field by ``function(field, value, name)``; keep the others.

    Raises:
        ValueError: ``inputs`` has not the structure of ``source``.
    """
    if source is None or inputs is None:
        return inputs
    if isinstance(source, Field):
        if type(inputs) is tuple:
            if len(inputs) != 1:
                raise ValueError(f"{name}: expected one value for {source!r}, got {len(inputs)}")
            return (map_fields(function, source, inputs[0], name),)
        return function(source, inputs, name)
    if isinstance(inputs, dict):
        return {
            key: map_fields(function, part, inputs[key], key)
            for key, part in _named(source, list(inputs), name).items()
        }
    if not isinstance(inputs, (tuple, list)):
        kind = type(inputs).__name__
        raise ValueError(f"{name}: expected {len(source)} values, got one {kind}")
    names = getattr(inputs, "_fields", None)
    if names is not None and isinstance(source, dict):
        parts = _named(source, list(names), name)
    else:
        parts = _numbered(source, len(inputs), name)
    values = [
        map_fields(function, part, x, key)
        for (key, part), x in zip(parts.items(), inputs, strict=True)
    ]
    return type(inputs)(values) if names is None else type(inputs)(*values)


def _named(source: Any, names: list[str], name: str) -> dict[str, Type]:
    """Types of the values that have these names."""
    if not isinstance(source, dict):
        raise ValueError(f"{name}: expected a tuple of {len(source)}, got names {', '.join(names)}")
    unknown = [key for key in names if key not in source]
    if unknown:
        known = ", ".join(source)
        raise ValueError(f"{name}: expected the names {known}, got {', '.join(unknown)}")
    return {key: source[key] for key in names}


def _numbered(source: Any, n: int, name: str) -> dict[str, Type]:
    """Types of the first n values; only a dict may have more, its last arguments left out."""
    named = isinstance(source, dict)
    parts = source if named else {f"{name}[{i}]": part for i, part in enumerate(source)}
    if n > len(parts) or (n < len(parts) and not named):
        raise ValueError(f"{name}: expected {len(parts)} values, got {n}")
    return dict(list(parts.items())[:n])


def leaves(source: Type, inputs: Any) -> list[tuple[str, Field, Any]]:
    """Name, field and value of every value that has a field, in order.

    Raises:
        ValueError: ``inputs`` has not the structure of ``source``.
    """
    found: list[tuple[str, Field, Any]] = []
    map_fields(lambda field, x, name: found.append((name, field, x)), source, inputs)
    return found


def fields_of(*types: Type) -> list[Field]:
    """All fields in some types, in order."""
    found: list[Field] = []
    for tree in types:
        if isinstance(tree, Field):
            found.append(tree)
        elif tree is not None:
            found += fields_of(*(tree.values() if isinstance(tree, dict) else tree))
    return found


def group_of(*types: Type) -> Group:
    """Return the one group that acts on all fields of some types.

    Raises:
        ValueError: there is no field, or two of different groups.

    Example:
        >>> import geomdl
        >>> G = geomdl.group("D4")
        >>> group_of({"x": Field(geomdl.Vector(), G.standard), "scale": None})
        group('D4')
    """
    fields = fields_of(*types)
    if not fields:
        raise ValueError("group: no Field states one, name the group")
    for field in fields:
        if field.group != fields[0].group:
            raise ValueError(
                f"group: all fields should be of {fields[0].group.name}, "
                f"got one of {field.group.name}"
            )
    return fields[0].group


def check_chain(modules: Iterable[Any]) -> None:
    """Refuse modules in a row of which one does not take what the one before gives.

    Layers are numbered from 1. Where ``source`` is a dict, its first argument is the one handed on;
    a module without ``source`` and ``target`` can be followed by anything.

    Args:
        modules: each with attributes ``source`` and ``target`` (types), as all layers of geomdl.

    Raises:
        ValueError: ``layer 2: source Field(…) should equal the target Field(…) of layer 1``.
    """
    before: Type = None
    for number, module in enumerate(modules, start=1):
        source: Type = getattr(module, "source", None)
        if isinstance(source, dict) and not isinstance(before, dict):
            source = next(iter(source.values()), None)
        if before is not None and source is not None and source != before:
            raise ValueError(
                f"layer {number}: source {source!r} should equal the target {before!r} "
                f"of layer {number - 1}"
            )
        before = getattr(module, "target", None)


def type_to_config(tree: Type) -> Any:
    """JSON-able description of a type, read back by `type_from_config`."""
    if tree is None:
        return None
    if isinstance(tree, Field):
        return tree.to_config()
    if isinstance(tree, dict):
        return {"dict": {key: type_to_config(part) for key, part in tree.items()}}
    return {"tuple": [type_to_config(part) for part in tree]}


def type_from_config(config: Any) -> Type:
    """Type from what `type_to_config` gave."""
    if config is None:
        return None
    if "dict" in config:
        return {key: type_from_config(part) for key, part in config["dict"].items()}
    if "tuple" in config:
        return tuple(type_from_config(part) for part in config["tuple"])
    return Field.from_config(config)
