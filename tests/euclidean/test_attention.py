"""Attention over neighbours and normalisation, node by node and against torch."""

import pytest
import torch

from geomdl.euclidean import (
    Equiformer,
    Interaction,
    LayerNorm,
    NeighborAttention,
    NormActivation,
    spherical,
)
from geomdl.euclidean.gate import unit_scale
from geomdl.euclidean.interaction import small_graph
from geomdl.euclidean.spherical import from_blocks
from geomdl.fields import Graph

F64 = torch.float64


def draw(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=F64)


def attention():
    rng = torch.Generator().manual_seed(3)
    return NeighborAttention(
        spherical(1), spherical(1), channels=4, heads=2, radial=(3, 5), rng=rng
    ).double()


def test_attention_pair_by_pair():
    layer, graph = attention(), small_graph()
    x, s, b = draw(7, 4, 4), draw(graph.num_edges, 4, seed=1), draw(graph.num_edges, 3, seed=2)
    f = draw(graph.num_edges, 1, seed=4).square()
    to, by = layer.ends.weight.chunk(2, 1)
    values, expected = layer.before(x), torch.zeros(7, 4, 4, dtype=F64)
    one = Interaction(spherical(1), spherical(1), spherical(1), channels=4)
    edge = Graph.from_edge_index(torch.tensor([[0], [1]]))  # one message at a time
    for node in range(7):
        into = (graph.target == node).nonzero().flatten().tolist()
        powers = []
        for e in into:
            sums = (x[node, 0] @ to + x[int(graph.source[e]), 0] @ by) / 2  # root of four channels
            act = torch.nn.functional.silu(sums + layer.length(b[e]))
            powers.append(f[e] * ((act.view(2, 2) * layer.logits).sum(1) / 2**0.5).exp())
        for e, power in zip(into, powers, strict=True):
            share = power / (1 + sum(powers))
            w = layer.radial(b[e : e + 1]).view(1, -1, 4) * share.repeat_interleave(2)
            ends = torch.stack([values[int(graph.source[e])], torch.zeros(4, 4, dtype=F64)])
            expected[node] += layer.after(one(ends, s[e : e + 1], w, edge))[1]
    found = layer(x, s, b, f, graph)
    assert (found - expected).abs().max() <= 1e-12 * expected.abs().max()
    assert torch.equal(found[6], torch.zeros(4, 4, dtype=F64))  # without neighbours


def test_attention_survives_any_logits():
    layer, graph = attention(), small_graph()
    x = (1e4 * draw(7, 4, 4)).requires_grad_()
    s, b = draw(graph.num_edges, 4, seed=1), draw(graph.num_edges, 3, seed=2)
    for f in (torch.ones(graph.num_edges, 1, dtype=F64), torch.zeros(graph.num_edges, 1).double()):
        found = layer(x, s, b, f, graph)
        (slope,) = torch.autograd.grad(found.sum(), x)
        assert found.isfinite().all()
        assert slope.isfinite().all()


def test_layer_norm_of_invariants_is_that_of_torch():
    layer, x = LayerNorm(spherical(2), channels=5).double(), draw(6, 9, 5)
    with torch.no_grad():
        layer.weight.copy_(draw(3, 5, seed=1))
        layer.bias.copy_(draw(5, seed=2))
    found = layer(x)
    theirs = torch.nn.functional.layer_norm(x[:, 0], (5,), layer.weight[0], layer.bias, layer.eps)
    assert torch.allclose(found[:, 0], theirs, rtol=1e-13, atol=1e-14)
    square = x[:, 1:4].square().mean((1, 2))[:, None, None]
    expected = x[:, 1:4] / (square + 1e-5).sqrt() * layer.weight[1]
    assert torch.allclose(found[:, 1:4], expected, rtol=1e-13, atol=0)


def test_layer_norm_without_weights_and_at_zero():
    layer = LayerNorm(spherical(1), channels=3, affine=False)
    assert not list(layer.parameters())
    x = torch.zeros(2, 4, 3, dtype=F64).requires_grad_()
    (slope,) = torch.autograd.grad(layer(x)[:, 1:].sum(), x)
    assert torch.allclose(slope[:, 1:], torch.full((2, 3, 3), 1e5**0.5, dtype=F64))
    size = layer(draw(4, 4, 3))[:, 1:].square().mean((1, 2))
    assert (size - 1).abs().max() <= 1e-3


def test_norm_activation():
    layer, x = NormActivation(spherical(1, "both"), channels=3).double(), draw(5, 8, 3)
    with torch.no_grad():
        layer.slope.copy_(draw(3, 3, seed=1))
        layer.bias.copy_(draw(3, 3, seed=2))
    silu = torch.nn.functional.silu
    expected = [silu(x[:, :1]) * unit_scale(silu)]
    for place, rows in enumerate((slice(1, 2), slice(2, 5), slice(5, 8))):
        norm = (x[:, rows].square().sum(1, keepdim=True) / (rows.stop - rows.start) + 1e-4) ** 0.5
        opened = torch.sigmoid(norm * layer.slope[place] + layer.bias[place])
        expected.append(x[:, rows] * opened)
    assert torch.allclose(layer(x), torch.cat(expected, 1), rtol=1e-13, atol=1e-15)


def test_bad_input():
    with pytest.raises(ValueError, match="heads: expected a divisor of channels=6, got 4"):
        Equiformer(channels=6, heads=4)
    with pytest.raises(ValueError, match=r"source: expected invariants \(0e\) first, got 1o"):
        NeighborAttention(
            from_blocks([(1, -1, 1)]), spherical(1), channels=2, heads=1, radial=(3, 5)
        )
    with pytest.raises(ValueError, match="eps: expected a positive number, got 0"):
        LayerNorm(spherical(1), channels=2, eps=0)
    for kind in (LayerNorm, NormActivation):
        with pytest.raises(ValueError, match="channels: expected a positive number, got 0"):
            kind(spherical(1), channels=0)
        with pytest.raises(ValueError, match=r"x: expected shape \(3, 4, 2\), got \(3, 4, 5\)"):
            kind(spherical(1), channels=2)(torch.ones(3, 4, 5))
        with pytest.raises(ValueError, match=r"rep: expected each irrep once.*got 2x1o"):
            kind(from_blocks([(1, -1, 2)]), channels=2)
    graph, layer = small_graph(), attention()
    with pytest.raises(ValueError, match=r"f: expected shape \(9, 1\), got \(9,\)"):
        layer(draw(7, 4, 4), draw(9, 4), draw(9, 3), draw(9), graph)
