"""Spaces, field types and comparisons that the tests of the bridge share."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from geomdl.interop.escnn import convert

Build = Callable[[Any, Any], nn.Module]
"""From escnn.nn and a type of fields."""

SPACES: dict[str, Callable[[Any], Any]] = {
    "C1": lambda g: g.trivialOnR2(),
    "C4": lambda g: g.rot2dOnR2(4),
    "C8": lambda g: g.rot2dOnR2(8),
    "C16": lambda g: g.rot2dOnR2(16),
    "D1": lambda g: g.flip2dOnR2(),
    "D4": lambda g: g.flipRot2dOnR2(4),
    "D8": lambda g: g.flipRot2dOnR2(8),
    "D8 about x": lambda g: g.flipRot2dOnR2(8, axis=0.0),
    "D3 askew": lambda g: g.flipRot2dOnR2(3, axis=0.4),
    "SO2": lambda g: g.rot2dOnR2(-1),
    "O2": lambda g: g.flipRot2dOnR2(-1),
    "C4 in space": lambda g: g.rot2dOnR3(4),
    "D4 in space": lambda g: g.dihedralOnR3(4),
    "cone": lambda g: g.conicalOnR3(4),
    "SO2 in space": lambda g: g.rot2dOnR3(-1),
    "inversion": lambda g: g.invOnR3(),
    "O": lambda g: g.octaOnR3(),
    "Oh": lambda g: g.fullOctaOnR3(),
    "I": lambda g: g.icoOnR3(),
    "SO3": lambda g: g.rot3dOnR3(),
    "O3": lambda g: g.flipRot3dOnR3(),
}
"""By the name of our group, or what else tells it apart."""


def space(escnn: Any, name: str) -> Any:
    """One of escnn's spaces."""
    return SPACES[name](escnn.gspaces)


def fields(escnn: Any, space: Any, kind: str, copies: int = 1) -> Any:
    """A type of fields: trivial, regular, quotient, irreps (a few), spectral or mixed."""
    group = space.fibergroup
    irreps = list(group.irreps())
    if kind == "trivial":
        reps = [space.trivial_repr]
    elif kind == "regular":
        reps = [space.regular_repr]
    elif kind == "quotient":
        reps = [space.quotient_repr((None, 2) if hasattr(group, "reflection") else 2)]
    elif kind == "irreps":
        reps = irreps[:3]
    elif kind == "spectral":
        labels = [irrep.id for irrep in irreps[:3]]
        reps = [group.spectral_regular_representation(*labels, name=None)]
    elif kind == "vectors":
        reps = [irrep for irrep in irreps if irrep.size > 1][:2]
    else:
        assert kind == "mixed"
        reps = [irreps[1], space.trivial_repr, irreps[1] + irreps[0]]
    return escnn.nn.FieldType(space, reps * copies)


def permutations(escnn: Any, name: str) -> Any:
    """Fields of permutations of unlike sizes, alternating."""
    gspace = space(escnn, name)
    reps = fields(escnn, gspace, "quotient").representations
    reps = [gspace.trivial_repr, *reps, gspace.regular_repr]
    return escnn.nn.FieldType(gspace, reps * 2)


def randomize(module: nn.Module, seed: int = 0) -> nn.Module:
    """Draw all weights and running statistics, and leave the module in evaluation mode."""
    rng = torch.Generator().manual_seed(seed)
    module.train()  # escnn expands its filters when it goes from training to evaluation
    with torch.no_grad():
        for parameter in module.parameters():
            if parameter.requires_grad:
                parameter.copy_(torch.randn(parameter.shape, generator=rng))
        for name, buffer in module.named_buffers():
            if name.endswith("running_var"):
                buffer.copy_(0.5 + torch.rand(buffer.shape, generator=rng))
    return module.eval()


def images(module: Any, size: int, batch: int = 2) -> Tensor:
    """Random inputs of a module of escnn's."""
    d = module.in_type.gspace.dimensionality
    rng = torch.Generator().manual_seed(1)
    return torch.randn(batch, module.in_type.size, *(size,) * d, generator=rng)


def theirs(module: Any, x: Tensor) -> Tensor:
    """Outputs of a module of escnn's."""
    out = module(module.in_type(x)).tensor
    assert isinstance(out, Tensor)
    return out.detach()


def gap(module: Any, size: int, ours: nn.Module | None = None) -> float:
    """Relative difference between outputs of escnn's and ours, which is converted if not given."""
    x = images(module, size)
    expected = theirs(module, x)
    with torch.no_grad():
        got = (convert(module) if ours is None else ours)(x)
    assert got.shape == expected.shape
    assert expected.abs().max() > 0
    return float((got - expected).abs().max() / expected.abs().max())


def sabotaged_gap(module: Any, size: int, ours: nn.Module) -> float:
    """`gap` after one weight of ours, the one that matters most, has been changed."""
    loss = ours(images(module, size)).square().sum()
    weights = [p for p in ours.parameters() if p.requires_grad]
    gradients = torch.autograd.grad(loss, weights, allow_unused=True)
    sizes = torch.stack([w.new_zeros(()) if g is None or not g.numel() else g.abs().max()
                         for w, g in zip(weights, gradients, strict=True)])  # fmt: skip
    best = int(sizes.argmax())
    gradient = gradients[best]
    assert gradient is not None
    with torch.no_grad():
        weight = weights[best].view(-1)
        weight[gradient.abs().argmax()] += 0.1 * (1 + weight.abs().max())
    return gap(module, size, ours)
