"""Search for isolated elements of a Lie group that fix a vector."""

import torch
from torch import Tensor

from geomdl.groups import Group, Rep

_STARTS = 24  # in each component
_STEPS = 40


def search(
    group: Group, rep: Rep, x: Tensor, goal: Tensor, relative: float, component: int
) -> Tensor:
    """Standard matrices of elements g of one component with rep(g) x = goal, from random starts.

    Args:
        group: a Lie group.
        rep: its representation.
        x: columns, (rep.dim, n) float64.
        goal: columns, (rep.dim, n) float64.
        relative: largest |rep(g) x − goal| that counts, relative to |goal|.
        component: its place among ``group.components``.

    Returns:
        shape (found, n, n).
    """
    starts = group.sample(_STARTS, torch.Generator().manual_seed(0), component=component)
    matrices, errors = gauss_newton(
        group.standard_matrix(starts), group.lie_algebra, rep(starts), rep.lie, x, goal
    )
    return matrices[errors <= relative * float(goal.norm())]


def gauss_newton(
    matrices: Tensor, algebra: Tensor, rho: Tensor, lie: Tensor, x: Tensor, goal: Tensor
) -> tuple[Tensor, Tensor]:
    """Minimise |ρ(g) x − goal| over g by steps g → exp(Σ δₐ Aₐ) g, for a batch of starts.

    Args:
        matrices: standard matrices of the starts, (batch, n, n).
        algebra: infinitesimal directions in the standard representation, (k, n, n).
        rho: matrices of the starts in the representation, (batch, dim, dim).
        lie: the directions in the representation, (k, dim, dim).
        x: columns (dim, m).
        goal: columns (dim, m).

    Returns:
        standard matrices of the ends, and |ρ(g) x − goal| (batch,).
    """
    for _ in range(_STEPS if len(algebra) else 0):
        y = rho @ x
        slopes = torch.einsum("kij,bjm->bimk", lie, y).flatten(1, 2)
        residual = (goal - y).flatten(1).unsqueeze(-1)
        step = (torch.linalg.pinv(slopes, rtol=1e-6) @ residual).squeeze(-1)
        step = step / step.norm(dim=1, keepdim=True).clamp(min=1.0)
        rho = torch.linalg.matrix_exp(torch.einsum("bk,kij->bij", step, lie)) @ rho
        matrices = torch.linalg.matrix_exp(torch.einsum("bk,kij->bij", step, algebra)) @ matrices
    return matrices, (rho @ x - goal).flatten(1).norm(dim=1)


def distinct_cosets(candidates: list[Tensor], algebra: Tensor) -> Tensor:
    """The identity and one candidate of each coset of the group that ``algebra`` generates.

    Args:
        candidates: standard matrices (n, n).
        algebra: infinitesimal generators (k, n, n).

    Returns:
        matrices (m, n, n), the identity first.
    """
    one = torch.eye(algebra.shape[-1], dtype=torch.float64)
    kept = [one]
    for candidate in candidates:
        if not any(_reaches(k, candidate, algebra) for k in kept):
            kept.append(candidate)
    return torch.stack(kept)


def _reaches(start: Tensor, goal: Tensor, algebra: Tensor) -> bool:
    """Whether goal = exp(…) start within the connected group of the algebra."""
    near = 1e-6 * float(goal.norm())
    if not len(algebra):
        return bool((start - goal).norm() <= near)
    between = goal @ torch.linalg.inv(start)
    _, size, vh = torch.linalg.svd(algebra.flatten(0, 1))
    still = vh[int((size > 1e-9).sum()) :].T  # what no element of the connected group moves
    if (between @ still - still).norm() > near or torch.linalg.det(between) < 0:
        return False
    coeffs = 2 * torch.randn(12, len(algebra), generator=torch.Generator().manual_seed(0)).double()
    starts = torch.linalg.matrix_exp(torch.einsum("bk,kij->bij", coeffs, algebra))
    _, errors = gauss_newton(starts, algebra, starts, algebra, start, goal)
    return bool((errors <= near).any())
