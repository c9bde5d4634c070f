"""Small registered modules that keep every law, or refuse one, in a registry of their own."""

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.utils._pytree import _register_namedtuple

import geomdl
from geomdl.fields import Edges, Field, Graph, Nodes, Vector
from geomdl.registry import Example, Registry

registry = Registry()
G = geomdl.group("C4")
REGULAR = Field(Vector(), G.regular)
SCALAR = Field(Vector(), G.trivial)
ANY = geomdl.group("C1").trivial  # on graphs: permutations of as many nodes as there are


def draw(rng: torch.Generator) -> tuple[Tensor, ...]:
    """Three samples of the regular representation."""
    return (torch.randn(3, 4, generator=rng, dtype=torch.float64),)


def draw_two(rng: torch.Generator) -> tuple[Tensor, ...]:
    """Three samples of two inputs."""
    return draw(rng) + draw(rng)


def circulant(weight: Tensor, x: Tensor) -> Tensor:
    """Σ_k w_k (x shifted by k): the linear maps that commute with C4 in its regular form."""
    return sum((weight[k] * x.roll(k, -1) for k in range(4)), torch.zeros_like(x))


@registry.register_layer("toy/Circulant", example=Example(lambda: Circulant(), draw, forces=True))
class Circulant(nn.Module):
    """tanh(w ∗ x + b), or its argument."""

    source = target = REGULAR

    def __init__(self, bound: bool = True) -> None:
        super().__init__()
        self.bound = bound
        self.weight = nn.Parameter(torch.zeros(4))  # random weights alone can show anything here
        self.bias = nn.Parameter(torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        y = circulant(self.weight, x) + self.bias
        return y.tanh() if self.bound else y


@registry.register_model(
    "toy/Chain", example=Example(lambda: Chain(Circulant(), Normal(), Circulant(False)), draw)
)
class Chain(nn.Sequential):
    """One layer after another."""

    source = target = REGULAR

    def __init__(self, *layers: nn.Module) -> None:
        super().__init__(*layers)


@registry.register_layer("toy/Normal", example=Example(lambda: Normal(), draw))
class Normal(nn.Module):
    """Batch normalisation with one mean and variance for the four components."""

    source = target = REGULAR

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(1)

    def forward(self, x: Tensor) -> Tensor:
        return self.norm(x.unsqueeze(-2)).squeeze(-2)


class Pair(NamedTuple):
    """A scalar and a vector."""

    energy: Tensor
    field: Tensor


_register_namedtuple(Pair, serialized_type_name="tests.laws.toys.Pair")  # for torch.export


@registry.register_model("toy/Pairing", example=Example(lambda: Pairing(), draw_two))
class Pairing(nn.Module):
    """Two inputs, two outputs."""

    source = {"a": REGULAR, "b": REGULAR}  # noqa: RUF012
    target = {"energy": SCALAR, "field": REGULAR}  # noqa: RUF012

    def __init__(self) -> None:
        super().__init__()
        self.mix = Circulant()

    def forward(self, a: Tensor, b: Tensor) -> Pair:
        return Pair((a * self.mix(b)).sum(-1, keepdim=True), a - self.mix(b))


@registry.register_layer(
    "toy/Centred",
    example=Example(
        lambda: Centred(),
        draw,
        refuses={
            "batch_independence": "the mean over the batch is subtracted",
            "nan_isolation": "the mean over the batch carries a NaN to every sample",
        },
    ),
)
class Centred(nn.Module):
    """Subtracts the mean over the batch: what a refusal is for."""

    source = target = REGULAR

    def forward(self, x: Tensor) -> Tensor:
        return x - x.sum(0) / max(len(x), 1)


def draw_graphs(rng: torch.Generator) -> tuple[Tensor, Graph, Tensor]:
    """Three graphs of 3, 4 and 2 nodes, with features of nodes and weights of edges."""
    ends = torch.tensor([[0, 1, 1, 3, 4, 4, 5, 6, 7, 8, 8], [1, 0, 2, 4, 3, 5, 4, 6, 8, 7, 7]])
    graph = Graph.from_edge_index(ends, batch=torch.tensor([0, 0, 0, 1, 1, 1, 1, 2, 2]))
    x = torch.randn(9, 1, generator=rng, dtype=torch.float64)
    return x, graph, torch.randn(11, generator=rng, dtype=torch.float64)


@registry.register_layer("toy/Neighbours", example=Example(lambda: Neighbours(), draw_graphs))
class Neighbours(nn.Module):
    """y_i = tanh(a x_i + b Σ_{e: j → i} w_e x_j), and its sum over each graph."""

    source = {  # noqa: RUF012
        "x": Field(Nodes(), ANY),
        "graph": Field(Edges(), ANY),
        "weight": Field(Vector(), ANY, shape=()),
    }
    target = (Field(Nodes(), ANY), Field(Vector(), ANY))

    def __init__(self) -> None:
        super().__init__()
        self.own = nn.Parameter(torch.zeros(()))
        self.others = nn.Parameter(torch.zeros(()))

    def forward(self, x: Tensor, graph: Graph, weight: Tensor) -> tuple[Tensor, Tensor]:
        messages = weight[:, None] * x[graph.source]
        sums = torch.zeros_like(x).index_add(0, graph.target, messages)
        y = (self.own * x + self.others * sums).tanh()
        return y, self.pool(y, graph)

    def pool(self, x: Tensor, graph: Graph) -> Tensor:
        """Sum over the nodes of each graph."""
        return x.new_zeros(graph.num_graphs, 1).index_add(0, graph.batch_index, x)
