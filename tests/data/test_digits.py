"""The UCI digits, against scikit-learn."""

import pytest
import scipy.ndimage
import torch
from sklearn.datasets import load_digits

from geomdl.data import load, upsample


def test_raw_digits_are_those_of_scikit_learn():
    data = load("digits", size=None)
    theirs = load_digits()
    assert torch.equal(16 * data["images"][:, 0], torch.from_numpy(theirs.images).float())
    assert torch.equal(data["labels"], torch.from_numpy(theirs.target).long())
    assert (data["images"].dtype, data["labels"].dtype) == (torch.float32, torch.int64)
    assert data["images"].shape == (1797, 1, 8, 8)


@pytest.mark.parametrize("size", [12, 28, 29])
def test_enlarged_digits(size):
    data = load("digits", size=size)
    images = data["images"]
    assert images.shape == (1797, 1, size, size)
    assert (images.dtype, data["labels"].shape) == (torch.float32, (1797,))
    assert images.min() == 0
    assert images.max() == 1
    assert torch.equal(images, load("digits", size=size)["images"])
    offsets = torch.arange(size) - (size - 1) / 2
    outside = offsets[:, None] ** 2 + offsets**2 > ((size - 1) / 2) ** 2
    assert (images[..., outside] == 0).all()


def test_default_size():
    assert torch.equal(load("digits")["images"], load("digits", size=28)["images"])


def test_the_disc_loses_little_ink():
    """Of the ink of a digit enlarged without a disc around it, 2 % at most lie outside."""
    raw = load("digits", size=None)["images"].double()
    wide = upsample(torch.nn.functional.pad(raw, (4, 4, 4, 4)), 56)
    kept = upsample(raw, 28)
    lost = (wide.sum((1, 2, 3)) - kept.sum((1, 2, 3))) / wide.sum((1, 2, 3))
    assert (lost <= 0.02).all()


def test_no_ink_leaves_the_square_when_a_digit_turns():
    images = load("digits")["images"][:50, 0].double().numpy()
    for angle in (17, 45, 133):
        turned = scipy.ndimage.rotate(images, angle, axes=(1, 2), reshape=False, order=1)
        change = abs(turned.sum((1, 2)) / images.sum((1, 2)) - 1)
        assert (change <= 0.01).all()


def test_bad_size():
    with pytest.raises(ValueError, match=r"^size: should be at least 12, got 8$"):
        load("digits", size=8)
