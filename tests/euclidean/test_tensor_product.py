"""Products of features against e3nn, and what they refuse."""

import pytest
import torch

from geomdl.euclidean import TensorProduct, spherical
from geomdl.interop import e3nn as bridge

o3 = pytest.importorskip("e3nn.o3", reason="e3nn is not installed")


@pytest.fixture(autouse=True)
def double():
    """e3nn rounds its coefficients to the default dtype."""
    torch.set_default_dtype(torch.float64)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        yield
    torch.set_default_dtype(torch.float32)


@pytest.mark.parametrize(("connections", "right"), [("uuu", 3), ("uvu", 1), ("uvw", 2)])
@pytest.mark.parametrize("lmax", [1, 2])
def test_against_e3nn(connections, right, lmax):
    rep, width = spherical(lmax), 4 if connections == "uvw" else 3
    layer = TensorProduct(
        rep,
        rep,
        rep,
        channels=3,
        right_channels=right,
        out_channels=width,
        connections=connections,
    )
    irreps = [bridge.to_irreps(rep, n) for n in (3, right, width)]
    instructions = [
        (path.left.l, path.right.l, path.l, connections, True) for path in layer.made.paths
    ]
    theirs = o3.TensorProduct(*irreps, instructions)
    weight = torch.cat([w.flatten() for w in layer.weight])
    x, y = torch.randn(5, rep.dim, 3), torch.randn(5, rep.dim, right)
    expected = theirs(bridge.to_features(x, rep), bridge.to_features(y, rep), weight)
    found = bridge.to_features(layer(x, y), layer.target.rep)
    assert (found - expected).abs().max() <= 1e-12 * expected.abs().max()


def test_refusals():
    with pytest.raises(ValueError, match=r"^source: expected degrees up to 6, got 7$"):
        TensorProduct(spherical(7), spherical(0), channels=2, connections="uvu")
    one = spherical(1)
    with pytest.raises(ValueError, match="connections: expected 'uuu', 'uvu' or 'uvw', got 'uvv'"):
        TensorProduct(one, one, channels=2, connections="uvv")
    with pytest.raises(ValueError, match="connections: 'uvu' has 1 channels on the right"):
        TensorProduct(one, one, channels=2, right_channels=3, connections="uvu")
    with pytest.raises(ValueError, match=r"y: expected shape \(5, 4, 2\), got \(5, 4, 1\)"):
        TensorProduct(one, one, channels=2)(torch.ones(5, 4, 2), torch.ones(5, 4, 1))


@pytest.mark.parametrize(("connections", "right"), [("uuu", 3), ("uvu", 1), ("uvw", 2)])
def test_half_precision_under_autocast(connections, right):
    one = spherical(1)
    options = {"channels": 3, "right_channels": right, "connections": connections}
    layer = TensorProduct(one, one, **options).float()
    x, y = (torch.randn(5, 4, n, dtype=torch.bfloat16) for n in (3, right))
    with torch.autocast("cpu", torch.bfloat16):
        found = layer(x, y)
    exact = layer.double()(x.double(), y.double())
    assert found.dtype == torch.bfloat16
    assert (found - exact).abs().max() <= 0.01 * exact.abs().max()
