"""Counts of patterns against networkx."""

import networkx
import pytest
import torch

from geomdl.bench.suites.graphs.patterns import PATTERNS, count


@pytest.mark.parametrize("pattern", PATTERNS)
def test_counts_are_those_of_subgraph_isomorphisms(pattern):
    size = 3 if pattern == "triangles" else int(pattern[0])
    shape = networkx.path_graph(size + 1) if "path" in pattern else networkx.cycle_graph(size)
    symmetries = 2 if "path" in pattern else 2 * size
    graphs = [networkx.gnp_random_graph(7, p, seed=s) for s, p in enumerate([0.3, 0.5, 0.8, 1.0])]
    adjacency = torch.tensor([networkx.to_numpy_array(g).tolist() for g in graphs]).long()
    expected = []
    for graph in graphs:
        matcher = networkx.algorithms.isomorphism.GraphMatcher(graph, shape)
        expected.append(sum(1 for _ in matcher.subgraph_monomorphisms_iter()) // symmetries)
    assert count(pattern, adjacency).tolist() == expected
    assert expected[-1] > 0


def test_patterns_that_do_not_fit():
    assert count("6-cycles", torch.ones(1, 4, 4).long() - torch.eye(4).long()).tolist() == [0]
    with pytest.raises(ValueError, match="pattern: expected one of triangles"):
        count("squares", torch.zeros(1, 3, 3))
    with pytest.raises(ValueError, match="adjacency: expected at most 8 nodes, got 9"):
        count("triangles", torch.zeros(1, 9, 9))
