"""Spherical harmonics: the addition theorem, blocks, zero vectors, the third order, bad input."""

import numpy as np
import pytest
import torch
from scipy.special import eval_legendre

from geomdl.groups import harmonic_values
from geomdl.kernels import spherical_harmonics, threads
from geomdl.kernels.compiled import Compiled
from geomdl.kernels.directions import unit
from geomdl.kernels.harmonics import GRADIENT, HARMONICS, _check_gradient, fill
from geomdl.kernels.ladder import LADDER, climb, lift, lower, pair
from geomdl.kernels.ladder import _check as _check_ladder

F64 = torch.float64


def noise(*shape, seed=0, dtype=F64):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=F64).to(dtype)


def degrees(y, lmax):
    return y.split([2 * l + 1 for l in range(lmax + 1)], -1)


def test_the_addition_theorem():
    a, b = noise(50, 3), noise(50, 3, seed=1)
    cosine = (a / a.norm(dim=1, keepdim=True) * b / b.norm(dim=1, keepdim=True)).sum(1)
    both = [degrees(spherical_harmonics(x, 12, True), 12) for x in (a, b)]
    for l, (p, q) in enumerate(zip(*both, strict=True)):
        expected = (2 * l + 1) * eval_legendre(l, cosine.numpy())
        assert np.abs((p * q).sum(1).numpy() - expected).max() <= 1e-12 * (2 * l + 1)


def test_the_basis_is_that_of_the_groups():
    x = noise(20, 3)
    for l, y in enumerate(degrees(spherical_harmonics(x, 8, True), 8)):
        assert (y - (2 * l + 1) ** 0.5 * harmonic_values(x, l)).abs().max() <= 1e-12


def test_solid_harmonics_are_homogeneous_and_harmonic():
    x = noise(10, 3)
    solid, flat = spherical_harmonics(x, 6, False), spherical_harmonics(x, 6, True)
    for l, (p, q) in enumerate(zip(degrees(solid, 6), degrees(flat, 6), strict=True)):
        assert (p - x.norm(dim=1, keepdim=True) ** l * q).abs().max() <= 1e-11
    total = torch.zeros_like(solid)
    for axis in torch.eye(3, dtype=F64):
        h = axis.expand(10, 3)
        total = total + lower(lower(solid, h, 6), h, 6)
    assert total.abs().max() <= 1e-10 * solid.abs().max()
    assert lower(solid, h, 6).abs().max() > 1


def test_the_ladder_and_its_transposes():
    r, g, h = noise(5, 25), noise(5, 25, seed=1), noise(5, 3, seed=2)
    expected = (g * lower(r, h, 4)).sum(1)
    assert expected.abs().min() > 1e-3
    assert ((lift(g, h, 4) * r).sum(1) - expected).abs().max() <= 1e-12
    assert ((pair(r, g, 4) * h).sum(1) - expected).abs().max() <= 1e-12


@pytest.mark.parametrize("dtype", [torch.float32, F64])
@pytest.mark.parametrize("normalize", [True, False])
def test_a_vector_does_not_depend_on_its_block(dtype, normalize):
    x, g = noise(300, 3, dtype=dtype), noise(300, 16, seed=1, dtype=dtype)
    y, v = HARMONICS(x, 3, normalize), GRADIENT(x, g, 3, normalize)
    for i in (0, 63, 64, 299):
        assert torch.equal(HARMONICS(x[i : i + 1], 3, normalize)[0], y[i])
        assert torch.equal(GRADIENT(x[i : i + 1], g[i : i + 1], 3, normalize)[0], v[i])
    with threads.always(2):
        assert torch.equal(HARMONICS(x, 3, normalize), y)
        assert torch.equal(GRADIENT(x, g, 3, normalize), v)


@pytest.mark.parametrize("face", [HARMONICS, HARMONICS.reference], ids=["compiled", "reference"])
def test_zero_vectors_have_finite_values_and_no_derivatives(face):
    x = torch.tensor([[0.0, 0.0, 0.0], [1e-310, 0.0, -1e-310], [1.0, 2.0, 3.0]], dtype=F64)
    x.requires_grad_()
    y = face(x, 4, True)
    assert torch.equal(y[:2], torch.eye(25, dtype=F64)[:1].expand(2, 25))
    slopes = y.pow(3).sum()
    for _ in range(3):
        (slopes,) = torch.autograd.grad(slopes.sum(), x, create_graph=True)
        assert torch.equal(slopes[:2], torch.zeros(2, 3, dtype=F64))
        assert slopes[2].isfinite().all()
        slopes = slopes.pow(2) + slopes
    (slopes,) = torch.autograd.grad(face(x, 4, False).sum(), x)
    assert (slopes[0] - 3**0.5).abs().max() <= 1e-15


@pytest.mark.parametrize("size", [1e-37, 1e-20, 1e30, 1e38])
def test_directions_of_very_short_and_long_vectors(size):
    x = noise(20, 3)
    x = x / x.abs().amax(1, keepdim=True)
    y = spherical_harmonics((x * size).float(), 5, True)
    assert (y - spherical_harmonics(x, 5, True)).abs().max() <= 1e-5


@pytest.mark.parametrize("normalize", [True, False])
def test_the_third_order(normalize):
    """Gradients of forces of forces: `gradgradcheck` of what is a derivative already."""
    x, g = noise(2, 3).requires_grad_(), noise(2, 16, seed=1).requires_grad_()

    def curvature(x, g):
        v = GRADIENT(x, g, 3, normalize)
        return torch.autograd.grad(v.square().sum(), (x, g), create_graph=True)

    assert torch.autograd.gradcheck(curvature, (x, g))
    assert torch.autograd.gradgradcheck(curvature, (x, g))


def test_one_and_all_of_a_spoilt_vector():
    for bad in (torch.nan, torch.inf):
        x = noise(3, 3)
        x[1, 2] = bad
        y = spherical_harmonics(x, 3, True)
        assert y[1].isnan().all() and y[[0, 2]].isfinite().all()


def test_the_compiled_loop_is_the_python_loop(monkeypatch):
    for kernel in (HARMONICS, GRADIENT, LADDER):
        args = kernel.example(F64, torch.int64, "usual")
        expected = kernel.cpu(*args)
        with monkeypatch.context() as patch:
            patch.setattr(Compiled, "__call__", lambda self, *args: self.body(*args))
            assert fill.body and climb.body
            found = kernel.cpu(*args)
        assert (found - expected).abs().max() <= 1e-14 * expected.abs().max()


def test_directions():
    x = torch.tensor([[3.0, 0.0, 4.0], [0.0, 0.0, 0.0]], dtype=F64)
    u, inverse = unit(x)
    assert torch.allclose(u, torch.tensor([[0.6, 0.0, 0.8], [0.0, 0.0, 0.0]], dtype=F64))
    assert torch.allclose(inverse, torch.tensor([[0.2], [0.0]], dtype=F64))


X, Y = torch.ones(2, 3), torch.ones(2, 4)


@pytest.mark.parametrize(
    ("call", "kind", "text"),
    [
        (
            lambda: HARMONICS(X.long(), 1, True),
            TypeError,
            "x: expected float32, .* got torch.int64",
        ),
        (lambda: HARMONICS(X[:, :2], 1, True), ValueError, r"x: expected shape \(n, 3\), got \(2"),
        (lambda: HARMONICS(X, 13, True), ValueError, "lmax: expected 0 to 12, got 13"),
        (lambda: HARMONICS(X, -1, True), ValueError, "lmax: expected 0 to 12, got -1"),
        (lambda: GRADIENT(X, X, 1, True), ValueError, r"g: expected shape \(2, 4\), got \(2, 3\)"),
        (lambda: GRADIENT(X, X.double(), 1, True), TypeError, "g: expected torch.float32 like x"),
        (lambda: _check_gradient(X, Y.to("meta"), 1, True), ValueError, "g: expected a tensor on"),
    ],
)
def test_bad_input_is_one_line(call, kind, text):
    with pytest.raises(kind, match=text) as caught:
        call()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("up", [True, False])
def test_a_row_of_the_ladder_does_not_depend_on_its_block(up):
    r, h = noise(150, 16), noise(150, 3, seed=1)
    y = LADDER(r, h, 3, up)
    for i in (0, 63, 64, 149):
        assert torch.equal(LADDER(r[i : i + 1], h[i : i + 1], 3, up)[0], y[i])
    assert (y - LADDER.reference(r, h, 3, up)).abs().max() <= 1e-13 * y.abs().max()


def test_bad_input_of_the_ladder_is_one_line():
    r, h = torch.ones(2, 4), torch.ones(2, 3)
    for args, kind, text in (
        ((r[:, :3], h), ValueError, r"r: expected shape \(n, 4\), got \(2, 3\)"),
        ((r, h[:1]), ValueError, r"h: expected shape \(2, 3\), got \(1, 3\)"),
        ((r, h.double()), TypeError, "h: expected torch.float32 like r, got torch.float64"),
    ):
        with pytest.raises(kind, match=text):
            lower(*args, 1)
    with pytest.raises(ValueError, match="h: expected a tensor on cpu, got one on meta"):
        _check_ladder(r, h.to("meta"), 1, True)
