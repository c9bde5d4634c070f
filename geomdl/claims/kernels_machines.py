"""Kernel machines: learning curves, training in function space, landmarks."""

import math
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from geomdl.claims import figures
from geomdl.claims.evidence import Evidence
from geomdl.claims.registry import claim
from geomdl.generalization import (
    KernelRidge,
    gradient_flow,
    landmarks,
    learning_curve,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

TOPIC = "kernels"
ERRORS = 5.0  # standard errors of tolerance


@claim(
    "learning-curve",
    statement="The error of kernel ridge regression follows from the eigenvalues of its kernel and"
    " the coefficients of its target.",
    formula=r"\sum_i \frac{\lambda_i}{\lambda_i+\kappa} + \frac{\delta}{\kappa} = n,\quad"
    r" E = \frac{n}{n - \sum L_i^2} \left(\sum_i (1-L_i)^2 v_i^2 + \sigma^2\right)",
    source="Simon, Dickens, Karkada and DeWeese 2021, arXiv:2110.03922",
    topic=TOPIC,
    sabotage="the prediction ignores that the error of fit is inflated by n / (n − ΣL²)",
)
def curve(rng: torch.Generator, sabotage: bool, fast: bool = False) -> Evidence:
    """Eigenvalues 1/i², 200 Gaussian features; the error of each trained machine is exact."""
    p, noise, ridge = 200, 0.1, 0.02
    draws, sizes = (50 if fast else 1000), (8, 16, 32, 64)
    rank = torch.arange(1, p + 1, dtype=torch.float64)
    values, target = rank**-2.0, rank**-1.5
    theory = learning_curve(values, target, sizes, ridge, noise)
    predicted = theory.test
    if sabotage:
        left = theory.n - theory.learnability.square().sum(1)
        predicted = predicted * left / theory.n
    basis, measured, bars = torch.eye(p, dtype=torch.float64), [], []
    for n in sizes:
        tests = []
        for _ in range(draws):
            x = _normal(rng, n, p)
            y = x @ target + noise * _normal(rng, n)
            machine = KernelRidge(lambda a, b: (a * values) @ b.T, ridge).fit(x, y)
            learned = machine.mean(basis)  # a linear function: its coefficients
            tests.append((learned - target).square().sum() + noise**2)
        sample = torch.stack(tests)
        measured.append(float(sample.mean()))
        bars.append(ERRORS * _error(sample))
    tolerance = [b + float(e) / n for b, e, n in zip(bars, predicted, sizes, strict=True)]
    many = range(6, 81, 2)
    drawn = learning_curve(values, target, list(many), ridge, noise).test
    return Evidence(
        predicted,
        measured,
        tolerance=tolerance,
        because=f"{ERRORS:g} standard errors of the mean over {draws} training sets, and a relative"
        " 1/n: the theory is asymptotic",
        labels=tuple(f"n = {n}" for n in sizes),
        figure=figures.curve(
            list(many),
            drawn.tolist(),
            measured,
            at=sizes,
            labels=("training points n", "mean squared error on new points"),
            bars=bars,
            limit=(noise**2, "noise"),
        ),
    )


@claim(
    "gradient-flow",
    statement="A model linear in its parameters, trained by gradient descent in small steps, moves"
    " in function space as its tangent kernel says, on new points too.",
    formula=r"f_t(x) = f_0(x) + \Theta(x, X)\, \Theta^{-1} (1 - e^{-\eta \Theta t}) (y - f_0)",
    source="Jacot et al. 2018, arXiv:1806.07572; Lee et al. 2019, arXiv:1902.06720",
    topic=TOPIC,
    sabotage="gradient descent has momentum",
)
def flow(rng: torch.Generator, sabotage: bool) -> Evidence:
    """A network of 40 neurons made linear at its start; 4000 steps in the space of parameters."""
    n, new, m = 8, 5, 40
    x = _normal(rng, n + new, 2)
    w, a = _normal(rng, m, 2), _normal(rng, m)

    hidden = torch.tanh(x @ w.T)
    inner = (1 - hidden.square()) * a / m**0.5  # derivatives by the weights, then by the last ones
    jacobian = torch.cat([(inner[:, :, None] * x[:, None]).flatten(1), hidden / m**0.5], 1)
    f0, y = hidden @ a / m**0.5, _normal(rng, n)
    theta = jacobian @ jacobian[:n].T
    eta, steps, times = 2e-3 / float(theta.diagonal().max()), 4000, (200, 1000, 4000)
    move, path = torch.zeros(jacobian.shape[1], dtype=torch.float64), []
    speed = torch.zeros_like(move)
    for step in range(1, steps + 1):
        gradient = jacobian[:n].T @ (f0[:n] + jacobian[:n] @ move - y)
        speed = (0.5 if sabotage else 0.0) * speed - eta * gradient
        move = move + speed
        if step in times:
            path.append(f0 + jacobian @ move)
    at = torch.tensor(times, dtype=torch.float64)
    both = gradient_flow(theta[:n], y, f0[:n], eta, at, theta[n:], f0[n:])
    assert both.test is not None
    predicted = torch.cat([both.train, both.test], 1)
    # a step of descent is 1 − x in place of exp(−x), x = ηλ: k of them differ by at most
    # k x²/2 exp(−(k−1)x); on new points through Θ(x, X) Θ⁻¹
    values, vectors = torch.linalg.eigh(theta[:n])
    rates = eta * values.clamp(min=0)
    late = at[:, None] * rates.square() / 2 * torch.exp(-(at[:, None] - 1) * rates)
    gap = (vectors.T @ (y - f0[:n])).abs()
    spread = torch.cat([vectors, theta[n:] @ vectors / values]).abs()
    bound = torch.einsum("ij,tj->ti", spread, late * gap)

    def paint(axes: "Axes") -> None:
        many = torch.linspace(0, steps, 200, dtype=torch.float64)
        lines = gradient_flow(theta[:n], y, f0[:n], eta, many, theta[n:], f0[n:]).test
        assert lines is not None
        axes.plot(many, lines, color=figures.PREDICTED, lw=1.5)
        axes.plot(at, torch.stack(path)[:, n:], "o", color=figures.MEASURED)
        axes.set(xlabel="steps of gradient descent", ylabel="outputs on new points")

    return Evidence(
        predicted,
        torch.stack(path),
        tolerance=bound + 1e-9,
        because="a bound on what finite steps change, k(ηλ)²/2 exp(−(k−1)ηλ) for each eigenvalue,"
        " and rounding",
        figure=paint,
    )


@claim(
    "landmarks",
    statement="Randomly pivoted landmarks leave hardly more of a kernel matrix than the best"
    " approximation of their rank.",
    formula=r"m \geq \frac{r}{\varepsilon} + r \log \frac{1}{\varepsilon \eta}\;\Rightarrow\;"
    r"\mathbb{E}\,\mathrm{tr}(K - K_m) \leq (1 + \varepsilon) \sum_{i > r} \lambda_i",
    source="Chen, Epperly, Tropp and Webber 2022, arXiv:2207.06503",
    topic=TOPIC,
    sabotage="the landmarks are the first ones of the list",
)
def pivots(rng: torch.Generator, sabotage: bool, fast: bool = False) -> Evidence:
    """The kernel exp(−|x − x'|) at 300 points of a line, ε = 1."""
    x = (20 * torch.rand(300, generator=rng, dtype=torch.float64)).sort().values
    matrix, draws = torch.exp(-(x[:, None] - x).abs()), (10 if fast else 300)
    values, every = torch.linalg.eigvalsh(matrix).flip(0), torch.arange(len(x))
    ranks, predicted, measured, bars, sizes = (5, 10, 20), [], [], [], []
    for r in ranks:
        tail = float(values[r:].sum())
        m = math.ceil(r + r * math.log(float(values.sum()) / tail))
        left = []
        for _ in range(draws):
            z = landmarks(lambda a, b: matrix[a[:, None], b], every, m, rng=rng)
            z = every[:m] if sabotage else z
            known = torch.linalg.pinv(matrix[z][:, z], rtol=1e-12, hermitian=True) @ matrix[z]
            left.append(len(x) - (known * matrix[z]).sum())
        sample = torch.stack(left)
        predicted.append(2 * tail)
        measured.append(float(sample.mean()))
        bars.append(ERRORS * _error(sample))
        sizes.append(m)
    return Evidence(
        predicted,
        measured,
        tolerance=bars,
        because=f"{ERRORS:g} standard errors of the mean over {draws} draws",
        relation="at most",
        labels=tuple(f"m = {m}, r = {r}" for m, r in zip(sizes, ranks, strict=True)),
        figure=figures.curve(
            sizes,
            predicted,
            measured,
            labels=("landmarks m", "trace that is left, and its bound"),
            bars=bars,
        ),
    )


def _normal(rng: torch.Generator, *shape: int) -> Tensor:
    return torch.randn(*shape, generator=rng, dtype=torch.float64)


def _error(sample: Tensor) -> float:
    return float(sample.std()) / math.sqrt(len(sample))
