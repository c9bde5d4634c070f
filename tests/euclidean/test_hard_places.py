"""All models and potentials, fresh, with weights of size one and trained: laws, hard places."""

import pytest
import torch

import geomdl
from geomdl.auditing.prepare import redraw
from geomdl.euclidean import (
    EGNN,
    MACE,
    Equiformer,
    NequIP,
    PaiNN,
    Potential,
    SchNet,
    egnn,
    painn,
    radius_graph,
)
from geomdl.euclidean.fitting import fit_potential

F64 = torch.float64
CUTOFF = 3.0
MODELS = {
    "EGNN": (EGNN, {"channels": 6, "layers": 2}),
    "Equiformer": (Equiformer, {"lmax": 1, "channels": 6, "heads": 2, "layers": 2, "basis": 3}),
    "MACE": (MACE, {"lmax": 1, "channels": 6, "layers": 2, "radial": (6,), "basis": 3}),
    "NequIP": (NequIP, {"lmax": 2, "channels": 6, "layers": 2, "radial": (6,), "basis": 3}),
    "NequIP, both parities": (
        NequIP,
        {"lmax": 1, "parity": "both", "channels": 4, "layers": 4, "radial": (6,), "basis": 3},
    ),
    "PaiNN": (PaiNN, {"channels": 6, "layers": 2, "basis": 5}),
    "SchNet": (SchNet, {"channels": 6, "layers": 2, "basis": 5}),
}
WEIGHTS = ("fresh", "redrawn", "trained")
PLACES = {
    "single": [[0, 0, 0]],
    "coincident": [[0, 0, 0], [0, 0, 0]],
    "coincident beside a third": [[0, 0, 0], [0, 0, 0], [0, 1, 0]],
    "no neighbours": [[0, 0, 0], [9, 0, 0], [0, 9, 0]],
    "collinear along y": [[0, 0, 0], [0, 1, 0], [0, 2.2, 0]],
    "collinear along (1, 1, 1)": [[0, 0, 0], [0.6, 0.6, 0.6], [1.3, 1.3, 1.3]],
}


def frames(n=12, atoms=5, seed=0):
    return geomdl.data.load("made_molecules", n=n, atoms=atoms, seed=seed)


def make(name, weights="fresh"):
    """A potential in float64: as it is made, with all weights of size one, or trained a little."""
    kind, sizes = MODELS[name]
    model = kind((1, 6, 8), cutoff=CUTOFF, rng=torch.Generator().manual_seed(0), **sizes)
    potential = Potential(model.double())
    if weights == "redrawn":
        redraw(potential, torch.Generator().manual_seed(1))
    if weights == "trained":
        data = {k: v.double() if v.is_floating_point() else v for k, v in frames().items()}
        before = [p.detach().clone() for p in potential.parameters()]
        fit_potential(potential, data, epochs=2, batch_size=4, lr=0.02)
        moved = [(p - q).abs().max() for p, q in zip(potential.parameters(), before, strict=True)]
        assert max(moved) > 1e-2
    return potential.eval()


@pytest.fixture(scope="module", params=[(n, w) for n in MODELS for w in WEIGHTS], ids="-".join)
def potential(request):
    return make(*request.param)


def molecule():
    found = frames(n=1, atoms=7, seed=3)
    return found["z"][0], found["pos"][0].to(F64)


@pytest.mark.parametrize("place", PLACES)
def test_finite_energies_and_gradients(potential, place):
    pos = torch.tensor(PLACES[place], dtype=F64).requires_grad_()
    out = potential(torch.tensor([6, 1, 8])[: len(pos)], pos)
    weights = [p for p in potential.parameters() if p.requires_grad]
    loss = out.energy.sum() + out.forces.square().sum()
    slopes = torch.autograd.grad(loss, [pos, *weights], materialize_grads=True)
    for value in (out.energy, out.forces, *slopes):
        assert value.isfinite().all()
    if place in ("single", "coincident", "no neighbours"):
        assert not out.forces.any()
    if place.startswith("collinear"):
        axis = pos[1] / pos[1].norm()
        across = out.forces - (out.forces @ axis)[:, None] * axis
        size = out.forces.abs().max()
        assert size > 1e-6
        assert across.abs().max() <= 1e-12 * size


def turned(potential, error=lambda x: x):
    """Relative errors of energy and forces under motions; `error` spoils positions."""
    z, pos = molecule()
    rng = torch.Generator().manual_seed(5)
    rotation = torch.linalg.qr(torch.randn(3, 3, generator=rng, dtype=F64))[0]
    rotation = rotation * torch.linalg.det(rotation).sign()
    order = torch.randperm(len(z), generator=rng)
    energy, forces, _ = potential(z, error(pos))
    same = torch.eye(3, dtype=F64)
    motions = {
        "rotation": (rotation, 0.0, slice(None)),
        "reflection": (-rotation, 0.0, slice(None)),
        "translation": (same, torch.tensor([3.0, -7.0, 5.0], dtype=F64), slice(None)),
        "permutation": (same, 0.0, order),
    }
    found = {}
    for name, (matrix, shift, new) in motions.items():
        moved = potential(z[new], error((pos @ matrix.T + shift)[new]))
        of_energy = (moved.energy - energy).abs().max() / energy.abs().max()
        of_forces = (moved.forces - (forces @ matrix.T)[new]).abs().max() / forces.abs().max()
        found[name] = max(float(of_energy.detach()), float(of_forces.detach()))
    assert forces.abs().max() > 1e-5
    return found


def test_rotation_reflection_translation_permutation(potential):
    for name, error in turned(potential).items():
        assert error <= 1e-10, name


def test_a_potential_that_looks_at_an_axis_is_found(potential):
    stretch = torch.tensor([1.0, 1.0, 1.02], dtype=F64)
    found = turned(potential, lambda pos: pos * stretch)
    assert not max(found["rotation"], found["reflection"]) <= 1e-6
    assert found["translation"] <= 1e-10


SMALL = {  # what begins small so that features do not grow from layer to layer; EGNN's as published
    "step.layers.1.weight": egnn._STEP,
    "psi.layers.1.weight": painn._STEP,
}


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("sizes", [{"channels": 8}, {"channels": 64}])
def test_weights_and_energies_are_of_order_one(name, sizes):
    """So that no error hides under small weights; over seeds, whatever the width."""
    kind, small = MODELS[name]
    graph_of = [radius_graph(frames(1, 7, s)["pos"][0].to(F64), CUTOFF).graph for s in range(4)]
    energies = []
    for seed in range(6):
        rng = torch.Generator().manual_seed(seed)
        model = kind((1, 6, 8), cutoff=CUTOFF, rng=rng, **(small | sizes)).double()
        for key, weight in model.named_parameters():
            size = next((s for end, s in SMALL.items() if key.endswith(end)), 1.0)
            if weight.requires_grad and weight.ndim > 1:
                assert 0.3 * size < weight.detach().square().mean().sqrt() < 3 * size
        for s in range(4):
            found = frames(1, 7, s)
            with torch.no_grad():
                energies.append(model(found["z"][0], found["pos"][0].to(F64), graph_of[s]))
    size = torch.cat(energies).square().mean().sqrt()
    assert 0.1 <= size / 7**0.5 <= 10


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("layers", [0, -1, True, 2.0])
def test_layers_are_counted(name, layers):
    kind, sizes = MODELS[name]
    with pytest.raises(ValueError, match=f"^layers: expected a positive number, got {layers}$"):
        kind((1,), **(sizes | {"layers": layers}))
    with pytest.raises(ValueError, match=r"^channels: expected a positive number, got 0$"):
        kind((1,), **(sizes | {"channels": 0}))


@pytest.mark.parametrize("name", MODELS)
def test_bad_input_is_one_line(name):
    potential, (z, pos) = make(name), molecule()
    bad = pos.clone()
    bad[2, 1] = torch.nan
    cell = 4.0 * torch.eye(3, dtype=F64)
    graph = radius_graph(pos, CUTOFF).graph
    for words, message in (
        ((torch.full_like(z, 26), pos), "z: unknown species 26; the model knows 1, 6, 8"),
        ((z, bad), "pos[2, 1]: expected finite numbers, got NaN or infinity"),
        (
            (z, pos, cell, None, None, graph),
            "shifts: expected those that `radius_graph` gives with the graph, got None",
        ),
    ):
        with pytest.raises(ValueError) as caught:  # noqa: PT011  (the whole message is below)
            potential(*words)
        assert str(caught.value) == message


@pytest.mark.parametrize("name", MODELS)
def test_cells_shorter_than_twice_the_cutoff_have_all_their_images(name):
    """As the same crystal in a cell of three by three by three, where each pair meets once."""
    potential = make(name)
    z, pos = torch.tensor([6, 1]), torch.tensor([[0.0, 0, 0], [0.9, 0.8, 0.2]], dtype=F64)
    cell = torch.tensor([[2.2, 0, 0], [0.3, 2.4, 0], [0, -0.2, 2.3]], dtype=F64)
    moves = torch.cartesian_prod(*(torch.arange(3.0, dtype=F64),) * 3) @ cell
    large = (moves[:, None] + pos).flatten(0, 1)
    one = potential(z, pos, cell)
    many = potential(z.repeat(27), large, 3 * cell)
    assert (many.energy - 27 * one.energy).abs() <= 1e-10 * many.energy.abs()
    assert (many.forces - one.forces.repeat(27, 1)).abs().max() <= 1e-10
    alone = potential(z, pos).energy
    assert (alone - one.energy).abs() > 1e-3 * one.energy.abs()
