"""What all classifiers of images share: a body, a head, one size."""

from collections.abc import Sequence

from torch import Tensor, nn

from geomdl.fields import Field, Vector
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
        self.source.check(x)
        self.sizes(x.shape[2:])
        scores: Tensor = self.head(self.body(x))
        return scores


def equal_sizes(shape: Sequence[int]) -> tuple[int, ...]:
    """Check the shape of images that are to be turned.

    Raises:
        ValueError: not one to three equal positive sizes.
    """
    shape = tuple(shape)
    if len(set(shape)) != 1 or not 1 <= len(shape) <= 3 or shape[0] < 1:
        raise ValueError(f"shape: should be one to three equal sizes, got {shape}")
    return shape
