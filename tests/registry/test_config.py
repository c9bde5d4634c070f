import json
import math
import re
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from geomdl import fields, groups
from geomdl.registry import record_of
from geomdl.registry.config import decode, dtype_of, encode
from tests.registry.toys import Affine, Chain, registry, small


def through(value: Any) -> Any:
    """A value as an argument, to JSON text and back."""
    text = json.dumps(encode(Affine(3, 2, options=value)), allow_nan=False)
    return record_of(decode(json.loads(text), registry)).arguments["options"]


plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.tuples(inner, inner)
        | st.dictionaries(
            st.text(max_size=3) | st.sampled_from(["$module", "$"]), inner, max_size=3
        )
        | st.dictionaries(st.integers() | st.tuples(st.integers(), st.text()), inner, max_size=2)
    ),
    max_leaves=12,
)


@given(plain)
def test_plain_values_come_back_equal_and_of_the_same_type(value: Any) -> None:
    assert repr(through(value)) == repr(value)


def test_not_a_number_comes_back() -> None:
    assert math.isnan(through(math.nan))
    assert through([math.inf, -math.inf]) == [math.inf, -math.inf]


@pytest.mark.parametrize(
    "dtype",
    [torch.float64, torch.bfloat16, torch.int64, torch.bool, torch.complex64, torch.complex128],
)
def test_small_tensors_come_back_bit_for_bit(dtype: torch.dtype) -> None:
    value = torch.randn(2, 3, 1, generator=torch.Generator().manual_seed(0)).mul(100).to(dtype)
    if dtype.is_floating_point:
        value[0, 0, 0], value[1, 1, 0] = math.nan, math.inf
    again = through(value)
    assert again.dtype == dtype
    torch.testing.assert_close(again, value, rtol=0, atol=0, equal_nan=True)
    large = 2**53 + 1
    assert through(torch.tensor([large])).item() == large
    assert through(torch.zeros(0, 4, dtype=dtype)).shape == (0, 4)


def test_dtypes_sizes_and_generators_come_back() -> None:
    assert through(torch.bfloat16) == torch.bfloat16
    assert through(torch.Size([2, 3])) == (2, 3)
    rng = torch.Generator().manual_seed(7)
    assert torch.equal(torch.rand(3, generator=through(rng)), torch.rand(3, generator=rng))


def test_groups_representations_and_fields_come_back_equal() -> None:
    G = groups.group("D4")
    grid = fields.Field(fields.Grid(2), 2 * G.regular + G.trivial)
    values = {"group": G, "rep": G.standard @ G.regular, "field": grid, "domain": fields.Points(3)}
    assert through(values) == values
    assert through((groups.group("SO3").irrep(2), None)) == (groups.group("SO3").irrep(2), None)


def test_trees_come_back_with_their_sharing() -> None:
    shared = Affine(3, 3)
    chain = Chain(shared, Chain(small(), inner=shared), last=shared)
    tree = encode(chain)
    again = decode(json.loads(json.dumps(tree)), registry)
    assert encode(again) == tree
    assert again.steps[0] is again.steps[1].named["inner"] is again.named["last"]
    assert again.steps[0] is not again.steps[1].steps[0]
    assert record_of(again.steps[1].steps[0]).name == "toy/small"


def test_the_default_dtype_of_each_module_comes_back() -> None:
    torch.set_default_dtype(torch.float64)
    try:
        layer = Affine(3, 2)
    finally:
        torch.set_default_dtype(torch.float32)
    again = decode(encode(Chain(layer, Affine(2, 2))), registry)
    assert [step.weight.dtype for step in again.steps] == [torch.float64, torch.float32]
    assert torch.get_default_dtype() == torch.float32


@pytest.mark.parametrize(
    ("value", "kind"),
    [(torch.relu, "builtin_function_or_method"), (object(), "object"), ({1, 2}, "set")],
)
def test_an_argument_that_cannot_be_written_is_named(value: Any, kind: str) -> None:
    message = rf"^argument 'options' of toy/Affine: cannot be saved, got {kind}; saved are "
    with pytest.raises(ValueError, match=message):
        encode(Affine(3, 2, options=[value]))


def test_large_tensors_are_no_arguments() -> None:
    with pytest.raises(ValueError, match="cannot be saved, got Tensor"):
        encode(Affine(3, 2, options=torch.zeros(4097)))


def test_unregistered_modules_are_named() -> None:
    message = "expected a module built by a registered class or function, got Linear"
    with pytest.raises(ValueError, match="^model: " + message):
        encode(nn.Linear(2, 2))
    with pytest.raises(ValueError, match="^argument 'modules' of toy/Chain: " + message):
        encode(Chain(nn.Linear(2, 2)))


@pytest.mark.parametrize(
    ("tree", "message"),
    [
        (None, "config: expected a registered module, got None"),
        ({"$tuple": []}, "config: expected a registered module, got {'$tuple': []}"),
        ({"$module": 3, "arguments": {}}, "config: expected a name and its arguments, got"),
        ({"$module": "toy/small"}, "config: expected a name and its arguments, got"),
        ({"$module": "toy/smal", "arguments": {}}, "no model or layer 'toy/smal'; near ones: toy/"),
        ({"$module": "os/system", "arguments": {"x": 1}}, "no model or layer 'os/system'"),
        (
            {"$module": "toy/small", "arguments": {"width": {"$eval": "1"}}},
            "config: cannot be read, got {'$eval': '1'}",
        ),
        (
            {"$module": "toy/small", "arguments": {"width": {"$same": 4}}},
            "config: cannot be read, got {'$same': 4}",
        ),
        (
            {"$module": "toy/small", "arguments": {}, "default_dtype": "nn"},
            "config: expected the name of a dtype, got 'nn'",
        ),
    ],
)
def test_a_malformed_tree_is_refused(tree: Any, message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        decode(tree, registry)


def test_a_dtype_is_no_other_attribute_of_torch() -> None:
    assert dtype_of("float64") == torch.float64
    for name in ("load", "float65", 3, None):
        with pytest.raises(ValueError, match="expected the name of a dtype"):
            dtype_of(name)
