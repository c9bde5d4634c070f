"""Layer normalisation that commutes with the group."""

from typing import Any, Literal

import torch
from torch import Tensor, nn

from geomdl import groups
from geomdl.fields import Field, Grid, Vector
from geomdl.registry import Example, register_layer
from geomdl.steerable.checks import check_input, fibre_axis
from geomdl.steerable.irrep_basis import IrrepBasis, flattened, orthogonal, unflattened
from geomdl.steerable.norm import mean_square, positive_eps

Axes = Literal["all", "channels", "space"]
AXES = {"all": (1, 2, 3), "channels": (1, 2), "space": (2, 3)}
"""Of (batch, copies, dim, pixels), those over which a mean is taken."""


def _example() -> nn.Module:
    G = groups.group("D4")
    return LayerNorm(Field(Grid(2), 2 * G.trivial + 2 * G.regular + 2 * G.standard))


def _inputs(rng: torch.Generator) -> tuple[Any, ...]:
    return (torch.randn(2, 22, 5, 5, generator=rng, dtype=torch.float64),)


@register_layer("steerable/LayerNorm", example=Example(_example, _inputs))
class LayerNorm(nn.Module):
    """Normalisation of each sample by itself, in irreps; only the trivial one is centred. Exact.

    In the irreps of the group, for each copy i of an irrep ρ,

        y_i = γ_i (x_i - mean_i) / (var_i + eps)^(1/2) + β_i,  var_i = mean |x_i - mean_i|²/dim ρ,

    where only the trivial irrep has a mean and β. On a grid every irreducible copy has a variance
    of its own, over the pixels: on trivial fields this is instance normalisation. A plain vector
    has no pixels: there means run over the copies of ρ, and on trivial fields this is
    ``torch.nn.LayerNorm``, with γ and β for each channel.

    Args:
        source: field of an orthogonal representation, on a grid or a plain vector.
        eps: added to the variance.
        affine: whether γ and β are learnt (else 1 and 0).
        axes: over what means run. "space": the pixels, for each irreducible copy by itself; on a
            grid, where of the trivial copies of a single pixel only β is left. "all": the copies
            of an irrep and the pixels, one variance for each kind of irrep. "channels": the copies
            of an irrep at each pixel by itself; an irrep with few copies then has little left of
            it (one trivial copy: only β). None: "space" on a grid, "all" for plain vectors.

    Shape:
        unchanged. ``weight`` has one number for each irreducible copy, ``bias`` for each trivial
        one, ordered by irreps.

    Raises:
        ValueError: a representation that is not orthogonal, unknown axes, those of space for
            plain vectors, or ``eps`` not positive.

    Example:
        >>> import geomdl
        >>> from geomdl import Field, Grid
        >>> norm = LayerNorm(Field(Grid(2), 4 * geomdl.group("D4").regular))
        >>> norm(torch.randn(2, 32, 5, 5)).shape, norm.weight.shape, norm.bias.shape
        (torch.Size([2, 32, 5, 5]), torch.Size([24]), torch.Size([4]))

    Source: Ulyanov et al. 2016, arXiv:1607.08022 (over the pixels of each copy); Ba, Kiros, Hinton
    2016, arXiv:1607.06450; Liao and Smidt 2023, arXiv:2206.11990.
    """

    def __init__(
        self, source: Field, eps: float = 1e-5, affine: bool = True, axes: Axes | None = None
    ) -> None:
        super().__init__()
        self._axis = fibre_axis(source)
        orthogonal(source, "LayerNorm")
        vectors = isinstance(source.domain, Vector)
        if axes is None:
            axes = "all" if vectors else "space"
        if axes not in AXES:
            raise ValueError(f"axes: should be one of {', '.join(AXES)}, got {axes!r}")
        if axes == "space" and vectors:
            raise ValueError(f"axes: 'space' needs a field on a grid, got {source.domain!r}")
        positive_eps(eps)
        self.source = self.target = source
        self.eps, self.axes = eps, axes
        self._basis = IrrepBasis(source.rep, align=False)
        self._trivial = [irrep.is_trivial for irrep, _ in self._basis.irreps]
        counts = [n for _, n in self._basis.irreps]
        centred = sum(n for n, is_one in zip(counts, self._trivial, strict=True) if is_one)
        self.weight = nn.Parameter(torch.ones(sum(counts))) if affine else None
        self.bias = nn.Parameter(torch.zeros(centred)) if affine and centred else None

    def forward(self, x: Tensor) -> Tensor:
        """Normalise a batch of fields."""
        check_input(self.source, x)
        parts = self._basis.split(flattened(x, self._axis))  # (batch, copies, dim, pixels)
        dims = AXES[self.axes]
        first, out = 0, []
        for part, is_one in zip(parts, self._trivial, strict=True):
            n = part.shape[1]
            if is_one:
                part = part - part.mean(dims, keepdim=True)
            factor = (mean_square(part, dims) + self.eps).rsqrt()
            if self.weight is not None:
                factor = factor * self.weight[first : first + n, None, None]
            part = part * factor
            if is_one and self.bias is not None:  # there is one trivial irrep at most
                part = part + self.bias[:, None, None]
            out.append(part.to(x.dtype))
            first += n
        return unflattened(self._basis.join(out), x, self._axis)

    def extra_repr(self) -> str:
        """Number of irreducible copies."""
        copies = sum(n for _, n in self._basis.irreps)
        return f"{copies} irreducible copies, eps={self.eps}, axes={self.axes}"
