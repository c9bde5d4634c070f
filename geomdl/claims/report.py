"""The files of `geomdl verify --out`: verify.json, verify.md and a figure for each claim."""

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from geomdl.claims.table import markdown
from geomdl.claims.verify import Outcome


def document(outcomes: Sequence[Outcome], seed: int, fast: bool = False) -> dict[str, Any]:
    """All outcomes as one JSON-able document.

    Args:
        outcomes: of claims.
        seed: that they ran with.
        fast: whether they made their smaller experiments.

    Returns:
        Version, seed, whether it was fast, whether all hold, the claims.
    """
    import geomdl

    return {
        "geomdl": geomdl.__version__,
        "seed": seed,
        "fast": fast,
        "holds": all(outcome.holds for outcome in outcomes),
        "claims": [outcome.to_dict() for outcome in outcomes],
    }


def dump(content: dict[str, Any]) -> str:
    """Write a document as valid JSON: NaN was made a text before."""
    return json.dumps(content, indent=1, allow_nan=False, ensure_ascii=False)


def folder(path: str | Path) -> Path:
    """Make the folder, and see whether it can be written to, before any work.

    Args:
        path: of the folder.

    Returns:
        The folder.

    Raises:
        ValueError: it cannot be made or written to.
    """
    out = Path(path)
    try:
        out.mkdir(parents=True, exist_ok=True)
        probe = out / ".probe"
        probe.write_text("", encoding="utf-8")
        probe.unlink()
    except OSError as error:
        raise ValueError(
            f"out: expected a folder that can be written to, got {str(out)!r} ({error.strerror})"
        ) from None
    return out


def write(outcomes: Sequence[Outcome], seed: int, out: Path, fast: bool = False) -> list[str]:
    """Write the files.

    Args:
        outcomes: of claims, run with `figures`.
        seed: that they ran with.
        out: an existing folder.
        fast: whether they made their smaller experiments.

    Returns:
        One line for each figure that could not be drawn.
    """
    content = document(outcomes, seed, fast)
    (out / "verify.json").write_text(dump(content) + "\n", encoding="utf-8")
    (out / "verify.md").write_text(markdown(outcomes), encoding="utf-8")
    problems = []
    for outcome in outcomes:
        name = re.sub(r"[^\w.-]+", "_", outcome.claim.name)
        if "png" in outcome.pictures:
            (out / f"{name}.png").write_bytes(outcome.pictures["png"])
        if outcome.undrawn:
            problems.append(f"{outcome.claim.name}: no figure drawn ({outcome.undrawn})")
    return problems
