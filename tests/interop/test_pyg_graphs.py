"""Graphs of torch_geometric, and what its loaders give, as arguments of networks on graphs."""

import pytest
import torch
from torch import Tensor, nn
from torch_geometric.data import Batch, Data, HeteroData
from torch_geometric.loader import DataLoader, NeighborLoader
from torch_geometric.typing import WITH_PYG_LIB, WITH_TORCH_SPARSE

from geomdl.fields import Graph
from geomdl.interop.pyg import graph_arguments
from geomdl.permutation import neighbor_mean, neighbor_sum


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
