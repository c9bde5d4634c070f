import json

import pytest
import torch

import geomdl
from geomdl.auditing import Audit
from geomdl.cli import main

NETS = "tests.cli.nets"
PLAIN = ["audit", f"{NETS}:Plain", "--group", "D4", "--shape", "1", "8", "8"]


def test_a_plain_cnn_fails_and_the_layer_is_named(capsys):
    assert main(PLAIN) == 1
    shown = capsys.readouterr().out
    assert shown.startswith("FAILED")
    assert "breaks at   first (Conv2d)" in shown


def test_the_d4_network_passes(capsys):
    assert main(["audit", "steerable/d4_cnn", "--group", "D4", "--tol", "1e-5"]) == 0
    assert capsys.readouterr().out.startswith("PASSED")


def test_a_checkpoint_is_audited(tmp_path, capsys):
    path = tmp_path / "model.safetensors"
    geomdl.save(geomdl.create_model("steerable/c4_cnn", shape=(9, 9), channels=8), path)
    assert main(["audit", str(path), "--group", "C4", "--shape", "1", "9", "9"]) == 0
    path.write_bytes(path.read_bytes()[:100])
    assert main(["audit", str(path), "--group", "C4"]) == 2
    err = capsys.readouterr().err
    assert err.startswith("geomdl: ")
    assert len(err.splitlines()) == 1


@pytest.mark.parametrize("new", [True, False])
def test_what_torch_saved_needs_the_code_that_builds_it(new, tmp_path, capsys):
    path = tmp_path / "weights.pt"
    state = torch.nn.Linear(2, 2).state_dict()
    torch.save(state, path, _use_new_zipfile_serialization=new)
    assert main(["audit", str(path), "--group", "D4", "--shape", "1", "9", "9"]) == 2
    assert "builds the network and loads it, file.py:make\n" in capsys.readouterr().err


def test_a_function_that_fails_has_no_layers_and_still_fails(capsys):
    assert main(["audit", f"{NETS}:relu", "--group", "D4", "--shape", "1,8,8"]) == 0
    assert main(["audit", f"{NETS}:left", "--group", "D4", "--shape", "1,8,8"]) == 1
    assert main(["audit", f"{NETS}:left", "--group", "D4", "--shape", "1,8,8", "--per-layer"]) == 2
    assert "per_layer: f should be an nn.Module" in capsys.readouterr().err


def test_the_tolerance_decides(capsys):
    assert main([*PLAIN, "--tol", "1e3"]) == 0
    assert main([*PLAIN, "--tol", "0"]) == 1


@pytest.mark.parametrize(("tol", "code"), [("1e3", 0), ("1e-12", 1)])
def test_json_says_what_the_exit_code_says(tol, code, capsys):
    assert main([*PLAIN, "--tol", tol, "--json", "--samples", "3"]) == code
    out, err = capsys.readouterr()
    document = json.loads(out)
    assert document["passed"] is (code == 0)
    assert document["tol"] == float(tol)
    assert (document["first_break"] or "none").startswith("none" if code == 0 else "first")
    assert Audit.from_json(out).error == document["error"]
    assert err == ""


def test_the_plot_is_written(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main([*PLAIN, "--plot", "a.svg"]) == 1
    assert main([*PLAIN, "--plot"]) == 1
    assert (tmp_path / "audit.png").read_bytes().startswith(b"\x89PNG")
    assert (tmp_path / "a.svg").stat().st_size > 0


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([f"{NETS}:nothing"], "tests.cli.nets has no nothing"),
        ([f"{NETS}:number"], "should be callable, got int"),
        ([f"{NETS}:unlucky", "--group", "D4"], "unlucky() raises RuntimeError: no luck"),
        ([f"{NETS}:unlucky", "--lie"], "unlucky() raises RuntimeError: no luck"),
        ([f"{NETS}:falls", "--group", "D4", "--shape", "1,8,8"], "random inputs of its types (no"),
        ([f"{NETS}:falls", "--lie", "--shape", "1,8,8"], "random inputs of its types (no luck)"),
        (
            [f"{NETS}:wide", "--group", "D4", "--shape", "1,8,8"],
            "nets:wide gives a module; ",
        ),
        (
            [f"{NETS}:wide", "--lie", "--shape", "1,8,8"],
            "wide needs n, and is taken",
        ),
        ([__file__, "--group", "D4"], "test_audit.py:make"),
        (["no.such.module:f"], "cannot import no.such.module"),
        (["no_such_file.safetensors"], "found no file no_such_file.safetensors"),
        ([f"{NETS}:Plain"], "the object declares no source, name the group"),
        ([f"{NETS}:Plain", "--group", "D5x", "--shape", "1", "8", "8"], "unknown group 'D5x'"),
        ([f"{NETS}:Plain", "--group", "D4", "--shape", "2", "8", "8"], "to have 1 channels"),
        ([f"{NETS}:Plain", "--group", "D4", "--shape", "1", "b"], "expected whole numbers such as"),
        ([f"{NETS}:Plain", "--tol", "-1"], "expected a number of at least 0, got -1"),
        ([f"{NETS}:Plain", "--tol", "nan"], "expected a number of at least 0, got nan"),
        (
            [*PLAIN[1:], "--plot", "/proc/nowhere/a.png"],
            "--plot: cannot write '/proc/nowhere/a.png'",
        ),
        ([*PLAIN[1:], "--plot", "a.xyz"], "Format 'xyz' is not supported"),
    ],
)
def test_bad_input_is_one_line(words, message, capsys):
    assert main(["audit", *words]) == 2
    err = capsys.readouterr().err
    assert len(err.splitlines()) == 1
    assert err.startswith("geomdl: ")
    assert message in err


def test_nan_in_the_weights_never_passes(tmp_path, capsys):
    model = geomdl.create_model("steerable/c4_cnn", shape=(9, 9), channels=8)
    with torch.no_grad():
        next(model.parameters()).fill_(float("nan"))
    path = tmp_path / "nan.safetensors"
    geomdl.save(model, path)
    assert main(["audit", str(path), "--tol", "1e9", "--shape", "1", "9", "9"]) == 1


def test_an_object_that_crashes_is_bad_input(tmp_path, monkeypatch, capsys):
    (tmp_path / "crashing.py").write_text("def f(x):\n    return {}['missing']\n")
    monkeypatch.chdir(tmp_path)
    assert main(["audit", "crashing:f", "--group", "D4", "--shape", "1", "9", "9"]) == 2
    assert "object: cannot run on random inputs" in capsys.readouterr().err


@pytest.mark.parametrize("words", [["--group", "D4"], ["--lie", "rotation"]])
def test_code_that_leaves_the_program_is_bad_input(words, capsys):
    assert main(["audit", "tests.cli.nets:leaves", *words, "--shape", "2", "1", "9", "9"]) == 2
    said = capsys.readouterr().err.strip()
    assert (
        said == "geomdl: tests.cli.nets:leaves: expected code that returns, got a call of exit(3)"
    )


def test_the_trivial_group_certifies_nothing(capsys):
    assert main(["audit", "translation/cnn", "--shape", "1", "8", "8"]) == 2
    assert "declares only the trivial group" in capsys.readouterr().err
