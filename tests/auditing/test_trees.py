from dataclasses import dataclass
from typing import NamedTuple

import pytest
import torch

import geomdl
from geomdl import Field, Vector
from geomdl.auditing.trees import arguments, cast, leaves, same, transform

FIELD = Field(Vector(), geomdl.group("C4").trivial)


class Pair(NamedTuple):
    energy: torch.Tensor
    forces: torch.Tensor | None


@dataclass
class Output:
    energy: torch.Tensor
    other: str = "kept"


def one(value: float) -> torch.Tensor:
    return torch.full((2, 1), value)


def test_arguments_are_named_in_order() -> None:
    source = {"a": FIELD, "b": None, "c": FIELD}
    assert [name for name, _ in arguments(source, (1, 2, 3))] == ["a", "b", "c"]
    assert arguments(source, (1, 2)) == (("a", FIELD), ("b", None))  # the last one is optional
    assert arguments((FIELD, None), (1, 2)) == (("input 0", FIELD), ("input 1", None))
    assert arguments(FIELD, (1,)) == (("x", FIELD),)
    for wrong, given in ((source, (1,) * 4), (source, ()), ((FIELD, None), (1,)), (FIELD, (1, 2))):
        with pytest.raises(ValueError, match=r"^inputs: source names \d"):
            arguments(wrong, given)


def test_transform_keeps_containers() -> None:
    type_ = {"energy": FIELD, "forces": FIELD}
    double = lambda path, field, x: 2 * x  # noqa: E731
    pair = transform(type_, Pair(one(1), None), double)
    assert isinstance(pair, Pair)
    assert torch.equal(pair.energy, one(2))
    assert pair.forces is None
    output = transform({"energy": FIELD}, Output(one(1)), double)
    assert output == Output(output.energy)
    assert torch.equal(output.energy, one(2))
    mapping = transform({"energy": FIELD}, {"energy": one(1), "more": 5}, double)
    assert mapping["more"] == 5
    assert torch.equal(mapping["energy"], one(2))
    listed = transform((FIELD, FIELD), [one(1), one(3)], double)
    assert isinstance(listed, list)
    named = transform(type_, (one(1), one(2)), double)
    assert isinstance(named, tuple)
    nested = transform({"a": (FIELD, {"b": None})}, {"a": (one(1), {"b": {"c": one(4)}})}, double)
    assert torch.equal(nested["a"][1]["b"]["c"], one(8))


def test_leaves_have_paths_and_fields() -> None:
    found = leaves({"a": (FIELD, None)}, {"a": (one(1), [one(2), one(3)])})
    assert [(leaf.path, leaf.field) for leaf in found] == [
        ("a.0", FIELD), ("a.1", None), ("a.1", None),
    ]  # fmt: skip
    assert leaves(FIELD, one(1))[0].path == "output"


def test_wrong_structures_are_refused() -> None:
    with pytest.raises(ValueError, match=r"^value: expected a, b, missing b$"):
        leaves({"a": FIELD, "b": FIELD}, {"a": one(1)})
    with pytest.raises(ValueError, match=r"^value: expected a, got Tensor$"):
        leaves({"a": FIELD}, one(1))
    with pytest.raises(ValueError, match=r"^value: expected 2 values, got tuple of 3$"):
        leaves((FIELD, FIELD), (one(1), one(2), one(3)))
    with pytest.raises(ValueError, match=r"^a: expected 1 values, got Tensor$"):
        leaves({"a": (FIELD,)}, {"a": one(1)})


def test_cast_keeps_the_kind() -> None:
    assert cast(torch.ones(2), torch.float64).dtype == torch.float64
    assert cast(torch.ones(2, dtype=torch.complex64), torch.float64).dtype == torch.complex128
    assert cast(torch.ones(2, dtype=torch.int32), torch.float64).dtype == torch.int32
    assert cast("text", torch.float64) == "text"


def test_same() -> None:
    x = torch.tensor([1.0, 1e6])
    assert same(x, x + torch.tensor([0.5, 0.0]))
    assert not same(x, x + torch.tensor([5.0, 0.0]))
    assert not same(x, x * torch.nan)
    assert not same(x, x[:1])
    assert not same(x.long(), x.long() + 1)
    assert same(torch.zeros(0), torch.zeros(0))
    assert same("a", "a")
    assert not same("a", "b")
