"""Risk of regression on random features of ReLU, and with their kernel: predicted curves."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import brentq
from torch import Tensor

from geomdl.fields.numbers import at_least
from geomdl.generalization.kernel_checks import nonnegative
from geomdl.generalization.kernel_spectra import sphere_spectrum
from geomdl.generalization.random_features import arc_cosine_kernel
from geomdl.groups import Rep

__all__ = ["FEWEST", "kernel_risks", "random_feature_risk"]

FEWEST = 5  # inputs for which the formula is drawn: in fewer, risks have heavy tails
NOTHING = 1e-13  # what is left of a level that all its samples, or features, are spent on
MOST, LEAST = 24, 1e-13  # degree and eigenvalue of the harmonics that are told apart
NODES, DECAY = 401, 80.0  # of the quadrature over norms; the density ends at e^{-DECAY/2}
Values = NDArray[np.float64]


def random_feature_risk(
    n: int,
    p: float,
    d: int,
    ridge: float = 0.0,
    noise: float = 0.0,
    norm: float = 1.0,
    rep: Rep | None = None,
) -> float:
    r"""Excess risk of ridge regression on random features of ReLU, for large n and p.

    Inputs x ~ N(0, 1) in R^d, features relu(⟨w_j, x⟩), w ~ N(0, 1/d), target y = ⟨θ, x⟩ + σξ, with
    |y - Σ a_j φ_j|² + λ|a|². Harmonics of degree k on the sphere have the eigenvalue λ_k of the
    arc-cosine kernel, m_k times, and those alone matter, for all is homogeneous in x and w; norms
    |x|²/d and |w|² weigh samples and features. With t, u ~ χ²_d/d, z = Σ λ/(λ + γ),
    q = Σ (λ/(λ + γ))², and c, b, γ from

        z = n E[ct/(1 + ct)] = p E[bu/(1 + bu)],    λ = γ S T,    S = z/c,    T = z/b,

    A = n E[(t/(1 + ct))²]/S², B = n E[t/(1 + ct)²]/S², r = 1 + (z - q)/(1/D - z),
    D = p E[(u/(1 + bu))²]/T², and q̂ = z - (z - q)/r,

        E (y - ŷ)² - σ² = (|θ|² (γ/(λ_1 + γ) - γ λ_1/(λ_1 + γ)²/r) + σ² q̂ B)/(1 - q̂ A).

    Where t = u = 1 it is the eigenframework of random features; p = ∞ gives the kernel's,
    T = r = 1. Infinite at p = n without ridge. *Asymptotic*: off by finite sizes and by harmonics
    that are not Gaussian. For dozens of samples in five or more dimensions that is a few per cent,
    up to a quarter near the peak; in fewer dimensions interpolation risks more than predicted.

    Args:
        n: training samples.
        p: features; infinite for the kernel, `arc_cosine_kernel`.
        d: inputs, at least 2.
        ridge: λ ≥ 0 on the sum of squares; of the kernel, of (K + λ)⁻¹.
        noise: σ.
        norm: |θ|.
        rep: features averaged over this orthogonal representation, and θ invariant: only invariant
            harmonics count.

    Returns:
        The excess risk; without ridge and with noise infinite for d = 2 if p > n.

    Raises:
        ValueError: numbers out of range; a representation of another dimension than d.

    Example:
        >>> round(random_feature_risk(40, 80, 10, noise=0.5), 2)
        0.77
        >>> round(random_feature_risk(40, math.inf, 10, ridge=0.1, noise=0.5), 3)
        0.131

    Source: Simon, Karkada, Ghosh and Belkin 2023, arXiv:2311.14646, for features of one norm; with
    norms derived here, by the same deterministic equivalents. Mei and Montanari 2022.
    """
    found = _solve(n, p, d, ridge, rep)
    noise, norm = nonnegative("noise", noise), nonnegative("norm", norm)
    return found.bias * norm**2 + found.spread(noise, norm) if found else math.inf


def kernel_risks(n: int, rep: Rep, ridge: float, noise: float) -> tuple[float, float, float]:
    """Excess risks of kernel ridge regression: plain, averaged over a group after, and invariant.

    As `random_feature_risk` with p = ∞, |θ| = 1 and θ invariant. What is learned wrongly is spread
    over the harmonics in proportion to (λ/(λ + γ))², and the average keeps the invariant ones: of
    q = q̂ it leaves the sum q' over these.

    Args:
        n: training samples.
        rep: orthogonal representation.
        ridge: λ > 0, of (K + λ)⁻¹.
        noise: σ.

    Returns:
        The three risks.

    Example:
        >>> from geomdl.groups import group
        >>> [round(r, 2) for r in kernel_risks(40, group("C6").regular, 0.1, 0.5)]
        [0.1, 0.03, 0.02]
    """
    whole = _solve(n, math.inf, rep.dim, ridge, None)
    assert whole is not None
    kept = _modes(rep.dim, rep).learned(whole.gamma)[1] / whole.spent
    wrong = whole.spread(noise, 1.0)
    part = random_feature_risk(n, math.inf, rep.dim, ridge, noise, rep=rep)
    return whole.bias + wrong, whole.bias + kept * wrong, part


@dataclass(frozen=True)
class _Solution:
    """Bias for |θ| = 1, the effective ridge γ, q̂, A and B."""

    bias: float
    gamma: float
    spent: float
    square: float
    inverse: float

    def spread(self, noise: float, norm: float) -> float:
        """Excess over the bias: q̂ (|θ|² bias A + σ² B)/(1 - q̂ A)."""
        wrong = noise**2 * self.inverse if noise else 0.0
        wrong += norm**2 * self.bias * self.square
        return self.spent * wrong / (1 - self.spent * self.square)


def _solve(n: int, p: float, d: int, ridge: float, rep: Rep | None) -> _Solution | None:
    """The solution of the equations of `random_feature_risk`; None where the risk is infinite."""
    at_least("n", n, 1)
    if p != math.inf:
        at_least("p", p, 1)
    at_least("d", d, 2)
    ridge = nonnegative("ridge", ridge)
    modes, most = _modes(d, rep), min(n, p)

    def supply(log: float) -> float:
        return modes.learned(math.exp(log))[0] - most

    low = high = 0.0
    while supply(low) < 0:
        low -= 4
    while supply(high) > 0:
        high += 4
    start = _root(supply, low, high)  # γ without ridge
    gamma = math.exp(start)
    if ridge > 0:

        def excess(log: float) -> float:
            z = modes.learned(math.exp(log))[0]
            return math.exp(log) * _level(z, n, d).total * _level(z, p, d).total - ridge

        top = start + 1
        while excess(top) < 0:
            top += 1
        gamma = math.exp(_root(excess, start, top))

    z, q = modes.learned(gamma)
    z = min(z, most) if ridge > 0 else most
    samples, features = _level(z, n, d), _level(z, p, d)
    free = 1 - z * features.square
    share = free / (free + (z - q) * features.square) if free > NOTHING else 0.0  # 1/r
    spent = z - (z - q) * share
    if 1 - spent * samples.square <= NOTHING:
        return None
    first = float(gamma / (modes.values[1] + gamma))
    bias = first - first * (1 - first) * share
    return _Solution(bias, gamma, spent, samples.square, samples.inverse)


@dataclass(frozen=True)
class _Modes:
    """Eigenvalues of degree 0, 1, …, how often each, and the sum of all beyond, each small."""

    values: Values
    many: Values
    tail: float

    def learned(self, gamma: float) -> tuple[float, float]:
        """Σ λ/(λ + γ) and the sum of the squares."""
        share = self.values / (self.values + gamma)
        return float(self.many @ share) + self.tail / gamma, float(self.many @ share**2)


@lru_cache(maxsize=32)
def _modes(d: int, rep: Rep | None) -> _Modes:
    def profile(u: Tensor) -> Tensor:
        """The kernel of points of norm √d at these cosines."""
        x = torch.zeros(1, d, dtype=u.dtype)
        x[0, 0] = d**0.5
        z = torch.zeros(len(u), d, dtype=u.dtype)
        z[:, 0], z[:, 1] = d**0.5 * u, d**0.5 * (1 - u * u).clamp_min(0).sqrt()
        return arc_cosine_kernel(x, z)[0]

    most = max(k for k in range(MOST + 1) if math.comb(k + d - 1, k) < 2**63)
    whole = sphere_spectrum(profile, d, most)
    kept = int((whole.eigenvalues > LEAST).nonzero()[-1]) + 1
    part = whole if rep is None else sphere_spectrum(profile, d, kept - 1, rep=rep)
    values = whole.eigenvalues[:kept].clamp_min(0).numpy()
    many, all_ = (s.multiplicities[:kept].double().numpy() for s in (part, whole))
    # of the high degrees the same share is invariant as of the last one here
    tail = (float(profile(torch.ones(1).double())) - values @ all_) * many[-1] / all_[-1]
    return _Modes(values, many, float(tail))


@dataclass(frozen=True)
class _Level:
    """S = m E[t/(1 + ct)], m E[(t/(1 + ct))²]/S² and m E[t/(1 + ct)²]/S²."""

    total: float
    square: float
    inverse: float


def _level(z: float, m: float, d: int) -> _Level:
    """At the c for which z = m E[ct/(1 + ct)], t ~ χ²_d/d; infinite where z = m."""
    if m == math.inf:
        return _Level(1.0, 0.0, 0.0)
    left = 1 - z / m
    if left <= NOTHING:
        return _Level(0.0, 1 / m, d / (d - 2) / m if d > 2 else math.inf)
    t, weight = _norms(d)

    def excess(log: float) -> float:
        return float(weight @ (1 / (1 + math.exp(log) * t))) / left - 1

    low = math.log(z / (m * left))  # Jensen
    high = low + 1
    while excess(high) > 0:
        high += 4
    c = math.exp(_root(excess, low - 1e-9, high))
    total = z / c
    square, inverse = (m * float(weight @ (t**k / (1 + c * t) ** 2)) for k in (2, 1))
    return _Level(total, square / total**2, inverse / total**2)


@lru_cache(maxsize=32)
def _norms(d: int) -> tuple[Values, Values]:
    """Nodes of χ²_d/d and weights: a sum over equal steps of the logarithm converges fast."""
    wide = math.sqrt(2 * DECAY / d)
    s = np.linspace(-DECAY / d - wide, wide, NODES)
    density = np.exp(d / 2 * (s - np.exp(s) + 1))
    return np.exp(s), density / density.sum()


def _root(f: Callable[[float], float], low: float, high: float) -> float:
    return float(brentq(f, low, high, xtol=1e-13, rtol=1e-14))
