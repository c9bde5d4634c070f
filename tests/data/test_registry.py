"""`load`: names, options, and what it refuses."""

import numpy
import pytest
import torch

import geomdl.data
from geomdl.data import load, names, register
from geomdl.data.registry import _LOADERS


@pytest.fixture
def scratch_names(monkeypatch):
    """Names registered by a test are forgotten after it."""
    known = dict(_LOADERS)
    yield
    _LOADERS.clear()
    _LOADERS.update(known)


def test_names():
    assert {"digits", "mnist"} <= set(names())
    assert names() == sorted(names())
    assert geomdl.data.load is load


@pytest.mark.usefixtures("scratch_names")
def test_registered_loaders_get_root_download_and_options():
    @register("echo")
    def echo(root, download, n=2):
        assert (root, download) == ("here", True)
        return {"x": torch.arange(n)}

    assert "echo" in names()
    assert load("echo", "here", True, n=3)["x"].tolist() == [0, 1, 2]
    with pytest.raises(ValueError, match=r"^name: 'echo' is taken by .*test_registry$"):
        register("echo")(echo)
    with pytest.raises(ValueError, match=r"^name: expected no file name, got 'a.npz'$"):
        register("a.npz")


def test_unknown_names_list_the_known_and_the_near():
    with pytest.raises(ValueError, match=r"^name: expected one of \[.*'digits'.*\] or an .npz fi"):
        load("imagenet")
    with pytest.raises(ValueError, match=r"got 'digit'; did you mean 'digits'\?$"):
        load("digit")


def test_unknown_options():
    with pytest.raises(TypeError, match=r"^digits: expected options among \['size'\], got sise$"):
        load("digits", sise=28)
    with pytest.raises(TypeError, match=r"^a.npz: a file takes no options, got size$"):
        load("a.npz", size=28)


@pytest.mark.usefixtures("scratch_names")
@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf")])
def test_nan_and_infinity_are_refused(bad, tmp_path):
    values = torch.tensor([[0.0, 1.0], [2.0, 3.0], [4.0, bad]])
    register("broken")(lambda root, download: {"fine": torch.zeros(2), "x": values})
    with pytest.raises(
        ValueError, match=r"^broken: x should be finite, got NaN or infinity in row 2$"
    ):
        load("broken")
    numpy.savez(tmp_path / "broken.npz", energy=numpy.float64(bad))  # not even an axis
    with pytest.raises(ValueError, match=r"energy should be finite, got NaN or infinity in row 0$"):
        load(tmp_path / "broken.npz")


@pytest.mark.usefixtures("scratch_names")
def test_images_need_as_many_labels():
    tensors = {"images": torch.zeros(3, 1, 2, 2), "labels": torch.zeros(2, dtype=torch.int64)}
    register("odd")(lambda root, download: tensors)
    with pytest.raises(ValueError, match=r"^odd: expected a label for each image, got 3 and 2$"):
        load("odd")
