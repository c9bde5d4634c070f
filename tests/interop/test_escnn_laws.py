"""The bridge's own layers obey the laws."""

import pytest

from geomdl.interop import escnn
from geomdl.registry import LAWS, default
from tests.laws.cases import case
from tests.laws.laws import check

OWN = ["escnn/Mask", "escnn/SampledPointwise"]


def test_both_are_registered() -> None:
    assert escnn.__all__ == ["convert"]
    assert default.list_layers("escnn/*") == OWN


@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize("name", OWN)
def test_law(name: str, law: str) -> None:
    check(law, case(name, default))
