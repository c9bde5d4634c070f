import importlib.metadata

import pytest
import torch

from geomdl.cli import doctor_command, main
from geomdl.cli.doctor_command import data_folder, nurbs_distribution, problems
from geomdl.kernels import all_kernels, warming


def test_a_sound_installation(monkeypatch, tmp_path, capsys):
    (tmp_path / "mnist8k.npz").write_text("")
    monkeypatch.setenv("GEOMDL_DATA", str(tmp_path))
    monkeypatch.setattr(doctor_command, "nurbs_distribution", lambda: False)
    assert main(["doctor"]) == 0
    shown = capsys.readouterr().out
    assert torch.__version__.split("+")[0] in shown
    assert "mnist8k.npz" in shown
    assert "No problem found." in shown


def test_the_clash_of_names_is_found(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(doctor_command, "nurbs_distribution", lambda: True)
    assert main(["doctor"]) == 1
    assert "problem: NURBS-Python" in capsys.readouterr().out
    monkeypatch.setattr(doctor_command, "nurbs_distribution", lambda: False)
    assert problems({}, home=tmp_path) == []
    (tmp_path / "NURBS.py").write_text("")
    assert "pip uninstall geomdl" in problems({}, home=tmp_path)[0]


def test_the_distribution_of_nurbs_python_is_known_by_its_name(monkeypatch):
    asked = []
    monkeypatch.setattr(importlib.metadata, "distribution", asked.append)
    assert nurbs_distribution()
    assert asked == ["geomdl"]

    def missing(name):
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "distribution", missing)
    assert not nurbs_distribution()


def test_a_missing_package_and_a_missing_folder(monkeypatch, tmp_path, capsys):
    assert problems({"e3nn": "missing"})[0] == "e3nn is missing; `pip install e3nn`"
    monkeypatch.setenv("GEOMDL_DATA", str(tmp_path / "nowhere"))
    monkeypatch.setattr(doctor_command, "nurbs_distribution", lambda: False)
    assert main(["doctor"]) == 1
    assert "nowhere (no such folder); unset it or make the folder" in capsys.readouterr().out


@pytest.mark.parametrize(("n", "text"), [(0, "(empty)"), (1, "(f0)"), (9, "f7, …)")])
def test_the_folder_of_data_is_shown(tmp_path, n, text):
    for i in range(n):
        (tmp_path / f"f{i}").write_text("")
    assert data_folder(str(tmp_path)).endswith(text)


def test_warming_compiles_every_kernel_and_says_where(monkeypatch, capsys):
    every = warming.variants()  # all of which tests/kernels compiles
    first = [v for v in every if v[0] is every[0][0]]
    few = tuple(v for v in every if v in first or v[1:] == (torch.bfloat16, torch.int64))
    monkeypatch.setattr(warming, "variants", lambda: few)
    monkeypatch.setattr(doctor_command, "nurbs_distribution", lambda: False)
    monkeypatch.delenv("GEOMDL_DATA", raising=False)
    assert main(["doctor"]) == 0
    assert "compiled functions" not in capsys.readouterr().out
    assert main(["doctor", "--warm"]) == 0
    shown = capsys.readouterr()
    for name in [kernel.name for kernel in all_kernels()] + ["radius_pairs", "sample_rows"]:
        assert f"\n{name} " in shown.out
    assert shown.out.count("bfloat16/int64") == len(all_kernels())
    types = ", ".join(f"{d}/{i}".replace("torch.", "") for _, d, i in first)
    assert len(first) == 6 and f" s  {types}\n" in shown.out
    assert "compiled functions in" in shown.out
    assert "\ncache: " in shown.out
    assert shown.err == ""


def test_warming_without_a_folder_says_what_to_do(monkeypatch, capsys):
    monkeypatch.setattr(warming, "variants", tuple)
    monkeypatch.setattr(warming, "cache_state", lambda: (3, 0, ()))
    doctor_command.warm_kernels()
    assert "cache: none; set GEOMDL_CACHE_DIR" in capsys.readouterr().out
