"""`discover`: which matrices leave a function, a data set or a trained network as it is?"""

import math
from collections.abc import Callable, Sequence
from copy import deepcopy
from typing import Any, Literal

import torch
from torch import Tensor, nn

from geomdl.fields.numbers import at_least, positive
from geomdl.symmetrization.discover_algebra import (
    EXACT,
    bracket_residual,
    closed,
    generating,
    normalizes,
    orthonormal,
    plain,
    signed_permutations,
)
from geomdl.symmetrization.discover_derivatives import (
    LINEAR,
    Function,
    Stacked,
    Target,
    ansatz,
    coordinates,
    evaluate,
    homogeneous,
    moved,
    stack,
    tensor_action,
)
from geomdl.symmetrization.discover_fit import fit_density, fit_values
from geomdl.symmetrization.discovery import Candidate, Discovery, matrix

LARGEST = 0.5  # no cut above this tells a symmetry from a random displacement
POOR_FIT = 0.5


def discover(
    f: Function | Sequence[Function] | Tensor | None,
    x: Tensor,
    *,
    target: int | Literal["unknown"] = 0,
    among: str | Tensor = "linear",
    candidates: Tensor | None = None,
    tolerance: float | None = None,
    degree: int = 2,
) -> Discovery:
    """Estimate the group of matrices that leaves a function, or data, as it is.

    f(exp(tA) x) = exp(tB) f(x) for all t iff J(x) A x = B f(x) at every x, which is linear in
    (A, B). The derivatives are stacked over the samples; the null space in A is the Lie algebra,
    and the singular values are the evidence. They are in units of the audit,

        s(A) = rms(J(x) A x − B f(x)) / (variation of f · rms(A x / spread of x)),

    so that s ≈ 1 for a random field and s = 0 for a symmetry. The null space is closed under
    brackets and its entries rounded to whole numbers where the data do not contradict; then finite
    candidates g are tried, error(g) = rms(f(g x) − ρ(g) f(x)) / variation.

    *Exact* up to rounding for f itself, if the samples are generic. What was trained or fitted has
    an error; several functions tell it (seeds of a network; `discover` fits each half of given
    values): by Weyl's inequality no singular value is off by more than the norm of the error of the
    rows, which their spread estimates. A symmetry broken by less is not seen. The error of a single
    trained network is unknown: give a tolerance, or look where the largest gap lies.

    Args:
        f: a function of all samples at once, each output of its own sample only; or several of
            them, which should agree; or its values, shape (samples, …), to which polynomials are
            fitted; or None for the density of the samples, fitted by score matching. At degree 2
            that is Gaussian: what is found is then a symmetry up to covariance only, and uniform
            samples of a square turn freely.
        x: samples, shape (samples, …, n); matrices act on the last axis.
        target: how outputs move. 0: not at all. r: as tensors of rank r on their last r axes of
            size n (1 for vectors, 2 for matrices, g y gᵀ). "unknown": by some matrix B on their
            last axis, eliminated by least squares.
        among: fields to look among: "linear", A x; "traceless", those of them that keep volumes,
            tr A = 0; "affine", A x + b, and "translations", b, both by matrices (n + 1, n + 1) in
            homogeneous coordinates; or a basis of matrices.
        candidates: matrices for finite generators, of either size; by default those that permute
            and mirror coordinates, for linear fields, else none. Accepted are those of a small
            error that carry the Lie algebra into itself, g A g⁻¹, within its own error.
        tolerance: largest s, and largest error of a candidate. By default twice the noise where
            several functions tell it, else the square root of the precision of x.
        degree: of fitted polynomials.

    Returns:
        the Lie algebra, the generators, their `group`, and the evidence.

    Raises:
        TypeError: x is no floating tensor.
        ValueError: too few distinct samples, or samples that do not span, or lie on a few lines
            through the origin or on a cone where a quadratic form vanishes; a function that does
            not vary, or is not finite or not differentiable; values that no polynomial explains;
            noise so large that everything would be a symmetry.

    Example:
        >>> x = torch.randn(200, 3, generator=torch.Generator().manual_seed(0))
        >>> found = discover(lambda x: x.square().sum(-1), x.double())
        >>> found.lie_algebra.shape, found.group.compact, torch.linalg.det(found.generators)
        (torch.Size([3, 3, 3]), True, tensor([-1.], dtype=torch.float64))

    Source: Moskalev et al. 2022, arXiv:2210.04345; Otto et al. 2023, arXiv:2311.00212; Hyvärinen,
    JMLR 6 (2005) 695, for densities.
    """
    at_least("degree", degree, 1)
    if tolerance is not None:
        positive("tolerance", tolerance)
        if tolerance >= LARGEST:
            raise ValueError(f"tolerance: expected less than {LARGEST}, got {tolerance}")
    functions, x, kind, fit_error = _functions(f, _samples(x), target, degree)
    n = x.shape[-1]
    basis, tried = ansatz(among, n), _candidates(candidates, among, n)
    flat = x.double().cpu().reshape(len(x), -1, n)
    spread = _spread(flat, centred=basis.shape[-1] > n)
    evaluated = [evaluate(g, x) for g in functions]
    _check_outputs(evaluated[0][0], kind, n)
    basis = _normalized(basis, flat, spread)
    found, noise = _stacked(evaluated, flat, basis, kind, spread)
    errors, disagreement = _errors(functions, x, tried, kind, found.variation)
    root_eps = math.sqrt(torch.finfo(x.dtype).eps)
    cut = tolerance or max(2 * noise, 2 * disagreement, root_eps)
    if cut >= LARGEST:
        raise ValueError(
            f"f: expected relative errors below {LARGEST / 2}, got {max(noise, disagreement):.2g};"
            " give more samples, or a better fit"
        )
    values, fields = found.spectrum()
    null = torch.einsum("ka,aij->kij", fields[values <= cut], basis)
    estimate = orthonormal(null)

    def residual(algebra: Tensor) -> float:
        return float(found.relative(coordinates(algebra, basis)).max()) if len(algebra) else 0.0

    algebra, is_plain = _tidied(estimate, basis, residual, cut)
    above = float(values[values > cut].min()) if bool((values > cut).any()) else 1.0
    own = 1e-6 if is_plain else max(1e-6, 2 * cut / above)  # of the algebra, by Wedin's theorem
    held = (errors <= cut) & normalizes(_sized(tried, basis.shape[-1]), algebra, own)
    accepted = _sized(tried[held], basis.shape[-1])
    near = 1e-6 if is_plain else min(0.1, max(1e-6, 5 * cut))
    return Discovery(
        n=basis.shape[-1],
        singular_values=tuple(values.tolist()),
        tolerance=cut,
        noise=noise,
        algebra=tuple(matrix(a) for a in algebra),
        bracket=bracket_residual(estimate),
        residual=residual(algebra),
        plain=is_plain,
        candidates=tuple(
            Candidate(matrix(g), e, h)
            for g, e, h in zip(tried, errors.tolist(), held.tolist(), strict=True)
        ),
        finite=tuple(matrix(g) for g in generating(accepted, algebra, near)),
        fit_error=fit_error,
        covariance=kind == "density" and degree <= 2,
    )


def _samples(x: Any) -> Tensor:
    if not isinstance(x, Tensor) or not x.is_floating_point():
        got = x.dtype if isinstance(x, Tensor) else type(x).__name__
        raise TypeError(f"x: expected a floating tensor of samples, got {got}")
    if x.ndim < 2 or not len(x) or not bool(torch.isfinite(x).all()):
        raise ValueError(f"x: expected finite samples (samples, …, n), got shape {tuple(x.shape)}")
    return x.detach()


def _functions(
    f: Any, x: Tensor, target: int | Literal["unknown"], degree: int
) -> tuple[list[Function], Tensor, Target, float | None]:
    """Functions to differentiate, samples in their dtype, what their outputs do, error of a fit."""
    if target != "unknown":
        at_least("target", target, 0)
    if f is None:
        if target != 0:
            raise ValueError(f"target: expected 0 for the density of samples, got {target!r}")
        x = x.double().cpu()
        return list(fit_density(x, degree)), x, "density", None
    if isinstance(f, Tensor):
        y, x = f.detach().double().cpu(), x.double().cpu()
        if y.shape[:1] != x.shape[:1] or not bool(torch.isfinite(y).all()):
            raise ValueError(f"f: expected finite values of {len(x)} samples, got {tuple(y.shape)}")
        if not bool((y != y[:1]).any()):
            raise ValueError("f: expected values that vary, got a constant")
        *fitted, error = fit_values(x, y, degree)
        if not error <= POOR_FIT:
            raise ValueError(
                f"f: expected values that a polynomial of degree {degree} explains, got a held-out"
                f" error of {error:.2g} of their deviation; give another degree, or a function"
            )
        return fitted, x, target, error
    several = list(f) if isinstance(f, (Sequence, nn.ModuleList)) else [f]
    for one in several:
        if not callable(one):
            raise TypeError(f"f: expected a function, values or None, got {type(one).__name__}")
    if not several:
        raise ValueError("f: expected at least one function, got none")
    modules = [isinstance(one, nn.Module) for one in several]
    several = [
        deepcopy(one).double().eval() if is_module else one
        for one, is_module in zip(several, modules, strict=True)
    ]
    return several, x.double() if any(modules) else x, target, None


def _candidates(given: Tensor | None, among: str | Tensor, n: int) -> Tensor:
    """Candidates for finite generators, (m, n, n) or affine ones (m, n + 1, n + 1)."""
    if given is None:
        linear = among in LINEAR if isinstance(among, str) else among.shape[-1] == n
        return signed_permutations(n) if linear else torch.zeros(0, n, n, dtype=torch.float64)
    if not isinstance(given, Tensor):
        raise TypeError(f"candidates: expected a tensor, got {type(given).__name__}")
    if given.ndim != 3 or given.shape[1:] not in ((n, n), (n + 1, n + 1)):
        raise ValueError(
            f"candidates: expected matrices (m, {n}, {n}) or, affine, (m, {n + 1}, {n + 1}), got"
            f" shape {tuple(given.shape)}"
        )
    if not bool((torch.linalg.det(given.double()).abs() > 1e-12).all()):
        raise ValueError("candidates: expected invertible matrices")
    return given.double()


def _spread(x: Tensor, centred: bool) -> Tensor:
    """Spread (n,) of the coordinates; about 0 for linear fields, which keep the origin."""
    deviation = x - x.mean((0, 1)) if centred else x
    spread = deviation.square().mean((0, 1)).sqrt()
    if not bool((spread > 1e-12 * x.abs().amax((0, 1))).all()):
        at = int((spread <= 1e-12 * x.abs().amax((0, 1))).nonzero()[0, 0])
        raise ValueError(f"x: expected coordinates that vary, got a constant coordinate {at}")
    return spread


def _check_outputs(y: Tensor, target: Target, n: int) -> None:
    """Refuse outputs that cannot be the tensors that they are said to be."""
    if target == "unknown" and y.ndim < 2:
        raise ValueError(f"f: expected outputs (samples, …, m), got shape {tuple(y.shape)}")
    if isinstance(target, int) and (
        y.ndim <= target or y.shape[y.ndim - target :] != (n,) * target
    ):
        raise ValueError(
            f"f: expected outputs whose last {target} axes are of size {n}, got {tuple(y.shape)}"
        )


def _normalized(basis: Tensor, x: Tensor, spread: Tensor) -> Tensor:
    """Fields of sizes near 1 at the samples, so that their units are of no account."""
    sizes = (moved(basis, x) / spread).square().mean((1, 2, 3)).sqrt()
    if not float(sizes.min()) > 0:
        raise ValueError("x: expected samples that span the space, got some in a subspace")
    return basis / 2 ** sizes.log2().round()[:, None, None]  # without rounding


def _check_generic(each: int, x: Tensor, basis: Tensor, spread: Tensor) -> None:
    """Refuse samples at which fields vanish together that do not elsewhere.

    Linear fields are told by the lines through the origin on which samples lie, x and 2 x being as
    good as one to a homogeneous function; and by quadratic forms of them, where they are vectors.

    Args:
        each: derivatives at a sample.
        x: samples (samples, copies, n).
        basis: of the fields.
        spread: of the coordinates.
    """
    scaled, wanted = (x / spread).flatten(1), 2 * len(basis)
    generic = each * _distinct(scaled)
    if generic < wanted:
        raise ValueError(
            f"x: expected generic samples, {wanted} derivatives at distinct ones, got {generic}"
        )
    n = x.shape[-1]
    if basis.shape[-1] > n or n == 1:
        return
    size = scaled.norm(dim=1, keepdim=True)
    lines = scaled[size[:, 0] > 0] / size[size > 0].unsqueeze(1)
    first = lines.gather(1, (lines.abs() > 1e-3).double().argmax(1, keepdim=True))
    lines = lines * first.sign()
    rays = each * _distinct(lines)
    if rays < wanted:
        raise ValueError(
            f"x: expected generic samples, {wanted} derivatives on distinct lines through the"
            f" origin, got {rays}"
        )
    if x.shape[1] == 1:
        i, j = torch.triu_indices(n, n)
        squares = lines[:, i] * lines[:, j]
        sizes = torch.linalg.eigvalsh(squares.mT @ squares / len(squares))
        if not float(sizes[0]) > 1e-12 * float(sizes[-1]):
            raise ValueError(
                "x: expected generic samples, got some on a cone where a quadratic form vanishes"
            )


def _distinct(x: Tensor) -> int:
    """Number of rows that differ from one another by 1e-6."""
    return len(torch.unique(x.round(decimals=6), dim=0))


def _stacked(
    evaluated: list[tuple[Tensor, Tensor]], x: Tensor, basis: Tensor, kind: Target, spread: Tensor
) -> tuple[Stacked, float]:
    """Mean derivatives of some functions, and the standard error of its singular values."""
    fields = moved(basis, x) / spread
    metric = torch.einsum("asci,bsci->ab", fields, fields) / x.numel()
    sizes = torch.linalg.eigvalsh(metric)
    if not float(sizes[0]) > 1e-12 * float(sizes[-1]):
        raise ValueError("x: expected samples that span the space, got some in a subspace")
    found = [stack(values, x, basis, kind, spread) for values in evaluated]
    variation = math.sqrt(sum(v**2 for _, v in found) / len(found))
    if not variation > 0:
        raise ValueError("f: expected a function that varies, got a constant")
    rows = [r / variation for r, _ in found]
    mean = Stacked(torch.stack(rows).mean(0), metric, variation)
    if len(mean.rows) < 2 * len(basis):
        raise ValueError(
            f"x: expected samples for at least {2 * len(basis)} derivatives, twice the dimension of"
            f" the fields, got {len(mean.rows)}"
        )
    _check_generic(len(mean.rows) // len(x), x, basis, spread)
    if len(rows) == 1:
        return mean, 0.0
    off = [Stacked(r - mean.rows, metric, variation).spectrum()[0][-1] for r in rows]
    squares = sum(float(s) ** 2 for s in off)
    return mean, math.sqrt(squares / (len(rows) - 1) / len(rows))


def _tidied(
    estimate: Tensor, basis: Tensor, residual: Callable[[Tensor], float], cut: float
) -> tuple[Tensor, bool]:
    """The Lie algebra: plain if the data allow, else closed if they do, else as estimated."""
    if not len(estimate):
        return estimate, False
    found = estimate
    for _ in range(2):
        whole = plain(found, min(0.25, max(1e-6, 5 * cut)))
        if whole is not None and bracket_residual(whole) <= EXACT and residual(whole) <= cut:
            return whole, True
        if bracket_residual(found) <= EXACT:
            break
        found = closed(found, basis)
    kept = bracket_residual(found) <= EXACT and residual(found) <= cut
    return (found if kept else estimate), False


def _errors(
    functions: list[Function], x: Tensor, tried: Tensor, kind: Target, variation: float
) -> tuple[Tensor, float]:
    """Relative error of each candidate, and of the functions among each other."""
    n = x.shape[-1]
    with torch.no_grad():
        y = torch.stack([f(x) for f in functions]).double().cpu()
        spread = (y - y.mean(0)).square().sum(0) / max(len(y) - 1, 1) / len(y)
        mean, errors = y.mean(0), []
        for g in tried:
            there = homogeneous(x, g.shape[-1]) @ g[:n].mT.to(x)
            at = torch.stack([f(there) for f in functions]).double().cpu().mean(0)
            if kind == "density":
                at = at + x[0].numel() // n * torch.linalg.slogdet(g[:n, :n])[1]
                difference = at - mean
            elif kind == "unknown":
                rows, goal = mean.flatten(0, -2), at.flatten(0, -2)
                difference = rows @ torch.linalg.lstsq(rows, goal, driver="gelsd").solution - goal
            else:
                difference = at - tensor_action(g[:n, :n], mean, int(kind))
            errors.append(float(difference.square().mean().sqrt()) / variation)
    disagreement = float(spread.mean().sqrt()) / variation if kind != "density" else 0.0
    return torch.tensor(errors, dtype=torch.float64), disagreement


def _sized(g: Tensor, size: int) -> Tensor:
    """Matrices in homogeneous coordinates, if the fields are."""
    if g.shape[-1] == size or not len(g):
        return g.reshape(-1, size, size)
    larger = torch.eye(size, dtype=g.dtype).repeat(len(g), 1, 1)
    larger[:, : g.shape[-1], : g.shape[-1]] = g
    return larger
