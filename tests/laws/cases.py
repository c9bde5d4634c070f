"""What the laws run on: a small registered module in float64 with O(1) weights, and inputs."""

import copy
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils import _pytree as pytree

from geomdl.auditing.prepare import redraw
from geomdl.registry import Example, Registry


@dataclass(frozen=True)
class Case:
    """A built example: its module (never changed: take a `copy`) and one batch of inputs."""

    name: str
    registry: Registry
    example: Example
    module: nn.Module
    inputs: tuple[Any, ...]

    def copy(self, dtype: torch.dtype | None = None) -> nn.Module:
        """The module again, to be changed at will."""
        module = copy.deepcopy(self.module)
        return module if dtype is None else cast(module, dtype)


def cast(module: nn.Module, dtype: torch.dtype) -> nn.Module:
    """Floating-point state to a dtype, in place (``Module.to`` would also cut complex state)."""
    return module._apply(lambda x: x.to(dtype) if x.is_floating_point() else x)


@cache
def case(name: str, registry: Registry) -> Case:
    """Build the example of a name; every law on that name shares it."""
    example = registry.example(name)
    return make_case(name, registry, example)


def make_case(name: str, registry: Registry, example: Example) -> Case:
    """Build in float32 as users do, cast to float64, evaluation mode, weights of size one."""
    module = build(example).double().eval()
    redraw(module, torch.Generator().manual_seed(1))
    return Case(name, registry, example, module, example.draw(seed=0))


def build(example: Example, seed: int = 0) -> nn.Module:
    """Build an example under a seed, leaving torch's global random state alone."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return example.build()


def train(module: nn.Module, inputs: tuple[Any, ...], steps: int = 3) -> None:
    """A few steps of Adam towards random targets, in training mode; then evaluation mode."""
    rng = torch.Generator().manual_seed(2)
    module.train()
    parameters = [p for p in module.parameters() if p.requires_grad]
    optimizer = torch.optim.Adam(parameters, lr=0.05) if parameters else None
    for _ in range(steps):
        outputs = floats(module(*inputs))
        loss = sum((y - torch.randn(y.shape, generator=rng)).square().mean() for y in outputs)
        if optimizer is not None:
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    module.eval()


def floats(tree: Any) -> list[Tensor]:
    """Floating-point tensors in a tree of inputs or outputs, in order."""
    leaves = pytree.tree_leaves(tree)
    return [x for x in leaves if isinstance(x, Tensor) and x.is_floating_point()]


def tensors(tree: Any) -> list[Tensor]:
    """All tensors in a tree, in order."""
    return [x for x in pytree.tree_leaves(tree) if isinstance(x, Tensor)]


def map_tensors(change: Callable[[Tensor], Tensor], tree: Any) -> Any:
    """The same tree with every tensor changed."""
    return pytree.tree_map_only(Tensor, change, tree)


def map_floats(change: Callable[[Tensor], Tensor], tree: Any) -> Any:
    """The same tree with every floating-point tensor changed."""
    return map_tensors(lambda x: change(x) if x.is_floating_point() else x, tree)


def replace_floats(tree: Any, values: list[Tensor]) -> Any:
    """The same tree with its floating-point tensors replaced, in order."""
    remaining = iter(values)
    return map_floats(lambda _: next(remaining), tree)


def distance(a: Any, b: Any) -> float:
    """Largest difference between two trees relative to the size of the second; NaN if one is NaN.

    Trees of different structure or shapes are infinitely far apart.
    """
    ours, theirs = tensors(a), tensors(b)
    if [x.shape for x in ours] != [y.shape for y in theirs]:
        return float("inf")
    worst = torch.zeros((), dtype=torch.float64)
    for x, y in zip(ours, theirs, strict=True):
        if x.numel():
            x, y = x.double(), y.double()
            scale = y.abs().max().clamp(min=torch.finfo(torch.float64).tiny)
            worst = torch.maximum(worst, (x - y).abs().max() / scale)
    return worst.item()


def identical(a: Any, b: Any) -> bool:
    """Whether two trees of tensors are equal bit for bit, dtypes included (NaN equals NaN)."""
    ours, theirs = tensors(a), tensors(b)
    return len(ours) == len(theirs) and all(
        x.dtype == y.dtype
        and x.shape == y.shape
        and torch.equal(x.isnan(), y.isnan())
        and torch.equal(x.nan_to_num(), y.nan_to_num())
        for x, y in zip(ours, theirs, strict=True)
    )
