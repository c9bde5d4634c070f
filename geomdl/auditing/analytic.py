"""Inputs given by a formula: a group element moves them exactly, where an array is resampled."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import torch
from torch import Tensor

from geomdl.fields import Field, Grid
from geomdl.fields.grid import keeps_pixels
from geomdl.fields.motion import motion

Kind = Literal["bumps", "waves"]
TERMS = 6


@dataclass(frozen=True, eq=False)
class Analytic:
    """A function F on the line, the plane or space, sampled on the pixels of a grid.

        (g F)(p) = ρ(g) F(g⁻¹ p)

    is sampled by `at`, *exactly* for every g. Build it by `analytic_inputs`. Places are measured in
    half sizes of the array, so the same numbers are the same function at every resolution.

    Attributes:
        field: type of the tensor, on a Grid.
        shape: sizes of the spatial axes.
        kind: "bumps" or "waves".
        amplitudes: shape (batch, rep.dim, terms).
        places: centres of bumps or frequencies of waves, along the array's axes, (batch, terms, d).
        scales: widths of bumps or phases of waves, (batch, terms).
    """

    field: Field
    shape: tuple[int, ...]
    kind: Kind
    amplitudes: Tensor
    places: Tensor
    scales: Tensor

    @cached_property
    def tensor(self) -> Tensor:
        """F on the pixels, float64 of shape (batch, rep.dim, *shape)."""
        return self.at(self.field.group.identity)

    def at(self, g: Any) -> Tensor:
        """G F on the pixels for one element g, float64 of shape (batch, rep.dim, *shape). Exact.

        Signed permutations of unequal axes exchange their sizes, as `Field.act` does.
        """
        grid = self.field.domain
        assert isinstance(grid, Grid)
        place = motion(grid, self.field.group, g)
        sizes = self.shape
        if bool(keeps_pixels(place)):
            sizes = tuple(self.shape[a] for a in place.linear.abs().argmax(-1).tolist())
        pixels = torch.stack(
            torch.meshgrid(
                *(torch.arange(n, dtype=torch.float64) - (n - 1) / 2 for n in sizes), indexing="ij"
            ),
            dim=-1,
        )
        origin = torch.linalg.solve(place.linear, (pixels - place.shift).flatten(0, -2).T).T
        values = self.values(origin)
        mixed = torch.einsum("ij,bjn->bin", self.field.rep(g), values)
        return mixed.reshape(*mixed.shape[:2], *sizes)

    def values(self, points: Tensor) -> Tensor:
        """F at points of the plane.

        Args:
            points: shape (n, d), in pixels from the centre, along the array's axes.

        Returns:
            shape (batch, rep.dim, n), float64.
        """
        grid = self.field.domain
        assert isinstance(grid, Grid)
        half = torch.tensor(self.shape, dtype=torch.float64) / 2
        u = points / (half if grid.periodic else half.min())
        if self.kind == "waves":
            angle = math.pi * torch.einsum("nd,bkd->bkn", u, self.places)
            terms = torch.cos(angle + self.scales.unsqueeze(-1))
        else:
            apart = u - self.places.unsqueeze(-2)  # (batch, terms, n, d)
            terms = _bump(apart, self.scales, grid.periodic)
        values = torch.einsum("bck,bkn->bcn", self.amplitudes, terms)
        return values if grid.periodic else values * _window(u.norm(dim=-1))

    def redraw(self, rng: torch.Generator) -> "Analytic":
        """Draw another function of the same kind, field and shape."""
        return analytic_inputs(
            self.field, self.shape, rng, kind=self.kind, batch=len(self.amplitudes)
        )


def analytic_inputs(
    field: Field,
    shape: Sequence[int],
    rng: torch.Generator | None = None,
    kind: Kind = "bumps",
    batch: int = 2,
) -> Analytic:
    """Random smooth functions on a grid that every group element moves exactly.

    "bumps": sums of six Gaussians of widths 0.1 to 0.17 half sizes, well inside of the inscribed
    disc. "waves": six plane waves of up to three periods across the array, under a window that
    falls to zero towards the border of the disc. On periodic grids bumps are summed over periods,
    waves have whole periods, and there is no window.

    Args:
        field: type of the input, on a `Grid`.
        shape: sizes of its spatial axes.
        rng: generator; None for a fresh one seeded with 0.
        kind: "bumps" or "waves".
        batch: number of functions.

    Returns:
        an `Analytic`, which `geomdl.audit` takes as an input.

    Raises:
        ValueError: the field is on no grid, or `shape` or `kind` do not fit.

    Example:
        >>> import geomdl
        >>> C8 = geomdl.group("C8")
        >>> field = geomdl.Field(geomdl.Grid(2), C8.trivial)
        >>> bumps = analytic_inputs(field, (29, 29))
        >>> bumps.tensor.shape
        torch.Size([2, 1, 29, 29])
        >>> turned = bumps.at(torch.tensor(2))  # by 90°, which an array can also do
        >>> torch.allclose(turned, bumps.tensor.rot90(dims=(-2, -1)))
        True
    """
    if not isinstance(field, Field) or not isinstance(field.domain, Grid):
        raise ValueError(f"field: expected one on a Grid (others move exactly), got {field}")
    d = field.domain.d
    if len(shape) != d or min(shape) < 1:
        raise ValueError(f"shape: expected {d} positive sizes, got {tuple(shape)}")
    if kind not in ("bumps", "waves"):
        raise ValueError(f"kind: expected 'bumps' or 'waves', got {kind!r}")
    rng = torch.Generator().manual_seed(0) if rng is None else rng
    amplitudes = _normal(rng, batch, field.rep.dim, TERMS)
    in_ball = torch.nn.functional.normalize(_normal(rng, batch, TERMS, d), dim=-1)
    in_ball = in_ball * _uniform(rng, batch, TERMS, 1) ** (1 / d)
    scales = _uniform(rng, batch, TERMS)
    if kind == "bumps":
        places, scales = 0.35 * in_ball, 0.1 + 0.07 * scales
    else:
        places, scales = 3 * in_ball, 2 * math.pi * scales
        if field.domain.periodic:
            places = places.round()
    return Analytic(field, tuple(shape), kind, amplitudes, places, scales)


def _bump(apart: Tensor, widths: Tensor, periodic: bool) -> Tensor:
    """Gaussians (batch, terms, n) of offsets (batch, terms, n, d); a product over the axes."""
    widths = widths[..., None, None, None]
    if not periodic:
        return torch.exp(-(apart.unsqueeze(-1) / widths).square() / 2).squeeze(-1).prod(-1)
    apart = torch.remainder(apart + 1, 2) - 1  # the period is two half sizes
    images = apart.unsqueeze(-1) + torch.tensor([-2.0, 0.0, 2.0], dtype=torch.float64)
    return torch.exp(-(images / widths).square() / 2).sum(-1).prod(-1)


def _window(radius: Tensor) -> Tensor:
    """1 up to radius 0.6, 0 from 0.9 on, twice differentiable between."""
    t = ((radius - 0.6) / 0.3).clamp(0, 1)
    return 1 - t**3 * (10 - 15 * t + 6 * t**2)


def _normal(rng: torch.Generator, *shape: int) -> Tensor:
    return torch.randn(shape, generator=rng, dtype=torch.float64)


def _uniform(rng: torch.Generator, *shape: int) -> Tensor:
    return torch.rand(shape, generator=rng, dtype=torch.float64)
