"""What has no counterpart is refused, and named."""

from types import ModuleType

import pytest
from torch import nn

from geomdl.interop.escnn import convert
from tests.peers.escnn_cases import Build, fields, permutations, space

pytestmark = pytest.mark.peers

REFUSED: dict[str, tuple[Build, str]] = {
    "alpha": (lambda n, t: n.ELU(t, alpha=0.5), "ELU should have alpha=1, got 0.5"),
    "momentum": (lambda n, t: n.InnerBatchNorm(t, momentum=None), "should have a momentum"),
    "statistics": (
        lambda n, t: n.InnerBatchNorm(t, track_running_stats=False),
        "should have track_running_stats=True",
    ),
    "dilation": (lambda n, t: n.PointwiseMaxPool2D(t, 3, dilation=2), "should have dilation=1"),
    "one size": (lambda n, t: n.PointwiseAvgPool2D(t, (3, 2)), "one kernel_size for all axes"),
    "corners": (lambda n, t: n.R2Upsampling(t, 2, align_corners=True), "align_corners=False"),
    "size": (lambda n, t: n.R2Upsampling(t, size=9), "a whole scale_factor, got None"),
    "sums": (lambda n, t: n.GNormBatchNorm(t), "GNormBatchNorm should have fields of one irrep"),
    "squash": (
        lambda n, t: n.NormNonLinearity(t, "squash", bias=False),
        "NormNonLinearity has a function without a counterpart",
    ),
    "inputs": (
        lambda n, t: n.GatedNonLinearity2((t.index_select([0]), t.index_select([1]))),
        "GatedNonLinearity2 takes several inputs",
    ),
}


@pytest.mark.parametrize("what", REFUSED)
def test_refusals(escnn: ModuleType, what: str) -> None:
    build, message = REFUSED[what]
    with pytest.raises(ValueError, match=message) as caught:
        convert(build(escnn.nn, permutations(escnn, "C4")))
    assert "\n" not in str(caught.value)


def test_a_layer_without_a_counterpart_is_named(escnn: ModuleType) -> None:
    own = type("MyLayer", (escnn.nn.IdentityModule,), {})
    module = own(fields(escnn, space(escnn, "C4"), "regular"))
    chain = escnn.nn.SequentialModule(escnn.nn.ReLU(module.in_type), module)
    with pytest.raises(
        ValueError, match="module: MyLayer has no counterpart; replace it"
    ) as caught:
        convert(chain)
    assert "\n" not in str(caught.value)


def test_a_gated_scalar_is_refused(escnn: ModuleType) -> None:
    module = escnn.nn.GatedNonLinearity1(fields(escnn, space(escnn, "C4"), "trivial", 2))
    with pytest.raises(ValueError, match="gates a trivial field"):
        convert(module)


def test_other_modules_are_refused(escnn: ModuleType) -> None:
    with pytest.raises(TypeError, match=r"should be an escnn\.nn\.EquivariantModule, got Linear"):
        convert(nn.Linear(2, 2))
    own = type("ReLU", (escnn.nn.ReLU,), {})
    with pytest.raises(ValueError, match="ReLU has no counterpart"):
        convert(own(fields(escnn, space(escnn, "C4"), "regular")))
