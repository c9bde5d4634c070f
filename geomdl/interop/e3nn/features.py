"""Irreps and features from and to e3nn.

e3nn lays features out as (nodes, Σ multiplicity · (2l + 1)), the copies of an irrep one after
another; here they are (nodes, components, channels). Coefficients, order and signs agree.
"""

from typing import Any

import torch
from torch import Tensor

from geomdl.euclidean import blocks
from geomdl.euclidean.spherical import from_blocks
from geomdl.groups import Rep


def to_irreps(rep: Rep, channels: int) -> Any:
    """Return the `e3nn.o3.Irreps` of a feature.

    Args:
        rep: of O3.
        channels: of the feature.

    Example:
        >>> from geomdl.euclidean import spherical
        >>> to_irreps(spherical(1), 8)
        8x0e+8x1o
    """
    from e3nn import o3

    return o3.Irreps([(b.copies * channels, (b.l, b.p)) for b in blocks(rep)])


def from_irreps(irreps: Any) -> tuple[Rep, int]:
    """Representation and channels of `e3nn.o3.Irreps`.

    Args:
        irreps: of one multiplicity, or of multiples of the least, which are copies.

    Raises:
        ValueError: a multiplicity is no multiple of the least one.

    Example:
        >>> rep, channels = from_irreps("8x0e+16x1o")
        >>> [b.name for b in blocks(rep)], channels
        (['1x0e', '2x1o'], 8)
    """
    from e3nn import o3

    found = [(n, ir) for n, ir in o3.Irreps(irreps) if n]
    if not found:
        raise ValueError("irreps: expected some, got none")
    channels = min(n for n, _ in found)
    if any(n % channels for n, _ in found):
        raise ValueError(
            f"irreps: expected multiples of the least multiplicity {channels}, got {irreps}"
        )
    return from_blocks([(ir.l, ir.p, n // channels) for n, ir in found]), channels


def to_features(x: Tensor, rep: Rep) -> Tensor:
    """(…, rep.dim, channels) to e3nn's (…, rep.dim · channels). Exact."""
    parts = []
    for b in blocks(rep):
        rows = x[..., b.start : b.stop, :]
        rows = rows.unflatten(-2, (2 * b.l + 1, b.copies)).flatten(-2)
        parts.append(rows.transpose(-1, -2).flatten(-2))
    return torch.cat(parts, -1)


def from_features(x: Tensor, rep: Rep, channels: int) -> Tensor:
    """Inverse of `to_features`. Exact.

    Example:
        >>> from geomdl.euclidean import spherical
        >>> x = torch.randn(5, 9, 4)
        >>> torch.equal(from_features(to_features(x, spherical(2)), spherical(2), 4), x)
        True
    """
    if x.shape[-1] != rep.dim * channels:
        raise ValueError(f"x: last axis should be {rep.dim * channels}, got {x.shape[-1]}")
    parts, start = [], 0
    for b in blocks(rep):
        size = (b.stop - b.start) * channels
        rows = x[..., start : start + size].unflatten(-1, (b.copies * channels, 2 * b.l + 1))
        parts.append(rows.transpose(-1, -2).unflatten(-1, (b.copies, channels)).flatten(-3, -2))
        start += size
    return torch.cat(parts, -2)
