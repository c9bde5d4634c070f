"""Many molecules with their graphs, found once, out of which batches are cut."""

import hashlib
from dataclasses import dataclass, fields

import torch
from torch import Tensor

from geomdl.euclidean.neighbors import radius_graph
from geomdl.fields import Graph
from geomdl.fields.graph_index import check_integers, index_dtype

_CHUNK = 2000  # molecules whose neighbours are sought at once


@dataclass(frozen=True, eq=False)
class Molecules:
    """Molecules whose atoms do not move, with all neighbours within a cut-off.

    What `radius_graph` finds is kept in numbers within a molecule, so that a batch is a few
    gathers, without any search or sort. Build it by `of`.

    Attributes:
        z: atomic numbers, shape (nodes,).
        pos: Å, shape (nodes, 3).
        ptr: atoms of molecule m are ptr[m] to ptr[m + 1] - 1, shape (molecules + 1,).
        edge_ptr: likewise its edges, which are sorted by target, then source.
        source: within the molecule, int16 or what it takes, shape (edges,).
        target: likewise.
        order: edges within the molecule, stably sorted by source, likewise.
        in_degree: of the atoms, likewise, shape (nodes,).
        out_degree: likewise.

    Example:
        >>> z = torch.tensor([[8, 1, 1], [9, 1, 0]])
        >>> pos = torch.tensor([[0.0, 0, 0], [0.96, 0, 0], [-0.24, 0.93, 0]]).expand(2, 3, 3)
        >>> Molecules.of(z, pos, cutoff=3.0).batch(torch.tensor([1, 0, 1]))[2]
        Graph(nodes=7, edges=10, graphs=3, dtype=int32)
    """

    z: Tensor
    pos: Tensor
    ptr: Tensor
    edge_ptr: Tensor
    source: Tensor
    target: Tensor
    order: Tensor
    in_degree: Tensor
    out_degree: Tensor

    @staticmethod
    def of(z: Tensor, pos: Tensor, cutoff: float) -> "Molecules":
        """Molecules of a table.

        Args:
            z: atomic numbers, 0 where there is no atom, shape (molecules, places).
            pos: Å, shape (molecules, places, 3); what stands where there is no atom is not read.
            cutoff: Å.

        Raises:
            ValueError: wrong shapes, negative atomic numbers, or positions that are not finite.
        """
        if z.ndim != 2 or pos.shape != (*z.shape, 3):
            raise ValueError(
                f"z, pos: expected shapes (molecules, places) and (molecules, places, 3), got"
                f" {tuple(z.shape)} and {tuple(pos.shape)}"
            )
        if bool((z < 0).any()):
            raise ValueError(f"z: expected atomic numbers, 0 for no atom, got {int(z.min())}")
        parts = [
            _pack(*both, cutoff) for both in zip(z.split(_CHUNK), pos.split(_CHUNK), strict=True)
        ]
        joined = {}
        for field in fields(Molecules):
            each = [getattr(part, field.name) for part in parts]
            if field.name.endswith("ptr"):
                each = [_ptr(torch.cat([one.diff() for one in each]))]
            joined[field.name] = torch.cat(each)
        return Molecules(**joined)

    def __len__(self) -> int:
        """Number of molecules."""
        return len(self.ptr) - 1

    @property
    def checksum(self) -> str:
        """Eight hexadecimal digits of what the molecules and their neighbours are."""
        found = hashlib.sha256()
        for field in fields(self):
            value = getattr(self, field.name).contiguous()
            found.update(f"{field.name} {tuple(value.shape)} {value.dtype}".encode())
            found.update(value.reshape(-1).view(torch.uint8).numpy() if value.numel() else b"")
        return found.hexdigest()[:8]

    def batch(self, index: Tensor) -> tuple[Tensor, Tensor, Graph]:
        """Some molecules as one graph, as `radius_graph` would give it.

        Args:
            index: molecules, shape (systems,).

        Returns:
            Atomic numbers, positions, graph.

        Raises:
            TypeError: no tensor of integers.
            ValueError: another shape, or a number that no molecule has.
        """
        check_integers("index", index)
        index = index.long()
        if index.ndim != 1:
            raise ValueError(f"index: expected shape (systems,), got {tuple(index.shape)}")
        wrong = index[(index < 0) | (index >= len(self))]
        if len(wrong):
            raise ValueError(f"index: expected numbers from 0 to {len(self) - 1}, got {wrong[0]}")
        atoms, edges = self.ptr.diff()[index], self.edge_ptr.diff()[index]
        ptr, edge_ptr = _ptr(atoms), _ptr(edges)
        nodes, ends = _ranges(self.ptr[index], ptr), _ranges(self.edge_ptr[index], edge_ptr)
        first = ptr[:-1].repeat_interleave(edges)
        source, target = self.source[ends] + first, self.target[ends] + first
        out_perm = self.order[ends] + edge_ptr[:-1].repeat_interleave(edges)
        parts = {
            "source": source,
            "target": target,
            "in_ptr": _ptr(self.in_degree[nodes]),
            "in_neighbors": source,
            "perm": torch.arange(len(ends)),
            "out_ptr": _ptr(self.out_degree[nodes]),
            "out_neighbors": target[out_perm],
            "out_perm": out_perm,
            "batch_index": torch.arange(len(index)).repeat_interleave(atoms),
            "ptr": ptr,
            "node_perm": torch.arange(len(nodes)),
        }
        dtype = index_dtype(len(nodes), len(ends), len(index))
        graph = Graph(**{name: value.to(dtype) for name, value in parts.items()})
        return self.z[nodes], self.pos[nodes], graph


def _pack(z: Tensor, pos: Tensor, cutoff: float) -> Molecules:
    there = z > 0
    counts = there.sum(1)
    batch = torch.arange(len(z)).repeat_interleave(counts)
    graph = radius_graph(pos[there], cutoff, batch=batch).graph
    ptr = _ptr(counts)
    of_edge = batch[graph.target.long()]
    edge_ptr = _ptr(torch.bincount(of_edge, minlength=len(z)))
    return Molecules(
        z=z[there],
        pos=pos[there],
        ptr=ptr,
        edge_ptr=edge_ptr,
        source=_narrow(graph.source - ptr[of_edge]),
        target=_narrow(graph.target - ptr[of_edge]),
        order=_narrow(graph.out_perm - edge_ptr[of_edge]),
        in_degree=_narrow(graph.in_degree),
        out_degree=_narrow(graph.out_degree),
    )


def _narrow(x: Tensor) -> Tensor:
    """In the smallest type of 16, 32 or 64 bits that holds the numbers, which are not negative."""
    most = int(x.max()) if len(x) else 0
    kinds = (torch.int16, torch.int32, torch.int64)
    return x.to(next(kind for kind in kinds if most <= torch.iinfo(kind).max))


def _ptr(counts: Tensor) -> Tensor:
    return torch.cat([counts.new_zeros(1, dtype=torch.int64), counts.long().cumsum(0)])


def _ranges(start: Tensor, ptr: Tensor) -> Tensor:
    """start[k], start[k] + 1, … for each k, as many as ptr says, one after another."""
    counts = ptr.diff()
    return torch.arange(int(ptr[-1])) + (start - ptr[:-1]).repeat_interleave(counts)
