"""Products of a vector with itself, projected on a representation: a learnt quadratic map."""

import math
from typing import Any

import torch
from torch import Tensor, nn

from geomdl import groups
from geomdl.fields import Field, Grid
from geomdl.groups import Rep, direct_sum, intertwiners
from geomdl.groups.constant import memoized
from geomdl.groups.linalg import canonical_basis
from geomdl.registry import Example, register_layer
from geomdl.registry.exact_buffers import ExactBuffers
from geomdl.steerable.checks import check_input, fibre_axis, same_domain, whole
from geomdl.steerable.fourier import one_function


@memoized
def quadratic_maps(r: Rep, s: Rep) -> Tensor:
    """Basis of the equivariant quadratic maps r → s, (n, s.dim, pairs) float64.

    q_b(x) = Σ_{i ≤ j} C[b, ·, ij] x_i x_j, pairs in the order of ``torch.triu_indices``; C is
    orthonormal. Complete: Hom_G(Sym² r, s), found pair by pair of the blocks of r and s.
    """
    places, count = torch.zeros(r.dim, r.dim, dtype=torch.int64), r.dim * (r.dim + 1) // 2
    i, j = torch.triu_indices(r.dim, r.dim)
    places[i, j] = places[j, i] = torch.arange(count)
    rows, columns = _starts(s), _starts(r)
    found = [torch.zeros(0, s.dim, count, dtype=torch.float64)]
    for a, (first, start) in enumerate(columns):
        for b, (second, other) in enumerate(columns[a:], a):
            at = places[start : start + first.dim, other : other + second.dim].flatten()
            for part, row in rows:
                maps = intertwiners(first @ second, part)
                if a == b:
                    maps = _symmetric(maps, first.dim)
                wide = torch.zeros(len(maps), part.dim, count, dtype=torch.float64)
                wide.index_add_(2, at, maps)  # off the diagonal x_i x_j stands twice
                wide = wide / wide.flatten(1).norm(dim=1)[:, None, None]
                whole = torch.zeros(len(maps), s.dim, count, dtype=torch.float64)
                whole[:, row : row + part.dim] = wide
                found.append(whole)
    return torch.cat(found)


def _starts(rep: Rep) -> list[tuple[Rep, int]]:
    """Each copy and its first component."""
    out, start = [], 0
    for block, n in rep.blocks:
        for _ in range(n):
            out.append((block, start))
            start += block.dim
    return out


def _symmetric(maps: Tensor, dim: int) -> Tensor:
    """Orthonormal basis of the maps (n, s, dim²) that are symmetric in the two factors."""
    square = maps.unflatten(2, (dim, dim))
    flat = ((square + square.mT) / 2).flatten(1)
    _, values, rows = torch.linalg.svd(flat, full_matrices=False)
    kept = rows[values > 0.5].T  # singular values are 0 and 1
    return canonical_basis(kept).T.reshape(-1, *maps.shape[1:])


def _example() -> nn.Module:
    G = groups.group("D4")
    source, target = 2 * (G.standard + G.trivial), 2 * (G.irrep((1, 0)) + G.standard)
    return TensorProductNonlinearity(Field(Grid(2), source), Field(Grid(2), target))


def _inputs(rng: torch.Generator) -> tuple[Any, ...]:
    return (torch.randn(2, 6, 4, 4, generator=rng, dtype=torch.float64),)


@register_layer("steerable/TensorProductNonlinearity", example=Example(_example, _inputs))
class TensorProductNonlinearity(ExactBuffers):
    """Learnt quadratic map of each copy: y_c = Σ_b w[c, b] C_b(x_c ⊗ x_c). Exact.

    C is a basis of the equivariant maps r ⊗ r → s that do not vanish on x ⊗ x, for any two
    representations of any group (Clebsch–Gordan for irreps). Copies do not mix.

    A network of such layers alone is a polynomial whose degree doubles with each: put a norm in
    between.

    Args:
        source: field on a grid or on ``Vector()``, n copies of r.
        target: field on the same domain, n copies of s.
        copies: n; by default the largest number of copies that both consist of.
        gain: the output has mean square gain² on average at the start, for independent normal
            inputs of mean square 1.
        rng: source of the initial weights; None draws as PyTorch's own layers do.

    Shape:
        ``(batch, source.channels, *spatial)`` -> ``(batch, target.channels, *spatial)``; likewise
        for vectors.

    Raises:
        ValueError: fields that do not fit, or no equivariant quadratic map but zero.

    Example:
        >>> import geomdl
        >>> from geomdl import Field, Vector
        >>> G = geomdl.group("SO3")
        >>> source = Field(Vector(), 4 * G.irrep(1))
        >>> layer = TensorProductNonlinearity(source, Field(Vector(), 4 * G.irrep(2)))
        >>> layer.weight.shape, layer(torch.ones(12)).shape
        (torch.Size([4, 1]), torch.Size([20]))

    Source: Kondor 2018, arXiv:1803.01588.
    """

    maps: Tensor
    pairs: Tensor

    def __init__(
        self,
        source: Field,
        target: Field,
        copies: int | None = None,
        *,
        gain: float = 1.0,
        rng: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        self._axis = fibre_axis(source)
        same_domain(source, target)
        if copies is not None:
            whole(copies=copies)
        self._fields = (_one(source.rep, copies, target.rep), _one(target.rep, copies, source.rep))
        (r, n), (s, _) = self._fields
        basis = quadratic_maps(r, s)
        if len(basis) == 0:
            raise ValueError(
                f"target: no equivariant quadratic map but zero leads from {r.name} to {s.name}"
            )
        self.source, self.target = source, target
        i, j = torch.triu_indices(r.dim, r.dim)
        self.register_buffer("pairs", torch.cat([i, j]), persistent=False)
        self.weight = nn.Parameter(torch.zeros(n, len(basis)))
        self.hold()
        self.reset(gain, rng)

    @torch.no_grad()
    def reset(self, gain: float = 1.0, rng: torch.Generator | None = None) -> None:
        """Draw the weights anew, normal with mean zero."""
        if rng is None:  # one draw of the global state, as weights of nn.Module are drawn
            rng = torch.Generator().manual_seed(int(torch.randint(2**62, ())))
        (r, _), (s, _) = self._fields
        i, j = torch.triu_indices(r.dim, r.dim)
        basis = quadratic_maps(r, s)
        i_is_j = i == j
        second = (basis.square() * (1.0 + i_is_j)).sum() + basis[..., i_is_j].sum(-1).square().sum()
        size = float(second / s.dim) ** 0.5  # of Σ_b C_b(x ⊗ x) over normal x, root mean square
        noise = torch.randn(self.weight.shape, generator=rng, dtype=torch.float64)
        self.weight.copy_(noise * gain / size)

    def exact_buffers(self) -> dict[str, Tensor]:
        """Basis of the quadratic maps."""
        (r, _), (s, _) = self._fields
        return {"maps": quadratic_maps(r, s)}

    def forward(self, x: Tensor) -> Tensor:
        """Multiply each copy with itself and project."""
        check_input(self.source, x)
        (r, n), _ = self._fields
        space = x.shape[2:]
        matrices = torch.einsum("nb,bsp->nsp", self.weight, self.maps)
        if self._axis == -1:
            v = x.unflatten(-1, (n, r.dim)).unsqueeze(-1)
        else:
            v = x.unflatten(1, (n, r.dim)).flatten(3)
        i, j = self.pairs.chunk(2)
        y: Tensor = matrices @ (v.index_select(-2, i) * v.index_select(-2, j))
        return y.flatten(-3) if self._axis == -1 else y.flatten(1, 2).unflatten(2, space)

    def extra_repr(self) -> str:
        """Representations of one copy."""
        (r, n), (s, _) = self._fields
        return f"{n} copies, {r.name} -> {s.name}"


def _one(rep: Rep, copies: int | None, other: Rep) -> tuple[Rep, int]:
    """Representation of one copy, for a number of copies that two representations share."""
    most = one_function(rep)[1]
    n = math.gcd(most, one_function(other)[1]) if copies is None else copies
    if most % n:
        raise ValueError(f"copies: {rep.name} is not {n} copies of a representation")
    flat = [block for block, m in rep.blocks for _ in range(m)]
    return direct_sum([(block, 1) for block in flat[: len(flat) // n]]), n
