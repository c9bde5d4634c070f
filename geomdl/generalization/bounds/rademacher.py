"""Rademacher complexity of balls of a kernel, and what averaging over a group takes from it."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from geomdl.generalization.bounds.checks import (
    check_at_least,
    check_count,
    check_finite,
    check_open,
    check_rng,
)

Kernel = Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class Rademacher:
    """An empirical Rademacher complexity between its bounds.

    Attributes:
        value: mean over draws of signs.
        error: standard error of that mean; 0 where all signs were taken.
        lower: B √(tr K / 2) / n.
        upper: B √(tr K) / n.
    """

    value: float
    error: float
    lower: float
    upper: float


def rademacher_ball(
    gram: Tensor, radius: float = 1.0, *, rng: torch.Generator, draws: int = 2000
) -> Rademacher:
    r"""R̂ = E_σ sup_{‖f‖ ≤ B} (1/n) Σ σ_i f(x_i) = (B/n) E √(σᵀ K σ).

    The supremum over a ball is a norm, so only the mean over signs is left: Monte Carlo, with its
    standard error, and every sign if 2ⁿ ≤ draws (*exact*). Jensen from above, and Khintchine's
    inequality in Hilbert space with the best constant from below,

        B √(tr K / 2) / n ≤ R̂ ≤ B √(tr K) / n.

    Linear classes have K = X Xᵀ; invariant linear ones K = X P Xᵀ, P the projection onto the fixed
    vectors; networks linearised in their weights have the tangent kernel.

    Args:
        gram: K, shape (n, n), positive semi-definite.
        radius: B.
        rng: source of signs.
        draws: how many.

    Returns:
        The value, its standard error, and the bounds.

    Raises:
        ValueError: not square, not symmetric, negative as far as the signs tell, NaN.

    Example:
        >>> one = torch.ones(1, 1, dtype=torch.float64)
        >>> found = rademacher_ball(4 * one, rng=torch.Generator())
        >>> found.value, found.error, found.upper
        (2.0, 0.0, 2.0)

    Source: Bartlett and Mendelson 2002; Latała and Oleszkiewicz 1994 (the constant 1/√2).
    """
    check_finite("gram", gram)
    n = len(gram)
    if gram.shape != (n, n) or not torch.allclose(gram, gram.mT, rtol=1e-6, atol=1e-12):
        raise ValueError(f"gram: expected a symmetric matrix, got shape {tuple(gram.shape)}")
    check_open(radius, "radius", 0.0, math.inf)
    check_rng(rng)
    check_count(draws, "draws", 2)
    gram = gram.double()
    trace = float(gram.trace())
    least = float(gram.diagonal().min())
    if trace < 0 or least < -1e-6 * float(gram.abs().max()):
        raise ValueError(f"gram: expected a positive semi-definite matrix, got {least:g} inside")
    if n < 40 and 2**n <= draws:
        bits = torch.arange(2**n)[:, None] >> torch.arange(n) & 1
        signs = 2.0 * bits.double() - 1
    else:
        signs = 2.0 * torch.randint(2, (draws, n), generator=rng).double() - 1
    squares = ((signs @ gram) * signs).sum(1)
    if bool((squares < -1e-6 * trace).any()):
        raise ValueError(
            f"gram: expected a positive semi-definite matrix, got σᵀKσ = {float(squares.min()):g}"
        )
    norms = squares.clamp_min(0).sqrt() * radius / n
    whole = n < 40 and 2**n <= draws
    error = 0.0 if whole else float(norms.std()) / math.sqrt(draws)
    upper = radius * math.sqrt(trace) / n
    return Rademacher(float(norms.mean()), error, upper / math.sqrt(2), upper)


def peeling_bound(norms: Sequence[float], x: Tensor) -> float:
    r"""Bound on the complexity of deep ReLU networks with bounded Frobenius norms.

    For scalar chains of d layers without biases, ‖A_l‖_F ≤ M_l,

        R̂ ≤ (√(2 d ln 2) + 1) Π_l M_l · ‖X‖_F / n,

    for Jensen gives R̂ ≤ (1/λn) ln E exp λ sup, each layer peels off as a factor 2 and its M_l, and
    the norm of Σ σ_i x_i is sub-Gaussian about at most ‖X‖_F; then the best λ. Depth counts as √d.
    Layers of an equivariant network are such matrices, a weight counted as often as it is used.

    Args:
        norms: M_l, one a layer; as `LayerNorms.frobenius`.
        x: samples, shape (n, ...).

    Returns:
        The bound.

    Raises:
        ValueError: no layer, a negative norm, NaN.

    Example:
        >>> round(peeling_bound([1.0], torch.ones(100, 1)), 4)  # the true one is below 0.1
        0.2177

    Source: Golowich, Rakhlin and Shamir 2018, arXiv:1712.06541.
    """
    check_finite("x", x)
    if not norms:
        raise ValueError("norms: expected at least one, got none")
    product = math.prod(check_at_least(float(m), "norms", 0.0) for m in norms)
    factor = math.sqrt(2 * math.log(2) * len(norms)) + 1
    return factor * product * float(x.double().norm()) / len(x)


def averaged_gram(kernel: Kernel, x: Tensor, orbit: Tensor) -> Tensor:
    r"""Gram matrix of the averaged kernel K̄(x, x') = (1/|G|) Σ_g K(x, g x').

    For a kernel with K(gx, gx') = K(x, x'), K̄ is that of the invariant functions of its space, with
    the same norm, so the complexity of their ball is `rademacher_ball` of this matrix. With
    K ≥ 0 between points of an orbit,

        tr K / |G| ≤ tr K̄ ≤ tr K:

    invariance divides the bound √(tr K) by at most √|G|, by exactly that where the points of an
    orbit are orthogonal to each other, and by 1 where they are alike.

    Args:
        kernel: of (n, ...) and (m, ...) gives (n, m); invariant under the group.
        x: samples, shape (n, ...).
        orbit: g x for every g of a finite group, shape (|G|, n, ...).

    Returns:
        shape (n, n); symmetric where the kernel is invariant, *exact*.

    Raises:
        ValueError: shapes that do not fit, a kernel that is not invariant, NaN.

    Example:
        >>> x = torch.eye(2, dtype=torch.float64)
        >>> averaged_gram(lambda a, b: a @ b.T, x, torch.stack([x, x.flip(1)]))
        tensor([[0.5000, 0.5000],
                [0.5000, 0.5000]], dtype=torch.float64)

    Source: Haasdonk and Burkhardt 2007; the bound elementary.
    """
    check_finite("x", x)
    check_finite("orbit", orbit)
    if orbit.shape[1:] != x.shape:
        raise ValueError(
            f"orbit: expected shape (elements, {', '.join(map(str, x.shape))}), got"
            f" {tuple(orbit.shape)}"
        )
    parts = check_finite("kernel", torch.stack([kernel(x, moved) for moved in orbit]))
    gram = parts.mean(0)
    if not torch.allclose(gram, gram.mT, rtol=1e-6, atol=1e-6 * float(parts.abs().max())):
        raise ValueError(
            "kernel: expected one invariant under the group, got an average not symmetric"
        )
    return (gram + gram.mT) / 2
