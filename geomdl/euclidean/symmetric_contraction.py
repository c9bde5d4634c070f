"""Symmetric contraction: many-body features as polynomials of the features of an atom."""

import math
from typing import Any

import torch
from torch import Tensor, nn

from geomdl.euclidean.spherical import blocks, single, spherical
from geomdl.euclidean.symmetric import polynomials
from geomdl.fields import Field, Points
from geomdl.groups import Rep
from geomdl.kernels.precision import uncast
from geomdl.kernels.rows import wide
from geomdl.registry import Example, register_layer

_MOST = 4  # degree


def _inputs(rng: torch.Generator) -> tuple[Any, ...]:
    return torch.randn(5, 4, 3, generator=rng, dtype=torch.float64), torch.tensor([0, 1, 1, 0, 1])


@register_layer(
    "euclidean/SymmetricContraction",
    example=Example(
        lambda: SymmetricContraction(
            spherical(1), channels=3, species=2, rng=torch.Generator().manual_seed(0)
        ),
        _inputs,
        forces=True,
        tol=1e-11,
    ),
)
class SymmetricContraction(nn.Module):
    """Equivariant polynomials of an atom's features, channel by channel, weighted by its species.

    B[n, (l, p), M, u] = Σ_ν Σ_k W^ν[z_n, k, u] Σ_i U^ν[k, M, i_1 … i_ν] Π_t A[n, i_t, u]

    U are all symmetric couplings of ν copies of A to (l, p), orthonormal (`symmetric_couplings`):
    the sum holds every equivariant polynomial of A up to the degree. With A a sum over neighbours,
    B has body order degree + 1. Equivariant under O(3), *exact* up to rounding. Products of degree
    ν are made from those of degree ν - 1, each once and only where U needs it, then multiplied by U
    as a matrix: memory is nodes × channels × products.

    Args:
        source: irreps of A, each once.
        target: irreps of B, each once; those of A if None.
        channels: of A and B.
        correlation: greatest degree ν, 1 to 4.
        species: how many.
        rng: for the weights, normal of variance one; torch's global one if None.

    Attributes:
        weights: of each degree and irrep, shape (species, K, channels).

    Raises:
        ValueError: groups differ, an irrep twice or one that no product holds, or an impossible
            number; when called, a shape that does not fit.

    Example:
        >>> layer = SymmetricContraction(spherical(2), spherical(1), channels=8, species=3)
        >>> layer(torch.randn(4, 9, 8), torch.tensor([0, 2, 1, 0])).shape
        torch.Size([4, 4, 8])

    Source: Batatia et al. 2022, arXiv:2206.07697, eq. 10.
    """

    def __init__(
        self,
        source: Rep,
        target: Rep | None = None,
        *,
        channels: int,
        correlation: int = 3,
        species: int = 1,
        rng: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        target = source if target is None else target
        if target.group != source.group:
            raise ValueError(f"target: expected {source.group.name}, got {target.group.name}")
        for name, value, most in (
            ("channels", channels, None),
            ("correlation", correlation, _MOST),
            ("species", species, None),
        ):
            if not isinstance(value, int) or value < 1 or (most and value > most):
                span = "a positive number" if most is None else f"1 to {most}"
                raise ValueError(f"{name}: expected {span}, got {value!r}")
        single("source", source)
        self.correlation, self.outputs = correlation, single("target", target)
        self.weights = nn.ParameterDict()
        self.shapes: list[list[tuple[str, int, int]]] = []  # name, K, 2l + 1
        for degree, found in enumerate(polynomials(source, target, correlation), 1):
            shapes = []
            for b, count in zip(self.outputs, found.counts, strict=True):
                name = f"{degree}_{b.name[2:]}"
                shapes.append((name, count, 2 * b.l + 1))
                if count:
                    weight = torch.randn(species, count, channels, generator=rng)
                    self.weights[name] = nn.Parameter(weight)
            bits = found.matrix.view(torch.int64)  # which no change of dtype rounds
            for name, table in (("u", bits), ("parent", found.parent), ("last", found.last)):
                self.register_buffer(f"{name}{degree}", table.clone(), persistent=False)
            self.shapes.append(shapes)
        for at, b in enumerate(self.outputs):
            if not any(shapes[at][1] for shapes in self.shapes):
                raise ValueError(
                    f"target: no product of up to {correlation} features holds {b.name[2:]}"
                )
        one = source.group.trivial
        self.source = {
            "x": Field(Points(3), source, channels=channels),
            "kind": Field(Points(3), one, shape=()),
        }
        self.target = Field(Points(3), target, channels=channels)

    @uncast
    def forward(self, x: Tensor, kind: Tensor) -> Tensor:
        """Features to their polynomials.

        Args:
            x: A, shape (nodes, source.dim, channels).
            kind: species, from 0, shape (nodes,).

        Returns:
            shape (nodes, target.dim, channels).
        """
        shape = (x.shape[0], *self.source["x"].fibre)
        if tuple(x.shape) != shape or tuple(kind.shape) != shape[:1]:
            raise ValueError(
                f"x, kind: expected shapes {shape} and {shape[:1]}, got {tuple(x.shape)} and"
                f" {tuple(kind.shape)}"
            )
        first = x.to(wide(x.dtype)).transpose(0, 1).contiguous()  # (components, nodes, channels)
        products = first
        sums = [first.new_zeros(2 * b.l + 1, *first.shape[1:]) for b in self.outputs]
        for degree, shapes in enumerate(self.shapes, 1):
            u, parent, last = (
                self.get_buffer(f"{name}{degree}") for name in ("u", "parent", "last")
            )
            if degree > 1:
                products = products.index_select(0, parent) * first.index_select(0, last)
            made = u.view(torch.float64).to(first.dtype) @ products.flatten(1)
            pieces = made.split([count * size for _, count, size in shapes])
            for at, (name, count, size) in enumerate(shapes):
                if count:
                    scale = 1 / math.sqrt(count * self.correlation * math.factorial(degree))
                    weight = self.weights[name].to(first.dtype) * scale
                    weight = weight.index_select(0, kind).transpose(0, 1).unsqueeze(1)
                    each = pieces[at].view(count, size, *first.shape[1:])
                    sums[at] = sums[at] + (each * weight).sum(0)
        return torch.cat(sums).transpose(0, 1).to(x.dtype)

    def extra_repr(self) -> str:
        """Irreps in and out, and how many couplings of each degree."""
        counts = [sum(count for _, count, _ in shapes) for shapes in self.shapes]
        kept = " + ".join(b.name for b in self.outputs)
        return f"{len(blocks(self.source['x'].rep))} irreps → {kept}, couplings={counts}"
