"""The choice of the polyphase component moves with the image, for every image and every shift."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from geomdl.translation.components import pad_to_multiple, phase, slices, take
from tests.translation.shifts import noise, normal_form, orbit, roll, shifts


def unravel(k, stride, d):
    """Phases (batch,) as vectors (batch, d)."""
    return torch.stack([k // stride ** (d - 1 - i) % stride for i in range(d)], -1)


def naive(x, stride):
    """The published rule: the first component of largest norm, in floating point."""
    return torch.stack([y.flatten(1).norm(dim=1) for y in slices(x, stride)], 1).argmax(1)


def binary_images(shape):
    n = math.prod(shape)
    return ((torch.arange(2**n)[:, None] >> torch.arange(n)) & 1).float().reshape(-1, 1, *shape)


def broken(choose, shape, stride):
    """Number of (binary image, shift by one pixel) whose kept component is no shift of its own.

    Zero means that all shifts are right, by induction: a shifted image is one of the images.
    """
    x = binary_images(shape)
    wanted = normal_form(take(x, choose(x, stride), stride))
    count = 0
    for t in torch.eye(len(shape), dtype=torch.int64).tolist():
        moved = roll(x, t)
        count += int((normal_form(take(moved, choose(moved, stride), stride)) != wanted).sum())
    return count


@pytest.mark.parametrize(
    ("shape", "stride"),
    [((8,), 2), ((12,), 2), ((12,), 3), ((12,), 4), ((12,), 6), ((2, 6), 2), ((3, 3), 3),
     ((4, 4), 2), ((16,), 2), ((16,), 4), ((2, 2, 2), 2)],
)  # fmt: skip
def test_every_binary_image_and_every_shift(shape, stride):
    """Exhaustive: all images of this size, hence all ties that such images can have."""
    assert broken(phase, shape, stride) == 0


@pytest.mark.parametrize(("shape", "stride"), [((12,), 2), ((12,), 3)])
def test_the_first_maximum_breaks_ties_by_place(shape, stride):
    """The twin: this is what the exhaustive test must catch."""
    assert broken(naive, shape, stride) > 100


@settings(max_examples=60, deadline=None)
@given(
    d=st.integers(1, 3),
    stride=st.integers(2, 3),
    seed=st.integers(0, 10**6),
    dtype=st.sampled_from([torch.float64, torch.float32, torch.bfloat16, torch.float16]),
    exponent=st.integers(-4, 4),
    sparse=st.booleans(),
)
def test_the_phase_moves_with_the_image(d, stride, seed, dtype, exponent, sparse):
    rng = torch.Generator().manual_seed(seed)
    sizes = [stride * int(torch.randint(1, 4, (), generator=rng)) for _ in range(d)]
    x = noise(3, 2, *sizes, seed=seed) * 10.0**exponent
    x = (x.relu() if sparse else x).to(dtype)
    t = [int(torch.randint(0, n, (), generator=rng)) for n in sizes]
    ours, theirs = phase(x, stride), phase(roll(x, t), stride)
    assert torch.equal(
        unravel(theirs, stride, d), (unravel(ours, stride, d) + torch.tensor(t)) % stride
    )


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("size", [1e-30, 1.0, 1e30])
def test_the_component_is_the_one_of_largest_norm(dtype, size):
    x = (noise(50, 3, 6, 8) * size).to(dtype)
    assert torch.equal(phase(x, 2), naive(x.double() / size, 2))


def same_values_in_another_order(count, seed):
    """Images in one dimension whose two components hold the same values in different orders."""
    x = noise(count, 1, 64, seed=seed, dtype=torch.float32)
    values = x[..., ::2]
    order = torch.randperm(32, generator=torch.Generator().manual_seed(seed))
    return torch.stack([values, values[..., order]], -1).flatten(-2)


def test_sums_do_not_depend_on_their_order():
    """Norms equal in exact arithmetic: rounding must not choose, the same component must win."""
    x = same_values_in_another_order(100, seed=0)
    for choose, wrong in ((phase, False), (naive, True)):
        flips = [
            (choose(roll(x, (t,)), 2) != (choose(x, 2) + t) % 2).sum().item() for t in range(64)
        ]
        assert (sum(flips) > 0) == wrong, choose.__name__


@pytest.mark.parametrize(("dtype", "error"), [(torch.float64, 1e-15), (torch.float32, 1e-7)])
def test_structural_ties_survive_rounding_errors(dtype, error):
    """Two equal dots an odd distance apart, blurred by random filters.

    Both phases hold half of each, so their norms are equal by structure, and each shift of the
    image arrives with its own rounding errors.
    """
    n, flips = 28, {phase: 0, naive: 0}
    for seed in range(10):
        rng = torch.Generator().manual_seed(seed)
        distance = 2 * int(torch.randint(3, 11, (), generator=rng)) + 1
        dots = torch.zeros(1, 1, n, dtype=torch.float64)
        dots[0, 0, [0, distance]] = 1
        filters = noise(8, 1, 5, seed=seed)
        x = torch.nn.functional.conv1d(
            torch.nn.functional.pad(dots, (2, 2), mode="circular"), filters
        )
        for choose in flips:
            found = {
                int(
                    choose((roll(x, (t,)) * (1 + error * noise(*x.shape, seed=t))).to(dtype), 2) + t
                )
                % 2
                for t in range(n)
            }
            flips[choose] += len(found) > 1
    assert flips[phase] == 0
    assert flips[naive] > 5


def test_periodic_images_keep_the_same_component_whatever_the_phase():
    x = noise(1, 2, 4, 1).expand(1, 2, 4, 6).contiguous()  # constant along the last axis
    for t in shifts((4, 6)):
        y, moved = take(x, phase(x, 2), 2), take(roll(x, t), phase(roll(x, t), 2), 2)
        assert any(torch.equal(moved, roll(y, r)) for r in shifts((2, 3)))
    blank = torch.zeros(2, 3, 4, 4)
    assert phase(blank, 2).shape == (2,)


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf")])
def test_nan_and_infinity_are_kept(bad):
    for k, t in enumerate(shifts((2, 2))):
        x = noise(3, 2, 4, 4)
        clean = phase(x, 2)
        x[0, 1, t[0], t[1] + 2] = bad
        chosen = phase(x, 2)
        assert chosen[0] == k
        assert torch.equal(chosen[1:], clean[1:])
        assert not take(x, chosen, 2)[0].isfinite().all()


def test_sums_do_not_overflow():
    x = torch.ones(1, 512, 64, 64)
    x[..., 1::2, ::2] = 1 + 2**-10
    assert phase(x, 2) == 2
    x = torch.ones(1, 1, 64, 64, 64)
    x[..., 1::2, 1::2, ::2] = 1 + 2**-10
    assert phase(x, 2) == 6


def test_slices_are_the_components_in_row_major_order():
    x = torch.arange(24).reshape(1, 1, 4, 6)
    found = slices(x, 2)
    assert [y.flatten()[0].item() for y in found] == [0, 1, 6, 7]
    assert all(
        torch.equal(y, x[..., i::2, j::2]) for y, (i, j) in zip(found, shifts((2, 2)), strict=True)
    )
    assert [y.item() for y in slices(torch.arange(8).reshape(1, 1, 2, 2, 2), 2)] == list(range(8))


def test_take_picks_each_samples_component_and_sends_the_gradient_there():
    x = noise(4, 2, 4, 6).requires_grad_()
    chosen = torch.tensor([3, 0, 2, 1])
    y = take(x, chosen, 2)
    for b, (i, j) in enumerate([(1, 1), (0, 0), (1, 0), (0, 1)]):
        assert torch.equal(y[b], x[b, :, i::2, j::2])
    (gradient,) = torch.autograd.grad(y.sum(), x)
    wanted = torch.zeros_like(x)
    for b, (i, j) in enumerate([(1, 1), (0, 0), (1, 0), (0, 1)]):
        wanted[b, :, i::2, j::2] = 1
    assert torch.equal(gradient, wanted)
    assert torch.autograd.gradcheck(lambda x: take(x.sin(), chosen, 2), x)
    assert torch.autograd.gradgradcheck(lambda x: take(x.sin(), chosen, 2), x)


def test_choosing_draws_no_gradient_and_works_on_no_samples():
    x = noise(2, 1, 4, 4).requires_grad_()
    assert not phase(x, 2).requires_grad
    assert phase(torch.zeros(0, 3, 4, 4), 2).shape == (0,)
    assert take(torch.zeros(0, 3, 4, 4), torch.zeros(0, dtype=torch.int64), 2).shape == (0, 3, 2, 2)


def test_zeros_up_to_a_multiple():
    x = torch.ones(1, 1, 3, 4)
    assert pad_to_multiple(x, 2).shape == (1, 1, 4, 4)
    assert pad_to_multiple(x, 2).sum() == 12
    assert pad_to_multiple(x, 1) is x


def test_orbit_helper_lists_all_shifts():
    assert (
        len({tuple(x.flatten().tolist()) for x in orbit(torch.arange(6.0).reshape(1, 2, 3))}) == 6
    )
