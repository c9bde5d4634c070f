"""What a potential refuses before it computes, each in one line."""

from typing import Any

import torch
from torch import Tensor

from geomdl.fields import Graph


def check_atoms(z: Any, pos: Any, cell: Any, pbc: Any) -> None:
    """Refuse atoms and cells that are none.

    Raises:
        TypeError: positions or a cell that are no floating-point tensors.
        ValueError: NaN or infinity, a wrong shape, pbc without a cell, a cell without volume.

    Example:
        >>> check_atoms(torch.tensor([1]), torch.tensor([[0.0, torch.nan, 0.0]]), None, None)
        Traceback (most recent call last):
        ValueError: pos[0, 1]: expected finite numbers, got NaN or infinity
    """
    _check_finite("pos", pos)
    if pos.ndim != 2 or pos.shape[1] != 3:
        raise ValueError(f"pos: expected shape (nodes, 3), got {tuple(pos.shape)}")
    whole = isinstance(z, Tensor) and not (
        z.is_floating_point() or z.is_complex() or z.dtype == torch.bool
    )
    if not whole or z.shape != pos.shape[:1]:
        found = f"{z.dtype} of shape {tuple(z.shape)}" if isinstance(z, Tensor) else f"{z!r}"
        raise ValueError(f"z: expected integers of shape ({len(pos)},), got {found}")
    if cell is None:
        if pbc is not None and bool(torch.as_tensor(pbc).any()):
            raise ValueError("pbc: periodic axes need a cell, got cell=None")
        return
    _check_finite("cell", cell)
    if cell.shape[-2:] != (3, 3) or cell.ndim > 3:
        raise ValueError(f"cell: expected shape (3, 3) or (systems, 3, 3), got {tuple(cell.shape)}")
    if bool((torch.linalg.det(cell.detach().double()) == 0).any()):
        raise ValueError("cell: expected lattice vectors that span a volume, got none")


def check_dtype(pos: Tensor, dtype: torch.dtype) -> None:
    """Refuse positions of another floating-point type than the model's.

    Raises:
        TypeError: they are.
    """
    if pos.dtype != dtype:
        raise TypeError(f"pos: expected {dtype} like the model's numbers, got {pos.dtype}")


def check_number(name: str, value: Any) -> None:
    """Refuse charges or multiplicities that are none.

    Args:
        name: "charge" or "spin".
        value: of each system, or None.

    Raises:
        TypeError: no tensor of real numbers.
        ValueError: NaN or infinity, another number of axes than one, a multiplicity below 1.
    """
    if value is None:
        return
    if not isinstance(value, Tensor) or value.is_complex() or value.dtype == torch.bool:
        found = value.dtype if isinstance(value, Tensor) else type(value).__name__
        raise TypeError(f"{name}: expected a tensor of real numbers, got {found}")
    if value.ndim != 1:
        raise ValueError(f"{name}: expected shape (systems,), got {tuple(value.shape)}")
    if not bool(value.isfinite().all()):
        raise ValueError(f"{name}: expected finite numbers, got NaN or infinity")
    if name == "spin" and bool((value < 1).any()):
        raise ValueError(f"spin: expected multiplicities of at least 1, got {value.min():g}")


def check_edges(cell: Any, pbc: Any, batch: Any, graph: Graph | None, shifts: Any) -> None:
    """Refuse shifts and batches that do not belong to the graph.

    Raises:
        ValueError: shifts without graph or cell, a graph of periodic systems without them, or a
            batch that is not the graph's.
    """
    if graph is None:
        if shifts is not None:
            raise ValueError("shifts: expected None without the graph that they belong to")
        return
    if batch is not None and not torch.equal(batch.long(), graph.batch_index.long()):
        raise ValueError("batch: expected None, or the systems that graph has, got others")
    if shifts is not None and cell is None:
        raise ValueError("shifts: expected a cell, by whose vectors they shift, got cell=None")
    periodic = cell is not None and (pbc is None or bool(torch.as_tensor(pbc).any()))
    if periodic and shifts is None:
        raise ValueError(
            "shifts: expected those that `radius_graph` gives with the graph, got None"
        )


def _check_finite(name: str, value: Any) -> None:
    if not isinstance(value, Tensor) or not value.is_floating_point():
        found = value.dtype if isinstance(value, Tensor) else type(value).__name__
        raise TypeError(f"{name}: expected a tensor of floating-point numbers, got {found}")
    bad = ~value.isfinite()
    if bool(bad.any()):
        at = bad.nonzero()[0].tolist()
        raise ValueError(f"{name}{at}: expected finite numbers, got NaN or infinity")
