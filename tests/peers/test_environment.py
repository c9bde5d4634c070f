"""The peers load side by side, in versions that still work together."""

from importlib.metadata import version

import pytest
import torch
from packaging.version import Version

from tests.peers.loading import peer

pytestmark = pytest.mark.peers


@pytest.mark.parametrize(
    "name", ["escnn", "kymatio.torch", "curvlinops", "e3nn.o3", "torch_geometric"]
)
def test_peers_load(name: str) -> None:
    assert peer(name).__name__ == name


def test_a_missing_peer_is_an_error() -> None:
    with pytest.raises(ModuleNotFoundError):
        peer("no_such_peer")


def test_what_the_peers_still_need() -> None:
    assert Version(version("scipy")) < Version("1.17")
    assert Version(version("scikit-learn")) < Version("1.6")


def test_torch_is_the_one_that_was_asked_for() -> None:
    assert torch.version.cuda is None or torch.cuda.is_available()
