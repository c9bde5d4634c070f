"""Small networks without any symmetry, and fields for them."""

import torch
from torch import Tensor, nn

import geomdl
from geomdl.fields import Field, Grid, Nodes, Vector, positions

D4, O3, SO3, E3 = (geomdl.group(name) for name in ("D4", "O3", "SO3", "E3"))
IMAGE = Field(Grid(2), 2 * D4.trivial)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def randn(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float32) -> Tensor:
    return torch.randn(*shape, generator=seeded(seed), dtype=torch.float64).to(dtype)


def dense(inputs: int, outputs: int, width: int = 16) -> nn.Sequential:
    """A smooth perceptron with weights of size one."""
    net = nn.Sequential(nn.Linear(inputs, width), nn.Tanh(), nn.Linear(width, outputs))
    rng = seeded(inputs + outputs)
    with torch.no_grad():
        for p in net.parameters():
            fan_in = p.shape[-1] if p.ndim > 1 else 1
            p.copy_(torch.randn(p.shape, generator=rng) / fan_in**0.5)
    return net


def rows(n: int, c: int, out: int) -> nn.Sequential:
    """A network from (…, n, c) to (…, n, out)."""
    return nn.Sequential(nn.Flatten(-2), dense(n * c, n * out), nn.Unflatten(-1, (n, out)))


def cnn(size: int, outputs: int) -> nn.Sequential:
    """A small CNN from images of 2 channels to numbers."""
    torch.manual_seed(0)
    flat = 4 * (size - 2) ** 2
    return nn.Sequential(nn.Conv2d(2, 4, 3), nn.Tanh(), nn.Flatten(1), nn.Linear(flat, outputs))


def vectors(group: geomdl.Group, n: int) -> Field:
    return Field(Vector(), n * group.standard)


def points(group: geomdl.Group) -> Field:
    return positions(group)


def members(group: geomdl.Group, c: int) -> Field:
    return Field(Nodes(), c * group.trivial)
