"""Hessians against differences of forces; frequencies against formulas of springs."""

import math

import pytest
import torch

from geomdl.euclidean import Potential, hessian, vibrations
from geomdl.euclidean.atoms import AtomicModel
from geomdl.euclidean.vibrations import rigid_motions
from geomdl.kernels import segment_sum
from geomdl.registry import default

F64 = torch.float64
UNIT = 521.47090  # √(eV / (u Å²)) in cm⁻¹
Z = torch.tensor([6, 1, 1, 6])
POS = torch.tensor([[0, 0, 0], [1.1, 0, 0], [0, 1.3, 0.2], [0.4, 0, 1.2]], dtype=F64)


class Springs(AtomicModel):
    """Half k (r - 1)² of every pair."""

    def __init__(self, k):
        super().__init__((1, 6, 8), 3.0)
        self.k = torch.nn.Parameter(torch.tensor(float(k), dtype=F64))

    def atoms(self, kind, vectors, graph, extra):
        each = self.k * (vectors.norm(dim=1, keepdim=True) - 1) ** 2 / 4
        return segment_sum(each.index_select(0, graph.perm), graph.in_ptr)


def springs(k=30.0):
    return Potential(Springs(k)).double()


@pytest.mark.parametrize("name", ["MACE", "NequIP", "PaiNN"])
def test_hessians_are_slopes_of_forces(name):
    potential = default.example(f"potential/{name}").build().double().eval()
    with torch.no_grad():  # as in a calculator
        found = hessian(potential, Z, POS)
    assert found.dtype == F64
    assert not found.requires_grad
    h, size = 1e-4, found.abs().max()
    for atom, axis in ((0, 0), (1, 2), (3, 1)):
        moved = torch.zeros_like(POS)
        moved[atom, axis] = h
        steps = [potential(Z, POS + k * moved).forces.detach() for k in (-2, -1, 1, 2)]
        slope = (steps[0] - 8 * steps[1] + 8 * steps[2] - steps[3]) / (12 * h)
        assert size > 1e-4
        assert (slope + found[atom, axis]).abs().max() <= 1e-6 * size
    assert torch.equal(found, found.permute(2, 3, 0, 1))
    assert found.sum(2).abs().max() <= 1e-12 * size


def test_a_crystal_has_a_hessian_too():
    potential = default.example("potential/NequIP").build().double().eval()
    cell = torch.tensor([[3.2, 0, 0], [0.8, 3, 0], [-0.5, 0.4, 3.4]], dtype=F64)
    found, h = hessian(potential, Z, POS, cell), 1e-4
    ends = [potential(Z, POS + k * h * torch.eye(4, 3, dtype=F64), cell).forces for k in (-1, 1)]
    slope = (ends[1] - ends[0]).detach() / (2 * h)
    moved = torch.einsum("iajb,jb->ia", found, torch.eye(4, 3, dtype=F64))
    assert (slope + moved).abs().max() <= 1e-6 * found.abs().max()
    assert found.sum(2).abs().max() <= 1e-12 * found.abs().max()


def test_a_diatomic_molecule_is_an_oscillator():
    """ν = √(k/μ) / (2π c), of a pair in any direction."""
    pos = torch.tensor([[0, 0, 0], [0.6, 0, 0.8]], dtype=F64)
    masses = torch.tensor([12.0, 16.0], dtype=F64)
    h = hessian(springs(120.0), torch.tensor([6, 8]), pos)
    found = vibrations(h, masses, pos)
    expected = UNIT * math.sqrt(120 * (1 / 12 + 1 / 16))
    assert found.wavenumbers.shape == (1,)
    assert abs(found.wavenumbers[0] / expected - 1) < 1e-7
    (mode,) = found.modes
    assert abs((masses @ mode.square()).sum() - 1) < 1e-12
    along = mode @ (pos[1] / pos[1].norm())
    assert (12 * along[0] + 16 * along[1]).abs() < 1e-10
    assert abs(along.abs() @ masses.sqrt() - mode.norm(dim=1) @ masses.sqrt()) < 1e-12


def test_an_equilateral_triangle_has_the_modes_of_its_group():
    """A₁ of ω² = 3k/m, and E, twice, of half of that."""
    pos = torch.tensor([[0, 0, 0], [1, 0, 0], [0.5, 0.75**0.5, 0]], dtype=F64)
    h = hessian(springs(7.0), torch.tensor([1, 1, 1]), pos)
    masses = torch.full((3,), 1.5, dtype=F64)
    expected = UNIT * torch.tensor([1.5 * 7 / 1.5] * 2 + [3 * 7 / 1.5], dtype=F64).sqrt()
    found = vibrations(h, masses, pos).wavenumbers
    assert (found / expected - 1).abs().max() < 1e-7
    whole = vibrations(h, masses).wavenumbers
    assert whole.shape == (9,)
    assert whole[:6].abs().max() < 1e-3 * expected[0]  # √rounding
    assert (whole[6:] / expected - 1).abs().max() < 1e-7


def test_rotations_are_projected_where_forces_remain():
    """Away from the minimum rotations have curvature, which is none of the vibrations'."""
    pos = 1.2 * torch.tensor([[0, 0, 0], [1, 0, 0], [0.5, 0.75**0.5, 0]], dtype=F64)
    h, masses = hessian(springs(7.0), torch.tensor([1, 1, 1]), pos), torch.ones(3, dtype=F64)
    assert vibrations(h, masses).wavenumbers[3:6].abs().max() > 100
    modes = vibrations(h, masses, pos).modes.flatten(1)
    assert modes.shape == (3, 9)
    assert (modes @ rigid_motions(pos, masses).T).abs().max() < 1e-12


def test_saddles_have_negative_wavenumbers():
    h = torch.zeros(2, 3, 2, 3)
    h[:, 0, :, 0] = -torch.tensor([[1.0, -1.0], [-1.0, 1.0]])
    pos = torch.tensor([[0.0, 0.0, 0.0], [1.0, 0.0, 0.0]])
    found = vibrations(h, torch.tensor([2.0, 2.0]), pos).wavenumbers
    assert (found + UNIT).abs().max() < 1e-3


def test_lines_and_single_atoms():
    line = torch.tensor([[0.0, 0, 0], [0, 0, 1], [0, 0, 2.2]], dtype=F64)
    h = hessian(springs(), torch.tensor([8, 6, 8]), line)
    masses = torch.tensor([16.0, 12.0, 16.0])
    assert len(vibrations(h, masses, line).wavenumbers) == 4
    one = hessian(springs(), torch.tensor([8]), line[:1])
    assert not one.any()
    assert vibrations(one, masses[:1], line[:1]).modes.shape == (0, 1, 3)


def test_bad_input_is_one_line():
    h, masses = torch.zeros(2, 3, 2, 3), torch.ones(2)
    with pytest.raises(ValueError, match=r"^hessian: expected shape \(3, 3, 3, 3\) for 3 masses"):
        vibrations(h, torch.ones(3))
    for bad in ((h, -masses), (h + torch.nan, masses), (h, masses * torch.inf)):
        with pytest.raises(ValueError, match=r"^hessian, masses: expected finite numbers"):
            vibrations(*bad)
    with pytest.raises(ValueError, match=r"^pos: expected shape \(2, 3\), got \(3, 3\)$"):
        vibrations(h, masses, torch.zeros(3, 3))
    from geomdl.fields import Graph

    two = Graph.from_edge_index(torch.tensor([[0], [1]]), batch=torch.tensor([0, 0, 1, 1]))
    with pytest.raises(ValueError, match=r"^graph: expected one system, got 2$"):
        hessian(springs(), Z, POS, graph=two)


def test_a_relaxed_line_is_a_line():
    pos = torch.tensor([[0, 0, -1.16], [0, 0, 0], [0, 0, 1.16]], dtype=torch.float64)
    masses = torch.tensor([16.0, 12, 16])
    off = pos + 1e-3 * torch.randn(3, 3, generator=torch.Generator().manual_seed(0)).double()
    assert len(rigid_motions(off, masses)) == 5
    bent = pos + torch.tensor([[0, 0, 0], [0.1, 0, 0], [0, 0, 0]])
    assert len(rigid_motions(bent, masses)) == 6
    basis = rigid_motions(bent, masses)
    assert (basis @ basis.T - torch.eye(6)).abs().max() < 1e-12
