"""Claims that cost nothing, put into a copy of the registry."""

import pytest

from geomdl import claims
from geomdl.claims import registry

TEXTS = {
    "statement": "One | is one.",
    "formula": r"1 = 1",
    "source": "nobody",
    "topic": "fake",
    "sabotage": "two is one",
}


def evidence(sabotage=False, **more):
    return claims.Evidence(1.0, 2.0 if sabotage else 1.0, 1e-12, "counting", **more)


def bad_figure(axes):
    raise RuntimeError("no\nfigure")


def fill(monkeypatch):
    """Register a claim that holds, one that fails, one that crashes, one that cannot be drawn."""
    claims.list()
    monkeypatch.setattr(registry, "_claims", dict(registry._claims))

    @claims.claim("fake/true", **TEXTS)
    def true(rng, sabotage):
        print("said by a claim")
        return evidence(sabotage)

    @claims.claim("fake/false", **TEXTS)
    def false(rng, sabotage):
        return evidence(True)

    @claims.claim("fake/crash", **TEXTS)
    def crash(rng, sabotage):
        raise KeyError("two\nlines")

    @claims.claim("fake/nan", **TEXTS)
    def nan(rng, sabotage):
        return claims.Evidence([1.0, 2.0], [1.0, float("nan")], 1e9, "none")

    @claims.claim("fake/undrawn", **TEXTS)
    def undrawn(rng, sabotage):
        return evidence(figure=bad_figure)

    @claims.claim("fake/nothing", **TEXTS)
    def nothing(rng, sabotage):
        return None


@pytest.fixture
def fakes(monkeypatch):
    fill(monkeypatch)
