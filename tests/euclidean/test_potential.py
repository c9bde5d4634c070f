import pytest
import torch

import geomdl
from geomdl.auditing.prepare import redraw
from geomdl.euclidean import (
    NequIP,
    Potential,
    SchNet,
    fit_potential,
    potential_errors,
    radius_graph,
)
from geomdl.euclidean.shifts import species_shifts
from geomdl.registry import default

F64 = torch.float64


def make(cutoff=3.0, seed=0, **options):
    """A small potential in float64 with weights of size one, a shift and a scale."""
    rng = torch.Generator().manual_seed(seed)
    sizes = {"lmax": 2, "channels": 4, "layers": 2, "radial": (8,), "basis": 4} | options
    potential = Potential(NequIP((1, 6, 8), cutoff=cutoff, rng=rng, **sizes)).double().eval()
    potential.model.shift.copy_(torch.tensor([[-1.0], [-5.0], [-8.0]]))
    potential.model.scale.fill_(1.7)
    return potential


def molecules(seed=0):
    """Nine atoms in two molecules, no two closer than 0.7 Å."""
    rng = torch.Generator().manual_seed(seed)
    sites = torch.cartesian_prod(*(torch.arange(3, dtype=F64),) * 3)
    pos = 1.3 * sites[torch.randperm(27, generator=rng)[:9]]
    pos = pos + 0.15 * torch.randn(9, 3, generator=rng, dtype=F64).clamp(-1, 1)
    z = torch.tensor([1, 6, 8, 1, 1, 6, 8, 1, 6])
    return z, pos, torch.tensor([0, 0, 0, 0, 1, 1, 1, 1, 1])


def crystal(seed=0):
    rng = torch.Generator().manual_seed(seed)
    cell = torch.tensor([[3.2, 0.0, 0.0], [0.8, 3.0, 0.0], [-0.5, 0.4, 3.4]], dtype=F64)
    pos = torch.rand(4, 3, generator=rng, dtype=F64) @ cell
    return torch.tensor([1, 6, 8, 1]), pos, cell


def slope(f, h=1e-4):
    """Fourth-order central difference of f at 0."""
    return (8 * (f(h) - f(-h)) - (f(2 * h) - f(-2 * h))) / (12 * h)


def test_forces_are_the_slopes_of_the_energy():
    potential, (z, pos, batch) = make(), molecules()
    with torch.no_grad():
        energy, forces, stress = potential(z, pos, batch=batch)
        assert energy.shape == (2,)
        assert stress is None
        assert float(forces.abs().max()) > 0.1
        for atom in range(9):
            for axis in range(3):

                def moved(h, atom=atom, axis=axis):
                    there = pos.clone()
                    there[atom, axis] += h
                    return potential(z, there, batch=batch).energy[batch[atom]]

                assert abs(slope(moved) + forces[atom, axis]) < 1e-6 * forces.abs().max()


def test_forces_and_stress_of_a_crystal_are_slopes_too():
    potential, (z, pos, cell) = make(), crystal()
    volume = torch.linalg.det(cell)
    with torch.no_grad():
        _, forces, stress = potential(z, pos, cell)
        assert float(stress.abs().max()) > 1e-3
        assert torch.equal(stress, stress.mT)
        for i in range(3):
            step = torch.zeros(4, 3, dtype=F64)
            step[1, i] = 1
            found = slope(lambda h, step=step: potential(z, pos + h * step, cell).energy[0])
            assert abs(found + forces[1, i]) < 1e-6 * forces.abs().max()
            for j in range(3):
                strain = torch.zeros(3, 3, dtype=F64)
                strain[i, j] += 0.5
                strain[j, i] += 0.5

                def strained(h, strain=strain):
                    by = torch.eye(3, dtype=F64) + h * strain
                    return potential(z, pos @ by, cell @ by).energy[0]

                error = abs(slope(strained) / volume - stress[0, i, j])
                assert error < 1e-6 * stress.abs().max()


def test_forces_have_no_sum_and_no_torque():
    potential, (z, pos, batch) = make(), molecules()
    forces = potential(z, pos, batch=batch).forces.detach()
    torque = torch.linalg.cross(pos, forces)
    size = forces.abs().max()
    for system in (0, 1):
        assert float(forces[batch == system].sum(0).abs().max()) < 1e-12 * size
        assert float(torque[batch == system].sum(0).abs().max()) < 1e-11 * size
    z, pos, cell = crystal()
    forces = potential(z, pos, cell).forces.detach()
    assert float(forces.sum(0).abs().max()) < 1e-12 * forces.abs().max()


def test_a_supercell_has_twice_the_energy():
    potential, (z, pos, cell) = make(), crystal()
    one = potential(z, pos, cell)
    twice = cell * torch.tensor([[2.0], [1.0], [1.0]], dtype=F64)
    two = potential(z.repeat(2), torch.cat([pos, pos + cell[0]]), twice)
    assert torch.allclose(two.energy, 2 * one.energy, rtol=1e-12, atol=0)
    assert torch.allclose(two.forces, one.forces.repeat(2, 1), rtol=0, atol=1e-11)
    assert torch.allclose(two.stress, one.stress, rtol=0, atol=1e-12)


def test_atoms_may_be_taken_from_any_cell():
    potential, (z, pos, cell) = make(), crystal()
    shifts = torch.tensor([[0, 1, -2], [3, 0, 0], [-1, -1, -1], [0, 0, 0]], dtype=F64)
    one, other = potential(z, pos, cell), potential(z, pos + shifts @ cell, cell)
    assert torch.allclose(other.energy, one.energy, rtol=1e-12, atol=0)
    assert torch.allclose(other.forces, one.forces, rtol=0, atol=1e-11)
    assert torch.allclose(other.stress, one.stress, rtol=0, atol=1e-11)


def test_energy_and_forces_are_smooth_where_a_neighbour_leaves():
    """Second differences of the energy across the cut-off shrink with the step as h."""
    potential = make(cutoff=2.0)
    z = torch.tensor([6, 8])

    def curve(r):
        there = torch.tensor([[0.0, 0, 0], [r, 0, 0]], dtype=F64)
        return float(potential(z, there).energy.detach())

    at = [(curve(2 + h) - 2 * curve(2) + curve(2 - h)) / h**2 for h in (1e-2, 1e-3)]
    inside = potential(z, torch.tensor([[0.0, 0, 0], [1.2, 0, 0]], dtype=F64)).forces.detach()
    assert float(inside.abs().max()) > 0.1
    assert abs(at[1]) < 0.2 * abs(at[0]) < 0.2
    out = potential(z, torch.tensor([[0.0, 0, 0], [2.5, 0, 0]], dtype=F64))
    assert not out.forces.any()


def test_degenerate_systems_have_finite_derivatives():
    potential = make()
    for z, pos in (
        (torch.tensor([8]), torch.zeros(1, 3, dtype=F64)),
        (torch.tensor([8, 8]), torch.zeros(2, 3, dtype=F64)),
        (torch.tensor([8, 1, 1]), torch.tensor([[0.0, 0, 0], [1, 0, 0], [2, 0, 0]], dtype=F64)),
    ):
        out = potential(z, pos)
        assert bool(out.energy.isfinite().all())
        assert bool(out.forces.isfinite().all())
        assert float(out.forces.detach().sum(0).abs().max()) < 1e-12


@pytest.mark.parametrize("name", geomdl.list_models("potential/*"))
def test_every_model_has_exact_derivatives_and_forgets_what_is_far(name):
    potential = default.example(name).build().double().eval()
    redraw(potential, torch.Generator().manual_seed(1))
    z, pos, cell = crystal()
    z = z.where(z == 6, 1)
    with torch.no_grad():
        _, forces, stress = whole = potential(z, pos, cell)
        graph, shifts = radius_graph(pos, 4.5, cell)
        more = potential(z, pos, cell, graph=graph, shifts=shifts)
        for ours, theirs in zip(more, whole, strict=True):
            assert float((ours - theirs).abs().max()) < 1e-10 * theirs.abs().max()
        rng = torch.Generator().manual_seed(2)
        step, strain = (torch.randn(n, 3, generator=rng, dtype=F64) for n in (4, 3))
        strain = strain + strain.T
        eye = torch.eye(3, dtype=F64)
        found = slope(lambda h: potential(z, pos + h * step, cell).energy[0], 1e-4)
        assert abs(found + (forces * step).sum()) < 1e-6 * forces.abs().max()

        def strained(h):
            return potential(z, pos @ (eye + h * strain), cell @ (eye + h * strain)).energy[0]

        work = (stress[0] * strain).sum() * torch.linalg.det(cell)
        assert abs(slope(strained, 1e-4) - work) < 1e-6 * abs(work)
        twice = cell * torch.tensor([[2.0], [1.0], [1.0]], dtype=F64)
        two = potential(z.repeat(2), torch.cat([pos, pos + cell[0]]), twice)
        assert abs(two.energy[0] - 2 * whole.energy[0]) < 1e-10 * abs(whole.energy[0])


def test_a_given_graph_is_used_and_may_hold_more_than_the_neighbours():
    potential, (z, pos, cell) = make(), crystal()
    whole = potential(z, pos, cell)
    graph, shifts = radius_graph(pos, 4.0, cell)
    more = potential(z, pos, cell, graph=graph, shifts=shifts)
    for ours, theirs in zip(more, whole, strict=True):
        assert torch.allclose(ours, theirs, rtol=1e-12, atol=1e-12)


def test_derivatives_are_kept_where_gradients_are_on():
    potential, (z, pos, batch) = make(), molecules()
    out = potential(z, pos, batch=batch)
    weights = list(potential.parameters())
    grads = torch.autograd.grad(out.forces.square().sum(), weights, allow_unused=True)
    assert any(g is not None and float(g.abs().max()) > 0 for g in grads)
    with torch.no_grad():
        out = potential(z, pos, batch=batch)
    assert not out.energy.requires_grad
    assert not out.forces.requires_grad


def test_the_second_derivative_is_symmetric():
    potential, (z, pos, _) = make(), molecules()
    z, pos = z[:4], pos[:4]
    hessian = torch.autograd.functional.jacobian(lambda x: potential(z, x).forces, pos)
    hessian = hessian.reshape(12, 12)
    assert float((hessian - hessian.T).abs().max()) < 1e-10 * hessian.abs().max()


def test_exported_for_other_numbers_of_atoms(tmp_path):
    potential, (z, pos, cell) = make(), crystal()
    graph, shifts = radius_graph(pos, 3.0, cell)
    program = potential.exported(z, pos, cell[None], graph=graph, shifts=shifts)
    torch.export.save(program, tmp_path / "p.pt2")
    again = torch.export.load(tmp_path / "p.pt2").module()
    pos, z = torch.cat([pos, pos + cell[0]]), z.repeat(2)
    cell = cell * torch.tensor([[2.0], [1.0], [1.0]], dtype=F64)
    graph, shifts = radius_graph(pos, 3.0, cell)
    inputs = (z, pos, cell[None], None, None, graph, None, None, shifts)
    for ours, theirs in zip(again(*inputs), potential(*inputs), strict=True):
        assert torch.allclose(ours, theirs, rtol=1e-12, atol=1e-12)
    with pytest.raises(ValueError, match=r"^graph: expected one"):
        potential.exported(z, pos)


def test_created_by_name_saved_and_loaded(tmp_path):
    potential = geomdl.create_model("potential/NequIP", species=(1, 6, 8), lmax=1, channels=4)
    assert isinstance(potential, Potential)
    z, pos, batch = molecules()
    pos = pos.float()
    potential.fit_energies(z, torch.tensor([-30.0, -50.0]), batch, torch.randn(9, 3))
    for one in (potential, Potential(potential.model)):
        geomdl.save(one, tmp_path / "p.safetensors")
        again = geomdl.load(tmp_path / "p.safetensors")
        assert torch.equal(again.model.shift, potential.model.shift)
        assert torch.equal(again.model.scale, potential.model.scale)
        ours, theirs = (p(z, pos, batch=batch) for p in (one, again))
        assert torch.equal(ours.energy, theirs.energy)
        assert torch.equal(ours.forces, theirs.forces)


def test_shifts_are_the_energies_of_atoms():
    rng = torch.Generator().manual_seed(0)
    kind, batch = torch.randint(3, (200,), generator=rng), torch.arange(200) // 10
    each = torch.tensor([-1.0, 2.5, 7.0], dtype=F64)
    energy = torch.zeros(20, dtype=F64).index_add(0, batch, each[kind])
    assert torch.allclose(species_shifts(kind, 3, energy, batch), each, rtol=1e-12, atol=0)


def test_shifts_of_one_composition_share_its_energy():
    kind = torch.tensor([0, 0, 1, 0, 0, 1])
    shift = species_shifts(kind, 2, torch.tensor([10.0, 12.0]), torch.tensor([0, 0, 0, 1, 1, 1]))
    assert torch.allclose(shift, torch.tensor([4.4, 2.2], dtype=F64), rtol=1e-12, atol=0)


def test_fitted_energies_and_forces_set_the_state():
    potential, (z, _, batch) = make(), molecules()
    forces = torch.randn(9, 3, generator=torch.Generator().manual_seed(0))
    potential.fit_energies(z, torch.tensor([-20.0, -40.0]), batch, forces)
    sums = torch.zeros(2, dtype=F64).index_add(
        0, batch, potential.model.shift[potential.model.kinds(z), 0]
    )
    assert torch.allclose(sums, torch.tensor([-20.0, -40.0], dtype=F64))
    assert abs(float(potential.model.scale) - float(forces.square().mean().sqrt())) < 1e-6
    for words, message in (
        ({"forces": torch.zeros(9, 3)}, "^forces: .* not all zero"),
        ({"forces": torch.ones(8, 3)}, r"^forces: .*\(9, 3\).*\(8, 3\)"),
        ({"forces": torch.full((9, 3), torch.nan)}, "^forces: .* nan"),
    ):
        with pytest.raises(ValueError, match=message):
            potential.fit_energies(z, torch.tensor([-20.0, -40.0]), batch, **words)
    with pytest.raises(ValueError, match=r"^energy: expected shape"):
        potential.fit_energies(z, torch.tensor([-20.0]), batch)
    with pytest.raises(ValueError, match=r"^energy: .*NaN"):
        potential.fit_energies(z, torch.tensor([torch.nan, 0.0]), batch)
    with pytest.raises(ValueError, match=r"^batch: expected shape"):
        potential.fit_energies(z, torch.tensor([1.0, 0.0]), batch[:3])
    with pytest.raises(ValueError, match=r"^energy: expected shape \(1,\), got \(2,\)"):
        potential.fit_energies(z, torch.tensor([-20.0, -40.0]))  # the batch was forgotten
    with pytest.raises(ValueError, match=r"^batch: expected numbers from 0, got -1"):
        potential.fit_energies(z, torch.tensor([-20.0, -40.0]), batch - 1)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no accelerator here")
def test_a_potential_on_an_accelerator_is_fitted_to_data_on_the_cpu():
    here, there, (z, _, batch) = make(), make().cuda(), molecules()
    given = torch.tensor([-20.0, -40.0]), batch, torch.ones(9, 3)
    for potential in (here, there):
        potential.fit_energies(z, *given)
    assert torch.allclose(there.model.shift.cpu(), here.model.shift, rtol=1e-9)
    assert torch.equal(there.model.scale.cpu(), here.model.scale)


@pytest.mark.parametrize("name", ["loss", "metric"])
def test_loss_and_metric_of_a_fit_are_its_own(name):
    with pytest.raises(ValueError, match=rf"^{name}: expected none, since it is \w+, got MSELoss"):
        fit_potential(make(), {}, **{name: torch.nn.MSELoss()})


class Charged(NequIP):
    """Energy that grows with the charge."""

    def forward(self, z, pos, graph, shifts=None, cell=None, charge=None):
        return super().forward(z, pos, graph, shifts, cell) + charge[:, None]


def test_charges_go_to_models_that_take_them():
    model = Charged((1, 6, 8), lmax=1, channels=2).double()
    z, pos, batch = molecules()
    with pytest.raises(ValueError, match=r"^spin: expected None, since Charged takes no spin$"):
        Potential(model)(z, pos, spin=torch.ones(1))
    zero, one = (Potential(model)(z, pos, batch=batch, charge=q * torch.ones(2)) for q in (0, 1))
    assert torch.allclose(one.energy - zero.energy, torch.ones(2, dtype=F64))


NAN = torch.full((4, 3), torch.nan, dtype=F64)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"pos": NAN}, ValueError, r"^pos\[0, 0\]: expected finite numbers, got NaN or infinity$"),
        (
            {"pos": torch.ones(4, 2)},
            ValueError,
            r"^pos: expected shape \(nodes, 3\), got \(4, 2\)$",
        ),
        ({"pos": torch.ones(4, 3).long()}, TypeError, "^pos: .* got torch.int64$"),
        (
            {"pos": torch.ones(4, 3)},
            TypeError,
            r"^pos: expected torch.float64 like the model's numbers, got torch.float32$",
        ),
        ({"z": torch.tensor([1, 6, 8, 7])}, ValueError, "^z: unknown species 7"),
        ({"z": torch.tensor([1, 6])}, ValueError, r"^z: expected integers of shape \(4,\), got .*"),
        ({"z": torch.ones(4)}, ValueError, "^z: expected integers .* got torch.float32"),
        ({"z": torch.ones(4).bool()}, ValueError, "^z: expected integers .* got torch.bool"),
        ({"cell": None, "pbc": True}, ValueError, "^pbc: periodic axes need a cell"),
        ({"cell": torch.eye(2)}, ValueError, r"^cell: expected shape \(3, 3\) .* got \(2, 2\)$"),
        ({"cell": torch.zeros(3, 3)}, ValueError, "^cell: expected .* volume, got none$"),
        ({"cell": torch.full((3, 3), torch.inf)}, ValueError, r"^cell\[0, 0\]: expected finite"),
        ({"charge": torch.zeros(1)}, ValueError, "^charge: expected None, since NequIP takes no"),
        ({"shifts": torch.zeros(5, 3)}, ValueError, "^shifts: expected None without the graph"),
        ({"batch": torch.zeros(3).long()}, ValueError, "^batch: expected shape"),
    ],
)
def test_bad_input_is_one_line(change, error, message):
    potential, (z, pos, cell) = make(), crystal()
    with pytest.raises(error, match=message) as caught:
        potential(**({"z": z, "pos": pos, "cell": cell} | change))
    assert "\n" not in str(caught.value)


def test_bad_graphs_are_refused():
    potential, (z, pos, cell) = make(), crystal()
    graph, shifts = radius_graph(pos, 3.0, cell)
    with pytest.raises(ValueError, match=r"^shifts: expected a cell"):
        potential(z, pos, graph=graph, shifts=shifts)
    with pytest.raises(ValueError, match=r"^shifts: expected those that `radius_graph` gives"):
        potential(z, pos, cell, graph=graph)  # edges would be as long as the cell
    open_graph = radius_graph(pos, 3.0).graph
    found = potential(z, pos, cell, pbc=False, graph=open_graph)
    assert torch.equal(found.forces, potential(z, pos).forces)
    with pytest.raises(ValueError, match=r"^batch: expected None, or the systems that graph has"):
        potential(z, pos, cell, batch=torch.tensor([0, 0, 1, 1]), graph=graph, shifts=shifts)
    with pytest.raises(ValueError, match=r"^z, pos: expected shapes"):
        potential(z[:3], pos[:3], cell, graph=graph, shifts=shifts)


def test_other_models_are_refused():
    with pytest.raises(ValueError, match=r"^model: expected one output, the energy, got 2$"):
        Potential(NequIP((1, 6), lmax=0, channels=2, outputs=2))
    with pytest.raises(TypeError, match=r"^model: expected an AtomicModel, got Linear$"):
        Potential(torch.nn.Linear(1, 1))


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int8, torch.int16, torch.int32])
def test_species_may_be_short_integers(dtype):
    potential, (z, pos, cell) = make(), crystal()
    assert torch.equal(potential(z.to(dtype), pos, cell).energy, potential(z, pos, cell).energy)


def test_inference_mode_is_refused_in_one_line():
    potential, (z, pos, cell) = make(), crystal()
    with (
        torch.inference_mode(),
        pytest.raises(RuntimeError, match=r"call it under torch\.no_grad$"),
    ):
        potential(z, pos, cell)


def test_charges_are_trained_and_judged():
    rng = torch.Generator().manual_seed(0)
    model = SchNet((1, 8), channels=8, layers=1, attributes=("charge",), rng=rng)
    potential = Potential(model)
    pos = torch.randn(6, 3, 3, generator=rng)
    frames = {
        "z": torch.tensor([8, 1, 1]).expand(6, -1),
        "pos": pos,
        "energy": torch.randn(6, generator=rng).double(),
        "forces": torch.randn(6, 3, 3, generator=rng),
        "charge": torch.tensor([1.0, -1, 1, -1, 1, 0]),
    }
    before = {k: v.clone() for k, v in model.attributes.named_parameters()}
    assert before
    fit_potential(potential, frames, epochs=1, batch_size=3, lr=0.1, warmup=0.0, progress=False)
    moved = [
        float((v - before[k]).detach().abs().max()) for k, v in model.attributes.named_parameters()
    ]
    assert max(moved) > 1e-3
    neutral = {k: v for k, v in frames.items() if k != "charge"}
    assert potential_errors(potential, frames) != potential_errors(potential, neutral)
    with pytest.raises(ValueError, match=r"^charge: the potential takes none"):
        potential_errors(Potential(SchNet((1, 8), channels=8, layers=1)), frames)
