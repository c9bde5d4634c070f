"""What all classifiers of images share: a body, a head, one size."""

from collections.abc import Sequence
from typing import Any

from torch import Tensor, nn

from geomdl.fields import Field, Vector
from geomdl.steerable.checks import check_input, is_real, is_whole, named
from geomdl.steerable.sequential import Sequential


class Classifier(nn.Module):
    """``body`` from images to invariant numbers, ``head`` from these to scores of classes.

    Attributes:
        shape: pixels along each axis of the images it was built for.
        source: field of the images.
        target: trivial fields on a plain vector, one for each class.
    """

    body: Sequential
    head: nn.Module

    def __init__(self, source: Field, shape: Sequence[int], classes: int) -> None:
        super().__init__()
        self.shape = tuple(shape)
        self.source = source
        self.target = Field(Vector(), classes * source.group.trivial)

    def sizes(self, sizes: Sequence[int]) -> tuple[int, ...]:
        """Sizes of the output: none.

        Raises:
            ValueError: other sizes than those the network was built for.
        """
        if tuple(sizes) != self.shape:
            raise ValueError(f"x: sizes should be {self.shape}, got {tuple(sizes)}")
        return ()

    def forward(self, x: Tensor) -> Tensor:
        """Scores of the classes (logits)."""
        check_input(self.source, x)
        named(self, self.sizes, x.shape[2:])
        scores: Tensor = self.head(self.body(x))
        return scores


def equal_sizes(shape: Sequence[int]) -> tuple[int, ...]:
    """Check the shape of images that are to be turned.

    Raises:
        ValueError: not one to three equal positive sizes.
    """
    sizes = tuple(shape) if isinstance(shape, Sequence) else ()
    if len(set(sizes)) != 1 or len(sizes) > 3 or not all(is_whole(n, 1) for n in sizes):
        raise ValueError(f"shape: should be one to three equal sizes, got {shape!r}")
    return sizes


def check_pool(pool: object, names: Sequence[str]) -> None:
    """Refuse what is neither one of the names of pools nor a number of pixels."""
    if not (is_real(pool) or (isinstance(pool, str) and pool in names)):
        known = ", ".join(map(repr, names))
        raise ValueError(f"pool: should be {known} or a number of pixels, got {pool!r}")


def check_odd(kernel_size: Any) -> None:
    """Refuse filters without a middle."""
    if not is_whole(kernel_size, 1) or kernel_size % 2 == 0:
        raise ValueError(f"kernel_size: should be odd, got {kernel_size!r}")
