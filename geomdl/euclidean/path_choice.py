"""Choosing by measurement how a convolution computes."""

import os
import time
from dataclasses import dataclass, field
from statistics import median
from typing import Any, Literal, get_args

import torch
from torch import Tensor, nn

from geomdl.fields import Graph
from geomdl.groups.constant import memoized

Way = Literal["fused", "so2"]
_ROUNDS, _NODES, _NEIGHBOURS = 3, 64, 16


@dataclass(frozen=True)
class PathChoice:
    """The way that a convolution takes.

    Attributes:
        path: "fused" or "so2".
        seconds: way -> median time forward and backward; empty where none was measured.

    Example:
        >>> print(PathChoice("fused", {"fused": 0.001, "so2": 0.0125}))
        path='fused' (fused 1.00 ms, so2 12.50 ms)
    """

    path: str
    seconds: dict[str, float] = field(default_factory=dict)

    def __str__(self) -> str:
        """The way, and the times if there are any."""
        times = ", ".join(f"{way} {1e3 * t:.2f} ms" for way, t in self.seconds.items())
        return f"path={self.path!r}" + (f" ({times})" if times else "")


def measured(layer: Any) -> PathChoice:
    """The faster way on 64 nodes of 16 neighbours in float32, on the default device.

    Measured once in a process for the same irreps, channels and threads; not at all, and "fused",
    where the environment has GEOMDL_MEASURE=0.
    """
    if os.environ.get("GEOMDL_MEASURE") == "0":
        return PathChoice("fused")
    key = (layer.source["x"].rep, layer.target.rep, layer.lmax, layer.channels)
    found: PathChoice = _measured(
        type(layer), *key, torch.get_num_threads(), str(torch.get_default_device())
    )
    return found


@memoized
def _measured(
    kind: Any, source: Any, target: Any, lmax: int, channels: int, threads: int, device: str
) -> PathChoice:
    layer = kind(source, target, lmax=lmax, channels=channels, path="fused")
    rng, edges = torch.Generator().manual_seed(0), _NODES * _NEIGHBOURS
    ends = torch.randint(_NODES, (2, edges), generator=rng, device="cpu")
    graph = Graph.from_edge_index(ends, num_nodes=_NODES).to(device)
    sizes = (_NODES, source.dim, channels), (edges, 3), (edges, layer.paths, channels)
    x, v, w = (torch.randn(n, generator=rng, device="cpu").to(device) for n in sizes)
    return timed(layer, x, v, w, graph)


def timed(layer: Any, x: Tensor, v: Tensor, w: Tensor, graph: Graph) -> PathChoice:
    """Time both ways in turns, forward and backward, and name the faster.

    Args:
        layer: a `Convolution`.
        x: its features.
        v: its vectors.
        w: its weights.
        graph: its graph.
    """
    ways = {way: layer.built(way).to(x.device) for way in get_args(Way)}
    seconds: dict[str, list[float]] = {way: [] for way in ways}
    for i in range(_ROUNDS + 1):
        for way, module in ways.items():
            begin = time.perf_counter()
            _step(module, x, v, w, graph)
            if x.device.type != "cpu":
                torch.accelerator.synchronize(x.device)
            if i:  # the first compiles
                seconds[way].append(time.perf_counter() - begin)
    times = {way: median(values) for way, values in seconds.items()}
    return PathChoice(min(times, key=lambda way: times[way]), times)


def _step(module: nn.Module, x: Tensor, v: Tensor, w: Tensor, graph: Graph) -> None:
    with torch.inference_mode(mode=False), torch.enable_grad():
        leaves = [t.detach().clone().requires_grad_() for t in (x, v, w)]
        y = module(*leaves, graph)
        torch.autograd.grad(y, leaves, y.detach())
