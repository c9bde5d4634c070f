"""The graph that message passing, molecules and complexes stand on: CSR both ways, built once.

Messages flow source → target, `edge_index[0] → edge_index[1]`, as in PyG.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import torch
from torch import Tensor

from geomdl.fields.graph_formats import read_networkx, read_pyg, read_scipy
from geomdl.fields.graph_index import check_integers, checked_count, group_by, index_dtype


@dataclass(frozen=True, eq=False, repr=False)
class Graph:
    """One directed multigraph, or a batch of them, as plain index tensors.

    Edge features keep the order in which the edges were given; `perm` sorts them by target and
    `out_perm` by source. Both sorts are stable, so sums over neighbours are taken in a fixed order.
    With m[e] the message along edge e, y[i] = Σ_{e: target[e] = i} m[e] is, exactly, the sum over
    rows of m[perm] from in_ptr[i] to in_ptr[i + 1].

    All tensors share one dtype: int32 where the numbers of nodes and edges fit, else int64. Build a
    graph through `from_edge_index`, `from_pyg`, `from_networkx`, `from_scipy` or `batch`, which
    check their input; the constructor itself checks nothing. A graph is a pytree, so it passes
    through `torch.compile` and `torch.export` as an argument of `forward`.

    `==` compares nodes, edges *in their order* (features follow it) and batch; `same_structure`
    leaves the order of the edges aside.

    Attributes:
        source: node that each edge leaves, shape (edges,), in the order given.
        target: node that each edge enters, shape (edges,), in the order given.
        in_ptr: incoming edges of node i are perm[in_ptr[i]:in_ptr[i + 1]], shape (nodes + 1,).
        in_neighbors: source[perm], the sources by target, shape (edges,).
        perm: edge numbers, stably sorted by target, shape (edges,).
        out_ptr: outgoing edges of i are out_perm[out_ptr[i]:out_ptr[i + 1]], shape (nodes + 1,).
        out_neighbors: target[out_perm], the targets by source, shape (edges,).
        out_perm: edge numbers, stably sorted by source, shape (edges,).
        batch_index: graph that each node belongs to, shape (nodes,).
        ptr: nodes of graph k are node_perm[ptr[k]:ptr[k + 1]], shape (graphs + 1,).
        node_perm: node numbers, stably sorted by graph, shape (nodes,): 0, 1, 2, … until
            `permute` mixes the graphs.

    Example:
        >>> graph = Graph.from_edge_index(torch.tensor([[2, 0, 2], [1, 1, 0]]))
        >>> graph
        Graph(nodes=3, edges=3, graphs=1, dtype=int32)
        >>> graph.perm.tolist(), graph.in_ptr.tolist(), graph.in_neighbors.tolist()
        ([2, 0, 1], [0, 1, 3, 3], [2, 2, 0])
    """

    source: Tensor
    target: Tensor
    in_ptr: Tensor
    in_neighbors: Tensor
    perm: Tensor
    out_ptr: Tensor
    out_neighbors: Tensor
    out_perm: Tensor
    batch_index: Tensor
    ptr: Tensor
    node_perm: Tensor

    @staticmethod
    def from_edge_index(
        edge_index: Tensor,
        num_nodes: int | None = None,
        batch: Tensor | None = None,
        num_graphs: int | None = None,
    ) -> "Graph":
        """Graph from a list of edges; self-loops, repeated edges and isolated nodes are kept.

        Args:
            edge_index: node numbers, integers of shape (2, edges): sources, then targets.
            num_nodes: number of nodes; default `len(batch)`, or 1 + the largest number in
                `edge_index`.
            batch: graph of each node, integers of shape (nodes,), in any order; default one graph.
            num_graphs: number of graphs, some of which may be empty; default 1 + the largest number
                in `batch`.

        Raises:
            TypeError: `edge_index` or `batch` is no tensor of integers.
            ValueError: wrong shape, a node or graph number out of range, or an edge between two
                graphs of the batch.

        Example:
            >>> Graph.from_edge_index(torch.tensor([[0, 1], [1, 1]]), num_nodes=4).in_degree
            tensor([0, 2, 0, 0], dtype=torch.int32)
        """
        check_integers("edge_index", edge_index)
        if edge_index.ndim != 2 or edge_index.shape[0] != 2:
            raise ValueError(
                f"edge_index: expected shape (2, edges), got {tuple(edge_index.shape)}"
            )
        edge_index = edge_index.long()
        if batch is not None:
            check_integers("batch", batch)
            if batch.ndim != 1:
                raise ValueError(f"batch: expected shape (nodes,), got {tuple(batch.shape)}")
            batch = batch.to(edge_index.device, torch.int64)
            num_nodes = batch.shape[0] if num_nodes is None else num_nodes
        num_nodes = checked_count("num_nodes", num_nodes, "edge_index: node numbers", edge_index)
        if batch is None:
            if num_graphs not in (None, 1):
                raise ValueError(f"num_graphs: expected 1 where batch is None, got {num_graphs}")
            batch, num_graphs = edge_index.new_zeros(num_nodes), 1
        if batch.shape[0] != num_nodes:
            raise ValueError(f"batch: expected shape ({num_nodes},), got {tuple(batch.shape)}")
        num_graphs = checked_count("num_graphs", num_graphs, "batch: graph numbers", batch)
        source, target = edge_index
        across = batch[source] != batch[target]
        if across.any():
            edge = int(across.nonzero()[0])
            raise ValueError(
                f"edge_index: edges should stay within one graph of batch, got edge {edge} from"
                f" graph {int(batch[source[edge]])} to graph {int(batch[target[edge]])}"
            )
        return _build(source, target, num_nodes, batch, num_graphs)

    @staticmethod
    def from_pyg(data: Any) -> "Graph":
        """Graph of a `torch_geometric.data.Data` or `Batch`, its edges in the order of PyG.

        Args:
            data: with `edge_index` of shape (2, edges), or a transposed sparse adjacency `adj_t`.

        Raises:
            TypeError: `data` is no homogeneous PyG graph.
            ValueError: it has neither `edge_index` nor `adj_t`, or see `from_edge_index`.
        """
        return Graph.from_edge_index(**read_pyg(data))

    @staticmethod
    def from_networkx(graph: Any) -> "Graph":
        """Graph of any networkx graph; node i is the i-th of `graph.nodes`.

        An undirected edge becomes one edge each way, an undirected self-loop one edge. The edges
        are in the order of `graph.to_directed().edges`, as `torch_geometric.utils.from_networkx`.

        Args:
            graph: a networkx Graph, DiGraph, MultiGraph or MultiDiGraph.

        Raises:
            TypeError: `graph` is no networkx graph.

        Example:
            >>> import networkx
            >>> Graph.from_networkx(networkx.path_graph(3)).to_edge_index().tolist()
            [[0, 1, 1, 2], [1, 0, 2, 1]]
        """
        return Graph.from_edge_index(**read_networkx(graph))

    @staticmethod
    def from_scipy(matrix: Any) -> "Graph":
        """Graph of a sparse adjacency matrix: a stored entry in row i, column j is an edge i → j.

        Values are not looked at: a stored zero is an edge, and entries that a COO matrix repeats
        are as many edges. The edges are in the order of `matrix.tocoo()`.

        Args:
            matrix: a scipy sparse matrix or array, shape (nodes, nodes).

        Raises:
            TypeError: `matrix` is not sparse.
            ValueError: `matrix` is not square.

        Example:
            >>> import scipy.sparse
            >>> Graph.from_scipy(scipy.sparse.csr_array([[0, 5], [0, 1]])).to_edge_index().tolist()
            [[0, 1], [1, 1]]
        """
        return Graph.from_edge_index(**read_scipy(matrix))

    @staticmethod
    def batch(graphs: "Sequence[Graph]") -> "Graph":
        """Join graphs, or batches, side by side: their nodes and their edges one after another.

        Nothing is sorted again. Features are joined by `torch.cat`, and `unbatch` undoes it.

        Args:
            graphs: on one device; an empty sequence gives a batch of no graphs.

        Example:
            >>> pair = Graph.from_edge_index(torch.tensor([[0], [1]]))
            >>> Graph.batch([pair, pair]).to_edge_index().tolist()
            [[0, 2], [1, 3]]
        """
        if not graphs:
            return Graph.from_edge_index(
                torch.empty(2, 0, dtype=torch.int64), 0, torch.empty(0, dtype=torch.int64), 0
            )
        counts = ("num_nodes", "num_edges", "num_graphs")
        dtype = index_dtype(*(sum(getattr(graph, count) for graph in graphs) for count in counts))
        joined = {}
        for name, count in _COUNTS.items():
            pieces: list[Tensor] = []
            before = 0
            for graph in graphs:
                piece = getattr(graph, name).to(dtype) + before
                pieces.append(piece[1:] if pieces and name.endswith("ptr") else piece)
                before += getattr(graph, count)
            joined[name] = torch.cat(pieces)
        return Graph(**joined)

    def unbatch(self) -> "list[Graph]":
        """Graphs of the batch; features x split as x[node_perm].split(ptr.diff().tolist()).

        Exact inverse of `batch` for single graphs.
        """
        local = torch.empty_like(self.node_perm)
        nodes = torch.arange(self.num_nodes, dtype=self.dtype, device=self.device)
        local[self.node_perm] = nodes - self.ptr[self.batch_index[self.node_perm]]
        edge_perm, edge_ptr = group_by(self.batch_index[self.source], self.num_graphs)
        node_counts, edge_counts = self.ptr.diff().tolist(), edge_ptr.diff().tolist()
        sources = torch.split(local[self.source[edge_perm]], edge_counts)
        targets = torch.split(local[self.target[edge_perm]], edge_counts)
        return [
            _build(source, target, count, self.batch_index.new_zeros(count), 1)
            for source, target, count in zip(sources, targets, node_counts, strict=True)
        ]

    def to_edge_index(self) -> Tensor:
        """Edges as PyG wants them, int64 of shape (2, edges), in the order given."""
        return torch.stack([self.source, self.target]).long()

    def permute(self, perm: Tensor) -> "Graph":
        """Rename the nodes: node i becomes perm[i]; the order of the edges stays.

        So features move as x'[perm[i]] = x[i], edge features stay as they are, and the batch moves
        with the nodes. A node's messages keep their order, so that a sum over them is bitwise the
        same. g.permute(p).permute(q) == g.permute(q[p]).

        Args:
            perm: images of the nodes, integers of shape (nodes,).

        Raises:
            TypeError: `perm` is no tensor of integers.
            ValueError: `perm` is no permutation of the nodes.

        Example:
            >>> edge = Graph.from_edge_index(torch.tensor([[0], [1]]), num_nodes=3)
            >>> edge.permute(torch.tensor([2, 0, 1])).to_edge_index().tolist()
            [[2], [0]]
        """
        check_integers("perm", perm)
        perm = perm.to(self.device, torch.int64)
        if perm.shape != (self.num_nodes,):
            raise ValueError(f"perm: expected shape ({self.num_nodes},), got {tuple(perm.shape)}")
        if not torch.equal(perm.sort().values, torch.arange(self.num_nodes, device=self.device)):
            raise ValueError(
                f"perm: expected each of 0, …, {self.num_nodes - 1} once, got others or repeats"
            )
        batch = torch.empty_like(self.batch_index)
        batch[perm] = self.batch_index
        source, target = perm[self.source], perm[self.target]
        return _build(source, target, self.num_nodes, batch, self.num_graphs)

    def reverse(self) -> "Graph":
        """Graph with each edge turned around, in the same order; costs nothing."""
        return Graph(
            source=self.target,
            target=self.source,
            in_ptr=self.out_ptr,
            in_neighbors=self.out_neighbors,
            perm=self.out_perm,
            out_ptr=self.in_ptr,
            out_neighbors=self.in_neighbors,
            out_perm=self.perm,
            batch_index=self.batch_index,
            ptr=self.ptr,
            node_perm=self.node_perm,
        )

    def to(self, device: torch.device | str, non_blocking: bool = False) -> "Graph":
        """Graph on another device."""
        return Graph(
            **{
                field.name: getattr(self, field.name).to(device, non_blocking=non_blocking)
                for field in fields(Graph)
            }
        )

    def same_structure(self, other: "Graph") -> bool:
        """Whether nodes, batch and the multiset of edges agree, whatever the order of the edges.

        No isomorphism test: nodes keep their numbers.

        Example:
            >>> a = Graph.from_edge_index(torch.tensor([[0, 1], [1, 0]]))
            >>> b = Graph.from_edge_index(torch.tensor([[1, 0], [0, 1]]))
            >>> a == b, a.same_structure(b)
            (False, True)
        """
        return self._same_nodes(other) and torch.equal(self._sorted_edges(), other._sorted_edges())

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Graph):
            return NotImplemented
        return (
            self._same_nodes(other)
            and torch.equal(self.source, other.source)
            and torch.equal(self.target, other.target)
        )

    def __hash__(self) -> int:
        return hash((self.num_nodes, self.num_edges, self.num_graphs))

    def __repr__(self) -> str:
        counts = f"nodes={self.num_nodes}, edges={self.num_edges}, graphs={self.num_graphs}"
        return f"Graph({counts}, dtype={str(self.dtype).removeprefix('torch.')})"

    def _same_nodes(self, other: "Graph") -> bool:
        return self.num_graphs == other.num_graphs and torch.equal(
            self.batch_index, other.batch_index
        )

    def _sorted_edges(self) -> Tensor:
        """Edges sorted by source and, from one source, by target."""
        order = self.perm[torch.argsort(self.in_neighbors, stable=True)]
        return torch.stack([self.source[order], self.target[order]])

    @property
    def num_nodes(self) -> int:
        """Number of nodes, of all graphs together."""
        return self.batch_index.shape[0]

    @property
    def num_edges(self) -> int:
        """Number of edges, of all graphs together."""
        return self.source.shape[0]

    @property
    def num_graphs(self) -> int:
        """Number of graphs in the batch; 1 for a single graph, even an empty one."""
        return self.ptr.shape[0] - 1

    @property
    def in_degree(self) -> Tensor:
        """Number of edges that enter each node, shape (nodes,)."""
        return self.in_ptr.diff()

    @property
    def out_degree(self) -> Tensor:
        """Number of edges that leave each node, shape (nodes,)."""
        return self.out_ptr.diff()

    @property
    def device(self) -> torch.device:
        """Device of all tensors."""
        return self.source.device

    @property
    def dtype(self) -> torch.dtype:
        """Type of all tensors: int32 where the numbers of nodes and edges fit, else int64."""
        return self.source.dtype


torch.export.register_dataclass(Graph, serialized_type_name="geomdl.fields.Graph")
# An exported program keeps its example inputs; its loader (weights_only) may rebuild this class,
# which holds tensors and runs no code of its own.
torch.serialization.add_safe_globals([Graph])

# What the entries of each attribute count: `Graph.batch` shifts them by what came before.
_COUNTS = {
    "source": "num_nodes",
    "target": "num_nodes",
    "in_ptr": "num_edges",
    "in_neighbors": "num_nodes",
    "perm": "num_edges",
    "out_ptr": "num_edges",
    "out_neighbors": "num_nodes",
    "out_perm": "num_edges",
    "batch_index": "num_graphs",
    "ptr": "num_nodes",
    "node_perm": "num_nodes",
}


def _build(
    source: Tensor, target: Tensor, num_nodes: int, batch_index: Tensor, num_graphs: int
) -> Graph:
    """Graph of checked tensors, which are copied."""
    dtype = index_dtype(num_nodes, source.shape[0], num_graphs)
    source, target, batch_index = (
        t.to(dtype, copy=True, memory_format=torch.contiguous_format)
        for t in (source, target, batch_index)
    )
    perm, in_ptr = group_by(target, num_nodes)
    out_perm, out_ptr = group_by(source, num_nodes)
    node_perm, ptr = group_by(batch_index, num_graphs)
    return Graph(
        source=source,
        target=target,
        in_ptr=in_ptr,
        in_neighbors=source[perm],
        perm=perm,
        out_ptr=out_ptr,
        out_neighbors=target[out_perm],
        out_perm=out_perm,
        batch_index=batch_index,
        ptr=ptr,
        node_perm=node_perm,
    )
