"""Running many claims: one that crashes counts as one that does not hold, and the others run."""

import contextlib
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from geomdl.claims.evidence import Evidence
from geomdl.claims.registry import Claim, find, run


@dataclass(frozen=True)
class Outcome:
    """What became of a claim.

    Attributes:
        claim: that ran.
        evidence: what it gave; None if it crashed.
        failure: why it crashed, in one line; None if it did not.
        seconds: that it took.
        sabotage: whether it was spoilt on purpose.
    """

    claim: Claim
    evidence: Evidence | None
    failure: str | None
    seconds: float
    sabotage: bool = False

    @property
    def holds(self) -> bool:
        """Whether there is evidence, and it holds."""
        return self.failure is None and self.evidence is not None and self.evidence.holds

    @property
    def verdict(self) -> str:
        """One of holds, fails, crashed; ends in "(sabotaged)" if it was."""
        word = "crashed" if self.failure else "holds" if self.holds else "fails"
        return f"{word} (sabotaged)" if self.sabotage else word

    def to_dict(self) -> dict[str, Any]:
        """JSON-able description: the claim, its evidence, the verdict."""
        about = self.claim
        found = {} if self.evidence is None else self.evidence.to_dict()
        return {
            "name": about.name,
            "topic": about.topic,
            "statement": about.statement,
            "formula": about.formula,
            "source": about.source,
            "sabotaged_by": about.sabotage if self.sabotage else None,
            **found,
            "holds": self.holds,
            "failure": self.failure,
            "seconds": self.seconds,
        }


def verify(
    names: Iterable[str],
    seed: int = 0,
    *,
    sabotage: Iterable[str] = (),
    before: Callable[[str], None] = lambda name: None,
) -> list[Outcome]:
    """Run claims one after another.

    Args:
        names: of claims.
        seed: of everything random in each of them.
        sabotage: names of those to spoil.
        before: called with each name before it runs.

    Returns:
        One outcome for each name, in order. What a claim prints goes to standard error.

    Raises:
        ValueError: an unknown name, before anything runs.

    Example:
        >>> [outcome.verdict for outcome in verify(["burnside"], sabotage=["burnside"])]
        ['fails (sabotaged)']
    """
    claims, spoilt = [find(name) for name in names], set(sabotage)
    for name in sorted(spoilt):
        find(name)
    outcomes = []
    for claim in claims:
        before(claim.name)
        start = time.perf_counter()
        evidence, failure = None, None
        spoil = claim.name in spoilt
        try:
            with contextlib.redirect_stdout(sys.stderr):
                evidence = run(claim.name, seed, sabotage=spoil)
        except Exception as error:  # a third party's claim may raise anything
            failure = f"{type(error).__name__}: {' '.join(str(error).split())}"
        seconds = time.perf_counter() - start
        outcomes.append(Outcome(claim, evidence, failure, seconds, spoil))
    return outcomes
