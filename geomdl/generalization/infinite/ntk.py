"""Kernels of infinitely wide networks."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from geomdl.generalization.definite import measured
from geomdl.generalization.infinite.graphs import GraphConv, GraphPool
from geomdl.generalization.infinite.layers import Layer, Serial
from geomdl.generalization.infinite.state import Covariances, Places
from geomdl.generalization.kernel_checks import double

_ENTRIES = 2**22  # of one covariance at once, 32 MiB


@dataclass(frozen=True, eq=False)
class InfiniteKernel:
    """Kernels of an infinitely wide network.

    Attributes:
        nngp: covariance of the outputs at initialisation, float64.
        ntk: neural tangent kernel, of the same shape: (n1, n2), or (n1, n2, places, places).
        least_eigenvalue: of the NTK among x1, as `geomdl.generalization.least_eigenvalue` gives
            it; NaN for two sets of inputs.
    """

    nngp: Tensor
    ntk: Tensor
    least_eigenvalue: float = math.nan


def infinite_ntk(
    network: Layer | Sequence[Layer], x1: Tensor, x2: Tensor | None = None
) -> InfiniteKernel:
    """NNGP and neural tangent kernel of a network in the limit of infinite width.

    At initialisation the outputs of a wide network are a Gaussian process of covariance K (NNGP),
    and Σ_θ ∂f(x₁) ∂f(x₂) tends to a kernel Θ (NTK) that no longer depends on the weights and stays
    constant in training (Jacot et al. 2018). Both are computed layer by layer, in the NTK
    parametrisation, for one output channel. *Exact* to rounding, in float64; a network of width m
    is about 1/√m away.

    All pairs of places are followed, so memory and time grow as (pixels · |G|)² for each pair of
    samples: meant for images up to some 16 × 16.

    Args:
        network: layers of `geomdl.generalization.infinite`, or a `Serial` of them; the last one
            has weights, or is a pooling.
        x1: inputs: vectors (n1, channels), images (n1, channels, height, width), or node features
            (n1, nodes, channels), where (nodes, channels) is one sample for a network with a graph.
        x2: other inputs; x1 if None, and the kernels are then symmetric.

    Returns:
        `InfiniteKernel`. Kernels are (n1, n2), or (n1, n2, places, places) where places are left;
        (places, places) for a single sample of node features.

    Raises:
        TypeError: no layers, no tensors of real numbers.
        ValueError: no sample, NaN or infinite inputs, shapes that do not fit, a network that is no
            Gaussian process.

    Warns:
        RuntimeWarning: the NTK of x1 has an eigenvalue below -1e-8 of its trace.

    Example:
        >>> from geomdl.generalization.infinite import Dense, Nonlinearity
        >>> x = torch.eye(2, dtype=torch.float64) * 2**0.5
        >>> kernel = infinite_ntk([Dense(), Nonlinearity("relu"), Dense(1.0)], x)
        >>> kernel.ntk.round(decimals=4).tolist(), round(kernel.least_eigenvalue, 4)
        ([[2.0, 0.3183], [0.3183, 2.0]], 1.6817)

    Source: Jacot et al. 2018, arXiv:1806.07572; Arora et al. 2019, arXiv:1904.11955 (convolutions
        and pooling); Misof et al. 2025, arXiv:2406.06504 (groups); Du et al. 2019,
        arXiv:1905.13192 (graphs).
    """
    if not isinstance(network, Layer | Sequence):
        raise TypeError(f"network: expected layers of infinite width, got {type(network).__name__}")
    layers = network if isinstance(network, Layer) else Serial(*network)
    has_graph = any(isinstance(m, GraphConv | GraphPool) for m in _all(layers))
    a, places, one = _inputs("x1", x1, has_graph)
    b, other, _ = (a, places, one) if x2 is None else _inputs("x2", x2, has_graph)
    if other != places or a.shape[1:] != b.shape[1:] or (x2 is not None and x1.ndim != x2.ndim):
        raise ValueError(
            f"x2: expected samples of shape {tuple(x1.shape[1:])} as in x1,"
            f" got {tuple((x1 if x2 is None else x2).shape[1:])}"
        )
    nngp, ntk = _blocks(layers, a, b, places, same=x2 is None)
    if nngp.shape[-1] == 1:
        nngp, ntk = nngp[..., 0, 0], ntk[..., 0, 0]
    elif one:
        nngp, ntk = nngp[0, 0], ntk[0, 0]
    least = measured("infinite_ntk", ntk) if x2 is None else math.nan
    return InfiniteKernel(nngp, ntk, least)


def _blocks(
    layers: Layer, a: Tensor, b: Tensor, places: Places, same: bool
) -> tuple[Tensor, Tensor]:
    """Kernels (n1, n2, places, places), block by block of samples."""
    size = layers.to(places).size
    nngp, ntk = (torch.empty(len(a), len(b), size, size, dtype=torch.float64) for _ in "12")
    rows = max(1, math.isqrt(_ENTRIES // _largest(layers, places) ** 2))
    for i in range(0, len(a), rows):
        for j in range(i if same else 0, len(b), rows):
            x, y = a[i : i + rows], b[j : j + rows]
            out = layers(Covariances.of(x, y, places, same=same and i == j))
            if not out.gaussian:
                raise ValueError("network: expected weights at its end, got a non-linearity")
            for whole, part in ((nngp, out.cross), (ntk, out.tangent)):
                if same and i == j:
                    part = (part + part.permute(1, 0, 3, 2)) / 2
                whole[i : i + rows, j : j + rows] = part
                if same and i < j:
                    whole[j : j + rows, i : i + rows] = part.permute(1, 0, 3, 2)
    return nngp, ntk


def _all(layer: Layer) -> Iterator[Layer]:
    yield layer
    for inner in layer.layers if isinstance(layer, Serial) else ():
        yield from _all(inner)


def _largest(layer: Layer, places: Places) -> int:
    """Most places at any layer."""
    if not isinstance(layer, Serial):
        return max(places.size, layer.to(places).size)
    most = places.size
    for inner in layer.layers:
        most, places = max(most, _largest(inner, places)), inner.to(places)
    return most


def _inputs(name: str, x: Tensor, has_graph: bool) -> tuple[Tensor, Places, bool]:
    """Samples (n, places, channels) in float64, where they sit, and whether they are one."""
    x = double(name, x)
    known = (2, 3) if has_graph else (2, 4)
    if x.ndim not in known or 0 in x.shape:
        kinds = "nodes" if has_graph else "vectors or images"
        raise ValueError(
            f"{name}: expected {kinds} with {known[0]} or {known[1]} axes, none of them empty, got"
            f" {tuple(x.shape)}"
        )
    if has_graph:
        one = x.ndim == 2
        x = x[None] if one else x
        return x, Places(nodes=x.shape[1]), one
    if x.ndim == 4:
        return x.flatten(2).mT, Places(grid=(x.shape[2], x.shape[3])), False
    return x[:, None], Places(), False
