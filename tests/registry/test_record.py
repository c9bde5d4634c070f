import copy
import inspect
import re

import pytest
import torch
from torch import nn

from geomdl.registry import Registry, record_of
from geomdl.registry.record import _Binder
from tests.registry.toys import Affine, Chain, example, small


def test_arguments_are_kept_with_defaults() -> None:
    record = record_of(Affine(3, out=2))
    assert record is not None
    assert record.name == "toy/Affine"
    assert record.arguments == {"width": 3, "out": 2, "scale": 1.0, "options": None}
    assert "self" not in record.arguments


def test_containers_are_copied_when_the_module_is_built() -> None:
    options = {"sizes": [1, 2], "pair": ([3],)}
    layer = Affine(3, 2, options=options)
    options["sizes"].append(9)
    options["pair"][0].append(9)
    assert record_of(layer).arguments["options"] == {"sizes": [1, 2], "pair": ([3],)}


def test_module_arguments_are_no_children() -> None:
    chain = Chain(Affine(3, 2), last=Affine(2, 2))
    assert [name for name, _ in chain.named_children()] == ["steps", "named"]
    assert record_of(chain).arguments["modules"][0] is chain.steps[0]


def test_a_copy_has_a_record_of_its_own() -> None:
    chain = Chain(Affine(3, 2))
    twin = copy.deepcopy(chain)
    assert record_of(twin).arguments["modules"][0] is twin.steps[0]
    assert twin.steps[0] is not chain.steps[0]


def test_what_a_function_builds_bears_its_name() -> None:
    record = record_of(small(depth=1))
    assert (record.name, record.arguments) == ("toy/small", {"width": 3, "depth": 1})


def test_a_subclass_is_another_module() -> None:
    class Bigger(Affine):
        def __init__(self) -> None:
            super().__init__(3, 2)

    assert record_of(Bigger()) is None

    private = Registry()
    Named = private.register_layer("toy/Bigger", example=example(lambda: Bigger()))(Bigger)
    assert record_of(Named()).name == "toy/Bigger"
    assert record_of(Named()).arguments == {}


def test_an_inherited_constructor_is_recorded_for_the_subclass_alone() -> None:
    private = Registry()

    @private.register_layer("toy/Heir", example=example(lambda: Heir(3, 2)))
    class Heir(Affine):
        pass

    assert record_of(Heir(3, 2)).name == "toy/Heir"
    assert record_of(Affine(3, 2)).name == "toy/Affine"
    assert list(inspect.signature(Heir).parameters) == ["width", "out", "scale", "options"]


def test_wrong_arguments_are_refused_as_by_any_constructor() -> None:
    with pytest.raises(TypeError, match="missing a required argument: 'out'"):
        Affine(3)
    with pytest.raises(TypeError, match="unexpected keyword argument 'colour'"):
        Affine(3, 2, colour=1)


def test_foreign_modules_have_no_record() -> None:
    assert record_of(nn.Linear(2, 2)) is None
    compiled = torch.compile(Affine(3, 2), backend="eager")
    assert record_of(compiled) is None


def _plain(a, b=2, *, c, d=None): ...
def _only(a, /, b=2): ...
def _various(a, *rest, c=3, **more): ...


@pytest.mark.parametrize("function", [_plain, _only, _various])
@pytest.mark.parametrize(
    ("args", "kwargs"),
    [
        ((1,), {"c": 4}),
        ((1, 5), {"d": 6, "c": 4}),
        ((), {"c": 4, "a": 1, "b": torch.ones(2)}),
        ((torch.ones(2),), {}),
        ((1, 2, 3), {"c": 4}),
        ((1,), {"a": 1, "c": 4}),
        ((), {"c": 4}),
        ((1,), {"c": 4, "e": 5}),
        ((), {}),
    ],
)
def test_arguments_are_bound_as_python_binds_them(function, args, kwargs) -> None:
    try:
        bound = inspect.signature(function).bind(*args, **kwargs)
    except TypeError as error:
        with pytest.raises(TypeError, match=f"^{re.escape(str(error))}$"):
            _Binder(function)(args, kwargs)
        return
    bound.apply_defaults()
    found = _Binder(function)(args, kwargs)
    assert list(found) == list(bound.arguments)
    for name, value in bound.arguments.items():
        assert found[name] is value or found[name] == value
