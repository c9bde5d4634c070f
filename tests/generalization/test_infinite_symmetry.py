"""What a symmetry does to kernels of infinite width."""

import networkx as nx
import pytest
import torch

import geomdl
from geomdl.fields import Field, Graph, Grid
from geomdl.generalization import infinite_ntk
from geomdl.generalization.infinite import (
    Conv,
    Dense,
    Flatten,
    GlobalAveragePool,
    GraphConv,
    GraphPool,
    GroupConv,
    GroupPool,
    Nonlinearity,
    Residual,
    aggregation_matrix,
)

F64 = torch.float64
KW = {"kernel_size": 3, "b_std": 0.3}


def draw(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=F64)


def networks(group, phi, padding, readout):
    """A group-convolutional network and the plain one beside it."""
    both = []
    for layer in (
        lambda: GroupConv(group, padding=padding, **KW),
        lambda: Conv(padding=padding, **KW),
    ):
        act = Nonlinearity(phi)
        middle = [act, layer()] if padding == "valid" else [Residual(act, layer())]
        both.append([layer(), *middle, act, *readout, Dense(1.0, 0.2)])
    return both


@pytest.mark.parametrize(
    ("name", "phi", "padding"),
    [
        *(("C4", "relu", "zeros"), ("D4", "gelu", "circular"), ("D2", "erf", "valid")),
        *(("D1", "sin", "zeros"), ("C2", "relu", "circular"), ("C1", "relu", "zeros")),
    ],
)
def test_group_network_is_the_mean_of_the_plain_one_over_orbits(name, phi, padding):
    G = geomdl.group(name)
    x, y = draw(3, 2, 5, 5), draw(2, 2, 5, 5, seed=1)
    equivariant, plain = networks(G, phi, padding, [GlobalAveragePool()])
    found = infinite_ntk(equivariant, x, y)
    field = Field(Grid(2), 2 * G.trivial)
    turned = [infinite_ntk(plain, x, field.act(g, y)) for g in G.elements]
    for kernel in ("nngp", "ntk"):
        mean = torch.stack([getattr(k, kernel) for k in turned]).mean(0)
        assert torch.allclose(getattr(found, kernel), mean, rtol=1e-12, atol=1e-12)
    if G.size > 1:  # and it is something else than the plain kernel
        assert float((found.ntk - infinite_ntk(plain, x, y).ntk).abs().max()) > 1e-3


@pytest.mark.parametrize("name", ["C4", "D4"])
def test_invariance_of_either_argument_by_itself(name):
    G = geomdl.group(name)
    x, y = draw(2, 1, 4, 4), draw(2, 1, 4, 4, seed=1)
    network, plain = networks(G, "relu", "zeros", [GlobalAveragePool()])
    field = Field(Grid(2), 1 * G.trivial)
    g = G.elements[-1]
    before, after = (infinite_ntk(network, x, z).ntk for z in (y, field.act(g, y)))
    assert torch.allclose(before, after, atol=1e-12)
    plain_before, plain_after = (infinite_ntk(plain, x, z).ntk for z in (y, field.act(g, y)))
    assert not torch.allclose(plain_before, plain_after, atol=1e-4)
    both = infinite_ntk(plain, field.act(g, x), field.act(g, y)).ntk
    assert torch.allclose(plain_before, both, atol=1e-12)  # a plain one is, of both at once


def test_pooling_over_the_group_alone_keeps_the_positions():
    """Then only the pair may be turned: a flattened readout is not invariant."""
    G = geomdl.group("C4")
    x, y = draw(2, 1, 4, 4), draw(2, 1, 4, 4, seed=1)
    network, _ = networks(G, "relu", "zeros", [GroupPool(), Flatten()])
    turned = y.rot90(1, (-2, -1))
    one, other = infinite_ntk(network, x, y).ntk, infinite_ntk(network, x, turned).ntk
    assert float((one - other).abs().max()) > 1e-3
    both = infinite_ntk(network, x.rot90(1, (-2, -1)), turned).ntk
    assert torch.allclose(one, both, atol=1e-12)


@pytest.mark.parametrize("aggregation", ["gcn", "gin", "mean", "sum"])
def test_graph_networks_do_not_see_the_numbering(aggregation):
    graph = Graph.batch(
        [Graph.from_networkx(nx.gnp_random_graph(7, 0.4, seed=s)) for s in range(3)]
    )
    x = draw(21, 3)
    perm = torch.randperm(21, generator=torch.Generator().manual_seed(3))
    renamed, moved = graph.permute(perm), torch.empty_like(x)
    moved[perm] = x

    def kernel(graph, x, pooled):
        act = Nonlinearity("relu")
        network = [GraphConv(graph, aggregation, b_std=0.1), act, GraphConv(graph, aggregation)]
        return infinite_ntk([*network, GraphPool(graph)] if pooled else network, x).ntk

    assert torch.allclose(kernel(graph, x, True), kernel(renamed, moved, True), atol=1e-12)
    nodes, after = kernel(graph, x, False), kernel(renamed, moved, False)
    assert torch.allclose(after[perm][:, perm], nodes, atol=1e-12)
    assert kernel(graph, x, True).shape == (3, 3)


def test_aggregations_by_hand():
    graph = Graph.from_edge_index(torch.tensor([[0, 0, 1], [1, 1, 2]]), num_nodes=3)
    assert aggregation_matrix(graph, "sum").tolist() == [[0, 0, 0], [2, 0, 0], [0, 1, 0]]
    assert aggregation_matrix(graph, "mean").tolist() == [[0, 0, 0], [1, 0, 0], [0, 1, 0]]
    assert aggregation_matrix(graph, "gin").tolist() == [[1, 0, 0], [2, 1, 0], [0, 1, 1]]
    gcn = aggregation_matrix(graph, "gcn")
    assert gcn[1].tolist() == pytest.approx([2 / 3**0.5, 1 / 3, 0])


def test_gcn_is_the_aggregation_of_the_layer():
    """The matrix against the library's own convolution, weights set to one."""
    from geomdl.permutation import GCNConv

    graph = Graph.from_networkx(nx.gnp_random_graph(6, 0.5, seed=0))
    layer = GCNConv(1, 1).double()
    with torch.no_grad():
        for p in layer.parameters():
            p.fill_(1.0 if p.ndim == 2 else 0.0)
        columns = [layer(e[:, None], graph)[:, 0] for e in torch.eye(6, dtype=F64)]
    assert torch.allclose(torch.stack(columns, 1), aggregation_matrix(graph, "gcn"), atol=1e-12)
