"""BREC: which pairs each colouring tells apart is pinned; CFI pairs also from their definition."""

import functools
import json
import os
from pathlib import Path

import networkx as nx
import pytest
import torch

from geomdl.bench.budget import Budget
from geomdl.bench.suites.graphs.expressivity import (
    EXPECTED,
    counts,
    pinned,
    renamed,
    told_apart,
)
from geomdl.data.brec import CATEGORIES, brec_pairs
from geomdl.expressivity import canonical_certificate, certificates, cfi
from geomdl.expressivity.wl import COLORINGS, FINER
from geomdl.fields import Graph

ROOT = os.environ.get("GEOMDL_DATA")
HERE = ROOT is not None and any((Path(ROOT) / part / "cfi.npy").is_file() for part in (".", "brec"))
needs_data = pytest.mark.skipif(not HERE, reason="GEOMDL_DATA names no folder with BREC")
FIRST_CFI = 260
# number in networkx's atlas of the graph from which each of the 100 CFI pairs is made
BASES = json.loads((Path(__file__).parent / "brec_cfi.json").read_text())
CATEGORY = [name for name, (_, count) in CATEGORIES.items() for _ in range(count)]


@functools.cache
def bases():
    """Graphs that the CFI pairs are made from."""
    atlas = nx.graph_atlas_g()
    return [atlas[number] for number in BASES]


@functools.cache
def made(k, twisted):
    """Graph of CFI pair k, made from its definition."""
    return cfi(Graph.from_networkx(bases()[k]), twisted)


def small(most):
    return [k for k in range(100) if made(k, False).num_nodes <= most]


def test_the_pinned_lists_have_the_known_counts():
    pins = pinned()
    assert list(pins) == list(COLORINGS) == list(EXPECTED)
    totals = {"wl": 0, "spd": 83, "marking": 251, "sswl": 267, "2-fwl": 270}
    totals |= {"adjacent-pairs": 321, "pairs": 378}
    for name, pairs in pins.items():
        assert pairs == sorted(set(pairs))
        assert len(pairs) == totals[name] == sum(EXPECTED[name])
        assert tuple(counts(pairs, CATEGORY).values()) == EXPECTED[name]
        for finer in FINER[name]:
            assert set(pairs) <= set(pins[finer])


def test_the_bases_are_different_graphs_without_leaves():
    assert len(set(BASES)) == 100
    assert all(nx.is_connected(g) for g in bases())
    assert all(min(dict(g.degree).values()) > 1 for g in bases())


@pytest.mark.parametrize(("name", "most"), [
    ("wl", 200), ("spd", 200), ("marking", 200), ("sswl", 80), ("2-fwl", 56),
    ("adjacent-pairs", 90), ("pairs", 60),
])  # fmt: skip
def test_cfi_pairs_from_their_definition(name, most):
    rng = torch.Generator().manual_seed(1)
    which = small(most)
    pairs = [tuple(renamed(made(k, twisted), rng) for twisted in (True, False)) for k in which]
    found = told_apart(functools.partial(certificates, coloring=name), pairs, Budget(None))
    expected = {k - FIRST_CFI for k in pinned()[name]}
    assert [which[k] for k in found.pairs] == [k for k in which if k in expected]
    assert len(which) >= 10


@functools.cache
def stored():
    return [
        tuple(Graph.from_edge_index(*graph) for graph in pair[1:]) for pair in brec_pairs(ROOT)
    ]  # fmt: skip


@needs_data
@pytest.mark.parametrize(("name", "step"), [
    ("wl", 1), ("spd", 1), ("marking", 1), ("sswl", 3), ("2-fwl", 13), ("adjacent-pairs", 5),
    ("pairs", 13),
])  # fmt: skip
def test_stored_pairs(name, step):
    which = list(range(0, 400, step))
    one = functools.partial(certificates, coloring=name)
    found = told_apart(one, [stored()[k] for k in which], Budget(None))
    assert [which[k] for k in found.pairs] == [k for k in pinned()[name] if k in set(which)]


def same_pair(k):
    ours = {canonical_certificate(made(k, twisted)) for twisted in (False, True)}
    theirs = {canonical_certificate(graph) for graph in stored()[FIRST_CFI + k]}
    return ours == theirs and len(ours) == 2


@needs_data
def test_the_stored_cfi_pairs_are_those_of_the_definition():
    assert all(same_pair(k) for k in range(100))


@needs_data
def test_two_graphs_occur_twice():
    def certificate(pair, which):
        return canonical_certificate(stored()[pair][which])

    assert certificate(66, 1) == certificate(210, 1)
    assert certificate(387, 1) == certificate(388, 1)
