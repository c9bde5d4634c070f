"""BREC: 400 pairs of graphs that are not isomorphic, in seven categories; and SR25."""

from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from geomdl.data.files import Root, data_folder
from geomdl.data.graph6 import EdgeList, read_graph6, side_by_side
from geomdl.data.registry import register

# category -> file, pairs; in the order of the benchmark
CATEGORIES = {
    "basic": ("basic", 60),
    "regular": ("regular", 50),
    "strongly regular": ("str", 50),
    "extension": ("extension", 100),
    "CFI": ("cfi", 100),
    "4-vertex condition": ("4vtx", 20),
    "distance regular": ("dr", 20),
}


class BrecPair(NamedTuple):
    """Two graphs of BREC that are not isomorphic.

    Attributes:
        category: one of `CATEGORIES`.
        first: edges and number of nodes.
        second: likewise; as many nodes.
    """

    category: str
    first: EdgeList
    second: EdgeList


def brec_pairs(root: Root = None) -> list[BrecPair]:
    """The 400 pairs in the order of the benchmark.

    Pairs are not isomorphic, but two graphs occur twice: the second of pair 66 is that of 210, the
    second of 387 that of 388.

    Args:
        root: folder with brec/basic.npy and the six others, or with these files; default the
            environment variable GEOMDL_DATA.

    Raises:
        FileNotFoundError: a file is missing.
        ValueError: a file is no array of graph6 texts, or holds another number of them.

    Source: Wang and Zhang 2024, arXiv:2304.07702; github.com/GraphPKU/BREC (MIT).
    """
    folder = _folder("brec", root, "basic.npy")
    pairs = []
    for category, (name, count) in CATEGORIES.items():
        graphs = [read_graph6(line) for line in _lines(folder / f"{name}.npy", 2 * count)]
        for first, second in zip(graphs[::2], graphs[1::2], strict=True):
            pairs.append(BrecPair(category, first, second))
    return pairs


def sr25_graphs(root: Root = None) -> list[EdgeList]:
    """The 15 strongly regular graphs srg(25, 12, 5, 6), which 2-FWL cannot tell apart.

    Args:
        root: folder with brec/sr25.g6, or with that file; default as in `brec_pairs`.

    Raises:
        FileNotFoundError: the file is missing.
        ValueError: the file holds something else.

    Source: Paulus 1973; the file from github.com/JiaruiFeng/N2GNN.
    """
    path = _folder("sr25", root, "sr25.g6") / "sr25.g6"
    graphs = [read_graph6(line) for line in path.read_bytes().split()]
    if len(graphs) != 15 or any(g.num_nodes != 25 for g in graphs):
        raise ValueError(f"{path}: expected 15 graphs of 25 nodes, got {len(graphs)} graphs")
    return graphs


@register("brec")
def brec(root: Root, download: bool) -> dict[str, Tensor]:
    """The 400 pairs of BREC, one graph after another: pair k is the graphs 2k and 2k + 1.

    Args:
        root: as in `brec_pairs`.
        download: nothing is fetched.

    Returns:
        `edge_index`, int64, (2, edges), each edge both ways, in numbers of all nodes; `batch`,
        graph of each node, (nodes,); `ptr`, (801,): nodes of graph g are ptr[g], …, ptr[g + 1] - 1;
        `category`, (400,), a number in the order of `brec.CATEGORIES`.
    """
    pairs = brec_pairs(root)
    names = list(CATEGORIES)
    packed = side_by_side([graph for pair in pairs for graph in pair[1:]])
    return {**packed, "category": torch.tensor([names.index(pair.category) for pair in pairs])}


@register("sr25")
def sr25(root: Root, download: bool) -> dict[str, Tensor]:
    """The 15 graphs of `sr25_graphs`, laid out as those of "brec"."""
    return side_by_side(sr25_graphs(root))


def _folder(name: str, root: Root, file: str) -> Path:
    folder = data_folder(name, root, f"brec/{file}")
    for place in (folder / "brec", folder):
        if (place / file).is_file():
            return place
    raise FileNotFoundError(f"{name}: no {file} in {folder} or {folder / 'brec'}")


def _lines(path: Path, count: int) -> list[bytes]:
    """Graph6 texts of a .npy file, pair by pair."""
    import numpy as np

    if not path.is_file():
        raise FileNotFoundError(f"brec: no such file, {path}")
    try:
        array = np.load(path, allow_pickle=False)
    except Exception as error:  # numpy raises several kinds on corrupt bytes
        raise ValueError(f"{path}: expected a whole .npy file of texts, got {error}") from error
    if array.dtype.kind not in "SU" or array.size != count:
        raise ValueError(f"{path}: expected {count} texts, got {array.size} of {array.dtype}")
    return [text.encode() if isinstance(text, str) else text for text in array.ravel().tolist()]
