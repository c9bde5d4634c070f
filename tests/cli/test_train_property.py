"""`geomdl train property` on made-up molecules."""

import re

import numpy as np
import pytest
import torch
import yaml

import geomdl
from geomdl import data
from geomdl.cli import main
from geomdl.euclidean import property_errors

TINY = ["--set", "channels=8", "--set", "layers=1", "--set", "cutoff=3.0", "--lr", "0.02"]


def molecules(n=120):
    """Bent and stretched ones, whose energies are near sums over atoms, as `load("qm9")` gives."""
    rng = torch.Generator().manual_seed(0)
    numbers = torch.tensor([6, 8, 1, 1, 0])[torch.randint(5, (n, 5), generator=rng)]
    numbers[:, 0] = 6
    sites = torch.tensor([[0.0, 0, 0], [1.4, 0, 0], [0, 1.4, 0], [-1.4, 0, 0], [0, 0, 1.4]])
    positions = sites + 0.2 * torch.rand(n, 5, 3, generator=rng, dtype=torch.float64)
    r = (positions[:, 1:] - positions[:, :1]).norm(dim=2)
    u0 = ((r - 1.4) * (numbers[:, 1:] > 0)).sum(1) - numbers.double().sum(1) / 10
    split = torch.arange(n) % 6 - 3  # half of them to train
    found = {"numbers": numbers, "positions": positions, "u0": u0, "split": split.clamp(min=0)}
    return found | {"gap": 5 + u0.sin(), "mu": 1 + u0.cos()}


@pytest.fixture
def asked(monkeypatch):
    """What is asked of `data.load`, which gives the molecules above for "qm9"."""
    calls, real = [], data.load

    def load(name, root=None, **options):
        calls.append({"name": name, "root": root, **options})
        if name != "qm9":
            return real(name, root=root, **options)
        return {key: value[: options.get("n")] for key, value in molecules().items()}

    monkeypatch.setattr(data, "load", load)
    return calls


def weights(path):
    return torch.cat([p.flatten() for p in geomdl.load(path).parameters()])


def test_a_trained_model_is_better_and_can_be_loaded(asked, tmp_path, capsys):
    out = tmp_path / "new" / "u0.safetensors"
    words = ["--data", "qm9", "--target", "u0", *TINY, "--out", str(out), "--epochs", "60"]
    assert main(["train", "property", *words, "--batch-size", "20"]) == 0
    shown = capsys.readouterr().out
    pattern = (
        r"euclidean/PaiNN: mean absolute error u0 (\S+) meV on 20 validation molecules;"
        r" u0 (\S+) meV on 20 test molecules, after epoch \d+ of 60 \("
    )
    error = float(re.search(pattern, shown)[2])
    assert shown.splitlines()[-1] == str(out)
    model = geomdl.load(out, expect="euclidean/PaiNN")
    assert model.species == (1, 6, 8)
    test = data.parts(molecules())["test"]
    again = 1e3 * property_errors(model, test, "u0")["u0"]
    assert abs(error - again) <= 0.01 * again
    # the best sum over atoms, which is where training begins
    counts = (test["numbers"][:, :, None] == torch.tensor([1, 6, 8])).double().sum(1)
    fitted = counts @ torch.linalg.lstsq(counts, test["u0"]).solution
    assert again < 0.5e3 * float((test["u0"] - fitted).abs().mean())
    saved = yaml.safe_load(out.with_name("u0.safetensors.yaml").read_text())
    assert (saved["target"], saved["data"]["name"], saved["model"]["head"]) == ("u0", "qm9", "data")
    assert asked == [{"name": "qm9", "root": None}]


def test_several_properties_have_a_head_each(asked, tmp_path, capsys):
    out = tmp_path / "m.safetensors"
    words = ["--target", "gap,mu", "--model", "euclidean/NequIP", "--set", "radial=[8]", *TINY]
    more = ["--n", "60", "--root", str(tmp_path), "--epochs", "1", "--out", str(out)]
    assert main(["train", "property", *words, *more]) == 0
    pattern = r"euclidean/NequIP: .* gap \S+ meV, mu \S+ D on 10 test molecules"
    assert re.search(pattern, capsys.readouterr().out)
    assert geomdl.load(out).readout.heads == ("mean", "dipole_norm")
    assert asked == [{"name": "qm9", "root": str(tmp_path), "n": 60}]


def test_the_time_of_training_may_be_given(asked, tmp_path, capsys):
    out = tmp_path / "m.safetensors"
    words = [*TINY, "--fit.seconds", "0.3", "--out", str(out)]
    assert main(["train", "property", *words]) == 0
    found = re.search(r"after epoch (\d+) of (\d+) \(", capsys.readouterr().out)
    assert 1 <= int(found[1]) <= int(found[2]) != 50


def test_seed_and_configuration_decide_the_weights(asked, tmp_path):
    states = []
    words = [*TINY, "--epochs", "1"]
    for name, start in (
        ("a", ["property", *words]),
        ("b", [str(tmp_path / "a.safetensors.yaml")]),
        ("c", ["property", *words, "--seed", "1"]),
        ("d", ["property", *words, "--target", "gap"]),
        ("e", ["euclidean/PaiNN", *words]),
    ):
        out = tmp_path / f"{name}.safetensors"
        assert main(["train", *start, "--out", str(out)]) == 0
        states.append(weights(out))
    assert torch.equal(states[0], states[1])
    assert not torch.equal(states[0], states[2])
    assert not torch.equal(states[0], states[3])
    assert torch.equal(states[0], states[4])


def test_a_run_with_a_folder_goes_on(asked, tmp_path, capsys):
    out, folder = tmp_path / "m.safetensors", tmp_path / "run"
    words = [*TINY, "--epochs", "3", "--out", str(out), "--folder", str(folder)]
    assert main(["train", "property", *words]) == 0
    first, history = weights(out), (folder / "history.jsonl").read_bytes()
    seconds = re.search(r"of 3 \(\S+ s\)", capsys.readouterr().out)[0]
    assert main(["train", "property", *words]) == 0  # what has been done is not done again
    assert seconds in capsys.readouterr().out
    assert (folder / "history.jsonl").read_bytes() == history
    assert torch.equal(weights(out), first)


def test_molecules_of_a_file_with_a_property_of_their_own(asked, tmp_path, capsys):
    own = {"numbers": "numbers", "positions": "positions", "u0": "strain"}
    arrays = {own[name]: array.numpy() for name, array in molecules(60).items() if name in own}
    path, out = tmp_path / "own.npz", tmp_path / "m.safetensors"
    np.savez(path, **arrays)
    words = ["--data", str(path), "--target", "strain", *TINY, "--epochs", "1", "--out", str(out)]
    assert main(["train", "property", *words]) == 2
    assert "or others with --model.head, got 'strain'" in capsys.readouterr().err
    assert main(["train", "property", *words, "--model.head", "sum"]) == 0
    pattern = r"strain \S+ on 6 validation molecules; strain \S+ on 6 test molecules, after"
    assert re.search(pattern, capsys.readouterr().out)
    assert geomdl.load(out).readout.heads == ("sum",)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--target", "u1"], "mu, alpha, homo, lumo, gap, r2, zpve, u0, u, h, g, cv, or others"),
        (["--target", "gapp"], "got 'gapp'; did you mean 'gap'?"),
        (["--target", ""], "got ''"),
        (["--target", "mu,mu"], "target: expected each property once, got mu,mu"),
        (["--target", "cv"], "data: expected an array called 'cv', got ['gap', 'mu', "),
        (["--data", "digits"], "data: expected an array called 'numbers', got ['images', 'labels"),
        (["--set", "species=(1, 6)"], "unknown species 8"),
        (["--set", "outputs=2"], "head: "),
        (["--n", "3"], "data: expected molecules in every part, got none for validation"),
        (["--model", "euclidean/PaiN"], "near ones: euclidean/PaiNN"),
        (["--model", "potential/PaiNN"],
         "model.name: expected a model for property, like euclidean/PaiNN, got 'potential/PaiNN'"),
        (["--tagret", "u0"], "tagret: no such key; near ones: target"),
    ],
)  # fmt: skip
def test_bad_input_is_one_line(words, message, asked, tmp_path, capsys):
    out = tmp_path / "m.safetensors"
    assert main(["train", "property", *TINY, "--epochs", "1", "--out", str(out), *words]) == 2
    err = capsys.readouterr().err
    assert len(err.splitlines()) == 1
    assert message in err
    assert not out.exists()


def test_without_the_package_it_is_one_line(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr("geomdl.data.qm9.find_spec", lambda name: None)
    out = tmp_path / "m.safetensors"
    assert main(["train", "property", "--target", "u0", "--out", str(out)]) == 2
    said = "geomdl: qm9: install qm9pack (pip install 'geomdl-torch[chem]')\n"
    assert capsys.readouterr().err == said


def test_help_shows_the_target(capsys):
    assert main(["train", "property", "-h"]) == 0
    shown = capsys.readouterr().out
    assert "--target" in shown and "--model.layers" in shown and "--loss.forces" not in shown
    assert main(["train", "potential", "-h"]) == 0
    assert "--target" not in capsys.readouterr().out
