"""Where the taps of a filter lie, and where signed permutations of the axes move them."""

import torch
from torch import Tensor


def tap_coordinates(d: int, kernel_size: int) -> Tensor:
    """Coordinates (kernel_size^d, d), in half pixels from the centre, of the taps in array order.

    The last array axis is x; the others run against y, z, …: (x, y, z) <-> axes (-1, -2, -3).
    """
    strides = torch.tensor([kernel_size**axis for axis in range(d)])  # x is the last array axis
    places = torch.arange(kernel_size**d).unsqueeze(1) // strides % kernel_size
    coordinates = (kernel_size - 1) - 2 * places
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
    for row in linear.abs().flatten(0, 1).tolist():
        if not (abs(sum(row) - 1) <= 1e-9 and all(min(v, abs(v - 1)) <= 1e-9 for v in row)):
            return False
    return True
