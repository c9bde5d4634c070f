"""Suites `graphs/…`: message passing against PyG, expressivity on BREC, real tasks.

`large`: three layers of SAGE on sampled neighbourhoods of a graph with ten million edges.
"""

from geomdl.bench.suites.graphs import (
    large,
    parity,
)

__all__ = [
    "large",
    "parity",
]
