"""CSL, CFI and its theorem on small graphs; pairs beyond colour refinement."""

import networkx as nx
import pytest
import torch

from geomdl.expressivity import (
    beyond_refinement,
    certificates,
    cfi,
    circulant,
    circular_skip_links,
    isomorphic,
    wl,
)
from geomdl.fields import Graph


def graph(g):
    return Graph.from_networkx(g)


def test_skip_links_are_those_of_networkx():
    skips = (2, 3, 4, 5, 6, 9, 11, 12, 13, 16)
    for ours, skip in zip(circular_skip_links(), skips, strict=True):
        assert ours.same_structure(graph(nx.circulant_graph(41, [1, skip])))
    counts = [
        len(certificates(circular_skip_links(), c).unique()) for c in ("wl", "spd", "marking")
    ]
    assert counts == [1, 9, 10]
    assert circulant(4, (2,)).num_edges == 4
    with pytest.raises(ValueError, match="steps: expected whole numbers from 1 to 3"):
        circulant(4, (4,))


@pytest.mark.parametrize("base", [nx.cycle_graph(3), nx.complete_graph(4), nx.path_graph(4)])
def test_twice_a_twist_is_none(base):
    one, twin = cfi(graph(base)), cfi(graph(base), twisted=True)
    assert not isomorphic(one, twin)
    n = sum(2 ** (d - 1) + 2 * d for _, d in base.degree)
    m = 2 * base.number_of_edges() + sum(d * 2 ** (d - 1) for _, d in base.degree)
    assert (one.num_nodes, one.num_edges) == (twin.num_nodes, twin.num_edges) == (n, 2 * m)
    # which edge is twisted does not matter: other numbers of the nodes, another first edge
    for seed in range(4):
        perm = torch.randperm(len(base), generator=torch.Generator().manual_seed(seed))
        assert isomorphic(cfi(graph(base).permute(perm), twisted=True), twin)
        assert isomorphic(cfi(graph(base).permute(perm)), one)


@pytest.mark.parametrize(
    ("base", "width"),
    [
        (nx.star_graph(3), 1),
        (nx.cycle_graph(5), 2),
        (nx.diamond_graph(), 2),
        (nx.complete_graph(4), 3),
    ],
)
def test_told_apart_up_to_the_treewidth(base, width):
    pair = [cfi(graph(base), twisted) for twisted in (False, True)]
    for k in (1, 2):
        assert (len(wl(pair, k, folklore=True).unique()) == 2) == (width <= k)


def test_beyond_refinement():
    for pair in beyond_refinement(4, nodes=7):
        assert wl(pair).tolist() == [0, 0]
        assert wl(pair, 2, folklore=True).tolist() == [0, 1]
        assert not isomorphic(*pair)
        assert nx.is_connected(nx.Graph(pair[0].to_edge_index().T.tolist()))
    again = beyond_refinement(4, nodes=7)
    assert again[3][0] == pair[0]


def test_bad_input():
    with pytest.raises(ValueError, match="each edge both ways, none twice and no self-loops"):
        cfi(Graph.from_edge_index(torch.tensor([[0], [1]])))
    with pytest.raises(ValueError, match="graph: expected it connected"):
        cfi(graph(nx.disjoint_union(nx.path_graph(2), nx.path_graph(2))))
    with pytest.raises(ValueError, match="at most 16 edges at a node, got 17"):
        cfi(graph(nx.star_graph(17)))
    with pytest.raises(ValueError, match="graph: expected one graph"):
        cfi(Graph.batch([graph(nx.path_graph(2))] * 2))
    with pytest.raises(ValueError, match="nodes: expected at least 3, got 2"):
        beyond_refinement(1, nodes=2)
