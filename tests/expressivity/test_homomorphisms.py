"""Homomorphism counts by brute force; fractional isomorphisms as matrices."""

import itertools

import networkx as nx
import pytest
import torch

from geomdl.expressivity import fractional_isomorphism, homomorphism_counts, trees, wl
from geomdl.fields import Graph
from tests.expressivity import slow
from tests.expressivity.graphs import atlas, drawn, few_distinct


def rng(seed=0):
    return torch.Generator().manual_seed(seed)


def brute(pattern, graph):
    edges = {tuple(e) for e in graph.to_edge_index().T.tolist()}
    wanted = pattern.to_edge_index().T.tolist()
    maps = itertools.product(range(graph.num_nodes), repeat=pattern.num_nodes)
    return sum(all((f[a], f[b]) in edges for a, b in wanted) for f in maps)


def test_all_patterns_of_four_nodes():
    patterns = [*atlas(4), Graph.from_edge_index(torch.tensor([[0, 1, 1], [1, 2, 1]]))]
    graphs = [drawn(5, 9, rng(s)) for s in range(3)] + list(atlas(4, 4)[::3])
    found = homomorphism_counts(patterns, graphs)
    assert found.dtype == torch.int64
    assert found.tolist() == [[brute(p, g) for p in patterns] for g in graphs]


def test_directed_patterns_and_batches():
    patterns = [drawn(3, 3, rng(s)) for s in range(5)]
    graphs = [drawn(5, 8, rng(s + 20)) for s in range(4)]
    expected = [[brute(p, g) for p in patterns] for g in graphs]
    assert homomorphism_counts(Graph.batch(patterns), Graph.batch(graphs)).tolist() == expected


def test_known_numbers():
    graph = Graph.from_networkx(nx.complete_graph(7))
    patterns = [Graph.from_networkx(nx.cycle_graph(n)) for n in (3, 5, 6)]
    patterns += [Graph.from_networkx(nx.complete_graph(n)) for n in (4, 6)]
    # closed walks of K_n: (n - 1)^k + (n - 1)(-1)^k
    expected = [6**k + 6 * (-1) ** k for k in (3, 5, 6)] + [7 * 6 * 5 * 4, 7 * 6 * 5 * 4 * 3 * 2]
    assert homomorphism_counts(patterns, [graph]).tolist() == [expected]
    big = Graph.from_networkx(nx.cycle_graph(3000))  # a path is a walk
    assert homomorphism_counts([trees(4)[0]], [big]).numel() == 1
    path = Graph.from_networkx(nx.path_graph(5))
    assert homomorphism_counts([path], [big]).item() == 3000 * 2**4


def test_counts_that_fit_are_not_refused():
    cubic = Graph.from_networkx(nx.random_regular_graph(3, 100, seed=0))
    ten = Graph.from_networkx(nx.path_graph(10))
    isolated = Graph.from_edge_index(torch.empty(2, 0, dtype=torch.int64), num_nodes=9)
    found = homomorphism_counts([ten, Graph.batch([ten]), isolated], [cubic])
    assert found.tolist() == [[100 * 3**9, 100 * 3**9, 100**9]]
    star = Graph.from_networkx(nx.star_graph(60))  # 61 nodes; edges out of the middle alone
    out = Graph.from_edge_index(star.to_edge_index()[:, star.source == 0])
    vee = Graph.from_edge_index(torch.tensor([[0, 0], [1, 2]]))
    assert homomorphism_counts([vee, trees(3)[0]], [out, star]).tolist() == [
        [60**2, 0],
        [60**2 + 60] * 2,
    ]
    with pytest.raises(OverflowError):  # each component counts
        homomorphism_counts([Graph.from_edge_index(isolated.to_edge_index(), 10)], [cubic])


def test_all_trees_are_there():
    assert [len(trees(n)) for n in range(1, 10)] == [1, 1, 1, 2, 3, 6, 11, 23, 47]
    assert all(t.num_edges == 2 * (t.num_nodes - 1) for t in trees(7))


def test_shapes_and_bad_input():
    graphs = [drawn(5, 8, rng(1))]
    assert homomorphism_counts([], graphs).shape == (1, 0)
    assert homomorphism_counts(trees(3), []).shape == (0, 1)
    path = Graph.from_networkx(nx.path_graph(45))
    line = r"^patterns: expected counts below 2\^62, got up to 2\^\d+ maps of pattern 1$"
    with pytest.raises(OverflowError, match=line):
        homomorphism_counts([trees(2)[0], path], [Graph.from_networkx(nx.cubical_graph())])
    triangle = [Graph.from_networkx(nx.cycle_graph(3))]
    wide = Graph.from_edge_index(torch.tensor([[0], [700]]))
    with pytest.raises(ValueError, match=r"patterns: expected tables of at most .* got 701\^3"):
        homomorphism_counts(triangle, [wide])


def matrix(graph):
    return torch.tensor(slow.matrix(graph), dtype=torch.float64).reshape(graph.num_nodes, -1)


@pytest.mark.parametrize("directed", [True, False])
def test_fractional_isomorphisms_are_what_they_should_be(directed):
    graphs = few_distinct(rng(3), 12, 5, 5, directed)
    graphs += [Graph.from_networkx(g) for g in (nx.cycle_graph(6), nx.circular_ladder_graph(3))]
    graphs.append(Graph.from_networkx(nx.disjoint_union(nx.cycle_graph(3), nx.cycle_graph(3))))
    classes = wl(graphs).tolist() if not directed else None
    some = 0
    for i, j in itertools.combinations(range(len(graphs)), 2):
        S = fractional_isomorphism(graphs[i], graphs[j])
        if classes is not None:
            assert (S is not None) == (classes[i] == classes[j])
        if S is None:
            continue
        some += 1
        A, B = matrix(graphs[i]), matrix(graphs[j])
        assert (A @ S - S @ B).abs().max() < 1e-14
        assert (A.T @ S - S @ B.T).abs().max() < 1e-14
        assert (S.sum(0) - 1).abs().max() < 1e-14
        assert (S.sum(1) - 1).abs().max() < 1e-14
        assert (S >= 0).all()
    assert some > 5


def test_no_matrix_where_there_is_none():
    path, star = Graph.from_networkx(nx.path_graph(4)), Graph.from_networkx(nx.star_graph(3))
    assert fractional_isomorphism(path, star) is None
    assert fractional_isomorphism(path, Graph.from_networkx(nx.path_graph(5))) is None
    with pytest.raises(ValueError, match="second: expected one graph"):
        fractional_isomorphism(path, Graph.batch([path, path]))
