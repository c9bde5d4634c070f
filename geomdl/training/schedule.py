"""The learning rate as a pure function of the step: linear warm-up, then half a cosine."""

import math

__all__ = ["warmup_cosine", "warmup_cosine_at", "warmup_steps"]


def warmup_steps(warmup: float, total: int) -> int:
    """Steps of warm-up: the share ``warmup`` of ``total``, rounded up, at most ``total - 1``.

    Args:
        warmup: share of all steps, in [0, 1).
        total: steps of the whole run.

    Example:
        >>> warmup_steps(0.05, 200), warmup_steps(0.05, 1), warmup_steps(0.0, 200)
        (10, 0, 0)
    """
    return min(math.ceil(warmup * total), total - 1)


def warmup_cosine(step: int, total: int, warmup: int) -> float:
    """Factor on the learning rate at a step.

    f(t) = (t + 1) / (w + 1) for t < w, and (1 + cos(π (t - w) / (T - w))) / 2 from there on: 1 at
    t = w, above 0 at the last step T - 1. No state, so a run resumes at any step.

    Args:
        step: t, from 0.
        total: T, steps of the whole run.
        warmup: w < T, steps of linear warm-up.

    Returns:
        a number in (0, 1]; 0 for steps from T on.

    Example:
        >>> [round(warmup_cosine(t, 6, 2), 3) for t in range(7)]
        [0.333, 0.667, 1.0, 0.854, 0.5, 0.146, 0.0]
    """
    if step < warmup:
        return (step + 1) / (warmup + 1)
    progress = min((step - warmup) / (total - warmup), 1.0)
    return 0.5 * (1.0 + math.cos(math.pi * progress))


def warmup_cosine_at(share: float, warmup: float) -> float:
    """The same factor where time runs continuously.

    f(s) = max(s / w, 1/1000) for s < w, so that a first step moves, and from there on
    (1 + cos(π (s - w) / (1 - w))) / 2.

    Args:
        share: s, what is done of the run, from 0.
        warmup: w in [0, 1), share of the run with linear warm-up.

    Returns:
        a number in [0, 1]; 0 for s from 1 on.

    Example:
        >>> [round(warmup_cosine_at(s / 8, 0.25), 3) for s in range(0, 10, 2)]
        [0.001, 1.0, 0.75, 0.25, 0.0]
    """
    if share < warmup:
        return max(share / warmup, 1e-3)
    progress = min((share - warmup) / (1 - warmup), 1.0)
    return 0.5 * (1.0 + math.cos(math.pi * progress))
