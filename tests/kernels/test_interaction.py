"""The interaction on more edges and channels than one piece holds, and what it refuses."""

import pytest
import torch

from geomdl.kernels import all_kernels, interaction
from geomdl.kernels.interaction import _made

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
        (3, lambda rows: [*rows[:2], rows[2] + 1, *rows[3:]], "perm: expected numbers"),
        (3, lambda rows: [rows[0], rows[1] + 9, *rows[2:]], "index: entry 0 is out of range"),
    ],
)
def test_bad_input(place, value, message):
    with pytest.raises(ValueError, match=message):
        interaction(*changed(place, value))
