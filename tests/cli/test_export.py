from pathlib import Path

import pytest
import torch

import geomdl
from geomdl.cli import export_command, main

IMAGES = torch.randn(3, 1, 9, 9, generator=torch.Generator().manual_seed(1))


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    path = tmp_path_factory.mktemp("export") / "net.safetensors"
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        geomdl.save(
            geomdl.create_model("steerable/c4_cnn", shape=(9, 9), channels=8, depth=2), path
        )
    return path


def outputs(path):
    if path.suffix == ".onnx":
        import onnxruntime

        session = onnxruntime.InferenceSession(path)
        return torch.from_numpy(session.run(None, {"x": IMAGES.numpy()})[0])
    if path.suffix == ".pt2":
        return torch.export.load(path).module()(IMAGES)
    return torch.load(path, weights_only=False)(IMAGES)


@pytest.mark.parametrize("ending", [".pt", ".pt2", ".onnx"])
def test_the_file_gives_the_outputs_of_the_checkpoint(ending, checkpoint, tmp_path, capsys):
    path = tmp_path / f"net{ending}"
    assert main(["export", str(checkpoint), "--output", str(path)]) == 0
    out, err = capsys.readouterr()
    assert out.startswith(f"{path}: {export_command.ENDINGS[ending]}, ")
    assert err == ""
    assert str(Path(geomdl.__file__).parent).encode() not in path.read_bytes()
    wanted = geomdl.load(checkpoint).eval()(IMAGES)
    assert (outputs(path) - wanted).abs().max() <= 1e-6 * wanted.abs().max()


def test_the_format_may_be_named_and_the_shape_given(checkpoint, tmp_path):
    path = tmp_path / "net.bin"
    words = ["export", str(checkpoint), "--output", str(path), "--format", "plain"]
    assert main([*words, "--shape", "1", "9", "9"]) == 0
    assert "geomdl" not in type(torch.load(path, weights_only=False)).__module__


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_onnx_of_a_network_in_another_dtype_is_refused_in_one_line(dtype, tmp_path, capsys):
    path = tmp_path / "net.safetensors"
    net = geomdl.create_model("steerable/c4_cnn", shape=(9, 9), channels=8, depth=2)
    geomdl.save(net.to(dtype), path)
    name = str(dtype).removeprefix("torch.")
    assert main(["export", str(path), "--output", str(tmp_path / "net.onnx")]) == 2
    message = f"--format: onnx needs a network in float32, this one is in {name}; save model.float"
    (line,) = capsys.readouterr().err.splitlines()
    assert message in line
    assert not (tmp_path / "net.onnx").exists()
    assert main(["export", str(path), "--output", str(tmp_path / "net.pt")]) == 0
    plain = torch.load(tmp_path / "net.pt", weights_only=False)
    assert plain(IMAGES.to(dtype)).dtype == dtype


def test_a_network_without_plain_form_is_exported_as_a_program_alone(tmp_path, capsys):
    path = tmp_path / "cnn.safetensors"
    geomdl.save(geomdl.create_model("translation/cnn", widths=(4,), shape=(8, 8)), path)
    words = ["export", str(path), "--shape", "1", "8", "8", "--output"]
    assert main([*words, str(tmp_path / "cnn.pt2")]) == 0
    assert main([*words, str(tmp_path / "cnn.pt")]) == 2
    assert "model: no plain form is known of CNN" in capsys.readouterr().err


def test_half_precision_is_held_to_its_own_rounding(tmp_path, capsys):
    path = tmp_path / "net.safetensors"
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        net = geomdl.create_model("steerable/e2cnn_small", shape=(13, 13))
    geomdl.save(net.to(torch.bfloat16), path)
    assert main(["export", str(path), "--output", str(tmp_path / "net.pt")]) == 0
    gap = float(capsys.readouterr().out.rsplit(" ", 1)[1])
    assert 0 < gap <= export_command.tolerance(torch.bfloat16)


WRONG = [
    lambda y: y + 1,
    lambda y: y * (1 + 3e-5),
    lambda y: y[:1],
    lambda y: y * float("nan"),
]


@pytest.mark.parametrize("wrong", WRONG)
def test_a_file_that_gives_other_outputs_is_not_written(
    wrong, checkpoint, tmp_path, monkeypatch, capsys
):
    right = export_command.run_module
    monkeypatch.setitem(export_command.READ, "plain", lambda data, x: wrong(right(data, x)))
    path = tmp_path / "net.pt"
    assert main(["export", str(checkpoint), "--output", str(path)]) == 1
    assert "gives other outputs" in capsys.readouterr().out
    assert not path.exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--output", "net.xyz"], "--output: should end in .pt, .pth, .onnx, .pt2"),
        (["--output", "nowhere/net.pt"], "--output: there is no folder 'nowhere'"),
        (["--output", ".", "--format", "plain"], "--output: should be a file"),
        (["--output", "a.pt", "--shape", "2", "9", "9"], "--shape: the network does not take"),
        (["--output", "a.pt", "--format", "tflite"], "invalid choice: 'tflite'"),
        ([], "the following arguments are required: --output"),
    ],
)
def test_bad_input_is_one_line(words, message, checkpoint, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["export", str(checkpoint), *words]) == 2
    err = capsys.readouterr().err
    assert len(err.splitlines()) == 1
    assert message in err


def test_what_is_missing_is_named(tmp_path, monkeypatch, capsys):
    assert main(["export", str(tmp_path / "none"), "--output", str(tmp_path / "a.pt")]) == 2
    assert "none: no such file" in capsys.readouterr().err
    with pytest.raises(ImportError, match=r"^onnx: needs no_such_package; pip install"):
        export_command._need("io", "no_such_package")
    with pytest.raises(ValueError, match=r"^--shape: should be given, the network does not"):
        export_command.example(torch.nn.ReLU(), None)
