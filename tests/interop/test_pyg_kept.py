"""What a converted model keeps of PyG's beside its numbers, and what is refused."""

import logging

import pytest
import torch
import torch_geometric.nn as pyg
from torch import nn
from torch.nn.utils import parametrizations

from geomdl.fields import Graph
from geomdl.interop.pyg import convert
from tests.interop.test_pyg_convert import close, inputs, step


class Chain(nn.Module):
    """Convolutions one after another."""

    def __init__(self, *convs):
        super().__init__()
        self.convs = nn.ModuleList(convs)

    def forward(self, x, ends):
        for conv in self.convs:
            x = conv(x, ends)
        return x


def trained_alike(theirs, ours, *given):
    """Whether several steps give the same, and not what came before."""
    before = theirs(*given).detach()
    for _ in range(3):
        step(theirs, given), step(ours, given)
    assert not close(theirs(*given), before, 1e-3)
    return close(ours(*given), theirs(*given), 1e-5)


def tied(kind):
    """A model whose convolutions share a weight, and whether it is of the shape that ours has."""
    torch.manual_seed(0)
    if kind == "attention":
        a, b = pyg.GATConv(3, 3), pyg.GATConv(3, 3)
        b.att_src = b.att_dst = a.att_src
    else:
        a, b = pyg.GCNConv(3, 3), pyg.GCNConv(3, 3)
        b.lin.weight = a.lin.weight
    if kind == "linear":
        b = pyg.SAGEConv(3, 3)
        b.lin_l.weight = b.lin_r.weight = a.lin.weight
    return Chain(a, b)


@pytest.mark.parametrize("kind", ["convolution", "attention", "linear"])
def test_shared_weights_stay_shared(kind):
    x, ends, *_ = inputs()
    theirs = tied(kind)
    ours = convert(theirs)
    assert len(list(ours.parameters())) == len(list(theirs.parameters()))
    assert not set(ours.parameters()) & set(theirs.parameters())
    parted = convert(theirs.convs[0]), convert(theirs.convs[1])  # converted alone: not shared
    assert trained_alike(tied(kind), ours, x, ends)
    assert not trained_alike(theirs, Chain(*parted), x, ends)


def test_weights_shared_with_what_stays():
    model = nn.ModuleDict({"conv": pyg.GCNConv(3, 3), "linear": nn.Linear(3, 3, bias=False)})
    model["linear"].weight = model["conv"].lin.weight
    ours = convert(model)
    assert ours["linear"].weight is ours["conv"].layer.linear.weight
    model = nn.ModuleDict({"conv": pyg.GATConv(3, 3), "other": nn.ParameterList()})
    model["other"].append(model["conv"].att_src)
    with pytest.raises(ValueError, match=r"^other\.0: expected a weight used only in shape \(1, 1"):
        convert(model)


def old_weight_norm(conv):
    with pytest.warns(FutureWarning, match="weight_norm"):
        torch.nn.utils.weight_norm(conv.lin)


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (lambda c: parametrizations.weight_norm(c.lin), r"lin: .*, got parametrizations$"),
        (lambda c: parametrizations.spectral_norm(c.lin), r"lin: .*, got parametrizations$"),
        (lambda c: torch.nn.utils.spectral_norm(c.lin), r"lin: .*, got forward_pre_hooks$"),
        (old_weight_norm, r"lin: .*, got forward_pre_hooks$"),
        (lambda c: c.register_forward_hook(print), r"expected no hooks .*, got forward_hooks$"),
        (lambda c: c.lin.register_forward_pre_hook(print), r"lin: .*, got forward_pre_hooks$"),
        (
            lambda c: c.register_message_forward_hook(print),
            r"expected no hooks .*, got message_forward_hooks$",
        ),
        (lambda c: c.register_full_backward_hook(print), r"expected .*, got backward_hooks$"),
        (lambda c: setattr(c, "cached", True), r"cached: expected False, got True$"),
        (
            lambda c: setattr(c, "extra", nn.Parameter(torch.ones(1))),
            r"weights: expected those of PyG's, got extra as well$",
        ),
        (lambda c: setattr(c, "lin", nn.Identity()), r"lin\.weight: expected weights, got none$"),
    ],
)
def test_what_would_be_lost_is_refused(change, line):
    model = nn.ModuleDict({"one": pyg.GCNConv(3, 3)})
    change(model["one"])
    with pytest.raises(ValueError, match=rf"^one \(GCNConv\): {line}") as caught:
        convert(model)
    assert "\n" not in str(caught.value)


def test_cached_walks_are_refused():
    theirs, (x, ends, *_) = pyg.APPNP(2, 0.1, cached=True), inputs()
    with pytest.raises(ValueError, match=r"^model \(APPNP\): cached: expected False, got True$"):
        convert(theirs)
    theirs(x, ends)
    theirs.cached = False  # which answers from the first graph all the same
    with pytest.raises(ValueError, match=r"^model \(APPNP\): cached: expected False, got True$"):
        convert(theirs)
    theirs.reset_parameters()
    assert close(convert(theirs)(x, ends), theirs(x, ends))


def test_perceptrons_stay_what_they_are():
    part = nn.Sequential(parametrizations.weight_norm(nn.Linear(3, 3)), nn.BatchNorm1d(3).eval())
    part.register_forward_hook(lambda *given: 2 * given[2])
    theirs, (x, ends, *_) = pyg.GINConv(nn.Sequential(part, nn.Linear(3, 3))), inputs()
    ours = convert(theirs)
    assert ours.training and ours.layer.mlp[0][0].training and not ours.layer.mlp[0][1].training
    assert trained_alike(theirs, ours, x, ends)


@pytest.mark.parametrize("loops", [True, False])
@pytest.mark.parametrize("conv", [pyg.GATConv, pyg.GATv2Conv])
def test_attention_without_the_features_it_may_read(conv, loops):
    x, ends, _, edge, _ = inputs()
    theirs = conv(3, 4, heads=2, edge_dim=2, add_self_loops=loops)
    ours = convert(theirs)
    for given in ((), (edge,)):
        assert close(ours(x, ends, *given), theirs(x, ends, *given), 2e-6)
        assert trained_alike(theirs, ours, x, ends, *given)
    assert not close(ours(x, ends), ours(x, ends, edge), 1e-3)
    ours.zero_grad(), ours(x, ends).sum().backward()
    assert ours.layer.edge.weight.grad is None  # not zero, which an optimiser would decay
    with pytest.raises(ValueError, match=r"^edge: expected shape"):
        ours(x, ends, edge[:, :1])
    net = pyg.GAT(3, 4, 2, edge_dim=1, v2=conv is pyg.GATv2Conv)
    assert close(convert(net)(x, ends), net(x, ends), 2e-6)


def changed_by_numpy(ends):
    array = ends.numpy()
    array[1, 0] = (array[1, 0] + 1) % 10


def changed_by_data(ends):
    ends.data.copy_(ends.flip(0))


@pytest.mark.parametrize("change", [changed_by_numpy, changed_by_data])
def test_edges_changed_in_place_are_another_graph(change):
    x, ends, *_ = inputs()
    theirs = pyg.GraphSAGE(3, 8, 2)
    ours, version = convert(theirs), ends._version
    before = ours(x, ends)
    kept = ours.convs[0].graphs.last
    ours(x, ends.clone())
    assert ours.convs[0].graphs.last is kept  # the same numbers: nothing is made
    change(ends)
    assert ends._version == version  # so that it does not tell
    assert close(ours(x, ends), theirs(x, ends), 2e-6)
    assert not close(before, ours(x, ends), 1e-3)


@pytest.mark.parametrize("make", [pyg.GCN, pyg.GAT, pyg.GraphSAGE, pyg.GIN])
def test_inference_mode_leaves_nothing_behind(make):
    x, ends, *_ = inputs()
    theirs = make(3, 4, 2)
    ours = convert(theirs)
    with torch.inference_mode():
        first = ours(x, ends.clone())
        assert close(ours(x, ends.clone()), first)
    assert close(first, theirs(x, ends), 2e-6)
    assert trained_alike(theirs, ours, x, ends)


def test_compiled_in_silence_and_whole_with_a_graph(recwarn, caplog):
    x, ends, *_ = inputs()
    ours = convert(pyg.GCNConv(3, 4))
    for edges in (ends, ends.flip(0)):
        assert close(torch.compile(ours, backend="eager")(x, edges), ours(x, edges))
    graph = Graph.from_edge_index(ends, 21)
    whole = torch.compile(ours, backend="eager", fullgraph=True)
    assert close(whole(x, graph), ours(x, ends))
    assert not [r for r in caplog.records if r.levelno >= logging.WARNING] and not recwarn.list
