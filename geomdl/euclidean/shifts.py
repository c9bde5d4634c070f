"""Energies of single atoms that explain those of systems best."""

import torch
from torch import Tensor


def species_shifts(
    kind: Tensor, species: int, energy: Tensor, batch: Tensor | None = None
) -> Tensor:
    """Energies of the species whose sums are nearest to those of systems.

    min_c Σ_s (E_s - Σ_k n_sk c_k)²,  n_sk atoms of species k in system s

    Where compositions do not tell the species apart (one molecule alone), of all minimisers the one
    of least Σ_k c_k², the limit of ridge regression as its penalty goes to 0. Species that do not
    occur get 0. *Exact* up to rounding.

    Args:
        kind: species of each atom, from 0, shape (nodes,).
        species: how many.
        energy: eV, shape (systems,); the last systems may have no atoms.
        batch: system of each atom, shape (nodes,); default one system.

    Returns:
        eV, float64, shape (species,).

    Raises:
        ValueError: wrong shapes, or energies that are NaN or infinite.

    Example:
        >>> kind, batch = torch.tensor([0, 0, 1, 0, 1, 1]), torch.tensor([0, 0, 0, 1, 1, 1])
        >>> [round(c, 6) for c in species_shifts(kind, 3, torch.tensor([4.0, 5.0]), batch).tolist()]
        [1.0, 2.0, 0.0]
    """
    systems = torch.zeros_like(kind) if batch is None else batch.long()
    if systems.shape != kind.shape:
        raise ValueError(f"batch: expected shape {tuple(kind.shape)}, got {tuple(systems.shape)}")
    if len(systems) and int(systems.min()) < 0:
        raise ValueError(f"batch: expected numbers from 0, got {int(systems.min())}")
    count = 1 + int(systems.max()) if batch is not None and len(systems) else 1
    fits = energy.ndim == 1 and (len(energy) == 1 if batch is None else len(energy) >= count)
    if not fits:
        raise ValueError(f"energy: expected shape ({count},), got {tuple(energy.shape)}")
    if not bool(energy.isfinite().all()):
        raise ValueError("energy: expected finite numbers, got NaN or infinity")
    counts = torch.zeros(len(energy), species, dtype=torch.float64, device=kind.device)
    ones = torch.ones(len(kind), dtype=torch.float64, device=kind.device)
    counts.index_put_((systems, kind), ones, accumulate=True)
    shifts: Tensor = torch.linalg.pinv(counts) @ energy.double()
    return shifts
