import dataclasses
import json
import math

import pytest

from geomdl.bench import results as store
from geomdl.bench.results import Results, read, write
from tests.bench.fakes import result


@pytest.fixture
def results():
    return Results("2026-01-01T00:00:00+00:00", {"cpu": "x"}, {"seeds": 3}, {"fake": result()})


def test_what_is_written_is_read_back(results, tmp_path):
    path = tmp_path / "results.json"
    write(results, path)
    again = read(path)
    assert again.to_json() == results.to_json()
    assert again.suites["fake"].tables[0].columns == results.suites["fake"].tables[0].columns
    write(again, tmp_path / "again.json")
    assert (tmp_path / "again.json").read_bytes() == path.read_bytes()


def test_the_layout_has_a_name_and_a_version(results):
    document = results.to_json()
    assert document["schema"] == "geomdl.bench"
    assert document["version"] == store.VERSION == 1


def test_what_is_not_finite_becomes_null_in_valid_json(results, tmp_path):
    suite = dataclasses.replace(results.suites["fake"], settings={"a": math.nan, "b": [-math.inf]})
    path = tmp_path / "results.json"
    write(dataclasses.replace(results, suites={"fake": suite}), path)
    assert "NaN" not in path.read_text()
    assert "Infinity" not in path.read_text()
    assert read(path).suites["fake"].settings == {"a": None, "b": [None]}


def test_holds_needs_every_check(results):
    assert results.holds
    bad = dataclasses.replace(results, suites={"good": result(), "bad": result(holds=False)})
    assert not bad.holds


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "truncated or not JSON"),
        ('{"schema": "geomdl.bench", "ver', "truncated or not JSON"),
        ("[]", "expected a file with schema 'geomdl.bench'"),
        ('{"a": 1}', "expected a file with schema 'geomdl.bench'"),
        ('{"schema": "geomdl.bench", "version": 2}', "expected version 1 of the schema, got 2"),
        ('{"schema": "geomdl.bench", "version": 1}', "a field is missing or unknown"),
    ],
)
def test_a_bad_file_is_one_line(tmp_path, text, message):
    path = tmp_path / "results.json"
    path.write_text(text)
    with pytest.raises(ValueError, match=message) as caught:
        read(path)
    assert "\n" not in str(caught.value)


def test_an_unknown_field_or_a_missing_one_is_refused(results):
    for change in ({"surprise": 1}, None):
        document = json.loads(json.dumps(results.to_json()))
        if change is None:
            del document["suites"]["fake"]["title"]
        else:
            document["suites"]["fake"].update(change)
        with pytest.raises(ValueError, match="a field is missing or unknown"):
            Results.from_json(document)


def test_bytes_that_are_no_text(tmp_path):
    (tmp_path / "results.json").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ValueError, match="is not JSON"):
        read(tmp_path / "results.json")


def test_no_file_says_how_to_get_one(tmp_path):
    with pytest.raises(FileNotFoundError, match="geomdl bench --out"):
        read(tmp_path / "results.json")
