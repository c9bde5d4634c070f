"""Equivariant linear maps between any representations of any group."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from geomdl import groups
from geomdl.fields import Field
from geomdl.groups import Rep, intertwiner_operator
from geomdl.linear.checks import check_input, vectors
from geomdl.registry import Example, register_layer


def _example() -> nn.Module:
    V = groups.group("O(1,3)").standard
    return Linear(V @ V + 2 * V, 3 * V.group.trivial + V + V @ V)


def _inputs(rng: torch.Generator) -> tuple[Any, ...]:
    return (torch.randn(3, 24, generator=rng, dtype=torch.float64),)


@register_layer("linear/Linear", example=Example(_example, _inputs, tol=1e-11))
class Linear(nn.Module):
    """Every equivariant affine map between two representations.

    y = Σ_b w_b Q_b x + Σ_c v_c β_c, Q an orthonormal basis of Hom_G(source, target), β of the
    invariant vectors of the target

    The basis comes from the generators and the Lie algebra of the group alone
    (`geomdl.intertwiner_operator`), so that any group will do, compact or not, with irreps known or
    not; the weights are its coefficients. Equivariant *exactly*, and complete. Bases are never
    formed for direct sums or permutations: 3-tensors of S10 (10⁶ entries, 203 maps) take the memory
    of one matrix, 4-tensors of O(1, 3) that of a few.

    At the start the mean square of each block of the output is that of the input, for uncorrelated
    inputs.

    Args:
        source: a representation, or a field of plain vectors.
        target: likewise, of the same group.
        bias: whether there are v, where the target has invariants.
        rng: for the weights; torch's global one if None.

    Attributes:
        source: field of x.
        target: field of y.
        operator: the basis.

    Shape:
        (..., source.rep.dim) -> (..., target.rep.dim).

    Raises:
        TypeError: neither a representation nor a field.
        ValueError: representations of different groups, no map but zero; when called, another last
            axis.

    Example:
        >>> import geomdl
        >>> V = geomdl.group("SO3").standard
        >>> layer = Linear(V @ V, V)  # the cross product
        >>> layer.operator.n, layer(torch.randn(5, 9)).shape
        (1, torch.Size([5, 3]))

    Source: Finzi, Welling & Wilson 2021, arXiv:2104.09459.
    """

    def __init__(
        self,
        source: Rep | Field,
        target: Rep | Field,
        bias: bool = True,
        *,
        rng: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        self.source = vectors("source", source)
        self.target = vectors("target", target, self.source.group)
        self.operator = intertwiner_operator(self.source.rep, self.target.rep)
        if not self.operator.n:
            raise ValueError(
                f"target: expected an equivariant map other than zero from {self.source.rep.name}, "
                f"got none to {self.target.rep.name} of {self.target.group.name}"
            )
        self.weight = nn.Parameter(torch.randn(self.operator.n, generator=rng) * self._deviations())
        self.constants = intertwiner_operator(self.source.group.trivial, self.target.rep)
        has_bias = bias and self.constants.n > 0
        self.bias = nn.Parameter(torch.zeros(self.constants.n)) if has_bias else None

    def _deviations(self) -> Tensor:
        """Deviation of each weight by which each block of the target has mean square one."""
        sizes = self.operator.sizes
        rows = [rep.dim * n for rep, n in self.target.rep.blocks] if len(sizes) > 1 else None
        rows = rows or [self.target.rep.dim]
        return torch.cat(
            [torch.full((n,), (row / max(n, 1)) ** 0.5) for n, row in zip(sizes, rows, strict=True)]
        )

    def matrix(self) -> Tensor:
        """W = Σ_b w_b Q_b, shape (target.rep.dim, source.rep.dim)."""
        return self.operator(self.weight)

    def forward(self, x: Tensor) -> Tensor:
        """Map vectors."""
        check_input(self.source, x)
        bias = None if self.bias is None else self.constants(self.bias).squeeze(-1)
        return F.linear(x, self.matrix(), bias)

    def extra_repr(self) -> str:
        """Representations."""
        return f"{self.source.rep.name} -> {self.target.rep.name} of {self.source.group.name}"
