"""Non-linearities of spherical tensors: invariants by a function, all else by gates."""

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from geomdl.euclidean.spherical import Block, blocks, from_blocks, single, spherical
from geomdl.fields import Field, Points
from geomdl.groups import Rep
from geomdl.groups.constant import memoized
from geomdl.registry import Example, register_layer

_NODES = 100  # of the Gauss-Hermite rule


@memoized
def unit_scale(f: Callable[[Tensor], Tensor]) -> float:
    """C such that E[(c f(z))²] = 1 for z of the standard normal distribution.

    By a Gauss-Hermite rule of 100 nodes; its error is 1e-10 for smooth f.

    Example:
        >>> round(unit_scale(torch.nn.functional.silu), 4)
        1.6765
    """
    import numpy as np

    nodes, weights = np.polynomial.hermite_e.hermegauss(_NODES)
    values = f(torch.from_numpy(nodes)).square() * torch.from_numpy(weights)
    return float((values.sum() / weights.sum()).rsqrt())


def _inputs(rng: torch.Generator) -> tuple[Any, ...]:
    return (torch.randn(5, 11, 3, generator=rng, dtype=torch.float64),)


@register_layer(
    "euclidean/Gate",
    example=Example(lambda: Gate(spherical(1, "both"), channels=3), _inputs, forces=True),
)
class Gate(nn.Module):
    """SiLU of invariants; every other irrep times the sigmoid of an invariant of its own.

    y_0e = c SiLU(x_0e),  y_lp = c' σ(gate_lp) x_lp, channel by channel

    c and c' make second moments of standard normal numbers one. Equivariant under O(3), *exact*,
    since gates are invariants (also those of pseudo-scalars, which stay odd).

    Args:
        target: irreps that come out, each once.
        channels: of both sides.
        scales: c and c'; those of second moments one if None.

    Attributes:
        source: field of the input: invariants first, 1 + one for each irrep that is gated, then
            the others.

    Raises:
        ValueError: an irrep twice, no invariant, or scales that are not finite; when called, a
            shape that does not fit.

    Example:
        >>> gate = Gate(spherical(2), channels=8)
        >>> [b.name for b in blocks(gate.source.rep)]
        ['3x0e', '1x1o', '1x2e']
        >>> gate(torch.randn(4, 11, 8)).shape
        torch.Size([4, 9, 8])

    Source: Weiler et al. 2018, arXiv:1807.02547.
    """

    def __init__(
        self, target: Rep, *, channels: int, scales: tuple[float, float] | None = None
    ) -> None:
        super().__init__()
        found = single("target", target)
        if not found or (found[0].l, found[0].p) != (0, 1):
            raise ValueError("target: expected invariants (0e) first, got none")
        gated: tuple[Block, ...] = found[1:]
        source = from_blocks(
            [(0, 1, 1 + len(gated)), *((b.l, b.p, 1) for b in gated)], target.group
        )
        self.gates = len(gated)
        owner = [k for k, b in enumerate(gated) for _ in range(2 * b.l + 1)]
        self.owner: Tensor
        self.register_buffer("owner", torch.tensor(owner, dtype=torch.int64), persistent=False)
        if scales is None:
            scales = unit_scale(nn.functional.silu), unit_scale(torch.sigmoid)
        if len(scales) != 2 or not all(math.isfinite(c) for c in scales):
            raise ValueError(f"scales: expected two finite numbers, got {scales}")
        self.of_silu, self.of_sigmoid = (float(c) for c in scales)
        self.source = Field(Points(3), source, channels=channels)
        self.target = Field(Points(3), target, channels=channels)

    def forward(self, x: Tensor) -> Tensor:
        """(nodes, source.dim, channels) to (nodes, target.dim, channels)."""
        shape = (x.shape[0], *self.source.fibre)
        if tuple(x.shape) != shape:
            raise ValueError(f"x: expected shape {shape}, got {tuple(x.shape)}")
        first, gates, rest = x.split([1, self.gates, x.shape[1] - 1 - self.gates], 1)
        first = nn.functional.silu(first) * self.of_silu
        if not self.gates:
            return first
        opened = (gates.sigmoid() * self.of_sigmoid).index_select(1, self.owner)
        return torch.cat([first, rest * opened], 1)

    def extra_repr(self) -> str:
        """Irreps that come out."""
        return " + ".join(b.name for b in blocks(self.target.rep))
