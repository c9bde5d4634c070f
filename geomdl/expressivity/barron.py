"""Functions given by their Fourier transform, and networks with one hidden layer drawn from it.

f(x) = E_ω a cos(ω·x), the frequency ω drawn from a probability measure, a = ±‖μ‖ the total mass of
the Fourier transform μ. The mean of n draws is a network that errs by 1/√n, in any dimension.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from geomdl.fields.numbers import at_least, positive


def _chi_mean(d: int) -> float:
    """Mean length of a standard Gaussian vector."""
    return math.sqrt(2) * math.exp(math.lgamma((d + 1) / 2) - math.lgamma(d / 2))


def _directions(n: int, d: int, rng: torch.Generator | None) -> Tensor:
    z = torch.randn(n, d, generator=rng, dtype=torch.float64)
    unit: Tensor = z / z.norm(dim=1, keepdim=True)
    return unit


def _chi(n: int, degrees: float, rng: torch.Generator | None) -> Tensor:
    """√ of chi-squared draws, of any positive number of degrees, by Marsaglia and Tsang."""
    shape = degrees / 2
    boost = shape < 1
    c = shape + 1 if boost else shape
    d = c - 1 / 3
    out = torch.zeros(n, dtype=torch.float64)
    left = torch.arange(n)
    while len(left):
        z = torch.randn(len(left), generator=rng, dtype=torch.float64)
        u = torch.rand(len(left), generator=rng, dtype=torch.float64)
        v = (1 + z / math.sqrt(9 * d)) ** 3
        good = (v > 0) & (u.log() < 0.5 * z**2 + d - d * v + d * v.clamp(min=1e-300).log())
        out[left[good]] = d * v[good]
        left = left[~good]
    if boost:
        out = out * torch.rand(n, generator=rng, dtype=torch.float64) ** (1 / shape)
    return (2 * out).sqrt()


class Spectrum(ABC):
    """A real function f on R^d by its Fourier measure, f(x) = E_ω a(ω) cos(ω·x), |a| = mass.

    Attributes:
        d: dimension.
        mass: total mass of the measure.
    """

    d: int
    mass: float = 1.0

    @abstractmethod
    def __call__(self, x: Tensor) -> Tensor:
        """Values f(x) for x of shape (..., d), in float64. *Exact*."""

    @abstractmethod
    def sample(
        self, n: int, rng: torch.Generator | None = None, tilted: bool = False
    ) -> tuple[Tensor, Tensor]:
        """Amplitudes ±1, shape (n,), and frequencies, shape (n, d).

        They are drawn from the measure, divided by its mass; with ``tilted`` from |ω| times the
        measure, divided by `barron_norm`.
        """

    @abstractmethod
    def barron_norm(self) -> float:
        """C_f = ∫ |ω| |μ|(dω), infinite for functions with a kink. *Exact*."""

    def absolute(self, x: Tensor) -> Tensor:
        """∫ cos(ω·x) |μ|(dω); f itself where the transform is positive."""
        return self(x)

    def _check(self, x: Tensor) -> Tensor:
        if x.ndim == 0 or x.shape[-1] != self.d:
            raise ValueError(f"x: last axis should be d={self.d}, got shape {tuple(x.shape)}")
        return x.double()


class Gaussian(Spectrum):
    """exp(-|x|² / 2s²): ω is Gaussian, and C_f = μ_d / s, μ_d = √2 Γ((d+1)/2) / Γ(d/2).

    Args:
        d: dimension.
        width: s.

    Raises:
        ValueError: a dimension below 1, a width that is not positive.

    Example:
        >>> f = Gaussian(20)
        >>> float(f(torch.zeros(20))), round(f.barron_norm(), 3)
        (1.0, 4.417)

    Source: Barron 1993, section IX.
    """

    def __init__(self, d: int, width: float = 1.0) -> None:
        self.d, self.width = at_least("d", d, 1), positive("width", width)

    def __call__(self, x: Tensor) -> Tensor:
        """Values."""
        value: Tensor = torch.exp(-self._check(x).square().sum(-1) / (2 * self.width**2))
        return value

    def sample(
        self, n: int, rng: torch.Generator | None = None, tilted: bool = False
    ) -> tuple[Tensor, Tensor]:
        """Gaussian directions; the length is chi of d degrees, of d + 1 if tilted."""
        length = _chi(n, self.d + tilted, rng) / self.width
        return torch.ones(n).double(), length.unsqueeze(1) * _directions(n, self.d, rng)

    def barron_norm(self) -> float:
        """μ_d / s."""
        return _chi_mean(self.d) / self.width


class Matern(Spectrum):
    """Matérn's function of smoothness ν: ω is a multivariate t of 2ν degrees, over the length L.

    C_f = μ_d √ν Γ(ν - ½) / (Γ(ν) L), infinite for ν ≤ ½: e^{-|x|/L} has a kink at 0.

    Args:
        d: dimension.
        nu: ½, 3/2 or 5/2, where values have a closed form.
        width: L.

    Raises:
        ValueError: another smoothness, a dimension below 1, a width that is not positive.

    Example:
        >>> round(Matern(5, 1.5).barron_norm(), 3), Matern(5, 0.5).barron_norm()
        (2.94, inf)

    Source: Rasmussen and Williams 2006, section 4.2.
    """

    def __init__(self, d: int, nu: float, width: float = 1.0) -> None:
        if nu not in (0.5, 1.5, 2.5):
            raise ValueError(f"nu: expected 0.5, 1.5 or 2.5, got {nu!r}")
        self.d, self.nu, self.width = at_least("d", d, 1), nu, positive("width", width)

    def __call__(self, x: Tensor) -> Tensor:
        """Values."""
        r = math.sqrt(2 * self.nu) * self._check(x).norm(dim=-1) / self.width
        factor = {0.5: 1.0 + 0 * r, 1.5: 1 + r, 2.5: 1 + r + r**2 / 3}[self.nu]
        value: Tensor = factor * torch.exp(-r)
        return value

    def sample(
        self, n: int, rng: torch.Generator | None = None, tilted: bool = False
    ) -> tuple[Tensor, Tensor]:
        """|ω| = |z| √(2ν) / χ_{2ν}; tilted, by |z| and by 1/χ, one degree more and one less."""
        if tilted and self.nu <= 0.5:
            raise ValueError("tilted: the Barron norm is infinite for nu = 0.5")
        z, chi = _chi(n, self.d + tilted, rng), _chi(n, 2 * self.nu - tilted, rng)
        length = z / chi * math.sqrt(2 * self.nu) / self.width
        return torch.ones(n).double(), length.unsqueeze(1) * _directions(n, self.d, rng)

    def barron_norm(self) -> float:
        """μ_d √ν Γ(ν - ½) / (Γ(ν) L)."""
        if self.nu <= 0.5:
            return math.inf
        ratio = math.exp(math.lgamma(self.nu - 0.5) - math.lgamma(self.nu))
        return _chi_mean(self.d) * math.sqrt(self.nu) * ratio / self.width


class Cosines(Spectrum):
    """Σ_k a_k cos(ω_k·x): mass Σ |a_k|, C_f = Σ |a_k| |ω_k|.

    Args:
        amplitudes: a_k, of any sign.
        frequencies: shape (k, d).

    Raises:
        ValueError: not one amplitude for each frequency, or NaN.

    Example:
        >>> f = Cosines([1.0, -0.5], torch.tensor([[1.0, 0.0], [0.0, 2.0]]))
        >>> float(f(torch.zeros(2))), f.mass, f.barron_norm()
        (0.5, 1.5, 2.0)

    Source: elementary.
    """

    def __init__(self, amplitudes: Tensor | Sequence[float], frequencies: Tensor) -> None:
        self.amplitudes = torch.as_tensor(amplitudes).double()
        self.frequencies = torch.as_tensor(frequencies).double()
        a, w = self.amplitudes, self.frequencies
        if w.ndim != 2 or a.shape != w.shape[:1] or not len(a):
            raise ValueError(
                f"frequencies: expected shape (k, d) for k amplitudes {tuple(a.shape)}, got"
                f" {tuple(w.shape)}"
            )
        if not bool(torch.isfinite(a).all() and torch.isfinite(w).all()):
            raise ValueError("amplitudes: expected finite numbers, got NaN or infinity")
        self.d, self.mass = w.shape[1], float(a.abs().sum())

    def __call__(self, x: Tensor) -> Tensor:
        """Values."""
        return torch.cos(self._check(x) @ self.frequencies.T) @ self.amplitudes

    def absolute(self, x: Tensor) -> Tensor:
        """With amplitudes |a_k|."""
        return torch.cos(self._check(x) @ self.frequencies.T) @ self.amplitudes.abs()

    def sample(
        self, n: int, rng: torch.Generator | None = None, tilted: bool = False
    ) -> tuple[Tensor, Tensor]:
        """Terms in proportion to |a_k|, or to |a_k| |ω_k|; ω or -ω, which are one."""
        weight = self.amplitudes.abs()
        if tilted:
            weight = weight * self.frequencies.norm(dim=1)
        drawn = torch.multinomial(weight, n, replacement=True, generator=rng)
        side = torch.randint(0, 2, (n, 1), generator=rng).double() * 2 - 1
        return self.amplitudes[drawn].sign(), side * self.frequencies[drawn]

    def barron_norm(self) -> float:
        """Σ |a_k| |ω_k|."""
        return float((self.amplitudes.abs() * self.frequencies.norm(dim=1)).sum())


class OneHiddenLayer(nn.Module):
    """y = c + Σ_i a_i σ(ω_i·x + b_i), σ a cosine or a step 1(z > 0).

    Args:
        frequencies: shape (n, d).
        offsets: b, shape (n,).
        amplitudes: a, shape (n,).
        constant: c.
        unit: "cos" or "step".
    """

    def __init__(
        self, frequencies: Tensor, offsets: Tensor, amplitudes: Tensor, constant: float, unit: str
    ) -> None:
        super().__init__()
        self.frequencies, self.offsets = nn.Parameter(frequencies), nn.Parameter(offsets)
        self.amplitudes, self.constant, self.unit = nn.Parameter(amplitudes), constant, unit

    def forward(self, x: Tensor) -> Tensor:
        """Values, shape (...,) for x of shape (..., d)."""
        z = x @ self.frequencies.T + self.offsets
        hidden = torch.cos(z) if self.unit == "cos" else (z > 0).to(z.dtype)
        y: Tensor = self.constant + hidden @ self.amplitudes
        return y


def maurey_network(f: Spectrum, n: int, rng: torch.Generator | None = None) -> OneHiddenLayer:
    r"""The mean of n independent cosine neurons drawn from the Fourier measure of f.

    f_n(x) = (1/n) Σ_i a_i cos(ω_i·x), E f_n = f, and at every x *exactly*

        n E |f_n(x) - f(x)|² = `maurey_variance` (f, x),

    whatever the dimension.

    Args:
        f: the function.
        n: number of neurons.
        rng: for the frequencies; torch's global one if None.

    Returns:
        A network (…, d) -> (…,) in float64.

    Raises:
        ValueError: n < 1.

    Example:
        >>> rng = torch.Generator().manual_seed(0)
        >>> network = maurey_network(Gaussian(20), 64, rng)
        >>> network(torch.zeros(3, 20, dtype=torch.float64)).tolist()
        [1.0, 1.0, 1.0]

    Source: Maurey, in Pisier 1981; Barron 1993; Rahimi and Recht 2007.
    """
    at_least("n", n, 1)
    signs, omega = f.sample(n, rng)
    return OneHiddenLayer(omega, torch.zeros(n).double(), f.mass * signs / n, 0.0, "cos")


def maurey_variance(f: Spectrum, x: Tensor) -> Tensor:
    """Variance of one neuron of `maurey_network`: n E |f_n(x) - f(x)|².

    M² E cos²(ω·x) - f(x)² = (M² + M F(2x)) / 2 - f(x)², M the mass and F = `absolute`. *Exact*.

    Args:
        f: the function.
        x: shape (..., d).

    Returns:
        shape (...,).

    Example:
        >>> float(maurey_variance(Gaussian(3), torch.zeros(3)))  # all cosines are 1 at 0
        0.0

    Source: elementary.
    """
    x = f._check(x)
    return (f.mass**2 + f.mass * f.absolute(2 * x)) / 2 - f(x).square()


def barron_network(
    f: Spectrum, n: int, radius: float, rng: torch.Generator | None = None
) -> OneHiddenLayer:
    r"""The mean of n independent step neurons: Barron's theorem as a program.

    For |x| ≤ r and symmetric ω, f(x) - f(0) = -2 ∫ μ(dω) ∫_0^{r|ω|} sin t 1(ω·x > t) dt. Draw ω
    from |ω| |μ| / C_f and t evenly from [0, r|ω|]; then f_n(x) = f(0) ∓ (2 r C_f / n) Σ sin t_i
    1(ω_i·x > t_i) has E f_n = f, and as no neuron exceeds 2 r C_f

        n E |f_n(x) - f(x)|² ≤ (2 r C_f)² for |x| ≤ r.

    Args:
        f: the function, of finite `barron_norm`.
        n: number of neurons.
        radius: r.
        rng: for the neurons; torch's global one if None.

    Returns:
        A network (…, d) -> (…,) in float64; for |x| > r its mean is another function.

    Raises:
        ValueError: n < 1, a radius that is not positive, an infinite Barron norm.

    Example:
        >>> rng = torch.Generator().manual_seed(0)
        >>> network = barron_network(Gaussian(2), 4096, 1.0, rng)
        >>> x = torch.tensor([[0.6, 0.8]], dtype=torch.float64)
        >>> bool(abs(network(x) - Gaussian(2)(x)) < 0.05)
        True

    Source: Barron 1993, *Universal approximation bounds for superpositions of a sigmoidal
    function*, theorem 1.
    """
    at_least("n", n, 1)
    radius = positive("radius", radius)
    norm = f.barron_norm()
    if not math.isfinite(norm):
        raise ValueError("f: expected a finite Barron norm, got inf")
    signs, omega = f.sample(n, rng, tilted=True)
    t = torch.rand(n, generator=rng, dtype=torch.float64) * radius * omega.norm(dim=1)
    amplitudes = -2 * radius * norm / n * signs * torch.sin(t)
    start = float(f(torch.zeros(f.d, dtype=torch.float64)))
    return OneHiddenLayer(omega, -t, amplitudes, start, "step")
