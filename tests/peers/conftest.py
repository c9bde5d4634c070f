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


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let escnn leave /dev/null open, which it does to silence its own solver."""
    here = Path(__file__).parent
    what = "Exception ignored in. <_io.FileIO name='/dev/null'"
    for item in items:
        if here in item.path.parents:
            leak = f"ignore:{what}:pytest.PytestUnraisableExceptionWarning"
            item.add_marker(pytest.mark.filterwarnings(leak))
