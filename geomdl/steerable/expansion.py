"""Trainable equivariant filters: weights in a basis of them, expanded when used."""

from collections.abc import Callable
from typing import Self

import torch
from torch import Tensor, nn

from geomdl.groups import Rep
from geomdl.steerable.filters import Basis, filter_basis
from geomdl.steerable.taps import TapSpace


class Block(nn.Module):
    """Filters between ``m_r`` copies of r and ``m_s`` copies of s, weights (m_s, m_r, n).

    For permutation representations the expansion is a gather of weights (free taps) or of rotated
    functions (smooth ones); otherwise one product with the basis. The tables are held in the dtype
    of the weights and rebuilt from float64 whenever that changes, so that ``.double()`` is exact;
    they are no part of the state. Not a layer: it has no inputs, and nothing calls it but the layer
    that owns it.
    """

    def __init__(self, taps: TapSpace, source: tuple[Rep, int], target: tuple[Rep, int]) -> None:
        super().__init__()
        m_r, m_s = source[1], target[1]
        self.taps, self.columns, self.rows = taps, source, target
        basis = self.basis
        self.weight = nn.Parameter(torch.zeros(m_s, m_r, basis.n))
        copies = torch.arange(m_s)[:, None] * m_r + torch.arange(m_r)
        index = None
        if basis.labels is not None:
            labels = basis.labels.transpose(1, 2)  # (s.dim, r.dim, taps)
            index = copies[:, None, :, None, None] * basis.n + labels[None, :, None]
        elif basis.orbital is not None:
            orbits, carriers = int(basis.orbital.orbit.max()) + 1, len(basis.orbital.carriers)
            entry = basis.orbital.orbit * carriers + basis.orbital.carrier  # (s.dim, r.dim)
            index = copies[:, None, :, None] * (orbits * carriers) + entry[None, :, None]
        self.index: Tensor | None
        self.register_buffer(
            "index", None if index is None else index.reshape(-1).int(), persistent=False
        )
        self.stems: Tensor | None
        self.register_buffer("stems", None, persistent=False)
        self.table: Tensor | None
        self.register_buffer("table", None, persistent=False)
        self._cast()

    @property
    def basis(self) -> Basis:
        """Basis of the filters between one copy and another."""
        return filter_basis(self.taps, self.columns[0], self.rows[0])

    def _cast(self) -> None:
        basis = self.basis
        table, stems = basis.matrices, None
        if basis.orbital is not None:
            table = basis.orbital.carriers.flatten(0, 1).T  # (T.dim, carriers · taps)
            stems = basis.orbital.stems
            if stems is not None:
                stems = stems.flatten(0, 1).T.to(self.weight, copy=True)  # (n, orbits · T.dim)
        self.table = None if table is None else table.to(self.weight, copy=True)
        self.stems = stems

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        self._cast()
        return self

    @property
    def variance(self) -> float:
        """Variance of the weights that gives an entry of the filter variance one, on average."""
        r = self.columns[0]
        return r.dim * self.taps.taps / max(self.basis.energy, 1e-300)

    def expand(self) -> Tensor:
        """Filters (m_s s.dim, m_r r.dim, taps)."""
        (r, m_r), (s, m_s) = self.columns, self.rows
        shape = (m_s * s.dim, m_r * r.dim, self.taps.taps)
        if self.index is None:
            assert self.table is not None
            return torch.einsum("oib,bstr->osirt", self.weight, self.table).reshape(shape)
        if self.table is None:
            return self.weight.flatten().index_select(0, self.index).view(shape)
        functions = self.weight if self.stems is None else self.weight @ self.stems
        moved = functions.reshape(-1, len(self.table)) @ self.table
        return moved.view(-1, self.taps.taps).index_select(0, self.index).view(shape)

    @torch.no_grad()
    def project(self, filters: Tensor) -> Tensor:
        """Set the weights nearest to filters (m_s s.dim, m_r r.dim, taps); size of what is left."""
        (r, m_r), (s, m_s) = self.columns, self.rows
        wanted = filters.to(torch.float64).reshape(m_s, s.dim, m_r, r.dim, self.taps.taps)
        wanted = wanted.permute(0, 2, 1, 4, 3).reshape(m_s * m_r, -1)
        basis = self.basis.dense().flatten(1)
        weights = torch.linalg.lstsq(basis.T, wanted.T, driver="gelsd").solution.T
        self.weight.copy_(weights.reshape(self.weight.shape))
        rest: Tensor = (wanted - weights @ basis).norm()
        return rest


class Expansion(nn.Module):
    """Trainable equivariant filters from r to s, one :class:`Block` for each pair of blocks.

    Args:
        taps: functions on the taps; a permutation representation stands for all of them.
        source: r.
        target: s.
        gain: the output of a filter applied to uncorrelated entries of mean square 1 has mean
            square gain² on average (2^(1/2): preserved through a ReLU); 0 starts at zero.
        rng: source of the random weights; None draws as PyTorch's own layers do, so
            that ``torch.manual_seed`` decides.

    Raises:
        ValueError: there is no equivariant map but zero.
    """

    def __init__(
        self,
        taps: Rep | TapSpace,
        source: Rep,
        target: Rep,
        gain: float,
        rng: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        space = TapSpace.of(taps)
        self.width = len(source.blocks)
        self.blocks = nn.ModuleList(
            Block(space, r, s) for s in target.blocks for r in source.blocks
        )
        if self.n == 0:
            advice = ""
            if space.rings is not None:
                advice = (
                    f" with frequencies up to {max(space.rings.frequencies)} on "
                    f"{space.kernel_size} taps; a wider kernel or Rings of higher frequency may do"
                )
            raise ValueError(
                f"target: no equivariant map but zero leads from {source.name} to {target.name}"
                f"{advice}"
            )
        self.reset(gain, rng)

    @property
    def rows(self) -> list[list[Block]]:
        """The blocks, a list for each block of the target."""
        flat = [block for block in self.blocks if isinstance(block, Block)]
        return [flat[i : i + self.width] for i in range(0, len(flat), self.width)]

    @property
    def n(self) -> int:
        """Number of free weights: the dimension of the space of filters."""
        return sum(block.weight.numel() for row in self.rows for block in row)

    @torch.no_grad()
    def reset(self, gain: float, rng: torch.Generator | None = None) -> None:
        """Draw the weights anew, normal with mean zero."""
        if gain == 0:
            for block in (block for row in self.rows for block in row):
                block.weight.zero_()
            return
        if rng is None:  # one draw of the global state, as weights of nn.Module are drawn
            rng = torch.Generator().manual_seed(int(torch.randint(2**62, ())))
        for row in self.rows:
            live = [block for block in row if block.weight.shape[2]]
            fan_in = sum(b.columns[0].dim * b.columns[1] * b.taps.taps for b in live)
            for block in live:
                noise = torch.randn(block.weight.shape, generator=rng, dtype=torch.float64)
                block.weight.copy_(noise * gain * (block.variance / fan_in) ** 0.5)

    def expand(self) -> Tensor:
        """Filters (target.dim, source.dim, taps)."""
        rows = [[block.expand() for block in row] for row in self.rows]
        joined = [torch.cat(row, 1) if len(row) > 1 else row[0] for row in rows]
        return torch.cat(joined) if len(joined) > 1 else joined[0]

    @torch.no_grad()
    def project(self, filters: Tensor) -> float:
        """Set the weights to those of the nearest equivariant filters.

        Args:
            filters: (target.dim, source.dim, taps), or with the taps on several axes.

        Returns:
            what is left over, relative to the size of ``filters``: 0 for equivariant ones.

        Raises:
            ValueError: a wrong shape.
        """
        filters = filters.flatten(2)
        expected = tuple(self.expand().shape)
        if filters.shape != expected:
            raise ValueError(f"filters: expected {expected}, got {tuple(filters.shape)}")
        left, start = filters.new_zeros((), dtype=torch.float64), 0
        for row in self.rows:
            height, at = row[0].rows[0].dim * row[0].rows[1], 0
            for block in row:
                width = block.columns[0].dim * block.columns[1]
                part = filters[start : start + height, at : at + width]
                left = left + block.project(part).square()
                at += width
            start += height
        return float(left.sqrt() / filters.double().norm().clamp(min=1e-300))
