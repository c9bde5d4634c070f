"""Dropout: whole copies, at the right rate, commuting with the group; nothing in evaluation."""

import pytest
import torch
from torch import Tensor

import geomdl
from geomdl import Field, Grid, Vector
from geomdl.steerable.dropout import Dropout
from tests.steerable.nonlinearities import draw

D4 = geomdl.group("D4")
FIELD = Field(Grid(2), 2 * D4.regular + 3 * D4.standard)


def dropped(layer: Dropout, x: Tensor) -> Tensor:
    torch.manual_seed(0)
    y: Tensor = layer(x)
    return y


def commutes(layer: Dropout, x: Tensor) -> bool:
    """Under one draw of the mask."""
    assert isinstance(layer.source, Field)
    return all(
        torch.allclose(
            dropped(layer, layer.source.act(g, x)),
            layer.source.act(g, dropped(layer, x)),
            atol=1e-12,
        )
        for g in D4.elements
    )


def test_whole_copies_are_dropped_for_each_sample() -> None:
    layer, x = Dropout(FIELD, 0.4), torch.ones(500, 22, 3, 3, dtype=torch.float64)
    y = dropped(layer, x)
    copies = y.split([8, 8, 2, 2, 2], 1)
    for copy in copies:
        flat = copy.flatten(1)
        assert bool((flat == flat[:, :1]).all())
        assert set(flat.unique().tolist()) == {0.0, 1 / 0.6}
    rates = torch.stack([(copy[:, 0, 0, 0] == 0).double().mean() for copy in copies])
    assert (rates - 0.4).abs().max() <= 0.08
    masks = torch.stack([copy[:, 0, 0, 0] for copy in copies])
    assert len(masks.unique(dim=1).T) == 32  # copies are drawn by themselves
    assert abs(y.mean().item() - 1) <= 0.05


def test_a_mask_of_whole_copies_commutes_and_one_of_channels_does_not() -> None:
    x = draw(4, 22, 3, 3)
    assert commutes(Dropout(FIELD, 0.5), x)
    plain = Dropout(Field(Grid(2), D4.regular), 0.5, pointwise=True)
    assert not commutes(plain, draw(4, 8, 3, 3))


def test_pixels_and_channels_by_themselves() -> None:
    x = torch.ones(50, 22, 4, 4, dtype=torch.float64)
    y = dropped(Dropout(FIELD, 0.5, per_pixel=True), x)
    regular = y[:, :8]
    assert bool((regular == regular[:, :1]).all())
    assert not bool((regular == regular[:, :, :1, :1]).all())
    channels = dropped(Dropout(Field(Grid(2), D4.regular), 0.5, pointwise=True), x[:, :8])
    assert bool((channels == channels[:, :, :1, :1]).all())
    assert not bool((channels == channels[:, :1]).all())
    both = Dropout(Field(Grid(2), D4.regular), 0.5, per_pixel=True, pointwise=True)
    assert torch.equal(dropped(both, x[:, :8]), dropped_plainly(x[:, :8]))


def dropped_plainly(x: Tensor) -> Tensor:
    torch.manual_seed(0)
    return torch.nn.functional.dropout(x, 0.5)


def test_vectors_and_evaluation() -> None:
    layer = Dropout(Field(Vector(), 4 * D4.standard), 0.5)
    y = dropped(layer, torch.ones(5, 7, 8)).unflatten(-1, (4, 2))
    assert torch.equal(y[..., 0], y[..., 1])
    assert not bool((y[:, :1] == y).all())
    x = draw(3, 8)
    assert torch.equal(layer.eval()(x), x)
    assert torch.equal(Dropout(Field(Vector(), D4.standard), 0.0)(x[:, :2]), x[:, :2])
    assert list(layer.state_dict()) == []


def test_refusals() -> None:
    for p in (-0.1, 1.0, float("nan")):
        with pytest.raises(ValueError, match=r"^p: should be at least 0 and less than 1, got"):
            Dropout(FIELD, p)
    with pytest.raises(ValueError, match=r"^source: pointwise dropout needs permutation"):
        Dropout(FIELD, 0.5, pointwise=True)
