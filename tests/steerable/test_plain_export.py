"""Plain forms go through ``torch.export`` and ONNX, and give the same outputs there."""

import io
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from geomdl.registry import default
from geomdl.steerable.plain import to_plain
from tests.laws.cases import case, distance

NAMES = [*default.list_layers("steerable/*"), "steerable/cnn"]
BATCH = torch.export.Dim.DYNAMIC


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
    import onnxruntime

    plain, inputs, own = everything(torch.float32)
    program: Any = torch.onnx.export(plain, inputs, dynamo=True, verbose=False)
    program.save(tmp_path / "net.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "net.onnx")
    names = [node.name for node in session.get_inputs()]
    found = session.run(None, {n: x.numpy() for n, x in zip(names, inputs, strict=True)})
    check(map(torch.from_numpy, found), inputs, own, 1e-6)
