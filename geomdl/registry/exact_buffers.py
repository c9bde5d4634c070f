"""Buffers that hang on the constructor's arguments alone, exact in every dtype."""

from collections.abc import Callable, Mapping
from typing import Self

import torch
from torch import Tensor, nn


class ExactBuffers(nn.Module):
    """Buffers held in the dtype of the module, rounded anew from float64 when that changes.

    So ``layer.double()`` has them exact, whatever dtype the layer had before. They are not part of
    the state dict. Not a layer: a layer that inherits it says what they hold in `exact_buffers`
    and calls `hold` once, at the end of its constructor.

    Example:
        >>> class Third(ExactBuffers):
        ...     def __init__(self) -> None:
        ...         super().__init__()
        ...         self.hold()
        ...
        ...     def exact_buffers(self) -> dict[str, Tensor]:
        ...         return {"third": torch.ones(1, dtype=torch.float64) / 3}
        >>> layer = Third()
        >>> layer.third.dtype, layer.double().third
        (torch.float32, tensor([0.3333], dtype=torch.float64))
        >>> float(layer.third) == 1 / 3
        True
    """

    def exact_buffers(self) -> Mapping[str, Tensor]:
        """Name -> value in float64; the same at every call."""
        raise NotImplementedError

    def hold(self) -> None:
        """Register the buffers, in the default dtype."""
        for name, value in self.exact_buffers().items():
            held = value.to(torch.get_default_dtype(), copy=True)
            self.register_buffer(name, held, persistent=False)

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        for name, value in self.exact_buffers().items():
            setattr(self, name, value.to(self._buffers[name], copy=True))
        return self
