"""`convert`: PyG's models with our convolutions give the same numbers, and train the same."""

import copy
import warnings

import pytest
import torch
import torch_geometric.nn as pyg
from torch import nn

from geomdl.fields import Graph
from geomdl.interop.pyg import Convolution, convert
from tests.peers.loading import peer

peer("torch_geometric.nn")


class Mixed(nn.Module):
    """GCN, GAT, GIN and SAGE one after another, and a readout of PyG's."""

    def __init__(self):
        super().__init__()
        self.first = pyg.GCNConv(3, 8)
        self.rest = nn.ModuleDict({
            "gat": pyg.GATConv(8, 4, heads=2, edge_dim=2),
            "gin": pyg.GINConv(nn.Sequential(nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 8))),
            "sage": pyg.SAGEConv(8, 8, aggr="max"),
        })  # fmt: skip
        self.norm, self.head = pyg.GraphNorm(8), nn.Linear(8, 2)

    def forward(self, x, edge_index, weight, edge, batch):
        x = self.first(x, edge_index, weight).relu()
        x = self.rest["gat"](x, edge_index, edge_attr=edge).relu()
        x = self.rest["gin"](x, edge_index)
        x = self.norm(self.rest["sage"](x, edge_index), batch).relu()
        return self.head(pyg.global_add_pool(x, batch))


def inputs(seed=0):
    rng = torch.Generator().manual_seed(seed)
    ends = torch.randint(0, 10, (2, 40), generator=rng)
    ends = torch.cat([ends, ends + 10, torch.tensor([[3], [3]])], 1)
    ends = ends[:, (ends[0] != ends[1]) | (torch.arange(81) == 80)]  # one loop
    count = ends.shape[1]
    return (
        torch.randn(21, 3, generator=rng),
        ends,
        torch.rand(count, generator=rng) + 0.5,
        torch.randn(count, 2, generator=rng),
        torch.tensor([0] * 10 + [1] * 11),
    )


def mixed():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return Mixed()


def step(model, given):
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
    loss = (model(*given) - 1).square().mean()
    loss.backward()
    optimizer.step()
    return model


def close(a, b, tol=1e-6):
    return ((a - b).abs().max() / b.abs().max()).item() <= tol


def test_same_numbers_before_and_after_a_step():
    theirs, given = mixed(), inputs()
    ours = convert(theirs)
    kinds = [m.name for m in ours.modules() if isinstance(m, Convolution)]
    assert kinds == ["GCNConv", "GATConv", "GINConv", "SAGEConv"]
    assert not any(isinstance(m, pyg.MessagePassing) for m in ours.modules())
    assert close(ours(*given), theirs(*given))
    before = theirs(*given)
    step(ours, given), step(theirs, given)
    assert close(ours(*given), theirs(*given), 2e-6)
    assert not close(theirs(*given), before, 1e-3)


def test_the_model_stays_what_it_was():
    theirs = mixed()
    state = copy.deepcopy(theirs.state_dict())
    step(convert(theirs), inputs())
    assert all(torch.equal(value, state[name]) for name, value in theirs.state_dict().items())


def test_types_modes_and_frozen_weights_are_kept():
    theirs = mixed().double().eval()
    theirs.first.lin.weight.requires_grad_(False)
    ours = convert(theirs)
    assert not ours.training and not ours.first.training
    assert {p.dtype for p in ours.parameters()} == {torch.float64}
    assert [p.requires_grad for p in ours.first.parameters()].count(False) == 1


def test_another_list_of_edges_is_another_graph():
    theirs, (x, ends, weight, *_) = mixed().first, inputs()
    ours = convert(theirs)
    for edges in (ends, ends.flip(0), ends):
        assert close(ours(x, edges, weight), theirs(x, edges, weight))
    edges = ends.clone()
    assert close(ours(x, edges, weight), theirs(x, edges, weight))
    edges[1, 0] = (edges[1, 0] + 1) % 10  # in place
    assert close(ours(x, edges, weight), theirs(x, edges, weight))
    graph = Graph.from_edge_index(edges, 21)
    assert close(ours(x, graph, weight), theirs(x, edges, weight))
    assert close(copy.deepcopy(ours)(x, edges, weight), theirs(x, edges, weight))


def test_layers_share_the_graph():
    ours, given = convert(mixed()), inputs()
    ours(*given)
    assert len({id(m.graphs) for m in ours.modules() if isinstance(m, Convolution)}) == 1
    assert ours.first.graphs.last[1].num_edges == given[1].shape[1]


def test_models_of_pyg():
    x, ends, weight, edge, _ = inputs()
    for make, extra in (
        (pyg.GCN, {"edge_weight": weight}),
        (pyg.GraphSAGE, {}),
        (pyg.GIN, {}),
        (pyg.GAT, {}),
        (lambda *a: pyg.GAT(*a, v2=True, edge_dim=2), {"edge_attr": edge}),
    ):
        theirs = make(3, 8, 2, 4).eval()
        ours = convert(theirs)
        assert sum(isinstance(m, Convolution) for m in ours.modules()) == 2
        assert close(ours(x, ends, **extra), theirs(x, ends, **extra), 2e-6)


def test_one_module_in_two_places_stays_one():
    shared = pyg.SAGEConv(3, 3)
    ours = convert(nn.ModuleList([shared, shared]))
    assert ours[0] is ours[1]


def test_unknown_convolutions_are_named_and_left():
    class Own(pyg.GCNConv):
        """May do anything."""

    model = nn.ModuleDict({"a": pyg.TransformerConv(3, 3), "b": Own(3, 3), "c": pyg.GCNConv(3, 3)})
    with pytest.warns(UserWarning, match=r"^left as they are: a \(TransformerConv\), b \(Own\)$"):
        ours = convert(model)
    assert type(ours["a"]) is pyg.TransformerConv and type(ours["b"]) is Own
    assert isinstance(ours["c"], Convolution)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        convert(nn.Linear(2, 2))


@pytest.mark.parametrize(
    ("conv", "line"),
    [
        (lambda: pyg.GCNConv(3, 3, aggr="max"), r"aggr: expected 'add' or 'sum', got 'max'"),
        (lambda: pyg.GCNConv(3, 3, flow="target_to_source"), r"flow: expected 'source_to_target'"),
        (lambda: pyg.SAGEConv(3, 3, aggr=["mean", "max"]), r"aggr: expected 'mean' or"),
        (lambda: pyg.SAGEConv(3, 3, aggr="median"), r"aggr: expected 'mean' or"),
        (lambda: pyg.SAGEConv((3, 3), 3), r"in_channels: expected 'int', got 'tuple'"),
        (lambda: pyg.SAGEConv(-1, 3), r"in_channels: expected a number, got -1"),
        (lambda: pyg.GATConv(3, 3, edge_dim=2, fill_value=0.0), r"fill_value: expected 'mean'"),
        (lambda: pyg.PNAConv(4, 4, ["mean"], ["linear"], torch.ones(3)), r"scalers: expected"),
        (lambda: pyg.PNAConv(4, 4, ["var"], ["identity"], torch.ones(3)), r"aggregators: expected"),
        (lambda: pyg.PNAConv(4, 4, ["mean"], ["identity"], torch.ones(3), towers=2), r"towers: "),
    ],
)
def test_options_without_a_counterpart_are_refused(conv, line):
    model = nn.ModuleDict({"one": conv()})
    with pytest.raises(ValueError, match=rf"^one \(\w+\): {line}"):
        convert(model)


def test_what_is_not_served_is_refused_when_called():
    ours, (x, ends, weight, *_) = convert(mixed()), inputs()
    with pytest.raises(TypeError, match=r"^GCNConv: expected x, edge_index, edge_weight, got size"):
        ours.first(x, ends, weight, size=(21, 21))
    with pytest.raises(TypeError, match=r"^GATConv: .*, got return_attention_weights as well"):
        ours.rest["gat"](torch.randn(21, 8), ends, return_attention_weights=True)
    with pytest.raises(TypeError, match=r"^edge_index: expected integers of shape"):
        ours.first(x, torch.eye(21).to_sparse())
    with pytest.raises(TypeError, match=r"^GCNConv: x: expected a tensor, got tuple"):
        ours.first((x, x), ends)
    with pytest.raises(ValueError, match=r"^weight: expected shape"):
        ours.first(x, ends, weight[1:])
    with pytest.raises(ValueError, match=r"^edge_index: node numbers should be less than"):
        ours.first(x, ends + 15, weight)
    with pytest.raises(TypeError, match=r"^model: expected a module, got int"):
        convert(3)
