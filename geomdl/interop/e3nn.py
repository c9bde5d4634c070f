"""From and to e3nn: irreps, features, and the weights of linear maps and tensor products.

e3nn lays features out as (nodes, Σ multiplicity · (2l + 1)), the copies of an irrep one after
another; here they are (nodes, components, channels). Coefficients, order and signs agree.
"""

import math
from typing import Any

import torch
from torch import Tensor

from geomdl.euclidean import Interaction, Linear, blocks
from geomdl.euclidean.paths import product
from geomdl.euclidean.spherical import from_blocks, single
from geomdl.groups import Rep


def to_irreps(rep: Rep, channels: int) -> Any:
    """Return the `e3nn.o3.Irreps` of a feature.

    Args:
        rep: of O3.
        channels: of the feature.

    Example:
        >>> from geomdl.euclidean import spherical
        >>> to_irreps(spherical(1), 8)
        8x0e+8x1o
    """
    from e3nn import o3

    return o3.Irreps([(b.copies * channels, (b.l, b.p)) for b in blocks(rep)])


def from_irreps(irreps: Any) -> tuple[Rep, int]:
    """Representation and channels of `e3nn.o3.Irreps`.

    Args:
        irreps: of one multiplicity, or of multiples of the least, which are copies.

    Raises:
        ValueError: a multiplicity is no multiple of the least one.

    Example:
        >>> rep, channels = from_irreps("8x0e+16x1o")
        >>> [b.name for b in blocks(rep)], channels
        (['1x0e', '2x1o'], 8)
    """
    from e3nn import o3

    found = [(n, ir) for n, ir in o3.Irreps(irreps) if n]
    if not found:
        raise ValueError("irreps: expected some, got none")
    channels = min(n for n, _ in found)
    if any(n % channels for n, _ in found):
        raise ValueError(
            f"irreps: expected multiples of the least multiplicity {channels}, got {irreps}"
        )
    return from_blocks([(ir.l, ir.p, n // channels) for n, ir in found]), channels


def to_features(x: Tensor, rep: Rep) -> Tensor:
    """(…, rep.dim, channels) to e3nn's (…, rep.dim · channels). Exact."""
    parts = []
    for b in blocks(rep):
        rows = x[..., b.start : b.stop, :]
        rows = rows.unflatten(-2, (2 * b.l + 1, b.copies)).flatten(-2)
        parts.append(rows.transpose(-1, -2).flatten(-2))
    return torch.cat(parts, -1)


def from_features(x: Tensor, rep: Rep, channels: int) -> Tensor:
    """Inverse of `to_features`. Exact.

    Example:
        >>> from geomdl.euclidean import spherical
        >>> x = torch.randn(5, 9, 4)
        >>> torch.equal(from_features(to_features(x, spherical(2)), spherical(2), 4), x)
        True
    """
    if x.shape[-1] != rep.dim * channels:
        raise ValueError(f"x: last axis should be {rep.dim * channels}, got {x.shape[-1]}")
    parts, start = [], 0
    for b in blocks(rep):
        size = (b.stop - b.start) * channels
        rows = x[..., start : start + size].unflatten(-1, (b.copies * channels, 2 * b.l + 1))
        parts.append(rows.transpose(-1, -2).unflatten(-1, (b.copies, channels)).flatten(-3, -2))
        start += size
    return torch.cat(parts, -2)


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


def interaction(module: Any) -> tuple[Interaction, list[int]]:
    """`Interaction` of an `e3nn.o3.TensorProduct` with connections "uvu", and the order of paths.

    Gather, the module and a sum over targets are then one op: with the weights of the edges w
    (edges, weight_numel) the layer takes w.unflatten(1, (paths, channels))[:, order]. Its target
    lists irreps in ascending order, of each as many copies as paths; path k gives what the module's
    instruction order[k] does.

    Args:
        module: multiplicity one on the right, irrep_normalization="component".

    Raises:
        ValueError: a module that has no equal here.
    """
    source, channels = from_irreps(module.irreps_in1)
    edge, one = from_irreps(module.irreps_in2)
    kinds = {
        (module.irreps_out[ins.i_out].ir.l, module.irreps_out[ins.i_out].ir.p)
        for ins in module.instructions
    }
    if one != 1 or any(
        ins.connection_mode != "uvu" or not ins.has_weight for ins in module.instructions
    ):
        raise ValueError("module: expected connections 'uvu' with weights, one copy on the right")
    if len({ins.i_out for ins in module.instructions}) < len(module.instructions):
        raise ValueError("module: expected an output for each path, got paths that share one")
    target = from_blocks([(l, p, 1) for l, p in sorted(kinds, key=lambda k: (k[0], -k[1]))])
    made = product(source, edge, target)
    names = [str(ir) for _, ir in module.irreps_in1], [str(ir) for _, ir in module.irreps_in2]
    where: dict[tuple[str, ...], int] = {}
    for number, ins in enumerate(module.instructions):
        to = module.irreps_out[ins.i_out].ir
        where[names[0][ins.i_in1], names[1][ins.i_in2], str(to)] = number
        scale = ins.path_weight / to.dim**0.5
        if abs(scale - 1) > 1e-6:
            raise ValueError(f"module: expected component normalisation, got a factor {scale:.3g}")
    wanted = [
        (*(b.name.split("x")[1] for b in (path.left, path.right)), f"{path.l}{'eo'[path.p < 0]}")
        for path in made.paths
    ]
    if sorted(wanted) != sorted(where):
        raise ValueError("module: expected every path into its irreps once, got fewer or more")
    single("irreps_in1", source)
    return Interaction(source, edge, target, channels=channels), [where[path] for path in wanted]
