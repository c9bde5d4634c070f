"""How many graphs a network of messages can label as it likes."""

import torch
from torch import Tensor

from geomdl.claims.evidence import Evidence
from geomdl.claims.graphs_spectra import atlas
from geomdl.claims.registry import claim
from geomdl.expressivity import wl
from geomdl.fields import Graph

TOPIC = "graphs"


def joined(a: Tensor) -> Graph:
    """Graphs of as many nodes each, as one batch.

    Args:
        a: adjacency matrices, shape (graphs, n, n).

    Example:
        >>> joined(atlas(3)).num_graphs
        4
    """
    count, n = a.shape[:2]
    graph, source, target = torch.nonzero(a, as_tuple=True)
    ends = torch.stack([source, target]) + n * graph
    batch = torch.arange(count).repeat_interleave(n)
    return Graph.from_edge_index(ends, num_nodes=count * n, batch=batch)


def messages(a: Tensor, rng: torch.Generator, width: int = 16, layers: int = 6) -> Tensor:
    """Output of a network of messages with random weights in float64, shape (graphs,).

    h_i ← tanh(U h_i + V Σ_j a_ij h_j + b), from ones; then a linear map of Σ_i tanh(W h_i + c).

    Args:
        a: adjacency matrices, shape (graphs, n, n).
        rng: for the weights.
        width: of the features.
        layers: of messages.
    """

    def draw(*shape: int) -> Tensor:
        value: Tensor = torch.randn(*shape, generator=rng, dtype=torch.float64)
        return value.div(width**0.5)

    h = torch.ones(*a.shape[:2], width, dtype=torch.float64)
    for _ in range(layers):
        h = (h @ draw(width, width) + a @ h @ draw(width, width) + draw(width)).tanh()
    found: Tensor = (h @ draw(width, width) + draw(width)).tanh().sum(1) @ draw(width)
    return found


def fit_labels(x: Tensor, y: Tensor) -> Tensor:
    """Outputs of a readout of one hidden layer, fitted to labels by least squares.

    f(x) = w_0 + Σ_k w_k ReLU(x - t_k), t_k the k-th distinct value of x: as many weights as values,
    so that each value gets the mean of its labels. w_k are differences of slopes.

    Args:
        x: outputs of a network, shape (graphs,); values less than 1e-11 apart are one.
        y: labels, shape (graphs,).

    Example:
        >>> fit_labels(torch.tensor([0.0, 2, 2, 1]), torch.tensor([1.0, 0, 2, -1])).tolist()
        [1.0, 1.0, 1.0, -1.0]
    """
    values, order = x.sort()
    group = (values.diff() > 1e-11).long().cumsum(0)
    group = torch.cat([group.new_zeros(1), group])
    count = group.bincount().to(x.dtype)
    t, mean = (torch.zeros_like(count).index_add(0, group, v) / count for v in (values, y[order]))
    slopes = mean.diff() / t.diff()
    w = torch.cat([slopes[:1], slopes.diff()])
    return mean[0] + (x.unsqueeze(1) - t[:-1]).relu() @ w


@claim(
    "vc-dimension",
    statement="Of graphs on n nodes, networks of messages can label one of each class of colour"
    " refinement as one likes, and no more of them: their VC dimension is the number of classes.",
    formula=r"\mathrm{VCdim}(\mathrm{MPNN}_n) = \#\{G : |G| = n\}/{\sim_{1\text{-WL}}}",
    source="Morris et al. 2023, arXiv:2301.11039",
    topic=TOPIC,
    sabotage="one graph of each class of isomorphism is labelled",
)
def vc_dimension(rng: torch.Generator, sabotage: bool) -> Evidence:
    """Classes against outputs of a network with random weights; labels ±1 fitted by a readout.

    One graph of each class: the largest residual over 16 random labellings. One graph more, of a
    class that is there, with the other label: no function of the output errs by less than 1.
    """
    predicted: list[float] = []
    measured: list[float] = []
    labels: list[str] = []
    for n in range(3, 8):
        a = atlas(n)
        colours = wl(joined(a)).tolist()
        output = messages(a, rng)
        first = {c: i for i, c in reversed(list(enumerate(colours)))}
        predicted.append(len(first))
        measured.append(int((output.sort().values.diff() > 1e-11).sum()) + 1)
        labels.append(f"n = {n}, classes")
        if n > 6:
            continue
        kept = torch.arange(len(a)) if sabotage else torch.tensor(sorted(first.values()))
        worst = 0.0
        for _ in range(16):
            y = torch.randint(2, (len(kept),), generator=rng).double() * 2 - 1
            worst = max(worst, float((fit_labels(output[kept], y) - y).abs().max()))
        predicted, measured = [*predicted, 0], [*measured, worst]
        labels.append(f"n = {n}, residual")
        more = [i for i, c in enumerate(colours) if first[c] != i]
        if more:
            pair = torch.tensor([first[colours[more[0]]], more[0]])
            kept = torch.cat([kept[~torch.isin(kept, pair)], pair])
            y = torch.randint(2, (len(kept),), generator=rng).double() * 2 - 1
            y[-1] = -y[-2]
            worst = float((fit_labels(output[kept], y) - y)[-2:].abs().max())
            predicted, measured = [*predicted, 1], [*measured, worst]
            labels.append(f"n = {n}, residual with one more")
    return Evidence(predicted, measured, 1e-5,
                    "rounding: slopes of up to 10⁸ between outputs, times ε and 152 terms",
                    labels=tuple(labels))  # fmt: skip
