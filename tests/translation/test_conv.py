import pytest
import torch
from torch import nn

import geomdl
from geomdl.translation import Conv
from geomdl.translation.conv import pad_same
from tests.translation.shifts import noise, roll, shifts

PLAIN = {1: nn.Conv1d, 2: nn.Conv2d, 3: nn.Conv3d}
SHAPE = {1: (12,), 2: (4, 6), 3: (4, 2, 4)}


@pytest.mark.parametrize("d", [1, 2, 3])
@pytest.mark.parametrize("padding", ["circular", "zeros"])
@pytest.mark.parametrize("stride", [1, 2])
def test_is_torchs_convolution(d, padding, stride):
    conv = Conv(3, 5, 3, d=d, stride=stride, padding=padding).double()
    plain = PLAIN[d](3, 5, 3, stride=stride, padding=1, padding_mode=padding).double()
    plain.load_state_dict(conv.state_dict())
    x = noise(2, 3, *SHAPE[d])
    assert torch.allclose(conv(x), plain(x), rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize("kernel_size", [1, 2, 3, 4, 5])
def test_every_kernel_size_keeps_the_size_and_commutes_with_shifts(kernel_size):
    conv = Conv(2, 3, kernel_size).double()
    x = noise(2, 2, 5, 6)
    assert conv(x).shape == (2, 3, 5, 6)
    for t in shifts((5, 6)):
        assert (conv(roll(x, t)) - roll(conv(x), t)).abs().max() <= 1e-13


def test_window_begins_where_the_docstring_says():
    conv = Conv(1, 1, 4, d=1, bias=False)
    nn.init.zeros_(conv.weight)
    conv.weight.data[0, 0, 3] = 1  # y[p] = x[p + 3 - (4-1)//2]
    x = torch.arange(5.0).reshape(1, 1, 5)
    assert conv(x).flatten().tolist() == [2, 3, 4, 0, 1]


@pytest.mark.parametrize("d", [1, 2, 3])
def test_audit_sees_the_shifts_by_multiples_of_the_stride(d):
    conv = Conv(2, 3, 3, d=d, stride=2, shape=SHAPE[d])
    assert conv.source.group.name == "Z" + "x".join(str(n // 2) for n in SHAPE[d])
    assert conv.target.group == conv.source.group
    report = geomdl.audit(conv, noise(2, 2, *SHAPE[d]))
    assert report.passed(1e-12), report


def test_the_other_shifts_and_zero_padding_fail_the_audit():
    source, target = (
        Conv(2, 3, 3, stride=2, shape=(4, 6)).source,
        Conv(3, 3, 3, shape=(2, 3)).source,
    )
    report = geomdl.audit(
        Conv(2, 3, 3, stride=2, padding="zeros"), noise(2, 2, 4, 6), source=source, target=target
    )
    assert report.error > 1e-2
    plain = Conv(2, 3, 3, shape=(4, 6))
    report = geomdl.audit(
        Conv(2, 3, 3, padding="zeros"), noise(2, 2, 4, 6), source=plain.source, target=plain.target
    )
    assert report.error > 1e-2
    conv, x = Conv(2, 3, 3, stride=2).double(), noise(1, 2, 4, 6)
    moved = conv(roll(x, (1, 0)))
    assert all(not torch.allclose(moved, roll(conv(x), t)) for t in shifts((2, 3)))


def test_without_a_shape_or_with_zeros_no_group_is_named():
    assert Conv(2, 3, 3).source.group.name == "C1"
    assert Conv(2, 3, 3, padding="zeros", shape=(4, 6)).source.group.name == "C1"
    assert Conv(2, 3, 3, d=3, padding="zeros").target.channels == 3


def test_odd_sizes_are_refused_unless_told():
    with pytest.raises(
        ValueError,
        match=r"^x: spatial sizes should be multiples of 2, got \(5, 6\); strict=False takes",
    ):
        Conv(1, 1, 3, stride=2)(torch.zeros(1, 1, 5, 6))
    assert Conv(1, 1, 3, stride=2, strict=False)(torch.zeros(1, 1, 5, 6)).shape == (1, 1, 3, 3)
    told, x = Conv(1, 1, 3, stride=2, shape=(5, 6), strict=False), noise(1, 1, 5, 6)
    assert told.source.group.name == told.target.group.name == "C1"
    told.double()
    moved = told(roll(x, (2, 0)))
    assert all(not torch.allclose(moved, roll(told(x), t)) for t in shifts((3, 3)))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"in_channels": 0}, r"^in_channels: should be a positive integer, got 0$"),
        ({"kernel_size": 1.5}, r"^kernel_size: should be a positive integer, got 1.5$"),
        ({"stride": True}, r"^stride: should be a positive integer, got True$"),
        ({"padding": "same"}, r"^padding: should be 'circular' or 'zeros', got 'same'$"),
        ({"d": 4}, r"^d: should be 1, 2 or 3, got 4$"),
        ({"shape": (4,)}, r"^shape: should have d=2 sizes, got \(4,\)$"),
        ({"shape": (4, 0)}, r"^shape: should be a positive integer, got 0$"),
        ({"stride": 2, "step": 3}, r"^step: should be a multiple of stride=2, got 3$"),
    ],
)
def test_impossible_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        Conv(**{"in_channels": 2, "out_channels": 3, "kernel_size": 3, **arguments})


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((2, 2, 4), r"^x: should have 4 axes \(batch, channels, \*spatial\), got \(2, 2, 4\)$"),
        ((2, 3, 4, 6), r"^x: axis 1 should be channels=2, got 3$"),
        ((2, 2, 6, 4), r"^x: spatial sizes should be shape=\(4, 6\), got \(6, 4\)$"),
    ],
)
def test_wrong_inputs(shape, message):
    with pytest.raises(ValueError, match=message) as caught:
        Conv(2, 3, 3, shape=(4, 6))(torch.zeros(shape))
    assert "\n" not in str(caught.value)


def test_no_pixels_and_too_few():
    with pytest.raises(ValueError, match=r"^x: spatial sizes should be positive, got \(0, 6\)$"):
        Conv(2, 3, 3)(torch.zeros(1, 2, 0, 6))
    with pytest.raises(
        ValueError, match=r"^x: spatial sizes should be >= 2 for kernel_size=5, got \(1, 6\)$"
    ):
        pad_same(torch.zeros(1, 2, 1, 6), 5, "circular")
