"""Graphs of torch_geometric, and what its loaders give, as arguments of networks on graphs."""

import pytest
import torch
from torch import Tensor, nn
from torch_geometric.data import Batch, Data, HeteroData
from torch_geometric.loader import DataLoader, NeighborLoader
from torch_geometric.transforms import ToSparseTensor
from torch_geometric.typing import WITH_PYG_LIB, WITH_TORCH_SPARSE

from geomdl.fields import Graph
from geomdl.interop.pyg import graph_arguments
from geomdl.permutation import GCN, APPNPNet, ChebNet, GCNConv, neighbor_mean, neighbor_sum


class Network(nn.Module):
    """Neighbours weighted by their edges, twice, and the mean over each graph."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(3, 4), nn.Linear(4, 2)

    def forward(self, x: Tensor, graph: Graph, edge: Tensor | None = None) -> Tensor:
        weight = None if edge is None else edge[:, 0]
        for layer in (self.first, self.second):
            x = layer(x + neighbor_sum(x, graph, weight)).tanh()
        zeros = x.new_zeros(graph.num_graphs, x.shape[1])
        return zeros.index_add(0, graph.batch_index.long(), x)


def random_data(n: int, seed: int, edge: str | None) -> Data:
    rng = torch.Generator().manual_seed(seed)
    m = 3 * n
    data = Data(x=torch.randn(n, 3, generator=rng))
    data.edge_index = torch.randint(n, (2, m), generator=rng)
    if edge is not None:
        shape = (m,) if edge == "numbers" else (m, 2)
        data.edge_attr = torch.randn(shape, generator=rng)
    return data


@pytest.mark.parametrize("edge", [None, "numbers", "vectors"])
@pytest.mark.parametrize("workers", [0, 2])
def test_batches_of_a_loader_go_into_a_network(edge, workers):
    data = [random_data(n, n, edge) for n in (4, 6, 1, 5, 3)]
    model = Network()
    loader = DataLoader(data, batch_size=2, num_workers=workers)
    found = torch.cat([model(**graph_arguments(batch)) for batch in loader])
    alone = torch.cat([model(**graph_arguments(one)) for one in data])
    assert found.shape == (5, 2)
    assert (found - alone).abs().max() <= 1e-5 * alone.abs().max()
    assert (found[0] - found[1]).abs().max() > 1e-3


def test_edges_keep_their_features():
    data = random_data(5, 0, "vectors")
    found = graph_arguments(data)
    assert torch.equal(found["graph"].to_edge_index(), data.edge_index)
    assert torch.equal(found["edge"], data.edge_attr)
    assert graph_arguments(random_data(5, 0, "numbers"))["edge"].shape == (15, 1)
    assert set(graph_arguments(random_data(5, 0, None))) == {"x", "graph"}
    other = graph_arguments(Data(**{**data.to_dict(), "edge_attr": data.edge_attr.roll(1, 0)}))
    assert not torch.allclose(Network()(**found), Network()(**other))


def test_heterogeneous_data_of_one_type():
    plain, data = random_data(5, 0, "vectors"), HeteroData()
    data["atom"].x = plain.x
    data["atom", "bond", "atom"].edge_index = plain.edge_index
    data["atom", "bond", "atom"].edge_attr = plain.edge_attr
    found, expected = graph_arguments(data), graph_arguments(plain)
    assert found["graph"] == expected["graph"]
    assert torch.equal(found["x"], expected["x"]) and torch.equal(found["edge"], expected["edge"])
    batch = graph_arguments(Batch.from_data_list([data, data]))
    assert batch["graph"].num_graphs == 2 and batch["x"].shape == (10, 3)


@pytest.mark.skipif(
    not (WITH_PYG_LIB or WITH_TORCH_SPARSE),
    reason="NeighborLoader needs pyg-lib or torch-sparse, and PyPI has wheels of neither",
)
def test_neighbor_loader():
    data = random_data(50, 0, None)
    whole = Graph.from_pyg(data)
    for batch in NeighborLoader(data, [-1], batch_size=7):
        found = graph_arguments(batch)
        mean = neighbor_mean(found["x"], found["graph"])[: batch.batch_size]
        expected = neighbor_mean(data.x, whole)[batch.n_id[: batch.batch_size]]
        assert (mean - expected).abs().max() <= 1e-6


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"x": None}, ValueError, r"expected features x, shape \(4, …\), got NoneType"),
        (
            {"x": torch.zeros(4, 1).long()},
            TypeError,
            r"expected floating x, got torch.int64 \(x.fl",
        ),
        ({"x": torch.zeros(3, 1)}, ValueError, r"x should have shape \(4, …\), got \(3, 1\)"),
        ({"edge_attr": torch.zeros(2)}, ValueError, r"edge_attr should have shape \(12, …\), got"),
        ({"edge_attr": torch.zeros(12).long()}, TypeError, "expected floating edge_attr, got tor"),
        ({"edge_index": None}, ValueError, "expected edge_index or adj_t, got neither"),
    ],
)
def test_bad_data_are_one_line(change, error, message):
    data = random_data(4, 0, None)
    for name, value in change.items():
        data[name] = value
    data.num_nodes = 4
    with pytest.raises(error, match=f"^data: {message}") as caught:
        graph_arguments(data)
    assert "\n" not in str(caught.value)


def weighted(shape=(15,), name="edge_weight"):
    data, rng = random_data(5, 0, None), torch.Generator().manual_seed(1)
    data.edge_index = torch.ones(5, 5).nonzero()[torch.randperm(25, generator=rng)[:15]].T
    data[name] = torch.rand(shape, generator=rng) + 0.5
    return data


def sparse(data, attr="edge_weight"):
    """Edges as ``adj_t``, with what comes with them."""
    with torch.sparse.check_sparse_tensor_invariants(False):  # it repeats edges, and torch warns
        return ToSparseTensor(attr, layout=torch.sparse_coo)(data)


def dense_gcn(layer, data):
    """D^(-1/2) (A + S) D^(-1/2) x W + b by a dense matrix, S a loop where there is none."""
    a = torch.zeros(5, 5).index_put(tuple(data.edge_index.flip(0)), data.edge_weight)
    a = a + (a.diagonal() == 0).float().diag()
    scale = a.sum(1).rsqrt()
    return scale[:, None] * a * scale @ data.x @ layer.linear.weight.T + layer.bias


@pytest.mark.parametrize(
    ("data", "edge"),
    [
        (weighted(), None),
        (weighted((15, 1)), None),
        (weighted(name="edge_attr"), "weights"),
        (sparse(weighted()), None),
    ],
)
def test_weights_go_into_convolutions_with_weights(data, edge):
    found = graph_arguments(data, edge)
    layer = GCNConv(3, 3)
    y = layer(*found.values())
    expected = dense_gcn(layer, weighted())
    assert found["edge"].shape == (15,)
    assert (y - expected).abs().max() <= 1e-6 * expected.abs().max()
    unweighted = layer(found["x"], found["graph"])  # what came when weights were lost
    assert (unweighted - expected).abs().max() > 1e-3 * expected.abs().max()


@pytest.mark.parametrize("model", [GCN, ChebNet, APPNPNet])
def test_batches_with_weights_go_into_networks(model):
    data = [weighted(), weighted()]
    data[1].edge_weight = data[1].edge_weight.flip(0)
    rng = torch.Generator().manual_seed(0)
    network = model(3, 2, channels=8, layers=2, readout="sum", rng=rng)
    (batch,) = DataLoader(data, batch_size=2)
    found = network(**graph_arguments(batch))
    alone = torch.cat([network(**graph_arguments(one)) for one in data])
    assert (found - alone).abs().max() <= 1e-5 * alone.abs().max()
    assert (alone[0] - alone[1]).abs().max() > 1e-4 * alone.abs().max()


def test_what_comes_with_the_edges_is_what_is_asked_for():
    data = weighted()
    assert graph_arguments(data, "features")["edge"].shape == (15, 1)
    assert set(graph_arguments(data, "nothing")) == {"x", "graph"}
    data.edge_attr = random_data(5, 0, "vectors").edge_attr
    assert torch.equal(graph_arguments(data, "features")["edge"], data.edge_attr)
    assert torch.equal(graph_arguments(data, "weights")["edge"], data.edge_weight)
    data.edge_attr = torch.arange(15)  # what is not asked for may be anything
    assert torch.equal(graph_arguments(data, "weights")["edge"], data.edge_weight)
    ones = sparse(Data(x=data.x, edge_index=data.edge_index))
    assert set(graph_arguments(ones)) == {"x", "graph"}
    assert torch.equal(graph_arguments(ones, "weights")["edge"], torch.ones(15))
    vectors = sparse(weighted((15, 2), "edge_attr"), "edge_attr")
    assert graph_arguments(vectors)["edge"].shape == (15, 2)


@pytest.mark.parametrize(
    ("change", "edge", "message"),
    [
        (
            {"edge_attr": torch.zeros(15, 2)},
            None,
            r"data: expected edge_attr or edge_weight, got both \(edge='features' and",
        ),
        ({"edge_weight": None}, "weights", "data: expected weights of the edges, got no edge_attr"),
        (
            {"edge_weight": torch.zeros(15, 2)},
            None,
            r"data: edge_weight should have shape \(15,\) as weights, got \(15, 2\)$",
        ),
        ({"edge_weight": torch.zeros(14)}, None, r"data: edge_weight should have shape \(15, …\)"),
        ({}, "weight", "edge: expected 'features', 'weights', 'nothing' or None, got 'weight'$"),
    ],
)
def test_bad_weights_are_one_line(change, edge, message):
    data = weighted()
    for name, value in change.items():
        data[name] = value
    with pytest.raises(ValueError, match=f"^{message}") as caught:
        graph_arguments(data, edge)
    assert "\n" not in str(caught.value)
