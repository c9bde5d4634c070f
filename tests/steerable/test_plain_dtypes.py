"""Plain forms of layers without tensors of their own follow the dtype of the model around them."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn

import geomdl
from geomdl import Field, Grid
from geomdl.registry import default
from geomdl.steerable import AvgPool, Linear, MaxPool, Sequential
from geomdl.steerable.layer_norm import LayerNorm
from geomdl.steerable.norm_nonlinearity import NORM_FUNCTIONS, NormNonlinearity
from geomdl.steerable.norm_pool import NormMaxPool, NormPool
from geomdl.steerable.plain import to_plain
from geomdl.steerable.plain.forms import FORMS, TRACED
from tests.laws.cases import case

NAMES = [*default.list_layers("steerable/*"), *default.list_layers("escnn/*")]
D4, Oh = geomdl.group("D4"), geomdl.group("Oh")
VECTORS = Field(Grid(2), 2 * D4.standard)
VOLUMES = Field(Grid(3), Oh.standard)
TOLERANCE = {torch.float64: 1e-12, torch.bfloat16: 2**-6}
MORE: dict[str, nn.Module] = {
    **{name: NormNonlinearity(VECTORS, name, bias=False) for name in NORM_FUNCTIONS},
    "windows": NormMaxPool(VECTORS, kernel_size=2),
    "blurred": NormMaxPool(VECTORS, antialias=0.7),
    "norms": NormPool(VECTORS),
    "layer norm": LayerNorm(VECTORS, affine=False),
    "volumes": AvgPool(VOLUMES),
    "volumes in windows": AvgPool(VOLUMES, kernel_size=2),
    "blurred volumes": AvgPool(VOLUMES, antialias=0.7),
    "largest of volumes": MaxPool(Field(Grid(3), 3 * Oh.trivial)),
}


class Gain(nn.Module):
    """Has the one parameter from which the dtype of a model is known."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(()))

    def forward(self, x: Tensor) -> Tensor:
        return x * self.weight


def inputs(shape: tuple[int, ...]) -> list[Tensor]:
    """Of order one; norms that float32 cannot tell apart; numbers that it takes for zero."""
    rng = torch.Generator().manual_seed(0)
    x, y = (torch.randn(shape, generator=rng, dtype=torch.float64) for _ in range(2))
    return [x, 1 + 1e-9 * x, 1e-11 * y]


def error(plain: nn.Module, model: nn.Module, x: Tensor) -> float:
    """Difference relative to the larger of inputs and outputs."""
    found, wanted = plain(x).detach(), model(x).detach()
    assert found.dtype == wanted.dtype == x.dtype
    assert found.shape == wanted.shape
    scale = torch.maximum(wanted.double().abs().amax(), x.double().abs().amax())
    return float((found.double() - wanted.double()).abs().amax() / scale)


def inside(layer: nn.Module, dtype: torch.dtype) -> nn.Module:
    return nn.Sequential(Gain(), layer).to(dtype).eval()


def shape_of(layer: nn.Module) -> tuple[int, ...]:
    source: Any = layer.source
    return (2, source.rep.dim, *[4] * source.domain.d)


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("name", NAMES)
def test_every_registered_form_follows_the_model_around_it(name: str, dtype: torch.dtype) -> None:
    it = case(name, default)
    model = inside(it.copy(dtype), dtype)
    plain = to_plain(model)
    for x in inputs(tuple(it.inputs[0].shape)):
        assert error(plain, model, x.to(dtype)) <= TOLERANCE[dtype]


def test_every_form_belongs_to_a_registered_layer() -> None:
    tried = {type(case(name, default).module) for name in NAMES}
    assert {*FORMS, *TRACED} <= tried


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("name", MORE)
def test_options_follow_the_model_around_them(name: str, dtype: torch.dtype) -> None:
    model = inside(MORE[name], dtype)
    plain = to_plain(model)
    for x in inputs(shape_of(MORE[name])):
        assert error(plain, model, x.to(dtype)) <= TOLERANCE[dtype]


@pytest.mark.parametrize("name", ["sigmoid", "relu", "windows", "blurred"])
def test_forms_for_another_dtype_are_seen(name: str) -> None:
    model = inside(MORE[name], torch.float64)
    plain = to_plain(model, torch.float32)
    errors = [error(plain, model, x) for x in inputs(shape_of(MORE[name]))]
    assert errors[0] <= 1e-12
    assert max(errors) >= 1e-10


def test_nearly_equal_norms_in_float64() -> None:
    field = Field(Grid(2), D4.standard)
    net = Sequential(Linear(field, field), NormMaxPool(field)).double()
    for weight in net.parameters():
        nn.init.ones_(weight)
    x = torch.zeros(1, 2, 2, 2, dtype=torch.float64)
    x[0, 0, 0, 0], x[0, 1, 1, 1] = 1, 1 + 1e-6
    assert error(to_plain(net), net, x) <= 1e-12
    assert error(to_plain(net, torch.float32), net, x) >= 0.1


def test_the_dtype_of_inputs_may_be_given_where_the_model_has_none() -> None:
    x = inputs((2, 4, 4, 4))[2]
    layer = NormNonlinearity(VECTORS, bias=False)
    assert error(to_plain(layer, torch.float64), layer, x) <= 1e-12
    assert error(to_plain(layer), layer, x) >= 0.1  # PyTorch's default is float32
