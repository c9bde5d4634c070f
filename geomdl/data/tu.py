"""Graphs with labels in the text format of the TU Dortmund benchmark, from a folder or a zip."""

import os
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from geomdl.data.files import Root, data_folder
from geomdl.data.registry import register

ENZYMES = "ENZYMES.zip"
URL = "https://www.chrsmrrs.com/graphkerneldatasets/ENZYMES.zip"


@register("ENZYMES")
def enzymes(root: Root = None, download: bool = False) -> dict[str, Tensor]:
    """600 proteins as graphs of secondary structure elements, 100 of each top-level EC class.

    Nodes are joined to those beside them in the sequence and to the nearest in space. Their
    features are the 18 measured attributes, as they stand in the file, and one-hot the kind of
    element (helix, sheet, turn), the input of the standard protocol: 10 stratified folds
    (`geomdl.data.folds`).

    Args:
        root: folder with ENZYMES.zip, which is read as it is, or with the folder ENZYMES in it;
            default the environment variable GEOMDL_DATA.
        download: nothing is fetched, as no hash is published that a download could be held to.

    Returns:
        edge_index: each edge both ways, as in the file, int64, shape (2, 74564).
        batch: graph of each node, int64, shape (19580,).
        x: float32, shape (19580, 21).
        labels: int64, 0 to 5, shape (600,).

    Raises:
        FileNotFoundError: no folder is given, or the file is missing there.
        ValueError: the file is corrupt, or not ENZYMES.

    Source: Borgwardt et al. 2005, doi:10.1093/bioinformatics/bti1007, from the database BRENDA;
    Morris et al. 2020, arXiv:2007.08663.
    """
    folder = data_folder("ENZYMES", root, f"{ENZYMES}, or the folder ENZYMES")
    if (folder / "ENZYMES").is_dir():
        found = load_tu(folder / "ENZYMES", "ENZYMES")
    else:
        path = folder / ENZYMES
        if not path.is_file():
            raise FileNotFoundError(f"ENZYMES: {path} is missing; put {URL} there")
        found = load_tu(path, "ENZYMES")
    shapes = {name: tuple(value.shape) for name, value in found.items()}
    wanted = {"edge_index": (2, 74564), "batch": (19580,), "x": (19580, 21), "labels": (600,)}
    if shapes != wanted:
        raise ValueError(f"{folder}: expected ENZYMES with shapes {wanted}, got {shapes}")
    return found


def load_tu(path: str | os.PathLike[str], name: str | None = None) -> dict[str, Tensor]:
    """Read a data set of graphs as the TU Dortmund benchmark publishes them.

    Files NAME_A.txt (pairs of nodes, from 1) and NAME_graph_indicator.txt, and those there are of
    NAME_graph_labels, _node_attributes, _node_labels, _edge_attributes, _edge_labels and
    _graph_attributes. Labels of graphs are numbered 0, 1, … in ascending order; those of nodes
    and edges become one-hot, from the least to the largest, and come after the attributes, all as
    torch_geometric reads them (which, besides, sorts the edges and drops self-loops and repeats).

    Args:
        path: a zip file, or the folder with the text files.
        name: of the data set; default that of the zip file or folder.

    Returns:
        edge_index: int64, shape (2, edges).
        batch: graph of each node, int64, shape (nodes,).
        x: float32, shape (nodes, channels), where nodes have attributes or labels.
        edge: likewise of the edges.
        labels: int64, shape (graphs,), where there are some.
        targets: attributes of the graphs, float32, shape (graphs, numbers).

    Raises:
        FileNotFoundError: there is no such file, or one of the two that are needed is missing.
        ValueError: a corrupt zip file, or text that is not as above.

    Source: https://chrsmrrs.github.io/datasets/docs/format
    """
    path = Path(path)
    name = path.stem if name is None else name
    read = _zipped(path, name) if path.is_file() else _unzipped(path, name)
    pairs = _numbers(read, name, "A", np.int64, needed=True)
    batch = _numbers(read, name, "graph_indicator", np.int64, needed=True)[:, 0] - 1
    edge_index = pairs.T - 1
    nodes, graphs = len(batch), int(batch.max()) + 1 if len(batch) else 0
    if edge_index.shape[0] != 2:
        raise ValueError(f"{path}: {name}_A.txt should hold pairs, got {len(edge_index)} a line")
    if edge_index.size and not 0 <= edge_index.min() <= edge_index.max() < nodes:
        raise ValueError(
            f"{path}: {name}_A.txt should name nodes from 1 to {nodes}, got {edge_index.min() + 1}"
            f" to {edge_index.max() + 1}"
        )
    if nodes and batch.min() < 0:
        raise ValueError(f"{path}: {name}_graph_indicator.txt should count from 1, got 0")
    found = {"edge_index": torch.tensor(edge_index), "batch": torch.tensor(batch)}
    for key, kind, rows in (("x", "node", nodes), ("edge", "edge", edge_index.shape[1])):
        parts = [
            _numbers(read, name, f"{kind}_attributes", np.float32, rows),
            _one_hot(_numbers(read, name, f"{kind}_labels", np.int64, rows)),
        ]
        joined = torch.from_numpy(np.concatenate(parts, 1))
        if joined.shape[1]:
            found[key] = joined
    labels = _numbers(read, name, "graph_labels", np.int64, graphs)
    if labels.shape[1]:
        found["labels"] = torch.from_numpy(np.unique(labels[:, 0], return_inverse=True)[1]).long()
    targets = _numbers(read, name, "graph_attributes", np.float32, graphs)
    return found | ({"targets": torch.from_numpy(targets)} if targets.shape[1] else {})


def _zipped(path: Path, name: str) -> Callable[[str], str | None]:
    """Texts of a zip file, whatever folder in it holds them."""
    try:
        with zipfile.ZipFile(path) as file:
            texts = {
                Path(member).name: file.read(member).decode()
                for member in file.namelist()
                if Path(member).name.startswith(f"{name}_") and member.endswith(".txt")
            }
    except (zipfile.BadZipFile, OSError, EOFError, UnicodeDecodeError, zlib.error) as error:
        raise ValueError(f"{path}: expected a whole zip file of texts, got {error}") from error
    return texts.get


def _unzipped(path: Path, name: str) -> Callable[[str], str | None]:
    """Texts of a folder."""
    if not path.is_dir():
        raise FileNotFoundError(f"{path}: no such file or folder")

    def read(file: str) -> str | None:
        return (path / file).read_text() if (path / file).is_file() else None

    return read


def _numbers(
    read: Callable[[str], str | None],
    name: str,
    what: str,
    dtype: type,
    rows: int | None = None,
    needed: bool = False,
) -> "np.ndarray[tuple[int, int], np.dtype[Any]]":
    """Numbers of a file, a row a line; no columns where there is none."""
    file = f"{name}_{what}.txt"
    text = read(file)
    if text is None:
        if needed:
            raise FileNotFoundError(f"{name}: {file} is missing")
        return np.empty((rows or 0, 0), dtype)
    lines = [line for line in text.splitlines() if line.strip()]
    try:
        found = np.array(" ".join(lines).replace(",", " ").split(), np.float64)
    except ValueError as error:
        raise ValueError(f"{file}: expected numbers, {error}") from error
    if dtype is np.int64 and not (found == found.round()).all():
        raise ValueError(f"{file}: expected whole numbers, got others")
    width = len(lines[0].replace(",", " ").split()) if lines else 1
    if len(found) != width * len(lines) or (rows is not None and len(lines) != rows):
        wanted = len(lines) if rows is None else rows
        raise ValueError(
            f"{file}: expected {wanted} lines of {width} numbers, got {len(lines)} lines with"
            f" {len(found)} numbers"
        )
    return found.astype(dtype).reshape(len(lines), width)


def _one_hot(labels: "np.ndarray[Any, np.dtype[Any]]") -> "np.ndarray[Any, np.dtype[Any]]":
    """Each column of labels as ones and zeros, a place for each number from the least on."""
    columns = [
        column[:, None] == np.arange(column.min(), column.max() + 1)
        for column in labels.T
        if len(column)
    ]
    empty = np.empty((len(labels), 0), np.float32)
    return np.concatenate([empty, *columns], 1).astype(np.float32)
