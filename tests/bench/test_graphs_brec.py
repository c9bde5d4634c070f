"""Suite `graphs/brec`: the statistics, training on pairs made here, and its smallest run."""

import math

import networkx as nx
import pytest
import torch

from geomdl import bench
from geomdl.bench import Context
from geomdl.bench.suites.graphs import brec, separation
from geomdl.bench.suites.graphs.brec import Pair
from geomdl.fields import Graph
from geomdl.permutation import neighbor_sum
from tests.permutation.lookalike_graphs import six_cycles, strongly_regular

F64 = torch.float64


def pair(graphs, category="basic"):
    return Pair(category, *map(Graph.from_networkx, graphs))


def draws(seed, mean=0.0, copies=32, outputs=16):
    rng = torch.Generator().manual_seed(seed)
    return mean + torch.randn(copies, outputs, generator=rng, dtype=F64)


def test_thresholds_are_those_of_hotelling():
    """Under the null hypothesis T² exceeds the threshold once in 20 times."""
    assert separation.threshold(32, 16) == pytest.approx(separation.PUBLISHED, abs=0.01)
    limit, zeros, found = separation.threshold(32, 4), torch.zeros(32, 4, dtype=F64), []
    for seed in range(400):
        x = draws(seed, outputs=4)
        mean, covariance = x.mean(0), x.T.cov()
        assert separation.hotelling(x, zeros).published == pytest.approx(
            float(mean @ covariance.inverse() @ mean), rel=1e-9
        )
        found.append(32 * separation.hotelling(x, zeros).published > limit)
    assert 8 <= sum(found) <= 34  # 20 ± 3.2 standard deviations
    with pytest.raises(ValueError, match="outputs: expected fewer than 8 copies, got 8"):
        separation.threshold(8, 8)


def test_equal_copies_are_a_false_negative_of_the_published_statistic_alone():
    one, other = torch.ones(32, 16, dtype=F64), torch.ones(32, 16, dtype=F64)
    other[:, 0] = 1.5
    found = separation.hotelling(one, other)
    assert found.published == 0
    assert found.ours > 1e6
    assert separation.hotelling(one, one).ours == 0


def test_a_mean_that_is_rounding_is_not_a_difference():
    """Copies that hardly differ, and two graphs that differ by a few units in the last place."""
    eps = torch.finfo(F64).eps
    one, other = 1 + eps * draws(0), 1 + 3 * eps + eps * draws(1)
    limit = separation.threshold(32, 16)
    assert separation.hotelling(one, other).published > separation.PUBLISHED / 32
    assert separation.hotelling(one, other).ours < limit
    assert separation.hotelling(one, other + 1e-9).ours > limit
    blurred = separation.hotelling(1e-3 * draws(0), 1e-3 * draws(1, 1.0))
    assert blurred.ours < limit  # a spread of the size of the mean: no certain difference


def test_renamed_copies_are_isomorphic_and_their_edges_are_mixed():
    graph = Graph.from_networkx(nx.circulant_graph(9, [1, 2]))
    copies = separation.renamed(graph, 3, torch.Generator().manual_seed(0))
    for copy in copies:
        assert nx.is_isomorphic(copy.to_networkx(), graph.to_networkx())
        assert not copy.same_structure(graph)
    assert not any(torch.equal(c.source, c.source.sort().values) for c in copies)


@pytest.mark.parametrize(
    ("graphs", "apart"),
    [
        (six_cycles, {"node marking", "SSWL+", "PPGN", "I²", "PPGN + I²"}),
        (strongly_regular, {"I²", "PPGN + I²"}),
    ],
)
def test_models_tell_apart_what_their_class_can(graphs, apart):
    found, seconds = brec.outcomes(pair(graphs()), brec.MODELS, 0)
    assert {name for name, o in found.items() if o.separated} == apart
    assert all(o.same.ours < o.threshold for o in found.values())
    assert all(o.steps == 0 for name, o in found.items() if name not in apart)
    assert set(seconds) == set(brec.BRANCHES)


def test_a_graph_and_itself_are_never_told_apart():
    graph = nx.random_regular_graph(3, 10, seed=0)
    names = [3, 1, 4, 5, 9, 2, 6, 8, 7, 0]
    twin = nx.relabel_nodes(graph, dict(zip(range(10), names, strict=True)))
    found, _ = brec.outcomes(pair((graph, twin)), brec.MODELS, 0)
    assert not any(o.apart.ours > o.threshold / 2 or o.steps for o in found.values())


class Numbered(torch.nn.Module):
    """Sees the names of the nodes."""

    def __init__(self, width):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.randn(1, 16))

    def forward(self, x, graph):
        numbers = torch.arange(len(x)).to(x)[:, None]
        y = (neighbor_sum(numbers, graph) * numbers * self.weight).cos()
        return y.view(graph.num_graphs, -1, 16).sum(1)


def test_a_model_that_sees_names_does_not_pass():
    """Its embeddings differ, but as much between copies of one graph."""
    torch.manual_seed(0)
    graph = Graph.from_networkx(nx.random_regular_graph(3, 10, seed=0))
    trained = separation.run(Numbered(16), [graph, graph], steps=2, rate=1e-3, seed=0)
    assert not trained.outcome().separated


def test_training_makes_the_angle_right():
    one = pair(six_cycles())
    model = brec.BRANCHES["I²"](one.first, torch.Generator().manual_seed(3)).double()
    graphs = [one.first, one.second]
    before = float(separation.cosine(separation.embeddings(model, graphs)).detach())
    rng = torch.Generator().manual_seed(0)
    difference, steps = separation.train(model, graphs, 30, 5e-3, rng)
    after = float(separation.cosine(separation.embeddings(model, graphs)).detach())
    assert difference > 1e-6
    assert steps == 0 if before <= 0 else after < before


def test_every_beginning_is_a_fair_sample():
    graph = Graph.from_graph6("A_")
    pairs = [
        Pair(category, graph, graph)
        for category, (_, count) in brec.CATEGORIES.items()
        for _ in range(count)
    ]
    order = brec.spread_order(pairs)
    assert sorted(order) == list(range(400))
    for many in (40, 100, 200):
        for category, (_, count) in brec.CATEGORIES.items():
            got = sum(pairs[k].category == category for k in order[:many])
            assert abs(got - count * many / 400) <= 1.5


def outcome(apart, same=0.0):
    return separation.Outcome(
        separation.Statistics(apart, apart), separation.Statistics(same, same), 72.3, 1.0, 0.0, 1
    )


def test_checks_see_what_is_wrong():
    """Pair 0, which 2-FWL tells apart, and pair 110, which it does not."""
    pairs = [pair(six_cycles()) for _ in range(2)]

    def failing(first, second, same=0.0):
        by_pair = {0: outcome(first, same), 110: outcome(second)}
        return [c.name for c in brec.checks({"PPGN": by_pair}, pairs) if not c.holds]

    assert failing(1e9, 0.0) == []
    assert failing(0.0, 0.0) == failing(math.nan, 0.0) == ["reached"]
    assert failing(1e9, 1e9) == ["bounded"]
    assert failing(1e9, 0.0, same=1e9) == ["sound", "reached"]


def test_a_whole_run_is_held_to_its_numbers():
    pairs = [pair(six_cycles()) for _ in range(400)]
    found = {
        name: {k: outcome(1e9 if k in known else 0.0) for k in range(400)}
        for name, known in brec.colorings().items()
    }
    assert [(c.name, c.holds) for c in brec.checks(found, pairs)][3:] == [
        ("PPGN", True),
        ("best", True),
    ]
    found["PPGN"][0] = outcome(0.0)
    assert {c.name for c in brec.checks(found, pairs) if not c.holds} == {"reached", "PPGN"}


def test_without_the_data_nothing_is_measured(monkeypatch):
    monkeypatch.delenv("GEOMDL_DATA", raising=False)
    found = brec.brec(Context())
    assert found.tables == ()
    assert "Nothing was measured. brec: give root=" in found.notes[0]


def test_the_smallest_run_is_whole(monkeypatch, tmp_path):
    pairs = [pair(six_cycles()), pair(strongly_regular(), "strongly regular")] * 2
    monkeypatch.setattr(brec, "read_pairs", lambda root: pairs)
    found = bench.run(["graphs/brec"], budget=0.01, out=tmp_path).suites["graphs/brec"]
    assert found.reduced == "1 of 4 pairs"
    rows = {row["name"]: row for row in found.tables[0].rows}
    assert rows["pairs tested"]["total"] == 1
    assert [rows[name]["total"] for name in brec.MODELS] == [1] * len(brec.MODELS)
    assert all(check.holds for check in found.checks), found.checks
