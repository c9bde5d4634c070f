"""The graph that message passing, molecules and complexes stand on: CSR both ways, built once.

Messages flow source → target, `edge_index[0] → edge_index[1]`, as in PyG.
"""

from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import Any

import torch
from torch import Tensor

from geomdl.data.graph6 import read_graph6, write_graph6
from geomdl.fields.graph_build import (
    NO_GRAPHS,
    both_ways,
    checked_edges,
    checked_permutation,
    distinct_edges,
    one_by_one,
    side_by_side,
)
from geomdl.fields.graph_formats import listed, no_graph, read_networkx, read_pyg, read_scipy
from geomdl.fields.graph_writers import write_networkx, write_pyg, write_scipy


@dataclass(frozen=True, eq=False, repr=False)
class Graph:
    """One directed multigraph, or a batch of them, as plain index tensors.

    Edge features keep the order in which the edges were given; `perm` sorts them by target and
    `out_perm` by source. Both sorts are stable, so sums over neighbours are taken in a fixed order.
    With m[e] the message along edge e, y[i] = Σ_{e: target[e] = i} m[e] is, exactly, the sum over
    rows of m[perm] from in_ptr[i] to in_ptr[i + 1].

    All tensors share one dtype: int32 where the numbers of nodes and edges fit, else int64. Build a
    graph through `from_edge_index`, `from_pyg`, `from_networkx`, `from_scipy`, `from_graph6` or
    `batch`, which check their input; the constructor itself checks nothing. A graph is a pytree, so
    it passes through `torch.compile` and `torch.export` as an argument of `forward`.

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
            ValueError: wrong shape, a node or graph number out of range (beyond 2³¹ - 1, where
                nothing says how many there are), or an edge between two graphs of the batch.

        Example:
            >>> Graph.from_edge_index(torch.tensor([[0, 1], [1, 1]]), num_nodes=4).in_degree
            tensor([0, 2, 0, 0], dtype=torch.int32)
        """
        return Graph(**both_ways(*checked_edges(edge_index, num_nodes, batch, num_graphs)))

    @staticmethod
    def from_pyg(data: Any) -> "Graph":
        """Graph of a `torch_geometric.data.Data` or `Batch`, its edges in the order of PyG.

        Args:
            data: with `edge_index` of shape (2, edges), or a transposed sparse adjacency `adj_t`; a
                `HeteroData` with one type of nodes and one of edges.

        Raises:
            TypeError: `data` is no PyG graph.
            ValueError: it has neither `edge_index` nor `adj_t`, or several types of nodes or of
                edges (``data.to_homogeneous()`` joins them), or see `from_edge_index`.
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
    def from_graph6(text: str | bytes) -> "Graph":
        """Graph written in graph6, its edges both ways, sorted by source, then target.

        Args:
            text: one graph, with or without the header and a newline at the end.

        Raises:
            TypeError: `text` is neither str nor bytes.
            ValueError: it is not one whole graph in graph6.

        Example:
            >>> Graph.from_graph6("Bg").to_edge_index().tolist()
            [[0, 1, 1, 2], [1, 0, 2, 1]]

        Source: https://users.cecs.anu.edu.au/~bdm/data/formats.txt
        """
        return Graph.from_edge_index(*read_graph6(text))

    @staticmethod
    def batch(graphs: "Iterable[Graph]") -> "Graph":
        """Join graphs, or batches, side by side: their nodes and their edges one after another.

        Nothing is sorted again. Features are joined by `torch.cat`, and `unbatch` undoes it.

        Args:
            graphs: on one device; none give a batch of no graphs.

        Raises:
            TypeError: one of them is no `Graph`, or this is no collection of them.

        Example:
            >>> pair = Graph.from_edge_index(torch.tensor([[0], [1]]))
            >>> Graph.batch([pair, pair]).to_edge_index().tolist()
            [[0, 2], [1, 3]]
        """
        if isinstance(graphs, Graph):
            raise TypeError("graphs: expected several, as a list of them, got one Graph")
        several = listed(graphs)
        for graph in several:
            if not isinstance(graph, Graph):
                raise no_graph("graphs", graph)
        return Graph(**side_by_side(several)) if several else Graph.from_edge_index(*NO_GRAPHS)

    def unbatch(self) -> "list[Graph]":
        """Graphs of the batch; features x split as x[node_perm].split(ptr.diff().tolist()).

        Exact inverse of `batch` for single graphs.
        """
        return [Graph(**parts) for parts in one_by_one(self)]

    def to_edge_index(self) -> Tensor:
        """Edges as PyG wants them, int64 of shape (2, edges), in the order given."""
        return torch.stack([self.source, self.target]).long()

    def to_graph6(self) -> str:
        """Line of graph6, without header and newline, of one undirected graph without features.

        Raises:
            ValueError: a batch, a self-loop, an edge that comes twice or only one way.
        """
        if self.num_graphs != 1:
            raise ValueError(f"graph: expected one graph, got {self.num_graphs}")
        simple = self.undirected()[0].without_self_loops()[0]
        if not self.same_structure(simple):
            raise ValueError(
                "graph: expected each edge once each way and no self-loop, got others (take"
                " graph.undirected()[0].without_self_loops()[0])"
            )
        return write_graph6(self.source, self.target, self.num_nodes)

    def to_networkx(self, undirected: bool = False) -> Any:
        """Graph of networkx on the nodes 0, 1, …; of a batch all graphs, side by side.

        Args:
            undirected: whether an edge and its reverse are one, which needs each as often each way.

        Returns:
            networkx.DiGraph or, where edges repeat, MultiDiGraph; undirected Graph or MultiGraph.

        Raises:
            ValueError: `undirected`, and the edges are not the same both ways.
        """
        return write_networkx(self, undirected)

    def to_scipy(self, weight: Tensor | None = None) -> Any:
        """Adjacency matrix, scipy.sparse.coo_array: an entry a[i, j] for each edge i → j, in order.

        Args:
            weight: the entries, shape (edges,); ones, float32, if None.

        Raises:
            ValueError: `weight` is of another shape.
        """
        return write_scipy(self, weight)

    def to_pyg(self, x: Tensor | None = None, edge: Tensor | None = None, **more: Any) -> Any:
        """`torch_geometric.data.Data`, or `Batch` of several graphs, edges in the order given.

        PyG's ``to_heterogeneous()`` makes a `HeteroData` of it, which `Graph.from_pyg` takes too.

        Args:
            x: features of the nodes, shape (nodes, ...).
            edge: features of the edges, shape (edges, ...), PyG's ``edge_attr``.
            **more: further entries by name; for a batch tensors with a row for each node or graph,
                or for each edge, if the name has "edge" in it.

        Raises:
            ValueError: rows do not fit, or the batch has nodes or edges of graphs mixed, or no
                graph at all.
        """
        return write_pyg(self, x, edge, more)

    def with_self_loops(self) -> "Graph":
        """Graph with a self-loop at every node that has none.

        Edges keep their numbers and order; the new ones come after them, in the order of the
        nodes, so that features become torch.cat([edge, those of the new]).

        Example:
            >>> graph = Graph.from_edge_index(torch.tensor([[0, 1], [1, 1]]))
            >>> graph.with_self_loops().to_edge_index().tolist()
            [[0, 1, 0], [1, 1, 0]]
        """
        lacks = torch.ones(self.num_nodes, dtype=torch.bool, device=self.device)
        lacks[self.source[self.source == self.target]] = False
        new = lacks.nonzero().flatten()
        return self._with_edges(torch.cat([self.source, new]), torch.cat([self.target, new]))

    def without_self_loops(self) -> tuple["Graph", Tensor]:
        """Graph without its self-loops, and the numbers of the edges that remain.

        Returns:
            The graph, and kept, shape (remaining,), int64: features become edge[kept].
        """
        kept = (self.source != self.target).nonzero().flatten()
        return self._with_edges(self.source[kept], self.target[kept]), kept

    def coalesced(self) -> tuple["Graph", Tensor]:
        """Graph with each edge once, sorted by source, then target, and where each edge went.

        Returns:
            The graph, and into, shape (edges,), int64: edge e became into[e], so that features are
            added by zeros.index_add(0, into, edge).

        Example:
            >>> graph, into = Graph.from_edge_index(
            ...     torch.tensor([[1, 0, 1], [0, 1, 0]])
            ... ).coalesced()
            >>> graph.to_edge_index().tolist(), into.tolist()
            ([[0, 1], [1, 0]], [1, 0, 1])
        """
        edge_index, into = distinct_edges(self.source, self.target, self.num_nodes)
        return self._with_edges(*edge_index), into

    def undirected(self) -> tuple["Graph", Tensor]:
        """Graph with each edge once each way, coalesced, and where each edge and its reverse went.

        Returns:
            The graph, and into, shape (2, edges), int64: edge e became into[0, e], its reverse
            into[1, e]; zeros.index_add(0, into.flatten(), torch.cat([edge, edge])) adds features as
            PyG's ``to_undirected`` does (those of a self-loop twice).
        """
        both = torch.cat([self.source, self.target]), torch.cat([self.target, self.source])
        edge_index, into = distinct_edges(*both, self.num_nodes)
        return self._with_edges(*edge_index), into.view(2, -1)

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
        perm = checked_permutation(perm, self.num_nodes, self.device)
        batch = torch.empty_like(self.batch_index)
        batch[perm] = self.batch_index
        source, target = perm[self.source], perm[self.target]
        return Graph(**both_ways(source, target, self.num_nodes, batch, self.num_graphs))

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

    def _with_edges(self, source: Tensor, target: Tensor) -> "Graph":
        """Graph of the same nodes with other edges, checked."""
        parts = both_ways(source, target, self.num_nodes, self.batch_index, self.num_graphs)
        return Graph(**parts)

    def _same_nodes(self, other: "Graph") -> bool:
        return self.num_graphs == other.num_graphs and torch.equal(
            self.batch_index, other.batch_index
        )

    def _sorted_edges(self) -> Tensor:
        """Edges sorted by source and, from one source, by target."""
        order = self.perm[torch.argsort(self.in_neighbors, stable=True)]
        return torch.stack([self.source[order], self.target[order]])

    @property
    def is_undirected(self) -> bool:
        """Whether each edge comes as often one way as the other."""
        return self.same_structure(self.reverse())

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
