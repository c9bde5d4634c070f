"""Kernel ridge regression, or the mean and variance of a Gaussian process: one computation."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from geomdl.fields.numbers import at_least, is_integer
from geomdl.generalization.kernel_checks import double, finite, nonnegative
from geomdl.generalization.kernel_solve import Kernel, cholesky, evaluated, variances
from geomdl.generalization.nystrom import landmarks as choose

DENSE = 10_000  # samples of a dense solve, whose matrix has 800 MB
_CHUNK = 2048
_ROUNDING = 1e-12  # of 1 − H_ii, itself known to some 1e-15


class Prediction(NamedTuple):
    """What a kernel machine says of new inputs.

    Attributes:
        mean: of the shape of the targets.
        variance: of the function, without the noise; shape (n,), the same for each output.
    """

    mean: Tensor
    variance: Tensor


class KernelRidge:
    """Kernel ridge regression with the uncertainty of the Gaussian process behind it.

        f(x) = k(x, X) (K + λ)⁻¹ y,    v(x) = k(x, x) − k(x, X) (K + λ)⁻¹ k(X, x).

    It minimises Σ_i (f(x_i) − y_i)² + λ ‖f‖², and is the posterior of a Gaussian process of
    covariance k under noise of variance λ. *Exact* by Cholesky in float64; if the matrix is
    singular to rounding, a jitter of 1e-14 … 1e-8 of its mean diagonal is added, see `jitter`.

    With landmarks Z, Nyström: k is replaced by its projection on the span of k(·, Z), which is
    exact if Z are all the samples. The variance adds what the projection leaves out, so that it is
    never too small for it.

    Args:
        kernel: function of two sets of rows to (n1, n2), e.g.
            ``lambda a, b: infinite_ntk(network, a, b).ntk``.
        ridge: λ, at least 0; 0 interpolates.
        landmarks: their number, to be chosen by `sampler`; or rows of inputs; none if None, which
            more than 10 000 samples refuse.
        sampler: "pivoted" or "uniform", see `geomdl.generalization.landmarks`.
        rng: for the landmarks.

    Raises:
        TypeError: the kernel cannot be called, or landmarks or rng of another type.
        ValueError: a negative ridge, no landmarks, or NaN.

    Example:
        >>> x = torch.linspace(0, 1, 5, dtype=torch.float64)[:, None]
        >>> machine = KernelRidge(lambda a, b: (-(a - b.T).square()).exp()).fit(x, x[:, 0] ** 2)
        >>> float(machine.predict(x).mean[4]), float(machine.predict(x).variance.max()) < 1e-9
        (1.0..., True)

    Source: Rasmussen and Williams 2006, chapters 2, 5.4 and 8; the variance under Nyström is that
        of deterministic training conditionals (Quiñonero-Candela and Rasmussen 2005).
    """

    def __init__(
        self,
        kernel: Kernel,
        ridge: float = 0.0,
        landmarks: int | Tensor | None = None,
        sampler: str = "pivoted",
        rng: torch.Generator | None = None,
    ) -> None:
        if not callable(kernel):
            raise TypeError(f"kernel: expected a function, got {type(kernel).__name__}")
        if rng is not None and not isinstance(rng, torch.Generator):
            raise TypeError(f"rng: expected a torch.Generator or None, got {type(rng).__name__}")
        if is_integer(landmarks):
            landmarks = at_least("landmarks", landmarks, 1)
        elif landmarks is not None:
            if not isinstance(landmarks, Tensor):
                raise TypeError(
                    "landmarks: expected a whole number, a tensor of rows or None, got"
                    f" {landmarks!r}"
                )
            if finite("landmarks", landmarks).ndim == 0 or len(landmarks) == 0:
                raise ValueError(
                    f"landmarks: expected at least one row, got shape {tuple(landmarks.shape)}"
                )
        self.kernel, self.ridge = kernel, nonnegative("ridge", ridge)
        self.landmarks, self.sampler, self.rng = landmarks, sampler, rng
        self.jitter = 0.0  # that was added to a diagonal
        self._fitted = False

    def fit(self, x: Tensor, y: Tensor) -> KernelRidge:
        """Learn from samples.

        Args:
            x: inputs, n rows of the shape that the kernel takes.
            y: targets, shape (n,) or (n, outputs).

        Returns:
            The machine itself.

        Raises:
            ValueError: no samples, numbers that differ, NaN, landmarks that are no such rows, or
                more than 10 000 samples without landmarks.
        """
        x, y = _rows("x", x), double("y", y)
        if len(x) == 0 or y.ndim not in (1, 2) or len(y) != len(x):
            raise ValueError(
                f"y: expected one row for each of at least one sample, got {tuple(y.shape)} for"
                f" {len(x)} samples"
            )
        if self.landmarks is None and len(x) > DENSE:
            raise ValueError(
                f"landmarks: expected some for more than {DENSE} samples, got None for {len(x)}"
            )
        if isinstance(self.landmarks, Tensor):
            _like("landmarks", self.landmarks, x)
        self._one, self.jitter = y.ndim == 1, 0.0
        y = y.reshape(len(y), -1)
        if self.landmarks is None:
            self._rows, target = x, y
            system = evaluated(self.kernel, x, x)
            system = (system + system.mT) / 2
        else:
            self._rows = x[self._choose(x)] if isinstance(self.landmarks, int) else self.landmarks
            inner = evaluated(self.kernel, self._rows, self._rows)
            self._inner, self.jitter = cholesky((inner + inner.mT) / 2)
            m = len(self._rows)
            system, target = y.new_zeros(m, m), y.new_zeros(m, y.shape[1])
            for part, values in zip(x.split(_CHUNK), y.split(_CHUNK), strict=True):
                phi = self._features(part)
                system, target = system + phi.mT @ phi, target + phi.mT @ values
        self._x, self._y = x, y
        self._factor, jitter = cholesky(
            system + self.ridge * torch.eye(len(system), dtype=torch.float64)
        )
        self.jitter = max(self.jitter, jitter)
        self._weights = torch.cholesky_solve(target, self._factor)
        self._fitted = True
        return self

    def predict(self, x: Tensor) -> Prediction:
        """Mean and variance at new inputs.

        Args:
            x: n rows, as in `fit`.

        Returns:
            `Prediction`.

        Raises:
            RuntimeError: nothing was fitted.
            ValueError: NaN, or rows of another shape or dtype than in `fit`.
        """
        self._check_fitted()
        parts = [self._predict(part) for part in self._new(x).split(_CHUNK)]
        mean, variance = (torch.cat(both) for both in zip(*parts, strict=True))
        return Prediction(mean[:, 0] if self._one else mean, variance)

    def mean(self, x: Tensor) -> Tensor:
        """Mean alone, without the variance: as `predict`, faster.

        Args:
            x: n rows, as in `fit`.

        Returns:
            Of the shape of the targets.

        Raises:
            RuntimeError: nothing was fitted.
            ValueError: NaN, or rows of another shape or dtype than in `fit`.
        """
        self._check_fitted()
        parts = [self._basis(part) @ self._weights for part in self._new(x).split(_CHUNK)]
        mean = torch.cat(parts)
        return mean[:, 0] if self._one else mean

    def leave_one_out(self) -> Tensor:
        """Errors y_i − f₋ᵢ(x_i), where f₋ᵢ did not see sample i. *Exact*, without fitting again.

        [(K + λ)⁻¹ y]_i / [(K + λ)⁻¹]_ii; under Nyström (y − f)_i / (1 − H_ii) with the hat matrix
        H = Φ (ΦᵀΦ + λ)⁻¹ Φᵀ, at the same landmarks.

        Returns:
            Of the shape of the targets.

        Raises:
            RuntimeError: nothing was fitted.
            ValueError: fewer than two samples, or one that only itself determines: 1 − H_ii below
                1e-12 is rounding.
        """
        self._check_fitted()
        if len(self._x) < 2:
            raise ValueError("leave_one_out: expected at least 2 samples, got 1")
        if self.landmarks is None:
            inverse = torch.cholesky_inverse(self._factor)
            errors = self._weights / inverse.diagonal()[:, None]
        else:
            parts = []
            for part, values in zip(self._x.split(_CHUNK), self._y.split(_CHUNK), strict=True):
                phi = self._features(part)
                hat = torch.linalg.solve_triangular(self._factor, phi.mT, upper=False)
                left = 1 - hat.square().sum(0)
                if float(left.min()) < _ROUNDING:
                    raise ValueError(
                        "leave_one_out: expected a ridge, or landmarks fewer than the samples, got"
                        f" 1 − H_ii = {float(left.min()):.0e} for a sample"
                    )
                parts.append((values - phi @ self._weights) / left[:, None])
            errors = torch.cat(parts)
        return errors[:, 0] if self._one else errors

    def _predict(self, x: Tensor) -> tuple[Tensor, Tensor]:
        prior, basis = variances(self.kernel, x), self._basis(x)
        half = torch.linalg.solve_triangular(self._factor, basis.mT, upper=False).square().sum(0)
        if self.landmarks is None:
            return basis @ self._weights, (prior - half).clamp(min=0)
        left = (prior - basis.square().sum(1)).clamp(min=0)
        return basis @ self._weights, left + self.ridge * half

    def _basis(self, x: Tensor) -> Tensor:
        """What the weights multiply: the kernel to each sample, or the features of landmarks."""
        return (
            evaluated(self.kernel, x, self._rows) if self.landmarks is None else self._features(x)
        )

    def _new(self, x: Tensor) -> Tensor:
        return _like("x", _rows("x", x), self._x)

    def _choose(self, x: Tensor) -> Tensor:
        assert isinstance(self.landmarks, int)
        return choose(self.kernel, x, self.landmarks, self.sampler, self.rng)

    def _features(self, x: Tensor) -> Tensor:
        """Φ with Φ Φᵀ = K_xz K_zz⁻¹ K_zx."""
        k = evaluated(self.kernel, x, self._rows)
        phi: Tensor = torch.linalg.solve_triangular(self._inner, k.mT, upper=False).mT
        return phi

    def _check_fitted(self) -> None:
        if not self._fitted:
            raise RuntimeError("KernelRidge: call fit(x, y) first")


def _rows(name: str, x: Tensor) -> Tensor:
    x = finite(name, x)
    if x.ndim == 0:
        raise ValueError(f"{name}: expected rows, got a single number")
    return x


def _like(name: str, x: Tensor, fitted: Tensor) -> Tensor:
    if x.shape[1:] != fitted.shape[1:] or x.dtype != fitted.dtype:
        raise ValueError(
            f"{name}: expected {fitted.dtype} rows of shape {tuple(fitted.shape[1:])} as the"
            f" samples, got {x.dtype} {tuple(x.shape[1:])}"
        )
    return x
