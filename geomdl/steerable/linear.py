"""Equivariant linear maps of plain vectors, and of the vectors at every pixel."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from geomdl import groups
from geomdl.fields import Field, Vector
from geomdl.kernels.precision import full_precision
from geomdl.registry import Example, register_layer
from geomdl.steerable.blocks import Block
from geomdl.steerable.checks import check_input, fibre_axis, same_domain
from geomdl.steerable.filtered import Filtered
from geomdl.steerable.irrep_basis import flattened, unflattened

_LARGE = 128**2  # entries of a matrix from which blocks are worth their calls
_WORTH = 0.25  # share of its multiplications at which they are faster


def _example() -> nn.Module:
    G = groups.group("D4")
    source = Field(Vector(), 2 * G.regular + G.standard)
    return Linear(source, Field(Vector(), G.trivial + G.standard))


def _inputs(rng: torch.Generator) -> tuple[Any, ...]:
    return (torch.randn(3, 18, generator=rng, dtype=torch.float64),)


@register_layer("steerable/Linear", example=Example(_example, _inputs))
class Linear(Filtered):
    """Linear map of vectors that commutes with the group: y = W x + b, W in Hom_G(r, s). Exact.

    Complete: every equivariant matrix is some W. On invariants (trivial representations) this is
    ``torch.nn.Linear``. On a grid it acts at every pixel (a convolution with one tap, of any group,
    at any size).

    Between direct sums of irreps only isomorphic ones are joined, and where these are of real type
    (W = w ⊗ 1) their multiplicities alone are multiplied: Σ d m² multiplications in place of
    (Σ d m)² for m copies of irreps of dimension d. Other representations take the dense matrix.

    Args:
        source: field on ``Vector()`` or a grid, representation r of any group.
        target: field on the same domain, representation s of the same group.
        bias: whether to add a bias b in Hom_G(1, s); none exists where s has no fixed vector.
        gain: mean square of the output at the start, for uncorrelated inputs of mean square 1, is
            gain².
        rng: source of the initial weights; None draws as PyTorch's own layers do, so
            that ``torch.manual_seed`` decides.

    Shape:
        (..., source.rep.dim) -> (..., target.rep.dim); on a grid
        ``(batch, source.channels, *spatial)`` -> ``(batch, target.channels, *spatial)``.

    Raises:
        ValueError: fields of different groups or on different domains, or no equivariant map but
            zero.

    Example:
        >>> import geomdl
        >>> from geomdl import Field, Vector
        >>> G = geomdl.group("D4")
        >>> layer = Linear(Field(Vector(), G.regular), Field(Vector(), 10 * G.trivial))
        >>> layer(torch.zeros(2, 8)).shape, layer.filters.n
        (torch.Size([2, 10]), 10)
    """

    def __init__(
        self,
        source: Field,
        target: Field,
        bias: bool = True,
        *,
        gain: float = 1.0,
        rng: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        self._axis = fibre_axis(source)
        fibre_axis(target, "target")
        same_domain(source, target)
        self.source, self.target = source, target
        trivial, shape = source.group.trivial, (target.rep.dim, source.rep.dim)
        self.make_filters(trivial, source.rep, target.rep, shape, bias, gain, rng)

        plan = [
            [(i, _scale(block)) for i, block in enumerate(row) if block.weight.shape[2]]
            for row in self.filters.rows
        ]
        dense = source.rep.dim * target.rep.dim
        work = sum(
            _work(row[i], scale)
            for row, live in zip(self.filters.rows, plan, strict=True)
            for i, scale in live
        )
        self._plan = plan if dense >= _LARGE and work <= _WORTH * dense else None

    def forward(self, x: Tensor) -> Tensor:
        """Map vectors."""
        check_input(self.source, x)
        if self._plan is not None and type(self).filter is Filtered.filter:
            return self._by_blocks(x, self._plan)
        weight, bias = self._filter()
        if isinstance(self.source.domain, Vector):
            return F.linear(x, weight, bias)
        d = x.ndim - 2
        if d > 3:
            flat = weight @ flattened(x, 1)
            return unflattened(flat if bias is None else flat + bias[:, None], x, 1)
        return (F.conv1d, F.conv2d, F.conv3d)[d - 1](x, weight.view(*weight.shape, *[1] * d), bias)

    def _by_blocks(self, x: Tensor, plan: list[list[tuple[int, float | None]]]) -> Tensor:
        """Multiply only where there are equivariant maps."""
        flat = flattened(x, self._axis)
        pieces = flat.split([r.dim * n for r, n in self.source.rep.blocks], 1)
        out = []
        for k, (row, live) in enumerate(zip(self.filters.rows, plan, strict=True)):
            rows = row[0].rows[1] * row[0].rows[0].dim
            terms = [_product(row[i], scale, pieces[i]) for i, scale in live]
            if self.bias is not None and self.bias.rows[k][0].weight.shape[2]:
                block = self.bias.rows[k][0]
                terms.append(_spread(block).reshape(1, rows, 1))
            y = sum(terms[1:], terms[0]) if terms else flat.new_zeros(1, 1, 1)
            out.append(y.expand(flat.shape[0], rows, flat.shape[2]))
        y = torch.cat(out, 1) if len(out) > 1 else out[0]
        return unflattened(y, x, self._axis)

    def extra_repr(self) -> str:
        """Fields."""
        return f"{self.source.rep.name} -> {self.target.rep.name}"


def _scale(block: Block) -> float | None:
    """The number c with W = c w ⊗ 1 for every map W of a block, w its weights; None if none."""
    matrices = block.basis.matrices
    if matrices is None or len(matrices) != 1 or matrices.shape[1] != matrices.shape[3]:
        return None
    matrix, scale = matrices[0, :, 0], float(matrices[0, 0, 0, 0])
    unit = torch.eye(len(matrix), dtype=matrix.dtype)
    return scale if (matrix - scale * unit).abs().max() <= 1e-13 else None


def _work(block: Block, scale: float | None) -> int:
    """Multiplications of a block for each pixel."""
    (r, m_r), (s, m_s) = block.columns, block.rows
    return m_s * m_r * r.dim * (s.dim if scale is None else 1)


def _spread(block: Block) -> Tensor:
    """Filters of one block."""
    with full_precision(block.weight):
        return block.spread(block.current)


def _product(block: Block, scale: float | None, x: Tensor) -> Tensor:
    """Apply the map of one block to copies (batch, channels, places)."""
    (r, m_r), (s, m_s) = block.columns, block.rows
    if scale is None:
        return _spread(block).reshape(m_s * s.dim, m_r * r.dim) @ x
    copies = x.reshape(x.shape[0], m_r, r.dim * x.shape[2])
    return (scale * block.current[:, :, 0] @ copies).view(x.shape[0], m_s * s.dim, x.shape[2])
