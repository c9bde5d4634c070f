"""Code in a fresh interpreter, for what can only be measured once in a process."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

HOME = str(Path(__file__).resolve().parents[2])


def run_fresh(code: str, **environment: str) -> str:
    """Run code in a fresh interpreter which finds this geomdl.

    Args:
        code: Python.
        environment: variables to set beside those of this process.

    Returns:
        What it printed.

    Raises:
        subprocess.CalledProcessError: the code fails.

    Example:
        >>> run_fresh("print(6 * 7)").strip()
        '42'
    """
    path = os.pathsep.join(filter(None, (HOME, os.environ.get("PYTHONPATH"))))
    done = subprocess.run(
        [sys.executable, "-c", code],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": path, **environment},
    )
    return done.stdout


def measure_fresh(code: str, **environment: str) -> dict[str, Any]:
    """The JSON object that code prints on its last line, run as by `run_fresh`.

    Example:
        >>> measure_fresh("print('{}')")
        {}
    """
    return dict(json.loads(run_fresh(code, **environment).splitlines()[-1]))
