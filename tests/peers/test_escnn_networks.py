"""Whole networks: converted, trained on, saved, and free of escnn."""

import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from torch import nn

import geomdl
from geomdl.interop.escnn import convert
from geomdl.steerable import to_plain
from tests.peers.escnn_cases import gap, images, sabotaged_gap, space, theirs

pytestmark = pytest.mark.peers


def published(escnn: ModuleType, widths: tuple[int, ...]) -> Any:
    """The C8 network of escnn's documentation for 29 × 29 pixels, as narrow as ``widths`` says."""
    n, gspace = escnn.nn, space(escnn, "C8")

    def regular(copies: int) -> Any:
        return n.FieldType(gspace, copies * [gspace.regular_repr])

    def block(source: Any, width: int, k: int, padding: int, *before: nn.Module) -> Any:
        target = regular(width)
        conv = n.R2Conv(source, target, k, padding=padding, bias=False)
        return n.SequentialModule(*before, conv, n.InnerBatchNorm(target), n.ReLU(target, True))

    image = n.FieldType(gspace, [gspace.trivial_repr])
    kernels, paddings = (7, 5, 5, 5, 5, 5), (1, 2, 2, 2, 2, 1)
    layers, source = [], image
    for i, (width, k, padding) in enumerate(zip(widths, kernels, paddings, strict=True)):
        mask = [n.MaskModule(image, 29, margin=1)] if i == 0 else []
        layers.append(block(source, width, k, padding, *mask))
        source = layers[-1].out_type
        if i in (1, 3):
            pool = n.PointwiseAvgPoolAntialiased(source, sigma=0.66, stride=2)
            layers.append(n.SequentialModule(pool))
    layers.append(n.PointwiseAvgPoolAntialiased(source, sigma=0.66, stride=1, padding=0))
    return n.SequentialModule(*layers, n.GroupPooling(source))


def restricted(escnn: ModuleType) -> Any:
    """D8 that becomes C4 on the way, with strides and reflections at the border."""
    n, gspace = escnn.nn, space(escnn, "D8")
    image = n.FieldType(gspace, [gspace.trivial_repr])
    one = n.FieldType(gspace, 2 * [gspace.regular_repr])
    down = n.RestrictionModule(one, (None, 4))
    small = down.out_type.gspace
    two = n.FieldType(small, 2 * [small.regular_repr] + [small.irrep(1)])
    norm = n.FieldType(small, 3 * [small.irrep(1)])
    return n.SequentialModule(
        n.R2Conv(image, one, 5, padding=2, padding_mode="reflect"),
        n.IIDBatchNorm2d(one),
        n.ELU(one),
        n.PointwiseMaxPoolAntialiased2D(one, 3, stride=2),
        down,
        n.R2Conv(down.out_type, two, 3, stride=2, padding=1),
        n.R2Conv(two, norm, 3, padding=1),
        n.NormNonLinearity(norm),
        n.NormPool(norm),
    )


def continuous(escnn: ModuleType) -> Any:
    """O2 with gates, functions on the group, up-sampling and transposed convolutions."""
    n, gspace = escnn.nn, space(escnn, "O2")
    image = n.FieldType(gspace, 2 * [gspace.trivial_repr])
    vectors = [gspace.irrep(1, 1), gspace.irrep(1, 2), gspace.irrep(1, 0)]
    gated = n.FieldType(gspace, 3 * [gspace.trivial_repr] + vectors)
    fourier = n.FourierELU(gspace, 2, [(0, 0), (1, 1), (1, 2)], type="regular", N=16)
    gate = n.GatedNonLinearity1(gated)
    return n.SequentialModule(
        n.R2Conv(image, gated, 5, padding=2),
        gate,
        n.R2Upsampling(gate.out_type, 2),
        n.R2Conv(gate.out_type, fourier.in_type, 5),
        fourier,
        n.DisentangleModule(fourier.out_type),
        n.R2ConvTransposed(n.DisentangleModule(fourier.out_type).out_type, image, 3, stride=2),
    )


def spatial(escnn: ModuleType) -> Any:
    """Octahedral, in space."""
    n, gspace = escnn.nn, space(escnn, "O")
    image = n.FieldType(gspace, [gspace.trivial_repr])
    cube = n.FieldType(gspace, [gspace.fibergroup.cube_faces_representation])
    vectors = n.FieldType(gspace, [gspace.irrep(1), gspace.irrep(2)])
    gated = n.FieldType(gspace, 2 * [gspace.trivial_repr]) + vectors
    gate = n.GatedNonLinearity1(gated)
    return n.SequentialModule(
        n.R3Conv(image, cube, 3, padding=1),
        n.InnerBatchNorm(cube),
        n.ReLU(cube),
        n.PointwiseAvgPool3D(cube, 2),
        n.R3Conv(cube, gated, 3, padding=1),
        gate,
        n.R3Conv(vectors, image, 3),
    )


NETWORKS = {
    "published": (lambda escnn: published(escnn, (2, 3, 3, 4, 4, 3)), 29),
    "restricted": (restricted, 11),
    "continuous": (continuous, 7),
    "spatial": (spatial, 8),
}


@pytest.fixture(scope="module", params=NETWORKS)
def network(request: pytest.FixtureRequest, escnn: ModuleType) -> tuple[Any, int]:
    """A network with random weights that do not blow up, and the size of its images."""
    build, size = NETWORKS[request.param]
    torch.manual_seed(0)
    module = build(escnn)
    module.train()
    for _ in range(3):
        theirs(module, images(module, size, batch=3))  # running statistics
    return module.eval(), size


def test_outputs(network: tuple[Any, int]) -> None:
    module, size = network
    ours = convert(module)
    assert gap(module, size, ours) <= 1e-5
    assert sabotaged_gap(module, size, ours) > 1e-4


def test_plain_form_has_the_same_outputs(network: tuple[Any, int]) -> None:
    module, size = network
    plain = to_plain(convert(module))
    assert not [m for m in plain.modules() if type(m).__module__.startswith(("geomdl", "escnn"))]
    assert gap(module, size, plain) <= 1e-5


def test_nothing_of_escnn_is_left(network: tuple[Any, int], tmp_path: Path) -> None:
    module, size = network
    ours = convert(module)
    x = images(module, size)
    geomdl.save(ours, tmp_path / "network.safetensors")
    torch.save({"x": x, "y": ours(x).detach()}, tmp_path / "expected.pt")
    script = f"""
import sys, torch
import geomdl, geomdl.interop.escnn
model = geomdl.load({str(tmp_path / "network.safetensors")!r})
expected = torch.load({str(tmp_path / "expected.pt")!r})
assert torch.equal(model(expected["x"]), expected["y"])
assert not model.training
assert "escnn" not in sys.modules
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_quarter_turns_stay_exact(escnn: ModuleType) -> None:
    ours = convert(published(escnn, (2, 3, 3, 4, 4, 3)).eval())
    x = torch.randn(2, 1, 29, 29, generator=torch.Generator().manual_seed(3))
    with torch.no_grad():
        y, turned = ours(x), ours(x.rot90(1, (-2, -1)))
    assert (turned - y).abs().max() <= 1e-5 * y.abs().max()
    assert (ours(x.roll(3, -1)) - y).abs().max() > 1e-3 * y.abs().max()


@pytest.mark.parametrize("name", ["published", "spatial"])
def test_training_goes_on_alike(escnn: ModuleType, name: str) -> None:
    build, size = NETWORKS[name]
    torch.manual_seed(0)
    module = build(escnn).train()
    ours = convert(module)
    assert ours.training
    x = images(module, size, batch=4)
    expected = theirs(module, x)
    assert (ours(x) - expected).abs().max() <= 1e-5 * expected.abs().max()
    optimiser = torch.optim.SGD([p for p in ours.parameters() if p.requires_grad], lr=1e-2)
    losses = []
    for _ in range(4):
        loss = ours(x).square().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0]
