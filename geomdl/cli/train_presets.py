"""What a model is trained on, and what stands under the file and the command line for it."""

from typing import Any, Literal

Kind = Literal["samples", "frames", "molecules"]
POTENTIALS = "potential/"
SHORT: dict[str, tuple[Kind, dict[str, Any]]] = {  # in place of a model's name -> model
    "potential": (
        "frames",
        {"name": f"{POTENTIALS}NequIP", "lmax": 2, "channels": 16, "layers": 3, "radial": (32,)},
    ),
    "property": ("molecules", {"name": "euclidean/PaiNN"}),
}
UNDER: dict[Kind, dict[str, Any]] = {
    "samples": {},
    "frames": {
        "fit": {
            "epochs": 50,
            "batch_size": 5,
            "lr": 0.01,
            "weight_decay": 0.0,
            "ema": 0.99,
            "maximize": False,
        }
    },
    "molecules": {
        "data": {"name": "qm9"},
        "fit": {"epochs": 50, "batch_size": 50, "lr": 2e-3, "weight_decay": 1e-4, "clip": 10.0},
    },
}


def kind_of(what: str) -> Kind:
    """What a model is trained on.

    Args:
        what: a registered name, "potential" or "property".

    Returns:
        "frames" of potentials (energies and forces), "molecules" of other models of atoms
        (properties), "samples" of all others.

    Raises:
        ValueError: an unknown name; near ones are named.

    Example:
        >>> kind_of("potential/NequIP"), kind_of("euclidean/NequIP"), kind_of("translation/mlp")
        ('frames', 'molecules', 'samples')
    """
    from geomdl.euclidean.atoms import AtomicModel
    from geomdl.registry import default

    if what in SHORT:
        return SHORT[what][0]
    factory = default[what].factory
    if what.startswith(POTENTIALS):
        return "frames"
    atomic = isinstance(factory, type) and issubclass(factory, AtomicModel)
    return "molecules" if atomic else "samples"


def preset(what: str) -> dict[str, Any]:
    """What stands under the file and the command line.

    Args:
        what: as for `kind_of`.

    Returns:
        A tree of keys; with a model for "potential", a small NequIP, and "property", a PaiNN.

    Raises:
        ValueError: as `kind_of`.

    Example:
        >>> preset("potential")["model"]["name"], preset("translation/mlp")
        ('potential/NequIP', {})
    """
    under = UNDER[kind_of(what)]
    return {"model": SHORT[what][1], **under} if what in SHORT else under
