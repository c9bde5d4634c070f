"""Suite `symmetry/digits`: the symmetries of the square on handwritten digits."""

import torch
from torch import nn

from geomdl import data
from geomdl.bench.registry import Context, suite
from geomdl.bench.results import SuiteResult
from geomdl.bench.suites.digits.networks import build
from geomdl.bench.suites.symmetry.methods import Method, Task
from geomdl.bench.suites.symmetry.report import compare_methods
from geomdl.fields import Field, Grid, Vector
from geomdl.groups import group

TITLE = "Symmetries of the square, on digits"
SIZE, CLASSES, EPOCHS = 12, 10, 20
TRAIN, TEST = 800, 400
CNN = {"widths": (12, 24, 48), "kernel_size": 3, "down": "stride", "padding": "zeros"}
D4 = {"channels": 16}


def cnn(task: Task, rng: torch.Generator) -> nn.Module:
    """The ordinary one: strides and zero padding."""
    return build("translation/cnn", (1, SIZE, SIZE), task.classes, rng.initial_seed(), CNN)


def d4_network(task: Task, rng: torch.Generator) -> nn.Module:
    """Equivariant under D4 by its layers."""
    return build("steerable/d4_cnn", (1, SIZE, SIZE), task.classes, rng.initial_seed(), D4)


METHODS = (
    Method("CNN", cnn),
    Method("CNN + turns", cnn, augmented=True),
    Method("CNN, averaged after", cnn, mode="average", after="CNN", exact=True),
    Method("CNN + turns, averaged after", cnn, mode="average", after="CNN + turns", exact=True),
    Method("CNN, averaged", cnn, mode="average", exact=True),
    Method("CNN, canonical", cnn, mode="canonical", exact=True),
    Method("D4 network", d4_network, exact=True),
)


def task_of(train: int, test: int) -> Task:
    """Digits of scikit-learn, 12 × 12 pixels; turned by `torch.rot90`."""
    loaded = data.load("digits", size=SIZE)
    samples = {"x": loaded["images"], "y": loaded["labels"]}
    whole = len(samples["x"])
    first, second = data.split(samples, (train / whole, test / whole), seed=0)
    x = second["x"].double()
    square = group("D4")
    return Task(
        train=(first["x"], first["y"]),
        test=(x, second["y"]),
        turned=tuple(torch.rot90(x, k, dims=(-2, -1)) for k in (1, 2, 3)),
        source=Field(Grid(2), square.trivial),
        target=Field(Vector(), CLASSES * square.trivial),
    )


@suite("symmetry/digits", title=TITLE)
def digits(context: Context) -> SuiteResult:
    """Train networks on upright digits and test them on digits turned by 90°, 180° and 270°.

    Args:
        context: limits of the run.

    Returns:
        One row a method.
    """
    return compare_methods(
        context, task_of(TRAIN, TEST), METHODS, EPOCHS,
        title=TITLE,
        summary=f"Handwritten digits of {SIZE} × {SIZE} pixels under D4, the turns and mirrorings"
        " of the square. All train on upright digits, *+ turns* with random elements of D4."
        " *Averaged* and *canonical* are `geomdl.symmetrize` around the CNN, which is trained"
        " inside; *after*: around the trained network of another row, as it is.",
        turned="turned by 90°, 180°, 270°",
        settings={"pixels": f"{SIZE}×{SIZE}", "CNN": str(CNN), "D4 network": str(D4)},
    )  # fmt: skip
