"""Products of two spherical tensors at the same point."""

import math
from typing import Any, Literal, get_args

import torch
from torch import Tensor, nn

from geomdl.euclidean.interaction import Coupled
from geomdl.euclidean.paths import coefficients, product
from geomdl.euclidean.spherical import blocks, from_blocks, spherical
from geomdl.fields import Field, Points
from geomdl.fields.numbers import check_counts
from geomdl.groups import Rep
from geomdl.kernels import interaction
from geomdl.kernels.precision import uncast
from geomdl.registry import Example, register_layer

Connections = Literal["uuu", "uvu", "uvw"]


def _inputs(channels: int) -> Any:
    def draw(rng: torch.Generator) -> tuple[Any, ...]:
        shapes = ((5, 4, 3), (5, 4, channels))
        return tuple(torch.randn(s, generator=rng, dtype=torch.float64) for s in shapes)

    return draw


def _example(connections: Connections, right: int) -> Example:
    def build() -> nn.Module:
        rng, one = torch.Generator().manual_seed(0), spherical(1)
        options = {"channels": 3, "right_channels": right, "connections": connections}
        return TensorProduct(one, one, spherical(2), **options, rng=rng)  # type: ignore[arg-type]

    return Example(build, _inputs(right), forces=True)


@register_layer("euclidean/TensorProduct", example=_example("uvw", 2))
class TensorProduct(Coupled):
    """Clebsch-Gordan product of two features, with a weight for every path.

    z[k, u] = Σ w[path, u] √(2l + 1) Σ_ij C[i, j, k] x[i, u] y[j, u]           "uuu"
    z[k, u] = Σ w[path, u] √(2l + 1) Σ_ij C[i, j, k] x[i, u] y[j, 0]           "uvu"
    z[k, w] = Σ_uv w[path, u, v, w] √(2l + 1) Σ_ij C[i, j, k] x[i, u] y[j, v]  "uvw"

    summed over the paths into an irrep and divided by the root of the number of terms, so that
    variances stay. C are the coefficients of e3nn. "uvw" is e3nn's `FullyConnectedTensorProduct`.
    Equivariant under O(3), *exact*; derivatives of every order. For sums over neighbours see
    `Interaction`.

    Args:
        left: irreps of x, each once, of degrees up to 6 for "uvu"; O3 or SO3.
        right: irreps of y, each once.
        target: irreps of z, each once; all that the product holds if None.
        channels: of x, and of z unless ``out_channels``.
        right_channels: of y: as many ("uuu"), one ("uvu"), any ("uvw").
        out_channels: of z, for "uvw".
        connections: which channels meet.
        rng: for the weights, normal of variance one; torch's global one if None.

    Raises:
        ValueError: representations or channels that do not fit; when called, shapes.

    Example:
        >>> layer = TensorProduct(spherical(1), spherical(1), channels=8, connections="uuu")
        >>> layer(torch.randn(5, 4, 8), torch.randn(5, 4, 8)).shape
        torch.Size([5, 12, 8])

    Source: Thomas et al. 2018, arXiv:1802.08219; Geiger & Smidt 2022, arXiv:2207.09453.
    """

    def __init__(
        self,
        left: Rep,
        right: Rep,
        target: Rep | None = None,
        *,
        channels: int,
        right_channels: int | None = None,
        out_channels: int | None = None,
        connections: Connections = "uuu",
        rng: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        if connections not in get_args(Connections):
            raise ValueError(f"connections: expected 'uuu', 'uvu' or 'uvw', got {connections!r}")
        usual = {"uuu": channels, "uvu": 1, "uvw": channels}[connections]
        others = usual if right_channels is None else right_channels
        width = channels if out_channels is None else out_channels
        check_counts(channels=channels, right_channels=others, out_channels=width)
        if connections != "uvw" and (others != usual or width != channels):
            raise ValueError(
                f"connections: {connections!r} has {usual} channels on the right and {channels}"
                f" in the result, got {others} and {width}"
            )
        made = product(left, right, target)
        if connections == "uvu":
            self.hold_for_kernel(made)
        else:
            self.hold(made)
        self.connections, self.made = connections, made
        if connections != "uvu":
            for number, path in enumerate(made.paths):
                bits = coefficients(path).flatten(0, 1).view(torch.int64)
                self.register_buffer(f"bits{number}", bits, persistent=False)
        self.counts = tuple(b.copies for b in blocks(made.target))
        shape = (channels, others, width) if connections == "uvw" else (channels,)
        self.weight = nn.Parameter(torch.randn(len(made.paths), *shape, generator=rng))
        terms = channels * others if connections == "uvw" else 1
        self.scales = [1 / math.sqrt(n * terms) for n in self.counts]
        self.source = {
            "x": Field(Points(3), left, channels=channels),
            "y": Field(Points(3), right, channels=others),
        }
        kept = [(b.l, b.p, 1) for b in blocks(made.target)]
        self.target = Field(Points(3), from_blocks(kept, left.group), channels=width)

    @uncast
    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        """(nodes, left.dim, channels), (nodes, right.dim, right_channels) to their product."""
        for name, value in (("x", x), ("y", y)):
            shape = (x.shape[0], *self.source[name].fibre)
            if tuple(value.shape) != shape:
                raise ValueError(f"{name}: expected shape {shape}, got {tuple(value.shape)}")
        dtype = torch.promote_types(x.dtype, self.weight.dtype)  # autocast leaves the weights
        return self._product(x.to(dtype), y.to(dtype)).to(x.dtype)

    def _product(self, x: Tensor, y: Tensor) -> Tensor:
        if self.connections == "uvu":
            nodes = torch.arange(x.shape[0] + 1, device=x.device)
            rows = [nodes, nodes[:-1], nodes[:-1]] * 2
            w = self.weight.expand(x.shape[0], *self.weight.shape)
            made = interaction(x, y.squeeze(2), w, rows, self.table, self.components)
            pieces = made.split([b.stop - b.start for b in blocks(self.made.target)], 1)
            found = [
                piece.unflatten(1, (-1, count)).sum(2) * scale
                for piece, count, scale in zip(pieces, self.counts, self.scales, strict=True)
            ]
            return torch.cat(found, 1)
        number, found = 0, []
        for count, scale in zip(self.counts, self.scales, strict=True):
            parts = [self._path(number + k, x, y) for k in range(count)]
            found.append(torch.stack(parts).sum(0) * scale)
            number += count
        return torch.cat(found, 1)

    def _path(self, number: int, x: Tensor, y: Tensor) -> Tensor:
        """One path, (nodes, 2l + 1, out_channels)."""
        path, weight = self.made.paths[number], self.weight[number]
        a, b = x[:, path.left.start : path.left.stop], y[:, path.right.start : path.right.stop]
        c: Tensor = getattr(self, f"bits{number}").view(torch.float64).to(x)
        if self.connections == "uuu":
            pairs = (a.unsqueeze(2) * b.unsqueeze(1)).flatten(1, 2)
            return torch.matmul(c.T, pairs) * weight
        pairs = (a[:, :, None, :, None] * b[:, None, :, None, :]).flatten(3).flatten(1, 2)
        return torch.matmul(c.T, pairs) @ weight.flatten(0, 1)
