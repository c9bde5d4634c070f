"""How much of the full work fits into the time, the same for every network."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from geomdl.bench.budget import affordable
from geomdl.bench.suites.digits.training import BATCH

EPOCHS = 32
STEP = 15  # degrees between two angles of the test
FORWARD, DOUBLE = 0.3, 3.0  # of a training step; of the same in float32; both rough
LEAST_TRAIN, LEAST_TEST = 256, 128


@dataclass(frozen=True)
class Plan:
    """What will be done for every network and seed.

    Attributes:
        epochs: passes over the training digits.
        train: number of training digits.
        test: number of test digits.
        angles: degrees of the test, in [0, 360).
        reduced: how this is less than the full work, or None.
    """

    epochs: int
    train: int
    test: int
    angles: tuple[int, ...]
    reduced: str | None


def make_plan(
    seconds: float, step: Mapping[str, float], *, seeds: int, train: int, test: int
) -> Plan:
    """Fit the work into the time: fewer angles, then fewer epochs, then fewer digits.

    Args:
        seconds: for training and testing all networks with all seeds.
        step: name of a network -> seconds of one training step.
        seeds: how many.
        train: training digits there are.
        test: test digits there are.

    Returns:
        The plan. Its estimate of the time is rough: machines slow down and speed up.
    """
    batch = sum(step.values())  # seconds of one step of every network
    spacing, tested = STEP, test

    def testing() -> float:
        passes = 360 / spacing + 2 * DOUBLE
        return seeds * passes * math.ceil(tested / BATCH) * FORWARD * batch

    for coarser in (30, 45):
        if testing() <= 0.4 * seconds:
            break
        spacing = coarser
    while testing() > 0.4 * seconds and tested > LEAST_TEST:
        tested = max(LEAST_TEST, tested // 2)
    left = max(0.0, seconds - testing())
    epoch = {name: s * math.ceil(train / BATCH) for name, s in step.items()}
    epochs = affordable(left, epoch, repeats=seeds, most=EPOCHS)
    trained = train
    if epochs == 1 and seconds != math.inf:
        trained = BATCH * int(left / (seeds * batch)) if batch > 0 else train
        trained = min(train, max(min(LEAST_TRAIN, train), trained))
    parts = []
    if epochs < EPOCHS:
        parts.append(f"{epochs} epoch{'s' * (epochs > 1)} instead of {EPOCHS}")
    if trained < train:
        parts.append(f"{trained} training digits instead of {train}")
    if spacing > STEP:
        parts.append(f"angles {spacing}° apart instead of {STEP}°")
    if tested < test:
        parts.append(f"{tested} test digits instead of {test}")
    reduced = ", ".join(parts) + ", to keep to the time budget" if parts else None
    return Plan(epochs, trained, tested, tuple(range(0, 360, spacing)), reduced)
