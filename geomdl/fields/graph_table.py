"""Many graphs, sorted once, out of which batches are cut by a few gathers."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, fields

import torch
from torch import Tensor

from geomdl.fields.graph import Graph
from geomdl.fields.graph_index import check_integers, index_dtype


@dataclass(frozen=True, eq=False)
class GraphTable:
    """Graphs in a row, each with its sorts in numbers of its own.

    A batch is cut without any search or sort, and is what `Graph.batch` of its graphs would be,
    *exact*. Build it by `of`.

    Attributes:
        ptr: nodes of graph m are ptr[m] to ptr[m + 1] - 1, shape (graphs + 1,).
        edge_ptr: likewise its edges, in the order given within a graph.
        source: within the graph, int16 or what it takes, shape (edges,).
        target: likewise.
        perm: edges within the graph, stably sorted by target, likewise.
        out_perm: by source, likewise.
        in_degree: of the nodes, likewise, shape (nodes,).
        out_degree: likewise.

    Example:
        >>> path = Graph.from_edge_index(torch.tensor([[0, 1], [1, 2]]))
        >>> table = GraphTable.of(Graph.batch([path, path.reverse()]))
        >>> graph, nodes, edges = table.batch(torch.tensor([1, 0, 1]))
        >>> graph, nodes.tolist()
        (Graph(nodes=9, edges=6, graphs=3, dtype=int32), [3, 4, 5, 0, 1, 2, 3, 4, 5])
    """

    ptr: Tensor
    edge_ptr: Tensor
    source: Tensor
    target: Tensor
    perm: Tensor
    out_perm: Tensor
    in_degree: Tensor
    out_degree: Tensor

    @staticmethod
    def of(graph: Graph) -> "GraphTable":
        """Table of the graphs of a batch, whose nodes and edges lie graph by graph.

        Raises:
            ValueError: nodes or edges of different graphs are mixed (`Graph.permute` does that).

        Example:
            >>> len(GraphTable.of(Graph.from_edge_index(torch.tensor([[0], [1]]))))
            1
        """
        owner = graph.batch_index.long()
        of_edge = owner[graph.source.long()]
        for what, numbers in (("nodes", owner), ("edges", of_edge)):
            if bool((numbers.diff() < 0).any()):
                raise ValueError(f"graph: expected {what} graph by graph, got them mixed")
        ptr, counts = graph.ptr.long(), of_edge.bincount(minlength=graph.num_graphs)
        edge_ptr = pointers(counts)
        return GraphTable(
            ptr=ptr,
            edge_ptr=edge_ptr,
            source=_narrow(graph.source - ptr[of_edge]),
            target=_narrow(graph.target - ptr[of_edge]),
            perm=_narrow(graph.perm - edge_ptr[of_edge]),
            out_perm=_narrow(graph.out_perm - edge_ptr[of_edge]),
            in_degree=_narrow(graph.in_degree),
            out_degree=_narrow(graph.out_degree),
        )

    @staticmethod
    def cat(tables: "Sequence[GraphTable]") -> "GraphTable":
        """Tables one after another."""
        joined = {}
        for field in fields(GraphTable):
            each = [getattr(table, field.name) for table in tables]
            if field.name.endswith("ptr"):
                each = [pointers(torch.cat([one.diff() for one in each]))]
            joined[field.name] = torch.cat(each)
        return GraphTable(**joined)

    def __len__(self) -> int:
        """Number of graphs."""
        return len(self.ptr) - 1

    @property
    def checksum(self) -> str:
        """Eight hexadecimal digits of what the graphs are."""
        return checksum({field.name: getattr(self, field.name) for field in fields(self)})

    def batch(self, index: Tensor) -> tuple[Graph, Tensor, Tensor]:
        """Some of the graphs as one batch.

        Args:
            index: of the graphs, in any order and as often as one likes, shape (graphs,).

        Returns:
            The batch, and its nodes and edges in numbers of the table: what x[nodes] and
            edge[edges] are taken by.

        Raises:
            TypeError: no tensor of integers.
            ValueError: another shape, or a number that no graph has.
        """
        check_integers("index", index)
        index = index.long()
        if index.ndim != 1:
            raise ValueError(f"index: expected shape (graphs,), got {tuple(index.shape)}")
        wrong = index[(index < 0) | (index >= len(self))]
        if len(wrong):
            raise ValueError(f"index: expected numbers from 0 to {len(self) - 1}, got {wrong[0]}")
        sizes, lengths = self.ptr.diff()[index], self.edge_ptr.diff()[index]
        ptr, edge_ptr = pointers(sizes), pointers(lengths)
        nodes, edges = _ranges(self.ptr[index], ptr), _ranges(self.edge_ptr[index], edge_ptr)
        first, before = (p[:-1].repeat_interleave(lengths) for p in (ptr, edge_ptr))
        source, target = self.source[edges] + first, self.target[edges] + first
        perm, out_perm = self.perm[edges] + before, self.out_perm[edges] + before
        parts = {
            "source": source,
            "target": target,
            "in_ptr": pointers(self.in_degree[nodes]),
            "in_neighbors": source[perm],
            "perm": perm,
            "out_ptr": pointers(self.out_degree[nodes]),
            "out_neighbors": target[out_perm],
            "out_perm": out_perm,
            "batch_index": torch.arange(len(index)).repeat_interleave(sizes),
            "ptr": ptr,
            "node_perm": torch.arange(len(nodes)),
        }
        dtype = index_dtype(len(nodes), len(edges), len(index))
        graph = Graph(**{name: value.to(dtype) for name, value in parts.items()})
        return graph, nodes, edges


def checksum(tensors: dict[str, Tensor]) -> str:
    """Eight hexadecimal digits of tensors with names."""
    found = hashlib.sha256()
    for name, value in tensors.items():
        value = value.contiguous()
        found.update(f"{name} {tuple(value.shape)} {value.dtype}".encode())
        if value.numel():
            found.update(value.reshape(-1).view(torch.uint8).numpy().tobytes())
    return found.hexdigest()[:8]


def pointers(counts: Tensor) -> Tensor:
    """Where each group begins, and where the last one ends.

    Example:
        >>> pointers(torch.tensor([2, 0, 3])).tolist()
        [0, 2, 2, 5]
    """
    return torch.cat([counts.new_zeros(1, dtype=torch.int64), counts.long().cumsum(0)])


def _narrow(x: Tensor) -> Tensor:
    """In the smallest type of 16, 32 or 64 bits that holds the numbers, which are not negative."""
    most = int(x.max()) if len(x) else 0
    kinds = (torch.int16, torch.int32, torch.int64)
    return x.to(next(kind for kind in kinds if most <= torch.iinfo(kind).max))


def _ranges(start: Tensor, ptr: Tensor) -> Tensor:
    """start[k], start[k] + 1, … for each k, as many as ptr says, one after another."""
    counts = ptr.diff()
    return torch.arange(int(ptr[-1])) + (start - ptr[:-1]).repeat_interleave(counts)
