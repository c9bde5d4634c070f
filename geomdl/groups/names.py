"""``geomdl.group(name)``: groups by name, read back from their configuration."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from geomdl.groups.group import Group

_EXAMPLES = (
    *("C4", "C8", "D4", "D8", "SO2", "O2", "SO3", "O3", "SO4", "O4", "S3", "S5", "Q8", "SU2"),
    *("T", "Td", "Th", "O", "Oh", "I", "Ih", "Z28x28", "R2", "R3", "SE2", "E2", "SE3", "E3"),
    *("SO+(1,3)", "SO(1,3)", "O(1,3)", "Z28x28 ⋊ D4", "C8 * C2"),
)


def _number(make: Callable[[int], Group], least: int = 1) -> Callable[[re.Match[str]], Group]:
    def build(match: re.Match[str]) -> Group:
        n = int(next(g for g in match.groups() if g))
        if n < least:
            raise ValueError(f"name: {match[0]} needs a number of at least {least}")
        return make(n)

    return build


@lru_cache(maxsize=1)
def _rules() -> list[tuple[str, Callable[[re.Match[str]], Group]]]:
    from geomdl.groups.lorentz import Lorentz
    from geomdl.groups.orthogonal import Orthogonal
    from geomdl.groups.planar import Cyclic, Dihedral
    from geomdl.groups.polyhedral import POLYHEDRAL, Polyhedral
    from geomdl.groups.quaternion import Q8, SU2
    from geomdl.groups.semidirect import semidirect
    from geomdl.groups.symmetric import Symmetric
    from geomdl.groups.translations import PeriodicTranslations, Translations

    def periodic(match: re.Match[str]) -> Group:
        shape = tuple(map(int, match[1].split("x")))
        if min(shape) < 1:
            raise ValueError(f"name: {match[0]} needs sizes of at least 1")
        return PeriodicTranslations(shape)

    def euclidean(special: bool) -> Callable[[int], Group]:
        return lambda d: semidirect(Translations(d), Orthogonal(d, special))

    return [
        (r"C(\d+)", _number(Cyclic)),
        (r"D(\d+)", _number(Dihedral)),
        (r"S(\d+)", _number(Symmetric)),
        (r"SO(?:(\d)|\((\d+)\))", _number(lambda n: Orthogonal(n, True), 2)),
        (r"O(?:(\d)|\((\d+)\))", _number(lambda n: Orthogonal(n, False), 2)),
        (r"SE\(?(\d+)\)?", _number(euclidean(True), 2)),
        (r"E\(?(\d+)\)?", _number(euclidean(False), 2)),
        (r"R(\d+)", _number(Translations)),
        (r"Z(\d+(?:x\d+)*)", periodic),
        (r"Q8", lambda m: Q8()),
        (r"SU\(?2\)?", lambda m: SU2()),
        ("|".join(POLYHEDRAL), lambda m: Polyhedral(m[0])),
        (r"SO[+⁺]\(1,3\)|Lorentz", lambda m: Lorentz("SO+(1,3)")),
        (r"S?O\(1,3\)", lambda m: Lorentz(m[0])),
    ]


@lru_cache(maxsize=256)
def group(name: str) -> Group:
    """Group by name.

    Args:
        name: ``"C8"``, ``"D4"``, ``"SO2"``, ``"O2"``, ``"SO3"``, ``"O3"``, ``"S5"``, ``"Q8"``,
            ``"SU2"``, ``"T"``, ``"Td"``, ``"Th"``, ``"O"``, ``"Oh"``, ``"I"``, ``"Ih"``,
            ``"Z28x28"``, ``"R3"``, ``"E3"``, ``"SE3"``, ``"SO+(1,3)"``, ``"SO(1,3)"``,
            ``"O(1,3)"``; direct products ``"C8 * C2"``; semidirect ``"Z28x28 ⋊ D4"`` (or with
            ``:``, the normal factor first, which should be translations).

    Raises:
        ValueError: unknown name; the message lists near ones.

    Example:
        >>> group("D4").order, group("SO3").lie_dim
        (8, 3)
    """
    if not isinstance(name, str):
        raise TypeError(f"name: should be a string such as 'D4', got {type(name).__name__}")
    text = name.strip()
    factors = re.split(r"\s*[*×]\s*", text)
    if len(factors) > 1:
        out = group(factors[0])
        for factor in factors[1:]:
            out = out * group(factor)
        return out
    halves = re.split(r"\s*[⋊:]\s*", text)
    if len(halves) == 2:
        from geomdl.groups.semidirect import semidirect

        return semidirect(group(halves[0]), group(halves[1]))
    for pattern, build in _rules():
        match = re.fullmatch(pattern, text.replace(" ", ""))
        if match:
            return build(match)
    near = difflib.get_close_matches(text, _EXAMPLES, n=4, cutoff=0.3) or _EXAMPLES[:6]
    raise ValueError(f"name: unknown group {name!r}; did you mean {', '.join(near)}?")


def from_config(config: dict[str, Any]) -> Any:
    """Group, representation or subgroup from what its ``to_config`` gave."""
    if "rep" in config:
        from geomdl.groups.config import rep_from_config

        return rep_from_config(config, from_config(config["of"]))
    if "subgroup" in config:
        from geomdl.groups.config import subgroup_from_config

        return subgroup_from_config(config)
    if "group" not in config:
        raise ValueError(f"config: describes no group or representation, got keys {sorted(config)}")
    return _interned(json.dumps(config, sort_keys=True))


@lru_cache(maxsize=256)
def _interned(text: str) -> Group:
    """One object for one description, so that its caches are shared."""
    from geomdl.groups.config import group_from_config

    return group_from_config(json.loads(text))
