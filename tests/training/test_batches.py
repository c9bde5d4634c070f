import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.utils.data import DataLoader, Dataset, IterableDataset, TensorDataset

from geomdl.training.batches import check_finite, make_batches
from geomdl.training.seeds import generator


class Squares(Dataset):
    """Samples (i, i²) as tensors."""

    def __init__(self, count, bad=None):
        self.count, self.bad = count, bad

    def __len__(self):
        return self.count

    def __getitem__(self, i):
        return torch.tensor([float("nan") if i == self.bad else float(i)]), i * i


class Stream(IterableDataset):
    def __iter__(self):
        yield torch.zeros(1), 0


def _rows(batches, rng=None):
    return [
        (batch.args[0].flatten().tolist(), batch.target.tolist()) for batch in batches.epoch(rng)
    ]


@given(count=st.integers(1, 60), batch_size=st.integers(1, 20))
def test_even_batches_of_every_sample_once(count, batch_size):
    x = torch.arange(count)[:, None].double()
    batches = make_batches((x, x[:, 0]), batch_size, "train")
    found = list(batches.epoch(generator(0, count)))
    sizes = [batch.size for batch in found]
    assert len(sizes) == batches.steps == -(-count // batch_size)
    assert max(sizes) <= batch_size
    assert max(sizes) - min(sizes) <= 1
    assert sorted(torch.cat([b.target for b in found]).tolist()) == list(range(count))
    assert all(torch.equal(b.args[0][:, 0], b.target) for b in found)


def test_order_is_kept_without_a_generator_and_a_function_of_it_with_one():
    x = torch.arange(30.0)
    batches = make_batches((x, x), 7, "train")
    assert [i for row in _rows(batches) for i in row[1]] == x.tolist()
    shuffled = _rows(batches, generator(0, "shuffle", 1))
    assert shuffled == _rows(batches, generator(0, "shuffle", 1))
    assert shuffled != _rows(batches, generator(0, "shuffle", 2))
    assert [i for row in shuffled for i in row[1]] != x.tolist()


def test_tuple_dict_dataset_and_loader_give_the_same_batches():
    x = torch.arange(10.0)[:, None]
    y = (x[:, 0] ** 2).long()
    wanted = _rows(make_batches((x, y), 4, "train"), generator(3))
    assert _rows(make_batches(TensorDataset(x, y), 4, "train"), generator(3)) == wanted
    assert _rows(make_batches(Squares(10), 4, "train"), generator(3)) == wanted
    named = make_batches({"y": y, "pixels": x}, 4, "train")
    for batch, (inputs, target) in zip(named.epoch(generator(3)), wanted, strict=True):
        assert batch.args == ()
        assert batch.kwargs["pixels"].flatten().tolist() == inputs
        assert batch.target.tolist() == target
    loader = make_batches(DataLoader(Squares(10), batch_size=4), 99, "train")
    assert loader.steps == 3
    assert _rows(loader) == [(x[i : i + 4, 0].tolist(), y[i : i + 4].tolist()) for i in (0, 4, 8)]


def test_example_is_the_first_sample():
    for data in (
        Squares(3),
        DataLoader(Squares(3), batch_size=2),
        (torch.zeros(3, 1), torch.ones(3)),
    ):
        example = make_batches(data, 2, "train").example()
        assert example.size == 1
        assert example.args[0].shape == (1, 1)


def test_batch_moves_and_casts_floating_point_only():
    batch = next(
        make_batches((torch.zeros(2, 3).double(), torch.ones(2).long()), 2, "t").epoch(None)
    )
    cast = batch.to(torch.device("cpu"), torch.float32)
    assert cast.args[0].dtype == torch.float32
    assert cast.target.dtype == torch.int64
    assert batch.to(torch.device("cpu"), None).args[0].dtype == torch.float64


@pytest.mark.parametrize(
    ("data", "error", "message"),
    [
        ((torch.zeros(2, 3), torch.zeros(3)), ValueError,
         r"train x: shape should begin with the 3 samples of y, got \(2, 3\)"),
        ((torch.zeros(0, 3), torch.zeros(0)), ValueError,
         r"train: should hold at least 1 sample, got 0"),
        ((torch.zeros(2),), ValueError, r"train: should be \(x, ..., y\), got 1 item"),
        ({"x": torch.zeros(2)}, ValueError,
         r"train: should hold inputs and the target 'y', got \['x'\]"),
        ((np.zeros(2), torch.zeros(2)), TypeError, r"train x: should be a tensor, got ndarray"),
        (torch.zeros(2), TypeError, r"train: should be \(x, ..., y\), a dict .*, got Tensor"),
        (Stream(), TypeError, r"train: should have a length .*, got Stream"),
        (DataLoader(Stream()), TypeError, r"train: should have a length .*, got DataLoader"),
        (Squares(0), ValueError, r"train: should hold at least 1 sample, got 0"),
    ],
)  # fmt: skip
def test_what_is_no_data_is_refused(data, error, message):
    with pytest.raises(error, match=f"^{message}") as caught:
        make_batches(data, 2, "train")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf")])
def test_nan_is_found_where_it_is(bad):
    x = torch.zeros(4, 2, 3)
    x[2, 1, 0] = bad
    with pytest.raises(ValueError, match=rf"^train x\[2, 1, 0\]: should be finite, got {bad}$"):
        make_batches((x, torch.zeros(4)), 2, "train")
    with pytest.raises(ValueError, match=r"^val x1\[2, 1, 0\]: "):
        make_batches((torch.zeros(4), x, torch.zeros(4)), 2, "val")
    with pytest.raises(ValueError, match=r"^val pos\[2, 1, 0\]: "):
        make_batches({"pos": x, "y": torch.zeros(4)}, 2, "val")
    with pytest.raises(ValueError, match=r"^train y\[2, 1, 0\]: "):
        make_batches((torch.zeros(4), x), 2, "train")
    make_batches((torch.zeros(4), x), 2, "train", check_target=False)
    batches = make_batches(Squares(5, bad=3), 2, "train")
    with pytest.raises(ValueError, match=r"^train batch 1 x\[1, 0\]: should be finite, got nan$"):
        list(batches.epoch(None))


def test_only_floating_point_tensors_are_looked_at():
    check_finite(torch.arange(3), "x")
    check_finite("text", "x")
    check_finite(torch.zeros(3), "x")
