"""What finitely many elements, and finitely many digits, can say."""

import math

import torch
from torch import Tensor

LEVEL = 0.95


def default_tol(dtype: torch.dtype) -> float:
    """Tolerance on the relative error below which an exact symmetry must stay, by dtype.

    float64 1e-12, float32 1e-5, float16 1e-2, bfloat16 5e-2: some thousand (half precision: some
    ten) units of rounding, room for the sums of a deep network and for nothing else.

    Args:
        dtype: floating or complex dtype (a complex one counts as its real part).

    Returns:
        The tolerance, dimensionless.

    Raises:
        ValueError: the dtype is neither floating nor complex.

    Example:
        >>> default_tol(torch.float64), default_tol(torch.float32)
        (1e-12, 1e-05)
    """
    by_dtype = {
        torch.float64: 1e-12,
        torch.complex128: 1e-12,
        torch.float32: 1e-5,
        torch.complex64: 1e-5,
        torch.float16: 1e-2,
        torch.bfloat16: 5e-2,
    }
    if dtype not in by_dtype:
        raise ValueError(f"dtype: expected a floating dtype such as torch.float64, got {dtype}")
    return by_dtype[dtype]


def rounding_allowance(dtype: torch.dtype, condition: float) -> float:
    """Relative error that rounding alone makes in an output much larger than its variation.

    4 ε (κ − 1), with ε the machine epsilon and κ = rms(y) / variation(y) ≥ 1: an energy of −10⁴ eV
    that varies by 1 eV cannot be told apart from one that is off by a few units in its last place.
    It is added to `default_tol` where no tolerance is given, never to a tolerance that is.

    Args:
        dtype: dtype of the audit.
        condition: κ, dimensionless; below 1 it counts as 1.

    Example:
        >>> f"{rounding_allowance(torch.float64, 1e4):.0e}"
        '9e-12'
    """
    return 4 * torch.finfo(dtype).eps * max(condition - 1, 0.0)


def exceedance_bound(samples: int, exceeding: int = 0, level: float = LEVEL) -> float:
    """Upper confidence bound on the share of a group whose error exceeds a tolerance.

    Of m elements drawn at random, k exceeded. k = 0 gives the rule of three,
    1 − (1 − level)^{1/m} ≈ 3/m; k > 0 the Clopper–Pearson bound. Exact for independent Haar
    samples, conservative for samples stratified over components of equal measure (the logarithm is
    concave).

    Args:
        samples: m ≥ 0.
        exceeding: k, between 0 and m.
        level: confidence, between 0 and 1.

    Returns:
        The bound, in [0, 1]; 1 without samples.

    Raises:
        ValueError: `exceeding` is not between 0 and `samples`.

    Example:
        >>> round(exceedance_bound(59), 3)
        0.05

    Source: Clopper and Pearson, Biometrika 26 (1934) 404; Hanley and Lippman-Hand, JAMA 249 (1983).
    """
    if not 0 <= exceeding <= samples:
        raise ValueError(f"exceeding: expected 0 to samples={samples}, got {exceeding}")
    if exceeding == samples:
        return 1.0
    if exceeding == 0:
        return -math.expm1(math.log1p(-level) / samples)
    from scipy.stats import beta

    return float(beta.ppf(level, exceeding + 1, samples - exceeding))


def confidence_sentence(
    *, tested: int, samples: int, exceeding: int, tol: float, exhaustive: bool, compact: bool
) -> str:
    """Say in one sentence how far the tested elements speak for the whole group.

    Args:
        tested: number of elements tested.
        samples: how many of them were drawn at random.
        exceeding: how many of the drawn ones had an error above `tol` (or none at all: NaN).
        tol: tolerance on the relative error.
        exhaustive: whether the tested ones are the whole group.
        compact: whether the samples were Haar distributed (else they follow the stated law).

    Example:
        >>> confidence_sentence(
        ...     tested=8, samples=0, exceeding=0, tol=1e-12, exhaustive=True, compact=True
        ... )
        'all 8 elements of the group were tested'
    """
    if exhaustive and tested == 1:
        return "the group has no element but its identity: nothing was tested"
    if exhaustive:
        return f"all {tested} elements of the group were tested"
    if samples == 0:
        return f"{tested} elements were tested, none drawn at random: no statement on the others"
    bound = exceedance_bound(samples, exceeding)
    whole = "the group" if compact else "the group (under the law of group.sample)"
    if bound >= 1:
        return f"all {samples} random elements exceed {tol:.2g}"
    return (
        f"{exceeding} of {samples} random elements exceed {tol:.2g}: with {LEVEL:.0%} confidence "
        f"fewer than {bound:.1%} of {whole} do"
    )


def rms(x: Tensor) -> float:
    """Root mean square of the moduli; 0 for an empty tensor, NaN and infinity propagate.

    Scaled by the largest entry, so that no square overflows or vanishes.

    Example:
        >>> f"{rms(torch.tensor([1e200, 7e200], dtype=torch.float64)):.6g}"
        '5e+200'
    """
    if x.numel() == 0:
        return 0.0
    size = x.detach().abs().to(torch.float64)
    top = float(size.max())
    if top == 0.0 or not math.isfinite(top):
        return 0.0 if top == 0.0 else math.nan
    return top * math.sqrt(float((size / top).square().mean()))
