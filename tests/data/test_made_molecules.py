"""The made-up molecules: exact forces, symmetries of the potential, seeds."""

import pytest
import torch

from geomdl.data import load, parts
from geomdl.data.made_molecules import SPECIES, morse


def test_shapes_and_parts():
    found = load("made_molecules", n=50, atoms=6)
    assert found["pos"].shape == found["forces"].shape == (50, 6, 3)
    assert found["z"].shape == (50, 6) and set(found["z"].unique().tolist()) == set(SPECIES)
    assert {v.dtype for v in found.values()} == {torch.int64, torch.float64}
    assert {name: len(part["z"]) for name, part in parts(found).items()} == {
        "train": 40,
        "validation": 5,
        "test": 5,
    }


def test_forces_are_minus_the_gradient():
    found = load("made_molecules", n=20)
    pos = found["pos"].requires_grad_()
    energy, forces = morse(found["z"], pos)
    (gradient,) = torch.autograd.grad(energy.sum(), pos)
    torch.testing.assert_close(forces.detach(), -gradient, rtol=1e-12, atol=1e-12)
    assert torch.equal(energy.detach(), found["energy"])
    assert torch.equal(forces.detach(), found["forces"])
    assert found["energy"].std() > 1 and found["forces"].abs().mean() > 0.3


def test_no_net_force_and_no_torque():
    found = load("made_molecules", n=20)
    torque = torch.linalg.cross(found["pos"], found["forces"]).sum(1)
    assert found["forces"].sum(1).abs().max() <= 1e-12
    assert torque.abs().max() <= 1e-11


def test_the_energy_is_that_of_its_formula_pair_by_pair():
    z, pos = torch.tensor([[1, 6, 8]]), torch.tensor([[[0, 0, 0], [1.2, 0, 0], [0, 1.7, 0.4]]])
    pos = pos.double()
    radius, depth = {1: 0.55, 6: 0.80, 8: 0.70}, {1: 0.4, 6: 1.2, 8: 0.8}
    expected = 0.0
    for i, j in ((0, 1), (0, 2), (1, 2)):
        a, b = z[0, i].item(), z[0, j].item()
        r = (pos[0, i] - pos[0, j]).norm()
        e = torch.exp(-1.6 * (r - radius[a] - radius[b]))
        expected = expected + (depth[a] * depth[b]) ** 0.5 * ((1 - e) ** 2 - 1)
    torch.testing.assert_close(morse(z, pos)[0], expected[None], rtol=1e-13, atol=0)


def test_coincident_and_single_atoms_are_finite():
    energy, forces = morse(torch.tensor([[1, 6]]), torch.zeros(1, 2, 3, dtype=torch.float64))
    assert energy.isfinite().all() and forces.tolist() == [[[0, 0, 0], [0, 0, 0]]]
    alone = load("made_molecules", n=10, atoms=1)
    assert alone["energy"].tolist() == [0] * 10 and alone["forces"].abs().max() == 0


def test_seeds():
    few, more, other = (
        load("made_molecules", n=n, seed=seed) for n, seed in ((7, 0), (20, 0), (20, 1))
    )
    for key in ("z", "pos", "energy", "forces"):
        torch.testing.assert_close(few[key], more[key][:7], rtol=1e-13, atol=1e-13)
    assert not torch.equal(more["pos"], other["pos"])


def test_orientations_are_uniform():
    pos = load("made_molecules", n=3000, atoms=2)["pos"]
    axis = torch.nn.functional.normalize(pos[:, 1] - pos[:, 0], dim=1)
    second = torch.einsum("ni,nj->ij", axis, axis) / len(axis)
    assert axis.mean(0).abs().max() <= 0.05
    assert (second - torch.eye(3) / 3).abs().max() <= 0.03


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n": 0}, "n should be an int between 1 and 1000000, got 0"),
        ({"atoms": 65}, "atoms should be an int between 1 and 64, got 65"),
        ({"noise": -1.0}, r"noise should not be negative, got -1\.0"),
    ],
)
def test_arguments_out_of_range_are_refused(options, message):
    with pytest.raises(ValueError, match=f"^made_molecules: {message}$"):
        load("made_molecules", **options)
