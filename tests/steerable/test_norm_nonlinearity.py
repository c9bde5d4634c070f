"""Norm non-linearities: their formulas, exactness for random elements, gradients at zero."""

import pytest
import torch
from torch import Tensor, nn

import geomdl
from geomdl import Field, Grid, Vector
from geomdl.steerable.norm_nonlinearity import NORM_FUNCTIONS, NormNonlinearity, scale_by_norm
from tests.steerable.nonlinearities import draw, fibre_error, hold_the_laws, randomized

SO2, O2, SO3, O3, D4 = (geomdl.group(name) for name in ("SO2", "O2", "SO3", "O3", "D4"))
INDUCED = D4.subgroup("C4").group.standard.induce(D4.subgroup("C4"))
REPS = {
    "SO2": 2 * SO2.irrep(1) + SO2.irrep(0) + 2 * SO2.irrep(3),
    "O2": O2.irrep((1, 0)) + 2 * O2.irrep((1, 2)),
    "SO3": 2 * SO3.irrep(2) + SO3.irrep(1) @ SO3.irrep(1),
    "O3": O3.standard + 2 * O3.irrep((2, -1)) + O3.irrep((0, -1)),
    "D4": D4.regular + 2 * D4.standard,
}


@pytest.mark.parametrize("function", NORM_FUNCTIONS)
@pytest.mark.parametrize("name", REPS)
def test_exact_for_random_elements(name: str, function: str) -> None:
    layer = randomized(NormNonlinearity(Field(Vector(), REPS[name]), function))
    assert fibre_error(layer) <= 1e-13


def test_the_norm_of_half_a_copy_breaks() -> None:
    class Half(NormNonlinearity):
        def forward(self, x: Tensor) -> Tensor:
            return scale_by_norm(x.unflatten(-1, (-1, 2)), -0.5, -1, "relu").flatten(-2)

    assert fibre_error(Half(Field(Vector(), 2 * O3.irrep((1, -1))))) >= 0.01


@pytest.mark.parametrize("function", NORM_FUNCTIONS)
def test_formulas(function: str) -> None:
    field = Field(Grid(2), D4.standard + 2 * D4.irrep((1, 0)) + D4.standard)
    layer = NormNonlinearity(field, function).double()
    if layer.bias is not None:
        nn.init.uniform_(layer.bias, -1, 1, generator=torch.Generator().manual_seed(0))
    x = draw(2, 6, 3, 3)
    eta = {
        "relu": lambda t, n: t.clamp(min=0),
        "sigmoid": lambda t, n: 1 / (1 + (-t).exp()),
        "softplus": lambda t, n: (1 + t.exp()).log(),
        "silu": lambda t, n: n / (1 + (-t).exp()),
        "squash": lambda t, n: n**2 / (1 + n**2),
        "softsign": lambda t, n: n / (1 + n),
    }[function]
    expected, first = [], 0
    for i, dim in enumerate((2, 1, 1, 2)):
        part = x[:, first : first + dim]
        norm = part.norm(dim=1, keepdim=True)
        b = 0 if layer.bias is None else layer.bias[i]
        expected.append(part / norm * eta(norm + b, norm))
        first += dim
    assert torch.allclose(layer(x), torch.cat(expected, 1), rtol=1e-12, atol=1e-14)


def test_starting_bias() -> None:
    field = Field(Vector(), SO3.irrep(0) + 2 * SO3.irrep(4))
    relu = NormNonlinearity(field)
    assert relu.bias is not None and relu.bias.tolist() == [-0.25, -0.75, -0.75]
    sigmoid = NormNonlinearity(field, "sigmoid")
    assert sigmoid.bias is not None and not sigmoid.bias.any()
    assert NormNonlinearity(field, "squash").bias is None
    assert NormNonlinearity(field, "relu", bias=False).bias is None


@pytest.mark.parametrize("function", NORM_FUNCTIONS)
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
@pytest.mark.parametrize("tiny", [0.0, 1e-12, 1e-25])
def test_two_gradients_are_finite_at_zero(function: str, dtype: torch.dtype, tiny: float) -> None:
    x = torch.full((4, 3), tiny, dtype=dtype)
    x[1:] = draw(3, 3).to(dtype)
    x.requires_grad_()
    bias = torch.zeros(3, dtype=dtype).fill_(0.3).requires_grad_()
    y = scale_by_norm(x, bias[:, None].mean(), -1, function)
    loss = y.square().sum() + y.sum() + 0 * bias.square().sum()  # some have no bias
    first = torch.autograd.grad(loss, (x, bias), create_graph=True)
    second = torch.autograd.grad(first[0].sum() + first[1].sum(), (x, bias))
    assert all(t.isfinite().all() for t in (y, *first, *second))
    if tiny == 0:
        slope = {"silu": 0.574, "softsign": 1.0}.get(function, 0.0)
        assert torch.allclose(first[0][0].double(), torch.tensor(slope).double(), atol=5e-3)


def test_nan_stays_nan_in_its_copy() -> None:
    x = draw(2, 6)
    x[0, 0] = float("nan")
    y = NormNonlinearity(Field(Vector(), 2 * SO3.irrep(1))).double()(x)
    assert y[0, :3].isnan().all() and y[0, 3:].isfinite().all() and y[1].isfinite().all()


@pytest.mark.parametrize("function", NORM_FUNCTIONS)
@pytest.mark.parametrize("size", [1e15, 1e20, 1e37])
def test_large_vectors_are_scaled_by_their_own_norms(function: str, size: float) -> None:
    field = Field(Vector(), geomdl.group("SO2").irrep(1))
    layer = NormNonlinearity(field, function)
    x = torch.tensor([3 * size, -4 * size], requires_grad=True)
    y = layer(x)
    exact = NormNonlinearity(field, function).double()(x.detach().double())
    assert torch.allclose(y.double(), exact, rtol=1e-6)
    y.sum().backward()
    assert x.grad is not None and bool(x.grad.isfinite().all())


def test_large_and_half_precision_norms_do_not_overflow() -> None:
    x = torch.full((1, 4), 1000.0, dtype=torch.float16)
    y = scale_by_norm(x, 0.0, -1, "relu")
    assert y.dtype == torch.float16 and torch.equal(y, x)


# --- per coset -----------------------------------------------------------------------------------
@pytest.mark.parametrize("function", NORM_FUNCTIONS)
def test_norms_of_cosets_are_exact(function: str) -> None:
    layer = randomized(
        NormNonlinearity(Field(Grid(2), 2 * INDUCED + D4.regular), function, per_coset=True)
    )
    assert geomdl.audit(layer, draw(2, 16, 4, 4)).error <= 1e-12
    if layer.bias is not None:
        assert layer.bias.shape == (3,)  # one a copy


def test_norms_of_cosets_differ_from_those_of_copies() -> None:
    field = Field(Vector(), INDUCED)
    x = torch.tensor([3.0, 4.0, 0.0, 2.0])
    each = NormNonlinearity(field, "squash", per_coset=True)(x)
    assert torch.allclose(
        each, x / x.new_tensor([5, 5, 2, 2]) * x.new_tensor([25 / 26] * 2 + [0.8] * 2)
    )
    assert torch.allclose(NormNonlinearity(field, "squash")(x), x * 29**0.5 / 30)


def test_norms_of_wrong_parts_break() -> None:
    class Wrong(NormNonlinearity):
        def forward(self, x: Tensor) -> Tensor:
            return scale_by_norm(x.unflatten(-1, (2, 2)).mT, -0.5, -1, "relu").mT.flatten(-2)

    thirds = geomdl.group("D3").subgroup("C3")
    field = Field(Vector(), thirds.group.standard.induce(thirds))
    assert fibre_error(NormNonlinearity(field, per_coset=True).double()) <= 1e-13
    assert fibre_error(Wrong(field)) >= 0.01


# --- laws and refusals ---------------------------------------------------------------------------
def test_laws() -> None:
    O = geomdl.group("O")
    field = Field(Grid(3), 2 * O.irrep("E") + O.standard)
    hold_the_laws(lambda: NormNonlinearity(field, "sigmoid"), 2, 7, 3, 3, 3, forces=True)
    hold_the_laws(lambda: NormNonlinearity(Field(Vector(), REPS["O3"]), "silu"), 3, 14, forces=True)
    field = Field(Grid(2), 2 * INDUCED)
    hold_the_laws(lambda: NormNonlinearity(field, "squash", per_coset=True), 2, 8, 3, 3)


def test_autocast() -> None:
    layer = NormNonlinearity(Field(Vector(), 2 * SO3.irrep(1)))
    with torch.autocast("cpu", torch.bfloat16):
        assert layer(draw(3, 6).bfloat16()).dtype == torch.bfloat16


def test_refusals() -> None:
    lorentz = geomdl.group("SO+(1,3)")
    with pytest.raises(ValueError, match=r"^source: NormNonlinearity needs orthogonal .* standard"):
        NormNonlinearity(Field(Vector(), lorentz.trivial + lorentz.standard))
    field = Field(Vector(), SO3.irrep(1))
    with pytest.raises(ValueError, match=r"^function: should be one of relu, .* got 'tanh'$"):
        NormNonlinearity(field, "tanh")
    with pytest.raises(ValueError, match=r"^bias: squash has none, got True$"):
        NormNonlinearity(field, "squash", bias=True)
    with pytest.raises(ValueError, match=r"^source: parts for each coset need .* got irrep\(1\)"):
        NormNonlinearity(field, per_coset=True)
    with pytest.raises(ValueError, match=r"^source: should be a Field on a Grid, got Points\(3\)$"):
        NormNonlinearity(Field(geomdl.Points(3), SO3.standard))
    with pytest.raises(ValueError, match=r"^x: .* should be rep\.dim=3, got 4$"):
        NormNonlinearity(field)(torch.zeros(2, 4))
