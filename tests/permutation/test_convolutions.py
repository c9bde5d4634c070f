"""Convolutions against dense matrices; order of edges, repeated edges, small and empty graphs."""

import gc

import pytest
import torch

from geomdl import permutation as P
from geomdl.fields import Graph
from geomdl.permutation.gat import attend, mean_of_others
from geomdl.permutation.inputs import small_graphs, three_graphs
from geomdl.permutation.loops import loop_count, with_loops
from geomdl.registry import default

F64 = torch.float64


def on_graphs(name):
    """Whether it is called with features, a graph, and what is attached to edges or nothing."""
    source = default.example(name).build().source
    names = list(source) if isinstance(source, dict) else []
    return names[:2] == ["x", "graph"] and names[2:] in ([], ["edge"], ["weight"])


EVERY = [*default.list_layers("permutation/*"), *default.list_models("permutation/*")]
NAMES = [name for name in EVERY if on_graphs(name)]


def draw(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=F64)


def built(name):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return default.example(name).build().double().eval()


def shuffled(graph, *edge, seed=0):
    """The same graph with its edges, and what is attached to them, in another order."""
    order = torch.randperm(graph.num_edges, generator=torch.Generator().manual_seed(seed))
    ends = graph.to_edge_index()[:, order]
    again = Graph.from_edge_index(ends, batch=graph.batch_index, num_graphs=graph.num_graphs)
    return again, *(part[order] for part in edge)


def dense(graph, weight=None):
    """A_ij = Σ w_e over e: j → i."""
    matrix = torch.zeros(graph.num_nodes, graph.num_nodes, dtype=F64)
    weight = torch.ones(graph.num_edges, dtype=F64) if weight is None else weight
    return matrix.index_put((graph.target.long(), graph.source.long()), weight, accumulate=True)


def same(found, expected, tol=1e-12):
    assert found.shape == expected.shape
    torch.testing.assert_close(found, expected, rtol=tol, atol=tol)


def leaves(y):
    return list(y) if isinstance(y, tuple) else [y]


@pytest.mark.parametrize("name", NAMES)
def test_order_of_edges_does_not_matter(name):
    module, (x, graph, *edge) = built(name), default.example(name).draw(0)
    for seed in range(3):
        again = shuffled(graph, *edge, seed=seed)
        for found, expected in zip(leaves(module(x, *again)), leaves(module(x, graph, *edge)),
                                   strict=True):  # fmt: skip
            same(found, expected)


def test_order_of_edges_would_be_seen():
    """A layer that counts an edge by its number fails the same check."""
    x, graph = small_graphs(3)(torch.Generator().manual_seed(0))

    def numbered(x, graph):
        return P.neighbor_sum(x, graph, torch.arange(graph.num_edges, dtype=F64))

    with pytest.raises(AssertionError):
        same(numbered(x, *shuffled(graph)), numbered(x, graph))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("nodes", "graphs"), [(0, 0), (0, 1), (1, 1), (3, 3), (3, 1)])
def test_graphs_without_edges(name, nodes, graphs):
    """None, an empty one, single nodes, and nodes without edges; gradients are numbers too."""
    module, (x, _, *edge) = built(name), default.example(name).draw(0)
    batch = torch.arange(nodes) % max(graphs, 1)
    ends = torch.zeros(2, 0, dtype=torch.int64)
    graph = Graph.from_edge_index(ends, batch=batch, num_graphs=graphs)
    x = x[:nodes].requires_grad_()
    outputs = leaves(module(x, graph, *(part[:0] for part in edge)))
    assert all(y.isfinite().all() and len(y) in (nodes, graphs) for y in outputs)
    sum(y.sum() for y in outputs).backward()
    assert x.grad is None or x.grad.isfinite().all()


@pytest.mark.parametrize("name", NAMES)
def test_gradients_are_numbers_where_features_are_equal(name):
    """Ties, deviations of 0, norms of equal features."""
    module, (x, graph, *edge) = built(name), default.example(name).draw(0)
    x = torch.ones_like(x).requires_grad_()
    for y in leaves(module(x, graph, *map(torch.ones_like, edge))):
        y.sum().backward(retain_graph=True)
    assert x.grad.isfinite().all()


@pytest.mark.parametrize("loops", [0.0, 1.0, 2.0])
@pytest.mark.parametrize("weighted", [False, True])
def test_gcn_is_the_product_of_matrices(loops, weighted):
    x, graph, weight = small_graphs(3, edge=0)(torch.Generator().manual_seed(0))
    weight = weight if weighted else None
    matrix = dense(graph, weight)
    matrix = matrix + loops * torch.diag((dense(graph).diagonal() == 0).to(F64))
    scale = matrix.sum(1).pow(-0.5)
    scale[scale.isinf()] = 0
    module = P.GCNConv(3, 2, loops=loops).double()
    expected = scale[:, None] * matrix * scale @ x @ module.linear.weight.T
    same(module(x, graph, weight), expected)


def test_wide_and_narrow_maps_agree():
    """Sums before the map and after it."""
    x, graph, weight = small_graphs(3, edge=0)(torch.Generator().manual_seed(0))
    for wide in (P.GCNConv(3, 8, rng=None).double(), P.SAGEConv(3, 8, root=False).double()):
        linear = wide.linear if isinstance(wide, P.GCNConv) else wide.neighbors
        narrow = type(wide)(3, 2, **({} if isinstance(wide, P.GCNConv) else {"root": False}))
        narrow = narrow.double()
        other = narrow.linear if isinstance(wide, P.GCNConv) else narrow.neighbors
        other.weight.data.copy_(linear.weight[:2])
        args = (weight,) if isinstance(wide, P.GCNConv) else ()
        same(narrow(x, graph, *args), wide(x, graph, *args)[:, :2])


def test_negative_degrees_are_not_hidden():
    graph = Graph.from_edge_index(torch.tensor([[0, 1], [1, 0]]))
    y = P.GCNConv(1, 1, loops=0.0).double()(draw(2, 1), graph, -torch.ones(2, dtype=F64))
    assert y.isnan().all()


@pytest.mark.parametrize("kind", ["sym", "rw", "none"])
def test_chebyshev_polynomials_of_the_matrix(kind):
    x, graph = small_graphs(3)(torch.Generator().manual_seed(0))
    matrix = dense(graph)
    matrix = matrix - torch.diag(matrix.diagonal())
    degree = matrix.sum(0)
    one = torch.eye(12, dtype=F64)
    inverse = torch.where(degree > 0, 1 / degree.clamp(min=1), 0)
    laplacian = {
        "sym": one - inverse.sqrt()[:, None] * matrix * inverse.sqrt(),
        "rw": one - matrix * inverse,
        "none": torch.diag(degree) - matrix,
    }[kind]
    bound = torch.full((12,), 2.0, dtype=F64)
    if kind == "none":
        greatest = torch.stack([degree[graph.batch_index == k].max() for k in range(3)])
        bound = 2 * greatest[graph.batch_index.long()]
    scaled = 2 * laplacian / bound[:, None] - one
    module = P.ChebConv(3, 2, K=4, normalization=kind).double()
    polynomials = [x, scaled @ x]
    polynomials += [2 * scaled @ polynomials[1] - polynomials[0]]
    polynomials += [2 * scaled @ polynomials[2] - polynomials[1]]
    expected = sum(t @ w.weight.T for t, w in zip(polynomials, module.linears, strict=True))
    same(module(x, graph), expected)
    assert torch.linalg.eigvals(scaled).abs().max() <= 1 + 1e-12
    again = P.ChebConv(3, 2, K=4, normalization=kind, lambda_max=5.0).double()
    again.load_state_dict(module.state_dict())
    assert not torch.allclose(again(x, graph), expected)


def test_many_steps_of_appnp_are_the_inverse():
    x, graph = small_graphs(3)(torch.Generator().manual_seed(0))
    matrix = dense(graph) + torch.diag((dense(graph).diagonal() == 0).to(F64))
    scale = matrix.sum(1).rsqrt()
    inverse = torch.linalg.inv(torch.eye(12, dtype=F64) - 0.7 * scale[:, None] * matrix * scale)
    same(P.APPNP(K=100, alpha=0.3)(x, graph), 0.3 * inverse @ x)


@pytest.mark.parametrize("name", ["GATConv", "GATv2Conv"])
@pytest.mark.parametrize("edges", [None, 2])
@pytest.mark.parametrize("loops", [True, False])
def test_both_ways_of_attention_agree(name, edges, loops, monkeypatch):
    """With loops in the graph, and with the node's own share in closed form; gradients too."""
    x, graph, edge = small_graphs(3, edge=2)(torch.Generator().manual_seed(0))
    make = getattr(P, name)
    module = make(3, 2, heads=2, edge_channels=edges, loops=loops).double()
    given = [x.requires_grad_(), *([edge.requires_grad_()] if edges else [])]

    def run():
        y = module(given[0], graph, *given[1:])
        inputs = [*given, *module.parameters()]
        return [y, *torch.autograd.grad((y * draw(*y.shape)).sum(), inputs)]

    assert module.fused
    fused = run()
    monkeypatch.setattr(type(module), "fused", False)
    for found, expected in zip(run(), fused, strict=True):
        same(found, expected)


def test_a_share_that_was_forgotten_would_be_seen():
    x, graph = small_graphs(4)(torch.Generator().manual_seed(0))
    values, logits, own = x.view(12, 2, 2), draw(graph.num_edges, 2), draw(12, 2, seed=1)
    looped = with_loops(graph)
    both = torch.cat([logits[looped.kept], own])
    expected = attend(values, both, None, looped.graph)
    same(attend(values, logits, own, graph), expected)
    assert not torch.allclose(attend(values, logits, 0 * own, graph), expected)
    assert not torch.allclose(attend(values, logits, None, graph), expected)


def test_large_logits_do_not_overflow():
    x, graph = small_graphs(4)(torch.Generator().manual_seed(0))
    values = x.view(12, 2, 2)
    logits, own = 1e4 * draw(graph.num_edges, 2), 1e4 * draw(12, 2, seed=1)
    looped = with_loops(graph)
    expected = attend(values, torch.cat([logits[looped.kept], own]), None, looped.graph)
    same(attend(values, logits, own, graph), expected)


def test_features_of_own_edges_are_the_mean_of_the_others():
    graph = Graph.from_edge_index(torch.tensor([[0, 1, 1, 2], [1, 1, 0, 1]]), num_nodes=4)
    edge = torch.tensor([[1.0], [100.0], [5.0], [3.0]])
    assert mean_of_others(edge, graph).flatten().tolist() == [5.0, 2.0, 0.0, 0.0]


def test_dropout_of_edges_has_the_right_mean():
    x, graph = small_graphs(3)(torch.Generator().manual_seed(0))
    many = Graph.batch([graph] * 4000)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        for module in (
            P.GATConv(3, 2, heads=2, dropout=0.3).double(),
            P.GATv2Conv(3, 2, heads=2, dropout=0.3).double(),
            P.APPNP(K=1, dropout=0.3),
        ):
            draws = module(x.repeat(4000, 1), many).detach().view(4000, 12, -1)
            mean, error = draws.mean(0), draws.std(0) / 4000**0.5
            assert error.max() > 1e-4
            assert ((mean - module.eval()(x, graph)).abs() <= 5 * error + 1e-12).all()


def test_repeated_edges_count_as_often_as_they_are_there():
    twice = Graph.from_edge_index(torch.tensor([[0, 0, 2, 1], [1, 1, 1, 0]]))
    once = Graph.from_edge_index(torch.tensor([[0, 2, 1], [1, 1, 0]]))
    weight, x = torch.tensor([2.0, 1.0, 1.0], dtype=F64), draw(3, 4)
    for module in (P.GCNConv(4, 2), P.APPNP(), P.ChebConv(4, 2)):
        module = module.double()
        same(module(x, twice), module(x, once, weight))
        assert not torch.allclose(module(x, twice), module(x, once))
    same(P.neighbor_sum(x, twice), P.neighbor_sum(x, once, weight))
    for kind, matters in (("mean", True), ("sum", True), ("max", False), ("min", False)):
        module = P.SAGEConv(4, 2, aggregation=kind).double()
        assert torch.allclose(module(x, twice), module(x, once)) != matters
    for module in (P.GINConv(4, 2), P.GATConv(4, 2), P.GATv2Conv(4, 2), P.PNAConv(4, 2)):
        module = module.double()
        assert not torch.allclose(module(x, twice), module(x, once))


def test_what_is_kept_of_a_graph_goes_with_it():
    kept = with_loops.__closure__
    (table,) = (cell.cell_contents for cell in kept if isinstance(cell.cell_contents, dict))
    gc.collect()
    before = len(table)
    graph = three_graphs()
    assert with_loops(graph) is with_loops(graph)
    assert len(table) == before + 1
    del graph
    gc.collect()
    assert len(table) == before
    assert loop_count(three_graphs()).tolist() == [0] * 8 + [1, 0, 0, 0]


def test_delta_is_the_mean_over_all_graphs():
    graph = three_graphs()
    expected = (graph.in_degree.double() + 1).log().mean().item()
    assert P.mean_log_degree(graph) == pytest.approx(expected, rel=1e-14)
    assert P.mean_log_degree(graph.unbatch()) == pytest.approx(expected, rel=1e-14)
    with pytest.raises(ValueError, match=r"^graphs: expected some nodes, got none"):
        P.mean_log_degree([])


@pytest.mark.parametrize(
    ("build", "line"),
    [
        (lambda: P.GCNConv(0, 2), "in_channels: expected a positive number, got 0"),
        (lambda: P.GCNConv(2, 2, loops=-1.0), "loops: expected a weight of at least 0, got -1.0"),
        (lambda: P.SAGEConv(2, 2, aggregation="median"), "aggregation: expected one of mean,"),
        (lambda: P.GATConv(2, 2, heads=0), "heads: expected a positive number, got 0"),
        (lambda: P.GATConv(2, 2, dropout=1.0), "dropout: expected a probability below 1, got 1.0"),
        (lambda: P.PNAConv(2, 2, scalers=["linear"]), "scalers: expected some of identity, "),
        (lambda: P.PNAConv(2, 2, aggregators="mean"), "aggregators: expected some of mean, "),
        (lambda: P.PNAConv(2, 2, delta=0.0), "delta: expected a positive number, got 0.0"),
        (lambda: P.APPNP(2, alpha=2.0), "alpha: expected a probability, got 2.0"),
        (lambda: P.ChebConv(2, 2, normalization="x"), "normalization: expected 'sym', 'rw' or"),
        (lambda: P.ChebConv(2, 2, K=0), "K: expected a positive number, got 0"),
    ],
)
def test_impossible_arguments(build, line):
    with pytest.raises(ValueError, match=f"^{line}"):
        build()


def test_inputs_that_do_not_fit():
    x, graph, edge = small_graphs(3, edge=2)(torch.Generator().manual_seed(0))
    gat, gcn = P.GATConv(3, 2, edge_channels=2).double(), P.GCNConv(3, 2).double()
    for bad, error, line in (
        ((x[1:], graph, edge), ValueError, r"x: expected shape \(12, 3\), got \(11, 3\)"),
        ((x[:, 1:], graph, edge), ValueError, r"x: expected shape \(12, 3\), got \(12, 2\)"),
        ((x.long(), graph, edge), TypeError, r"x: .* got torch.int64"),
        (
            (x, graph.to_edge_index(), edge),
            TypeError,
            r"graph: expected a .* got torch.Tensor",
        ),
        ((x, graph, edge[1:]), ValueError, r"edge: expected shape \(21, 2\), got \(20, 2\)"),
        ((x, graph, edge.long()), TypeError, r"edge: .* got torch.int64"),
        ((x, graph), ValueError, r"edge: expected shape \(21, 2\), got None"),
        ((x.float(), graph, edge), TypeError, r"x: expected torch.float64, as the weights, got"),
    ):
        with pytest.raises(error, match=f"^{line}"):
            gat(*bad)
    with pytest.raises(ValueError, match=r"^weight: expected shape \(21,\), got \(21, 2\)"):
        gcn(x, graph, edge)
    with pytest.raises(ValueError, match=r"^edge: expected None of a layer without edge_channels"):
        P.GATConv(3, 2).double()(x, graph, edge)


@pytest.mark.parametrize("name", [name for name in NAMES if name.split("/")[1] in P.__all__])
def test_autocast_rounds_and_no_more(name):
    """Some tensors come rounded then, others do not; gradients come through."""
    module, inputs = built(name).float(), default.example(name).draw(0)
    inputs = [x.float() if isinstance(x, torch.Tensor) else x for x in inputs]
    expected = leaves(module(*inputs))
    with torch.autocast("cpu", torch.bfloat16):
        found = leaves(module(*inputs))
    for y, reference in zip(found, expected, strict=True):
        assert (y.float() - reference).abs().max() <= 0.1 * reference.abs().max()
    if any(y.requires_grad for y in found):
        sum(y.float().sum() for y in found).backward()
        assert all(p.grad is None or p.grad.isfinite().all() for p in module.parameters())


@pytest.mark.parametrize("floor", [0.0, 1e-2])
@pytest.mark.parametrize("edge_channels", [None, 2])
def test_pna_by_degree_is_pna_node_by_node(monkeypatch, floor, edge_channels):
    """Values and gradients, with isolated nodes, all aggregators and scalers."""
    rng = torch.Generator().manual_seed(0)
    ends = torch.randint(60, (2, 150), generator=rng)
    graph = Graph.from_edge_index(ends, num_nodes=70)
    layer = P.PNAConv(
        3, 5, delta=1.3, aggregators=("std", "sum", "max", "mean", "min"), floor=floor,
        edge_channels=edge_channels, scalers=("attenuation", "identity", "amplification"), rng=rng,
    ).double()  # fmt: skip
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.normal_(generator=rng)
    x = torch.randn(70, 3, generator=rng, dtype=torch.float64, requires_grad=True)
    edge = None
    if edge_channels:
        edge = torch.randn(150, edge_channels, generator=rng, dtype=torch.float64)
    inputs = [x, *layer.parameters()]
    found = []
    for many in (0, 10**9):
        monkeypatch.setattr("geomdl.permutation.pna._MANY", many)
        y = layer(x, graph, edge)
        found.append([y, *torch.autograd.grad(y.sin().sum(), inputs)])
    for a, b in zip(*found, strict=True):
        assert (a - b).abs().max() <= 1e-12 * b.abs().max()
    assert (graph.in_degree == 0).any()
    assert found[0][0].std() > 0.1


@pytest.mark.parametrize("name", ["GCNConv", "SAGEConv", "GINConv", "GATConv", "GATv2Conv", "GIN"])
def test_features_of_another_type_than_the_weights(name):
    x, graph = small_graphs(3)(torch.Generator().manual_seed(0))
    layer = getattr(P, name)(3, 2)
    line = r"^x: expected torch.float32, as the weights, got torch.float64 \(take x.float\(\)\)$"
    with pytest.raises(TypeError, match=line):
        layer(x, graph)
    with torch.autocast("cpu", torch.bfloat16):
        assert layer(x.bfloat16(), graph).isfinite().all()
