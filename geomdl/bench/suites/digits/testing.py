"""Testing one trained network: accuracy over the angle, exactness, equivariance error."""

import copy
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from geomdl.auditing import audit
from geomdl.bench.statistics import worst
from geomdl.bench.suites.digits.task import Samples, turned
from geomdl.fields import Field, Grid, Vector
from geomdl.groups import group

QUARTERS = (0, 90, 180, 270)


@dataclass(frozen=True)
class Finding:
    """What the test of one network with one seed found.

    Attributes:
        accuracy: angle in degrees -> share of right answers.
        changed: predictions at 90°, 180° or 270° that differ from that for the upright digit.
        compared: how many were compared.
        logit: greatest difference of an output between those.
        error: greatest equivariance error over D4, by `geomdl.audit` in float64.
    """

    accuracy: dict[int, float]
    changed: int
    compared: int
    logit: float
    error: float

    @property
    def upright(self) -> float:
        """Accuracy on upright digits."""
        return self.accuracy[0]

    @property
    def quarter(self) -> float:
        """Mean accuracy on digits turned by 90°, 180° and 270°."""
        return sum(self.accuracy[a] for a in QUARTERS[1:]) / 3

    @property
    def any_angle(self) -> float:
        """Mean accuracy over all the angles."""
        return sum(self.accuracy.values()) / len(self.accuracy)


def outputs(model: nn.Module, images: Tensor, batch: int = 200) -> Tensor:
    """Outputs of a model for all images, in the dtype of the images.

    Args:
        model: in evaluation mode.
        images: shape (n, 1, size, size).
        batch: images at once.

    Returns:
        shape (n, classes).
    """
    with torch.no_grad():
        return torch.cat([model(part) for part in images.split(batch)])


def examine(
    model: nn.Module, data: Samples, angles: Sequence[int], *, exact: bool = False
) -> Finding:
    """Test a trained model on turned digits.

    Args:
        model: in evaluation mode, with float32 weights; it is not changed.
        data: upright images and labels.
        angles: degrees, in [0, 360), those of `QUARTERS` among them.
        exact: evaluate in float64 at multiples of 90°, where the rotation is exact; everything
            else (and there too, if not `exact`) is evaluated in float32.

    Returns:
        What was found.
    """
    images, labels = data
    precise = copy.deepcopy(model).double()
    found = {}
    for angle in angles:
        if exact and angle in QUARTERS:
            found[angle] = outputs(precise, turned(images.double(), angle))
        else:
            found[angle] = outputs(model, turned(images, angle))
    answers = {angle: y.argmax(-1) for angle, y in found.items()}
    return Finding(
        {a: float((answer == labels).double().mean()) for a, answer in answers.items()},
        changed=sum(int((answers[a] != answers[0]).sum()) for a in QUARTERS[1:]),
        compared=3 * len(images),
        logit=worst([float((found[a] - found[0]).abs().max()) for a in QUARTERS[1:]]),
        error=equivariance_error(precise, images[:32]),
    )


def equivariance_error(model: nn.Module, images: Tensor) -> float:
    """Greatest equivariance error of a classifier over the eight symmetries of the square.

    Args:
        model: takes images to (n, classes).
        images: a few of them.

    Returns:
        max over g of the error of f(g x) = f(x), relative to the variation of the output, in
        float64.
    """
    d4 = group("D4")
    source = Field(Grid(2), d4.trivial)
    classes = outputs(model, images[:1].to(next(model.parameters()).dtype)).shape[-1]
    target = Field(Vector(), classes * d4.trivial)
    found = audit(model, images.double(), group=d4, source=source, target=target, progress=False)
    return found.error
