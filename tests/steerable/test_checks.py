"""What layers ask of sizes, arguments and numbers, axis by axis."""

import numpy as np
import pytest
import torch
from torch import nn

import geomdl
from geomdl import Field, Grid
from geomdl.steerable import Conv
from geomdl.steerable.checks import (
    GridCheck,
    check_input,
    described,
    is_real,
    is_whole,
    named,
    permutes,
    whole,
)
from tests.steerable.nonlinearities import draw

C4 = geomdl.group("C4")
FIELDS = {
    "D1": Field(Grid(2), geomdl.group("D1").regular),
    "D2": Field(Grid(2), geomdl.group("D2").regular),
    "about z": Field(Grid(3, action=C4.standard + C4.trivial), C4.regular),
    "SO2 in space": Field(
        Grid(3, action=geomdl.group("SO2").standard + geomdl.group("SO2").trivial),
        geomdl.group("SO2").standard,
    ),
    "C1": Field(Grid(2), geomdl.group("C1").trivial),
}


@pytest.mark.parametrize(
    ("name", "moved", "mixed"),
    [
        ("D1", (False, True), ()),
        ("D2", (True, True), ()),
        ("about z", (False, True, True), ((1, 2),)),
        ("SO2 in space", (False, True, True), ((1, 2),)),
        ("C1", (False, False), ()),
    ],
)
def test_axes_that_move(name: str, moved: tuple[bool, ...], mixed: tuple[object, ...]) -> None:
    check = GridCheck.of(FIELDS[name])
    assert (check.moved, check.mixed, check.centred) == (moved, mixed, any(moved))
    assert check.steps(3) == [3 if m else 1 for m in moved]


@pytest.mark.parametrize(("name", "kept"), [("D1", (8, 9)), ("about z", (8, 9, 9))])
def test_strides_are_free_along_axes_that_do_not_move(name: str, kept: tuple[int, ...]) -> None:
    field = FIELDS[name]
    x = draw(2, field.channels, *kept)
    rep, group = field.rep.name, field.group.name
    for padding in (0, 1, "exact"):
        conv = Conv(field, field, 3, stride=2, padding=padding)  # type: ignore[arg-type]
        assert geomdl.audit(conv, x).error <= 1e-12
        assert conv(x.float()).shape[2:] == conv.sizes(kept)
    with pytest.raises(ValueError, match=rf"^Conv\({rep} of {group}\): x: size 8 breaks"):
        Conv(field, field, 3, stride=2)(draw(2, field.channels, *[8 for _ in kept]).float())
    with pytest.raises(ValueError, match=rf"^Conv\({rep} of .* on 8 pixels"):
        Conv(field, field, 3, 2, "exact")(draw(2, field.channels, *[8 for _ in kept]).float())


def test_a_stride_off_the_centre_breaks_the_axis_that_moves() -> None:
    field = FIELDS["D1"]

    class Uncentred(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.source, self.target = Conv(field, field, 3, stride=2), field, field

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return nn.functional.conv2d(x, self.conv.filter()[0], None, 2)

    assert geomdl.audit(Uncentred(), draw(2, 2, 8, 9)).error <= 1e-12
    assert geomdl.audit(Uncentred(), draw(2, 2, 9, 8)).error >= 0.1


def test_a_check_that_fails_names_the_layer() -> None:
    class Bare(nn.Module):
        source, target = None, (FIELDS["D1"],)

    assert described(Conv(FIELDS["D1"], FIELDS["D1"], 3)) == "Conv(regular of D1)"
    assert described(Bare()) == "Bare"  # not every module maps one field to one field
    assert named(Bare(), len, "abc") == 3
    with pytest.raises(ValueError, match=r"^Bare: invalid literal for int"):
        named(Bare(), int, "x")


def test_whole_numbers() -> None:
    for value in (True, 1.0, "1", None, 0, -1, np.int64(1)):
        with pytest.raises(ValueError, match=r"^size: should be a positive integer, got"):
            whole(size=value)  # type: ignore[arg-type]
    whole(size=1)
    assert is_whole(0) and not is_whole(0, 1) and not is_whole(False)
    assert is_real(np.float64(0.5)) and is_real(2)
    assert not any(map(is_real, (True, None, "1", float("inf"), float("nan"), 1j)))


def test_permutations_and_inputs() -> None:
    permutes(Field(Grid(2), C4.irrep(0) + C4.regular), "it")
    with pytest.raises(
        ValueError, match=r"^source: it needs permutation .*, got irrep\(1\) of C4$"
    ):
        permutes(Field(Grid(2), C4.irrep(1)), "it")
    field = Field(Grid(2), C4.regular)
    for dtype in (torch.float16, torch.bfloat16, torch.float64):
        check_input(field, torch.zeros(1, 4, 3, 3, dtype=dtype))
    with pytest.raises(ValueError, match=r"^x: should be floating point, got torch.complex64$"):
        check_input(field, torch.zeros(1, 4, 3, 3, dtype=torch.complex64))
    with pytest.raises(TypeError, match=r"^x: expected a Tensor, got list$"):
        check_input(field, [1.0])  # type: ignore[arg-type]
