"""How linear networks learn: mode after mode, with a law of conservation."""

from functools import reduce
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.func import grad, jvp

from geomdl.claims import figures
from geomdl.claims.evidence import Evidence
from geomdl.claims.flows import flow, gradients
from geomdl.claims.linear_landscape import regression
from geomdl.claims.registry import claim

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from geomdl.claims.evidence import Draw

TOPIC = "linear networks"


def mode_dynamics(t: Tensor, s: float, a0: float) -> Tensor:
    """Strength of a mode of a two-layer linear network under gradient flow, from balanced weights.

    ȧ = 2 a (s - a) gives a(t) = s / (1 + (s/a₀ - 1) e^{-2st}): nothing happens until about
    t = log(s/a₀) / (2s), then the mode is learned at once. *Exact* for ½‖Y - W₂W₁X‖² with
    XXᵀ = I and weights aligned with the singular vectors of YXᵀ.

    Args:
        t: times, any shape.
        s: singular value of YXᵀ.
        a0: strength at time 0, more than 0.

    Returns:
        The strengths, of the shape of t.

    Raises:
        ValueError: a0 or s is not positive.

    Example:
        >>> mode_dynamics(torch.tensor([0.0, 10.0]), s=2.0, a0=0.5)
        tensor([0.5000, 2.0000])
    """
    if not (s > 0 and a0 > 0):
        raise ValueError(f"s, a0: expected more than 0, got {s}, {a0}")
    return s / (1 + (s / a0 - 1) * torch.exp(-2 * s * t))


@claim(
    "mode-dynamics",
    statement="A two-layer linear network learns one mode after the other, along logistic curves,"
    " the strongest first.",
    formula=r"a(t) = \frac{s}{1 + (s/a_0 - 1)\, e^{-2st}}",
    source="Saxe, McClelland and Ganguli 2014, arXiv:1312.6120",
    topic=TOPIC,
    sabotage="the first layer starts ten times larger, the second ten times smaller",
)
def mode_dynamics_claim(rng: torch.Generator, sabotage: bool) -> Evidence:
    """Four inputs, three outputs, five hidden units, a random turn between the layers."""
    strengths = torch.tensor([3.0, 2.0, 1.0], dtype=torch.float64)
    a0, times, steps = 1e-2, [0.5 * k for k in range(1, 9)], 50
    x = torch.linalg.qr(torch.randn(12, 4, generator=rng, dtype=torch.float64)).Q.T
    u = torch.linalg.qr(torch.randn(3, 3, generator=rng, dtype=torch.float64)).Q
    v = torch.linalg.qr(torch.randn(4, 3, generator=rng, dtype=torch.float64)).Q
    turn = torch.linalg.qr(torch.randn(5, 3, generator=rng, dtype=torch.float64)).Q
    y = u @ torch.diag(strengths) @ v.T @ x
    factor = 10.0 if sabotage else 1.0
    w = [factor * a0**0.5 * turn @ v.T, a0**0.5 * u @ turn.T / factor]

    def loss(first: Tensor, second: Tensor) -> Tensor:
        squares: Tensor = (y - second @ first @ x).square().sum()
        return squares / 2

    measured = []
    for _ in times:
        w = flow(loss, w, 0.5, steps)
        measured.append((u.T @ w[1] @ w[0] @ v).diagonal())
    t = torch.tensor(times, dtype=torch.float64)
    predicted = torch.stack([mode_dynamics(t, s, a0) for s in strengths.tolist()], 1)
    fine = torch.linspace(0, 4, 200, dtype=torch.float64)
    curves = torch.stack([mode_dynamics(fine, s, a0) for s in strengths.tolist()], 1)
    return Evidence(
        predicted, torch.stack(measured), 1e-5,
        "Runge-Kutta steps of 0.01 on rates up to 6: errors of order 0.06⁴",
        figure=_modes(fine, curves, t, torch.stack(measured)),
    )  # fmt: skip


@claim(
    "balancedness",
    statement="Gradient flow on a two-layer linear network conserves the difference of the Gram"
    " matrices of its layers; gradient descent lets it drift in proportion to the step.",
    formula=r"D = W_2^\top W_2 - W_1 W_1^\top: \quad \dot D = 0,\quad \frac{\Delta D}{\eta} \to"
    r" \int (W_2^\top)' W_2' - W_1' (W_1^\top)'\, dt",
    source="Arora, Cohen and Hazan 2018, arXiv:1802.06509; Du, Hu and Lee 2018, arXiv:1806.00900",
    topic=TOPIC,
    sabotage="there is a tanh between the layers",
)
def balancedness(rng: torch.Generator, sabotage: bool) -> Evidence:
    """The flow for a time of 2, and descent with steps 2/400 and 2/800 beside its prediction."""
    time, steps = 2.0, 400
    x, y = regression(rng, 12, 3)
    w = [torch.randn(*s, generator=rng, dtype=torch.float64) / 2 for s in ((4, 3), (3, 4))]

    def loss(first: Tensor, second: Tensor) -> Tensor:
        hidden = first @ x
        return (y - second @ (torch.tanh(hidden) if sabotage else hidden)).square().sum() / 2

    drifts = []
    for n in (steps, 2 * steps):
        v, eta = w, time / n
        for _ in range(n):
            v = [a - eta * g for a, g in zip(v, gradients(loss, v), strict=True)]
        drifts.append((_balance(v) - _balance(w)) / eta)
    # the integral, by the trapezoidal rule along the flow
    v, cells, speeds = w, 200, [_balance(gradients(loss, w))]
    for _ in range(cells):
        v = flow(loss, v, time / cells, 1)
        speeds.append(_balance(gradients(loss, v)))
    path = torch.stack(speeds)
    integral = (path.sum(0) - (path[0] + path[-1]) / 2) * time / cells
    error = float((drifts[0] - drifts[1]).abs().max())
    return Evidence(
        torch.stack([torch.zeros_like(integral), integral]),
        torch.stack([_balance(v) - _balance(w), 2 * drifts[1] - drifts[0]]),
        tolerance=torch.tensor([1e-6, error], dtype=torch.float64)[:, None, None],
        because="Runge-Kutta steps of 0.01; for descent, extrapolated from two steps to none, what"
        " halving the step changes",
        figure=figures.pair(integral, drifts[1], "drift of descent, divided by the step"),
    )


@claim(
    "singular-value-flow",
    statement="In a balanced linear network of depth N the singular values of the whole map move at"
    " a rate that depends on their size: the deeper, the more large ones run away from small ones.",
    formula=r"\dot\sigma_r = -N\, \sigma_r^{2 - 2/N}\, \langle \nabla L(W), u_r v_r^\top \rangle",
    source="Arora, Cohen, Hu and Luo 2019, arXiv:1905.13655",
    topic=TOPIC,
    sabotage="the factors are not balanced: one is doubled, another halved",
)
def singular_value_flow(rng: torch.Generator, sabotage: bool) -> Evidence:
    """Depths 2 to 5, a loss that is not quadratic, at the start and after some time."""
    d, measured, predicted, labels = 4, [], [], []
    x, y = regression(rng, 12, d)

    def whole(*w: Tensor) -> Tensor:
        return reduce(lambda a, b: b @ a, w)

    def outer(m: Tensor) -> Tensor:
        return torch.cosh(0.5 * (m @ x - y)).sum()

    def loss(*w: Tensor) -> Tensor:
        return outer(whole(*w))

    for depth in (2, 3, 4, 5):
        turns = [torch.linalg.qr(torch.randn(d, d, generator=rng, dtype=torch.float64)).Q
                 for _ in range(depth + 1)]  # fmt: skip
        root = torch.tensor([1.5, 1.0, 0.7, 0.4], dtype=torch.float64) ** (1 / depth)
        w = [turns[j + 1] @ torch.diag(root) @ turns[j].T for j in range(depth)]
        if sabotage:
            w = [2 * w[0], *w[1:-1], w[-1] / 2]
        for time in (0.0, 0.3):
            v = flow(loss, w, time, 60) if time else w
            velocity = tuple(-g for g in gradients(loss, v))
            rates = jvp(lambda *m: torch.linalg.svdvals(whole(*m)), tuple(v), velocity)[1]
            m = whole(*v)
            u, s, vt = torch.linalg.svd(m)
            along = (u.T @ grad(outer)(m) @ vt.T).diagonal()
            predicted.append(-depth * s ** (2 - 2 / depth) * along)
            measured.append(rates)
            labels += [f"depth {depth}, t = {time:g}, σ{r + 1}" for r in range(d)]
    return Evidence(
        torch.stack(predicted), torch.stack(measured), 1e-6,
        "Runge-Kutta steps of 0.005 keep the weights balanced to that; rounding at t = 0",
        labels=tuple(labels),
    )  # fmt: skip


def _balance(w: list[Tensor]) -> Tensor:
    return w[1].T @ w[1] - w[0] @ w[0].T


def _modes(fine: Tensor, curves: Tensor, t: Tensor, found: Tensor) -> "Draw":
    def paint(axes: "Axes") -> None:
        axes.plot(fine.numpy(), curves.numpy(), color=figures.PREDICTED, lw=2)
        axes.plot(t.numpy(), found.numpy(), "o", color=figures.MEASURED)
        axes.set_xlabel("time")
        axes.set_ylabel("strength of the mode; lines: predicted")

    return paint
