"""Pairs of point sets: what agrees, that they differ, and wrong arguments."""

from itertools import permutations

import pytest
import torch

from geomdl.data.lookalikes import INCOMPLETE, chains, incomplete, stars


def distance(one, other):
    """Least root mean square distance over bijections that keep the middle, and isometries."""
    a, b = one[1:], other[1:]
    moved = b[torch.tensor(list(permutations(range(len(b)))))]
    _, s, _ = torch.linalg.svd(a.T @ moved)  # reflections are allowed: the trace is the sum
    gap = a.square().sum() + b.square().sum() - 2 * s.sum(1)
    return float((gap.amin().clamp(min=0) / len(a)).sqrt())


@pytest.mark.parametrize("name", INCOMPLETE)
def test_no_isometry_maps_incomplete_pairs(name):
    one, other, _ = incomplete(name)
    assert distance(one, other) > 0.05


@pytest.mark.parametrize("name", INCOMPLETE)
def test_alignment_finds_a_turned_and_mirrored_copy(name):
    one = incomplete(name).first
    turn = torch.linalg.qr(torch.randn(3, 3, generator=torch.Generator().manual_seed(0)).double())
    order = torch.randperm(len(one) - 1, generator=torch.Generator().manual_seed(1))
    other = torch.cat([one[:1], one[1:][order]]) @ (-turn[0])
    assert distance(one, other) < 1e-7


@pytest.mark.parametrize("name", INCOMPLETE)
def test_distances_agree(name):
    one, other, edges = incomplete(name)
    lengths = [p.norm(dim=1).sort().values for p in (one, other)]
    assert torch.equal(*lengths)
    assert edges.shape == (2, 2 * (len(one) - 1))
    if name != "2-body":  # and all distances between neighbours
        pairs = [torch.pdist(p).sort().values for p in (one, other)]
        torch.testing.assert_close(*pairs, atol=1e-15, rtol=0)


@pytest.mark.parametrize("k", [2, 4, 5])
def test_chains_differ_only_in_how_the_arms_are_turned(k):
    one, other, edges = chains(k)
    ends = [(p[edges[0]] - p[edges[1]]).norm(dim=1) for p in (one, other)]
    for lengths in ends:
        torch.testing.assert_close(lengths, torch.ones(2 * (k + 1)).double())
    torch.testing.assert_close(torch.cdist(one[:-1], one[:-1]), torch.cdist(other[:-1], other[:-1]))
    apart = [float((p[0] - p[-1]).norm()) for p in (one, other)]
    assert abs(apart[0] - apart[1]) > 0.1


@pytest.mark.parametrize("n", [2, 5])
def test_stars_are_turned_copies(n):
    one, other, _ = stars(n)
    torch.testing.assert_close(torch.cdist(one, one), torch.cdist(other, other))
    assert torch.cdist(one[1:], other[1:]).min() > 0.1


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (lambda: chains(1), "k: expected a whole number of at least 2, got 1"),
        (lambda: stars(2.0), "n: expected a whole number of at least 2, got 2.0"),
        (
            lambda: incomplete("5-body"),
            "name: expected one of 2-body, 3-body, 4-body, got '5-body'",
        ),
    ],
)
def test_wrong_arguments(call, error):
    with pytest.raises(ValueError, match=error.replace(".", r"\.")):
        call()
