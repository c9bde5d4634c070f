"""Colour refinement against networkx, plain Python, and what a renaming must not change."""

import itertools

import networkx as nx
import numpy as np
import pytest
import torch

from geomdl.expressivity import color_refinement, wl
from geomdl.expressivity.layout import layout_of
from geomdl.expressivity.numbering import number_multisets
from geomdl.fields import Graph
from tests.expressivity import slow
from tests.expressivity.graphs import atlas, drawn, few_distinct, renamed


def rng(seed=0):
    return torch.Generator().manual_seed(seed)


def partition(tensor):
    return slow.partition(tensor.tolist())


@pytest.mark.filterwarnings("ignore:The hashes produced:UserWarning")
@pytest.mark.parametrize("seed", range(3))
def test_the_same_classes_as_hashes_of_networkx(seed):
    generator = np.random.default_rng(seed)
    graphs = [nx.gnm_random_graph(8, 9, seed=int(generator.integers(1 << 30))) for _ in range(60)]
    graphs += [nx.relabel_nodes(g, dict(enumerate(generator.permutation(8).tolist())))
               for g in graphs]  # fmt: skip
    hashes = [nx.weisfeiler_lehman_graph_hash(g, iterations=8, digest_size=16) for g in graphs]
    found = wl([Graph.from_networkx(g) for g in graphs])
    assert partition(found) == slow.partition(hashes)
    assert found.tolist() == partition(found)  # named in the order of appearance
    assert len(set(hashes)) > 10


def test_classes_of_the_atlas():
    assert len(wl(atlas(6, 6)).unique()) == 152
    assert len(wl(atlas(7, 7)).unique()) == 1022


@pytest.mark.parametrize("directed", [True, False])
def test_nodes_and_graphs_as_in_plain_python(directed):
    graphs = few_distinct(rng(1), directed=directed)
    colors = slow.wl([slow.matrix(g) for g in graphs])
    found = color_refinement(graphs)
    assert partition(found.nodes) == slow.partition(c for cs in colors for c in cs.values())
    assert partition(found.graphs) == slow.partition(slow.pooled(colors))
    assert 1 < len(found.graphs.unique()) < len(graphs)


def test_edges_that_leave_are_not_seen():
    out = Graph.from_edge_index(torch.tensor([[0, 0], [1, 2]]))  # 0 → 1, 0 → 2
    assert color_refinement(out).nodes.tolist() == [0, 1, 1]
    two = Graph.from_edge_index(torch.tensor([[0, 2], [1, 3]]))
    three = Graph.from_edge_index(torch.tensor([[0, 0], [1, 2]]), 4)
    # entered from the same colours: 0, 0, c, c; only the sources differ
    assert len(wl([two, three]).unique()) == 1
    assert len(wl([two.reverse(), three.reverse()]).unique()) == 2


def test_repeated_edges_count():
    once = Graph.from_edge_index(torch.tensor([[0], [1]]))
    twice = Graph.from_edge_index(torch.tensor([[0, 0], [1, 1]]))
    assert wl([once, twice]).tolist() == [0, 1]


def test_colors_of_nodes_and_edges():
    path = Graph.from_networkx(nx.path_graph(3))
    assert color_refinement(path, node_color=torch.tensor([5, 2, 7])).nodes.tolist() == [0, 1, 2]
    edges = path.to_edge_index().tolist()
    kinds = torch.tensor([int(max(i, j) == 2) for i, j in zip(*edges, strict=True)])
    found = color_refinement(path, edge_color=kinds)
    assert found.nodes.tolist() == [0, 1, 2]
    assert color_refinement(path, edge_color=kinds + 40).nodes.tolist() == [0, 1, 2]
    assert color_refinement(path, edge_color=kinds * 0 + 3).nodes.tolist() == [0, 1, 0]


def test_edge_colors_follow_edges_through_a_batch_in_any_order():
    graphs = [drawn(6, 10, rng(seed)) for seed in range(4)]
    colors = torch.randint(3, (40,), generator=rng(9))
    whole = Graph.batch(graphs)
    perm = torch.randperm(24, generator=rng(3))
    moved = whole.permute(perm)
    one = color_refinement(graphs, edge_color=colors)
    other = color_refinement(moved, edge_color=colors)
    assert one.graphs.tolist() == other.graphs.tolist()
    assert partition(one.nodes) == partition(other.nodes[perm])
    # as a multigraph without colours: c + 1 copies... each colour its own number of repetitions
    copies = whole.to_edge_index().repeat_interleave(torch.tensor([1, 20, 400])[colors], 1)
    plain = color_refinement(Graph.from_edge_index(copies, 24, whole.batch_index))
    assert partition(plain.nodes) == partition(one.nodes)


def test_rounds():
    path = Graph.from_networkx(nx.path_graph(20))
    full = color_refinement(path)
    assert (full.rounds, full.stable, len(full.nodes.unique())) == (9, True, 10)
    for rounds in range(10):
        part = color_refinement(path, rounds=rounds)
        assert (part.rounds, len(part.nodes.unique())) == (rounds, rounds + 1)
        assert not part.stable
    star, cycle = Graph.from_networkx(nx.star_graph(3)), Graph.from_networkx(nx.cycle_graph(4))
    assert color_refinement([star, cycle], rounds=0).graphs.tolist() == [0, 0]
    assert color_refinement([star, cycle], rounds=1).graphs.tolist() == [0, 1]


def test_empty_things():
    assert wl([]).shape == (0,)
    nothing = Graph.from_edge_index(torch.empty(2, 0, dtype=torch.int64), 0)
    single = Graph.from_edge_index(torch.empty(2, 0, dtype=torch.int64), 1)
    assert wl([nothing, single, nothing]).tolist() == [0, 1, 0]
    assert wl(Graph.batch([])).shape == (0,)


def test_a_batch_and_its_parts_are_the_same():
    graphs = [drawn(5, 7, rng(s)) for s in range(6)]
    apart = wl(graphs).tolist()
    assert wl(Graph.batch(graphs)).tolist() == apart
    assert wl([Graph.batch(graphs[:2]), *graphs[2:5], Graph.batch(graphs[5:])]).tolist() == apart


def test_bad_input():
    graph = drawn(4, 5, rng())
    with pytest.raises(TypeError, match=r"graphs: expected a geomdl Graph, got int"):
        wl([graph, 3])
    with pytest.raises(TypeError, match=r"node_color: expected a tensor of integers, got torch.fl"):
        wl(graph, node_color=torch.zeros(4))
    with pytest.raises(ValueError, match=r"edge_color: expected shape \(5,\), got \(4,\)"):
        wl(graph, edge_color=torch.zeros(4, dtype=torch.int64))
    for k in (0, True, 1.0):
        with pytest.raises(ValueError, match="k: expected a whole number of at least 1"):
            wl(graph, k=k)
    with pytest.raises(ValueError, match="rounds: expected at least 0, got -1"):
        color_refinement(graph, rounds=-1)


def test_rows_that_fall_on_one_place_are_still_told_apart():
    count = 3000  # more than the places of a table of 16 bits would bear without collisions
    values = np.arange(count)
    ptr = np.arange(count + 1)
    none = np.zeros(0, np.int64)
    numbers, found = number_multisets(values * 0, ptr, values, values, none)
    assert found == count
    assert (numbers == values).all()
    numbers, found = number_multisets(values % 7, ptr, values * 0, values, none)
    assert found == 7
    assert (numbers == values % 7).all()


def test_numbers_against_sorted_tuples():
    generator = np.random.default_rng(0)
    sizes = generator.integers(0, 60, 400)
    ptr = np.concatenate([[0], sizes.cumsum()])
    values, extra = generator.integers(0, 2, 9), generator.integers(0, 2, ptr[-1])
    index = np.sort(generator.integers(0, 2, ptr[-1]))
    first = generator.integers(0, 2, 400)
    numbers, count = number_multisets(first, ptr, index, values, extra)
    rows = [
        (first[i], *sorted(zip(values[index[a:b]].tolist(), extra[a:b].tolist(), strict=True)))
        for i, (a, b) in enumerate(itertools.pairwise(ptr))
    ]
    assert numbers.tolist() == slow.partition(rows)
    assert count == len(set(rows)) < 400
    with pytest.raises(OverflowError, match="edge_color: expected fewer colours"):
        number_multisets(first, ptr, index, values + (1 << 32), extra + (1 << 31))


def test_layout_of_renamed_graphs_is_sorted():
    graph = renamed(drawn(7, 12, rng(4)), rng(5))
    layout = layout_of(graph)
    pairs = sorted(zip(graph.source.tolist(), graph.target.tolist(), strict=True))
    assert sorted(zip(layout.source.tolist(), layout.target.tolist(), strict=True)) == pairs
