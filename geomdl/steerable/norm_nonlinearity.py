"""Non-linear functions of the norms of vectors."""

from typing import Any

import torch
from torch import Tensor, nn

from geomdl import groups
from geomdl.fields import Field, Grid
from geomdl.registry import Example, register_layer
from geomdl.steerable.checks import check_input
from geomdl.steerable.irrep_basis import orthogonal
from geomdl.steerable.parts import component_axis, parts_of, spread
from geomdl.steerable.pointwise import FUNCTIONS
from geomdl.steerable.vector_norms import largest

NORM_FUNCTIONS = ("relu", "sigmoid", "softplus", "silu", "softsign", "squash")
"""Names of the functions of a norm."""


def scale_by_norm(x: Tensor, bias: Tensor | float, axis: int, function: str) -> Tensor:
    """Scale vectors along an axis by a function of their norm; see `NormNonlinearity`.

    Args:
        x: vectors.
        bias: b, broadcast against ``x`` with the axis of length one.
        axis: axis of the components.
        function: one of ``NORM_FUNCTIONS``.

    Returns:
        of the shape and dtype of ``x``; zero, with gradient zero, where |x|² is below the square
        root of the smallest normal number (|x| < 3e-10 in float32).
    """
    wide = x.float() if x.dtype in (torch.bfloat16, torch.float16) else x
    unit = largest(wide, axis)
    square = (wide / unit).square().sum(axis, keepdim=True)
    zero = square <= torch.finfo(wide.dtype).tiny ** 0.5  # false for NaN, which therefore goes on
    safe = torch.where(zero, 1.0, square).sqrt() * unit
    norm = torch.where(zero, 0.0, safe)
    if function == "squash":
        below, above = norm.clamp(max=1), norm.clamp(min=1)  # squares neither of large numbers
        factor = torch.where(norm > 1, 1 / (above + 1 / above), below / (1 + below.square()))
        return x * factor.to(x.dtype)
    if function == "softsign":
        return x / (1 + norm).to(x.dtype)
    if function == "silu":
        return x * torch.sigmoid(norm + bias).to(x.dtype)
    return x * torch.where(zero, 0.0, FUNCTIONS[function](norm + bias) / safe).to(x.dtype)


def _example() -> nn.Module:
    G = groups.group("D4")
    return NormNonlinearity(Field(Grid(2), 2 * G.standard + G.irrep((1, 0)) + G.regular))


def _inputs(rng: torch.Generator) -> tuple[Any, ...]:
    return (torch.randn(2, 13, 5, 5, generator=rng, dtype=torch.float64),)


@register_layer(
    "steerable/NormNonlinearity", example=Example(_example, _inputs, forces=True, tol=1e-12)
)
class NormNonlinearity(nn.Module):
    """A function of the norm of each copy: y = x · η(|x| + b) / |x|. Exact.

    The norm of an orthogonal representation does not change under the group. Functions:

    * ``relu``: y = x/|x| · max(|x| + b, 0)
    * ``sigmoid``: y = x/|x| · σ(|x| + b)
    * ``softplus``: y = x/|x| · log(1 + exp(|x| + b))
    * ``silu``: y = x · σ(|x| + b), the only one with b that is differentiable at 0
    * ``squash``: y = x/|x| · |x|²/(1 + |x|²), without b
    * ``softsign``: y = x/(1 + |x|), without b (escnn names it squash)

    At x = 0 the output is 0 and its gradient is 0 (``silu``: σ(b); ``softsign``: 1), even where the
    function jumps there (``sigmoid``, ``softplus``, ``relu`` with b > 0). Second derivatives are
    finite too.

    Args:
        source: field of an orthogonal representation on a grid or on ``Vector()``.
        function: one of relu, sigmoid, softplus, silu, squash, softsign.
        bias: whether a threshold b is learnt for each copy; None: wherever the function has one.
            It starts at −√dim/4 for ``relu`` (a quarter of the norm of a copy whose entries have
            mean square one; at 0 the function would be the identity), else at 0.
        per_coset: take the norm of each coset's part of an induced representation (of each
            component of a permutation representation) instead of that of the whole copy; the cosets
            of a copy share b.

    Shape:
        unchanged, ``(batch, source.channels, *spatial)`` or ``(..., source.rep.dim)``.

    Raises:
        ValueError: a representation that is not orthogonal, one without cosets, an unknown
            function, or a bias where it has none.

    Example:
        >>> import geomdl
        >>> from geomdl import Field, Vector
        >>> G = geomdl.group("SO2")
        >>> squash = NormNonlinearity(Field(Vector(), 2 * G.irrep(1)), "squash")
        >>> squash(torch.tensor([3.0, 4.0, 0.0, 0.0])) * 26
        tensor([15., 20.,  0.,  0.])

    Source: Worrall et al. 2017, arXiv:1612.04642; Weiler and Cesa 2019, arXiv:1911.08251.
    """

    def __init__(
        self,
        source: Field,
        function: str = "relu",
        bias: bool | None = None,
        per_coset: bool = False,
    ) -> None:
        super().__init__()
        self._axis, self._components = component_axis(source)
        orthogonal(source, "NormNonlinearity")
        if function not in NORM_FUNCTIONS:
            raise ValueError(
                f"function: should be one of {', '.join(NORM_FUNCTIONS)}, got {function!r}"
            )
        unbiased = function in ("squash", "softsign")
        if bias and unbiased:
            raise ValueError(f"bias: {function} has none, got True")
        self.source = self.target = source
        self.function, self.per_coset = function, per_coset
        self._parts = parts_of(source.rep, per_coset)
        start = torch.cat([torch.full((p.copies,), -(p.size**0.5) / 4) for p in self._parts])
        has_bias = not unbiased if bias is None else bias
        scale = 1.0 if function == "relu" else 0.0
        self.bias = nn.Parameter(start * scale) if has_bias else None

    def forward(self, x: Tensor) -> Tensor:
        """Scale every copy."""
        check_input(self.source, x)
        pieces = x.split([p.channels for p in self._parts], self._axis)
        done, first = [], 0
        for piece, (copies, parts, size, _) in zip(pieces, self._parts, strict=True):
            bias: Tensor | float = 0.0
            if self.bias is not None:
                bias = spread(self.bias[first : first + copies, None], self.source)
            vectors = piece.unflatten(self._axis, (copies, parts, size))
            scaled = scale_by_norm(vectors, bias, self._components, self.function)
            done.append(scaled.reshape(piece.shape))
            first += copies
        return torch.cat(done, self._axis) if len(done) > 1 else done[0]

    def extra_repr(self) -> str:
        """Function, and whose norms."""
        whose = ", per coset" if self.per_coset else ""
        return f"{self.function}{whose}, bias={self.bias is not None}"
