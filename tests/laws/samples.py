"""Samples of a batch: rows of its tensors, or graphs with their nodes and edges."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.utils import _pytree as pytree

from geomdl.fields import Graph


def values(tree: Any) -> list[Any]:
    """Tensors and graphs in a tree, in order."""
    leaves = pytree.tree_leaves(tree, is_leaf=_is_graph)
    return [x for x in leaves if isinstance(x, Tensor | Graph)]


@dataclass(frozen=True)
class Samples:
    """Which rows of a tensor belong to which sample.

    Row i of every tensor is sample i. Where there is a graph among the inputs, its graphs are the
    samples, and the length of a tensor tells whether it has a row for each graph, node or edge.
    """

    count: int
    graph: Graph | None = None

    @staticmethod
    def of(inputs: Any) -> "Samples":
        """Samples of one batch of inputs."""
        found = values(inputs)
        graphs = [x for x in found if isinstance(x, Graph)]
        if not graphs:
            return Samples(len(found[0]))
        (graph,) = graphs
        counts = (graph.num_graphs, graph.num_nodes, graph.num_edges)
        assert len(set(counts)) == 3, f"graphs, nodes and edges should differ in number: {counts}"
        return Samples(graph.num_graphs, graph)

    def rows(self, x: Tensor, which: Sequence[int]) -> Tensor:
        """Rows of the samples in question."""
        kept = torch.tensor(which, dtype=torch.int64)
        if self.graph is None:
            return kept
        owners = (
            torch.arange(self.count),
            self.graph.batch_index,
            self.graph.batch_index[self.graph.source],
        )
        (owner,) = (o for o in owners if len(o) == len(x))
        return torch.isin(owner.long(), kept).nonzero().flatten()

    def take(self, tree: Any, which: Sequence[int]) -> Any:
        """The same tree of these samples alone, in ascending order."""

        def pick(x: Any) -> Any:
            if isinstance(x, Graph):
                graphs = x.unbatch()
                return Graph.batch([graphs[i] for i in which])
            return x[self.rows(x, which)] if isinstance(x, Tensor) else x

        return pytree.tree_map(pick, tree, is_leaf=_is_graph)


def _is_graph(x: Any) -> bool:
    return isinstance(x, Graph)
