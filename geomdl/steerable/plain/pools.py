"""Plain pools: over windows, over the whole grid, over the group."""

import copy
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from geomdl.steerable.adaptive_pool import AdaptiveAvgPool, AdaptiveMaxPool
from geomdl.steerable.low_pass import reach, wrapped
from geomdl.steerable.norm_pool import NormMaxPool, NormPool
from geomdl.steerable.plain.forms import TRACED, form_of
from geomdl.steerable.plain.gaussian import blur
from geomdl.steerable.plain.graphs import graph_of
from geomdl.steerable.pooling import AvgPool, GlobalPool, GroupPool, MaxPool
from geomdl.steerable.taps import grid_of
from geomdl.steerable.window_pool import WindowPool

TRACED.update((GlobalPool, GroupPool, NormPool))


class _Pool(nn.Module):
    """Pool whose window follows the size, s + n mod s pixels, or that a Gaussian follows."""

    def __init__(self, layer: WindowPool) -> None:
        super().__init__()
        self.d, self.wrap = _axes(layer), layer.wrap
        self.kernel_size, self.stride = layer.kernel_size, layer.stride
        self.padding, self.sigma = layer.padding, layer.antialias
        self.margin = self.padding + (0 if self.sigma is None else reach(self.sigma))

    def window(self, x: Tensor) -> list[int]:
        if self.kernel_size is not None:
            return [self.kernel_size] * self.d
        return [self.stride + x.shape[2 + i] % self.stride for i in range(self.d)]

    def extended(self, x: Tensor) -> tuple[Tensor, int]:
        return (wrapped(x, [self.margin] * self.d), 0) if self.wrap else (x, self.padding)

    def thinned(self, x: Tensor) -> Tensor:
        assert self.sigma is not None
        return blur(x, self.sigma, self.stride, [1] * self.d, extended=self.wrap)


class _Avg(_Pool):
    def forward(self, x: Tensor) -> Tensor:
        window = self.window(x)
        if self.sigma is not None:
            return blur(x, self.sigma, self.stride, window, self.wrap)
        x, padding = self.extended(x)
        pool: Any = (F.avg_pool1d, F.avg_pool2d, F.avg_pool3d)[self.d - 1]
        if self.d == 3 and x.itemsize == 2:  # as the layer does
            half: Tensor = pool(x.float(), window, self.stride, padding).to(x.dtype)
            return half
        y: Tensor = pool(x, window, self.stride, padding)
        return y


class _Max(_Pool):
    def forward(self, x: Tensor) -> Tensor:
        window, dense = self.window(x), self.sigma is not None
        x, padding = self.extended(x)
        pool: Any = (F.max_pool1d, F.max_pool2d, F.max_pool3d)[self.d - 1]
        y: Tensor = pool(x, window, 1 if dense else self.stride, padding)
        return self.thinned(y) if dense else y


class _Adaptive(nn.Module):
    """Maxima or means along one axis after the other."""

    def __init__(self, d: int, size: int, mode: str) -> None:
        super().__init__()
        self.d, self.size, self.mode = d, size, mode

    def forward(self, x: Tensor) -> Tensor:
        m = self.size
        for axis in range(2, 2 + self.d):
            n, rows = x.shape[axis], []
            for i in range(m):
                first = i * n // m
                width = -((-(i + 1) * n) // m) - first
                window = x.narrow(axis, first, width)
                pool = window.amax if self.mode == "max" else window.mean
                rows.append(pool(axis, keepdim=True))
            x = torch.cat(rows, axis)
        return x


def _axes(layer: WindowPool) -> int:
    return grid_of(layer.source, "source").d


@form_of(AvgPool, typed=True)
def avg_pool(layer: AvgPool, dtype: torch.dtype) -> nn.Module:
    """Ordinary pool; a graph where the window depends on the size, is Gaussian, or is widened."""
    if layer.antialias is not None:
        return graph_of(_Avg(layer), dtype, "GaussianAvgPool")
    if layer.kernel_size is None:
        return graph_of(_Avg(layer), dtype, "AvgPoolByParity")
    if layer.wrap and layer.padding:
        return graph_of(_Avg(layer), dtype, "WrappedAvgPool")
    if _axes(layer) == 3 and dtype.itemsize == 2:
        return graph_of(_Avg(layer), dtype, "WidenedAvgPool")
    kind = (nn.AvgPool1d, nn.AvgPool2d, nn.AvgPool3d)[_axes(layer) - 1]
    return kind(layer.kernel_size, layer.stride, layer.padding)


@form_of(MaxPool)
def max_pool(layer: MaxPool) -> nn.Module:
    """Ordinary pool; a graph where the window depends on the size, or a Gaussian follows."""
    if layer.antialias is not None:
        return graph_of(_Max(layer), name="GaussianMaxPool")
    if layer.kernel_size is None:
        return graph_of(_Max(layer), name="MaxPoolByParity")
    if layer.wrap and layer.padding:
        return graph_of(_Max(layer), name="WrappedMaxPool")
    kind = (nn.MaxPool1d, nn.MaxPool2d, nn.MaxPool3d)[_axes(layer) - 1]
    return kind(layer.kernel_size, layer.stride, layer.padding)


@form_of(NormMaxPool, typed=True)
def norm_max_pool(layer: NormMaxPool, dtype: torch.dtype) -> nn.Module:
    """Graph of its operations, windows and Gaussians as above."""
    own, like = copy.copy(layer), _Pool(layer)
    own.__dict__.update(window=like.window, extended=like.extended, thinned=like.thinned)
    return graph_of(own, dtype, field=layer.source)


@form_of(AdaptiveAvgPool)
def adaptive_avg_pool(layer: AdaptiveAvgPool) -> nn.Module:
    """Ordinary pool to a number of pixels; in space, of which ONNX has none, a graph of means."""
    d = grid_of(layer.source, "source").d
    if d == 3:
        return graph_of(_Adaptive(d, layer.output_size, "mean"), name="AdaptiveAvgPool")
    return (nn.AdaptiveAvgPool1d, nn.AdaptiveAvgPool2d)[d - 1](layer.output_size)


@form_of(AdaptiveMaxPool)
def adaptive_max_pool(layer: AdaptiveMaxPool) -> nn.Module:
    """Graph of maxima: ONNX has no such pool."""
    d = grid_of(layer.source, "source").d
    return graph_of(_Adaptive(d, layer.output_size, "max"), name="AdaptiveMaxPool")
