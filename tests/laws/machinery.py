"""Laws of what PyTorch does to modules: compile, export, save and load, copy."""

import copy
import io
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from geomdl.registry import load, record_of, save
from tests.laws.cases import Case, distance, floats, identical, map_floats

ROUNDING = 1e-12


def compile(case: Case) -> None:
    """``torch.compile`` finds one graph, whose outputs and gradients are those of eager mode."""
    torch.compiler.reset()
    module = case.copy()
    compiled = torch.compile(case.copy(), fullgraph=True, backend="aot_eager")
    outputs, gradients = _gradients(module, module, case)
    # potentials take gradients in their forward
    with torch._dynamo.config.patch(trace_autograd_ops=True):
        again, their_gradients = _gradients(compiled, compiled, case)
    error = distance(again, outputs)
    assert error <= ROUNDING, f"compiled and eager outputs differ by {error}"
    error = distance(their_gradients, gradients)
    assert error <= ROUNDING, f"compiled and eager gradients differ by {error}"


def export(case: Case) -> None:
    """``torch.export``, written and read back, gives the outputs of eager mode.

    A module that takes gradients in its forward has an `exported` of its own.
    """
    module, file = case.copy(), io.BytesIO()
    if hasattr(module, "exported"):
        program = module.exported(*case.inputs)
    else:
        program = torch.export.export(module, case.inputs)
    torch.export.save(program, file)
    file.seek(0)
    again = torch.export.load(file).module()(*case.inputs)
    error = distance(again, module(*case.inputs))
    assert error <= ROUNDING, f"exported and eager outputs differ by {error}"


def save_load(case: Case) -> None:
    """`save` and `load` give the module back: state, mode and outputs bit for bit."""
    for dtype in (torch.float64, torch.float32):
        module = case.copy(dtype)
        inputs = map_floats(lambda x, dtype=dtype: x.to(dtype), case.inputs)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "model.safetensors"
            save(module, path, registry=case.registry)
            expect = record_of(module)
            again = load(path, expect=expect and expect.name, registry=case.registry)
        ours, theirs = _named(module), _named(again)
        assert ours.keys() == theirs.keys(), "parameters or buffers are lost or new"
        for name, value in ours.items():
            assert identical(value, theirs[name]), f"{name} is not what it was, bit for bit"
        assert not again.training, "evaluation mode is lost"
        assert identical(again(*inputs), module(*inputs)), f"{dtype}: outputs differ"


def deepcopy(case: Case) -> None:
    """A deep copy is equal, shares no memory, and each of the two runs on its own weights."""
    module = case.copy()
    twin = copy.deepcopy(module)
    reference = module(*case.inputs)
    assert identical(twin(*case.inputs), reference), "the copy gives other outputs"
    ours, theirs = _named(module), _named(twin)
    assert ours.keys() == theirs.keys(), "parameters or buffers are lost or new"
    for name, value in ours.items():
        shared = value.numel() and value.data_ptr() == theirs[name].data_ptr()
        assert not shared, f"{name} is shared between the module and its copy"
    if not list(module.parameters()):
        return
    _shift(twin)
    assert identical(module(*case.inputs), reference), "a change of the copy changes the original"
    changed = twin(*case.inputs)
    assert not identical(changed, reference), "the copy does not run on its own weights"
    _shift(module, by=-0.5)
    assert identical(twin(*case.inputs), changed), "a change of the original changes the copy"


def _gradients(run: Callable[..., Any], module: nn.Module, case: Case) -> tuple[Any, list[Any]]:
    """Outputs, and gradients of a fixed linear functional of them."""
    inputs = map_floats(lambda x: x.clone().requires_grad_(), case.inputs)
    outputs = run(*inputs)
    rng = torch.Generator().manual_seed(4)
    loss = sum((y * torch.randn(y.shape, generator=rng).to(y)).sum() for y in floats(outputs))
    wanted = [*floats(inputs), *(p for p in module.parameters() if p.requires_grad)]
    assert isinstance(loss, Tensor)
    gradients = torch.autograd.grad(loss, wanted, allow_unused=True)
    pairs = zip(wanted, gradients, strict=True)
    return outputs, [torch.zeros_like(x) if g is None else g for x, g in pairs]


def _named(module: nn.Module) -> dict[str, Tensor]:
    return dict(module.named_parameters()) | dict(module.named_buffers())


def _shift(module: nn.Module, by: float = 0.25) -> None:
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.mul_(1 + by).add_(by)
