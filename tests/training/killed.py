"""Training processes that die by SIGKILL, started by test_kill.py: ``python killed.py FOLDER``.

Prints one line of JSON a trial: its name and what differs from the run that was never killed. Every
training is a process of its own, forked from this one, which imports torch once and never trains.
"""

import json
import os
import random
import shutil
import signal
import sys
import time
import traceback
from pathlib import Path

import lightning_fabric  # noqa: F401  # before the forks
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from geomdl.training import epochs, files, fit, history, read_history, resume
from geomdl.training.checkpoint import Saver


def data(count, seed):
    rng = torch.Generator().manual_seed(seed)
    x = torch.randn(count, 1, 6, 6, generator=rng)
    return x, x[:, 0, 2:4].mean((1, 2)).mul(3).round().clamp(-1, 1).long() + 1


def noise(x, rng):
    return x + 0.3 * torch.randn(x.shape, generator=rng)


def train(folder, every, result):
    begun = any((folder / "run" / name).exists() for name in (resume.LAST, resume.PREVIOUS))
    torch.manual_seed(os.getpid() if begun else 0)  # with a checkpoint, the weights do not matter
    model = nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Dropout(0.3),
        nn.Flatten(), nn.Linear(64, 3),
    )  # fmt: skip
    run = fit(
        model, data(30, 1), data(30, 2), epochs=40, batch_size=6, lr=0.02, patience=6,
        augment=noise, folder=folder / "run", checkpoint_every=every, precision="32-true",
    )  # fmt: skip
    rows = [{k: v for k, v in row.items() if k != "seconds"} for row in run.history]
    facts = {"rows": rows, "best": run.best["epoch"], "stopped": run.stopped}
    save_file(dict(model.state_dict()), result, metadata={"facts": json.dumps(facts)})


def die():
    os.kill(os.getpid(), signal.SIGKILL)


def die_at(owner, name, count, after=False, only=lambda *args: True):
    """From the count-th call on that ``only`` admits, the process is dead."""
    function, left = getattr(owner, name), [count]

    def wrapped(*args, **kwargs):
        left[0] -= only(*args)
        if left[0] <= 0 and not after:
            die()
        result = function(*args, **kwargs)
        if left[0] <= 0:
            die()
        return result

    setattr(owner, name, wrapped)


def torn(count):
    """Half of the bytes of a checkpoint are written, into its temporary file."""

    def write(path, content, before=None):
        half = content[: len(content) // 2]
        path.with_name(f".{path.name}.{os.getpid()}.tmp").write_bytes(half)
        die()

    left, whole = [count], resume.write_whole

    def counted(*args, **kwargs):
        left[0] -= 1
        (whole if left[0] > 0 else write)(*args, **kwargs)

    resume.write_whole = counted


def to_last(old, new):
    return Path(new).name == resume.LAST


def to_previous(old, new):
    return Path(new).name == resume.PREVIOUS


PLACES = {
    "before a step": lambda n: die_at(epochs.Engine, "step", n),
    "after a step": lambda n: die_at(epochs.Engine, "step", n, after=True),
    "half a temporary file": torn,
    "before fsync": lambda n: die_at(files.os, "fsync", n),
    "between fsync and rename": lambda n: die_at(files.os, "fsync", n, after=True),
    "before the last becomes the previous": lambda n: die_at(
        files.os, "replace", n, only=to_previous
    ),
    "between the two renames": lambda n: die_at(files.os, "replace", n, only=to_last),
    "after the rename": lambda n: die_at(files.os, "replace", n, after=True, only=to_last),
    "after best": lambda n: die_at(Saver, "save", max(1, n // 12), after=True),
    "between history and checkpoint": lambda n: die_at(
        history.History, "append", max(1, n // 6), after=True
    ),
}

SABOTAGE = {
    "no moments": lambda: setattr(resume, "set_optimizer_state", lambda *_: None),
    "no weights": lambda: setattr(resume, "set_model_state", lambda *_: None),
    "no random states": lambda: setattr(resume.Kept, "put_back_chance", lambda *_: None),
    "no state of the augmentation": lambda: setattr(
        resume.Kept, "put_back_chance",
        lambda kept, rng: resume.set_random_states(
            resume.part(kept.tensors, "random"), kept.facts["random"]
        ),
    ),
    "no skipping": lambda: setattr(epochs, "islice", lambda stream, count: ()),
    "no sum of losses": lambda: another_place(summed=0.0, count=0),
    "no best row": lambda: another_place(best=1),
}  # fmt: skip


def another_place(**changes):
    """The checkpoint that is read tells another place."""
    read = resume.Keeper.read

    def altered(keeper):
        kept = read(keeper)
        for key, value in changes.items():
            setattr(kept.place, key, value)
        return kept

    resume.Keeper.read = altered


def child(prepare, folder, every, result, seconds=None):
    """Fork a training; kill it after so many seconds. True when it died by SIGKILL."""
    pid = os.fork()
    if pid == 0:
        try:
            prepare()
            train(folder, every, result)
            os._exit(0)
        except BaseException:
            traceback.print_exc()
            os._exit(1)
    if seconds is not None:
        time.sleep(seconds)
        os.kill(pid, signal.SIGKILL)
    status = os.waitpid(pid, 0)[1]
    if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL:
        return True
    if status != 0:
        raise RuntimeError(f"a training process failed with status {status}")
    return False


def facts_of(path):
    from safetensors import safe_open

    with safe_open(path, "pt") as file:
        return json.loads(file.metadata()["facts"])


def differences(result, wanted, folder):
    """What is not, bit for bit, as in the run that was never killed."""
    found = [key for key, value in facts_of(wanted).items() if facts_of(result)[key] != value]
    for path, other in ((result, wanted), (folder / "run" / "best.safetensors", wanted)):
        a, b = load_file(path), load_file(other)
        found += [
            f"{path.name} {key}" for key in b if key not in a or not torch.equal(a[key], b[key])
        ]
    rows = [
        {k: v for k, v in row.items() if k != "seconds"}
        for row in read_history(folder / "run" / "history.jsonl")
    ]
    found += ["history.jsonl"] if rows != facts_of(wanted)["rows"] else []
    left = [p.name for p in (folder / "run").iterdir() if p.name.endswith("tmp")]
    return found + left


def main(root):
    torch.set_num_threads(1)
    chance = random.Random(20)
    wanted = root / "wanted.safetensors"
    (root / "wanted").mkdir()
    child(lambda: None, root / "wanted", 30.0, wanted)
    facts = facts_of(wanted)
    print(json.dumps({"facts": facts}), flush=True)

    def trial(name, every, kills, last=lambda: None):
        folder = root / name.replace(" ", "_")
        folder.mkdir()
        result = folder / "result.safetensors"
        start = time.monotonic()
        died = [child(prepare, folder, every, result, seconds) for prepare, seconds in kills]
        if not all(died):  # a moment that came too late
            shutil.rmtree(folder)
            return trial(name, every, [(prepare, seconds / 2) for prepare, seconds in kills], last)
        child(last, folder, 30.0 if kills else every, result)
        told = {"name": name, "died": died, "differs": differences(result, wanted, folder)}
        print(json.dumps(told), flush=True)
        return time.monotonic() - start

    length = {every: trial(f"never killed, {every}", every, []) for every in (0.0, 0.01, 30.0)}
    for number in range(10):
        every = chance.choice([0.0, 0.0, 0.01, 30.0])
        moments = [
            chance.uniform(0.05, 0.9) * length[every] / (1 + i) for i in range(1 + number % 2)
        ]
        trial(f"moment {number}", every, [(lambda: None, seconds) for seconds in moments])
    for name, prepare in PLACES.items():
        counts = [chance.randint(12, 40), chance.randint(1, 12)]
        trial(name, 0.0, [(lambda n=n, f=prepare: f(n), None) for n in counts])
    for name, prepare in SABOTAGE.items():
        # within an epoch, before the best one, or after it where that is what is forgotten
        step = 5 * facts["best"] + 3 if "best" in name else 13
        kill = (lambda step=step: PLACES["after a step"](step), None)
        trial(f"sabotage: {name}", 0.0, [kill], prepare)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
