"""tools/setup.sh: installs once, says what to do when it cannot, and is quiet afterwards."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FAKE = """#!/bin/sh
# Stands for .venv/bin/python: answers what it is asked, and notes what pip is told.
if [ "$1" = -m ]; then echo "$@" >>"{calls}"; exit $(cat "{fails}"); fi
exec "{python}" "$@"
"""


class Checkout:
    """A copy of the files that setup.sh reads, with a stand-in for the environment."""

    def __init__(self, root: Path) -> None:
        self.root, self.calls, self.fails = root, root / "calls", root / "fails"
        (root / "tools").mkdir()
        for name in ["tools/setup.sh", "tools/environment.sh", "pyproject.toml", "constraints.txt"]:
            shutil.copy(ROOT / name, root / name)
        python = root / ".venv/bin/python"
        python.parent.mkdir(parents=True)
        python.write_text(FAKE.format(calls=self.calls, fails=self.fails, python=sys.executable))
        python.chmod(0o755)
        self.fails.write_text("0")

    def setup(self, **env: str) -> subprocess.CompletedProcess[str]:
        """Run setup.sh; `pips` then has what it told pip."""
        self.calls.write_text("")
        return subprocess.run(
            ["sh", self.root / "tools/setup.sh"],
            env={"PATH": os.environ["PATH"], "PYTHON": sys.executable, **env},
            capture_output=True,
            text=True,
        )

    @property
    def pips(self) -> list[str]:
        """What pip was told in the last run."""
        return self.calls.read_text().splitlines()


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    """A fresh checkout."""
    return Checkout(tmp_path)


def test_installs_once(checkout: Checkout) -> None:
    first = checkout.setup()
    assert first.returncode == 0, first.stderr
    assert "setup: done" in first.stdout
    assert [call.rsplit(" ", 1)[1] for call in checkout.pips] == [
        "torch==2.13.0",
        ".[test,lint,docs,dist,export]",
    ]
    second = checkout.setup()
    assert (second.returncode, second.stdout, checkout.pips) == (0, "", [])


@pytest.mark.parametrize("name", ["pyproject.toml", "constraints.txt"])
def test_installs_again_after_a_change(checkout: Checkout, name: str) -> None:
    checkout.setup()
    with (checkout.root / name).open("a") as file:
        file.write("# changed\n")
    checkout.setup()
    assert len(checkout.pips) == 2


def test_another_torch(checkout: Checkout) -> None:
    checkout.setup()
    checkout.setup(GEOMDL_TORCH="torch==2.14.1 --pre")
    assert checkout.pips[0].endswith(" torch==2.14.1 --pre")
    assert "torch==" not in (checkout.root / ".venv/constraints.txt").read_text()


def test_a_failure_says_what_to_do_and_is_not_remembered(checkout: Checkout) -> None:
    checkout.fails.write_text("3")
    done = checkout.setup()
    assert done.returncode == 1
    assert len(checkout.pips) == 1
    assert done.stderr.strip().count("\n") == 0
    assert "PyTorch did not install (log: .venv/install.log). Next: " in done.stderr
    checkout.fails.write_text("0")
    checkout.setup()
    assert len(checkout.pips) == 2


def test_no_python(checkout: Checkout) -> None:
    done = checkout.setup(PYTHON="python-of-nowhere")
    assert done.returncode == 1
    assert "python-of-nowhere is not Python 3.11 or newer. Next: " in done.stderr
