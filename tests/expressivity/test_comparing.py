"""`compare` finds what a small GIN tells apart, and a model that looks at numbers of nodes."""

import itertools

import networkx as nx
import pytest
import torch
from torch import nn

from geomdl.expressivity import compare, wl
from geomdl.fields import Graph
from geomdl.permutation import GCN, GIN, GPS, PNA, PPGN, APPNPNet, SubgraphGNN, neighbor_sum
from tests.expressivity.graphs import atlas, renamed


class TinyGIN(nn.Module):
    """Three layers of sums and sines, added up over the nodes."""

    at_most = "wl"

    def __init__(self, channels=8, layers=3, inputs=1):
        super().__init__()
        sizes = [inputs, *[channels] * layers]
        self.layers = nn.ModuleList(nn.Linear(a, b) for a, b in itertools.pairwise(sizes))

    def forward(self, x, graph):
        for layer in self.layers:
            x = torch.sin(layer(1.3 * x + neighbor_sum(x, graph)))
        return x.new_zeros(graph.num_graphs, x.shape[1]).index_add(0, graph.batch_index, x)


class Numbered(TinyGIN):
    """Breaks the symmetry: features depend on the numbers of the nodes."""

    def forward(self, x, graph):
        first = graph.ptr[graph.batch_index]
        number = torch.arange(graph.num_nodes) - first
        return super().forward(x + 0.1 * number[:, None], graph)


def test_a_gin_tells_apart_what_its_class_can():
    graphs = [g for g in atlas(5, 5)]
    found = compare(TinyGIN(), graphs)
    classes = len(wl(graphs).unique())
    assert (classes, len(graphs)) == (34, 34)
    assert len(found.pairs) == 34 * 33 // 2
    assert len(found.violations) == len(found.missed) == 0
    assert found.by_model.all()
    regular = [Graph.from_networkx(nx.cycle_graph(6)), atlas(5)[0]]
    regular.append(Graph.from_networkx(nx.disjoint_union(nx.cycle_graph(3), nx.cycle_graph(3))))
    pair = compare(TinyGIN(), regular)
    assert pair.by_model.tolist() == pair.by_class.tolist() == [True, False, True]
    above = compare(TinyGIN(), regular, at_most="2-fwl")
    assert above.missed.tolist() == [[0, 2]]
    assert compare(TinyGIN(), regular, at_most="isomorphism").missed.tolist() == [[0, 2]]


def test_numbers_of_nodes_are_a_violation():
    graph = Graph.from_networkx(nx.path_graph(5))
    twice = [graph, renamed(graph, torch.Generator().manual_seed(2))]
    assert len(compare(TinyGIN(), twice).violations) == 0
    for bound in ("wl", "isomorphism"):
        found = compare(Numbered(), twice, at_most=bound)
        assert found.violations.tolist() == [[0, 1]]
        assert "1 violations (such as [0, 1]: the output depends on more than" in repr(found)


def test_few_layers_miss_what_is_far_away():
    far = [nx.path_graph(10), nx.path_graph(10)]
    far[0].add_edge(4, 6)
    far[1].add_edge(2, 4)
    graphs = [Graph.from_networkx(g) for g in far]
    assert compare(TinyGIN(layers=1), graphs).missed.tolist() == [[0, 1]]
    assert len(compare(TinyGIN(layers=6), graphs).missed) == 0


def test_features_are_seen_by_the_bound():
    graph = Graph.from_networkx(nx.cycle_graph(4))
    x = torch.tensor([1.0, 1, 2, 2, 1, 2, 1, 2])[:, None]
    found = compare(TinyGIN(), [graph, graph], x=x)
    assert found.by_class.tolist() == found.by_model.tolist() == [True]
    exact = compare(TinyGIN(), [graph, graph], x=x, at_most="isomorphism")
    assert exact.by_class.tolist() == [True]


def test_the_model_is_left_as_it_was():
    model = TinyGIN()
    before = {k: v.clone() for k, v in model.state_dict().items()}
    graphs = list(atlas(4, 4))
    one, other = compare(model, graphs), compare(model, graphs)
    assert torch.equal(one.distance, other.distance)
    assert all(torch.equal(v, before[k]) for k, v in model.state_dict().items())
    drawn = compare(model, graphs, rng=torch.Generator().manual_seed(4))
    assert not torch.equal(one.distance, drawn.distance)
    some = compare(model, graphs, pairs=torch.tensor([[0, 1], [2, 3]]))
    assert some.by_model.tolist() == [True, True]


def test_it_draws():
    found = compare(TinyGIN(), list(atlas(4, 4)))
    ax = found.plot()
    assert ax.get_title() == "at most wl"
    assert found.plot(ax) is ax


@pytest.mark.parametrize(
    ("model", "at_most"),
    [
        (lambda rng: GCN(channels=16, rng=rng), "wl"),
        (lambda rng: GIN(channels=16, rng=rng), "wl"),
        (lambda rng: PNA(channels=8, rng=rng), "wl"),
        (lambda rng: GPS(channels=16, rng=rng), "wl"),
        (lambda rng: APPNPNet(channels=16, readout="sum", rng=rng), "wl"),
        (lambda rng: SubgraphGNN(aggregation="ds", rng=rng), "marking"),
        (lambda rng: SubgraphGNN(aggregation="dss", channels=16, rng=rng), "sswl"),
        (lambda rng: SubgraphGNN(channels=64, rng=rng), "sswl"),
        (lambda rng: SubgraphGNN(policy="pairs", aggregation="ds", rng=rng), "adjacent-pairs"),
        (lambda rng: PPGN(channels=16, rng=rng), "2-fwl"),
    ],
)
def test_networks_of_the_library_name_their_class_and_stay_within(model, at_most):
    graphs = [g for g in atlas(6) if g.num_edges > 12]
    rng = torch.Generator().manual_seed(0)
    found = compare(model(rng), graphs)
    assert found.at_most == at_most
    assert len(found.violations) == 0
    if at_most != "wl":
        assert len(found.missed) == 0


def test_no_class_is_named_where_none_is_known():
    model = SubgraphGNN(policy="pairs", aggregation="dss")
    with pytest.raises(ValueError, match="at_most: the model does not say what its class can"):
        compare(model, list(atlas(3, 3)))


def test_bad_input():
    graphs = list(atlas(3, 3))
    with pytest.raises(ValueError, match=r"at_most: .* one of wl, .*isomorphism, got None"):
        compare(nn.Identity(), graphs)
    with pytest.raises(ValueError, match=r"model: expected output \(4, ...\), got \(12, 1\)"):
        compare(_Identity(), graphs, at_most="wl")
    with pytest.raises(ValueError, match=r"x: expected shape \(12, channels\), got \(3,\)"):
        compare(TinyGIN(), graphs, x=torch.ones(3))
    with pytest.raises(ValueError, match=r"pairs: expected shape \(pairs, 2\), got \(3,\)"):
        compare(TinyGIN(), graphs, pairs=torch.tensor([0, 1, 2]))
    with pytest.raises(ValueError, match="pairs: expected numbers of 4 graphs, got others"):
        compare(TinyGIN(), graphs, pairs=torch.tensor([[0, 4]]))
    with pytest.raises(ValueError, match="graphs: expected a graph at least, got none"):
        compare(TinyGIN(), [])
    with pytest.raises(ValueError, match="model: expected finite outputs, got NaN or infinity"):
        compare(_Broken(), graphs)
    with pytest.raises(TypeError, match=r"model: expected an nn\.Module, got function"):
        compare(lambda x, graph: x, graphs, at_most="wl")


class _Broken(TinyGIN):
    def forward(self, x, graph):
        return super().forward(x, graph) * float("nan")


class _Identity(nn.Module):
    def forward(self, x, graph):
        return x
