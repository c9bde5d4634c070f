"""A layer of ours that is called as PyG calls its own, with ``edge_index``."""

from typing import Any, Literal

import torch
from torch import Tensor, nn

from geomdl.fields import Graph

Attached = Literal["edge_weight", "edge_attr", "nothing"]


class LastGraph:
    """The `Graph` of the edges that came last, which the layers of a model share.

    Attributes:
        last: these edges, a copy, and their graph.
    """

    def __init__(self) -> None:
        self.last: tuple[Tensor, Graph] | None = None

    def __call__(self, edge_index: Any, nodes: int) -> Graph:
        """The graph, made anew if other edges come: their numbers are compared, at every call."""
        if isinstance(edge_index, Graph):
            return edge_index
        if not isinstance(edge_index, Tensor) or edge_index.layout.__str__() != "torch.strided":
            found = getattr(edge_index, "layout", type(edge_index).__name__)
            raise TypeError(
                f"edge_index: expected integers of shape (2, edges), or a Graph, got {found}"
            )
        graph: Graph = self.found(edge_index, nodes)
        return graph

    @torch.compiler.disable  # type: ignore[untyped-decorator]
    def found(self, edge_index: Tensor, nodes: int) -> Graph:
        """The graph of a tensor, which serves training too where inference mode is on."""
        if self.last is not None:
            last, graph = self.last
            like = last.dtype == edge_index.dtype and last.device == edge_index.device
            if like and graph.num_nodes == nodes and torch.equal(last, edge_index):
                return graph
        graph = Graph.from_edge_index(edge_index, nodes)
        self.last = edge_index.clone(), graph
        return graph

    def __deepcopy__(self, memo: Any) -> "LastGraph":
        memo[id(self)] = found = LastGraph()
        return found

    def __reduce__(self) -> Any:
        return LastGraph, ()


class Convolution(nn.Module):
    """One of our layers with the signature of PyG's: (x, edge_index, edge_weight or edge_attr).

    The `Graph` is made when other edges come, and kept; a `Graph` may come instead. Under
    `torch.compile` it is made, and its edges compared, outside of what is compiled, so that
    ``fullgraph=True`` needs a `Graph`.

    Args:
        layer: ours.
        name: of PyG's class, for messages.
        attached: what comes with the edges: "edge_weight", "edge_attr" or "nothing".
        graphs: where the graph is kept, which layers of one model share.
        unread: whether what comes with the edges is not read, as PyG's layer does not.
    """

    def __init__(
        self,
        layer: nn.Module,
        name: str,
        attached: Attached,
        graphs: LastGraph | None = None,
        unread: bool = False,
    ) -> None:
        super().__init__()
        self.layer, self.name, self.attached, self.unread = layer, name, attached, unread
        self.graphs = LastGraph() if graphs is None else graphs
        self.training = layer.training

    def forward(self, x: Tensor, edge_index: Any, *args: Any, **kwargs: Any) -> Tensor:
        """Features (nodes, channels) to features, along edges (2, edges) or a `Graph`.

        Raises:
            TypeError: `edge_index` is neither, or an argument is not served.
            ValueError: something does not fit.
        """
        names = [] if self.attached == "nothing" else [self.attached]
        given = dict(zip(names, args, strict=False)) | kwargs
        extra = [name for name in given if name not in names and given[name] is not None]
        if len(args) > len(names) and any(arg is not None for arg in args[len(names) :]):
            extra.append("further arguments")
        if extra:
            expected = ", ".join(["x", "edge_index", *names])
            raise TypeError(f"{self.name}: expected {expected}, got {', '.join(extra)} as well")
        if not isinstance(x, Tensor):
            raise TypeError(f"{self.name}: x: expected a tensor, got {type(x).__name__}")
        graph = self.graphs(edge_index, x.shape[0])
        edge = given.get(self.attached)
        if edge is None or self.unread:
            y: Tensor = self.layer(x, graph)
            return y
        if self.attached == "edge_attr" and edge.ndim == 1:
            edge = edge.unsqueeze(1)
        elif self.attached == "edge_weight":
            edge = edge.flatten()
        y = self.layer(x, graph, edge)
        return y

    def extra_repr(self) -> str:
        """As which layer of PyG it is called."""
        return f"called as {self.name}"
