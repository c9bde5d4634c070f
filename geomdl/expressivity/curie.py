"""Curie's principle: an equivariant network cannot be less symmetric than what it is given."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from geomdl.fields import Field, Vector
from geomdl.groups import Rep, Subgroup


@dataclass(frozen=True, eq=False)
class Curie:
    """What equivariant networks can answer to one input.

    Args:
        stabilizer: the subgroup H of the elements that leave the input as it is.
        rep: of the answer.
        fixed: orthonormal basis of the answers in reach, ρ.fixed(H), shape (n, rep.dim).
    """

    stabilizer: Subgroup
    rep: Rep
    fixed: Tensor

    @property
    def forbidden(self) -> Tensor:
        """Orthonormal basis of the answers that no weights give, shape (rep.dim - n, rep.dim)."""
        full: Tensor = torch.linalg.svd(self.fixed, full_matrices=True)[2]
        return full[len(self.fixed) :]

    def project(self, y: Tensor) -> Tensor:
        """The answer in reach that is nearest to ``y``, shape (..., rep.dim)."""
        y = self._check(y)
        value: Tensor = y @ self.fixed.T @ self.fixed
        return value

    def distance(self, y: Tensor) -> Tensor:
        """Least error ‖f(x) - y‖ of any equivariant f, trained or not, shape (...,)."""
        y = self._check(y)
        value: Tensor = (y - self.project(y)).norm(dim=-1)
        return value

    def _check(self, y: Tensor) -> Tensor:
        if not isinstance(y, Tensor):
            raise TypeError(f"y: expected a tensor, got {type(y).__name__}")
        if y.ndim == 0 or y.shape[-1] != self.rep.dim:
            raise ValueError(f"y: last axis should be rep.dim={self.rep.dim}, got {tuple(y.shape)}")
        if not bool(torch.isfinite(y).all()):
            raise ValueError("y: expected finite numbers, got NaN or infinity")
        return y.double()


def curie(source: Field, x: Any, target: Rep | Field, tol: float | None = None) -> Curie:
    r"""Which answers are out of reach of every equivariant network, for one input.

    If h x = x, then f(x) = f(h x) = ρ(h) f(x): the answer lies in the subspace that the stabilizer
    H of x fixes. All answers there are in reach of *some* equivariant map (take a value on the
    orbit of x), so `distance` is the exact error that no training removes.

    Args:
        source: the type of ``x``.
        x: data of that type, a tensor or a `Graph`.
        target: representation of the answer, or a field of plain vectors.
        tol: see `geomdl.fields.stabilizer`.

    Returns:
        Stabilizer, fixed subspace; `.project(y)`, `.distance(y)`.

    Raises:
        TypeError: ``source`` or ``target`` is no field, or representation.
        ValueError: of different groups, or as for `geomdl.fields.stabilizer`.

    Example:
        >>> import geomdl
        >>> D4 = geomdl.group("D4")
        >>> square = torch.tensor([[0.0, 1, 0], [1, 1, 1], [0, 1, 0]])[None, None]
        >>> image = Field(geomdl.Grid(2), D4.trivial)
        >>> found = curie(image, square, D4.standard)  # an arrow in the plane
        >>> len(found.fixed), found.distance(torch.tensor([0.0, 1.0])).item()
        (0, 1.0)
        >>> bar = torch.tensor([[0.0, 0, 0], [1, 1, 0], [0, 0, 0]])[None, None]
        >>> curie(image, bar, D4.standard).fixed.abs().tolist()  # one half arm: along it, exactly
        [[1.0, 0.0]]

    Source: P. Curie 1894; Smidt, Geiger and Miller 2021, arXiv:2007.02005, for networks.
    """
    if not isinstance(source, Field):
        raise TypeError(f"source: expected a Field, got {type(source).__name__}")
    rep: Any = target
    if isinstance(target, Field):
        if not isinstance(target.domain, Vector) or target.has_columns:
            raise ValueError(f"target: expected a field of plain vectors, got {target!r}")
        rep = target.rep
    if not isinstance(rep, Rep):
        raise TypeError(f"target: expected a representation, got {type(target).__name__}")
    if rep.group != source.group:
        raise ValueError(
            f"target: expected a representation of {source.group.name}, got one of {rep.group.name}"
        )
    found = source.stabilizer(x, tol)
    return Curie(found, rep, rep.fixed(found))
