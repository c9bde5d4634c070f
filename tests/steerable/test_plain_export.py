"""Plain forms go through ``torch.export`` and ONNX, and give the same outputs there."""

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import geomdl
from geomdl import Field, Grid
from geomdl.registry import default
from geomdl.steerable.adaptive_pool import AdaptiveAvgPool, AdaptiveMaxPool
from geomdl.steerable.conv import PADDING_MODES, Conv
from geomdl.steerable.conv_transpose import ConvTranspose
from geomdl.steerable.layer_norm import AXES, LayerNorm
from geomdl.steerable.norm_pool import NormMaxPool
from geomdl.steerable.oversampled import FilteredPointwise
from geomdl.steerable.plain import to_plain
from geomdl.steerable.pooling import AvgPool, MaxPool
from geomdl.steerable.upsample import Upsample
from tests.laws.cases import case, distance

LAYERS = [*default.list_layers("steerable/*"), *default.list_layers("escnn/*")]
NAMES = [*LAYERS, "steerable/cnn", "steerable/e2cnn_small"]
D4, Oh = geomdl.group("D4"), geomdl.group("Oh")
PLANE, SPACE = Field(Grid(2), D4.regular + D4.trivial), Field(Grid(3), 2 * Oh.trivial)
PERIODIC = Field(Grid(2, periodic=True), D4.regular)
BATCH = torch.export.Dim.DYNAMIC


def options(rng: torch.Generator) -> list[tuple[nn.Module, int]]:
    """Layers as they are not in the registry, and the size of their inputs."""
    return [
        *((kind(PLANE, antialias=0.66), 7) for kind in (AvgPool, MaxPool, NormMaxPool)),
        *((kind(PERIODIC, antialias=0.66), 7) for kind in (AvgPool, MaxPool, NormMaxPool)),
        *((kind(SPACE, antialias=0.66), 5) for kind in (AvgPool, MaxPool)),
        (MaxPool(PLANE, 3, antialias=0.25), 8),
        *((kind(PLANE, 3), 7) for kind in (AdaptiveAvgPool, AdaptiveMaxPool)),
        *((kind(SPACE, 3), 5) for kind in (AdaptiveAvgPool, AdaptiveMaxPool)),
        *((Upsample(PLANE, 2, mode), 4) for mode in ("linear", "nearest", "fourier")),
        (Upsample(PERIODIC), 4),
        *(
            (Conv(PLANE, PLANE, 3, padding=1, padding_mode=mode, rng=rng), 5)
            for mode in PADDING_MODES
        ),
        (Conv(PLANE, PLANE, 3, stride=3, padding="exact", rng=rng), 6),
        (ConvTranspose(PLANE, PLANE, 3, stride=2, padding=1, rng=rng), 4),
        *((LayerNorm(PLANE, axes=axes), 5) for axes in AXES),
        (FilteredPointwise(PERIODIC, "gelu"), 8),
    ]


class Together(nn.Module):
    """Several modules, each on an input of its own: one export takes seconds, many take minutes."""

    def __init__(self, parts: list[nn.Module]) -> None:
        super().__init__()
        self.parts = nn.ModuleList(parts)

    def forward(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        return tuple(part(x) for part, x in zip(self.parts, inputs, strict=True))


def everything(dtype: torch.dtype) -> tuple[Together, tuple[Tensor, ...], list[nn.Module]]:
    """Plain forms of all, their inputs, and what they were made of."""
    cases = [case(name, default) for name in NAMES]
    own = [it.copy(dtype) for it in cases]
    inputs = tuple(it.inputs[0].to(dtype) for it in cases)
    return Together([to_plain(module) for module in own]).eval(), inputs, own


def check(outputs: Any, inputs: tuple[Tensor, ...], own: list[nn.Module], tol: float) -> None:
    """Compare with what the layers give, and see that others would not pass."""
    for name, y, x, module in zip(NAMES, outputs, inputs, own, strict=True):
        assert distance(y, module(x)) <= tol, name
        assert distance(y.roll(1, -1), module(x)) >= 1e-2, name


def test_torch_export_round_trip_with_any_batch() -> None:
    plain, inputs, own = everything(torch.float64)
    shapes = (tuple({0: BATCH} for _ in inputs),)
    program = torch.export.export(plain, inputs, dynamic_shapes=shapes)
    file = io.BytesIO()
    torch.export.save(program, file)
    file.seek(0)
    loaded = torch.export.load(file).module()
    check(loaded(*inputs), inputs, own, 1e-12)
    others = tuple(torch.cat([x, -x, x]) for x in inputs)
    check(loaded(*others), others, own, 1e-12)


def test_they_compile_as_one_graph() -> None:
    plain, inputs, own = everything(torch.float64)
    torch.compiler.reset()
    check(torch.compile(plain, backend="aot_eager", fullgraph=True)(*inputs), inputs, own, 1e-12)


@pytest.mark.filterwarnings("ignore:.*LeafSpec:FutureWarning")
def test_onnx_gives_the_same_outputs(tmp_path: Path) -> None:
    plain, inputs, own = everything(torch.float32)
    check(onnx_outputs(plain, inputs, tmp_path), inputs, own, 1e-6)


@pytest.mark.filterwarnings("ignore:.*LeafSpec:FutureWarning")
def test_onnx_of_all_options_gives_the_same_outputs(tmp_path: Path) -> None:
    rng = torch.Generator().manual_seed(0)
    layers, inputs = [], ()
    for layer, size in options(rng):
        source: Any = layer.source
        shape = (2, source.rep.dim, *(size,) * source.domain.d)
        layers.append(layer.eval())
        inputs += (torch.randn(shape, generator=rng),)
    outputs = onnx_outputs(Together([to_plain(layer) for layer in layers]).eval(), inputs, tmp_path)
    for layer, x, y in zip(layers, inputs, outputs, strict=True):
        assert distance(y, layer(x)) <= 1e-6, layer
        assert distance(y.roll(1, -1), layer(x)) >= 1e-2, layer


def onnx_outputs(plain: nn.Module, inputs: tuple[Tensor, ...], folder: Path) -> Iterator[Tensor]:
    """What ONNX's own runtime gives."""
    import onnxruntime

    program: Any = torch.onnx.export(plain, inputs, dynamo=True, verbose=False)
    program.save(folder / "net.onnx")
    session = onnxruntime.InferenceSession(folder / "net.onnx")
    names = [node.name for node in session.get_inputs()]
    found = session.run(None, {n: x.numpy() for n, x in zip(names, inputs, strict=True)})
    return map(torch.from_numpy, found)
