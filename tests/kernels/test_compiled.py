"""The cache on disk: found by the next process, done without where nothing can be written."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch

import geomdl
from geomdl.kernels import compiled, segment_sum
from geomdl.kernels.compiled import Compiled
from geomdl.kernels.warming import cache_state, variants, warm

PACKAGE = Path(geomdl.__file__).parent
CODE = """
import json, warnings
import torch
from geomdl.kernels import segment_sum
from geomdl.kernels.segments import sum_rows
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    y = segment_sum(torch.ones(3, 1), torch.tensor([0, 2, 3]))
    z = segment_sum(torch.ones(3, 1).double(), torch.tensor([0, 2, 3]))
print(json.dumps(dict(
    y=y.flatten().tolist(), z=z.flatten().tolist(), folder=sum_rows.folder, hits=sum_rows.hits,
    warnings=[str(w.message) for w in caught if w.category is RuntimeWarning],
)))
"""


@pytest.fixture
def read_only(tmp_path):
    """A copy that no one can write a cache into, root included; and no home either."""
    copy = tmp_path / "installed" / "geomdl"
    shutil.copytree(PACKAGE, copy, ignore=shutil.ignore_patterns("__pycache__"))
    for folder in [copy, *(p for p in copy.rglob("*") if p.is_dir())]:
        (folder / "__pycache__").write_text("a file where the folder would be")
    (tmp_path / "no_home").write_text("a file")
    return tmp_path


def run(root, code=CODE, **variables):
    nowhere = str(root / "no_home" / "below")
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("NUMBA", "GEOMDL"))}
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        timeout=120,
        cwd=root,
        env={
            **clean,
            "PYTHONPATH": str(root / "installed"),
            "HOME": nowhere,
            "XDG_CACHE_HOME": nowhere,
            **variables,
        },
    )
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads(done.stdout)
    assert found["y"] == found["z"] == [2.0, 1.0]
    return found


def test_without_any_folder_it_compiles_and_says_so_once(read_only):
    found = run(read_only)
    assert found["folder"] is None
    assert len(found["warnings"]) == 1
    assert "set GEOMDL_CACHE_DIR to a folder that can be written" in found["warnings"][0]


def test_a_read_only_installation_uses_the_users_folder_and_finds_it_again(read_only):
    home = read_only / "cache"
    first = run(read_only, XDG_CACHE_HOME=str(home))
    assert first["warnings"] == [] and first["hits"] == 0
    assert Path(first["folder"]).is_relative_to(home)
    assert run(read_only, XDG_CACHE_HOME=str(home))["hits"] == 2


def test_the_folder_of_the_variable_is_used_found_again_and_done_without_once_damaged(read_only):
    chosen = read_only / "chosen"
    first = run(read_only, GEOMDL_CACHE_DIR=str(chosen))
    assert first["warnings"] == [] and first["hits"] == 0
    assert Path(first["folder"]).is_relative_to(chosen)
    assert run(read_only, GEOMDL_CACHE_DIR=str(chosen))["hits"] == 2
    files = list(chosen.rglob("*sum_rows*.nb*"))
    assert files
    for file in files:  # cut short, as by a full disk
        file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    damaged = run(read_only, GEOMDL_CACHE_DIR=str(chosen))
    assert damaged["hits"] == 0 and len(damaged["warnings"]) == 1


def test_a_variable_that_names_no_folder_is_done_without(read_only):
    found = run(read_only, GEOMDL_CACHE_DIR=str(read_only / "no_home" / "below"))
    assert found["folder"] is None and len(found["warnings"]) == 1


def test_without_numbas_compiler_kernels_still_run(read_only):
    found = run(read_only, NUMBA_DISABLE_JIT="1")
    assert found["folder"] is None and found["warnings"] == []


def test_nothing_is_compiled_and_numba_not_imported_before_the_first_call():
    code = """
import sys, json
import geomdl, geomdl.kernels
print(json.dumps("numba" in sys.modules))
"""
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(PACKAGE.parent)},
    )
    assert json.loads(done.stdout) is False


def test_an_error_of_the_loop_itself_is_not_hidden():
    loop = Compiled(lambda x: x.no_such_attribute)
    Compiled.instances.remove(loop)
    with pytest.raises(Exception, match="no_such_attribute"):
        loop(torch.ones(1).numpy())
    assert loop.signatures == 0


def test_warming_compiles_every_variant():
    found = list(warm())
    assert len(found) == len(variants()) + 3  # the search for neighbours, and sampling of them
    assert all(w.seconds > 0 for w in found)
    signatures, hits, folders = cache_state()
    assert signatures >= 4 * 4 + 2 and hits <= signatures
    once = ("geomdl.kernels.radius", "geomdl.kernels.interaction_checks")  # of one type each
    loops = [f for f in Compiled.instances if f.body.__module__.startswith("geomdl.kernels.")]
    own = [loop for loop in loops if loop.body.__module__ not in once]
    assert all(loop.signatures >= 2 for loop in own) and len(own) < len(loops)
    assert all(loop.signatures >= 1 for loop in loops)
    before = signatures
    segment_sum(torch.ones(3, 1), torch.tensor([0, 3]))
    assert cache_state()[0] == before
    assert folders or compiled._warned


def test_names_of_another_file_change_the_name_in_the_cache(tmp_path):
    found = set()
    for text in ("a = 1", "a = 2"):
        file = tmp_path / f"{len(found)}.py"
        file.write_text(text)
        loop = Compiled(lambda x: x, names=dict, source=str(file))
        Compiled.instances.remove(loop)
        found.add(loop._whole().__qualname__)
    assert len(found) == 2
