"""Geometric deep learning in PyTorch: name the symmetry, get the network, and a certificate.

Everything listed in `__all__` is imported on first use, so that `import geomdl` costs hardly more
than `import torch`. The names are those of the packages they live in: `geomdl.Field` is
`geomdl.fields.Field`.

Example:
    >>> import geomdl
    >>> geomdl.group("D4").order
    8
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from geomdl import (
        auditing,
        bench,
        claims,
        cli,
        data,
        euclidean,
        expressivity,
        fields,
        generalization,
        groups,
        interop,
        kernels,
        linear,
        permutation,
        registry,
        scattering,
        steerable,
        symmetrization,
        training,
        translation,
    )
    from geomdl.auditing.audit import audit  # where it is defined: the module has its name
    from geomdl.auditing.certificate import Audit
    from geomdl.auditing.lie import lie_derivative
    from geomdl.fields import Field, Graph, Grid, Nodes, Points, Vector, act
    from geomdl.groups import (
        Group,
        Rep,
        clebsch_gordan,
        group,
        intertwiner_operator,
        intertwiners,
        isomorphic,
    )
    from geomdl.registry import (
        create_model,
        list_models,
        load,
        register_layer,
        register_model,
        save,
    )
    from geomdl.symmetrization import discover, relaxed, symmetrize

__version__ = "0.1.0"

__all__ = [
    "Audit",
    "Field",
    "Graph",
    "Grid",
    "Group",
    "Nodes",
    "Points",
    "Rep",
    "Vector",
    "act",
    "audit",
    "auditing",
    "bench",
    "claims",
    "clebsch_gordan",
    "cli",
    "create_model",
    "data",
    "discover",
    "euclidean",
    "expressivity",
    "fields",
    "generalization",
    "group",
    "groups",
    "interop",
    "intertwiner_operator",
    "intertwiners",
    "isomorphic",
    "kernels",
    "lie_derivative",
    "linear",
    "list_models",
    "load",
    "permutation",
    "register_layer",
    "register_model",
    "registry",
    "relaxed",
    "save",
    "scattering",
    "steerable",
    "symmetrization",
    "symmetrize",
    "training",
    "translation",
]

# A package never bears the name of a function here: hence `groups`, `auditing`.
_HOME = {
    "auditing": ("Audit", "audit", "lie_derivative"),
    "fields": ("Field", "Graph", "Grid", "Nodes", "Points", "Vector", "act"),
    "groups": (
        "Group",
        "Rep",
        "clebsch_gordan",
        "group",
        "intertwiner_operator",
        "intertwiners",
        "isomorphic",
    ),
    "registry": (
        "create_model",
        "list_models",
        "load",
        "register_layer",
        "register_model",
        "save",
    ),
    "symmetrization": ("discover", "relaxed", "symmetrize"),
}
_HOME_OF = {name: package for package, names in _HOME.items() for name in names}

if not TYPE_CHECKING:  # a type checker must see the names above, and nothing else

    def __getattr__(name: str) -> object:
        """Import a public name on first use and keep it."""
        if name in _HOME_OF:
            value = getattr(import_module(f"geomdl.{_HOME_OF[name]}"), name)
        elif name in __all__:
            value = import_module(f"geomdl.{name}")
        else:
            raise AttributeError(f"module 'geomdl' has no attribute {name!r}")
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    """List the public names, imported already or not."""
    return sorted({*globals(), *__all__})
