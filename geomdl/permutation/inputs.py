"""What layers on graphs take and give: fields, cheap checks in one line, small examples."""

from typing import Any

import torch
from torch import Tensor

from geomdl.fields import Edges, Field, Graph, Nodes, Vector
from geomdl.fields.graph_checks import check_graph
from geomdl.groups import group


def node_field(channels: int) -> Field:
    """Numbers at the nodes."""
    return Field(Nodes(), channels * group("C1").trivial)


def graph_field(channels: int) -> Field:
    """Numbers of the graphs of a batch, or of edges, which keep their order."""
    return Field(Vector(), channels * group("C1").trivial)


def sources(channels: int, **edge: int | None) -> dict[str, Field]:
    """Fields of x, of the graph, and of what is attached to edges.

    Args:
        channels: of x.
        edge: name of the argument -> its channels, 0 for one number an edge, None for no argument.

    Example:
        >>> list(sources(3, edge=2))
        ['x', 'graph', 'edge']
    """
    one = group("C1").trivial
    found = {"x": node_field(channels), "graph": Field(Edges(), one)}
    for name, width in edge.items():
        if width is not None:
            found[name] = graph_field(width) if width else Field(Vector(), one, shape=())
    return found


def check_nodes(x: Any, graph: Any, channels: int | None, weight: Any = None) -> None:
    """Refuse features that do not fit the graph.

    Args:
        x: features.
        graph: whose nodes have them.
        channels: that x should have; None for any number.
        weight: of the layer, whose type x should have; None for any type.

    Raises:
        TypeError: `graph` is no `Graph`, or x no tensor of real floating-point numbers, or of
            another type than the weight.
        ValueError: x is of another shape than (nodes, channels).

    Example:
        >>> check_nodes(torch.zeros(3, 2), Graph.from_edge_index(torch.tensor([[0], [2]])), 4)
        Traceback (most recent call last):
        ValueError: x: expected shape (3, 4), got (3, 2)
    """
    check_graph("graph", graph)
    if channels is None and isinstance(x, Tensor) and x.ndim == 2:
        channels = x.shape[1]
    _check_rows("x", x, (graph.num_nodes, 1 if channels is None else channels))
    check_dtype(x, weight)


def check_dtype(x: Tensor, weight: Any) -> None:
    """Refuse features of another type than a layer's weights, but where autocast makes them alike.

    Raises:
        TypeError: the types differ.

    Example:
        >>> check_dtype(torch.zeros(2).double(), torch.zeros(3))
        Traceback (most recent call last):
        TypeError: x: expected torch.float32, as the weights, got torch.float64 (take x.float())
    """
    if (
        isinstance(weight, Tensor)  # a method, in a layer with quantized weights
        and x.dtype != weight.dtype
        and not torch.is_autocast_enabled(x.device.type)
    ):
        method = {torch.float32: "float", torch.float64: "double"}.get(weight.dtype)
        take = f"x.to({weight.dtype})" if method is None else f"x.{method}()"
        raise TypeError(f"x: expected {weight.dtype}, as the weights, got {x.dtype} (take {take})")


def check_edges(edge: Any, graph: Graph, channels: int | None) -> None:
    """Refuse features of edges that do not fit, are missing, or are not asked for.

    Args:
        edge: features, or None.
        graph: whose edges these are.
        channels: of the features; None where there are to be none.

    Raises:
        TypeError: `edge` is no tensor of real floating-point numbers.
        ValueError: it is of another shape, missing, or one too many.
    """
    if channels is None and edge is not None:
        raise ValueError("edge: expected None of a layer without edge_channels, got features")
    if channels is not None:
        if edge is None:
            raise ValueError(f"edge: expected shape ({graph.num_edges}, {channels}), got None")
        _check_rows("edge", edge, (graph.num_edges, channels))


def check_weight(weight: Any, graph: Graph) -> None:
    """Refuse weights that are not one number an edge.

    Raises:
        TypeError: `weight` is no tensor of real floating-point numbers.
        ValueError: it is of another shape than (edges,).
    """
    if weight is not None:
        _check_rows("weight", weight, (graph.num_edges,))


def _check_rows(name: str, x: Any, shape: tuple[int, ...]) -> None:
    if not isinstance(x, Tensor) or not x.is_floating_point():
        found = x.dtype if isinstance(x, Tensor) else type(x).__name__
        raise TypeError(f"{name}: expected a tensor of real floating-point numbers, got {found}")
    if x.shape != shape:
        raise ValueError(f"{name}: expected shape {shape}, got {tuple(x.shape)}")


def check_shape(name: str, x: Tensor, *expected: int | str) -> None:
    """Refuse a tensor of another shape; a word stands for any number.

    Raises:
        ValueError: the shape is another.
    """
    fits = x.ndim == len(expected) and all(
        isinstance(e, str) or s == e for s, e in zip(x.shape, expected, strict=True)
    )
    if not fits:
        shape = ", ".join(map(str, expected)) + ("," if len(expected) == 1 else "")
        raise ValueError(f"{name}: expected shape ({shape}), got {tuple(x.shape)}")


def three_graphs() -> Graph:
    """Graphs of 5, 3 and 4 nodes: one with an isolated node, one with a double edge and a loop."""
    ends = [(0, 1), (1, 2), (2, 0), (2, 3), (5, 6), (5, 6), (6, 7), (8, 9), (9, 10), (10, 11)]
    both = [*ends, *((b, a) for a, b in ends), (8, 8)]
    return Graph.from_edge_index(
        torch.tensor(both).T, batch=torch.tensor([0, 0, 0, 0, 0, 1, 1, 1, 2, 2, 2, 2])
    )


def small_graphs(channels: int, edge: int | None = None) -> Any:
    """Function that draws features of `three_graphs`, (nodes, channels), and of their edges.

    Args:
        channels: of the nodes.
        edge: channels of the edges; 0 for one positive number each; None for none.
    """

    def draw(rng: torch.Generator) -> tuple[Any, ...]:
        graph = three_graphs()
        x = torch.randn(graph.num_nodes, channels, generator=rng, dtype=torch.float64)
        if edge is None:
            return x, graph
        if edge == 0:
            return x, graph, torch.rand(graph.num_edges, generator=rng, dtype=torch.float64) + 0.5
        return x, graph, torch.randn(graph.num_edges, edge, generator=rng, dtype=torch.float64)

    return draw
