"""Belief propagation against all assignments of a tree, and on graphs of the model."""

from itertools import product

import networkx
import pytest
import torch

from geomdl.data import stochastic_block_model
from geomdl.fields import Graph
from geomdl.permutation import belief_propagation


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


def test_without_known_nodes_groups_are_found_up_to_their_names():
    affinity = torch.tensor([[9.0, 1.0], [1.0, 9.0]], dtype=torch.float64)
    ends, labels = stochastic_block_model([300, 300], matrix=affinity / 600, seed=0)
    graph = Graph.from_edge_index(ends, num_nodes=600)
    stuck = belief_propagation(graph, affinity)
    assert (stuck - 0.5).abs().max() < 1e-9
    found = belief_propagation(graph, affinity, rng=torch.Generator().manual_seed(0))
    right = float((found.argmax(1) == labels).double().mean())
    assert max(right, 1 - right) > 0.9
