"""A timer for comparisons: warm up, alternate, several rounds, paired ratios.

A single stopwatch reading says more of what else the machine was doing than of the code. Here the
things compared run in one process, one after another within each round and in reversed order in
every other round, so that a drift of the machine's speed cancels; the ratio is taken *within* a
round, and its median and quartiles over the rounds are reported. No absolute time is ever asserted.
"""

import gc
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from geomdl.bench.statistics import Quartiles, quartiles


@dataclass(frozen=True)
class Timing:
    """Seconds per call of each thing in each round.

    Attributes:
        seconds: name -> one value a round, seconds per call.
        calls: name -> calls in each round (the mean over them is one value).
        baseline: the name that ratios are taken to.
    """

    seconds: Mapping[str, tuple[float, ...]]
    calls: Mapping[str, int]
    baseline: str

    @property
    def rounds(self) -> int:
        """Number of rounds."""
        return len(self.seconds[self.baseline])

    def time(self, name: str) -> Quartiles:
        """Quartiles over the rounds of the seconds per call of `name`."""
        return quartiles(self.seconds[name])

    def ratio(self, name: str) -> Quartiles:
        """Quartiles over the rounds of seconds(name) / seconds(baseline), paired in each round."""
        pairs = zip(self.seconds[name], self.seconds[self.baseline], strict=True)
        return quartiles([a / b for a, b in pairs])

    def faster(self, name: str) -> bool:
        """Tell whether `name` is faster than the baseline: third quartile of the ratio below 1."""
        return self.ratio(name).high < 1


def compare(
    things: Mapping[str, Callable[[], object]],
    *,
    baseline: str | None = None,
    rounds: int = 9,
    warmup: int = 2,
    least: float = 0.02,
    limit: float | None = None,
    synchronize: Callable[[], object] | None = None,
    clock: Callable[[], float] = time.perf_counter,
) -> Timing:
    """Time several things against each other in one process.

    Every thing is called `warmup` times; then each round calls each of them, as often as it takes
    to fill `least` seconds, in the order given in even rounds and reversed in odd ones. The
    garbage collector rests meanwhile.

    Args:
        things: name -> callable without arguments.
        baseline: the name that ratios are taken to; default the first.
        rounds: number of rounds, at least 1.
        warmup: untimed calls of each thing, at least 1 (the last one says how long a call takes).
        least: seconds that one thing shall take in one round, so that the clock's grain is small.
        limit: seconds after which no further round starts; three rounds are always run (or
            `rounds`, if that is fewer).
        synchronize: called before each reading of the clock (`torch.cuda.synchronize`).
        clock: seconds; to be replaced in tests.

    Returns:
        The seconds per call in each round.

    Raises:
        ValueError: nothing to time, an unknown baseline, rounds or warmup below 1.

    Example:
        >>> timing = compare({"short": lambda: sum(range(9)), "long": lambda: sum(range(9999))})
        >>> timing.ratio("long").median > 1
        True
    """
    if not things:
        raise ValueError("things: expected at least one callable, got none")
    first = next(iter(things)) if baseline is None else baseline
    if first not in things:
        raise ValueError(f"baseline: expected one of {', '.join(things)}, got {first}")
    for name, value in (("rounds", rounds), ("warmup", warmup)):
        if value < 1:
            raise ValueError(f"{name}: expected at least 1, got {value}")

    def seconds(thing: Callable[[], object], calls: int) -> float:
        if synchronize is not None:
            synchronize()
        start = clock()
        for _ in range(calls):
            thing()
        if synchronize is not None:
            synchronize()
        return (clock() - start) / calls

    begin = clock()
    calls: dict[str, int] = {}
    for name, thing in things.items():
        taken = [seconds(thing, 1) for _ in range(warmup)][-1]
        calls[name] = max(1, min(100_000, round(least / taken) if taken > 0 else 100_000))
    taken_by: dict[str, list[float]] = {name: [] for name in things}
    collected = gc.isenabled()
    gc.collect()
    gc.disable()
    try:
        for i in range(rounds):
            if limit is not None and i >= 3 and clock() - begin > limit:
                break
            for name in list(things)[:: 1 if i % 2 == 0 else -1]:
                taken_by[name].append(seconds(things[name], calls[name]))
    finally:
        if collected:
            gc.enable()
    return Timing({name: tuple(v) for name, v in taken_by.items()}, calls, first)
