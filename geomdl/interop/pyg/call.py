"""A layer of ours that is called as PyG calls its own, with ``edge_index``."""

from typing import Any, Literal

from torch import Tensor, nn

from geomdl.fields import Graph

Attached = Literal["edge_weight", "edge_attr", "nothing"]


class LastGraph:
    """The `Graph` of the ``edge_index`` that came last, which the layers of a model share."""

    def __init__(self) -> None:
        self.edge_index: Tensor | None = None
        self.version = -1
        self.graph: Graph | None = None

    def __call__(self, edge_index: Any, nodes: int) -> Graph:
        """The graph, made anew only if another ``edge_index`` comes, or the same one changed."""
        if isinstance(edge_index, Graph):
            return edge_index
        if not isinstance(edge_index, Tensor) or edge_index.layout.__str__() != "torch.strided":
            found = getattr(edge_index, "layout", type(edge_index).__name__)
            raise TypeError(
                f"edge_index: expected integers of shape (2, edges), or a Graph, got {found}"
            )
        same = edge_index is self.edge_index and edge_index._version == self.version
        if not same or self.graph is None or self.graph.num_nodes != nodes:
            self.graph = Graph.from_edge_index(edge_index, nodes)
            self.edge_index, self.version = edge_index, edge_index._version
        return self.graph

    def __deepcopy__(self, memo: Any) -> "LastGraph":
        memo[id(self)] = found = LastGraph()
        return found

    def __reduce__(self) -> Any:
        return LastGraph, ()


class Convolution(nn.Module):
    """One of our layers with the signature of PyG's: (x, edge_index, edge_weight or edge_attr).

    The `Graph` is made when another ``edge_index`` comes, and kept; a `Graph` may come instead.

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
        self.train(layer.training)

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
