"""Pointwise functions of what the group permutes, and what to use instead elsewhere."""

import pytest

import geomdl
from geomdl import Field, Vector
from geomdl.steerable import Pointwise
from tests.steerable.nonlinearities import fibre_error


def test_trivial_irreps_are_permutations_too() -> None:
    for group, label in (("SO2", 0), ("O3", (0, 1)), ("O", "A1")):
        G = geomdl.group(group)
        layer = Pointwise(Field(Vector(), 2 * G.irrep(label) + G.trivial), "elu")
        assert fibre_error(layer) <= 1e-15


@pytest.mark.parametrize(("group", "label"), [("O2", (1, 0)), ("SO3", 1), ("D4", (1, 0))])
def test_the_refusal_names_what_to_use_instead(group: str, label: object) -> None:
    G = geomdl.group(group)
    layers = "NormNonlinearity, GatedNonlinearity or FourierPointwise"
    with pytest.raises(ValueError, match=rf"^source: a pointwise relu needs .* {layers}\), got ir"):
        Pointwise(Field(Vector(), G.trivial + G.irrep(label)))
