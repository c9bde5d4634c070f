"""Subgraph networks: bags by brute force, layers written out, and what they tell apart."""

import networkx as nx
import pytest
import torch

import geomdl
from geomdl.fields import Graph
from geomdl.permutation import SubgraphGNN
from geomdl.permutation.bags import around_root, edge_bag, node_bag, transposition, without_root
from geomdl.permutation.perceptron import activation
from geomdl.permutation.ppgn import example_graphs
from tests.permutation.lookalike_graphs import apart

F64 = torch.float64
KINDS = [
    (policy, aggregation)
    for policy in ("marking", "deletion", "ego", "pairs")
    for aggregation in ("ds", "dss", "sswl+")
    if (policy, aggregation) != ("pairs", "sswl+")
]


def model(policy="marking", aggregation="sswl+", **options):
    options = {"channels": 4, "layers": 2, "out_channels": 2, "hops": 1} | options
    rng = torch.Generator().manual_seed(0)
    return SubgraphGNN(2, policy=policy, aggregation=aggregation, rng=rng, **options).double()


def mixed():
    """Two graphs whose nodes stand mixed in the batch."""
    x, graph = example_graphs(torch.Generator().manual_seed(1), 2)
    perm = torch.tensor([3, 0, 5, 2, 4, 1])
    moved = torch.empty_like(x)
    moved[perm] = x
    return moved, graph.permute(perm)


@pytest.mark.parametrize(("policy", "aggregation"), KINDS)
def test_names_of_nodes_do_not_matter(policy, aggregation):
    for inputs in (example_graphs(torch.Generator().manual_seed(1), 2), mixed()):
        audit = geomdl.audit(model(policy, aggregation), *inputs, group="S6")
        assert audit.passed(1e-12), str(audit)


class First(SubgraphGNN):
    """Leaves out the first copy of each graph."""

    def bag(self, graph, like):
        bag = super().bag(graph, like)
        return bag._replace(kept=bag.kept & (torch.arange(bag.kept.shape[1]) > 0))


@pytest.mark.parametrize("policy", ["marking", "ego"])
def test_a_sabotaged_twin_fails(policy):
    bad = First(2, channels=4, policy=policy, rng=torch.Generator().manual_seed(0)).double()
    inputs = example_graphs(torch.Generator().manual_seed(1), 2)
    assert not geomdl.audit(bad, *inputs, group="S6").passed(1e-3)


def test_bags_by_brute_force():
    x, graph = mixed()
    for k, members in enumerate(graph.node_perm.split(graph.ptr.diff().tolist())):
        names = members.tolist()
        bag = node_bag(graph, 5, x)
        assert bag.copies[k].tolist() == [place < len(names) for place in range(5)]
        whole = nx.Graph(graph.to_edge_index().T.tolist()).subgraph(names)
        near = around_root(bag, graph, 2)
        gone = without_root(bag)
        for copy, root in enumerate(names):
            reach = nx.single_source_shortest_path_length(whole, root, cutoff=2)
            for node in range(graph.num_nodes):
                inside = node in names
                if inside:
                    assert bag.marks[node, copy, 0] == (node == root)
                    assert gone.kept[node, copy] == (node != root)
                    assert near.kept[node, copy] == (node in reach)
        turned = transposition(graph, 5)
        for copy, root in enumerate(names):
            for place, node in enumerate(names):
                assert turned[node, copy] == root * 5 + place


def test_bags_of_edges_by_brute_force():
    x, graph = mixed()
    bag = edge_bag(graph, 9, x)
    seen = {0: [], 1: []}
    for source, target in graph.to_edge_index().T.tolist():
        seen[int(graph.batch_index[source])].append((source, target))
    for k, edges in seen.items():
        assert bag.copies[k].sum() == len(edges)
        for copy, (source, target) in enumerate(edges):
            for node in graph.node_perm[graph.ptr[k] : graph.ptr[k + 1]].tolist():
                expected = [float(node == source), float(node == target)]
                assert bag.marks[node, copy].tolist() == expected


@pytest.mark.parametrize(("policy", "aggregation"), KINDS)
def test_layers_written_out(policy, aggregation):
    """h(v, u) as a dense array of one graph, sums by its adjacency matrix."""
    net = model(policy, aggregation)
    x, graph = example_graphs(torch.Generator().manual_seed(2), 2)
    x, graph = x[:4], graph.unbatch()[0]
    n = 4
    adjacency = torch.zeros(n, n, dtype=F64)  # into row from column
    adjacency[graph.target.long(), graph.source.long()] = 1
    if policy == "pairs":
        marks = torch.zeros(n, graph.num_edges, 2, dtype=F64)
        for e, (source, target) in enumerate(graph.to_edge_index().T.tolist()):
            marks[source, e, 0] = marks[target, e, 1] = 1
        kept = torch.ones(n, graph.num_edges)
    else:
        marks = torch.eye(n, dtype=F64)[..., None]
        kept = {
            "marking": torch.ones(n, n),
            "deletion": 1 - torch.eye(n),
            "ego": ((torch.eye(n) + adjacency) > 0).double(),
        }[policy]
    kept = kept.double()[..., None]
    copies = marks.shape[1]
    h = net.first(torch.cat([x[:, None].expand(-1, copies, -1), marks], 2)) * kept
    for layer in net.layers:
        terms = [h, torch.einsum("vw,wuc->vuc", adjacency, h) / 2]
        if aggregation == "dss":
            mean = h.mean(1, keepdim=True)
            terms += [mean, torch.einsum("vw,wuc->vuc", adjacency, mean) / 2]
        if aggregation == "sswl+":
            own = torch.stack([h[v, v] for v in range(n)])[:, None]
            terms += [torch.einsum("uw,vwc->vuc", adjacency, h) / 2, own]
        terms = torch.cat([t.expand_as(h) for t in terms], 2)
        h = (h + layer.inner(activation(layer.mix(terms)))) * kept
    oracle = net.head(net.copy(h.mean(0)).mean(0)) * copies
    assert torch.allclose(net(x, graph)[0], oracle, atol=1e-12)


@pytest.mark.parametrize(("policy", "aggregation"), KINDS)
def test_what_they_tell_apart(policy, aggregation):
    """All of them cycles and skip links; only pairs the strongly regular graphs."""
    net = SubgraphGNN(
        channels=16,
        layers=4,
        policy=policy,
        aggregation=aggregation,
        rng=torch.Generator().manual_seed(0),
    )
    assert apart(net, "cycles") > 1e-8
    assert apart(net, "skip links") > 1e-8
    regular = apart(net, "strongly regular")
    assert regular > 1e-8 if policy == "pairs" else regular < 1e-12


def test_without_marks_nothing_is_told_apart():
    """The twin of the test above: what the copies are for."""

    class Plain(SubgraphGNN):
        def bag(self, graph, like):
            bag = super().bag(graph, like)
            return bag._replace(marks=torch.zeros_like(bag.marks))

    net = Plain(channels=16, aggregation="ds", rng=torch.Generator().manual_seed(0))
    assert max(apart(net, name) for name in ("cycles", "skip links")) < 1e-12


@pytest.mark.parametrize(("policy", "aggregation"), KINDS)
def test_padding_isolated_nodes_and_empty_graphs(policy, aggregation):
    x, graph = example_graphs(torch.Generator().manual_seed(1), 2)
    wide, narrow = (model(policy, aggregation, size=size) for size in (11, None))
    assert torch.allclose(wide(x, graph), narrow(x, graph), atol=1e-13)
    nothing = torch.empty(2, 0, dtype=torch.int64)
    none, lone = (Graph.from_edge_index(nothing, n) for n in (0, 2))
    y = narrow(torch.ones(2, 2, dtype=F64), Graph.batch([none, lone]))
    assert y.shape == (2, 2)
    assert y.isfinite().all()
    assert narrow(torch.ones(0, 2, dtype=F64), none).isfinite().all()


def test_wrong_inputs_are_one_line():
    x, graph = example_graphs(torch.Generator().manual_seed(1), 2)
    with pytest.raises(ValueError, match=r"x: expected shape \(6, 2\), got \(6, 1\)"):
        model()(x[:, :1], graph)
    with pytest.raises(ValueError, match="graph: expected at most size=7 in one graph, got 8"):
        model("pairs", "ds", size=7)(x, graph)
    with pytest.raises(ValueError, match="aggregation: 'sswl\\+' needs one copy a node"):
        SubgraphGNN(policy="pairs")
    with pytest.raises(ValueError, match="policy: expected one of marking, deletion, ego, pairs"):
        SubgraphGNN(policy="edges")
    with pytest.raises(ValueError, match="neighbors: expected a positive number, got 0"):
        SubgraphGNN(neighbors=0)
