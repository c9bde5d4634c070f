"""escnn's batch normalisations, with their running statistics."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from geomdl.fields import Field
from geomdl.interop.escnn.bridge import Bridge, Part, translates
from geomdl.interop.escnn.nonlinearities import by_size
from geomdl.steerable.irrep_basis import IrrepBasis
from geomdl.steerable.norm import BatchNorm


class _Statistics(NamedTuple):
    """What normalises the fields in evaluation: y = w (x − mean) / (var + eps)^(1/2) + bias.

    Attributes:
        var: (fields,).
        weight: (fields,).
        mean: one vector a field, invariant.
        bias: one vector a field, invariant.
    """

    var: Tensor
    weight: Tensor
    mean: list[Tensor]
    bias: list[Tensor]


def _layer(module: Any, source: Field) -> BatchNorm:
    """Our layer with the module's options, which are refused where we have no such."""
    name = type(module).__name__
    if not getattr(module, "track_running_stats", True):
        raise ValueError(f"module: {name} should have track_running_stats=True, got False")
    if module.momentum is None:
        raise ValueError(f"module: {name} should have a momentum, got None")
    return BatchNorm(source, module.eps, module.momentum, module.affine)


@torch.no_grad()
def _fill(layer: BatchNorm, found: _Statistics, name: str) -> BatchNorm:
    """Write statistics of whole fields into those of their irreducible copies."""
    var: list[Tensor] = []
    weight: list[Tensor] = []
    mean: list[Tensor] = []
    bias: list[Tensor] = []
    first = 0
    for rep, n in layer.source.rep.blocks:
        fields = range(first, first + n)
        first += n
        if rep.is_permutation:
            for i in fields:
                for values, into in ((found.mean[i], mean), (found.bias[i], bias)):
                    if not (values - values[0]).abs().max() <= 1e-5 * (1 + values.abs().max()):
                        raise ValueError(
                            f"module: {name} centres the orbits of {rep.name} one by one, geomdl "
                            "together; use fields of transitive permutations"
                        )
                    into.append(values.mean())
            var += [found.var[i] for i in fields]
            weight += [found.weight[i] for i in fields]
            continue
        basis = IrrepBasis(n * rep, align=False).to(found.mean[first - n])
        split = [
            basis.split(torch.cat([values[i] for i in fields])[None, :, None])
            for values in (found.mean, found.bias)
        ]
        for (irrep, count), means, biases in zip(basis.irreps, *split, strict=True):
            owners = [fields[k // (count // n)] for k in range(count)]
            var += [found.var[i] for i in owners]
            weight += [found.weight[i] for i in owners]
            if irrep.is_trivial:
                mean += list(means.flatten())
                bias += list(biases.flatten())
    layer.running_var.copy_(torch.stack(var))
    if mean:
        layer.running_mean.copy_(torch.stack(mean))
    if layer.weight is not None:
        layer.weight.copy_(torch.stack(weight))
    if layer.bias is not None:
        layer.bias.copy_(torch.stack(bias))
    return layer


@translates("InnerBatchNorm")
def inner(module: Any, source: Field, bridge: Bridge) -> Sequence[Part]:
    """One mean and variance a field; the same in training."""
    sizes = [r.size for r in module.in_type.representations]
    norms = [getattr(module, f"batch_norm_[{size}]") for size in dict.fromkeys(sizes)]
    order = by_size(sizes, ascending=False)

    def every(name: str, default: float) -> Tensor:
        parts = [getattr(norm, name) for norm in norms]
        if parts[0] is None:
            return torch.full((len(sizes),), default)
        return torch.cat([part.detach() for part in parts])[order]

    layer = _layer(module, source)
    mean, bias = every("running_mean", 0.0), every("bias", 0.0)
    found = _Statistics(
        var=every("running_var", 1.0),
        weight=every("weight", 1.0),
        mean=[m.expand(size) for m, size in zip(mean, sizes, strict=True)],
        bias=[b.expand(size) for b, size in zip(bias, sizes, strict=True)],
    )
    return [_fill(layer, found, "InnerBatchNorm")]


@translates("NormBatchNorm")
def of_norms(module: Any, source: Field, bridge: Bridge) -> Sequence[Part]:
    """One variance a field without trivial parts; the same in evaluation.

    In training ours takes one for each irreducible copy, of the batch alone.
    """
    sizes = [r.size for r in module.in_type.representations]
    order = by_size(sizes, ascending=False)
    kinds = dict.fromkeys(sizes)
    var = torch.cat([getattr(module, f"{size}_running_var").flatten() for size in kinds])[order]
    weight = torch.ones_like(var)
    if module.affine:
        parts = [getattr(module, f"{size}_weight").detach().flatten() for size in kinds]
        weight = torch.cat(parts)[order]
    zeros = [torch.zeros(size) for size in sizes]
    found = _Statistics(var, weight, zeros, zeros)
    return [_fill(_layer(module, source), found, "NormBatchNorm")]


@translates("IIDBatchNorm1d", "IIDBatchNorm2d", "IIDBatchNorm3d", "GNormBatchNorm")
def iid(module: Any, source: Field, bridge: Bridge) -> Sequence[Part]:
    """One variance a field, and the mean of its trivial part; the same in evaluation.

    In training escnn takes the variance of each channel about its own mean, ours that of the field
    about the mean of the field. GNormBatchNorm is the same for fields that are irreps.
    """
    name = type(module).__name__
    if name == "GNormBatchNorm" and any(len(r.irreps) > 1 for r in module.in_type.representations):
        raise ValueError(
            f"module: {name} should have fields of one irrep each; put DisentangleModule before it"
        )
    taken: dict[str, int] = {}
    found = _Statistics(*(torch.zeros(0), torch.zeros(0)), [], [])
    var, weight = [], []
    for r in module.in_type.representations:
        at = taken.setdefault(r.name, 0)
        taken[r.name] += 1
        held = {
            what: getattr(module, f"{module._escape_name(r.name)}_{what}", None)
            for what in ("running_var", "running_mean", "weight", "bias", "change_of_basis")
        }
        var.append(held["running_var"][at, 0])  # type: ignore[index]
        weight.append(torch.ones(()) if held["weight"] is None else held["weight"][at, 0].detach())
        zero = torch.zeros(r.size)
        mean, bias = held["running_mean"], held["bias"]
        basis = held["change_of_basis"]
        has_bias = bias is not None and bias.shape[1] > 0
        found.mean.append(zero if mean is None or not mean.shape[1] else mean[at])
        found.bias.append(
            (bias[at].detach() if basis is None else basis @ bias[at].detach())
            if bias is not None and has_bias
            else zero
        )
    found = found._replace(var=torch.stack(var), weight=torch.stack(weight))
    return [_fill(_layer(module, source), found, name)]
