"""What is worked out once for each graph."""

import functools
import weakref
from collections.abc import Callable
from typing import TypeVar

import torch

from geomdl.fields import Graph

T = TypeVar("T")


def once(function: Callable[[Graph], T]) -> Callable[[Graph], T]:
    """Function of a graph whose result is kept as long as the graph lives.

    Where it is traced, it is worked out in the trace, and nothing is kept. The tensors of a graph
    are taken to stay what they are.

    Example:
        >>> @once
        ... def edges(graph):
        ...     print("counting")
        ...     return graph.num_edges
        >>> graph = Graph.from_edge_index(torch.tensor([[0], [1]]))
        >>> edges(graph), edges(graph)
        counting
        (1, 1)
    """
    kept: dict[int, T] = {}

    @functools.wraps(function)
    def run(graph: Graph) -> T:
        if torch.compiler.is_compiling():
            return function(graph)
        key = id(graph)
        if key not in kept:
            kept[key] = function(graph)
            weakref.finalize(graph, kept.pop, key, None).atexit = False
        return kept[key]

    return run
