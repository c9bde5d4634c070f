"""Laws of random graphs, each beside a wrong one that the test sees."""

import math

import pytest
import torch

from geomdl.data import power_law_graph, stochastic_block_model
from geomdl.data.random_graphs import _distinct


def tail_exponent(degree: torch.Tensor, least: int) -> float:
    """Maximum likelihood of the exponent of the degrees of at least `least` (Hill)."""
    large = degree[degree >= least].double()
    return 1 + len(large) / float((large / (least - 0.5)).log().sum())


@pytest.mark.parametrize("exponent", [2.3, 3.0])
def test_degrees_follow_the_power_law(exponent):
    n, m = 50_000, 500_000
    edge_index = power_law_graph(n, m, exponent, seed=1)
    beta = 1 - 1 / (exponent - 1)
    ranks = torch.arange(1, n + 2, dtype=torch.float64) ** beta
    p = ranks.diff() / (ranks[-1] - 1)
    for ends in edge_index:
        degree = ends.bincount(minlength=n)
        assert degree.sum() == m and len(degree) == n
        top = degree.sort(descending=True).values[:20].double()
        z = (top - m * p[:20]) / (m * p[:20]).sqrt()
        assert float(z.abs().max()) < 5
        assert abs(tail_exponent(degree, 40) - exponent) < 0.1
    even = torch.randint(n, (m,)).bincount(minlength=n)
    assert float(even.sort(descending=True).values[0]) < m * float(p[0]) / 2


def test_ends_are_independent_and_names_random():
    n, m = 100, 200_000
    edge_index = power_law_graph(n, m, seed=3)
    counts = torch.stack([ends.bincount(minlength=n) for ends in edge_index]).double() / m
    expected = m * counts[0][:, None] * counts[1]
    pairs = (edge_index[0] * n + edge_index[1]).bincount(minlength=n * n).view(n, n)
    freedom = (n - 1) ** 2
    chi2 = float(((pairs - expected) ** 2 / expected).sum())
    assert abs(chi2 - freedom) < 5 * math.sqrt(2 * freedom) * 1.5  # small cells spread more
    hubs = [int(power_law_graph(n, m, seed=s)[0].bincount().argmax()) for s in range(5)]
    assert len(set(hubs)) > 1
    assert torch.equal(power_law_graph(n, 99, seed=3), power_law_graph(n, 99, seed=3))
    assert power_law_graph(1, 3).tolist() == [[0] * 3] * 2 and power_law_graph(5, 0).shape == (2, 0)


@pytest.mark.parametrize("wrong", [(0, 1, 2.5), (1, -1, 2.5), (1, 1, 2.0), (1, 1, math.nan)])
def test_wrong_sizes_are_refused(wrong):
    with pytest.raises(ValueError, match=r"^power_law_graph: expected nodes ≥ 1, edges ≥ 0"):
        power_law_graph(*wrong)


def adjacency(model) -> torch.Tensor:
    n = len(model.labels)
    dense = torch.zeros(n, n, dtype=torch.int64)
    dense.index_put_(tuple(model.edge_index), torch.tensor(1), accumulate=True)
    return dense


def test_a_block_model_is_a_simple_graph():
    model = stochastic_block_model([3, 0, 5, 1], 0.7, 0.4, seed=2)
    dense = adjacency(model)
    assert model.labels.tolist() == [0, 0, 0, 2, 2, 2, 2, 2, 3]
    assert torch.equal(dense, dense.T) and dense.max() == 1 and not dense.diagonal().any()
    order = model.edge_index[0] * 9 + model.edge_index[1]
    assert torch.equal(order, order.sort().values)
    again = stochastic_block_model([3, 0, 5, 1], 0.7, 0.4, seed=2)
    assert torch.equal(again.edge_index, model.edge_index)
    full = adjacency(stochastic_block_model([2, 3], 1.0, 1.0))
    assert torch.equal(full, 1 - torch.eye(5, dtype=torch.int64))
    assert stochastic_block_model([2, 3], 0.0, 0.0).edge_index.shape == (2, 0)
    assert stochastic_block_model([], 0.0, 0.0).edge_index.shape == (2, 0)


def test_pairs_are_independent_and_as_likely_as_they_should_be():
    sizes, runs = [4, 3], 1200
    matrix = torch.tensor([[0.8, 0.2], [0.2, 0.4]])
    sums, squares, totals = torch.zeros(7, 7), torch.zeros(21, 21), []
    upper = torch.triu_indices(7, 7, 1)
    labels = torch.tensor([0] * 4 + [1] * 3)
    expected = matrix[labels][:, labels]
    p = expected[tuple(upper)]
    for seed in range(runs):
        dense = adjacency(stochastic_block_model(sizes, matrix=matrix, seed=seed)).float()
        sums += dense
        centred = (dense[tuple(upper)] - p) / (p * (1 - p)).sqrt()
        squares += centred[:, None] * centred
        totals.append(float(dense[:4, :4].sum()) / 2)
    z = (sums[tuple(upper)] / runs - p) / (p * (1 - p) / runs).sqrt()
    assert float(z.abs().max()) < 4.5
    correlation = squares / runs
    correlation.fill_diagonal_(0)
    assert float(correlation.abs().max()) < 5 / math.sqrt(runs)
    mean, spread = sum(totals) / runs, torch.tensor(totals).var()
    assert abs(mean - 4.8) < 5 * math.sqrt(0.96 / runs)
    assert abs(float(spread) - 0.96) < 0.2  # binomial of 6 pairs; a fixed number of edges has 0


def test_a_large_sparse_model_has_the_right_numbers():
    model = stochastic_block_model([20_000, 30_000], 2e-4, 5e-5, seed=0)
    same = model.labels[model.edge_index[0]] == model.labels[model.edge_index[1]]
    inside = 2e-4 * (20_000 * 19_999 + 30_000 * 29_999)
    across = 2 * 5e-5 * 20_000 * 30_000
    assert abs(int(same.sum()) - inside) < 5 * math.sqrt(2 * inside)
    assert abs(int((~same).sum()) - across) < 5 * math.sqrt(2 * across)


@pytest.mark.parametrize("count", [0, 1, 3, 5, 6])
def test_distinct_numbers(count):
    rng = torch.Generator().manual_seed(count)
    found = torch.stack([_distinct(6, count, rng) for _ in range(4000)])
    assert (found.diff(dim=1) > 0).all()
    share = found.flatten().bincount(minlength=6) / 4000
    assert float((share - count / 6).abs().max()) < 5 * 0.5 / math.sqrt(4000)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"p_in": 0.5}, "matrix: expected either it, or p_in and p_out"),
        ({"p_in": 0.5, "p_out": 0.1, "matrix": torch.eye(2)}, "matrix: expected either it, or p"),
        ({"matrix": torch.eye(3)}, r"matrix: expected shape \(2, 2\), got \(3, 3\)"),
        ({"p_in": 1.5, "p_out": 0.1}, r"matrix: expected symmetric probabilities in \[0, 1\], got"),
        ({"matrix": torch.tensor([[0, 0.1], [0.2, 0]])}, "matrix: expected symmetric probabilitie"),
        ({"p_in": math.nan, "p_out": 0.1}, "matrix: expected symmetric probabilities"),
    ],
)
def test_wrong_probabilities_are_refused(given, message):
    with pytest.raises(ValueError, match=f"^{message}"):
        stochastic_block_model([2, 2], **given)
