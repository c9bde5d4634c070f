"""Equivariance error on inputs that are turned exactly."""

import math
from functools import lru_cache
from typing import cast

import torch
from torch import Tensor, nn

from geomdl.bench.suites.images.analytic import random_blobs, rotation, window
from geomdl.bench.suites.images.peers import EscnnBody
from geomdl.fields import Field

IMAGES = 16


@lru_cache(maxsize=64)
def inputs(size: int, width: float, degrees: float, seed: int) -> Tensor:
    """Blobs turned by an angle, float64: the same ones at every angle.

    Under a radial window that vanishes at the inscribed circle, so that the images turn exactly and
    their corners stay empty: otherwise the error is mostly that of the square border.
    """
    blobs = random_blobs(IMAGES, size, width, seed)
    return blobs.sample(size, rotation(degrees) if degrees else None) * window(size)


def turn_fibres(body: nn.Module, y: Tensor, steps: int) -> Tensor:
    """Act on the fibres of a body's output with a rotation.

    Args:
        body: ours (with `target`) or escnn's.
        y: shape (batch, channels).
        steps: g is the rotation by so many steps of the group, counter-clockwise.

    Returns:
        ρ(g) y.
    """
    if isinstance(body, EscnnBody):
        return body.turn(y, steps)
    target = cast(Field, body.target)
    group = target.group
    element = torch.tensor(steps if group.element_shape == () else [steps, 0])
    return y @ target.rep(element).to(y.dtype).T


def spread(y: Tensor, order: int) -> Tensor:
    """2-norm of what varies over the samples and the group, in regular fields (batch, channels)."""
    copies: Tensor = y.unflatten(1, (-1, order))
    whole: Tensor = (copies - copies.mean((0, 2), keepdim=True)).norm()
    return whole


def centre_error(
    body: nn.Module, order: int, width: float, size: int, steps: int, seed: int = 0
) -> float:
    """Error of the field at the centre pixel, where turning needs no resampling.

    |y(g x) − ρ(g) y(x)| / |y(x) − mean|, the mean over samples and group of each copy.

    Args:
        body: images -> regular fields on a grid of odd size.
        order: of the group C_n (n) or D_n (2 n).
        width: σ of the inputs, in pixels.
        size: pixels of the input along each axis, odd.
        steps: g is the rotation by so many steps of the group.
        seed: of the inputs.

    Returns:
        the error, computed in the dtype of the body; NaN if the outputs do not vary, infinity if
        they are not finite.

    Raises:
        ValueError: the output has no centre pixel.
    """
    degrees = 360 * steps / _rotations(body, order)
    y, z = (_centre(t) for t in _outputs(body, size, width, degrees, seed))
    whole = spread(y, order)
    return _ratio((z - turn_fibres(body, y, steps)).norm(), whole)


def pooled_error(
    body: nn.Module, order: int, width: float, size: int, degrees: float, seed: int = 0
) -> float:
    """Error of invariants under any angle: maximum over the group, then a smooth window.

    |v(g x) − v(x)| / |v(x) − mean over the samples|; the window is a Gaussian about the centre with
    an eighth of the output's size as its standard deviation.

    Args:
        body: as for `centre_error`, with an output of any size.
        order: of the group.
        width: σ of the inputs, in pixels.
        size: pixels of the input along each axis.
        degrees: angle of g.
        seed: of the inputs.

    Returns:
        the error; NaN if the outputs do not vary, infinity if they are not finite.
    """
    y, z = (_pooled(t, order) for t in _outputs(body, size, width, degrees, seed))
    return relative(z, y)


def score_error(model: nn.Module, size: int, degrees: float, width: float = 2.0) -> float:
    """Error of a classifier's scores under a rotation, on blobs of width σ.

    |f(g x) − f(x)| / |f(x) − mean over the samples|.
    """
    y, z = _outputs(model, size, width, degrees, 0)
    return relative(z, y)


def relative(z: Tensor, y: Tensor) -> float:
    """|z − y| over the variation of y over the samples; NaN if y does not vary."""
    return _ratio((z - y).norm(), (y - y.mean(0)).norm())


def _ratio(part: Tensor, whole: Tensor) -> float:
    """NaN if the whole is zero, infinity if either is not finite."""
    if whole == 0 and part.isfinite():
        return math.nan
    found = float(part / whole)
    return found if math.isfinite(found) else math.inf


def _outputs(
    model: nn.Module, size: int, width: float, degrees: float, seed: int
) -> tuple[Tensor, Tensor]:
    """Of the inputs as they are and turned, in the dtype of the model."""
    dtype = next(model.parameters()).dtype
    with torch.no_grad():
        y, z = (model(inputs(size, width, a, seed).to(dtype)) for a in (0.0, float(degrees)))
    return y, z


def _rotations(body: nn.Module, order: int) -> int:
    """How many of the elements are rotations."""
    if isinstance(body, EscnnBody):
        name = str(body.layers.out_type.gspace.fibergroup.name)
    else:
        name = cast(Field, body.target).group.name
    return order // 2 if name.startswith("D") else order


def _centre(y: Tensor) -> Tensor:
    n = y.shape[-1]
    if n % 2 == 0:
        raise ValueError(f"body: output should have an odd size, got {n}")
    return y[..., n // 2, n // 2]


def _pooled(y: Tensor, order: int) -> Tensor:
    n = y.shape[-1]
    line = torch.arange(n, dtype=y.dtype) - (n - 1) / 2
    window = torch.exp(-(line[:, None] ** 2 + line**2) / (2 * (n / 8) ** 2))
    invariant = y.unflatten(1, (-1, order)).amax(2)
    mean: Tensor = (invariant * window).sum((2, 3)) / window.sum()
    return mean
