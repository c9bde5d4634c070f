"""`Graph` against networkx, scipy and PyG, and the laws of renaming nodes."""

import copy
import io
import pickle
from dataclasses import FrozenInstanceError, fields, replace

import networkx
import numpy
import pytest
import scipy.sparse
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.utils import _pytree as pytree
from torch_geometric import EdgeIndex
from torch_geometric.data import Batch, Data, HeteroData
from torch_geometric.utils import from_networkx, from_scipy_sparse_matrix

import geomdl.fields.graph_index
from geomdl.fields.graph import Graph

EMPTY = torch.empty(2, 0, dtype=torch.int64)


@st.composite
def multigraphs(draw, max_nodes: int = 7, max_edges: int = 14) -> Graph:
    """Random directed multigraphs with self-loops, isolated nodes, no edges, no nodes."""
    n = draw(st.integers(0, max_nodes))
    node = st.integers(0, max(n - 1, 0))
    edges = draw(st.lists(st.tuples(node, node), max_size=max_edges if n else 0))
    return Graph.from_edge_index(torch.tensor(edges, dtype=torch.int64).reshape(-1, 2).T, n)


@st.composite
def permuted(draw, graphs=None) -> tuple[Graph, Tensor]:
    graph = draw(graphs if graphs is not None else multigraphs())
    return graph, torch.tensor(draw(st.permutations(range(graph.num_nodes))), dtype=torch.int64)


batches = st.lists(multigraphs(4, 6), max_size=4).map(Graph.batch)


def edges(graph: Graph) -> list[tuple[int, int]]:
    return list(zip(graph.source.tolist(), graph.target.tolist(), strict=True))


def check_rows(ptr: Tensor, neighbors: Tensor, perm: Tensor, key: list[int], other: list[int]):
    """The slow definition of a CSR structure with a stable permutation."""
    p, nb, order = ptr.tolist(), neighbors.tolist(), perm.tolist()
    assert p[0] == 0
    assert p[-1] == len(key)
    for i in range(len(p) - 1):
        expected = [e for e, k in enumerate(key) if k == i]
        assert order[p[i] : p[i + 1]] == expected
        assert nb[p[i] : p[i + 1]] == [other[e] for e in expected]


def check_invariants(graph: Graph):
    source, target = graph.source.tolist(), graph.target.tolist()
    check_rows(graph.in_ptr, graph.in_neighbors, graph.perm, target, source)
    check_rows(graph.out_ptr, graph.out_neighbors, graph.out_perm, source, target)
    nodes, of = list(range(graph.num_nodes)), graph.batch_index.tolist()
    check_rows(graph.ptr, graph.node_perm, graph.node_perm, of, nodes)
    assert len(graph.in_ptr) == len(graph.out_ptr) == graph.num_nodes + 1
    for field in fields(graph):
        value = getattr(graph, field.name)
        assert value.dtype == graph.dtype == torch.int32
        assert value.is_contiguous()


# Structure


@given(multigraphs())
def test_rows_are_the_stable_sort_of_the_edges(graph):
    check_invariants(graph)


@given(multigraphs())
def test_reverse(graph):
    check_invariants(graph.reverse())
    assert edges(graph.reverse()) == [(t, s) for s, t in edges(graph)]
    assert graph.reverse().reverse() == graph
    assert torch.equal(graph.reverse().in_degree, graph.out_degree)


@given(multigraphs())
def test_edge_index_round_trip(graph):
    again = Graph.from_edge_index(graph.to_edge_index(), graph.num_nodes)
    assert graph.to_edge_index().dtype == torch.int64
    assert again == graph
    assert hash(again) == hash(graph)


@pytest.mark.parametrize("n", [0, 1, 3])
def test_no_edges(n):
    graph = Graph.from_edge_index(EMPTY, n)
    check_invariants(graph)
    assert (graph.num_nodes, graph.num_edges, graph.num_graphs) == (n, 0, 1)
    assert graph.in_degree.tolist() == graph.out_degree.tolist() == [0] * n
    assert graph == graph.reverse() == graph.permute(torch.arange(n)) == graph.unbatch()[0]
    assert Graph.from_edge_index(EMPTY).num_nodes == 0


def test_input_is_copied_and_the_graph_frozen():
    edge_index = torch.tensor([[0, 1], [1, 2]], dtype=torch.int32)
    batch = torch.zeros(3, dtype=torch.int32)
    graph = Graph.from_edge_index(edge_index, batch=batch)
    edge_index.zero_()
    batch.fill_(5)
    assert edges(graph) == [(0, 1), (1, 2)]
    assert graph.batch_index.tolist() == [0, 0, 0]
    with pytest.raises(FrozenInstanceError):
        graph.source = edge_index[0]


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int8, torch.int16, torch.int32, torch.uint16])
def test_small_integer_types(dtype):
    edge_index = torch.tensor([[0, 120], [120, 120]]).to(dtype)
    graph = Graph.from_edge_index(edge_index, 300)
    assert graph == Graph.from_edge_index(edge_index.long(), 300)
    check_invariants(graph)


def test_transposed_edge_list():
    pairs = torch.tensor([[0, 1], [2, 1], [1, 0]])
    check_invariants(Graph.from_edge_index(pairs.T))
    assert edges(Graph.from_edge_index(pairs.T)) == [(0, 1), (2, 1), (1, 0)]


def test_int64_where_int32_does_not_fit(monkeypatch):
    assert geomdl.fields.graph_index.index_dtype(2**31 - 1, 0, 1) == torch.int32
    for counts in ([2**31, 0, 1], [0, 2**31, 1], [0, 0, 2**31]):
        assert geomdl.fields.graph_index.index_dtype(*counts) == torch.int64
    small = Graph.from_edge_index(torch.tensor([[0, 2, 2], [1, 1, 2]]))
    assert small.dtype == torch.int32
    monkeypatch.setattr(geomdl.fields.graph_index, "INT32_MAX", 4)
    for graph in Graph.batch([small, small]), Graph.batch([small, small]).permute(torch.arange(6)):
        assert {getattr(graph, f.name).dtype for f in fields(graph)} == {torch.int64}
        assert [g.dtype for g in graph.unbatch()] == [torch.int32] * 2
        assert graph.in_neighbors.tolist() == [0, 2, 2, 3, 5, 5]


def test_to_device():
    graph = Graph.from_edge_index(torch.tensor([[0, 1], [1, 1]]))
    meta = graph.to("meta")
    assert {getattr(meta, f.name).device.type for f in fields(meta)} == {"meta"}
    assert meta.device == torch.device("meta")
    assert (meta.num_nodes, meta.num_edges) == (2, 2)
    assert graph.to("cpu") == graph


def test_copies_and_representation():
    graph = Graph.from_edge_index(torch.tensor([[0, 1], [1, 1]]), 4)
    assert copy.deepcopy(graph) == graph
    assert pickle.loads(pickle.dumps(graph)) == graph
    assert repr(graph) == "Graph(nodes=4, edges=2, graphs=1, dtype=int32)"


# Equality


@given(multigraphs(), st.randoms(use_true_random=False))
def test_equality_of_structure(graph, random):
    order = list(range(graph.num_edges))
    random.shuffle(order)
    shuffled = Graph.from_edge_index(graph.to_edge_index()[:, order], graph.num_nodes)
    assert graph.same_structure(shuffled)
    assert (graph == shuffled) == (edges(graph) == edges(shuffled))
    assert not graph.same_structure(Graph.from_edge_index(graph.to_edge_index(), 9))


def test_inequality():
    base = torch.tensor([[0, 1, 1], [1, 2, 2]])
    graph = Graph.from_edge_index(base, 4)
    others = [
        Graph.from_edge_index(base, 5),
        Graph.from_edge_index(base[:, :2], 4),
        Graph.from_edge_index(torch.tensor([[0, 0, 1], [1, 1, 2]]), 4),
        Graph.from_edge_index(base, batch=torch.tensor([0, 0, 0, 1])),
        Graph.from_edge_index(base, batch=torch.zeros(4, dtype=torch.int64), num_graphs=2),
        graph.reverse(),
    ]
    for other in others:
        assert graph != other
        assert not graph.same_structure(other)
    assert graph != "graph"


@given(multigraphs(4, 5), multigraphs(4, 5))
def test_same_structure_is_equality_of_multisets(a, b):
    expected = a.num_nodes == b.num_nodes and sorted(edges(a)) == sorted(edges(b))
    assert a.same_structure(b) == expected


# Oracles


@given(multigraphs())
def test_scipy_agrees(graph):
    n, ones = graph.num_nodes, numpy.ones(graph.num_edges)
    coo = scipy.sparse.coo_array((ones, graph.to_edge_index().numpy()), shape=(n, n))
    assert Graph.from_scipy(coo) == graph
    ours = scipy.sparse.csr_array((ones, graph.out_neighbors, graph.out_ptr), shape=(n, n))
    assert (ours.toarray() == coo.toarray()).all()
    ours = scipy.sparse.csc_array((ones, graph.in_neighbors, graph.in_ptr), shape=(n, n))
    assert (ours.toarray() == coo.toarray()).all()
    assert (graph.out_degree.numpy() == coo.sum(axis=1)).all()
    assert (graph.in_degree.numpy() == coo.sum(axis=0)).all()


@pytest.mark.parametrize("form", ["coo", "csr", "csc", "lil", "dok", "bsr", "dia"])
@pytest.mark.parametrize("kind", ["matrix", "array"])
def test_scipy_formats_as_pyg(form, kind):
    dense = numpy.array([[0.0, 2, 0], [0, 1, 3], [0, 0, 0]])
    matrix = getattr(scipy.sparse, f"{form}_{kind}")(dense)
    expected, _ = from_scipy_sparse_matrix(matrix)
    graph = Graph.from_scipy(matrix)
    assert torch.equal(graph.to_edge_index(), expected.long())
    assert graph.num_nodes == 3


def test_scipy_stored_zeros_and_repeats_are_edges():
    entries = ([0.0, 1.0, 1.0], ([0, 1, 1], [1, 0, 0]))
    coo = scipy.sparse.coo_array(entries, shape=(2, 2))
    assert edges(Graph.from_scipy(coo)) == [(0, 1), (1, 0), (1, 0)]


@pytest.mark.parametrize(
    "kind", [networkx.Graph, networkx.DiGraph, networkx.MultiGraph, networkx.MultiDiGraph]
)
@given(graph=multigraphs(), names=st.permutations("abcdefg"))
@settings(max_examples=30)
def test_networkx_and_pyg_agree(kind, graph, names):
    theirs = kind()
    theirs.add_nodes_from(names[: graph.num_nodes])
    theirs.add_edges_from((names[s], names[t]) for s, t in edges(graph))
    ours = Graph.from_networkx(theirs)
    assert ours.num_nodes == graph.num_nodes
    expected = [(names.index(e[0]), names.index(e[1])) for e in theirs.to_directed().edges]
    assert edges(ours) == expected
    pyg = from_networkx(theirs)
    assert torch.equal(ours.to_edge_index(), pyg.edge_index)
    if kind is networkx.MultiDiGraph:
        assert ours.same_structure(graph)
    if theirs.is_directed():
        for i, name in enumerate(names[: graph.num_nodes]):
            assert ours.in_degree[i] == theirs.in_degree(name)
            assert ours.out_degree[i] == theirs.out_degree(name)


@given(st.lists(multigraphs(4, 6), min_size=1, max_size=4))
def test_pyg_batches_agree(graphs):
    data = [Data(edge_index=g.to_edge_index(), num_nodes=g.num_nodes) for g in graphs]
    for one, graph in zip(data, graphs, strict=True):
        assert Graph.from_pyg(one) == graph
    theirs = Batch.from_data_list(data)
    ours = Graph.batch(graphs)
    assert Graph.from_pyg(theirs) == ours
    assert torch.equal(ours.ptr.long(), theirs.ptr)
    assert torch.equal(ours.batch_index.long(), theirs.batch)


def test_pyg_variants():
    edge_index = torch.tensor([[0, 2, 1], [1, 1, 0]])
    expected = Graph.from_edge_index(edge_index, 4)
    wrapped = EdgeIndex(edge_index, sparse_size=(4, 4))
    ours = Graph.from_pyg(Data(edge_index=wrapped, num_nodes=4))
    assert ours == expected
    assert type(ours.source) is Tensor
    adj_t = torch.sparse_coo_tensor(
        edge_index.flip(0), torch.ones(3), (4, 4), check_invariants=True
    )
    assert Graph.from_pyg(Data(adj_t=adj_t, num_nodes=4)).same_structure(expected)
    from_features = Graph.from_pyg(Data(edge_index=edge_index, x=torch.zeros(4, 1)))
    assert from_features == expected


def aggregate(graph: Graph, x: Tensor, weight: Tensor) -> Tensor:
    """y[i] = sum over edges j -> i of weight[e] x[j], by the rows of the graph."""
    messages = weight[graph.perm, None] * x[graph.in_neighbors]
    return torch.segment_reduce(messages, "sum", offsets=graph.in_ptr.long(), initial=0)


def features(graph: Graph, seed: int = 0) -> tuple[Tensor, Tensor]:
    rng = torch.Generator().manual_seed(seed)
    x = torch.randn(graph.num_nodes, 2, generator=rng, dtype=torch.float64)
    return x, torch.randn(graph.num_edges, generator=rng, dtype=torch.float64)


@given(multigraphs())
def test_rows_sum_the_messages_that_flow_from_source_to_target(graph):
    x, weight = features(graph)
    expected = torch.zeros_like(x)
    for e, (j, i) in enumerate(edges(graph)):
        expected[i] += weight[e] * x[j]
    error = (aggregate(graph, x, weight) - expected).abs().sum()
    assert error <= 1e-13
    by_source = torch.zeros_like(x).index_add(0, graph.target, weight[:, None] * x[graph.source])
    assert (by_source - expected).abs().sum() <= 1e-13


# Renaming nodes


def permutation_errors(permute, graph: Graph, p: Tensor, q: Tensor) -> dict[str, bool]:
    """The laws of a renaming; True where one is broken."""
    n, name = graph.num_nodes, p.tolist()
    moved = permute(graph, p)
    x, weight = features(graph)
    there = torch.empty_like(x)
    there[p] = x
    expected = torch.empty_like(x)
    expected[p] = aggregate(graph, x, weight)
    return {
        "edges": edges(moved) != [(name[s], name[t]) for s, t in edges(graph)],
        "batch": not torch.equal(moved.batch_index[p], graph.batch_index),
        "identity": permute(graph, torch.arange(n)) != graph,
        "composition": permute(moved, q) != permute(graph, q[p]),
        "inverse": permute(moved, torch.argsort(p)) != graph,
        "equivariance": not torch.equal(aggregate(moved, there, weight), expected),  # bitwise
    }


@given(permuted(st.one_of(multigraphs(), batches)), st.randoms(use_true_random=False))
def test_permutation_laws(pair, random):
    graph, p = pair
    q = list(range(graph.num_nodes))
    random.shuffle(q)
    broken = permutation_errors(Graph.permute, graph, p, torch.tensor(q, dtype=torch.int64))
    assert not any(broken.values()), broken
    check_invariants(graph.permute(p))


SABOTAGED = {
    "edges": lambda g, p: g.permute(torch.argsort(p)),  # the inverse renaming
    "batch": lambda g, p: replace(g.permute(p), batch_index=g.batch_index),
    "identity": lambda g, p: g.reverse().permute(p),
    "composition": lambda g, p: g.permute(torch.argsort(p)),
    "inverse": lambda g, p: g.permute(p.roll(1)),
    "equivariance": lambda g, p: Graph.from_edge_index(
        p[g.to_edge_index()].flip(1), batch=g.permute(p).batch_index
    ),  # the edges lose their order, and the features their edges
}


@pytest.mark.parametrize("law", SABOTAGED)
def test_sabotaged_permutations_are_caught(law):
    one = Graph.from_edge_index(torch.tensor([[0, 1, 2, 2], [1, 2, 0, 0]]), 4)
    two = Graph.from_edge_index(torch.tensor([[0, 1], [0, 0]]), 2)
    graph = Graph.batch([one, two])
    rng = torch.Generator().manual_seed(1)
    p, q = torch.randperm(6, generator=rng), torch.randperm(6, generator=rng)
    assert not any(permutation_errors(Graph.permute, graph, p, q).values())
    assert permutation_errors(SABOTAGED[law], graph, p, q)[law]


@given(permuted())
def test_permute_agrees_with_networkx_and_scipy(pair):
    graph, p = pair
    theirs = networkx.MultiDiGraph()
    theirs.add_nodes_from(range(graph.num_nodes))
    theirs.add_edges_from(edges(graph))
    renamed = networkx.relabel_nodes(theirs, dict(enumerate(p.tolist())), copy=True)
    assert sorted(edges(graph.permute(p))) == sorted((s, t) for s, t, _ in renamed.edges)


# Batches


@given(st.lists(multigraphs(4, 6), max_size=5))
def test_batch_and_unbatch(graphs):
    joined = Graph.batch(graphs)
    check_invariants(joined)
    assert joined.num_graphs == len(graphs)
    assert joined.unbatch() == graphs
    offsets = numpy.cumsum([0, *(g.num_nodes for g in graphs)])
    assert joined.ptr.tolist() == offsets.tolist()
    expected = [(s + k, t + k) for g, k in zip(graphs, offsets, strict=False) for s, t in edges(g)]
    assert edges(joined) == expected
    again = Graph.from_edge_index(
        joined.to_edge_index(), batch=joined.batch_index, num_graphs=len(graphs)
    )
    for field in fields(joined):
        assert torch.equal(getattr(again, field.name), getattr(joined, field.name))


@given(st.lists(batches, max_size=3))
def test_batches_of_batches(parts):
    joined = Graph.batch(parts)
    check_invariants(joined)
    flat = [graph for part in parts for graph in part.unbatch()]
    assert joined == Graph.batch(flat)
    assert joined.unbatch() == flat


@given(permuted(batches))
def test_unbatch_of_mixed_graphs(pair):
    graph, p = pair
    mixed = graph.permute(p)
    x = torch.arange(graph.num_nodes)
    there = torch.empty_like(x)
    there[p] = x
    pieces = there[mixed.node_perm].split(mixed.ptr.diff().tolist())
    for one, piece, original in zip(mixed.unbatch(), pieces, graph.unbatch(), strict=True):
        check_invariants(one)
        first = int(x[piece].min()) if len(piece) else 0
        assert original == one.permute(piece - first)


# Compilation and export


class Convolution(torch.nn.Module):
    def forward(self, x: Tensor, graph: Graph) -> tuple[Tensor, Tensor, Graph]:
        there = torch.zeros_like(x).index_add(0, graph.target, x[graph.source])
        back = graph.reverse()
        y = torch.zeros_like(x).index_add(0, back.target, there[back.source])
        pooled = x.new_zeros(graph.num_graphs, x.shape[1])
        pooled = pooled.index_add(0, graph.batch_index, y * graph.in_degree[:, None])
        return y, pooled, back


def example(seed: int, counts: list[tuple[int, int]]) -> tuple[Tensor, Graph]:
    rng = torch.Generator().manual_seed(seed)
    graphs = [Graph.from_edge_index(torch.randint(n, (2, m), generator=rng), n) for n, m in counts]
    graph = Graph.batch(graphs)
    return features(graph, seed)[0], graph


def check_same(got, expected):
    assert torch.equal(got[0], expected[0])
    assert torch.equal(got[1], expected[1])
    assert got[2] == expected[2]


def test_compile_fullgraph():
    torch._dynamo.reset()
    module = Convolution()
    compiled = torch.compile(module, fullgraph=True, backend="aot_eager")
    for seed, counts in enumerate([[(5, 9), (3, 4)], [(4, 6), (2, 3), (7, 1)], [(6, 2)]]):
        x, graph = example(seed, counts)
        check_same(compiled(x, graph), module(x, graph))
        x.requires_grad_()
        (mine,) = torch.autograd.grad(compiled(x, graph)[1].square().sum(), x)
        (true,) = torch.autograd.grad(module(x, graph)[1].square().sum(), x)
        assert torch.equal(mine, true)


def test_export_round_trip_with_dynamic_shapes():
    module = Convolution()
    auto = {0: torch.export.Dim.AUTO}
    x, graph = example(0, [(5, 9), (3, 4)])
    program = torch.export.export(
        module, (x, graph), dynamic_shapes=(auto, [auto] * len(fields(Graph)))
    )
    file = io.BytesIO()
    torch.export.save(program, file)
    file.seek(0)
    loaded = torch.export.load(file).module()
    for seed, counts in enumerate([[(5, 9), (3, 4)], [(4, 6), (2, 3), (7, 1)]]):
        x, graph = example(seed, counts)
        check_same(loaded(x, graph), module(x, graph))


def test_pytree_round_trip():
    _, graph = example(0, [(5, 9), (3, 4)])
    leaves, spec = pytree.tree_flatten(graph)
    assert len(leaves) == len(fields(Graph))
    assert pytree.tree_unflatten(leaves, spec) == graph


# Bad input


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (([[0], [1]],), TypeError, "edge_index: expected a torch.Tensor, got list"),
        ((torch.zeros(2, 3),), TypeError, "edge_index: expected integers, got torch.float32"),
        (
            (torch.zeros(2, 3, dtype=torch.bool),),
            TypeError,
            "edge_index: expected integers, got torch.bool",
        ),
        (
            (torch.zeros(3, 5, dtype=torch.int64),),
            ValueError,
            "edge_index: expected shape (2, edges), got (3, 5)",
        ),
        (
            (torch.zeros(2, dtype=torch.int64),),
            ValueError,
            "edge_index: expected shape (2, edges), got (2,)",
        ),
        (
            (torch.tensor([[0], [-1]]),),
            ValueError,
            "edge_index: node numbers should be at least 0, got -1",
        ),
        (
            (torch.tensor([[0], [4]]), 4),
            ValueError,
            "edge_index: node numbers should be less than num_nodes=4, got 4",
        ),
        ((EMPTY, -1), ValueError, "num_nodes: should be at least 0, got -1"),
        ((EMPTY, 2.0), TypeError, "num_nodes: expected an int, got float"),
        ((EMPTY, True), TypeError, "num_nodes: expected an int, got bool"),
        (
            (torch.tensor([[0], [2**40]]),),
            ValueError,
            "edge_index: node numbers should be at most 2147483647 without num_nodes, got"
            " 1099511627776",
        ),
        (
            (EMPTY, 2, torch.zeros(3, dtype=torch.int64)),
            ValueError,
            "batch: expected shape (2,), got (3,)",
        ),
        (
            (EMPTY, None, torch.zeros(3, 1, dtype=torch.int64)),
            ValueError,
            "batch: expected shape (nodes,), got (3, 1)",
        ),
        ((EMPTY, 1, torch.zeros(1)), TypeError, "batch: expected integers, got torch.float32"),
        (
            (EMPTY, 2, torch.tensor([0, -2])),
            ValueError,
            "batch: graph numbers should be at least 0, got -2",
        ),
        (
            (EMPTY, 2, torch.tensor([0, 2]), 2),
            ValueError,
            "batch: graph numbers should be less than num_graphs=2, got 2",
        ),
        ((EMPTY, 2, None, 3), ValueError, "num_graphs: expected 1 where batch is None, got 3"),
        (
            (torch.tensor([[0, 1], [0, 2]]), 3, torch.tensor([0, 0, 1])),
            ValueError,
            "edge_index: edges should stay within one graph of batch, got edge 1 from graph 0"
            " to graph 1",
        ),
    ],
)
def test_bad_edge_lists(arguments, error, message):
    with pytest.raises(error) as caught:
        Graph.from_edge_index(*arguments)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("perm", "error", "message"),
    [
        (torch.tensor([0.0, 1, 2]), TypeError, "perm: expected integers, got torch.float32"),
        ([0, 1, 2], TypeError, "perm: expected a torch.Tensor, got list"),
        (torch.tensor([0, 1]), ValueError, "perm: expected shape (3,), got (2,)"),
        (
            torch.tensor([0, 1, 1]),
            ValueError,
            "perm: expected each of 0, …, 2 once, got others or repeats",
        ),
        (
            torch.tensor([1, 2, 3]),
            ValueError,
            "perm: expected each of 0, …, 2 once, got others or repeats",
        ),
    ],
)
def test_bad_permutations(perm, error, message):
    with pytest.raises(error) as caught:
        Graph.from_edge_index(EMPTY, 3).permute(perm)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("read", "value", "error", "message"),
    [
        (
            Graph.from_pyg,
            HeteroData(),
            ValueError,
            "data: expected one type of nodes and one of edges, got 0 and 0"
            " (data.to_homogeneous() joins them; it keeps node_type and edge_type)",
        ),
        (
            Graph.from_pyg,
            {},
            TypeError,
            "data: expected a torch_geometric Data, HeteroData or Batch, got dict",
        ),
        (
            Graph.from_pyg,
            Data(num_nodes=3),
            ValueError,
            "data: expected edge_index or adj_t, got neither"
            " (no edges: edge_index=torch.empty(2, 0, dtype=torch.long))",
        ),
        (
            Graph.from_pyg,
            Data(edge_index=torch.tensor([[0], [5]]), num_nodes=3),
            ValueError,
            "edge_index: node numbers should be less than num_nodes=3, got 5",
        ),
        (Graph.from_networkx, [], TypeError, "graph: expected a networkx graph, got list"),
        (
            Graph.from_scipy,
            numpy.eye(2),
            TypeError,
            "matrix: expected a scipy sparse matrix, got ndarray",
        ),
        (
            Graph.from_scipy,
            scipy.sparse.coo_array((2, 3)),
            ValueError,
            "matrix: expected shape (nodes, nodes), got (2, 3)",
        ),
    ],
)
def test_bad_foreign_graphs(read, value, error, message):
    with pytest.raises(error) as caught:
        read(value)
    assert str(caught.value) == message


def test_counts_of_numpy_and_generators_of_graphs():
    graph = Graph.from_edge_index(torch.tensor([[0], [1]]), num_nodes=numpy.int64(3))
    assert graph.num_nodes == 3
    assert Graph.batch(g for g in [graph, graph]) == Graph.batch([graph, graph])


@pytest.mark.parametrize(
    ("graphs", "got"),
    [
        ([1, 2], "int"),
        (7, "int"),
        ([networkx.path_graph(2)], "networkx.Graph (take Graph.from_networkx)"),
        (networkx.path_graph(2), "networkx.Graph (take Graph.from_networkx)"),
        ([Data(num_nodes=1)], "torch_geometric.Data (take Graph.from_pyg)"),
        ([scipy.sparse.eye_array(2)], "scipy.dia_array (take Graph.from_scipy)"),
        ([torch.zeros(2, 1)], "torch.Tensor (take Graph.from_edge_index)"),
    ],
)
def test_batches_of_what_is_no_graph(graphs, got):
    with pytest.raises(TypeError) as caught:
        Graph.batch(graphs)
    assert str(caught.value) == f"graphs: expected a geomdl Graph, got {got}"


def test_a_batch_of_one_graph_that_is_no_list():
    with pytest.raises(TypeError, match=r"^graphs: expected several, .*, got one Graph$"):
        Graph.batch(Graph.from_edge_index(EMPTY))
