import pytest
import torch
from torch import nn

from geomdl.training import fit


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_the_loss_is_computed_in_the_type_of_the_model(dtype):
    """Fabric's own double precision rounds the output to float32."""
    seen = set()

    def loss(output, target):
        seen.add((output.dtype, target.dtype))
        return (output - target).square().mean()

    x = torch.linspace(-1, 1, 8, dtype=torch.float64)[:, None]
    fit(nn.Linear(1, 1, dtype=dtype), (x, x), (x, x), epochs=1, loss=loss)
    assert seen == {(dtype, dtype)}
