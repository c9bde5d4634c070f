"""Every model of atoms: energies, their gradients, and what a potential must be."""

import pytest
import torch

from geomdl.auditing.prepare import redraw
from geomdl.euclidean import EGNN, MACE, CosineCutoff, NequIP, PaiNN, SchNet, radius_graph
from geomdl.euclidean.atoms import AtomicModel
from geomdl.registry import default

F64 = torch.float64
CUTOFF = 3.0  # Å, of all examples
SHAPES = {
    "alone": [[0, 0, 0]],
    "coincident": [[0, 0, 0], [0, 0, 0]],
    "two of three coincident": [[0, 0, 0], [0, 0, 0], [1, 0, 0]],
    "collinear": [[0, 0, 0], [0, 0, 1], [0, 0, 2.5]],
    "along y, where harmonics have their pole": [[0, 0, 0], [0, 1, 0], [0, -1, 0]],
    "no neighbours": [[0, 0, 0], [9, 0, 0], [0, 9, 0]],
    "equilateral": [[1, 0, 0], [-0.5, 0.75**0.5, 0], [-0.5, -(0.75**0.5), 0]],
}


def named(name):
    if name == "euclidean/EGNN, still":
        rng = torch.Generator().manual_seed(0)
        model = EGNN((1, 6), channels=4, layers=2, cutoff=CUTOFF, moving=False, rng=rng).double()
    else:
        model = default.example(name).build().double()
    model.eval()
    redraw(model, torch.Generator().manual_seed(1))
    assert isinstance(model, AtomicModel)
    assert model.cutoff == CUTOFF
    return model


@pytest.fixture(params=[*default.list_models("euclidean/*"), "euclidean/EGNN, still"])
def model(request):
    return named(request.param)


def molecule(n=6, seed=0):
    """Kinds and places of atoms at least 0.9 Å apart."""
    rng = torch.Generator().manual_seed(seed)
    pos = torch.empty(0, 3, dtype=F64)
    while len(pos) < n:
        new = 2.4 * torch.rand(1, 3, generator=rng, dtype=F64)
        if not len(pos) or torch.cdist(new, pos).min() > 0.9:
            pos = torch.cat([pos, new])
    return torch.tensor([6, 1, 1, 6, 1, 6])[:n], pos


def energy(model, z, pos):
    return model(z, pos, radius_graph(pos, CUTOFF).graph).sum()


def forces(model, z, pos):
    pos = pos.detach().requires_grad_()
    return -torch.autograd.grad(energy(model, z, pos), pos, allow_unused=True)[0]


def test_all_models_are_here():
    names = ("EGNN", "Equiformer", "MACE", "NequIP", "PaiNN", "SchNet")
    assert {f"euclidean/{name}" for name in names} <= set(default.list_models("euclidean/*"))


def test_forces_are_the_gradient_and_add_up_to_nothing(model):
    z, pos = molecule()
    found, h = forces(model, z, pos), 1e-4
    slopes = torch.empty_like(pos)
    for at in range(pos.numel()):
        moved = torch.zeros(pos.numel(), dtype=F64)
        moved[at] = h
        step = moved.view_as(pos)
        ups = [energy(model, z, pos + k * step).item() for k in (-2, -1, 1, 2)]
        slopes.view(-1)[at] = (ups[0] - 8 * ups[1] + 8 * ups[2] - ups[3]) / (12 * h)
    size = found.abs().max()
    assert size > 1e-4
    assert (found + slopes).abs().max() <= 1e-6 * max(1.0, size)
    assert found.sum(0).abs().max() <= 1e-12 * size
    assert torch.linalg.cross(pos, found).sum(0).abs().max() <= 1e-11 * size


def test_far_copies_add_up(model):
    z, pos = molecule()
    pair = energy(model, torch.cat([z, z]), torch.cat([pos, pos + 20.0]))
    one = energy(model, z, pos)
    assert one.abs() > 1e-3
    assert (pair - 2 * one).abs() <= 1e-12 * one.abs()


def test_periodic_images_count_once(model):
    """The same crystal in a cell, in twice the cell, and with atoms moved by lattice vectors."""
    z, pos = molecule(3)
    cell = torch.tensor([[2.9, 0, 0], [0.6, 3.3, 0], [-0.4, 0.5, 3.1]], dtype=F64)

    def crystal(z, pos, cell):
        found = radius_graph(pos, CUTOFF, cell)
        return model(z, pos, found.graph, found.shifts, cell[None]).sum()

    one = crystal(z, pos, cell)
    moved = pos + torch.tensor([[1.0, 0, -2], [0, 0, 0], [0, 3, 1]], dtype=F64) @ cell
    double = cell * torch.tensor([[2.0], [1], [1]], dtype=F64)
    two = crystal(torch.cat([z, z]), torch.cat([pos, pos + cell[0]]), double)
    assert (crystal(z, moved, cell) - one).abs() <= 1e-11 * one.abs()
    assert (two - 2 * one).abs() <= 1e-11 * one.abs()
    assert (one - energy(model, z, pos)).abs() > 1e-6 * one.abs()


def gaps(model, distances):
    """Energies of a carbon and a hydrogen at distances, less that of the two far apart."""
    z, far = torch.tensor([6, 1]), torch.tensor([[0, 0, 0], [2 * CUTOFF, 0, 0]], dtype=F64)
    direction = torch.tensor([0.48, -0.6, 0.64], dtype=F64)
    found = []
    for r in distances:
        pos = torch.stack([torch.zeros(3, dtype=F64), r * direction])
        found.append((energy(model, z, pos) - energy(model, z, far)).item())
    return torch.tensor(found, dtype=F64)


def test_smooth_where_a_neighbour_crosses_the_cutoff(model):
    """Value, first and second difference vanish: the energy is of order three in what is left."""
    steps = torch.tensor([4e-2, 2e-2, 1e-2], dtype=F64)
    near, size = gaps(model, CUTOFF - steps), gaps(model, [1.0])[0].abs()
    assert size > 1e-4
    assert 1e-8 * size < near.abs().max() <= 1e-2 * size
    curvatures = (near / steps**2).abs()
    assert (curvatures[1:] <= 0.6 * curvatures[:-1]).all()
    assert torch.equal(gaps(model, [CUTOFF + 1e-9, CUTOFF + 0.1]), torch.zeros(2, dtype=F64))


def test_a_cosine_is_smooth_to_first_order_only():
    model = named("euclidean/SchNet")
    model.envelope = CosineCutoff(CUTOFF)
    steps = torch.tensor([8e-3, 4e-3, 2e-3], dtype=F64)
    slopes = gaps(model, CUTOFF - steps) / steps
    assert (slopes[1:] / slopes[:-1] - 0.5).abs().max() <= 0.1
    with pytest.raises(ValueError, match="envelope: expected 'polynomial' or 'cosine', got 'sine'"):
        SchNet(envelope="sine")


@pytest.mark.parametrize("shape", SHAPES)
def test_finite_in_special_places(model, shape):
    """Energies, forces and their derivatives, where directions or neighbours are missing."""
    pos = torch.tensor(SHAPES[shape], dtype=F64).requires_grad_()
    z = torch.tensor([6, 1, 1])[: len(pos)]
    total = energy(model, z, pos)
    (slope,) = torch.autograd.grad(total, pos, create_graph=True)
    weights = [p for p in model.parameters() if p.requires_grad]
    second = torch.autograd.grad(slope.square().sum(), [pos, *weights], materialize_grads=True)
    assert total.isfinite()
    assert slope.isfinite().all()
    assert all(g.isfinite().all() for g in second)
    if shape in ("alone", "no neighbours"):
        assert torch.equal(slope, torch.zeros_like(slope))


def test_equal_atoms_may_be_exchanged(model):
    z, pos = molecule()
    other = torch.tensor([3, 2, 1, 0, 4, 5])
    difference = energy(model, z, pos) - energy(model, z[other], pos[other])
    assert difference.abs() <= 1e-12 * energy(model, z, pos).abs()


def test_unknown_species(model):
    pos = molecule(2)[1]
    with pytest.raises(ValueError, match=r"^z: unknown species 8; the model knows 1, 6$"):
        energy(model, torch.tensor([6, 8]), pos)


@pytest.mark.parametrize("model", [EGNN, MACE, NequIP, PaiNN, SchNet])
@pytest.mark.parametrize("neighbors", [0, -1.0])
def test_a_typical_number_of_neighbours_is_positive(model, neighbors):
    with pytest.raises(
        ValueError, match=f"^neighbors: expected a positive number, got {neighbors}$"
    ):
        model((1,), neighbors=neighbors)


@pytest.mark.parametrize("name", ["EGNN", "Equiformer", "MACE", "NequIP", "PaiNN", "SchNet"])
def test_models_run_under_autocast(name):
    example = default.example(f"euclidean/{name}")
    model = example.build().float()
    z, pos, graph = example.inputs(torch.Generator().manual_seed(0))
    expected = model(z, pos.float(), graph)
    with torch.autocast("cpu", torch.bfloat16):
        found = model(z, pos.float(), graph)
    assert found.dtype == torch.float32
    assert (found - expected).norm() <= 0.05 * (1 + expected.norm())
