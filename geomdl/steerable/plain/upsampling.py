"""Plain interpolation: ``nn.Upsample``, and graphs where arrays close up."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from geomdl.steerable.plain.forms import form_of
from geomdl.steerable.plain.graphs import graph_of
from geomdl.steerable.taps import grid_of
from geomdl.steerable.upsample import Upsample

_LINEAR = ("linear", "bilinear", "trilinear")


class _Nearest(nn.Module):
    """Copies, along any number of axes."""

    def __init__(self, d: int, scale: int) -> None:
        super().__init__()
        self.d, self.scale = d, scale

    def forward(self, x: Tensor) -> Tensor:
        for axis in range(2, 2 + self.d):
            x = x.repeat_interleave(self.scale, axis)
        return x


class _Wrapped(nn.Module):
    """Linear interpolation on an array that closes up."""

    def __init__(self, d: int, scale: int) -> None:
        super().__init__()
        self.d, self.scale = d, scale

    def forward(self, x: Tensor) -> Tensor:
        s, d = self.scale, self.d
        x = F.pad(x, [1] * (2 * d), mode="circular")
        x = F.interpolate(x, scale_factor=s, mode=_LINEAR[d - 1], align_corners=False)
        for axis in range(2, 2 + d):
            x = x.narrow(axis, s, x.shape[axis] - 2 * s)
        return x


class _Fourier(nn.Module):
    """Trigonometric interpolation, its matrix made for the size that comes."""

    def __init__(self, d: int, scale: int) -> None:
        super().__init__()
        self.d, self.scale = d, scale

    def forward(self, x: Tensor) -> Tensor:
        s = self.scale
        for axis in range(2, 2 + self.d):
            n = x.shape[axis]
            k = x.new_ones(n, dtype=torch.float64).cumsum(0)  # 1, …, n
            place = (x.new_ones(s * n, dtype=torch.float64).cumsum(0) - 0.5) / s + 0.5
            angle = 2 * math.pi / n * (place.unsqueeze(1) - k)
            share = 2.0 * (k * 2 < n) + 1.0 * (k * 2 == n)
            matrix = (1 + (torch.cos(angle.unsqueeze(2) * k) * share).sum(2)) / n
            x = (x.movedim(axis, -1) @ matrix.to(x).mT).movedim(-1, axis)
        return x


@form_of(Upsample)
def upsample(layer: Upsample) -> nn.Module:
    """Ordinary upsampling where there is such."""
    grid, scale = grid_of(layer.source, "source"), layer.scale
    if layer.mode == "fourier":
        return graph_of(_Fourier(grid.d, scale), name="FourierUpsample")
    if layer.mode == "nearest" and grid.d > 3:
        return graph_of(_Nearest(grid.d, scale), name="NearestUpsample")
    if layer.mode == "nearest":
        return nn.Upsample(scale_factor=scale, mode="nearest")
    if grid.periodic:
        return graph_of(_Wrapped(grid.d, scale), name="WrappedUpsample")
    return nn.Upsample(scale_factor=scale, mode=_LINEAR[grid.d - 1], align_corners=False)
