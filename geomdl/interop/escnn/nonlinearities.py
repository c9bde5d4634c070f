"""escnn's non-linearities."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from geomdl.fields import Field
from geomdl.groups import Rep
from geomdl.groups.tables import Sub
from geomdl.interop.escnn.affine import channel_map
from geomdl.interop.escnn.bridge import Bridge, Part, translates
from geomdl.interop.escnn.sampled import SampledPointwise
from geomdl.steerable.concatenated import ConcatenatedNonlinearity
from geomdl.steerable.fourier import FourierPointwise
from geomdl.steerable.gated import GatedNonlinearity
from geomdl.steerable.norm_nonlinearity import NormNonlinearity
from geomdl.steerable.pointwise import Pointwise
from geomdl.steerable.sampling import group_grid
from geomdl.steerable.vector_field import VectorFieldNonlinearity

SAMPLES = 1e-5
"""Largest difference of samples that counts as none; escnn keeps them in single precision."""


def _function(module: Any) -> str:
    """Name of a function of one variable that escnn keeps as a function; in place or not."""
    name = getattr(module._function, "__name__", "").rstrip("_")
    if name not in ("relu", "elu", "sigmoid", "tanh", "softplus"):
        raise ValueError(
            f"module: {type(module).__name__} has a function without a counterpart (squash, say); "
            "replace it by relu, elu, sigmoid, tanh or softplus"
        )
    return name


@translates("ReLU", "ELU", "LeakyReLU", "PointwiseNonLinearity")
def pointwise(module: Any, source: Field, bridge: Bridge) -> Sequence[Part]:
    """The same function of every number."""
    name = type(module).__name__
    if name == "ELU" and module.alpha != 1:
        raise ValueError(f"module: ELU should have alpha=1, got {module.alpha}")
    if name == "LeakyReLU" and module._negative_slope != 0.01:
        raise ValueError(
            f"module: LeakyReLU should have negative_slope=0.01, got {module._negative_slope}"
        )
    known = {"ReLU": "relu", "ELU": "elu", "LeakyReLU": "leaky_relu"}
    return [Pointwise(source, known.get(name) or _function(module))]


def by_size(sizes: Sequence[int], *, ascending: bool) -> list[int]:
    """Place of each field in escnn's own order: by size, within a size as they come."""
    groups: dict[int, list[int]] = defaultdict(list)
    for i, size in enumerate(sizes):
        groups[size].append(i)
    order = [i for size in (sorted(groups) if ascending else groups) for i in groups[size]]
    places = [0] * len(sizes)
    for place, i in enumerate(order):
        places[i] = place
    return places


@translates("NormNonLinearity")
def norm(module: Any, source: Field, bridge: Bridge) -> Sequence[Part]:
    """Functions of norms, y = x f(|x| − exp(b)) / |x|."""
    function = _function(module)
    layer = NormNonlinearity(source, function, bias=module.log_bias is not None)
    if layer.bias is not None:
        places = by_size([r.size for r in module.in_type.representations], ascending=True)
        with torch.no_grad():
            layer.bias.copy_(-module.log_bias.detach().flatten().exp()[places])
    return [layer]


@translates("GatedNonLinearity1")
def gated(module: Any, source: Field, bridge: Bridge) -> Sequence[Part]:
    """Gates anywhere among the fields, with a bias: brought in front by a map of channels."""
    if not module.drop_gates:
        raise ValueError("module: GatedNonLinearity1 should have drop_gates=True, got False")
    representations = module.in_type.representations
    ends = torch.tensor([r.size for r in representations]).cumsum(0).tolist()
    spans = [(end - r.size, end) for end, r in zip(ends, representations, strict=True)]
    is_gate = _gates(module, spans)
    gated_fields = [i for i, gate in enumerate(is_gate) if not gate]
    if any(representations[i].is_trivial() for i in gated_fields):
        raise ValueError(
            "module: GatedNonLinearity1 gates a trivial field, which geomdl passes through a "
            "function instead; gate only the others"
        )
    target = bridge.field(module.out_type, source)
    layer = GatedNonlinearity(target, "sigmoid", scalars=None)
    gates = torch.tensor([spans[i][0] for i, gate in enumerate(is_gate) if gate])
    places = by_size([representations[i].size for i in gated_fields], ascending=True)
    kept = [c for i in gated_fields for c in range(*spans[i])]
    order = torch.cat([gates[places], torch.tensor(kept)])
    matrix = torch.eye(source.rep.dim, dtype=torch.float64)[order]
    bias = torch.zeros(len(order), dtype=module.bias.dtype, device=module.bias.device)
    bias[: len(gates)] = -module.bias.detach().flatten()[places]
    mixed = channel_map("GatedNonLinearity1", source, layer.source, matrix)
    return [replace(mixed, weight=mixed.weight.to(bias), bias=bias), layer]


def _gates(module: Any, spans: Sequence[tuple[int, int]]) -> list[bool]:
    """Which fields are gates: escnn keeps their channels, as a range or a list."""
    at = module.gates_indices.tolist()
    channels = set(range(*at)) if module._contiguous["gate"] else set(at)
    return [start in channels for start, _ in spans]


@translates("ConcatenatedNonLinearity")
def concatenated(module: Any, source: Field, bridge: Bridge) -> Sequence[Part]:
    """A function of x and of −x: ours copy by copy, escnn's number by number."""
    layer = ConcatenatedNonlinearity(source, _function(module))
    order, start = [], 0
    for r in module.in_type.representations:
        order += [start + r.size * half + i for i in range(r.size) for half in (0, 1)]
        start += 2 * r.size
    matrix = torch.eye(start, dtype=torch.float64)[order]
    target = bridge.field(module.out_type, source)
    return [layer, channel_map("ConcatenatedNonLinearity", layer.target, target, matrix)]


@translates("VectorFieldNonLinearity")
def vector_field(module: Any, source: Field, bridge: Bridge) -> Sequence[Part]:
    """The direction in which a function on the group is largest."""
    (rep,) = set(bridge.reps(module.out_type))
    return [VectorFieldNonlinearity(source, rep)]


@translates("FourierPointwise", "FourierELU", "QuotientFourierPointwise", "QuotientFourierELU")
def fourier(module: Any, source: Field, bridge: Bridge) -> Sequence[Part]:
    """Functions of samples: ours where the samples are, else with escnn's own."""
    rep = bridge.rep(module.space, module.rho)
    known = rep.group.order is not None or rep.group.name in ("SO2", "O2")
    if known and module.in_type == module.out_type and "Quotient" not in type(module).__name__:
        parts = _with_our_samples(module, source, rep)
        if parts is not None:
            return parts
    target = bridge.field(module.out_type, source)
    copies, points = len(module.in_type), len(module.A)
    layer = SampledPointwise(source, target, copies, points, _function(module))
    layer.evaluate.copy_(module.A)
    layer.project.copy_(module.Ainv)
    return [layer]


def _with_our_samples(module: Any, source: Field, rep: Rep) -> list[Part] | None:
    """Into our basis of the functions on the group, and back; None if the samples are not ours."""
    name, n = type(module).__name__, len(module.in_type)
    each = rep.base if isinstance(rep, Sub) else rep
    samples = len(module.A) // (2 if rep.group.name == "O2" else 1)
    field = Field(source.domain, n * each)
    try:
        layer = FourierPointwise(
            field, _function(module), samples if rep.group.order is None else None, each
        )
    except ValueError:  # functions that our samples do not tell apart
        return None
    layer.double()
    there = _to_ours(module, rep, each, layer)
    back = torch.linalg.inv(there).contiguous()
    if not _same_samples(module, layer.evaluate @ there, back @ layer.project):
        return None
    eye = torch.eye(n, dtype=torch.float64)
    before = channel_map(name, source, field, torch.kron(eye, there))
    after = channel_map(name, field, source, torch.kron(eye, back))
    return [before, layer, after]


def _to_ours(module: Any, rep: Rep, each: Rep, layer: FourierPointwise) -> Tensor:
    """M for which our function with coefficients M x has the values of escnn's with x."""
    rho = module.rho
    seen: dict[Any, int] = defaultdict(int)
    pieces = []
    for label in rho.irreps:  # of a function concentrated at the identity
        size = rho.group.irrep(*label).size
        unit = torch.zeros(size, dtype=torch.float64)
        unit[seen[label]] = size**0.5
        seen[label] += 1
        pieces.append(unit)
    peak = torch.from_numpy(rho.change_of_basis).double() @ torch.cat(pieces)
    peak = peak / peak.norm() * module.A[0].double().norm()
    elements = group_grid(rep.group, layer.samples).elements
    theirs, ours = rep(elements) @ peak, each(elements) @ layer.evaluate[0]  # row 0: the identity
    there: Tensor = torch.linalg.lstsq(ours, theirs, driver="gelsd").solution
    return there.contiguous()


def _same_samples(module: Any, there: Tensor, back: Tensor) -> bool:
    """Whether samples are ours; their order does not matter."""
    theirs = module.A.double()
    if theirs.shape != there.shape:
        return False
    distance = torch.cdist(theirs, there)
    order = distance.argmin(1)
    if len(set(order.tolist())) < len(order) or not distance.amin(1).max() <= SAMPLES:
        return False
    error = (module.Ainv.double() - back[:, order]).abs().max()
    return bool(error <= SAMPLES * back.abs().max())
