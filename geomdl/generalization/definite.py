"""Whether a kernel is positive semi-definite, and how far from singular."""

import warnings

import torch
from torch import Tensor

from geomdl.generalization.kernel_checks import finite

_ROUNDING = 1e-8  # of the trace: what the kink of ReLU leaves of a double


def least_eigenvalue(kernel: Tensor) -> float:
    """Least eigenvalue of a kernel on some inputs, of finite or of infinite width.

    Rates of training and of convergence follow it: under gradient flow the slowest error falls as
    e^{−ηλt}. *Exact* to rounding, some 1e-16 of the largest in float64.

    Args:
        kernel: symmetric, shape (n, n), or (n, n, out, out) as `empirical_ntk` gives it and
            `infinite_ntk` where places are left: a matrix of (row, output).

    Returns:
        λ_min.

    Raises:
        TypeError: no tensor of real numbers.
        ValueError: another shape, no rows, NaN, a kernel that is not symmetric.

    Warns:
        RuntimeWarning: it is below -1e-8 of the trace, or below -ε of it in a precision ε that is
            coarser: such a kernel is not positive semi-definite.

    Example:
        >>> from geomdl.generalization import empirical_ntk
        >>> kernel = empirical_ntk(torch.nn.Linear(2, 3, bias=False), torch.eye(2))
        >>> tuple(kernel.shape), least_eigenvalue(kernel)
        ((2, 2, 3, 3), 1.0)

    Source: elementary; for training Jacot, Gabriel and Hongler 2018, arXiv:1806.07572.
    """
    return measured("kernel", kernel)


def measured(name: str, kernel: Tensor) -> float:
    """`least_eigenvalue`, with what its messages call the kernel, for a caller of one's own."""
    matrix = finite(name, kernel)
    if matrix.ndim == 4:
        matrix = matrix.transpose(1, 2).flatten(2).flatten(0, 1)
    if kernel.ndim not in (2, 4) or matrix.shape[0] != matrix.shape[1] or 0 in kernel.shape:
        raise ValueError(
            f"{name}: expected shape (n, n) or (n, n, out, out), got {tuple(kernel.shape)}"
        )
    eps = torch.finfo(matrix.dtype).eps if matrix.is_floating_point() else 0.0
    matrix = matrix.double()
    if float((matrix - matrix.mT).abs().max()) > max(1e-9, 8 * eps) * float(matrix.abs().max()):
        raise ValueError(f"{name}: expected a symmetric matrix, got one that is not")
    least = float(torch.linalg.eigvalsh((matrix + matrix.mT) / 2)[0])
    trace = float(matrix.diagonal().sum())
    if not least >= -max(_ROUNDING, eps) * abs(trace):
        warnings.warn(
            f"{name}: least eigenvalue {least:.1e} beside a trace of {trace:.1e}, expected a"
            " positive semi-definite one",
            RuntimeWarning,
            stacklevel=3,
        )
    return least
