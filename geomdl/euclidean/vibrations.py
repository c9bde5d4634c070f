"""Second derivatives of the energy, and the harmonic vibrations that follow from them."""

from typing import NamedTuple

import torch
from torch import Tensor

from geomdl.euclidean.potential import Potential
from geomdl.fields import Graph

WAVENUMBER = 521.470898
"""√(eV / (u Å²)) / (2π c) in cm⁻¹, of the constants of CODATA."""
LINE = 1e-2  # of the greatest radius of gyration, below which the least is that of a line
_POINT = 1e-6  # Å, likewise of a point


class Vibrations(NamedTuple):
    """Harmonic vibrations.

    Attributes:
        wavenumbers: cm⁻¹, ascending, shape (modes,); those of negative curvature -|ν|.
        modes: displacements per √u, rows orthonormal once weighted by √mass, shape (modes,
            nodes, 3).
    """

    wavenumbers: Tensor
    modes: Tensor


def hessian(
    potential: Potential,
    z: Tensor,
    pos: Tensor,
    cell: Tensor | None = None,
    *,
    pbc: Tensor | None = None,
    graph: Graph | None = None,
    charge: Tensor | None = None,
    spin: Tensor | None = None,
    shifts: Tensor | None = None,
) -> Tensor:
    """Second derivatives of the energy of one system.

    H[i, a, j, b] = ∂²E / ∂pos[i, a] ∂pos[j, b] = -∂F[i, a] / ∂pos[j, b]

    *Exact* up to rounding, by differentiating the forces, 3 nodes backward passes; symmetric, and
    zero when summed over i or j (translations). Where forces vanish, rotations of a system without
    a cell are in its kernel. Not differentiable itself.

    Args:
        potential: of the energy.
        z: atomic numbers, shape (nodes,).
        pos: Å, of the potential's type, shape (nodes, 3).
        cell: lattice vectors in its rows, Å, shape (3, 3).
        pbc: along which of them the system repeats, as for `Potential`.
        graph: of neighbours; default `radius_graph`.
        charge: e, shape (1,).
        spin: multiplicity, shape (1,).
        shifts: of the edges of graph.

    Returns:
        eV/Å², shape (nodes, 3, nodes, 3).

    Raises:
        ValueError: what `Potential` refuses, or a graph of several systems.

    Example:
        >>> from geomdl.euclidean import NequIP
        >>> potential = Potential(NequIP((1,), lmax=1, channels=4).double())
        >>> pair = torch.tensor([[0.0, 0.0, 0.0], [0.7, 0.0, 0.0]], dtype=torch.float64)
        >>> h = hessian(potential, torch.tensor([1, 1]), pair)
        >>> h.shape, bool(h.sum(2).abs().max() < 1e-9 * h.abs().max())
        (torch.Size([2, 3, 2, 3]), True)
    """
    if graph is not None and graph.num_graphs != 1:
        raise ValueError(f"graph: expected one system, got {graph.num_graphs}")
    with torch.enable_grad():
        leaf = pos.detach().requires_grad_()
        given = {"graph": graph, "charge": charge, "spin": spin, "shifts": shifts}
        forces = potential(z, leaf, cell, pbc, **given).forces.flatten()
        rows = [
            torch.autograd.grad(f, leaf, retain_graph=True, materialize_grads=True)[0].flatten()
            for f in forces
        ]
    nodes = len(pos)
    half = -torch.stack(rows) if rows else pos.new_zeros(0, 0)
    return ((half + half.T) / 2).view(nodes, 3, nodes, 3)


def rigid_motions(pos: Tensor, masses: Tensor) -> Tensor:
    """Orthonormal basis of translations and rotations of a free system, weighted by √mass.

    Args:
        pos: Å, shape (nodes, 3).
        masses: u, shape (nodes,).

    Returns:
        shape (motions, 3 nodes): 6 motions; 5 where all atoms are on a line, 3 of a single atom. A
        line is where the least moment of inertia is below 1e-4 of the greatest, so that a relaxed
        linear molecule, off its line by 1e-3 Å, counts as one.

    Example:
        >>> line = torch.tensor([[0.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, 0.0, 3.0]])
        >>> len(rigid_motions(line, torch.ones(3)))
        5
    """
    x = pos.double()
    m = masses.to(x)
    x = x - (m @ x) / m.sum()
    axes = torch.eye(3, dtype=x.dtype, device=x.device)
    moves = axes.unsqueeze(1).expand(-1, len(x), -1)
    turns = torch.linalg.cross(moves, x.expand(3, -1, -1))
    moves, turns = ((t * m.sqrt()[:, None]).flatten(1) for t in (moves, turns))
    _, size, basis = torch.linalg.svd(turns, full_matrices=False)  # roots of moments of inertia
    turning = basis[(size > LINE * size[0]) & (size > _POINT * m.sum().sqrt())]
    return torch.cat([moves / m.sum().sqrt(), turning])


def vibrations(hessian: Tensor, masses: Tensor, pos: Tensor | None = None) -> Vibrations:
    """Harmonic vibrations about a place where forces vanish.

    M^(-1/2) H M^(-1/2) q = (2π c ν)² q,  displacements M^(-1/2) q

    With positions, translations and rotations are projected out, and 3 nodes - 6 vibrations are
    left (3 nodes - 5 of linear molecules); so rotations do not mix with vibrations where forces are
    small but not zero. Without, all 3 nodes are given, those of translations ~0; do so for
    crystals. Computed in float64.

    Args:
        hessian: eV/Å², as of `hessian`, shape (nodes, 3, nodes, 3).
        masses: u, positive, shape (nodes,).
        pos: Å, shape (nodes, 3), of a system without a cell.

    Returns:
        Wavenumbers in cm⁻¹, negative where the energy curves down (a saddle), and modes.

    Raises:
        ValueError: wrong shapes, numbers that are not finite, masses that are not positive.

    Example:
        >>> spring = torch.tensor([[1.0, -1.0], [-1.0, 1.0]])  # eV/Å², along x
        >>> h = torch.zeros(2, 3, 2, 3)
        >>> h[:, 0, :, 0] = spring
        >>> pair = torch.tensor([[0.0, 0.0, 0.0], [1.0, 0.0, 0.0]])
        >>> [
        ...     round(v, 2)
        ...     for v in vibrations(h, torch.tensor([2.0, 2.0]), pair).wavenumbers.tolist()
        ... ]
        [521.47]

    Source: Wilson, Decius & Cross 1955, Molecular Vibrations.
    """
    nodes = len(masses)
    if masses.ndim != 1 or hessian.shape != (nodes, 3, nodes, 3):
        raise ValueError(
            f"hessian: expected shape ({nodes}, 3, {nodes}, 3) for {nodes} masses, got"
            f" {tuple(hessian.shape)}"
        )
    if not bool((masses > 0).all() & masses.isfinite().all() & hessian.isfinite().all()):
        raise ValueError("hessian, masses: expected finite numbers, masses above 0, got others")
    if pos is not None and pos.shape != (nodes, 3):
        raise ValueError(f"pos: expected shape ({nodes}, 3), got {tuple(pos.shape)}")
    weight = masses.double().rsqrt().repeat_interleave(3)
    dynamical = hessian.double().reshape(3 * nodes, 3 * nodes) * weight[:, None] * weight
    basis = torch.eye(3 * nodes, dtype=torch.float64, device=hessian.device)
    if pos is not None:
        rigid = rigid_motions(pos, masses)
        basis = torch.linalg.svd(rigid).Vh[len(rigid) :]
    square, vectors = torch.linalg.eigh(basis @ dynamical @ basis.T)
    modes = (vectors.T @ basis) * weight
    wavenumbers = WAVENUMBER * square.sign() * square.abs().sqrt()
    return Vibrations(wavenumbers, modes.view(-1, nodes, 3))
