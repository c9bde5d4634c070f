"""How symmetries act on data: domains, fields, graphs, and types of several inputs."""

from geomdl.fields.domains import Domain, Edges, Grid, Nodes, Points, Vector
from geomdl.fields.field import Field, positions
from geomdl.fields.graph import Graph
from geomdl.fields.graph_table import GraphTable
from geomdl.fields.grid import coordinates, inscribed
from geomdl.fields.messages import at_sources, at_targets, neighbor_softmax, sum_at_targets
from geomdl.fields.molecules import Atoms, atoms_from_pyg
from geomdl.fields.resample import interpolate
from geomdl.fields.restriction import restricted
from geomdl.fields.stabilizers import stabilizer
from geomdl.fields.types import (
    Type,
    act,
    check_chain,
    fields_of,
    group_of,
    leaves,
    map_fields,
    type_from_config,
    type_to_config,
)

__all__ = [
    "Atoms",
    "Domain",
    "Edges",
    "Field",
    "Graph",
    "GraphTable",
    "Grid",
    "Nodes",
    "Points",
    "Type",
    "Vector",
    "act",
    "at_sources",
    "at_targets",
    "atoms_from_pyg",
    "check_chain",
    "coordinates",
    "fields_of",
    "group_of",
    "inscribed",
    "interpolate",
    "leaves",
    "map_fields",
    "neighbor_softmax",
    "positions",
    "restricted",
    "stabilizer",
    "sum_at_targets",
    "type_from_config",
    "type_to_config",
]
