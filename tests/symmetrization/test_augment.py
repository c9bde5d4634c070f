"""Augmentation."""

import pytest
import torch

import geomdl
from geomdl.fields import Field, Grid, Vector
from geomdl.symmetrization import Augment, symmetrize
from geomdl.training import fit
from tests.symmetrization.networks import D4, E3, IMAGE, cnn, points, randn, rows, seeded


def test_inputs_and_outputs_move_together() -> None:
    target = Field(Vector(), D4.regular)
    model = symmetrize(cnn(5, 8), D4, source=IMAGE, target=target)
    augment, x = Augment("D4", IMAGE, target), randn(6, 2, 5, 5)
    moved, y = augment.pair(x, model(x), seeded())
    torch.testing.assert_close(model(moved), y)
    assert not torch.allclose(model(x), y)


def test_the_generator_decides_and_samples_move_by_elements_of_their_own() -> None:
    augment, x = Augment(D4, IMAGE), randn(1, 2, 5, 5).expand(32, -1, -1, -1)
    one, again, other = (augment(x, seeded(seed)) for seed in (0, 0, 1))
    assert torch.equal(one, again)
    assert not torch.equal(one, other)
    assert len({tuple(image.flatten().tolist()) for image in one}) == 8
    before = torch.get_rng_state()
    augment(x, seeded())
    assert torch.equal(before, torch.get_rng_state())


def test_clouds_with_and_without_batch() -> None:
    field = points(E3)
    model = symmetrize(rows(4, 3, 3), E3, "frames", source=field, target=field).double()
    augment = Augment(E3, field, field)
    for x in (randn(2, 4, 3).double(), randn(4, 3).double()):
        moved, y = augment.pair(x, model(x), seeded())
        torch.testing.assert_close(model(moved), y)


def test_fit_augments_and_the_average_does_not_notice() -> None:
    target = Field(Vector(), 3 * D4.trivial)
    f, augment = cnn(5, 3), Augment(D4, IMAGE)
    x, y = randn(8, 2, 5, 5), torch.arange(8) % 3
    fit(f, (x, y), epochs=1, batch_size=4, augment=augment, progress=False)
    model = symmetrize(f, D4, source=IMAGE, target=target)
    torch.testing.assert_close(model(augment(x, seeded())), model(x))


def test_one_line_errors() -> None:
    C4 = geomdl.group("C4")
    with pytest.raises(ValueError, match=r"^source: expected a Field of C4, got one of D4$"):
        Augment(C4, IMAGE)
    with pytest.raises(ValueError, match=r"^source: expected a Field of C4, got None$"):
        Augment("C4", None)
    with pytest.raises(ValueError, match=r"^x: axis 1 should be rep.dim=2, got 3$"):
        Augment(D4, IMAGE)(torch.zeros(1, 3, 4, 4), seeded())
    with pytest.raises(ValueError, match=r"^target: expected a Field of D4, got None$"):
        Augment(D4, IMAGE).pair(torch.zeros(1, 2, 4, 4), torch.zeros(1, 8), seeded())


def test_images_of_unequal_sides_are_refused_with_advice() -> None:
    rng = torch.Generator().manual_seed(0)
    with pytest.raises(ValueError, match=r"got \(4, 6\); pad the images to a square, or take a"):
        Augment(D4, Field(Grid(2), D4.trivial))(torch.rand(8, 1, 4, 6), rng)
    G = geomdl.group("D2")
    assert Augment(G, Field(Grid(2), G.trivial))(torch.rand(8, 1, 4, 6), rng).shape[2:] == (4, 6)


def test_odd_arguments_are_refused() -> None:
    augment, rng = Augment(D4, IMAGE), torch.Generator()
    for call, error, message in (
        (lambda: augment(torch.zeros(2, 2, 4, 4), 0), TypeError, "rng: expected a torch.Generator"),
        (lambda: augment("image", rng), TypeError, "x: expected a Tensor, got str"),
        (lambda: Augment(4, IMAGE), TypeError, "group: expected a Group or its name, got int"),
    ):
        with pytest.raises(error, match=f"^{message}"):
            call()
