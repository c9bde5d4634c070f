"""Time of building a network in a fresh process: nothing of its group computed before."""

from typing import Any

from geomdl.bench.fresh import measure_fresh
from geomdl.bench.registry import Context
from geomdl.bench.results import Check, Column, Table
from geomdl.bench.statistics import quartiles
from geomdl.bench.table import duration

GROUPS = ("C8", "D8", "C16")
ROUNDS = 5
FACTOR = 20.0  # times faster than escnn
MODEL, LIMIT = "steerable/wrn16_d8", 1.0  # seconds
_START = """
import json, time, torch
torch.set_num_threads({threads})
from geomdl.bench.suites.images.designs import Design, ours
from geomdl.bench.suites.images.peers import escnn_body
"""
_OURS = """
import geomdl.groups, geomdl.steerable
ours(Design("C2", 4, 3, 2), 0)  # loads what is loaded on first use
start = time.perf_counter()
ours(Design({group!r}, 48, 5, 3), 0)
print(json.dumps(dict(seconds=time.perf_counter() - start)))
"""
_PEER = """
escnn_body(Design("C2", 4, 3, 2), 0)
start = time.perf_counter()
escnn_body(Design({group!r}, 48, 5, 3), 0)
print(json.dumps(dict(seconds=time.perf_counter() - start)))
"""
_MODEL = """
import geomdl
ours(Design("C2", 4, 3, 2), 0)
start = time.perf_counter()
geomdl.create_model({model!r})
print(json.dumps(dict(seconds=time.perf_counter() - start)))
"""


def seconds_of(code: str, **values: Any) -> float:
    """Seconds that one construction takes in a fresh process."""
    return float(measure_fresh(_START.format(**values) + code.format(**values))["seconds"])


def measure(context: Context, peers: bool) -> dict[str, dict[str, list[float]]]:
    """Name of a network -> library -> seconds, one a process."""
    import torch

    from geomdl.registry import list_models

    threads = torch.get_num_threads()
    found: dict[str, dict[str, list[float]]] = {name: {} for name in (*GROUPS, MODEL)}
    context.progress.stage("images/speed: construction in fresh processes", ROUNDS)
    until = context.budget.used + 0.25 * context.budget.seconds
    for i in range(ROUNDS):
        if i and context.budget.used * (i + 1) / i > until:
            break
        for group in GROUPS:
            libraries = {"geomdl": _OURS} | ({"escnn": _PEER} if peers else {})
            for name in list(libraries)[:: 1 if i % 2 == 0 else -1]:
                seconds = seconds_of(libraries[name], group=group, threads=threads)
                found[group].setdefault(name, []).append(seconds)
        if list_models(MODEL):
            seconds = seconds_of(_MODEL, model=MODEL, threads=threads)
            found[MODEL].setdefault("geomdl", []).append(seconds)
        context.progress.advance()
    return found


def table(found: dict[str, dict[str, list[float]]], peers: bool) -> Table:
    """Seconds of each library, and their ratio within each round."""
    columns = [
        Column("name", "network"),
        Column(
            "geomdl", "geomdl", "milliseconds",
            note="In a fresh process, packages loaded, nothing of the group computed; median"
            " [quartiles] over processes.",
        ),
    ]  # fmt: skip
    if peers:
        columns += [
            Column("escnn", "escnn", "milliseconds", note="Likewise."),
            Column("ratio", "escnn / geomdl", "ratio", note="Paired within each round."),
        ]
    rows = []
    for name, seconds in found.items():
        if not seconds:
            continue
        text = name if name == MODEL else f"{name}, 3 layers, 48 channels, 5×5"
        row: dict[str, Any] = {"name": text}
        row |= {library: vars(quartiles(values)) for library, values in seconds.items()}
        if "escnn" in seconds:
            pairs = zip(seconds["escnn"], seconds["geomdl"], strict=True)
            row["ratio"] = vars(quartiles([a / b for a, b in pairs]))
        rows.append(row)
    return Table("construction", tuple(columns), tuple(rows), "Construction")


def checks_of(found: dict[str, dict[str, list[float]]]) -> list[Check]:
    """Whether construction keeps its limits."""
    checks = []
    for name, seconds in found.items():
        if "escnn" in seconds:
            pairs = zip(seconds["escnn"], seconds["geomdl"], strict=True)
            ratio = quartiles([a / b for a, b in pairs])
            text = (
                f"{name}: built {ratio.median:.1f} times faster than by escnn (at least {FACTOR:g})"
            )
            checks.append(Check(f"construction, {name}", ratio.median >= FACTOR, text))
    if found.get(MODEL):
        took = quartiles(found[MODEL]["geomdl"]).median
        text = f"{MODEL}: initialised in {duration(took)} (at most {LIMIT:g} s)"
        checks.append(Check("initialisation", took <= LIMIT, text))
    return checks


def notes(found: dict[str, dict[str, list[float]]]) -> tuple[str, ...]:
    """What was left out."""
    if found.get(MODEL):
        return ()
    return (f"{MODEL} was not timed: the registry has no model of this name.",)
