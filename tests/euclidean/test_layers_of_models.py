"""Layers of SchNet, PaiNN and EGNN against peers, or against loops over pairs of atoms."""

import math

import torch

from geomdl.euclidean.egnn import EdgeLayer
from geomdl.euclidean.interaction import small_graph
from geomdl.euclidean.painn import Message, Update
from geomdl.euclidean.radial import CosineCutoff, GaussianBasis
from geomdl.euclidean.schnet import FilterConvolution

F64 = torch.float64
C, NEIGHBORS = 4, 5.0


def draw(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=F64)


def biased(module):
    """The module in float64, with biases that are not zero."""
    module = module.double()
    with torch.no_grad():
        for at, parameter in enumerate(module.parameters()):
            parameter.copy_(draw(*parameter.shape, seed=at + 1))
    return module


def pairs(graph):
    """Number, source and target of each edge."""
    return [(e, int(graph.source[e]), int(graph.target[e])) for e in range(graph.num_edges)]


def test_schnet_is_that_of_torch_geometric():
    from torch_geometric.nn.models.schnet import GaussianSmearing, InteractionBlock

    ours = biased(FilterConvolution(C, 6, NEIGHBORS, None))
    theirs = InteractionBlock(C, 6, C, cutoff=3.0).double()
    theirs.act.shift = theirs.mlp[1].shift = math.log(2)  # theirs is rounded to float32
    smooth = ours.filters.scale
    layers = {
        theirs.mlp[0]: (ours.filters.layers[0], 1.0),
        theirs.mlp[2]: (ours.filters.layers[1], smooth),
        theirs.conv.lin1: (ours.before, 1.0),
        theirs.conv.lin2: (ours.after.layers[0], ours.scale),
        theirs.lin: (ours.after.layers[1], smooth),
    }
    with torch.no_grad():
        for linear, (dense, factor) in layers.items():
            linear.weight.copy_(dense.weight.T * dense.scale * factor)
            if linear.bias is not None:
                linear.bias.copy_(dense.bias)
    graph, x = small_graph(), draw(7, C)
    r = 3 * torch.rand(graph.num_edges, generator=torch.Generator().manual_seed(9), dtype=F64)
    basis = GaussianSmearing(0.0, 3.0, 6).double()(r)
    assert torch.allclose(basis, GaussianBasis(3.0, 6)(r), rtol=1e-6)  # theirs is of float32
    basis = GaussianBasis(3.0, 6)(r)
    expected = x + theirs(x, graph.to_edge_index().long(), r, basis)
    found = ours(x, CosineCutoff(3.0)(r).unsqueeze(1), basis, graph)
    assert (found - expected).abs().max() <= 1e-12 * expected.abs().max()


def test_painn_message_pair_by_pair():
    layer, graph = biased(Message(C, 6, NEIGHBORS, None)), small_graph()
    x, y, b = draw(7, 4, C), draw(graph.num_edges, 4, seed=1), draw(graph.num_edges, 6, seed=2)
    expected = torch.zeros_like(x)
    for e, j, i in pairs(graph):
        phi = layer.phi(x[j, 0]) * layer.filters(b[e])
        a, from_scalars, from_vectors = phi.split(C)
        expected[i, 0] += a * y[e, 0]
        expected[i, 1:] += from_vectors * x[j, 1:] * y[e, 0] + from_scalars * y[e, 1:, None]
    expected = expected / NEIGHBORS**0.5
    assert (layer(x, y, b, graph) - expected).abs().max() <= 1e-12 * expected.abs().max()


def test_painn_update_atom_by_atom():
    layer, x = biased(Update(C, None)), draw(3, 4, C)
    u, v = (x[:, 1:] @ w / C**0.5 for w in layer.both.weight.chunk(2, 1))
    a, b, c = layer.psi(torch.cat([x[:, 0], (v**2).sum(1).add(1e-8).sqrt()], 1)).chunk(3, 1)
    expected = torch.cat([(a + b * (u * v).sum(1))[:, None], c[:, None] * u], 1)
    assert (layer(x) - expected).abs().max() <= 1e-12 * expected.abs().max()


def test_egnn_pair_by_pair():
    layer, graph = biased(EdgeLayer(C, True, NEIGHBORS, None)), small_graph()
    h, u, pos = draw(7, C), draw(7, 3, seed=1), draw(7, 3, seed=2)
    f = torch.rand(graph.num_edges, 1, generator=torch.Generator().manual_seed(3), dtype=F64)
    d = pos[graph.target.long()] - pos[graph.source.long()]
    sums, moved = torch.zeros_like(h), u.clone()
    into, out_of = layer.ends.weight.chunk(2, 1)
    for e, j, i in pairs(graph):
        away = (pos[i] + u[i]) - (pos[j] + u[j])
        square = away.square().sum()
        m = (h[i] @ into + h[j] @ out_of) / C**0.5
        m = m + square * layer.length.weight[0] + layer.length.bias
        m = torch.nn.functional.silu(layer.edge(torch.nn.functional.silu(m)))
        sums[i] += f[e] * m / NEIGHBORS
        moved[i] += f[e] * layer.step(m) * away / (1 + square).sqrt() / NEIGHBORS
    features, places = layer(h, u, d, f, graph)
    expected = h + layer.node(torch.cat([h, sums], 1))
    assert (features - expected).abs().max() <= 1e-12 * expected.abs().max()
    assert (places - moved).abs().max() <= 1e-12 * moved.abs().max()
