"""`geomdl doctor`: what this installation is made of, and what is wrong with it."""

import argparse
import importlib.metadata
import os
import sys
from pathlib import Path
from typing import Any

EXTRAS = ("rich", "lightning-fabric", "safetensors", "matplotlib", "jsonargparse")


def add(commands: Any) -> None:
    """Add the command to the parser."""
    command = commands.add_parser(
        "doctor",
        help="versions, threads, device, data, known clashes",
        description="Show versions, threads, devices and folders of data; find known clashes."
        " Exit code 1 if something is wrong.",
    )
    command.add_argument(
        "--warm",
        action="store_true",
        help="compile every kernel now, so that no later first call waits for it",
    )
    command.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print the state of the installation."""
    from geomdl.bench.environment import PACKAGES, environment, versions

    about = environment()
    cores = f"{about['cores']} cores, {about['threads']} threads for torch"
    lines: dict[str, str] = {
        "geomdl": f"{about['geomdl']} (commit {about['commit'] or 'unknown'})",
        "python": str(about["python"]),
        **{name: version or "missing" for name, version in versions((*PACKAGES, *EXTRAS)).items()},
        "system": str(about["system"]),
        "processor": f"{about['cpu']}, {cores}",
        "accelerator": str(about["accelerator"] or "none"),
        "data": data_folder(os.environ.get("GEOMDL_DATA")),
    }
    width = max(map(len, lines))
    for name, text in lines.items():
        print(f"{name:<{width}}  {text}")
    found = problems(lines)
    for problem in found:
        print(f"\nproblem: {problem}")
    if not found:
        print("\nNo problem found.")
    if arguments.warm:
        warm_kernels()
    return 1 if found else 0


def warm_kernels() -> None:
    """Compile every kernel, or read it from the cache, and say what was done and where it is."""
    import time

    from geomdl.bench.progress import progress
    from geomdl.kernels.warming import cache_state, variants, warm

    print()
    start = time.perf_counter()
    with progress(quiet=not sys.stderr.isatty()) as bar:
        bar.stage("compiling kernels", len(variants()) + 3)
        done = []
        for step in warm():
            done.append(step)
            bar.advance(f"{step.kernel} {step.types}")
    seconds: dict[str, float] = {}
    for step in done:
        seconds[step.kernel] = seconds.get(step.kernel, 0.0) + step.seconds
    width = max(map(len, seconds))
    for name, taken in seconds.items():
        types = ", ".join(step.types for step in done if step.kernel == name)
        print(f"{name:<{width}}  {taken:6.2f} s  {types}")
    functions, hits, folders = cache_state()
    taken = time.perf_counter() - start
    print(f"{functions} compiled functions in {taken:.1f} s, {hits} of them read from the cache")
    where = ", ".join(folders) or "none; set GEOMDL_CACHE_DIR to a folder that can be written"
    print(f"cache: {where}")


def data_folder(root: str | None) -> str:
    """Say where data sets are looked for.

    Args:
        root: value of GEOMDL_DATA, if it is set.

    Returns:
        One line.

    Example:
        >>> data_folder(None)
        'GEOMDL_DATA is not set; give --root where a data set is not part of a package'
    """
    if not root:
        return "GEOMDL_DATA is not set; give --root where a data set is not part of a package"
    files = sorted(p.name for p in Path(root).iterdir()) if Path(root).is_dir() else None
    if files is None:
        return f"GEOMDL_DATA = {root} (no such folder)"
    return f"GEOMDL_DATA = {root} ({', '.join(files[:8]) or 'empty'}{', …' * (len(files) > 8)})"


def problems(lines: dict[str, str], home: Path | None = None) -> list[str]:
    """Find what is wrong with the installation.

    Args:
        lines: name of a package -> version or "missing".
        home: folder of the imported geomdl; default its own.

    Returns:
        One line a problem, with what to do.
    """
    found = [
        f"{name} is missing; `pip install {name}`"
        for name, text in lines.items()
        if text == "missing"
    ]
    folder = Path(__file__).resolve().parents[1] if home is None else home
    if nurbs_distribution() or (folder / "NURBS.py").exists():
        found.append(
            "NURBS-Python (distribution `geomdl`) is installed into the same import folder;"
            " `pip uninstall geomdl geomdl-torch`, then `pip install geomdl-torch`"
        )
    data = lines.get("data", "")
    if data.endswith("(no such folder)"):
        found.append(f"{data}; unset it or make the folder")
    return found


def nurbs_distribution() -> bool:
    """Whether a distribution named `geomdl` is installed: NURBS-Python, an unrelated project."""
    try:
        importlib.metadata.distribution("geomdl")
    except importlib.metadata.PackageNotFoundError:
        return False
    return True
