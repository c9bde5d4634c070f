"""Potentials by name: "potential/NequIP" builds a `Potential` of a `NequIP`, and so on."""

import inspect
from typing import Any

from geomdl.euclidean.atoms import AtomicModel
from geomdl.euclidean.egnn import EGNN
from geomdl.euclidean.equiformer import Equiformer
from geomdl.euclidean.mace import MACE
from geomdl.euclidean.nequip import NequIP
from geomdl.euclidean.painn import PaiNN
from geomdl.euclidean.potential import REFUSED, Potential, small_crystals
from geomdl.euclidean.schnet import SchNet
from geomdl.registry import Example, default, record_of, register_model

_FIXED = ("outputs", "head")


def register_potential(model: type[AtomicModel]) -> None:
    """Register "potential/Name" beside "euclidean/Name", without `outputs` and `head`.

    Args:
        model: a class that is registered as "euclidean/Name".
    """
    name = model.__name__
    signature = inspect.signature(model)
    kept = [p for p in signature.parameters.values() if p.name not in _FIXED]

    def build(*args: Any, **kwargs: Any) -> Potential:
        return Potential(model(*args, **kwargs))

    build.__name__ = build.__qualname__ = f"{name}Potential"
    build.__doc__ = f"Energy, forces and stress of {name}.\n\n{inspect.getdoc(model)}"
    build.__signature__ = signature.replace(  # type: ignore[attr-defined]
        parameters=kept, return_annotation=Potential
    )

    def small() -> Any:
        record = record_of(default.example(f"euclidean/{name}").build())
        assert record is not None
        chosen = {key: value for key, value in record.arguments.items() if key not in _FIXED}
        return default.create_model(f"potential/{name}", **chosen)

    # derivatives of forces; the second ones are checked of euclidean/Potential
    example = Example(small, small_crystals, refuses=REFUSED, tol=1e-10)
    register_model(f"potential/{name}", example=example)(build)


for _model in (EGNN, Equiformer, MACE, NequIP, PaiNN, SchNet):
    register_potential(_model)
