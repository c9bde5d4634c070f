"""Canonical certificates against brute force; partitions against colour refinement."""

import itertools

import networkx as nx
import numpy as np
import pytest
import torch

from geomdl.expressivity import (
    canonical_certificate,
    cfi,
    circular_skip_links,
    color_refinement,
    isomorphic,
    marked_wl,
    wl,
)
from geomdl.expressivity.layout import layout_of
from geomdl.expressivity.partitions import Relations, certify, mark, stable_partition
from geomdl.fields import Graph
from tests.expressivity import slow
from tests.expressivity.graphs import atlas, drawn, few_distinct, renamed


def rng(seed=0):
    return torch.Generator().manual_seed(seed)


def least_matrix(graph):
    """Least of all matrices under renaming: a canonical form by brute force."""
    m = slow.matrix(graph)
    orders = itertools.permutations(range(graph.num_nodes))
    return min(tuple(m[i][j] for i in order for j in order) for order in orders)


@pytest.mark.parametrize("directed", [True, False])
def test_as_brute_force(directed):
    graphs = few_distinct(rng(0), 25, 5, 6, directed)
    expected = slow.partition(least_matrix(g) for g in graphs)
    assert slow.partition(map(canonical_certificate, graphs)) == expected
    assert max(expected) > 6


def test_the_atlas_is_told_apart_and_renaming_changes_nothing():
    graphs = atlas(6)
    found = [canonical_certificate(g) for g in graphs]
    assert len(set(found)) == len(graphs) == 208
    assert [canonical_certificate(renamed(g, rng(k))) for k, g in enumerate(graphs)] == found


SYMMETRIC = {
    "complete": nx.complete_graph(25),
    "empty": nx.empty_graph(25),
    "triangles": nx.disjoint_union_all([nx.complete_graph(3)] * 7),
    "cube": nx.hypercube_graph(5),
    "petersen": nx.petersen_graph(),
    "bipartite": nx.complete_bipartite_graph(9, 9),
    "ladder": nx.circular_ladder_graph(12),
    "paley": nx.paley_graph(13).to_undirected(),
    "tree": nx.balanced_tree(3, 3),
}


@pytest.mark.parametrize("name", SYMMETRIC)
def test_symmetric_graphs(name):
    graph = Graph.from_networkx(SYMMETRIC[name])
    found = canonical_certificate(graph, budget=2000)
    for seed in range(3):
        assert canonical_certificate(renamed(graph, rng(seed)), budget=2000) == found
    # one edge fewer, or one more, is another graph
    other = SYMMETRIC[name].copy()
    u, v = next(iter(other.edges), (0, 1))
    if other.has_edge(u, v):
        other.remove_edge(u, v)
    else:
        other.add_edge(u, v)
    assert canonical_certificate(Graph.from_networkx(other)) != found


def test_graphs_that_are_hard_to_tell_apart():
    rook = Graph.from_networkx(nx.line_graph(nx.complete_bipartite_graph(4, 4)))
    steps = [(0, 1), (1, 0), (1, 1), (0, 3), (3, 0), (3, 3)]
    edges = [(4 * a + b, 4 * ((a + x) % 4) + (b + y) % 4)
             for a in range(4) for b in range(4) for x, y in steps]  # fmt: skip
    shrikhande = Graph.from_edge_index(torch.tensor(edges).T)
    assert not isomorphic(rook, shrikhande)
    assert isomorphic(rook, renamed(rook, rng(1)))
    assert isomorphic(shrikhande, renamed(shrikhande, rng(2)))
    assert len({canonical_certificate(g) for g in circular_skip_links()}) == 10


def test_against_networkx_on_regular_graphs():
    graphs = [nx.random_regular_graph(3, 10, seed=s) for s in range(14)]
    ours = [canonical_certificate(Graph.from_networkx(g)) for g in graphs]
    for (a, g), (b, h) in itertools.combinations(zip(ours, graphs, strict=True), 2):
        assert (a == b) == nx.is_isomorphic(g, h)
    assert len(set(ours)) < len(ours)


def test_colors_are_kept():
    path = Graph.from_networkx(nx.path_graph(3))
    ends = [canonical_certificate(path, torch.tensor(c)) for c in ([1, 0, 0], [0, 0, 1], [0, 1, 0])]
    assert ends[0] == ends[1] != ends[2]
    assert canonical_certificate(path, torch.tensor([5, 4, 4])) != ends[0]  # colours are numbers
    mixed, other = (
        canonical_certificate(path, edge_color=torch.tensor(c))
        for c in ([0, 0, 1, 1], [1, 1, 0, 0])
    )
    assert mixed == other
    assert canonical_certificate(path, edge_color=torch.tensor([0, 1, 0, 1])) != mixed


def test_bad_input():
    graph = drawn(5, 6, rng())
    with pytest.raises(ValueError, match="graph: expected one graph, got Graph"):
        canonical_certificate(Graph.batch([graph, graph]))
    large = Graph.from_networkx(nx.empty_graph(30))
    with pytest.raises(
        ValueError, match="search of at most 20 refinements, got more; raise budget"
    ):
        canonical_certificate(large, budget=20)
    assert not isomorphic(graph, large)


@pytest.mark.parametrize("directed", [True, False])
def test_partitions_are_those_of_colour_refinement(directed):
    for seed in range(20):
        graph = drawn(40, 45, rng(seed), directed)
        kinds = torch.randint(2, (graph.num_edges,), generator=rng(seed))
        relations = Relations.of(layout_of(graph, edge_color=kinds))
        partition = stable_partition(relations)
        colors = color_refinement(graph, edge_color=kinds).nodes
        assert slow.partition(partition.cell.tolist()) == colors.tolist()
        assert (np.bincount(partition.cell, minlength=40) == partition.length).all()
        assert (partition.order[partition.place] == np.arange(40)).all()
        for node in (0, 17, 39):
            marks = torch.zeros(40, dtype=torch.int64)
            marks[node] = 1
            finer = color_refinement(graph, marks, kinds).nodes
            assert slow.partition(mark(relations, partition, node).cell.tolist()) == finer.tolist()


def test_certificates_of_partitions_are_those_of_colour_refinement():
    graphs = few_distinct(rng(7), 60, 7, 8, directed=False)
    found = []
    for graph in graphs:
        relations = Relations.of(layout_of(graph))
        found.append(certify(relations, stable_partition(relations)))
    assert slow.partition(found) == color_refinement(graphs).graphs.tolist()


def test_a_certificate_that_left_out_the_edges_would_be_caught():
    pair = [cfi(g) for g in atlas(4, 4) if set(g.in_degree.tolist()) == {2}]
    pair.append(cfi(next(g for g in atlas(4, 4) if set(g.in_degree.tolist()) == {2}), True))
    sizes = []
    for graph in pair:
        partition = stable_partition(Relations.of(layout_of(graph)))
        sizes.append(tuple(partition.length))
    assert sizes[0] == sizes[1]  # the cells alone are the same
    assert marked_wl(pair).tolist() == [0, 1]


def test_graphs_of_another_library_are_refused_in_one_line():
    path = nx.path_graph(3)
    line = r"expected a geomdl Graph, got networkx.Graph \(take Graph.from_networkx\)$"
    for call, name in (
        (lambda: isomorphic(path, path), "first"),
        (lambda: isomorphic(Graph.from_networkx(path), path), "second"),
        (lambda: canonical_certificate(path), "graph"),
        (lambda: wl([path]), "graphs"),
        (lambda: wl(path), "graphs"),
    ):
        with pytest.raises(TypeError, match=f"^{name}: {line}"):
            call()
