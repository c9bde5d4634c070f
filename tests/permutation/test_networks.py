"""Networks on graphs: their options, what they tell apart, what reaches where."""

import networkx
import pytest
import torch

from geomdl import create_model
from geomdl import permutation as P
from geomdl.fields import Graph
from geomdl.permutation.inputs import three_graphs

F64 = torch.float64
NAMES = ("APPNPNet", "ChebNet", "GAT", "GCN", "GIN", "GPS", "PNA", "SAGE")


def draw(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=F64)


def network(name, **options):
    """Of small size, in float64."""
    rng = torch.Generator().manual_seed(0)
    options = {"channels": 8, "layers": 3, **options}
    return create_model(f"permutation/{name}", in_channels=3, out_channels=2, rng=rng,
                        **options).double()  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("readout", ["nodes", "sum", "mean", "max", "attention"])
def test_answers_of_nodes_and_of_graphs(name, readout):
    graph = three_graphs()
    model = network(name, readout=readout)
    assert model(draw(12, 3), graph).shape == ((12, 2) if readout == "nodes" else (3, 2))
    assert type(model.target.domain).__name__ == ("Nodes" if readout == "nodes" else "Vector")


@pytest.mark.parametrize("name", [name for name in NAMES if name != "APPNPNet"])
def test_options(name):
    """Each changes what comes out, uses all its weights, and is the same under a generator."""
    graph, x = three_graphs(), draw(12, 3)
    found = []
    for options in (
        {},
        {"jumping": "cat"},
        {"virtual_node": True},
        {"norm": "graph"},
        {"norm": "none"},
        {"layers": 1, "virtual_node": True},
    ):
        model, twin = network(name, **options), network(name, **options)
        y = model(x, graph)
        assert torch.equal(y, twin(x, graph))
        found.append(y.detach())
        y.square().sum().backward()
        unused = [n for n, p in model.named_parameters() if p.grad is None]
        assert not unused
    pairs = [(a, b) for k, a in enumerate(found) for b in found[:k]]
    assert not any(torch.allclose(a, b) for a, b in pairs)


@pytest.mark.parametrize("name", NAMES)
def test_dropout_is_for_training(name):
    graph, x = three_graphs(), draw(12, 3)
    model = network(name, dropout=0.5)
    with torch.random.fork_rng(devices=[]):
        assert not torch.equal(model(x, graph), model(x, graph))
        model.eval()
        assert torch.equal(model(x, graph), model(x, graph))
        assert torch.equal(model(x, graph), network(name)(x, graph))


@pytest.mark.parametrize(
    ("name", "channels"),
    [("GIN", 2), ("GAT", 2), ("PNA", 2), ("GPS", 2), ("GCN", 0), ("ChebNet", 0)],
)
def test_edges_count(name, channels):
    graph, x = three_graphs(), draw(12, 3)
    if channels:
        model, edge = network(name, edge_channels=2), draw(21, 2)
        with pytest.raises(ValueError, match=r"^edge: expected shape \(21, 2\), got None"):
            model(x, graph)
        with pytest.raises(ValueError, match=r"^edge: expected shape \(21, 2\), got \(20, 2\)"):
            model(x, graph, edge[1:])
    else:
        model, edge = network(name), draw(21).abs()
        assert torch.allclose(model(x, graph), model(x, graph, torch.ones(21, dtype=F64)))
        with pytest.raises(ValueError, match=r"^weight: expected shape \(21,\), got \(21, 1\)"):
            model(x, graph, edge[:, None])
    assert not torch.allclose(model(x, graph, edge), model(x, graph, edge.flip(0)))


def test_edges_that_nobody_reads_are_refused():
    for name in ("SAGE", "GIN", "GAT", "PNA", "GPS"):
        with pytest.raises(ValueError, match=r"^edge: expected None of a layer without"):
            network(name)(draw(12, 3), three_graphs(), draw(21, 2))


def chain(n):
    return Graph.from_networkx(networkx.path_graph(n))


def reach(model, n=5):
    """Whether the answer at one end of a chain depends on the other end."""
    x = draw(n, 3).requires_grad_()
    model(x, chain(n))[0].sum().backward()
    return bool(x.grad[-1].any())


@pytest.mark.parametrize("name", ["GAT", "GCN", "GIN", "PNA", "SAGE", "ChebNet"])
def test_messages_go_a_step_a_layer(name):
    options = {"readout": "nodes", **({"K": 2} if name == "ChebNet" else {})}
    assert not reach(network(name, **options))
    assert reach(network(name, virtual_node=True, **options))
    assert reach(network(name, layers=4, **options))


def test_attention_reaches_all():
    assert reach(network("GPS", readout="nodes", layers=1))


def pair():
    """A ring of six and two triangles: regular of one degree."""
    six = networkx.cycle_graph(6)
    triangles = networkx.disjoint_union(networkx.cycle_graph(3), networkx.cycle_graph(3))
    return Graph.batch([Graph.from_networkx(six), Graph.from_networkx(triangles)])


@pytest.mark.parametrize("name", [*NAMES])
def test_what_colour_refinement_does_not_tell_apart(name):
    """No network of messages does, nor attention; positions help them all."""
    graph = pair()
    model = network(name, readout="sum")
    y = model(torch.ones(12, 3, dtype=F64), graph)
    assert (y[0] - y[1]).abs().max() <= 1e-12 * y.abs().max()
    y = model(P.random_walk_pe(graph, 3, F64), graph)  # triangles return after three steps
    assert (y[0] - y[1]).abs().max() > 1e-6 * y.abs().max()


def test_graph_isomorphism_networks_tell_degrees_apart():
    star, path = networkx.star_graph(3), networkx.path_graph(4)
    graph = Graph.batch([Graph.from_networkx(star), Graph.from_networkx(path)])
    y = network("GIN", norm="none")(torch.ones(8, 3, dtype=F64), graph)
    assert (y[0] - y[1]).abs().max() > 1e-3 * y.abs().max()


def test_graphs_of_a_batch_do_not_mix_in_training():
    graph, x = three_graphs(), draw(12, 3)
    other = x.clone()
    other[5:] += 3
    for norm in ("layer", "graph"):
        model = network("GPS", norm=norm).train()
        assert torch.equal(model(x, graph)[0], model(other, graph)[0])

    class Batch(torch.nn.Module):  # what the check is for
        def __init__(self):
            super().__init__()
            self.layer = torch.nn.BatchNorm1d(8)

        def forward(self, x, graph):
            return self.layer(x)

    for layer in model.layers:
        layer.norms[2] = Batch().double()
    assert not torch.equal(model(x, graph)[0], model(other, graph)[0])


def test_impossible_arguments():
    for options, line in (
        ({"layers": 0}, "layers: expected a positive number, got 0"),
        ({"readout": "median"}, "readout: expected one of nodes, "),
        ({"jumping": "max"}, "jumping: expected 'none' or 'cat', got 'max'"),
        ({"dropout": 1.5}, "dropout: expected a probability below 1, got 1.5"),
        ({"norm": "batch"}, "norm: expected one of layer, "),
    ):
        with pytest.raises(ValueError, match=f"^{line}"):
            network("GIN", **options)
    with pytest.raises(ValueError, match=r"^heads: expected a divisor of channels=8, got 3"):
        network("GAT", heads=3)
    with pytest.raises(TypeError, match="depth"):
        network("GIN", depth=3)
    with pytest.raises(ValueError, match=r"^x: expected shape \(12, 3\), got \(12, 4\)"):
        network("GIN")(draw(12, 4), three_graphs())
