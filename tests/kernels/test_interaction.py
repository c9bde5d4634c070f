"""The interaction on more edges and channels than one piece holds, and what it refuses."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from geomdl.kernels import all_kernels, interaction
from geomdl.kernels.interaction import _made

HOME = Path(__file__).resolve().parents[2]
KERNELS = [kernel for kernel in all_kernels() if kernel.name.startswith("interaction")]


def many(dtype, edges=53, nodes=6, channels=16):
    """Inputs of all four, on a graph whose rows are longer and shorter than a piece."""
    rng = torch.Generator().manual_seed(3)
    _, _, _, _, table = _made(dtype, torch.int64, "usual")

    def draw(*shape):
        return torch.randn(shape, generator=rng, dtype=torch.float64).to(dtype)

    source = torch.randint(nodes, (edges,), generator=rng)
    target = torch.randint(2, (edges,), generator=rng).clamp(max=1) * 3
    rows = []
    for ends, others in ((target, source), (source, target)):
        perm = torch.argsort(ends, stable=True)
        counts = torch.bincount(ends, minlength=nodes).cumsum(0)
        rows += [torch.cat([counts.new_zeros(1), counts]), others[perm], perm]
    point = draw(nodes, 4, channels), draw(edges, 4), draw(edges, 3, channels)
    step = tuple(draw(*t.shape) for t in point)
    g = draw(nodes, 7, channels)
    return {
        "interaction": (*point, rows, table, 7),
        "interaction_tangent": (*point, *step, rows, table, 7),
        "interaction_gradient": (*point, g, rows, table),
        "interaction_second": (*point, g, *step, rows, table),
    }


@pytest.mark.parametrize("kernel", KERNELS, ids=lambda kernel: kernel.name)
@pytest.mark.parametrize("channels", [16, 40])
def test_many_edges_and_channels(kernel, channels):
    args = many(torch.float64, channels=channels)[kernel.name]
    found, expected = kernel.run(*args), kernel.reference(*args)
    pairs = [(found, expected)] if isinstance(found, torch.Tensor) else zip(found, expected)  # noqa: B905
    for y, z in pairs:
        assert (y - z).abs().max() <= 1e-12 * z.abs().max()


def changed(place, value):
    args = list(many(torch.float32)["interaction"])
    args[place] = value(args[place])
    return args


def with_table(column, row, value):
    def change(table):
        table = [t.clone() for t in table]
        table[row][0, column] = value
        return table

    return change


@pytest.mark.parametrize(
    ("place", "value", "message"),
    [
        (0, lambda x: x[0], "x: expected 3 axes"),
        (1, lambda s: s.double(), "s: expected 2 axes, torch.float32"),
        (2, lambda w: w[:, :2], r"w: expected shape \(53, 3, 16\), got \(53, 2, 16\)"),
        (4, with_table(1, 0, 4), "terms: expected j below 4"),
        (4, with_table(4, 0, 99), "terms: expected entries below"),
        (4, with_table(1, 2, 2), "blocks: expected odd numbers"),
        (4, with_table(0, 2, 9), "blocks: expected i below 4"),
        (5, lambda _: 3, "blocks: expected k below 3"),
        (
            3,
            lambda rows: [*rows[:2], rows[2] + 1, *rows[3:]],
            "perm: expected each of 53 edges once",
        ),
        (3, lambda rows: [rows[0], rows[1] + 9, *rows[2:]], "index: entry 0 is out of range"),
    ],
)
def test_bad_input(place, value, message):
    with pytest.raises(ValueError, match=message):
        interaction(*changed(place, value))


REPEATED = "perm: expected each of 53 edges once, got others or repeats"


def repeating(kernel):
    """Arguments of a kernel whose orders of the edges have one twice, both ways."""
    args = list(many(torch.float64)[kernel.name])
    place = next(i for i, a in enumerate(args) if isinstance(a, list))
    rows = [t.clone() for t in args[place]]
    for order in (rows[2], rows[5]):
        order[0] = order[1]
    args[place] = rows
    return args


@pytest.mark.parametrize("kernel", KERNELS, ids=lambda kernel: kernel.name)
def test_an_order_of_the_edges_has_each_once(kernel):
    for face in (kernel.run, kernel.reference):
        with pytest.raises(ValueError, match=f"^{REPEATED}$"):
            face(*repeating(kernel))


def test_orders_are_looked_at_in_forward_mode_too():
    x, *rest = repeating(KERNELS[0])
    with pytest.raises(ValueError, match=f"^{REPEATED}$"):
        torch.func.jvp(lambda x: interaction(x, *rest), (x,), (x,))


@pytest.mark.parametrize("channels", [16, 5])
def test_a_nan_stays_in_its_channel_and_at_its_targets(channels):
    x, s, w, rows, *rest = many(torch.float64, channels=channels)["interaction"]
    node, channel = 2, 3
    bad = x.clone()
    bad[node, 1, channel] = torch.nan
    found, clean = (interaction(t, s, w, rows, *rest) for t in (bad, x))
    ends = rows[4][rows[3][node] : rows[3][node + 1]]
    reached = torch.zeros(found.shape, dtype=torch.bool)
    reached[ends, :, channel] = True
    assert found.isnan()[ends.unique(), :, channel].any(1).all()
    assert torch.equal(found[~reached], clean[~reached])


BAD_BOUNDS = """
import torch
from geomdl.kernels import all_kernels, threads
from geomdl.kernels.interaction import _made
point, g, step, rows, table = _made(torch.float32, torch.int64, "usual")
perm = torch.full((64,), 10**12)  # what lies behind the four edges
perm[:4] = rows[2]
wrong = [torch.tensor([0, 1, 10**9, 4]), rows[1], perm[:4]]
calls = {
    "interaction": (*point, wrong + rows[3:], table, 7),
    "interaction_tangent": (*point, *step, wrong + rows[3:], table, 7),
    "interaction_gradient": (*point, g, rows[:3] + wrong, table),
    "interaction_second": (*point, g, *step, rows[:3] + wrong, table),
}
for kernel in all_kernels():
    if kernel.name in calls:
        with threads.always(2):
            try:
                kernel.run(*calls[kernel.name])
            except ValueError as error:
                print(error)
"""

NO_BLOCKS = """
import torch
from geomdl.kernels import interaction
from geomdl.kernels.interaction import _made
(x, s, w), _, _, rows, table = _made(torch.float32, torch.int64, "usual")
terms = torch.full_like(table[0], 10**8)
try:
    interaction(x, s, w[:, :0], rows, [terms, table[1], table[2][:0]], 7)
except ValueError as error:
    print(error)
"""


@pytest.mark.parametrize(
    ("code", "line", "count"),
    [
        (BAD_BOUNDS, "ptr: expected not to decrease, got less after entry 1", 4),
        (NO_BLOCKS, "terms: expected none without blocks, got some", 1),
    ],
    ids=["bounds beyond the edges", "terms without blocks"],
)
def test_nothing_is_read_beyond_the_arrays(code, line, count):
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        timeout=300,
        env={**os.environ, "PYTHONPATH": str(HOME)},
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.splitlines() == [line] * count


@pytest.mark.parametrize("kernel", KERNELS, ids=lambda kernel: kernel.name)
def test_bounds_that_decrease(kernel):
    args = list(many(torch.float32)[kernel.name])
    place = next(i for i, a in enumerate(args) if isinstance(a, list))
    rows = [t.clone() for t in args[place]]
    rows[0][1] = rows[3][1] = 10**6
    args[place] = rows
    with pytest.raises(ValueError, match="ptr: expected not to decrease"):
        kernel.run(*args)
