"""Layer normalisation of spherical tensors: one scale for each irrep of each node."""

from typing import Any

import torch
from torch import Tensor, nn

from geomdl.euclidean.spherical import single, spherical
from geomdl.fields import Field, Points
from geomdl.fields.numbers import check_counts
from geomdl.groups import Rep
from geomdl.kernels.precision import uncast
from geomdl.kernels.rows import wide
from geomdl.registry import Example, register_layer


def _inputs(rng: torch.Generator) -> tuple[Any, ...]:
    return (torch.randn(5, 8, 3, generator=rng, dtype=torch.float64),)


@register_layer(
    "euclidean/LayerNorm",
    example=Example(lambda: LayerNorm(spherical(1, "both"), channels=3), _inputs, forces=True),
)
class LayerNorm(nn.Module):
    """Divides each irrep by its root mean square over components and channels.

    y_lp = γ_lp x_lp / (mean_m,u x_lp[m, u]² + eps)^½,  y_0e = γ_0e z / (mean_u z[u]² + eps)^½ + β

    Invariants are centred over the channels, z = x_0e - mean_u x_0e[u]: there this is
    `torch.nn.LayerNorm`. γ and β for each channel. Equivariant under O(3), *exact*, since a
    rotation changes no sum of squares over the components of an irrep; each node by itself.
    Derivatives of every order, also at zero, where the first is 1/√eps.

    Args:
        rep: irreps of the features, each once.
        channels: of both sides; with one, nothing but β is left of invariants.
        eps: added to mean squares, positive.
        affine: whether γ and β are learnt (else 1 and 0).

    Attributes:
        weight: γ, shape (irreps, channels).
        bias: β, shape (channels,); None without invariants.

    Raises:
        ValueError: an irrep twice, or an impossible number; when called, a shape that does not fit.

    Example:
        >>> LayerNorm(spherical(1), channels=2)(torch.tensor([[[1.0, 3], [0, 9], [9, 0], [0, 0]]]))
        tensor([[[-1.0000,  1.0000],
                 [ 0.0000,  1.7321],
                 [ 1.7321,  0.0000],
                 [ 0.0000,  0.0000]]], grad_fn=<CatBackward0>)

    Source: Ba, Kiros & Hinton 2016, arXiv:1607.06450; Liao & Smidt 2023, arXiv:2206.11990.
    """

    def __init__(self, rep: Rep, *, channels: int, eps: float = 1e-5, affine: bool = True) -> None:
        super().__init__()
        self.parts = single("rep", rep)
        check_counts(channels=channels)
        if not eps > 0:
            raise ValueError(f"eps: expected a positive number, got {eps!r}")
        self.eps = float(eps)
        centred = any((b.l, b.p) == (0, 1) for b in self.parts)
        self.weight = nn.Parameter(torch.ones(len(self.parts), channels)) if affine else None
        self.bias = nn.Parameter(torch.zeros(channels)) if affine and centred else None
        self.source = self.target = Field(Points(3), rep, channels=channels)

    @uncast
    def forward(self, x: Tensor) -> Tensor:
        """(nodes, rep.dim, channels) to the same shape."""
        shape = (x.shape[0], *self.source.fibre)
        if tuple(x.shape) != shape:
            raise ValueError(f"x: expected shape {shape}, got {tuple(x.shape)}")
        found, full = [], x.to(wide(x.dtype))
        for place, b in enumerate(self.parts):
            part, invariant = full[:, b.start : b.stop], (b.l, b.p) == (0, 1)
            if invariant:
                part = part - part.mean(2, keepdim=True)
            part = part * (part.square().mean((1, 2), keepdim=True) + self.eps).rsqrt()
            if self.weight is not None:
                part = part * self.weight[place].to(part.dtype)
            if invariant and self.bias is not None:
                part = part + self.bias.to(part.dtype)
            found.append(part.to(x.dtype))
        return torch.cat(found, 1)

    def extra_repr(self) -> str:
        """Irreps, and what is added to mean squares."""
        return f"{' + '.join(b.name for b in self.parts)}, eps={self.eps:g}"
