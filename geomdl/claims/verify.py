"""Running many claims: one that crashes counts as one that does not hold, and the others run."""

import contextlib
import io
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch

from geomdl.claims import registry
from geomdl.claims.evidence import Evidence
from geomdl.claims.registry import Claim, find, run

DIED = "its process died (out of memory?) or another one's did: run it alone"


@dataclass(frozen=True)
class Outcome:
    """What became of a claim.

    Attributes:
        claim: that ran.
        evidence: what it gave; None if it crashed.
        failure: why it crashed, in one line; None if it did not.
        seconds: that it took.
        sabotage: whether it was spoilt on purpose.
        twin: what became of it when it was spoilt, if that was asked for.
        pictures: its figure as "png" and "svg", if that was asked for.
        undrawn: why there is no figure, in one line; None if there is, or none was asked for.
    """

    claim: Claim
    evidence: Evidence | None
    failure: str | None
    seconds: float
    sabotage: bool = False
    twin: "Outcome | None" = None
    pictures: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    undrawn: str | None = None

    @property
    def holds(self) -> bool:
        """Whether there is evidence, and it holds, and that of the twin, if any, does not."""
        held = self.failure is None and self.evidence is not None and self.evidence.holds
        return held and (self.twin is None or self.twin.refuted)

    @property
    def refuted(self) -> bool:
        """Whether there is evidence, and it does not hold. A crash refutes nothing."""
        return self.evidence is not None and not self.evidence.holds

    @property
    def verdict(self) -> str:
        """One of holds, fails, crashed; ends in "(sabotaged)" if it was, and tells of a twin."""
        alone = replace(self, twin=None)
        word = "crashed" if self.failure else "holds" if alone.holds else "fails"
        if self.twin is not None:
            spoilt = "refuted" if self.twin.refuted else self.twin.verdict.split()[0]
            return f"{word}, twin {spoilt}"
        return f"{word} (sabotaged)" if self.sabotage else word

    def to_dict(self) -> dict[str, Any]:
        """JSON-able description: the claim, its evidence, the verdict."""
        about = self.claim
        found = {} if self.evidence is None else self.evidence.to_dict()
        twin = {} if self.twin is None else {"twin": self.twin.to_dict()}
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
            **twin,
        }


def verify(
    names: Iterable[str],
    seed: int = 0,
    *,
    sabotage: Iterable[str] = (),
    fast: bool = False,
    twins: bool = False,
    jobs: int = 1,
    figures: bool = False,
    before: Callable[[str], None] = lambda name: None,
    after: Callable[[Outcome], None] = lambda outcome: None,
) -> list[Outcome]:
    """Run claims, one after another or in several processes.

    Args:
        names: of claims.
        seed: of everything random in each of them.
        sabotage: names of those to spoil.
        fast: make the smaller experiment, where a claim has one.
        twins: run each claim a second time, spoilt, which must refute it.
        jobs: number of processes; 1 runs them in this one. The cores are shared out among them.
        figures: draw, where the claim runs.
        before: called with each name before it runs; in several processes, all at the beginning.
        after: called with each outcome as it comes.

    Returns:
        One outcome for each name, in order. What a claim prints goes to standard error.

    Raises:
        ValueError: an unknown name, or `jobs` below 1, before anything runs.

    Example:
        >>> [outcome.verdict for outcome in verify(["burnside"], sabotage=["burnside"])]
        ['fails (sabotaged)']
        >>> [outcome.verdict for outcome in verify(["burnside"], twins=True)]
        ['holds, twin refuted']
    """
    claims, spoilt = [find(name) for name in names], set(sabotage)
    for name in sorted(spoilt):
        find(name)
    if isinstance(jobs, bool) or not isinstance(jobs, int) or jobs < 1:
        raise ValueError(f"jobs: expected a whole number of at least 1, got {jobs!r}")
    tasks = [(c, seed, c.name in spoilt, fast, twins, figures) for c in claims]
    found: dict[str, Outcome] = {}
    for outcome in _serial(tasks, before) if jobs == 1 else _parallel(tasks, jobs, before):
        found[outcome.claim.name] = outcome
        after(outcome)
    return [found[claim.name] for claim in claims]


Task = tuple[Claim, int, bool, bool, bool, bool]


def _serial(tasks: Sequence[Task], before: Callable[[str], None]) -> Iterator[Outcome]:
    for task in tasks:
        before(task[0].name)
        yield _one(*task)


def _parallel(tasks: Sequence[Task], jobs: int, before: Callable[[str], None]) -> Iterator[Outcome]:
    """In processes of their own, whichever is done first; those of a process that dies crash."""
    import joblib
    from joblib.externals.loky.process_executor import TerminatedWorkerError

    share = max(1, joblib.cpu_count() // jobs)
    left = {task[0].name: task for task in tasks}
    for name in left:
        before(name)
    with joblib.parallel_config("loky", inner_max_num_threads=share):
        parallel = joblib.Parallel(jobs, return_as="generator_unordered", batch_size=1)
        outcomes = parallel(joblib.delayed(_sent)(share, *task) for task in tasks)
    try:
        for outcome in outcomes:
            del left[outcome.claim.name]
            yield outcome
    except TerminatedWorkerError:
        for claim, _, spoil, *_ in left.values():
            yield Outcome(claim, None, DIED, 0.0, spoil)


def _sent(threads: int, claim: Claim, *rest: Any) -> Outcome:
    """In another process: it may not know a claim that was registered at run time."""
    torch.set_num_threads(threads)
    registry.know(claim)
    found = _one(claim, *rest)

    def bare(outcome: Outcome) -> Outcome:  # a figure is a closure: it stays behind
        e = outcome.evidence
        return outcome if e is None else replace(outcome, evidence=replace(e, figure=None))

    return replace(bare(found), twin=None if found.twin is None else bare(found.twin))


def _one(claim: Claim, seed: int, spoil: bool, fast: bool, twins: bool, figures: bool) -> Outcome:
    start = time.perf_counter()
    evidence, failure = None, None
    try:
        with contextlib.redirect_stdout(sys.stderr):
            evidence = run(claim.name, seed, sabotage=spoil, fast=fast)
    except Exception as error:  # a third party's claim may raise anything
        failure = _line(error)
    outcome = Outcome(claim, evidence, failure, time.perf_counter() - start, spoil)
    if figures and evidence is not None:
        outcome = _drawn(outcome, evidence)
    if twins and not spoil:
        twin = _one(claim, seed, True, fast, False, False)
        outcome = replace(outcome, twin=twin, seconds=outcome.seconds + twin.seconds)
    return outcome


def _drawn(outcome: Outcome, evidence: Evidence) -> Outcome:
    """With its figure as bytes."""
    from matplotlib import rc_context

    pictures = {}
    try:
        drawing = evidence.draw()
        for kind, silent in (("png", ["Software"]), ("svg", ["Date", "Creator"])):
            buffer = io.BytesIO()
            with rc_context({"svg.fonttype": "none", "svg.hashsalt": "geomdl"}):
                drawing.savefig(buffer, format=kind, dpi=150, metadata=dict.fromkeys(silent))
            pictures[kind] = buffer.getvalue()
    except Exception as error:  # a third party's figure may raise anything
        return replace(outcome, undrawn=_line(error))
    return replace(outcome, pictures=pictures)


def _line(error: Exception) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())}"
