"""Move the pixels of an array: exactly where pixels go to pixels, else by interpolation.

Everything here is in the array's own frame: coordinate a runs along spatial axis a, in pixels from
the centre of the array, and a motion is p -> linear p + shift. `array_frame` brings the coordinates
of space, (x, y, z), into it.
"""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.autograd.forward_ad import unpack_dual
from torch.nn.functional import pad

from geomdl.fields.resample import interpolate
from geomdl.groups.translations import array_frame

_SNAP = 1e-10  # a matrix or shift this close to whole numbers is taken for them
_UNEQUAL = (
    "x: a batch of elements that exchange axes needs equal sides, got {}; pad the images to a"
    " square, or take a group that keeps the axes"
)


class Motion(NamedTuple):
    """p -> linear p + shift in the array's frame, float64: (..., d, d) and (..., d)."""

    linear: Tensor
    shift: Tensor


def coordinates(shape: tuple[int, ...] | torch.Size) -> Tensor:
    """Coordinates (x, y, z) of every pixel of an array, in pixels from its centre.

    Args:
        shape: sizes of the spatial axes, of length d.

    Returns:
        shape (*shape, d), float64.

    Example:
        >>> coordinates((3, 3))[0, 2]  # the top right pixel
        tensor([1., 1.], dtype=torch.float64)
    """
    return _offsets(shape).reshape(*shape, len(shape)) @ array_frame(len(shape))


def inscribed(shape: tuple[int, ...] | torch.Size) -> Tensor:
    """Pixels in the disc (ball) around the centre that touches the nearest border pixels.

    Returns:
        bool, of the given shape: |p| ≤ (min(shape) − 1) / 2.
    """
    return _in_ball(_offsets(shape), shape).reshape(shape)


def keeps_pixels(motion: Motion) -> Tensor:
    """Whether a motion takes every pixel of a cubic array to a pixel (or out of it), (...) bool."""
    whole = ((motion.shift - motion.shift.round()).abs() <= _SNAP).all(-1)
    return _is_signed_permutation(motion.linear) & whole


def move(x: Tensor, motion: Motion, *, periodic: bool, interpolation: str) -> Tensor:
    """Array of the moved function, (g f)(p) = f(g⁻¹ p).

    Exact for a signed permutation with a shift by whole pixels: axes are permuted and flipped, then
    rolled (periodic) or shifted with zeros coming in. All other motions read the function between
    its samples (`interpolate`) and give zero where a pixel comes from outside of the array; if the
    linear part is no signed permutation also outside of the inscribed disc, and for pixels that
    come from there, so that what turned out of the array and back is nowhere taken for exact.

    Args:
        x: shape (batch, channels, *spatial).
        motion: one, or one for each sample (batch shape (batch,)). Differentiable, backward and
            forward: a motion whose derivative is asked for is always interpolated.
        periodic: whether the array closes up.
        interpolation: "spline" or "fourier".

    Returns:
        shape of ``x``; axes of unequal sizes are exchanged with their contents.

    Raises:
        ValueError: the samples of a batch would get different shapes.
    """
    if motion.linear.ndim == 2:
        return _move_alike(x, motion, periodic, interpolation)
    whole = keeps_pixels(motion) & (not _is_differentiated(motion))
    rows = torch.cat([motion.linear.flatten(1), motion.shift], dim=1).detach()
    kinds, kind = torch.unique(rows[whole].round(), dim=0, return_inverse=True)
    places = [whole.nonzero()[:, 0][kind == i] for i in range(len(kinds))]
    moved = [
        _move_alike(x[at.to(x.device)], Motion(motion.linear[at[0]], motion.shift[at[0]]),
                    periodic, interpolation)
        for at in places
    ]  # fmt: skip
    if not whole.all() or not places:
        at = (~whole).nonzero()[:, 0]
        rest = Motion(motion.linear[at], motion.shift[at])
        places.append(at)
        moved.append(_resample(x[at.to(x.device)], rest, periodic, interpolation))
    if any(y.shape[1:] != moved[0].shape[1:] for y in moved):
        raise ValueError(_UNEQUAL.format(tuple(x.shape[2:])))
    return torch.cat(moved)[torch.cat(places).argsort().to(x.device)]


def _move_alike(x: Tensor, motion: Motion, periodic: bool, interpolation: str) -> Tensor:
    """Move all samples by one element."""
    if _is_differentiated(motion) or not keeps_pixels(motion):
        return _resample(x, motion, periodic, interpolation)
    source_axis = motion.linear.abs().argmax(-1).tolist()
    signs = motion.linear.sum(-1).tolist()
    shift = [int(s) for s in motion.shift.round().tolist()]
    x = x.permute(0, 1, *(a + 2 for a in source_axis))
    x = x.flip([a + 2 for a, sign in enumerate(signs) if sign < 0])
    if not any(shift):
        return x
    if periodic:
        return x.roll(shift, [a + 2 for a in range(len(shift))])
    for axis, s in enumerate(shift):
        x = _push(x, axis + 2, s)
    return x


def _is_differentiated(motion: Motion) -> bool:
    """Whether a derivative in the motion is asked for, backward or forward."""
    return any(t.requires_grad or unpack_dual(t).tangent is not None for t in motion)


def _push(x: Tensor, axis: int, s: int) -> Tensor:
    """Shift along one axis, zeros coming in."""
    n = x.shape[axis]
    s = max(-n, min(n, s))
    kept = x.narrow(axis, max(0, -s), n - abs(s))
    return pad(kept.transpose(axis, -1), (max(0, s), max(0, -s))).transpose(axis, -1)


def _resample(x: Tensor, motion: Motion, periodic: bool, interpolation: str) -> Tensor:
    """Read the function where each pixel comes from; zero where that lies outside."""
    sizes = x.shape[2:]
    linear, shift = motion.linear.to(x.device), motion.shift.to(x.device)
    straight = _is_signed_permutation(linear)
    out_sizes = _sizes_after(linear, straight, sizes)
    goal = _offsets(out_sizes).to(x.device)  # (n, d)
    origin = torch.linalg.solve(linear, (goal - shift.unsqueeze(-2)).mT).mT  # (..., n, d)
    half = (torch.tensor(sizes, dtype=torch.float64, device=x.device) - 1) / 2
    values = interpolate(x, origin + half, periodic=periodic, method=interpolation)
    disc = _in_ball(goal, out_sizes) & _in_ball(origin.detach(), sizes)
    box = (origin.detach().abs() <= half + _SNAP).all(-1) | torch.tensor(periodic, device=x.device)
    kept = torch.where(straight.unsqueeze(-1), box, disc)  # (..., n)
    kept = kept.unsqueeze(-2)  # beside the channels
    values = torch.where(kept, values, torch.zeros_like(values))
    return values.reshape(*values.shape[:2], *out_sizes)


def _sizes_after(linear: Tensor, straight: Tensor, sizes: torch.Size) -> torch.Size:
    """Sizes of the moved array: exchanged with the axes by signed permutations, else kept."""
    if len(set(sizes)) == 1:
        return sizes
    exchanged = torch.tensor(sizes, device=linear.device)[linear.detach().abs().argmax(-1)]
    kept = torch.tensor(sizes, device=linear.device).expand_as(exchanged)
    after = torch.where(straight.unsqueeze(-1), exchanged, kept).reshape(-1, len(sizes))
    if (after != after[:1]).any():
        raise ValueError(_UNEQUAL.format(tuple(sizes)))
    return torch.Size(after[0].tolist()) if len(after) else sizes


def _offsets(shape: tuple[int, ...] | torch.Size) -> Tensor:
    """Places of all pixels from the centre, along the array's axes: (n, d) float64."""
    axes = [torch.arange(n, dtype=torch.float64) - (n - 1) / 2 for n in shape]
    return torch.stack(torch.meshgrid(axes, indexing="ij"), dim=-1).flatten(0, -2)


def _in_ball(points: Tensor, shape: tuple[int, ...] | torch.Size) -> Tensor:
    """Whether points lie in the inscribed disc, (..., d) to (...)."""
    return points.square().sum(-1) <= ((min(shape) - 1) / 2) ** 2 + _SNAP


def _is_signed_permutation(linear: Tensor) -> Tensor:
    """Whether matrices (..., d, d) have one entry ±1 in each row and column, else zeros."""
    size = linear.detach().abs()
    whole = ((size <= _SNAP) | ((size - 1).abs() <= _SNAP)).all(-1).all(-1)
    return whole & (size.round().sum(-1) == 1).all(-1) & (size.round().sum(-2) == 1).all(-1)
