"""graph6 against networkx, for every size of the number of nodes, and what is refused."""

import networkx
import numpy
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from geomdl.data.graph6 import _count
from geomdl.fields.graph import Graph

EMPTY = torch.empty(2, 0, dtype=torch.int64)


@st.composite
def simple_graphs(draw, max_nodes: int = 12) -> networkx.Graph:
    n = draw(st.integers(0, max_nodes))
    pairs = [(i, j) for j in range(n) for i in range(j)]
    graph = networkx.empty_graph(n)
    graph.add_edges_from(draw(st.lists(st.sampled_from(pairs), unique=True)) if pairs else [])
    return graph


def text_of(graph: networkx.Graph) -> bytes:
    return networkx.to_graph6_bytes(graph, header=False).rstrip()


@given(simple_graphs())
def test_round_trips_and_networkx_agrees(theirs):
    line = text_of(theirs)
    ours = Graph.from_graph6(line)
    assert ours == Graph.from_networkx(networkx.from_graph6_bytes(line))  # edges in order, too
    assert ours.to_graph6().encode() == line
    assert Graph.from_graph6(ours.to_graph6()) == ours


@pytest.mark.parametrize("n", [61, 62, 63, 64, 200])
def test_many_nodes(n):
    theirs = networkx.gnp_random_graph(n, 0.1, seed=n)
    theirs.add_edge(n - 2, n - 1)  # the last bit
    line = text_of(theirs)
    ours = Graph.from_graph6(line.decode())
    assert ours == Graph.from_networkx(networkx.from_graph6_bytes(line))
    assert ours.to_graph6().encode() == line


def test_the_largest_of_four_and_the_least_of_eight_characters():
    for n, start in ((258047, b"~}~~"), (258048, b"~~???~??")):
        values = numpy.frombuffer(start, numpy.uint8).astype(numpy.int64) - 63
        assert _count(values) == (n, len(start))


def test_headers_and_newlines():
    expected = Graph.from_graph6("Bg")
    for text in (">>graph6<<Bg", "Bg\n", b"Bg\r\n", b">>graph6<<Bg\n"):
        assert Graph.from_graph6(text) == expected


def test_order_does_not_matter_to_the_writer():
    graph = Graph.from_edge_index(torch.tensor([[2, 0, 1, 1], [1, 1, 2, 0]]))
    assert graph.to_graph6() == "Bg"


def test_a_decoder_of_rows_is_caught():
    """The upper triangle row by row is another graph: the comparison above can fail."""
    line = text_of(networkx.path_graph(5))
    pairs = [(i, j) for i in range(5) for j in range(i + 1, 5)]
    ours = Graph.from_graph6(line)
    columns = sorted(pairs, key=lambda p: (p[1], p[0]))
    rename = dict(zip(columns, pairs, strict=True))
    wrong = {rename[s, t] for s, t in ours.to_edge_index().T.tolist() if s < t}
    assert wrong != {(s, t) for s, t in ours.to_edge_index().T.tolist() if s < t}


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        (3, TypeError, "text: expected str or bytes, got int"),
        ("", ValueError, "text: expected graph6, got no character"),
        (":Fa@x^", ValueError, "text: expected graph6, got sparse6"),
        ("&C", ValueError, "text: expected graph6, got digraph6"),
        ("B", ValueError, "text: expected 1 characters for the edges of 3 nodes, got 0"),
        ("Bgg", ValueError, "text: expected 1 characters for the edges of 3 nodes, got 2"),
        ("B g", ValueError, "text: expected characters from '?' to '~', got b' ' at 1"),
        ("Bg\nBg", ValueError, "text: expected characters from '?' to '~', got b'\\n' at 2"),
        ("Bé", ValueError, "text: expected characters from '?' to '~', got b'\\xc3' at 1"),
        ("B~", ValueError, "text: expected zeros after the edges of 3 nodes, got an edge there"),
        ("~A", ValueError, "text: expected 4 characters for the number of nodes, got 2"),
        ("~~?", ValueError, "text: expected 8 characters for the number of nodes, got 3"),
        ("~??A", ValueError, "text: expected at least 63 nodes in 4 characters, got 2"),
        ("~~?????A", ValueError, "text: expected at least 258048 nodes in 8 characters, got 2"),
        ("~~~~~~~~", ValueError, "characters for the edges of 68719476735 nodes, got 0"),
    ],
)
def test_malformed_text(text, error, message):
    with pytest.raises(error) as caught:
        Graph.from_graph6(text)
    assert message in str(caught.value) and "\n" not in str(caught.value)


@given(st.binary(max_size=9))
@settings(max_examples=200)
def test_any_bytes_are_a_graph_or_one_line(line):
    said = ""
    try:
        graph = Graph.from_graph6(line)
    except ValueError as error:
        said = str(error)
    if said:
        assert said.startswith("text: ") and "\n" not in said
    else:
        assert graph.to_graph6().encode() == line.rstrip(b"\r\n")


@pytest.mark.parametrize(
    "edges", [[[0], [1]], [[0], [0]], [[0, 1, 0, 1], [1, 0, 1, 0]], [[0, 1, 2], [1, 0, 2]]]
)
def test_what_graph6_cannot_say_is_refused(edges):
    with pytest.raises(ValueError, match=r"^graph: expected each edge once each way and no self-l"):
        Graph.from_edge_index(torch.tensor(edges), 3).to_graph6()


def test_batches_are_refused():
    one = Graph.from_edge_index(EMPTY, 2)
    with pytest.raises(ValueError, match=r"^graph: expected one graph, got 2$"):
        Graph.batch([one, one]).to_graph6()
