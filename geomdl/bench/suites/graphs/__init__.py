"""Suites `graphs/…`: message passing against PyG, expressivity on BREC, real tasks.

`expressivity`: what each colouring tells apart on BREC, SR25 and CSL, exactly. `brec`: what
networks trained on its pairs do. `parity`: outputs of layers beside PyG's. `speed`: their time and
memory. `large`: three layers of SAGE on sampled neighbourhoods of a graph with ten million edges.
`counting`: cycles and paths in the graph atlas. `enzymes`: classes of proteins over ten folds.
`qm9`: properties of molecules without coordinates. `communities`: nodes of a block model beside the
known optimum.
"""

from geomdl.bench.suites.graphs import (
    brec,
    communities,
    counting,
    enzymes,
    expressivity,
    large,
    parity,
    qm9,
    speed,
)

__all__ = [
    "brec",
    "communities",
    "counting",
    "enzymes",
    "expressivity",
    "large",
    "parity",
    "qm9",
    "speed",
]
