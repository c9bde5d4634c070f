"""Whether a trained network tells two graphs apart: training on the pair, and tests of the outcome.

The protocol of BREC: a network is trained on one pair of graphs to give them embeddings that point
different ways; then both are renamed 32 times, and T² of Hotelling says whether the differences of
the 32 pairs of embeddings have a mean. The same of two sets of names of one graph must say no.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from geomdl.fields import Graph

COPIES = 32  # q
PUBLISHED = 72.34  # threshold of the authors' code, for 16 numbers
NOISE = 10.0  # rounding is taken for so many times what it is seen to be
NODES = 512  # of a batch, about
ROUNDING = 16 * torch.finfo(torch.float64).eps


class Statistics(NamedTuple):
    """T² of differences of embeddings.

    Attributes:
        ours: q m · (S + s² 1)⁻¹ m, with mean m, covariance S and rounding s.
        published: m · S⁺ m, as the authors' code has it.
    """

    ours: float
    published: float


class Outcome(NamedTuple):
    """What was found on a pair.

    Attributes:
        apart: T² of the pair.
        same: T² of one graph under two sets of names.
        threshold: of `ours`, for both.
        before: relative difference of the embeddings before training.
        cosine: of the embeddings after training.
        steps: of training.
    """

    apart: Statistics
    same: Statistics
    threshold: float
    before: float
    cosine: float
    steps: int

    @property
    def separated(self) -> bool:
        """Whether the pair is told apart, and the graph not from itself, by our statistic."""
        return self.apart.ours > self.threshold and not self.same.ours > self.threshold

    @property
    def published(self) -> bool:
        """Likewise by the authors' statistic and threshold."""
        return self.apart.published > PUBLISHED and not self.same.published > PUBLISHED


def threshold(copies: int, outputs: int, level: float = 0.95) -> float:
    """Quantile of T² of so many normal vectors with mean 0: (q - 1) d / (q - d) F(d, q - d).

    Example:
        >>> round(threshold(32, 16), 2)
        72.34
    """
    from scipy.stats import f

    if not 0 < outputs < copies:
        raise ValueError(f"outputs: expected fewer than {copies} copies, got {outputs}")
    scale = (copies - 1) * outputs / (copies - outputs)
    return float(scale * f.ppf(level, outputs, copies - outputs))


def hotelling(first: Tensor, second: Tensor) -> Statistics:
    """T² of the differences of embeddings, row by row.

    Embeddings of renamed copies of a graph differ by rounding alone, and where they are equal bit
    by bit S is singular: its pseudoinverse then drops the directions in which the graphs differ
    most clearly, and T² is 0. So rounding is put in by hand: s is 10 times the spread of the copies
    about their mean, or of what rounding to float64 gives at least. Then T² of a mean that is
    itself due to rounding stays small.

    Args:
        first: embeddings of copies of one graph, float64, (copies, outputs).
        second: of the other.

    Example:
        >>> one, other = torch.zeros(4, 2).double(), torch.ones(4, 2).double()
        >>> hotelling(one, other).ours > 1e9, hotelling(one, other).published
        (True, 0.0)
    """
    difference = first - second
    mean, covariance = difference.mean(0), difference.T.cov()
    about = torch.cat([x - x.mean(0) for x in (first, second)])
    size = torch.cat([first, second]).square().mean()
    noise = NOISE**2 * torch.maximum(about.square().mean(), ROUNDING**2 * size)
    tiny = torch.finfo(torch.float64).tiny
    ridged = covariance + (noise + tiny) * torch.eye(len(mean), dtype=mean.dtype)
    ours = len(difference) * mean @ torch.linalg.solve(ridged, mean)
    published = mean @ torch.linalg.pinv(covariance) @ mean
    return Statistics(float(ours), float(published))


def renamed(graph: Graph, count: int, rng: torch.Generator) -> list[Graph]:
    """The graph under names drawn at random, its edges in an order drawn at random, `count` times.

    With the order of the edges that of the sums changes: so the copies show what rounding does.
    """
    found = []
    for _ in range(count):
        name = torch.randperm(graph.num_nodes, generator=rng)
        order = torch.randperm(graph.num_edges, generator=rng)
        edges = name[graph.to_edge_index()[:, order]]
        found.append(Graph.from_edge_index(edges, num_nodes=graph.num_nodes))
    return found


def embeddings(model: nn.Module, graphs: list[Graph]) -> Tensor:
    """What a model says of graphs without features, (graphs, outputs), some at a time."""
    most = max(1, NODES // max(1, graphs[0].num_nodes))
    found = []
    for start in range(0, len(graphs), most):
        batch = Graph.batch(graphs[start : start + most])
        found.append(model(torch.ones(batch.num_nodes, 1, dtype=torch.float64), batch))
    return torch.cat(found)


def cosine(pair: Tensor) -> Tensor:
    """Of the angle between two embeddings, (2, outputs)."""
    return nn.functional.cosine_similarity(pair[0], pair[1], 0)


def train(
    model: nn.Module, pair: list[Graph], steps: int, rate: float, rng: torch.Generator
) -> tuple[float, int]:
    """Train on a pair until the angle is a right one, or for so many steps.

    The loss is max(0, cosine). The authors train on all renamed copies; a model that does not see
    names has the same loss on all of them, up to rounding, so here one copy of each is enough.

    Returns:
        Relative difference of the embeddings before training, and the number of steps: none where
        the two graphs do not differ more than one of them differs from itself under other names,
        times 100, for then there is only rounding to train on.
    """
    with torch.no_grad():
        one, other, again = embeddings(model, [*pair, *renamed(pair[0], 1, rng)])
    difference, rounding = float((one - other).norm()), float((one - again).norm())
    before = difference / max(float(one.norm()), 1e-300)
    if not difference > 100 * rounding:
        return before, 0
    optimizer = torch.optim.Adam(model.parameters(), lr=rate)
    for step in range(steps):
        loss = cosine(embeddings(model, pair))
        if not float(loss.detach()) > 0:
            return before, step
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return before, steps


class Trained(NamedTuple):
    """A model trained on a pair.

    Attributes:
        first: embeddings of renamed copies of the first graph, (copies, outputs).
        second: of the second.
        again: of the first, under other names.
        before: relative difference of the embeddings before training.
        steps: of training.
    """

    first: Tensor
    second: Tensor
    again: Tensor
    before: float
    steps: int

    def __add__(self, other: "Trained") -> "Trained":  # type: ignore[override]
        """The model of which both are branches, their embeddings added and their losses too."""
        sets = [a + b for a, b in zip(self[:3], other[:3], strict=True)]
        before = max(self.before, other.before)
        return Trained(sets[0], sets[1], sets[2], before, max(self.steps, other.steps))

    def outcome(self) -> Outcome:
        """What the tests say."""
        return Outcome(
            hotelling(self.first, self.second),
            hotelling(self.first, self.again),
            threshold(*self.first.shape),
            self.before,
            float(cosine(torch.stack([self.first[0], self.second[0]]))),
            self.steps,
        )


def run(
    model: nn.Module, pair: list[Graph], *, steps: int, rate: float, seed: int, copies: int = COPIES
) -> Trained:
    """Train a model on a pair, and take embeddings of renamed copies, in float64.

    Args:
        model: with embeddings of more than one number, fewer than `copies`.
        pair: two graphs.
        steps: of training at most.
        rate: of Adam.
        seed: for the names.
        copies: of each graph.
    """
    model, rng = model.double(), torch.Generator().manual_seed(seed)
    before, done = train(model, pair, steps, rate, rng)
    with torch.no_grad():
        first, second, again = (
            embeddings(model, renamed(graph, copies, rng)) for graph in (*pair, pair[0])
        )
    return Trained(first, second, again, before, done)
