import numpy as np
import pytest
import torch

import geomdl
from geomdl.cli import main
from geomdl.cli.train_command import settings

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
        (["steerable/d4_cnn", "--data", "{tmp}/labels.npz"], "expected images and labels, got y"),
        (["steerable/d4_cnn", "--data", "{bars}", "--set", "channels"], "expected NAME=VALUE"),
        (["steerable/d4_cnn", "--data", "{bars}", "--set", "chanels=8"], "no parameter 'chanels'"),
        (["steerable/d4_cnn", "--data", "{bars}", "--set", "channels=7"], "a multiple of |D4|=8"),
        (["steerable/d4_cnn", "--data", "{bars}", "--epochs", "0"], "epochs"),
        (["steerable/d4_cnn", "--data", "{bars}", "--out", "{tmp}"], "ending in .safetensors"),
        (["steerable/d4_cnn", "--data", "{bars}", "--out", "{bars}/a.safetensors"],
         "expected a folder that can be written to"),
    ],
)  # fmt: skip
def test_bad_input_is_one_line(words, message, digits, tmp_path, capsys):
    np.savez(tmp_path / "labels.npz", y=np.zeros(3))
    words = [w.replace("{tmp}", str(tmp_path)).replace("{bars}", str(digits)) for w in words]
    assert main(["train", *words]) == 2
    err = capsys.readouterr().err
    assert len(err.splitlines()) == 1
    assert err.startswith("geomdl: ")
    assert message in err


def test_settings_are_literals_or_words():
    assert settings(["a=1", "b=[1, 2]", "c=D4", "d=x=y"]) == {
        "a": 1, "b": [1, 2], "c": "D4", "d": "x=y"}  # fmt: skip
