"""Sums of messages in blocks against sums of all of them, values and derivatives."""

import pytest
import torch
from torch import nn

from geomdl.fields import Graph, at_sources, at_targets, sum_at_targets
from geomdl.permutation import sum_of_messages

F64 = torch.float64


def drawn(*shape, seed=0):
    rng = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=rng, dtype=F64).requires_grad_()


def message(t, s, f, w):
    return torch.tanh(t @ w + s * f)


@pytest.fixture
def graph():
    edges = torch.randint(7, (2, 30), generator=torch.Generator().manual_seed(1))
    return Graph.from_edge_index(edges, num_nodes=9)


@pytest.fixture
def inputs():
    return drawn(9, 3), drawn(9, 3, seed=2), drawn(30, 1, seed=3), drawn(3, 3, seed=4)


def blocked(graph, block=4):
    return lambda t, s, f, w: sum_of_messages(
        message, [t], [s], [f], graph, weights=[w], block=block
    )


def whole(graph):
    return lambda t, s, f, w: sum_at_targets(
        message(at_targets(t, graph), at_sources(s, graph), f, w), graph
    )


@pytest.mark.parametrize("block", [1, 4, 7, 30, 1000])
def test_values_and_gradients_are_those_of_all_edges_at_once(graph, inputs, block):
    found, expected = blocked(graph, block)(*inputs), whole(graph)(*inputs)
    assert (found - expected).abs().max() <= 1e-14
    gradients = [torch.autograd.grad(y.square().sum(), inputs) for y in (found, expected)]
    for a, b in zip(*gradients, strict=True):
        assert (a - b).abs().max() <= 1e-13 * b.abs().max()


def test_derivatives_agree_with_differences(graph, inputs):
    torch.autograd.gradcheck(blocked(graph), inputs)
    torch.autograd.gradgradcheck(blocked(graph), inputs)


@pytest.mark.parametrize("block", [4, 1000])
def test_a_random_function_draws_the_same_backward(graph, block):
    x = drawn(9, 3)

    def run(x):
        torch.manual_seed(5)
        return sum_of_messages(
            lambda s: nn.functional.dropout(s.square(), 0.5), [], [x], [], graph, block=block
        )

    y = run(x)
    (slope,) = torch.autograd.grad(y.sum(), x, create_graph=True)
    plain = torch.autograd.grad(run(x).sum(), x)[0]
    for found in (slope, plain):  # y is of second degree
        assert torch.allclose((found * x).sum(), 2 * y.sum(), rtol=1e-12)
    (again,) = torch.autograd.grad(slope.sum(), x)
    assert torch.allclose((again * x), slope, rtol=1e-12)
    y = run(x)
    after = torch.get_rng_state()
    y.sum().backward()
    assert torch.equal(after, torch.get_rng_state())


def test_only_what_needs_a_gradient_has_one(graph, inputs):
    t, *rest = inputs
    t = t.detach()
    y = blocked(graph)(t, *rest)
    assert torch.autograd.grad(y.sum(), rest)[0].abs().max() > 0
    assert not blocked(graph)(*(x.detach() for x in inputs)).requires_grad


def test_parameters_of_a_module_have_gradients(graph):
    class Pair(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = nn.Linear(6, 2, dtype=F64)

        def forward(self, t, s):
            return self.inner(torch.cat([t, s], 1)).relu()

    torch.manual_seed(0)
    pair, x = Pair(), drawn(9, 3)
    y = sum_of_messages(pair, [x], [x], [], graph, block=5)
    z = sum_at_targets(pair(at_targets(x, graph), at_sources(x, graph)), graph)
    wanted = [x, *pair.parameters()]
    for a, b in zip(*(torch.autograd.grad(q.square().sum(), wanted) for q in (y, z)), strict=True):
        assert b.abs().max() > 0
        assert (a - b).abs().max() <= 1e-13 * b.abs().max()


def test_no_block_is_larger_than_asked_for(graph, inputs):
    sizes = []

    def watched(t, s):
        sizes.append(len(t))
        return t * s

    most = int(graph.in_degree.max())
    sum_of_messages(watched, [inputs[0]], [inputs[1]], [], graph, block=most).sum().backward()
    assert max(sizes) == most < graph.num_edges


@pytest.mark.parametrize("edges", [0, 3])
def test_no_edges_and_no_nodes(edges):
    graph = Graph.from_edge_index(torch.zeros(2, edges, dtype=torch.int64), num_nodes=min(edges, 1))
    x = torch.ones(graph.num_nodes, 2, requires_grad=True)
    y = sum_of_messages(lambda t, s: t + s, [x], [x], [], graph)
    assert y.tolist() == [[6.0, 6.0]] * graph.num_nodes
    assert torch.autograd.grad(y.sum(), x)[0].tolist() == [[6.0, 6.0]] * graph.num_nodes


def test_a_hidden_weight_is_refused(graph, inputs):
    t, s, _, w = inputs
    with pytest.raises(ValueError, match="among weights, got one in a closure"):
        sum_of_messages(lambda a, b: (a + b) @ w, [t], [s], [], graph)
    with torch.no_grad():
        sum_of_messages(lambda a, b: (a + b) @ w, [t], [s], [], graph)


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"at_targets": [torch.ones(8, 1)]}, r"at_targets: expected shape \(9, …\), got \(8, 1\)"),
        ({"on_edges": [torch.ones(29)]}, r"on_edges: expected shape \(30, …\), got \(29,\)"),
        ({"block": 0}, "block: expected at least 1, got 0"),
    ],
)
def test_bad_input_is_one_line(graph, changes, text):
    given = {"at_targets": [], "at_sources": [torch.ones(9, 1)], "on_edges": [], **changes}
    with pytest.raises(ValueError, match=text):
        sum_of_messages(lambda *t: t[0], graph=graph, **given)


def test_compiled_it_is_one_graph(graph, inputs):
    torch.compiler.reset()
    run = torch.compile(blocked(graph), fullgraph=True, backend="aot_eager")
    assert torch.allclose(run(*inputs), whole(graph)(*inputs), rtol=1e-12)
