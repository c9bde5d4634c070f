"""The documentation names everything that is public, and its pages hang together."""

import doctest
import re
import sys
import textwrap
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
GENERATED = {"api/index", "tutorials/index"}


@pytest.fixture(scope="module", autouse=True)
def _extensions() -> None:
    sys.path.insert(0, str(DOCS / "_ext"))


def extension(name: str) -> ModuleType:
    """One of the documentation's own extensions."""
    return import_module(name)


def missing(pages: dict[str, str]) -> set[str]:
    """Public names that no page documents."""
    lost = set()
    for package in extension("api_pages").packages():
        title = f"geomdl.{package}"
        source = pages.get(f"api/{package}.rst", "")
        for name in import_module(title).__all__:
            line = rf"^\.\. auto\w+:: ({re.escape(title)}\.)?{re.escape(name)}$"
            if not re.search(line, source, re.MULTILINE):
                lost.add(f"{title}.{name}")
    return lost


def test_every_public_name_has_a_place() -> None:
    pages = extension("api_pages").pages()
    assert missing(pages) == set()
    cut = pages | {"api/groups.rst": pages["api/groups.rst"].replace("autofunction:: molien", "")}
    assert missing(cut) == {"geomdl.groups.molien"}


def test_every_package_is_in_the_index() -> None:
    listed = extension("api_pages").pages()["api/index.rst"].split()
    packages = {path.parent.name for path in (ROOT / "geomdl").glob("*/__init__.py")}
    assert packages and packages <= set(listed)


def entries(source: str) -> set[str]:
    """Pages that the toctrees of a source name."""
    trees = re.findall(r"^\.\. toctree::\n((?:[ \t]+.*\n|\n)+)", source + "\n", re.MULTILINE)
    lines = [line.strip() for tree in trees for line in tree.splitlines()]
    return {line for line in lines if line and not line.startswith(":")}


def test_every_page_is_in_a_toctree() -> None:
    listed = set().union(*(entries(p.read_text(encoding="utf-8")) for p in DOCS.glob("*.rst")))
    pages = {p.stem for p in DOCS.iterdir() if p.suffix in {".rst", ".md"}} - {"index"}
    assert pages | GENERATED == listed
    assert entries(".. toctree::\n   :hidden:\n\n   a\n   b/c\n\ntext\n") == {"a", "b/c"}


def test_internal_links_lead_somewhere() -> None:
    known = {p.relative_to(DOCS).with_suffix("").as_posix() for p in DOCS.glob("*.*")}
    known |= {path.removesuffix(".rst") for path in extension("api_pages").pages()} | GENERATED
    known |= {f"tutorials/{p.stem}" for p in (ROOT / "tutorials").glob("[0-9]*.py")}
    for page in DOCS.glob("*.rst"):
        source = page.read_text(encoding="utf-8")
        for target in re.findall(r":doc:`[^`<]*<([^>]+)>`", source):
            assert target in known, f"{page.name}: {target}"


def test_pages_from_the_root() -> None:
    root_pages = extension("root_pages")
    for page in DOCS.glob("*.md"):
        (name,) = re.findall(r"<!-- root: ([\w/]+\.md) -->", page.read_text(encoding="utf-8"))
        assert (ROOT / name).is_file(), name
        for link in re.findall(r"\]\((\w+\.md)\)", root_pages.text(name)):
            assert (DOCS / link).is_file(), f"{name}: {link}"


def test_prose_of_docstrings_is_escaped() -> None:
    plain = extension("plain_text")
    assert plain.escape("a * b and |G|, *exact*") == r"a \* b and \|G\|, *exact*"
    assert plain.escape("`|G|` ``*x``") == "`|G|` ``*x``"
    assert plain.escape_lines([">>> 2 * |x|", "|", "", "|"]) == [">>> 2 * |x|", "|", "", r"\|"]


def test_formulas_are_drawn_and_refused() -> None:
    svg = extension("formulas").svg
    drawn = svg(r"f(\rho(g) x) = \sigma(g) f(x)")
    assert drawn.startswith("<svg") and "nan" not in drawn and 'd="M' in drawn
    assert svg("x") != svg("y")
    with pytest.raises(ValueError, match="nosuch"):
        svg(r"\nosuch{x}")


def test_picture_of_the_floors() -> None:
    floors = extension("floors")
    rows = floors.floors()
    assert rows[0] == ["cli"] and "groups" in rows[-1]
    for package in extension("api_pages").packages():
        assert f">{package}<" in floors.svg(), package


def test_examples_of_the_extensions() -> None:
    found = [doctest.testmod(extension(p.stem)) for p in (DOCS / "_ext").glob("*.py")]
    assert sum(result.failed for result in found) == 0
    assert sum(result.attempted for result in found) >= 5


def test_first_example_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = (DOCS / "index.rst").read_text(encoding="utf-8")
    (block,) = re.findall(r"^\.\. code-block:: python\n\n((?:   .*\n|\n)+)", page, re.MULTILINE)
    monkeypatch.chdir(tmp_path)
    exec(textwrap.dedent(block), {})
    assert (tmp_path / "reader.safetensors").is_file()
