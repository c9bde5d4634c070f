"""Gated non-linearities: invariant numbers open and close vectors."""

from typing import Any

import torch
from torch import Tensor, nn

from geomdl import groups
from geomdl.fields import Field, Grid
from geomdl.groups import Rep, direct_sum
from geomdl.registry import Example, register_layer
from geomdl.steerable.checks import check_input
from geomdl.steerable.parts import component_axis, coset_action, parts_of
from geomdl.steerable.pointwise import FUNCTIONS

GATES = ("copy", "coset", "shared")
"""What a gate is for."""


def gate_representation(rep: Rep, gates: str = "copy") -> Rep:
    """Representation of the gates for a sum of copies: one for each that is not trivial.

    Trivial ones for ``copy``; for ``coset`` the permutation of the cosets of each copy; a single
    trivial one for ``shared``.

    Raises:
        ValueError: all copies are trivial, or some have no cosets.
    """
    gated = [(block, n) for block, n in rep.blocks if not block.is_trivial]
    if not gated:
        raise ValueError(f"target: has only trivial copies, use Pointwise, got {rep.name}")
    trivial = rep.group.trivial
    if gates == "shared":
        return trivial
    if gates == "copy":
        return direct_sum([(trivial, sum(n for _, n in gated))])
    return direct_sum([(coset_action(block, "target"), n) for block, n in gated])


def _example() -> nn.Module:
    G = groups.group("D4")
    return GatedNonlinearity(Field(Grid(2), 2 * G.trivial + 2 * G.standard + G.regular))


def _inputs(rng: torch.Generator) -> tuple[Any, ...]:
    return (torch.randn(2, 17, 5, 5, generator=rng, dtype=torch.float64),)


@register_layer("steerable/GatedNonlinearity", example=Example(_example, _inputs))
class GatedNonlinearity(nn.Module):
    """Vectors times functions of gates, y = x · σ(gate); invariants through a function. Exact.

    Its input holds the gates first and the target's channels after them; ``source`` says so, and is
    what the layer before should produce: ``Conv(field, gated.source, 3)``. Multiplication by an
    invariant number commutes with every representation, orthogonal or not.

    Args:
        target: field on a grid or on ``Vector()`` that is gated: every copy that is not trivial.
        function: function σ of the gates, one of relu, elu, gelu, silu, leaky_relu, softplus,
            sigmoid, tanh.
        scalars: function of the target's trivial copies, one of the same; None leaves them alone.
        gates: ``copy``, one gate a copy; ``coset``, one for each coset of every induced or
            permutation representation; ``shared``, one for all copies.

    Attributes:
        source: field of the gates and the target's channels.

    Shape:
        ``(batch, source.channels, *spatial)`` -> ``(batch, target.channels, *spatial)``; likewise
        for the last axis of vectors.

    Raises:
        ValueError: nothing to gate, no cosets, or an unknown function.

    Example:
        >>> import geomdl
        >>> from geomdl import Field, Vector
        >>> G = geomdl.group("O3")
        >>> gated = GatedNonlinearity(Field(Vector(), G.trivial + 2 * G.standard))
        >>> gated.source.rep
        <3·trivial + 2·standard of O3, dim 9>
        >>> gated(torch.ones(9))[1:]
        tensor([0.7311, 0.7311, 0.7311, 0.7311, 0.7311, 0.7311])

    Source: Weiler et al. 2018, arXiv:1807.02547.
    """

    def __init__(
        self,
        target: Field,
        function: str = "sigmoid",
        scalars: str | None = "relu",
        gates: str = "copy",
    ) -> None:
        super().__init__()
        self._axis, _ = component_axis(target, "target")
        for name, value in (("function", function), ("scalars", scalars or function)):
            if value not in FUNCTIONS:
                raise ValueError(f"{name}: should be one of {', '.join(FUNCTIONS)}, got {value!r}")
        if gates not in GATES:
            raise ValueError(f"gates: should be one of {', '.join(GATES)}, got {gates!r}")
        rep = gate_representation(target.rep, gates)
        self._gates = rep.dim
        self.target = target
        self.source = Field(target.domain, direct_sum([(rep, 1), (target.rep, 1)]))
        self.function, self.scalars, self.gates = function, scalars, gates
        self._parts = parts_of(target.rep, gates == "coset", "target")

    def forward(self, x: Tensor) -> Tensor:
        """Gate every copy."""
        check_input(self.source, x)
        sizes = [self._gates, *(p.channels for p in self._parts)]
        gates, *pieces = x.split(sizes, self._axis)
        gates = FUNCTIONS[self.function](gates)
        done, first = [], 0
        for piece, (copies, parts, size, trivial) in zip(pieces, self._parts, strict=True):
            if trivial:
                done.append(piece if self.scalars is None else FUNCTIONS[self.scalars](piece))
                continue
            count = 1 if self.gates == "shared" else copies * parts
            gate = gates.narrow(self._axis, first, count).unsqueeze(self._components)
            vectors = piece.unflatten(self._axis, (copies * parts, size))
            done.append((vectors * gate).reshape(piece.shape))
            first += 0 if self.gates == "shared" else count
        return torch.cat(done, self._axis) if len(done) > 1 else done[0]

    @property
    def _components(self) -> int:
        """Axis of the components of one part."""
        return -1 if self._axis == -1 else 2

    def extra_repr(self) -> str:
        """Functions and gates."""
        return f"{self.function}, scalars={self.scalars}, gates={self.gates}"
