"""Self-loops, repeats and directions of edges against PyG, with the features carried along."""

import pytest
import torch
from hypothesis import given
from torch_geometric import utils

from geomdl.fields.graph import Graph
from tests.fields.test_graph import batches, check_invariants, edges, multigraphs, permuted


def features(graph: Graph) -> torch.Tensor:
    rng = torch.Generator().manual_seed(graph.num_edges)
    return torch.randint(100, (graph.num_edges, 2), generator=rng)


@given(multigraphs())
def test_with_self_loops(graph):
    found = graph.with_self_loops()
    check_invariants(found)
    assert edges(found)[: graph.num_edges] == edges(graph)
    has = {s for s, t in edges(graph) if s == t}
    new = [(i, i) for i in range(graph.num_nodes) if i not in has]
    assert edges(found)[graph.num_edges :] == new
    assert found.with_self_loops() == found
    theirs, _ = utils.add_remaining_self_loops(graph.to_edge_index(), num_nodes=graph.num_nodes)
    theirs = Graph.from_edge_index(theirs, graph.num_nodes)
    assert found.coalesced()[0] == theirs.coalesced()[0]  # PyG drops loops that repeat


@given(multigraphs())
def test_without_self_loops(graph):
    found, kept = graph.without_self_loops()
    check_invariants(found)
    theirs, edge = utils.remove_self_loops(graph.to_edge_index(), features(graph))
    assert torch.equal(found.to_edge_index(), theirs)
    assert torch.equal(features(graph)[kept], edge)


@given(multigraphs())
def test_coalesced(graph):
    found, into = graph.coalesced()
    check_invariants(found)
    theirs, edge = utils.coalesce(graph.to_edge_index(), features(graph), graph.num_nodes)
    assert torch.equal(found.to_edge_index(), theirs)
    sums = torch.zeros(found.num_edges, 2, dtype=torch.int64)
    assert torch.equal(sums.index_add(0, into, features(graph)), edge)
    assert found.coalesced()[0] == found


@given(multigraphs())
def test_undirected(graph):
    found, into = graph.undirected()
    check_invariants(found)
    assert found.is_undirected
    edge_index, edge = graph.to_edge_index(), features(graph)
    theirs, sums = utils.to_undirected(edge_index, edge, graph.num_nodes)
    assert torch.equal(found.to_edge_index(), theirs)
    ours = torch.zeros(found.num_edges, 2, dtype=torch.int64)
    assert torch.equal(ours.index_add(0, into.flatten(), torch.cat([edge, edge])), sums)


@given(multigraphs(4, 6))
def test_is_undirected(graph):
    expected = sorted(edges(graph)) == sorted((t, s) for s, t in edges(graph))
    assert graph.is_undirected == expected
    assert Graph.batch([graph, graph]).is_undirected == expected


@given(permuted(batches))
def test_batches_stay(pair):
    graph = pair[0].permute(pair[1])
    found = [graph.with_self_loops()]
    found += [f()[0] for f in (graph.without_self_loops, graph.coalesced, graph.undirected)]
    for one in found:
        check_invariants(one)
        assert torch.equal(one.batch_index, graph.batch_index)
        assert one.num_graphs == graph.num_graphs


@given(permuted())
def test_renaming_commutes(pair):
    graph, p = pair
    for edit in (
        Graph.with_self_loops,
        lambda g: g.without_self_loops()[0],
        lambda g: g.coalesced()[0],
        lambda g: g.undirected()[0],
    ):
        assert edit(graph.permute(p)).same_structure(edit(graph).permute(p))


@pytest.mark.parametrize("dtype", [torch.int32, torch.int64])
def test_index_maps_are_int64(dtype):
    graph = Graph.from_edge_index(torch.tensor([[0, 1], [1, 1]], dtype=dtype))
    maps = [f()[1] for f in (graph.without_self_loops, graph.coalesced, graph.undirected)]
    assert {index.dtype for index in maps} == {torch.int64}
