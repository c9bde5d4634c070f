"""Products of spherical tensors as products of functions on the sphere."""

import math
from typing import Any

import torch
from torch import Tensor, nn

from geomdl.euclidean.harmonics import spherical_harmonics
from geomdl.euclidean.paths import Path, coefficients, product
from geomdl.euclidean.spherical import Block, single, spherical
from geomdl.euclidean.wigner import _cubature
from geomdl.fields import Field, Points
from geomdl.fields.numbers import check_counts
from geomdl.groups import Rep
from geomdl.kernels.harmonics import MOST
from geomdl.kernels.precision import uncast
from geomdl.kernels.rows import wide
from geomdl.registry import Example, register_layer


def gaunt_factor(path: Path) -> float:
    """Mean of Y_i Y_j Y_k over the sphere, divided by e3nn's Clebsch-Gordan coefficient C[i, j, k].

    √((2l₁ + 1) (2l₂ + 1) (2l + 1)) C[0, 0, 0], with C[0, 0, 0] of the three orders m = 0; zero
    where l₁ + l₂ + l is odd.
    """
    c = coefficients(path)[path.left.l, path.right.l, path.l]  # √(2l + 1) C[0, 0, 0]
    return float(c) * math.sqrt((2 * path.left.l + 1) * (2 * path.right.l + 1))


def _inputs(rng: torch.Generator) -> tuple[Any, ...]:
    return tuple(torch.randn(5, n, 3, generator=rng, dtype=torch.float64) for n in (9, 4))


def _example() -> nn.Module:
    rng = torch.Generator().manual_seed(0)
    return GauntTensorProduct(spherical(2), spherical(1), spherical(2), channels=3, rng=rng)


@register_layer("euclidean/GauntTensorProduct", example=Example(_example, _inputs, forces=True))
class GauntTensorProduct(nn.Module):
    """Product of two features as functions on the sphere, in O(l⁴) a channel instead of O(l⁶).

    z_l = c_l w_l ⟨f g Y_l⟩,  f(u) = Σ w'_l₁ x_l₁ · Y_l₁(u),  g(u) = Σ w''_l₂ y_l₂ · Y_l₂(u)

    channel by channel, ⟨⟩ the mean over the sphere, *exact* by a Gauss-Legendre × uniform grid of
    degree l₁ + l₂ + l; c_l makes variances stay. It is the sum over all paths with their
    Clebsch-Gordan coefficients, weighted by c_l w_l w'_l₁ w''_l₂ times a constant (`gaunt_factor`).

    What is lost against `TensorProduct`: a product of functions commutes, so that paths of odd
    l₁ + l₂ + l are absent (``lost``: the cross product of two vectors, and under O(3) all
    pseudo-tensors), and the weights of the paths are products of three, not free. Equivariant under
    O(3), *exact*; derivatives of every order.

    Args:
        left: irreps of x, each once, of parity (-1)^l and degrees up to 12; O3 or SO3.
        right: the same, of y.
        target: the same, of z; those of both up to the greater degree if None.
        channels: of x, y and z.
        rng: for the weights, normal of variance one; torch's global one if None.

    Attributes:
        lost: paths of `TensorProduct` that are absent, to any irrep up to the target's degrees.

    Raises:
        ValueError: irreps that are no functions on the sphere, or that no product holds; when
            called, shapes that do not fit.

    Example:
        >>> layer = GauntTensorProduct(spherical(1), spherical(1), channels=8)
        >>> layer(torch.randn(5, 4, 8), torch.randn(5, 4, 8)).shape
        torch.Size([5, 4, 8])
        >>> [(path.left.l, path.right.l, path.l) for path in layer.lost]
        [(1, 1, 1)]

    Source: Luo, Chen & Krishnapriyan 2024, arXiv:2401.10216 (there by Fourier series).
    """

    def __init__(
        self,
        left: Rep,
        right: Rep,
        target: Rep | None = None,
        *,
        channels: int,
        rng: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        check_counts(channels=channels)
        sides = {"left": _functions("left", left), "right": _functions("right", right)}
        if target is None:
            most = max(b.l for side in sides.values() for b in side)
            target = spherical(most, of=left.group)
        sides["target"] = outs = _functions("target", target)
        whole = product(left, right)
        top = max(b.l for b in outs)
        self.lost = tuple(p for p in whole.paths if p.l <= top and (p.left.l + p.right.l + p.l) % 2)
        product(left, right, target)  # refuses what does not fit
        scales = []
        for b in outs:
            met = [p for p in whole.paths if p.l == b.l and (p.left.l + p.right.l + p.l) % 2 == 0]
            if not met:
                raise ValueError(f"target: no product of functions holds {b.name[2:]}")
            variance = sum(gaunt_factor(p) ** 2 for p in met) / (2 * b.l + 1)
            scales.append(variance**-0.5)
        degree = sum(max(b.l for b in side) for side in sides.values())
        points, weights = (torch.tensor(part) for part in _cubature((degree + 1) // 2))
        for name, side in sides.items():
            y = spherical_harmonics(points, max(b.l for b in side))
            table = torch.cat([y[:, b.l**2 : (b.l + 1) ** 2] for b in side], 1)
            if name == "target":
                repeats = torch.tensor([2 * b.l + 1 for b in side])
                c = torch.tensor(scales, dtype=torch.float64).repeat_interleave(repeats)
                table = (table * weights[:, None] * c).T
            bits = table.contiguous().view(torch.int64)
            self.register_buffer(f"bits_{name}", bits, persistent=False)
            owner = [n for n, b in enumerate(side) for _ in range(2 * b.l + 1)]
            self.register_buffer(f"owner_{name}", torch.tensor(owner), persistent=False)
        self.weights = nn.ParameterDict(
            {
                name: nn.Parameter(torch.randn(len(side), channels, generator=rng))
                for name, side in sides.items()
            }
        )
        self.source = {
            "x": Field(Points(3), left, channels=channels),
            "y": Field(Points(3), right, channels=channels),
        }
        self.target = Field(Points(3), target, channels=channels)

    @uncast
    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        """(nodes, left.dim, channels), (nodes, right.dim, channels) to their product."""
        for name, value in (("x", x), ("y", y)):
            shape = (x.shape[0], *self.source[name].fibre)
            if tuple(value.shape) != shape:
                raise ValueError(f"{name}: expected shape {shape}, got {tuple(value.shape)}")
        dtype = torch.promote_types(wide(x.dtype), self.weights["left"].dtype)
        f, g = (
            self._table(name, dtype) @ (value.to(dtype) * self._weight(name, dtype))
            for name, value in (("left", x), ("right", y))
        )
        z = self._table("target", dtype) @ (f * g)
        return (z * self._weight("target", dtype)).to(x.dtype)

    def _table(self, name: str, dtype: torch.dtype) -> Tensor:
        bits: Tensor = getattr(self, f"bits_{name}")
        return bits.view(torch.float64).to(dtype)

    def _weight(self, name: str, dtype: torch.dtype) -> Tensor:
        """Of each row."""
        owner: Tensor = getattr(self, f"owner_{name}")
        found: Tensor = self.weights[name].to(dtype).index_select(0, owner)
        return found

    def extra_repr(self) -> str:
        """What is lost."""
        return f"{len(self.lost)} paths of odd l₁ + l₂ + l are absent"


def _functions(name: str, rep: Rep) -> tuple[Block, ...]:
    """Blocks of coefficients of functions on the sphere."""
    found = single(name, rep)
    special = getattr(rep.group, "special", False)
    for b in found:
        if b.l > MOST:
            raise ValueError(f"{name}: expected degrees up to {MOST}, got {b.l}")
        if not special and b.p != (-1) ** b.l:
            raise ValueError(
                f"{name}: expected irreps of parity (-1)^l, functions on the sphere, got"
                f" {b.name[2:]}"
            )
    return found
