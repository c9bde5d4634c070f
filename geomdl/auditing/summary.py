"""A certificate in a few lines of plain text: the first thing a user reads."""

import textwrap
from typing import TYPE_CHECKING

from geomdl.auditing.certificate import Audit

if TYPE_CHECKING:
    from rich.table import Table


def summary(audit: Audit, tol: float) -> str:
    """Verdict, error, worst element, what was tried, confidence, first breaking layer.

    Args:
        audit: the certificate.
        tol: tolerance of the verdict.

    Returns:
        lines joined by newlines, the first one being the verdict.
    """
    passed = audit.passed(tol)
    verdict = "PASSED" if passed else "FAILED"
    sign = "<=" if audit.error <= tol else ">"
    head = f"{verdict}: {audit.subject} under {audit.group}, error {audit.error:.2g}"
    lines = [f"{head} {sign} {tol:.2g}" if audit.reason is None else head]
    if audit.reason is not None:
        lines += row("reason", audit.reason)
    if audit.worst is not None:
        lines += row("worst", f"{audit.worst.label} (error {audit.worst.error:.2g})")
    lines += row("tried", _tried(audit))
    lines += row("confidence", audit.confidence_at(tol))
    lines += row("action", _action(audit))
    for output in audit.outputs:
        lines += row(output.name, f"varies by {output.variation:.3g}, rms {output.size:.3g}")
    broken = audit.first_break_at(tol)
    if broken is not None:
        lines += row("breaks at", broken)
    elif audit.per_layer:
        lines += row("layers", "all hold" if passed else "none could be named that breaks")
    for note in audit.notes:
        lines += row("note", note)
    return "\n".join(lines)


def layer_table(audit: Audit, tol: float) -> "Table":
    """Layers with their errors; see `Audit.table`."""
    from rich.table import Table

    from geomdl.auditing.blame import limit

    found = Table(
        title=f"{audit.subject} under {audit.group}: error of each layer, upstream included"
    )
    for name in ("layer", "kind", "judged"):
        found.add_column(name, no_wrap=name == "layer")
    for name in ("error", "before the fit"):
        found.add_column(name, justify="right")
    found.add_column("worst at")
    for layer in audit.per_layer:
        bad = layer.method != "refused" and not layer.error <= limit(layer, tol)
        error = "" if layer.method == "refused" else f"{layer.error:.2e}"
        before = "" if layer.before is None else f"{layer.before:.2e}"
        judged = f"refused: {layer.note}" if layer.method == "refused" else layer.method
        found.add_row(layer.name, layer.kind, judged, error, before, layer.element,
                      style="bold" if bad else None)  # fmt: skip
    return found


def _tried(audit: Audit) -> str:
    kinds: dict[str, int] = {}
    for row in audit.per_element:
        kinds[row.kind] = kinds.get(row.kind, 0) + 1
    names = {"sample": "random element", "given": "given element"}
    parts = [f"{n} {names.get(kind, kind)}{'s' * (n > 1)}" for kind, n in kinds.items()]
    weights = ", weights redrawn" if audit.randomized else ""
    return f"{', '.join(parts) or 'nothing'} in {audit.dtype}{weights}, seed {audit.seed}"


def _action(audit: Audit) -> str:
    if audit.roundtrip == 0.0:
        return "exact"
    return f"resampled: there and back changes a tensor by {audit.roundtrip:.2g}, for reference"


def row(name: str, text: str, width: int = 11) -> list[str]:
    """Lines of a finding: its name, and what is to be said, wrapped."""
    wrapped = textwrap.wrap(text, 84) or [""]
    return [
        f"  {name:<{width}} {wrapped[0]}",
        *(f"  {'':<{width}} {line}" for line in wrapped[1:]),
    ]
