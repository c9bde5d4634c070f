"""Filters of a layer, expanded once for each value of its weights."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple, Self

import torch
from torch import Tensor, nn

from geomdl.kernels.op import transformed
from geomdl.kernels.precision import full_precision
from geomdl.steerable.expansion import Expansion

_PLAIN = (Tensor, nn.Parameter)
_SMALL = 2**16  # entries of filters below which torch's own derivative is faster than `_Spread`


class _Kept(NamedTuple):
    """Filters, the weights that they were expanded from, and how often each was written to."""

    filters: tuple[Tensor, ...]
    written: list[int]
    weights: list[Tensor]
    versions: list[int]

    def are_of(self, weights: list[Tensor], versions: list[int]) -> bool:
        """Whether these weights give these filters: compared by value.

        The count of writes alone would miss what ``weight.data`` writes; it only saves comparing.
        """
        if versions != self.versions or [f._version for f in self.filters] != self.written:
            return False
        for w, kept in zip(weights, self.weights, strict=True):
            same = w.dtype == kept.dtype and w.device == kept.device
            if not same or not torch.equal(w, kept):
                return False
        return True


class Remembered:
    """Expands the filters and bias of a layer, and remembers them for as long as they are right.

    They are right while the weights are, number for number, those that were expanded: in
    evaluation, in the further forward passes of one step, while gradients accumulate. A filter is
    linear in its weights, so differentiating it needs nothing from the forward pass, and any number
    of backward passes may go through what one expansion gave. On the CPU, where comparing the
    weights is cheap (they are |G| times fewer than the entries); elsewhere, and where operations
    are recorded or transformed (`torch.compile`, `torch.export`, `torch.func`), filters are
    expanded at every call. In training what is used once is not kept. What is remembered is no part
    of the state, is not copied or pickled with the layer, and several threads may use it at once.
    """

    def __init__(self) -> None:
        self._kept: _Kept | None = None
        self._last: list[int] = []

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return type(self)()

    def __reduce__(self) -> tuple[type, tuple[()]]:
        return type(self), ()

    def __call__(self, *expansions: Expansion) -> tuple[Tensor, ...]:
        """Filters of each expansion. To be read only: they are not copies."""
        weights = [e.weights for e in expansions]
        flat = weights[0] if len(weights) == 1 else [w for part in weights for w in part]
        if torch.compiler.is_compiling() or not ordinary(flat):
            return _spread(expansions, weights)
        learn = torch.is_grad_enabled() and any([w.requires_grad for w in flat])
        versions = [w._version for w in flat]
        kept = self._kept  # read once: another thread may replace it
        if kept is None or not kept.are_of(flat, versions):
            once = learn and versions != self._last
            self._last, self._kept = versions, None
            if once and sum([e.size for e in expansions]) < _SMALL and not _hooked():
                return _spread(expansions, weights)
            with torch.inference_mode(False), torch.no_grad(), full_precision(flat[0]):
                _keep_pages()
                filters = tuple([flat[0].new_empty(e.shape) for e in expansions])
                for e, w, f in zip(expansions, weights, filters, strict=True):
                    e.spread_into(w, f)
                if not once and flat[0].device.type == "cpu":
                    written = [f._version for f in filters]
                    copies = [w.detach().clone() for w in flat]
                    self._kept = _Kept(filters, written, copies, versions)
        else:
            filters = kept.filters
        if not learn:
            return filters
        found: tuple[Tensor, ...] = _Spread.apply(expansions, filters, *flat)  # type: ignore[no-untyped-call]
        return found


@lru_cache(maxsize=1)
def _keep_pages() -> None:
    """Let the allocator of the C library keep up to 62 MiB that come and go, on the CPU.

    It learns this from one large piece that is given back. Otherwise it returns the filters of
    every step to the system and fetches them anew, page by page, which may cost more than all else.
    """
    torch.empty(31 * 2**20, dtype=torch.uint8)


def _spread(
    expansions: tuple[Expansion, ...], weights: Sequence[Sequence[Tensor]]
) -> tuple[Tensor, ...]:
    with full_precision(weights[0][0]):
        return tuple([e.spread(w) for e, w in zip(expansions, weights, strict=True)])


def ordinary(weights: list[Tensor]) -> bool:
    """Whether weights are plain tensors, in no transform, trace or dispatch mode."""
    state: Any = torch._C
    if transformed() or state._len_torch_dispatch_stack() or state._get_tracing_state() is not None:
        return False
    return all([type(w) in _PLAIN and not w.is_inference() for w in weights])


def _hooked() -> bool:
    """Whether what is saved for the backward pass is watched, as by activation checkpointing.

    That counts saved tensors, so first and further forward passes should save as many.
    """
    hooks: Any = torch._C._autograd
    return hooks._top_saved_tensors_default_hooks(True) is not None


class _Spread(torch.autograd.Function):
    """Weights -> filters that are known already. Saves nothing."""

    @staticmethod
    def forward(
        ctx: Any,
        expansions: tuple[Expansion, ...],
        filters: tuple[Tensor, ...],
        *weights: Tensor,
    ) -> tuple[Tensor, ...]:
        ctx.expansions = expansions
        return tuple([f.detach() for f in filters])

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Any, ...]:
        expansions: tuple[Expansion, ...] = ctx.expansions
        if torch.is_grad_enabled():
            return None, None, *_Collect.apply(expansions, *gradients)  # type: ignore[no-untyped-call]
        return None, None, *_collect(expansions, gradients)


class _Collect(torch.autograd.Function):
    """Transpose of `_Spread`, for derivatives of derivatives."""

    @staticmethod
    def forward(
        ctx: Any, expansions: tuple[Expansion, ...], *filters: Tensor
    ) -> tuple[Tensor, ...]:
        ctx.expansions = expansions
        return _collect(expansions, filters)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Any, ...]:
        expansions: tuple[Expansion, ...] = ctx.expansions
        weights, start = [], 0
        for e in expansions:
            weights.append(gradients[start : start + len(e.blocks)])
            start += len(e.blocks)
        return None, *_spread(expansions, weights)


def _collect(expansions: tuple[Expansion, ...], filters: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    with full_precision(filters[0]):
        found = [e.collect(f) for e, f in zip(expansions, filters, strict=True)]
        return tuple([weight for part in found for weight in part])
