"""Batch normalisation that commutes with the group."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from geomdl import groups
from geomdl.fields import Field, Grid
from geomdl.registry import Example, register_layer
from geomdl.steerable.checks import copies, permutes
from geomdl.steerable.taps import grid_of


def _example() -> nn.Module:
    G = groups.group("D4")
    # in training mode the statistics tie the samples of a batch together, by design
    return BatchNorm(Field(Grid(2), G.trivial + 2 * G.regular)).eval()


def _inputs(rng: torch.Generator) -> tuple[Any, ...]:
    return (torch.randn(2, 17, 5, 5, generator=rng, dtype=torch.float64),)


@register_layer("steerable/BatchNorm", example=Example(_example, _inputs))
class BatchNorm(nn.Module):
    """Batch normalisation over the group: one mean and variance for each field.

    y = γ (x - mean) / (var + eps)^(1/2) + β, where mean, var, γ, β are shared by the channels of
    one copy of a permutation representation (for a regular one: averaged over the group). Exact,
    in training and in evaluation. In training the statistics are those of the batch, so samples
    depend on one another; in evaluation the running ones.

    Args:
        source: field of a permutation representation on a grid.
        eps: added to the variance.
        momentum: weight of the newest batch in the running statistics.
        affine: whether γ and β are learnt (else 1 and 0).

    Shape:
        unchanged, ``(batch, source.channels, *spatial)``.

    Raises:
        ValueError: not a permutation representation (norms for other ones come later).

    Example:
        >>> import geomdl
        >>> from geomdl import Field, Grid
        >>> BatchNorm(Field(Grid(2), 4 * geomdl.group("D4").regular)).running_mean.shape
        torch.Size([4])

    Source: Cohen and Welling 2016, arXiv:1602.07576, section 6.3.
    """

    running_mean: Tensor
    running_var: Tensor

    def __init__(
        self, source: Field, eps: float = 1e-5, momentum: float = 0.1, affine: bool = True
    ) -> None:
        super().__init__()
        grid_of(source, "source")
        permutes(source, "BatchNorm")
        n = copies(source.rep)
        self.source = self.target = source
        self.eps, self.momentum = eps, momentum
        self.weight = nn.Parameter(torch.ones(n)) if affine else None
        self.bias = nn.Parameter(torch.zeros(n)) if affine else None
        self.register_buffer("running_mean", torch.zeros(n))
        self.register_buffer("running_var", torch.ones(n))

    def forward(self, x: Tensor) -> Tensor:
        """Normalise a batch of fields, and update the running statistics when training."""
        self.source.check(x)
        blocks = self.source.rep.blocks
        if len(blocks) == 1:
            return self._block(x, blocks[0][0].dim, 0)
        pieces, first = [], 0
        for piece, (rep, n) in zip(x.split([r.dim * n for r, n in blocks], 1), blocks, strict=True):
            pieces.append(self._block(piece, rep.dim, first))
            first += n
        return torch.cat(pieces, 1)

    def _block(self, x: Tensor, dim: int, first: int) -> Tensor:
        """Normalise copies of one representation; ``first`` is the place of their statistics."""
        n = x.shape[1] // dim
        part = slice(first, first + n)
        y = F.batch_norm(
            x.unflatten(1, (n, dim)).flatten(2),  # (batch, copies, channels and space)
            self.running_mean[part],
            self.running_var[part],
            None if self.weight is None else self.weight[part],
            None if self.bias is None else self.bias[part],
            self.training,
            self.momentum,
            self.eps,
        )
        return y.view(x.shape)

    def extra_repr(self) -> str:
        """Number of statistics."""
        return f"{len(self.running_mean)} fields, eps={self.eps}, momentum={self.momentum}"
