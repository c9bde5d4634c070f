import re

import numpy as np
import pytest
import torch
import yaml

import geomdl
from geomdl.cli import main
from geomdl.cli.train_config import resolve, settings
from geomdl.cli.train_schema import plain_type
from geomdl.registry import list_models

SMALL = ["--set", "channels=8", "--set", "depth=2", "--epochs", "1"]


@pytest.fixture
def digits(tmp_path):
    """A file of small images, bars in one of two directions."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, 40)
    images = rng.random((40, 9, 9)).astype(np.float32) / 10
    images[labels == 0, 4] = 1
    images[labels == 1, 4, 4] = 1
    path = tmp_path / "bars.npz"
    np.savez(path, images=images, labels=labels)
    return path


def test_a_trained_model_can_be_loaded_and_audited(digits, tmp_path, capsys):
    out = tmp_path / "new" / "model.safetensors"
    words = ["train", "steerable/d4_cnn", "--data", str(digits), *SMALL, "--out", str(out)]
    assert main(words) == 0
    shown = capsys.readouterr().out
    assert "steerable/d4_cnn: accuracy" in shown
    assert "on 8 samples kept apart, after epoch 1 of 1" in shown
    model = geomdl.load(out)
    assert model(torch.zeros(2, 1, 9, 9)).shape == (2, 2)
    assert main(["audit", str(out), "--group", "D4", "--shape", "1", "9", "9"]) == 0


def test_the_seed_decides_the_weights(digits, tmp_path):
    weights = []
    for i, seed in enumerate((0, 0, 1)):
        out = tmp_path / f"{i}.safetensors"
        words = ["--data", str(digits), *SMALL, "--seed", str(seed), "--out", str(out)]
        assert main(["train", "steerable/d4_cnn", *words]) == 0
        weights.append(torch.cat([p.flatten() for p in geomdl.load(out).parameters()]))
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])


def test_nan_images_are_refused(digits, tmp_path, capsys):
    data = dict(np.load(digits))
    data["images"][17, 3, 3] = np.nan
    np.savez(digits, **data)
    out = tmp_path / "model.safetensors"
    assert main(["train", "steerable/d4_cnn", "--data", str(digits), "--out", str(out)]) == 2
    err = capsys.readouterr().err
    assert len(err.splitlines()) == 1
    assert "images should be finite, got NaN or infinity in row 17" in err
    assert not out.exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["steerable/d5_cnn"], "no model or layer 'steerable/d5_cnn'; near ones: steerable/d4_cnn"),
        (["steerable/d4_cnn", "--data", "dgits"], "did you mean 'digits'?"),
        (["steerable/d4_cnn", "--data", "{tmp}/no.npz"], "no.npz"),
        (["steerable/d4_cnn", "--data", "{tmp}/labels.npz"], "or x and y, got z"),
        (["steerable/d4_cnn", "--data", "{bars}", "--set", "channels"], "expected NAME=VALUE"),
        (["steerable/d4_cnn", "--data", "{bars}", "--set", "chanels=8"],
         "model.chanels: no such key; near ones: model.channels"),
        (["steerable/d4_cnn", "--data", "{bars}", "--set", "channels=7"], "a multiple of |D4|=8"),
        (["steerable/d4_cnn", "--data", "{bars}", "--epochs", "0"], "epochs"),
        (["steerable/d4_cnn", "--data", "{bars}", "--out", "{tmp}"], "ending in .safetensors"),
        (["steerable/d4_cnn", "--data", "{bars}", "--out", "{bars}/a.safetensors"],
         "expected a folder that can be written to"),
    ],
)  # fmt: skip
def test_bad_input_is_one_line(words, message, digits, tmp_path, capsys):
    np.savez(tmp_path / "labels.npz", z=np.zeros(3))
    words = [w.replace("{tmp}", str(tmp_path)).replace("{bars}", str(digits)) for w in words]
    assert main(["train", *words]) == 2
    err = capsys.readouterr().err
    assert len(err.splitlines()) == 1
    assert err.startswith("geomdl: ")
    assert message in err


def test_settings_are_literals_or_words():
    assert settings(["a=1", "b=[1, 2]", "c=D4", "d=x=y"]) == {
        "a": 1, "b": [1, 2], "c": "D4", "d": "x=y"}  # fmt: skip


def write(path, **tree):
    path.write_text(yaml.safe_dump(tree, sort_keys=False))
    return str(path)


def weights(path):
    return {name: p.clone() for name, p in geomdl.load(path).state_dict().items()}


def equal(one, other):
    return one.keys() == other.keys() and all(torch.equal(one[k], other[k]) for k in one)


def test_the_saved_configuration_gives_the_same_weights(digits, tmp_path, capsys):
    config = write(
        tmp_path / "config.yaml",
        model={"name": "steerable/d4_cnn", "channels": 16, "depth": 2},
        data=str(digits),
        fit={"epochs": 2, "lr": "1e-2", "batch_size": 7},
        seed=3,
    )
    first, second, third = (tmp_path / f"{n}.safetensors" for n in ("first", "second", "third"))
    assert main(["train", config, "--model.channels", "8", "--out", str(first)]) == 0
    saved = tmp_path / "first.safetensors.yaml"
    resolved = yaml.safe_load(saved.read_text())
    assert (resolved["model"]["channels"], resolved["fit"]["lr"], resolved["seed"]) == (8, 0.01, 3)
    assert main(["train", str(saved), "--out", str(second)]) == 0
    assert equal(weights(first), weights(second))
    assert main(["train", str(saved), "--out", str(third), "--fit.lr", "0.011"]) == 0
    assert not equal(weights(first), weights(third))  # every key counts
    assert "after epoch" in capsys.readouterr().out


def test_a_folder_keeps_the_run(digits, tmp_path):
    out, folder = tmp_path / "model.safetensors", tmp_path / "run"
    words = ["train", "steerable/d4_cnn", "--data", str(digits), *SMALL, "--out", str(out)]
    assert main([*words, "--folder", str(folder)]) == 0
    assert {"history.jsonl", "best.safetensors"} <= {p.name for p in folder.iterdir()}
    assert equal(weights(folder / "best.safetensors"), weights(out))


@pytest.mark.parametrize("model", list_models())
def test_a_printed_configuration_can_be_fed_back(model, tmp_path, capsys):
    assert main(["train", model, "--print_config", "--epochs", "3"]) == 0
    printed = capsys.readouterr().out
    path = tmp_path / "config.yaml"
    path.write_text(printed)
    assert main(["train", str(path), "--print-config"]) == 0
    assert capsys.readouterr().out == printed
    tree = yaml.safe_load(printed)
    assert (tree["model"]["name"], tree["fit"]["epochs"]) == (model, 3)


def test_the_command_line_stands_over_the_file(tmp_path):
    config = write(tmp_path / "c.yml", model={"name": "translation/mlp", "width": 8}, seed=1)
    found = resolve(config, [("model.width", "64"), ("fit.clip", "0.5"), ("data.name", "a.npz")])
    assert (found["model"]["width"], found["seed"], found["data"]["name"]) == (64, 1, "a.npz")
    assert found["fit"]["clip"] == 0.5
    assert found["model"]["depth"] == 2  # the constructor's default
    config = write(tmp_path / "d.yml", model="translation/mlp", fit=None)
    other = resolve(config, [("model.name", "steerable/cnn"), ("model.group", "C4")])
    assert (other["model"]["name"], other["model"]["group"]) == ("steerable/cnn", "C4")


def test_numbers_are_regression_and_whole_numbers_are_classes(tmp_path, capsys):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(200, 3)).astype(np.float32)
    out = tmp_path / "model.safetensors"
    words = ["train", "translation/mlp", "--model.width=16", "--epochs=30", "--out", str(out)]
    for name, y, shown in (
        ("line", x @ [1.0, 2.0, 3.0], r"mean squared error (\S+)"),
        ("plane", x[:, :2].astype(np.float64), r"mean squared error (\S+)"),
        ("sign", (x[:, 0] > 0).astype(np.int64), r"accuracy (\S+) %"),
    ):
        np.savez(tmp_path / f"{name}.npz", x=x, y=y)
        assert main([*words, "--lr=0.03", "--data", str(tmp_path / f"{name}.npz")]) == 0
        number = float(re.search(shown, capsys.readouterr().out)[1])
        assert number >= 90 if name == "sign" else number <= 0.2
        assert geomdl.load(out)(torch.zeros(5, 3)).shape == (5, 1 if name == "line" else 2)


def test_help_shows_what_the_model_takes(capsys):
    assert main(["train", "translation/mlp", "-h"]) == 0
    shown = capsys.readouterr().out
    assert "--model.width WIDTH" in shown and "features of each hidden layer" in shown
    assert "--fit.epochs" in shown and "--fit.train" not in shown and "--model.rng" not in shown


@pytest.mark.parametrize(
    ("tree", "words", "message"),
    [
        ({"model": "translation/mpl"}, [], "no model or layer 'translation/mpl'; near ones: tran"),
        ({"seed": 1}, [], "model.name: expected a registered model in"),
        ({"model": {"name": 3}}, [], "model.name: expected a registered model in"),
        ({"model": {"name": "translation/mlp", "widht": 3}}, [],
         "model.widht: no such key; near ones: model.width"),
        ({"model": "translation/mlp", "fit": {"epoch": 3}}, [],
         "fit.epoch: no such key; near ones: fit.epochs"),
        ({"model": "translation/mlp", "fti": {"epochs": 3}}, [], "fti: no such key; near "),
        ({"model": "translation/mlp", "fit": 3}, [], "fit: expected keys and values, got 3"),
        ({"model": "translation/mlp", "fit": {"epochs": "many"}}, [], "fit.epochs: expected int"),
        ({"model": "translation/mlp", "seed": 0.5}, [], "seed: expected int, got"),
        ({"model": "translation/mlp", "fit": {"monitor": "los"}}, [], "fit.monitor: "),
        ({"model": {"name": "translation/mlp", "width": [3]}}, [], "model.width: expected int"),
        ({"model": "translation/mlp"}, ["--model.widht", "3"], "near ones: model.width"),
        ({"model": "translation/mlp"}, ["--fit.epochs"], "--fit.epochs: expected a value"),
        ({"model": "translation/mlp"}, ["more.yaml"], "model: expected one name or file, got "),
        ({"model": "translation/mlp"}, ["--data.options.sise=29"], "sise"),
        (None, [], "config: no file"),
        ("a: [", [], "is no YAML"),
        ("- a", [], "should hold a mapping, got list"),
    ],
)  # fmt: skip
def test_a_bad_configuration_is_one_line(tree, words, message, tmp_path, capsys):
    path = tmp_path / "config.yaml"
    if tree is not None:
        path.write_text(tree if isinstance(tree, str) else yaml.safe_dump(tree))
    out = ["--out", str(tmp_path / "m.safetensors")]
    assert main(["train", str(path), *out, *words]) == 2
    err = capsys.readouterr().err
    assert len(err.splitlines()) == 1
    assert err.startswith("geomdl: ")
    assert message in err
    assert not (tmp_path / "m.safetensors").exists()


def test_nothing_to_train_is_one_line(capsys):
    assert main(["train", "--epochs", "3"]) == 2
    assert "model: expected a name or a .yaml file, got none" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"x": np.zeros((4, 2)), "y": np.zeros((3, 2))}, "n of y, got (4, 2) and (3, 2)"),
        ({"x": np.zeros(4), "y": np.zeros(4)}, "expected x of shape (n, channels, ...)"),
        ({"x": np.zeros((4, 2)), "y": np.zeros((4, 2), int)}, "expected labels from 0 on"),
        ({"x": np.zeros((4, 2)), "y": np.zeros(4, int) - 1}, "expected labels from 0 on"),
        ({"x": np.zeros((4, 2)), "y": np.zeros((4, 2, 2))}, "expected y of shape (n, outputs)"),
    ],
)
def test_data_that_do_not_fit_are_one_line(arrays, message, tmp_path, capsys):
    np.savez(tmp_path / "a.npz", **arrays)
    words = ["--data", str(tmp_path / "a.npz"), "--out", str(tmp_path / "m.safetensors")]
    assert main(["train", "translation/mlp", *words]) == 2
    err = capsys.readouterr().err
    assert message in err and len(err.splitlines()) == 1


def test_types_that_a_file_can_hold():
    assert plain_type(torch.Tensor) is None
    assert plain_type(torch.Tensor | None) is None
    assert plain_type(list[torch.Tensor]) is None
    assert plain_type(tuple[int, ...]) == tuple[int, ...]
    assert plain_type(torch.Tensor | str | None) == str | None
