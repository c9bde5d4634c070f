"""An Occam bound for networks: round the weights' changes, write them down, count the bits."""

import copy
import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from geomdl.generalization.bounds.checks import (
    check_count,
    check_delta,
    check_finite,
    check_labels,
    check_model,
    check_rest,
    refuse_statistics,
)
from geomdl.generalization.bounds.pac_bayes import occam_bound


@dataclass(frozen=True, eq=False)
class Compressed:
    """A network in few bits, and the bound that follows.

    Attributes:
        bound: on its error, with probability 1 - δ.
        risk: its error on the training samples.
        bits: length of its word.
        exponent: weights moved in steps of 2^{-exponent}.
        model: the network that the word stands for.
    """

    bound: float
    risk: float
    bits: int
    exponent: int
    model: nn.Module


def compress(
    model: nn.Module,
    initial: nn.Module,
    x: Tensor,
    y: Tensor,
    *,
    delta: float = 0.05,
    finest: int = 8,
) -> Compressed:
    r"""Write a classifier as θ₀ + 2^{-e} k with whole k, choose e, and bound its error.

    The first weights θ₀ come from a seed that does not depend on the data. The word of a network:
    the exponent e in Elias' gamma code, and the whole numbers by `code_length`. Every e up to
    `finest` is tried; as the word tells which was taken, the bound holds for the best of them with
    probability 1 - δ, with no more to pay.

    Args:
        model: trained classifier; it is not changed.
        initial: the same network with its first weights.
        x: training samples.
        y: labels, int64.
        delta: δ.
        finest: greatest exponent, at least 1.

    Returns:
        The compressed network with the smallest bound.

    Raises:
        ValueError: dropout, batch norm (its statistics are in no word), buffers that are not the
            first ones, shapes that do not fit, NaN.

    Example:
        >>> first = nn.Linear(2, 2)
        >>> trained = copy.deepcopy(first)
        >>> _ = trained.weight.data.add_(torch.tensor([[2.0, 0.0], [-2.0, 0.0]]))
        >>> x = torch.tensor([[1.0, 0.0], [-1.0, 0.0]]).repeat(100, 1)
        >>> found = compress(trained, first, x, (x[:, 0] < 0).long())
        >>> found.risk, found.bits < 40, found.bound < 0.2
        (0.0, True, True)

    Source: Zhou et al. 2019, arXiv:1804.05862, with another code; Arora et al. 2018.
    """
    check_model(model)
    check_model(initial, "initial")
    refuse_statistics(model)
    check_finite("x", x)
    check_delta(delta)
    check_count(finest, "finest")
    first = {k: p.detach() for k, p in initial.named_parameters()}
    trained = dict(model.named_parameters())
    if {k: p.shape for k, p in first.items()} != {k: p.shape for k, p in trained.items()}:
        raise ValueError("initial: expected the weights of model by name, got others")
    check_rest(model, initial, first)
    best: Compressed | None = None
    for exponent in range(1, finest + 1):
        rounded = copy.deepcopy(model)
        bits = _gamma(exponent)
        with torch.no_grad():
            for k, p in rounded.named_parameters():
                steps = ((p.double() - first[k].double()) * 2**exponent).round()
                p.copy_(first[k] + steps.to(p.dtype) / 2**exponent)
                bits += code_length(steps.long())
            scores = rounded(x)
            check_labels(scores, y)
            risk = float((scores.argmax(1) != y).double().mean())
        bound = occam_bound(risk, bits, len(x), delta)
        if best is None or bound < best.bound:
            best = Compressed(bound, risk, bits, exponent, rounded)
    assert best is not None
    return best


def code_length(values: Tensor) -> int:
    r"""Bits of some whole numbers, of a known count N, in a two-part prefix code.

    The greatest modulus m, in Elias' gamma code of m + 1; how often each of the a = 2m + 1 numbers
    -m..m occurs, ⌈log₂ C(N + a - 1, a - 1)⌉ bits; which of the arrangements with those counts it
    is, ⌈log₂ (N! / Π N_v!)⌉ bits. *Exact* up to one bit of rounding of the logarithms, counted in.

    Args:
        values: int64, any shape.

    Returns:
        The length; a constant tensor of zeros costs 3 bits whatever its size.

    Raises:
        ValueError: not whole numbers.

    Example:
        >>> code_length(torch.zeros(1000, dtype=torch.int64))
        3
    """
    if not isinstance(values, Tensor) or values.dtype != torch.int64:
        got = values.dtype if isinstance(values, Tensor) else type(values).__name__
        raise ValueError(f"values: expected int64, got {got}")
    n = values.numel()
    m = int(values.abs().max()) if n else 0
    counts = values.unique(return_counts=True)[1].tolist()
    # C(N + 2m, N) = Π_i (1 + 2m/i), without differences of large logarithms
    types = float(torch.log2(1 + 2 * m / torch.arange(1, n + 1, dtype=torch.float64)).sum())
    arrangements = _log2_factorial(n) - math.fsum(_log2_factorial(c) for c in counts)
    return _gamma(m + 1) + _whole(types) + _whole(arrangements)


def _whole(log2: float) -> int:
    return math.ceil(log2 - 1e-9) + 1 if log2 > 1e-9 else 1


def _log2_factorial(n: int) -> float:
    return math.lgamma(n + 1) / math.log(2)


def _gamma(k: int) -> int:
    """Length of a whole number k ≥ 1 in Elias' gamma code, 2 ⌊log₂ k⌋ + 1."""
    return 2 * (k.bit_length() - 1) + 1
