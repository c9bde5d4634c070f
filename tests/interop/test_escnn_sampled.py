"""Functions of given samples."""

import pytest
import torch

import geomdl
from geomdl import Field, Grid, Vector
from geomdl.interop.escnn.sampled import SampledPointwise
from geomdl.steerable.fourier import FourierPointwise
from geomdl.steerable.plain import to_plain

SO2 = geomdl.group("SO2")


@pytest.mark.parametrize("domain", [Vector(), Grid(2)])
def test_our_own_samples_give_our_own_layer(domain: Grid | Vector) -> None:
    field = Field(domain, 3 * SO2.bandlimited(2))
    ours = FourierPointwise(field, "elu", samples=8)
    given = SampledPointwise(field, field, copies=3, points=8, function="elu")
    given.evaluate.copy_(ours.evaluate)
    given.project.copy_(ours.project)
    x = torch.randn(2, 15, *(3, 3) * isinstance(domain, Grid))
    assert (given(x) - ours(x)).abs().max() <= 1e-6
    assert (to_plain(given)(x) - given(x)).abs().max() <= 1e-6
    given.evaluate[0, 0] += 0.1
    assert (given(x) - ours(x)).abs().max() > 1e-3


def test_samples_are_part_of_the_state() -> None:
    field = Field(Vector(), SO2.bandlimited(1))
    assert set(SampledPointwise(field, field, 1, 5).state_dict()) == {"evaluate", "project"}


def test_refusals() -> None:
    field = Field(Vector(), SO2.bandlimited(1))
    with pytest.raises(ValueError, match="copies: the channels of source should fall"):
        SampledPointwise(field, field, copies=2, points=5)
    with pytest.raises(ValueError, match="function: should be one of relu"):
        SampledPointwise(field, field, 1, 5, function="sine")
    other = Field(Vector(), geomdl.group("O2").trivial)
    with pytest.raises(ValueError, match="target: should be a field of SO2"):
        SampledPointwise(field, other, 1, 5)
    with pytest.raises(ValueError, match=r"x: should be floating point, got torch\.int64"):
        SampledPointwise(field, field, 1, 5)(torch.zeros(1, 3, dtype=torch.int64))
