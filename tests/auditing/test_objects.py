import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import nn

import geomdl
from geomdl import Field, Grid, Vector
from geomdl.auditing import audit_object
from geomdl.auditing.made_up import space_of, split_batch
from tests.auditing import zoo
from tests.auditing.networks import C4Net, images

ZOO = "tests.auditing.zoo"


def test_group_network_passes_and_plain_cnn_names_its_layer() -> None:
    found = audit_object(f"{ZOO}:group_net")
    assert found.group == "C4"
    assert found.passed(1e-5)
    assert found.passed()
    found = audit_object(f"{ZOO}:plain", group="D4", shape=(1, 12, 12), per_layer=True)
    assert not found.passed(1e-5)
    assert found.first_break_at(1e-5) is not None
    assert found.first_break_at(1e-5).startswith("conv1 (Conv2d)")


def test_classes_factories_functions_and_objects() -> None:
    assert audit_object(f"{ZOO}:factory", randomize=True).passed()
    assert not audit_object(f"{ZOO}:Plain", "C4", [1, 9, 9]).passed(1e-5)
    assert audit_object(f"{ZOO}:norm", "O3", [3]).passed()
    assert audit_object(f"{ZOO}:norm", "O3", [6]).passed()
    assert audit_object(f"{ZOO}:lorentz_norm", "SO+(1,3)", [4]).passed()
    assert not audit_object(f"{ZOO}:norm", "SO+(1,3)", [4]).passed(1e-3)
    assert audit_object(zoo.group_net, shape=[1, 9, 9]).passed()
    assert audit_object(zoo.factory).subject == "C4Net"


def test_results_do_not_depend_on_global_state() -> None:
    torch.manual_seed(1)
    first = audit_object(f"{ZOO}:Plain", "C4", [1, 9, 9])
    torch.manual_seed(2)
    state = torch.get_rng_state()
    assert audit_object(f"{ZOO}:Plain", "C4", [1, 9, 9]).per_element == first.per_element
    assert torch.equal(torch.get_rng_state(), state)
    assert audit_object(f"{ZOO}:Plain", "C4", [1, 9, 9], seed=1).per_element != first.per_element


def test_another_group_acts_on_space_alone() -> None:
    assert audit_object(zoo.Periodic()).passed()
    found = audit_object(zoo.Periodic(), group="D4", per_layer=True)
    assert found.group == "D4"
    assert not found.passed(1e-3)
    assert found.first_break is not None
    assert "conv (Conv2d)" in found.first_break
    assert audit_object(zoo.Turning(), group="C2").passed()
    with pytest.raises(ValueError, match=r"^group: expected C4, the group of source and target"):
        audit_object(zoo.Turning(), group="D4")


def test_groups_that_resample_get_analytic_inputs() -> None:
    found = audit_object(zoo.Smooth(), group="C8", shape=[1, 29, 29])
    assert found.error < 1e-2
    assert found.roundtrip == 0.0
    assert not audit_object(f"{ZOO}:plain", group="C8", shape=[1, 29, 29]).passed(1e-2)


def test_trees_of_inputs_are_made_up() -> None:
    found = audit_object(zoo.Molecule(), samples=4)
    assert found.passed()
    assert set(found.per_element[0].errors) == {"energy", "forces"}


def test_trees_of_outputs_are_guessed() -> None:
    found = audit_object(zoo.Several(), group="D4", shape=[1, 8, 8])
    assert found.passed()
    assert set(found.per_element[0].errors) == {"map", "pair.0"}


def test_given_inputs_and_randomize() -> None:
    net = C4Net()
    nn.init.zeros_(net.head.weight)
    assert not audit_object(net, inputs=[images(2, 1, 9, 9)]).passed(1)  # constant
    assert audit_object(net, inputs=[images(2, 1, 9, 9)], randomize=True).passed()


def test_batch_may_stand_before_the_shape_of_an_image() -> None:
    assert audit_object(zoo.group_net, shape=[3, 1, 9, 9]).passed()
    assert audit_object(zoo.plain, "D4", [3, 1, 9, 9]).subject == "PlainCNN"
    assert split_batch(None, 2) == (8, None)
    assert split_batch([4], None) == (8, [4])
    assert [space_of(geomdl.group(n)) for n in ("D4", "O3", "Z4x4", "S3")] == [2, 3, 2, None]


def test_checkpoints_are_read_by_the_loader(tmp_path: Path) -> None:
    path = tmp_path / "net.safetensors"
    path.touch()
    assert audit_object(str(path), load=lambda p: zoo.group_net).passed()
    for missing in ("nowhere.safetensors", "nowhere"):
        with pytest.raises(FileNotFoundError, match=r"^spec: expected package.module:object or a"):
            audit_object(missing, load=lambda p: zoo.group_net)
    with pytest.raises(FileNotFoundError, match=r"^spec: expected package.module:object"):
        audit_object(str(path))


def test_modules_are_found_from_the_current_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "lonely.py").write_text(
        "import torch\ndef f(x):\n    return x.norm(dim=-1, keepdim=True)\n"
        "class Box:\n    f = staticmethod(f)\n"
    )
    (tmp_path / "sick.py").write_text("1 +\n")
    monkeypatch.chdir(tmp_path)
    path = list(sys.path)
    assert audit_object("lonely:f", "O2", [2]).passed()
    assert audit_object("lonely:Box.f", "O2", [2]).passed()
    with pytest.raises(FileNotFoundError, match=r"^spec: cannot import sick: SyntaxError: "):
        audit_object("sick:f", "O2", [2])
    assert sys.path == path


@pytest.mark.parametrize(
    ("spec", "options", "message"),
    [
        ("no.such.module:f", {}, r"^spec: cannot import no.such.module: ModuleNotFoundError: "),
        (f"{ZOO}:nothing", {}, r"^spec: tests.auditing.zoo has no nothing$"),
        (f"{ZOO}:number", {}, r"^spec: tests.auditing.zoo:number should be callable, got int$"),
        (f"{ZOO}:NeedsWidth", {}, r"^spec: .*:NeedsWidth needs width; name an instance instead$"),
        (f"{ZOO}:plain", {}, r"^group: the object declares no source, name the group$"),
        (f"{ZOO}:plain", {"group": "D4"}, r"^shape: the object declares no source, give the shape"),
        (
            f"{ZOO}:norm",
            {"group": "O3", "shape": [4]},
            r"^shape: expected a multiple of 3, the dim",
        ),
        (f"{ZOO}:group_net", {"shape": [2, 9, 9]}, r"^shape: expected 1, size, size by the source"),
        (f"{ZOO}:plain", {"group": "D4", "shape": [2, 9, 9]}, r"^object: cannot run on random inp"),
        (f"{ZOO}:Typed", {}, r"^object: cannot run on random inputs of its types \("),
        (f"{ZOO}:plain", {"group": "D4x", "shape": [1, 9, 9]}, r"unknown group 'D4x'"),
    ],
)
def test_refusals(spec: str, options: dict[str, object], message: str) -> None:
    with pytest.raises((ValueError, FileNotFoundError), match=message) as caught:
        audit_object(spec, **options)  # type: ignore[arg-type]
    assert "\n" not in str(caught.value)


def test_target_may_stay_undeclared_beside_a_source() -> None:
    class Half(nn.Module):
        source = Field(Grid(2), geomdl.group("D4").trivial)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x.square().mean((-2, -1))

    assert audit_object(Half(), shape=[1, 9, 9]).passed()
    assert Field(Vector(), geomdl.group("D4").trivial).channels == 1


def test_auditing_imports_nothing_heavy() -> None:
    heavy = "scipy matplotlib rich e3nn torch_geometric lightning sklearn numba"
    code = (
        "import sys, torch\nbefore = set(sys.modules)\nimport geomdl.auditing\n"
        f"print([m for m in {heavy.split()!r} if m in sys.modules and m not in before])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
