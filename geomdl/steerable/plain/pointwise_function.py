"""Plain pointwise functions: ``nn.ReLU`` and the others."""

from torch import nn

from geomdl.steerable.plain.forms import form_of
from geomdl.steerable.pointwise import Pointwise

FUNCTIONS: dict[str, type[nn.Module]] = {
    "relu": nn.ReLU,
    "elu": nn.ELU,
    "gelu": nn.GELU,
    "silu": nn.SiLU,
    "leaky_relu": nn.LeakyReLU,
    "softplus": nn.Softplus,
    "sigmoid": nn.Sigmoid,
    "tanh": nn.Tanh,
}
"""Modules by the name of their function."""


@form_of(Pointwise)
def pointwise(layer: Pointwise) -> nn.Module:
    """The function's own module."""
    return FUNCTIONS[layer.function]()
