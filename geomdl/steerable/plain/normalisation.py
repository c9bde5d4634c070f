"""Plain normalisation: statistics repeated over the channels that share them."""

import copy

import torch
from torch import Tensor, nn

from geomdl.steerable.irrep_basis import flattened, unflattened
from geomdl.steerable.layer_norm import AXES, LayerNorm
from geomdl.steerable.norm import BatchNorm
from geomdl.steerable.plain.forms import form_of
from geomdl.steerable.plain.graphs import graph_of, parameter, pointwise_map
from geomdl.steerable.taps import grid_of


class _LayerNorm(nn.Module):
    """The same mean and variances of each sample, in irreps."""

    def __init__(self, layer: LayerNorm) -> None:
        super().__init__()
        self.basis, self.axis, self.eps = layer._basis, layer._axis, layer.eps
        self.dims = AXES[layer.axes]
        self.kinds = [(n, irrep.is_trivial) for irrep, n in layer._basis.irreps]
        self.weight, self.bias = layer.weight, layer.bias

    def forward(self, x: Tensor) -> Tensor:
        first, out = 0, []
        parts = self.basis.split(flattened(x, self.axis))
        for part, (n, trivial) in zip(parts, self.kinds, strict=True):
            if trivial:
                part = part - part.mean(self.dims, keepdim=True)
            wide = part.float() if x.itemsize == 2 else part
            factor = (wide.square().mean(self.dims, keepdim=True) + self.eps).rsqrt()
            if self.weight is not None:
                factor = factor * self.weight[first : first + n, None, None]
            part = part * factor
            if trivial and self.bias is not None:
                part = part + self.bias[:, None, None]
            out.append(part.to(x.dtype) if x.itemsize == 2 else part)
            first += n
        return unflattened(self.basis.join(out), x, self.axis)


@form_of(LayerNorm, typed=True)
def layer_norm(layer: LayerNorm, dtype: torch.dtype) -> nn.Module:
    """Graph of its operations."""
    return graph_of(_LayerNorm(layer), dtype, "LayerNorm", field=layer.source)


@form_of(BatchNorm)
def batch_norm(layer: BatchNorm) -> nn.Module:
    """Ordinary batch norm for permutations, its statistics those of each channel in training.

    For other representations the affine map that the running statistics make, at every pixel.
    """
    blocks = layer.source.rep.blocks
    d = grid_of(layer.source, "source").d
    if not all(rep.is_permutation for rep, _ in blocks):
        return pointwise_map(*_affine(layer), d)
    dims = torch.tensor([rep.dim for rep, n in blocks for _ in range(n)])

    def repeated(x: Tensor) -> Tensor:
        return x.detach().repeat_interleave(dims.to(x.device))

    kind = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)[d - 1]
    affine = layer.weight is not None
    plain = kind(layer.source.channels, layer.eps, layer.momentum, affine, device="meta")
    plain.running_mean = repeated(layer.running_mean)
    plain.running_var = repeated(layer.running_var)
    plain.num_batches_tracked = torch.zeros((), dtype=torch.long, device=plain.running_mean.device)
    if layer.weight is not None and layer.bias is not None:
        plain.weight = parameter(repeated(layer.weight))
        plain.bias = parameter(repeated(layer.bias))
    return plain


@torch.no_grad()
def _affine(layer: BatchNorm) -> tuple[Tensor, Tensor]:
    """Matrix and bias of the map in evaluation, computed in float64 from its values."""
    exact = copy.deepcopy(layer).double().eval()
    n, d = layer.source.channels, grid_of(layer.source, "source").d
    unit = torch.eye(n, dtype=torch.float64, device=layer.running_var.device)
    x = torch.cat([torch.zeros_like(unit[:1]), unit]).reshape(n + 1, n, *[1] * d)
    y = exact(x).flatten(1).to(layer.running_var)
    return (y[1:] - y[0]).T, y[0]
