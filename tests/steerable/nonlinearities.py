"""What the tests of non-linearities share: random elements, errors in the fibre, the laws."""

from typing import Any

import torch
from torch import Tensor, nn

from geomdl import Field
from geomdl.registry import LAWS, Example, default
from tests.laws.cases import make_case
from tests.laws.laws import check


def draw(*shape: int, seed: int = 0) -> Tensor:
    rng = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=rng, dtype=torch.float64)


def randomized(layer: nn.Module) -> nn.Module:
    """In float64, with parameters of size one."""
    layer = layer.double()
    with torch.no_grad():
        for i, parameter in enumerate(layer.parameters()):
            parameter.copy_(draw(*parameter.shape, seed=50 + i))
    return layer


@torch.no_grad()
def fibre_error(layer: nn.Module, n: int = 16, scale: float = 1.0) -> float:
    """Relative difference of f(g x) and g f(x) for random elements g, one for each vector x."""
    source, target = layer.source, layer.target
    assert isinstance(source, Field) and isinstance(target, Field)
    g = source.group.sample(n, torch.Generator().manual_seed(1))
    x = scale * draw(n, source.rep.dim)
    moved = target.act(g, layer(x))
    return float((layer(source.act(g, x)) - moved).norm() / moved.norm())


def hold_the_laws(build: Any, *shape: int, **options: Any) -> None:
    """Every law, for a layer that has been registered with another example."""
    example = Example(build, lambda rng: (torch.randn(shape, generator=rng).double(),), **options)
    case = make_case(type(build()).__name__, default, example)
    for law in LAWS:
        check(law, case)
