"""Bad input to `save` and `load`: each gives one line that says what is wrong."""

import os
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from geomdl.registry import load, save
from tests.registry.files import rewrite
from tests.registry.toys import Affine, Tied, Waves, registry, small


def refused(path: Path, **options: Any) -> str:
    """The message of the ValueError with which `load` refuses a file: one line, naming the file."""
    with pytest.raises(ValueError, match=r"\A[^\n]+\Z") as caught:
        load(path, registry=registry, **options)
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    return message.removeprefix(f"{path}: ")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "model.safetensors"
    save(small(), path, registry=registry)
    return path


@pytest.mark.parametrize("kept", [0, 4, 30, 500, -1])
def test_a_truncated_file(path: Path, kept: int) -> None:
    path.write_bytes(path.read_bytes()[:kept])
    assert refused(path).startswith("not a whole safetensors file (")


def test_every_truncation_is_noticed(path: Path) -> None:
    data = path.read_bytes()
    for kept in range(0, len(data), 97):
        path.write_bytes(data[:kept])
        refused(path)


def test_a_file_of_another_kind(path: Path) -> None:
    torch.save(small(), path)
    assert refused(path).startswith("not a whole safetensors file (")
    path.write_text("epoch,loss\n1,0.5\n")
    assert refused(path).startswith("not a whole safetensors file (")


def test_a_folder(path: Path) -> None:
    assert refused(path.parent).startswith("not a whole safetensors file (")


@pytest.mark.parametrize("metadata", [None, {"format": "pt"}])
def test_a_foreign_safetensors_file(path: Path, metadata: dict[str, str] | None) -> None:
    save_file({"weight": torch.zeros(3)}, path, metadata=metadata)
    assert refused(path) == "no geomdl checkpoint, its metadata lacks 'geomdl'"


def test_a_missing_file(tmp_path: Path) -> None:
    path = tmp_path / "nothing.safetensors"
    with pytest.raises(FileNotFoundError) as caught:
        load(path, registry=registry)
    assert str(caught.value) == f"{path}: no such file"


def test_a_newer_format(path: Path) -> None:
    rewrite(path, geomdl="17")
    message = refused(path)
    assert message.startswith("format version 17 is newer than 2, the newest that geomdl ")
    assert message.endswith(" reads; upgrade geomdl-torch")


@pytest.mark.parametrize("version", ["0", "-1", "one", "1.5", ""])
def test_a_senseless_format(path: Path, version: str) -> None:
    rewrite(path, geomdl=version)
    assert refused(path) == f"format version should be a number, got {version!r}"


def test_an_unknown_name(path: Path) -> None:
    rewrite(path, config={"$module": "toy/smal", "id": 0, "arguments": {}})
    assert refused(path) == "name: no model or layer 'toy/smal'; near ones: toy/small"
    rewrite(path, config={"$module": "posix/system", "id": 0, "arguments": {"command": "true"}})
    assert refused(path).startswith("name: no model or layer 'posix/system'")


def test_another_model(path: Path) -> None:
    assert refused(path, expect="toy/Affine") == "expected model 'toy/Affine', got 'toy/small'"
    assert type(load(path, expect="toy/small", registry=registry)) is type(small())


def test_unknown_arguments(path: Path) -> None:
    rewrite(path, config={"$module": "toy/small", "id": 0, "arguments": {"colour": 1}})
    assert refused(path) == "toy/small: no parameter 'colour', it has width, depth"


def test_arguments_that_the_constructor_refuses(path: Path) -> None:
    rewrite(path, config={"$module": "toy/small", "id": 0, "arguments": {"depth": "three"}})
    assert "cannot be interpreted as an integer" in refused(path)


@pytest.mark.parametrize("config", ["", "{", "null", "[1]", '{"$module": 3}', "[" * 100_000])
def test_a_malformed_configuration(path: Path, config: str) -> None:
    rewrite(path, config=config or " ")
    assert refused(path).startswith(("metadata 'config' is no JSON", "config: expected "))


@pytest.mark.parametrize("state", ["{}", "[]", "3", '{"complex": {}, "tied": []}'])
def test_a_malformed_state(path: Path, state: str) -> None:
    rewrite(path, state=state)
    refused(path)


def test_the_weights_of_another_model(path: Path) -> None:
    def state(width: int, **other: Tensor) -> dict[str, Tensor]:
        return {k: v.contiguous() for k, v in (small(width).state_dict() | other).items()}

    rewrite(path, state(4))
    assert refused(path) == "state 'steps.0.bias': expected shape (3,), got (4,)"
    rewrite(path, state(3, head=torch.zeros(1)))
    assert refused(path) == "state 'head' is not one of the model's"
    rewrite(path, {})
    assert refused(path) == "state 'steps.0.bias' of the model is missing"
    rewrite(path, state(3) | {"steps.0.bias": torch.zeros(3, dtype=torch.int64)})
    assert refused(path) == "state 'steps.0.bias': expected floating-point numbers, got integers"


def test_ties_that_are_not_the_models(path: Path) -> None:
    save(Tied(3), path, registry=registry)
    weights = {"encoder.weight": torch.zeros(3, 3), "decoder.weight": torch.ones(3, 3)}
    whole = {"complex": {}, "derived": {}, "frozen": [], "training": True, "other_mode": []}
    rewrite(path, weights, state={**whole, "tied": {}})
    message = "state 'decoder.weight' should be one tensor with 'encoder.weight', got two"
    assert refused(path) == message
    rewrite(path, state={**whole, "tied": {"decoder.weight": "nowhere"}})
    assert refused(path) == "state 'decoder.weight' is tied to 'nowhere', which is not there"


def test_complex_state_that_is_not(path: Path) -> None:
    save(Waves(3), path, registry=registry)
    rewrite(path, {"phase": torch.zeros(3), "mask": torch.ones(3, dtype=torch.bool)})
    assert refused(path) == "state 'phase' should end in real and imaginary parts"


def unwritable(path: Path) -> str:
    with pytest.raises(ValueError, match=r"\A[^\n]+\Z") as caught:
        save(Affine(3, 2), path, registry=registry)
    message = str(caught.value)
    assert message.startswith(f"path: cannot write {path}: ")
    return message.removeprefix(f"path: cannot write {path}: ")


def test_a_folder_that_is_missing_or_none(path: Path) -> None:
    assert unwritable(path.parent / "no" / "model.safetensors") == "No such file or directory"
    assert unwritable(path / "model.safetensors") == "Not a directory"
    assert unwritable(path.parent) == "Is a directory"


def test_an_unwritable_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "locked"
    folder.mkdir()
    folder.chmod(0o500)
    if os.access(folder, os.W_OK):  # the superuser may write anywhere: say no in the kernel's place

        def no(*_: object, **__: object) -> None:
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr("geomdl.registry.checkpoint.open", no, raising=False)
    assert unwritable(folder / "model.safetensors") == "Permission denied"
    assert os.listdir(folder) == []
