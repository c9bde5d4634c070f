import pytest
import torch
from torch import nn

import geomdl
from geomdl.fields import Field, Grid
from geomdl.training import fit
from geomdl.training.augmentation import augment_batch, make_augment
from geomdl.training.batches import Batch

C4 = geomdl.group("C4")
IMAGES = Field(Grid(2), 3 * C4.trivial)
X = torch.randn(64, 3, 5, 5, generator=torch.Generator().manual_seed(0))


def rng(seed=0):
    return torch.Generator().manual_seed(seed)


def test_each_sample_turns_by_its_own_random_element():
    act = make_augment((C4, IMAGES))
    moved = act(X, rng())
    turns = torch.stack([X.rot90(k, (-2, -1)) for k in range(4)])
    hits = (turns == moved).flatten(2).all(-1)  # (4, batch)
    assert (hits.sum(0) == 1).all()
    counts = hits.sum(1)
    assert counts.sum() == 64
    assert (counts > 5).all()  # 16 expected; 5 or fewer of 64 has probability 2e-4 a turn
    assert torch.equal(moved, act(X, rng()))
    assert not torch.equal(moved, act(X, rng(1)))


def test_a_function_and_none_pass_through():
    def shift(x, rng):
        return x + 1

    assert make_augment(shift) is shift
    assert make_augment(None) is None
    with pytest.raises(
        ValueError, match=r"^augment: field should be one of the group D4, got one of C4$"
    ):
        make_augment((geomdl.group("D4"), IMAGES))
    with pytest.raises(
        TypeError, match=r"^augment: should be a function .* or \(group, field\), got tuple$"
    ):
        make_augment((C4, "field"))


def test_only_the_first_input_changes():
    def shift(x, rng):
        return x + 1

    one = torch.zeros(2)
    batch = augment_batch(Batch((one, one), {}, one), shift, rng())
    assert [value.tolist() for value in (*batch.args, batch.target)] == [[1, 1], [0, 0], [0, 0]]
    batch = augment_batch(Batch((), {"a": one, "b": one}, one), shift, rng())
    assert batch.kwargs["a"].tolist() == [1, 1]
    assert batch.kwargs["b"].tolist() == [0, 0]
    batch = Batch((one,), {}, one)
    assert augment_batch(batch, None, rng()) is batch


def test_fit_trains_on_moved_samples_and_validates_on_the_given_ones():
    seen = {True: [], False: []}

    class Spy(nn.Linear):
        def forward(self, x):
            seen[self.training].append(x)
            return super().forward(x.mean((2, 3)))

    y = torch.zeros(64, dtype=torch.int64)
    fit(Spy(3, 2), (X, y), (X, y), epochs=2, batch_size=64, augment=(C4, IMAGES))
    assert all(torch.equal(x, X) for x in seen[False])
    first, second = seen[True]
    assert not torch.equal(first, second)
    assert torch.allclose(first.mean((2, 3)).sort(0)[0], X.mean((2, 3)).sort(0)[0], atol=1e-6)
