"""Learned canonicalization."""

import pytest
import torch
from torch import Tensor, nn

import geomdl
from geomdl.fields import Field, Grid, Vector
from geomdl.symmetrization import symmetrize
from tests.symmetrization.networks import (
    D4,
    IMAGE,
    O3,
    cnn,
    dense,
    members,
    points,
    randn,
    rows,
    vectors,
)


@pytest.mark.parametrize("size", [5, 6])
@pytest.mark.parametrize("training", [False, True])
def test_images_under_d4(size: int, training: bool) -> None:
    target = Field(Vector(), D4.regular)
    model = symmetrize(cnn(size, 8), D4, "canonical", source=IMAGE, target=target)
    x = randn(3, 2, size, size)
    assert model.cost == 1
    assert geomdl.audit(model, x, training=training).passed()
    assert geomdl.audit(model, x, dtype=torch.float32).error <= 1e-6


@pytest.mark.parametrize("name", ["T", "O3", "SO3", "E3", "SE2", "S7"])
def test_vectors_points_and_sets(name: str) -> None:
    G = geomdl.group(name)
    if name.startswith("S7"):
        field, f, x = members(G, 2), rows(7, 2, 2), randn(2, 7, 2)
    elif "E" in name:
        field = points(G)
        d = field.rep.dim
        f, x = rows(5, d, d), randn(2, 5, d)
    else:
        field, f, x = vectors(G, 4), dense(12, 12), randn(2, 12)
    torch.manual_seed(0)
    model = symmetrize(f, G, "canonical", source=field, target=field)
    assert geomdl.audit(model, x, samples=8).passed()
    assert geomdl.audit(f, x, samples=8, source=field, target=field).error > 0.1


@pytest.mark.parametrize("kind", ["image", "set"])
def test_the_choice_has_a_gradient_in_training_only(kind: str) -> None:
    torch.manual_seed(0)
    if kind == "image":
        x = randn(3, 2, 5, 5)
        target = Field(Vector(), D4.regular)
        model = symmetrize(cnn(5, 8), D4, "canonical", source=IMAGE, target=target)
    else:
        S7 = geomdl.group("S7")
        x, field = randn(3, 7, 2), members(S7, 2)
        model = symmetrize(rows(7, 2, 2), S7, "canonical", source=field, target=field)
    weights = list(model.frame.canonicalizer.parameters())
    outputs = {}
    for training in (True, False):
        y = model.train(training)(x)
        outputs[training] = y.detach()
        found = torch.autograd.grad(y.square().sum(), weights, allow_unused=True)
        moved = [g is not None and bool((g != 0).any()) for g in found]
        assert any(moved) == training
    torch.testing.assert_close(outputs[True], outputs[False])


def test_the_gradient_is_that_of_the_soft_choice() -> None:
    """f the identity, one image: y is the image itself, turned back by what turned it."""

    class Scores(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.tensor([0.3, -0.2, 0.9, 0.1]))

        def forward(self, x: Tensor) -> Tensor:
            return self.weight.expand(len(x), -1)

    C4 = geomdl.group("C4")
    field = Field(Grid(2), C4.trivial)
    scores = Scores()
    model = symmetrize(
        nn.Identity(), C4, "canonical", source=field, target=Field(Grid(2), C4.trivial),
        canonicalizer=scores,
    )  # fmt: skip
    x, weight = randn(1, 1, 3, 3), randn(1, 1, 3, 3, seed=1)
    (model.train()(x) * weight).sum().backward()
    logits = scores.weight.detach().clone().requires_grad_()
    p = logits.softmax(0)
    hard = x.rot90(-2, dims=(-2, -1))  # the third element has the highest score
    back = sum(p[k] * x.rot90(-k, dims=(-2, -1)) for k in range(4)).rot90(2, dims=(-2, -1))
    forth = sum(p[k] * hard.rot90(k, dims=(-2, -1)) for k in range(4))
    ((back + forth) * weight).sum().backward()
    torch.testing.assert_close(scores.weight.grad, logits.grad)


def test_a_network_of_ones_own() -> None:
    """Members are scored by their distance from the mean."""

    class Distance(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return (x - x.mean(-2, keepdim=True)).norm(dim=-1)

    S7 = geomdl.group("S7")
    field, f = members(S7, 2), rows(7, 2, 2)
    model = symmetrize(f, S7, "canonical", source=field, target=field, canonicalizer=Distance())
    assert geomdl.audit(model, randn(2, 7, 2), samples=8).passed()


def test_a_canonicalizer_without_symmetry_fails() -> None:
    field, f = vectors(O3, 4), dense(12, 12)
    net = nn.Sequential(dense(12, 9), nn.Unflatten(-1, (3, 3)))
    model = symmetrize(f, O3, "canonical", source=field, target=field, canonicalizer=net)
    assert geomdl.audit(model, randn(2, 12), samples=8).error > 0.1
    scores = nn.Sequential(nn.Flatten(1), dense(50, 8))
    image = symmetrize(
        cnn(5, 8), D4, "canonical", source=IMAGE, target=Field(Vector(), D4.regular),
        canonicalizer=scores,
    )  # fmt: skip
    assert geomdl.audit(image, randn(2, 2, 5, 5)).error > 0.1


def test_half_precision_chooses_the_same_element() -> None:
    """Scores that were rounded to it would tie."""

    class Rounded(nn.Module):
        def __init__(self, scores: nn.Module) -> None:
            super().__init__()
            self.scores = scores

        def forward(self, x: Tensor) -> Tensor:
            return (8 + self.scores(x)).bfloat16()

    torch.manual_seed(0)
    model = symmetrize(
        cnn(5, 3), D4, "canonical", source=IMAGE, target=Field(Vector(), 3 * D4.trivial)
    )
    model, x = model.bfloat16(), randn(256, 2, 5, 5, dtype=torch.bfloat16)
    moved = x.rot90(dims=(-2, -1))
    assert torch.equal(model(x), model(moved))
    model.frame.canonicalizer = Rounded(model.frame.canonicalizer)
    assert not torch.equal(model(x), model(moved))
