"""Numbers of single atoms that explain those of systems best, and the size of what is left."""

import torch
from torch import Tensor

from geomdl.euclidean.atoms import AtomicModel
from geomdl.euclidean.readout import coefficients
from geomdl.fields import Graph
from geomdl.kernels import segment_sum


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


def fit_shift_and_scale(
    model: AtomicModel, z: Tensor, pos: Tensor, graph: Graph, y: Tensor
) -> Tensor:
    """Set shift and scale of a model by properties; do so once, before training.

    Shift: numbers of the species that, put through the head, are nearest to the properties in the
    mean square (for sums `species_shifts`; for means composition too, with the overall mean in it);
    0 for lengths, which are not linear. What the properties do not settle, such as an equal shift
    of all species in a dipole, whose charges are made neutral, is left at 0: directions of less
    than 1e-9 of the largest singular value, which rounding of positions far away makes. Scale: what
    is then left, over what numbers ±1 by chance would give, both in the root mean square.

    Args:
        model: changed in place; the other arguments go to its device.
        z: atomic numbers, shape (nodes,).
        pos: Å, shape (nodes, 3).
        graph: a system a graph.
        y: properties, shape (systems, model.target.rep.dim).

    Returns:
        Root mean squares of what is left, float64, shape (outputs,), on the model's device; 1 where
        that is nothing.

    Raises:
        ValueError: unknown species, wrong shapes, or properties that are NaN or infinite.
    """
    heads, dim = model.readout.heads, model.readout.target.rep.dim
    if y.shape != (graph.num_graphs, dim) or not bool(y.isfinite().all()):
        raise ValueError(
            f"y: expected finite numbers of shape ({graph.num_graphs}, {dim}), got shape"
            f" {tuple(y.shape)}, or NaN or infinity"
        )
    where = model.scale.device
    z, pos, graph, y = z.to(where), pos.to(where), graph.to(where), y.to(where)
    one_hot = torch.nn.functional.one_hot(model.kinds(z).long(), len(model.species)).double()
    of_heads = y.double().split([3 if head == "dipole" else 1 for head in heads], 1)
    spreads = []
    for k, (head, wanted) in enumerate(zip(heads, of_heads, strict=True)):
        by = coefficients(head, z, pos.double(), graph).index_select(0, graph.node_perm)
        left = wanted.reshape(-1)
        shift = torch.zeros(len(model.species), dtype=torch.float64, device=where)
        if head != "dipole_norm":
            each = by.unsqueeze(2) * one_hot.index_select(0, graph.node_perm).unsqueeze(1)
            sums = segment_sum(each, graph.ptr).flatten(0, 1)
            shift = torch.linalg.pinv(sums, rtol=1e-9) @ left
            left = left - sums @ shift
        spread = left.square().mean().sqrt()
        chance = by.square().sum() / wanted.numel()
        spreads.append(spread if spread > 1e-9 * wanted.abs().max() else torch.ones_like(spread))
        model.shift[:, k] = shift
        model.scale[k] = spreads[-1] / chance.sqrt() if chance > 0 else 1.0
    return torch.stack(spreads)
