"""Vectors that compiled loops call, against numpy."""

import numpy as np
import pytest

from geomdl.kernels import vectors
from geomdl.kernels.compiled import Compiled

CALLS = {"names": vectors.functions, "source": vectors.__file__}


def _powers(u):
    exponentials(u, u.size)  # noqa: F821


def _sums(y, w, x, index, first, last, n):
    sum_scaled(y, 1, w, 2, 3, x, 1, n + 2, index, first, last, n)  # noqa: F821


def _products(y, w, x, index, first, last, n):
    add_products(y, 1, w, 2, 3, x, 1, n + 2, index, first, last, n)  # noqa: F821


powers, sums, products = (Compiled(body, **CALLS) for body in (_powers, _sums, _products))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_exponentials(dtype):
    rng = np.random.default_rng(0)
    u = -rng.uniform(0, 87, 20_001).astype(dtype)
    u[:7] = [0, -0.0, -87, -1e-30, -np.log(2), -200, -np.inf]
    expected = np.exp(u.astype(np.float64))
    found = u.copy()
    found[-1] = np.nan
    powers(found)
    inside = u[:-1] >= -87
    error = np.abs(found[:-1].astype(np.float64) - expected[:-1])[inside]
    assert (error <= np.finfo(dtype).eps * expected[:-1][inside]).all()
    assert found[5] <= np.exp(-87)
    assert found[6] == 0
    assert np.isnan(found).tolist() == [False] * 20_000 + [True]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n", [0, 1, 3, 4, 8, 16, 23, 41])
def test_sums_and_products(dtype, n):
    rng = np.random.default_rng(n)
    x, y = rng.standard_normal((6, n + 2)).astype(dtype), rng.standard_normal(n + 2).astype(dtype)
    w, index = rng.standard_normal(20).astype(dtype), np.array([5, 0, 3, 3, 1, 2], np.int32)
    weights, rows = w[2:14:3], x[index[1:5], 1 : n + 1]
    z, q = y.copy(), w.copy()
    sums(z, w, x, index, 1, 5, n)
    products(y, q, x, index, 1, 5, n)
    bound = 2 * (n + 6) * np.finfo(dtype).eps
    assert z[[0, -1]].tolist() == y[[0, -1]].tolist()
    size = np.abs(weights) @ np.abs(rows)
    assert (np.abs(z[1 : n + 1] - weights @ rows) <= bound * size).all()
    expected = w.copy()
    expected[2:14:3] += rows @ y[1 : n + 1]
    size = np.abs(w)
    size[2:14:3] += np.abs(rows) @ np.abs(y[1 : n + 1])
    assert (np.abs(q - expected) <= bound * size).all()
