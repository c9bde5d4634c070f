"""Networks of escnn's with their weights, as networks of ours."""

from __future__ import annotations

import importlib
from typing import Any

import torch
from torch import nn

from geomdl.fields import Field
from geomdl.interop.escnn import convolutions, nonlinearities, normalizations, pooling, structure
from geomdl.interop.escnn.affine import Affine
from geomdl.interop.escnn.bridge import TRANSLATIONS, Bridge, Part
from geomdl.steerable.sequential import Sequential

MODULES = (convolutions, nonlinearities, normalizations, pooling, structure)
"""Where the translations are; importing them registers them."""


def convert(module: nn.Module) -> Sequential:
    """Turn a network of escnn's into one of ours with the same outputs.

    escnn's filters are expanded and expressed in our basis, so that training can go on. Needs
    escnn beside geomdl; what comes out does not.

    Args:
        module: an ``escnn.nn.SequentialModule``, also of such, or a single layer: R2Conv, R3Conv,
            R2ConvTransposed, R3ConvTransposed, Linear; ReLU, ELU, LeakyReLU, PointwiseNonLinearity,
            NormNonLinearity, GatedNonLinearity1, ConcatenatedNonLinearity, VectorFieldNonLinearity,
            FourierPointwise, QuotientFourierPointwise and their ELU forms; InnerBatchNorm,
            NormBatchNorm, IIDBatchNorm, GNormBatchNorm (one irrep a field), which agree in
            evaluation; pointwise maxima and means over windows, anti-aliased,
            adaptive or not; NormMaxPool, GroupPooling, NormPool; PointwiseDropout, FieldDropout;
            R2Upsampling, R3Upsampling, MaskModule, RestrictionModule, DisentangleModule,
            ReshuffleModule, IdentityModule.

    Returns:
        ours, in the same mode, dtype and device; plain tensors take the place of GeometricTensor.
        Outputs agree to 1e-5, which is how exactly escnn knows its filters. Sizes at which a stride
        breaks the symmetry are refused at the call, as by every layer of ours.

    Raises:
        ImportError: escnn is not installed.
        TypeError: ``module`` is no module of escnn's.
        ValueError: a layer, group, or option without a counterpart; the message names it.

    Example::

        from geomdl.interop import escnn

        ours = escnn.convert(theirs.eval())
        ours(x)  # theirs(theirs.in_type(x)).tensor
        geomdl.save(ours, "network.safetensors")

    Source: Cesa, Lang and Weiler 2022, "A program to build E(N)-equivariant steerable CNNs".
    """
    theirs = _require()
    if not isinstance(module, theirs.EquivariantModule):
        raise TypeError(
            f"module: should be an escnn.nn.EquivariantModule, got {type(module).__name__}"
        )
    bridge = Bridge()
    parts: list[Part] = []
    _walk(module, bridge.field(_in_type(module)), bridge, parts)
    layers = [part.build() if isinstance(part, Affine) else part for part in parts]
    out = Sequential(*(layers or [structure.identity(bridge.field(_in_type(module)))]))
    held = [t for t in (*module.parameters(), *module.buffers()) if t.is_floating_point()]
    out.to(held[0] if held else torch.empty(0))
    return out.train(module.training)


def _require() -> Any:
    """``escnn.nn``, or a one-line error."""
    try:
        return importlib.import_module("escnn.nn")
    except ImportError as error:
        raise ImportError(
            "escnn: is needed to read its networks; pip install escnn beside geomdl, with a "
            "Fortran compiler, scipy<1.17 and scikit-learn<1.6"
        ) from error


def _in_type(module: Any) -> Any:
    """Type of the input; layers of several inputs have no counterpart."""
    if isinstance(module.in_type, tuple | list | dict) or module.in_type is None:
        raise ValueError(
            f"module: {type(module).__name__} takes several inputs, which no chain has"
        )
    return module.in_type


def _walk(module: Any, source: Field, bridge: Bridge, parts: list[Part]) -> Field:
    """Append the translation of a module; return the field behind it."""
    name = type(module).__name__
    own = getattr(_require(), name, None) is type(module)  # no class of the user's with that name
    if own and name == "SequentialModule":
        for child in module:
            source = _walk(child, source, bridge, parts)
        return source
    if not own or name not in TRANSLATIONS:
        known = ", ".join(sorted(TRANSLATIONS))
        raise ValueError(
            f"module: {name} has no counterpart; replace it by layers that have one ({known}), or "
            "convert the parts before and after it"
        )
    for part in TRANSLATIONS[name](module, source, bridge):
        joined = _joined(parts[-1], part) if parts else None
        parts[-1:] = [*parts[-1:], part] if joined is None else [joined]
        source = part.target  # type: ignore[assignment]
    return source


def _joined(first: Part, second: Part) -> Affine | None:
    """One linear layer for two, where the second one mixes channels at each pixel alone."""
    if not (isinstance(first, Affine) and isinstance(second, Affine) and first.mixes):
        return None
    if second.weight[0, 0].numel() > 1 or second.options:
        return None
    return first.then(second.target, second.weight.flatten(1), second.bias)
