"""How long the networks of a suite are trained, and how often: the same for all of them."""

from collections.abc import Mapping
from dataclasses import dataclass

from geomdl.bench.budget import affordable
from geomdl.bench.suites.images.training import Learner


def seconds_of_a_step(learner: Learner) -> float:
    """Seconds of one step, the mean of two after the first."""
    learner.train(steps=1)
    first = learner.seconds
    learner.train(steps=3)
    return (learner.seconds - first) / 2


@dataclass(frozen=True)
class Plan:
    """Steps of each training and seeds, the same for all networks, and how that is less."""

    steps: int
    seeds: int
    reduced: str | None


def make_plan(left: float, cost: Mapping[str, float], seeds: int, steps: int, testing: int) -> Plan:
    """Fit the work into the time: fewer seeds, then fewer steps.

    Args:
        left: seconds for everything.
        cost: name -> seconds of one step.
        seeds: how many are wanted.
        steps: how many are wanted.
        testing: steps that would take as long as the test.

    Example:
        >>> make_plan(1000.0, {"a": 1.0, "b": 0.5}, 3, 600, 40)
        Plan(steps=600, seeds=1, reduced='1 instead of 3 seeds, to keep to the time budget')
    """
    whole = {name: (steps + testing) * seconds for name, seconds in cost.items()}
    done = affordable(left, whole, repeats=1, most=seeds)
    each = max(3, affordable(left, cost, repeats=done, most=steps + testing) - testing)
    parts = [f"{done} instead of {seeds} seeds"] * (done < seeds)
    parts += [f"{each} steps of training instead of {steps}"] * (each < steps)
    return Plan(each, done, ", ".join(parts) + ", to keep to the time budget" if parts else None)
