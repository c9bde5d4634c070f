import copy
import os
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from geomdl.registry import Registry, load, read_metadata, record_of, save
from tests.registry.toys import Affine, Chain, Dropping, Tied, Waves, example, registry, small


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "model.safetensors"


def through(model: nn.Module, path: Path) -> nn.Module:
    """Save and load; the random state of torch must not notice."""
    state = torch.get_rng_state()
    save(model, path, registry=registry)
    again = load(path, registry=registry)
    assert torch.equal(torch.get_rng_state(), state)
    return again


def assert_same(model: nn.Module, again: nn.Module) -> None:
    assert type(again) is type(model)
    assert {n: m.training for n, m in again.named_modules()} == {
        n: m.training for n, m in model.named_modules()
    }
    ours, theirs = dict(model.named_parameters()), dict(again.named_parameters())
    assert {n: p.requires_grad for n, p in ours.items()} == {
        n: p.requires_grad for n, p in theirs.items()
    }
    ours, theirs = ours | dict(model.named_buffers()), theirs | dict(again.named_buffers())
    assert list(ours) == list(theirs)
    for name, value in ours.items():
        assert theirs[name].dtype == value.dtype, name
        assert theirs[name].device.type == "cpu"
        assert torch.equal(value, theirs[name]), name


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16, torch.float16])
def test_parameters_buffers_and_dtypes_come_back(path: Path, dtype: torch.dtype) -> None:
    model = Chain(Affine(3, 3, scale=0.5), Affine(3, 2)).to(dtype)
    with torch.no_grad():
        model.steps[0].weight.normal_()
    model.steps[1].calls += 5
    again = through(model, path)
    assert_same(model, again)
    assert again.steps[0].ones.dtype == dtype  # not in the file: a derived buffer
    assert again.steps[1].calls.dtype == torch.int64
    x = torch.randn(4, 3).to(dtype)
    assert torch.equal(model.eval()(x), again.eval()(x))


def test_mixed_dtypes_come_back(path: Path) -> None:
    model = Chain(Affine(3, 3).double(), Affine(3, 2))
    assert_same(model, through(model, path))


def test_derived_buffers_are_cast_as_the_module_casts_them(path: Path) -> None:
    """A basis that stays exact in float64, whatever dtype it passed through."""
    private = Registry()

    @private.register_layer("toy/Exact", example=example(lambda: Exact()))
    class Exact(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.zeros(()))
            self.register_buffer("basis", torch.zeros(3), persistent=False)
            self._renew()

        def _renew(self) -> None:
            self.basis = (torch.arange(3, dtype=torch.float64) / 3).to(self.weight.dtype)

        def _apply(self, fn, recurse=True):
            super()._apply(fn, recurse)
            self._renew()
            return self

    model = Exact().double()
    save(model, path, registry=private)
    assert_same(model, load(path, registry=private))


@pytest.mark.parametrize("dtype", [torch.complex64, torch.complex128])
def test_complex_and_boolean_state_comes_back(path: Path, dtype: torch.dtype) -> None:
    model = Waves(3, dtype)
    model.mask[1] = False
    assert_same(model, through(model, path))
    conjugate = Waves(3, dtype)
    conjugate.phase = nn.Parameter(model.phase.detach().conj())
    assert_same(conjugate, through(conjugate, path))


def test_the_mode_and_frozen_parameters_come_back(path: Path) -> None:
    model = Dropping().eval()
    model.drop.train()
    model.norm.weight.requires_grad_(False)
    again = through(model, path)
    assert_same(model, again)
    assert not again.training
    assert again.drop.training
    assert not again.norm.weight.requires_grad


def test_what_was_loaded_is_saved_as_the_same_file(path: Path) -> None:
    again = through(Chain(small(), Tied(3)), path)
    twin = path.with_name("twin.safetensors")
    save(again, twin, registry=registry)
    assert read_metadata(twin) == read_metadata(path)
    ours, theirs = load_file(path), load_file(twin)
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)


def test_views_and_strides_come_back(path: Path) -> None:
    model = Affine(3, 2)
    model.weight = nn.Parameter(torch.randn(3, 2).T)
    model.bias = nn.Parameter(torch.randn(1).expand(2))
    assert_same(model, through(model, path))


def test_ties_come_back_and_are_written_once(path: Path) -> None:
    model = Tied(64)
    again = through(model, path)
    assert again.encoder.weight is again.decoder.weight
    assert_same(model, again)
    assert path.stat().st_size < 1.5 * 64 * 64 * 4


def test_ties_made_after_building_come_back(path: Path) -> None:
    model = Tied(3, tie=False)
    model.decoder.weight = model.encoder.weight
    again = through(model, path)
    assert again.encoder.weight is again.decoder.weight
    assert torch.equal(again.encoder.weight, model.encoder.weight)


def test_ties_come_back_in_another_dtype(path: Path) -> None:
    model = Chain(Tied(3).double(), Dropping())
    model.steps[1].norm.running_var = model.steps[1].norm.running_mean  # tied buffers
    again = through(model, path)
    assert_same(model, again)
    assert again.steps[0].encoder.weight is again.steps[0].decoder.weight
    assert again.steps[1].norm.running_var is again.steps[1].norm.running_mean


def test_ties_undone_after_building_are_refused(path: Path) -> None:
    model = Tied(3)
    model.decoder.weight = nn.Parameter(torch.randn(3, 3))
    with pytest.raises(ValueError, match=r"^model: changed .* should be one tensor with 'enc"):
        save(model, path, registry=registry)
    assert not path.exists()


def test_shared_modules_come_back(path: Path) -> None:
    shared = Affine(3, 3)
    model = Chain(shared, shared)
    again = through(model, path)
    assert again.steps[0] is again.steps[1]
    assert_same(model, again)


def test_a_generator_rebuilds_the_same_random_buffers(path: Path) -> None:
    model = Dropping(rng=torch.Generator().manual_seed(3))
    assert_same(model, through(model, path))


def test_a_module_without_state_comes_back(path: Path) -> None:
    assert_same(Chain(), through(Chain(), path))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda m: setattr(m.steps[0], "weight", nn.Parameter(torch.zeros(5, 3))), "weight is"),
        (lambda m: m.steps.append(nn.Identity()), r"steps.1 is torch.nn.*Identity.* give nothing"),
        (lambda m: m.steps.__setitem__(0, nn.Tanh()), "changed since it was built: steps.0"),
        (lambda m: m.register_buffer("extra", torch.zeros(1)), r"extra is \(1,\)"),
    ],
)
def test_a_model_changed_since_it_was_built_is_not_saved(path: Path, change, message: str) -> None:
    model = Chain(Affine(3, 2))
    save(model, path, registry=registry)
    path.unlink()
    change(model)
    with pytest.raises(ValueError, match=rf"^model: .*{message}"):
        save(model, path, registry=registry)
    assert not path.exists()


def test_a_model_that_cannot_be_built_again_is_not_saved(path: Path) -> None:
    private = Registry()

    @private.register_layer("toy/Once", example=example(lambda: Once([])))
    class Once(nn.Module):
        def __init__(self, used: list[int]) -> None:
            super().__init__()
            if used:
                raise RuntimeError("no\nsecond time")

    model = Once([])
    record_of(model).arguments["used"].append(1)
    message = r"^model: cannot be built from its arguments: no second time$"
    with pytest.raises(ValueError, match=message):
        save(model, path, registry=private)
    assert not path.exists()


def test_a_layout_is_rebuilt_once(path: Path) -> None:
    builds = []
    private = Registry()

    @private.register_layer("toy/Counted", example=example(lambda: Counted()))
    class Counted(nn.Linear):
        def __init__(self) -> None:
            builds.append(self)
            super().__init__(2, 2)

    model = Counted()
    for _ in range(3):
        save(model, path, registry=private)
    assert len(builds) == 2
    load(path, registry=private)
    assert len(builds) == 3


def test_extra_state_is_refused(path: Path) -> None:
    private = Registry()

    @private.register_layer("toy/Extra", example=example(lambda: Extra()))
    class Extra(nn.Module):
        def get_extra_state(self) -> object:
            return {"anything": object()}

        def set_extra_state(self, state: object) -> None:
            pass

    with pytest.raises(ValueError, match=r"^model: state '_extra_state' should be a dense tensor"):
        save(Extra(), path, registry=private)


def test_tensors_without_values_are_refused(path: Path) -> None:
    with pytest.raises(ValueError, match=r"^model: state 'weight' should be a dense tensor with"):
        save(Affine(3, 2).to("meta"), path, registry=registry)


def test_wrappers_and_plain_modules_are_refused(path: Path) -> None:
    for model in (nn.Linear(2, 2), torch.compile(Affine(3, 2), backend="eager")):
        with pytest.raises(ValueError, match=r"^model: expected a module built by a registered"):
            save(model, path, registry=registry)
    assert not path.exists()


class Certificate:
    def to_json(self) -> str:
        return '{"error": 1e-15}'


@pytest.mark.parametrize("audit", [Certificate(), '{"error": 1e-15}', {"error": 1e-15}])
def test_metadata_can_be_read_without_building(path: Path, audit: object) -> None:
    save(small(depth=1), path, audit=audit, registry=registry)
    metadata = read_metadata(path)
    assert metadata["geomdl"] == "2"
    assert metadata["audit"] == {"error": 1e-15}
    assert metadata["config"] == {
        "$module": "toy/small",
        "id": 0,
        "arguments": {"width": 3, "depth": 1},
    }
    assert set(metadata) == {"geomdl", "geomdl_version", "config", "state", "audit"}
    assert_same(load(path, registry=registry), load(path, registry=registry))


def test_a_certificate_is_json(path: Path) -> None:
    with pytest.raises(ValueError, match=r"^audit: should be JSON, "):
        save(small(), path, audit="not json", registry=registry)
    with pytest.raises(ValueError, match=r"^audit: should be JSON, "):
        save(small(), path, audit=object(), registry=registry)


def test_a_failed_write_leaves_the_old_file(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = small()
    save(model, path, registry=registry)
    before = path.read_bytes()

    def broken(*_: object) -> None:
        raise OSError(28, "No space left on device")

    for name in ("fsync", "replace"):
        with monkeypatch.context() as patch:
            patch.setattr(os, name, broken)
            other = copy.deepcopy(model)
            with torch.no_grad():
                other.steps[0].weight.zero_()
            with pytest.raises(ValueError, match=r"^path: cannot write .*: No space left on dev"):
                save(other, path, registry=registry)
    assert path.read_bytes() == before
    assert os.listdir(path.parent) == [path.name]


def test_files_have_ordinary_permissions(path: Path) -> None:
    save(small(), path, registry=registry)
    reference = path.with_name("reference")
    reference.touch()
    assert path.stat().st_mode == reference.stat().st_mode


def test_a_folder_is_no_file():
    with pytest.raises(ValueError, match="path: should name a file, got"):
        save(small(), Path("."), registry=registry)
