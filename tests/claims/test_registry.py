import pytest

from geomdl import claims
from geomdl.claims.verify import verify
from tests.claims.fakes import TEXTS, evidence, fakes  # noqa: F401

pytestmark = pytest.mark.usefixtures("fakes")


def test_names_topics_and_patterns():
    names = claims.list()
    assert names == sorted(names)
    assert "fake/true" in claims.list("fake")
    assert "schur" not in claims.list("fake")
    assert claims.match([]) == names
    assert claims.match(["fake"]) == claims.list("fake")
    assert claims.match(["fake/t*", "sch?r", "schur"]) == ["fake/true", "schur"]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: claims.list("nonsense"), "topic: expected one of approximation, bounds, counting"),
        (lambda: claims.run("shur"), "no claim 'shur'; there are schur"),
        (lambda: claims.match(["zzz*"]), r"no claim 'zzz\*'; there are addition-theorem, "),
        (lambda: claims.find("fake/tru"), "there are fake/true"),
        (lambda: claims.run("schur", -1), "seed: expected a whole number of at least 0, got -1"),
        (lambda: claims.run("schur", True), "seed: expected a whole number of at least 0"),
        (lambda: claims.run("schur", 1.5), "seed: expected a whole number of at least 0, got 1.5"),
        (lambda: verify(["fake/true", "none"]), "no claim 'none'"),
        (lambda: verify(["fake/true"], sabotage=["none"]), "no claim 'none'"),
        (
            lambda: verify(["fake/true"], jobs=0),
            "jobs: expected a whole number of at least 1, got 0",
        ),
    ],
)
def test_bad_names_and_seeds(call, message):
    with pytest.raises(ValueError, match=message) as caught:
        call()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("missing", ["statement", "formula", "source", "topic", "sabotage"])
def test_a_claim_without_words_is_refused(missing):
    with pytest.raises(ValueError, match=f"{missing}: expected a text, got ' '"):
        claims.claim("fake/empty", **{**TEXTS, missing: " "})


def test_a_name_is_taken_once_and_can_be_given_back():
    def other(rng, sabotage):
        return evidence()

    with pytest.raises(ValueError, match="'fake/true' is taken by fill"):
        claims.claim("fake/true", **TEXTS)(other)
    claims.forget("fake/true")
    claims.claim("fake/true", **TEXTS)(other)
    claims.claim("fake/true", **TEXTS)(other)  # a module that is imported again
    assert claims.find("fake/true").body is other
    claims.forget("no such claim")


def test_run_fills_in_what_it_knows():
    found = claims.run("fake/true", 7, sabotage=True)
    assert (found.name, found.seed, found.sabotage) == ("fake/true", 7, True)
    assert found.seconds > 0
    assert not found.holds
    with pytest.raises(TypeError, match="claim fake/nothing: should return Evidence, got NoneType"):
        claims.run("fake/nothing")


def test_a_crash_is_a_failure_and_the_others_still_run(capsys):
    seen = []
    outcomes = verify(claims.list("fake"), before=seen.append, sabotage=["fake/undrawn"])
    assert seen == claims.list("fake")
    found = {o.claim.name: o for o in outcomes}
    assert {n: o.verdict for n, o in found.items()} == {
        "fake/crash": "crashed",
        "fake/false": "fails",
        "fake/nan": "fails",
        "fake/nothing": "crashed",
        "fake/true": "holds",
        "fake/undrawn": "holds (sabotaged)",
    }
    assert found["fake/crash"].failure == r"KeyError: 'two\nlines'"
    assert found["fake/crash"].to_dict()["holds"] is False
    assert found["fake/undrawn"].to_dict()["sabotaged_by"] == TEXTS["sabotage"]
    out, err = capsys.readouterr()
    assert out == ""
    assert err == "said by a claim\n"


def test_a_smaller_experiment_where_there_is_one():
    @claims.claim("fake/long", **TEXTS)
    def long(rng, sabotage, fast):
        return claims.Evidence(1, 1, 0.1 if fast else 0.01, "counting")

    assert claims.run("fake/long").tolerance == 0.01
    assert claims.run("fake/long", fast=True).tolerance == 0.1
    assert claims.run("fake/true", fast=True).holds  # it has no other one
    assert claims.find("fake/long").has_fast and not claims.find("fake/true").has_fast
    assert verify(["fake/long"], fast=True)[0].evidence.tolerance == 0.1


def test_a_twin_must_be_refuted_by_numbers():
    @claims.claim("fake/irrefutable", **TEXTS)
    def irrefutable(rng, sabotage):
        return evidence()

    @claims.claim("fake/fragile", **TEXTS)
    def fragile(rng, sabotage):
        return 1 / 0 if sabotage else evidence()

    names = ["fake/true", "fake/irrefutable", "fake/fragile", "fake/false"]
    found = verify(names, twins=True)
    assert [o.verdict for o in found] == [
        "holds, twin refuted",
        "holds, twin holds",
        "holds, twin crashed",
        "fails, twin refuted",
    ]
    assert [o.holds for o in found] == [True, False, False, False]
    assert found[0].to_dict()["twin"]["sabotage"] is True


def test_other_processes_give_the_same_and_know_claims_of_this_one():
    seen, names = [], ["fake/true", "fake/crash", "fake/undrawn", "burnside"]
    one = verify(names, 3, twins=True, figures=True)
    two = verify(names, 3, twins=True, figures=True, jobs=2, after=seen.append)
    assert {o.claim.name for o in seen} == set(names)
    for a, b in zip(one, two, strict=True):
        a, b = a.to_dict(), b.to_dict()
        for run in (a, b, a.get("twin", {}), b.get("twin", {})):
            run.pop("seconds", None)
        assert a == b
    assert [sorted(o.pictures) for o in two] == [["png", "svg"], [], [], ["png", "svg"]]
    assert two[2].undrawn == one[2].undrawn == "RuntimeError: no figure"
    assert two[3].pictures["svg"] == one[3].pictures["svg"]


def test_a_process_that_dies_is_said_and_nothing_hangs():
    @claims.claim("fake/dies", **TEXTS)
    def dies(rng, sabotage):
        import os

        os._exit(3)

    found = verify(["burnside", "fake/dies"], jobs=2)
    assert "its process died" in found[1].failure and not found[1].holds
