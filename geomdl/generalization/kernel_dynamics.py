"""Training in function space: gradient flow of the squared loss under a constant kernel."""

from typing import NamedTuple

import torch
from torch import Tensor

from geomdl.fields.numbers import positive
from geomdl.generalization.kernel_checks import double

_ROUNDING = 1e-13  # of the largest eigenvalue


class Flow(NamedTuple):
    """Outputs after some time of training.

    Attributes:
        train: f_t on the training inputs, of the shape of the targets (with the axis of times
            first where several were asked).
        test: f_t on the test inputs, None where there are none.
    """

    train: Tensor
    test: Tensor | None


def gradient_flow(
    theta: Tensor,
    y: Tensor,
    f0: Tensor,
    eta: float,
    t: float | Tensor,
    cross: Tensor | None = None,
    f0_test: Tensor | None = None,
) -> Flow:
    """Outputs of a wide network at time t of gradient flow on ½ Σ_i (f(x_i) − y_i)².

        f_t = f_0 + (1 − e^{−ηΘt}) (y − f_0),
        f_t(x) = f_0(x) + Θ(x, X) Θ⁻¹ (1 − e^{−ηΘt}) (y − f_0).

    Through the eigenvalues of Θ; those below 1e-13 of the largest count as 0, and (1 − e^{−ηλt})/λ
    is then ηt (0 for infinite time), so that a singular Θ is no difficulty. *Exact* to rounding
    where the kernel does not move: for models linear in their parameters, and for networks in the
    limit of infinite width.

    Args:
        theta: neural tangent kernel of the training inputs, symmetric, shape (n, n).
        y: targets, shape (n,) or (n, outputs).
        f0: outputs before training, of the shape of y.
        eta: learning rate; one step of gradient descent is a time of 1.
        t: time or times, at least 0; infinity is the end of training.
        cross: kernel between test and training inputs, shape (n_test, n).
        f0_test: outputs on the test inputs before training; zero if None.

    Returns:
        `Flow`; float64.

    Raises:
        TypeError: no tensors of real numbers.
        ValueError: shapes that do not fit, NaN, a matrix that is not symmetric or has an
            eigenvalue below -1e-9 of the largest, a learning rate that is not positive, a negative
            time, f0_test without cross.

    Example:
        >>> theta = torch.diag(torch.tensor([1.0, 2.0], dtype=torch.float64))
        >>> y, f0 = torch.ones(2, dtype=torch.float64), torch.zeros(2, dtype=torch.float64)
        >>> gradient_flow(theta, y, f0, 1.0, 1.0).train.round(decimals=4).tolist()
        [0.6321, 0.8647]

    Source: Jacot et al. 2018, arXiv:1806.07572; Lee et al. 2019, arXiv:1902.06720.
    """
    theta, y, f0 = double("theta", theta), double("y", y), double("f0", f0)
    if y.ndim == 0:
        raise ValueError("y: expected one target a row, got a single number")
    n = len(y)
    if theta.shape != (n, n) or y.ndim not in (1, 2) or n == 0:
        raise ValueError(
            f"theta: expected shape {(n, n)} for {n} targets, got {tuple(theta.shape)}"
        )
    if f0.shape != y.shape:
        raise ValueError(f"f0: expected the shape {tuple(y.shape)} of y, got {tuple(f0.shape)}")
    if float((theta - theta.mT).abs().max()) > 1e-9 * float(theta.abs().max()):
        raise ValueError("theta: expected a symmetric matrix, got one that is not")
    eta = positive("eta", eta)
    try:
        times = torch.as_tensor(t, dtype=torch.float64)
    except (TypeError, ValueError, RuntimeError):
        raise TypeError(f"t: expected a time or a tensor of times, got {t!r}") from None
    if times.ndim > 1 or not bool((times >= 0).all()):
        raise ValueError(f"t: expected times of at least 0, got {t}")
    if cross is None and f0_test is not None:
        raise ValueError("f0_test: expected cross beside it, got None")
    if cross is not None:
        cross = double("cross", cross)
        if cross.ndim != 2 or cross.shape[1] != n:
            raise ValueError(f"cross: expected shape (test, {n}), got {tuple(cross.shape)}")
    values, vectors = torch.linalg.eigh((theta + theta.mT) / 2)
    if float(values[0]) < -1e-9 * float(values.abs().max()):
        raise ValueError(
            f"theta: expected no negative eigenvalue, got {float(values[0]):.2e} beside"
            f" {float(values[-1]):.2e}"
        )
    moving = values > _ROUNDING * values.abs().max()
    values = values.where(moving, 0.0)
    gap = vectors.mT @ (y - f0).reshape(n, -1)
    shares = -torch.expm1(-eta * torch.nan_to_num(values * times[..., None], nan=0.0))
    train = f0 + (vectors @ (shares[..., None] * gap)).reshape(*times.shape, *y.shape)
    if cross is None:
        return Flow(train, None)
    straight = torch.where(times.isfinite(), eta * times, 0.0)[..., None]
    steps = torch.where(moving, shares / values.where(moving, 1.0), straight)
    moved = cross @ (vectors @ (steps[..., None] * gap))
    test = moved.reshape(*times.shape, len(cross), *y.shape[1:])
    if f0_test is not None:
        before = double("f0_test", f0_test)
        if before.shape != test.shape[times.ndim :]:
            raise ValueError(
                f"f0_test: expected shape {tuple(test.shape[times.ndim :])}, got"
                f" {tuple(before.shape)}"
            )
        test = before + test
    return Flow(train, test)
