"""Make any network equivariant, without touching its weights; augment data by a group.

Every mode is a frame: a map from an input to weighted elements of the group that move with it.

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
from geomdl.symmetrization.facade import symmetrize
from geomdl.symmetrization.frame import Draws, Frame, Orbit, Weighted
from geomdl.symmetrization.modes import Average, Canonical, Frames, Sample
from geomdl.symmetrization.networks import MemberScores, OrbitScores, VectorNetwork
from geomdl.symmetrization.points import Centred, PointFrames, PrincipalAxes
from geomdl.symmetrization.sorting import Sorting
from geomdl.symmetrization.symmetrized import Symmetrized

__all__ = [
    "Augment",
    "Average",
    "BestElement",
    "Canonical",
    "Centred",
    "Draws",
    "Frame",
    "Frames",
    "LearnedAxes",
    "LearnedOrder",
    "MemberScores",
    "Orbit",
    "OrbitScores",
    "PointFrames",
    "PrincipalAxes",
    "Sample",
    "Sorting",
    "Symmetrized",
    "VectorNetwork",
    "Weighted",
    "symmetrize",
]
