"""Batches cut out of a table against `Graph.batch` of the same graphs."""

from dataclasses import fields

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from geomdl.fields import Graph, GraphTable
from tests.fields.test_graph import multigraphs


@settings(max_examples=60, deadline=None)
@given(st.lists(multigraphs(), max_size=5), st.data())
def test_a_batch_is_that_of_its_graphs(graphs, data):
    graphs = [part for graph in graphs for part in graph.unbatch()]
    table = GraphTable.of(Graph.batch(graphs))
    assert len(table) == len(graphs)
    some = st.lists(st.integers(0, max(len(graphs) - 1, 0)), max_size=6 if graphs else 0)
    index = torch.tensor(data.draw(some), dtype=torch.int64)
    graph, nodes, edges = table.batch(index)
    expected = Graph.batch([graphs[i] for i in index.tolist()])
    for field in fields(Graph):
        assert torch.equal(getattr(graph, field.name), getattr(expected, field.name)), field.name
    whole = Graph.batch(graphs)
    if len(index):
        assert torch.equal(
            whole.source[edges].long()
            - nodes.new_tensor([int(table.ptr[i]) for i in index])[
                graph.batch_index[graph.source].long()
            ],
            graph.source.long() - graph.ptr.long()[graph.batch_index[graph.source].long()],
        )
        assert torch.equal(nodes[graph.source.long()], whole.source[edges].long())


@settings(max_examples=20, deadline=None)
@given(st.lists(multigraphs(), min_size=2, max_size=4), st.integers(0, 10))
def test_tables_in_a_row_are_the_table_of_all(graphs, cut):
    cut = min(cut, len(graphs))
    parts = [p for p in (graphs[:cut], graphs[cut:]) if p]
    joined = GraphTable.cat([GraphTable.of(Graph.batch(part)) for part in parts])
    whole = GraphTable.of(Graph.batch(graphs))
    index = torch.arange(len(whole))
    for a, b in zip(joined.batch(index), whole.batch(index), strict=True):
        assert a == b if isinstance(a, Graph) else torch.equal(a, b)
    reordered = joined.batch(index.flip(0))[0]
    assert reordered == whole.batch(index.flip(0))[0]


def test_the_checksum_knows_graphs():
    one = GraphTable.of(Graph.from_edge_index(torch.tensor([[0, 1], [1, 2]])))
    other = GraphTable.of(Graph.from_edge_index(torch.tensor([[0, 1], [2, 2]])))
    assert one.checksum == GraphTable.cat([one]).checksum != other.checksum


def test_what_cannot_be_cut_is_refused_in_one_line():
    table = GraphTable.of(Graph.from_edge_index(torch.tensor([[0], [1]])))
    for index, error in (
        (torch.tensor([1]), r"index: expected numbers from 0 to 0, got 1"),
        (torch.tensor([-1]), r"index: expected numbers from 0 to 0, got -1"),
        (torch.zeros(1, 1, dtype=torch.int64), r"index: expected shape \(graphs,\)"),
    ):
        with pytest.raises(ValueError, match=error):
            table.batch(index)
    with pytest.raises(TypeError, match="index: expected integers"):
        table.batch(torch.tensor([0.0]))
    two = Graph.batch([Graph.from_edge_index(torch.tensor([[0], [1]]))] * 2)
    with pytest.raises(ValueError, match="nodes graph by graph, got them mixed"):
        GraphTable.of(two.permute(torch.tensor([0, 3, 1, 2])))
