"""PPGN: against its formula written out for one graph, batches, and what it tells apart."""

import pytest
import torch

import geomdl
from geomdl.fields import Graph
from geomdl.permutation import PPGN
from geomdl.permutation.ppgn import example_graphs
from tests.permutation.lookalike_graphs import apart

F64 = torch.float64


def model(**options):
    options = {"channels": 4, "layers": 2, "out_channels": 2} | options
    return PPGN(2, edge_channels=3, rng=torch.Generator().manual_seed(0), **options).double()


def inputs():
    return example_graphs(torch.Generator().manual_seed(1), 2, 3)


def by_hand(net, x, graph, edge):
    """One graph, pair by pair, the channels last."""
    n = len(x)

    def last(f, h):
        return f(h.permute(2, 0, 1)[None])[0].permute(1, 2, 0)

    h = torch.zeros(n, n, 2 + 2 + 3, dtype=F64)
    for e in range(graph.num_edges):
        i, j = int(graph.target[e]), int(graph.source[e])
        h[i, j, 0] += 1
        h[i, j, 4:] += edge[e]
    # channels: adjacency, edge features, then identity and node features
    h = torch.cat([h[..., :1], h[..., 4:], h[..., 1:4]], 2)
    for i in range(n):
        h[i, i, 4] = 1
        h[i, i, 5:] = x[i]
    h = last(net.first, h)
    moments = []
    for layer in net.layers:
        mean = h.mean((0, 1))
        deviation = (h.var((0, 1), correction=0) + 1e-5).sqrt()
        moments += [mean, deviation]
        h = (h - mean) / deviation
        a, b = last(layer.left, h), last(layer.right, h)
        product = torch.stack([a[..., c] @ b[..., c] for c in range(a.shape[2])], 2) / n
        h = last(layer.mix, torch.cat([h, product], 2))
    diagonal = sum(h[i, i] for i in range(n)) / n
    return net.head(torch.cat([diagonal, h.mean((0, 1)), *moments])) * n


def test_formula_and_batches():
    net, (x, graph, edge) = model(), inputs()
    whole = net(x, graph, edge)
    start = 0
    for k, part in enumerate(graph.unbatch()):
        nodes = slice(*graph.ptr[k : k + 2].tolist())
        edges = slice(start, start + part.num_edges)
        start += part.num_edges
        oracle = by_hand(net, x[nodes], part, edge[edges])
        assert torch.allclose(whole[k], oracle, atol=1e-12)
        assert torch.allclose(net(x[nodes], part, edge[edges])[0], oracle, atol=1e-12)


def test_padding_has_no_influence():
    x, graph, edge = inputs()
    wide, narrow = model(size=9), model()
    assert torch.allclose(wide(x, graph, edge), narrow(x, graph, edge), atol=1e-13)


class Last(PPGN):
    """Knows the last node of each graph."""

    def pairs(self, x, graph, edge, size):
        return super().pairs(x, graph, edge, size).tril()


def test_names_of_nodes_do_not_matter_and_a_sabotaged_twin_fails():
    group = f"S{inputs()[1].num_nodes}"
    assert geomdl.audit(model(), *inputs(), group=group).passed(1e-12)
    rng = torch.Generator().manual_seed(0)
    bad = Last(2, edge_channels=3, channels=4, layers=2, rng=rng).double()
    assert not geomdl.audit(bad, *inputs(), group=group).passed(1e-3)


def test_it_tells_apart_what_2_fwl_does_and_no_more():
    net = PPGN(channels=16, layers=3, rng=torch.Generator().manual_seed(0))
    assert apart(net, "cycles") > 1e-6
    assert apart(net, "skip links") > 1e-6
    assert apart(net, "strongly regular") < 1e-12


@pytest.mark.parametrize("readout", ["sum", "mean"])
def test_readouts_and_empty_graphs(readout):
    net = PPGN(channels=4, layers=1, out_channels=2, readout=readout).double()
    none = Graph.from_edge_index(torch.empty(2, 0, dtype=torch.int64), 0)
    one = Graph.from_edge_index(torch.empty(2, 0, dtype=torch.int64), 1)
    both = Graph.batch([none, one, none])
    y = net(torch.ones(1, 1, dtype=F64), both)
    assert y.shape == (3, 2)
    assert y.isfinite().all()
    assert torch.equal(y[0], y[2])
    assert net(torch.ones(0, 1, dtype=F64), none).isfinite().all()


def test_repeated_edges_count():
    net = PPGN(channels=4, rng=torch.Generator().manual_seed(0)).double()
    x = torch.ones(2, 1, dtype=F64)
    once = net(x, Graph.from_edge_index(torch.tensor([[0, 1], [1, 0]])))
    twice = net(x, Graph.from_edge_index(torch.tensor([[0, 1, 0], [1, 0, 1]])))
    assert not torch.allclose(once, twice, rtol=1e-6)


def test_wrong_inputs_are_one_line():
    x, graph, edge = inputs()
    for arguments, message in [
        ((x[:5], graph, edge), r"x: expected shape \(6, 2\), got \(5, 2\)"),
        ((x, graph), "edge: expected edge_channels=3 numbers of an edge, got None"),
        ((x, graph, edge[:, :2]), r"edge: expected shape \(10, 3\), got \(10, 2\)"),
    ]:
        with pytest.raises(ValueError, match=message):
            model()(*arguments)
    with pytest.raises(ValueError, match="graph: expected at most size=3 in one graph, got 4"):
        model(size=3)(x, graph, edge)
    with pytest.raises(ValueError, match="readout: expected one of sum, mean, got 'max'"):
        model(readout="max")


def test_a_compiled_model_refuses_what_is_larger_than_its_size():
    x, graph, edge = inputs()
    compiled = torch.compile(model(size=3), fullgraph=True, backend="aot_eager")
    with pytest.raises((IndexError, RuntimeError, ValueError)):
        compiled(x, graph, edge)
