"""The format graph6: an undirected simple graph as a line of printable text.

A character stands for six bits, its code less 63. First comes the number of nodes n, in 1, 4 or 8
characters, then the upper triangle of the adjacency matrix, column by column: (0, 1), (0, 2),
(1, 2), (0, 3), …, the first bit the highest, filled up with zeros.

Source: B. D. McKay, Description of graph6, sparse6 and digraph6 encodings,
https://users.cecs.anu.edu.au/~bdm/data/formats.txt.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

HEADER = b">>graph6<<"
_SHORT, _MIDDLE, _LONG = 62, 258047, (1 << 36) - 1  # most nodes that 1, 4 and 8 characters name


class EdgeList(NamedTuple):
    """An undirected simple graph, each edge both ways.

    Attributes:
        edge_index: sources and targets, int64, shape (2, edges), sorted by source, then target.
        num_nodes: isolated nodes included.
    """

    edge_index: Tensor
    num_nodes: int


def side_by_side(graphs: Sequence[EdgeList]) -> dict[str, Tensor]:
    """Graphs as one: `edge_index` in numbers of all nodes, `batch` and `ptr`, int64.

    Example:
        >>> side_by_side([read_graph6("A_"), read_graph6("A_")])["edge_index"].tolist()
        [[0, 1, 2, 3], [1, 0, 3, 2]]
    """
    sizes = torch.tensor([graph.num_nodes for graph in graphs])
    ptr = torch.cat([sizes.new_zeros(1), sizes.cumsum(0)])
    shifted = [g.edge_index + first for g, first in zip(graphs, ptr.tolist(), strict=False)]
    return {
        "edge_index": torch.cat(shifted, 1),
        "batch": torch.arange(len(graphs)).repeat_interleave(sizes),
        "ptr": ptr,
    }


def read_graph6(text: str | bytes) -> EdgeList:
    """Edges of a graph in graph6, both ways, sorted by source, then target.

    Raises:
        TypeError: `text` is neither str nor bytes.
        ValueError: it is not one whole graph in graph6.

    Example:
        >>> read_graph6("Bw").edge_index.tolist()  # a triangle
        [[0, 0, 1, 1, 2, 2], [1, 2, 0, 2, 0, 1]]
    """
    if not isinstance(text, str | bytes):
        raise TypeError(f"text: expected str or bytes, got {type(text).__name__}")
    line = text.encode(errors="surrogatepass") if isinstance(text, str) else bytes(text)
    line = line.removeprefix(HEADER).rstrip(b"\r\n")
    if line[:1] in (b":", b";", b"&"):
        kind = "digraph6" if line[:1] == b"&" else "sparse6"
        raise ValueError(f"text: expected graph6, got {kind}")
    values = np.frombuffer(line, np.uint8).astype(np.int64) - 63
    if bool((wrong := (values < 0) | (values > 63)).any()):
        at = int(wrong.argmax())
        raise ValueError(
            f"text: expected characters from '?' to '~', got {line[at : at + 1]!r} at {at}"
            " (one graph at a time)"
        )
    n, used = _count(values)
    expected, got = -(-n * (n - 1) // 12), len(values) - used
    if got != expected:
        raise ValueError(
            f"text: expected {expected} characters for the edges of {n} nodes, got {got}"
        )
    full = np.flatnonzero(values[used:])
    rows, columns = np.nonzero(np.unpackbits(values[used:][full, None].astype(np.uint8), axis=1))
    bits = 6 * full[rows] + columns - 2  # of eight bits the first two are none of ours
    if len(bits) and bits[-1] >= n * (n - 1) // 2:
        raise ValueError(f"text: expected zeros after the edges of {n} nodes, got an edge there")
    ends = np.arange(n, dtype=np.int64)
    before = ends * (ends - 1) // 2  # bits of the columns before
    high = np.searchsorted(before, bits, side="right") - 1
    low = bits - before[high]
    pairs = np.stack([np.concatenate([low, high]), np.concatenate([high, low])])
    edge_index = torch.from_numpy(pairs[:, np.lexsort((pairs[1], pairs[0]))])
    return EdgeList(edge_index, n)


def write_graph6(source: Tensor, target: Tensor, n: int) -> str:
    """Text of an undirected simple graph, whose edges come both ways, without header or newline.

    Raises:
        ValueError: too many nodes.
    """
    if n > _LONG:
        raise ValueError(f"graph: expected at most {_LONG} nodes, got {n}")
    digits = 1 if n <= _SHORT else 3 if n <= _MIDDLE else 6
    prefix = [63] * {1: 0, 3: 1, 6: 2}[digits]
    prefix += [n >> 6 * k & 63 for k in reversed(range(digits))]
    low, high = source.cpu().long().numpy(), target.cpu().long().numpy()
    low, high = low[low < high], high[low < high]
    bits = high * (high - 1) // 2 + low
    values = np.zeros(-(-n * (n - 1) // 12), np.uint8)
    np.bitwise_or.at(values, bits // 6, (32 >> bits % 6).astype(np.uint8))
    return bytes([63 + v for v in prefix]).decode() + (values + 63).tobytes().decode()


def _count(values: "np.ndarray[tuple[int], np.dtype[np.int64]]") -> tuple[int, int]:
    """Number of nodes, and how many characters say it."""
    if not len(values):
        raise ValueError("text: expected graph6, got no character")
    start = 2 if values[:2].tolist() == [63, 63] else int(values[0] == 63)
    digits = values[start : start + (1, 3, 6)[start]]
    if len(digits) < (1, 3, 6)[start]:
        raise ValueError(
            f"text: expected {start + (1, 3, 6)[start]} characters for the number of nodes,"
            f" got {len(values)}"
        )
    n = 0
    for digit in digits.tolist():
        n = n << 6 | digit
    least = (0, _SHORT + 1, _MIDDLE + 1)[start]
    if n < least:
        raise ValueError(
            f"text: expected at least {least} nodes in {start + len(digits)} characters, got {n}"
        )
    return n, start + len(digits)
