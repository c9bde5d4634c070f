"""Graphs out to networkx, scipy and PyG, and back."""

import networkx
import numpy
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch_geometric.data import Batch, Data, HeteroData

from geomdl.fields.graph import Graph
from tests.fields.test_graph import batches, edges, multigraphs

PAIR = torch.tensor([[0, 1], [1, 0]])


@given(multigraphs())
def test_networkx_round_trip(graph):
    theirs = graph.to_networkx()
    repeats = len(set(edges(graph))) < graph.num_edges
    assert type(theirs) is (networkx.MultiDiGraph if repeats else networkx.DiGraph)
    assert list(theirs.nodes) == list(range(graph.num_nodes))
    assert Graph.from_networkx(theirs).same_structure(graph)
    both = Graph.from_edge_index(
        torch.cat([graph.to_edge_index(), graph.reverse().to_edge_index()], 1), graph.num_nodes
    )
    loops = both.source == both.target
    once = loops.cumsum(0) <= loops.sum() // 2  # of the loops, which come twice, the first half
    both = Graph.from_edge_index(both.to_edge_index()[:, ~loops | once], graph.num_nodes)
    undirected = both.to_networkx(undirected=True)
    assert not undirected.is_directed()
    assert Graph.from_networkx(undirected).same_structure(both)


def test_networkx_one_way_is_refused():
    graph = Graph.from_edge_index(torch.tensor([[0], [1]]))
    with pytest.raises(
        ValueError,
        match=r"^graph: expected each edge as often .* \(take graph.undirected\(\)\[0\]\)$",
    ):
        graph.to_networkx(undirected=True)
    assert type(Graph.from_edge_index(PAIR).to_networkx(undirected=True)) is networkx.Graph


@given(multigraphs())
def test_scipy_round_trip(graph):
    assert Graph.from_scipy(graph.to_scipy()) == graph
    weight = torch.arange(1.0, graph.num_edges + 1, dtype=torch.float64)
    expected = numpy.zeros((graph.num_nodes, graph.num_nodes))
    for (s, t), w in zip(edges(graph), weight.tolist(), strict=True):
        expected[s, t] += w
    assert (graph.to_scipy(weight).toarray() == expected).all()


def test_scipy_weights_of_another_shape_are_refused():
    with pytest.raises(ValueError, match=r"^weight: expected shape \(2,\), got \(3,\)$"):
        Graph.from_edge_index(PAIR).to_scipy(torch.ones(3))


@given(multigraphs())
def test_data_round_trip(graph):
    x, edge = torch.randn(graph.num_nodes, 2), torch.randn(graph.num_edges, 3)
    data = graph.to_pyg(x, edge, y=torch.tensor([1]))
    assert type(data) is Data and data.validate()
    assert Graph.from_pyg(data) == graph
    assert torch.equal(data.x, x) and torch.equal(data.edge_attr, edge) and data.y.tolist() == [1]
    bare = graph.to_pyg()
    assert bare.x is None and bare.edge_attr is None and Graph.from_pyg(bare) == graph


@given(st.lists(multigraphs(4, 6), min_size=2, max_size=4))
def test_batch_round_trip(graphs):
    graph = Graph.batch(graphs)
    x, edge = torch.randn(graph.num_nodes, 2), torch.randn(graph.num_edges, 3)
    y, edge_weight = torch.arange(graph.num_graphs), torch.randn(graph.num_edges)
    batch = graph.to_pyg(x, edge, label=y, edge_weight=edge_weight)
    assert isinstance(batch, Batch) and batch.num_graphs == graph.num_graphs
    assert Graph.from_pyg(batch) == graph
    assert torch.equal(batch.x, x) and torch.equal(batch.edge_attr, edge)
    assert torch.equal(batch.edge_weight, edge_weight)
    if graph.num_nodes != graph.num_graphs:
        assert torch.equal(batch.label, y)
    for one, data in zip(graphs, batch.to_data_list(), strict=True):
        assert Graph.from_pyg(data) == one


@given(batches)
def test_batches_are_written_or_refused_in_one_line(graph):
    if graph.num_graphs:
        assert Graph.from_pyg(graph.to_pyg()) == graph
        if graph.num_edges and graph.num_graphs == 1:
            x = torch.ones(graph.num_nodes, 1)
            assert Graph.from_pyg(graph.to_pyg(x).to_heterogeneous()) == graph
    else:
        with pytest.raises(ValueError, match=r"^graph: expected at least one graph"):
            graph.to_pyg()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"x": torch.zeros(3, 1)}, "x: expected shape (4 nodes, …), got (3, 1)"),
        ({"edge": torch.zeros(3)}, "edge: expected shape (2 edges, …), got (3,)"),
        ({"y": torch.zeros(3)}, "y: expected a row for each of 4 nodes or 2 graphs (or edges, if"),
        ({"name": "water"}, "name: expected a row for each of 4 nodes or 2 graphs"),
        ({"n_index": torch.zeros(4)}, "n_index: expected another name, as PyG shifts what is call"),
    ],
)
def test_what_does_not_fit_is_refused(given, message):
    graph = Graph.from_edge_index(torch.tensor([[0, 2], [1, 3]]), batch=torch.tensor([0, 0, 1, 1]))
    with pytest.raises(ValueError, match=r"^\w+: expected ") as caught:
        graph.to_pyg(**given)
    assert str(caught.value).startswith(message) and "\n" not in str(caught.value)


def test_mixed_batches_are_refused():
    nodes = Graph.from_edge_index(torch.tensor([[0], [2]]), batch=torch.tensor([0, 1, 0]))
    edge_index = torch.tensor([[2, 0], [3, 1]])
    order = Graph.from_edge_index(edge_index, batch=torch.tensor([0, 0, 1, 1]))
    for graph in (nodes, order):
        with pytest.raises(ValueError, match=r"^graph: expected nodes and edges graph by graph"):
            graph.to_pyg()


def hetero(edge_types) -> HeteroData:
    data = HeteroData()
    for source, relation, target in edge_types:
        data[source].x = torch.zeros(2, 1)
        data[target].x = torch.zeros(2, 1)
        data[source, relation, target].edge_index = PAIR
    return data


def test_the_homogeneous_part_of_heterogeneous_data():
    one = hetero([("user", "knows", "user")])
    expected = Graph.from_edge_index(PAIR)
    assert Graph.from_pyg(one) == expected
    assert Graph.from_pyg(Batch.from_data_list([one, one])) == Graph.batch([expected, expected])
    several = hetero([("user", "knows", "user"), ("user", "buys", "item")])
    with pytest.raises(
        ValueError, match=r"^data: expected one type .* got 2 and 2 \(data.to_homog"
    ):
        Graph.from_pyg(several)
    joined = several.to_homogeneous()
    assert edges(Graph.from_pyg(joined)) == [(0, 1), (1, 0), (0, 3), (1, 2)]
    assert joined.node_type.tolist() == [0, 0, 1, 1]


def test_edges_to_other_nodes_are_refused():
    data = HeteroData()
    data["user"].x = torch.zeros(2, 1)
    data["user", "buys", "item"].edge_index = PAIR
    with pytest.raises(ValueError, match=r"^data: expected .*, got .*"):
        Graph.from_pyg(data)
