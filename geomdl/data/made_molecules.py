"""Made-up molecules with a potential in closed form: exact energies and forces without a file."""

import math

import torch
from torch import Tensor

from geomdl.data.files import Root
from geomdl.data.registry import register
from geomdl.data.split import time_blocks

SPECIES = (1, 6, 8)
RADIUS = (0.55, 0.80, 0.70)  # Å; equilibrium distances are sums of two
DEPTH = (0.4, 1.2, 0.8)  # eV; of a pair, the geometric mean
STEEPNESS = 1.6  # 1/Å
SPACING = 1.55  # Å, of the grid that atoms are put on


def morse(z: Tensor, pos: Tensor) -> tuple[Tensor, Tensor]:
    """Energy and forces of Morse potentials between all pairs of atoms. *Exact*.

    E = Σ_{i<j} D_ij ((1 - e_ij)² - 1),  e_ij = exp(-a (r_ij - R_i - R_j)),  D_ij = √(D_i D_j)

    Args:
        z: species, among 1, 6 and 8, int64, shape (samples, atoms).
        pos: positions in Å, floating, shape (samples, atoms, 3).

    Returns:
        Energies in eV, shape (samples,), and forces -∂E/∂pos in eV/Å, shape (samples, atoms, 3);
        coincident atoms exert none on each other.

    Example:
        >>> z = torch.tensor([[1, 6]])
        >>> pos = torch.tensor([[[0.0, 0.0, 0.0], [1.35, 0.0, 0.0]]], dtype=torch.float64)
        >>> energy, forces = morse(z, pos)
        >>> round(energy.item(), 6), forces.abs().max().item() < 1e-12
        (-0.69282, True)
    """
    kind = (z[..., None] == torch.tensor(SPECIES, device=z.device)).to(pos.dtype)
    radius, depth = (kind @ pos.new_tensor(values) for values in (RADIUS, DEPTH))
    apart = pos[:, :, None] - pos[:, None]
    r = apart.norm(dim=-1)
    others = ~torch.eye(z.shape[1], dtype=torch.bool, device=z.device)
    depths = (depth[:, :, None] * depth[:, None]).sqrt() * others
    e = (-STEEPNESS * (r - radius[:, :, None] - radius[:, None])).exp()
    energy = 0.5 * (depths * ((1 - e).square() - 1)).sum((1, 2))
    slope = 2 * STEEPNESS * depths * (1 - e) * e  # of the pair's energy with r
    forces = -(torch.where(r > 0, slope / r.clamp(min=1e-300), 0)[..., None] * apart).sum(2)
    return energy, forces


@register("made_molecules")
def made_molecules(
    root: Root = None,
    download: bool = False,
    n: int = 300,
    atoms: int = 8,
    noise: float = 0.12,
    seed: int = 0,
) -> dict[str, Tensor]:
    """Clusters of H, C and O atoms held together by `morse`: for tests and tutorials, no chemistry.

    Atoms sit on the sites of a cubic grid that are nearest to a random point, moved by Gaussian
    noise, turned at random, species drawn for each. Energies and forces are those of the positions
    given, *exact*; per sample independent, so that any split will do.

    Args:
        root: not needed.
        download: not needed.
        n: number of molecules.
        atoms: of each molecule, 1 to 64.
        noise: standard deviation of each coordinate, in Å.
        seed: of everything that is drawn; the first m of n molecules are those of n = m.

    Returns:
        z: nuclear charges, int64, shape (n, atoms).
        pos: Å, float64, shape (n, atoms, 3).
        energy: eV, float64, shape (n,).
        forces: eV/Å, float64, shape (n, atoms, 3).
        split: 0 train (the first 80 %), 1 validation (10 %), 2 test, int64, shape (n,).

    Raises:
        ValueError: an argument out of range.
    """
    for name, value, least, most in (("n", n, 1, 1_000_000), ("atoms", atoms, 1, 64)):
        whole = isinstance(value, int) and not isinstance(value, bool)
        if not whole or not least <= value <= most:
            raise ValueError(
                f"made_molecules: {name} should be an int between {least} and {most}, got {value!r}"
            )
    if not 0 <= noise < math.inf:
        raise ValueError(f"made_molecules: noise should not be negative, got {noise!r}")
    rng = torch.Generator().manual_seed(seed)
    # one row of draws a molecule: the first m of n do not depend on n
    draws = torch.rand(n, 7 + 4 * atoms, generator=rng, dtype=torch.float64)
    centre, turn, moved, kinds = draws.split([3, 4, 3 * atoms, atoms], dim=1)
    turn, moved = (torch.special.ndtri(x.clamp(1e-15, 1 - 1e-15)) for x in (turn, moved))
    line = torch.arange(-2.0, 4.0, dtype=torch.float64)
    sites = torch.cartesian_prod(line, line, line)
    nearest = torch.cdist(centre, sites).argsort(dim=1, stable=True)[:, :atoms]
    pos = SPACING * (sites[nearest] - centre[:, None]) + noise * moved.reshape(n, atoms, 3)
    pos = torch.einsum("nij,naj->nai", _rotations(turn), pos)
    z = torch.tensor(SPECIES)[(len(SPECIES) * kinds).long()]
    energy, forces = morse(z, pos)
    split = time_blocks(n, n * 8 // 10, n // 10)
    return {"z": z, "pos": pos, "energy": energy, "forces": forces, "split": split}


def _rotations(q: Tensor) -> Tensor:
    """Rotations (n, 3, 3) of quaternions (n, 4), w first, of any length but 0."""
    w, x, y, z = (q / q.norm(dim=1, keepdim=True)).unbind(1)
    rows = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
        [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
        [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
    ]
    return torch.stack([torch.stack(row, -1) for row in rows], -2)
