"""What holds for every test and doctest."""

import pytest
import torch


@pytest.fixture(autouse=True)
def _seeded() -> None:
    """Weights drawn from PyTorch's global state are the same in whatever order the tests run."""
    torch.manual_seed(20261124)  # none of the seeds that tests use themselves
