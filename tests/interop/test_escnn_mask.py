"""escnn's mask."""

import pytest
import torch

import geomdl
from geomdl import Field, Grid
from geomdl.interop.escnn.mask import Mask
from geomdl.steerable.plain import to_plain

D4 = geomdl.group("D4")


@pytest.mark.parametrize("d", [2, 3])
def test_quarter_turns_are_exact(d: int, monkeypatch: pytest.MonkeyPatch) -> None:
    G = D4 if d == 2 else geomdl.group("Oh")
    mask = Mask(Field(Grid(d), G.standard), 6, margin=10.0)
    x = torch.randn(1, d, *(6,) * d, dtype=torch.float64)
    assert geomdl.audit(mask, x).error <= 1e-12
    wrong = mask._exact()
    wrong.view(-1)[1] += 0.1
    monkeypatch.setattr(Mask, "_exact", lambda self: wrong)  # rebuilt at every change of dtype
    assert not geomdl.audit(mask, x).error <= 1e-3


def test_one_inside_and_falling_outside() -> None:
    mask = Mask(Field(Grid(2), D4.trivial), 9, sigma=1.5).double().mask
    assert mask[4, 0] == 1
    assert mask[0, 0] == pytest.approx(torch.tensor(-(32 - 16) / 1.5**2).exp().item())


def test_refusals() -> None:
    field = Field(Grid(2), D4.trivial)
    with pytest.raises(ValueError, match="size: should be 1 or more, got 0"):
        Mask(field, 0)
    with pytest.raises(ValueError, match="margin, sigma: should be"):
        Mask(field, 5, sigma=0.0)
    with pytest.raises(ValueError, match=r"^Mask\(trivial of D4\): x: sizes should be \(5, 5\)"):
        Mask(field, 5)(torch.zeros(1, 1, 7, 7))
    oblong = Field(Grid(2), geomdl.group("C2").trivial)
    with pytest.raises(ValueError, match=r"x: sizes should be \(5, 5\), got \(5, 1\)$"):
        Mask(oblong, 5)(torch.zeros(1, 1, 5, 1))


def test_plain_form_multiplies_by_the_same_numbers() -> None:
    mask = Mask(Field(Grid(3), geomdl.group("Oh").standard), 5, margin=20.0)
    x = torch.randn(2, 3, 5, 5, 5, generator=torch.Generator().manual_seed(0))
    assert torch.equal(to_plain(mask)(x), mask(x))
