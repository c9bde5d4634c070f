"""Files of every format version load, as on the day they were written."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from geomdl.registry import load, migrations, read_metadata, save
from tests.registry.files import rewrite
from tests.registry.golden.make_golden import FOLDER, golden
from tests.registry.toys import registry, small

FILES = sorted(FOLDER.glob("*.safetensors"))


def test_every_format_version_has_a_golden_file() -> None:
    versions = {f"v{version}" for version in range(1, migrations.FORMAT + 1)}
    assert {file.stem for file in FILES} == versions
    assert set(migrations.MIGRATIONS) == set(range(1, migrations.FORMAT))


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_golden_file_loads_as_it_was(file: Path) -> None:
    assert read_metadata(file)["geomdl"] == file.stem.removeprefix("v")
    assert read_metadata(file)["audit"] == {"error": 1e-15}
    model, wanted = load(file, expect="toy/Chain", registry=registry), golden()
    assert repr(model) == repr(wanted)
    ours, theirs = wanted.state_dict(keep_vars=True), model.state_dict(keep_vars=True)
    assert list(ours) == list(theirs)
    for name, value in ours.items():
        assert torch.equal(value, theirs[name])
        assert value.dtype == theirs[name].dtype
        assert value.requires_grad == theirs[name].requires_grad
    assert model.steps[0] is model.steps[3]
    options, expected = model.steps[0].options, wanted.steps[0].options
    torch.testing.assert_close(
        options.pop("tensor"), expected.pop("tensor"), rtol=0, atol=0, equal_nan=True
    )
    assert options == expected
    assert model.steps[2].encoder.weight is model.steps[2].decoder.weight
    assert model.training
    assert not model.named["last"].training


def test_older_versions_go_through_every_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two imagined changes of the format: an argument is renamed, then a weight."""
    path = tmp_path / "old.safetensors"
    save(small(depth=1), path, registry=registry)
    wanted = load(path, registry=registry)

    def rename_argument(metadata: dict[str, Any], tensors: dict[str, Tensor]) -> Any:
        text = json.dumps(metadata["config"]).replace('"breadth"', '"width"')
        return {**metadata, "config": json.loads(text)}, tensors

    def rename_weight(metadata: dict[str, Any], tensors: dict[str, Tensor]) -> Any:
        return metadata, {k.replace("layers.", "steps."): v for k, v in tensors.items()}

    steps = {2: rename_argument, 3: rename_weight}
    monkeypatch.setattr(migrations, "FORMAT", 4)
    monkeypatch.setattr(migrations, "MIGRATIONS", steps)
    config = {"$module": "toy/small", "id": 0, "arguments": {"breadth": 3, "depth": 1}}
    tensors = {k.replace("steps.", "layers."): v for k, v in load_file(path).items()}
    rewrite(path, tensors, config=config)

    again = load(path, registry=registry)
    assert torch.equal(again.steps[0].weight, wanted.steps[0].weight)
    assert read_metadata(path)["geomdl"] == "2"
    save(again, path, registry=registry)
    assert read_metadata(path)["geomdl"] == "4"
