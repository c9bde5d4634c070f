"""Batch normalisation that commutes with the group."""

from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.overrides import has_torch_function_unary

from geomdl import groups
from geomdl.fields import Field, Grid
from geomdl.registry import Example, register_layer
from geomdl.steerable.checks import check_input, is_real
from geomdl.steerable.irrep_basis import IrrepBasis, orthogonal
from geomdl.steerable.taps import grid_of


def mean_square(x: Tensor, dims: tuple[int, ...]) -> Tensor:
    """Mean of x² over some axes, kept; half precision is summed in float32."""
    wide = torch.promote_types(x.dtype, torch.float32)
    norm: Tensor = torch.linalg.vector_norm(x, dim=dims, keepdim=True, dtype=wide)
    size = 1
    for axis in dims:
        size *= x.shape[axis]
    return norm.square() / max(1, size)


def positive_eps(eps: float) -> None:
    """Refuse what is added to variances, unless it is a positive number."""
    if not (is_real(eps) and eps > 0):
        raise ValueError(f"eps: should be a positive number, got {eps!r}")


class _Part(NamedTuple):
    """Copies that are normalised alike, and where their statistics stand."""

    copies: int
    centred: bool
    mean: slice
    var: slice


def _example() -> nn.Module:
    G = groups.group("D4")
    rep = G.trivial + 2 * G.regular + 2 * G.standard + G.standard @ G.standard
    # in training mode the statistics tie the samples of a batch together, by design
    return BatchNorm(Field(Grid(2), rep)).eval()


def _inputs(rng: torch.Generator) -> tuple[Any, ...]:
    return (torch.randn(2, 25, 5, 5, generator=rng, dtype=torch.float64),)


@register_layer("steerable/BatchNorm", example=Example(_example, _inputs))
class BatchNorm(nn.Module):
    """Batch normalisation over the group: one mean and variance for each field.

    y = γ (x - mean) / (var + eps)^(1/2) + β, where mean, var, γ, β are shared by the channels of

    - one copy of a permutation representation (for a regular one: averaged over the group);
    - else one irreducible copy, into which the block is split by an orthogonal change of basis.
      Only trivial irreps have a mean and a β; for the others var is the mean of |x|² / dim.

    Exact, in training and in evaluation. In training the statistics are those of the batch, so
    samples depend on one another; in evaluation the running ones. On several processes
    ``geomdl.training.fit`` takes them over all samples together, in both cases.

    Args:
        source: field of an orthogonal representation on a grid.
        eps: added to the variance.
        momentum: weight of the newest batch in the running statistics.
        affine: whether γ and β are learnt (else 1 and 0).

    Shape:
        unchanged, ``(batch, source.channels, *spatial)``. ``running_var`` and ``weight`` have one
        number for each copy, ``running_mean`` and ``bias`` for each that has a mean.

    Raises:
        ValueError: a representation that is not orthogonal, ``eps`` or ``momentum`` out of range.

    Example:
        >>> import geomdl
        >>> from geomdl import Field, Grid
        >>> G = geomdl.group("D4")
        >>> BatchNorm(Field(Grid(2), 4 * G.regular)).running_mean.shape
        torch.Size([4])
        >>> norm = BatchNorm(Field(Grid(2), 4 * G.trivial + 3 * G.standard))
        >>> norm.running_mean.shape, norm.running_var.shape
        (torch.Size([4]), torch.Size([7]))

    Source: Cohen and Welling 2016, arXiv:1602.07576, section 6.3; Weiler et al. 2018,
    arXiv:1807.02547, section 4.
    """

    running_mean: Tensor
    running_var: Tensor

    def __init__(
        self, source: Field, eps: float = 1e-5, momentum: float = 0.1, affine: bool = True
    ) -> None:
        super().__init__()
        grid_of(source, "source")
        orthogonal(source, "BatchNorm")
        positive_eps(eps)
        if not (is_real(momentum) and 0 <= momentum <= 1):
            raise ValueError(f"momentum: should be a number from 0 to 1, got {momentum!r}")
        self.source = self.target = source
        self.eps, self.momentum = eps, momentum
        bases = [
            None if rep.is_permutation else IrrepBasis(n * rep, align=False)
            for rep, n in source.rep.blocks
        ]
        for i, basis in enumerate(bases):
            if basis is not None:
                self.add_module(f"basis_{i}", basis)
        self._plan = _plan(source, bases)
        last = [part for parts in self._plan for part in parts][-1]
        means, variances = last.mean.stop, last.var.stop
        self.weight = nn.Parameter(torch.ones(variances)) if affine else None
        self.bias = nn.Parameter(torch.zeros(means)) if affine and means else None
        self.register_buffer("running_mean", torch.zeros(means))
        self.register_buffer("running_var", torch.ones(variances))

    def forward(self, x: Tensor) -> Tensor:
        """Normalise a batch of fields, and update the running statistics when training."""
        check_input(self.source, x)
        blocks = self.source.rep.blocks
        if len(blocks) == 1:
            return self._block(x, 0)
        pieces = x.split([rep.dim * n for rep, n in blocks], 1)
        return torch.cat([self._block(piece, i) for i, piece in enumerate(pieces)], 1)

    def _block(self, x: Tensor, i: int) -> Tensor:
        """Normalise the copies of one block."""
        parts, basis = self._plan[i], getattr(self, f"basis_{i}", None)
        if not isinstance(basis, IrrepBasis):
            (part,) = parts
            return self._normalise(x.unflatten(1, (part.copies, -1)).flatten(2), part).view(x.shape)
        pieces = basis.split(x.flatten(2))
        normal = [
            self._normalise(piece.flatten(2), part).view(piece.shape)
            for piece, part in zip(pieces, parts, strict=True)
        ]
        return basis.join(normal).reshape(x.shape)

    def _normalise(self, x: Tensor, part: _Part) -> Tensor:
        """Normalise copies (batch, copies, channels and space) of one kind."""
        if part.centred:
            return F.batch_norm(
                x,
                self.running_mean[part.mean],
                self.running_var[part.var],
                None if self.weight is None else self.weight[part.var],
                None if self.bias is None else self.bias[part.mean],
                self.training,
                self.momentum,
                self.eps,
            )
        weight = None if self.weight is None else self.weight[part.var]
        running = self.running_var[part.var]
        if self.training and has_torch_function_unary(x):
            # Someone watches F.batch_norm, such as the training loop that sums over processes:
            # the samples x and -x together have mean zero, and the variance wanted here.
            both, zero = torch.cat([x, -x], 2), torch.zeros_like(running)
            y = F.batch_norm(both, zero, running, weight, None, True, self.momentum, self.eps)
            return y[:, :, : x.shape[2]]
        if self.training:
            var = mean_square(x, (0, 2)).flatten()
            n = 2 * x.shape[0] * x.shape[2]  # the unbiased variance of x and -x, as above
            if n:
                with torch.no_grad():  # .data: the other copies' batch norm has saved this buffer
                    kept = self.running_var.data[part.var].mul_(1 - self.momentum)
                    kept.add_(var, alpha=self.momentum * n / (n - 1))
        else:
            var = running
        factor = (var + self.eps).rsqrt()
        if weight is not None:
            factor = factor * weight
        return (x * factor[:, None]).to(x.dtype)

    def extra_repr(self) -> str:
        """Number of statistics."""
        return f"{len(self.running_var)} fields, eps={self.eps}, momentum={self.momentum}"


def _plan(source: Field, bases: list[IrrepBasis | None]) -> list[list[_Part]]:
    """For each block its kinds of copies, statistics in order."""
    mean = var = 0
    plan = []
    for (_, n), basis in zip(source.rep.blocks, bases, strict=True):
        kinds = [(n, True)]
        if basis is not None:
            kinds = [(m, irrep.is_trivial) for irrep, m in basis.irreps]
        parts = []
        for count, centred in kinds:
            stop = mean + count * centred
            parts.append(_Part(count, centred, slice(mean, stop), slice(var, var + count)))
            mean, var = stop, var + count
        plan.append(parts)
    return plan
