"""Convolutions: the same outputs, and spaces of filters of the same dimension."""

from types import ModuleType
from typing import Any

import pytest
import torch
from torch import Tensor

from geomdl.interop.escnn import convert
from geomdl.interop.escnn.convolutions import rings_of
from geomdl.steerable import Conv
from geomdl.steerable.rings import Rings
from tests.peers.escnn_cases import fields, gap, randomize, sabotaged_gap, space

pytestmark = pytest.mark.peers

PLANE = [
    (name, kind, k)
    for name, kinds in {
        "C1": ["regular"],
        "C4": ["regular", "irreps", "quotient", "mixed"],
        "C8": ["regular", "irreps", "quotient", "mixed"],
        "C16": ["regular", "irreps", "quotient", "mixed"],
        "D1": ["regular"],
        "D4": ["regular", "irreps", "quotient", "mixed"],
        "D8": ["regular", "irreps", "quotient"],
        "D8 about x": ["regular", "irreps"],
        "D3 askew": ["regular", "irreps"],
        "SO2": ["irreps", "spectral"],
        "O2": ["irreps", "spectral"],
    }.items()
    for kind in kinds
    for k in (1, 3, 4, 5, 7)
]
SPATIAL = [
    (name, kind, k)
    for name, kind in [
        ("C4 in space", "regular"),
        ("D4 in space", "regular"),
        ("cone", "irreps"),
        ("SO2 in space", "irreps"),
        ("inversion", "regular"),
        ("O", "irreps"),
        ("Oh", "irreps"),
        ("I", "irreps"),
        ("SO3", "irreps"),
        ("O3", "irreps"),
    ]
    for k in (1, 3, 5)
]


def convolution(escnn: ModuleType, name: str, kind: str, k: int, **options: Any) -> Any:
    """A convolution between fields of one kind, with random weights and bias."""
    gspace = space(escnn, name)
    layer = {2: escnn.nn.R2Conv, 3: escnn.nn.R3Conv}[gspace.dimensionality]
    both = fields(escnn, gspace, kind, 2 if options.get("groups", 1) > 1 else 1)
    return randomize(layer(both, both, k, initialize=False, **options))


@pytest.mark.parametrize(("name", "kind", "k"), PLANE + SPATIAL)
def test_filters(escnn: ModuleType, name: str, kind: str, k: int) -> None:
    theirs = convolution(escnn, name, kind, k)
    ours = convert(theirs)
    (conv,) = ours
    assert isinstance(conv, Conv)
    assert conv.filters.n == theirs.basisexpansion.dimension()
    assert gap(theirs, max(k, 5), ours) <= 1e-5
    assert sabotaged_gap(theirs, max(k, 5), ours) > 1e-3


@pytest.mark.parametrize("kind", ["irreps", "regular"])
def test_octahedral_from_scalars(escnn: ModuleType, kind: str) -> None:
    gspace = space(escnn, "O")
    scalars, others = fields(escnn, gspace, "trivial", 2), fields(escnn, gspace, kind)
    up = randomize(escnn.nn.R3Conv(scalars, others, 3, initialize=False))
    down = randomize(escnn.nn.R3Conv(others, scalars, 3, initialize=False))
    assert gap(escnn.nn.SequentialModule(up, down).eval(), 5) <= 1e-5


@pytest.mark.parametrize(
    ("name", "k"),
    [*((name, k) for name in ("C4", "C8", "C16", "SO2") for k in (3, 5, 7)), ("O", 3), ("SO3", 5)],
)
def test_our_customary_rings_are_theirs(escnn: ModuleType, name: str, k: int) -> None:
    theirs = convolution(escnn, name, "irreps", k)
    default = Rings.default(k)
    (conv,) = convert(theirs)
    usual = Conv(conv.source, conv.target, k, radial="gaussian")
    assert usual.filters.n == theirs.basisexpansion.dimension()
    found = rings_of(theirs)
    assert found.radii == default.radii
    assert found.frequencies == default.frequencies
    assert found.widths == pytest.approx(default.widths)


@pytest.mark.parametrize("mode", ["zeros", "circular", "reflect", "replicate"])
@pytest.mark.parametrize(
    ("k", "options", "size"),
    [
        (3, {"padding": 1, "stride": 2}, 9),
        (3, {"padding": 2, "dilation": 2}, 9),
        (5, {"padding": 2, "groups": 2}, 9),
        (3, {"padding": 2, "dilation": 2, "stride": 2, "groups": 2, "bias": False}, 9),
    ],
)
@pytest.mark.parametrize("name", ["C8", "D4"])
def test_options(
    escnn: ModuleType, name: str, k: int, options: dict[str, Any], size: int, mode: str
) -> None:
    theirs = convolution(escnn, name, "mixed", k, padding_mode=mode, **options)
    assert gap(theirs, size) <= 1e-5


def test_padding_and_stride_in_space(escnn: ModuleType) -> None:
    theirs = convolution(escnn, "O", "irreps", 3, padding=1, stride=2, padding_mode="circular")
    assert gap(theirs, 5) <= 1e-5


@pytest.mark.parametrize(
    ("k", "options"),
    [
        (3, {}),
        (4, {"stride": 2, "padding": 1}),
        (3, {"stride": 2, "padding": 1, "dilation": 2}),
        (5, {"stride": 2, "groups": 2}),
    ],
)
@pytest.mark.parametrize("name", ["C8", "C16", "D4", "SO2"])
def test_transposed(escnn: ModuleType, name: str, k: int, options: dict[str, Any]) -> None:
    gspace = space(escnn, name)
    both = fields(escnn, gspace, "irreps", 2)
    theirs = randomize(escnn.nn.R2ConvTransposed(both, both, k, initialize=False, **options))
    ours = convert(theirs)
    assert gap(theirs, 6, ours) <= 1e-5
    assert sabotaged_gap(theirs, 6, ours) > 1e-3


def test_other_rings(escnn: ModuleType) -> None:
    chosen = {"rings": [0.5, 1.5, 2.2], "sigma": [0.4, 0.5, 0.6], "frequencies_cutoff": 1.4}
    theirs = convolution(escnn, "C8", "regular", 5, **chosen)
    assert rings_of(theirs).frequencies == (0, 2, 3)
    assert gap(theirs, 7) <= 1e-5


def test_a_filter_outside_of_our_space_is_refused(
    escnn: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    theirs = convolution(escnn, "C8", "regular", 3)
    weight, bias = theirs.expand_parameters()
    broken = weight.clone()
    broken[0, 0, 0, 0] += 0.1
    monkeypatch.setattr(theirs, "expand_parameters", lambda: (broken, bias))
    with pytest.raises(ValueError, match="of the filter of R2Conv is not in geomdl's space"):
        convert(theirs)


def test_training_takes_the_same_steps(escnn: ModuleType) -> None:
    theirs = convolution(escnn, "D4", "regular", 3, padding=1)
    theirs.train()
    ours = convert(theirs)
    assert ours.training
    x = torch.randn(2, 8, 5, 5, generator=torch.Generator().manual_seed(2))

    def gradient(y: Tensor) -> Tensor:
        (found,) = torch.autograd.grad(y.square().sum(), x)
        return found

    x.requires_grad_()
    expected = gradient(theirs(theirs.in_type(x)).tensor)
    assert (gradient(ours(x)) - expected).abs().max() <= 1e-5 * expected.abs().max()


def test_linear(escnn: ModuleType) -> None:
    gspace = escnn.gspaces.no_base_space(escnn.group.dihedral_group(4))
    source = escnn.nn.FieldType(gspace, [gspace.regular_repr, gspace.irrep(1, 1)])
    target = escnn.nn.FieldType(gspace, [gspace.irrep(1, 1), gspace.regular_repr])
    theirs = randomize(escnn.nn.Linear(source, target))
    ours = convert(theirs)
    assert gap(theirs, 0, ours) <= 1e-5
    assert sabotaged_gap(theirs, 0, ours) > 1e-3
