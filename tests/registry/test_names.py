import importlib.metadata
import re
import sys
import textwrap

import pytest
import torch
from torch import nn

from geomdl.registry import LAWS, Example, Registry
from tests.registry.toys import Affine, example, registry, small


def test_lists_are_sorted_and_filtered() -> None:
    assert registry.list_models() == ["toy/Dropping", "toy/small"]
    assert registry.list_layers("toy/[A-C]*") == ["toy/Affine", "toy/Chain"]
    assert registry.list_models("other/*") == []
    assert "toy/small" in registry
    assert "small" not in registry


def test_a_class_comes_back_itself_and_keeps_its_signature() -> None:
    assert registry["toy/Affine"].factory is Affine
    assert list(registry["toy/Affine"].signature.parameters) == ["width", "out", "scale", "options"]
    assert registry["toy/small"].factory is small
    assert small.__doc__ == "A model that a function builds."


def test_create_model_overrides_defaults() -> None:
    model = registry.create_model("toy/small", depth=5)
    assert len(model.steps) == 5
    assert registry.create_model("toy/Affine", width=2, out=1, scale=3.0).scale == 3.0


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("toy/smal", "near ones: toy/small"),
        ("toy/affine", "near ones: toy/Affine"),
        ("tyo/chain", "near ones: toy/Chain"),
        ("Waves", "near ones: toy/Waves"),
        ("quantum/gravity", "list_models() lists them"),
    ],
)
def test_an_unknown_name_lists_the_near_ones(name: str, near: str) -> None:
    message = f"name: no model or layer {name!r}; {near}"
    for ask in (registry.create_model, registry.example, registry.__getitem__):
        with pytest.raises(ValueError, match=re.escape(message)):
            ask(name)


def test_an_override_that_is_no_parameter_lists_the_parameters() -> None:
    message = r"^toy/small: no parameter 'colour', it has width, depth$"
    with pytest.raises(TypeError, match=message):
        registry.create_model("toy/small", colour=3)
    with pytest.raises(TypeError, match=r"^toy/Affine: needs width, out$"):
        registry.create_model("toy/Affine")


def test_variadic_parameters_are_given_whole() -> None:
    chain = registry.create_model("toy/Chain", modules=(small(), small()), named={"a": small()})
    assert len(chain.steps) == 2
    assert list(chain.named) == ["a"]
    chain = registry.create_model("toy/Chain", named={"a": small()}, b=small())
    assert list(chain.named) == ["a", "b"]


def test_a_name_is_registered_once() -> None:
    private = Registry()

    class One(nn.Module):
        pass

    class Other(nn.Module):
        pass

    private.register_layer("toy/One", example=example(lambda: One()))(One)

    init = Other.__init__
    with pytest.raises(ValueError, match=r"^name: 'toy/One' is registered already$"):
        private.register_model("toy/One", example=example(lambda: Other()))(Other)
    assert Other.__init__ is init


@pytest.mark.parametrize("name", ["Affine", "toy/", "toy//a", "Toy/a", "toy/a b", "../a"])
def test_a_name_has_a_family(name: str) -> None:
    with pytest.raises(ValueError, match=r"^name: expected 'family/Name', got "):
        Registry().register_layer(name, example=example(lambda: nn.Identity()))


def test_only_modules_are_registered() -> None:
    register = Registry().register_layer("toy/Int", example=example(lambda: nn.Identity()))
    with pytest.raises(TypeError, match=r"^toy/Int: expected an nn.Module class, got int$"):
        register(int)  # type: ignore[type-var]


def test_an_example_names_laws_and_reasons() -> None:
    small_one = example(lambda: nn.Identity())
    assert torch.equal(small_one.draw(1)[0], small_one.draw(1)[0])
    assert not torch.equal(small_one.draw(1)[0], small_one.draw(2)[0])
    assert len(set(LAWS)) == len(LAWS) == 12
    with pytest.raises(ValueError, match=r"^refuses: unknown law 'gradchek', .* 'gradcheck'$"):
        Example(nn.Identity, tuple, {"gradchek": "because"})
    with pytest.raises(ValueError, match=r"^refuses: law 'export' should .* reason, got none$"):
        Example(nn.Identity, tuple, {"export": "  "})


FAMILY = """
    import sys
    from torch import nn
    from geomdl.registry import Example
    import {host} as host

    @host.table.register_model("{family}/Net", example=Example(lambda: Net(), tuple))
    class Net(nn.Module):
        pass

    {then}
"""


def _host(monkeypatch: pytest.MonkeyPatch, tmp_path, table: Registry, **families: str) -> None:
    """Put a module `host` with the table, and modules that register into it, on the path."""
    (tmp_path / "registry_host.py").write_text("table = None\n")
    for family, then in families.items():
        source = textwrap.dedent(FAMILY).format(host="registry_host", family=family, then=then)
        (tmp_path / f"{family}.py").write_text(source)
        monkeypatch.delitem(sys.modules, family, raising=False)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "registry_host", raising=False)
    import registry_host  # type: ignore[import-not-found]

    registry_host.table = table


def test_families_are_imported_at_the_first_lookup(monkeypatch, tmp_path) -> None:
    table = Registry(packages=("family_one",))
    _host(monkeypatch, tmp_path, table, family_one="")
    assert "family_one" not in sys.modules
    assert table.list_models() == ["family_one/Net"]
    assert "family_one" in sys.modules


def test_a_family_that_fails_leaves_no_names_and_is_tried_again(monkeypatch, tmp_path) -> None:
    table = Registry(packages=("family_two",))
    _host(monkeypatch, tmp_path, table, family_two="assert host.ready")
    for _ in range(2):
        with pytest.raises(AttributeError, match="ready"):
            table.list_models()
    sys.modules["registry_host"].ready = True
    assert table.list_models() == ["family_two/Net"]


def test_entry_points_are_loaded_and_a_broken_one_only_warns(monkeypatch, tmp_path) -> None:
    table = Registry(entry_points="geomdl.models")
    _host(monkeypatch, tmp_path, table, family_good="", family_bad="raise RuntimeError('so\\nsad')")
    points = [
        importlib.metadata.EntryPoint(name, f"family_{name}", "geomdl.models")
        for name in ("bad", "good")
    ]
    monkeypatch.setattr(importlib.metadata, "entry_points", lambda group: points)
    with pytest.warns(UserWarning, match=r"entry point 'bad' .* failed: RuntimeError: so sad$"):
        assert table.list_models() == ["family_good/Net"]
    assert table.list_models() == ["family_good/Net"]
