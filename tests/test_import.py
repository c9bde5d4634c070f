"""`import geomdl` is cheap, and every public name is there when it is asked for."""

import json
import subprocess
import sys
from importlib.util import find_spec
from types import ModuleType

import pytest

import geomdl

HEAVY = [
    "e3nn",
    "jsonargparse",
    "lightning_fabric",
    "matplotlib",
    "numba",
    "rich",
    "safetensors",
    "scipy",
    "sklearn",
    "torch_geometric",
]
NEEDED_FIRST = ["geomdl.group('D4')", "geomdl.Field", "geomdl.audit", "geomdl.list_models"]


def modules_after(code: str) -> set[str]:
    """Names in `sys.modules` of a fresh interpreter that ran the code."""
    script = f"{code}\nimport json, sys; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stdout.splitlines()[-1]))


def test_import_loads_nothing_heavy_and_no_subpackage() -> None:
    loaded = modules_after("import geomdl")
    assert loaded.isdisjoint(HEAVY)
    assert not [name for name in loaded if name.startswith("geomdl.")]


@pytest.mark.parametrize("expression", NEEDED_FIRST)
def test_the_first_names_a_user_needs_load_nothing_heavy(expression: str) -> None:
    assert modules_after(f"import geomdl; {expression}").isdisjoint(HEAVY)


def test_the_check_for_heavy_modules_finds_one() -> None:
    assert "scipy" in modules_after("import geomdl, scipy")


@pytest.mark.parametrize("name", geomdl.__all__)
def test_public_name_resolves(name: str) -> None:
    value = getattr(geomdl, name)
    assert value is getattr(geomdl, name)
    assert name in dir(geomdl)
    assert isinstance(value, ModuleType) == (name not in geomdl._HOME_OF)


def test_public_names_are_sorted_and_single() -> None:
    assert sorted(set(geomdl.__all__)) == geomdl.__all__


@pytest.mark.parametrize("name", geomdl._HOME_OF)
def test_no_module_bears_the_name_of_a_function(name: str) -> None:
    assert find_spec(f"geomdl.{name}") is None  # importing it would hide the function


def test_unknown_name() -> None:
    with pytest.raises(AttributeError, match="module 'geomdl' has no attribute 'grup'"):
        _ = geomdl.grup
