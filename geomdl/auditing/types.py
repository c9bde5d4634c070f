"""Types and group of an audit: what was given, what is declared, and how they go together."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from geomdl.auditing.trees import is_type
from geomdl.fields import Edges, Field, Grid, Nodes, Points, Type, fields_of, group_of, restricted
from geomdl.groups import Group
from geomdl.groups import group as group_by_name
from geomdl.groups.products import Product


def resolve(
    f: Any, group: Group | str | None, source: Type, target: Type
) -> tuple[Type, Type, Group, Callable[[Any], Any]]:
    """Types and group of an audit: what was given, else what `f` declares.

    Returns:
        source, target, the audited group, and its embedding in the group of the fields.

    Raises:
        ValueError: a type is missing, the fields have different groups (the target's may be a
            subgroup: then it is audited), or `group` is not (a subgroup of) theirs. Where theirs is
            the trivial group, on nodes or edges, `group` may be any that permutes these; where it
            is another, a permutation group, which then renames nodes and mixes no components.
    """
    source = _default(f, "source", source)
    target = _default(f, "target", target)
    if isinstance(source, Field) and isinstance(target, Field) and source.group != target.group:
        source = _restricted(source, target.group)
    ambient = group_of(source, target)
    if group is None:
        return source, target, ambient, _same
    wanted = group_by_name(group) if isinstance(group, str) else group
    on_graph = any(isinstance(f.domain, Nodes | Edges) for f in fields_of(source))
    if on_graph and (ambient.order == 1 or (wanted != ambient and wanted.standard_permutes)):
        # layers on graphs of any number of nodes cannot name their permutations
        source, target = under(source, wanted), under(target, wanted)
        ambient = group_of(source, target)
    return source, target, wanted, embedding(wanted, ambient)


def under(tree: Type, group: Group) -> Type:
    """Types as they are if the group is in theirs, else with the group acting on places alone.

    Raises:
        ValueError: neither is possible: a channel that is not trivial has its own group.
    """
    if tree is None:
        return None
    if isinstance(tree, Mapping):
        return {name: under(part, group) for name, part in tree.items()}
    if isinstance(tree, tuple):
        return tuple(under(part, group) for part in tree)
    try:
        embedding(group, tree.group)
    except ValueError:
        mixes = any(block != tree.group.trivial for block, _ in tree.rep.blocks)
        if mixes and not group.standard_permutes:
            raise
    else:
        return tree
    domain, rep = tree.domain, tree.rep.dim * group.trivial
    if isinstance(domain, Grid):
        return Field(replace(domain, action=None, resolution=1), rep)
    if isinstance(domain, Edges):
        return Field(domain, group.trivial)
    if isinstance(domain, Points):  # the group renames them, and moves none
        domain = Nodes()
    if tree.has_columns:
        return Field(domain, rep, channels=tree.channels)
    return Field(domain, rep, shape=tree.fibre)


def _restricted(source: Field, group: Group) -> Field:
    """The source under the group of the target, where that is a subgroup; else as it is."""
    try:
        return restricted(source, group)
    except ValueError:
        return source


def embedding(wanted: Group, ambient: Group) -> Callable[[Any], Any]:
    """Return the embedding of a group in another: as itself, as a factor, or by its matrices.

    Raises:
        ValueError: there is none that is known.
    """
    if wanted == ambient:
        return _same
    if isinstance(ambient, Product) and wanted in ambient.factors:
        return partial(ambient.inject, ambient.factors.index(wanted))
    try:
        return ambient.subgroup(wanted).embed
    except ValueError as error:
        raise ValueError(
            f"group: expected {ambient.name}, the group of source and target, or a subgroup of "
            f"it, got {wanted.name}"
        ) from error


def _same(g: Any) -> Any:
    return g


def _default(f: Any, name: str, given: Type) -> Type:
    if given is not None:
        return given
    if not hasattr(f, name):
        raise ValueError(f"{name}: f declares none, give {name}=Field(domain, rep)")
    found: Type = getattr(f, name)
    if not is_type(found):
        kind = type(found).__name__
        raise ValueError(f"{name}: f.{name} should be a Field or a tree of Fields, got {kind}")
    return found
