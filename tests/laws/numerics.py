"""Laws of arithmetic: dtypes are kept, gradients are right, the same twice."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.func import functional_call

from tests.laws.cases import (
    Case,
    build,
    distance,
    floats,
    identical,
    map_floats,
    replace_floats,
)

RELATIVE = {torch.float64: 1e-13, torch.float32: 1e-4, torch.bfloat16: 0.25}
"""Largest error allowed against float64 at the same, rounded, weights and inputs."""


def dtypes(case: Case) -> None:
    """float64, float32 and bfloat16 come out as they went in, near the float64 result."""
    for dtype, bound in RELATIVE.items():
        module = case.copy(dtype)
        inputs = map_floats(lambda x, dtype=dtype: x.to(dtype), case.inputs)
        outputs = module(*inputs)
        for y in floats(outputs):
            assert y.dtype == dtype, f"{dtype} went in, {y.dtype} came out"
        reference = module.double()(*map_floats(Tensor.double, inputs))
        error = distance(outputs, reference)
        assert error <= bound, f"{dtype}: relative error {error}, allowed {bound}"


def gradcheck(case: Case) -> None:
    """Gradients agree with finite differences, for inputs and parameters.

    Where the example says that forces are taken, so do gradients of gradients.
    """
    module = case.copy()
    parameters = {n: p for n, p in module.named_parameters() if p.requires_grad}
    inputs = floats(case.inputs)

    def run(*values: Tensor) -> tuple[Tensor, ...]:
        moved = replace_floats(case.inputs, list(values[: len(inputs)]))
        state = dict(zip(parameters, values[len(inputs) :], strict=True))
        return tuple(floats(functional_call(module, state, moved)))

    values = [x.detach().clone().requires_grad_() for x in (*inputs, *parameters.values())]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        _assert_gradients("gradients", torch.autograd.gradcheck, run, values)
        if case.example.forces:
            _assert_gradients("second gradients", torch.autograd.gradgradcheck, run, values)


def _assert_gradients(what: str, check: Callable[..., bool], run: Any, values: Any) -> None:
    try:
        assert check(run, values, fast_mode=True)
    except RuntimeError as error:
        first = " ".join(str(error).split("The above quantities")[0].split())
        raise AssertionError(f"{what} differ from finite differences: {first}") from error


def determinism(case: Case) -> None:
    """Two builds under one seed are equal; a call leaves no trace; two calls are equal.

    Nor does one within `torch.inference_mode`, whose tensors serve no training.
    """
    one, two = build(case.example, seed=3), build(case.example, seed=3)
    assert identical(_state(one), _state(two)), "two builds under one seed differ"
    one, two = one.double().eval(), two.double().eval()
    before, random = map_floats(Tensor.clone, _state(one)), torch.get_rng_state()
    first, second = one(*case.inputs), one(*case.inputs)
    assert torch.equal(random, torch.get_rng_state()), "a call draws from the global generator"
    assert identical(first, second), "two calls differ"
    assert identical(_state(one), before), "a call in evaluation mode changes the state"
    assert identical(first, two(*case.inputs)), "two equal builds give different outputs"
    _serves_training_after_inference(case)


def _serves_training_after_inference(case: Case) -> None:
    module, inputs = build(case.example).double().eval(), case.example.draw(seed=0)
    try:
        with torch.inference_mode():
            module(*inputs)
    except RuntimeError as error:
        if "which torch.inference_mode forbids" in str(error):
            return
        raise
    total = torch.stack([y.square().sum() for y in floats(module(*inputs))]).sum()
    if total.requires_grad:
        total.backward()


def _state(module: torch.nn.Module) -> list[Any]:
    return [*module.parameters(), *module.buffers()]
