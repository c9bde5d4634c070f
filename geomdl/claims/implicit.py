"""Which of many solutions descent finds: the nearest one, or the widest apart."""

import math
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
    "minimum-norm",
    statement="Of all solutions of least squares with more unknowns than data descent finds the"
    " one nearest to its start; so does descent with momentum or on single samples.",
    formula=r"\theta_\infty = \theta_0 + X^+ (y - X \theta_0)",
    source="elementary; Gunasekar et al. 2018, arXiv:1802.08246, for its kin",
    topic=TOPIC,
    sabotage="the steps are Adam's",
)
def minimum_norm(rng: torch.Generator, sabotage: bool) -> Evidence:
    """Eight data, twenty unknowns, singular values that are known; PyTorch's own optimisers."""
    n, d, steps = 8, 20, 2500
    left = torch.linalg.qr(torch.randn(n, n, generator=rng, dtype=torch.float64)).Q
    right = torch.linalg.qr(torch.randn(d, n, generator=rng, dtype=torch.float64)).Q
    x = left @ torch.diag(torch.linspace(0.5, 1.0, n, dtype=torch.float64)) @ right.T
    y, start = (torch.randn(m, generator=rng, dtype=torch.float64) for m in (n, d))
    predicted = start + torch.linalg.pinv(x) @ (y - x @ start)
    found = []
    for momentum, single in ((0.0, False), (0.5, False), (0.0, True)):
        w = start.clone().requires_grad_()
        sgd = (
            torch.optim.Adam([w], lr=0.03)
            if sabotage
            else torch.optim.SGD([w], lr=1.0, momentum=momentum)
        )
        order = torch.randint(0, n, (steps,), generator=rng).tolist()
        for k in range(steps):
            part = slice(order[k], order[k] + 1) if single else slice(None)
            w.grad = x[part].T @ (x[part] @ w.detach() - y[part])
            sgd.step()
        found.append(w.detach())
    return Evidence(
        predicted.expand(3, d), torch.stack(found), 1e-10,
        "rounding, and what is left after 2500 steps: below (1 - 0.5²/8)²⁵⁰⁰ < 10⁻³⁴ in the mean",
        figure=_vectors(predicted, found, ("descent", "momentum", "single samples")),
    )  # fmt: skip


def widest_margin(x: Tensor) -> tuple[Tensor, Tensor]:
    """Hard-margin support vector machine without offset: least w with x_n · w ≥ 1.

    Solved to rounding as a least-distance problem by non-negative least squares (Lawson and
    Hanson 1974, chapter 23).

    Args:
        x: inputs times labels ±1, shape (n, d).

    Returns:
        w, and its multipliers α ≥ 0 with w = Σ α_n x_n.

    Raises:
        ValueError: the data cannot be separated.

    Example:
        >>> w, alpha = widest_margin(torch.tensor([[1.0, 0.0], [3.0, 1.0]]).double())
        >>> [round(v, 9) + 0.0 for v in w.tolist()], [round(v, 9) for v in alpha.tolist()]
        ([1.0, 0.0], [1.0, 0.0])
    """
    from scipy.optimize import nnls

    n, d = x.shape
    a = np.concatenate([x.numpy().T, np.ones((1, n))])
    b = np.eye(d + 1)[d]
    u, residual = nnls(a, b, maxiter=30 * (n + d))
    if residual < 1e-9:
        raise ValueError("x: expected data that a hyperplane through 0 separates")
    alpha = torch.from_numpy(u / (b - a @ u)[d])
    return x.T @ alpha, alpha


@claim(
    "maximum-margin",
    statement="On separable data logistic regression runs off to infinity as the logarithm of time,"
    " along the direction of maximal margin; it is ahead or behind by a constant that each support"
    " vector sets.",
    formula=r"w(t) = \hat w \log t + O(1),\quad \frac{d\|w\|}{d\log t} \to \frac{1}{\gamma},"
    r"\quad x_n \cdot (w - \hat w \log t) \to -\log \alpha_n,\quad \hat w = \sum \alpha_n x_n",
    source="Soudry et al. 2018, arXiv:1710.10345",
    topic=TOPIC,
    sabotage="the gradient is preconditioned, as adaptive steps do",
)
def maximum_margin(rng: torch.Generator, sabotage: bool) -> Evidence:
    """Flow in the time s = log t, dw/ds = Σ x_n e^s σ(-x_n · w), up to t = e^2000.

    Errors fall like e^{-(m - 1) s}, m the least margin beyond 1; data with m < 1.05 are drawn anew.
    """
    d, n, end = 4, 16, 2000.0
    while True:
        hidden = torch.randn(d, generator=rng, dtype=torch.float64)
        x = torch.randn(n, d, generator=rng, dtype=torch.float64)
        x = x * (x @ hidden).sign()[:, None] + 0.5 * hidden / hidden.norm()  # times the labels
        w_hat, alpha = widest_margin(x)
        used = alpha > 0
        if bool((x[~used] @ w_hat >= 1.05).all() and (alpha[used] >= 0.02).all()):
            break
    speeds = torch.tensor([1.0, 3.0, 0.3, 1.0] if sabotage else [1.0] * d, dtype=torch.float64)
    times = torch.logspace(0, math.log10(end), 60, dtype=torch.float64)
    track = _in_log_time(x, speeds, times)
    slope = (track[-1].norm() - track[-2].norm()) / (times[-1] - times[-2])
    offsets = (x @ (track[-1] - w_hat * end))[used]
    names = [f"support vector {i + 1}" for i in range(int(used.sum()))]
    return Evidence(
        [float(w_hat.norm()), *(-alpha[used].log()).tolist()],
        [float(slope), *offsets.tolist()],
        1e-4,
        "the distance to the limits at log t = 2000: 1/s² in the slope, exponentially small in the"
        " constants; relative errors of 10⁻¹⁰ of the integrator, on 2000",
        labels=("growth of the norm", *names),
        figure=_directions(times, track, w_hat),
    )


def _in_log_time(x: Tensor, speeds: Tensor, times: Tensor) -> Tensor:
    """Logistic regression at times s = log t, shape (times, d); w = 0 at s = 0."""
    from scipy.integrate import solve_ivp

    data, scale = x.numpy(), speeds.numpy()

    def velocity(s: float, w: np.ndarray) -> np.ndarray:
        slope: np.ndarray = scale * (data.T @ np.exp(s - np.logaddexp(0, data @ w)))
        return slope

    ends = (0.0, float(times[-1]))
    start = np.zeros(x.shape[1])
    found = solve_ivp(velocity, ends, start, "LSODA", times.numpy(), rtol=1e-10, atol=1e-10)
    return torch.from_numpy(found.y.T)


def _vectors(predicted: Tensor, found: list[Tensor], names: tuple[str, ...]) -> "Draw":
    """Entries of one vector, and of those that were found."""

    def paint(axes: "Axes") -> None:
        axes.plot(predicted.numpy(), "o", ms=10, mfc="none", color=figures.PREDICTED,
                  label="predicted")  # fmt: skip
        for w, name, mark in zip(found, names, ".x+", strict=True):
            axes.plot(w.numpy(), mark, color=figures.MEASURED, label=name)
        axes.set_xlabel("unknown")
        axes.set_ylabel("value")
        axes.legend()

    return paint


def _directions(times: Tensor, track: Tensor, w_hat: Tensor) -> "Draw":
    """Distance from the direction of largest margin, against the logarithm of time."""
    unit = track / track.norm(dim=1, keepdim=True)
    gap = (unit - w_hat / w_hat.norm()).norm(dim=1)

    def paint(axes: "Axes") -> None:
        axes.loglog(times, gap[-1] * times[-1] / times, color=figures.PREDICTED, lw=2,
                    label="1/log t")  # fmt: skip
        axes.loglog(times, gap, "o", color=figures.MEASURED, ms=4, label="measured")
        axes.set_xlabel("log t")
        axes.set_ylabel("distance from the direction of largest margin")
        axes.legend()

    return paint
