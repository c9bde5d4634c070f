"""Checkpoints: what is kept, what is refused, and what a broken file does."""

import json
import subprocess
import sys
import warnings

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from geomdl.registry import create_model
from geomdl.training import fit, read_history
from geomdl.training.chance import random_states, set_random_states
from geomdl.training.files import held, write_whole
from geomdl.training.packed import pack, unpack

X = torch.randn(40, 3, generator=torch.Generator().manual_seed(0))
Y = (X.sum(1) > 0).long()
SAMPLES = TensorDataset(X, Y)


class Kill(BaseException):
    """As sudden as a kill, but within the process."""


class Hidden(nn.Module):
    """Ties, a frozen weight, complex numbers, and buffers, one of them outside the state dict."""

    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(3, 3), nn.Linear(3, 3)
        self.b.weight = self.a.weight
        self.c = nn.Linear(3, 2).requires_grad_(False)
        self.phase = nn.Parameter(torch.ones(3, dtype=torch.complex64))
        self.register_buffer("steps", torch.zeros((), dtype=torch.int64))
        self.register_buffer("mean", torch.zeros(3), persistent=False)

    def forward(self, x):
        if self.training:
            self.steps += 1
            self.mean.lerp_(x.detach().mean(0), 0.3)
        x = nn.functional.dropout(self.b(self.a(x)).relu() - self.mean, 0.2, self.training)
        return self.c((x * self.phase).real)


class Drawn(torch.utils.data.Dataset):
    """Samples that draw from the global random state, as foreign data sets do."""

    def __len__(self):
        return len(X)

    def __getitem__(self, index):
        return X[index] + 0.1 * torch.randn(3), Y[index]


def net():
    return nn.Sequential(
        nn.Linear(3, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.2), nn.Linear(8, 2)
    )


class Fuse:
    """The cross entropy, until the n-th training step."""

    def __init__(self):
        self.left = 10**9

    def __call__(self, output, target):
        if output.requires_grad:
            self.left -= 1
            if self.left < 0:
                raise Kill
        return nn.functional.cross_entropy(output, target)


def go(folder, make=net, step=None, train=(X, Y), **kwargs):
    """A run, killed after so many steps of this process."""
    fuse = Fuse()
    if step is not None:
        fuse.left = step
    options = {"val": (X, Y), "epochs": 4, "batch_size": 10, "checkpoint_every": 99.0} | kwargs
    if step is None:
        return fit(make(), train, folder=folder, loss=fuse, **options)
    with pytest.raises(Kill):
        fit(make(), train, folder=folder, loss=fuse, **options | {"checkpoint_every": 0.0})
    return None


def bare(run):
    return [{key: value for key, value in row.items() if key != "seconds"} for row in run.history]


def equal(a, b):
    a, b = a.state_dict(), b.state_dict()
    return a.keys() == b.keys() and all(torch.equal(a[k], b[k]) for k in a)


@pytest.mark.parametrize(
    ("case", "step"),
    [
        *(("net", step) for step in (0, 1, 4, 15)),
        *((case, 6) for case in ("float64", "hidden", "dataset", "loader", "no val", "bfloat16")),
    ],
)
def test_goes_on_bit_for_bit(tmp_path, case, step):
    make = {"hidden": Hidden, "float64": lambda: net().double()}.get(case, net)
    kwargs = {"precision": "bf16-mixed"} if case == "bfloat16" else {}
    if case == "no val":
        kwargs["val"] = None
    train = {
        "dataset": Drawn(),
        "loader": DataLoader(Drawn(), batch_size=10, shuffle=True),
    }.get(case, (X, Y))
    torch.manual_seed(3)
    wanted = go(tmp_path / "a", make, train=train, **kwargs)
    torch.manual_seed(3)
    go(tmp_path / "b", make, step, train=train, **kwargs)
    again = go(tmp_path / "b", make, train=train, **kwargs)  # from other weights
    assert equal(again.model, wanted.model)
    assert bare(again) == bare(wanted)
    assert again.best["epoch"] == wanted.best["epoch"]
    assert again.best is again.history[again.best["epoch"] - 1]
    assert read_history(again.folder / "history.jsonl") == again.history
    if case == "hidden":
        assert torch.equal(again.model.mean, wanted.model.mean)
        assert again.model.b.weight is again.model.a.weight


def test_a_run_that_had_ended_comes_back_untrained(tmp_path):
    first = go(tmp_path, epochs=3)
    (tmp_path / "best.safetensors").unlink()

    def never(output, target):
        raise AssertionError("training began")

    class Never(Fuse):
        __call__ = never

    fuse = Never()
    fuse.__class__.__qualname__ = "Fuse"  # the settings go by the name
    again = fit(
        net(), (X, Y), (X, Y), folder=tmp_path, loss=fuse, epochs=3, batch_size=10,
        checkpoint_every=5.0,
    )  # fmt: skip
    assert equal(again.model, first.model) and not again.model.training
    assert again.history == first.history
    assert (again.best, again.stopped) == (first.best, first.stopped)
    assert again.seconds == first.seconds
    assert (tmp_path / "best.safetensors").exists()


def test_time_before_the_kill_counts(tmp_path):
    go(tmp_path, step=6)
    place = unpack((tmp_path / "last.safetensors").read_bytes())[1]["place"]
    run = go(tmp_path)
    assert run.seconds > place["seconds"] > 0
    seconds = [row["seconds"] for row in run.history]
    assert seconds == sorted(seconds)
    assert seconds[1] > place["seconds"] > seconds[0]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"epochs": 5}, "epochs: should be 4 as in the earlier run, got 5"),
        ({"lr": 0.1}, "lr: should be 0.003 as in the earlier run, got 0.1"),
        ({"precision": "bf16-mixed"}, "precision: should be 32-true as in the earlier run, got bf"),
        ({"make": lambda: nn.Linear(3, 2)}, r"model 0.weight: should be \(8, 3\) torch.float32 tr"),
        ({"make": lambda: net().requires_grad_(False).append(nn.Linear(2, 2))}, "model 0.weight"),
        ({"train": (X[:39], Y[:39])}, "train: should be 4 batches of checksum"),
        ({"train": (X + 1, Y)}, "train: should be 4 batches of checksum"),
        ({"val": None}, "val: should be 2 batches|val: should be 4 batches"),
        (
            {"augment": lambda x, rng: x},
            "augment: should be None as in the earlier run, got <lambda>",
        ),
    ],
)
def test_another_run_in_the_folder_is_refused(tmp_path, change, message):
    go(tmp_path, step=5)
    before = (tmp_path / "last.safetensors").read_bytes()
    with pytest.raises(ValueError, match=f"^{message}.*; resume=False or another folder") as error:
        go(tmp_path, **change)
    assert "\n" not in str(error.value)
    assert (tmp_path / "last.safetensors").read_bytes() == before
    if "make" not in change:
        torch.manual_seed(1)
        afresh = go(tmp_path, resume=False, **change)
        assert afresh.history[0]["epoch"] == 1


@pytest.mark.parametrize("change", ["dropout", "labels", "smoothing", "registered"])
def test_another_run_of_the_same_shapes_is_refused(tmp_path, change):
    def build(rate=0.0, padding="zeros"):
        torch.manual_seed(0)
        if change == "registered":
            return create_model("translation/cnn", shape=(8, 8), widths=(2, 2), padding=padding)
        return nn.Sequential(nn.Linear(3, 4), nn.Dropout(rate), nn.Linear(4, 2))

    x = torch.randn(40, 1, 8, 8) if change == "registered" else X
    common = {"epochs": 1, "folder": tmp_path}
    fit(build(), (x, Y), loss=nn.CrossEntropyLoss(), **common)
    fit(build(), (x, Y), loss=nn.CrossEntropyLoss(), **common)  # the same is not refused
    y = Y.clone()
    y[37] = 1 - y[37]
    model, target, loss = {
        "dropout": (build(0.9), Y, nn.CrossEntropyLoss()),
        "labels": (build(), y, nn.CrossEntropyLoss()),
        "smoothing": (build(), Y, nn.CrossEntropyLoss(label_smoothing=0.5)),
        "registered": (build(padding="circular"), Y, nn.CrossEntropyLoss()),
    }[change]
    with pytest.raises(ValueError, match="as in the earlier run"):
        fit(model, (x, target), loss=loss, **common)


def test_the_checkpoint_of_another_version_is_left_alone(tmp_path, monkeypatch):
    go(tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir() if path.is_file()}
    monkeypatch.setattr("geomdl.training.packed.FORMAT", 2)
    with pytest.raises(ValueError, match="should have format 2, got 1; use the version"):
        go(tmp_path)
    after = {path.name: path.read_bytes() for path in tmp_path.iterdir() if path.is_file()}
    assert before == after


def test_resume_false_is_the_run_that_never_was_there(tmp_path):
    torch.manual_seed(1)
    wanted = go(tmp_path / "a")
    go(tmp_path / "b", step=7)
    torch.manual_seed(1)
    again = go(tmp_path / "b", resume=False)
    assert equal(again.model, wanted.model) and bare(again) == bare(wanted)


@pytest.fixture(scope="module")
def killed(tmp_path_factory):
    """A folder after a kill, and the run to which it should lead."""
    torch.manual_seed(3)
    wanted = go(tmp_path_factory.mktemp("wanted"))
    torch.manual_seed(3)
    folder = tmp_path_factory.mktemp("killed")
    go(folder, step=9)
    return folder, wanted


def copied(folder, to):
    for name in ("last.safetensors", "previous.safetensors"):
        (to / name).write_bytes((folder / name).read_bytes())
    return to


def damage(path, kind):
    data = path.read_bytes()
    if kind == "flipped":
        data = data[:5000] + bytes([data[5000] ^ 4]) + data[5001:]
    path.write_bytes({"empty": b"", "half": data[: len(data) // 2]}.get(kind, data))


@pytest.mark.parametrize("kind", ["empty", "half", "flipped"])
def test_a_broken_last_checkpoint_falls_back_to_the_one_before(tmp_path, killed, kind):
    folder, wanted = killed
    damage(copied(folder, tmp_path) / "last.safetensors", kind)
    with pytest.warns(UserWarning, match=r"last.safetensors: .*the one before is taken$") as told:
        again = go(tmp_path)
    assert len(told) == 1 and "\n" not in str(told[0].message)
    assert told[0].filename == __file__
    assert equal(again.model, wanted.model) and bare(again) == bare(wanted)


def test_a_broken_last_checkpoint_never_becomes_the_one_before(tmp_path, killed):
    folder, wanted = killed
    damage(copied(folder, tmp_path) / "last.safetensors", "half")
    with pytest.warns(UserWarning, match="the one before is taken"):
        go(tmp_path, step=0)
    again = go(tmp_path)  # no warning, which would be an error
    assert equal(again.model, wanted.model)


def test_two_broken_checkpoints_begin_from_scratch(tmp_path, killed):
    folder, wanted = killed
    copied(folder, tmp_path)
    for name in ("last.safetensors", "previous.safetensors"):
        damage(tmp_path / name, "half")
    torch.manual_seed(3)
    with pytest.warns(UserWarning, match="the run starts from scratch$") as told:
        again = go(tmp_path)
    assert len(told) == 1 and "previous.safetensors: " in str(told[0].message)
    assert equal(again.model, wanted.model) and bare(again) == bare(wanted)


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_no_damage_is_taken_for_a_checkpoint(killed, data):
    """Any truncation and any flipped bit is found, or has changed nothing."""
    raw = (killed[0] / "last.safetensors").read_bytes()
    tensors, facts = unpack(raw)
    if data.draw(st.booleans()):
        bad = raw[: data.draw(st.integers(0, len(raw) - 1))]
    else:
        at = data.draw(st.integers(0, len(raw) - 1) | st.integers(0, 4000))
        bad = raw[:at] + bytes([raw[at] ^ (1 << data.draw(st.integers(0, 7)))]) + raw[at + 1 :]
    try:
        found, other = unpack(bad)
    except ValueError as error:
        assert str(error).isprintable()  # noqa: PT017  # in most examples, not all
        return
    assert len(bad) == len(raw) and other == facts and found.keys() == tensors.keys()
    assert all(torch.equal(found[key], tensors[key]) for key in tensors)


def test_without_the_checksum_a_flipped_bit_would_pass(killed, monkeypatch):
    """The twin of the test above."""
    raw = bytearray((killed[0] / "last.safetensors").read_bytes())
    raw[-5] ^= 1
    with pytest.raises(ValueError, match="wrong checksum"):
        unpack(bytes(raw))
    written = json.loads(raw[8 : 8 + int.from_bytes(raw[:8], "little")])["__metadata__"]["sha256"]
    monkeypatch.setattr("geomdl.training.packed._digest", lambda *_: written)
    unpack(bytes(raw))


@pytest.mark.parametrize("dtype", [torch.bool, torch.bfloat16, torch.complex64, torch.complex128])
def test_every_type_is_kept(dtype):
    value = torch.randn(3, 4).to(dtype).T
    tensors, facts = unpack(pack({"a": value, "b": value[:0], "c": value[0, 0]}, {"x": 0.1 + 0.2}))
    assert torch.equal(tensors["a"], value) and tensors["a"].dtype == dtype
    assert tensors["b"].shape == (0, 3) and tensors["c"].shape == ()
    assert facts == {"x": 0.1 + 0.2}


def test_a_nan_does_not_overwrite_a_good_checkpoint(tmp_path):
    class Late(Fuse):
        def __call__(self, output, target):
            self.left -= 1
            return super().__call__(output, target) * (torch.nan if self.left < 10**9 - 9 else 1)

    with pytest.raises(ValueError, match=r"^loss: should be finite, got nan at epoch"):
        fit(net(), (X, Y), epochs=9, batch_size=10, folder=tmp_path, loss=Late())
    for name in ("last.safetensors", "previous.safetensors"):
        tensors, _ = unpack((tmp_path / name).read_bytes())
        assert all(v.isfinite().all() for v in tensors.values() if v.is_floating_point())


def test_weights_that_a_step_made_infinite_are_not_written(tmp_path):
    class Wild(nn.Linear):
        def forward(self, x):
            if self.training and x.shape[0] == 10:
                with torch.no_grad():
                    self.bias[0] = torch.inf
            return super().forward(x).clamp(-1, 1)

    with pytest.raises(ValueError, match=r"^weights: should be finite, got nan or inf in bias aft"):
        go(tmp_path, lambda: Wild(3, 2))
    tensors, facts = unpack((tmp_path / "last.safetensors").read_bytes())
    assert facts["place"]["step"] == 0 and tensors["model/bias"].isfinite().all()


def test_an_extra_state_is_refused_in_a_folder_only(tmp_path):
    class Extra(nn.Linear):
        def get_extra_state(self):
            return {"a": 1}

        def set_extra_state(self, state):
            pass

    with pytest.raises(ValueError, match=r"^model: extra state _extra_state should be a tensor"):
        go(tmp_path, lambda: Extra(3, 2))
    assert go(None, lambda: Extra(3, 2)).stopped == "epochs"


def test_two_runs_in_one_folder_are_refused(tmp_path):
    with held(tmp_path):
        with pytest.raises(ValueError, match=r"^folder: should be of one run at a time, got "):
            go(tmp_path)
        assert _lock_of_another_process(tmp_path) == "BlockingIOError"
    assert _lock_of_another_process(tmp_path) == "free"
    assert go(tmp_path).stopped == "epochs"


def _lock_of_another_process(folder):
    """What ``held`` would meet there."""
    code = (
        "import fcntl, sys\n"
        "try: fcntl.lockf(open(sys.argv[1], 'ab'), fcntl.LOCK_EX | fcntl.LOCK_NB)\n"
        "except OSError as error: print(type(error).__name__)\n"
        "else: print('free')"
    )
    command = [sys.executable, "-S", "-c", code, folder / ".lock"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def test_what_killed_processes_left_is_cleaned(tmp_path):
    for name in (".last.safetensors.1.tmp", ".best.safetensors.1.tmp", ".probe-1"):
        (tmp_path / name).write_bytes(b"half")
    go(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        ".lock", "best.safetensors", "history.jsonl", "last.safetensors", "previous.safetensors"
    ]  # fmt: skip


def test_a_failed_write_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "a"
    write_whole(path, b"old")

    def full(descriptor):
        raise OSError("no space left")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="no space left"):
        write_whole(path, b"new", before=tmp_path / "b")
    assert [p.name for p in tmp_path.iterdir()] == ["a"] and path.read_bytes() == b"old"


def test_random_states_survive_json():
    states = random_states()
    tensors, facts = unpack(pack(states[0], {"random": states[1]}))
    wanted = random_draws()
    set_random_states(tensors, facts["random"])
    assert random_draws() == wanted != random_draws()


def random_draws():
    import random

    import numpy as np

    return torch.randn(3).tolist(), np.random.randn(3).tolist(), random.gauss(0, 1)


@pytest.mark.parametrize("every", [-1.0, float("nan"), float("inf")])
def test_impossible_interval(every):
    with pytest.raises(ValueError, match=r"^checkpoint_every: should be seconds >= 0, got "):
        go(None, checkpoint_every=every)


def test_between_checkpoints_of_long_epochs_only_some_steps_write(tmp_path, monkeypatch):
    from geomdl.training import resume

    places = []
    whole = resume.write_whole
    monkeypatch.setattr(resume, "write_whole", lambda *a, **k: (places.append(1), whole(*a, **k)))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        go(tmp_path / "a", epochs=3, checkpoint_every=1000.0)
        assert len(places) == 1 + 3
        places.clear()
        go(tmp_path / "b", epochs=3, checkpoint_every=0.0)
        assert len(places) == 1 + 3 * 4
