import pytest

from geomdl.bench.budget import Budget, affordable


def test_what_is_left_over_goes_to_those_after():
    now = [0.0]
    whole = Budget(100, clock=lambda: now[0])
    first = whole.share(1, of=4)
    assert first.seconds == 25
    now[0] = 10
    assert first.left == 15
    assert whole.share(3, of=3).seconds == 90
    now[0] = 200
    assert whole.left == first.left == 0
    assert whole.share(1, of=1).seconds > 0


def test_no_budget_is_endless():
    assert Budget(None).share(1, of=2).left == float("inf")
    assert affordable(float("inf"), {"a": 1.0}, repeats=3, most=30) == 30


def test_everything_gives_way_alike():
    cost = {"cheap": 0.1, "dear": 0.9}
    assert affordable(300, cost, repeats=3, most=30) == 30
    assert affordable(30, cost, repeats=3, most=30) == 10
    assert affordable(0, cost, repeats=3, most=30) == 1
    assert affordable(0, cost, repeats=3, most=30, least=2) == 2


@pytest.mark.parametrize("bad", [0, -1, float("nan")])
def test_a_budget_is_positive(bad):
    with pytest.raises(ValueError, match="budget: expected a positive number of seconds, got"):
        Budget(bad)
