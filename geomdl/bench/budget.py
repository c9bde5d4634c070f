"""A budget of seconds that several pieces of work share."""

import time
from collections.abc import Callable, Mapping
from typing import Any


class Budget:
    """Seconds that may be spent, counted from the moment it is made.

    Args:
        seconds: how many; None for as many as the work takes.
        clock: seconds; to be replaced in tests.

    Raises:
        ValueError: a budget that is not positive.

    Example:
        >>> Budget(None).left
        inf
    """

    def __init__(
        self, seconds: float | None, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        if seconds is not None and not seconds > 0:
            raise ValueError(f"budget: expected a positive number of seconds, got {seconds}")
        self.seconds = float("inf") if seconds is None else float(seconds)
        self._clock = clock
        self._start = clock()

    @property
    def used(self) -> float:
        """Seconds since it was made."""
        return self._clock() - self._start

    @property
    def left(self) -> float:
        """Seconds left, never below zero."""
        return max(0.0, self.seconds - self.used)

    def share(self, weight: float, of: float) -> "Budget":
        """A budget of weight / of what is left now.

        Args:
            weight: of the piece that the new budget is for.
            of: weights of all the pieces still to do, this one included.

        Returns:
            A new budget that begins now (at least a millisecond, so that late work still runs).
        """
        if self.seconds == float("inf"):
            return Budget(None, clock=self._clock)
        return Budget(max(1e-3, self.left * weight / of), clock=self._clock)


def affordable(
    seconds: float, cost: Mapping[Any, float], *, repeats: int, most: int, least: int = 1
) -> int:
    """How many rounds of work all the things compared can afford, the same number for each.

    n = floor(seconds / (repeats * sum of the costs)), between `least` and `most`: a fair budget
    takes from everything alike, rather than stopping whatever comes last.

    Args:
        seconds: to be spent on all of it.
        cost: name -> seconds that one round of it takes.
        repeats: how often each is done (seeds).
        most: rounds of the full work.
        least: never fewer.

    Returns:
        The number of rounds.

    Example:
        >>> affordable(60.0, {"mlp": 0.5, "cnn": 1.5}, repeats=3, most=30)
        10
    """
    total = repeats * sum(cost.values())
    if total <= 0 or seconds == float("inf"):
        return most
    return max(least, min(most, int(seconds / total)))
