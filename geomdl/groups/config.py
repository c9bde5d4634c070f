"""Groups, subgroups and representations from their JSON-able descriptions."""

from __future__ import annotations

import math
from typing import Any

import torch

from geomdl.groups.constructions import Dual, Pullback
from geomdl.groups.finite import ElementGroup
from geomdl.groups.group import Group
from geomdl.groups.harmonics import harmonics
from geomdl.groups.matrix import matrix_group
from geomdl.groups.names import from_config, group
from geomdl.groups.products import DirectProduct
from geomdl.groups.rep import Rep, direct_sum
from geomdl.groups.semidirect import semidirect
from geomdl.groups.subgroup import Subgroup
from geomdl.groups.tables import Sub


def group_from_config(config: dict[str, Any]) -> Group:
    """Group from ``Group.to_config()``."""
    kind = config["group"]
    if kind == "matrices":
        n = config["n"]
        parts = [
            torch.tensor(config[key], dtype=torch.float64).reshape(-1, n, n)
            for key in ("generators", "lie_algebra")
        ]
        algebra = parts[1] if len(parts[1]) else None
        return matrix_group(parts[0], algebra, config["name"], tol=math.inf)  # it closed before
    if kind == "direct":
        out: Group = from_config(config["factors"][0])
        for factor in config["factors"][1:]:
            out = DirectProduct.of(out, from_config(factor))
        return out
    if kind == "semidirect":
        return semidirect(from_config(config["normal"]), from_config(config["point"]))
    if kind == "subgroup":
        return ElementGroup(from_config(config["parent"]), tuple(config["ids"]))
    return group(kind)


def subgroup_from_config(config: dict[str, Any]) -> Subgroup:
    """Subgroup from ``Subgroup.to_config()``."""
    h = from_config(config["subgroup"])
    via = config["via"]
    return Subgroup(
        h, from_config(config["parent"]), None if via is None else rep_from_config(via, h)
    )


def rep_from_config(config: dict[str, Any], of: Group) -> Rep:
    """Representation of the group ``of`` from one node of its description."""
    kind = config["rep"]
    if kind in ("trivial", "standard", "regular"):
        rep: Rep = getattr(of, kind)
        return rep
    if kind == "irrep":
        return of.irrep(_label(config["label"]))
    if kind == "sum":
        return direct_sum([(rep_from_config(part, of), n) for part, n in config["parts"]])
    if kind == "tensor":
        return rep_from_config(config["left"], of) @ rep_from_config(config["right"], of)
    if kind in ("sym", "alt"):
        base = rep_from_config(config["base"], of)
        return base.sym(config["k"]) if kind == "sym" else base.alt(config["k"])
    if kind == "harmonic":
        return harmonics(rep_from_config(config["action"], of), config["l"])
    if kind == "dual":
        return Dual(rep_from_config(config["base"], of))
    if kind == "table":
        return of.finite_rep(torch.tensor(config["matrices"], dtype=torch.float64))
    if kind == "permutation":
        return of.permutation_rep(torch.tensor(config["images"]))
    if kind == "quotient":
        return of.quotient(subgroup_from_config(config["subgroup"]))
    if kind == "pullback":
        return Pullback(of, config["factor"], from_config(config["base"]))
    if kind == "sub":
        columns = torch.tensor(config["columns"], dtype=torch.float64)
        return Sub.build(rep_from_config(config["base"], of), columns)
    if kind == "restrict":
        value: Rep = from_config(config["base"]).restrict(subgroup_from_config(config["subgroup"]))
        return value
    if kind == "induced":
        subgroup = subgroup_from_config(config["subgroup"])
        return rep_from_config(config["base"], subgroup.group).induce(subgroup)
    raise ValueError(f"config: unknown representation {kind!r}")


def _label(label: Any) -> Any:
    return tuple(_label(x) for x in label) if isinstance(label, list) else label
