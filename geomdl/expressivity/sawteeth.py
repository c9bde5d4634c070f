"""Deep networks with known pieces: Telgarsky's sawtooth, Yarotsky's square and product.

All are `nn.Sequential` of `nn.Linear` and `nn.ReLU` in float64, of powers of two, so that their
values carry no rounding but that of the last sum.
"""

import torch
from torch import Tensor, nn

from geomdl.fields.numbers import at_least, positive


def _affine(weight: list[list[float]] | Tensor, bias: list[float] | Tensor) -> nn.Linear:
    w, b = (torch.as_tensor(v, dtype=torch.float64) for v in (weight, bias))
    layer = nn.Linear(w.shape[1], w.shape[0], dtype=torch.float64)
    with torch.no_grad():
        layer.weight.copy_(w)
        layer.bias.copy_(b)
    return layer


def sawtooth(k: int) -> nn.Sequential:
    """The k-fold tent g∘…∘g on [0, 1], g(x) = 1 - |2x - 1|: 2ᵏ pieces from 2k neurons.

    g(x) = 2 relu(x) - 4 relu(x - ½). *Exact*: slopes are ±2ᵏ.

    Args:
        k: number of hidden layers, at least 1.

    Returns:
        A network (…, 1) -> (…, 1) with hidden layers of two neurons.

    Raises:
        ValueError: k < 1.

    Example:
        >>> x = torch.tensor([[0.0], [0.125], [0.25], [1.0]], dtype=torch.float64)
        >>> sawtooth(3)(x).flatten().tolist()
        [0.0, 1.0, 0.0, 0.0]

    Source: Telgarsky 2015, arXiv:1509.08101.
    """
    at_least("k", k, 1)
    modules: list[nn.Module] = [_affine([[1.0], [1.0]], [0.0, -0.5]), nn.ReLU()]
    for _ in range(k - 1):
        modules += [_affine([[2.0, -4.0], [2.0, -4.0]], [0.0, -0.5]), nn.ReLU()]
    return nn.Sequential(*modules, _affine([[2.0, -4.0]], [0.0]))


def _square_layers(m: int) -> list[tuple[Tensor, Tensor]]:
    """Affine maps between the ReLU layers of x ↦ f_m(x), on (g_s(x), g_s(x) - ½, f_s(x))."""
    first = torch.tensor([[1.0], [1.0], [1.0]]), torch.tensor([0.0, -0.5, 0.0])
    maps = [first]
    for s in range(1, m + 1):
        tooth = torch.tensor([2.0, -4.0, 0.0])
        left = torch.tensor([0.0, 0.0, 1.0]) - tooth / 4**s
        if s == m:
            maps.append((left.unsqueeze(0), torch.zeros(1)))
        else:
            maps.append((torch.stack([tooth, tooth, left]), torch.tensor([0.0, -0.5, 0.0])))
    return [(w.double(), b.double()) for w, b in maps]


def square_network(m: int) -> nn.Sequential:
    r"""Yarotsky's network for x² on [0, 1], exponentially good in its depth.

    f_m(x) = x - Σ_{s=1}^m g_s(x) / 4ˢ, g_s the s-fold tent: the interpolation of x² at multiples of
    2⁻ᵐ. Its error is *exactly* max |x² - f_m| = 2^{-2m-2}, reached in the middle of every piece,
    and f_m ≥ x².

    Args:
        m: number of hidden layers, of three neurons each.

    Returns:
        A network (…, 1) -> (…, 1).

    Raises:
        ValueError: m < 1.

    Example:
        >>> square_network(3)(torch.tensor([[0.5]], dtype=torch.float64)).item()
        0.25
        >>> x = torch.linspace(0, 1, 129, dtype=torch.float64).unsqueeze(1)
        >>> (square_network(3)(x) - x**2).max().item() == 2.0**-8
        True

    Source: Yarotsky 2017, arXiv:1610.01145.
    """
    at_least("m", m, 1)
    (w, b), *rest = _square_layers(m)
    modules: list[nn.Module] = [_affine(w, b)]
    for w, b in rest:
        modules += [nn.ReLU(), _affine(w, b)]
    return nn.Sequential(*modules)


def product_network(m: int, bound: float = 1.0) -> nn.Sequential:
    """Yarotsky's network for the product x y on |x|, |y| ≤ M, from three squares.

    x y = 2M² (s(|x + y| / 2M) - s(|x| / 2M) - s(|y| / 2M)) with s(u) = u², s replaced by
    `square_network`. |error| ≤ M² 4⁻ᵐ, since each square is too large by 4^{-m-1} at most; zero
    up to rounding where x = 0 or y = 0.

    Args:
        m: depth of the squares.
        bound: M.

    Returns:
        A network (…, 2) -> (…, 1) with a hidden layer of six neurons and m of nine.

    Raises:
        ValueError: m < 1, or a bound that is not positive.

    Example:
        >>> xy = torch.tensor([[0.5, -0.75], [0.0, 0.3]], dtype=torch.float64)
        >>> product_network(12)(xy).flatten().round(decimals=6).abs().tolist()
        [0.375, 0.0]

    Source: Yarotsky 2017, arXiv:1610.01145, proposition 3.
    """
    at_least("m", m, 1)
    bound = positive("bound", bound)
    u = torch.tensor([[1.0, 1.0], [1.0, 0.0], [0.0, 1.0]], dtype=torch.float64) / (2 * bound)
    modules: list[nn.Module] = [_affine(torch.cat([u, -u]), torch.zeros(6)), nn.ReLU()]
    fold = torch.cat([torch.eye(3), torch.eye(3)], 1).double()  # |u| = relu(u) + relu(-u)
    sign = torch.tensor([[1.0, -1.0, -1.0]], dtype=torch.float64) * 2 * bound**2
    maps = _square_layers(m)
    for i, (w, b) in enumerate(maps):
        weight, bias = torch.block_diag(w, w, w), b.repeat(3)
        if i == 0:
            weight = weight @ fold
        if i == len(maps) - 1:
            weight, bias = sign @ weight, sign @ bias
        modules += [_affine(weight, bias)] if i == 0 else [nn.ReLU(), _affine(weight, bias)]
    return nn.Sequential(*modules)
