"""Pairs of graphs that colour refinement cannot tell apart, and batches of them."""

import networkx as nx
import torch

from geomdl.fields import Graph


def six_cycles():
    """A cycle of 6, and two of 3."""
    return nx.cycle_graph(6), nx.disjoint_union(nx.cycle_graph(3), nx.cycle_graph(3))


def strongly_regular():
    """The rook's graph of a 4 × 4 board and the graph of Shrikhande, srg(16, 6, 2, 2) both."""
    rook = nx.line_graph(nx.complete_bipartite_graph(4, 4))
    torus = nx.Graph()
    for i in range(4):
        for j in range(4):
            for a, b in ((0, 1), (1, 0), (1, 1)):
                torus.add_edge((i, j), ((i + a) % 4, (j + b) % 4))
    return tuple(map(nx.convert_node_labels_to_integers, (rook, torus)))


def skip_links():
    """Cycles of 41 nodes with chords of length 2, and of length 3."""
    return nx.circulant_graph(41, [1, 2]), nx.circulant_graph(41, [1, 3])


PAIRS = {"cycles": six_cycles, "strongly regular": strongly_regular, "skip links": skip_links}


def batch(*graphs):
    """Ones at the nodes, and the graphs as one batch."""
    graph = Graph.batch([Graph.from_networkx(g) for g in graphs])
    return torch.ones(graph.num_nodes, 1, dtype=torch.float64), graph


def apart(model, name, seed=0):
    """Difference of what a model says of the two graphs of a pair, relative, in float64."""
    x, graph = batch(*PAIRS[name]())
    with torch.no_grad():
        one, other = model.double()(x, graph)
    return float((one - other).abs().max() / one.abs().max())
