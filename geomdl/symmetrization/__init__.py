"""Make any network equivariant, without touching its weights; augment data by a group.

Every mode is a frame: a map from an input to weighted elements of the group that move with it.
Where a symmetry is unknown, `discover` estimates it; where it is partial, `relaxed` lets go of it.

Example:
    >>> import geomdl, torch
    >>> D4 = geomdl.group("D4")
    >>> image = geomdl.Field(geomdl.Grid(2), D4.trivial)
    >>> scores = geomdl.Field(geomdl.Vector(), 2 * D4.trivial)
    >>> f = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(9, 2))
    >>> symmetrize(f, D4, source=image, target=scores).cost
    8
"""

from geomdl.symmetrization.augment import Augment
from geomdl.symmetrization.canonical import BestElement, LearnedAxes, LearnedOrder
from geomdl.symmetrization.discover_subgroup import (
    ElementFinding,
    SubgroupDiscovery,
    discover_subgroup,
)
from geomdl.symmetrization.discovering import discover
from geomdl.symmetrization.discovery import Candidate, Discovery
from geomdl.symmetrization.facade import symmetrize
from geomdl.symmetrization.frame import Draws, Frame, Orbit, Weighted
from geomdl.symmetrization.modes import Average, Canonical, Frames, Sample
from geomdl.symmetrization.networks import MemberScores, OrbitScores, VectorNetwork
from geomdl.symmetrization.penalized import Penalized, penalized
from geomdl.symmetrization.points import Centred, PointFrames, PrincipalAxes
from geomdl.symmetrization.relaxed_conv import RelaxedConv
from geomdl.symmetrization.relaxed_departure import departure
from geomdl.symmetrization.relaxed_layer import FreeConv, FreeLinear, Relaxed
from geomdl.symmetrization.relaxing import departures, penalty, plot_departures, relaxed
from geomdl.symmetrization.sorting import Sorting
from geomdl.symmetrization.symmetrized import Symmetrized

__all__ = [
    "Augment",
    "Average",
    "BestElement",
    "Candidate",
    "Canonical",
    "Centred",
    "Discovery",
    "Draws",
    "ElementFinding",
    "Frame",
    "Frames",
    "FreeConv",
    "FreeLinear",
    "LearnedAxes",
    "LearnedOrder",
    "MemberScores",
    "Orbit",
    "OrbitScores",
    "Penalized",
    "PointFrames",
    "PrincipalAxes",
    "Relaxed",
    "RelaxedConv",
    "Sample",
    "Sorting",
    "SubgroupDiscovery",
    "Symmetrized",
    "VectorNetwork",
    "Weighted",
    "departure",
    "departures",
    "discover",
    "discover_subgroup",
    "penalized",
    "penalty",
    "plot_departures",
    "relaxed",
    "symmetrize",
]
