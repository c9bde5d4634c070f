"""Parameters of wavelets that are learnt."""

from collections.abc import Callable, Sequence
from typing import Self

import torch
from torch import Tensor, nn

from geomdl.scattering.banks import Bank, columns


class Parameters(nn.ParameterDict):
    """Parameters of all wavelets of a bank, in the default dtype.

    In another dtype, those that still are what they were at first are so to its own precision:
    after `double` a transform equals the fixed one up to rounding in float64.

    Args:
        bank: whose wavelets are the start.
        names: which of their parameters, as in `Wavelet`.

    Example:
        >>> from geomdl.scattering import bank_1d
        >>> bank = bank_1d(64, J=2, Q=1, T=4)
        >>> held = Parameters(bank, ["sigma"]).double()
        >>> held["sigma"].tolist() == [wavelet.sigma for wavelet in bank.wavelets]
        True
    """

    def __init__(self, bank: Bank, names: Sequence[str]) -> None:
        super().__init__()
        self._start = dict(zip(names, columns(bank.wavelets, *names), strict=True))
        for name, values in self._start.items():
            self[name] = nn.Parameter(values.to(torch.get_default_dtype(), copy=True))

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        start = self._start.items()
        before = {name: (self[name].dtype, self[name].is_meta) for name in self._start}
        same = {name: self[name].detach() == values.to(self[name]) for name, values in start}
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        for name, values in start:
            held = self[name].detach()
            if before[name] == (held.dtype, False):
                continue  # nothing was rounded, and a pending backward pass may need the values
            if not held.is_meta:  # from there, all are what they were at first
                kept = same[name]
                if kept.is_meta:
                    kept = torch.ones_like(values, dtype=torch.bool)
                held.copy_(torch.where(kept.to(held.device), values.to(held), held))
        return self
