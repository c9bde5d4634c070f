"""Batches of nodes of one large graph, each with neighbours drawn at random around it."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from geomdl.fields import Graph
from geomdl.fields.graph_checks import check_graph, check_rows
from geomdl.fields.graph_index import check_integers, group_by, index_dtype
from geomdl.fields.numbers import at_least, is_integer
from geomdl.kernels.sampling import mixed, number, sample_rows


class NeighborBatch(NamedTuple):
    """Nodes with the neighbours that were drawn, as a graph of its own; names as in PyG.

    Attributes:
        graph: edges that were drawn, between the nodes of `n_id`.
        n_id: number of each node in the whole graph, int64, shape (nodes,): first those asked for,
            then the others in the order in which they were met.
        e_id: number of each edge in the whole graph, int64, shape (edges,).
        batch_size: how many nodes were asked for; rows beyond are their surroundings.
        x: features of the nodes, or None.
        y: labels of the nodes, or None.
        edge: features of the edges, or None.
    """

    graph: Graph
    n_id: Tensor
    e_id: Tensor
    batch_size: int
    x: Tensor | None = None
    y: Tensor | None = None
    edge: Tensor | None = None

    def to_pyg(self) -> Any:
        """`torch_geometric.data.Data` with the names that `NeighborLoader` uses."""
        more = {} if self.y is None else {"y": self.y}
        return self.graph.to_pyg(
            self.x, self.edge, n_id=self.n_id, e_id=self.e_id, batch_size=self.batch_size, **more
        )


class NeighborSampler:
    """Nodes in batches, with up to so many in-neighbours of each, of those, and so on.

    Layer l = 1, 2, … takes, for every node that layer l - 1 met first (layer 0: those asked for),
    min(degree, fanouts[l]) of the edges that enter it, all sets of that size being as likely
    (*exact*, up to 2⁻⁵³). So the mean over the drawn neighbours is an unbiased estimate of the
    mean over all; with -1, all are taken, and L layers of messages give the nodes asked for what
    they give in the whole graph, *exactly*. As with PyG's ``NeighborLoader``, all layers of a
    network run on the graph of all edges that were drawn.

    What is drawn for a node depends on seed, epoch, layer and node alone, not on the batch, threads
    or processes: `sampler[k]` is batch k of this epoch, in whatever order batches are made. So
    ``torch.utils.data.DataLoader(sampler, batch_size=None, num_workers=2)`` gives the same batches
    as `iter(sampler)`. A whole pass of the latter goes on to the next epoch, workers do not: call
    `set_epoch`, as with PyTorch's ``DistributedSampler``.

    Args:
        graph: on the CPU.
        fanouts: neighbours a node for each layer, at least 1, or -1 for all.
        batch_size: nodes asked for at a time.
        nodes: which to ask for, integers, once each, or a mask, bool of shape (nodes,); all if
            None.
        shuffle: whether each epoch has an order of its own; if not, the order of `nodes`.
        seed: of everything.
        x: features to gather, shape (nodes, ...).
        y: labels to gather, shape (nodes, ...).
        edge: features of the edges to gather, shape (edges, ...).

    Attributes:
        epoch: of the batches that come next.

    Raises:
        TypeError: `graph` is no `Graph`, or `nodes` no tensor of integers or bool.
        ValueError: numbers that are no integers, sizes that are not positive, or features that do
            not fit.

    Example:
        >>> graph = Graph.from_edge_index(torch.tensor([[0, 1, 2, 3], [1, 2, 3, 0]]))
        >>> sampler = NeighborSampler(graph, (1, 1), batch_size=2, shuffle=False)
        >>> len(sampler), [batch.n_id.tolist() for batch in sampler]
        (2, [[0, 1, 3, 2], [2, 3, 1, 0]])

    Source: Hamilton, Ying & Leskovec 2017, arXiv:1706.02216.
    """

    def __init__(
        self,
        graph: Graph,
        fanouts: Sequence[int],
        batch_size: int,
        nodes: Tensor | None = None,
        shuffle: bool = True,
        seed: int = 0,
        x: Tensor | None = None,
        y: Tensor | None = None,
        edge: Tensor | None = None,
    ) -> None:
        check_graph("graph", graph)
        if graph.device.type != "cpu":
            raise ValueError(f"graph: expected one on the CPU, got {graph.device}")
        layers = tuple(fanouts) if isinstance(fanouts, Iterable) else ()
        if not layers or not all(is_integer(f) and (f >= 1 or f == -1) for f in layers):
            raise ValueError(
                f"fanouts: expected whole numbers of at least 1, or -1 for all, got {fanouts!r}"
            )
        if not is_integer(seed):
            raise ValueError(f"seed: expected an integer, got {seed!r}")
        for name, value, rows in (
            ("x", x, graph.num_nodes),
            ("y", y, graph.num_nodes),
            ("edge", edge, graph.num_edges),
        ):
            if value is not None:
                check_rows(name, value, rows)
        self.graph, self.x, self.y, self.edge = graph, x, y, edge
        self.fanouts = tuple(int(f) for f in layers)
        self.batch_size = at_least("batch_size", batch_size, 1)
        self.nodes = _checked_nodes(nodes, graph.num_nodes)
        self.shuffle, self.seed, self.epoch = shuffle, int(seed), 0
        self._order: tuple[int, Tensor] | None = None

    def set_epoch(self, epoch: int) -> None:
        """Go to another epoch: another order and other neighbours, the same at each visit."""
        self.epoch = epoch

    def __len__(self) -> int:
        return -(-len(self.nodes) // self.batch_size)

    def __iter__(self) -> Iterator[NeighborBatch]:
        for k in range(len(self)):
            yield self[k]
        self.epoch += 1

    def __getitem__(self, k: int) -> NeighborBatch:
        if not 0 <= k < len(self):
            raise IndexError(f"batch: expected 0, …, {len(self) - 1}, got {k}")
        chosen = slice(k * self.batch_size, (k + 1) * self.batch_size)
        return self.around(self._ordered()[chosen])

    def around(self, nodes: Tensor) -> NeighborBatch:
        """Batch of given nodes, with the neighbours of this epoch.

        Args:
            nodes: integers in [0, nodes of the graph), once each, shape (n,).

        Raises:
            TypeError: no tensor of integers.
            ValueError: a number is out of range, or comes twice.
        """
        nodes = _checked_nodes(nodes, self.graph.num_nodes)
        graph, n_id, e_id = sample(
            self.graph, nodes, self.fanouts, mixed(self.seed & (1 << 64) - 1, self.epoch)
        )
        x, y = (None if v is None else v.index_select(0, n_id) for v in (self.x, self.y))
        edge = None if self.edge is None else self.edge.index_select(0, e_id)
        return NeighborBatch(graph, n_id, e_id, len(nodes), x, y, edge)

    def _ordered(self) -> Tensor:
        """Nodes in the order of this epoch."""
        if not self.shuffle:
            return self.nodes
        if self._order is None or self._order[0] != self.epoch:
            rng = torch.Generator().manual_seed(
                mixed(self.seed & (1 << 64) - 1, self.epoch, 1 << 32) >> 1
            )
            order = self.nodes[torch.randperm(len(self.nodes), generator=rng)]
            self._order = (self.epoch, order)
        return self._order[1]


def sample(
    graph: Graph, nodes: Tensor, fanouts: Sequence[int], key: int
) -> tuple[Graph, Tensor, Tensor]:
    """Edges drawn around some nodes, layer by layer; see `NeighborSampler`.

    Args:
        graph: on the CPU.
        nodes: int64, once each, in range, unchecked, shape (n,).
        fanouts: neighbours a node for each layer, -1 for all.
        key: 64 bits, which decide everything.

    Returns:
        The graph of the edges, of which each target's come together and ascending; n_id and e_id
        as `NeighborBatch`.
    """
    ptr, neighbors, perm = (t.numpy() for t in (graph.in_ptr, graph.in_neighbors, graph.perm))
    numbers = np.full(graph.num_nodes, -1, np.int64)
    met = nodes.numpy()
    numbers[met] = np.arange(len(met))
    first, total, bounds, entries = 0, 0, [np.zeros(1, np.int64)], []
    for layer, fanout in enumerate(fanouts):
        rows = met[first:]
        ends, drawn = sample_rows(ptr, rows, fanout, mixed(key, layer))
        bounds.append(total + ends[1:])
        entries.append(drawn)
        total += len(drawn)
        first = len(met)
        found = np.concatenate([met, np.empty(len(drawn), np.int64)])
        met = found[: number(neighbors[drawn], numbers, found, first)]
    at = np.concatenate(entries)
    source, n_id = torch.from_numpy(numbers[neighbors[at]]), torch.from_numpy(met.copy())
    in_ptr = np.concatenate(bounds)
    in_ptr = np.concatenate([in_ptr, np.full(len(met) + 1 - len(in_ptr), total)])
    return _graph(source, torch.from_numpy(in_ptr)), n_id, torch.from_numpy(perm[at]).long()


def _graph(source: Tensor, in_ptr: Tensor) -> Graph:
    """Graph of edges that come sorted by target."""
    edges, n = len(source), len(in_ptr) - 1
    dtype = index_dtype(n, edges)
    source, in_ptr = source.to(dtype), in_ptr.to(dtype)
    nodes = torch.arange(n, dtype=dtype)
    target = nodes.repeat_interleave(in_ptr.diff(), output_size=edges)
    out_perm, out_ptr = group_by(source, n)
    return Graph(
        source=source,
        target=target,
        in_ptr=in_ptr,
        in_neighbors=source,
        perm=torch.arange(edges, dtype=dtype),
        out_ptr=out_ptr,
        out_neighbors=target[out_perm],
        out_perm=out_perm,
        batch_index=torch.zeros(n, dtype=dtype),
        ptr=torch.tensor([0, n], dtype=dtype),
        node_perm=nodes,
    )


def _checked_nodes(nodes: Tensor | None, count: int) -> Tensor:
    """Node numbers as `node_numbers`, once each; all if None."""
    if nodes is None:
        return torch.arange(count)
    nodes = node_numbers("nodes", nodes, count)
    if bool((nodes.sort().values.diff() == 0).any()):
        raise ValueError("nodes: expected each node once, got repeats")
    return nodes


def node_numbers(name: str, nodes: Tensor, count: int) -> Tensor:
    """Node numbers, or those in a mask, as int64, contiguous and in range.

    Raises:
        TypeError: no tensor of integers or bool.
        ValueError: another shape, or a number that no node has.

    Example:
        >>> node_numbers("train", torch.tensor([True, False, True]), 3).tolist()
        [0, 2]
    """
    if isinstance(nodes, Tensor) and nodes.dtype == torch.bool:
        if nodes.shape != (count,):
            raise ValueError(
                f"{name}: expected a mask of shape ({count},), got {tuple(nodes.shape)}"
            )
        return nodes.nonzero().flatten()
    check_integers(name, nodes)
    if nodes.ndim != 1:
        raise ValueError(f"{name}: expected shape (n,), got {tuple(nodes.shape)}")
    nodes = nodes.long().contiguous()
    low, high = (int(nodes.min()), int(nodes.max())) if len(nodes) else (0, -1)
    if low < 0 or high >= count:
        raise ValueError(
            f"{name}: expected numbers from 0 to {count - 1}, got {low if low < 0 else high}"
        )
    return nodes
