"""Graphs with features and answers, and training on them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from geomdl.fields import Graph, GraphTable
from geomdl.fields.graph_checks import check_graph, check_rows
from geomdl.fields.graph_table import checksum
from geomdl.fields.numbers import is_integer
from geomdl.permutation.sampling import node_numbers
from geomdl.training import Run, fit

Some = Tensor | slice | int | Sequence[int] | Sequence[bool]


@dataclass(frozen=True, eq=False)
class GraphDataset:
    """Graphs with features and an answer each.

    Attributes:
        table: the graphs.
        x: features of all nodes, graph by graph, shape (nodes, ...).
        y: answers, shape (graphs, ...).
        edge: features of all edges, shape (edges, ...), or None.

    Example:
        >>> path = Graph.from_edge_index(torch.tensor([[0, 1], [1, 2]]))
        >>> both = Graph.batch([path, path.reverse()])
        >>> data = GraphDataset.of(both, x=torch.eye(6), y=torch.tensor([0, 1]))
        >>> data[torch.tensor([1])].y.tolist(), data[torch.tensor([1])].x.shape
        ([1], torch.Size([3, 6]))
        >>> len(data[:1]), data[-1].y.tolist(), data[data.y > 0].y.tolist()
        (1, [1], [1])
    """

    table: GraphTable
    x: Tensor
    y: Tensor
    edge: Tensor | None = None

    @staticmethod
    def of(graph: Graph, x: Tensor, y: Tensor, edge: Tensor | None = None) -> "GraphDataset":
        """Graphs of a batch with what they have.

        Raises:
            TypeError: `graph` is no `Graph`, such as `Graph.batch` makes of several.
            ValueError: a wrong number of rows, NaN or infinity, or graphs that are mixed.
        """
        check_graph("graph", graph)
        for name, value, count, what in (
            ("x", x, graph.num_nodes, "nodes"),
            ("y", y, graph.num_graphs, "graphs"),
            ("edge", edge, graph.num_edges, "edges"),
        ):
            if value is None:
                continue
            if value.ndim < 1 or len(value) != count:
                raise ValueError(f"{name}: expected {count} rows, of the {what}, got"
                                 f" {tuple(value.shape)}")  # fmt: skip
            if not bool(value.isfinite().all()):
                raise ValueError(f"{name}: expected finite numbers, got NaN or infinity")
        return GraphDataset(GraphTable.of(graph), x, y, edge)

    @staticmethod
    def cat(parts: "Sequence[GraphDataset]") -> "GraphDataset":
        """Data sets one after another.

        Raises:
            ValueError: some have features of edges and others none.
        """
        edges = [part.edge for part in parts if part.edge is not None]
        if len(edges) not in (0, len(parts)):
            raise ValueError("edge: expected features of edges in all data sets, or in none")
        return GraphDataset(
            GraphTable.cat([part.table for part in parts]),
            torch.cat([part.x for part in parts]),
            torch.cat([part.y for part in parts]),
            torch.cat(edges) if edges else None,
        )

    def __len__(self) -> int:
        """Number of graphs."""
        return len(self.table)

    def __getitem__(self, index: "Some") -> "GraphDataset":
        """Some of the graphs: their numbers, a mask of bool, a slice, or one number.

        Raises:
            IndexError: one number, that no graph has.
            TypeError: neither integers nor bool.
            ValueError: another shape, or a number that no graph has.
        """
        numbers = self._numbers(index)
        graph, nodes, edges = self.table.batch(numbers)
        edge = None if self.edge is None else self.edge[edges]
        return GraphDataset(GraphTable.of(graph), self.x[nodes], self.y[numbers], edge)

    def inputs(self, index: "Some | None" = None) -> tuple[Any, ...]:
        """What a model takes: x, graph and, where there are some, features of edges.

        Args:
            index: which graphs, as data[index]; all if None.
        """
        numbers = self._numbers(slice(None) if index is None else index)
        graph, nodes, edges = self.table.batch(numbers)
        found = (self.x[nodes], graph)
        return found if self.edge is None else (*found, self.edge[edges])

    def _numbers(self, index: Any) -> Tensor:
        """Numbers of graphs, int64."""
        count = len(self)
        if isinstance(index, slice):
            picked = range(count)[index]
            return picked.start + picked.step * torch.arange(len(picked))
        if is_integer(index):
            if not -count <= index < count:
                raise IndexError(f"index: expected a number below {count}, got {index}")
            return torch.tensor([int(index) % count])
        if not isinstance(index, Tensor):
            index = torch.tensor(index) if len(index) else torch.empty(0, dtype=torch.int64)
        return node_numbers("index", index, count)

    @property
    def checksum(self) -> str:
        """Eight hexadecimal digits of graphs, features and answers."""
        own = {"x": self.x, "y": self.y} | ({} if self.edge is None else {"edge": self.edge})
        return checksum(vars(self.table) | own)


class OnGraphs(nn.Module):
    """A model on the graphs of a data set, called by their numbers.

    Args:
        model: called as model(x, graph) or model(x, graph, edge).
        data: not part of the state.
    """

    def __init__(self, model: nn.Module, data: GraphDataset) -> None:
        super().__init__()
        self.model, self.data = model, data

    def forward(self, index: Tensor) -> Tensor:
        """Numbers of graphs, shape (graphs,), to what the model says of them."""
        like = next(self.model.parameters())
        moved = [
            value.to(like) if isinstance(value, Tensor) else value.to(like.device)
            for value in self.data.inputs(index.cpu())
        ]
        found: Tensor = self.model(*moved)
        return found

    def extra_repr(self) -> str:
        """What the graphs are: a run goes on from its folder with no others."""
        return f"{len(self.data)} graphs of checksum {self.data.checksum}"


class OnNodes(nn.Module):
    """A model on one graph, called by numbers of its nodes: all others are seen along.

    Args:
        model: called as model(x, graph), to rows of the nodes.
        x: features of the nodes, not part of the state.
        graph: likewise.
    """

    def __init__(self, model: nn.Module, x: Tensor, graph: Graph) -> None:
        super().__init__()
        self.model, self.x, self.graph = model, x, graph

    def forward(self, index: Tensor) -> Tensor:
        """Numbers of nodes, shape (some,), to what the model says of them."""
        like = next(self.model.parameters())
        found: Tensor = self.model(self.x.to(like), self.graph.to(like.device))
        return found[index]

    def extra_repr(self) -> str:
        """What the graph is: a run goes on from its folder with no other."""
        ends = {"x": self.x, "source": self.graph.source, "target": self.graph.target}
        return f"{self.graph.num_nodes} nodes of checksum {checksum(ends)}"


def fit_graphs(
    model: nn.Module, train: GraphDataset, val: GraphDataset | None = None, **settings: Any
) -> Run:
    """Train a model on graphs by `geomdl.training.fit`; batches are cut, never sorted again.

    Args:
        model: called as model(x, graph), or with features of edges; trained in place.
        train: graphs with answers: classes, or numbers in the shape of the outputs.
        val: the same, or None.
        settings: other arguments of `fit`. With a folder: ``best.safetensors`` holds tensors
            alone, which `geomdl.load` refuses; keep ``run.model`` by `geomdl.save`.

    Returns:
        The `Run`, whose model is the model with the best weights.

    Raises:
        ValueError: no graphs, NaN on the way, or an impossible argument.
    """
    parts = [train] if val is None else [train, val]
    if not all(len(part) for part in parts):
        raise ValueError("train, val: expected a graph at least, got none")
    whole = GraphDataset.cat(parts)
    index = torch.arange(len(whole)).split([len(part) for part in parts])
    data = [(i, part.y) for i, part in zip(index, parts, strict=True)]
    run = fit(OnGraphs(model, whole), data[0], data[1] if len(data) > 1 else None, **settings)
    return replace(run, model=model)


def fit_nodes(
    model: nn.Module,
    x: Tensor,
    graph: Graph,
    y: Tensor,
    train: Tensor,
    val: Tensor | None = None,
    **settings: Any,
) -> Run:
    """Train a model on the nodes of one graph by `geomdl.training.fit`, all at once each step.

    Args:
        model: called as model(x, graph), to rows of the nodes; trained in place.
        x: features, shape (nodes, ...).
        graph: whole; for one that is too large, see `NeighborSampler`.
        y: answers, shape (nodes, ...); those of other nodes than `train` and `val` are not read.
        train: numbers of nodes, shape (some,), or a mask, bool of shape (nodes,).
        val: likewise, or None.
        settings: other arguments of `fit`.

    Returns:
        The `Run`, whose model is the model with the best weights.

    Raises:
        TypeError: `graph` is no `Graph`, or numbers of nodes are no integers.
        ValueError: a wrong number of rows, a number that no node has, NaN on the way, or an
            impossible argument.
    """
    check_graph("graph", graph)
    check_rows("x", x, graph.num_nodes)
    check_rows("y", y, graph.num_nodes)
    parts = [
        node_numbers(name, index, graph.num_nodes)
        for name, index in (("train", train), ("val", val))
        if index is not None
    ]
    settings = {"batch_size": len(parts[0])} | settings
    data = [(index, y[index]) for index in parts]
    run = fit(OnNodes(model, x, graph), data[0], data[1] if len(data) > 1 else None, **settings)
    return replace(run, model=model)


def predict_graphs(model: nn.Module, data: GraphDataset, batch_size: int = 256) -> Tensor:
    """What a model says of the graphs, without gradients, in its evaluation mode as it is.

    Args:
        model: as for `fit_graphs`.
        data: graphs.
        batch_size: most graphs at once.

    Returns:
        shape (graphs, ...), on the CPU.
    """
    call = OnGraphs(model, data)
    with torch.no_grad():
        found = [call(index).cpu() for index in torch.arange(len(data)).split(batch_size)]
    return torch.cat(found) if found else torch.empty(0)
