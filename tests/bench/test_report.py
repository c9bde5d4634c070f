import dataclasses
import re
from html.parser import HTMLParser

import pytest

from geomdl.bench import rebuild, report
from geomdl.bench.report import html
from geomdl.bench.results import Results, write
from tests.bench.fakes import result

VOID = {"meta", "br", "img", "hr", "input", "link"}


@pytest.fixture(scope="module")
def results():
    environment = {"geomdl": "0", "commit": "abc-dirty", "cpu": "A <CPU>", "threads": 1}
    suites = {"one": result(), "two": result(holds=False, reduced="3 epochs of 30")}
    return Results("2026-01-01T00:00:00+00:00", environment, {"seeds": 3}, suites)


@pytest.fixture(scope="module")
def page(results):
    return html(results)


class Balance(HTMLParser):
    """Checks that every element is closed, and keeps text and tags."""

    def __init__(self):
        super().__init__()
        self.open, self.tags, self.texts = [], [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)


def read(page):
    parsed = Balance()
    parsed.feed(page)
    assert parsed.open == []
    return parsed


def test_the_page_is_whole_and_needs_no_network(page):
    parsed = read(page)
    names = {tag for tag, _ in parsed.tags}
    assert not names & {"script", "link", "iframe", "img"}
    assert not re.search(r"https?:|//[a-z]|@import|url\((?!#)", page)
    sources = [a.get("href") for _, a in parsed.tags if a.get("href")]
    assert all(s.startswith(("#", "data:image/png;base64,")) for s in sources)
    assert len(page) < 2_000_000


def test_the_page_fits_a_phone_and_the_dark(page):
    assert '<meta name="viewport" content="width=device-width, initial-scale=1">' in page
    assert "@media (max-width" in page
    assert "prefers-color-scheme: dark" in page


def test_the_page_shows_everything_it_was_given(page):
    text = " ".join(read(page).texts)
    for words in (
        "A suite <of things>", "What it does.", "9 of 9 predictions & more", "A note.", "A table",
        "plain <CNN>", "97.5 %", "± 0.2", "1.2×10⁻¹⁵", "3.40×", "[3.30, 3.60]", "n/a",
        "commit abc-dirty", "A <CPU>", "1 thread", "A reduced run.", "3 epochs of 30.", "a none",
        "On the test set.",
    ):  # fmt: skip
        assert words in text, words
    assert text.count("A reduced run.") == 1


def test_ids_are_unique_over_the_page(page):
    ids = [a["id"] for _, a in read(page).tags if "id" in a]
    assert len(ids) == len(set(ids)) > 10


def test_a_failed_check_is_marked(page):
    marks = [a["class"] for tag, a in read(page).tags if tag == "li"]
    assert marks == ["card holds", "card fails"]


def test_cells_carry_their_headings_for_the_phone(page):
    labels = {a["data-label"] for tag, a in read(page).tags if tag == "td"}
    assert labels == {"model", "accuracy", "equivariance error", "time a step", "memory",
                      "parameters"}  # fmt: skip


def test_rebuilding_gives_the_same_page(results, page, tmp_path):
    write(results, tmp_path / "results.json")
    path = rebuild(tmp_path)
    assert path.read_text(encoding="utf-8") == page


def test_rebuilding_without_results_says_so(tmp_path):
    with pytest.raises(FileNotFoundError, match="no file"):
        rebuild(tmp_path)


def test_rebuilding_where_nothing_can_be_written(results, tmp_path, monkeypatch):
    monkeypatch.setattr(report, "html", lambda results: "")
    write(results, tmp_path / "results.json")
    (tmp_path / "report.html").mkdir()
    with pytest.raises(ValueError, match="out: expected a folder that can be written to"):
        rebuild(tmp_path)


def test_an_empty_suite_gives_a_page(results):
    empty = dataclasses.replace(result(), tables=(), figures=(), checks=(), notes=(), settings={})
    read(html(dataclasses.replace(results, suites={"empty": empty})))
