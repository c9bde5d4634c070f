"""Cheap checks of what goes with a graph: one-line errors that name the argument."""

from typing import Any

from torch import Tensor

from geomdl.fields.graph import Graph
from geomdl.fields.graph_formats import listed, no_graph


def check_graph(name: str, value: Any) -> None:
    """Refuse what is no `Graph`, saying how one is made of it.

    Raises:
        TypeError: it is none.

    Example:
        >>> import networkx
        >>> check_graph("graph", networkx.path_graph(3))
        Traceback (most recent call last):
        TypeError: graph: expected a geomdl Graph, got networkx.Graph (take Graph.from_networkx)
    """
    if not isinstance(value, Graph):
        raise no_graph(name, value)


def graph_list(name: str, graphs: Any) -> list[Graph]:
    """Graphs, or one of them, as a list.

    Raises:
        TypeError: one of them is no `Graph`.
    """
    several = [graphs] if isinstance(graphs, Graph) else listed(graphs)
    for graph in several:
        check_graph(name, graph)
    return several


def check_rows(name: str, x: Any, rows: int) -> None:
    """Refuse a tensor with another number of rows.

    Raises:
        TypeError: x is no tensor.
        ValueError: it has another number of rows.

    Example:
        >>> import torch
        >>> check_rows("x", torch.zeros(5, 3), 7)
        Traceback (most recent call last):
        ValueError: x: expected shape (7, …), got (5, 3)
    """
    if not isinstance(x, Tensor):
        raise TypeError(f"{name}: expected a torch.Tensor, got {type(x).__name__}")
    if x.ndim < 1 or x.shape[0] != rows:
        raise ValueError(f"{name}: expected shape ({rows}, …), got {tuple(x.shape)}")
