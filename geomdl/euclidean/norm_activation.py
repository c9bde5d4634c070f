"""Non-linearity of spherical tensors by their norms, without gates of their own."""

from typing import Any

import torch
from torch import Tensor, nn

from geomdl.euclidean.gate import unit_scale
from geomdl.euclidean.spherical import single, spherical
from geomdl.fields import Field, Points
from geomdl.fields.numbers import check_counts
from geomdl.groups import Rep
from geomdl.registry import Example, register_layer

_EPS = 1e-4  # under the root, so that derivatives stay bounded where a feature vanishes


def _inputs(rng: torch.Generator) -> tuple[Any, ...]:
    return (torch.randn(5, 8, 3, generator=rng, dtype=torch.float64),)


@register_layer(
    "euclidean/NormActivation",
    example=Example(lambda: NormActivation(spherical(1, "both"), channels=3), _inputs, forces=True),
)
class NormActivation(nn.Module):
    """SiLU of invariants; every other irrep times the sigmoid of its own norm.

    y_0e = c SiLU(x_0e),  y_lp = x_lp σ(a_lp |x_lp| + b_lp),  |x|² = mean_m x[m]² + 10⁻⁴

    channel by channel, with a = 1, b = 0 at first; c makes the second moment of standard normal
    numbers one. Equivariant under O(3), *exact*: norms are invariant, also those of pseudo-scalars,
    which stay odd. Derivatives of every order, also at zero.

    Args:
        rep: irreps of the features, each once.
        channels: of both sides.

    Attributes:
        slope: a, shape (irreps other than 0e, channels).
        bias: b, of the same shape.

    Raises:
        ValueError: an irrep twice, or an impossible number; when called, a shape that does not fit.

    Example:
        >>> NormActivation(spherical(1), channels=2)(torch.zeros(1, 4, 2)).shape
        torch.Size([1, 4, 2])

    Source: Worrall et al. 2017, arXiv:1612.04642; Thomas et al. 2018, arXiv:1802.08219.
    """

    def __init__(self, rep: Rep, *, channels: int) -> None:
        super().__init__()
        self.parts = single("rep", rep)
        check_counts(channels=channels)
        others = sum((b.l, b.p) != (0, 1) for b in self.parts)
        self.slope = nn.Parameter(torch.ones(others, channels))
        self.bias = nn.Parameter(torch.zeros(others, channels))
        self.of_silu = unit_scale(nn.functional.silu)
        self.source = self.target = Field(Points(3), rep, channels=channels)

    def forward(self, x: Tensor) -> Tensor:
        """(nodes, rep.dim, channels) to the same shape."""
        shape = (x.shape[0], *self.source.fibre)
        if tuple(x.shape) != shape:
            raise ValueError(f"x: expected shape {shape}, got {tuple(x.shape)}")
        found, place = [], 0
        for b in self.parts:
            part = x[:, b.start : b.stop]
            if (b.l, b.p) == (0, 1):
                found.append(nn.functional.silu(part) * self.of_silu)
                continue
            norm = (part.square().mean(1, keepdim=True) + _EPS).sqrt()
            found.append(part * (norm * self.slope[place] + self.bias[place]).sigmoid())
            place += 1
        return torch.cat(found, 1)

    def extra_repr(self) -> str:
        """Irreps."""
        return " + ".join(b.name for b in self.parts)
