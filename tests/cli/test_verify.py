import html
import json
import re
import subprocess
import sys

import pytest

from geomdl import claims
from geomdl.cli import main
from tests.claims.fakes import fakes  # noqa: F401


def test_a_run_with_its_files(capsys, tmp_path):
    """All claims run in tests/claims, one by one; all by this command in `make verify`."""
    out = tmp_path / "deep" / "out"
    words = ["verify", "networks", "burnside", "schur", "--twins", "--fast"]
    assert main([*words, "--out", str(out)]) == 0
    said, err = capsys.readouterr()
    names = claims.match(["networks", "burnside", "schur"])
    assert len(names) == 7
    for word in (*names, "predicted", "measured", "tolerance", "verdict", "twin refuted"):
        assert word in said
    assert f"{len(names)} of {len(names)} claims hold, their twins refuted" in said
    assert "✗" not in said
    assert err == ""
    found = json.loads((out / "verify.json").read_text())
    assert found["holds"] is True and found["fast"] is True
    assert len(list(out.glob("*.png"))) == len(names)
    page = (out / "verify.html").read_text()
    assert page.count("<article") == page.count("<figure>") == len(names)
    assert page.count('class="formula"') == len(names)
    assert "</a><a" not in page  # else no line of links breaks
    for name in names:
        assert claims.find(name).statement.split("<")[0] in html.unescape(page)
    assert "http" not in re.sub(r'xmlns(:\w+)?="[^"]*"', "", page)


def test_the_page_says_what_failed(tmp_path, capsys):
    words = ["verify", "schur", "burnside", "--sabotage", "schur", "--out", str(tmp_path)]
    assert main(words) == 1
    page = (tmp_path / "verify.html").read_text()
    assert "1 of 2 claims hold" in page
    assert page.count('<h3 class="fails">schur') == page.count('<h3 class="holds">burnside') == 1
    assert claims.find("schur").sabotage in html.unescape(page)
    assert "verify.html" in capsys.readouterr().out


def test_a_list_runs_nothing(capsys, monkeypatch):
    monkeypatch.setattr("geomdl.claims.verify.run", None)
    assert main(["verify", "--list"]) == 0
    out = capsys.readouterr().out
    for name in claims.list():
        assert name in out


@pytest.fixture(autouse=True)
def _width(monkeypatch):
    """The width is the command's own choice: other libraries set this variable for themselves."""
    monkeypatch.delenv("COLUMNS", raising=False)


@pytest.mark.parametrize("name", ["schur", "rademacher", "sampling-slope"])
def test_any_sabotaged_claim_makes_it_fail(name, capsys):
    assert main(["verify", name, "--sabotage", name]) == 1
    out = capsys.readouterr().out
    assert "fails (sabotaged)" in out
    assert f"0 of 1 claims hold; not: {name}" in out


def test_patterns_and_topics(capsys):
    assert main(["verify", "burn*", "networks", "--seed", "4", "--long"]) == 0
    out = capsys.readouterr().out
    assert "burnside" in out and "shift-classes" in out and "weight-sharing" in out
    assert "schur" not in out
    assert "6 of 6 claims hold" in out and "seed 4" in out
    assert "Source: Burnside 1897" in out
    assert "Tolerance: counting" in out


@pytest.mark.parametrize("more", [[], ["--sabotage", "burnside"]])
def test_json_says_what_the_exit_code_says(more, capsys):
    assert main(["verify", "burnside", "--json", *more]) == (1 if more else 0)
    found = json.loads(capsys.readouterr().out)
    assert found["holds"] is not bool(more)
    assert found["claims"][0]["holds"] is not bool(more)
    assert (found["claims"][0]["sabotaged_by"] is None) is not bool(more)


@pytest.mark.usefixtures("fakes")
def test_a_crash_is_one_line_and_the_others_run(capsys, tmp_path):
    assert main(["verify", "fake", "burnside", "--out", str(tmp_path)]) == 1
    out, err = capsys.readouterr()
    assert "crashed" in out and "✓ holds" in out
    assert "3 of 7 claims hold; not: fake/crash, fake/false, fake/nan, fake/nothing" in out
    lines = [line for line in err.splitlines() if line.startswith("geomdl: ")]
    assert len(lines) == 3
    assert any(line.startswith("geomdl: fake/crash: crashed (KeyError") for line in lines)
    assert (tmp_path / "verify.json").exists()


@pytest.mark.usefixtures("fakes")
def test_what_a_claim_prints_does_not_spoil_the_json(capsys):
    assert main(["verify", "fake/true", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["holds"] is True


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["nonsense*"], "claim: no claim 'nonsense*'; there are "),
        (["shur"], "claim: no claim 'shur'; there are schur"),
        (["--sabotage", "shur"], "claim: no claim 'shur'; there are schur"),
        (["schur", "--sabotage", "burnside"], "'burnside' is not among the claims"),
        (["--seed", "x"], "expected a whole number of at least 0, got x"),
        (["--jobs", "0"], "expected a whole number from 1 to 1024, got 0"),
        (["--seed", "-1"], "expected a whole number of at least 0, got -1"),
        (["schur", "--out", "/proc/nowhere"], "out: expected a folder that can be written to"),
    ],
)
def test_bad_input_is_one_line(words, message, capsys):
    assert main(["verify", *words]) == 2
    err = capsys.readouterr().err
    assert len(err.splitlines()) == 1
    assert err.startswith("geomdl: ")
    assert message in err


@pytest.mark.parametrize("columns", ["80", "200"])
def test_the_process_exits_non_zero_at_any_width(columns):
    import os

    done = subprocess.run(
        [sys.executable, "-m", "geomdl", "verify", "schur", "burnside", "--sabotage", "schur"],
        capture_output=True,
        text=True,
        env={**os.environ, "COLUMNS": columns},
    )
    assert done.returncode == 1
    assert done.stderr == ""
    assert "1 of 2 claims hold; not: schur" in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= int(columns)
