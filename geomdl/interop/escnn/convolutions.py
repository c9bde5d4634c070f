"""escnn's convolutions and linear layers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from geomdl.fields import Field
from geomdl.interop.escnn.affine import Affine
from geomdl.interop.escnn.bridge import Bridge, Part, translates, whole
from geomdl.steerable.conv_transpose import ConvTranspose
from geomdl.steerable.rings import Rings


def rings_of(module: Any) -> Rings:
    """The rings of a convolution of escnn's, in taps instead of pixels, up to its frequencies.

    A ring that no basis filter uses is left out.
    """
    tops: dict[float, int] = {}
    blocks = module.basisexpansion.children()  # one for each pair of representations
    for element in (element for block in blocks for element in block.get_basis_info()):
        radius, frequency = float(element["radius"]), int(abs(element["irrep:frequency"]))
        tops[radius] = max(frequency, tops.get(radius, 0))
    widths = dict(zip(map(float, module._rings), map(float, module._sigma), strict=True))
    step = module.dilation
    used = [(r, w) for r, w in widths.items() if any(abs(r - key) <= 1e-6 for key in tops)]
    return Rings(
        radii=tuple(r / step for r, _ in used),
        widths=tuple(w / step for _, w in used),
        frequencies=tuple(
            max(top for key, top in tops.items() if abs(r - key) <= 1e-6) for r, _ in used
        ),
    )


def _parameters(module: Any) -> tuple[torch.Tensor, torch.Tensor | None]:
    """Expanded filter and bias, which escnn forgets in training."""
    with torch.no_grad():
        weight, bias = module.expand_parameters()
    return weight.detach(), None if bias is None else bias.detach()


@translates("R2Conv", "R3Conv")
def convolution(module: Any, source: Field, bridge: Bridge) -> Sequence[Part]:
    """Convolutions with any padding, stride, dilation and groups."""
    weight, bias = _parameters(module)
    name = type(module).__name__
    options = {
        "stride": whole(module.stride, "stride", name),
        "padding": whole(module.padding, "padding", name),
        "dilation": whole(module.dilation, "dilation", name),
        "groups": module.groups,
        "padding_mode": module.padding_mode,
        "radial": rings_of(module),
    }
    return [Affine(name, source, bridge.field(module.out_type, source), weight, bias, options)]


@translates("R2ConvTransposed", "R3ConvTransposed")
def transposed(module: Any, source: Field, bridge: Bridge) -> Sequence[Part]:
    """Transposed convolutions; escnn's filter is (in, out / groups, *kernel)."""
    weight, bias = _parameters(module)
    weight = weight.unflatten(0, (module.groups, -1)).transpose(1, 2).flatten(0, 1)
    name = type(module).__name__
    options = {
        "stride": whole(module.stride, "stride", name),
        "padding": whole(module.padding, "padding", name),
        "output_padding": whole(module.output_padding, "output_padding", name),
        "dilation": whole(module.dilation, "dilation", name),
        "groups": module.groups,
        "radial": rings_of(module),
    }
    target = bridge.field(module.out_type, source)
    return [Affine(name, source, target, weight, bias, options, ConvTranspose)]


@translates("Linear")
def linear(module: Any, source: Field, bridge: Bridge) -> Sequence[Part]:
    """Linear maps of plain vectors."""
    weight, bias = _parameters(module)
    target = bridge.field(module.out_type, source)
    return [Affine("Linear", source, target, weight, bias)]
