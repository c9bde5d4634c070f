"""Sums, extremes, statistics and attention over neighbours against loops over nodes in float64."""

import pytest
import torch

from geomdl.fields import Graph, neighbor_softmax
from geomdl.permutation import (
    graph_attention,
    graph_attention_v2,
    graph_max,
    graph_mean,
    graph_softmax,
    graph_sum,
    neighbor_max,
    neighbor_mean,
    neighbor_min,
    neighbor_statistics,
    neighbor_sum,
)


def drawn(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.fixture
def graph():
    """Repeated edges, self-loops, and nodes without neighbours."""
    rng = torch.Generator().manual_seed(1)
    edges = torch.randint(8, (2, 40), generator=rng)
    return Graph.from_edge_index(edges, num_nodes=10)


def by_nodes(function, graph):
    """Rows function(i, edges into i), zeros where there is none."""
    rows = []
    for i in range(graph.num_nodes):
        edges = (graph.target == i).nonzero().flatten()
        rows.append(function(i, edges) if len(edges) else None)
    empty = torch.zeros_like(next(row for row in rows if row is not None))
    return torch.stack([empty if row is None else row for row in rows])


def close(found, expected, tol=1e-12):
    assert found.shape == expected.shape
    assert (found - expected).abs().max() <= tol * expected.abs().max()


def test_sums_and_means(graph):
    x, w = drawn(10, 3, 4), drawn(40, 3, seed=2)
    close(neighbor_sum(x, graph), by_nodes(lambda i, e: x[graph.source[e]].sum(0), graph))
    close(neighbor_mean(x, graph), by_nodes(lambda i, e: x[graph.source[e]].mean(0), graph))
    for weight, wide in ((w, w[:, :, None]), (w[:, 0], w[:, :1, None])):
        expected = by_nodes(lambda i, e: (wide[e] * x[graph.source[e]]).sum(0), graph)  # noqa: B023
        close(neighbor_sum(x, graph, weight), expected)
    numbers = neighbor_sum(x[:, 0, 0], graph, w[:, 0])
    close(numbers, neighbor_sum(x, graph, w[:, 0])[:, 0, 0])


def test_extremes(graph):
    x = drawn(10, 4)
    close(neighbor_max(x, graph), by_nodes(lambda i, e: x[graph.source[e]].amax(0), graph), 0)
    close(neighbor_min(x, graph), by_nodes(lambda i, e: x[graph.source[e]].amin(0), graph), 0)


@pytest.mark.parametrize("take", [neighbor_max, neighbor_min])
def test_gradients_of_ties_go_to_the_first_edge(take):
    graph = Graph.from_edge_index(torch.tensor([[2, 1, 0], [3, 3, 3]]))
    x = torch.ones(4, 1, requires_grad=True)
    (gradient,) = torch.autograd.grad(take(x, graph).sum(), x)
    assert gradient.flatten().tolist() == [0, 0, 1, 0]


@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_nan_is_greatest_and_least_wherever_it_stands(place):
    graph = Graph.from_edge_index(torch.tensor([[0, 1, 2, 3], [3, 3, 3, 2]]))
    x = torch.tensor([[1.0], [2.0], [3.0], [4.0]])
    x[place] = float("nan")
    statistics = neighbor_statistics(x, graph)
    for y in (neighbor_max(x, graph), neighbor_min(x, graph), *statistics):
        assert y.isnan().flatten().tolist() == [False, False, False, True]


@pytest.mark.parametrize("with_edge", [False, True])
def test_statistics(graph, with_edge):
    x, edge = drawn(10, 4), drawn(40, 4, seed=3) if with_edge else None

    def message(e):
        return x[graph.source[e]] + (edge[e] if with_edge else 0)

    found = neighbor_statistics(x, graph, edge)
    for name, take in {
        "mean": lambda m: m.mean(0),
        "min": lambda m: m.amin(0),
        "max": lambda m: m.amax(0),
        "std": lambda m: m.var(0, correction=0).sqrt(),
    }.items():
        expected = by_nodes(lambda i, e: take(message(e)), graph)  # noqa: B023
        close(getattr(found, name), expected)


def test_deviations_do_not_cancel():
    graph = Graph.from_edge_index(torch.tensor([[0, 1, 2, 0, 0, 0], [3, 3, 3, 1, 1, 1]]))
    x = (1e4 + torch.tensor([[0.1], [0.7], [0.3], [0.0]])).requires_grad_()
    std = neighbor_statistics(x, graph).std
    expected = x.detach().double()[:3].var(correction=0).sqrt()
    assert abs(std[3].item() - expected) <= 1e-3 * expected  # Σm² - (Σm)² would keep no digit
    assert std[1].item() == 0
    (gradient,) = torch.autograd.grad(std.sum(), x)
    alone = torch.autograd.grad(neighbor_statistics(x, graph).std[3].sum(), x)[0]
    assert torch.equal(gradient, alone)  # nothing from the three equal neighbours
    assert gradient[1] > 0 > gradient[0]


@pytest.mark.parametrize("with_edge", [False, True])
def test_attention(graph, with_edge):
    x, t, s = drawn(10, 2, 3), drawn(10, 2, seed=4), drawn(10, 2, seed=5)
    edge = drawn(40, 2, seed=6) if with_edge else None

    def row(i, e):
        j = graph.source[e]
        z = t[i] + s[j] + (edge[e] if with_edge else 0)
        alpha = torch.nn.functional.leaky_relu(z, 0.1).softmax(0)
        return (alpha[:, :, None] * x[j]).sum(0)

    close(graph_attention(x, t, s, graph, edge, slope=0.1), by_nodes(row, graph))


@pytest.mark.parametrize("with_edge", [False, True])
def test_attention_with_pairs_inside(graph, with_edge):
    t, s, a = drawn(10, 2, 3), drawn(10, 2, 3, seed=4), drawn(2, 3, seed=5)
    edge = drawn(40, 2, 3, seed=6) if with_edge else None

    def row(i, e):
        j = graph.source[e]
        z = t[i] + s[j] + (edge[e] if with_edge else 0)
        alpha = (torch.nn.functional.leaky_relu(z, 0.2) * a).sum(-1).softmax(0)
        return (alpha[:, :, None] * s[j]).sum(0)

    close(graph_attention_v2(t, s, a, graph, edge), by_nodes(row, graph))


def test_softmax_agrees_with_its_weighted_form_and_pyg(graph):
    from torch_geometric.utils import softmax

    logits = 30 * drawn(40, 2)
    found = neighbor_softmax(logits, graph)
    close(found, neighbor_softmax(logits, graph, torch.ones(40, 1).double()))
    close(found, softmax(logits, graph.target.long(), num_nodes=10), 1e-10)  # PyG adds 1e-16


def test_great_logits_do_not_overflow(graph):
    x, t = drawn(10, 1, 2).float(), 1e4 * torch.ones(10, 1)
    y = graph_attention(x, t, t, graph)
    close(y, neighbor_mean(x, graph), 1e-5)


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (
            lambda x, g: neighbor_sum(x, g, torch.ones(39)),
            r"weight: expected shape \(40, …\), got \(39",
        ),
        (
            lambda x, g: neighbor_sum(x, g, torch.ones(40, 3)),
            r"weight: expected .* \(4,\).*\(40, 3\)",
        ),
        (lambda x, g: neighbor_sum(x[1:], g), r"x: expected shape \(10, …\), got \(9, 4\)"),
        (lambda x, g: neighbor_max(x[1:], g), r"x: expected shape \(10, …\), got \(9, 4\)"),
        (lambda x, g: neighbor_statistics(x[1:], g), r"x: expected shape \(10, …\), got \(9, 4\)"),
        (lambda x, g: neighbor_max(x.long(), g), "x: expected float32"),
        (lambda x, g: neighbor_statistics(x, g, torch.ones(40, 3)), r"edge: expected .*\(40, 4\)"),
        (lambda x, g: graph_attention(x[:, None], x, x, g), r"t: expected shape \(10, 1\)"),
        (lambda x, g: neighbor_softmax(torch.ones(39, 2), g), r"logits: expected shape \(40, …\)"),
    ],
)
def test_bad_input_is_one_line(graph, call, text):
    with pytest.raises((ValueError, TypeError), match=text) as caught:
        call(torch.ones(10, 4), graph)
    assert "\n" not in str(caught.value)


def test_rows_that_do_not_fit_are_named():
    graph = Graph.from_edge_index(torch.tensor([[0, 1, 2], [1, 2, 6]]))
    x, few, heads = torch.ones(7, 3), torch.ones(5, 3), torch.ones(7, 1, 3)
    functions = (neighbor_sum, neighbor_mean, neighbor_max, neighbor_min, neighbor_statistics,
                 graph_sum, graph_mean, graph_max)  # fmt: skip
    calls = [(lambda f=f: f(few, graph), "x", 7) for f in functions]
    calls += [
        (lambda: graph_softmax(few, graph), "logits", 7),
        (lambda: neighbor_sum(x, graph, few), "weight", 3),
        (lambda: graph_attention(few, x, x, graph), "x", 7),
        (lambda: graph_attention(heads, few, x, graph), "at_target", 7),
        (lambda: graph_attention_v2(heads, few, x, graph), "source", 7),
    ]
    for call, name, rows in calls:
        with pytest.raises(ValueError, match="expected shape") as caught:
            call()
        assert str(caught.value) == f"{name}: expected shape ({rows}, …), got (5, 3)"
    with pytest.raises(TypeError, match=r"^x: expected a torch.Tensor, got list$"):
        graph_sum([1.0], graph)
