"""escnn's layers that compute nothing new: restriction, bases, order of fields, masks, dropout."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch

from geomdl.fields import Field
from geomdl.fields.grid import coordinates
from geomdl.interop.escnn.affine import channel_map
from geomdl.interop.escnn.bridge import Bridge, Part, translates
from geomdl.interop.escnn.mask import Mask
from geomdl.interop.escnn.reps import checked, recognize
from geomdl.steerable.basis_change import ChangeOfBasis
from geomdl.steerable.dropout import Dropout
from geomdl.steerable.restriction import Restrict
from geomdl.steerable.upsample import Upsample


def identity(source: Field) -> ChangeOfBasis:
    """What stands for a network without layers."""
    return ChangeOfBasis(source, source)


@translates("IdentityModule")
def nothing(module: Any, source: Field, bridge: Bridge) -> Sequence[Part]:
    """No layer at all."""
    return []


@translates("ReshuffleModule")
def reshuffle(module: Any, source: Field, bridge: Bridge) -> Sequence[Part]:
    """Fields in another order."""
    target = bridge.field(module.out_type, source)
    matrix = torch.eye(source.rep.dim, dtype=torch.float64)[module.indices.cpu()]
    return [channel_map("ReshuffleModule", source, target, matrix)]


@translates("DisentangleModule")
def disentangle(module: Any, source: Field, bridge: Bridge) -> Sequence[Part]:
    """Fields split into their irreps."""
    sizes = [r.size for r in module.in_type.representations]
    names = [r.name for r in module.in_type.representations]
    blocks = [getattr(module, f"change_of_basis_{name}").double().cpu() for name in names]
    assert [len(block) for block in blocks] == sizes
    target = bridge.field(module.out_type, source)
    return [channel_map("DisentangleModule", source, target, torch.block_diag(*blocks))]


@translates("PointwiseDropout", "FieldDropout")
def dropout(module: Any, source: Field, bridge: Bridge) -> Sequence[Part]:
    """Numbers or fields that become zero in training, drawn at each pixel."""
    pointwise = type(module).__name__ == "PointwiseDropout"
    return [Dropout(source, module.p, per_pixel=True, pointwise=pointwise)]


@translates("MaskModule")
def masked(module: Any, source: Field, bridge: Bridge) -> Sequence[Part]:
    """A disc; escnn keeps no width, so it is read from the mask."""
    layer = Mask(source, module.S, module.margin, _width(module))
    if not (layer.mask - module.mask[0, 0].to(layer.mask)).abs().max() <= 1e-5:
        raise ValueError("module: MaskModule has a mask that its size and margin do not give")
    return [layer]


@translates("RestrictionModule")
def restriction(module: Any, source: Field, bridge: Bridge) -> Sequence[Part]:
    """Only a subgroup from here on."""
    _, inclusion, _ = module.in_type.gspace.restrict(module._id)
    parent, space = bridge.space(module.in_type.gspace), bridge.space(module.out_type.gspace)
    matrices = parent.group.standard(parent.images([inclusion(h) for h in space.theirs]))
    via = recognize(space.group, space.ours, matrices, flat=True)
    layer = Restrict(source, parent.group.subgroup(space.group, via=via))
    expected = bridge.field(module.out_type, layer.target).rep
    checked(layer.target.rep, space.ours, expected(space.ours))
    return [layer]


@translates("R2Upsampling", "R3Upsampling")
def upsampling(module: Any, source: Field, bridge: Bridge) -> Sequence[Part]:
    """Interpolated pixels between the pixels."""
    name, scale = type(module).__name__, module._scale_factor
    if scale is None or scale != int(scale):
        raise ValueError(f"module: {name} should have a whole scale_factor, got {scale}")
    if module._align_corners:
        raise ValueError(f"module: {name} should have align_corners=False, got True")
    return [Upsample(source, int(scale), "nearest" if module._mode == "nearest" else "linear")]


def _width(module: Any) -> float:
    """σ of a mask that is exp((R² − |p|²)/σ²) outside of the disc: from its largest value there."""
    values = module.mask[0, 0].double()
    square = coordinates(values.shape).square().sum(-1).to(values)
    falling = (values > 0) & (values < 1)
    if not falling.any():  # nothing outside of the disc, or a fall to zero at once
        return 2.0 if bool((values > 0).all()) else 1e-3
    best = torch.where(falling, values, torch.zeros_like(values)).flatten().argmax()
    excess = square.flatten()[best] - ((1 - module.margin / 100) * (module.S - 1) / 2) ** 2
    return math.sqrt(excess / -values.flatten()[best].log())
