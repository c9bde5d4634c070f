"""What a result was measured with: versions, threads, processor, commit. No host name, no path."""

import importlib.metadata
import platform
import subprocess
from pathlib import Path
from typing import Any

PACKAGES = ("torch", "numpy", "scipy", "numba", "scikit-learn", "e3nn", "torch-geometric")


def environment() -> dict[str, Any]:
    """Describe the software and the processor that a result was measured with.

    Returns:
        JSON-able dictionary: `geomdl`, `python`, `versions`, `commit`, `threads`, `cpu`, `cores`,
        `system`, `accelerator`. Nothing in it names the machine, its user or a folder.

    Example:
        >>> sorted(environment())[:4]
        ['accelerator', 'commit', 'cores', 'cpu']
    """
    import os

    import torch

    import geomdl

    return {
        "geomdl": geomdl.__version__,
        "python": platform.python_version(),
        "versions": versions(PACKAGES),
        "commit": commit(),
        "threads": torch.get_num_threads(),
        "cpu": processor(),
        "cores": os.cpu_count(),
        "system": f"{platform.system()} {platform.machine()}",
        "accelerator": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
    }


def versions(packages: tuple[str, ...]) -> dict[str, str | None]:
    """Version of each distribution; None where it is not installed.

    Args:
        packages: names of distributions.

    Returns:
        name -> version.

    Example:
        >>> versions(("no-such-distribution",))
        {'no-such-distribution': None}
    """
    found: dict[str, str | None] = {}
    for name in packages:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            found[name] = None
    return found


def processor() -> str:
    """Model name of the processor, or the architecture where the system does not tell."""
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def commit(folder: Path | None = None) -> str | None:
    """Commit of the checkout that the package runs from.

    Args:
        folder: the package's folder; default that of geomdl.

    Returns:
        The commit, with `-dirty` after it when a tracked file was changed; None outside a
        checkout, or when the repository around the package does not track it.

    Example:
        >>> commit(Path("/")) is None
        True
    """
    package = Path(__file__).resolve().parents[1] if folder is None else folder
    if _git(package, "ls-files", "--error-unmatch", "__init__.py") is None:
        return None
    head = _git(package, "rev-parse", "--short=12", "HEAD")
    if head is None:
        return None
    changed = _git(package, "status", "--porcelain", "--untracked-files=no")
    return head + ("-dirty" if changed else "")


def _git(folder: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *arguments],
            capture_output=True,
            text=True,
            timeout=20,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
