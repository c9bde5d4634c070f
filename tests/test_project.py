"""The project's files agree with each other, and its floors are really enforced."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement

import geomdl

ROOT = Path(__file__).parents[1]
EXTRAS = {"chem", "dist", "export", "curvature", "docs", "test", "lint", "peers"}


def text(name: str) -> str:
    """A file of the project."""
    return (ROOT / name).read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def pyproject() -> dict[str, Any]:
    """Parsed pyproject.toml."""
    return tomllib.loads(text("pyproject.toml"))


def pins() -> dict[str, str]:
    """Distribution name -> version in constraints.txt, in order."""
    lines = [line for line in text("constraints.txt").splitlines() if not line.startswith("#")]
    return dict(line.split("==") for line in lines)


def test_one_version_everywhere(pyproject: dict[str, Any]) -> None:
    version = geomdl.__version__
    assert pyproject["project"]["version"] == version
    assert f"\nversion: {version}\n" in text("CITATION.cff")
    assert re.search(rf"^## \[{re.escape(version)}\]", text("CHANGELOG.md"), re.MULTILINE)


def test_name_extras_and_script(pyproject: dict[str, Any]) -> None:
    project = pyproject["project"]
    assert project["name"] == "geomdl-torch"
    assert set(project["optional-dependencies"]) == EXTRAS
    assert project["scripts"] == {"geomdl": "geomdl.cli:main"}


def test_everything_that_make_installs_is_pinned(pyproject: dict[str, Any]) -> None:
    project = pyproject["project"]
    extras = project["optional-dependencies"]
    pinned = pins()
    assert next(iter(pinned.items())) == ("torch", "2.13.0")
    installed = [line for name in ("test", "lint", "docs", "dist") for line in extras[name]]
    for line in [*project["dependencies"], *installed]:
        need = Requirement(line)
        assert need.specifier.contains(pinned[need.name]), line


@pytest.mark.parametrize("version", ["2.6.2", "2.6.3"])
def test_malicious_lightning_is_refused(pyproject: dict[str, Any], version: str) -> None:
    needs = map(Requirement, pyproject["project"]["dependencies"])
    fabric = next(need for need in needs if need.name == "lightning-fabric")
    assert not fabric.specifier.contains(version)
    assert fabric.specifier.contains("2.6.6")


def test_lint_runs_all_four_tools() -> None:
    recipe = text("Makefile").split("\nlint:")[1].split("\n\n")[0]
    for tool in ["ruff check", "ruff format --check", "mypy", "lint-imports"]:
        assert f"/{tool}" in recipe, tool


def test_typed_and_strict(pyproject: dict[str, Any]) -> None:
    assert (ROOT / "geomdl/py.typed").exists()
    assert pyproject["tool"]["mypy"]["strict"]
    assert pyproject["tool"]["pytest"]["ini_options"]["filterwarnings"][0] == "error"
    assert pyproject["tool"]["coverage"]["report"]["fail_under"] >= 90


def lint_house(tmp_path: Path, sources: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Run the project's import contract on a made-up geomdl with these modules."""
    package = tmp_path / "geomdl"
    package.mkdir()
    (package / "__init__.py").write_text("from geomdl import groups\n")
    for name, source in sources.items():
        (package / f"{name}.py").write_text(source)
    command = "from importlinter.cli import lint_imports; exit(lint_imports(no_cache=True))"
    (tmp_path / "pyproject.toml").write_text(text("pyproject.toml"))
    return subprocess.run(
        [sys.executable, "-c", command], cwd=tmp_path, capture_output=True, text=True
    )


GOOD = {"groups": "", "data": "", "fields": "import geomdl.groups", "cli": "import geomdl.fields"}


def test_floors_accept_downward_imports(tmp_path: Path) -> None:
    done = lint_house(tmp_path, GOOD)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    "bad",
    [
        {"groups": "import geomdl.fields", "fields": ""},  # upward
        {"data": "def f():\n    import geomdl.fields\n"},  # upward, inside a function
        {"data": "import geomdl.groups"},  # sideways
        {"mystery": ""},  # on no floor
    ],
)
def test_floors_refuse(tmp_path: Path, bad: dict[str, str]) -> None:
    assert lint_house(tmp_path, GOOD | bad).returncode == 1
