"""Positions: eigenvectors and what undoes their freedom, returns of random walks."""

import networkx
import pytest
import torch

from geomdl import permutation as P
from geomdl.fields import Graph

F64 = torch.float64


def draw(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=F64)


def graphs():
    return [
        networkx.petersen_graph(),
        networkx.path_graph(6),
        networkx.disjoint_union(networkx.cycle_graph(4), networkx.empty_graph(2)),
        networkx.empty_graph(1),
        networkx.karate_club_graph(),
        networkx.cycle_graph(6),
    ]


def batch():
    return Graph.batch([Graph.from_networkx(graph) for graph in graphs()])


def laplacian(graph, normalization):
    a = torch.tensor(networkx.to_numpy_array(graph, weight=None), dtype=F64)
    degree = a.sum(1)
    if normalization == "none":
        return torch.diag(degree) - a
    scale = torch.where(degree > 0, degree.clamp(min=1).rsqrt(), 0)
    return torch.diag((degree > 0).to(F64)) - scale[:, None] * a * scale


@pytest.mark.parametrize("normalization", ["sym", "none"])
def test_eigenvectors_of_each_graph(normalization):
    graph, k = batch(), 5
    values, vectors = P.laplacian_pe(graph, k, normalization=normalization, dtype=F64)
    pieces = vectors.split(graph.ptr.diff().tolist())
    for one, own, v in zip(graphs(), values, pieces, strict=True):
        matrix, some = laplacian(one, normalization), min(k, len(one))
        expected = torch.linalg.eigvalsh(matrix)[:some]
        torch.testing.assert_close(own[:some], expected, rtol=1e-10, atol=1e-10)
        torch.testing.assert_close(
            matrix @ v[:, :some], v[:, :some] * own[:some], atol=1e-12, rtol=0
        )
        torch.testing.assert_close(v[:, :some].T @ v[:, :some], torch.eye(some, dtype=F64))
        assert not own[some:].any() and not v[:, some:].any()


def test_nodes_of_a_batch_may_be_mixed():
    graph = batch()
    perm = torch.randperm(graph.num_nodes, generator=torch.Generator().manual_seed(0))
    values, vectors = P.laplacian_pe(graph, 3, dtype=F64)
    again = P.laplacian_pe(graph.permute(perm), 3, dtype=F64)
    torch.testing.assert_close(again.values, values)
    path = graph.batch_index == 1  # distinct eigenvalues: equal up to signs
    torch.testing.assert_close(again.vectors[perm][path].abs(), vectors[path].abs())


def test_multiplicity_of_zero_is_the_number_of_components():
    values, _ = P.laplacian_pe(batch(), 6, dtype=F64)
    assert (values[2] == 0).sum() == 3


def test_an_eigenspace_that_is_cut_is_left_out():
    ring = Graph.from_networkx(networkx.cycle_graph(6))  # 0, ½ twice, 3/2 twice, 2
    for k, zeros in ((1, [0]), (2, [0, 1]), (3, [0, 0, 0]), (4, [0, 0, 0, 1]), (6, [0] * 6)):
        _, vectors = P.laplacian_pe(ring, k, whole=True)
        expected = [0] if k == 1 else zeros
        assert [int(not column.any()) for column in vectors.T] == expected
        assert P.laplacian_pe(ring, k).vectors.any(0).all()


def test_signs_are_drawn():
    graph = batch()
    plain = P.laplacian_pe(graph, 4).vectors
    drawn = P.laplacian_pe(graph, 4, rng=torch.Generator().manual_seed(0)).vectors
    again = P.laplacian_pe(graph, 4, rng=torch.Generator().manual_seed(0)).vectors
    assert torch.equal(drawn, again) and torch.equal(drawn.abs(), plain.abs())
    assert not torch.equal(drawn, plain)


def test_what_cannot_be_is_refused():
    edge = Graph.from_edge_index(torch.tensor([[0], [1]]))
    with pytest.raises(ValueError, match=r"^graph: expected with every edge its reverse"):
        P.laplacian_pe(edge, 1)
    with pytest.raises(ValueError, match=r"^k: expected an integer of at least 1, got 0"):
        P.laplacian_pe(batch(), 0)
    with pytest.raises(ValueError, match=r"^normalization: expected 'sym' or 'none', got 'rw'"):
        P.laplacian_pe(batch(), 2, normalization="rw")
    with pytest.raises(ValueError, match=r"^steps: expected an integer of at least 1, got 0"):
        P.random_walk_pe(batch(), 0)
    none = Graph.batch([])
    assert P.laplacian_pe(none, 2).vectors.shape == P.random_walk_pe(none, 2).shape == (0, 2)


def test_returns_of_random_walks(monkeypatch):
    graph = batch()
    expected = []
    for one in graphs():
        a = torch.tensor(networkx.to_numpy_array(one, weight=None), dtype=F64)
        walk = a / a.sum(1, keepdim=True).clamp(min=1)
        powers = [torch.linalg.matrix_power(walk, t).diagonal() for t in range(1, 7)]
        expected.append(torch.stack(powers, 1))
    expected = torch.cat(expected)
    torch.testing.assert_close(P.random_walk_pe(graph, 6, F64), expected, rtol=1e-13, atol=1e-15)
    monkeypatch.setattr("geomdl.permutation.positions.CHUNK", 4)
    torch.testing.assert_close(P.random_walk_pe(graph, 6, F64), expected, rtol=1e-13, atol=1e-15)


def test_returns_along_directions():
    triangle = Graph.from_edge_index(torch.tensor([[0, 1, 2, 0], [1, 2, 0, 3]]))
    found = P.random_walk_pe(triangle, 3, F64)
    assert found[:, 2].tolist() == [0.5, 0.5, 0.5, 0.0] and not found[:, :2].any()


def test_sign_net_does_not_see_signs():
    graph = batch()
    _, vectors = P.laplacian_pe(graph, 4, dtype=F64)
    net, plain = P.SignNet(4, 3).double(), torch.nn.Linear(4, 3).double()
    expected = net(vectors, graph)
    for seed in range(4):
        signs = draw(graph.num_graphs, 4, seed=seed).sign()[graph.batch_index.long()]
        torch.testing.assert_close(net(vectors * signs, graph), expected, rtol=1e-12, atol=1e-12)
        assert not torch.allclose(plain(vectors * signs), plain(vectors))
    other = vectors.clone()
    other[0] *= -1  # the sign of one node is another vector
    assert not torch.allclose(net(other, graph), expected)


def turned(values, vectors, graph, seed):
    """Another basis of each eigenspace, and signs."""
    found = vectors.clone()
    for k, own in enumerate(values):
        rows = graph.batch_index == k
        for value in own.unique():
            columns = ((own - value).abs() < 1e-8).nonzero().flatten()
            q, _ = torch.linalg.qr(draw(len(columns), len(columns), seed=seed))
            found[rows[:, None] & torch.isin(torch.arange(len(own)), columns)] = (
                vectors[rows][:, columns] @ q
            ).flatten()
    return found


def test_basis_net_does_not_see_bases():
    graph = batch()
    values, vectors = P.laplacian_pe(graph, 6, whole=True, dtype=F64)
    values = (values * 1e9).round() / 1e9
    net, sign, plain = (
        P.BasisNet(6, 3).double(),
        P.SignNet(6, 3).double(),
        torch.nn.Linear(6, 3).double(),
    )
    expected = net(vectors, graph, values)
    for seed in range(3):
        other = turned(values, vectors, graph, seed)
        assert not torch.allclose(other, vectors)
        torch.testing.assert_close(net(other, graph, values), expected, rtol=1e-11, atol=1e-11)
        # signs alone are not enough
        assert not torch.allclose(sign(other, graph), sign(vectors, graph))
        assert not torch.allclose(plain(other), plain(vectors))
    apart = values + torch.arange(6) * 1e-2  # eigenvalues that say otherwise
    assert not torch.allclose(net(turned(values, vectors, graph, 0), graph, apart),
                              net(vectors, graph, apart))  # fmt: skip


def test_basis_net_is_a_function_of_the_graph():
    """Whatever the solver finds for nodes in another order."""
    graph = batch()
    perm = torch.randperm(graph.num_nodes, generator=torch.Generator().manual_seed(0))
    net = P.BasisNet(6, 3).double()

    def positions(graph):
        values, vectors = P.laplacian_pe(graph, 6, whole=True, dtype=F64)
        return net(vectors, graph, values)

    torch.testing.assert_close(
        positions(graph.permute(perm))[perm], positions(graph), rtol=1e-9, atol=1e-9
    )


def test_shapes_that_do_not_fit():
    graph = batch()
    values, vectors = P.laplacian_pe(graph, 3)
    with pytest.raises(ValueError, match=r"^values: expected shape \(6, 3\), got \(6, 2\)"):
        P.BasisNet(3, 2)(vectors, graph, values[:, :2])
    with pytest.raises(ValueError, match=r"^x: expected shape \(63, 4\), got \(63, 3\)"):
        P.SignNet(4, 2)(vectors, graph)
