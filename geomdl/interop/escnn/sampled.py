"""Functions of given samples, for samples of escnn's that are not ours."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from geomdl import groups
from geomdl.fields import Field, Grid
from geomdl.registry import Example, register_layer
from geomdl.steerable.checks import check_input, fibre_axis, same_domain
from geomdl.steerable.fourier import FOURIER_FUNCTIONS
from geomdl.steerable.plain.forms import TRACED


def _example() -> nn.Module:
    G = groups.group("D4")
    field = Field(Grid(2), 2 * G.regular)
    return SampledPointwise(field, field, 2, 8, "relu")


def _inputs(rng: torch.Generator) -> tuple[Any, ...]:
    return (torch.randn(2, 16, 4, 4, generator=rng, dtype=torch.float64),)


@register_layer("escnn/SampledPointwise", example=Example(_example, _inputs))
class SampledPointwise(nn.Module):
    """A function of samples of each copy, y = P φ(E x), for given E and P.

    `geomdl.steerable.FourierPointwise` finds samples and matrices by itself. Here they come from
    elsewhere and are part of the state. Exact under elements that permute the samples; under others
    the error is that of the samples, and falls with their number.

    Args:
        source: field on a grid or on ``Vector()``.
        target: field on the same domain.
        copies: number of equal parts of the channels of either.
        points: number of samples of a part.
        function: φ, by a name of ``FourierPointwise``.

    Attributes:
        evaluate: E, (points, source.rep.dim / copies); at first the identity.
        project: P, (target.rep.dim / copies, points); at first the identity.

    Shape:
        ``(batch, source.channels, *spatial)`` -> ``(batch, target.channels, *spatial)``; likewise
        for the last axis of vectors.

    Raises:
        ValueError: channels that do not fall into equal parts, or an unknown function.

    Example:
        >>> import geomdl
        >>> from geomdl import Field, Vector
        >>> V = Field(Vector(), geomdl.group("C4").regular)
        >>> SampledPointwise(V, V, copies=1, points=4)(torch.tensor([1.0, -1.0, 2.0, -2.0]))
        tensor([1., 0., 2., 0.])

    Source: Cesa, Lang and Weiler 2022 (escnn's FourierPointwise).
    """

    evaluate: Tensor
    project: Tensor

    def __init__(
        self, source: Field, target: Field, copies: int, points: int, function: str = "relu"
    ) -> None:
        super().__init__()
        self._axis = fibre_axis(source)
        same_domain(source, target)
        if function not in FOURIER_FUNCTIONS:
            raise ValueError(
                f"function: should be one of {', '.join(FOURIER_FUNCTIONS)}, got {function!r}"
            )
        for name, field in (("source", source), ("target", target)):
            if copies < 1 or field.rep.dim % copies:
                raise ValueError(
                    f"copies: the channels of {name} should fall into equal parts, got {copies} "
                    f"for {field.rep.dim}"
                )
        self.source, self.target = source, target
        self.copies, self.points, self.function = copies, points, function
        self.register_buffer("evaluate", torch.eye(points, source.rep.dim // copies))
        self.register_buffer("project", torch.eye(target.rep.dim // copies, points))

    def forward(self, x: Tensor) -> Tensor:
        """Sample, apply the function, project back."""
        check_input(self.source, x)
        phi = FOURIER_FUNCTIONS[self.function]
        parts = x.unflatten(self._axis, (self.copies, -1))
        if self._axis == -1:
            return (phi(parts @ self.evaluate.T) @ self.project.T).flatten(-2)
        y = self.project @ phi(self.evaluate @ parts.flatten(3))
        return y.reshape(x.shape[0], self.target.rep.dim, *x.shape[2:])

    def extra_repr(self) -> str:
        """Function and samples."""
        return f"{self.function}, points={self.points}, copies={self.copies}"


TRACED.add(SampledPointwise)
