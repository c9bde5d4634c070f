"""Write the golden checkpoint of the present format version.

    python -m tests.registry.golden.make_golden

Run once for each format version, when it is introduced. Files of older versions are never written
again: they must load for ever.
"""

from pathlib import Path

import torch

import geomdl
from geomdl.fields import Field, Grid
from geomdl.registry import save
from geomdl.registry.migrations import FORMAT
from tests.registry.toys import Affine, Chain, Tied, Waves, registry, small

FOLDER = Path(__file__).parent


def golden() -> Chain:
    """A tree with everything the format knows, its parameters 0, 1, 2, … in order."""
    G = geomdl.group("D4")
    options = {
        "plain": (1, [None, True, float("inf")]),
        "field": Field(Grid(2, periodic=True), 2 * G.regular + G.standard @ G.irrep((1, 2))),
        "groups": {G: geomdl.group("Z4x4 ⋊ D4"), 1: geomdl.group("O3").irrep((1, -1))},
        "tensor": torch.tensor([1.5, float("nan")], dtype=torch.bfloat16),
    }
    shared = Affine(3, 3, scale=0.5, options=options)
    model = Chain(shared, small(depth=1), Tied(3).double(), shared, last=Waves(3, torch.complex128))
    with torch.no_grad():
        for i, parameter in enumerate(model.parameters()):
            parameter.copy_(torch.arange(parameter.numel()).view_as(parameter) + i)
    shared.calls += 7
    shared.bias.requires_grad_(False)
    model.named["last"].eval()
    return model


if __name__ == "__main__":
    save(
        golden(),
        FOLDER / f"v{FORMAT}.safetensors",
        audit={"error": 1e-15},
        registry=registry,
    )
