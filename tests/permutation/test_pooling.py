"""From nodes to graphs: against loops over graphs, with ties, without nodes, with mixed batches."""

import pytest
import torch

from geomdl import permutation as P
from geomdl.fields import Graph
from geomdl.permutation.blocks import blocks_of
from geomdl.permutation.inputs import small_graphs, three_graphs
from geomdl.permutation.pooling import graph_softmax
from geomdl.permutation.top_k import highest

F64 = torch.float64


def draw(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=F64)


def mixed():
    """Nodes of the graphs between each other, one graph without nodes."""
    ends = torch.tensor([[0, 2, 1, 4], [2, 0, 4, 5]])
    batch = torch.tensor([3, 0, 3, 0, 0, 0, 2])
    return draw(7, 3), Graph.from_edge_index(ends, batch=batch, num_graphs=4)


def ring(*sizes):
    """Rings, in which no node differs from another."""
    graphs = []
    for n in sizes:
        i = torch.arange(n)
        ends = torch.stack([i, (i + 1) % n])
        graphs.append(Graph.from_edge_index(torch.cat([ends, ends.flip(0)], 1)))
    return Graph.batch(graphs)


def parts(x, graph):
    return [x[graph.batch_index == k] for k in range(graph.num_graphs)]


@pytest.mark.parametrize(
    ("function", "reduce"),
    [
        (P.graph_sum, lambda part: part.sum(0)),
        (P.graph_mean, lambda part: part.sum(0) / max(len(part), 1)),
        (P.graph_max, lambda part: part.amax(0) if len(part) else part.sum(0)),
    ],
)
def test_reductions(function, reduce):
    x, graph = mixed()
    expected = torch.stack([reduce(part) for part in parts(x, graph)])
    torch.testing.assert_close(function(x, graph), expected, rtol=1e-14, atol=1e-14)
    torch.testing.assert_close(function(x[:, 0], graph), expected[:, 0], rtol=1e-14, atol=1e-14)


def test_softmax_adds_up_to_one_and_does_not_overflow():
    x, graph = mixed()
    found = graph_softmax(1e3 * x, graph)
    expected = torch.cat([(1e3 * part).softmax(0) for part in parts(x, graph)])
    order = torch.cat([(graph.batch_index == k).nonzero().flatten() for k in range(4)])
    torch.testing.assert_close(found[order], expected, rtol=1e-12, atol=1e-300)


def test_attention_pool_is_a_mean_with_weights():
    x, graph = mixed()
    pool = P.AttentionPool(3).double()
    expected = [(pool.gate(part).softmax(0) * part).sum(0) for part in parts(x, graph)]
    torch.testing.assert_close(pool(x, graph), torch.stack(expected))


def test_graph_norm_leaves_graphs_apart():
    x, graph = mixed()
    norm = P.GraphNorm(3).double()
    y = norm(x, graph)
    for part in parts(y, graph):
        if len(part) > 1:
            assert part.mean(0).abs().max() <= 1e-14
            assert (part.square().mean(0) - 1).abs().max() <= 1e-3
    other = x.clone()
    other[graph.batch_index == 3] += 5
    assert torch.equal(norm(other, graph)[graph.batch_index == 0], y[graph.batch_index == 0])


@pytest.mark.parametrize("ratio", [0.3, 0.5, 1.0])
def test_top_k_keeps_the_highest_of_each_graph(ratio):
    x, graph = mixed()
    scores = x[:, 0]
    kept = highest(scores, graph, ratio)
    for k in range(4):
        own = scores[graph.batch_index == k]
        count = torch.tensor(len(own) * ratio).sub(1e-6).ceil().int().item()
        best = set(own.sort(descending=True).values[:count].tolist())
        assert set(scores[kept & (graph.batch_index == k)].tolist()) == best


def test_ratios_are_not_rounded_up():
    """0.3 · 10 is 3, though in floating point it is more."""
    graph = Graph.from_edge_index(torch.zeros(2, 0, dtype=torch.int64), 10)
    assert highest(draw(10), graph, 0.3).sum() == 3


@pytest.mark.parametrize("sizes", [(6,), (4, 7), (9, 9, 3)])
def test_nodes_that_a_symmetry_exchanges_share_one_fate(sizes):
    """On rings, features after messages in whatever order are equal but for rounding."""
    graph = ring(*sizes)
    n = graph.num_nodes
    x = torch.full((n, 3), 0.1, dtype=F64) * (1 + torch.randint(-2, 3, (n, 1)) * 2e-16)
    pool = P.TopKPool(3, ratio=0.5).double()
    assert highest(pool.scores(x), graph, 0.5).all()
    chosen = pool.select(x, graph)
    assert chosen.graph == graph and torch.equal(chosen.nodes, torch.arange(n))
    # what breaks ties by number does not
    first = torch.zeros(n, dtype=torch.bool)
    first[pool.scores(x).topk(n // 2).indices] = True
    assert not first.all()


def test_choice_moves_with_the_nodes():
    """Ties included, exactly; a choice of the first ones does not."""
    x, graph = small_graphs(3)(torch.Generator().manual_seed(0))
    x = (x * 2).round() / 2  # ties
    pool = P.TopKPool(3).double()
    pool.direction.data.copy_(torch.tensor([[1.0], [0.0], [0.0]]))
    rng = torch.Generator().manual_seed(1)
    differs = False
    for _ in range(20):
        perm = torch.randperm(12, generator=rng)
        moved, again = torch.empty_like(x), graph.permute(perm)
        moved[perm] = x
        expected = torch.empty_like(x)
        expected[perm] = pool(x, graph)
        assert torch.equal(pool(moved, again), expected)

        def first(x, graph):
            order = x[:, 0].argsort(descending=True, stable=True)
            return torch.zeros(12).index_fill(0, order[:6], 1)

        image = torch.empty(12)
        image[perm] = first(x, graph)
        differs |= not torch.equal(first(moved, again), image)
    assert differs


def test_select_keeps_edges_among_the_nodes_it_keeps():
    x, graph = small_graphs(3)(torch.Generator().manual_seed(3))
    pool = P.TopKPool(3, ratio=0.6).double()
    x, smaller, nodes, edges = pool.select(x, graph)
    ends = graph.to_edge_index()[:, edges]
    assert torch.equal(nodes[smaller.to_edge_index()], ends)
    assert torch.equal(smaller.batch_index, graph.batch_index[nodes])
    inside = torch.isin(graph.to_edge_index(), nodes).all(0)
    assert inside.sum() == len(edges) > 0 and smaller.num_graphs == 3
    assert (x != 0).all()


@pytest.mark.parametrize("weighted", [False, True])
def test_diff_pool_is_the_product_of_matrices(weighted):
    x, graph, weight = small_graphs(3, edge=0)(torch.Generator().manual_seed(0))
    weight = weight if weighted else torch.ones_like(weight)
    pool = P.DiffPool(3, 4, 2).double()
    found = pool(x, graph, weight)
    s, z = pool.assign(x, graph).softmax(1), pool.embed(x, graph)
    matrix = torch.zeros(12, 12, dtype=F64)
    matrix.index_put_((graph.source.long(), graph.target.long()), weight, accumulate=True)
    for k in range(3):
        own = graph.batch_index == k
        torch.testing.assert_close(found.x[k], s[own].T @ z[own])
        torch.testing.assert_close(found.adjacency[k], s[own].T @ matrix[own][:, own] @ s[own])
    if not weighted:
        assert torch.equal(pool(x, graph).adjacency, found.adjacency)


def test_blocks_hold_each_graph():
    x, graph = mixed()
    blocks = blocks_of(graph)
    rows = blocks.spread(x)
    assert rows.shape == (4, 4, 3) and torch.equal(blocks.gather(rows), x)
    for k, part in enumerate(parts(x, graph)):
        assert torch.equal(rows[k, : len(part)], part) and not rows[k, len(part) :].any()
        assert blocks.there[k].sum() == len(part)
    torch.testing.assert_close(blocks.together.sum((1, 2)), graph.ptr.diff().long() ** 2)


def test_global_attention_is_that_of_each_graph_alone():
    x, graph = mixed()
    layer = P.GlobalAttention(3, heads=1).double()
    y = layer(x, graph)
    for k, part in enumerate(parts(x, graph)):
        q, key, v = layer.inwards(part).chunk(3, 1)
        alone = layer.outwards((q @ key.T / 3**0.5).softmax(1) @ v)
        torch.testing.assert_close(y[graph.batch_index == k], alone)


@pytest.mark.parametrize("name", ["GlobalAttention", "BasisNet"])
def test_one_block_of_all_nodes_gives_the_same(name, monkeypatch):
    """As where it is traced; a NaN stays in its graph there too."""
    graph = three_graphs()
    if name == "GlobalAttention":
        layer, more = P.GlobalAttention(4, heads=2).double(), ()
    else:
        layer, more = P.BasisNet(4, 3).double(), (draw(3, 4).abs(),)
    x = draw(12, 4)
    spoilt = x.clone()
    spoilt[0, 0] = torch.nan
    expected, alone = layer(x, graph, *more), layer(spoilt, graph, *more)
    assert alone[:5].isnan().any() and torch.equal(alone[5:], expected[5:])
    monkeypatch.setattr(torch.compiler, "is_compiling", lambda: True)
    torch.testing.assert_close(layer(x, graph, *more), expected)
    assert layer(spoilt, graph, *more)[:5].isnan().any()
    torch.testing.assert_close(layer(spoilt, graph, *more)[5:], expected[5:])


def test_impossible_arguments():
    for build, line in (
        (lambda: P.TopKPool(3, ratio=0), r"ratio: expected a part in \(0, 1\], got 0"),
        (lambda: P.SumPool(0), r"channels: expected a positive number, got 0"),
        (lambda: P.GraphNorm(2, eps=0.0), r"eps: expected a positive number, got 0.0"),
        (lambda: P.GlobalAttention(6, heads=4), r"heads: expected a divisor of channels=6, got 4"),
        (lambda: P.GlobalAttention(4, dropout=7), r"dropout: expected a probability below 1, got"),
        (lambda: P.GPSLayer(6, heads=4), r"heads: expected a divisor of channels=6, got 4"),
        (lambda: P.GPSLayer(4, local="x"), r"local: expected one of gcn, .*, got 'x'"),
        (lambda: P.GPSLayer(4, norm="batch"), r"norm: expected one of layer, .*, got 'batch'"),
        (
            lambda: P.GPSLayer(4, local="gcn", edge_channels=2),
            r"edge_channels: expected None, as 'gcn'",
        ),
    ):
        with pytest.raises(ValueError, match=f"^{line}"):
            build()
    with pytest.raises(ValueError, match=r"^state: expected shape \(3, 4\), got \(2, 4\)"):
        P.VirtualNode(4)(torch.zeros(12, 4), three_graphs(), torch.zeros(2, 4))
