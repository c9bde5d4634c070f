"""All other layers: the same outputs, and a clear refusal of what has no counterpart."""

from types import ModuleType
from typing import Any

import pytest
import torch

from geomdl.interop.escnn import convert
from tests.peers.escnn_cases import (
    Build,
    fields,
    gap,
    images,
    permutations,
    randomize,
    sabotaged_gap,
    space,
    theirs,
)

pytestmark = pytest.mark.peers

POINTWISE: dict[str, Build] = {
    "ReLU": lambda n, t: n.ReLU(t, inplace=True),
    "ELU": lambda n, t: n.ELU(t),
    "LeakyReLU": lambda n, t: n.LeakyReLU(t),
    "tanh": lambda n, t: n.PointwiseNonLinearity(t, "p_tanh"),
    "sigmoid": lambda n, t: n.PointwiseNonLinearity(t, "p_sigmoid"),
    "Concatenated": lambda n, t: n.ConcatenatedNonLinearity(t),
    "InnerBatchNorm": lambda n, t: n.InnerBatchNorm(t, eps=1e-3, momentum=0.2),
    "InnerBatchNorm, not affine": lambda n, t: n.InnerBatchNorm(t, affine=False),
    "IIDBatchNorm2d": lambda n, t: n.IIDBatchNorm2d(t),
    "PointwiseMaxPool2D": lambda n, t: n.PointwiseMaxPool2D(t, 3, 2, padding=1),
    "PointwiseMaxPool2D, ceil": lambda n, t: n.PointwiseMaxPool2D(t, 3, 2, ceil_mode=True),
    "PointwiseMaxPoolAntialiased2D": lambda n, t: n.PointwiseMaxPoolAntialiased2D(t, 3, 2, 1),
    "PointwiseAvgPool2D": lambda n, t: n.PointwiseAvgPool2D(t, 3, 2, padding=1),
    "PointwiseAvgPoolAntialiased2D": lambda n, t: n.PointwiseAvgPoolAntialiased2D(t, 0.66, 2),
    "PointwiseAdaptiveAvgPool2D": lambda n, t: n.PointwiseAdaptiveAvgPool2D(t, 4),
    "PointwiseAdaptiveMaxPool2D": lambda n, t: n.PointwiseAdaptiveMaxPool2D(t, 5),
    "GroupPooling": lambda n, t: n.GroupPooling(t),
    "PointwiseDropout": lambda n, t: n.PointwiseDropout(t, 0.3),
    "FieldDropout": lambda n, t: n.FieldDropout(t, 0.3),
    "R2Upsampling": lambda n, t: n.R2Upsampling(t, 2),
    "R2Upsampling, nearest": lambda n, t: n.R2Upsampling(t, 3, mode="nearest"),
    "DisentangleModule": lambda n, t: n.DisentangleModule(t),
    "ReshuffleModule": lambda n, t: n.ReshuffleModule(t, list(range(len(t)))[::-1]),
    "IdentityModule": lambda n, t: n.IdentityModule(t),
    "MaskModule": lambda n, t: n.MaskModule(t, 11, margin=5, sigma=1.5),
    "MaskModule, steep": lambda n, t: n.MaskModule(t, 11, sigma=0.1),
}
"""For fields of permutations, at 11 pixels."""

VECTORS: dict[str, Build] = {
    "NormNonLinearity": lambda n, t: n.NormNonLinearity(t),
    "NormNonLinearity, sigmoid": lambda n, t: n.NormNonLinearity(t, "n_sigmoid"),
    "NormNonLinearity, no bias": lambda n, t: n.NormNonLinearity(t, "n_softplus", bias=False),
    "NormBatchNorm": lambda n, t: n.NormBatchNorm(t),
    "IIDBatchNorm2d": lambda n, t: n.IIDBatchNorm2d(t, affine=False),
    "GNormBatchNorm": lambda n, t: n.SequentialModule(
        n.DisentangleModule(t), n.GNormBatchNorm(n.DisentangleModule(t).out_type)
    ),
    "NormPool": lambda n, t: n.NormPool(t),
    "NormMaxPool": lambda n, t: n.NormMaxPool(t, 3, 2),
    "PointwiseAvgPoolAntialiased2D": lambda n, t: n.PointwiseAvgPoolAntialiased2D(t, 0.8, 1),
    "DisentangleModule": lambda n, t: n.DisentangleModule(t),
}
"""For fields without trivial parts, at 11 pixels."""


def vectors(escnn: ModuleType, name: str) -> Any:
    """Fields of vectors of unlike sizes, alternating, one of them a sum."""
    gspace = space(escnn, name)
    irreps = [r for r in gspace.fibergroup.irreps() if not r.is_trivial()]
    return escnn.nn.FieldType(gspace, [irreps[-1], irreps[1], irreps[0] + irreps[1], irreps[-1]])


@pytest.mark.parametrize("layer", POINTWISE)
@pytest.mark.parametrize("name", ["C8", "C16", "D4"])
def test_on_permutations(escnn: ModuleType, name: str, layer: str) -> None:
    assert gap(randomize(POINTWISE[layer](escnn.nn, permutations(escnn, name))), 11) <= 1e-5


@pytest.mark.parametrize("layer", VECTORS)
@pytest.mark.parametrize("name", ["C8", "C16", "D4", "SO2", "O2"])
def test_on_vectors(escnn: ModuleType, name: str, layer: str) -> None:
    assert gap(randomize(VECTORS[layer](escnn.nn, vectors(escnn, name))), 11) <= 1e-5


@pytest.mark.parametrize("layer", ["InnerBatchNorm", "NormNonLinearity", "NormBatchNorm"])
def test_a_changed_weight_shows(escnn: ModuleType, layer: str) -> None:
    build, kind = (VECTORS, vectors) if layer in VECTORS else (POINTWISE, permutations)
    module = randomize(build[layer](escnn.nn, kind(escnn, "C8")))
    assert sabotaged_gap(module, 11, convert(module)) > 1e-3


def test_norms_in_training(escnn: ModuleType) -> None:
    module = randomize(POINTWISE["InnerBatchNorm"](escnn.nn, permutations(escnn, "C8"))).train()
    ours = convert(module)
    x = images(module, 5)
    for _ in range(2):
        expected = theirs(module, x)
        assert (ours(x) - expected).abs().max() <= 1e-5 * expected.abs().max()
    assert (ours.eval()(x) - theirs(module.eval(), x)).abs().max() <= 1e-5


SPATIAL: dict[str, Build] = {
    "PointwiseMaxPool3D": lambda n, t: n.PointwiseMaxPool3D(t, 3, 2),
    "PointwiseMaxPoolAntialiased3D": lambda n, t: n.PointwiseMaxPoolAntialiased3D(t, 3, 2),
    "PointwiseAvgPool3D": lambda n, t: n.PointwiseAvgPool3D(t, 3, 2),
    "PointwiseAvgPoolAntialiased3D": lambda n, t: n.PointwiseAvgPoolAntialiased3D(t, 0.66, 2),
    "R3ConvTransposed": lambda n, t: n.R3ConvTransposed(t, t, 3, stride=2),
    "R3Upsampling": lambda n, t: n.R3Upsampling(t, 2),
    "InnerBatchNorm": lambda n, t: n.InnerBatchNorm(t),
    "IIDBatchNorm3d": lambda n, t: n.IIDBatchNorm3d(t),
    "GroupPooling": lambda n, t: n.GroupPooling(t),
}


@pytest.mark.parametrize("layer", SPATIAL)
@pytest.mark.parametrize("name", ["C4 in space", "D4 in space"])
def test_in_space(escnn: ModuleType, name: str, layer: str) -> None:
    module = randomize(SPATIAL[layer](escnn.nn, fields(escnn, space(escnn, name), "regular")))
    assert gap(module, 5) <= 1e-5


RESTRICTIONS: list[tuple[str, Any]] = [
    ("C8", 4),
    ("C16", 4),
    ("D8", (None, 8)),
    ("D8", (0, 1)),
    ("D4", (1, 2)),
    ("SO2", 8),
    ("O2", (None, -1)),
    ("O2", (0.0, 4)),
    ("SO3", "octa"),
    ("SO3", (False, 4)),
]


@pytest.mark.parametrize(("name", "subgroup"), RESTRICTIONS)
def test_restriction(escnn: ModuleType, name: str, subgroup: Any) -> None:
    gspace = space(escnn, name)
    layer = {2: escnn.nn.R2Conv, 3: escnn.nn.R3Conv}[gspace.dimensionality]
    source = fields(escnn, gspace, "irreps")
    down = escnn.nn.RestrictionModule(source, subgroup)
    inner = fields(escnn, down.out_type.gspace, "irreps")
    first = randomize(layer(source, source, 3, initialize=False))
    second = randomize(layer(down.out_type, inner, 3, initialize=False))
    module = escnn.nn.SequentialModule(first, down, second).eval()
    ours = convert(module)
    assert ours.target.group.order == (None if subgroup == (None, -1) else inner.fibergroup.order())
    assert gap(module, 7, ours) <= 1e-5


def test_float64_is_kept(escnn: ModuleType) -> None:
    both = fields(escnn, space(escnn, "C8"), "mixed")
    module = randomize(escnn.nn.R2Conv(both, both, 5)).train().double().eval()
    try:
        ours = convert(module)
        assert {p.dtype for p in ours.parameters()} == {torch.float64}
        x = images(module, 7).double()
        assert (ours(x) - theirs(module, x)).abs().max() <= 1e-5
    finally:
        module.float()  # escnn's layers share the bases of their filters, in all of the process
