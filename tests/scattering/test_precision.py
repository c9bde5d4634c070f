"""Half precision is storage, and autocast changes nothing: sums and products are in float32."""

import pytest
import torch

from geomdl import Graph
from geomdl.scattering import (
    GraphScattering,
    HarmonicScattering3D,
    RotoTranslationScattering,
    Scattering1D,
    Scattering2D,
    ScatteringSpectra,
    TimeFrequencyScattering,
)
from tests.scattering.oracle import noise

GRAPH = Graph.from_edge_index(torch.tensor([[0, 1, 1, 2, 2, 0, 3, 4], [1, 0, 2, 1, 0, 2, 4, 3]]), 5)


class OnGraph(torch.nn.Module):
    """A transform on one graph."""

    def __init__(self, **options):
        super().__init__()
        self.transform = GraphScattering(2, **options)

    def forward(self, x):
        return self.transform(x, GRAPH)


class LowPassOnGraph(OnGraph):
    """Φ alone."""

    def forward(self, x):
        return self.transform.lowpass(x, GRAPH)


# transform, shape of x, whether there are matrix products that autocast would round
CASES = {
    "signals": (lambda: Scattering1D(3, 50, Q=2), (2, 50), False),
    "signals, global": (lambda: Scattering1D(3, 50, Q=2, T="global"), (2, 50), False),
    "signals, learnable": (lambda: Scattering1D(3, 50, learnable=True), (2, 50), False),
    "images": (lambda: Scattering2D(2, (16, 12), L=3, order=3), (2, 16, 12), True),
    "images, tight": (lambda: Scattering2D(2, (16, 12), L=3, frame="tight"), (2, 16, 12), False),
    "images, learnable": (lambda: Scattering2D(2, (16, 12), L=3, learnable=True), (16, 12), True),
    "time and frequency": (lambda: TimeFrequencyScattering(3, 64, Q=4, J_fr=1), (2, 64), True),
    "rotations": (lambda: RotoTranslationScattering(2, (12, 12), L=4), (2, 1, 12, 12), False),
    "volumes": (lambda: HarmonicScattering3D(1, (6, 5, 6), L=2), (2, 6, 5, 6), False),
    "graph": (lambda: OnGraph(), (5, 3), False),
    "graph, moments": (lambda: OnGraph(output="moments"), (5, 3), False),
    "graph, tight": (lambda: OnGraph(frame="tight"), (5, 3), True),
    "graph, low-pass": (lambda: LowPassOnGraph(frame="tight"), (5, 3), True),
    "spectra": (lambda: ScatteringSpectra(3, (16, 16), L=2), (2, 16, 16), False),
}  # fmt: skip
EIGENVECTORS = ("graph, tight", "graph, low-pass")  # not to be compiled


def parts(y):
    return y if isinstance(y, tuple) else (y,)


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("half", [torch.bfloat16, torch.float16])
def test_half_precision_is_storage(name, half):
    """Computed in float32 and rounded once: within half a unit of the last place of float64."""
    make, shape, _ = CASES[name]
    transform = make()
    x = noise(*shape).to(half)
    single, exact = transform(x.float()), make().double()(x.double())
    learns = any(True for _ in transform.parameters())
    for module in (transform, make().to(half)):
        for y, z, full in zip(*map(parts, (module(x), single, exact)), strict=True):
            assert y.dtype == (z.dtype if z.is_complex() else half)
            if module is transform or not learns:  # learnt parameters are rounded themselves
                assert torch.equal(y, z if z.is_complex() else z.to(half))
                unit = 1e-5 if z.is_complex() else torch.finfo(half).eps / 2
                error = (y.to(full.dtype) - full).abs().max()
                assert error <= (unit + 1e-5) * full.abs().max()
            else:
                assert (y.double() - full).abs().max() <= 0.05 * full.abs().max()


def slope(y, x):
    loss = sum(torch.view_as_real(p).sum() if p.is_complex() else p.sum() for p in parts(y))
    return torch.autograd.grad(loss, x)[0]


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_autocast_changes_nothing(name, dtype):
    make, shape, _ = CASES[name]
    transform, x = make(), noise(*shape).to(dtype).requires_grad_()
    plain = transform(x)
    with torch.autocast("cpu", torch.bfloat16):
        mixed = transform(x)
    for a, b in zip(parts(mixed), parts(plain), strict=True):
        assert a.dtype == b.dtype and torch.equal(a, b)
    assert torch.equal(slope(mixed, x), slope(plain, x))


@pytest.mark.parametrize("name", [name for name in CASES if name not in EIGENVECTORS])
def test_autocast_changes_nothing_when_compiled(name):
    make, shape, _ = CASES[name]
    transform, x = make(), noise(*shape, dtype=torch.float32)
    torch.compiler.reset()
    compiled = torch.compile(transform, fullgraph=True, backend="aot_eager")
    with torch.autocast("cpu", torch.bfloat16):
        mixed = compiled(x)
    for a, b in zip(parts(mixed), parts(transform(x)), strict=True):
        assert a.dtype == b.dtype
        assert (a - b).abs().max() <= 1e-6 * b.abs().max()


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case[2]])
def test_autocast_would_change_much(name):
    """The twin that must fail: the same without the guard."""
    make, shape, _ = CASES[name]
    transform, x = make(), noise(*shape, dtype=torch.float32)
    reference = transform(x)
    with torch.autocast("cpu", torch.bfloat16), pytest.MonkeyPatch.context() as patch:
        patch.setattr("geomdl.kernels.precision._NOTHING", torch.enable_grad())
        patch.setattr(torch._C, "_is_any_autocast_enabled", lambda: False)
        rough = transform(x)
    assert (rough.float() - reference).abs().max() >= 1e-4 * reference.abs().max()
