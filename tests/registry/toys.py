"""Small registered modules for the tests of names and checkpoints, in a registry of their own."""

from typing import Any

import torch
from torch import Tensor, nn

from geomdl.registry import Example, Registry

registry = Registry()


def example(build: Any, width: int = 3) -> Example:
    def inputs(rng: torch.Generator) -> tuple[Tensor, ...]:
        return (torch.randn(4, width, generator=rng, dtype=torch.float64),)

    return Example(build, inputs)


@registry.register_layer("toy/Affine", example=example(lambda: Affine(3, 2)))
class Affine(nn.Module):
    """x -> scale (W x + b), with a count of calls and a derived buffer."""

    def __init__(self, width: int, out: int, *, scale: float = 1.0, options: Any = None) -> None:
        super().__init__()
        self.scale, self.options = scale, options
        self.weight = nn.Parameter(torch.randn(out, width))
        self.bias = nn.Parameter(torch.zeros(out))
        self.register_buffer("calls", torch.tensor(0))
        self.register_buffer("ones", torch.ones(out), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        if self.training:
            self.calls += 1
        return self.scale * self.ones * (x @ self.weight.T + self.bias)


@registry.register_layer("toy/Chain", example=example(lambda: Chain(Affine(3, 5), Affine(5, 2))))
class Chain(nn.Module):
    """One module after another."""

    def __init__(self, *modules: nn.Module, **named: nn.Module) -> None:
        super().__init__()
        self.steps = nn.ModuleList(modules)
        self.named = nn.ModuleDict(named)

    def forward(self, x: Tensor) -> Tensor:
        for step in [*self.steps, *self.named.values()]:
            x = step(x)
        return x


@registry.register_layer("toy/Tied", example=example(lambda: Tied(3)))
class Tied(nn.Module):
    """An encoder and a decoder; ``tie`` makes them one matrix."""

    def __init__(self, width: int, tie: bool = True) -> None:
        super().__init__()
        self.encoder = nn.Linear(width, width, bias=False)
        self.decoder = nn.Linear(width, width, bias=False)
        if tie:
            self.decoder.weight = self.encoder.weight

    def forward(self, x: Tensor) -> Tensor:
        return self.decoder(self.encoder(x).tanh())


@registry.register_layer("toy/Waves", example=example(lambda: Waves(3)))
class Waves(nn.Module):
    """Complex and boolean state."""

    def __init__(self, width: int, dtype: torch.dtype = torch.complex64) -> None:
        super().__init__()
        self.phase = nn.Parameter(torch.randn(width, dtype=dtype))
        self.register_buffer("mask", torch.ones(width, dtype=torch.bool))

    def forward(self, x: Tensor) -> Tensor:
        return (x * self.phase * self.mask).real


@registry.register_model("toy/small", example=example(lambda: small()))
def small(width: int = 3, depth: int = 2) -> nn.Module:
    """A model that a function builds."""
    return Chain(*(Affine(width, width) for _ in range(depth)))


@registry.register_model("toy/Dropping", example=example(lambda: Dropping()))
class Dropping(nn.Module):
    """Another output in training than in evaluation."""

    def __init__(self, width: int = 3, rng: torch.Generator | None = None) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(width)
        self.drop = nn.Dropout(0.5)
        self.register_buffer("frame", torch.randn(width, width, generator=rng))

    def forward(self, x: Tensor) -> Tensor:
        return self.drop(self.norm(x)) @ self.frame
