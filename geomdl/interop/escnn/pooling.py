"""escnn's poolings: over windows, over the group, over the components of a vector."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from geomdl.fields import Field
from geomdl.interop.escnn.affine import Affine
from geomdl.interop.escnn.bridge import Bridge, Part, translates, whole
from geomdl.steerable.adaptive_pool import AdaptiveAvgPool, AdaptiveMaxPool
from geomdl.steerable.norm_pool import NormMaxPool, NormPool
from geomdl.steerable.pooling import AvgPool, GroupPool, MaxPool
from geomdl.steerable.rings import Rings


def _window(module: Any) -> tuple[int, int, int]:
    """Kernel size, stride and padding. ceil_mode matters at no size that our layers accept."""
    name = type(module).__name__
    if whole(getattr(module, "dilation", 1), "dilation", name) != 1:
        raise ValueError(f"module: {name} should have dilation=1, got {module.dilation}")
    sizes = (module.kernel_size, module.stride, module.padding)
    kernel_size, stride, padding = (
        whole(size, what, name)
        for size, what in zip(sizes, ("kernel_size", "stride", "padding"), strict=True)
    )
    return kernel_size, stride, padding


def _gaussian(name: str, source: Field, sigma: float, module: Any, padding: int) -> Affine:
    """A Gaussian mean with zeros beyond the border, as a convolution with frozen weights.

    One ring of radius 0 and width σ is the Gaussian, and the identity the intertwiner.
    """
    filters = module.filter[0, 0]
    copies = [rep for rep, n in source.rep.blocks for _ in range(n)]
    groups = len(copies) if len(set(copies)) == 1 else 1
    one = torch.eye(source.rep.dim // groups, dtype=filters.dtype, device=filters.device)
    blocks = one.repeat(groups, 1)  # each part sees itself
    options = {
        "stride": whole(module.stride, "stride", name),
        "padding": padding,
        "groups": groups,
        "radial": Rings((0.0,), (sigma,), (0,)),
    }
    weight = torch.einsum("oi,...->oi...", blocks, filters)
    return Affine(name, source, source, weight, None, options, frozen=True)


def _sigma(module: Any) -> float:
    """Width of escnn's Gaussian, from two neighbouring weights of its filter."""
    line = module.filter[0, 0].double()
    while line.ndim > 1:
        line = line[line.shape[0] // 2]
    centre = len(line) // 2
    if centre == 0:
        return 1.0
    return float((2 * (line[centre] / line[centre + 1]).log()) ** -0.5)


@translates("PointwiseMaxPool2D", "PointwiseMaxPool3D")
def maximum(module: Any, source: Field, bridge: Bridge) -> Sequence[Part]:
    """Maxima over windows."""
    kernel_size, stride, padding = _window(module)
    return [MaxPool(source, stride, kernel_size, padding)]


@translates("PointwiseMaxPoolAntialiased2D", "PointwiseMaxPoolAntialiased3D")
def smooth_maximum(module: Any, source: Field, bridge: Bridge) -> Sequence[Part]:
    """Maxima at every pixel, then a Gaussian mean and the stride."""
    name = type(module).__name__
    kernel_size, _, padding = _window(module)
    low_pass = whole(module._pad, "padding", name)
    pool = MaxPool(source, 1, kernel_size, padding)
    return [pool, _gaussian(name, source, _sigma(module), module, low_pass)]


@translates("PointwiseAvgPool2D", "PointwiseAvgPool3D")
def mean(module: Any, source: Field, bridge: Bridge) -> Sequence[Part]:
    """Means over windows."""
    kernel_size, stride, padding = _window(module)
    return [AvgPool(source, stride, kernel_size, padding)]


@translates("PointwiseAvgPoolAntialiased2D", "PointwiseAvgPoolAntialiased3D")
def smooth_mean(module: Any, source: Field, bridge: Bridge) -> Sequence[Part]:
    """Gaussian means."""
    name = type(module).__name__
    padding = whole(module.padding, "padding", name)
    return [_gaussian(name, source, _sigma(module), module, padding)]


@translates("PointwiseAdaptiveAvgPool2D", "PointwiseAdaptiveAvgPool3D")
def adaptive_mean(module: Any, source: Field, bridge: Bridge) -> Sequence[Part]:
    """Means over windows that give a fixed size."""
    return [
        AdaptiveAvgPool(source, whole(module.output_size, "output_size", type(module).__name__))
    ]


@translates("PointwiseAdaptiveMaxPool2D", "PointwiseAdaptiveMaxPool3D")
def adaptive_maximum(module: Any, source: Field, bridge: Bridge) -> Sequence[Part]:
    """Maxima over windows that give a fixed size."""
    return [
        AdaptiveMaxPool(source, whole(module.output_size, "output_size", type(module).__name__))
    ]


@translates("NormMaxPool")
def largest(module: Any, source: Field, bridge: Bridge) -> Sequence[Part]:
    """The vector of largest norm in each window."""
    kernel_size, stride, padding = _window(module)
    return [NormMaxPool(source, stride, kernel_size, padding)]


@translates("GroupPooling")
def over_group(module: Any, source: Field, bridge: Bridge) -> Sequence[Part]:
    """Maximum over the channels of each field."""
    return [GroupPool(source)]


@translates("NormPool")
def over_components(module: Any, source: Field, bridge: Bridge) -> Sequence[Part]:
    """Norm of each field."""
    return [NormPool(source)]
