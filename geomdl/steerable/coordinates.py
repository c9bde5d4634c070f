"""Where the taps of a filter lie, and where signed permutations of the axes move them."""

import torch
from torch import Tensor


def tap_coordinates(d: int, kernel_size: int) -> Tensor:
    """Coordinates (kernel_size^d, d), in half pixels from the centre, of the taps in array order.

    The last array axis is x; the others run against y, z, …: (x, y, z) <-> axes (-1, -2, -3).
    """
    axis = 2 * torch.arange(kernel_size) - (kernel_size - 1)
    array = torch.cartesian_prod(*[axis] * d).reshape(-1, d)
    coordinates = -array.flip(-1)
    coordinates[:, 0] *= -1
    return coordinates


def tap_images(linear: Tensor, kernel_size: int) -> Tensor:
    """Where maps x -> linear x send the taps of a filter: images (m, kernel_size^d), int64.

    Args:
        linear: signed permutation matrices (m, d, d) in coordinates (x, y, z).
        kernel_size: taps along each axis, odd or even.
    """
    d = linear.shape[-1]
    moved = tap_coordinates(d, kernel_size) @ linear.round().long().mT
    moved[..., 0] *= -1
    array = (kernel_size - 1 - moved.flip(-1)) // 2
    strides = kernel_size ** torch.arange(d - 1, -1, -1)
    return (array * strides).sum(-1)


def is_exact(linear: Tensor) -> bool:
    """Whether matrices (m, d, d) map the grid Z^d to itself: signed permutations."""
    if not len(linear):
        return True
    entries = linear.abs()
    whole = (entries - entries.round()).abs().amax() <= 1e-9
    return bool(whole) and bool((entries.sum(-1) - 1).abs().amax() <= 1e-9)
