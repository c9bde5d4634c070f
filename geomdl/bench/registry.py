"""The registry of suites, and what a suite is given to work with."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from importlib import import_module
from pathlib import Path

from geomdl.bench.budget import Budget
from geomdl.bench.progress import Progress
from geomdl.bench.results import SuiteResult

# modules of geomdl.bench.suites, imported on first use
BUILT_IN = (
    "digits",
    "graphs",
    "groups",
    "images",
    "kernels",
    "linear",
    "molecules",
    "scattering",
    "startup",
    "symmetry",
    "theory",
)


@dataclass(frozen=True)
class Context:
    """What a suite may use, and the limits that it should keep to.

    Attributes:
        budget: seconds for this suite.
        seeds: how many seeds, at least 1; a suite uses 0, 1, …, seeds - 1.
        data: name of the data set, where the suite has a choice; None for its own.
        root: folder of data sets, as for `geomdl.data.load`.
        peers: whether to time other libraries beside ours, where they are installed.
        progress: to tell how far it is.
    """

    budget: Budget = field(default_factory=lambda: Budget(None))
    seeds: int = 3
    data: str | None = None
    root: Path | None = None
    peers: bool = False
    progress: Progress = field(default_factory=Progress)


Body = Callable[[Context], SuiteResult]


@dataclass(frozen=True)
class Suite:
    """A registered suite."""

    name: str
    title: str
    weight: float
    body: Body
    seeds: int = 3


_suites: dict[str, Suite] = {}


def suite(
    name: str, *, title: str = "", weight: float = 1.0, seeds: int = 3
) -> Callable[[Body], Body]:
    """Register a suite under a name.

    Args:
        name: as in `geomdl bench name`.
        title: one line; default the first line of the function's docstring.
        weight: share of the time budget, relative to the other suites of the same run.
        seeds: how many, where a run does not say.

    Returns:
        A decorator that leaves the function as it is.

    Raises:
        ValueError: the name is taken by another function.

    Example:
        >>> @suite("example/nothing")
        ... def nothing(context: Context) -> SuiteResult:
        ...     '''Find nothing.'''
        ...     return SuiteResult(title="Nothing", summary="")
        >>> list_suites("example/*")
        ['example/nothing']
    """

    def register(body: Body) -> Body:
        known = _suites.get(name)
        if known is not None and known.body.__qualname__ != body.__qualname__:
            raise ValueError(f"suite: the name {name!r} is taken by {known.body.__qualname__}")
        line = title or (body.__doc__ or name).strip().splitlines()[0].rstrip(".")
        _suites[name] = Suite(name, line, weight, body, seeds)
        return body

    return register


def list_suites(pattern: str = "*") -> list[str]:
    """Names of the registered suites.

    Args:
        pattern: as in a shell, for instance `"d*"`.

    Returns:
        The names, sorted.

    Example:
        >>> "digits" in list_suites()
        True
    """
    _load()
    return sorted(name for name in _suites if fnmatchcase(name, pattern))


def find_suite(name: str) -> Suite:
    """Find a suite by its name.

    Args:
        name: of a suite.

    Returns:
        The suite.

    Raises:
        ValueError: there is none; the message names them all.
    """
    _load()
    if name not in _suites:
        raise ValueError(f"suite: no suite {name!r}; there are {', '.join(sorted(_suites))}")
    return _suites[name]


def find_suites(names: Iterable[str]) -> list[Suite]:
    """Find suites by their names, by patterns, or all of a family at once.

    Args:
        names: of suites (`"images/speed"`), patterns as in a shell (`"images/*"`), or what stands
            before the slash (`"images"`).

    Returns:
        The suites, each once, in the order of the names and then of the alphabet.

    Raises:
        ValueError: a name that fits none; the message names them all.

    Example:
        >>> [suite.name for suite in find_suites(["groups", "gro*"])]
        ['groups']
    """
    _load()
    found = [
        known
        for name in names
        for known in (list_suites(name) or list_suites(f"{name}/*") or [find_suite(name).name])
    ]
    return [_suites[name] for name in dict.fromkeys(found)]


def _load() -> None:
    for module in BUILT_IN:
        import_module(f"geomdl.bench.suites.{module}")
