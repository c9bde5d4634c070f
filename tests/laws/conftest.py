"""Parametrise tests over names × laws, from the library's registry and from the toys'."""

import pytest

from geomdl.registry import LAWS, default
from tests.laws import toys


def traced(name: str, law: str) -> bool:
    """Whether a law traces what others have traced in its parts, which takes longest.

    Potentials are `euclidean/Potential`, under all laws, around models that are under all of them;
    compiled and exported is one of them whole. Of models that differ in their size alone, it is the
    smaller one.
    """
    wrapped = name.startswith("potential/") and name != "potential/NequIP"
    smaller = name.removesuffix("_medium") + "_small"
    larger = name.endswith("_medium") and smaller in default.list_models()
    return (wrapped or larger) and law in ("compile", "export")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if not {"name", "registry"} <= set(metafunc.fixturenames):
        return
    names = [
        (name, registry)
        for registry in (toys.registry, default)
        for name in [*registry.list_layers(), *registry.list_models()]
    ]
    for column, refused in (("law", False), ("refused_law", True)):
        if column in metafunc.fixturenames:
            rows = [
                pytest.param(name, registry, law, id=f"{name}-{law}")
                for name, registry in names
                for law in LAWS
                if (law in registry.example(name).refuses) == refused and not traced(name, law)
            ]
            metafunc.parametrize(("name", "registry", column), rows)
            return
    rows = [pytest.param(name, registry, id=name) for name, registry in names]
    metafunc.parametrize(("name", "registry"), rows)
