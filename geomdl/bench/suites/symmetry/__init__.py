"""Suites `symmetry/…`: ways to give a network a symmetry, what each costs and what it buys.

`digits`: the symmetries of the square on handwritten digits. `points`: rotations of space on point
clouds. In both, networks are trained on upright samples and tested on turned ones.
"""

from geomdl.bench.suites.symmetry import digits, points

__all__ = ["digits", "points"]
