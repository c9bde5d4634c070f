"""Spectra of curvature matrices by stochastic Lanczos quadrature, and their largest eigenvalue."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from .curvature import Curvature, Kind
from .figures import BLUE, ORANGE, figure
from .krylov import Eigenpairs, Operator, eigenpairs, lanczos, normal, size_of
from .metrics import Measure
from .trace import Estimate, mean_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["Sharpness", "Spectrum", "hessian_spectrum", "sharpness", "spectral_density"]


@dataclass(frozen=True)
class Spectrum:
    """A spectral measure μ = (1/P) Σ_i δ(λ - λ_i), through Gauss quadratures at random vectors.

    Attributes:
        nodes: Ritz values θ, (probes, steps), ascending.
        weights: their weights ω ≥ 0, (probes, steps), of sum 1 for each probe.
        size: P, the number of eigenvalues.
        top: eigenvalues of largest magnitude with errors; None where none were asked for.
    """

    nodes: Tensor = field(repr=False)
    weights: Tensor = field(repr=False)
    size: int
    top: Eigenpairs | None = None

    @property
    def span(self) -> tuple[float, float]:
        """Smallest and largest Ritz value: they lie within the extreme eigenvalues."""
        live = self.nodes[self.weights > 0]
        return float(live.min()), float(live.max())

    def average(self, function: Callable[[Tensor], Tensor]) -> Estimate:
        """Mean of f over the eigenvalues, by that of Σ_k ω_k f(θ_k) over probes; standard error.

        Exact for polynomials of degree below twice the steps, but for the chance of the probes.
        """
        return mean_of((self.weights * function(self.nodes)).sum(1))

    @property
    def trace(self) -> Estimate:
        """Trace of A, with its standard error."""
        value, error = self.average(lambda x: x)
        return Estimate(self.size * value, self.size * error)

    def below(self, x: float) -> Estimate:
        """Share of the eigenvalues that are at most x, with the standard error over probes.

        The quadrature itself may be wrong by the weight of the nodes next to x.
        """
        return self.average(lambda nodes: (nodes <= x).double())

    def density(self, x: Tensor, width: float | None = None) -> tuple[Tensor, Tensor]:
        """Density of μ, smoothed by a Gaussian.

        Args:
            x: where, (n,).
            width: its standard deviation; None takes a hundredth of the span.

        Returns:
            the density and its standard error over probes, each (n,).
        """
        low, high = self.span
        width = width or (high - low) / 100 or 1e-3 * max(abs(high), 1e-3)
        z = (x.double()[:, None, None] - self.nodes) / width
        bumps = torch.exp(-z.square() / 2) / (width * math.sqrt(2 * math.pi))
        each = (bumps * self.weights).sum(-1)  # (n, probes)
        return each.mean(1), each.std(1) / math.sqrt(each.shape[1])

    def __str__(self) -> str:
        low, high = self.span
        return f"{self.size} eigenvalues, about {low:.3g} to {high:.3g}, trace {self.trace}"

    def plot(self, path: str | Path | None = None, *, width: float | None = None) -> "Figure":
        """The density on a logarithmic scale, a band of two standard errors, the largest ones.

        Args:
            path: where to write the figure; None writes nothing.
            width: of the smoothing; see `density`.
        """
        low, high = self.span
        room = 0.05 * (high - low) or 0.1
        x = torch.linspace(low - room, high + room, 800, dtype=torch.float64)
        mean, error = self.density(x, width)

        def draw(axes: "Axes") -> None:
            floor = 0.1 / (self.size * (high - low + room))
            band = ((mean - 2 * error).clamp_min(floor), (mean + 2 * error).clamp_min(floor))
            axes.fill_between(x, *band, color=BLUE, alpha=0.2, lw=0)
            axes.plot(x, mean.clamp_min(floor), color=BLUE, lw=1.5, label="density")
            if self.top is not None:
                values = self.top.values.tolist()
                axes.plot(values, [3 * floor] * len(values), "|", ms=14, mew=1.6, color=ORANGE,
                          label="largest eigenvalues")  # fmt: skip
            axes.set(yscale="log", xlabel="eigenvalue", ylabel="density of eigenvalues")
            axes.set_title(str(self), fontsize=10, loc="left")
            axes.legend()

        return figure(draw, path)


def spectral_density(
    operator: Operator | Tensor,
    *,
    probes: int = 8,
    steps: int = 60,
    rng: torch.Generator | None = None,
) -> Spectrum:
    """Stochastic Lanczos quadrature: the spectrum of an operator seen by random unit vectors.

    For v uniform on the sphere E vᵀ f(A) v = tr f(A) / P, and m steps of Lanczos from v give the m
    nodes and weights with Σ ω_k f(θ_k) = vᵀ f(A) v for polynomials f of degree < 2m: θ are the
    eigenvalues of T, ω the squares of the first entries of its eigenvectors.

    Args:
        operator: symmetric, (P, P).
        probes: number of random vectors, at least 2: the spread over them is the error.
        steps: m; what it does not resolve is spread over the nodes around.
        rng: source of the vectors; None takes the seed 0.

    Returns:
        the `Spectrum`.

    Raises:
        ValueError: fewer than two probes or steps.

    Example:
        >>> A = torch.diag(torch.linspace(0, 1, 200))
        >>> found = spectral_density(A, probes=4, steps=20)
        >>> abs(found.below(0.5).value - 0.5) <= 0.1
        True

    Source: Golub and Meurant 1994; Ghorbani, Krishnan and Xiao 2019, arXiv:1901.10159.
    """
    for name, value in (("probes", probes), ("steps", steps)):
        if isinstance(value, bool) or not isinstance(value, int) or value < 2:
            raise ValueError(f"{name}: should be an integer >= 2, got {value!r}")
    rng = rng or torch.Generator().manual_seed(0)
    nodes = torch.zeros(probes, min(steps, size_of(operator)), dtype=torch.float64)
    weights = torch.zeros_like(nodes)
    for row in range(probes):
        found = lanczos(operator, normal(operator, rng), steps)
        values, vectors = torch.linalg.eigh(found.matrix.cpu())
        nodes[row, : len(values)], weights[row, : len(values)] = values, vectors[0].square()
        nodes[row, len(values) :] = values[-1]  # of weight 0
    return Spectrum(nodes, weights, size_of(operator))


def hessian_spectrum(
    model: nn.Module,
    data: Any,
    loss: Measure | None = None,
    *,
    kind: Kind = "hessian",
    probes: int = 8,
    steps: int = 60,
    top: int = 5,
    batch_size: int = 512,
    dtype: torch.dtype | None = None,
    rng: torch.Generator | None = None,
) -> Spectrum:
    """Spectral density of the Hessian of the loss, and its largest eigenvalues.

    See `Curvature` for the matrix, `spectral_density` and `eigenpairs` for the two methods. Costs
    probes × steps products with the matrix, and up to 200 for the eigenvalues.

    Args:
        model: any module without dropout and batch norm in training mode.
        data: as for `fit`, or a sequence of batches.
        loss: function of (output, target), mean over the batch; by default that of `fit`.
        kind: "hessian", "ggn" or "empirical_fisher".
        probes: random vectors, at least 2.
        steps: of Lanczos for each.
        top: how many eigenvalues of largest magnitude; 0 for none.
        batch_size: largest number of samples at once.
        dtype: type to compute in; see `Curvature`.
        rng: source of the random vectors; None takes the seed 0.

    Returns:
        the `Spectrum`: ``density``, ``trace``, ``top``, ``plot()``, each with its error.

    Raises:
        ValueError: too few probes, a loss that is no scalar or not finite, dropout or batch norm in
            training mode.

    Example:
        >>> model = nn.Linear(3, 1, bias=False)
        >>> x = torch.diag(torch.tensor([1.0, 2.0, 3.0]))
        >>> found = hessian_spectrum(model, (x, torch.zeros(3, 1)), top=1)
        >>> found.top.values.round(decimals=5)
        tensor([6.], dtype=torch.float64)
        >>> [round(end, 4) for end in found.span]
        [0.6667, 6.0]

    Source: Ghorbani, Krishnan and Xiao 2019, arXiv:1901.10159.
    """
    if isinstance(top, bool) or not isinstance(top, int) or top < 0:
        raise ValueError(f"top: should be an integer >= 0, got {top!r}")
    rng = rng or torch.Generator().manual_seed(0)
    matrix = Curvature(model, data, loss, kind=kind, batch_size=batch_size, dtype=dtype)
    found = spectral_density(matrix, probes=probes, steps=steps, rng=rng)
    if top == 0:
        return found
    count = min(top, matrix.dim)
    largest = eigenpairs(matrix, count, which="magnitude", tol=1e-5, rng=rng)
    return Spectrum(found.nodes, found.weights, found.size, largest)


@dataclass(frozen=True)
class Sharpness:
    """The largest eigenvalue of a Hessian.

    Attributes:
        value: λ_max; ``float(sharpness)`` gives it.
        error: norm of the residual, within which there is an eigenvalue.
        direction: unit eigenvector, (P,), in the order of ``model.parameters()``.
        converged: whether the tolerance was reached.
    """

    value: float
    error: float
    direction: Tensor = field(repr=False)
    converged: bool

    def __float__(self) -> float:
        return self.value


def sharpness(
    model: nn.Module,
    data: Any,
    loss: Measure | None = None,
    *,
    kind: Kind = "hessian",
    tol: float = 1e-4,
    max_steps: int = 100,
    batch_size: int = 512,
    dtype: torch.dtype | None = None,
    rng: torch.Generator | None = None,
) -> Sharpness:
    """λ_max of the Hessian of the loss: gradient descent of step η is stable where λ_max < 2/η.

    By Lanczos from a random start; see `eigenpairs` for what the error proves.

    Args:
        model: any module without dropout and batch norm in training mode.
        data: as for `fit`, or a sequence of batches.
        loss: function of (output, target), mean over the batch; by default that of `fit`.
        kind: "hessian", "ggn" or "empirical_fisher".
        tol: residual, relative to the largest entry of the Lanczos matrix, at which to stop.
        max_steps: products with the matrix at most.
        batch_size: largest number of samples at once.
        dtype: type to compute in; see `Curvature`.
        rng: source of the start; None takes the seed 0.

    Returns:
        the `Sharpness`.

    Raises:
        ValueError: a loss that is no scalar or not finite, dropout or batch norm in training mode.

    Example:
        >>> model = nn.Linear(1, 1, bias=False)
        >>> x = torch.tensor([[1.0], [3.0]])
        >>> found = sharpness(model, (x, x))
        >>> round(float(found), 5), found.converged  # 2 E x²
        (10.0, True)

    Source: Cohen et al. 2021, arXiv:2103.00065.
    """
    matrix = Curvature(model, data, loss, kind=kind, batch_size=batch_size, dtype=dtype)
    found = eigenpairs(matrix, 1, tol=tol, max_steps=max_steps, rng=rng)
    value, error = float(found.values[0]), float(found.errors[0])
    return Sharpness(value, error, found.vectors[:, 0], found.converged)
