import csv
import functools
import json
import math
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from geomdl.training import Sweep, sweep
from geomdl.training.sweep_pool import _ray
from geomdl.training.sweep_store import fingerprint

GRID = {"width": [1, 2, 3], "lr": [0.1, 0.2]}


def table(*rows):
    filled = [{"seed": 0, "seconds": 0.0, "error": None} | row for row in rows]
    return Sweep(tuple(filled), ("width",))


def noisy(seed, width, lr):
    """Draws from all three global states, in a time that turns the order of completion round."""
    time.sleep(0.02 * (3 - width))
    return {"loss": torch.randn(width).sum() * lr, "np": np.random.rand(), "seed2": seed}


def values(found):
    return [{k: v for k, v in row.items() if k != "seconds"} for row in found.rows]


def test_processes_give_what_one_process_gives_in_the_same_order():
    state = torch.get_rng_state()
    serial = sweep(noisy, GRID, 3, jobs=1)
    scale = 1  # a closure goes to the processes
    both = sweep(lambda seed, **p: noisy(seed, **p) | {"pid": os.getpid() * scale}, GRID, 3, jobs=2)
    assert torch.equal(torch.get_rng_state(), state)
    assert len({row.pop("pid") for row in both.rows} - {os.getpid()}) == 2
    assert values(both) == values(serial)
    points = [(row["width"], row["lr"], row["seed"]) for row in both]
    assert points == [(w, lr, s) for w in (1, 2, 3) for lr in (0.1, 0.2) for s in (0, 1, 2)]
    assert len({row["np"] for row in serial}) == 3  # a seed a stream


def test_each_process_has_its_share_of_the_threads():
    import joblib

    def threads(seed):
        return {"threads": torch.get_num_threads()}

    before = torch.get_num_threads()
    for jobs, asked, expected in ((2, None, max(1, joblib.cpu_count() // 2)), (1, 3, 3), (2, 3, 3)):
        found = sweep(threads, {}, 2, jobs=jobs, threads=asked)
        assert [row["threads"] for row in found] == [expected] * 2
    assert torch.get_num_threads() == before


def test_a_list_of_points_and_given_seeds():
    points = [{"a": (1, 2)}, {"a": [3], "b": None}]
    found = sweep(lambda seed, a, b=0: {"sum": sum(a) + seed}, points, [7, 5], jobs=1)
    assert [row["sum"] for row in found] == [10, 8, 10, 8]
    assert found.rows[0]["a"] == (1, 2)
    assert found.mean() == [
        {"a": (1, 2), "b": None, "runs": 2, "sum": 9.0, "sum_sd": math.sqrt(2)},
        {"a": [3], "b": None, "runs": 2, "sum": 9.0, "sum_sd": math.sqrt(2)},
    ]


def faulty(seed, width):
    if width == 2:
        raise ValueError("no\nroom")
    return {"loss": float(width)}


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_failing_call_loses_no_other(jobs, tmp_path):
    grid = {"width": [1, 2, 3]}
    with pytest.raises(RuntimeError) as caught:
        sweep(faulty, grid, 2, jobs=jobs, folder=tmp_path)
    said = str(caught.value)
    assert said.startswith("sweep: 2 of 6 calls failed, the first at width=2, seed=0 with ValueErr")
    assert "no room (test_sweep.py, line " in said and "\n" not in said
    kept = sweep(faulty, grid, 2, jobs=jobs, folder=tmp_path, on_error="keep")
    assert [row.get("loss") for row in kept] == [1.0, 1.0, None, None, 3.0, 3.0]
    assert [row["width"] for row in kept.failed] == [2, 2]
    assert "2 of 6 rows failed" in str(kept) and "2 of 6 rows failed" in kept._repr_html_()


def leaving(seed, width):
    if width == 2:
        raise SystemExit(3)
    return {"loss": float(width)}


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_script_that_exits_loses_no_other(jobs):
    kept = sweep(leaving, {"width": [1, 2, 3]}, 1, jobs=jobs, on_error="keep")
    assert [row.get("loss") for row in kept] == [1.0, None, 3.0]
    assert kept.failed[0]["error"].startswith("SystemExit: 3")


def test_failed_calls_are_made_again_and_finished_ones_are_not(tmp_path):
    calls = []

    def function(seed, width):
        calls.append((width, seed))
        if width == 2 and not (tmp_path / "mended").exists():
            raise OSError
        return {"loss": math.nan if width == 1 else math.inf, "n": width}

    grid, folder = {"width": [1, 2]}, tmp_path / "new" / "folder"
    first = sweep(function, grid, 2, jobs=1, folder=folder, on_error="keep")
    (tmp_path / "mended").touch()
    again = sweep(function, grid | {"width": [1, 2, 3]}, 2, jobs=1, folder=folder)
    assert calls == [(1, 0), (1, 1), (2, 0), (2, 1), (2, 0), (2, 1), (3, 0), (3, 1)]
    sweep(function, grid, 2, jobs=1, folder=tmp_path / "other")
    assert calls[8:] == [(1, 0), (1, 1), (2, 0), (2, 1)]  # nothing but the folder remembers
    assert [math.isnan(row["loss"]) for row in again] == [True] * 2 + [False] * 4
    assert [row["n"] for row in again] == [1, 1, 2, 2, 3, 3]
    assert first.rows[0]["seconds"] == again.rows[0]["seconds"]
    for line in (folder / "sweep.jsonl").read_text().splitlines():
        json.loads(line, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))


def test_a_last_line_cut_short_is_computed_again(tmp_path):
    touched = []
    function = functools.partial(lambda log, seed: log.append(seed) or {"x": seed}, touched)
    file = tmp_path / "sweep.jsonl"
    sweep(function, {}, 3, jobs=1, folder=tmp_path, on_change="keep")
    file.write_bytes(file.read_bytes()[:-20])
    found = sweep(function, {}, 3, jobs=1, folder=tmp_path, on_change="keep")
    assert touched == [0, 1, 2, 2]
    assert [row["x"] for row in found] == [0, 1, 2]
    assert len(file.read_text().splitlines()) == 4
    file.write_text("{\n" + file.read_text())
    with pytest.raises(ValueError, match="line 1 should be JSON"):
        sweep(function, {}, 3, jobs=1, folder=tmp_path)


SCRIPT = """
import sys, time
from pathlib import Path
from geomdl.training import sweep

def slow(seed, width):
    with (Path(sys.argv[1]) / f"{width}-{seed}").open("a") as file:
        file.write("x")
    time.sleep(0.05)
    return {"y": width + seed}

if __name__ == "__main__":
    found = sweep(slow, {"width": list(range(10))}, 4, jobs=2, folder=sys.argv[1])
    print(sum(row["y"] for row in found), len(found))
"""


def test_a_killed_sweep_goes_on_where_it_was(tmp_path):
    script, folder = tmp_path / "script.py", tmp_path / "folder"
    script.write_text(SCRIPT)
    folder.mkdir()
    words = [sys.executable, str(script), str(folder)]
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    victim = subprocess.Popen(
        words, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    file = folder / "sweep.jsonl"
    while not (file.exists() and file.read_bytes().count(b"\n") > 8):
        assert victim.poll() is None
        time.sleep(0.01)
    victim.send_signal(signal.SIGKILL)
    victim.wait()
    lines = file.read_text().split("\n")[1:-1]
    stored = [json.loads(json.loads(line)["key"]) for line in lines]
    assert 8 <= len(stored) < 40
    done = subprocess.run(words, env=environment, capture_output=True, text=True)
    assert done.stdout.split() == ["240", "40"], done.stderr
    touched = {p.name: len(p.read_text()) for p in folder.iterdir() if p != file}
    names = [f"{key['point']['width']}-{key['seed']}" for key in stored]
    assert len(touched) == 40
    assert [touched[name] for name in names] == [1] * len(names)  # not computed again


def test_an_interruption_leaves_what_is_done(tmp_path):
    def stopped(seed):
        if seed == 2 and not (tmp_path / "go").exists():
            raise KeyboardInterrupt
        return {"x": seed}

    with pytest.raises(KeyboardInterrupt):
        sweep(stopped, {}, 4, jobs=1, folder=tmp_path)
    assert len((tmp_path / "sweep.jsonl").read_text().splitlines()) == 3
    (tmp_path / "go").touch()
    assert len(sweep(stopped, {}, 4, jobs=1, folder=tmp_path)) == 4


def test_a_process_that_dies_is_one_line(tmp_path):
    with pytest.raises(RuntimeError, match="sweep: a process died"):
        sweep(lambda seed: os._exit(1), {}, 2, jobs=2, folder=tmp_path)


def test_another_function_or_a_changed_one_is_refused(tmp_path):
    def make(text):
        namespace = {"__name__": "toy"}
        exec(text, namespace)
        return namespace["f"]

    first = make("def f(seed, k=1): return {'x': k in {1, 'a', 'b'}}")
    sweep(first, {}, jobs=1, folder=tmp_path)
    sweep(first, {}, jobs=1, folder=tmp_path)
    for text in ("def f(seed, k=2): return {'x': k in {1, 'a', 'b'}}",
                 "def f(seed, k=1): return {'x': k in {2, 'a', 'b'}}"):  # fmt: skip
        with pytest.raises(ValueError, match=r"toy\.f has changed since"):
            sweep(make(text), {}, jobs=1, folder=tmp_path)
        assert sweep(make(text), {}, jobs=1, folder=tmp_path, on_change="keep").rows[0]["x"]
    with pytest.raises(ValueError, match=r"holds rows of toy\.f, got"):
        sweep(noisy, GRID, jobs=1, folder=tmp_path)


def test_the_fingerprint_sees_code_closures_and_bound_arguments():
    def closed(k):
        return lambda seed: {"x": k}

    marks = [fingerprint(f) for f in (closed(1), closed(2), functools.partial(noisy, lr=1),
                                      functools.partial(noisy, lr=2), noisy, faulty)]  # fmt: skip
    assert len(set(marks)) == 6
    assert fingerprint(closed(1)) == marks[0]


def test_a_folder_in_use_is_refused(tmp_path):
    def nested(seed):
        sweep(nested, {}, jobs=1, folder=tmp_path)

    with pytest.raises(RuntimeError, match="another sweep is writing to"):
        sweep(nested, {}, jobs=1, folder=tmp_path)


@pytest.mark.parametrize(
    ("grid", "options", "error", "message"),
    [
        ({"a": []}, {}, ValueError, "grid: should have a list of values for 'a', got"),
        ({"a": "xyz"}, {}, ValueError, "grid: should have a list of values for 'a', got 'xyz'"),
        ({"seed": [1]}, {}, ValueError, "grid: names should not be seed, runs, seconds, error"),
        ([], {}, ValueError, "grid: should have a point, got none"),
        ({"a": [1, 1]}, {}, ValueError, "grid: should hold each point once, got a=1, seed=0 again"),
        ({}, {"seeds": 0}, ValueError, "seeds: should be integers, or their number"),
        ({}, {"seeds": [0.5]}, ValueError, "seeds: should be integers"),
        ({}, {"seeds": [1, 1]}, ValueError, "grid: should hold each point once"),
        ({}, {"jobs": 0}, ValueError, "jobs: should be an integer >= 1, got 0"),
        ({}, {"threads": 0.5}, ValueError, "threads: should be an integer >= 1, got 0.5"),
        ({}, {"backend": "dask"}, ValueError, "backend: should be 'loky' or 'ray', got 'dask'"),
        ({}, {"on_error": "no"}, ValueError, "on_error: should be 'raise' or 'keep', got 'no'"),
        ({}, {"folder": "{tmp}/file"}, ValueError, "folder: should be a writable folder"),
        ({"a": [object()]}, {"folder": "{tmp}"}, TypeError, "grid: with a folder, values should"),
    ],
)
def test_bad_input_is_one_line(grid, options, error, message, tmp_path):
    (tmp_path / "file").touch()
    filled = {
        k: v.replace("{tmp}", str(tmp_path)) if isinstance(v, str) else v
        for k, v in options.items()
    }
    with pytest.raises(error) as caught:
        sweep(lambda seed, a=0: {}, grid, **filled)
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("result", "message"),
    [
        (3, "TypeError: result: should be a mapping, got int"),
        ({"x": "3"}, "TypeError: result: x should be a number, got str"),
        ({"x": torch.zeros(2)}, "TypeError: result: x should be a number, got"),
        ({"seconds": 1}, "ValueError: result: should have a name of its own, got 'seconds'"),
        ({"a": 1}, "ValueError: result: should have a name of its own, got 'a'"),
    ],
)
def test_bad_results_are_errors_of_their_rows(result, message):
    found = sweep(lambda seed, a: result, {"a": [1]}, jobs=1, on_error="keep")
    assert found.rows[0]["error"].startswith(message)


def test_a_function_that_cannot_travel_is_one_line():
    import threading

    lock = threading.Lock()
    with pytest.raises(TypeError, match=r"function: should be fit to be sent .*jobs=1, got"):
        sweep(lambda seed: {"x": lock.locked()}, {}, 2, jobs=2)
    assert len(sweep(lambda seed: {"x": lock.locked()}, {}, 2, jobs=1)) == 2


def test_ray_missing_is_one_line(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(ImportError, match=r"pip install geomdl-torch\[dist\]"):
        sweep(noisy, GRID, backend="ray")


@pytest.mark.slow
def test_a_local_ray_gives_what_one_process_gives(tmp_path, monkeypatch):
    import ray

    monkeypatch.delenv("RAY_ADDRESS", raising=False)

    def function(seed, width, lr):
        time.sleep(0.05)
        loss = torch.randn(width).sum() * lr
        return {"loss": loss, "pid": os.getpid(), "threads": torch.get_num_threads()}

    found = sweep(function, GRID, 2, jobs=2, backend="ray", folder=tmp_path)
    assert not ray.is_initialized()  # what it started, it stopped
    again = sweep(function, GRID, 2, jobs=2, backend="ray", folder=tmp_path)
    serial = sweep(function, GRID, 2, jobs=1, threads=1)
    assert values(again) == values(found)
    assert {row["threads"] for row in found} == {1}
    assert len({row["pid"] for row in found} - {os.getpid()}) == 2
    assert [row["loss"] for row in found] == [row["loss"] for row in serial]
    other = sweep(function, GRID, [5, 6], jobs=1, threads=1)
    assert [row["loss"] for row in found] != [row["loss"] for row in other]


def test_a_ray_that_was_there_before_is_used_and_left(monkeypatch):
    started = []
    there = SimpleNamespace(
        is_initialized=lambda: True,
        cluster_resources=lambda: {"CPU": 4.0},
        init=started.append,
        shutdown=lambda: started.append("stopped"),
    )
    monkeypatch.setitem(sys.modules, "ray", there)
    with _ray(None) as cores:
        assert cores == 4
    assert started == []


def test_means_by_name_and_nan_stays():
    found = table(
        {"width": 8, "loss": 1.0}, {"width": 8, "loss": 2.0, "seed": 1},
        {"width": 16, "loss": math.nan}, {"width": 16, "error": "boom", "seed": 1},
    )  # fmt: skip
    small, large = found.mean()
    assert small == {"width": 8, "runs": 2, "loss": 1.5, "loss_sd": math.sqrt(0.5)}
    assert large["runs"] == 1 and math.isnan(large["loss"]) and math.isnan(large["loss_sd"])
    assert [row["runs"] for row in found.mean("seed")] == [2, 1]
    assert [row["runs"] for row in found.mean(by=[])] == [3]
    assert str(found).splitlines() == [
        "width  runs  loss", "-----  ----  ------------", "8      2     1.5 ± 0.7071",
        "16     1     nan", "1 of 4 rows failed",
    ]  # fmt: skip
    assert "<td>1.5 ± 0.7071</td>" in found._repr_html_()
    assert repr(found) == "Sweep(4 rows over width)"
    with pytest.raises(ValueError, match="by: expected names among width, seed, got 'lr'"):
        found.mean("lr")


def test_csv_holds_every_row(tmp_path):
    found = table({"width": [8, 16], "loss": 0.1}, {"width": None, "error": "a, b"})
    found.to_csv(tmp_path / "out.csv")
    with (tmp_path / "out.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["width", "seed", "loss", "seconds", "error"]
    assert json.loads(rows[0]["width"]) == [8, 16] and float(rows[0]["loss"]) == 0.1
    assert (rows[1]["width"], rows[1]["loss"], rows[1]["error"]) == ("", "", "a, b")
    assert [p.name for p in tmp_path.iterdir()] == ["out.csv"]


def test_the_bar_counts_what_is_done(tmp_path, capsys):
    sweep(faulty, {"width": [1]}, jobs=1, folder=tmp_path)
    assert capsys.readouterr().out == ""
    sweep(faulty, {"width": [1, 3]}, jobs=1, folder=tmp_path, progress=True)
    assert "2/2" in capsys.readouterr().out
