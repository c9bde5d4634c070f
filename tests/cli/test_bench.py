import pytest

from geomdl import bench
from geomdl.bench import registry
from geomdl.cli import main
from tests.bench.fakes import result


@pytest.fixture
def suites(monkeypatch):
    """One suite whose checks hold, and one whose checks do not."""
    bench.list_suites()  # loads those that come with the package
    monkeypatch.setattr(registry, "_suites", dict(registry._suites))
    seen = []

    @bench.suite("fake/good")
    def good(context):
        seen.append(context)
        return result()

    @bench.suite("fake/bad")
    def bad(context):
        return result(holds=False, reduced="3 epochs [of 30]")

    return seen


def test_the_table_and_the_checks_are_printed(suites, tmp_path, capsys):
    words = [
        "bench",
        "fake/good",
        "--out",
        str(tmp_path),
        "--seeds",
        "2",
        "--budget",
        "9",
        "--peers",
    ]
    assert main(words) == 0
    out, err = capsys.readouterr()
    for text in (
        "A suite <of things>",
        "97.5 ± 0.2 %",
        "✓ 9 of 9 predictions & more",
        "report.html",
    ):
        assert text in out
    assert err == ""
    assert (suites[0].seeds, suites[0].peers) == (2, True)
    assert suites[0].budget.seconds <= 9
    assert (tmp_path / "report.html").exists()


def test_a_check_that_fails_fails_the_command(suites, tmp_path, capsys):
    assert main(["bench", "fake/good", "fake/bad", "--out", str(tmp_path)]) == 1
    out = capsys.readouterr().out
    assert "✗ 9 of 9 predictions & more" in out
    assert "A reduced run: 3 epochs [of 30]." in out


def test_the_report_is_built_again(suites, tmp_path, capsys):
    assert main(["bench", "fake/good", "--out", str(tmp_path), "--quiet"]) == 0
    before = (tmp_path / "report.html").read_bytes()
    (tmp_path / "report.html").unlink()
    capsys.readouterr()
    assert main(["report", str(tmp_path)]) == 0
    assert capsys.readouterr().out.strip() == str(tmp_path / "report.html")
    assert (tmp_path / "report.html").read_bytes() == before
    (tmp_path / "results.json").write_text('{"schema": "geomdl.bench", "ver')
    assert main(["report", str(tmp_path)]) == 2
    assert "truncated or not JSON" in capsys.readouterr().err
