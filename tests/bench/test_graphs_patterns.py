"""Counts of patterns against networkx, and belief propagation against all assignments of a tree."""

from itertools import product

import networkx
import pytest
import torch

from geomdl.bench.suites.graphs.belief import belief_propagation
from geomdl.bench.suites.graphs.patterns import PATTERNS, count
from geomdl.data import stochastic_block_model
from geomdl.fields import Graph


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


def test_beliefs_on_a_tree_are_exact():
    """With h = 0 (a constant affinity sum) messages on a tree are Bayes' rule."""
    tree = networkx.from_prufer_sequence([0, 0, 2, 3])
    graph = Graph.from_networkx(tree)
    affinity = torch.tensor([[5.0, 1.0], [1.0, 5.0]], dtype=torch.float64)
    known = torch.tensor([-1, 0, -1, -1, 1, -1])
    weights = torch.zeros(6, 2, dtype=torch.float64)
    for groups in product(range(2), repeat=6):
        if all(k in (-1, g) for k, g in zip(known.tolist(), groups, strict=True)):
            weight = 1.0
            for i, j in tree.edges:
                weight *= float(affinity[groups[i], groups[j]])
            for i, g in enumerate(groups):
                weights[i, g] += weight
    exact = weights / weights.sum(1, keepdim=True)
    found = belief_propagation(graph, affinity, known, steps=60, damping=0.0)
    assert (found - exact).abs().max() < 0.02, "the field of non-edges is of order 1/n"
    flat = belief_propagation(graph, affinity, torch.full((6,), -1))
    assert (flat - 0.5).abs().max() < 1e-12
    assert (exact - 0.5).abs().max() > 0.1


def test_each_graph_of_a_batch_is_one_by_itself():
    """The field keeps the groups of every graph in balance, not those of all together."""
    affinity = torch.tensor([[7.0, 1.0], [1.0, 7.0]], dtype=torch.float64)
    graphs, known = [], []
    for seed in range(3):
        ends, labels = stochastic_block_model([100, 100], matrix=affinity / 200, seed=seed)
        graphs.append(Graph.from_edge_index(ends, num_nodes=200))
        rng = torch.Generator().manual_seed(seed)
        known.append(torch.where(torch.rand(200, generator=rng) < 0.1, labels, -1))
    together = belief_propagation(Graph.batch(graphs), affinity, torch.cat(known))
    alone = [belief_propagation(g, affinity, k) for g, k in zip(graphs, known, strict=True)]
    assert (together - torch.cat(alone)).abs().max() < 1e-12
    assert torch.cat(alone).std() > 0.1


def test_an_edge_without_its_reverse_is_refused():
    one_way = Graph.from_edge_index(torch.tensor([[0], [1]]))
    with pytest.raises(ValueError, match="with every edge its reverse"):
        belief_propagation(one_way, torch.ones(2, 2), torch.tensor([0, -1]))
