"""tools/peers.sh: builds once, says what to do when it cannot, and then runs the comparisons."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FAKE = """#!/bin/sh
# Stands for .venv-peers/bin/python: answers what it is asked, and notes what modules are told.
if [ "$1" = -m ]; then
    echo "$@" >>"{calls}"
    [ "$2" = pytest ] && exit 0
    exit $(cat "{fails}")
fi
case "$2" in *importlib.metadata*) echo "torch==2.13.0+cpu"; exit ;; esac
exec "{python}" "$@"
"""


class Checkout:
    """A copy of the files that peers.sh reads, with a stand-in for the environment."""

    def __init__(self, root: Path) -> None:
        self.root, self.calls, self.fails = root, root / "calls", root / "fails"
        (root / "tools").mkdir()
        for name in ["tools/peers.sh", "tools/environment.sh", "pyproject.toml", "constraints.txt"]:
            shutil.copy(ROOT / name, root / name)
        self.bin = root / "bin"
        self.bin.mkdir()
        for tool in ["sh", "dirname", "grep", "cat", "rm", "mv", "id", "env"]:
            found = shutil.which(tool)
            assert found is not None
            (self.bin / tool).symlink_to(found)
        self.tool("gfortran", "exit 0")
        python = root / ".venv-peers/bin/python"
        python.parent.mkdir(parents=True)
        python.write_text(FAKE.format(calls=self.calls, fails=self.fails, python=sys.executable))
        python.chmod(0o755)
        self.fails.write_text("0")

    def tool(self, name: str, body: str) -> None:
        """Put a command on the path."""
        (self.bin / name).write_text(f"#!/bin/sh\n{body}\n")
        (self.bin / name).chmod(0o755)

    def peers(self, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
        """Run peers.sh; `told` then has what pip and pytest were told."""
        self.calls.write_text("")
        return subprocess.run(
            [self.bin / "sh", self.root / "tools/peers.sh", *arguments],
            env={"PATH": str(self.bin), "PYTHON": sys.executable, **env},
            capture_output=True,
            text=True,
        )

    @property
    def told(self) -> list[str]:
        """What modules were told in the last run."""
        return self.calls.read_text().splitlines()


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    """A fresh checkout."""
    return Checkout(tmp_path)


def test_builds_once_and_runs_each_time(checkout: Checkout) -> None:
    first = checkout.peers()
    assert first.returncode == 0, first.stderr
    assert "peers: done" in first.stdout
    torch, others, curvature, tests = checkout.told
    assert torch.endswith(" torch==2.13.0")
    assert "-e .[test] tblite>=0.4 escnn==" in others
    assert " scipy<1.17 scikit-learn<1.6" in others
    assert "-c .venv-peers/constraints.txt" in others
    assert "--no-deps curvlinops-for-pytorch==" in curvature  # it would bring another torchvision
    assert (checkout.root / ".venv-peers/constraints.txt").read_text() == "torch==2.13.0+cpu\n"
    assert tests.startswith("-m pytest ") and tests.endswith(" -m peers tests/peers")
    second = checkout.peers("-x", "tests/peers/test_environment.py")
    assert (second.returncode, second.stdout) == (0, "")
    (tests,) = checkout.told
    assert tests.endswith(" -m peers -x tests/peers/test_environment.py")


@pytest.mark.parametrize("name", ["pyproject.toml", "constraints.txt", "tools/peers.sh"])
def test_builds_again_after_a_change(checkout: Checkout, name: str) -> None:
    checkout.peers()
    with (checkout.root / name).open("a") as file:
        file.write("# changed\n")
    checkout.peers()
    assert len(checkout.told) == 4


def test_another_torch(checkout: Checkout) -> None:
    checkout.peers()
    checkout.peers(GEOMDL_TORCH="torch==2.14.1 --pre")
    assert checkout.told[0].endswith(" torch==2.14.1 --pre")


def test_a_failure_says_what_to_do_and_is_not_remembered(checkout: Checkout) -> None:
    checkout.fails.write_text("3")
    done = checkout.peers()
    assert done.returncode == 1
    assert len(checkout.told) == 1
    assert done.stderr.strip().count("\n") == 0
    assert "PyTorch did not install (log: .venv-peers/install.log). Next: " in done.stderr
    checkout.fails.write_text("0")
    checkout.peers()
    assert len(checkout.told) == 4


def test_no_compiler_and_no_way_to_get_one(checkout: Checkout) -> None:
    (checkout.bin / "gfortran").unlink()
    done = checkout.peers()
    assert done.returncode == 1
    assert checkout.told == []
    assert done.stderr.strip().count("\n") == 0
    assert "escnn needs a Fortran compiler. Next: " in done.stderr


def test_the_compiler_is_installed_where_that_is_possible(checkout: Checkout) -> None:
    (checkout.bin / "gfortran").unlink()
    (checkout.bin / "id").unlink()
    checkout.tool("id", "echo 0")
    checkout.tool("apt-get", f'echo apt-get "$@" >>"{checkout.calls}"')
    done = checkout.peers()
    assert done.returncode == 0, done.stderr
    assert checkout.told[0] == "apt-get install -y -q gfortran"


def test_no_python(checkout: Checkout) -> None:
    done = checkout.peers(PYTHON="python-of-nowhere")
    assert done.returncode == 1
    assert "python-of-nowhere is not Python 3.11 or newer. Next: " in done.stderr
