"""Data sets of graphs, and training on graphs and on nodes."""

import copy

import pytest
import torch
from torch import nn

from geomdl.fields import Graph
from geomdl.kernels import segment_sum
from geomdl.permutation import GraphDataset, fit_graphs, fit_nodes, neighbor_sum, predict_graphs


class Sums(nn.Module):
    """Sum over a graph of an affine map of neighbours' sums."""

    def __init__(self, rows=2, columns=1, nodes=False):
        super().__init__()
        self.map, self.nodes = nn.Linear(rows, columns), nodes

    def forward(self, x, graph, edge=None):
        y = self.map(neighbor_sum(x, graph, edge))
        return y if self.nodes else segment_sum(y, graph.ptr, graph.node_perm)


def some(count=30, seed=0, edge=False):
    rng = torch.Generator().manual_seed(seed)
    graphs = []
    for _ in range(count):
        n = int(torch.randint(1, 6, (1,), generator=rng))
        ends = torch.randint(n, (2, int(torch.randint(8, (1,), generator=rng))), generator=rng)
        graphs.append(Graph.from_edge_index(ends, num_nodes=n))
    graph = Graph.batch(graphs)
    x = torch.randn(graph.num_nodes, 2, generator=rng)
    weight = torch.rand(graph.num_edges, generator=rng) if edge else None
    with torch.no_grad():
        y = Sums()(x, graph, weight) if edge else segment_sum(neighbor_sum(x, graph), graph.ptr)
    return GraphDataset.of(graph, x, y[:, :1], weight)


@pytest.mark.parametrize("edge", [False, True])
def test_inputs_are_those_of_the_graphs_asked_for(edge):
    data = some(edge=edge)
    whole, index = data.inputs(), torch.tensor([7, 2, 2])
    model = Sums()
    assert torch.equal(model(*data.inputs(index)), model(*whole)[index])
    assert torch.equal(model(*data[index].inputs()), model(*whole)[index])
    both = GraphDataset.cat([data[index], data])
    assert torch.equal(model(*both.inputs()), torch.cat([model(*whole)[index], model(*whole)]))
    assert torch.allclose(predict_graphs(model, data, batch_size=7), model(*whole))


def test_training_finds_what_the_answers_are():
    data, model = some(200), Sums()
    index = torch.arange(200)
    quiet = {"lr": 0.05, "progress": False, "accelerator": "cpu"}
    run = fit_graphs(
        model,
        data[index[:150]],
        data[index[150:]],
        epochs=60,
        weight_decay=0,
        batch_size=25,
        **quiet,
    )
    assert run.model is model
    assert run.history[-1]["val_loss"] < 1e-4 * run.history[0]["val_loss"]
    # the twin: answers of other graphs cannot be learnt
    mixed = GraphDataset(data.table, data.x, data.y.roll(1, 0))
    worse = fit_graphs(Sums(), mixed[index[:150]], mixed[index[150:]], epochs=20, **quiet)
    assert worse.best["val_loss"] > 0.1


def test_training_on_the_nodes_of_one_graph():
    rng = torch.Generator().manual_seed(0)
    graph = Graph.from_edge_index(torch.randint(50, (2, 200), generator=rng), num_nodes=50)
    x = torch.randn(50, 2, generator=rng)
    y = neighbor_sum(x, graph)[:, :1]
    order, model = torch.randperm(50, generator=rng), Sums(nodes=True)
    y[order[40:]] = float("nan")  # not read
    run = fit_nodes(model, x, graph, y, order[:30], order[30:40], epochs=300, lr=0.05,
                    weight_decay=0.0, progress=False, accelerator="cpu")  # fmt: skip
    assert run.history[-1]["val_loss"] < 1e-4


def test_refusals():
    data = some(3)
    graph, x = data.inputs()[1], data.x
    for arguments, message in (
        ((x[1:], data.y), r"^x: expected \d+ rows, of the nodes, got"),
        ((x, data.y[1:]), r"^y: expected 3 rows, of the graphs, got \(2, 1\)"),
        ((x, data.y, torch.ones(999)), r"^edge: expected \d+ rows, of the edges, got"),
        ((x * float("nan"), data.y), r"^x: expected finite numbers, got NaN"),
    ):
        with pytest.raises(ValueError, match=message):
            GraphDataset.of(graph, *arguments)
    with pytest.raises(ValueError, match="features of edges in all data sets, or in none"):
        GraphDataset.cat([data, some(3, edge=True)])
    with pytest.raises(ValueError, match="a graph at least, got none"):
        fit_graphs(Sums(), data[torch.empty(0, dtype=torch.int64)])
    with pytest.raises(ValueError, match=r"^y: expected shape \(50, …\), got \(3, 1\)"):
        fit_nodes(Sums(), torch.ones(50, 2), Graph.from_edge_index(torch.tensor([[0], [49]])),
                  data.y, torch.arange(3))  # fmt: skip


@pytest.mark.parametrize("edge", [False, True])
def test_graphs_are_picked_as_rows_of_a_tensor(edge):
    data = some(6, edge=edge)
    mask = data.y[:, 0] > data.y.median()
    for index, numbers in (
        (slice(1, 5, 2), [1, 3]),
        (slice(None, None, -1), [5, 4, 3, 2, 1, 0]),
        ([4, 0], [4, 0]),
        ([], []),
        (mask, mask.nonzero().flatten().tolist()),
        (mask.tolist(), mask.nonzero().flatten().tolist()),
    ):
        expected = torch.tensor(numbers, dtype=torch.int64)
        assert data[index].checksum == data[expected].checksum
        assert torch.equal(data.inputs(index)[0], data[expected].x)
    assert data[-1].checksum == data[torch.tensor([5])].checksum
    assert [len(one) for one in data] == [1] * 6
    for index, error, line in (
        (6, IndexError, "index: expected a number below 6, got 6"),
        ([0, 6], ValueError, "index: expected numbers from 0 to 5, got 6"),
        (mask[1:], ValueError, r"index: expected a mask of shape \(6,\), got \(5,\)"),
        ([0.5], TypeError, "index: expected integers, got torch.float32"),
    ):
        with pytest.raises(error, match=f"^{line}$"):
            data[index]


def test_nodes_to_train_on_are_checked_and_may_be_a_mask():
    graph = Graph.from_edge_index(torch.tensor([[0, 1, 2], [1, 2, 3]]))
    x, y, quiet = torch.ones(4, 2), torch.ones(4, 1), {"progress": False, "accelerator": "cpu"}
    mask = torch.tensor([True, False, True, True])
    model, losses = Sums(nodes=True), []
    for index in (mask, mask.nonzero().flatten()):
        start = copy.deepcopy(model)
        losses.append(fit_nodes(start, x, graph, y, index, epochs=2, **quiet).history[-1])
    assert losses[0]["train_loss"] == losses[1]["train_loss"]
    for train, val, line in (
        (torch.tensor([4]), None, "train: expected numbers from 0 to 3, got 4"),
        (torch.tensor([0]), torch.tensor([-1]), "val: expected numbers from 0 to 3, got -1"),
    ):
        with pytest.raises(ValueError, match=f"^{line}$"):
            fit_nodes(Sums(nodes=True), x, graph, y, train, val, **quiet)
    with pytest.raises(TypeError, match=r"^graph: expected a geomdl Graph, got list$"):
        GraphDataset.of([graph], x, y)


def test_a_checksum_knows_answers_too():
    data = some(3)
    assert data.checksum != GraphDataset(data.table, data.x, data.y + 1).checksum
