"""Bonds out of places of atoms, so that a molecule is a graph without coordinates."""

import torch
from torch import Tensor

RADII: dict[int, float] = {  # Å, covalent, single bonds
    1: 0.31, 2: 0.28, 3: 1.28, 4: 0.96, 5: 0.84, 6: 0.76, 7: 0.71, 8: 0.66, 9: 0.57, 10: 0.58,
    11: 1.66, 12: 1.41, 13: 1.21, 14: 1.11, 15: 1.07, 16: 1.05, 17: 1.02, 18: 1.06, 34: 1.20,
    35: 1.20, 53: 1.39,
}  # fmt: skip
_CHUNK = 4096  # molecules at a time, to bound memory


def bonds(z: Tensor, pos: Tensor, stretch: float = 1.2) -> dict[str, Tensor]:
    """Graphs of molecules: atoms are bonded if |x_i - x_j| ≤ stretch (r_i + r_j).

    With covalent radii r: a rule of thumb, right for relaxed organic molecules in their ground
    state; it knows no orders of bonds, and what a chemist would draw may differ where bonds are
    strained or half broken (F2 has none by this rule). Neither does it look at anything but
    distances, so that the graph is invariant, *exact* but for distances at the threshold.

    Args:
        z: atomic numbers, 0 where there is no atom, as of `load("qm9")["numbers"]`, int64, shape
            (molecules, atoms), or (atoms,) for one molecule.
        pos: Å, shape (molecules, atoms, 3) or (atoms, 3).
        stretch: allowed beyond the sum of the radii.

    Returns:
        z: atomic numbers of the atoms there are, molecule by molecule, shape (nodes,).
        edge_index: bonds, each both ways, sorted by source, then target, int64, shape (2, edges).
        batch: molecule of each atom, int64, shape (nodes,).

    Raises:
        ValueError: shapes that do not fit, or an element without a radius here.

    Example:
        >>> water = torch.tensor([[0.0, 0.0, 0.1], [0.76, 0.0, -0.5], [-0.76, 0.0, -0.5]])
        >>> bonds(torch.tensor([8, 1, 1]), water)["edge_index"].tolist()
        [[0, 0, 1, 2], [1, 2, 0, 0]]

    Source: Cordero et al. 2008, doi:10.1039/b801115j (radii).
    """
    if z.ndim not in (1, 2) or pos.shape != (*z.shape, 3):
        raise ValueError(
            f"pos: expected shape {(*z.shape, 3)} beside z of shape (atoms,) or (molecules, atoms),"
            f" got {tuple(pos.shape)}"
        )
    z, pos = z.reshape(-1, z.shape[-1]), pos.reshape(-1, z.shape[-1], 3)
    there = z != 0
    table = torch.full((int(z.max()) + 1 if z.numel() else 1,), torch.nan, dtype=pos.dtype)
    for number, radius in RADII.items():
        if number < len(table):
            table[number] = radius
    foreign = z[there & table[z].isnan()]
    if len(foreign):
        raise ValueError(f"z: expected elements among {sorted(RADII)}, got {int(foreign[0])}")
    names = torch.full(z.shape, -1, dtype=torch.int64)
    names[there] = torch.arange(int(there.sum()))
    ends = [torch.empty(2, 0, dtype=torch.int64)]
    for chunk in torch.arange(len(z)).split(_CHUNK):
        radii, places = table[z[chunk]], pos[chunk]
        near = torch.cdist(places, places) <= stretch * (radii[:, :, None] + radii[:, None])
        near.diagonal(dim1=1, dim2=2).fill_(False)
        system, i, j = near.nonzero().T
        ends.append(torch.stack([names[chunk[system], i], names[chunk[system], j]]))
    return {
        "z": z[there],
        "edge_index": torch.cat(ends, 1),
        "batch": torch.arange(len(z)).repeat_interleave(there.sum(1)),
    }
