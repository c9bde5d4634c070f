"""Peak memory of a step, counted where torch allocates it.

On a CPU the resident size of a process moves with the allocator's habits and with libraries that
have nothing to do with the step. So the count is exact instead, of one well-defined thing: the
bytes of tensors that are alive at the same time because of the step.
"""

import json
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

METHOD = (
    "most bytes of tensors alive at one time among those allocated during one step after a warm-up"
    " step (activations, gradients, work space that goes through torch's allocator), by"
    " torch.profiler on the CPU; parameters, data and optimiser state, which live before the"
    " step, are not counted"
)


def peak_memory(step: Callable[[], object], *, warmup: int = 1) -> int:
    """Most bytes of tensors alive at one time among those that `step` allocates.

    Exact for everything that torch's CPU allocator hands out, as recorded by `torch.profiler`;
    blind to what a library allocates behind its back. What existed before the step is not counted.

    Args:
        step: callable without arguments, for instance forward, backward and optimiser.
        warmup: untimed calls before it, so that state created once is not counted.

    Returns:
        Bytes.

    Example:
        >>> import torch
        >>> peak_memory(lambda: torch.zeros(1000, dtype=torch.float64).sum())
        8008
    """
    from torch.profiler import ProfilerActivity, profile

    for _ in range(warmup):
        step()
    activities = [ProfilerActivity.CPU]
    with (
        _silent_stderr(),
        profile(activities=activities, profile_memory=True, acc_events=True) as record,
    ):
        step()
    with tempfile.TemporaryDirectory() as folder:
        trace = Path(folder) / "trace.json"
        record.export_chrome_trace(str(trace))
        events = json.loads(trace.read_text())["traceEvents"]
    changes = sorted(
        (event["ts"], event["args"]["Ev Idx"], event["args"]["Bytes"])
        for event in events
        if event.get("name") == "[memory]" and event["args"]["Device Type"] == 0
    )
    alive = peak = 0
    for _, _, change in changes:
        alive += change
        peak = max(peak, alive)
    return int(peak)


@contextmanager
def _silent_stderr() -> Iterator[None]:
    """Keep the profiler's own remarks, which its C++ code writes past Python, off the terminal."""
    sys.stderr.flush()
    saved, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(saved, 2)
        os.close(saved)
        os.close(nowhere)
