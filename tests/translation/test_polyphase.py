import pytest
import torch
from torch import nn

import geomdl
from geomdl.translation import PolyphasePool
from geomdl.translation.components import slices
from tests.translation.shifts import noise, roll, shifts

SHAPES = {1: (12,), 2: (6, 4), 3: (4, 2, 4)}


def unravel(k, stride, d):
    return torch.tensor([k // stride ** (d - 1 - i) % stride for i in range(d)])


@pytest.mark.parametrize("d", [1, 2, 3])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_equivariant_up_to_the_phase_bit_for_bit(d, dtype):
    """pool(T_t x) = T_r pool(x), r = (t + k(x) - k(T_t x)) / s, for every shift t."""
    pool = PolyphasePool(3, d=d)
    x = noise(1, 3, *SHAPES[d], dtype=dtype)
    phases = set()
    for t in shifts(SHAPES[d]):
        moved = roll(x, t)
        numerator = (
            torch.tensor(t)
            + unravel(pool.phase(x).item(), 2, d)
            - unravel(pool.phase(moved).item(), 2, d)
        )
        assert (numerator % 2 == 0).all()
        r = tuple((numerator // 2).tolist())
        assert all(s // 2 <= step <= -(-s // 2) for s, step in zip(t, r, strict=True))
        assert torch.equal(pool(moved), roll(pool(x), r))
        phases.add(pool.phase(moved).item())
    assert len(phases) == 2**d


def test_a_plain_stride_is_not():
    x = noise(1, 3, 6, 4)
    for t in ((1, 0), (0, 1), (1, 1)):
        moved = slices(roll(x, t), 2)[0]
        assert all(not torch.equal(moved, roll(slices(x, 2)[0], r)) for r in shifts((3, 2)))


@pytest.mark.parametrize("stride", [2, 3])
@pytest.mark.parametrize("d", [1, 2, 3])
def test_audit_sees_the_shifts_by_multiples_of_the_stride(d, stride):
    shape = tuple(stride * n for n in SHAPES[d])
    pool = PolyphasePool(2, stride, d=d, shape=shape)
    assert pool.source.group.name == "Z" + "x".join(map(str, SHAPES[d]))
    report = geomdl.audit(pool, noise(2, 2, *shape))
    assert report.passed(1e-12), report


def test_the_audit_fails_for_a_phase_that_does_not_move():
    class Fixed(PolyphasePool):
        def phase(self, x):
            """The phase of the largest entry in the left half."""
            left = x[..., : x.shape[-1] // 2]
            return torch.stack([y.flatten(1).amax(1) for y in slices(left, 2)], 1).argmax(1)

    assert geomdl.audit(Fixed(2, shape=(6, 8)), noise(2, 2, 6, 8)).error > 1e-2


def test_the_mean_is_invariant_to_all_shifts():
    class Mean(nn.Module):
        def __init__(self):
            super().__init__()
            self.pool = PolyphasePool(2)

        def forward(self, x):
            return self.pool(x).mean((2, 3))

    group = geomdl.group("Z6x8")
    source = geomdl.Field(geomdl.Grid(2, periodic=True), 2 * group.trivial)
    target = geomdl.Field(geomdl.Vector(), 2 * group.trivial)
    report = geomdl.audit(
        Mean(), noise(2, 2, 6, 8), source=source, target=target, elements=group.elements
    )
    assert report.passed(1e-12), report
    twin = nn.Sequential(nn.MaxPool2d(1, stride=2), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    assert geomdl.audit(twin, noise(2, 2, 6, 8), source=source, target=target).error > 1e-2


def test_odd_sizes_are_refused_and_break_it():
    with pytest.raises(
        ValueError,
        match=r"^x: spatial sizes should be multiples of 2, got \(5, 4\); strict=False takes",
    ):
        PolyphasePool(1)(torch.zeros(1, 1, 5, 4))
    pool, x = PolyphasePool(1, strict=False), noise(1, 1, 5, 4)
    assert pool(x).shape == (1, 1, 3, 2)
    means = torch.stack([pool(roll(x, t)).mean() for t in shifts((5, 4))])
    assert means.std() > 1e-2


@pytest.mark.parametrize(
    "backend", ["aot_eager", pytest.param("inductor", marks=pytest.mark.inductor)]
)
def test_compiles_to_one_graph_and_chooses_alike(backend):
    torch.compiler.reset()
    pool = PolyphasePool(2)
    compiled = torch.compile(pool, fullgraph=True, backend=backend)
    for t in ((0, 0), (1, 0), (0, 1), (1, 1)):
        x = roll(noise(3, 2, 6, 4, dtype=torch.float32), t)
        assert torch.equal(compiled(x), pool(x))


def test_exports_with_any_batch():
    batch = torch.export.Dim("batch", min=1)
    program = torch.export.export(
        PolyphasePool(2), (noise(3, 2, 6, 4),), dynamic_shapes={"x": {0: batch}}
    )
    for n in (1, 3, 5):
        x = noise(n, 2, 6, 4, seed=n)
        assert torch.equal(program.module()(x), PolyphasePool(2)(x))


def test_gradient_flows_through_the_kept_component():
    x = noise(2, 2, 4, 4).requires_grad_()
    assert torch.autograd.gradcheck(PolyphasePool(2), x)
    assert torch.autograd.gradgradcheck(lambda x: PolyphasePool(2)(x).square(), x)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"channels": 0}, r"^channels: should be a positive integer, got 0$"),
        ({"stride": 0}, r"^stride: should be a positive integer, got 0$"),
        ({"d": 4}, r"^d: should be 1, 2 or 3, got 4$"),
    ],
)
def test_impossible_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        PolyphasePool(**{"channels": 2, **arguments})


def test_wrong_channels():
    with pytest.raises(ValueError, match=r"^x: axis 1 should be channels=2, got 3$"):
        PolyphasePool(2)(torch.zeros(1, 3, 4, 4))
