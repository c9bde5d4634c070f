"""Groups and their representations: what a symmetry is and how it acts on a vector."""

from geomdl.groups import elements
from geomdl.groups.decompose import Decomposition
from geomdl.groups.elements import Element
from geomdl.groups.group import Group, Parts
from geomdl.groups.harmonics import harmonic_values, harmonics
from geomdl.groups.intertwiners import (
    IntertwinerOperator,
    clebsch_gordan,
    intertwiner_operator,
    intertwiners,
    isomorphic,
)
from geomdl.groups.invariants import molien
from geomdl.groups.matrix import matrix_group
from geomdl.groups.names import from_config, group
from geomdl.groups.rep import Rep, direct_sum
from geomdl.groups.semidirect import semidirect
from geomdl.groups.subgroup import Subgroup

__all__ = [
    "Decomposition",
    "Element",
    "Group",
    "IntertwinerOperator",
    "Parts",
    "Rep",
    "Subgroup",
    "clebsch_gordan",
    "direct_sum",
    "elements",
    "from_config",
    "group",
    "harmonic_values",
    "harmonics",
    "intertwiner_operator",
    "intertwiners",
    "isomorphic",
    "matrix_group",
    "molien",
    "semidirect",
]
