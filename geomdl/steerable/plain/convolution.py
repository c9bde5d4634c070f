"""Plain convolutions: the expanded filter in ``nn.Conv1d``, ``2d`` or ``3d``."""

from typing import Any

import torch.nn.functional as F
from torch import Tensor, nn

from geomdl.steerable.conv import Conv
from geomdl.steerable.conv_transpose import ConvTranspose
from geomdl.steerable.plain.forms import form_of
from geomdl.steerable.plain.graphs import graph_of, parameter


class _ExactConv(nn.Module):
    """Convolution whose padding follows the size: the least that leaves no pixel over.

    p = l + q, where l is half a kernel and q the least with 2 q = −r mod s, r the pixels that l
    leaves over: q = −r (s + 1)/2 mod s for odd strides s, −r/2 mod s/2 for even ones. Axes that the
    group leaves alone have q = 0.
    """

    def __init__(self, weight: nn.Parameter, bias: nn.Parameter | None, layer: Conv) -> None:
        super().__init__()
        self.weight, self.bias = weight, bias
        self.d, self.groups, self.mode = weight.ndim - 2, layer.groups, layer.padding_mode
        self.stride, self.dilation = layer.stride, layer.dilation
        self.steps = layer._check.steps(layer.stride)
        self.reach = layer.dilation * (layer.kernel_size - 1)

    def forward(self, x: Tensor) -> Tensor:
        least, padding = self.reach // 2, []
        for axis, s in enumerate(self.steps, 2):
            if s == 1:
                padding.append(least)
                continue
            over = x.shape[axis] + 2 * least - self.reach - 1
            more = -over * ((s + 1) // 2) % s if s % 2 else -(over % s // 2) % (s // 2)
            padding.append(least + more)
        if self.mode != "zeros":
            x = F.pad(x, [p for p in reversed(padding) for _ in range(2)], mode=self.mode)
            padding = [0] * self.d
        conv: Any = (F.conv1d, F.conv2d, F.conv3d)[self.d - 1]
        y: Tensor = conv(
            x, self.weight, self.bias, self.stride, padding, self.dilation, self.groups
        )
        return y


@form_of(Conv)
def conv(layer: Conv) -> nn.Module:
    """Ordinary convolution with the filter expanded; padding that follows the size is a graph."""
    weight, bias = layer.filter()
    d = weight.ndim - 2
    follows = layer.padding == "exact" and max(layer._check.steps(layer.stride)) > 1
    if follows:
        module = _ExactConv(parameter(weight), None if bias is None else parameter(bias), layer)
        return graph_of(module, name="ConvExactPadding")
    kind: Any = (nn.Conv1d, nn.Conv2d, nn.Conv3d)[d - 1]
    plain = kind(
        layer.source.channels,
        layer.target.channels,
        layer.kernel_size,
        layer.stride,
        tuple(layer.padding_for([layer.kernel_size] * d)),
        layer.dilation,
        layer.groups,
        bias is not None,
        layer.padding_mode,
        device="meta",  # draws no random weights
    )
    return _with(plain, weight, bias)


@form_of(ConvTranspose)
def conv_transpose(layer: ConvTranspose) -> nn.Module:
    """Ordinary transposed convolution with the filter expanded."""
    weight, bias = layer.filter()
    kind: Any = (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)[weight.ndim - 3]
    plain = kind(
        layer.source.channels,
        layer.target.channels,
        layer.kernel_size,
        layer.stride,
        layer.padding,
        layer.output_padding,
        layer.groups,
        bias is not None,
        layer.dilation,
        device="meta",
    )
    return _with(plain, weight, bias)


def _with(plain: nn.Module, weight: Tensor, bias: Tensor | None) -> nn.Module:
    plain.weight = parameter(weight)
    if bias is not None:
        plain.bias = parameter(bias)
    return plain
