"""The networks on volumes: octahedral, SO(3), and without a group."""

from collections.abc import Callable

import torch
from torch import nn

from geomdl import groups
from geomdl.bench.suites.images.designs import Classifier
from geomdl.fields import Field, Grid
from geomdl.groups import Rep
from geomdl.steerable import (
    AvgPool,
    BatchNorm,
    Conv,
    GatedNonlinearity,
    GroupPool,
    Pointwise,
    Sequential,
)

CHANNELS, LAST = 48, 96
KERNELS = (5, 3, 3)  # the last without padding


def plain(classes: int, seed: int) -> Classifier:
    """An ordinary 3D CNN."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        layers: list[nn.Module] = []
        before = 1
        for i, kernel in enumerate(KERNELS):
            last = i == len(KERNELS) - 1
            after = LAST if last else CHANNELS
            padding = 0 if last else kernel // 2
            layers.append(nn.Conv3d(before, after, kernel, padding=padding, bias=False))
            layers += [nn.BatchNorm3d(after), nn.ReLU()]
            if not last:
                layers.append(nn.AvgPool3d(3, 2, 1))
            before = after
    return Classifier(nn.Sequential(*layers), nn.Identity(), LAST, classes, seed)


def octahedral(classes: int, seed: int) -> Classifier:
    """Regular fields of the rotations of the cube, and the maximum over them at the end."""
    G = groups.group("O")
    reps = [(CHANNELS // 24) * G.regular] * (len(KERNELS) - 1) + [(LAST // 24) * G.regular]
    body = _body(G.trivial, reps, seed, _pointwise)
    return Classifier(body, GroupPool(body.target), LAST // 24, classes, seed)


def rotational(classes: int, seed: int) -> Classifier:
    """Fields of SO(3) up to frequency 2, gated; only invariants at the end."""
    G = groups.group("SO3")
    vectors, tensors = G.irreps(2)[1:3]
    wide = 8 * G.trivial + 4 * vectors + 4 * tensors  # and 8 gates: 48 channels
    reps = [wide] * (len(KERNELS) - 1) + [24 * G.trivial]
    body = _body(G.trivial, reps, seed, _gated)
    return Classifier(body, nn.Identity(), 24, classes, seed)


NETWORKS: dict[str, Callable[[int, int], Classifier]] = {
    "plain 3D CNN": plain,
    "geomdl O": octahedral,
    "geomdl SO(3)": rotational,
}

Activation = Callable[[Field], nn.Module]


def _pointwise(field: Field) -> nn.Module:
    return Pointwise(field)


def _gated(field: Field) -> nn.Module:
    """Gates where something is to be gated."""
    if all(rep == field.group.trivial for rep, _ in field.rep.blocks):
        return Pointwise(field)
    return GatedNonlinearity(field, scalars="relu")


def _body(source: Rep, reps: list[Rep], seed: int, activation: Activation) -> Sequential:
    rng = torch.Generator().manual_seed(seed)
    grid = Grid(3)
    field = Field(grid, source)
    layers: list[nn.Module] = []
    for i, (rep, kernel) in enumerate(zip(reps, KERNELS, strict=True)):
        last = i == len(reps) - 1
        act = activation(Field(grid, rep))
        middle = act.source
        assert isinstance(middle, Field)
        padding = 0 if last else kernel // 2
        layers.append(Conv(field, middle, kernel, padding=padding, bias=False, rng=rng))
        layers += [BatchNorm(middle), act]
        field = Field(grid, rep)
        if not last:
            layers.append(AvgPool(field, 2, kernel_size=3, padding=1))
    return Sequential(*layers)
