"""Parts are disjoint, complete, seeded."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from geomdl.data import folds, parts, split, time_blocks


@given(
    n=st.integers(20, 200),
    shares=st.lists(st.integers(1, 5), min_size=1, max_size=4),
    seed=st.integers(0, 2**31),
    shuffle=st.booleans(),
)
def test_parts_are_a_partition(n, shares, seed, shuffle):
    fractions = [share / sum(shares) for share in shares]
    parts = split(n, fractions, seed, shuffle=shuffle)
    together = torch.cat(parts)
    assert torch.equal(together.sort().values, torch.arange(n))
    assert shuffle or torch.equal(together, torch.arange(n))
    for part, fraction in zip(parts, fractions, strict=True):
        assert abs(len(part) - n * fraction) <= 1


def test_dicts_and_indices_agree():
    data = {"x": torch.arange(40).reshape(20, 2), "labels": torch.arange(20)}
    parts = split(data, (0.5, 0.25), seed=3)
    for part, index in zip(parts, split(20, (0.5, 0.25), seed=3), strict=True):
        assert torch.equal(part["labels"], index)
        assert torch.equal(part["x"], data["x"][index])
    assert [len(part["x"]) for part in parts] == [10, 5]


def test_seeded_and_apart_from_the_global_state():
    torch.manual_seed(0)
    before = torch.random.get_rng_state()
    first = split(100, (0.5, 0.5), seed=1)
    assert torch.equal(torch.random.get_rng_state(), before)
    torch.manual_seed(7)
    assert all(map(torch.equal, first, split(100, (0.5, 0.5), seed=1)))
    assert not torch.equal(first[0], split(100, (0.5, 0.5), seed=2)[0])


@pytest.mark.parametrize(
    ("data", "fractions", "message"),
    [
        (10, (0.8, 0.3), "fractions: should be positive with sum at most 1, got (0.8, 0.3)"),
        (10, (1.0, 0.0), "fractions: should be positive with sum at most 1, got (1.0, 0.0)"),
        (10, (float("nan"),), "fractions: should be positive with sum at most 1, got (nan,)"),
        (10, (), "fractions: should be positive with sum at most 1, got ()"),
        (10, (0.9, 0.04), "fractions: 0.04 of 10 samples is an empty part"),
        (0, (1.0,), "fractions: 1.0 of 0 samples is an empty part"),
        ({}, (1.0,), "data: expected tensors, got an empty dict"),
        (
            {"x": torch.zeros(3), "z": torch.zeros(2)},
            (1.0,),
            "data: tensors should be as long as each other, got {'x': 3, 'z': 2}",
        ),
    ],
)
def test_bad_input(data, fractions, message):
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the whole message is compared
        split(data, fractions)
    assert str(caught.value) == message


@given(train=st.integers(0, 9), validation=st.integers(0, 9), gap=st.integers(0, 4))
def test_time_blocks_are_contiguous_with_gaps(train, validation, gap):
    part = time_blocks(40, train, validation, gap)
    places = [(part == k).nonzero().flatten() for k in range(3)]
    assert [len(p) for p in places] == [train, validation, 40 - train - validation - 2 * gap]
    for place in places:
        assert torch.equal(place, torch.arange(len(place)) + (place[0] if len(place) else 0))
    for one, two in ((0, 1), (1, 2)):
        if len(places[one]) and len(places[two]):
            assert places[two][0] - places[one][-1] == gap + 1


def test_parts_want_a_split():
    whole = {"x": torch.arange(5), "split": torch.tensor([2, 0, 1, 0, -1])}
    found = parts(whole)
    assert {k: v["x"].tolist() for k, v in found.items()} == {
        "train": [1, 3],
        "validation": [2],
        "test": [0],
    }
    assert all(set(part) == {"x"} for part in found.values())
    with pytest.raises(ValueError, match=r"^data: expected a tensor called 'split', got \['x'\]$"):
        parts({"x": torch.arange(5)})
    with pytest.raises(ValueError, match=r"^data: tensors should be as long as each other"):
        parts(whole | {"y": torch.arange(4)})


@given(
    counts=st.lists(st.integers(0, 30), min_size=1, max_size=5).filter(lambda c: sum(c) >= 10),
    k=st.integers(2, 10),
    seed=st.integers(0, 99),
)
def test_folds_are_balanced_in_all_and_in_each_class(counts, k, seed):
    labels = torch.arange(len(counts)).repeat_interleave(torch.tensor(counts))
    labels = labels[torch.randperm(len(labels), generator=torch.Generator().manual_seed(seed))]
    found = folds(labels, k, seed)
    for chosen in [labels >= 0, *(labels == c for c in range(len(counts)))]:
        sizes = found[chosen].bincount(minlength=k)
        assert len(sizes) == k and sizes.max() - sizes.min() <= 1
    assert torch.equal(folds(labels, k, seed), found)


def test_folds_are_random():
    labels = torch.arange(600) % 6
    found = [folds(labels, seed=seed) for seed in (0, 1)]
    assert (found[0] == found[1]).float().mean() < 0.2
    together = torch.stack([folds(labels, seed=seed)[:2] for seed in range(300)])
    assert 0.05 < (together[:, 0] == together[:, 1]).float().mean() < 0.16  # 0.1 by chance


@pytest.mark.parametrize(
    ("labels", "k", "message"),
    [
        (
            torch.zeros(3),
            2,
            r"^labels: expected integers of shape \(n,\), got torch.float32 \(3,\)$",
        ),
        (torch.zeros(3, 1).long(), 2, r"^labels: expected integers of shape \(n,\), got"),
        (torch.zeros(3).long(), 4, r"^k: expected a whole number from 2 to 3, got 4$"),
        (torch.zeros(3).long(), 1, r"^k: expected a whole number from 2 to 3, got 1$"),
    ],
)
def test_wrong_folds_are_refused(labels, k, message):
    with pytest.raises(ValueError, match=message):
        folds(labels, k)
