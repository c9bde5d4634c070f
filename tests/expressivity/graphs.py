"""Graphs for the tests of this folder."""

import functools

import networkx as nx
import torch

from geomdl.fields import Graph


@functools.cache
def atlas(largest, smallest=1):
    """All graphs of so many nodes, up to isomorphism."""
    return tuple(
        Graph.from_networkx(g)
        for g in nx.graph_atlas_g()
        if smallest <= g.number_of_nodes() <= largest
    )


def drawn(nodes, edges, rng, directed=True):
    """A random multigraph with self-loops, or an undirected simple graph."""
    pairs = torch.randint(nodes, (2, edges), generator=rng)
    if not directed:
        pairs = torch.unique(pairs[:, pairs[0] < pairs[1]], dim=1)
        pairs = torch.cat([pairs, pairs.flip(0)], 1)
    return Graph.from_edge_index(pairs, nodes)


def renamed(graph, rng):
    """The same with other numbers of nodes, and its edges in another order."""
    perm = torch.randperm(graph.num_nodes, generator=rng)
    edges = graph.permute(perm).to_edge_index()
    return Graph.from_edge_index(
        edges[:, torch.randperm(graph.num_edges, generator=rng)], graph.num_nodes
    )


def few_distinct(rng, count=30, nodes=5, edges=6, directed=True):
    """Small random graphs, and as many again that are renamed copies, shuffled."""
    graphs = [drawn(nodes, edges, rng, directed) for _ in range(count)]
    graphs += [renamed(g, rng) for g in graphs]
    return [graphs[i] for i in torch.randperm(len(graphs), generator=rng).tolist()]
