"""Suites `theory/…`: what theory says, measured.

`invariance`: augmentation, averaging and architecture from few samples, on digits and on points.
"""

from geomdl.bench.suites.theory import invariance

__all__ = ["invariance"]
