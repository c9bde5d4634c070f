import copy
import sys

import numpy as np
import pytest
import torch

import geomdl
from geomdl.euclidean import ASECalculator, NequIP, Potential, edge_vectors, radius_graph
from geomdl.euclidean.calculator import VerletList

F64 = torch.float64
REASON = "needs ase, of the extra chem"


def make(seed=0, cutoff=3.0):
    rng = torch.Generator().manual_seed(seed)
    model = NequIP((1, 6, 8), lmax=1, channels=4, layers=2, cutoff=cutoff, rng=rng)
    return Potential(model).double().eval()


@pytest.fixture
def ethanol():
    pytest.importorskip("ase", reason=REASON)
    from ase.build import molecule

    return molecule("CH3CH2OH")


@pytest.fixture
def crystal():
    ase = pytest.importorskip("ase", reason=REASON)
    cell = [[3.2, 0.0, 0.0], [0.8, 3.0, 0.0], [-0.5, 0.4, 3.4]]
    places = np.random.default_rng(0).random((4, 3))
    return ase.Atoms("HCOH", scaled_positions=places, cell=cell, pbc=True)


def tensors(atoms):
    return torch.tensor(atoms.numbers), torch.tensor(atoms.positions)


def test_a_molecule(ethanol):
    potential = make()
    ethanol.calc = ASECalculator(potential)
    energy, forces, stress = potential(*tensors(ethanol))
    assert stress is None
    assert abs(ethanol.get_potential_energy() - energy.item()) < 1e-10
    assert np.abs(ethanol.get_forces() - forces.detach().numpy()).max() < 1e-10
    assert "stress" not in ethanol.calc.results
    assert "energy_std" not in ethanol.calc.results
    assert isinstance(ethanol.calc, ASECalculator)
    assert ethanol.get_forces().dtype == np.float64


def test_a_crystal_has_the_stress_of_ase(crystal):
    """ASE's own strain differences, in its own order."""
    from ase.calculators.fd import calculate_numerical_stress

    crystal.calc = ASECalculator(make())
    stress = crystal.get_stress()
    found = calculate_numerical_stress(crystal, eps=1e-4)
    assert np.abs(stress).max() > 1e-3
    assert np.abs(found - stress).max() < 1e-6 * np.abs(stress).max()


def test_partly_periodic_systems_have_no_stress(crystal):
    crystal.pbc = (True, True, False)
    crystal.cell[2] = 0
    potential = make()
    crystal.calc = ASECalculator(potential)
    z, pos = tensors(crystal)
    cell = torch.tensor(crystal.cell[:])
    cell[2, 2] = 50
    out = potential(z, pos, cell, pbc=torch.tensor([True, True, False]))
    assert abs(crystal.get_potential_energy() - out.energy.item()) < 1e-10
    assert "stress" not in crystal.calc.results


def test_an_ensemble_gives_mean_and_spread(ethanol, tmp_path):
    members = [make(seed) for seed in range(3)]
    geomdl.save(members[2], tmp_path / "p.safetensors")
    ethanol.calc = ASECalculator(members[0], ensemble=[members[1], tmp_path / "p.safetensors"])
    outs = [m(*tensors(ethanol)) for m in members]
    energies = np.array([o.energy.item() for o in outs])
    forces = np.stack([o.forces.detach().numpy() for o in outs])
    assert abs(ethanol.get_potential_energy() - energies.mean()) < 1e-10
    assert np.abs(ethanol.get_forces() - forces.mean(0)).max() < 1e-10
    assert abs(ethanol.calc.results["energy_std"] - energies.std(ddof=1)) < 1e-10
    assert np.abs(ethanol.calc.results["forces_std"] - forces.std(0, ddof=1)).max() < 1e-10


def test_dynamics_keep_the_energy_and_seldom_seek_neighbours(ethanol):
    """The error of velocity Verlet falls with the square of the step."""
    from ase import units
    from ase.md.verlet import VelocityVerlet

    momenta = 0.3 * np.random.default_rng(0).normal(size=(9, 3))
    errors = []
    for step in (0.2, 0.1):
        atoms = ethanol.copy()
        atoms.set_momenta(momenta)
        atoms.calc = ASECalculator(make(), skin=0.6)
        start, moved = atoms.get_total_energy(), atoms.get_potential_energy()
        found = []
        dynamics = VelocityVerlet(atoms, timestep=step * units.fs)
        dynamics.attach(lambda a=atoms, f=found: f.append(a.get_total_energy()))
        dynamics.run(round(6 / step))
        errors.append(np.abs(np.array(found) - start).max())
    moved = abs(atoms.get_potential_energy() - moved)
    assert moved > 0.01
    assert errors[1] < 0.02 * moved
    assert errors[1] < 0.3 * errors[0]
    assert atoms.calc.neighbors.builds < 10
    fresh = atoms.copy()
    fresh.calc = ASECalculator(make(), skin=0.0)
    assert np.abs(fresh.get_forces() - atoms.get_forces()).max() < 1e-10


def test_a_copy_computes_the_same(ethanol):
    ethanol.calc = ASECalculator(make())
    energy = ethanol.get_potential_energy()
    ethanol.calc = copy.deepcopy(ethanol.calc)
    ethanol.positions[0, 0] += 0.1
    ethanol.positions[0, 0] -= 0.1
    assert abs(ethanol.get_potential_energy() - energy) < 1e-10


def test_charges_and_spins_come_from_info_or_initial_values(ethanol):
    rng = torch.Generator().manual_seed(0)
    sizes = {"lmax": 1, "channels": 4, "layers": 1, "cutoff": 3.0}
    model = NequIP((1, 6, 8), attributes=("charge", "spin"), rng=rng, **sizes)
    potential = Potential(model).double().eval()

    def energy(charge, spin):
        given = (torch.tensor([float(x)]) for x in (charge, spin))
        return potential(*tensors(ethanol), None, None, None, None, *given).energy.item()

    ethanol.calc = ASECalculator(potential)
    assert abs(ethanol.get_potential_energy() - energy(0, 1)) < 1e-10
    assert abs(energy(1, 2) - energy(0, 1)) > 1e-3
    ethanol.info |= {"charge": 1, "spin": 2}  # ASE itself would give the energy of before
    assert abs(ethanol.get_potential_energy() - energy(1, 2)) < 1e-10
    ethanol.info = {}
    ethanol.set_initial_charges([-1] + [0] * 8)
    assert abs(ethanol.get_potential_energy() - energy(-1, 1)) < 1e-10
    ethanol.set_initial_magnetic_moments([1] * 2 + [0] * 7)
    assert abs(ethanol.get_potential_energy() - energy(-1, 3)) < 1e-10
    ethanol.info["charge"] = "much"
    with pytest.raises(
        ValueError, match=r"^atoms.info\['charge'\]: expected a number, got 'much'$"
    ):
        ethanol.get_potential_energy()


def test_a_charge_that_is_not_taken_is_refused(ethanol):
    ethanol.calc = ASECalculator(make())
    ethanol.info = {"charge": 0, "spin": 1}
    energy = ethanol.get_potential_energy()
    ethanol.info["charge"] = 1
    with pytest.raises(ValueError, match=r"^charge: expected None, since NequIP takes no charge$"):
        ethanol.get_potential_energy()
    ethanol.info["charge"] = 0
    assert ethanol.get_potential_energy() == energy


def test_files_that_hold_no_potential_are_refused(tmp_path):
    pytest.importorskip("ase", reason=REASON)
    geomdl.save(make().model, tmp_path / "m.safetensors")
    with pytest.raises(ValueError, match=r"m.safetensors: expected a Potential, got NequIP$"):
        ASECalculator(tmp_path / "m.safetensors")
    with pytest.raises(FileNotFoundError, match=r"no such file$"):
        ASECalculator(tmp_path / "n.safetensors")


def test_without_ase_it_says_what_to_install(monkeypatch):
    for name in [n for n in sys.modules if n.split(".")[0] == "ase"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "ase", None)
    monkeypatch.setitem(sys.modules, "ase.calculators.calculator", None)
    with pytest.raises(ImportError, match=r"^ase: install .*'geomdl-torch\[chem\]'$"):
        ASECalculator(make())


def edges(found, within, pos, cell):
    """Edges within a distance, with their shifts."""
    length = edge_vectors(pos, found.graph, found.shifts, cell).norm(dim=1)
    kept = length <= within
    rows = torch.cat([found.graph.to_edge_index().T, found.shifts], 1)[kept]
    return sorted(map(tuple, rows.tolist()))


def test_a_verlet_list_has_every_neighbour_until_it_is_built_anew():
    rng = torch.Generator().manual_seed(0)
    cell = 5 * torch.eye(3, dtype=F64)
    pos = 5 * torch.rand(12, 3, generator=rng, dtype=F64)
    near, pbc = VerletList(2.5, 0.5), (True, True, False)
    for _ in range(40):
        pos = pos + 0.03 * torch.randn(12, 3, generator=rng, dtype=F64)
        ours = edges(near(pos, cell, pbc), 2.5, pos, cell)
        theirs = edges(radius_graph(pos, 2.5, cell, torch.tensor(pbc)), 2.5, pos, cell)
        assert ours == theirs
    assert 3 <= near.builds <= 30


def test_a_verlet_list_is_built_anew_for_other_cells_and_atoms():
    near, pos, cell = VerletList(2.5, 0.5), torch.zeros(2, 3, dtype=F64), 5 * torch.eye(3)
    near(pos)
    near(pos)
    assert near.builds == 1
    calls = [
        (pos, cell, (True,) * 3),
        (pos, 1.1 * cell, (True,) * 3),
        (pos, 1.1 * cell, (True,) * 2 + (False,)),
        (pos[:1],),
    ]
    for count, call in enumerate(calls, start=2):
        near(*call)
        assert near.builds == count
    with pytest.raises(ValueError, match=r"^skin: expected a length of at least 0, got -1"):
        VerletList(2.5, -1)
