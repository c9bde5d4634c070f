"""escnn, where it is installed and asked for."""

import warnings
from typing import Any

import torch
from torch import Tensor, nn

from geomdl.bench.peers import find_peer
from geomdl.bench.registry import Context
from geomdl.bench.suites.images.designs import Design

NAME = "escnn"
ANTIALIASED = "escnn, antialiased pools"
KINDS = (NAME, ANTIALIASED)  # `images/angles` compares with both


def peer_of(context: Context) -> tuple[bool, str]:
    """Whether to measure escnn beside ours, and what the settings say of it."""
    return find_peer(context, NAME)


def space_of(group: str) -> Any:
    """The action of a cyclic or dihedral group on the plane."""
    from escnn import gspaces

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        make = gspaces.flipRot2dOnR2 if group[0] == "D" else gspaces.rot2dOnR2
        return make(int(group[1:]))


class EscnnBody(nn.Module):
    """Layers of escnn on plain tensors."""

    def __init__(self, layers: Any) -> None:
        super().__init__()
        self.layers = layers

    def forward(self, x: Tensor) -> Tensor:
        """Wrap, run, unwrap."""
        from escnn import nn as enn

        y: Tensor = self.layers(enn.GeometricTensor(x, self.layers.in_type)).tensor
        return y

    def turn(self, y: Tensor, steps: int) -> Tensor:
        """Act on the fibres of an output with the rotation by so many steps of the group."""
        out = self.layers.out_type
        space = out.gspace
        flips = space.fibergroup.name.startswith("D")
        element = space.fibergroup.element((0, steps) if flips else steps)
        matrix = torch.as_tensor(out.representation(element), dtype=y.dtype)
        return torch.einsum("ij,bj...->bi...", matrix, y)


def escnn_body(design: Design, seed: int, antialiased: bool = False) -> EscnnBody:
    """The layers of a design, by escnn, as its documentation builds them.

    Args:
        design: what to build.
        seed: of the weights.
        antialiased: pool by a Gaussian, not by the mean over 3×3 pixels.
    """
    from escnn import nn as enn

    space = space_of(design.group)

    def field(channels: int) -> Any:
        return enn.FieldType(space, (channels // design.order) * [space.regular_repr])

    before = field(design.channels) if design.lifted else enn.FieldType(space, [space.trivial_repr])
    layers: list[Any] = []
    with torch.random.fork_rng(devices=[]), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.manual_seed(seed)
        for i, (channels, padding) in enumerate(design.layers):
            after = field(channels)
            layers.append(
                enn.R2Conv(before, after, design.kernel_size, padding=padding, bias=False)
            )
            if design.norm:
                layers.append(enn.InnerBatchNorm(after))
            layers.append(enn.ReLU(after))
            if design.pooled and i < design.depth - 1:
                if antialiased:
                    layers.append(enn.PointwiseAvgPoolAntialiased2D(after, sigma=0.66, stride=2))
                else:
                    layers.append(enn.PointwiseAvgPool2D(after, kernel_size=3, stride=2, padding=1))
            before = after
    return EscnnBody(enn.SequentialModule(*layers))
