import gc

import pytest

from geomdl.bench.timing import compare


class Clock:
    """Seconds that only pass when something says so."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now

    def work(self, seconds, log=None, name=""):
        def run():
            self.now += seconds
            if log is not None:
                log.append(name)

        return run


def test_ratio_of_known_work():
    clock = Clock()
    timing = compare(
        {"a": clock.work(0.5), "b": clock.work(1.5)}, rounds=5, least=0.01, clock=clock
    )
    assert timing.baseline == "a"
    assert timing.rounds == 5
    assert timing.time("b").median == pytest.approx(1.5)
    ratio = timing.ratio("b")
    assert (ratio.low, ratio.median, ratio.high) == pytest.approx((3, 3, 3))
    assert not timing.faster("b")
    assert not timing.faster("a")


def test_rounds_alternate_their_order():
    clock, log = Clock(), []
    things = {"a": clock.work(1, log, "a"), "b": clock.work(1, log, "b")}
    compare(things, rounds=4, warmup=1, least=0.5, clock=clock)
    assert "".join(log) == "ab" + "abba" * 2


def test_a_drift_of_the_machine_cancels_in_the_paired_ratio():
    """A machine that slows down by 10 % a call: unpaired times spread, paired ratios do not."""
    clock, speed = Clock(), [1.0]

    def thing(seconds):
        def run():
            clock.now += seconds * speed[0]
            speed[0] *= 1.1

        return run

    timing = compare({"a": thing(1.0), "b": thing(2.0)}, rounds=9, warmup=1, least=0.1, clock=clock)
    times = timing.time("b")
    ratio = timing.ratio("b")
    assert times.high / times.low > 2
    assert ratio.high / ratio.low < 1.25
    assert ratio.low <= 2 <= ratio.high


def test_a_short_call_is_repeated_until_the_clock_can_see_it():
    clock = Clock()
    timing = compare({"short": clock.work(0.001), "long": clock.work(3)}, least=0.02, clock=clock)
    assert timing.calls == {"short": 20, "long": 1}
    assert timing.time("short").median == pytest.approx(0.001)


def test_the_limit_stops_after_three_rounds_at_the_earliest():
    clock = Clock()
    assert compare({"a": clock.work(10)}, rounds=50, limit=1, clock=clock).rounds == 3
    assert compare({"a": clock.work(10)}, rounds=50, limit=105, clock=clock).rounds == 9
    assert compare({"a": clock.work(10)}, rounds=2, limit=1, clock=clock).rounds == 2


def test_the_collector_rests_and_is_put_back():
    seen = []
    compare({"a": lambda: seen.append(gc.isenabled())}, rounds=3, warmup=1, least=1e-9)
    assert seen == [True, False, False, False]
    assert gc.isenabled()
    with pytest.raises(ZeroDivisionError):
        compare({"a": lambda: 1 / 0})
    assert gc.isenabled()


def test_the_device_is_waited_for():
    clock, waits = Clock(), []
    compare({"a": clock.work(1)}, rounds=2, warmup=1, clock=clock,
            synchronize=lambda: waits.append(clock.now))  # fmt: skip
    assert waits == [0, 1, 1, 2, 2, 3]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"things": {}}, "things: expected at least one callable, got none"),
        ({"baseline": "c"}, "baseline: expected one of a, b, got c"),
        ({"rounds": 0}, "rounds: expected at least 1, got 0"),
        ({"warmup": 0}, "warmup: expected at least 1, got 0"),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        compare(**{"things": {"a": int, "b": int}, **arguments})
