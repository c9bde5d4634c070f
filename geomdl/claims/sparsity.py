"""Squared weights: the size of the first ones decides between sparse and dense solutions."""

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from geomdl.claims import figures
from geomdl.claims.evidence import Evidence
from geomdl.claims.registry import claim

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from geomdl.claims.evidence import Draw

TOPIC = "implicit regularisation"


@claim(
    "hyperbolic-potential",
    statement="Squared weights that start at α interpolate with the least of a potential that looks"
    " like the L1 norm for small α and like the Euclidean norm for large α.",
    formula=r"\beta = u^2 - v^2: \quad \beta_\infty = \mathrm{argmin}_{X\beta = y} \sum_i"
    r" q(\beta_i / \alpha^2),\quad q(z) = 2 - \sqrt{4 + z^2} + z\, \mathrm{arsinh}(z/2)",
    source="Woodworth et al. 2020, arXiv:2002.09277",
    topic=TOPIC,
    sabotage="the weights u start at α, the weights v at 2α",
)
def hyperbolic_potential(rng: torch.Generator, sabotage: bool) -> Evidence:
    """Gradient flow on u and v, against Newton's method on the convex dual.

    q'(z) = arsinh(z/2), so that β = 2 α² sinh(Xᵀν) with Xβ = y at the minimum.
    """
    n, d = 6, 12
    x, y = _sparse(rng, n, d)
    predicted, measured, scales = [], [], (0.03, 0.3, 1.0, 3.0)
    for alpha in scales:
        predicted.append(least_potential(x, y, alpha))
        measured.append(_squared(x, y, alpha, 2 * alpha if sabotage else alpha))
    return Evidence(
        torch.stack(predicted), torch.stack(measured), 1e-5,
        "errors of the integrator, of order 10⁻⁸ a step; what is left of the residual is checked"
        " to be below 10⁻⁶",
        figure=_scales(predicted, measured),
    )  # fmt: skip


@claim(
    "sparse-or-dense",
    statement="Weights that start small find the interpolant of least L1 norm, weights that start"
    " large the one of least Euclidean norm.",
    formula=r"\|\beta_\alpha\|_1 \to \min_{X\beta = y} \|\beta\|_1 \;(\alpha \to 0),\quad"
    r" \|\beta_\alpha\|_2 \to \|X^+ y\|_2 \;(\alpha \to \infty)",
    source="Woodworth et al. 2020, arXiv:2002.09277",
    topic=TOPIC,
    sabotage="the model is linear in its weights: u - v in place of u² - v²",
)
def sparse_or_dense(rng: torch.Generator, sabotage: bool) -> Evidence:
    """Against linear programming on the one side, the pseudo-inverse on the other.

    Coefficients that are zero in the sparse solution are of order α^{2(1 - c)}, where c < 1 is the
    slack of their constraint in the dual program; data with c > 0.75 are drawn anew.
    """
    n, d, small, large, slack = 6, 12, 1e-6, 20.0, 1.0
    while slack > 0.75:
        x = torch.randn(n, d, generator=rng, dtype=torch.float64) / n**0.5
        y = torch.randn(n, generator=rng, dtype=torch.float64)
        sparse, dual = least_l1(x, y)
        slack = float((x.T @ dual).abs()[sparse == 0].max())
    dense = torch.linalg.pinv(x) @ y
    found = [dense if sabotage else _squared(x, y, a, a) for a in (small, large)]
    norms = float(sparse.abs().sum()), float(dense.norm())
    return Evidence(
        norms, [float(found[0].abs().sum()), float(found[1].norm())],
        [0.02 * norms[0], 1e-4 * norms[1]],
        "α^{2(1 - c)} ≤ 10⁻³ for α = 10⁻⁶, for six coefficients and a factor of 3; for α = 20 the"
        " potential is quadratic up to (β/α²)²/24 < 10⁻⁴",
        labels=("L1 norm, small start", "Euclidean norm, large start"),
        figure=_stems(sparse, dense, found),
    )  # fmt: skip


def least_potential(x: Tensor, y: Tensor, alpha: float) -> Tensor:
    """Minimum of Σ q(β_i/α²) subject to Xβ = y, by Newton's method on its dual.

    The dual, max_ν ν·y - 2α² Σ cosh(x_i · ν), is smooth and concave; steps are halved until it
    grows. Solved to rounding.

    Args:
        x: inputs, shape (n, d), of rank n.
        y: values, shape (n,).
        alpha: scale, more than 0.

    Returns:
        β, shape (d,).

    Example:
        >>> x = torch.tensor([[1.0, 2.0]], dtype=torch.float64)
        >>> least_potential(x, torch.ones(1).double(), 30.0).round(decimals=3).tolist()
        [0.2, 0.4]
    """
    scale = 2 * alpha**2
    nu = torch.zeros_like(y)

    def dual(nu: Tensor) -> float:
        return float(nu @ y - scale * torch.cosh(x.T @ nu).sum())

    for _ in range(200):
        z = x.T @ nu
        slope = y - x @ (scale * torch.sinh(z))
        if float(slope.norm()) <= 1e-13 * float(y.norm()):
            break
        step = torch.linalg.solve((x * (scale * torch.cosh(z))) @ x.T, slope)
        size = 1.0
        while not dual(nu + size * step) >= dual(nu) and size > 1e-12:
            size /= 2
        nu = nu + size * step
    return scale * torch.sinh(x.T @ nu)


def least_l1(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Solution of Xβ = y of least L1 norm by linear programming, and that of the dual program.

    Example:
        >>> x = torch.tensor([[1.0, 2.0]], dtype=torch.float64)
        >>> [v.tolist() for v in least_l1(x, torch.ones(1).double())]
        [[0.0, 0.5], [0.5]]
    """
    from scipy.optimize import linprog

    both = np.concatenate([x.numpy(), -x.numpy()], 1)
    found = linprog(np.ones(both.shape[1]), A_eq=both, b_eq=y.numpy())
    plus, minus = torch.from_numpy(found.x).chunk(2)
    return plus - minus, torch.from_numpy(found.eqlin.marginals)


def _sparse(rng: torch.Generator, n: int, d: int) -> tuple[Tensor, Tensor]:
    """A regression that two of d coefficients explain."""
    x = torch.randn(n, d, generator=rng, dtype=torch.float64) / n**0.5
    return x, x[:, :2] @ torch.tensor([1.0, -0.7], dtype=torch.float64)


def _squared(x: Tensor, y: Tensor, plus: float, minus: float) -> Tensor:
    """Limit of gradient flow on ¼‖X(u² - v²) - y‖² from u = plus, v = minus; NaN if not reached."""
    from scipy.integrate import solve_ivp

    data, values = x.numpy(), y.numpy()
    d = data.shape[1]

    def velocity(t: float, w: np.ndarray) -> np.ndarray:
        u, v = w[:d], w[d:]
        slope = data.T @ (data @ (u * u - v * v) - values)
        return np.concatenate([-u * slope, v * slope])

    start = np.concatenate([np.full(d, plus), np.full(d, minus)])
    w = solve_ivp(velocity, (0, 1e4), start, "LSODA", rtol=1e-10, atol=1e-14).y[:, -1]
    beta = w[:d] ** 2 - w[d:] ** 2
    if not np.linalg.norm(data @ beta - values) <= 1e-6:
        beta = beta + np.nan
    return torch.from_numpy(beta)


def _scales(predicted: list[Tensor], found: list[Tensor]) -> "Draw":
    """Coefficients at several scales of the start."""

    def paint(axes: "Axes") -> None:
        shift = 0.0
        for p, m in zip(predicted, found, strict=True):
            at = np.arange(len(p)) + shift
            axes.plot(at, p, "o", ms=9, mfc="none", color=figures.PREDICTED)
            axes.plot(at, m, ".", color=figures.MEASURED)
            shift += 0.2
        axes.set_xlabel("coefficient; beside each other: α from small to large")
        axes.set_ylabel("value (circles predicted, dots measured)")

    return paint


def _stems(sparse: Tensor, dense: Tensor, found: list[Tensor]) -> "Draw":
    """The sparse and the dense interpolant, and what was found."""

    def paint(axes: "Axes") -> None:
        at = np.arange(len(sparse))
        axes.bar(at, sparse.numpy(), 0.33, color=figures.PREDICTED, label="least L1")
        axes.bar(at + 0.35, dense.numpy(), 0.33, color=figures.OTHER, label="least L2")
        axes.plot(at, found[0], "s", color=figures.MEASURED, ms=4, label="small start")
        axes.plot(at + 0.35, found[1], "^", color=figures.MEASURED, ms=4, label="large start")
        axes.set_xlabel("coefficient")
        axes.legend()

    return paint
