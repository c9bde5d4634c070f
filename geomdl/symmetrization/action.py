"""The action on a tree of values, also where `torch.compile` and `torch.export` trace it."""

import json
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor

from geomdl.fields import Field, Type, fields_of, map_fields
from geomdl.kernels.precision import full_precision


class Action:
    """`geomdl.act` for one type, traced as one op for each value.

    How a group moves pixels is decided by the numbers in an element, so that it cannot be traced;
    the op is opaque to the tracer and runs the same code. Traced, it has first derivatives only.

    Args:
        type_: type of the values.
        name: what errors call them.
    """

    def __init__(self, type_: Type, name: str) -> None:
        self.type = type_
        self.name = name
        self._codes = [(field, json.dumps(field.to_config())) for field in fields_of(type_)]
        for field, _ in self._codes:
            _ = field.group.identity_parts  # a constant that no tracer should meet first

    def check(self, values: Any) -> None:
        """Refuse values that are not of the type."""
        map_fields(lambda field, x, name: field.check(x, name), self.type, values, self.name)

    def __call__(self, g: Any, values: Any) -> Any:
        """Values moved by one element, or by one a sample."""
        return map_fields(lambda field, x, _: self.move(field, g, x), self.type, values, self.name)

    def move(self, field: Field, g: Any, x: Any) -> Any:
        """One value of one field of the type, in its own precision, autocast or not."""
        if not isinstance(x, Tensor):
            return field.act_unchecked(g, x)
        with full_precision(x):
            if not torch.compiler.is_compiling():
                return field.act_unchecked(g, x)
            code = next(code for known, code in self._codes if known is field)
            return torch.ops.geomdl.act(code, _leaves(g), x)


@lru_cache(maxsize=256)
def _field(code: str) -> Field:
    return Field.from_config(json.loads(code))


def _leaves(g: Any) -> list[Tensor]:
    return [leaf for part in g for leaf in _leaves(part)] if isinstance(g, tuple) else [g]


def _element(shape: Any, leaves: list[Tensor]) -> Any:
    """An element of a group whose `element_shape` is given, from its tensors."""

    def build(part: Any) -> Any:
        nested = bool(part) and isinstance(part[0], tuple)
        return tuple(build(p) for p in part) if nested else next(remaining)

    remaining = iter(leaves)
    return build(shape)


@torch.library.custom_op("geomdl::act", mutates_args=())
def _act(code: str, g: list[Tensor], x: Tensor) -> Tensor:
    field = _field(code)
    y: Tensor = field.act_unchecked(_element(field.group.element_shape, g), x)
    if y.shape != x.shape:
        raise ValueError(
            f"x: sides that the group exchanges should be equal where it is traced, got {x.shape}"
        )
    return y.clone(memory_format=torch.contiguous_format)


@_act.register_fake
def _act_fake(code: str, g: list[Tensor], x: Tensor) -> Tensor:
    return torch.empty_like(x, memory_format=torch.contiguous_format)


# A custom_op would run where autograd records nothing; this one differentiates inside.
torch.library.define("geomdl::act_vjp", "(str code, Tensor[] g, Tensor x, Tensor grad) -> Tensor[]")


@torch.library.impl("geomdl::act_vjp", "default")
def _vjp(code: str, g: list[Tensor], x: Tensor, grad: Tensor) -> list[Tensor]:
    with torch.enable_grad():
        inputs = [t.detach() for t in (x, *g)]
        moving = [t.requires_grad_() for t in inputs if t.is_floating_point()]
        field = _field(code)
        y = field.act_unchecked(_element(field.group.element_shape, inputs[1:]), inputs[0])
        found = iter(torch.autograd.grad(y, moving, grad, allow_unused=True))
    given = [next(found) if t.is_floating_point() else None for t in inputs]
    return [
        torch.zeros_like(t) if d is None else d.clone(memory_format=torch.contiguous_format)
        for t, d in zip(inputs, given, strict=True)
    ]


@torch.library.register_fake("geomdl::act_vjp")  # type: ignore[untyped-decorator]
def _vjp_fake(code: str, g: list[Tensor], x: Tensor, grad: Tensor) -> list[Tensor]:
    return [torch.empty_like(t, memory_format=torch.contiguous_format) for t in (x, *g)]


def _setup(ctx: Any, inputs: Any, output: Tensor) -> None:
    ctx.code, g, x = inputs
    ctx.save_for_backward(x, *g)


def _backward(ctx: Any, grad: Tensor) -> tuple[None, list[Tensor | None], Tensor]:
    x, *g = ctx.saved_tensors
    to_x, *to_g = torch.ops.geomdl.act_vjp(ctx.code, g, x, grad)
    return (
        None,
        [d if t.is_floating_point() else None for t, d in zip(g, to_g, strict=True)],
        to_x,
    )


_act.register_autograd(_backward, setup_context=_setup)
