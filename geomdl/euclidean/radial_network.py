"""The network that makes weights of edges from a radial basis."""

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from geomdl.euclidean.gate import unit_scale


class RadialNetwork(nn.Module):
    """Weights of the edges from their distances: perceptron without biases, SiLU between.

    w = W_n a(… a(W_1 b)), so that w = 0 where b = 0: beyond the cut-off.

    Args:
        sizes: widths of the layers, the basis first.
        rng: for the weights.
    """

    def __init__(self, sizes: Sequence[int], rng: torch.Generator | None = None) -> None:
        super().__init__()
        self.scale = unit_scale(nn.functional.silu)
        shapes = pairwise(sizes)
        self.weights = nn.ParameterList([torch.randn(a, b, generator=rng) for a, b in shapes])

    def forward(self, b: Tensor) -> Tensor:
        """(edges, sizes[0]) to (edges, sizes[-1])."""
        for place, weight in enumerate(self.weights):
            scale = 1 / math.sqrt(weight.shape[0])
            if place:  # the function's scale goes into the weights: there are more edges than those
                b, scale = nn.functional.silu(b), scale * self.scale
            b = b @ (weight * scale)
        return b
