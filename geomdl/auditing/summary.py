"""A certificate in a few lines of plain text: the first thing a user reads."""

import textwrap

from geomdl.auditing.certificate import Audit


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
        lines += _row("reason", audit.reason)
    if audit.worst is not None:
        lines += _row("worst", f"{audit.worst.label} (error {audit.worst.error:.2g})")
    lines += _row("tried", _tried(audit))
    lines += _row("confidence", audit.confidence_at(tol))
    lines += _row("action", _action(audit))
    for output in audit.outputs:
        lines += _row(output.name, f"varies by {output.variation:.3g}, rms {output.size:.3g}")
    broken = audit.first_break_at(tol)
    if broken is not None:
        lines += _row("breaks at", broken)
    elif audit.per_layer:
        lines += _row("layers", "all hold" if passed else "none could be named that breaks")
    for note in audit.notes:
        lines += _row("note", note)
    return "\n".join(lines)


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


def _row(name: str, text: str) -> list[str]:
    wrapped = textwrap.wrap(text, 84) or [""]
    return [f"  {name:<11} {wrapped[0]}", *(f"  {'':<11} {line}" for line in wrapped[1:])]
