"""The same interaction, and the same network, on e3nn."""

import math
from typing import Any

import torch
from torch import Tensor, nn

from geomdl.fields import Graph


def uvu(irreps: Any, harmonics: Any, target: Any) -> Any:
    """e3nn's tensor product with all paths into the target, weights from outside."""
    from e3nn import o3

    mid: list[Any] = []
    instructions: list[Any] = []
    kept = {ir for _, ir in target}
    for i, (n, a) in enumerate(irreps):
        for j, (_, b) in enumerate(harmonics):
            for to in a * b:
                if to in kept:
                    instructions.append((i, j, len(mid), "uvu", True))
                    mid.append((n, to))
    options = {"shared_weights": False, "internal_weights": False}
    return o3.TensorProduct(irreps, harmonics, o3.Irreps(mid), instructions, **options)


def messages(product: Any, x: Tensor, s: Tensor, w: Tensor, graph: Graph) -> Tensor:
    """Gather, product, sum over targets: as models on e3nn do it."""
    edges = product(x[graph.source], s, w)
    sums = x.new_zeros(graph.num_nodes, edges.shape[1])
    return sums.index_add(0, graph.target, edges)


class Layer(nn.Module):
    """A layer of NequIP on e3nn."""

    def __init__(
        self, source: Any, lmax: int, target: Any, radial: list[int], kinds: int, neighbors: float
    ) -> None:
        super().__init__()
        from e3nn import nn as enn
        from e3nn import o3

        silu, sigmoid = nn.functional.silu, torch.sigmoid
        scalars = o3.Irreps([(n, ir) for n, ir in target if ir.l == 0])
        gated = o3.Irreps([(n, ir) for n, ir in target if ir.l > 0])
        gates = o3.Irreps([(n, "0e") for n, _ in gated])
        activations = [silu], [sigmoid] * len(gates)
        self.gate = enn.Gate(scalars, activations[0], gates, activations[1], gated)
        self.before = o3.Linear(source, source)
        self.product = uvu(source, o3.Irreps.spherical_harmonics(lmax), target)
        self.radial = enn.FullyConnectedNet([*radial, self.product.weight_numel], silu)
        self.after = o3.Linear(self.product.irreps_out.simplify(), self.gate.irreps_in)
        self.own = o3.FullyConnectedTensorProduct(source, f"{kinds}x0e", target)
        self.scale = 1 / math.sqrt(neighbors)

    def forward(self, x: Tensor, kind: Tensor, s: Tensor, b: Tensor, graph: Graph) -> Tensor:
        """Features, one-hot species, harmonics and radial basis to features."""
        y = messages(self.product, self.before(x), s, self.radial(b), graph) * self.scale
        new: Tensor = self.gate(self.after(y)) + self.own(x, kind)
        return new


class NequIPOnE3NN(nn.Module):
    """The network of `geomdl.euclidean.NequIP` on e3nn's modules.

    Args:
        model: whose sizes, species and radial functions it takes.
    """

    def __init__(self, model: Any) -> None:
        super().__init__()
        from e3nn import o3

        channels, kinds = model.embedding.shape[1], len(model.species)
        self.model, self.lmax, self.channels = [model], model.lmax, channels
        full = o3.Irreps([(channels, (l, (-1) ** l)) for l in range(model.lmax + 1)])
        first = o3.Irreps(f"{channels}x0e")
        self.embedding = nn.Parameter(torch.randn(kinds, channels))
        self.layers = nn.ModuleList()
        source = first
        for place, ours in enumerate(model.layers):
            target = full if place + 1 < len(model.layers) else first
            radial = [ours.radial.weights[0].shape[0], *(w.shape[1] for w in ours.radial.weights)]
            layer = Layer(source, self.lmax, target, radial[:-1], kinds, ours.scale**-2)
            self.layers.append(layer)
            source = target
        self.head = o3.Linear(first, "1x0e")

    def forward(self, z: Tensor, pos: Tensor, graph: Graph) -> Tensor:
        """Energies of the systems, (systems, 1)."""
        from e3nn import o3

        (model,) = self.model
        kind = nn.functional.one_hot(model.kinds(z), len(model.species)).to(pos.dtype)
        vectors = pos[graph.target] - pos[graph.source]
        r = vectors.norm(dim=1)
        b = model.basis(r) * model.envelope(r)[:, None]
        s = o3.spherical_harmonics(
            list(range(self.lmax + 1)), vectors, normalize=True, normalization="component"
        )
        x = kind @ self.embedding
        for layer in self.layers:
            x = layer(x, kind, s, b, graph)
        each = self.head(x)
        sums = each.new_zeros(graph.num_graphs, 1)
        energies: Tensor = sums.index_add(0, graph.batch_index, each)
        return energies
