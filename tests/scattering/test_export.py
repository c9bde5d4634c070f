"""Every transform exports with a batch of any size, and compiles as one graph."""

import pytest
import torch
from torch import Tensor
from torch.export import Dim
from torch.utils._pytree import tree_leaves

from geomdl.scattering import (
    HarmonicScattering3D,
    RotoTranslationScattering,
    Scattering1D,
    Scattering2D,
    ScatteringSpectra,
    TimeFrequencyScattering,
)
from tests.scattering.oracle import noise

CASES = {
    "signals": (lambda: Scattering1D(3, 64, Q=2), (64,)),
    "signals, moduli": (lambda: Scattering1D(3, 64, average=False, out="list"), (64,)),
    "signals, global": (lambda: Scattering1D(3, 64, T="global"), (64,)),
    "signals, complex": (lambda: Scattering1D(3, 64, complex_input=True), (64,)),
    "signals, learnable": (lambda: Scattering1D(3, 64, learnable=True), (64,)),
    "signals, channels": (lambda: Scattering1D(3, 64, channels=2), (2, 64)),
    "images": (lambda: Scattering2D(2, (16, 12), L=2), (16, 12)),
    "images, tight": (lambda: Scattering2D(2, (16, 12), L=2, frame="tight"), (16, 12)),
    "images, complex": (lambda: Scattering2D(2, (16, 12), L=2, complex_input=True), (16, 12)),
    "images, learnable": (lambda: Scattering2D(2, (16, 16), L=2, learnable=True), (16, 16)),
    "time and frequency": (lambda: TimeFrequencyScattering(3, 64, Q=2, J_fr=1), (64,)),
    "rotations": (lambda: RotoTranslationScattering(2, (9, 9), L=2), (1, 9, 9)),
    "volumes": (lambda: HarmonicScattering3D(1, (6, 5, 6), L=2), (6, 5, 6)),
    "volumes, local": (lambda: HarmonicScattering3D(1, (6, 8, 6), L=2, output="local"), (6, 8, 6)),
    "spectra": (lambda: ScatteringSpectra(2, (8, 8), L=2), (8, 8)),
    "spectra, channels": (lambda: ScatteringSpectra(2, 16, channels=2), (2, 16)),
}  # fmt: skip


def made(name, batch):
    make, shape = CASES[name]
    x = noise(batch, *shape)
    return make().double(), torch.complex(x, x.flip(-1)) if "complex" in name else x


def same(ours, theirs):
    pairs = zip(tree_leaves(ours), tree_leaves(theirs), strict=True)
    tensors = [(a, b) for a, b in pairs if isinstance(a, Tensor)]
    return bool(tensors) and all(
        a.shape == b.shape and bool((a - b).abs().max() <= 1e-13) for a, b in tensors
    )


@pytest.mark.parametrize("name", CASES)
def test_the_batch_is_free(name):
    module, x = made(name, 3)
    batch = Dim("batch", min=1, max=64)
    program = torch.export.export(module, (x,), dynamic_shapes=({0: batch},)).module()
    for size in (1, 5):
        x = made(name, size)[1]
        assert same(program(x), module(x))
        assert not same(program(1.01 * x), module(x))  # the twin that must fail


@pytest.mark.parametrize("name", CASES)
def test_it_compiles_as_one_graph(name):
    module, x = made(name, 2)
    torch.compiler.reset()
    assert same(torch.compile(module, fullgraph=True, backend="aot_eager")(x), module(x))
