"""What holds for every test and doctest."""

import re
from collections.abc import Iterator

import pytest
import torch

try:
    from coverage import Coverage
except ImportError:  # an environment that only runs the tests
    Coverage = None

COMPILERS = re.compile("compil|export|onnx|inductor|one_graph")


@pytest.fixture(autouse=True)
def _seeded() -> None:
    """Weights drawn from PyTorch's global state are the same in whatever order the tests run."""
    torch.manual_seed(20261124)  # none of the seeds that tests use themselves


@pytest.fixture(autouse=True)
def _unwatched(request: pytest.FixtureRequest) -> Iterator[None]:
    """Compilers take twice as long under coverage; what they run of geomdl, other tests run too."""
    watching = Coverage.current() if Coverage and COMPILERS.search(request.node.name) else None
    if watching is None:
        yield
        return
    watching.stop()
    yield
    watching.start()
