import subprocess
import sys
import tempfile

import pytest
import torch

from geomdl import bench
from geomdl.bench import registry
from geomdl.bench.results import read
from tests.bench.fakes import result


@pytest.fixture
def suites(monkeypatch):
    """Two suites that cost nothing, and the contexts that they were given."""
    bench.list_suites()  # loads those that come with the package
    monkeypatch.setattr(registry, "_suites", dict(registry._suites))
    seen = {}

    @bench.suite("fake/one", weight=3)
    def one(context):
        """The first suite."""
        seen["one"] = context
        context.progress.stage("one", 1)
        context.progress.advance()
        return result()

    @bench.suite("fake/two", title="Second", weight=1, seeds=5)
    def two(context):
        seen["two"] = context
        return result(reduced="less")

    return seen


def test_everything_is_written(suites, tmp_path):
    out = tmp_path / "deep" / "out"
    results = bench.run(["fake/one", "fake/two"], out=out, budget=40, seeds=2, data="x", root="y")
    names = {p.name for p in out.iterdir()}
    assert {"results.json", "report.html", "table.md", "fake_one_orbit.png"} <= names
    assert len([n for n in names if n.endswith(".png")]) == 2 * len(result().figures)
    assert read(out / "results.json").to_json() == results.to_json()
    table = (out / "table.md").read_text()
    assert "| D4 network | **97.5 ± 0.2 %**" in table
    assert "- ✓ 9 of 9 predictions & more" in table
    assert table.count("- A reduced run: less.") == 1
    assert results.options == {"budget": 40, "seeds": 2, "data": "x", "peers": False}
    assert results.suites["fake/one"].seconds > 0


def test_the_budget_goes_by_weight(suites):
    bench.run(["fake/one", "fake/two"], out=None, budget=40)
    assert suites["one"].budget.seconds == pytest.approx(30, abs=0.5)
    assert suites["two"].budget.seconds == pytest.approx(40, abs=0.5)  # all that was left over
    bench.run(["fake/one"], out=None, budget=None)
    assert suites["one"].budget.left == float("inf")


def test_without_a_number_of_seeds_each_suite_has_its_own(suites):
    results = bench.run(["fake/one", "fake/two"], out=None)
    assert (suites["one"].seeds, suites["two"].seeds) == (3, 5)
    assert results.options["seeds"] is None
    bench.run(["fake/two"], out=None, seeds=1)
    assert suites["two"].seeds == 1


def test_the_threads_are_as_asked_and_put_back(suites):
    before = torch.get_num_threads()
    assert bench.run(["fake/one"], out=None).environment["threads"] == 1
    assert bench.run(["fake/one"], out=None, threads=3).environment["threads"] == 3
    assert torch.get_num_threads() == before


def test_names_are_listed_and_near_ones_offered(suites):
    assert bench.list_suites("fake/*") == ["fake/one", "fake/two"]
    assert registry.find_suite("fake/one").title == "The first suite"
    assert registry.find_suite("fake/two").title == "Second"
    with pytest.raises(ValueError, match="no suite 'digit'; there are digits"):
        bench.run(["digit"], out=None)
    with pytest.raises(ValueError, match="the name 'fake/one' is taken by"):
        bench.suite("fake/one")(lambda context: result())


def test_bad_arguments_are_refused_before_any_work(suites, tmp_path):
    file = tmp_path / "file"
    file.write_text("")
    for arguments, message in (
        ({"suites": []}, "suites: expected at least one name, got none"),
        ({"seeds": 0}, "seeds: expected at least 1, got 0"),
        ({"threads": 0}, "threads: expected at least 1, got 0"),
        ({"budget": 0}, "budget: expected a positive number of seconds, got 0"),
        ({"out": file}, "out: expected a folder that can be written to, got .*file"),
        ({"out": file / "below"}, "out: expected a folder that can be written to, got .*below"),
    ):
        with pytest.raises(ValueError, match=message):
            bench.run(**{"suites": ["fake/one"], "out": None, **arguments})
    assert suites == {}


def test_a_folder_without_the_right_to_write(suites, tmp_path, monkeypatch):
    def refused(dir):  # as the system answers, except to root
        raise PermissionError(13, "Permission denied", str(dir))

    monkeypatch.setattr(tempfile, "TemporaryFile", refused)
    with pytest.raises(ValueError, match="Permission denied"):
        bench.run(["fake/one"], out=tmp_path)
    assert suites == {}


def test_importing_bench_does_not_import_what_draws_or_fits():
    code = (
        "import sys, geomdl.bench; "
        "print([m for m in ('matplotlib', 'rich', 'scipy', 'sklearn') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
