"""Dense filters become layers, unless they are not equivariant."""

import pytest
import torch
from torch import Tensor

import geomdl
from geomdl import Field, Grid, Vector
from geomdl.interop.escnn.affine import Affine, channel_map
from geomdl.interop.escnn.bridge import whole
from geomdl.steerable import Conv, Linear

G = geomdl.group("C4")
SCALARS, REGULAR = Field(Grid(2), 2 * G.trivial), Field(Grid(2), G.regular)


def described(seed: int = 0) -> tuple[Affine, Tensor]:
    """A convolution taken apart, and an input."""
    rng = torch.Generator().manual_seed(seed)
    conv = Conv(SCALARS, REGULAR, 3, padding=1, rng=rng)
    weight, bias = conv.filter()
    assert bias is not None
    options = {"padding": 1}
    bias = bias.detach() + 0.5
    x = torch.randn(2, 2, 5, 5, generator=rng)
    return Affine("R2Conv", SCALARS, REGULAR, weight.detach(), bias, options), x


def test_a_filter_and_its_layer() -> None:
    affine, x = described()
    assert affine.bias is not None
    expected = torch.conv2d(x, affine.weight, affine.bias, padding=1)
    layer = affine.build()
    assert (layer(x) - expected).abs().max() <= 1e-6
    assert all(p.requires_grad for p in layer.parameters())


def test_a_map_of_channels_goes_into_the_layer_before() -> None:
    affine, x = described()
    matrix = torch.roll(torch.eye(4, dtype=torch.float64), 1, 0)  # commutes with C4
    after = affine.then(REGULAR, matrix, torch.ones(4))
    expected = torch.einsum("ij,bj...->bi...", matrix.float(), affine.build()(x)) + 1
    assert (after.build()(x) - expected).abs().max() <= 1e-5
    alone = channel_map("map", REGULAR, REGULAR, matrix).build()
    assert isinstance(alone, Conv)


def test_plain_vectors() -> None:
    V = Field(Vector(), G.regular)
    layer = channel_map("map", V, V, torch.eye(4)).build()
    assert isinstance(layer, Linear)
    x = torch.arange(8.0).reshape(2, 4)
    assert torch.allclose(layer(x), x, atol=1e-6)


@pytest.mark.parametrize("part", ["filter", "bias"])
def test_what_does_not_commute_is_refused(part: str) -> None:
    affine, _ = described()
    assert affine.bias is not None
    broken = affine.weight if part == "filter" else affine.bias
    broken.view(-1)[0] += 0.1
    with pytest.raises(ValueError, match=f"of the {part} of R2Conv is not in geomdl's") as caught:
        affine.build()
    assert "\n" not in str(caught.value)


def test_nan_is_refused() -> None:
    affine, _ = described()
    affine.weight.view(-1)[0] = float("nan")
    with pytest.raises(ValueError, match="the filter of R2Conv should be finite"):
        affine.build()


def test_one_size_for_all_axes() -> None:
    assert whole((2, 2), "stride", "R2Conv") == 2
    with pytest.raises(ValueError, match=r"R2Conv should have one stride for all axes, got \(2, 3"):
        whole((2, 3), "stride", "R2Conv")
