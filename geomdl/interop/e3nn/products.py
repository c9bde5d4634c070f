"""Tensor products of e3nn as layers here, with equal outputs."""

import math
from typing import Any

import torch

from geomdl.euclidean import Interaction, TensorProduct, blocks
from geomdl.euclidean.paths import Product, product
from geomdl.euclidean.spherical import from_blocks, single
from geomdl.interop.e3nn.features import from_irreps


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
    wanted = _names(made)
    if sorted(wanted) != sorted(where):
        raise ValueError("module: expected every path into its irreps once, got fewer or more")
    single("irreps_in1", source)
    return Interaction(source, edge, target, channels=channels), [where[path] for path in wanted]


def tensor_product(module: Any) -> TensorProduct:
    """`TensorProduct` with the weights of an `e3nn.o3.TensorProduct`; outputs agree to rounding.

    Whatever the normalisation of the module, it is in the weights. Paths without a weight get what
    makes them equal, and where no path has one, weights that are not trained.

    Args:
        module: connections "uuu", "uvu" (one copy on the right) or "uvw", as of
            `FullyConnectedTensorProduct`; each irrep once in both factors and in the result, every
            path into these; weights of its own, or none.

    Raises:
        ValueError: a module that has no equal here.
    """
    modes = {ins.connection_mode for ins in module.instructions}
    if len(modes) != 1 or not modes <= {"uuu", "uvu", "uvw"}:
        names = ", ".join(sorted(modes)) or "none"
        raise ValueError(f"module: expected connections uuu, uvu or uvw alone, got {names}")
    if module.weight_numel and not module.internal_weights:
        raise ValueError("module: expected weights of its own; for those of edges see interaction")
    reps, channels = zip(
        *(from_irreps(i) for i in (module.irreps_in1, module.irreps_in2, module.irreps_out)),
        strict=True,
    )
    for name, rep in zip(("irreps_in1", "irreps_in2", "irreps_out"), reps, strict=True):
        single(name, rep)
    found = TensorProduct(
        *reps,
        channels=channels[0],
        right_channels=channels[1],
        out_channels=channels[2],
        connections=modes.pop(),
    )
    dtype = module.weight.dtype if module.weight_numel else torch.get_default_dtype()
    found = found.to(dtype)
    weights, start = module.weight.detach(), 0
    given: dict[tuple[str, ...], torch.Tensor] = {}
    for ins in module.instructions:
        sides = (module.irreps_in1[ins.i_in1], module.irreps_in2[ins.i_in2])
        to = module.irreps_out[ins.i_out].ir
        size = math.prod(ins.path_shape)
        piece = weights[start : start + size] if ins.has_weight else torch.ones(size, dtype=dtype)
        start += size if ins.has_weight else 0
        key: tuple[str, ...] = (*(str(side.ir) for side in sides), str(to))
        if key in given:
            raise ValueError(f"module: expected every path once, got {' '.join(key)} again")
        given[key] = piece * (ins.path_weight / to.dim**0.5)
    wanted = _names(found.made)
    if sorted(wanted) != sorted(given):
        raise ValueError("module: expected every path into its irreps once, got fewer or more")
    counts = (b.copies for b in blocks(found.made.target))
    scales = [s for n, s in zip(counts, found.scales, strict=True) for _ in range(n)]
    for row, path, scale in zip(found.weight.data, wanted, scales, strict=True):
        row.copy_((given[path] / scale).view(row.shape))
    found.weight.requires_grad_(bool(module.weight_numel))
    return found


def _names(made: Product) -> list[tuple[str, ...]]:
    """Irreps of both factors and of the result, path by path, as e3nn writes them."""
    return [
        (*(b.name.split("x")[1] for b in (path.left, path.right)), f"{path.l}{'eo'[path.p < 0]}")
        for path in made.paths
    ]
