"""Which layer breaks first, read off the errors of all of them."""

import math
from collections.abc import Sequence

import torch

from geomdl.auditing.certificate import LayerRow

FIT_TOL = 1e-9  # a least-squares fit loses digits by the conditioning of the features


def first_break(rows: Sequence[LayerRow], tol: float) -> str | None:
    """Name the first layer that breaks, in words.

    A layer that holds as a whole clears all inside of it, which may well work in pieces that do
    not. So the search goes down from the top, at each level to the first call that fails. Where the
    input of that call fails already, the code around it is to blame; where that cannot be told, the
    call or the code before it.

    Args:
        rows: the layers in order of completion, the whole last.
        tol: relative error allowed; fitted layers are allowed 1e-9 if that is more.

    Returns:
        name, class and error; None if the whole holds.
    """
    whole = rows[-1]
    if not _fails(whole, tol):
        return None
    row = _search(rows[:-1], tol, None)
    if row is None and math.isnan(whole.error):
        return None
    if row is None:
        inside = ", between layers that hold" if len(rows) > 1 else ""
        found = f"error {whole.error:.2g} at {whole.element}"
        return f"the code of {whole.kind} itself{inside}: {found}"
    place = f"{row.name} ({row.kind})"
    siblings = [r for r in rows[:-1] if r.parent == row.parent]
    position = siblings.index(row)
    after = f", after {siblings[position - 1].name}" if position else ""
    if row.input_error is not None and not row.input_error <= limit(row, tol):
        owner = row.parent or whole.kind
        return (
            f"the code of {owner} before {place}{after}: the input of that layer has error "
            f"{row.input_error:.2g} already"
        )
    if row.method == "declared":
        return f"{place}{after}: error {row.error:.2g} at {row.element}"
    measured = position and siblings[position - 1].method != "refused"
    if row.input_error is None and measured:  # it takes something else: padded images, say
        place += " or the code before it"
    text = f"{place}{after}: error {row.error:.2g} at {row.element} after fitting a channel map"
    text = text if row.before is None else f"{text}, {row.before:.2g} before"
    if after and _is_pointwise(row.kind):
        text += (
            "; the layers before are equivariant up to a channel map, which this pointwise "
            "function does not respect"
        )
    return text


def _is_pointwise(kind: str) -> bool:
    """Whether a class of torch.nn acts on each number by itself."""
    return hasattr(torch.nn.modules.activation, kind)


def _search(rows: Sequence[LayerRow], tol: float, parent: str | None) -> LayerRow | None:
    for row in rows:
        if row.parent != parent:
            continue
        if _fails(row, tol):
            return _search(rows, tol, row.name) or row
        if row.method == "refused":
            deeper = _search(rows, tol, row.name)
            if deeper is not None:
                return deeper
    return None


def _fails(row: LayerRow, tol: float) -> bool:
    return row.method != "refused" and not row.error <= limit(row, tol)


def limit(row: LayerRow, tol: float) -> float:
    """Error that a layer is allowed."""
    return tol if row.method == "declared" else max(tol, FIT_TOL)
