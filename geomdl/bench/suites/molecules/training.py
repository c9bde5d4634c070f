"""Potentials and how they are trained, for the suites that compare them at equal time."""

import copy
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from geomdl import data, registry
from geomdl.bench.registry import Context
from geomdl.euclidean import Potential, fit_potential, potential_errors

Frames = Mapping[str, Tensor]
Errors = dict[str, float]
BATCH, MEMORY, WARMUP = 5, 0.99, 0.05
EPOCH = 500  # frames at least between two validations, the same ones again where there are fewer
MADE: dict[str, Any] = {"n": 300, "atoms": 8}


@dataclass(frozen=True)
class Recipe:
    """Size and learning rate of a model, by a few trainings on ethanol of a minute or less."""

    rate: float
    sizes: Mapping[str, Any] = field(default_factory=dict)


RECIPES = {
    "SchNet": Recipe(0.01),
    "EGNN": Recipe(0.01, {"channels": 32}),
    "PaiNN": Recipe(0.01, {"channels": 32}),
    "NequIP": Recipe(0.02, {"lmax": 2, "channels": 16, "radial": (32,)}),
    "MACE": Recipe(0.02),
    "Equiformer": Recipe(0.01),
}


@dataclass(frozen=True)
class Outcome:
    """What a training came to: mean absolute errors (meV, meV/Å), steps, size."""

    test: Errors
    steps: int
    parameters: int


def load(context: Context, name: str) -> tuple[dict[str, dict[str, Tensor]], str | None]:
    """Blocks of a trajectory, or of made-up molecules where it is missing, and what to say.

    Args:
        context: where data are; a data set that is asked for by name must be there.
        name: of the data set.
    """
    try:
        loaded, said = data.load(name, root=context.root), None
    except FileNotFoundError as error:
        if context.data is not None:
            raise
        loaded, said = data.load("made_molecules", **MADE), f"made-up molecules instead: {error}"
    return data.parts(data.as_frames(loaded, name)), said


def spread(frames: Frames, count: int) -> dict[str, Tensor]:
    """So many of the frames, at equal distances of time.

    Example:
        >>> spread({"energy": torch.arange(10.0)}, 4)["energy"].tolist()
        [0.0, 2.0, 5.0, 7.0]
    """
    n = len(frames["energy"])
    at = torch.arange(count) * n // count
    return {name: value[at] for name, value in frames.items()}


def repeated(frames: Frames) -> dict[str, Tensor]:
    """The frames as often as an epoch needs to be of some length."""
    times = math.ceil(EPOCH / len(frames["energy"]))
    return {k: v.repeat(times, *([1] * (v.ndim - 1))) for k, v in frames.items()}


def potential_of(name: str, species: tuple[int, ...], seed: int) -> Potential:
    """One of the potentials, untrained, its weights drawn by the seed."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = registry.create_model(f"potential/{name}", species=species, **RECIPES[name].sizes)
    assert isinstance(model, Potential)
    return model


def trained(
    name: str, train: Frames, val: Frames, *, seconds: float, seed: int
) -> tuple[Potential, int]:
    """A potential after some seconds of training, and how many steps these were.

    Only steps count: neither what is compiled on first use, which a step of a copy does beforehand,
    nor validation, by which the best epoch is chosen.

    Args:
        name: among `RECIPES`.
        train: frames to train on.
        val: frames to choose the epoch.
        seconds: of training.
        seed: of weights and order.
    """
    species = tuple(sorted(set(train["z"].flatten().tolist())))
    potential, recipe = potential_of(name, species, seed), RECIPES[name]
    few = {key: value[:BATCH] for key, value in train.items()}
    settings: dict[str, Any] = {
        "lr": recipe.rate, "batch_size": BATCH, "weight_decay": 0.0, "accelerator": "cpu",
        "progress": False, "seed": seed,
    }  # fmt: skip
    fit_potential(copy.deepcopy(potential), few, epochs=1, **settings)
    run = fit_potential(
        potential, repeated(train), val,
        seconds=seconds, ema=MEMORY, warmup=WARMUP, monitor="metric", **settings,
    )  # fmt: skip
    return potential, run.history[-1]["step"]


def outcome(
    name: str, train: Frames, val: Frames, test: Frames, *, seconds: float, seed: int
) -> Outcome:
    """Train a potential for some seconds, and test it; arguments as those of `trained`."""
    potential, steps = trained(name, train, val, seconds=seconds, seed=seed)
    count = sum(p.numel() for p in potential.parameters() if p.requires_grad)
    return Outcome(potential_errors(potential, test), steps, count)


def ignorance(train: Frames, test: Frames) -> Errors:
    """Errors, in meV and meV/Å, of the mean energy and of no forces."""
    energy = (test["energy"] - train["energy"].mean()).abs().mean()
    return {"energy": 1e3 * float(energy), "forces": 1e3 * float(test["forces"].abs().mean())}
