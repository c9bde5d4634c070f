"""What the claims on graphs compute with, against independent programs."""

import networkx as nx
import numpy as np
import pytest
import torch

import geomdl.permutation
from geomdl.claims.graphs_capacity import fit_labels
from geomdl.claims.graphs_communities import bethe_hessian, negative, two_communities
from geomdl.claims.graphs_depth import _distances, dirichlet, forman, propagation
from geomdl.claims.graphs_sets import ESCOTT, from_power_sums, partitions
from geomdl.claims.graphs_spectra import atlas, reach


def matrix(graph):
    return torch.from_numpy(nx.to_numpy_array(graph, dtype="float64"))


@pytest.mark.parametrize("m", range(6))
def test_partitions_are_those_that_the_library_lists(m):
    listed = [len(set(p)) for p in geomdl.permutation.partitions(m)]
    for blocks in range(7):
        assert partitions(m, blocks) == sum(n <= blocks for n in listed)


def test_the_pairs_differ_from_degree_n_on():
    for n, (one, other) in ESCOTT.items():
        assert len(set(one) | set(other)) == 2 * n
        sums = [[sum(x**k for x in s) for k in range(1, n + 1)] for s in (one, other)]
        assert sums[0][:-1] == sums[1][:-1] and sums[0][-1] != sums[1][-1]
        found = from_power_sums(torch.tensor(sums[0], dtype=torch.float64))
        assert torch.allclose(found, torch.tensor(one).double(), atol=1e-5)


def test_paths_and_distances():
    graph = nx.disjoint_union(nx.path_graph(4), nx.cycle_graph(5))
    away = _distances(matrix(graph))
    for i, lengths in nx.all_pairs_shortest_path_length(graph):
        assert away[i].tolist() == [lengths.get(j, -1) for j in graph]
    assert torch.equal(reach(matrix(graph)), away >= 0)


def test_the_atlas_has_no_graph_twice():
    for n in (3, 4, 5):
        graphs = [nx.from_numpy_array(a.numpy()) for a in atlas(n)]
        assert not any(nx.is_isomorphic(a, b) for i, a in enumerate(graphs) for b in graphs[:i])


def test_the_energy_is_a_sum_over_edges():
    graph = nx.star_graph(4)
    graph.add_edge(1, 2)
    x = torch.randn(5, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    scaled = x / torch.tensor([graph.degree[i] + 1.0 for i in graph]).double().sqrt().unsqueeze(1)
    total = sum(float((scaled[i] - scaled[j]).square().sum()) for i, j in graph.edges)
    assert dirichlet(propagation(matrix(graph)), x) == pytest.approx(total, rel=1e-12)


def test_curvatures_by_hand():
    assert forman(matrix(nx.petersen_graph()), 0, 1) == pytest.approx(4 / 3 - 2)
    assert forman(matrix(nx.complete_bipartite_graph(3, 3)), 0, 3) == pytest.approx(0, abs=1e-12)
    assert forman(matrix(nx.star_graph(3)), 0, 1) == 0


def test_a_readout_gives_the_mean_of_what_it_cannot_tell_apart():
    rng = np.random.default_rng(0)
    place = rng.integers(0, 9, 40)
    x, y = torch.from_numpy(rng.normal(size=9)[place]), torch.from_numpy(rng.normal(size=40))
    mean = [float(y[torch.from_numpy(place == k)].mean()) for k in place]
    assert torch.allclose(fit_labels(x, y), torch.tensor(mean).double(), atol=1e-10)


def test_negative_eigenvalues_of_a_dense_matrix():
    rng = torch.Generator().manual_seed(0)
    for inside, across in ((9.0, 1.0), (5.0, 5.0)):
        hessian = bethe_hessian(300, two_communities(300, inside, across, rng)[1], 5.0)
        dense = int((np.linalg.eigvalsh(hessian.toarray()) < -0.03).sum())
        assert negative(hessian) == dense >= 1
