import os
import subprocess
import sys
from collections import OrderedDict

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from geomdl.training.batches import Batch
from geomdl.training.distributed import World, join
from geomdl.training.sync_norm import SyncBatchNorm, batch_norm
from tests.training import on_several_processes as script

TOLERANCE = 1e-12  # float64, the largest difference of weights and buffers of O(1)


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    """What two processes found: one start of torchrun for all cases."""
    folder = tmp_path_factory.mktemp("two")
    launch = (sys.executable, "-m", "torch.distributed.run", "--standalone")
    done = subprocess.run(
        [*launch, "--nproc-per-node", "2", script.__file__, str(folder)],
        env=os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "arning" not in done.stderr, done.stderr
    assert done.stdout == ""
    return [torch.load(folder / f"{rank}.pt", weights_only=False) for rank in (0, 1)]


@pytest.fixture(scope="module")
def one():
    return {name: script.digest(case()) for name, case in script.CASES.items()}


def difference(a, b):
    """Largest difference of the tensors; infinity where keys, kinds or finiteness differ."""
    a, b = a["state"], b["state"]
    assert isinstance(a, OrderedDict) and list(a) == list(b)
    errors = [float((a[key].double() - b[key].double()).abs().max()) for key in a]
    assert np.isfinite(errors).all()
    return max(errors)


@pytest.mark.parametrize("name", sorted(set(script.CASES) - {"dropout"}))
def test_two_processes_train_what_one_does(name, one, two):
    assert one[name]["rows"][-1]["step"] >= 20
    assert difference(two[0]["found"][name], two[1]["found"][name]) == 0
    for process in two:
        found = process["found"][name]
        assert difference(one[name], found) <= TOLERANCE
        assert found["stopped"] == one[name]["stopped"]
        assert len(found["rows"]) == len(one[name]["rows"])
        for row, wanted in zip(found["rows"], one[name]["rows"], strict=True):
            assert row == pytest.approx(wanted, rel=1e-11, abs=1e-12)


@pytest.mark.parametrize("name", sorted(script.SABOTAGED))
def test_a_sabotaged_twin_is_told_apart(name, one, two):
    errors = [difference(one[name], process["twins"][name]) for process in two]
    assert max(errors) > 1e6 * TOLERANCE


def test_early_stopping_comes_before_the_end(one):
    rows = one["patience"]["rows"]
    assert one["patience"]["stopped"] == "patience"
    assert not rows[-1]["best"] and len(rows) < 40  # other weights than the last are restored


def test_dropout_differs_between_processes_but_they_stay_together(one, two):
    first, second = (process["found"]["dropout"] for process in two)
    assert difference(first, second) == 0
    assert difference(one["dropout"], first) > 1e-3


def test_all_begin_with_the_weights_of_the_first(one, two):
    for process in two:
        assert difference(one["mlp"], process["special"]["unequal start"]) <= TOLERANCE


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("nan loss", "loss: should be finite, got nan at epoch 1, step 1"),
        ("nan gradient", "gradient: should be finite, got nan or inf in 0.weight at epoch 1, st"),
        ("unequal data", "train: should be the same on every process, got 9 batches of checksum"),
        ("unequal rate", "lr: should be the same on every process, got 0.1 and 0.2"),
        ("other run", "weight_decay: should be 0.01 as in the earlier run, got 0.5"),
        ("taken folder", "folder: should be of one run at a time, got "),
        ("one value", "Expected more than 1 value per channel when training, got input size"),
        ("not by sample", "batch: on several processes inputs should be sequences of the 2 sampl"),
    ],
)
def test_what_is_wrong_on_one_process_raises_on_all(name, message, two):
    for process in two:
        assert process["special"][name].startswith(message)


def test_the_first_process_writes_and_decides(two):
    first, second = (process["special"] for process in two)
    assert first["rows on disk"] == first["rows"] == second["rows on disk"]
    assert len(first["rows"]) == 3
    assert first["checkpoint"] and second["checkpoint"]
    assert first["budget"]["rows"] == second["budget"]["rows"]
    assert first["budget"]["stopped"] == "budget"
    assert difference(first["budget"], second["budget"]) == 0
    assert first["seconds"]["rows"] == second["seconds"]["rows"]
    assert first["seconds"]["stopped"] == "seconds"
    assert difference(first["seconds"], second["seconds"]) == 0


def test_goes_on_after_a_stop_as_if_there_had_been_none(two):
    for process in two:
        assert process["special"]["interrupted"] == "stop"
        resumed, whole = process["special"]["resumed"], process["special"]["whole"]
        assert difference(resumed, whole) == 0
        assert resumed["rows"] == whole["rows"]


def test_the_caller_has_its_random_state_and_a_process_group(two):
    first, second = (process["special"] for process in two)
    assert first["global state"] == second["global state"]
    assert first["ones"] == second["ones"] == 2


def test_alone_is_a_world_of_one():
    assert join() == World() and World().alone and World().main
    assert World().agree(True) and not World().agree(False)
    x = torch.ones(2)
    assert World().sum(x) is x


@pytest.mark.parametrize("count", [1, 2, 3, 7, 8])
@pytest.mark.parametrize("size", [2, 3, 5])
def test_shares_are_the_batch_once(count, size):
    batch = Batch((torch.arange(count),), {"z": list(range(count))}, torch.arange(count))
    shares = [World(rank, size).share(batch) for rank in range(size)]
    taken = torch.cat([part.target for part, weight in shares if weight])
    assert taken.equal(torch.arange(count))
    assert sum(weight for _, weight in shares) == pytest.approx(1, abs=1e-15)
    assert all(1 <= part.size <= -(-count // size) for part, _ in shares)
    assert all(part.kwargs["z"] == part.args[0].tolist() for part, _ in shares)


@pytest.mark.parametrize("shape", [(7, 3), (4, 3, 5), (2, 3, 4, 5), (2, 3, 2, 3, 2)])
@pytest.mark.parametrize("affine", [False, True])
def test_batch_norm_is_torchs(shape, affine):
    rng = torch.Generator().manual_seed(0)
    x = 1e3 + torch.randn(shape, generator=rng, dtype=torch.float64)
    given = [torch.randn(3, generator=rng, dtype=torch.float64) for _ in range(2)]
    results = []
    for function in (F.batch_norm, lambda *a: batch_norm(World(), True, *a)):
        inputs = [t.clone().requires_grad_() for t in [x, *given]]
        mean, var = torch.zeros(3).double(), torch.ones(3).double()
        weight = inputs[1:] if affine else [None, None]
        y = function(inputs[0], mean, var, *weight, True, 0.2, 1e-3)
        y.sin().sum().backward()
        grads = [t.grad for t in inputs if t.grad is not None]
        results.append([y.detach(), mean, var, *grads])
    for ours, torchs in zip(*results, strict=True):
        assert float((ours - torchs).abs().max()) <= 1e-9  # of 1e3, squared
    assert len(results[0]) == (6 if affine else 4)


def test_the_mode_leaves_evaluation_and_the_model_alone():
    net = nn.Sequential(nn.Conv1d(2, 3, 1), nn.BatchNorm1d(3)).double()
    keys, kinds = list(net.state_dict()), [type(m) for m in net.modules()]
    x = torch.randn(4, 2, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    with SyncBatchNorm(World(), True):
        trained = net(x)
    assert torch.allclose(trained.mean((0, 2)), torch.zeros(3).double(), atol=1e-12)
    plain = net.eval()(x)
    with SyncBatchNorm(World(), True):
        assert torch.equal(net(x), plain)
    assert list(net.state_dict()) == keys and [type(m) for m in net.modules()] == kinds


def test_batch_norm_half_precision_keeps_its_type():
    x = torch.randn(64, 3, generator=torch.Generator().manual_seed(0)).bfloat16()
    y = batch_norm(World(), True, x, torch.zeros(3), torch.ones(3), training=True)
    assert y.dtype == torch.bfloat16
    assert float((y.float() - F.batch_norm(x.float(), None, None, training=True)).abs().max()) < 0.1
