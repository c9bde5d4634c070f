"""Linear layers between the two libraries: a dense filter and bias, and our layer that has them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor, nn

from geomdl.fields import Field, Vector
from geomdl.steerable.conv import Conv
from geomdl.steerable.linear import Linear

TOL = 1e-5
"""Largest relative part of a filter of escnn's that may lie outside of our space of filters."""


@dataclass(frozen=True, eq=False)
class Affine:
    """y = K ∗ x + b before it is a layer, so that what mixes its channels can still go into it.

    Attributes:
        name: of escnn's layer, for messages.
        source: field of x.
        target: field of y.
        weight: (out, in, *kernel); (out, in) for plain vectors.
        bias: (out,), or None.
        options: further arguments of the layer.
        layer: what builds it from source, target, kernel size and options.
        frozen: whether the weights stay as they are in training.
    """

    name: str
    source: Field
    target: Field
    weight: Tensor
    bias: Tensor | None
    options: dict[str, Any] = field(default_factory=dict)
    layer: Callable[..., nn.Module] = Conv
    frozen: bool = False

    def then(self, target: Field, matrix: Tensor, bias: Tensor | None) -> Affine:
        """Follow with z = M y + c, M (target, out)."""
        m = matrix.to(self.weight.dtype)
        own = None if self.bias is None else m @ self.bias
        added = [b for b in (own, bias) if b is not None]
        total = torch.stack(added).sum(0) if added else None
        weight = torch.einsum("ab,b...->a...", m, self.weight)
        return replace(self, target=target, weight=weight, bias=total)

    @property
    def mixes(self) -> bool:
        """Whether an output may depend on every input, so that channels can be mixed behind it."""
        return not self.frozen and self.layer is Conv and self.options.get("groups", 1) == 1

    def build(self) -> nn.Module:
        """Build the layer.

        Raises:
            ValueError: the filter is not in our space of filters.
        """
        has_bias = self.bias is not None
        if isinstance(self.source.domain, Vector):
            layer: nn.Module = Linear(self.source, self.target, has_bias)
        else:
            size = self.weight.shape[-1]
            layer = self.layer(self.source, self.target, size, bias=has_bias, **self.options)
        layer.to(self.weight)
        set_weights(layer, self.name, self.weight, self.bias)
        return layer.requires_grad_(not self.frozen)


def set_weights(layer: Any, name: str, weight: Tensor, bias: Tensor | None) -> None:
    """Project a filter and a bias on the layer's own parameters, and refuse what is left over."""
    kernel = weight if weight.ndim > 2 else weight.unsqueeze(-1)
    parts = [("filter", layer.filters, kernel)]
    if bias is not None and layer.bias is not None:
        parts.append(("bias", layer.bias, bias[:, None, None]))
    elif bias is not None and bias.abs().max() > 0:
        raise ValueError(f"module: the bias of {name} is not invariant")
    for what, expansion, values in parts:
        if not values.isfinite().all():
            raise ValueError(f"module: the {what} of {name} should be finite")
        left = expansion.project(values)
        if not left <= TOL:
            raise ValueError(
                f"module: {left:.1e} of the {what} of {name} is not in geomdl's space of filters; "
                "please report this"
            )


def channel_map(name: str, source: Field, target: Field, matrix: Tensor) -> Affine:
    """The same matrix at every pixel: y = M x."""
    spatial = 0 if isinstance(source.domain, Vector) else source.domain.d  # type: ignore[attr-defined]
    return Affine(name, source, target, matrix.reshape(*matrix.shape, *[1] * spatial), None)
