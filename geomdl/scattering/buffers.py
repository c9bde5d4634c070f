"""Filters held in the dtype that sums are taken in."""

from collections.abc import Callable
from typing import Self

import torch
from torch import Tensor

from geomdl.kernels.rows import wide
from geomdl.registry.exact_buffers import ExactBuffers


class WideBuffers(ExactBuffers):
    """Exact buffers that stay in float32 where the module is of half precision.

    Half precision stores signals; filters and sums are in float32.
    """

    @property
    def dtype(self) -> torch.dtype:
        """In which filters are held, and sums taken."""
        held = self._buffers[next(iter(self.exact_buffers()))]
        assert held is not None
        return held.dtype

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        super()._apply(fn, recurse)
        for name, value in self.exact_buffers().items():
            held = self._buffers[name]
            assert held is not None
            if wide(held.dtype) != held.dtype:
                setattr(self, name, value.to(held.device, wide(held.dtype)))
        return self
