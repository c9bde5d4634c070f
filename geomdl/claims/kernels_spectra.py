"""Eigenvalues of the kernels of wide networks, on the circle and on spheres."""

import math
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from geomdl.claims import figures
from geomdl.claims.evidence import Evidence
from geomdl.claims.registry import claim
from geomdl.generalization import circle_spectrum, infinite_ntk, sphere_spectrum
from geomdl.generalization.infinite import Dense, Nonlinearity

if TYPE_CHECKING:
    from matplotlib.axes import Axes

TOPIC = "kernels"


@claim(
    "circle-spectrum",
    statement="On the circle the tangent kernel of a ReLU network without biases has eigenvalues"
    " that fall as 2/(π²k²) for even k, and none for odd k from 3 on.",
    formula=r"\mu_k = \frac{2}{\pi^2} \left(\frac{1}{(k+1)^2} + \frac{1}{(k-1)^2} -"
    r" \frac{1}{k^2-1}\right),\quad k^2 \mu_k \to \frac{2}{\pi^2}",
    source="Bietti and Mairal 2019, arXiv:1905.12173; the closed form is elementary",
    topic=TOPIC,
    sabotage="the network has biases",
)
def circle(rng: torch.Generator, sabotage: bool) -> Evidence:
    """Fourier coefficients of the library's kernel: k² μ_k up to k = 128, and the limit."""
    degrees = torch.arange(2, 129)
    found = circle_spectrum(lambda u: _profile(u, 2, 1, 0.3 if sabotage else 0.0)[1], 128)
    measured = degrees**2 * found.eigenvalues[2:]
    formula = [circle_formula(k) for k in degrees.tolist()]
    predicted = degrees**2 * torch.tensor(formula, dtype=torch.float64)
    limit = 2 / math.pi**2

    def paint(axes: "Axes") -> None:
        axes.axhline(limit, color=figures.OTHER, ls="--", lw=1.2, label="2/π²")
        axes.plot(
            degrees[::2], predicted[::2], color=figures.PREDICTED, lw=2, label="even, formula"
        )
        axes.plot(degrees, measured, "o", color=figures.MEASURED, ms=3.5, label="measured")
        axes.set(xlabel="frequency k", ylabel="k² times eigenvalue")
        axes.legend()

    return Evidence(
        torch.cat([predicted, predicted.new_tensor([limit])]),
        torch.cat([measured, measured[-1:]]),
        tolerance=[1e-9] * len(degrees) + [4 / 128**2],
        because="rounding of the quadrature, times k² ≤ 16384; the limit is O(1/k²) away from k ="
        " 128",
        figure=paint,
    )


def circle_formula(k: int) -> float:
    """Eigenvalue of degree k ≥ 2 of Θ(θ) = (2 (π − θ) cos θ + sin θ) / π on the circle. *Exact*.

    Args:
        k: degree.

    Returns:
        The eigenvalue.

    Example:
        >>> round(circle_formula(2), 6), circle_formula(3)
        (0.157611, 0.0)
    """
    if k % 2:
        return 0.0
    return 2 / math.pi**2 * ((k + 1) ** -2 + (k - 1) ** -2 - 1 / (k * k - 1))


@claim(
    "sphere-decay",
    statement="On the sphere of dimension d - 1 eigenvalues of ReLU networks fall as a power of the"
    " degree, d for the tangent kernel and d + 2 for the Gaussian process, at any depth.",
    formula=r"\mu_k(\Theta) \sim k^{-d},\qquad \mu_k(K) \sim k^{-d-2}",
    source="Bietti and Bach 2021, arXiv:2009.14397",
    topic=TOPIC,
    sabotage="the non-linearity is smooth",
)
def sphere(rng: torch.Generator, sabotage: bool) -> Evidence:
    """Slopes between k = 32 and 64 in three and four dimensions, one and three hidden layers."""
    phi, at = ("erf" if sabotage else "relu"), (32, 64)
    predicted, measured, labels, curves = [], [], [], []
    for dim in (3, 4):
        for depth in (1, 3):
            for i, name, power in ((1, "tangent", dim), (0, "process", dim + 2)):

                def kernel(u: Tensor, dim: int = dim, depth: int = depth, i: int = i) -> Tensor:
                    return _profile(u, dim, depth, 0.0, phi)[i]

                values = sphere_spectrum(kernel, dim, 2 * at[1], nodes=400).eigenvalues.abs()
                slopes = [math.log2(float(values[k] / values[2 * k])) for k in at]
                # the error falls as 1/k: twice the slope at 2k minus that at k
                measured.append(2 * slopes[1] - slopes[0])
                predicted.append(float(power))
                labels.append(f"d = {dim}, {depth} hidden, {name}")
                curves.append(values)

    def paint(axes: "Axes") -> None:
        k = torch.arange(4, 129, 2)
        for values, power, name in zip(curves[:4], predicted, labels, strict=False):
            axes.loglog(k, values[4::2], "o", ms=3, label=name)
            line = values[128] * (k / 128.0) ** -power
            axes.loglog(k, line, color=figures.PREDICTED, lw=1)
        axes.set(xlabel="degree k, even", ylabel="eigenvalue, and the power predicted")
        axes.legend(fontsize=8)

    return Evidence(
        predicted,
        measured,
        tolerance=0.02,
        because="corrections of relative order 1/k to the slope, extrapolated from k = 32 and 64",
        labels=tuple(labels),
        figure=paint,
    )


def _profile(
    u: Tensor, dim: int, depth: int, bias: float, phi: str = "relu"
) -> tuple[Tensor, Tensor]:
    """NNGP and NTK of a network on the unit sphere, as functions of the cosine."""
    hidden = [layer for _ in range(depth) for layer in (Dense(b_std=bias), Nonlinearity(phi))]
    point = torch.stack([u, (1 - u.square()).clamp(min=0).sqrt()], 1)
    point = torch.nn.functional.pad(point, (0, dim - 2)) * dim**0.5
    first = torch.eye(1, dim, dtype=torch.float64) * dim**0.5
    found = infinite_ntk([*hidden, Dense(1.0)], first, point)
    return found.nngp[0], found.ntk[0]
