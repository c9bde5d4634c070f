"""What a network tells apart with random weights, beside what its class can at most."""

import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn

from geomdl.expressivity.canonical import canonical_certificate
from geomdl.expressivity.layout import Graphs, layout_of
from geomdl.expressivity.marking import number_keys
from geomdl.expressivity.wl import COLORINGS
from geomdl.fields import Graph
from geomdl.fields.numbers import one_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

BOUNDS = (*COLORINGS, "isomorphism")


@dataclass(frozen=True, eq=False)
class Comparison:
    """Pairs of graphs that a network told apart, and that its class can tell apart.

    Attributes:
        at_most: name of the bound.
        pairs: numbers of the graphs, shape (pairs, 2).
        distance: of the outputs over the largest output, the most of all draws, shape (pairs,).
        by_model: whether the network told them apart, shape (pairs,).
        by_class: whether its class can, shape (pairs,).
    """

    at_most: str
    pairs: Tensor
    distance: Tensor
    by_model: Tensor
    by_class: Tensor

    @property
    def violations(self) -> Tensor:
        """Pairs that the network told apart though its class cannot: its symmetry is broken."""
        return self.pairs[self.by_model & ~self.by_class]

    @property
    def missed(self) -> Tensor:
        """Pairs that its class can tell apart and the network did not."""
        return self.pairs[self.by_class & ~self.by_model]

    def __repr__(self) -> str:
        model, most = int(self.by_model.sum()), int(self.by_class.sum())
        text = (
            f"Comparison: {model} of {len(self.pairs)} pairs told apart, {most} by {self.at_most}"
            f" at most; {len(self.missed)} missed, {len(self.violations)} violations"
        )
        if len(self.violations):
            first = self.violations[0].tolist()
            text += f" (such as {first}: the output depends on more than the graph)"
        return text

    def plot(self, ax: "Axes | None" = None) -> "Axes":
        """Draw which pairs are told apart by both, by the class alone, or against it.

        Args:
            ax: where; default a new figure that belongs to no window.
        """
        from matplotlib.colors import ListedColormap
        from matplotlib.figure import Figure

        if ax is None:
            ax = Figure(figsize=(4.2, 4.0), layout="constrained").subplots()
        n = int(self.pairs.max()) + 1 if len(self.pairs) else 1
        image = np.full((n, n), np.nan)
        kind = self.by_class.long() + 2 * self.by_model.long()  # neither, class, model, both
        i, j = self.pairs.numpy().T
        image[i, j] = image[j, i] = kind.numpy()
        colors = ListedColormap(["#f0f0f0", "#f2b134", "#c8342f", "#3b6ea5"])
        drawn = ax.imshow(image, cmap=colors, vmin=-0.5, vmax=3.5, interpolation="nearest")
        assert ax.figure is not None
        bar = ax.figure.colorbar(drawn, ax=ax, ticks=[0, 1, 2, 3])
        bar.set_ticklabels(["same", "missed", "violation", "apart"])
        ax.set(xlabel="graph", ylabel="graph", title=f"at most {self.at_most}")
        return ax


def compare(
    model: nn.Module,
    graphs: Graphs,
    at_most: str | None = None,
    x: Tensor | None = None,
    pairs: Tensor | None = None,
    draws: int = 3,
    tolerance: float = 1e-8,
    rng: torch.Generator | None = None,
) -> Comparison:
    """Which pairs of graphs a network tells apart, in float64, beside what its class can at most.

    A copy of the network in evaluation mode gets random weights, several times over: normal, each
    tensor as large in the root mean square as it is in the network, and 1 where that is zero. A
    pair counts as told apart where the outputs of some draw differ by more than the tolerance,
    relative to the largest output; rounding gives about 1e-15. What random weights do not tell
    apart, no weights do, almost surely, for networks that are analytic in them; but differences
    may become small, layer by layer: look at `Comparison.distance` where a pair is missed.

    Args:
        model: called as model(x, graph) with all graphs as one batch; returns (graphs, ...).
        graphs: a batch, or a sequence of graphs.
        at_most: the bound, a name of `certificates` or "isomorphism"; default the attribute
            `at_most` of the model.
        x: features, shape (nodes, channels), which the bound sees as colours; default one channel
            of ones.
        pairs: numbers of the graphs to compare, shape (pairs, 2); default all.
        draws: of weights.
        tolerance: relative.
        rng: of the weights; default seed 0.

    Raises:
        TypeError: `model` is no module, or `graphs` are none.
        ValueError: no such bound, no graphs or no such pairs, an output of another shape, or one
            that is not finite.

    Example:
        >>> class Degrees(nn.Module):
        ...     def forward(self, x, graph):
        ...         degree = graph.in_degree.to(x.dtype)
        ...         return x.new_zeros(graph.num_graphs).index_add(0, graph.batch_index, degree**2)
        >>> from geomdl.expressivity import circulant
        >>> compare(Degrees(), [circulant(5, (1,)), circulant(6, (1,))], at_most="wl")
        Comparison: 1 of 1 pairs told apart, 1 by wl at most; 0 missed, 0 violations
    """
    if not isinstance(model, nn.Module):
        raise TypeError(f"model: expected an nn.Module, got {type(model).__name__}")
    at_most = getattr(model, "at_most", None) if at_most is None else at_most
    if at_most is None:
        raise ValueError(
            "at_most: the model does not say what its class can; expected one of"
            f" {', '.join(BOUNDS)}, got None"
        )
    at_most = one_of("at_most", at_most, BOUNDS)
    batch = graphs if isinstance(graphs, Graph) else Graph.batch(list(graphs))
    if batch.num_graphs == 0:
        raise ValueError("graphs: expected a graph at least, got none")
    if x is None:
        x = torch.ones(batch.num_nodes, 1, dtype=torch.float64)
    if x.ndim != 2 or len(x) != batch.num_nodes:
        raise ValueError(f"x: expected shape ({batch.num_nodes}, channels), got {tuple(x.shape)}")
    if pairs is None:
        pairs = torch.combinations(torch.arange(batch.num_graphs))
    pairs = torch.as_tensor(pairs, dtype=torch.int64)
    if pairs.ndim != 2 or pairs.shape[1] != 2:
        raise ValueError(f"pairs: expected shape (pairs, 2), got {tuple(pairs.shape)}")
    if pairs.numel() and not 0 <= int(pairs.min()) <= int(pairs.max()) < batch.num_graphs:
        raise ValueError(f"pairs: expected numbers of {batch.num_graphs} graphs, got others")
    certificate = _bound(at_most, batch, torch.unique(x, dim=0, return_inverse=True)[1])
    i, j = pairs.T
    distance = torch.zeros(len(pairs), dtype=torch.float64)
    rng = torch.Generator().manual_seed(0) if rng is None else rng
    for output in _outputs(model, x.double(), batch, draws, rng):
        scale = output.abs().amax(0).clamp(min=torch.finfo(torch.float64).tiny)
        apart = ((output[i] - output[j]).abs() / scale).amax(1)
        distance = torch.maximum(distance, apart)
    return Comparison(
        at_most, pairs, distance, distance > tolerance, certificate[i] != certificate[j]
    )


def _outputs(
    model: nn.Module, x: Tensor, graph: Graph, draws: int, rng: torch.Generator
) -> "list[Tensor]":
    """Outputs as rows of the graphs, for several draws of the weights."""
    model = copy.deepcopy(model).double().eval()
    sizes = [float(w.detach().square().mean().sqrt()) for w in model.parameters()]
    found = []
    with torch.no_grad():
        for _ in range(draws):
            for weight, size in zip(model.parameters(), sizes, strict=True):
                draw = torch.randn(weight.shape, generator=rng, dtype=torch.float64)
                weight.copy_(draw * (size if size > 0 else 1))
            y = model(x, graph)
            if not isinstance(y, Tensor) or y.ndim == 0 or len(y) != graph.num_graphs:
                got = tuple(y.shape) if isinstance(y, Tensor) else type(y).__name__
                raise ValueError(f"model: expected output ({graph.num_graphs}, ...), got {got}")
            if not bool(y.isfinite().all()):
                raise ValueError("model: expected finite outputs, got NaN or infinity")
            found.append(y.double().reshape(graph.num_graphs, -1))
    return found


def _bound(name: str, graph: Graph, color: Tensor) -> Tensor:
    if name != "isomorphism":
        return COLORINGS[name](graph, node_color=color)
    layout = layout_of(graph, color)
    colors = np.split(layout.node_color, layout.node_ptr[1:-1])
    return number_keys([
        canonical_certificate(one, torch.from_numpy(mine))
        for one, mine in zip(graph.unbatch(), colors, strict=True)
    ])  # fmt: skip
