"""Threads, forks and processes around a kernel."""

import multiprocessing
import os
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numba
import pytest
import torch
from torch.utils.data import DataLoader, Dataset

from geomdl.kernels import segment_sum, team, threads
from geomdl.kernels.neighbors import gather_rows
from geomdl.kernels.threads import blocks, for_rows

HOME = Path(__file__).resolve().parents[2]


@pytest.fixture(params=["torch's", "ours"])
def two_threads(request, monkeypatch):
    monkeypatch.setattr(threads, "LEAST_WORK", 0)
    if request.param == "ours":
        monkeypatch.setattr(team, "available", lambda: False)
    else:
        assert team.available()  # in a build of torch without OpenMP there is the pool alone
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def segments(rows, each, channels):
    values = torch.arange(rows * each * channels, dtype=torch.float32).reshape(-1, channels)
    return values, torch.arange(0, rows * each + 1, each, dtype=torch.int32)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("parts", [1, 2, 3, 7])
def test_blocks_cover_every_row_once_and_share_the_work(seed, parts):
    rng = torch.Generator().manual_seed(seed)
    sizes = torch.randint(0, 30, (200,), generator=rng)
    ptr = torch.cat([torch.zeros(1, dtype=torch.long), sizes.cumsum(0)]).numpy()
    cut = blocks(ptr, parts)
    assert [row for a, b in cut for row in range(a, b)] == list(range(200))
    work = [int(ptr[b] - ptr[a]) + b - a for a, b in cut]
    assert max(work) <= (int(ptr[-1]) + 200) / parts + 2 * 31


def test_blocks_of_hostile_bounds_still_cover_every_row():
    for ptr in ([0], [0, 0], [0, 9, 2, 5], [5, 3, 0, -4], [0, 10**6, 10**6]):
        rows = [row for a, b in blocks(ptr, 3) for row in range(a, b)]
        assert rows == list(range(len(ptr) - 1))


def test_the_number_of_threads_is_torchs_at_each_call(two_threads):
    used = []
    for count in (2, 1, 3):
        torch.set_num_threads(count)
        names = for_rows(lambda a, b: (threading.get_ident(), b - a), range(100), 100)
        used.append(len(names))
        assert sum(rows for _, rows in names) == 99
        assert names[0][0] == threading.get_ident()
    assert used == [2, 1, 3]


def test_a_call_within_a_block_stays_in_its_thread(two_threads):
    def nested(start, stop):
        return for_rows(lambda a, b: threading.get_ident(), range(50), 50)

    inner = for_rows(nested, range(100), 100)
    assert [len(identities) for identities in inner] == [1, 1]


def test_an_error_in_a_block_waits_for_the_others_and_arrives(two_threads):
    finished = []

    def block(start, stop):
        if start == 0:
            raise ValueError("block")
        time.sleep(0.05)
        finished.append(stop)

    with pytest.raises(ValueError, match="block"):
        for_rows(block, range(100), 100)
    assert finished in ([], [99])  # never begun, or ended: nothing runs on
    later = list(finished)
    time.sleep(0.1)
    assert finished == later
    assert for_rows(lambda a, b: b - a, range(3), 3) == [1, 1]


def test_many_threads_may_call_at_once(two_threads):
    values, ptr = segments(50, 20, 3)
    expected = segment_sum(values, ptr)
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: segment_sum(values, ptr), range(200)))
    assert all(torch.equal(y, expected) for y in found)


def test_the_gil_is_released():
    """Another thread counts while one long loop runs; a loop that keeps the GIL lets it not."""
    values = torch.ones(1, 2000, dtype=torch.float32).numpy()
    entries = 50_000  # of 2000 channels: some hundredths of a second
    ptr = torch.tensor([0, entries]).numpy()
    index = torch.zeros(entries, dtype=torch.int64).numpy()
    out = torch.empty(1, 2000).numpy()
    gather_rows(0, 0, ptr, index, values, out)  # compiles

    def counted(work):
        count, stop = 0, threading.Event()

        def counting():
            nonlocal count
            while not stop.is_set():
                count += 1

        thread = threading.Thread(target=counting)
        before = sys.getswitchinterval()
        sys.setswitchinterval(0.5)  # longer than the loop: only a released GIL gives way
        try:
            thread.start()
            start = count
            work()
            return count - start
        finally:
            stop.set()
            sys.setswitchinterval(before)
            thread.join()

    # on a busy machine the other thread may get no processor in time: some tries
    tries = (counted(lambda: gather_rows(0, 1, ptr, index, values, out)) for _ in range(10))
    assert any(count > 1000 for count in tries)
    keeps = numba.njit(gather_rows._whole())
    keeps(0, 0, ptr, index, values, out)
    assert counted(lambda: keeps(0, 1, ptr, index, values, out)) < 1000  # the sabotaged twin


class Sums(Dataset):
    """Runs a kernel, in two threads, in the worker."""

    def __len__(self):
        return 4

    def __getitem__(self, i):
        torch.set_num_threads(2)
        values, ptr = segments(50, 20, 3)
        return segment_sum(values + i, ptr)


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_forked_workers_run_kernels_after_the_parent_did(two_threads):
    values, ptr = segments(50, 20, 3)
    segment_sum(values, ptr)
    assert team.available() or threads._pool is not None
    fork = multiprocessing.get_context("fork")
    loader = DataLoader(Sums(), batch_size=None, num_workers=2, multiprocessing_context=fork)
    loader.timeout = 60
    found = list(loader)
    for i, y in enumerate(found):
        assert torch.equal(y, segment_sum(values + i, ptr))
    assert len(found) == 4


def test_a_forked_child_makes_its_own_threads(two_threads):
    values, ptr = segments(50, 20, 3)
    expected = segment_sum(values, ptr)
    child = os.fork()
    if child == 0:
        made = threads._pool is None and not team.available()
        code = 0 if made and torch.equal(segment_sum(values, ptr), expected) else 1
        os._exit(code)
    for _ in range(600):
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            break
        time.sleep(0.05)
    else:
        os.kill(child, 9)
        os.waitpid(child, 0)
        pytest.fail("the child hangs")
    assert os.waitstatus_to_exitcode(status) == 0


def test_work_and_torchs_own_loops_share_threads(two_threads):
    """Each share once, whatever torch does before and after; interrupted by errors or not."""
    x = torch.randn(200, 200)
    for _ in range(20):
        x = x @ x / 200
        names = for_rows(lambda a, b: (a, b), range(101), 100)
        assert names == [(0, 50), (50, 100)]


def test_kernels_run_while_the_interpreter_ends():
    code = """
import atexit, torch
from geomdl.kernels import segment_sum, team, threads
threads.LEAST_WORK = 0
torch.set_num_threads(2)
run = lambda: segment_sum(torch.ones(6, 1), torch.tensor([0, 2, 6])).flatten().tolist()
atexit.register(lambda: print(run()))
run()
"""
    assert child(code).splitlines() == ["[2.0, 4.0]"]


WORKER = """
import os, sys, torch
import torch.distributed as dist
from torch.nn.parallel import DistributedDataParallel
from geomdl.kernels import neighbor_sum, threads
threads.LEAST_WORK = 0
torch.set_num_threads(2)
rank = int(sys.argv[1])
dist.init_process_group("gloo", init_method=f"file://{sys.argv[2]}", rank=rank, world_size=2)

class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.linear = torch.nn.Linear(3, 3, dtype=torch.float64)

    def forward(self, x, *csr):
        return neighbor_sum(self.linear(x), *csr)

csr = [torch.tensor(t) for t in ([0, 1, 3, 3], [2, 0, 2], [0, 1, 1, 3], [1, 0, 1])]
xs = [torch.randn(3, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(r))
      for r in range(2)]
net = Net()
sum(net(x, *csr).pow(2).sum() / 2 for x in xs).backward()
expected = net.linear.weight.grad.clone()
net.zero_grad()
parallel = DistributedDataParallel(net)
parallel(xs[rank], *csr).pow(2).sum().backward()
error = (net.linear.weight.grad - expected).abs().max().item()
assert error <= 1e-13, error
dist.destroy_process_group()
print("same gradient")
"""


def test_distributed_data_parallel_on_two_processes(tmp_path):
    started = [
        subprocess.Popen(
            [sys.executable, "-c", WORKER, str(rank), str(tmp_path / "meeting")],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(HOME)},
        )
        for rank in range(2)
    ]
    try:
        for process in started:
            out, err = process.communicate(timeout=120)
            assert process.returncode == 0, err[-2000:]
            assert "same gradient" in out
    finally:
        for process in started:
            process.kill()


def child(code):
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, "PYTHONPATH": str(HOME)},
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout
