"""Suite `symmetry/points`: rotations of space on point clouds."""

import torch
from torch import nn

from geomdl.bench.registry import Context, suite
from geomdl.bench.results import SuiteResult
from geomdl.bench.suites.symmetry.clouds import CLASSES, POINTS, CloudEGNN, make_clouds
from geomdl.bench.suites.symmetry.methods import Method, Task
from geomdl.bench.suites.symmetry.report import compare_methods
from geomdl.data.shapes3d import random_rotations
from geomdl.fields import Field, Vector, positions
from geomdl.groups import group
from geomdl.permutation import DeepSets

TITLE = "Rotations, on point clouds"
EPOCHS, CHANNELS = 60, 48
TRAIN, TEST = 1200, 300
DEGREE, DRAWS = 4, 8  # of the quadrature, and of the random mean


def sets(task: Task, rng: torch.Generator) -> nn.Module:
    """A perceptron of each point, their maximum, a perceptron."""
    return DeepSets(3, task.classes, channels=CHANNELS, depth=2, pooling="max", rng=rng)


def egnn(task: Task, rng: torch.Generator) -> nn.Module:
    """Messages of distances."""
    return CloudEGNN(task.classes, rng)


TURNS = "sets + turns"
METHODS = (
    Method("sets", sets),
    Method(TURNS, sets, augmented=True),
    Method("sets, frames after", sets, mode="frames", after="sets", exact=True),
    Method(f"{TURNS}, {DRAWS} draws after", sets, mode="sample", options={"n": DRAWS}, after=TURNS),
    Method(f"{TURNS}, quadrature after", sets, mode="average", options={"degree": DEGREE},
           after=TURNS),
    Method(f"{TURNS}, weighted frames after", sets, mode="frames", options={"weighted": True},
           after=TURNS, exact=True),
    Method("sets, frames", sets, mode="frames", exact=True),
    Method("sets, canonical", sets, mode="canonical", exact=True),
    Method("EGNN", egnn, exact=True),
)  # fmt: skip


def task_of(train: int, test: int, turns: int = 1) -> Task:
    """Clouds of upright shapes; each for the test is turned at random."""
    rng = torch.Generator().manual_seed(0)
    x, y = make_clouds(train, rng)
    u, v = make_clouds(test, rng)
    turned = (u @ random_rotations(test, rng).mT for _ in range(turns))
    rotations = group("SO3")
    return Task(
        train=(x.float(), y),
        test=(u, v),
        turned=tuple(turned),
        source=positions(rotations),
        target=Field(Vector(), len(CLASSES) * rotations.trivial),
    )


@suite("symmetry/points", title=TITLE)
def points(context: Context) -> SuiteResult:
    """Train networks on upright clouds and test them on clouds that are turned at random.

    Args:
        context: limits of the run.

    Returns:
        One row a method.
    """
    return compare_methods(
        context, task_of(TRAIN, TEST), METHODS, EPOCHS,
        title=TITLE,
        summary=f"Clouds of {POINTS} noisy points on {len(CLASSES)} shapes, under SO(3). *Sets* is"
        " a DeepSets of the coordinates; all train on upright clouds, *+ turns* with random"
        " rotations. *Frames* (principal axes) and *canonical* are `geomdl.symmetrize` around it,"
        " and it is trained inside; *after*: around the trained network of another row, as it is."
        f" The quadrature has degree {DEGREE}; {DRAWS} draws are random, anew for each call.",
        turned="turned at random",
        settings={"points": POINTS, "classes": list(CLASSES), "channels": CHANNELS,
                  "degree": DEGREE, "draws": DRAWS},
    )  # fmt: skip
