"""Planes through the weights: what filters are, and the losses on them."""

import pytest
import torch
from torch import nn

import geomdl
from geomdl.training import landscape, sharpness
from geomdl.training.curvature import Curvature
from geomdl.training.objective import Objective
from geomdl.training.planes import filter_normalized


def normal(*shape, seed=0):
    rng = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=rng, dtype=torch.float64)


def network():
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Conv1d(2, 3, 3), nn.LayerNorm([3, 4]), nn.ReLU(), nn.ConvTranspose1d(3, 2, 2),
        nn.Flatten(), nn.Linear(10, 2),
    ).double()  # fmt: skip
    return model, (normal(5, 2, 6), normal(5, 2, seed=1))


def test_each_filter_has_the_length_of_its_weights_and_vectors_stay():
    model, _ = network()
    drawn = [normal(*p.shape, seed=i) for i, p in enumerate(model.parameters())]
    found = dict(zip([n for n, _ in model.named_parameters()],
                     filter_normalized(model, drawn), strict=True))  # fmt: skip
    for name, axes in (("0.weight", (1, 2)), ("3.weight", (0, 2)), ("5.weight", (1,))):
        w = model.get_parameter(name).detach()
        assert torch.allclose(found[name].norm(dim=axes), w.norm(dim=axes), rtol=1e-12)
    for name in ("0.bias", "1.weight", "1.bias", "3.bias", "5.bias"):
        assert not found[name].any(), name


def test_biases_of_fields_have_no_filters():
    """They have an axis for each block of the basis, and one entry a field."""
    G = geomdl.group("C4")
    image, field = (geomdl.Field(geomdl.Grid(2), rep) for rep in (G.trivial, 3 * G.regular))
    layer = geomdl.steerable.Conv(image, field, 3)
    drawn = [torch.ones_like(p) for p in layer.parameters()]
    for name, p in layer.named_parameters():
        p.data.fill_(2.0 if name.startswith("bias") else 1.0)
    found = {}
    for vectors in ("zero", "normalize"):
        scaled = filter_normalized(layer, drawn, vectors=vectors)
        found[vectors] = dict(zip(dict(layer.named_parameters()), scaled, strict=True))
    assert not found["zero"]["bias.blocks.0.weight"].any()
    assert found["normalize"]["bias.blocks.0.weight"].flatten().tolist() == [2, 2, 2]
    assert found["zero"]["filters.blocks.0.weight"].any()


def test_scaling_twice_is_scaling_once_and_the_length_drawn_does_not_matter():
    model, _ = network()
    drawn = [normal(*p.shape, seed=i) for i, p in enumerate(model.parameters())]
    for vectors in ("zero", "normalize"):
        once = filter_normalized(model, drawn, vectors=vectors)
        for other in (once, [7 * d for d in drawn]):
            again = filter_normalized(model, other, vectors=vectors)
            for a, b in zip(once, again, strict=True):
                assert torch.allclose(a, b, rtol=1e-12)
    for d, p in zip(once, model.parameters(), strict=True):
        assert float(d.norm()) == pytest.approx(float(p.detach().norm()), rel=1e-12)


def test_filters_of_zero_stay():
    layer = nn.Linear(2, 2, bias=False)
    layer.weight.data[0] = 0
    (found,) = filter_normalized(layer, [torch.tensor([[1.0, 2.0], [0.0, 0.0]])])
    assert not found.any()


def test_a_rescaled_network_has_the_same_landscape():
    """What filter normalisation is for: ReLU passes positive factors on."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 4, bias=False), nn.ReLU(), nn.Linear(4, 2, bias=False))
    model, data = model.double(), (normal(9, 3), normal(9, 2, seed=1))
    one = landscape(model, data, points=5)
    model[0].weight.data *= 8
    model[2].weight.data /= 8
    two = landscape(model, data, points=5)
    assert torch.allclose(one.losses, two.losses, rtol=1e-12)
    fixed = [landscape(model, data, points=5, directions=[one.directions[0]]).losses]
    assert not torch.allclose(fixed[0], one.losses[:, 2], rtol=1e-2)


def test_losses_are_those_at_the_points_and_the_weights_come_back():
    model, data = network()
    before = [p.clone() for p in model.parameters()]
    found = landscape(model, data, points=3, span=0.5, batch_size=2, rng=torch.Generator())
    assert all(torch.equal(a, b) for a, b in zip(before, model.parameters(), strict=True))
    objective = Objective(model, data)
    assert found.center == pytest.approx(objective.value(), rel=1e-12)
    assert found.losses.shape == (3, 3)
    assert abs(found.cosine) < 0.7
    move = found.steps[2] * found.directions[0] + found.steps[0] * found.directions[1]
    with objective.moved(objective.split(move)):
        assert float(found.losses[2, 0]) == pytest.approx(objective.value(), rel=1e-12)
        moved = objective.flat(objective.parameters)
    assert found.project(moved).tolist() == pytest.approx([0.5, -0.5], abs=1e-10)


def test_along_an_eigenvector_the_curvature_is_its_eigenvalue():
    model, data = network()
    sharp = sharpness(model, data, tol=1e-8)
    found = landscape(model, data, directions=[sharp.direction], span=1e-3, points=3).losses
    second = float(found[0] - 2 * found[1] + found[2]) / 1e-6
    assert second == pytest.approx(float(sharp), rel=1e-3)
    assert Curvature(model, data).quadratic(sharp.direction) == pytest.approx(float(sharp))


def test_lines_and_planes_are_drawn(tmp_path):
    model, data = network()
    found = landscape(model, data, points=5, span=0.3)
    run = found.origin + 0.1 * found.directions.sum(0) * torch.linspace(0, 1, 4)[:, None]
    for number, drawn in enumerate((
        found.plot(tmp_path / "0.png", trajectory=run),
        landscape(model, data, dimensions=1, points=5).plot(tmp_path / "1.png"),
    )):  # fmt: skip
        assert drawn.axes[0].has_data()
        assert (tmp_path / f"{number}.png").stat().st_size > 5000


@pytest.mark.parametrize(("options", "message"), [
    ({"dimensions": 3}, r"^dimensions: should be 1 or 2, got 3"),
    ({"span": 0.0}, r"^span: should be a number > 0"),
    ({"points": 4}, r"^points: should be an odd integer >= 3, got 4"),
    ({"directions": [torch.ones(3)]}, r"^directions: should be finite vectors \(\d+,\) other"),
    ({"directions": []}, r"^directions: should be one or two, got 0"),
    ({"vectors": "none"}, r"^vectors: should be 'zero' or 'normalize'"),
    ({"loss": lambda f, y: (f.square().sum() - 1e3).sqrt()}, r"^loss: should be finite, got nan on "
     r"batch 0 at the point \(-1, -1\) of the landscape"),
    ({"loss": lambda f, y: f}, r"^loss: should be a scalar"),
])  # fmt: skip
def test_refused_in_one_line(options, message):
    model, data = network()
    with pytest.raises(ValueError, match=message) as error:
        landscape(model, data, points=options.pop("points", 3), **options)
    assert "\n" not in str(error.value)


def test_refused_directions_and_modes():
    model, data = network()
    with pytest.raises(TypeError, match=r"^directions: should be tensors, got list$"):
        landscape(model, data, directions=[[1.0]])
    with pytest.raises(ValueError, match=r"^direction: should have the shapes of the 8 weights"):
        filter_normalized(model, [torch.ones(3)])
    with pytest.raises(ValueError, match="free of dropout"):
        landscape(nn.Sequential(model, nn.Dropout(0.1)), data)
