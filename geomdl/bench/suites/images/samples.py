"""Turned digits for the suites, whole or less of them."""

from dataclasses import dataclass

from geomdl import data
from geomdl.bench.registry import Context
from geomdl.bench.suites.images.training import Samples

SIZE = 33  # odd, and again after halving: the centre stays a pixel
MOST_TEST = 2000


@dataclass(frozen=True)
class Task:
    """Images with labels, for training and testing.

    Attributes:
        name: of the data set.
        train: images (n, 1, size, size) float32 and labels (n,).
        test: the same.
        said: why it is another data set than the usual one, or None.
    """

    name: str
    train: Samples
    test: Samples
    said: str | None = None

    @property
    def classes(self) -> int:
        """Number of classes."""
        return int(max(self.train[1].max(), self.test[1].max())) + 1

    def reduced(self, train: int, test: int) -> "Task":
        """The first samples of each part."""
        (x, y), (u, v) = self.train, self.test
        return Task(self.name, (x[:train], y[:train]), (u[:test], v[:test]), self.said)


def load_task(context: Context) -> Task:
    """Rotated MNIST, or rotated UCI digits where there is no MNIST.

    Raises:
        FileNotFoundError: rotated MNIST was asked for by its name and is not there.
        ValueError: another data set than those two.
    """
    name, said = context.data or "rotated_mnist", None
    if name not in ("rotated_mnist", "rotated_digits"):
        raise ValueError(f"data: expected 'rotated_mnist' or 'rotated_digits', got {name!r}")
    try:
        loaded = data.load(name, root=context.root, size=SIZE)
    except FileNotFoundError:
        if context.data is not None:
            raise
        name, said = "rotated_digits", "rotated UCI digits, for want of MNIST (--root)"
        loaded = data.load(name, size=SIZE)
    x, y, known = loaded["images"], loaded["labels"], loaded["train"]
    test = (x[~known][:MOST_TEST], y[~known][:MOST_TEST])
    return Task(name, (x[known], y[known]), test, said)
