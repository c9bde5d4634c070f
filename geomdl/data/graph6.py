"""graph6: undirected graphs as lines of printable characters, read and written exactly."""

from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor

if TYPE_CHECKING:
    import numpy

_FIRST, _LAST = 63, 126  # "?" to "~": six bits each
_SHORT, _LONG = 62, (1 << 18) - 1  # most nodes of one byte, and of three after "~"
_HEADER = b">>graph6<<"


class EdgeList(NamedTuple):
    """A graph without multi-edges or self-loops, each edge both ways.

    Attributes:
        edge_index: sources and targets, int64, shape (2, edges); sorted by source, then target.
        num_nodes: isolated nodes included.
    """

    edge_index: Tensor
    num_nodes: int


def read_graph6(line: str | bytes) -> EdgeList:
    """Graph of one line of graph6, of up to 258047 nodes.

    Args:
        line: with or without the header `>>graph6<<` and an end of line.

    Raises:
        TypeError: neither text nor bytes.
        ValueError: the line is empty, too short or too long, or holds other characters.

    Example:
        >>> read_graph6("Bw")  # a triangle
        EdgeList(edge_index=tensor([[0, 0, 1, 1, 2, 2],
                [1, 2, 0, 2, 0, 1]]), num_nodes=3)

    Source: McKay, Description of graph6, sparse6 and digraph6 encodings.
    """
    import numpy as np

    if not isinstance(line, str | bytes):
        raise TypeError(f"line: expected a graph6 text, got {type(line).__name__}")
    raw = line.encode("ascii", "replace") if isinstance(line, str) else line
    raw = raw.rstrip(b"\r\n").removeprefix(_HEADER)
    codes = np.frombuffer(raw, np.uint8).astype(np.int64) - _FIRST
    if not len(codes) or codes.min() < 0 or codes.max() > _LAST - _FIRST:
        raise ValueError(
            f"line: expected the characters ? to ~ of graph6, got {raw[:40].decode('latin1')!r}"
        )
    n, body = _count(codes)
    pairs = n * (n - 1) // 2
    length = -(-pairs // 6)
    if len(body) != length:
        raise ValueError(
            f"line: expected {length} characters for the pairs of {n} nodes, got {len(body)}"
        )
    bits = np.unpackbits(body.astype(np.uint8)[:, None], axis=1)[:, 2:].reshape(-1)
    upper = np.flatnonzero(bits[:pairs])
    # pair (i, j), i < j, is bit j (j - 1) / 2 + i
    j = ((1 + np.sqrt(1 + 8 * upper)) / 2).astype(np.int64)
    j -= j * (j - 1) // 2 > upper  # where the root was rounded up
    j += (j + 1) * j // 2 <= upper  # or down
    i = upper - j * (j - 1) // 2
    source, target = np.concatenate([i, j]), np.concatenate([j, i])
    order = np.lexsort((target, source))
    return EdgeList(torch.from_numpy(np.stack([source[order], target[order]])), n)


def write_graph6(edge_index: Tensor, num_nodes: int) -> str:
    """Line of graph6, without an end of line.

    Args:
        edge_index: integers, shape (2, edges), each edge one way or both; no self-loops.
        num_nodes: at most 258047.

    Raises:
        ValueError: a self-loop, a node out of range, or too many nodes.

    Example:
        >>> write_graph6(torch.tensor([[0, 1, 2], [1, 2, 0]]), 3)
        'Bw'
    """
    import numpy as np

    n = int(num_nodes)
    if not 0 <= n <= _LONG:
        raise ValueError(f"num_nodes: expected 0 to {_LONG}, got {num_nodes}")
    ends = edge_index.cpu().numpy().astype(np.int64)
    i, j = ends.min(0), ends.max(0)
    if ends.size and (int(i.min()) < 0 or int(j.max()) >= n or bool((i == j).any())):
        raise ValueError(f"edge_index: expected edges between two of 0, …, {n - 1}, got others")
    bits = np.zeros(-(-(n * (n - 1) // 2) // 6) * 6, np.uint8)
    bits[j * (j - 1) // 2 + i] = 1
    body = bits.reshape(-1, 6) @ (1 << np.arange(5, -1, -1))
    head = [n] if n <= _SHORT else [_LAST - _FIRST, n >> 12, n >> 6 & 63, n & 63]
    return bytes(np.concatenate([head, body]).astype(np.uint8) + _FIRST).decode()


def _count(codes: "numpy.ndarray[Any, Any]") -> "tuple[int, numpy.ndarray[Any, Any]]":
    """Number of nodes, and the codes that follow it."""
    if codes[0] <= _SHORT:
        return int(codes[0]), codes[1:]
    if len(codes) < 4 or codes[1] > _SHORT:
        raise ValueError("line: expected a graph6 number of nodes up to 258047, got another header")
    return int(codes[1] << 12 | codes[2] << 6 | codes[3]), codes[4:]
