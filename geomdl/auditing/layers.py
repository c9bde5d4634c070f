"""Layer by layer: where does the symmetry break first?

A layer that declares `source` and `target` is measured as the whole is: what it gives for g x
against g acting on what it gives for x. In a foreign network nobody has said how channels mix, so
the channel map R_g is fitted on half of the data and judged on the other half (`channel_map`).

So a plain convolution with as many filters as there are linearly independent ones is cleared: what
it gives for x determines linearly what it gives for g x. The nonlinearity after it, which acts
channel by channel, does not respect that map, and is named as the layer that breaks.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from geomdl.auditing.certificate import LayerRow, worst_of
from geomdl.auditing.channel_map import Fit, Places, enough, fit
from geomdl.auditing.problem import Problem
from geomdl.auditing.progress import track
from geomdl.auditing.recording import Call, record
from geomdl.auditing.trees import Leaf
from geomdl.auditing.trial import leaf_difference, norm_of
from geomdl.auditing.variation import measure
from geomdl.fields import Field, group_of
from geomdl.groups import Group

MAX_DRAWS = 32
MAX_CHANNELS = 2048
MAX_ENTRIES = 2**16  # rows × channels that one fit takes, where so many are at hand

Site = tuple[str, str, int]  # call, "in" or "out", number of the leaf
Rows = tuple[Tensor, Tensor]  # of the moved tensor before, and of the tensor after
Halves = tuple[list[Rows], list[Rows]]


@dataclass
class Findings:
    """What has been found at one site over the elements, in order."""

    errors: list[float] = field(default_factory=list)
    before: list[float] = field(default_factory=list)
    labels: list[str] = field(default_factory=list)
    note: str = ""


def audit_layers(
    problem: Problem,
    elements: Sequence[tuple[str, Any]],
    rng: torch.Generator,
    progress: bool | None = None,
) -> tuple[LayerRow, ...]:
    """Error of every layer call, in order of completion, worst over some elements.

    Args:
        problem: its callable is a module or a method of one.
        elements: label and element of the group of the fields.
        rng: generator of the further inputs that a fit needs.
        progress: True or False to force the progress bar on or off.
    """
    group = group_of(problem.source, problem.target)
    base = record(problem, group, problem.values)
    first = _first_sites(base)
    found: dict[Site, Findings] = {site: Findings() for site in first.values()}
    moved: set[int] = set()
    draws = _draws(base, Places.of(group, problem.leaves))
    for label, g in track(elements, "audit layers", progress):
        moved |= _declared(problem, group, label, g, found)
        _fitted(problem, group, label, g, draws, found, rng)
    _divide(problem, group, base, moved, found, rng)
    at = {site: found[there] for site, there in first.items()}
    return tuple(_row(call, at) for call in base.values())


def _sites(calls: dict[str, Call]) -> list[tuple[Site, Leaf]]:
    return [
        ((call.name, side, i), leaf)
        for call in calls.values()
        for side, leaves in (("in", call.inputs), ("out", call.outputs))
        for i, leaf in enumerate(leaves)
    ]


def _first_sites(calls: dict[str, Call]) -> dict[Site, Site]:
    """For every site the first one with the same tensor, which is measured in its place."""
    seen: dict[tuple[int, Field | None], Site] = {}
    return {site: seen.setdefault((id(leaf.value), leaf.field), site)
            for site, leaf in _sites(calls)}  # fmt: skip


def _pairs(problem: Problem, group: Group, g: Any) -> tuple[bool, dict[Site, tuple[Leaf, Leaf]]]:
    """What is at each site for x and for g x, and whether g moved the inputs exactly."""
    exact = problem.exact(g, problem.values)
    values = problem.values if exact else problem.masked(problem.values)
    before = dict(_sites(record(problem, group, values)))
    after = dict(_sites(record(problem, group, problem.act(g, values))))
    return exact, {site: (leaf, after[site]) for site, leaf in before.items() if site in after}


def _declared(
    problem: Problem, group: Group, label: str, g: Any, found: dict[Site, Findings]
) -> set[int]:
    """Add the differences at sites with a Field; return which inputs the element moves."""
    exact, pairs = _pairs(problem, group, g)
    norm = max((norm_of(leaf.field, g) for leaf in problem.leaves), default=1.0)
    for site, (leaf, after) in pairs.items():
        if leaf.field is None or site not in found:
            continue
        try:
            difference = leaf_difference(leaf, leaf.field.act(g, leaf.value), after.value, g, exact)
        except ValueError as error:
            found[site].note = str(error)
            difference = math.nan
        if isinstance(difference, str):
            found[site].note = difference
            difference = math.nan
        found[site].errors.append(difference / max(norm, norm_of(leaf.field, g)))
        found[site].labels.append(label)
    return problem.moved_by(g)


def _fitted(
    problem: Problem,
    group: Group,
    label: str,
    g: Any,
    draws: int,
    found: dict[Site, Findings],
    rng: torch.Generator,
) -> None:
    """Add the residuals of a fitted channel map at sites without a Field."""
    places = Places.of(group, problem.leaves)
    data: dict[Site, Halves] = {}
    refused: dict[Site, str] = {}
    for j in range(draws):
        here = problem if j == 0 else problem.redrawn(rng)
        _, pairs = _pairs(here, group, g)
        for site, (leaf, after) in pairs.items():
            if leaf.field is not None or site not in found or site in refused:
                continue
            rows = places.rows(g, leaf.value, after.value)
            if not isinstance(rows, str) and rows[0].shape[1] > MAX_CHANNELS:
                rows = f"{rows[0].shape[1]} channels are more than {MAX_CHANNELS}"
            if isinstance(rows, str):
                refused[site] = rows
                data.pop(site, None)
                continue
            data.setdefault(site, ([], []))[j % 2].append(_thinned(rows, draws, rng))
    for site, halves in data.items():
        channels = {a.shape[1] for half in halves for a, _ in half}
        if len(channels) != 1 or not all(halves):
            refused[site] = "its shape depends on the input"
            continue
        outcome = fit(_joined(halves[0]), _joined(halves[1]))
        if isinstance(outcome, Fit):
            found[site].errors.append(outcome.residual)
            found[site].before.append(outcome.before)
            found[site].labels.append(label)
        else:
            refused[site] = outcome
    for site, why in refused.items():
        found[site].note = found[site].note or why


def _joined(parts: Sequence[Rows]) -> Rows:
    return torch.cat([a for a, _ in parts]), torch.cat([b for _, b in parts])


def _thinned(rows: Rows, draws: int, rng: torch.Generator) -> Rows:
    """A random share of the rows, as many as a fit needs from one draw."""
    n, channels = rows[0].shape
    wanted = math.ceil(max(enough(channels), MAX_ENTRIES // channels) / (draws // 2))
    if n <= wanted:
        return rows
    index = torch.randperm(n, generator=rng)[:wanted].to(rows[0].device)
    return rows[0][index], rows[1][index]


def _draws(base: dict[str, Call], places: Places) -> int:
    """Even number of inputs that give every site that it can enough rows for a fit."""
    identity = places.group.identity
    wanted = 2
    for _, leaf in _sites(base):
        rows = None if leaf.field is not None else places.rows(identity, leaf.value, leaf.value)
        if rows is None or isinstance(rows, str) or not len(rows[0]):
            continue
        needed = 2 * math.ceil(enough(rows[0].shape[1]) / len(rows[0]))
        wanted = max(wanted, needed if needed <= MAX_DRAWS else 0)
    return wanted


def _divide(
    problem: Problem,
    group: Group,
    base: dict[str, Call],
    moved: set[int],
    found: dict[Site, Findings],
    rng: torch.Generator,
) -> None:
    """Turn the differences at declared sites into errors relative to the variation there."""
    declared = [s for s, leaf in _sites(base) if leaf.field is not None and s in found]
    if not declared:
        return

    def run(values: list[Any]) -> list[Leaf]:
        here = dict(_sites(record(problem, group, values)))
        return [here[site] for site in declared]

    variations = measure(run, problem.leaves, moved, problem.dtype, rng)
    for site, variation in zip(declared, variations, strict=True):
        if variation.constant:
            found[site].errors, found[site].note = [], "constant"
        else:
            found[site].errors = [e / variation.spread for e in found[site].errors]


def _row(call: Call, found: dict[Site, Findings]) -> LayerRow:
    sides = {side: [f for (name, s, _), f in found.items() if (name, s) == (call.name, side)]
             for side in ("in", "out")}  # fmt: skip
    outs = sides["out"]
    flat = [(e, label) for f in outs for e, label in zip(f.errors, f.labels, strict=False)]
    before = [b for f in outs for b in f.before]
    inputs = [e for f in sides["in"] for e in f.errors]
    worst = max(flat, key=lambda pair: math.inf if math.isnan(pair[0]) else pair[0], default=None)
    notes = [f.note for f in outs if f.note]
    method = "declared" if call.declared else "fitted"
    return LayerRow(
        name=call.name,
        kind=call.kind,
        method=method if flat else "refused",
        error=worst_of([e for e, _ in flat]) if flat else math.nan,
        before=worst_of(before) if before else None,
        input_error=worst_of(inputs) if inputs else None,
        element=worst[1] if worst else "",
        parent=call.parent,
        note=notes[0] if notes else ("" if outs else "gives no floating tensor"),
    )
