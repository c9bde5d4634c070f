import json

import numpy as np
import pytest

from geomdl import claims
from geomdl.claims import report, table
from geomdl.claims.verify import verify
from tests.claims.fakes import fakes  # noqa: F401

pytestmark = pytest.mark.usefixtures("fakes")


@pytest.fixture
def outcomes(fakes):  # noqa: F811
    return verify([*claims.list("fake"), "burnside"], seed=3, figures=True)


def test_numbers_are_short_and_true():
    for x in (0.0, 1.0, -3.25, 1e-7, -1e-7, 123456.0, 0.001, 9.9996e-4):
        text = table.number(x)
        assert len(text) <= 11
        for n, digit in enumerate("⁰¹²³⁴⁵⁶⁷⁸⁹"):
            text = text.replace(digit, str(n))
        plain = text.replace("⁻", "-").replace("−", "-").replace("×10", "e")
        assert float(plain) == pytest.approx(x, rel=0.05)
    assert table.number(float("nan")) == "nan"
    assert table.number(-float("inf")) == "−inf"


def test_arrays_are_cut_and_counted():
    assert table.values(np.array([1.0, 2, 3]), 1) == "1, … (3)"
    assert table.values(np.array([1.0]), 1) == "1"
    assert table.values(np.full(100, np.nan)) == "norm nan (100)"


def test_the_tolerance_shows_its_side():
    written = [
        table.tolerance(claims.Evidence(1, 1, tol, "", relation=r))
        for tol, r in (
            (0, "equal"),
            (0.5, "equal"),
            (0.5, "at most"),
            (1e-12, "at least"),
            (0, "at most"),
        )
    ]
    assert written == ["exact", "± 0.5", "+ 0.5", "− 10⁻¹²", "none"]


def test_files(outcomes, tmp_path):
    problems = report.write(outcomes, 3, tmp_path)
    assert problems == ["fake/undrawn: no figure drawn (RuntimeError: no figure)"]
    found = json.loads((tmp_path / "verify.json").read_text())
    assert found["holds"] is False
    assert found["seed"] == 3
    by_name = {c["name"]: c for c in found["claims"]}
    assert by_name["burnside"]["predicted"] == [51, 92, 35, 36]
    assert by_name["burnside"]["holds"] is True
    assert by_name["fake/nan"]["measured"] == [1, "nan"]
    assert by_name["fake/crash"]["failure"].startswith("KeyError")
    assert (tmp_path / "burnside.png").read_bytes().startswith(b"\x89PNG")
    assert (tmp_path / "fake_true.png").exists()
    lines = (tmp_path / "verify.md").read_text().splitlines()
    assert len(lines) == 2 + len(outcomes)
    assert len({line.replace("\\|", "").count("|") for line in lines}) == 1


@pytest.mark.parametrize("width", [80, 120, 200])
def test_the_table_fits(outcomes, width):
    from rich.console import Console

    console = Console(width=width, record=True, file=open("/dev/null", "w"))  # noqa: SIM115
    console.print(table.rich_table(outcomes, width))
    console.print(table.details(outcomes))
    text = console.export_text()
    assert max(map(len, text.splitlines())) <= width
    assert "fake/crash" in text
    assert "✗ crashed" in text
    assert ("One | is one." in text) and ("largest error" in text) == (width >= 100)
    console.file.close()


def test_a_folder_that_cannot_be_written_to(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ValueError, match="out: expected a folder that can be written to"):
        report.folder(tmp_path / "file")
