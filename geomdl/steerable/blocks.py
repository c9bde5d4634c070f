"""Filters between copies of one representation and copies of another, as linear maps of weights."""

from collections.abc import Callable, Sequence
from typing import Any, Self

import torch
from torch import Tensor, nn

from geomdl.groups import Rep
from geomdl.steerable.filters import Basis, filter_basis, from_elements
from geomdl.steerable.taps import TapSpace

_CACHED = 2**19  # entries moved at once: fewer wait for threads, more fall out of the cache


class Block(nn.Module):
    """Filters between ``m_r`` copies of r and ``m_s`` copies of s, weights (m_s, m_r, n).

    For permutation representations a filter is a gather of weights (free taps) or of moved
    functions (smooth ones), which costs dim T multiplications an entry; otherwise one product with
    the basis. Between regular fields what is gathered is mixed of the weights first, from irreps to
    elements of the group. `spread` is that linear map, `collect` its transpose: gathers both, so
    that nothing is added up in an order that threads decide. The tables are held in the dtype of
    the weights and rebuilt from float64 whenever that changes, so that ``.double()`` is exact; they
    are no part of the state. Not a layer: it has no inputs, and nothing calls it.
    """

    _version = 2  # 1: weights between regular fields at the elements of the group

    def __init__(self, taps: TapSpace, source: tuple[Rep, int], target: tuple[Rep, int]) -> None:
        super().__init__()
        (r, m_r), (s, m_s) = source, target
        self.taps, self.columns, self.rows = taps, source, target
        self.shape = (m_s * s.dim, m_r * r.dim, taps.taps)
        self.split = (m_s, s.dim, m_r, r.dim, taps.taps)
        self.at_once = max(1, _CACHED // max(1, s.dim * m_r * r.dim * taps.taps))
        self.n = self.basis.n
        self.weight = nn.Parameter(torch.zeros(m_s, m_r, self.n))
        self.index: Tensor | None
        self.register_buffer("index", None, persistent=False)
        self.inverse: Tensor | None
        self.register_buffer("inverse", None, persistent=False)
        self.stems: Tensor | None
        self.register_buffer("stems", None, persistent=False)
        self.mixing: Tensor | None
        self.register_buffer("mixing", None, persistent=False)
        self.table: Tensor | None
        self.register_buffer("table", None, persistent=False)
        self._cast()

    @property
    def basis(self) -> Basis:
        """Basis of the filters between one copy and another."""
        return filter_basis(self.taps, self.columns[0], self.rows[0])

    def _indices(self) -> tuple[Tensor | None, Tensor | None]:
        """Where each entry comes from, and, where that is a gather too, where each goes."""
        basis, (m_s, _, m_r, _, _) = self.basis, self.split
        if basis.labels is not None:
            index = _entries(basis.labels, basis.n, m_r)
            return index, _slots(index, m_r * basis.n)
        if basis.orbital is None:
            return None, None
        orbits, carriers = basis.orbital.count, len(basis.orbital.carriers)
        entry = basis.orbital.orbit * carriers + basis.orbital.carrier  # (s.dim, r.dim)
        copies = torch.arange(m_s)[:, None] * m_r + torch.arange(m_r)
        index = copies[:, None, :, None] * (orbits * carriers) + entry[None, :, None]
        index = index.reshape(-1)
        if len(index) != m_s * m_r * orbits * carriers:
            return index, None
        # no two are one, so all are there
        return index, torch.empty_like(index).scatter_(0, index, torch.arange(len(index)))

    def _cast(self) -> None:
        basis, device = self.basis, self.weight.device
        index, inverse = self._indices()
        self.index = None if index is None else index.to(device)
        self.inverse = None if inverse is None else inverse.to(device)
        table, stems, mixing = basis.matrices, None, basis.mixing
        if table is not None:
            table = table.transpose(2, 3).flatten(1)  # (n, s.dim · r.dim · taps)
        if basis.orbital is not None:
            table = basis.orbital.carriers.flatten(0, 1).T  # (T.dim, carriers · taps)
            stems = basis.orbital.stems
            if stems is not None:
                stems = stems.flatten(0, 1).T.contiguous().to(self.weight, copy=True)
        self.table = None if table is None else table.to(self.weight, copy=True).contiguous()
        self.mixing = None if mixing is None else mixing.to(self.weight, copy=True)
        self.stems = stems

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        self._cast()
        return self

    def _load_from_state_dict(
        self, state_dict: dict[str, Any], prefix: str, local_metadata: dict[str, Any], *rest: Any
    ) -> None:
        key = prefix + "weight"
        if local_metadata.get("version", self._version) < 2 and key in state_dict:
            state_dict[key] = from_elements(self.basis, state_dict[key])
        super()._load_from_state_dict(state_dict, prefix, local_metadata, *rest)
        held = (self.table, self.mixing)
        if any(t is not None and t.dtype != self.weight.dtype for t in held):  # assign=True
            self._cast()

    @property
    def current(self) -> Tensor:
        """The weight, anew where hooks make it of others."""
        return self.made() if self._forward_pre_hooks else self.weight

    def made(self) -> Tensor:
        """The weight that hooks make of others (pruning, weight norm); nothing else runs them."""
        for key, hook in self._forward_pre_hooks.items():
            if key not in self._forward_pre_hooks_with_kwargs:  # those watch calls
                hook(self, ())
        return self.weight

    @property
    def variance(self) -> float:
        """Variance of the weights that gives an entry of the filter variance one, on average."""
        r = self.columns[0]
        return r.dim * self.taps.taps / max(self.basis.energy, 1e-300)

    def spread(self, weight: Tensor, shape: Sequence[int] | None = None) -> Tensor:
        """Filters of weights, (m_s s.dim, m_r r.dim, taps) or of another shape. Linear."""
        shape, held = shape or self.shape, self._buffers  # attributes of modules are slow
        index, table = held["index"], held["table"]
        if table is None:
            assert index is not None
            return self._mixed(weight).view(len(weight), -1).index_select(1, index).view(shape)
        if index is None:
            m_s, s, m_r, r, taps = self.split
            entries = weight.reshape(m_s * m_r, -1) @ table
            return entries.view(m_s, m_r, s, r, taps).transpose(1, 2).reshape(shape)
        moved = self._functions(weight) @ table
        return moved.view(-1, self.shape[2]).index_select(0, index).view(shape)

    def spread_into(self, weight: Tensor, out: Tensor) -> None:
        """As `spread`, into memory given, (m_s s.dim, m_r r.dim, taps); without derivatives."""
        held, taps = self._buffers, self.shape[2]
        index, table = held["index"], held["table"]
        if index is None or not out.is_contiguous():
            out.copy_(self.spread(weight))
            return
        m_s = len(weight)
        if table is None:
            entries = self._mixed(weight).view(m_s, -1)
            torch.index_select(entries, 1, index, out=out.view(m_s, -1))
            return
        functions = self._functions(weight).view(m_s, -1, len(table))
        for part, filters in zip(
            functions.split(self.at_once), out.view(m_s, -1, taps).split(self.at_once), strict=True
        ):
            moved = part.reshape(-1, len(table)) @ table
            rows = filters.view(-1, taps)  # every copy has the indices of the first, from its start
            torch.index_select(moved.view(-1, taps), 0, index[: len(rows)], out=rows)

    def collect(self, filters: Tensor) -> Tensor:
        """Transpose of `spread`, without derivatives.

        Filters (m_s s.dim, m_r r.dim, …) -> weights (m_s, m_r, n).
        """
        (m_s, s, m_r, r, taps), n, held = self.split, self.n, self._buffers
        index, inverse, table = held["index"], held["inverse"], held["table"]
        if index is None:
            assert table is not None
            entries = filters.reshape(m_s, s, m_r, r * taps).transpose(1, 2)
            return _back(entries.reshape(m_s * m_r, -1), table).view(m_s, m_r, n)
        parts = filters.reshape(m_s, -1).split(self.at_once)
        if table is None:
            found = [_sums(part, inverse, m_r * n) for part in parts]
        elif inverse is not None:
            found = []
            for part in parts:
                rows = part.reshape(-1, taps)
                moved = rows.index_select(0, inverse[: len(rows)])
                found.append(_back(moved.view(-1, table.shape[1]), table))
        else:  # some moved functions are no entry, and none is two
            stems = held["stems"]
            functions = m_s * m_r * (n if stems is None else stems.shape[1]) // len(table)
            moved = filters.new_zeros(functions * table.shape[1] // taps, taps)
            moved.index_copy_(0, index, filters.reshape(-1, taps))
            found = [_back(moved.view(functions, -1), table)]
        collected = found[0] if len(found) == 1 else torch.cat(found)
        if table is None:
            return self._unmixed(collected).view(m_s, m_r, n)
        return self._weights(collected).view(m_s, m_r, n)

    def _mixed(self, weight: Tensor) -> Tensor:
        """Weights as rows that `mixing` is applied to, if there is one. Linear."""
        mixing = self._mixing_of(weight)
        return weight.contiguous() if mixing is None else weight.reshape(-1, len(mixing)) @ mixing

    def _unmixed(self, mixed: Tensor) -> Tensor:
        """Transpose of `_mixed`, of any shape."""
        mixing = self._mixing_of(mixed)
        return mixed if mixing is None else mixed.reshape(-1, len(mixing)) @ mixing.T

    def _mixing_of(self, x: Tensor) -> Tensor | None:
        """`mixing` in the dtype of weights that were exchanged without `_apply`."""
        mixing = self._buffers["mixing"]
        if mixing is None or mixing.dtype == x.dtype:
            return mixing
        assert self.basis.mixing is not None
        return self.basis.mixing.to(x)

    def _functions(self, weight: Tensor) -> Tensor:
        """Functions of weights, a row of T.dim for each orbit of each pair of copies. Linear."""
        stems, mixing, table = (self._buffers[k] for k in ("stems", "mixing", "table"))
        assert table is not None
        if mixing is not None:
            mixed = self._mixed(weight).view(-1, len(table), len(mixing))
            return mixed.transpose(1, 2).reshape(-1, len(table))
        return (weight if stems is None else weight @ stems).reshape(-1, len(table))

    def _weights(self, functions: Tensor) -> Tensor:
        """Transpose of `_functions`, of any shape."""
        stems, mixing, table = (self._buffers[k] for k in ("stems", "mixing", "table"))
        if mixing is not None:
            assert table is not None
            return self._unmixed(functions.view(-1, len(mixing), len(table)).transpose(1, 2))
        return functions if stems is None else functions.view(-1, stems.shape[1]) @ stems.T

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


def _back(x: Tensor, table: Tensor) -> Tensor:
    """Product x tableᵀ, contiguous; for a table of few rows it is faster this way round."""
    return (table @ x.T).T.contiguous()


def _entries(labels: Tensor, n: int, m_r: int) -> Tensor:
    """Weight (of m_r · n) at each entry of one copy of the target, (s.dim · m_r · r.dim · taps).

    ``labels`` (s.dim, taps, r.dim) are those of one copy of the source too.
    """
    copies = torch.arange(m_r)[:, None, None] * n
    return (copies + labels.transpose(1, 2)[:, None]).reshape(-1)


def _slots(index: Tensor, n: int) -> Tensor | None:
    """Where each of n weights stands, (slots · n): len(index) for slots that some do not need.

    None where that is every place in order.
    """
    order = index.argsort(stable=True)
    counts = index.bincount(minlength=n)
    nth = torch.arange(len(index)) - (counts.cumsum(0) - counts)[index[order]]
    slots = index.new_full((int(counts.max()), n), len(index))
    slots[nth, index[order]] = order
    slots = slots.reshape(-1)
    return None if torch.equal(slots, torch.arange(len(index))) else slots


def _sums(rows: Tensor, slots: Tensor | None, n: int) -> Tensor:
    """Sum of what stands where each weight does, (copies, n), for rows (copies, entries)."""
    if slots is not None:
        if len(slots) != rows.shape[1]:  # some are unused
            rows = nn.functional.pad(rows, (0, 1))
        rows = rows.index_select(1, slots)
    return rows if rows.shape[1] == n else rows.view(len(rows), -1, n).sum(1)
