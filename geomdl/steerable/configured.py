"""Networks under other names, with defaults of their own."""

import inspect
import sys
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import torch
from torch import nn

from geomdl.registry import Example, register_model

M = TypeVar("M", bound=nn.Module)
_FIRST = ("group", "groups")  # named last in configurations, for these have their own


def configured(
    name: str,
    network: type[M],
    text: str,
    defaults: dict[str, Any],
    small: dict[str, Any],
    scale: float = 1.0,
    fixed: Sequence[str] = (),
) -> Callable[..., M]:
    """Register a network under another name, with other defaults.

    Args:
        name: under "steerable/".
        network: class of the network.
        text: docstring.
        defaults: arguments that differ from the network's own.
        small: arguments of the example on which the laws are checked: a group that maps pixels to
            pixels, for the laws ask for exactness.
        scale: of the example's inputs.
        fixed: those of ``defaults`` that the name stands for, and nobody changes.

    Returns:
        The constructor. It takes all arguments of the network, groups by keyword.
    """
    own = inspect.signature(network).parameters.values()
    open_ = [p for p in own if p.name not in fixed]
    ours = [p.replace(default=defaults.get(p.name, p.default)) for p in open_]
    ours.sort(key=lambda p: p.kind == p.KEYWORD_ONLY or p.name in _FIRST)
    parameters = [p.replace(kind=p.KEYWORD_ONLY) if p.name in _FIRST else p for p in ours]
    signature = inspect.Signature(parameters, return_annotation=network)

    def build(*args: Any, **kwargs: Any) -> M:
        bound = signature.bind(*args, **kwargs)
        bound.apply_defaults()
        return network(**{name: defaults[name] for name in fixed}, **bound.arguments)

    def example() -> nn.Module:
        return recorded(**small).eval()

    def inputs(rng: torch.Generator) -> tuple[Any, ...]:
        x = torch.randn(2, 1, *small["shape"], generator=rng, dtype=torch.float64)
        return (scale * x,)

    build.__name__ = build.__qualname__ = name
    build.__module__ = sys._getframe(1).f_globals["__name__"]  # whose tests its examples are
    build.__doc__ = text
    build.__signature__ = signature  # type: ignore[attr-defined]
    recorded = register_model(f"steerable/{name}", example=Example(example, inputs))(build)
    return recorded


def cube(n: int, d: int, **more: Any) -> dict[str, Any]:
    """Arguments of an example with one channel of n^d pixels and two classes."""
    return {"shape": (n,) * d, "in_channels": 1, "classes": 2, **more}
