"""Linear maps that depend on the atom's species."""

import math

import torch
from torch import Tensor, nn

from geomdl.euclidean.spherical import blocks
from geomdl.groups import Rep


class SpeciesLinear(nn.Module):
    """Mixes channels of each irrep by a matrix of the atom's species.

    Args:
        source: irreps of the input, each once.
        target: irreps of the output, each once; those that the source lacks are zero.
        channels: of both.
        species: how many.
        rng: for the weights.
    """

    def __init__(
        self,
        source: Rep,
        target: Rep,
        channels: int,
        species: int,
        rng: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        self.inputs = {(b.l, b.p): b for b in blocks(source)}
        self.outputs = blocks(target)
        common = [b for b in self.outputs if (b.l, b.p) in self.inputs]
        self.weights = nn.ParameterDict(
            {b.name: torch.randn(species, channels, channels, generator=rng) for b in common}
        )
        self.scale = 1 / math.sqrt(channels)

    def forward(self, x: Tensor, kind: Tensor) -> Tensor:
        """(nodes, source.dim, channels), (nodes,) to (nodes, target.dim, channels)."""
        parts = []
        for b in self.outputs:
            if b.name in self.weights:
                a = self.inputs[b.l, b.p]
                weight = self.weights[b.name] * self.scale
                parts.append(x[:, a.start : a.stop] @ weight.index_select(0, kind))
            else:
                parts.append(x.new_zeros(x.shape[0], 2 * b.l + 1, x.shape[2]))
        return torch.cat(parts, 1)
