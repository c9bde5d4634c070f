"""What `test_distributed` trains: here on one process, and by torchrun on two.

Run as a script, it writes what each process found to the folder that is its argument.
"""

import contextlib
import sys
import tempfile
from pathlib import Path
from unittest import mock

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from geomdl import Field, Grid, group, steerable
from geomdl.training import distributed, engine, files, fit, read_history

COMMON = {"lr": 1e-2, "warmup": 0.0, "accelerator": "cpu", "progress": None}


def points(count, seed=0):
    rng = torch.Generator().manual_seed(seed)
    y = torch.randint(3, (count,), generator=rng)
    x = torch.randn(count, 4, generator=rng, dtype=torch.float64)
    return x + nn.functional.one_hot(y, 4), y


def images(count, seed=0, size=8):
    rng = torch.Generator().manual_seed(seed)
    y = torch.randint(3, (count,), generator=rng)
    x = torch.randn(count, 1, size, size, generator=rng, dtype=torch.float64)
    return x * (1 + y[:, None, None, None]), y


def mlp():
    torch.manual_seed(1)
    return nn.Sequential(nn.Linear(4, 16), nn.Tanh(), nn.Linear(16, 3)).double()


def cnn():
    """No bias before a norm: its gradient is rounding alone, which AdamW blows up to a step."""
    torch.manual_seed(2)
    return nn.Sequential(
        nn.Conv2d(1, 6, 3, bias=False), nn.BatchNorm2d(6), nn.ReLU(), nn.Flatten(),
        nn.Linear(216, 8, bias=False), nn.BatchNorm1d(8, momentum=None), nn.ReLU(), nn.Linear(8, 3),
    ).double()  # fmt: skip


def small_cnn():
    torch.manual_seed(3)
    return nn.Sequential(
        nn.Conv2d(1, 6, 3, bias=False), nn.BatchNorm2d(6), nn.ReLU(), nn.Flatten(),
        nn.Linear(216, 3),
    ).double()  # fmt: skip


class Gated(nn.Module):
    """One branch is used by some batches only, one never, and one is frozen."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(4)
        self.main, self.rare, self.never, self.frozen = (nn.Linear(4, 3) for _ in range(4))
        self.frozen.requires_grad_(False)
        self.double()

    def forward(self, x):
        y = self.main(x) + self.frozen(x)
        rare = x[:, 0] > 1.5
        return y + rare[:, None] * self.rare(x) if bool(rare.any()) else y


def run_mlp():
    return fit(mlp(), points(45), epochs=7, batch_size=16, **COMMON)  # batches of 15


def run_one_by_one():
    return fit(mlp(), points(21), epochs=1, batch_size=1, **COMMON)


def run_cnn():
    return fit(cnn(), images(45), images(20, 1), epochs=7, batch_size=16, **COMMON)


def run_cnn_one_by_one():
    return fit(small_cnn(), images(21), epochs=1, batch_size=1, **COMMON)


def run_everything():
    field = Field(Grid(2), group("D4").trivial)
    return fit(
        cnn(), images(45), images(20, 1), epochs=7, batch_size=16, clip=0.3, weight_decay=0.3,
        augment=(group("D4"), field), monitor="metric", **COMMON,
    )  # fmt: skip


def run_d4():
    rng = torch.Generator().manual_seed(5)
    net = steerable.d4_cnn(shape=(8, 8), classes=3, depth=2, kernel_size=3, rng=rng).double()
    return fit(net, images(45), images(20, 1), epochs=7, batch_size=16, **COMMON)


def run_patience():
    common = COMMON | {"lr": 0.1}
    return fit(cnn(), images(30), images(31, 1), epochs=40, batch_size=8, patience=6, **common)


def run_gated():
    return fit(Gated(), points(45), epochs=7, batch_size=16, **COMMON)


def run_loader():
    loader = DataLoader(TensorDataset(*points(25)), batch_size=7, shuffle=True)
    return fit(mlp(), loader, points(33, 1), epochs=6, **COMMON)


def run_dropout():
    """Masks are each process's own, so only the data (drawn globally) can be the same."""
    net = nn.Sequential(mlp(), nn.Dropout(0.5))
    loader = DataLoader(TensorDataset(*points(25)), batch_size=7, shuffle=True)
    return fit(net, loader, epochs=2, **COMMON)


CASES = {
    name.removeprefix("run_"): case
    for name, case in list(globals().items())
    if name.startswith("run_")
}


def local_statistics():
    """Sabotage: every process normalises its own share."""
    return mock.patch.object(engine, "SyncBatchNorm", return_value=contextlib.nullcontext())


def naive_average():
    """Sabotage: the mean over processes, whatever their shares."""
    share = distributed.World.share

    def even(self, batch):
        part, _ = share(self, batch)
        return part, 1 / self.size

    return mock.patch.object(distributed.World, "share", even)


def everyone_counts():
    """Sabotage: a process without a sample of its own counts the one that it borrows."""
    norm = engine.SyncBatchNorm
    return mock.patch.object(engine, "SyncBatchNorm", lambda world, counts: norm(world, True))


def own_norm():
    """Sabotage: every process clips its own gradient, before the sum."""
    total = distributed.World.sum_gradients

    def clipped(self, parameters):
        parameters = list(parameters)
        nn.utils.clip_grad_norm_(parameters, 0.3)
        total(self, parameters)

    return mock.patch.object(distributed.World, "sum_gradients", clipped)


def own_gradients():
    """Sabotage: gradients are not summed."""
    return mock.patch.object(distributed.World, "sum_gradients", return_value=None)


SABOTAGED = {
    "mlp": naive_average,
    "one_by_one": own_gradients,
    "cnn": local_statistics,
    "cnn_one_by_one": everyone_counts,
    "everything": own_norm,
    "d4": local_statistics,
    "patience": naive_average,
    "gated": own_gradients,
    "loader": naive_average,
}


def digest(run):
    rows = [{k: v for k, v in row.items() if k != "seconds"} for row in run.history]
    return {"state": run.model.state_dict(), "rows": rows, "stopped": run.stopped}


def unequal_start(rank):
    net = mlp()
    with torch.no_grad():
        net[0].weight += rank
    return digest(fit(net, points(45), epochs=7, batch_size=16, **COMMON))


def nan_loss(output, target):
    """NaN for the third class, which a batch of one has on one process only."""
    loss = nn.functional.cross_entropy(output, target)
    return loss * torch.nan if bool((target == 2).any()) else loss


def nan_gradient(output, target):
    zero = (output.sum(1) - output.sum(1).detach()).abs().sqrt()
    return nn.functional.cross_entropy(output, target) + (zero * (target == 2)).sum()


class Interrupted(nn.CrossEntropyLoss):
    """Raises in the middle of an epoch."""

    left = 0

    def forward(self, output, target):
        self.left -= 1
        if self.left == 0:
            raise ValueError("stop")
        return super().forward(output, target)


def long_run(folder, stop=0, **changes):
    loss = Interrupted()
    loss.left = stop
    return fit(
        cnn(), images(45), images(20, 1), epochs=3, batch_size=16, folder=folder, loss=loss,
        checkpoint_every=0, **COMMON, **changes,
    )  # fmt: skip


def message_of(call):
    try:
        call()
    except (ValueError, TypeError) as error:
        return str(error)
    return None


def in_taken(folder, rank):
    """The first process has the folder already."""
    with files.held(folder) if rank == 0 else contextlib.nullcontext():
        return message_of(lambda: long_run(folder))


def on_this_process(rank, folder):
    """All that only makes sense on several processes."""
    x = points(2)[0]
    taken = folder / "taken"
    taken.mkdir(exist_ok=True)
    bad = (x, torch.tensor([0, 2]))
    odd = DataLoader(TensorDataset(*points(4)), collate_fn=lambda items: (None, torch.zeros(2)))
    written = long_run(folder / "run")
    found = {
        "unequal start": unequal_start(rank),
        "nan loss": message_of(lambda: fit(mlp(), bad, loss=nan_loss, **COMMON)),
        "nan gradient": message_of(lambda: fit(mlp(), bad, loss=nan_gradient, **COMMON)),
        "unequal data": message_of(lambda: fit(mlp(), points(9 + rank), batch_size=1, **COMMON)),
        "unequal rate": message_of(lambda: fit(mlp(), bad, lr=0.1 * (1 + rank))),
        "other run": message_of(lambda: long_run(folder / "run", weight_decay=0.5)),
        "taken folder": in_taken(taken, rank),
        "interrupted": message_of(lambda: long_run(folder / "stopped", stop=8)),
        "resumed": digest(long_run(folder / "stopped")),
        "whole": digest(long_run(folder / "whole")),
        "one value": message_of(lambda: fit(cnn(), images(1), **COMMON)),
        "not by sample": message_of(lambda: fit(mlp(), odd, **COMMON)),
        "budget": digest(fit(mlp(), points(45), epochs=10**6, budget=0.2, **COMMON)),
        "seconds": digest(fit(mlp(), points(45), seconds=0.2, ema=0.9, **COMMON)),
        "rows on disk": read_history(written.folder / "history.jsonl"),
        "rows": written.history,
        "checkpoint": written.checkpoint.read_bytes() != b"",
        "global state": torch.rand(1).item(),
    }
    ones = torch.ones(1)
    torch.distributed.all_reduce(ones)  # the group is there for the caller
    return found | {"ones": ones.item()}


def main(folder):
    rank = distributed.join().rank
    found = {name: digest(case()) for name, case in CASES.items()}
    twins = {}
    for name, sabotage in SABOTAGED.items():
        with sabotage():
            twins[name] = digest(CASES[name]())
    special = on_this_process(rank, folder)
    torch.save({"found": found, "twins": twins, "special": special}, folder / f"{rank}.pt")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(tempfile.mkdtemp()))
