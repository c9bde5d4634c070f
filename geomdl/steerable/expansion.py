"""Trainable equivariant filters: weights in a basis of them, expanded when used."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from geomdl.groups import Rep
from geomdl.kernels.precision import full_precision
from geomdl.steerable.blocks import Block
from geomdl.steerable.taps import TapSpace


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
        shape: of what `expand` gives; by default (target.dim, source.dim, taps).

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
        shape: Sequence[int] | None = None,
    ) -> None:
        super().__init__()
        space = TapSpace.of(taps)
        self.full = (target.dim, source.dim, space.taps)
        self.shape = self.full if shape is None else tuple(shape)
        self.size = math.prod(self.full)
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
        flat = self._flat
        return [flat[i : i + self.width] for i in range(0, len(flat), self.width)]

    @property
    def _flat(self) -> list[Block]:
        return [*self._modules["blocks"]._modules.values()]  # type: ignore[union-attr]

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

    @property
    def weights(self) -> list[Tensor]:
        """Weight of each block."""
        return [b.current for b in self._flat]

    def expand(self) -> Tensor:
        """Filters of the weights as they are, in ``shape``; anew at every call."""
        weights = self.weights
        with full_precision(weights[0]):
            return self.spread(weights)

    def spread(self, weights: Sequence[Tensor]) -> Tensor:
        """Filters of other weights, one for each block. Linear in them."""
        if len(weights) == 1:
            return self._flat[0].spread(weights[0], self.shape)
        flat = self._flat
        parts = [b.spread(w) for b, w in zip(flat, weights, strict=True)]
        width = self.width
        rows = [torch.cat(parts[i : i + width], 1) for i in range(0, len(parts), width)]
        return torch.cat(rows).view(self.shape)

    def spread_into(self, weights: Sequence[Tensor], out: Tensor) -> None:
        """As `spread`, into memory given, of any shape; without derivatives."""
        filters, start, rest = out.view(self.full), 0, iter(weights)
        for row in self.rows:
            height, at = row[0].shape[0], 0
            for block in row:
                part = filters[start : start + height, at : at + block.shape[1]]
                block.spread_into(next(rest), part)
                at += block.shape[1]
            start += height

    def collect(self, filters: Tensor) -> list[Tensor]:
        """Transpose of `spread`, without derivatives: one tensor for each block, as its weight."""
        flat = self._flat
        if len(flat) == 1:
            return [flat[0].collect(filters)]
        filters = filters.reshape(self.full)
        out, start = [], 0
        for row in self.rows:
            height, at = row[0].shape[0], 0
            for block in row:
                part = filters[start : start + height, at : at + block.shape[1]]
                out.append(block.collect(part.contiguous()))
                at += block.shape[1]
            start += height
        return out

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
        if filters.shape != self.full:
            raise ValueError(f"filters: expected {self.full}, got {tuple(filters.shape)}")
        left, start = filters.new_zeros((), dtype=torch.float64), 0
        for row in self.rows:
            height, at = row[0].shape[0], 0
            for block in row:
                part = filters[start : start + height, at : at + block.shape[1]]
                left = left + block.project(part).square()
                at += block.shape[1]
            start += height
        return float(left.sqrt() / filters.double().norm().clamp(min=1e-300))
