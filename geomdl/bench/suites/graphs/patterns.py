"""Numbers of cycles and paths in small graphs, by all tuples of nodes."""

from itertools import permutations

import torch
from torch import Tensor

from geomdl.fields.numbers import one_of

LARGEST = 8  # nodes
PATTERNS = ("triangles", "4-cycles", "5-cycles", "6-cycles", "4-paths")


def count(pattern: str, adjacency: Tensor) -> Tensor:
    """Subgraphs of a kind in each of some graphs.

    Args:
        pattern: one of `PATTERNS`; a k-path has k edges.
        adjacency: 0 and 1, symmetric, without loops, shape (graphs, n, n), n at most 8.

    Returns:
        int64, shape (graphs,).

    Raises:
        ValueError: an unknown pattern, or too many nodes.

    Example:
        >>> complete = 1 - torch.eye(4, dtype=torch.int64)
        >>> [int(count(p, complete[None])) for p in ("triangles", "4-cycles", "4-paths")]
        [4, 3, 0]
    """
    one_of("pattern", pattern, PATTERNS)
    n = adjacency.shape[-1]
    if n > LARGEST:
        raise ValueError(f"adjacency: expected at most {LARGEST} nodes, got {n}")
    cycle = pattern == "triangles" or pattern.endswith("cycles")
    edges = 3 if pattern == "triangles" else int(pattern[0])
    length = edges if cycle else edges + 1
    if length > n:
        return adjacency.new_zeros(len(adjacency))
    tuples = torch.tensor(list(permutations(range(n), length)))
    there = adjacency.new_ones(len(adjacency), len(tuples))
    for step in range(edges):
        there = there * adjacency[:, tuples[:, step], tuples[:, (step + 1) % length]]
    return there.sum(1) // (2 * length if cycle else 2)
