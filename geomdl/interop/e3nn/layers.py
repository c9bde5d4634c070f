"""Linear maps and gates of e3nn as layers here, with equal outputs."""

import math
from typing import Any

import torch
from torch import nn

from geomdl.euclidean import Gate, Linear
from geomdl.euclidean.spherical import from_blocks
from geomdl.interop.e3nn.features import from_irreps, to_irreps


def linear(module: Any) -> Linear:
    """`Linear` with the weights of an `e3nn.o3.Linear`; outputs agree to rounding.

    Args:
        module: with weights of its own, every irrep at most once on either side.

    Raises:
        ValueError: a module that has no equal here.
    """
    if not module.weight_numel or not module.internal_weights:
        raise ValueError("module: expected an o3.Linear with weights of its own, got none")
    source, channels = from_irreps(module.irreps_in)
    target, width = from_irreps(module.irreps_out)
    found = Linear(
        source,
        target,
        channels=channels,
        out_channels=width,
        bias=bool(getattr(module, "bias_numel", 0)),
    ).to(module.weight.dtype)
    paths = [ins for ins in module.instructions if ins.i_in != -1]  # the others are biases
    pieces = module.weight.detach().split([math.prod(ins.path_shape) for ins in paths])
    given: set[str] = set()
    for ins, piece in zip(paths, pieces, strict=True):
        weight = piece.view(ins.path_shape)
        name = str(module.irreps_in[ins.i_in].ir)
        if name not in found.weights or found.weights[name].shape != weight.shape:
            raise ValueError(f"module: expected each irrep once on either side, got {name} again")
        given.add(name)
        fan = weight.shape[0] ** 0.5
        found.weights[name].data.copy_(weight * ins.path_weight * fan)
    if given != set(found.weights):
        lacking = ", ".join(sorted(set(found.weights) - given))
        raise ValueError(f"module: expected instructions for every irrep, got none for {lacking}")
    if found.bias is not None:
        found.bias.data.copy_(module.bias.detach())
    return found


def gate(module: Any) -> Gate:
    """`Gate` with the constants of an `e3nn.nn.Gate`; outputs agree to rounding.

    e3nn takes the constants of second moments one from 10⁶ random numbers, which is good to about
    10⁻³; they come along as `Gate`'s ``scales``. Input and output are those of the module, by
    `from_features`.

    Args:
        module: SiLU of invariants (0e), all else by sigmoids of invariants; of one multiplicity,
            each irrep once, in the order into which e3nn sorts them (1o before 1e), no 0o among
            them, which would come first.

    Raises:
        ValueError: a module that has no equal here.
    """
    scalars, gates, gated = (
        [(n, (ir.l, ir.p)) for n, ir in irreps]
        for irreps in (module.irreps_scalars, module.irreps_gates, module.irreps_gated)
    )
    if [kind for _, kind in scalars] != [(0, 1)] or any(kind != (0, 1) for _, kind in gates):
        raise ValueError(
            f"module: expected scalars and gates of 0e, got {module.irreps_scalars} and"
            f" {module.irreps_gates or 'none'}"
        )
    channels = scalars[0][0]
    if any(n != channels for n, _ in gated):
        raise ValueError(
            f"module: expected {channels} of each irrep, as of its scalars, got"
            f" {module.irreps_gated}"
        )
    silu = _scale(module.act_scalars.acts, nn.functional.silu, "silu for scalars")
    sigmoid = _scale(module.act_gates.acts, torch.sigmoid, "sigmoid for gates") if gated else 1.0
    target = from_blocks([(0, 1, 1), *((*kind, 1) for _, kind in gated)])
    found = Gate(target, channels=channels, scales=(silu, sigmoid))
    expected = to_irreps(found.source.rep, channels)
    if expected != module.irreps_in:
        raise ValueError(
            "module: expected gated irreps each once, in ascending order, without 0o, got"
            f" {module.irreps_gated}"
        )
    return found


def _scale(acts: Any, function: Any, name: str) -> float:
    """Common constant of activations, if they are that function."""
    x = torch.linspace(-6, 6, 49)
    scales = {1.0 if act._is_id else float(act.cst) for act in acts if act is not None}
    same = all(act is not None and torch.allclose(act.f(x), function(x)) for act in acts)
    if not same or len(scales) != 1:
        raise ValueError(f"module: expected {name}, got {acts}")
    return scales.pop()
