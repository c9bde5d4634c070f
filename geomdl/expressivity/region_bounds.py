"""How many linear regions a ReLU network can have: counts, bounds, and a network that attains one.

For widths n_1 … n_L and inputs of dimension d.
"""

import math
from collections.abc import Sequence
from functools import cache
from itertools import combinations

import torch
from torch import Tensor, nn

from geomdl.fields.numbers import at_least


def _widths(widths: Sequence[int], d: int) -> tuple[int, ...]:
    at_least("d", d, 1)
    if not isinstance(widths, Sequence) or not widths:
        raise ValueError(f"widths: expected one width or more, got {widths!r}")
    return tuple(at_least("widths", n, 1) for n in widths)


def zaslavsky(n: int, d: int) -> int:
    """Regions of n hyperplanes of d-dimensional space in general position, Σ_{j≤d} C(n, j).

    So many has a generic layer of n ReLU neurons, and none has more. *Exact*.

    Args:
        n: hyperplanes.
        d: dimension, at least 1.

    Returns:
        The number.

    Raises:
        ValueError: n < 0 or d < 1.

    Example:
        >>> zaslavsky(8, 2), zaslavsky(7, 3), zaslavsky(3, 5)
        (37, 64, 8)

    Source: Zaslavsky 1975; Schläfli 1901.
    """
    at_least("n", n, 0)
    at_least("d", d, 1)
    return sum(math.comb(n, j) for j in range(d + 1))


def montufar_lower(widths: Sequence[int], d: int) -> int:
    """What the best network of these widths has at least: Π_{l<L} ⌊n_l/d⌋^d · Σ_{j≤d} C(n_L, j).

    Args:
        widths: n_1 … n_L, each at least d for a bound that is not zero.
        d: dimension of the input.

    Returns:
        The number; `montufar_network` attains it in the unit cube.

    Raises:
        ValueError: no width, or one below 1.

    Example:
        >>> montufar_lower((4, 4, 3), 2)
        112

    Source: Montúfar, Pascanu, Cho and Bengio 2014, arXiv:1402.1869, theorem 4.
    """
    *hidden, last = _widths(widths, d)
    folds: int = math.prod((n // d) ** d for n in hidden)
    return folds * zaslavsky(last, d)


def montufar_upper(widths: Sequence[int], d: int) -> int:
    """No network has more: Π_l Σ_{j≤d_l} C(n_l, j), d_l = min(d, n_1, …, n_{l-1}).

    A region reaches layer l through an affine map of rank d_l at most, where Zaslavsky's count
    applies.

    Args:
        widths: n_1 … n_L.
        d: dimension of the input.

    Returns:
        The number.

    Raises:
        ValueError: no width, or one below 1.

    Example:
        >>> montufar_upper((8,), 2), montufar_upper((4, 4, 3), 2)
        (37, 847)

    Source: Montúfar 2017, *Notes on the number of linear regions of deep neural networks*.
    """
    total, rank = 1, d
    for n in _widths(widths, d):
        total *= zaslavsky(n, rank)
        rank = min(rank, n)
    return total


def serra_upper(widths: Sequence[int], d: int) -> int:
    """A sharper bound: Σ Π_l C(n_l, j_l), 0 ≤ j_l ≤ min(d, n_1 - j_1, …, n_{l-1} - j_{l-1}, n_l).

    Regions of a layer with j inactive neurons more than the least pass on a map of rank n - j at
    most.

    Args:
        widths: n_1 … n_L.
        d: dimension of the input.

    Returns:
        The number, at most `montufar_upper`.

    Raises:
        ValueError: no width, or one below 1.

    Example:
        >>> serra_upper((8,), 2), serra_upper((2, 2), 2)
        (37, 11)

    Source: Serra, Tjandraatmadja and Ramalingam 2018, arXiv:1711.02114, theorem 1.
    """
    layers = _widths(widths, d)

    @cache
    def count(layer: int, rank: int) -> int:
        if layer == len(layers):
            return 1
        n = layers[layer]
        return sum(
            math.comb(n, j) * count(layer + 1, min(rank, n - j)) for j in range(min(rank, n) + 1)
        )

    return count(0, d)


def montufar_network(
    widths: Sequence[int], d: int, rng: torch.Generator | None = None
) -> nn.Sequential:
    """A network whose regions within the unit cube are as many as `montufar_lower` says.

    All but the last layer fold the cube onto itself: the coordinate x_i is read by p = ⌊n_l/d⌋
    neurons, and relu(p x) - 2 relu(p x - 1) + 2 relu(p x - 2) - … runs p times through [0, 1]. The
    last one is a generic arrangement whose hyperplanes all meet within the cube, and is repeated in
    each of the copies. Neurons beyond d p are silent.

    Args:
        widths: n_1 … n_L; all but the last at least d.
        d: dimension of the input.
        rng: for the last arrangement; torch's global one if None.

    Returns:
        A network (…, d) -> (…, n_L) in float64 that ends in a ReLU.

    Raises:
        ValueError: a layer too narrow to fold.

    Example:
        >>> from geomdl.expressivity import regions_in_plane
        >>> network = montufar_network((4, 3), 2, torch.Generator().manual_seed(0))
        >>> square = torch.tensor([[0.0, 0], [1, 0], [1, 1], [0, 1]])
        >>> len(regions_in_plane(network, square)), montufar_lower((4, 3), 2)
        (28, 28)

    Source: Montúfar, Pascanu, Cho and Bengio 2014, arXiv:1402.1869.
    """
    *hidden, last = _widths(widths, d)
    if hidden and min(hidden) < d:
        raise ValueError(f"widths: expected at least d={d} in all but the last, got {widths}")
    modules: list[nn.Module] = []
    read = torch.eye(d, dtype=torch.float64)
    for n in hidden:
        p = n // d
        weight, bias = torch.zeros(n, d).double(), torch.zeros(n).double()
        back = torch.zeros(d, n).double()
        for i in range(d):
            at = slice(i * p, (i + 1) * p)
            weight[at, i] = p
            bias[at] = -torch.arange(p).double()
            back[i, at] = torch.tensor([1.0] + [2.0 * (-1) ** s for s in range(1, p)])
        modules += [_layer(weight @ read, bias), nn.ReLU()]
        read = back
    weight, bias = _arrangement(last, d, rng)
    return nn.Sequential(*modules, _layer(weight @ read, bias), nn.ReLU())


def _arrangement(n: int, d: int, rng: torch.Generator | None) -> tuple[Tensor, Tensor]:
    """Hyperplanes in general position that all meet within a quarter of the cube's middle."""
    weight = torch.randn(n, d, generator=rng, dtype=torch.float64)
    weight = weight / weight.norm(dim=1, keepdim=True)
    shift = torch.randn(n, generator=rng, dtype=torch.float64)
    reach = float(shift.abs().max())
    for some in combinations(range(n), d):
        if len(some) == d:
            at = list(some)
            meet = torch.linalg.solve(weight[at], shift[at])
            reach = max(reach, float(meet.abs().max()))
    shift = shift * (0.25 / reach)
    return weight, -shift - weight @ torch.full((d,), 0.5, dtype=torch.float64)


def _layer(weight: Tensor, bias: Tensor) -> nn.Linear:
    layer = nn.Linear(weight.shape[1], weight.shape[0], dtype=torch.float64)
    with torch.no_grad():
        layer.weight.copy_(weight)
        layer.bias.copy_(bias)
    return layer
