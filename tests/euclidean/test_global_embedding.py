"""Charge and multiplicity in every model."""

import pytest
import torch

import geomdl
from geomdl.auditing.prepare import redraw
from geomdl.euclidean import GlobalEmbedding, radius_graph
from geomdl.fields import Graph
from geomdl.registry import default

F64 = torch.float64
NAMES = ("EGNN", "Equiformer", "MACE", "NequIP", "PaiNN", "SchNet")
SIZES = {
    "EGNN": {},
    "Equiformer": {"lmax": 1, "heads": 2, "radial": (4,)},
    "MACE": {"lmax": 1, "radial": (4,)},
    "NequIP": {"lmax": 1, "radial": (4,)},
    "PaiNN": {},
    "SchNet": {},
}


def make(name, attributes=("charge", "spin")):
    sizes = {"channels": 4, "layers": 2, "cutoff": 3.0} | SIZES[name]
    rng = torch.Generator().manual_seed(0)
    build = default.create_model
    potential = build(f"potential/{name}", species=(1, 6), attributes=attributes, rng=rng, **sizes)
    redraw(potential, torch.Generator().manual_seed(1))
    return potential.double().eval()


@pytest.fixture(params=NAMES)
def potential(request):
    return make(request.param)


def systems():
    """Four atoms and two, in two systems."""
    pos = torch.tensor(
        [[0, 0, 0], [1.1, 0, 0], [0, 1.3, 0.2], [0.4, 0, 1.2], [0, 0, 0], [1.0, 0.3, 0]], dtype=F64
    )
    return torch.tensor([6, 1, 1, 6, 6, 1]), pos, torch.tensor([0, 0, 0, 0, 1, 1])


def numbers(*values):
    return torch.tensor(values, dtype=F64)


def run(potential, charge=None, spin=None):
    z, pos, batch = systems()
    return potential(z, pos, batch=batch, charge=charge, spin=spin)


def test_the_neutral_singlet_is_the_default(potential):
    default, said = run(potential), run(potential, numbers(0, 0), numbers(1, 1))
    assert torch.equal(default.energy, said.energy)
    assert torch.equal(default.forces, said.forces)


@pytest.mark.parametrize("name", ["charge", "spin"])
def test_each_changes_the_energy_of_its_system_alone(potential, name):
    plain, changed = run(potential), run(potential, **{name: numbers(2, 0 + (name == "spin"))})
    size = plain.energy.detach().abs().max()
    assert (changed.energy - plain.energy).abs()[0] > 1e-4 * size
    assert (changed.forces - plain.forces)[:4].abs().max() > 1e-6 * size
    assert torch.equal(changed.energy[1], plain.energy[1])
    assert torch.equal(changed.forces[4:], plain.forces[4:])


def test_signs_differ_and_gradients_reach_every_weight(potential):
    up, down = run(potential, numbers(1, 1)), run(potential, numbers(-1, -1))
    assert (up.energy - down.energy).abs().min() > 1e-6
    both = run(potential, numbers(1, -1), numbers(2, 3))
    loss = both.energy.square().sum() + both.forces.square().sum()
    weights = dict(potential.model.attributes.named_parameters())
    assert len(weights) == 8
    for key, grad in zip(weights, torch.autograd.grad(loss, list(weights.values())), strict=True):
        used = grad[:1] if key == "spin.direction" else grad  # no multiplicity is below one
        assert bool(grad.isfinite().all())
        assert used.abs().max() > 0, key


def test_forces_are_the_gradient_and_turn(potential):
    z, pos, batch = systems()
    given = {"batch": batch, "charge": numbers(1, -2), "spin": numbers(2, 1)}
    found = potential(z, pos, **given)
    step = torch.randn(6, 3, generator=torch.Generator().manual_seed(2), dtype=F64)
    h = 1e-4
    ups = [potential(z, pos + k * h * step, **given).energy.sum() for k in (-2, -1, 1, 2)]
    slope = (ups[0] - 8 * ups[1] + 8 * ups[2] - ups[3]) / (12 * h)
    assert (slope + (found.forces * step).sum()).abs() <= 1e-6 * found.forces.abs().max()
    turn = torch.linalg.qr(torch.randn(3, 3, generator=torch.Generator(), dtype=F64))[0]
    turned = potential(z, pos @ turn + 1, **given)
    size = found.forces.abs().max()
    assert (turned.energy - found.energy).abs().max() <= 1e-10 * found.energy.abs().max()
    assert (turned.forces - found.forces @ turn).abs().max() <= 1e-10 * size


def test_extensive_where_no_attribute_enters(potential):
    """Far copies add up at the neutral value; a charge is shared by all of a system."""
    z, pos, _ = systems()
    z, pos = z[:4], pos[:4]
    pair = torch.cat([z, z]), torch.cat([pos, pos + 20.0])
    zero, one = numbers(0), numbers(1)
    single, double = potential(z, pos, charge=zero).energy, potential(*pair, charge=zero).energy
    assert (double - 2 * single).abs() <= 1e-12 * single.abs()
    single, double = potential(z, pos, charge=one).energy, potential(*pair, charge=2 * one).energy
    assert (double - 2 * single).abs() <= 1e-12 * single.abs()  # the same share of each atom
    double = potential(*pair, charge=one).energy
    assert (double - single - potential(z, pos).energy).abs() > 1e-8 * single.abs()


@pytest.mark.parametrize("name", NAMES)
def test_one_of_them_alone_and_none(name):
    only = make(name, "charge")
    assert run(only, numbers(1, 0)).energy.shape == (2,)
    with pytest.raises(ValueError, match=f"^spin: expected None, since {name} takes no spin$"):
        run(only, spin=numbers(1, 1))
    with pytest.raises(ValueError, match=f"^charge: expected None, since {name} takes no charge$"):
        run(make(name, ()), numbers(0, 0))
    z, pos, batch = systems()
    graph = radius_graph(pos, 3.0, batch=batch).graph
    with pytest.raises(ValueError, match=r"^spin: expected None, .* without attributes=$"):
        only.model(z, pos, graph, spin=numbers(1, 1))


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ({"charge": numbers(torch.nan, 0)}, ValueError, "^charge: expected finite numbers, got"),
        ({"charge": numbers(0, 0, 0)}, ValueError, r"^charge: expected shape \(2,\), got \(3,\)$"),
        ({"charge": torch.tensor(1.0)}, ValueError, r"^charge: expected shape \(systems,\), got"),
        ({"charge": 1}, TypeError, "^charge: expected a tensor of real numbers, got int$"),
        (
            {"spin": numbers(1, 0)},
            ValueError,
            "^spin: expected multiplicities of at least 1, got 0$",
        ),
    ],
)
def test_bad_numbers_are_refused_in_one_line(given, error, message):
    with pytest.raises(error, match=message) as caught:
        run(make("NequIP"), **given)
    assert "\n" not in str(caught.value)


def test_unknown_attributes_are_refused():
    for wrong in ("mass", ("charge", "charge"), ["spin", "x"]):
        with pytest.raises(ValueError, match=r"^attributes: expected some of .*, got"):
            make("NequIP", wrong)


def test_whole_numbers_may_be_integers():
    potential = make("MACE")
    assert torch.equal(
        run(potential, torch.tensor([1, -1])).energy, run(potential, numbers(1, -1)).energy
    )


def test_a_checkpoint_keeps_attributes(tmp_path):
    potential = make("PaiNN")
    geomdl.save(potential, tmp_path / "p.safetensors")
    charge = numbers(1, 2)
    loaded = geomdl.load(tmp_path / "p.safetensors")
    assert torch.equal(run(loaded, charge).energy, run(potential, charge).energy)


def test_exported_and_compiled_with_a_charge():
    potential = make("SchNet")
    z, pos, batch = systems()
    graph = radius_graph(pos, 3.0, batch=batch).graph
    inputs = z, pos, None, None, None, graph, numbers(1, -1), numbers(1, 2)
    expected = potential(*inputs)
    program = potential.exported(*inputs)
    other = (*inputs[:6], numbers(0, 2), numbers(3, 1))
    for arguments, wanted in ((inputs, expected), (other, potential(*other))):
        found = program.module()(*arguments)
        assert torch.allclose(found.energy, wanted.energy, rtol=1e-12, atol=0)
        assert torch.allclose(found.forces, wanted.forces, rtol=0, atol=1e-12)
    compiled = torch.compile(potential.model, backend="aot_eager", fullgraph=True)
    energy = compiled(z, pos, graph, charge=inputs[6], spin=inputs[7]).squeeze(1)
    assert torch.allclose(energy, expected.energy, rtol=1e-12, atol=0)


def test_shares_of_a_charge_add_up():
    """Features are linear in the shares where the network on top adds nothing."""
    layer = GlobalEmbedding(2, 3, rng=torch.Generator().manual_seed(0)).double()
    redraw(layer, torch.Generator().manual_seed(1))
    with torch.no_grad():
        layer.after.weight.zero_()
    graph = Graph.from_edge_index(
        torch.zeros(2, 0, dtype=torch.int64), num_nodes=5, batch=torch.tensor([1, 0, 0, 1, 0])
    )
    with torch.no_grad():
        found = layer(torch.tensor([0, 1, 1, 1, 0]), numbers(2, -3), graph)
    expected = torch.stack([2 * layer.direction[0], 3 * layer.direction[1]])
    sums = torch.stack([found[[1, 2, 4]].sum(0), found[[0, 3]].sum(0)])
    assert torch.allclose(sums, expected, rtol=1e-12, atol=0)
    assert (found[0] - found[3]).abs().max() > 1e-3
    with pytest.raises(ValueError, match=r"^kind, value: expected shapes \(5,\) and \(2,\), got"):
        layer(torch.zeros(5).long(), numbers(1), graph)


def test_a_system_without_atoms_spoils_nothing():
    layer = GlobalEmbedding(1, 3).double()
    graph = Graph.from_edge_index(
        torch.zeros(2, 0, dtype=torch.int64), num_nodes=2, batch=torch.tensor([2, 2]), num_graphs=3
    )
    value = numbers(1, 1, 1).requires_grad_()
    found = layer(torch.zeros(2).long(), value, graph)
    grads = torch.autograd.grad(found.square().sum(), [value, *layer.parameters()])
    assert all(bool(grad.isfinite().all()) for grad in grads)
    assert grads[0][2].abs() > 0
