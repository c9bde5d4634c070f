"""The landscape of linear networks: all critical values, and saddles that let go."""

from collections.abc import Callable
from itertools import combinations
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.func import hessian

from geomdl.claims import figures
from geomdl.claims.evidence import Evidence
from geomdl.claims.registry import claim

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from geomdl.claims.evidence import Draw

TOPIC = "linear networks"


@claim(
    "linear-critical-values",
    statement="A two-layer linear network is critical at projections of the best linear map and"
    " nowhere else: each critical value leaves out some of the principal directions.",
    formula=r"\nabla L = 0 \Rightarrow L = \frac{1}{2}(\mathrm{tr}\, \Sigma_{yy} -"
    r" \sum_{i \in I} \lambda_i),\; |I| \le p, \quad \lambda_i = \lambda_i(\Sigma_{yx}"
    r" \Sigma_{xx}^{-1} \Sigma_{xy})",
    source="Baldi and Hornik 1989",
    topic=TOPIC,
    sabotage="the loss has weight decay",
)
def linear_critical_values(rng: torch.Generator, sabotage: bool) -> Evidence:
    """Find critical points of any index: 60 random starts descend on the norm of the gradient."""
    n, d, p, starts = 20, 3, 2, 60
    x, y = regression(rng, n, d)
    values = _critical_values(x, y, p)
    decay = 0.02 if sabotage else 0.0

    def loss(w: Tensor) -> Tensor:
        second, first = w[:, : d * p].unflatten(1, (d, p)), w[:, d * p :].unflatten(1, (p, d))
        squares: Tensor = (y - second @ first @ x).square().sum((1, 2))
        return squares / 2 + decay * w.square().sum(1)

    scale = torch.linspace(0.1, 1.5, starts, dtype=torch.float64)[:, None]
    w = scale * torch.randn(starts, 2 * d * p, generator=rng, dtype=torch.float64)
    w, slope = _critical_points(loss, w)
    found = loss(w)[slope <= 1e-10].sort().values
    nearest = values[(found[:, None] - values).abs().argmin(1)]
    return Evidence(
        nearest, found, 1e-6,
        "points where the gradient is below 10⁻¹⁰; where the Hessian has no inverse they"
        " may be as far as the cubic root from critical ones, with losses off by 10⁻⁷",
        figure=_levels(values, found),
    )  # fmt: skip


@claim(
    "strict-saddles",
    statement="At a balanced critical point of a two-layer linear network that is not a minimum the"
    " Hessian has a negative eigenvalue: what is gained by exchanging one mode for a stronger one.",
    formula=r"\lambda_{\min}(H) = \min(0, \min_{i \in I} s_i - \max_{j \notin I} s_j),\quad"
    r" s_i = 0\;\mathrm{if}\;|I| < p",
    source="Baldi and Hornik 1989; Kawaguchi 2016, arXiv:1605.07110; the value is elementary",
    topic=TOPIC,
    sabotage="the factors are not balanced: one is doubled, the other halved",
)
def strict_saddles(rng: torch.Generator, sabotage: bool) -> Evidence:
    """Whitened inputs. In the basis of singular vectors the Hessian falls into blocks.

    Moving a_jk u_j e_kᵀ and b_kj e_k v_jᵀ, mode k in use and j not, costs
    ½ s_k (a² + b²) - s_j a b, whose eigenvalues are s_k ± s_j; all other blocks are ≥ 0.
    """
    d, p = 4, 2
    target = torch.randn(d, d, generator=rng, dtype=torch.float64)
    u, s, vt = torch.linalg.svd(target)
    factor = 2.0 if sabotage else 1.0
    predicted, measured, labels = [], [], []
    for size in range(p + 1):
        for chosen in combinations(range(d), size):
            turn = torch.linalg.qr(torch.randn(p, p, generator=rng, dtype=torch.float64)).Q
            used = list(chosen)
            root = s[used].sqrt()
            second = factor * (u[:, used] * root) @ turn[:size]
            first = turn[:size].T @ (root[:, None] * vt[used]) / factor

            def loss(w: Tensor) -> Tensor:
                return (target - w[: d * p].view(d, p) @ w[d * p :].view(p, d)).square().sum() / 2

            at = torch.cat([second.flatten(), first.flatten()])
            weakest = float(s[used].min()) if size == p else 0.0
            strongest = max(float(s[j]) for j in range(d) if j not in chosen)
            predicted.append(min(0.0, weakest - strongest))
            measured.append(float(torch.linalg.eigvalsh(hessian(loss)(at))[0]))
            labels.append("modes " + (", ".join(str(i + 1) for i in chosen) or "none"))
    return Evidence(
        predicted, measured, 1e-10, "rounding: eigenvalues of order 1", labels=tuple(labels)
    )


def regression(rng: torch.Generator, n: int, d: int) -> tuple[Tensor, Tensor]:
    """Inputs and outputs as columns, (d, n) each: a linear map and noise."""
    x = torch.randn(d, n, generator=rng, dtype=torch.float64) / n**0.5
    noise = torch.randn(d, n, generator=rng, dtype=torch.float64) / n**0.5
    return x, torch.randn(d, d, generator=rng, dtype=torch.float64) @ x + noise / 2


def _critical_values(x: Tensor, y: Tensor, p: int) -> Tensor:
    """½(tr Σ_yy - Σ_I λ_i) for all sets I of at most p principal directions, sorted."""
    cross = y @ x.T
    lam = torch.linalg.eigvalsh(cross @ torch.linalg.solve(x @ x.T, cross.T)).tolist()
    total = float(y.square().sum())
    sets = [s for size in range(p + 1) for s in combinations(lam, size)]
    return torch.tensor(sorted((total - sum(s)) / 2 for s in sets), dtype=torch.float64)


def _critical_points(
    loss: Callable[[Tensor], Tensor], w: Tensor, steps: int = 80
) -> tuple[Tensor, Tensor]:
    """Levenberg-Marquardt on ½‖∇L‖² from many starts at once: points, norms of the gradient."""
    damping = torch.full((len(w), 1), 0.1, dtype=w.dtype)
    g, curvature = _derivatives(loss, w)
    for _ in range(steps):
        values, vectors = torch.linalg.eigh(curvature)
        along = torch.einsum("bij,bi->bj", vectors, g)
        new = w - torch.einsum("bij,bj->bi", vectors, values * along / (values**2 + damping))
        slope, bent = _derivatives(loss, new)
        better = (slope.norm(dim=1) < g.norm(dim=1))[:, None]
        w, g = torch.where(better, new, w), torch.where(better, slope, g)
        curvature = torch.where(better[..., None], bent, curvature)
        damping = torch.where(better, 0.3 * damping, 4 * damping).clamp(1e-28)
    return w, g.norm(dim=1)


def _derivatives(loss: Callable[[Tensor], Tensor], w: Tensor) -> tuple[Tensor, Tensor]:
    """Gradient (b, d) and Hessian (b, d, d) of each of b losses."""
    w = w.detach().requires_grad_()
    (g,) = torch.autograd.grad(loss(w).sum(), w, create_graph=True)
    rows = [torch.autograd.grad(c, w, retain_graph=True)[0] for c in g.sum(0)]
    return g.detach(), torch.stack(rows, 1)


def _levels(values: Tensor, found: Tensor) -> "Draw":
    def paint(axes: "Axes") -> None:
        for i, value in enumerate(values.tolist()):
            label = "predicted" if i == 0 else None
            axes.axhline(value, color=figures.PREDICTED, lw=1.5, label=label)
        axes.plot(found.numpy(), ".", color=figures.MEASURED, label="critical points found")
        axes.set_xlabel("start, sorted")
        axes.set_ylabel("loss")
        axes.legend()

    return paint
