"""The peers as fixtures, and what they do that no test of ours may."""

from pathlib import Path
from types import ModuleType

import pytest

from tests.peers.loading import peer


@pytest.fixture(scope="session")
def escnn() -> ModuleType:
    """escnn, with its groups, spaces and layers."""
    peer("escnn.gspaces")
    peer("escnn.nn")
    return peer("escnn")


@pytest.fixture(scope="session")
def kymatio() -> ModuleType:
    """kymatio's frontend for torch."""
    return peer("kymatio.torch")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let peers do what they do.

    escnn leaves /dev/null open to silence its own solver; kymatio warns of signals too short for
    their padding, and calls a function of SciPy that is on its way out, once a voxel.
    """
    here = Path(__file__).parent
    what = "Exception ignored in. <_io.FileIO name='/dev/null'"
    theirs = (
        "ignore:Signal support is too small:UserWarning",
        "ignore::DeprecationWarning:kymatio",
    )
    for item in items:
        if here in item.path.parents:
            leak = f"ignore:{what}:pytest.PytestUnraisableExceptionWarning"
            for filter in (leak, *theirs):
                item.add_marker(pytest.mark.filterwarnings(filter))
