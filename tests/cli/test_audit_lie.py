"""`geomdl audit` on foreign networks: the broken layer by name, small moves, the report."""

import json

import pytest
import torch

from geomdl.cli import main

NETS = "tests.cli.nets"
TORUS = ["--group", "Z8x8", "--shape", "4,1,8,8", "--samples", "4"]


@pytest.mark.parametrize(
    ("name", "words", "layer"),
    [
        ("torus", TORUS, "8 (Conv2d), after 7: error"),
        ("mirrored", ["--group", "D4", "--input", "2,1,10,10"], "12 (Isotropic), after 11: error"),
    ],
)
def test_the_broken_layer_of_ten_is_named_and_no_other(name, words, layer, capsys):
    assert main(["audit", f"{NETS}:{name}_broken", *words]) == 1
    assert f"breaks at   {layer}" in capsys.readouterr().out
    assert main(["audit", f"{NETS}:{name}_whole", *words]) == 0
    assert "breaks at" not in capsys.readouterr().out


def test_what_each_layer_costs(tmp_path, capsys):
    page = tmp_path / "report.html"
    words = [f"{NETS}:torus_broken", *TORUS, "--lie", "--per-layer", "--html", str(page)]
    assert main(["audit", *words]) == 1
    out = capsys.readouterr().out
    assert "whole pixels   error" in out
    assert "costliest 8 (Conv2d)" in out
    html = page.read_text()
    assert html.count("data:image/png") == 3
    assert html.count("<table>") == 3
    assert 'data-label="translation_x"' in html
    assert "http" not in html.replace("http://www.w3.org", "")


def test_small_moves_alone_as_json(capsys):
    words = ["audit", f"{NETS}:Plain", "--input", "2,1,8,8", "--lie", "rotation", "--json"]
    assert main(words) == 0
    document = json.loads(capsys.readouterr().out)
    assert [row["name"] for row in document["lie"]["rows"]] == ["rotation"]
    assert [orbit["action"] for orbit in document["orbits"]] == ["rotation"]
    assert main([*words, "--tol", "1e-3"]) == 1
    assert main([*words, "--tol", "1e3"]) == 0


def test_what_leaves_no_tape_does_not_pass(capsys):
    words = ["audit", f"{NETS}:Cut", "--input", "2,1,8,8", "--lie", "translation", "--tol"]
    assert main([*words, "1e-4"]) == 1
    assert "local equivariance error 0 " in capsys.readouterr().out
    assert main([*words, "1e3"]) == 0


def test_a_lie_group_moves_along_its_algebra(capsys):
    words = ["audit", f"{NETS}:relu", "--group", "SO3", "--shape", "3", "--lie"]
    assert main(words) == 1
    assert "local equivariance error" in capsys.readouterr().out


def test_a_file_is_audited(tmp_path, capsys):
    path = tmp_path / "nets.py"
    path.write_text("import torch\n\n\ndef make():\n    return torch.nn.Conv2d(1, 1, 3)\n")
    assert main(["audit", f"{path}:make", "--group", "D4", "--shape", "1", "8", "8"]) == 1
    assert main(["audit", f"{path}:make", "--shape", "1", "8", "8", "--lie", "translation",
                 "--plot", str(tmp_path / "bars.png")]) == 0  # fmt: skip
    assert (tmp_path / "bars.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.filterwarnings("ignore")  # torch warns of parts of itself
def test_an_exported_program_keeps_the_names_of_its_layers(tmp_path, capsys):
    net = torch.nn.Sequential(torch.nn.Conv2d(1, 2, 3), torch.nn.Tanh())
    path = str(tmp_path / "net.pt2")
    torch.export.save(torch.export.export(net, (torch.randn(2, 1, 6, 6),)), path)
    words = ["audit", path, "--input", "2,1,6,6", "--lie", "rotation", "--json"]
    assert main(words) == 0
    document = json.loads(capsys.readouterr().out)
    assert [layer["name"] for layer in document["lie"]["layers"]] == ["0", "1"]
    (tmp_path / "bad.pt2").write_bytes(b"no")
    assert main(["audit", str(tmp_path / "bad.pt2"), "--lie"]) == 2
    assert "spec: cannot load" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([f"{NETS}:Plain", "--lie", "turn", "--shape", "1,8,8"], "action: expected one of transl"),
        ([f"{NETS}:Plain", "--lie"], "shape: the object declares no images"),
        ([f"{NETS}:Plain", "--lie", "--shape", "3"], "shape: expected (channels, *spatial)"),
        ([f"{NETS}:Plain", "--lie", "--shape", "2,8,8"], "to have 1 channels"),
        ([f"{NETS}:Plain", "--lie", "rotation", "--group", "Z8x8", "--shape", "1,8,8"],
         "action: expected a translation of a periodic array"),
        (["no/file.py:make", "--lie"], "spec: expected a Python file, found none at no/file.py"),
        ([f"{NETS}:relu", "--lie", "scale", "--shape", "1,8,8", "--html", "/proc/no/a.html"],
         "--html: cannot write '/proc/no/a.html'"),
    ],
)  # fmt: skip
def test_bad_input_is_one_line(words, message, capsys):
    assert main(["audit", *words]) == 2
    err = capsys.readouterr().err
    assert len(err.splitlines()) == 1
    assert message in err
