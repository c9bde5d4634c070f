"""Every registered layer and model × every law (see design.md, idea 3)."""

import pytest

from geomdl.registry import Registry
from tests.laws.cases import case
from tests.laws.laws import check


def test_law(name: str, law: str, registry: Registry) -> None:
    check(law, case(name, registry))


def test_a_refused_law_is_really_broken(name: str, refused_law: str, registry: Registry) -> None:
    """A refusal that is no longer true must go."""
    with pytest.raises(AssertionError, match=f"^{name} breaks the law of {refused_law}: "):
        check(refused_law, case(name, registry))
