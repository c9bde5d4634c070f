"""Fields split into irreps and joined again, for layers that treat irreps one by one."""

from collections.abc import Sequence

import torch
from torch import Tensor

from geomdl.fields import Field
from geomdl.groups import Rep
from geomdl.groups.rep import direct_sum
from geomdl.registry.exact_buffers import ExactBuffers


def flattened(x: Tensor, axis: int) -> Tensor:
    """A batch of fields as (batch, channels, places): one place for plain vectors (axis -1)."""
    return x.flatten(2) if axis == 1 else x.reshape(-1, x.shape[-1], 1)


def unflattened(y: Tensor, x: Tensor, axis: int) -> Tensor:
    """Undo `flattened`, for as many channels as ``y`` has; ``x`` is what was flattened."""
    if axis == 1:
        return y.reshape(*x.shape[:1], y.shape[1], *x.shape[2:])
    return y.reshape(*x.shape[:-1], y.shape[1])


def orthogonal(field: Field, what: str) -> None:
    """Refuse a field whose representation is not orthogonal, naming the block."""
    for rep, _ in field.rep.blocks:
        if not rep.is_orthogonal:
            raise ValueError(
                f"source: {what} needs orthogonal representations, got {rep.name} of "
                f"{field.group.name}"
            )


class IrrepBasis(ExactBuffers):
    """Splits fields of an orthogonal representation into irreps, and joins them again.

    Not a layer: it has no weights and no ``forward``; the layers that own it call `split` and
    `join`. The changes of basis are orthogonal, one small matrix for each block that is no irrep;
    they are held in the dtype of the module and rebuilt from float64 when that changes.

    Args:
        rep: orthogonal representation.
        align: whether irreducible blocks are carried to the group's own irrep. Norms do not need
            it: then blocks stay as they are.

    Attributes:
        irreps: the irreps inside and their multiplicities, in the order of the group's list.
    """

    def __init__(self, rep: Rep, align: bool = True) -> None:
        super().__init__()
        self.rep = rep
        found = [block.decompose() for block, _ in rep.blocks]
        once = direct_sum([(block, 1) for block in dict.fromkeys(r for r, _ in rep.blocks)])
        order = {irrep: i for i, irrep in enumerate(once.decompose().multiplicities)}
        counts = [0] * len(order)
        self._segments: list[list[tuple[int, int]]] = []
        self._exact: list[Tensor | None] = []
        for (block, n), (multiplicities, basis) in zip(rep.blocks, found, strict=True):
            self._segments.append([(order[irrep], m) for irrep, m in multiplicities.items()])
            for irrep, m in multiplicities.items():
                counts[order[irrep]] += n * m
            plain = block in multiplicities or (not align and sum(multiplicities.values()) == 1)
            unit = plain or torch.allclose(basis, torch.eye(len(basis), dtype=basis.dtype))
            self._exact.append(None if unit else basis)
        self.irreps = tuple(zip(order, counts, strict=True))
        for i in range(len(self._exact)):  # none where nothing is to be multiplied
            self.register_buffer(f"basis_{i}", None, persistent=False)
        self.hold()

    def exact_buffers(self) -> dict[str, Tensor]:
        """The changes of basis."""
        return {f"basis_{i}": basis for i, basis in enumerate(self._exact) if basis is not None}

    def split(self, x: Tensor) -> list[Tensor]:
        """From (batch, channels, places): (batch, multiplicity, dim, places) for each irrep."""
        blocks = self.rep.blocks
        parts: list[list[Tensor]] = [[] for _ in self.irreps]
        pieces = x.split([r.dim * n for r, n in blocks], 1) if len(blocks) > 1 else [x]
        for i, (piece, (rep, n)) in enumerate(zip(pieces, blocks, strict=True)):
            copies, basis = piece.unflatten(1, (n, rep.dim)), self._buffers[f"basis_{i}"]
            if basis is not None:
                copies = basis.mT @ copies
            sizes = [m * self.irreps[k][0].dim for k, m in self._segments[i]]
            for (k, m), segment in zip(self._segments[i], copies.split(sizes, 2), strict=True):
                d = self.irreps[k][0].dim
                parts[k].append(segment.reshape(x.shape[0], n * m, d, x.shape[2]))
        return [torch.cat(part, 1) if len(part) > 1 else part[0] for part in parts]

    def join(self, parts: Sequence[Tensor]) -> Tensor:
        """Inverse of `split`."""
        blocks = self.rep.blocks
        taken = [0] * len(self.irreps)
        pieces = []
        for i, (_, n) in enumerate(blocks):
            segments = []
            for k, m in self._segments[i]:
                part = parts[k].narrow(1, taken[k], n * m)
                taken[k] += n * m
                segments.append(part.reshape(part.shape[0], n, m * part.shape[2], part.shape[3]))
            copies = torch.cat(segments, 2) if len(segments) > 1 else segments[0]
            basis = self._buffers[f"basis_{i}"]
            if basis is not None:
                copies = basis @ copies
            pieces.append(copies.flatten(1, 2))
        return torch.cat(pieces, 1) if len(pieces) > 1 else pieces[0]
