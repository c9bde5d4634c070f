import pytest
import torch

import geomdl
from geomdl.fields import Field, Grid, Vector
from geomdl.translation import MLP
from tests.translation.shifts import noise


def test_shapes_and_types():
    model = MLP(2, 5, width=8, depth=3, shape=(4, 3))
    assert model(torch.zeros(6, 2, 4, 3)).shape == (6, 5)
    trivial = geomdl.group("C1").trivial
    assert model.target == Field(Vector(), 5 * trivial)
    assert model.source == Field(Grid(2, action=2 * trivial), 2 * trivial)
    assert sum(p.numel() for p in model.parameters()) == 25 * 8 + 2 * 9 * 8 + 9 * 5
    assert MLP(1, 5, shape=(4, 3, 2))(torch.zeros(6, 1, 4, 3, 2)).shape == (6, 5)
    plain = MLP(7, 5)
    assert plain.source == Field(Vector(), 7 * trivial)
    assert plain(torch.zeros(6, 7)).shape == (6, 5)


def test_it_respects_no_shift():
    group = geomdl.group("Z4x3")
    source = Field(Grid(2, periodic=True), 2 * group.trivial)
    target = Field(Vector(), 5 * group.trivial)
    model = MLP(2, 5, width=8, shape=(4, 3))
    assert geomdl.audit(model, noise(2, 2, 4, 3), source=source, target=target).error > 1e-1
    assert geomdl.audit(model, noise(2, 2, 4, 3)).passed(1e-12)


@pytest.mark.parametrize(
    ("model", "shape", "message"),
    [
        (MLP(2, 5, shape=(4, 3)), (6, 1, 4, 3), r"^x: axis 1 should be channels=2, got 1$"),
        (MLP(2, 5, shape=(4, 3)), (6, 2, 3, 4),
         r"^x: spatial sizes should be shape=\(4, 3\), got \(3, 4\)$"),
        (MLP(7, 5), (6, 8), r"^x: should be \(batch, channels=7\), got \(6, 8\)$"),
    ],
)  # fmt: skip
def test_wrong_inputs(model, shape, message):
    with pytest.raises(ValueError, match=message):
        model(torch.zeros(shape))


@pytest.mark.parametrize("name", ["in_channels", "classes", "width", "depth"])
def test_impossible_arguments(name):
    with pytest.raises(ValueError, match=rf"^{name}: should be a positive integer, got 0$"):
        MLP(**{name: 0})
