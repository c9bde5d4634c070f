import re

import numpy as np
import pytest
import torch
import yaml

import geomdl
from geomdl.cli import main
from geomdl.data import load
from geomdl.euclidean import ASECalculator, NequIP, Potential, fit_potential, potential_errors

TINY = ["--set", "channels=4", "--set", "layers=1", "--set", "cutoff=3.0"]


@pytest.fixture
def trajectory(tmp_path):
    """A file of 60 frames of one cluster that shakes, with exact energies and forces."""
    from geomdl.data.made_molecules import morse

    first = load("made_molecules", n=1, atoms=5, seed=1)
    rng = torch.Generator().manual_seed(0)
    pos = first["pos"] + 0.05 * torch.randn(60, 5, 3, generator=rng, dtype=torch.float64)
    energy, forces = morse(first["z"].expand(60, -1), pos)
    path = tmp_path / "cluster.npz"
    arrays = {"z": first["z"][0], "R": pos.float(), "E": energy, "F": forces.float()}
    np.savez(path, **{name: array.numpy() for name, array in arrays.items()})
    return path


def test_a_trained_potential_is_better_and_can_be_loaded(trajectory, tmp_path, capsys):
    out = tmp_path / "new" / "p.safetensors"
    words = ["train", "potential", "--data", str(trajectory), *TINY, "--out", str(out)]
    assert main([*words, "--epochs", "10"]) == 0
    shown = capsys.readouterr().out
    pattern = r"potential/NequIP: mean absolute error energy (\S+) meV, forces (\S+) meV/Å on 6 val"
    forces = float(re.search(pattern, shown)[2])
    assert "on 4 test frames, after epoch" in shown
    assert shown.splitlines()[-1] == str(out)
    potential = geomdl.load(out, expect="potential/NequIP")
    arrays = np.load(trajectory)
    size = np.abs(arrays["F"]).mean() * 1000
    assert forces < 0.5 * size
    assert potential.model.species == tuple(sorted(set(arrays["z"].tolist())))
    energy = potential(torch.tensor(arrays["z"]), torch.tensor(arrays["R"][55])).energy
    assert abs(energy.item() - arrays["E"][55]) < 5 * arrays["E"].std()
    assert yaml.safe_load(out.with_name("p.safetensors.yaml").read_text())["loss"]["forces"] == 1.0


def test_the_time_of_training_may_be_given(trajectory, tmp_path, capsys):
    out = tmp_path / "p.safetensors"
    words = ["train", "potential", "--data", str(trajectory), *TINY, "--out", str(out)]
    assert main([*words, "--fit.seconds", "0.3"]) == 0
    found = re.search(r"after epoch (\d+) of (\d+) \(", capsys.readouterr().out)
    assert 1 <= int(found[1]) <= int(found[2]) != 50
    assert yaml.safe_load(out.with_name("p.safetensors.yaml").read_text())["fit"]["ema"] == 0.99


def test_ase_reads_the_checkpoint(trajectory, tmp_path):
    ase = pytest.importorskip("ase", reason="needs ase, of the extra chem")
    out = tmp_path / "p.safetensors"
    words = ["train", "potential", "--data", str(trajectory), *TINY, "--out", str(out)]
    assert main([*words, "--epochs", "1"]) == 0
    arrays = np.load(trajectory)
    atoms = ase.Atoms(numbers=arrays["z"], positions=arrays["R"][0])
    atoms.calc = ASECalculator(out)
    forces = geomdl.load(out)(torch.tensor(arrays["z"]), torch.tensor(arrays["R"][0])).forces
    assert np.abs(atoms.get_forces() - forces.detach().numpy()).max() < 1e-5


def test_seed_and_configuration_decide_the_weights(trajectory, tmp_path):
    states = []
    words = ["--data", str(trajectory), *TINY, "--epochs", "1"]
    for name, start in (
        ("a", ["potential", *words]),
        ("b", [str(tmp_path / "a.safetensors.yaml")]),
        ("c", ["potential", *words, "--seed", "1"]),
        ("d", ["potential", *words, "--loss.energy", "10"]),
        ("e", ["potential/NequIP", *words, "--set", "lmax=2", "--set", "radial=[32]"]),
    ):
        out = tmp_path / f"{name}.safetensors"
        assert main(["train", *start, "--out", str(out)]) == 0
        states.append(torch.cat([p.flatten() for p in geomdl.load(out).parameters()]))
    assert torch.equal(states[0], states[1])
    assert not torch.equal(states[0], states[2])
    assert not torch.equal(states[0], states[3])
    assert torch.equal(states[0], states[4])


def test_a_corrupt_trajectory_loses_nothing(trajectory, tmp_path, capsys):
    out = tmp_path / "p.safetensors"
    out.write_bytes(b"of an earlier run")
    content = trajectory.read_bytes()[:2000]
    trajectory.write_bytes(content)
    assert main(["train", "potential", "--data", str(trajectory), "--out", str(out)]) == 2
    err = capsys.readouterr().err
    assert len(err.splitlines()) == 1
    assert "cluster.npz: expected a whole .npz file, got" in err
    assert out.read_bytes() == b"of an earlier run"
    assert trajectory.read_bytes() == content


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--data", "digits"], "digits: R should be floats"),
        (["--set", "species=(1, 6)"], "z: unknown species 8"),
        (["--model", "potential/NequiP"], "near ones: potential/NequIP"),
        (["--model", "euclidean/PaiNN"],
         "expected a model for potential, like potential/NequIP, got 'euclidean/PaiNN'"),
        (["--loss.energy", "-1"], "energy, forces: expected weights of at least 0"),
        (["--loss.enrgy", "1"], "loss.enrgy: no such key; near ones: loss.energy"),
    ],
)  # fmt: skip
def test_bad_input_is_one_line(words, message, tmp_path, capsys):
    out = tmp_path / "p.safetensors"
    asked = ["--data", "made_molecules", *TINY, "--out", str(out), *words]
    assert main(["train", "potential", *asked]) == 2
    err = capsys.readouterr().err
    assert len(err.splitlines()) == 1
    assert message in err
    assert not out.exists()


def test_help_shows_the_loss(capsys):
    assert main(["train", "potential", "-h"]) == 0
    shown = capsys.readouterr().out
    assert "--loss.forces" in shown and "--model.lmax" in shown
    assert main(["train", "translation/mlp", "-h"]) == 0
    assert "--loss.forces" not in capsys.readouterr().out


def test_errors_are_those_of_the_frames():
    frames = load("made_molecules", n=12, atoms=4)
    potential = Potential(NequIP((1, 6, 8), lmax=1, channels=2, layers=1)).double()
    found = potential_errors(potential, frames, batch_size=5)
    outs = [potential(z, pos) for z, pos in zip(frames["z"], frames["pos"], strict=True)]
    energy = torch.cat([out.energy.detach() for out in outs]) - frames["energy"]
    forces = torch.stack([out.forces.detach() for out in outs]) - frames["forces"]
    assert abs(found["energy"] - 1000 * float(energy.abs().mean())) < 1e-8 * found["energy"]
    assert abs(found["forces"] - 1000 * float(forces.abs().mean())) < 1e-8 * found["forces"]


def test_data_that_are_nan_are_refused():
    frames = load("made_molecules", n=12, atoms=4)
    potential = Potential(NequIP((1, 6, 8), lmax=1, channels=2, layers=1))
    frames["forces"][3, 1, 2] = torch.nan
    with pytest.raises(ValueError, match=r"^energy, forces: expected finite numbers, got NaN"):
        fit_potential(potential, frames)
    frames = load("made_molecules", n=12, atoms=4)
    frames["pos"][3, 1, 2] = torch.nan
    with pytest.raises(ValueError, match=r"^train x1\[3, 1, 2\]: should be finite, got nan$"):
        fit_potential(potential, frames)
