"""`NeighborSampler`: the right edges, the same everywhere, unbiased, in the shapes of PyG."""

from dataclasses import fields
from itertools import pairwise

import pytest
import torch
from torch.utils.data import DataLoader

from geomdl.fields import Graph
from geomdl.interop.pyg import graph_arguments
from geomdl.kernels import threads
from geomdl.permutation import NeighborBatch, NeighborSampler, neighbor_mean


def random_graph(n: int = 300, m: int = 3000, seed: int = 0) -> Graph:
    rng = torch.Generator().manual_seed(seed)
    index = torch.randint(n - 5, (2, m), generator=rng)  # the last nodes are isolated
    hub = torch.stack([torch.randint(n - 5, (m,), generator=rng), torch.zeros(m).long()])
    return Graph.from_edge_index(torch.cat([index, hub], 1), n)


GRAPH = random_graph()
X = torch.randn(300, 4, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


def same(a: NeighborBatch, b: NeighborBatch) -> bool:
    return (
        a.graph == b.graph
        and torch.equal(a.n_id, b.n_id)
        and torch.equal(a.e_id, b.e_id)
        and a.batch_size == b.batch_size
    )


def test_batches_are_parts_of_the_graph():
    y, edge = torch.arange(300), torch.arange(6000.0)
    sampler = NeighborSampler(GRAPH, (4, 3), 32, x=X, y=y, edge=edge)
    batches = list(sampler)
    assert len(batches) == len(sampler) == 10
    assert torch.cat([b.n_id[: b.batch_size] for b in batches]).sort().values.equal(y)
    for batch in batches:
        graph = batch.graph
        again = Graph.from_edge_index(graph.to_edge_index(), len(batch.n_id))
        for field in fields(Graph):  # built without sorting, yet the same
            assert torch.equal(getattr(graph, field.name), getattr(again, field.name))
            assert getattr(graph, field.name).dtype == torch.int32
        assert torch.equal(batch.n_id[graph.source], GRAPH.source[batch.e_id].long())
        assert torch.equal(batch.n_id[graph.target], GRAPH.target[batch.e_id].long())
        assert len(batch.n_id.unique()) == len(batch.n_id)
        assert len(batch.e_id.unique()) == len(batch.e_id)
        assert torch.equal(batch.x, X[batch.n_id])
        assert torch.equal(batch.y, batch.n_id) and torch.equal(batch.edge, batch.e_id.float())


def test_each_layer_takes_as_many_as_it_may():
    batch = NeighborSampler(GRAPH, (4, 3), 32)[0]
    met = [set(batch.n_id[:32].tolist())]
    degree, taken = GRAPH.in_degree, batch.graph.in_degree
    first = {int(s) for s, t in batch.graph.to_edge_index().T if t < 32}
    met.append({int(batch.n_id[s]) for s in first} - met[0])
    for local, node in enumerate(batch.n_id.tolist()):
        most = 4 if node in met[0] else 3 if node in met[1] else 0
        assert taken[local] == min(most, int(degree[node]))


def test_more_layers_than_there_are_new_nodes():
    bare = Graph.from_edge_index(torch.empty(2, 0, dtype=torch.int64), 5)
    batch = NeighborSampler(bare, (2, 2, 2), 3, shuffle=False)[0]
    assert (batch.graph.num_nodes, batch.graph.num_edges) == (3, 0)
    path = Graph.from_edge_index(torch.tensor([[0, 1], [1, 2]]), 3)
    batch = NeighborSampler(path, (1, 1, 1, 1), 1, torch.tensor([2]))[0]
    assert batch.n_id.tolist() == [2, 1, 0] and batch.e_id.tolist() == [1, 0]
    assert batch.graph.in_ptr.tolist() == [0, 1, 2, 2]


def test_all_neighbours_give_what_the_whole_graph_gives():
    def network(x, graph):
        for _ in range(2):
            x = x + neighbor_mean(x, graph).tanh()
        return x

    expected = network(X, GRAPH)
    for fanouts, exact in (((-1, -1), True), ((-1,), False), ((2, 2), False)):
        sampler = NeighborSampler(GRAPH, fanouts, 16, x=X, shuffle=False)
        found = torch.cat([network(b.x, b.graph)[: b.batch_size] for b in sampler])
        assert (float((found - expected).abs().max()) <= 1e-12) == exact


def test_the_same_for_any_batches_threads_and_workers():
    sampler = NeighborSampler(GRAPH, (4, 3), 32, seed=5)
    batches = [sampler[k] for k in range(len(sampler))]
    assert all(same(a, b) for a, b in zip(batches, iter(sampler), strict=True))
    sampler.set_epoch(0)
    with threads.always(2):
        assert all(same(a, sampler[k]) for k, a in enumerate(batches))
    loaded = DataLoader(sampler, batch_size=None, num_workers=2)
    assert all(same(a, b) for a, b in zip(batches, loaded, strict=True))
    one = sampler.around(batches[3].n_id[:1])  # a node draws the same alone and among others
    mine = set(one.e_id[one.graph.target == 0].tolist())
    assert mine == set(batches[3].e_id[batches[3].graph.target == 0].tolist())


def test_epochs_and_seeds_differ_and_come_again():
    sampler = NeighborSampler(GRAPH, (4, 3), 32)
    first = sampler[0]
    assert [sampler.epoch, list(sampler) and sampler.epoch] == [0, 1]
    second = sampler[0]
    assert not torch.equal(first.n_id[:32], second.n_id[:32])
    drawn = sampler.around(first.n_id[:32])
    assert not torch.equal(first.e_id, drawn.e_id)
    sampler.set_epoch(0)
    assert same(sampler[0], first)
    assert not same(NeighborSampler(GRAPH, (4, 3), 32, seed=1)[0], first)
    fixed = NeighborSampler(GRAPH, (4, 3), 32, shuffle=False)
    list(fixed)
    assert fixed[1].n_id[:32].tolist() == list(range(32, 64))


def bias(sampler: NeighborSampler, epochs: int = 400) -> float:
    """Largest deviation of how often an edge comes from fanout / degree, in standard deviations."""
    counts = torch.zeros(GRAPH.num_edges, dtype=torch.float64)
    for epoch in range(epochs):
        sampler.set_epoch(epoch)
        batch = sampler.around(torch.arange(300))
        counts[batch.e_id] += 1
    share = (sampler.fanouts[0] / GRAPH.in_degree.double()).clamp(max=1)[GRAPH.target]
    spread = (epochs * share * (1 - share)).sqrt()
    assert (counts[spread == 0] == epochs).all()
    return float(((counts - epochs * share).abs() / spread.clamp(min=1e-9))[spread > 0].max())


class Sabotaged(NeighborSampler):
    """Takes the first neighbours instead of random ones, now and then."""

    def around(self, nodes):
        if self.epoch % 4:
            return super().around(nodes)
        order = torch.cat([GRAPH.perm[a:b][: self.fanouts[0]] for a, b in pairwise(GRAPH.in_ptr)])
        return super().around(nodes)._replace(e_id=order.long())


def test_edges_come_with_probability_fanout_over_degree():
    assert bias(NeighborSampler(GRAPH, (4,), 32)) < 5  # of 6000 edges; 1 in 300 would exceed it
    assert bias(Sabotaged(GRAPH, (4,), 32)) > 10


def test_the_mean_over_drawn_neighbours_is_unbiased():
    truth, epochs = neighbor_mean(X, GRAPH), 400
    sampler = NeighborSampler(GRAPH, (4,), 32, x=X)
    found = []
    for epoch in range(epochs):
        sampler.set_epoch(epoch)
        batch = sampler.around(torch.arange(300))
        found.append(neighbor_mean(batch.x, batch.graph)[:300])
    every = torch.stack(found)
    z = (every.mean(0) - truth) / (every.std(0) / epochs**0.5).clamp(min=1e-12)
    assert float(z.abs().max()) < 5.5
    assert 0.9 < float(z[GRAPH.in_degree > 4].square().mean()) < 1.1


def test_batches_in_the_form_of_pyg():
    sampler = NeighborSampler(GRAPH, (4, 3), 32, x=X, y=torch.arange(300), edge=torch.ones(6000, 1))
    batch = sampler[0]
    data = batch.to_pyg()
    assert data.validate() and data.batch_size == 32
    assert torch.equal(data.n_id, batch.n_id) and torch.equal(data.e_id, batch.e_id)
    assert torch.equal(data.y, batch.y) and torch.equal(data.x, batch.x)
    found = graph_arguments(data)
    assert found["graph"] == batch.graph and torch.equal(found["edge"], batch.edge)


def test_some_nodes_a_mask_and_none():
    nodes = torch.tensor([7, 299, 3], dtype=torch.int32)
    batch = NeighborSampler(GRAPH, (2,), 5, nodes, shuffle=False)[0]
    assert batch.n_id[:3].tolist() == [7, 299, 3] and batch.graph.in_degree[1] == 0
    mask = torch.zeros(300, dtype=torch.bool)
    mask[nodes.long()] = True
    assert NeighborSampler(GRAPH, (2,), 5, mask, shuffle=False)[0].n_id[:3].tolist() == [3, 7, 299]
    empty = NeighborSampler(GRAPH, (2,), 5, torch.empty(0, dtype=torch.int64))
    assert len(empty) == 0 and list(empty) == []
    batch = empty.around(torch.empty(0, dtype=torch.int64))
    assert (batch.graph.num_nodes, batch.graph.num_edges) == (0, 0)
    with pytest.raises(IndexError, match=r"^batch: expected 0, …, 9, got 10$"):
        NeighborSampler(GRAPH, (2,), 32)[10]


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (
            {"fanouts": ()},
            ValueError,
            "fanouts: expected whole numbers of at least 1, or -1 for al",
        ),
        ({"fanouts": (2, 0)}, ValueError, "fanouts: expected whole numbers of at least 1, or -1"),
        ({"fanouts": (2.5,)}, ValueError, "fanouts: expected whole numbers of at least 1, or -1"),
        ({"batch_size": 0}, ValueError, "batch_size: expected an integer of at least 1, got 0"),
        ({"batch_size": None}, ValueError, "batch_size: expected an integer of .*, got None"),
        ({"fanouts": 5}, ValueError, "fanouts: expected whole numbers of .*, got 5"),
        ({"fanouts": ("a",)}, ValueError, r"fanouts: expected whole numbers of .*, got \('a',\)"),
        ({"seed": None}, ValueError, "seed: expected an integer, got None"),
        ({"graph": "G"}, TypeError, "graph: expected a geomdl Graph, got str"),
        ({"x": [1.0]}, TypeError, "x: expected a torch.Tensor, got list"),
        (
            {"nodes": torch.tensor([300])},
            ValueError,
            "nodes: expected numbers from 0 to 299, got 3",
        ),
        (
            {"nodes": torch.tensor([-1])},
            ValueError,
            "nodes: expected numbers from 0 to 299, got -1",
        ),
        (
            {"nodes": torch.tensor([1, 1])},
            ValueError,
            "nodes: expected each node once, got repeats",
        ),
        ({"nodes": torch.tensor([1.0])}, TypeError, "nodes: expected integers, got torch.float32"),
        (
            {"nodes": torch.ones(2) > 0},
            ValueError,
            r"nodes: expected a mask of shape \(300,\), got",
        ),
        ({"nodes": [1]}, TypeError, "nodes: expected a torch.Tensor, got list"),
        ({"x": torch.ones(3)}, ValueError, r"x: expected shape \(300, …\), got \(3,\)"),
        ({"edge": torch.ones(3)}, ValueError, r"edge: expected shape \(6000, …\), got \(3,\)"),
        ({"graph": GRAPH.to("meta")}, ValueError, "graph: expected one on the CPU, got meta"),
    ],
)
def test_bad_arguments_are_one_line(change, error, message):
    arguments = {"graph": GRAPH, "fanouts": (2,), "batch_size": 4} | change
    with pytest.raises(error, match=f"^{message}") as caught:
        NeighborSampler(**arguments)
    assert "\n" not in str(caught.value)
