"""The registry of claims: how a theorem becomes a program, is found and is run."""

import difflib
import inspect
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from importlib import import_module

import torch

from geomdl.claims.evidence import Evidence

# modules of geomdl.claims, imported on first use
BUILT_IN = (
    "representations",
    "products",
    "counting",
    "sharing",
    "statistics",
    "augmentation",
    "filters",
    "scattering",
    "scattering_stability",
    "scattering_symmetry",
    "points",
    "neighborhoods",
    "graphs_sets",
    "graphs_spectra",
    "graphs_depth",
    "graphs_capacity",
    "graphs_communities",
    "graphs_wl",
    "landscape",
    "landscape_noise",
    "sgd",
    "descent",
    "acceleration",
    "stability",
    "linear_landscape",
    "linear_networks",
    "implicit",
    "sparsity",
    "flow_symmetry",
    "approximation",
    "depth",
    "regions",
    "lipschitz",
    "universality",
    "kernels_infinite",
    "kernels_machines",
    "kernels_spectra",
    "kernels_width",
    "double_descent",
    "invariance",
    "bounds",
    "bounds_norms",
    "kernels_finite",
)

Body = Callable[..., Evidence]


@dataclass(frozen=True)
class Claim:
    """A registered theorem.

    Attributes:
        name: as in `geomdl verify NAME`.
        statement: in words, one sentence.
        formula: in LaTeX, without dollars.
        source: where it is proved.
        topic: that it belongs to.
        sabotage: what the spoilt measurement does wrong, in words.
        body: the program.
    """

    name: str
    statement: str
    formula: str
    source: str
    topic: str
    sabotage: str
    body: Body

    @property
    def has_fast(self) -> bool:
        """Whether the program has a smaller experiment beside its own."""
        return "fast" in inspect.signature(self.body).parameters


_claims: dict[str, Claim] = {}


def claim(
    name: str, *, statement: str, formula: str, source: str, topic: str, sabotage: str
) -> Callable[[Body], Body]:
    r"""Register a theorem as a program.

    The program is called with a seeded `torch.Generator`, its only source of randomness, and a
    flag: if the flag is set it must break a hypothesis of the theorem, or its formula, and the
    evidence must then not hold. A claim that cannot be refuted shows nothing. A program that is
    long takes a third argument, `fast`: with it set it makes a smaller experiment, in seconds,
    whose tolerance is as much wider as its standard errors are.

    Args:
        name: as in `geomdl verify NAME`.
        statement: in words, one sentence.
        formula: in LaTeX, without dollars.
        source: where it is proved.
        topic: that it belongs to.
        sabotage: what the program does wrong if the flag is set, in words.

    Returns:
        A decorator that leaves the function as it is.

    Raises:
        ValueError: an empty text, or the name is taken by another function.

    Example:
        >>> @claim(
        ...     "example/sum",
        ...     statement="The first n odd numbers add up to n squared.",
        ...     formula=r"\sum_{k=1}^n (2k - 1) = n^2",
        ...     source="Nicomachus",
        ...     topic="example",
        ...     sabotage="the even numbers are added",
        ... )
        ... def odd(rng, sabotage):
        ...     total = sum(range(0 if sabotage else 1, 20, 2))
        ...     return Evidence(100, total, tolerance=0, because="counting")
        >>> run("example/sum").holds, run("example/sum", sabotage=True).holds
        (True, False)
        >>> forget("example/sum")
    """
    texts = {
        "name": name,
        "statement": statement,
        "formula": formula,
        "source": source,
        "topic": topic,
        "sabotage": sabotage,
    }
    for key, text in texts.items():
        if not isinstance(text, str) or not text.strip():
            raise ValueError(f"{key}: expected a text, got {text!r}")

    def register(body: Body) -> Body:
        known = _claims.get(name)
        place = (body.__module__, body.__qualname__)
        if known is not None and (known.body.__module__, known.body.__qualname__) != place:
            raise ValueError(f"claim: the name {name!r} is taken by {known.body.__qualname__}")
        _claims[name] = Claim(body=body, **texts)
        return body

    return register


def know(claim: Claim) -> None:
    """Put a claim into the registry of this process, unless its name is there.

    Args:
        claim: as another process registered it.
    """
    _load()
    _claims.setdefault(claim.name, claim)


def forget(name: str) -> None:
    """Take a claim out of the registry.

    Args:
        name: of the claim; it may be unknown.
    """
    _claims.pop(name, None)


def list_claims(topic: str | None = None) -> list[str]:
    """Names of the registered claims.

    Args:
        topic: that they belong to; all topics if None.

    Returns:
        The names, sorted.

    Raises:
        ValueError: there is no such topic; the message names them all.

    Example:
        >>> import geomdl.claims
        >>> "schur" in geomdl.claims.list("representations")
        True
    """
    _load()
    topics = sorted({c.topic for c in _claims.values()})
    if topic is not None and topic not in topics:
        raise ValueError(f"topic: expected one of {', '.join(topics)}, got {topic!r}")
    return sorted(name for name, c in _claims.items() if topic in (None, c.topic))


def match(patterns: list[str]) -> list[str]:
    """Names that any of some patterns names.

    Args:
        patterns: as in a shell; a pattern also names the claims of a topic. None means all.

    Returns:
        The names, sorted.

    Raises:
        ValueError: a pattern that names nothing.

    Example:
        >>> match(["schur", "hom*"])
        ['hom-dimension', 'schur']
    """
    names = list_claims()
    found: set[str] = set()
    for pattern in patterns or ["*"]:
        hits = [
            n for n in names if fnmatchcase(n, pattern) or fnmatchcase(_claims[n].topic, pattern)
        ]
        if not hits:
            raise ValueError(_unknown(pattern))
        found.update(hits)
    return sorted(found)


def find(name: str) -> Claim:
    """Find a claim by its name.

    Args:
        name: of the claim.

    Returns:
        The claim.

    Raises:
        ValueError: there is none; the message offers near ones, or all.

    Example:
        >>> find("schur").topic
        'representations'
    """
    _load()
    if name not in _claims:
        raise ValueError(_unknown(name))
    return _claims[name]


def run(name: str, seed: int = 0, *, sabotage: bool = False, fast: bool = False) -> Evidence:
    """Run a claim.

    Args:
        name: of the claim.
        seed: of everything random in it, 0 or more.
        sabotage: spoil the measurement as the claim describes; the evidence must then not hold.
        fast: make the smaller experiment, where the claim has one: seconds, and a tolerance as
            much wider as its standard errors are.

    Returns:
        The evidence, the same for the same seed on the same machine.

    Raises:
        ValueError: no such claim, or a negative seed.

    Example:
        >>> import geomdl.claims
        >>> evidence = geomdl.claims.run("burnside")
        >>> evidence.holds, evidence.error
        (True, 0.0)
    """
    found = find(name)
    if isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed < 2**63:
        raise ValueError(f"seed: expected a whole number of at least 0, got {seed!r}")
    start = time.perf_counter()
    with torch.random.fork_rng(devices=[]):  # layers draw their first weights from the global state
        torch.default_generator.manual_seed(seed)
        evidence = found.body(
            torch.Generator().manual_seed(seed), sabotage, *[fast] * found.has_fast
        )
    if not isinstance(evidence, Evidence):
        raise TypeError(f"claim {name}: should return Evidence, got {type(evidence).__name__}")
    seconds = time.perf_counter() - start
    return replace(evidence, name=name, seed=seed, sabotage=sabotage, seconds=seconds)


def _unknown(name: str) -> str:
    near = difflib.get_close_matches(name, _claims, n=3, cutoff=0.5) or sorted(_claims)
    return f"claim: no claim {name!r}; there are {', '.join(near)}"


def _load() -> None:
    for module in BUILT_IN:
        import_module(f"geomdl.claims.{module}")
