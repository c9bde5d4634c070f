"""Pointwise non-linearities of band-limited functions on a group."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from geomdl import groups
from geomdl.fields import Field, Grid
from geomdl.groups import Group, Rep, Subgroup, direct_sum
from geomdl.groups.constant import memoized
from geomdl.registry import Example, register_layer
from geomdl.registry.exact_buffers import ExactBuffers
from geomdl.steerable.checks import check_input, fibre_axis, whole
from geomdl.steerable.pointwise import FUNCTIONS
from geomdl.steerable.sampling import evaluation, frequency

FOURIER_FUNCTIONS: dict[str, Callable[[Tensor], Tensor]] = {
    **FUNCTIONS,
    "identity": lambda t: t,
    "square": lambda t: t * t,
    "cube": lambda t: t * t * t,
}
"""Functions of one real variable, by name; the last three are polynomials."""


def one_function(rep: Rep) -> tuple[Rep, int]:
    """The smallest representation of which ``rep`` is a number of copies, and that number."""
    copies = [block for block, n in rep.blocks for _ in range(n)]
    size = next(
        k
        for k in range(1, len(copies) + 1)
        if len(copies) % k == 0 and copies == copies[:k] * (len(copies) // k)
    )
    return direct_sum([(block, 1) for block in copies[:size]]), len(copies) // size


def default_samples(each: Rep, subgroup: Subgroup | None = None) -> int | None:
    """Number N of samples that leaves an error of 1e-3 to 2e-3 for ``elu``; None: all elements.

    10 L; for rotations of the plane rounded up to a multiple of 8, so that turns by 45° are exact;
    for functions on all of a three-dimensional group 6 L, which costs a fifth and errs by 5e-3.
    """
    if each.group.lie_dim == 0:
        return None
    top = max(1, frequency(each))
    if each.group.lie_dim == 1:
        return 8 * -(-10 * top // 8)
    return (10 if subgroup is not None and subgroup.group.lie_dim else 6) * top


@memoized
def transform(each: Rep, n: int | None, subgroup: Subgroup | None) -> tuple[Tensor, Tensor]:
    """Matrices to the samples and back: values (points, dim), and (dim, points), float64.

    The rows of the first one are unit vectors, so that uncorrelated coefficients of mean square one
    are values of mean square one. The second one is its weighted least-squares inverse: the
    quadrature itself, up to the scale, where that is exact.

    Raises:
        ValueError: the samples do not tell the functions apart.
    """
    values, weights = evaluation(each, n, subgroup)
    values = values / each.dim**0.5
    weighted = values.T * weights
    gram = weighted @ values
    if not torch.linalg.eigvalsh(gram * each.dim)[0] > 1e-9:
        raise ValueError(
            f"samples: {n} do not tell functions of frequency {frequency(each)} apart, give at "
            f"least {2 * frequency(each) + 1}"
        )
    return values.contiguous(), torch.linalg.solve(gram, weighted).contiguous()


def _reaches(phi: Callable[[Tensor], Tensor], values: Tensor, back: Tensor) -> bool:
    """Whether P φ(E x) is not zero for all x, as random ones tell."""
    rng = torch.Generator().manual_seed(0)
    x = torch.randn(values.shape[1], 4, generator=rng, dtype=torch.float64)
    return bool((back @ phi(values @ x)).abs().max() > 1e-9)


def _example() -> nn.Module:
    G = groups.group("D4")
    irreps = direct_sum([(irrep, irrep.dim) for irrep in G.irreps()])
    return FourierPointwise(Field(Grid(2), 2 * irreps), "elu")


def _inputs(rng: torch.Generator) -> tuple[Any, ...]:
    return (torch.randn(2, 16, 5, 5, generator=rng, dtype=torch.float64),)


@register_layer("steerable/FourierPointwise", example=Example(_example, _inputs))
class FourierPointwise(ExactBuffers):
    """A function of the values of band-limited functions on the group: y = P φ(E x).

    Every copy of ``each`` holds the Fourier coefficients of a function on G (or G/H). E evaluates
    it at samples, scaled so that coefficients of mean square one are values of mean square one; P
    projects the result back on the same coefficients: φ = identity gives x itself.

    Exact for finite groups, whose samples are all elements. For Lie groups φ(f) has frequencies
    beyond N, which alias: the equivariance error depends on the number N of samples and on how
    smooth φ is. A polynomial of degree d is *exact* for N ≥ (d + 1) L + 1, L the largest frequency
    in ``each``. Others, for SO2 with L = 3 and values of mean square one, relative error over
    random turns (much alike for the other groups):

    ===== ===== ===== ===== ===== =====
    N     7     10    16    32    64
    ===== ===== ===== ===== ===== =====
    relu  .31   .090  .032  .0074 .0018
    elu   .17   .039  .0077 8e-4  1e-4
    gelu  .33   .060  .0080 4e-5  1e-9
    x²    .56   5e-16 5e-16 5e-16 5e-16
    ===== ===== ===== ===== ===== =====

    Large values see a sharper bend, where ``elu`` and ``gelu`` err more (values of mean square 7:
    .0022 and .0024 at N = 32); the error of ``relu`` does not depend on their size.

    Whatever N is, elements that permute the samples are exact: turns by multiples of 2π/N for SO2
    and O2 (with the flip), the octahedral group for SO3 and O3. So a multiple of 4 keeps quarter
    turns of pixels exact.

    Args:
        source: field on a grid or on ``Vector()``, copies of ``each``: ``n * G.bandlimited(L)``, or
            any other orthogonal representation (direct sum of irreps) within the functions on G.
        function: φ, one of relu, elu, gelu, silu, leaky_relu, softplus, sigmoid, tanh, or of the
            polynomials identity, square, cube.
        samples: N. SO2: N equispaced turns; O2: N for each component; SO3 and O3: a quadrature
            exact to degree N − 1, of about N³/3 points for functions on the group and N²/3 for
            those on the sphere (for each component of O3). None: 10 L, rounded up to a multiple
            of 8 in the plane; 6 L (elu: 5e-3) for functions on all of SO3 or O3. Finite groups
            take none.
        each: representation of one function; by default the smallest of which ``source`` is a
            number of copies.
        subgroup: H, or a group or name that stands for it, if the functions live on G/H: ``"SO2"``
            for functions on the sphere under SO3, ``G.bandlimited(L, H)``.

    Attributes:
        points: number of samples.

    Shape:
        unchanged, ``(batch, source.channels, *spatial)`` or ``(..., source.rep.dim)``.

    Raises:
        ValueError: not orthogonal, not within the functions on G/H, too few samples, a group
            without a known grid, an unknown function, or one that gives zero: a square of odd
            irreps alone has no part in them (of several irreps, some parts may be zero).

    Example:
        >>> import geomdl
        >>> from geomdl import Field, Vector
        >>> G = geomdl.group("SO2")
        >>> layer = FourierPointwise(Field(Vector(), 5 * G.bandlimited(3)), "elu")
        >>> layer.points, layer(torch.zeros(2, 35)).shape
        (32, torch.Size([2, 35]))

    Source: Franzen and Wand 2021, NeurIPS; Cesa, Lang and Weiler 2022 (escnn).
    """

    evaluate: Tensor
    project: Tensor

    def __init__(
        self,
        source: Field,
        function: str = "elu",
        samples: int | None = None,
        each: Rep | None = None,
        subgroup: Subgroup | Group | str | None = None,
    ) -> None:
        super().__init__()
        self._axis = fibre_axis(source)
        if function not in FOURIER_FUNCTIONS:
            raise ValueError(
                f"function: should be one of {', '.join(FOURIER_FUNCTIONS)}, got {function!r}"
            )
        group = source.group
        if samples is not None:
            whole(samples=samples)
            if group.lie_dim == 0:
                raise ValueError(
                    f"samples: {group.name} is sampled at all its elements, got {samples}"
                )
        if each is None:
            each, n = one_function(source.rep)
        else:
            n = max(1, source.rep.dim // each.dim)
            if n * each != source.rep:
                raise ValueError(
                    f"each: source should be copies of {each.name}, got {source.rep.name}"
                )
        if subgroup is not None and not isinstance(subgroup, Subgroup):
            subgroup = group.subgroup(subgroup)
        self.source = self.target = source
        self.function = function
        self.samples = default_samples(each, subgroup) if samples is None else samples
        self._key = (each, self.samples, subgroup)
        self._copies = (n, each.dim)
        values, back = transform(*self._key)
        self.points = len(values)
        if not _reaches(FOURIER_FUNCTIONS[function], values, back):
            raise ValueError(
                f"function: {function} gives nothing but zero on {each.name} of {group.name}: its "
                "powers lie in other irreps"
            )
        self.hold()

    def exact_buffers(self) -> dict[str, Tensor]:
        """Matrices to the samples and back."""
        return dict(zip(("evaluate", "project"), transform(*self._key), strict=True))

    def forward(self, x: Tensor) -> Tensor:
        """Sample, apply the function, project back."""
        check_input(self.source, x)
        phi = FOURIER_FUNCTIONS[self.function]
        if self._axis == -1:
            y = phi(x.unflatten(-1, self._copies) @ self.evaluate.T) @ self.project.T
        else:
            y = self.project @ phi(self.evaluate @ x.unflatten(1, self._copies).flatten(3))
        return y.reshape(x.shape)

    def extra_repr(self) -> str:
        """Function and samples."""
        return f"{self.function}, points={self.points}"
