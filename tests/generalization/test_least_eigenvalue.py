"""The least eigenvalue of kernels, of finite and of infinite width."""

import warnings

import pytest
import torch
from torch import nn

from geomdl.generalization import empirical_ntk, infinite_ntk, least_eigenvalue
from geomdl.generalization.infinite import Conv, Dense, Flatten, Nonlinearity

F64 = torch.float64


def draw(*shape, dtype=F64):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0), dtype=dtype)


def model(outputs, dtype=F64):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return nn.Sequential(nn.Linear(4, 64), nn.Tanh(), nn.Linear(64, outputs)).to(dtype)


def test_of_a_matrix_that_is_known():
    turn = torch.linalg.qr(draw(6, 6)).Q
    values = torch.tensor([0.25, 1, 2, 3, 4, 5], dtype=F64)
    assert least_eigenvalue(turn * values @ turn.mT) == pytest.approx(0.25, rel=1e-12)


def test_of_several_outputs():
    """A matrix of (row, output), not of (output, row) or of blocks."""
    kernel = empirical_ntk(model(3), draw(5, 4))
    rows = [[kernel[n, m, a, b] for m in range(5) for b in range(3)]
            for n in range(5) for a in range(3)]  # fmt: skip
    expected = torch.linalg.eigvalsh(torch.tensor(rows, dtype=F64))[0]
    assert least_eigenvalue(kernel) == pytest.approx(float(expected), rel=1e-10)
    assert least_eigenvalue(kernel) > 0


def test_it_is_that_of_the_infinite_kernel():
    x = draw(3, 1, 3, 3)
    for last in ([Flatten(), Dense(1.0)], []):
        found = infinite_ntk([Conv(), Nonlinearity("relu"), Conv(), *last], x)
        assert found.ntk.ndim == (2 if last else 4)
        assert found.least_eigenvalue == least_eigenvalue(found.ntk)


@pytest.mark.parametrize("dtype", [torch.float32, F64])
def test_a_singular_kernel_is_no_reason_to_warn(dtype):
    """More rows than parameters, and a row twice."""
    x = draw(40, 4, dtype=dtype)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        few = least_eigenvalue(empirical_ntk(nn.Linear(4, 1).to(dtype), x))
        twice = least_eigenvalue(empirical_ntk(model(1, dtype), torch.cat([x, x[:1]])))
    assert abs(few) < 1e-4
    assert abs(twice) < 1e-3


def test_a_negative_one_warns():
    bad = torch.eye(3, dtype=F64)
    bad[0, 0] = -1e-6
    with pytest.warns(RuntimeWarning, match=r"^kernel: least eigenvalue -1.0e-06 beside"):
        assert least_eigenvalue(bad) == pytest.approx(-1e-6)


@pytest.mark.parametrize(("kernel", "message"), [
    (torch.ones(3), r"expected shape \(n, n\) or \(n, n, out, out\), got \(3,\)"),
    (torch.ones(3, 2), r"expected shape .* got \(3, 2\)"),
    (torch.ones(3, 2, 1, 1), r"expected shape .* got \(3, 2, 1, 1\)"),
    (torch.ones(0, 0), r"expected shape .* got \(0, 0\)"),
    (torch.tensor([[1.0, 2.0], [0.0, 1.0]]), "expected a symmetric matrix"),
    (torch.full((2, 2), torch.nan), "expected finite numbers"),
])  # fmt: skip
def test_refused(kernel, message):
    with pytest.raises(ValueError, match=f"^kernel: {message}"):
        least_eigenvalue(kernel)
    with pytest.raises(TypeError, match=r"^kernel: expected a tensor of real numbers, got list$"):
        least_eigenvalue([[1.0]])
