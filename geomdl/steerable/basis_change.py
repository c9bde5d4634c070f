"""Fields in other bases: carried along isomorphisms of representations."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from geomdl import groups
from geomdl.fields import Field, Grid
from geomdl.groups import Rep
from geomdl.groups.rep import direct_sum
from geomdl.registry import Example, register_layer
from geomdl.registry.exact_buffers import ExactBuffers
from geomdl.steerable.checks import check_input, fibre_axis, same_domain
from geomdl.steerable.irrep_basis import IrrepBasis, flattened, orthogonal, unflattened

_ISOMETRY = 1e-9


def _example() -> nn.Module:
    G = groups.group("D4")
    source = Field(Grid(2), G.regular + 2 * G.standard + G.standard @ G.standard)
    return Disentangle(source)


def _example_between() -> nn.Module:
    G = groups.group("D4")
    whole = G.trivial + G.irrep((1, 1)) + G.irrep((0, 2))
    target = G.irrep((0, 2)) + G.standard + G.trivial
    return ChangeOfBasis(Field(Grid(2), 2 * whole), Field(Grid(2), 2 * target))


def _inputs(channels: int) -> Callable[[torch.Generator], tuple[Any, ...]]:
    def draw(rng: torch.Generator) -> tuple[Any, ...]:
        return (torch.randn(2, channels, 5, 5, generator=rng, dtype=torch.float64),)

    return draw


@register_layer("steerable/ChangeOfBasis", example=Example(_example_between, _inputs(8)))
class ChangeOfBasis(ExactBuffers):
    """The same field in the basis of an isomorphic representation: y = M x. Exact.

    M is orthogonal with s(g) M = M r(g). By default both sides are split into irreps and copies are
    matched in order, so that M(r → s) and M(s → r) are inverse to one another; only the blocks of M
    are multiplied. There is nothing to learn.

    Args:
        source: field of an orthogonal representation r, on a grid or a plain vector.
        target: field on the same domain, orthogonal representation s isomorphic to r. By default
            the direct sum of the irreps in r, ordered as the group lists them.
        matrix: M (s.dim, r.dim) instead of the default; checked.

    Shape:
        unchanged: ``(batch, channels, *spatial)``, or (..., channels) for plain vectors.

    Raises:
        TypeError: ``matrix`` is no tensor of floating-point numbers.
        ValueError: the representations are not orthogonal or not isomorphic; ``matrix`` is no
            isometry or does not commute with the group.

    Example:
        >>> import geomdl
        >>> from geomdl import Field, Grid
        >>> G = geomdl.group("D4")
        >>> there = ChangeOfBasis(Field(Grid(2), G.regular))
        >>> there.target.rep.dim, len(there.target.rep.blocks)
        (8, 5)
        >>> back = ChangeOfBasis(there.target, there.source)
        >>> x = torch.randn(1, 8, 3, 3, generator=torch.Generator().manual_seed(0))
        >>> torch.allclose(back(there(x)), x, atol=1e-5)
        True
    """

    def __init__(
        self, source: Field, target: Field | None = None, matrix: Tensor | None = None
    ) -> None:
        super().__init__()
        self._axis = fibre_axis(source)
        orthogonal(source, "a change of basis")
        self._from = IrrepBasis(source.rep)
        if target is None:
            target = Field(source.domain, direct_sum(list(self._from.irreps)))
        same_domain(source, target)
        orthogonal(target, "a change of basis")
        self._to = IrrepBasis(target.rep)
        if self._to.irreps != self._from.irreps:
            raise ValueError(
                f"target: should be isomorphic to {source.rep.name}, got {target.rep.name}"
            )
        self.source, self.target = source, target
        self._exact = None if matrix is None else _checked(matrix, source.rep, target.rep)
        self.dense: Tensor | None
        self.register_buffer("dense", None, persistent=False)
        self.hold()

    def exact_buffers(self) -> dict[str, Tensor]:
        """M, where it is given."""
        return {} if self._exact is None else {"dense": self._exact}

    def matrix(self) -> Tensor:
        """M, (target.rep.dim, source.rep.dim), in the dtype of the module."""
        if self.dense is not None:
            return self.dense
        held = next((b for b in self.buffers() if b.is_floating_point()), torch.zeros(()))
        unit = torch.eye(self.source.rep.dim, dtype=held.dtype, device=held.device)
        return self._to.join(self._from.split(unit.unsqueeze(0)))[0]

    def forward(self, x: Tensor) -> Tensor:
        """Change the basis of a batch of fields."""
        check_input(self.source, x)
        flat = flattened(x, self._axis)
        if self.dense is not None:
            return unflattened(self.dense @ flat, x, self._axis)
        return unflattened(self._to.join(self._from.split(flat)), x, self._axis)

    def extra_repr(self) -> str:
        """Representations."""
        return f"{self.source.rep.name} -> {self.target.rep.name}"


@register_layer("steerable/Disentangle", example=Example(_example, _inputs(16)))
class Disentangle(ChangeOfBasis):
    """Fields split into irreps: `ChangeOfBasis` to the direct sum that ``decompose`` finds. Exact.

    Args:
        source: field of an orthogonal representation, on a grid or a plain vector.

    Shape:
        unchanged; the channels of ``target`` are ordered by irreps.

    Raises:
        ValueError: a representation that is not orthogonal.

    Example:
        >>> import geomdl
        >>> from geomdl import Field, Vector
        >>> Disentangle(Field(Vector(), 3 * geomdl.group("C4").regular)).target.rep
        <3·irrep(0) + 3·irrep(1) + 3·irrep(2) of C4, dim 12>
    """

    def __init__(self, source: Field) -> None:
        super().__init__(source)

    def inverse(self) -> ChangeOfBasis:
        """The way back."""
        return ChangeOfBasis(self.target, self.source)


def _checked(matrix: Tensor, r: Rep, s: Rep) -> Tensor:
    """The given matrix in float64; refuse one that is no isometric intertwiner."""
    if not isinstance(matrix, Tensor) or not matrix.dtype.is_floating_point:
        got = matrix.dtype if isinstance(matrix, Tensor) else type(matrix).__name__
        raise TypeError(f"matrix: should be a Tensor of floating-point numbers, got {got}")
    if matrix.shape != (s.dim, r.dim):
        raise ValueError(f"matrix: should be {(s.dim, r.dim)}, got {tuple(matrix.shape)}")
    m = matrix.detach().to("cpu", torch.float64)
    bound = max(_ISOMETRY, 1e3 * torch.finfo(matrix.dtype).eps)
    if not (m @ m.T - torch.eye(s.dim, dtype=m.dtype)).abs().max() <= bound:
        raise ValueError("matrix: should be orthogonal, got matrix @ matrix.T far from 1")
    elements = r.group.sample(4, torch.Generator().manual_seed(0))
    pairs = [(r(elements), s(elements)), (r.generators, s.generators), (r.lie, s.lie)]
    gaps = [(b @ m - m @ a).abs().max() for a, b in pairs if len(a)]
    if not all(gap <= bound for gap in gaps):
        raise ValueError(f"matrix: should commute with {r.group.name}, got {float(max(gaps)):.1e}")
    return m
