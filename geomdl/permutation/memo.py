"""What is worked out once for each graph."""

import functools
import weakref
from collections.abc import Callable, Hashable
from typing import Any, Concatenate, ParamSpec, TypeVar

import torch

from geomdl.fields import Graph
from geomdl.fields.graph_build import for_training

P = ParamSpec("P")
T = TypeVar("T")


def once(function: Callable[Concatenate[Graph, P], T]) -> Callable[Concatenate[Graph, P], T]:
    """Function of a graph whose results are kept as long as the graph lives.

    Where it is traced, it is worked out in the trace, and nothing is kept. The tensors of a graph
    are taken to stay what they are. Results serve training too where they are first asked for
    within `torch.inference_mode`.

    Args:
        function: of a graph, and of what can be hashed, by position.

    Example:
        >>> @once
        ... def edges(graph, times=1):
        ...     print("counting")
        ...     return graph.num_edges * times
        >>> graph = Graph.from_edge_index(torch.tensor([[0], [1]]))
        >>> edges(graph), edges(graph)
        counting
        (1, 1)
        >>> edges(graph, 2)
        counting
        2
    """
    kept: dict[int, dict[Hashable, Any]] = {}

    @functools.wraps(function)
    def run(graph: Graph, /, *args: P.args, **kwargs: P.kwargs) -> T:
        if torch.compiler.is_compiling():
            return function(graph, *args, **kwargs)
        key = id(graph)
        if key not in kept:
            kept[key] = {}
            weakref.finalize(graph, kept.pop, key, None).atexit = False
        mine = kept[key]
        if args not in mine:
            mine[args] = for_training(function)(graph, *args, **kwargs)
        found: T = mine[args]
        return found

    return run
