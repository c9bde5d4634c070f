"""Trainable equivariant filters: weights in the basis of Hom_G(P ⊗ r, s), expanded when used."""

from collections.abc import Callable
from typing import Self

import torch
from torch import Tensor, nn

from geomdl.groups import Rep
from geomdl.steerable.filters import filter_basis


class Block(nn.Module):
    """Filters between ``m_r`` copies of r and ``m_s`` copies of s, weights (m_s, m_r, n).

    For permutation representations the expansion is one gather; otherwise one einsum with the
    orthonormal basis, which is held in the dtype of the weights and rebuilt from float64 whenever
    that changes, so that ``.double()`` is exact. Neither is part of the state. Not a layer: it has
    no inputs, and nothing calls it but the layer that owns it.
    """

    def __init__(self, taps: Rep, source: tuple[Rep, int], target: tuple[Rep, int]) -> None:
        super().__init__()
        (r, m_r), (s, m_s) = source, target
        self.taps, self.columns, self.rows = taps, source, target
        basis = filter_basis(taps, r, s)
        self.weight = nn.Parameter(torch.zeros(m_s, m_r, basis.n))
        index = None
        if basis.labels is not None:
            copies = torch.arange(m_s)[:, None] * m_r + torch.arange(m_r)
            labels = basis.labels.transpose(1, 2)  # (s.dim, r.dim, taps)
            flat = copies[:, None, :, None, None] * basis.n + labels[None, :, None]
            index = flat.reshape(-1).to(torch.int32)
        self.index: Tensor | None
        self.register_buffer("index", index, persistent=False)
        self.basis: Tensor | None
        self.register_buffer("basis", None, persistent=False)
        self._cast()

    def _cast(self) -> None:
        (r, _), (s, _) = self.columns, self.rows
        matrices = filter_basis(self.taps, r, s).matrices
        self.basis = None if matrices is None else matrices.to(self.weight, copy=True)

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        self._cast()
        return self

    @property
    def variance(self) -> float:
        """Variance of the weights that gives an entry of the filter variance one, on average."""
        (r, _), (s, _) = self.columns, self.rows
        entries = s.dim * r.dim * self.taps.dim
        return 1.0 if self.index is not None else entries / max(1, self.weight.shape[2])

    def expand(self) -> Tensor:
        """Filters (m_s s.dim, m_r r.dim, taps)."""
        (r, m_r), (s, m_s) = self.columns, self.rows
        shape = (m_s * s.dim, m_r * r.dim, self.taps.dim)
        if self.index is not None:
            return self.weight.flatten().index_select(0, self.index).view(shape)
        assert self.basis is not None
        return torch.einsum("oib,bstr->osirt", self.weight, self.basis).reshape(shape)


class Expansion(nn.Module):
    """Trainable element of Hom_G(P ⊗ r, s), one :class:`Block` for each pair of blocks.

    Args:
        taps: P.
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
        taps: Rep,
        source: Rep,
        target: Rep,
        gain: float,
        rng: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        self.width = len(source.blocks)
        self.blocks = nn.ModuleList(Block(taps, r, s) for s in target.blocks for r in source.blocks)
        if self.n == 0:
            raise ValueError(
                f"target: no equivariant map but zero leads from {source.name} to {target.name}"
            )
        self.reset(gain, rng)

    @property
    def rows(self) -> list[list[Block]]:
        """The blocks, a list for each block of the target."""
        flat = [block for block in self.blocks if isinstance(block, Block)]
        return [flat[i : i + self.width] for i in range(0, len(flat), self.width)]

    @property
    def n(self) -> int:
        """Number of free weights: the dimension of Hom_G(P ⊗ r, s)."""
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
            fan_in = sum(b.columns[0].dim * b.columns[1] * b.taps.dim for b in live)
            for block in live:
                noise = torch.randn(block.weight.shape, generator=rng, dtype=torch.float64)
                block.weight.copy_(noise * gain * (block.variance / fan_in) ** 0.5)

    def expand(self) -> Tensor:
        """Filters (target.dim, source.dim, taps)."""
        rows = [[block.expand() for block in row] for row in self.rows]
        joined = [torch.cat(row, 1) if len(row) > 1 else row[0] for row in rows]
        return torch.cat(joined) if len(joined) > 1 else joined[0]
