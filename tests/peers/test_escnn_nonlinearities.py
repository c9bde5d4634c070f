"""Gates, and functions of samples of functions on the group: the same outputs."""

from types import ModuleType

import pytest

from geomdl.interop.escnn import convert
from geomdl.interop.escnn.sampled import SampledPointwise
from geomdl.steerable import Conv
from geomdl.steerable.fourier import FourierPointwise
from tests.peers.escnn_cases import fields, gap, randomize, sabotaged_gap, space

pytestmark = pytest.mark.peers

GATES = {
    "in front": (["gate"] * 4 + ["gated"] * 4, "ttttabca"),
    "between": (["gate", "gated", "gated", "gate", "gated", "gate"], "tabtat"),
}


@pytest.mark.parametrize("how", GATES)
@pytest.mark.parametrize("name", ["C8", "C16", "D4", "O2", "O", "SO3"])
@pytest.mark.parametrize("behind_a_convolution", [False, True])
def test_gates(escnn: ModuleType, name: str, how: str, behind_a_convolution: bool) -> None:
    gspace = space(escnn, name)
    others = [r for r in gspace.fibergroup.irreps() if not r.is_trivial()]
    kinds = {"t": gspace.trivial_repr, "a": others[1], "b": others[0], "c": others[2 % len(others)]}
    gates, reps = GATES[how]
    source = escnn.nn.FieldType(gspace, [kinds[r] for r in reps])
    module = randomize(escnn.nn.GatedNonLinearity1(source, gates=gates))
    if behind_a_convolution:
        scalars = fields(escnn, gspace, "trivial", 2)
        layer = {2: escnn.nn.R2Conv, 3: escnn.nn.R3Conv}[gspace.dimensionality]
        first = randomize(layer(scalars, source, 5, bias=False, initialize=False))
        module = escnn.nn.SequentialModule(first, module).eval()
    ours = convert(module)
    assert len(ours) == 2  # the order and bias of the gates went into the convolution
    assert isinstance(ours[0], Conv)
    assert gap(module, 6, ours) <= 1e-5
    assert sabotaged_gap(module, 6, ours) > 1e-4


@pytest.mark.parametrize("normalize", [True, False])
@pytest.mark.parametrize("function", ["p_relu", "p_elu", "p_tanh"])
@pytest.mark.parametrize(
    ("name", "n"), [("C8", 8), ("C16", 16), ("D4", 4), ("SO2", 12), ("O2", 16)]
)
def test_fourier(escnn: ModuleType, name: str, n: int, function: str, normalize: bool) -> None:
    gspace = space(escnn, name)
    irreps = [r.id for r in list(gspace.fibergroup.irreps())[:4]]
    grid = {"type": "regular", "N": n}
    module = escnn.nn.FourierPointwise(
        gspace, 2, irreps, function=function, normalize=normalize, **grid
    )
    ours = convert(module.eval())
    assert any(isinstance(layer, FourierPointwise) for layer in ours)
    assert gap(module, 4, ours) <= 1e-5


@pytest.mark.parametrize("name", ["C8", "C16"])
def test_vector_fields(escnn: ModuleType, name: str) -> None:
    source = fields(escnn, space(escnn, name), "regular", 3)
    assert gap(escnn.nn.VectorFieldNonLinearity(source).eval(), 5) <= 1e-5


def test_samples_that_are_not_ours(escnn: ModuleType) -> None:
    n, rotations, turns = escnn.nn, space(escnn, "SO3"), space(escnn, "C8")
    low, high = [(0,), (1,)], [(0,), (1,), (2,)]
    sphere = (False, -1)
    modules = [
        n.FourierELU(rotations, 2, low, type="thomson", N=24),
        n.FourierPointwise(rotations, 1, low, type="rand", N=20, out_irreps=high),
        n.QuotientFourierELU(rotations, sphere, 3, high, type="thomson", N=30),
        n.FourierELU(turns, 1, low, type="regular", N=4),
    ]
    for module in modules:
        ours = convert(module.eval())
        assert isinstance(ours[0], SampledPointwise)
        assert gap(module, 4, ours) <= 1e-5
        ours[0].evaluate[0, 0] += 0.1
        assert gap(module, 4, ours) > 1e-4
