"""Small registered modules that keep every law, or refuse one, in a registry of their own."""

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.utils._pytree import _register_namedtuple

import geomdl
from geomdl.fields import Field, Vector
from geomdl.registry import Example, Registry

registry = Registry()
G = geomdl.group("C4")
REGULAR = Field(Vector(), G.regular)
SCALAR = Field(Vector(), G.trivial)


def draw(rng: torch.Generator) -> tuple[Tensor, ...]:
    """Three samples of the regular representation."""
    return (torch.randn(3, 4, generator=rng, dtype=torch.float64),)


def draw_two(rng: torch.Generator) -> tuple[Tensor, ...]:
    """Three samples of two inputs."""
    return draw(rng) + draw(rng)


def circulant(weight: Tensor, x: Tensor) -> Tensor:
    """Σ_k w_k (x shifted by k): the linear maps that commute with C4 in its regular form."""
    return sum((weight[k] * x.roll(k, -1) for k in range(4)), torch.zeros_like(x))


@registry.register_layer("toy/Circulant", example=Example(lambda: Circulant(), draw, forces=True))
class Circulant(nn.Module):
    """tanh(w ∗ x + b), or its argument."""

    source = target = REGULAR

    def __init__(self, bound: bool = True) -> None:
        super().__init__()
        self.bound = bound
        self.weight = nn.Parameter(torch.zeros(4))  # random weights alone can show anything here
        self.bias = nn.Parameter(torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        y = circulant(self.weight, x) + self.bias
        return y.tanh() if self.bound else y


@registry.register_model(
    "toy/Chain", example=Example(lambda: Chain(Circulant(), Normal(), Circulant(False)), draw)
)
class Chain(nn.Sequential):
    """One layer after another."""

    source = target = REGULAR

    def __init__(self, *layers: nn.Module) -> None:
        super().__init__(*layers)


@registry.register_layer("toy/Normal", example=Example(lambda: Normal(), draw))
class Normal(nn.Module):
    """Batch normalisation with one mean and variance for the four components."""

    source = target = REGULAR

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(1)

    def forward(self, x: Tensor) -> Tensor:
        return self.norm(x.unsqueeze(-2)).squeeze(-2)


class Pair(NamedTuple):
    """A scalar and a vector."""

    energy: Tensor
    field: Tensor


_register_namedtuple(Pair, serialized_type_name="tests.laws.toys.Pair")  # for torch.export


@registry.register_model("toy/Pairing", example=Example(lambda: Pairing(), draw_two))
class Pairing(nn.Module):
    """Two inputs, two outputs."""

    source = {"a": REGULAR, "b": REGULAR}  # noqa: RUF012
    target = {"energy": SCALAR, "field": REGULAR}  # noqa: RUF012

    def __init__(self) -> None:
        super().__init__()
        self.mix = Circulant()

    def forward(self, a: Tensor, b: Tensor) -> Pair:
        return Pair((a * self.mix(b)).sum(-1, keepdim=True), a - self.mix(b))


@registry.register_layer(
    "toy/Centred",
    example=Example(
        lambda: Centred(),
        draw,
        refuses={
            "batch_independence": "the mean over the batch is subtracted",
            "nan_isolation": "the mean over the batch carries a NaN to every sample",
        },
    ),
)
class Centred(nn.Module):
    """Subtracts the mean over the batch: what a refusal is for."""

    source = target = REGULAR

    def forward(self, x: Tensor) -> Tensor:
        return x - x.sum(0) / max(len(x), 1)
