"""What several tests of the audit look at: an image, and a network that is right."""

import pytest
from torch import Tensor

from tests.auditing.networks import C4Net, images, seeded


@pytest.fixture
def x() -> Tensor:
    return images(4, 1, 11, 11)


@pytest.fixture
def net() -> C4Net:
    return seeded(C4Net())
