"""What convolutions and linear maps share: trainable filters and a bias, expanded when used."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from geomdl.groups import Rep
from geomdl.steerable.checks import finite
from geomdl.steerable.expansion import Expansion
from geomdl.steerable.remembered import Remembered
from geomdl.steerable.taps import TapSpace


class Filtered(nn.Module):
    """Owns filters K in Hom_G(T ⊗ r, s) and, where s has fixed vectors, a bias in Hom_G(1, s).

    Not a layer: a layer that inherits it calls `make_filters` in its constructor and `_filter` in
    its ``forward``; one that uses filters in another arrangement says so in `_arranged`.

    Attributes:
        filters: trainable filters.
        bias: trainable bias, or None.
    """

    filters: Expansion
    bias: Expansion | None

    def make_filters(
        self,
        taps: Rep | TapSpace,
        source: Rep,
        target: Rep,
        shape: Sequence[int],
        bias: bool,
        gain: float,
        rng: torch.Generator | None,
    ) -> None:
        """Draw filters and set the bias to zero.

        Args:
            taps: functions on the taps.
            source: r.
            target: s.
            shape: of the expanded filter, the target's channels first.
            bias: whether to have one; none exists where s has no fixed vector.
            gain: of the initial weights; see `Expansion`.
            rng: source of the initial weights.

        Raises:
            ValueError: there is no equivariant filter but zero, or ``gain`` is no finite number.
        """
        finite(gain=gain)
        self.filters = Expansion(taps, source, target, gain, rng, shape)
        trivial = target.group.trivial
        has_bias = bias and any(len(rep.fixed()) for rep, _ in target.blocks)
        self.bias = Expansion(trivial, trivial, target, 0.0, shape=shape[:1]) if has_bias else None
        self._remembered = Remembered()

    def filter(self) -> tuple[Tensor, Tensor | None]:
        """Expanded filter and bias (out,), as the equal layer of PyTorch takes them."""
        bias = None if self.bias is None else self.bias.expand()
        return self._arranged(self.filters.expand()), bias

    def _filter(self) -> tuple[Tensor, Tensor | None]:
        """As `filter`, to be read only."""
        if type(self).filter is not Filtered.filter:
            return self.filter()
        if self.bias is None:
            return self._arranged(self._remembered(self.filters)[0]), None
        weight, bias = self._remembered(self.filters, self.bias)
        return self._arranged(weight), bias

    def _arranged(self, weight: Tensor) -> Tensor:
        """The filter as the operation takes it."""
        return weight
