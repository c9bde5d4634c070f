"""Every tutorial runs with the small budget, without a warning, and draws figures."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TUTORIALS = sorted((ROOT / "tutorials").glob("[0-9]*.py"))

# Warnings are errors, but for those that third parties raise at import (see pyproject.toml).
RUNNER = r"""
import runpy, sys, warnings
warnings.simplefilter("error")
warnings.filterwarnings("ignore", r"`torch\.jit\.\w+` is", DeprecationWarning, "torch")
from matplotlib.figure import Figure
figures = [v for v in runpy.run_path(sys.argv[1]).values() if isinstance(v, Figure)]
drawn = [f for f in figures if f.axes and any(a.has_data() for a in f.axes)]
assert figures, "no figure was drawn"
assert len(drawn) == len(figures), f"{len(figures) - len(drawn)} figures are empty"
for figure in figures:
    figure.canvas.draw()
print(len(figures), "figures")
"""


def run(script: Path, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a tutorial as a process of its own, in an empty folder."""
    fast = {"GEOMDL_FAST": "1", "MPLBACKEND": "agg", "OMP_NUM_THREADS": "1"}
    return subprocess.run(
        [sys.executable, "-c", RUNNER, str(script)],
        cwd=folder,
        env={**os.environ, **fast, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )


def test_there_are_tutorials() -> None:
    assert [path.name[:2] for path in TUTORIALS] == [f"{i + 1:02}" for i in range(len(TUTORIALS))]
    assert TUTORIALS


@pytest.mark.parametrize("script", TUTORIALS, ids=lambda path: path.stem)
def test_tutorial_runs(script: Path, tmp_path: Path) -> None:
    done = run(script, tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1].endswith(" figures")
    assert list(tmp_path.iterdir()) == []  # it leaves nothing behind


FIGURE = "from matplotlib.figure import Figure\nf = Figure()\nf.subplots().plot([0, 1])\n"


@pytest.mark.parametrize(
    ("source", "error"),
    [
        (FIGURE + "assert 1 == 2", "AssertionError"),
        (FIGURE + "import warnings\nwarnings.warn('ours')", "UserWarning: ours"),
        ("x = 1", "no figure was drawn"),
        ("from matplotlib.figure import Figure\nf = Figure()", "1 figures are empty"),
    ],
)
def test_bad_tutorial_is_caught(source: str, error: str, tmp_path: Path) -> None:
    script = tmp_path / "01_bad.py"
    script.write_text(source)
    done = run(script, tmp_path)
    assert done.returncode == 1
    assert error in done.stderr


def test_good_tutorial_passes(tmp_path: Path) -> None:
    script = tmp_path / "01_good.py"
    script.write_text(FIGURE)
    assert run(script, tmp_path).returncode == 0
