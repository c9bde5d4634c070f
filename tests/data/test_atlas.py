"""The atlas as networkx has it."""

import networkx
import torch

from geomdl.data import load
from geomdl.fields import Graph


def test_every_graph():
    found = load("atlas")
    graph = Graph.from_edge_index(found["edge_index"], batch=found["batch"], num_graphs=1253)
    assert torch.equal(graph.ptr.long(), found["ptr"])
    theirs = networkx.graph_atlas_g()
    for ours, one in zip(graph.unbatch(), theirs, strict=True):
        assert ours.num_nodes == len(one) and ours.is_undirected
        assert {frozenset(e) for e in ours.to_edge_index().T.tolist()} == set(
            map(frozenset, one.edges)
        )
        assert ours.num_edges == 2 * one.number_of_edges()
    assert found["ptr"].diff().bincount().tolist() == [1, 1, 2, 4, 11, 34, 156, 1044]
