"""Networks trained in turns, a slice of time each, so that they share the machine's moods."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from geomdl.bench.suites.images.training import Learner, Samples, error_of


@dataclass
class Course:
    """How one network learned with one seed.

    Attributes:
        seconds: of training at each point, as spent.
        errors: test error at each point.
        steps: done in all.
        samples: that each test error is a share of.
    """

    seconds: list[float] = field(default_factory=list)
    errors: list[float] = field(default_factory=list)
    steps: int = 0
    samples: int = field(kw_only=True)

    @property
    def final(self) -> float:
        """Mean of the last three test errors."""
        last = self.errors[-3:]
        return sum(last) / len(last)

    @property
    def target(self) -> float:
        """One standard error above the final error: e + √(e (1 − e) / samples), binomial."""
        e = self.final
        return e + math.sqrt(e * (1 - e) / self.samples)

    def time_to(self, error: float) -> float:
        """Seconds of training until the error is at most this, infinity if it never is.

        Linear between the tests, from the first point with at most this error backwards.
        """
        points = list(zip(self.seconds, self.errors, strict=True))
        for i, (t, e) in enumerate(points):
            if e <= error:
                if i == 0:
                    return t
                before, above = points[i - 1]
                return t - (t - before) * (error - e) / (above - e)
        return math.inf


def moments(seconds: float, points: int) -> list[float]:
    """Times of the tests, denser in the beginning.

    Example:
        >>> moments(90.0, 3)
        [10.0, 40.0, 90.0]
    """
    return [seconds * (k / points) ** 2 for k in range(1, points + 1)]


def race(
    learners: Mapping[str, Learner],
    test: Samples,
    times: Sequence[float],
    tell: Callable[[str], object] = lambda text: None,
) -> dict[str, Course]:
    """Train in turns and test after each slice; the order is reversed in every other one.

    Args:
        learners: name -> network in training.
        test: images and labels.
        times: seconds of training after which to test.
        tell: called after each slice.

    Returns:
        name -> its course. Only training counts as time.
    """
    courses = {name: Course(samples=len(test[1])) for name in learners}
    for i, seconds in enumerate(times):
        for name in list(learners)[:: 1 if i % 2 == 0 else -1]:
            learner, course = learners[name], courses[name]
            learner.train(seconds=seconds)
            with learner.averaged() as model:
                course.errors.append(error_of(model, test))
            course.seconds.append(learner.seconds)
            course.steps = learner.steps
        tell(", ".join(f"{n} {100 * c.errors[-1]:.1f} %" for n, c in courses.items()))
    return courses
