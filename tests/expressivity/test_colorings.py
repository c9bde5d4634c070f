"""All colourings against plain Python, under renaming, and nested as the theory says."""

import itertools

import numpy as np
import pytest
import torch

from geomdl.expressivity import (
    certificates,
    cfi,
    circular_skip_links,
    folklore,
    folklore_wl,
    wl,
)
from geomdl.expressivity.wl import COLORINGS, FINER
from geomdl.fields import Graph
from tests.expressivity import slow
from tests.expressivity.graphs import atlas, few_distinct, renamed

SLOW = {
    "wl": lambda ms: slow.pooled(slow.wl(ms)),
    "spd": lambda ms: slow.pooled(slow.spd(ms)),
    "marking": lambda ms: slow.marked(ms, "none"),
    "sswl": lambda ms: slow.pooled(slow.sswl(ms)),
    "2-fwl": lambda ms: slow.pooled(slow.folklore(ms, 2)),
    "adjacent-pairs": lambda ms: slow.marked(ms, "adjacent"),
    "pairs": lambda ms: slow.marked(ms, "all"),
}


def rng(seed=0):
    return torch.Generator().manual_seed(seed)


def cycles(*lengths):
    """Cycles side by side."""
    edges, first = [], 0
    for n in lengths:
        edges += [(first + i, first + (i + 1) % n) for i in range(n)]
        first += n
    one = torch.tensor(edges).T
    return Graph.from_edge_index(torch.cat([one, one.flip(0)], 1))


def hard():
    """Regular graphs of few nodes: what is told apart depends on the colouring."""
    return [cycles(6), cycles(3, 3), cycles(7), cycles(3, 4), cycles(8), cycles(4, 4), cycles(3, 5)]


def test_the_names_are_those_of_the_oracles():
    assert set(SLOW) == set(COLORINGS) == set(FINER)


@pytest.mark.parametrize("name", COLORINGS)
@pytest.mark.parametrize("kind", ["directed multigraphs", "undirected", "regular"])
def test_as_in_plain_python(name, kind):
    if kind == "regular":
        graphs = [*hard(), *(renamed(g, rng(k)) for k, g in enumerate(hard()))]
    else:
        graphs = few_distinct(rng(2), 12, 4, 5, directed=kind[0] == "d")
    found = certificates(graphs, name).tolist()
    assert found == slow.partition(SLOW[name]([slow.matrix(g) for g in graphs]))


@pytest.mark.parametrize("name", COLORINGS)
def test_renaming_changes_nothing(name):
    graphs = [*hard(), *atlas(5), *circular_skip_links()[:2]]
    found = certificates(graphs, name)
    moved = certificates([renamed(g, rng(k)) for k, g in enumerate(graphs)], name)
    assert found.tolist() == moved.tolist()
    both = certificates([*graphs, *(renamed(g, rng(k)) for k, g in enumerate(graphs))], name)
    assert torch.equal(both[: len(graphs)], both[len(graphs) :])


def refines(fine, coarse):
    """Whether graphs with one number in `fine` have one in `coarse`."""
    return len(torch.stack([fine, coarse]).unique(dim=1).T) == len(fine.unique())


def test_nested_as_the_theory_says():
    bases = [g for g in atlas(4, 3) if len(set(g.in_degree.tolist()) & {0, 1}) == 0]
    graphs = [*atlas(6), *hard(), *circular_skip_links()[:3]]
    graphs += [cfi(base, twisted) for base in bases for twisted in (False, True)]
    found = {name: certificates(graphs, name) for name in COLORINGS}
    for name, others in FINER.items():
        for other in others:
            assert refines(found[other], found[name]), (name, other)
    assert not refines(found["wl"], found["spd"])
    assert not refines(found["wl"], found["marking"])
    assert refines(found["2-fwl"], found["marking"])


@pytest.mark.parametrize("name", [n for n in COLORINGS if n != "spd"])
def test_colors_are_seen(name):
    graph = cycles(4)
    both = [graph, graph]
    nodes = torch.tensor([0, 0, 1, 1, 0, 1, 0, 1])
    assert COLORINGS[name](both, node_color=nodes).tolist() == [0, 1]
    ends = [sorted(pair) for pair in graph.to_edge_index().T.tolist()]
    beside = torch.tensor([int(e in ([0, 1], [1, 2])) for e in ends])
    across = torch.tensor([int(e in ([0, 1], [2, 3])) for e in ends])
    assert COLORINGS[name](both, edge_color=torch.cat([beside, across])).tolist() == [0, 1]
    assert COLORINGS[name](both, edge_color=torch.cat([beside, beside])).tolist() == [0, 0]


def test_distances_see_colors_of_nodes():
    nodes = torch.tensor([0, 0, 1, 1, 0, 1, 0, 1])
    assert COLORINGS["spd"]([cycles(4)] * 2, node_color=nodes).tolist() == [0, 1]


@pytest.mark.parametrize("room", [1 << 63, 1])
def test_three_nodes_at_once(room, monkeypatch):
    monkeypatch.setattr(folklore, "ROOM", room)  # if there is none, what occurs is numbered
    graphs = few_distinct(rng(4), 6, 3, 4)
    matrices = [slow.matrix(g) for g in graphs]
    expected = slow.partition(slow.pooled(slow.folklore(matrices, 3)))
    assert folklore_wl(graphs, 3).tolist() == expected
    assert wl(graphs, k=4).tolist() == expected


def test_colors_of_four_nodes_are_more_than_a_word_holds():
    color = np.zeros((2, 2, 2, 2), np.int64)
    color[1, 0, 0, 0] = 1 << 13  # times 2^51, what three colours of 17 bits need, is 2^64
    color[1, 1, 1, 1] = (1 << 17) - 1
    keys, known = folklore._exchanged(color, 1 << 17)
    rows = [
        tuple(color[(*x[:i], w, *x[i + 1 :])] for i in range(4))
        for *x, w in itertools.product(range(2), repeat=5)
    ]
    numbers = {row: key for row, key in zip(rows, keys.tolist(), strict=True)}
    assert [numbers[row] for row in rows] == keys.tolist(), "a number a row"
    assert len(set(numbers.values())) == len(numbers) > 2, "a row a number"
    assert known


@pytest.mark.parametrize("k", [2, 3])
def test_the_oblivious_form_is_one_step_weaker(k):
    graphs = [*few_distinct(rng(5), 10, 4, 5, directed=False), *hard()[:4]]
    matrices = [slow.matrix(g) for g in graphs]
    expected = slow.partition(slow.pooled(slow.oblivious(matrices, k)))
    assert wl(graphs, k=k).tolist() == expected
    assert wl(graphs, k=k).tolist() == wl(graphs, k=k - 1, folklore=True).tolist()


def test_two_fwl_knows_all_graphs_of_seven_nodes():
    graphs = atlas(6)
    assert len(wl(graphs, k=2, folklore=True).unique()) == len(graphs)


def test_empty_graphs_of_different_sizes():
    none = torch.empty(2, 0, dtype=torch.int64)
    graphs = [Graph.from_edge_index(none, n) for n in (0, 1, 2, 1)]
    for name in COLORINGS:
        assert certificates(graphs, name).tolist() == [0, 1, 2, 1], name
        assert certificates([], name).shape == (0,)


def test_bad_input():
    with pytest.raises(ValueError, match="coloring: expected one of wl, spd"):
        certificates(hard(), "4-wl")
    with pytest.raises(ValueError, match="k: expected a whole number of at least 2, got 1"):
        folklore_wl(hard(), 1)
    large = Graph.from_edge_index(torch.tensor([[0], [600]]))
    with pytest.raises(ValueError, match="graphs: expected at most 512 nodes for k=2, got 601"):
        folklore_wl(large)


def test_the_oracles_differ_from_each_other():
    graphs = [*hard(), cycles(3, 6), cycles(9)]
    matrices = [slow.matrix(g) for g in graphs]
    found = {name: tuple(slow.partition(oracle(matrices))) for name, oracle in SLOW.items()}
    assert len({found[n] for n in ("wl", "spd")}) == 2
    assert all(a <= b for a, b in itertools.pairwise(sorted(map(max, found.values()))))
