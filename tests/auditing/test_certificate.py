import json
import math

import pytest
import torch
from torch import Tensor

import geomdl
from geomdl import Audit, Field, Vector, audit
from geomdl.auditing import ElementRow
from geomdl.auditing.certificate import worst_of
from tests.auditing import networks
from tests.auditing.networks import C4Net, image, images, invariant, seeded


@pytest.fixture(scope="module")
def x() -> Tensor:
    return images(4, 1, 11, 11)


@pytest.fixture(scope="module")
def passed(x: Tensor) -> Audit:
    return audit(seeded(C4Net()), x)


@pytest.fixture(scope="module")
def failed(x: Tensor) -> Audit:
    return audit(seeded(networks.PlainCNN()), x, source=image(), target=invariant(channels=10),
                 per_layer=True)  # fmt: skip


def made(error: float, **options: object) -> Audit:
    row = ElementRow("90°", "element", 1, error, {"y": error})
    return Audit("f", "C4", "float64", error, (row,), **options)  # type: ignore[arg-type]


def test_verdict_by_tolerance() -> None:
    assert made(1e-13).passed()
    assert not made(1e-11).passed()
    assert made(1e-11).passed(1e-10)
    assert made(0.0).passed(0.0)
    for tol in (None, 1.0, math.inf):
        assert not made(math.nan).passed(tol)
        assert not made(0.0, reason="constant").passed(tol)


def test_worst_of_keeps_nan() -> None:
    assert worst_of([1.0, 3.0, 2.0]) == 3.0
    assert worst_of([]) == 0.0
    for order in ([math.nan, 1.0], [1.0, math.nan]):
        assert math.isnan(worst_of(order))
    rows = tuple(ElementRow(str(e), "sample", 0, e, {}) for e in (1.0, math.nan, 2.0))
    worst = Audit("f", "C4", "float64", math.nan, rows).worst
    assert worst is not None
    assert math.isnan(worst.error)


def test_json_round_trip(passed: Audit, failed: Audit) -> None:
    for found in (passed, failed):
        text = found.to_json(indent=1)
        data = json.loads(text)
        assert data["passed"] == found.passed()
        assert data["error"] == found.error
        assert data["first_break"] == found.first_break
        assert data["confidence"] == found.confidence
        assert [row["label"] for row in data["per_element"]] == [r.label for r in found.per_element]
        again = Audit.from_json(text)
        assert again.to_json() == found.to_json()
        assert again.summary() == found.summary()
        assert again == found or any(row.error != row.error for row in found.per_layer)


def test_json_of_what_is_not_finite(x: Tensor) -> None:
    found = audit(networks.NaN(seeded(C4Net())), x)
    text = found.to_json()
    assert "NaN" not in text.replace("NaN or infinite entries", "").replace('"subject": "NaN"', "")
    assert json.loads(text)["error"] is None
    again = Audit.from_json(text)
    assert math.isnan(again.error)
    assert not again.passed(math.inf)


def test_another_text_is_no_certificate() -> None:
    for text in ("{}", "[]", '{"format": 99}'):
        with pytest.raises(ValueError, match=r"^text: expected a certificate of format 1"):
            Audit.from_json(text)


def test_summary_of_a_pass(passed: Audit) -> None:
    lines = passed.summary().splitlines()
    assert lines[0].startswith("PASSED: C4Net under C4, error ")
    assert lines[0].endswith(" <= 1e-12")
    text = str(passed)
    assert "worst       " in text
    assert "tried       3 elements in float64, seed 0" in text
    assert "confidence  all 4 elements of the group were tested" in text
    assert "action      exact" in text


def test_summary_of_a_failure(failed: Audit) -> None:
    lines = failed.summary(1e-5).splitlines()
    assert lines[0].startswith("FAILED: PlainCNN under D4, error ")
    assert lines[0].endswith(" > 1e-05")
    assert any(line.startswith("  breaks at   conv1 (Conv2d): error 0.") for line in lines)
    assert max(map(len, lines)) <= 100


def test_summary_gives_the_reason(x: Tensor) -> None:
    found = audit(networks.Constant(seeded(C4Net())), x)
    lines = found.summary().splitlines()
    assert lines[0] == "FAILED: Constant under C4, error nan"
    assert lines[1].startswith("  reason      output does not vary with the inputs beyond rounding")


def test_confidence_counts_what_exceeds() -> None:
    SO3 = geomdl.group("SO3")
    v = Field(Vector(), SO3.standard)
    found = audit(lambda x: x * x.norm(), images(4, 3), source=v, target=v, samples=59)
    assert found.confidence.startswith("0 of 59 random elements exceed")
    assert "fewer than 5.0% of the group do" in found.confidence
    errors = sorted(row.error for row in found.per_element if row.kind == "sample")
    assert found.confidence_at(errors[-2]).startswith("1 of 59 random elements exceed")
    assert found.confidence_at(-1.0) == "all 59 random elements exceed -1"


def test_tolerance_allows_for_the_rounding_of_an_offset() -> None:
    from geomdl.auditing import OutputRow

    assert made(0.0).tol == 1e-12
    assert made(0.0, outputs=(OutputRow("y", 1.0, 1.0),)).tol == pytest.approx(1e-12, rel=0.01)
    offset = made(5e-12, outputs=(OutputRow("y", 1e4, 1.0),))
    assert offset.passed()
    assert not offset.passed(1e-12)


def test_certificate_names_its_versions(passed: Audit) -> None:
    assert passed.versions == {"geomdl": geomdl.__version__, "torch": torch.__version__}
    assert passed.seconds > 0
