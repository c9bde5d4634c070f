"""Suites `linear/…`: networks of any matrix group.

`tasks`: error against the number of samples of `EMLP` beside a perceptron, under O(5), O(3),
O(1, 3) and O(2).
"""

from geomdl.bench.suites.linear import tasks

__all__ = ["tasks"]
