"""Small equivariant networks that canonicalize: scores of elements or members, and vectors."""

import math
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call

from geomdl.fields import Edges, Field, Grid, Nodes, Points, Type, coordinates
from geomdl.symmetrization.action import Action
from geomdl.symmetrization.clouds import Reading, choose
from geomdl.symmetrization.frame import Orbit


def perceptron(*sizes: int) -> nn.Sequential:
    """Affine maps with SiLU between them."""
    layers: list[nn.Module] = []
    for before, after in pairwise(sizes):
        layers += [nn.SiLU()] if layers else []
        layers.append(nn.Linear(before, after))
    return nn.Sequential(*layers)


def full(net: nn.Module, x: Tensor) -> Tensor:
    """A network in float32 at least, autocast or not: in half precision, scores tie."""
    weights: dict[str, Tensor] = dict(net.named_parameters())
    kept = torch.promote_types(next(iter(weights.values())).dtype, torch.float32)
    with torch.autocast(x.device.type, enabled=False):
        weights = {name: p.to(kept) for name, p in weights.items()}
        y: Tensor = functional_call(net, weights, (x.to(kept),))
    return y


class OrbitScores(nn.Module):
    """Scores s_h(x) = e(h⁻¹ x) of the elements of a finite group, e a small network of no symmetry.

    So s_{gh}(g x) = s_h(x), as exactly as the group acts.

    Args:
        orbit: the elements.
        source: type of the inputs.
        by: name of the input that is looked at; by default the first.
        channels: width of e, which is convolutional on grids and a perceptron elsewhere, summed
            over points or nodes.
    """

    def __init__(self, orbit: Orbit, source: Type, by: str | None = None, channels: int = 16):
        super().__init__()
        self.orbit = orbit
        self.reading = choose(source, by, _is_tensor, "a Field of tensors")
        self.action = Action(self.reading.field, "x")
        self.energy = _energy(self.reading.field, channels)

    def forward(self, *args: Any, **inputs: Any) -> Tensor:
        """Scores (batch, |G|)."""
        x = self.reading.of(inputs or args)
        moved = [self.action.move(self.reading.field, g, x) for g in self.orbit.each(True)]
        if any(y.shape != moved[0].shape for y in moved):  # axes of unequal length, exchanged
            return torch.stack([full(self.energy, y) for y in moved], -1)
        return full(self.energy, torch.stack(moved)).movedim(0, -1)


class _ImageEnergy(nn.Module):
    """A number for each image: two convolutions that know where they are, and a mean."""

    def __init__(self, d: int, channels_in: int, channels: int) -> None:
        super().__init__()
        conv = (nn.Conv1d, nn.Conv2d, nn.Conv3d)[d - 1]
        self.d = d
        self.layers = nn.Sequential(
            conv(channels_in + d, channels, 3, padding=1),
            nn.SiLU(),
            conv(channels, 1, 3, padding=1),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Images (…, channels, *spatial) to numbers (…)."""
        sizes = x.shape[-self.d :]
        place = (2 / max(sizes) * coordinates(sizes)).movedim(-1, 0).to(x)
        images = x.flatten(0, -2 - self.d)
        images = torch.cat([images, place.expand(len(images), *place.shape)], 1)
        y: Tensor = self.layers(images).flatten(1).mean(1).reshape(x.shape[: -1 - self.d])
        return y


class _RowEnergy(nn.Module):
    """A number for each vector, or for each set of them."""

    def __init__(self, field: Field, channels: int) -> None:
        super().__init__()
        self.axes = len(field.fibre)
        self.has_nodes = isinstance(field.domain, (Nodes, Points))
        self.width = math.prod(field.fibre)
        self.inner = perceptron(self.width, channels, channels)
        self.outer = perceptron(channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Values (…, *fibre), or (…, nodes, *fibre), to numbers (…)."""
        y = self.inner(x.reshape(*x.shape[: x.ndim - self.axes], self.width))
        y = y.mean(-2) if self.has_nodes else y
        out: Tensor = self.outer(torch.tanh(y)).squeeze(-1)
        return out


def _energy(field: Field, channels: int) -> nn.Module:
    if isinstance(field.domain, Grid):
        return _ImageEnergy(field.domain.d, field.rep.dim, channels)
    return _RowEnergy(field, channels)


def _is_tensor(field: Field) -> bool:
    return not isinstance(field.domain, Edges)


class VectorNetwork(nn.Module):
    """Equivariant vectors of a cloud, whatever the order of its points.

    u_k = mean_i φ_k(|x_i|²) x_i, then v_k = mean_i ψ_k(|x_i|², ⟨x_i, u⟩) x_i with perceptrons φ, ψ,
    so that v_k(R x) = R v_k(x) for R in O(d), exactly.

    Args:
        reading: the input that holds the points or vectors.
        count: number of vectors.
        channels: width of the perceptrons, and number of the u_k.

    Source: Deng et al. 2021, arXiv:2104.12229; Kaba et al. 2023, arXiv:2211.06489, for the idea.
    """

    def __init__(self, reading: Reading, count: int, channels: int = 16) -> None:
        super().__init__()
        self.reading = reading
        self.first = perceptron(1, channels, channels)
        self.second = perceptron(1 + channels, channels, count)

    def forward(self, *args: Any, **inputs: Any) -> Tensor:
        """Vectors (…, count, d)."""
        x = self.reading.vectors(inputs or args)
        square = x.square().sum(-1, keepdim=True)
        u = _means(full(self.first, square), x)
        return _means(full(self.second, torch.cat([square, x @ u.mT], -1)), x)


def _means(weights: Tensor, x: Tensor) -> Tensor:
    """Σ_i w_ik x_i / n: (…, n, k) and (…, n, d) to (…, k, d)."""
    return weights.mT.to(x) @ x / max(x.shape[-2], 1)


class MemberScores(nn.Module):
    """Scores of the members of a set, s_i = ψ(φ(x_i), mean_j φ(x_j)), which move with them.

    Args:
        reading: the input that holds the members.
        numbers: how many a member has.
        channels: width of the perceptrons.
    """

    def __init__(self, reading: Reading, numbers: int, channels: int = 16) -> None:
        super().__init__()
        self.reading = reading
        self.inner = perceptron(numbers, channels, channels)
        self.outer = perceptron(2 * channels, channels, 1)

    def forward(self, *args: Any, **inputs: Any) -> Tensor:
        """Scores (…, n)."""
        own = torch.tanh(full(self.inner, self.reading.members(inputs or args)))
        mean = own.mean(-2, keepdim=True).expand(own.shape)
        return full(self.outer, torch.cat([own, mean], -1)).squeeze(-1)
