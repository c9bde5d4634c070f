"""The noise of stochastic gradients, against the closed form of linear regression."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from geomdl.claims import figures
from geomdl.claims.evidence import Evidence
from geomdl.claims.registry import claim
from geomdl.training import gradient_noise, mean_squared_error

TOPIC = "landscape"
ERRORS = 5.0  # standard errors of tolerance


def _half_square(output: Tensor, target: Tensor) -> Tensor:
    return 0.5 * mean_squared_error(output, target)


def regression_noise(dimension: int, distance: float, noise: float) -> float:
    """Noise scale tr Σ / |G|² of least squares with standard normal inputs.

    The gradient of ½(θ·x - y)², y = θ*·x + σξ, is x (x·δ - σξ) with δ = θ - θ*: its mean is δ, and
    E |x|² (x·δ)² = (d + 2) |δ|², so tr Σ / |G|² = d + 1 + d σ²/|δ|². *Exact*.

    Args:
        dimension: d.
        distance: |δ|.
        noise: σ.

    Returns:
        the scale, in samples.

    Example:
        >>> regression_noise(10, 0.5, 0.0)
        11.0
    """
    return dimension + 1 + dimension * (noise / distance) ** 2


@claim(
    "gradient-noise",
    statement="The noise scale of the gradient of linear regression is the dimension plus one far"
    " from the minimum, and grows as one over the square of the distance close to it.",
    formula=r"\frac{\mathrm{tr}\,\Sigma}{|G|^2} = d + 1 + \frac{d\,\sigma^2}{|\theta-\theta_*|^2}",
    source="McCandlish, Kaplan, Amodei et al. 2018, arXiv:1812.06162 (the scale); the closed form"
    " is elementary",
    topic=TOPIC,
    sabotage="every sample is there twice, so that batches hold half as many as they seem to",
)
def noise(rng: torch.Generator, sabotage: bool, fast: bool = False) -> Evidence:
    """The library's estimate at several distances, with its own standard errors."""
    d, sigma, n = 10, 0.5, 8192 if fast else 131072
    distances = (2.0, 1.0, 0.5, 0.25)
    found = []
    for distance in distances:
        x = torch.randn(n, d, generator=rng, dtype=torch.float64)
        y = sigma * torch.randn(n, 1, generator=rng, dtype=torch.float64)  # θ* = 0
        if sabotage:
            x, y = (t[: n // 2].repeat_interleave(2, 0) for t in (x, y))
        model = nn.Linear(d, 1, bias=False, dtype=torch.float64)
        direction = torch.randn(1, d, generator=rng, dtype=torch.float64)
        with torch.no_grad():
            model.weight.copy_(distance * direction / direction.norm())
        found.append(gradient_noise(model, (x, y), _half_square, batches=n // 64).scale)
    predicted = [regression_noise(d, r, sigma) for r in distances]
    bars = [ERRORS * scale.error for scale in found]
    grid: Sequence[float] = np.geomspace(0.2, 2.5, 60).tolist()
    return Evidence(
        predicted,
        [scale.value for scale in found],
        bars,
        because=f"{ERRORS:g} standard errors of the jackknife over {n // 64} batches",
        labels=tuple(f"distance {r:g}" for r in distances),
        figure=figures.curve(
            grid,
            [regression_noise(d, r, sigma) for r in grid],
            [scale.value for scale in found],
            at=distances,
            labels=(f"distance from the minimum (d = {d})", "noise scale in samples"),
            bars=bars,
        ),
    )
