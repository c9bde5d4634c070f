"""Real spherical harmonics of vectors, as a function and as a layer."""

from typing import Any

import torch
from torch import Tensor, nn

from geomdl import kernels
from geomdl.fields import Field, Points
from geomdl.groups import direct_sum, group
from geomdl.registry import Example, register_layer


def spherical_harmonics(x: Tensor, lmax: int, normalize: bool = True) -> Tensor:
    """Real spherical harmonics of degrees 0 … lmax, component normalised.

    Y_l(x/|x|) with |Y_l|² = 2l + 1, or the polynomials |x|^l Y_l(x/|x|); Y_l(R x) = D^l(R) Y_l(x)
    with D^l of `wigner_D`, and Y_l(-x) = (-1)^l Y_l(x), *exact* up to rounding. Order and signs are
    those of e3nn 0.6: m = -l … l at l² + l + m, y the polar axis, Y_1 = √3 (x, y, z).

    A zero vector has no direction: Y_0 = 1, the others 0, and derivatives of every order 0.
    Derivatives of every order elsewhere too; forces may be trained on. On the CPU all is
    computed in float64 and rounded once.

    Args:
        x: vectors, shape (..., 3). In any unit if normalize.
        lmax: greatest degree, 0 to 12.
        normalize: whether to leave the length aside.

    Returns:
        shape (..., (lmax + 1)²), dtype of x.

    Raises:
        TypeError: x is no floating-point tensor.
        ValueError: the last axis is not 3, or an impossible degree.

    Example:
        >>> spherical_harmonics(torch.tensor([0.0, 2.0, 0.0]), lmax=1)
        tensor([1.0000, 0.0000, 1.7321, 0.0000])
        >>> spherical_harmonics(torch.tensor([0.0, 2.0, 0.0]), lmax=1, normalize=False)
        tensor([1.0000, 0.0000, 3.4641, 0.0000])

    Source: Limpanuparb & Milthorpe 2014, arXiv:1410.1748 (recursion in l at fixed m).
    """
    if x.ndim < 1 or x.shape[-1] != 3:
        raise ValueError(f"x: last axis should be 3, got shape {tuple(x.shape)}")
    found = kernels.spherical_harmonics(x.reshape(-1, 3), lmax, normalize)
    return found.reshape(*x.shape[:-1], (lmax + 1) ** 2)


def _inputs(rng: torch.Generator) -> tuple[Any, ...]:
    return (torch.randn(4, 5, 3, generator=rng, dtype=torch.float64),)


@register_layer(
    "euclidean/SphericalHarmonics",
    example=Example(lambda: SphericalHarmonics(3), _inputs, forces=True),
)
class SphericalHarmonics(nn.Module):
    """Spherical harmonics of a vector at each point, `spherical_harmonics` as a layer.

    Equivariant under O(3): from its standard representation to ⊕_l (l, (-1)^l), *exact* up to
    rounding, eps × the degree.

    Args:
        lmax: greatest degree, 0 to 12.
        normalize: whether to leave the length aside.

    Attributes:
        source: field of vectors at points.
        target: field of their harmonics.

    Raises:
        ValueError: an impossible degree; when called, a last axis that is not 3.

    Example:
        >>> SphericalHarmonics(2).target
        Field(Points(3), irrep((0, 1)) + irrep((1, -1)) + irrep((2, 1)) of O3)
    """

    def __init__(self, lmax: int, normalize: bool = True) -> None:
        super().__init__()
        if not isinstance(lmax, int) or not 0 <= lmax <= kernels.harmonics.MOST:
            raise ValueError(f"lmax: expected 0 to {kernels.harmonics.MOST}, got {lmax!r}")
        self.lmax, self.normalize = lmax, normalize
        o3 = group("O3")
        self.source = Field(Points(3), o3.standard)
        parts = [o3.irrep((l, (-1) ** l)) for l in range(lmax + 1)]
        self.target = Field(Points(3), direct_sum([(part, 1) for part in parts]))

    def forward(self, x: Tensor) -> Tensor:
        """Vectors (..., nodes, 3) to harmonics (..., nodes, (lmax + 1)²)."""
        return spherical_harmonics(x, self.lmax, self.normalize)
