"""Softmax over neighbours."""

import pytest
import torch

from geomdl.euclidean import neighbor_softmax
from geomdl.euclidean.interaction import small_graph
from geomdl.fields import Graph
from geomdl.fields.messages import at_sources, at_targets, sum_at_targets

F64 = torch.float64


def logits(scale=1.0):
    rng = torch.Generator().manual_seed(0)
    return scale * torch.randn(small_graph().num_edges, 2, generator=rng, dtype=F64)


@pytest.mark.parametrize("spare", [0.0, 0.5])
def test_against_a_softmax_node_by_node(spare):
    graph, a = small_graph(), logits()
    weight = torch.rand(len(a), 1, generator=torch.Generator().manual_seed(1), dtype=F64)
    found = neighbor_softmax(a, graph, weight, spare)
    for node in range(graph.num_nodes):
        rows = (graph.target == node).nonzero().flatten()
        powers = a[rows].exp() * weight[rows]
        expected = powers / (powers.sum(0) + spare)
        assert torch.allclose(found[rows], expected, rtol=1e-13, atol=0)


def test_stable_for_large_logits_and_without_weight():
    graph, a = small_graph(), logits(1e4)
    found = neighbor_softmax(a, graph)
    sums = sum_at_targets(found, graph)
    assert (sums[graph.in_ptr.diff() > 0] - 1).abs().max() <= 1e-14
    assert (sums[graph.in_ptr.diff() == 0] == 0).all()
    assert neighbor_softmax(a, graph, spare=1.0).isfinite().all()
    none = a.clone().requires_grad_()
    found = neighbor_softmax(none, graph, torch.zeros(len(a), 1, dtype=F64))
    (slope,) = torch.autograd.grad(found.sum(), none)
    assert torch.equal(found, torch.zeros_like(found))
    assert torch.equal(slope, torch.zeros_like(slope))


@pytest.mark.parametrize("spare", [0.0, 1.0])
def test_edges_without_weight_do_not_count_however_great_their_logits(spare):
    graph = Graph.from_edge_index(torch.tensor([[0, 1, 2], [3, 3, 3]]))
    a = torch.tensor([[1.0], [2.0], [900.0]], dtype=F64, requires_grad=True)
    weight = torch.tensor([[1.0], [0.5], [0.0]], dtype=F64, requires_grad=True)
    found = neighbor_softmax(a, graph, weight, spare)
    powers = torch.tensor([1.0, 2.0], dtype=F64).exp() * torch.tensor([1.0, 0.5], dtype=F64)
    expected = torch.cat([powers / (powers.sum() + spare), torch.zeros(1, dtype=F64)])
    assert torch.allclose(found.flatten(), expected, rtol=1e-13, atol=0)
    for slope in torch.autograd.grad(found.square().sum(), (a, weight)):
        assert slope.isfinite().all()


@pytest.mark.parametrize("spare", [0.0, 1.0])
def test_derivatives(spare):
    graph, a = small_graph(), logits().requires_grad_()
    weight = torch.rand(len(a), 1, dtype=F64).requires_grad_()

    def run(a, weight):
        return neighbor_softmax(a, graph, weight, spare)

    assert torch.autograd.gradcheck(run, (a, weight))
    assert torch.autograd.gradgradcheck(run, (a, weight))


def test_ends_of_edges():
    graph = small_graph()
    x = torch.randn(7, 3, generator=torch.Generator().manual_seed(0), dtype=F64)
    assert torch.equal(at_sources(x, graph), x[graph.source.long()])
    assert torch.equal(at_targets(x, graph), x[graph.target.long()])
    counts = sum_at_targets(torch.ones(graph.num_edges, dtype=F64), graph)
    assert torch.equal(counts, graph.in_degree.double())


def test_rows_that_do_not_fit_are_named():
    graph = Graph.from_edge_index(torch.tensor([[0, 1, 2], [1, 2, 6]]))
    for function, name, rows in (
        (at_sources, "x", 7),
        (at_targets, "x", 7),
        (sum_at_targets, "m", 3),
        (neighbor_softmax, "logits", 3),
    ):
        with pytest.raises(ValueError, match="expected shape") as caught:
            function(torch.ones(5, 2), graph)
        assert str(caught.value) == f"{name}: expected shape ({rows}, …), got (5, 2)"
