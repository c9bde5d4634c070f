"""Each law is itself tested: modules that break it must fail it, and say why."""

import re

import pytest

from geomdl.registry import LAWS
from tests.laws import graph_saboteurs  # noqa: F401  # registers them
from tests.laws.cases import make_case
from tests.laws.laws import check
from tests.laws.saboteurs import SABOTEURS, registry
from tests.laws.toys import registry as toys


def test_every_law_has_a_saboteur() -> None:
    assert {saboteur.law for saboteur in SABOTEURS.values()} == set(LAWS)


@pytest.mark.parametrize("name", SABOTEURS)
def test_a_saboteur_fails_its_law(name: str) -> None:
    saboteur = SABOTEURS[name]
    case = make_case(f"sabotage/{name}", registry, saboteur.example)
    with pytest.raises(AssertionError, match=re.escape(saboteur.message)) as caught:
        check(saboteur.law, case)
    assert str(caught.value).startswith(f"sabotage/{name} breaks the law of {saboteur.law}: ")


@pytest.mark.parametrize("name", ["toy/Circulant", "toy/Neighbours"])
@pytest.mark.parametrize("law", LAWS)
def test_the_honest_twins_pass(name: str, law: str) -> None:
    check(law, make_case(name, toys, toys.example(name)))
