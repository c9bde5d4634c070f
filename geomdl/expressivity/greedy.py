"""Sums of few elements of a dictionary: chosen greedily, or at random.

The target lies in the convex hull of M times a dictionary of elements of norm at most one, and
their negatives. All three ways give an error that falls like 1/n, in any dimension.
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from geomdl.fields.numbers import at_least, one_of, positive

METHODS = ("relaxed", "orthogonal", "frank-wolfe")


@dataclass(frozen=True)
class Expansion:
    """Approximations of y by 1, 2, …, n elements.

    Args:
        chosen: positions in the dictionary, in order, shape (n,).
        coefficients: of the last approximation, one for each chosen element, shape (n,).
        errors: squared errors ‖y - y_k‖² for k = 0 … n, shape (n + 1,).
        bounds: that theory gives for them, shape (n + 1,); infinite where there is none.
    """

    chosen: Tensor
    coefficients: Tensor
    errors: Tensor
    bounds: Tensor


def _problem(y: Any, atoms: Any, weights: Any) -> tuple[Tensor, Tensor]:
    """Target and dictionary, scaled so that the norm is the Euclidean one."""
    for name, value in (("y", y), ("atoms", atoms)):
        if not isinstance(value, Tensor):
            raise TypeError(f"{name}: expected a tensor, got {type(value).__name__}")
        if not bool(torch.isfinite(value).all()):
            raise ValueError(f"{name}: expected finite numbers, got NaN or infinity")
    if y.ndim != 1 or atoms.ndim != 2 or atoms.shape[1] != len(y) or not atoms.numel():
        raise ValueError(
            f"atoms: expected shape (elements, {len(y) if y.ndim else 1}), got {tuple(atoms.shape)}"
        )
    y, atoms = y.detach().double(), atoms.detach().double()
    w = torch.full_like(y, 1 / len(y)) if weights is None else torch.as_tensor(weights).double()
    if w.shape != y.shape or not bool((w >= 0).all()):
        raise ValueError(f"weights: expected {len(y)} numbers of at least 0, got {tuple(w.shape)}")
    return y * w.sqrt(), atoms * w.sqrt()


def greedy(
    y: Tensor,
    atoms: Tensor,
    n: int,
    method: str = "relaxed",
    mass: float = 1.0,
    weights: Tensor | None = None,
) -> Expansion:
    r"""Approximate a function by n elements of a dictionary, one after the other.

    ‖·‖ is the mean square over samples. With ±M g the elements and y_0 = 0,

    - "relaxed": y_k = (1 - α) y_{k-1} + α (±M g), best α in [0, 1] and g together. If y lies in the
      convex hull, averaging over its representation gives e_k² ≤ min_α (1-α)² e_{k-1}² + α² b with
      b = M² - ‖y‖², hence e_k² ≤ b ‖y‖² / (k ‖y‖² + b) ≤ b / k: the constant of random draws.
    - "frank-wolfe": g by ⟨y - y_{k-1}, g⟩ alone, then the best α: the same with b = (M + ‖y‖)²,
      since ⟨y - y_{k-1}, y - M g⟩ ≤ 0 for that g.
    - "orthogonal": g by ⟨y - y_{k-1}, g⟩, then the projection on all chosen: e_k² ≤ M² / (k + 1).

    Args:
        y: values of the target at samples, shape (samples,).
        atoms: values of the elements, of norm at most one, shape (elements, samples).
        n: steps.
        method: one of these.
        mass: M.
        weights: of the samples; 1/samples if None.

    Returns:
        The expansion, with its errors and the bounds that hold if y lies in the hull.

    Raises:
        TypeError: no tensors.
        ValueError: shapes that do not fit, NaN, an element longer than one, an unknown method.

    Example:
        >>> atoms = torch.eye(4, dtype=torch.float64) * 2.0  # of norm one
        >>> found = greedy(0.25 * atoms.sum(0), atoms, 4, "orthogonal")
        >>> found.errors.tolist()
        [0.25, 0.1875, 0.125, 0.0625, 0.0]

    Source: Jones 1992; Barron 1993; DeVore and Temlyakov 1996; Jaggi 2013.
    """
    one_of("method", method, METHODS)
    at_least("n", n, 1)
    mass = positive("mass", mass)
    target, elements = _problem(y, atoms, weights)
    norms = elements.norm(dim=1)
    if not float(norms.max()) <= 1 + 1e-9:
        raise ValueError(f"atoms: expected norms of at most 1, got {float(norms.max()):.4g}")
    orthogonal = method == "orthogonal"
    current, chosen = torch.zeros_like(target), []
    steps: list[tuple[float, float]] = []
    errors = [target.square().sum()]
    squares = norms.square()
    for _ in range(n):
        residual = target - current
        if method == "relaxed":
            at, sign, alpha = _joint(target, current, elements, squares, mass)
        else:
            scores = elements @ residual
            at = int(scores.abs().argmax())
            sign = 1.0 if float(scores[at]) >= 0 else -1.0
            alpha = _line(residual, sign * mass * elements[at] - current)
        chosen.append(at)
        steps.append((alpha, sign))
        if orthogonal:
            current = _project(target, elements[chosen])
        else:
            current = (1 - alpha) * current + alpha * sign * mass * elements[at]
        errors.append((target - current).square().sum())
    used = torch.tensor(chosen)
    if orthogonal:
        coefficients = _coefficients(target, elements[used])
    else:
        coefficients = torch.zeros(n, dtype=torch.float64)
        for k, (alpha, sign) in enumerate(steps):
            coefficients[:k] *= 1 - alpha
            coefficients[k] = alpha * sign * mass
    bounds = _bounds(method, n, mass, float(errors[0]))
    return Expansion(used, coefficients, torch.stack(errors), bounds)


def _line(residual: Tensor, direction: Tensor) -> float:
    """Best step within [0, 1] along a direction."""
    length = float(direction.square().sum())
    return 0.0 if length == 0 else min(1.0, max(0.0, float(residual @ direction) / length))


def _joint(
    target: Tensor, current: Tensor, elements: Tensor, squares: Tensor, mass: float
) -> tuple[int, float, float]:
    """Element, sign and step with the least error, all elements tried."""
    residual = target - current
    along, across = elements @ residual, elements @ current
    best = (-1.0, 0, 1.0, 0.0)
    for sign in (1.0, -1.0):
        # direction d = s M g - y', with ⟨r, d⟩ and |d|²
        inner = sign * mass * along - residual @ current
        length = mass**2 * squares - 2 * sign * mass * across + current.square().sum()
        alpha = (inner / length.clamp(min=1e-300)).clamp(0, 1)
        gain = 2 * alpha * inner - alpha.square() * length
        at = int(gain.argmax())
        if float(gain[at]) > best[0]:
            best = (float(gain[at]), at, sign, float(alpha[at]))
    return best[1:]


def _coefficients(target: Tensor, rows: Tensor) -> Tensor:
    found: Tensor = torch.linalg.lstsq(rows.T, target.unsqueeze(1), driver="gelsd").solution
    return found.squeeze(1)


def _project(target: Tensor, rows: Tensor) -> Tensor:
    """Projection on the span of rows."""
    return _coefficients(target, rows) @ rows


def _bounds(method: str, n: int, mass: float, size: float) -> Tensor:
    k = torch.arange(n + 1, dtype=torch.float64)
    if method == "orthogonal":
        return mass**2 / (k + 1)
    b = (mass + size**0.5) ** 2 if method == "frank-wolfe" else mass**2 - size
    return b * size / (k * size + b) if b > 0 else torch.full_like(k, size)


def random_features(
    y: Tensor, atoms: Tensor, n: int, rng: torch.Generator | None = None,
    weights: Tensor | None = None,
) -> Expansion:  # fmt: skip
    """The best combination of n elements drawn at random: least squares over random features.

    Its error is at most that of Maurey's mean of the same elements, which has one of the
    coefficients that least squares choose from.

    Args:
        y: values of the target at samples, shape (samples,).
        atoms: values of the elements, shape (elements, samples).
        n: how many are drawn, without repetition.
        rng: for the draws; torch's global one if None.
        weights: of the samples; 1/samples if None.

    Returns:
        The expansion with errors of the first 0, 1, …, n elements; no bounds.

    Raises:
        TypeError: no tensors.
        ValueError: shapes that do not fit, NaN, more draws than elements.

    Example:
        >>> atoms = torch.eye(4, dtype=torch.float64)
        >>> found = random_features(torch.ones(4), atoms, 4, torch.Generator().manual_seed(0))
        >>> found.errors.round(decimals=12).tolist()
        [1.0, 0.75, 0.5, 0.25, 0.0]

    Source: Rahimi and Recht 2008, *Weighted sums of random kitchen sinks*.
    """
    target, elements = _problem(y, atoms, weights)
    if at_least("n", n, 1) > len(elements):
        raise ValueError(f"n: expected at most {len(elements)} elements, got {n}")
    used = torch.randperm(len(elements), generator=rng)[:n]
    errors = [target.square().sum()]
    residual, basis = target.clone(), torch.zeros(0, len(target)).double()
    for row in elements[used]:  # Gram-Schmidt, twice for rounding
        new = row - (basis @ row) @ basis
        new = new - (basis @ new) @ basis
        if float(new.norm()) > 1e-12 * float(row.norm()):
            new = new / new.norm()
            basis = torch.cat([basis, new.unsqueeze(0)])
            residual = residual - (new @ residual) * new
        errors.append(residual.square().sum())
    unknown = torch.full((n + 1,), torch.inf, dtype=torch.float64)
    return Expansion(used, _coefficients(target, elements[used]), torch.stack(errors), unknown)
