"""Exported programs take batches of any size, and layers refuse numbers that they cannot use."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

import geomdl
from geomdl import Field, Grid, Vector
from geomdl.registry import default
from geomdl.steerable import (
    BatchNorm,
    ChangeOfBasis,
    Dropout,
    LayerNorm,
    Linear,
    NormNonlinearity,
    VectorFieldNonlinearity,
)
from tests.laws.cases import case, distance
from tests.steerable.nonlinearities import draw

LAYERS = [
    *("AdaptiveAvgPool", "AdaptiveMaxPool", "AvgPool", "GlobalPool", "GroupPool", "MaxPool"),
    *("NormMaxPool", "NormPool", "BatchNorm", "LayerNorm", "Dropout", "Upsample", "Mask"),
    *("ChangeOfBasis", "Disentangle", "Restrict", "Linear", "Pointwise", "FourierPointwise"),
    *("ConcatenatedNonlinearity", "GatedNonlinearity", "NormNonlinearity"),
    *("TensorProductNonlinearity", "VectorFieldNonlinearity"),
]
D4, C4 = geomdl.group("D4"), geomdl.group("C4")
MANY = Field(Grid(2), 24 * D4.standard + 24 * D4.trivial + 32 * D4.irrep((1, 1)))
OTHERS: dict[str, Callable[[], nn.Module]] = {
    "vectors, by blocks": lambda: Linear(Field(Vector(), MANY.rep), Field(Vector(), MANY.rep)),
    "pixels, by blocks": lambda: Linear(MANY, MANY),
    "vector basis": lambda: ChangeOfBasis(Field(Vector(), D4.regular)),
    "vector norm": lambda: LayerNorm(Field(Vector(), D4.regular + D4.standard)),
    "norm of all pixels": lambda: LayerNorm(Field(Grid(2), D4.regular), axes="all"),
    "vector directions": lambda: VectorFieldNonlinearity(Field(Vector(), C4.regular)),
}


def error_on_other_batches(module: nn.Module, x: Tensor) -> float:
    batch = torch.export.Dim("batch", min=1)
    program = torch.export.export(module, (x,), dynamic_shapes=({0: batch},)).module()
    batches = [torch.cat([x, x.flip(0)])[:n] for n in (1, 2, 7)]
    return max(distance(program(y), module(y)) for y in batches)


@pytest.mark.parametrize("name", LAYERS)
def test_exported_layers_take_any_batch(name: str) -> None:
    example = case(f"steerable/{name}", default)
    (x,) = example.inputs
    assert error_on_other_batches(example.copy(), torch.cat([x, x])[:4]) <= 1e-12


@pytest.mark.parametrize("name", OTHERS)
def test_exported_layers_of_other_kinds_take_any_batch(name: str) -> None:
    layer = OTHERS[name]().double().eval()
    space = [3] * getattr(layer.source.domain, "d", 0)
    assert error_on_other_batches(layer, draw(4, layer.source.rep.dim, *space)) <= 1e-12


def test_training_norms_take_any_batch() -> None:
    layer = BatchNorm(Field(Grid(2), D4.trivial + D4.standard)).double()
    assert error_on_other_batches(layer, draw(4, 3, 3, 3)) <= 1e-12


def test_a_layer_that_counts_its_batch_is_found_out() -> None:
    class Counting(NormNonlinearity):
        def forward(self, x: Tensor) -> Tensor:
            return super().forward(x).reshape(len(x), *x.shape[1:])

    layer = Counting(Field(Grid(2), D4.standard)).double()
    with pytest.raises(Exception, match="batch"):
        error_on_other_batches(layer, draw(4, 2, 3, 3))


@pytest.mark.parametrize("dtype", [torch.int64, torch.bool, torch.complex128])
@pytest.mark.parametrize("name", LAYERS)
def test_numbers_that_are_not_real_are_refused(name: str, dtype: torch.dtype) -> None:
    example = case(f"steerable/{name}", default)
    (x,) = example.inputs
    with pytest.raises(ValueError, match=rf"^x: should be floating point, got {dtype}$"):
        example.copy()(x.to(dtype))


# --- arguments -----------------------------------------------------------------------------------
@pytest.mark.parametrize("eps", [-1, 0, None, float("nan"), float("inf"), "1e-5", True])
@pytest.mark.parametrize("kind", [BatchNorm, LayerNorm])
def test_norms_refuse_a_bad_eps(kind: type[nn.Module], eps: object) -> None:
    with pytest.raises(ValueError, match=r"^eps: should be a positive number, got"):
        kind(Field(Grid(2), D4.trivial), eps=eps)


@pytest.mark.parametrize("momentum", [-0.1, 5, None, float("nan"), "a", True])
def test_batch_norm_refuses_a_bad_momentum(momentum: object) -> None:
    with pytest.raises(ValueError, match=r"^momentum: should be a number from 0 to 1, got"):
        BatchNorm(Field(Grid(2), D4.trivial), momentum=momentum)  # type: ignore[arg-type]


@pytest.mark.parametrize("p", [-0.1, 1, None, "a", float("nan"), False])
def test_dropout_refuses_a_bad_probability(p: object) -> None:
    with pytest.raises(ValueError, match=r"^p: should be at least 0 and less than 1, got"):
        Dropout(Field(Grid(2), D4.trivial), p)  # type: ignore[arg-type]


@pytest.mark.parametrize("matrix", [[[1.0, 0.0], [0.0, 1.0]], torch.eye(2, dtype=torch.int64)])
def test_change_of_basis_refuses_other_matrices(matrix: object) -> None:
    field = Field(Grid(2), D4.standard)
    with pytest.raises(TypeError, match=r"^matrix: should be a Tensor of floating-point numbers"):
        ChangeOfBasis(field, field, matrix)  # type: ignore[arg-type]
