"""Two communities in a sparse random graph: where they can be found, and how well."""

import math
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from geomdl.claims import figures
from geomdl.claims.evidence import Evidence
from geomdl.claims.registry import claim
from geomdl.data import stochastic_block_model
from geomdl.fields import Graph
from geomdl.permutation import belief_propagation

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from scipy.sparse import csr_matrix

    from geomdl.claims.evidence import Draw

TOPIC = "graphs"
ERRORS = 5.0  # standard errors of tolerance
# signal to noise, and the spread of the overlap over graphs of n nodes, times √n
SPREAD = {0.5: 0.0, 1.5: 3.2, 2.0: 1.05, 2.5: 0.6}


def two_communities(
    n: int, inside: float, across: float, rng: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Stochastic block model of two equal communities.

    Nodes of one community are joined with probability inside/n, others with across/n.

    Args:
        n: nodes, even.
        inside: expected neighbours are (inside + across)/2.
        across: likewise.
        rng: source of randomness.

    Returns:
        Communities ±1, shape (n,), and edges, each once, shape (2, edges).

    Example:
        >>> side, edges = two_communities(1000, 9.0, 1.0, torch.Generator().manual_seed(0))
        >>> bool((side[edges[0]] * side[edges[1]]).mean() > 0.7)
        True
    """
    seed = int(torch.randint(2**31, (), generator=rng))
    both, labels = stochastic_block_model([n // 2, n // 2], inside / n, across / n, seed=seed)
    return 1 - 2 * labels.double(), both[:, both[0] < both[1]]


@claim(
    "community-eigenvalues",
    statement="The Bethe Hessian of two communities has two negative eigenvalues where their"
    " difference stands out of the noise, (c_in − c_out)² > 2 (c_in + c_out), and one where it"
    " does not.",
    formula=r"H = (c - 1) I - \sqrt{c}\, A + D, \quad \#\{\lambda(H) < 0\} = 1 +"
    r" \mathbf{1}\left[(c_{\mathrm{in}} - c_{\mathrm{out}})^2 >"
    r" 2 (c_{\mathrm{in}} + c_{\mathrm{out}})\right]",
    source="Saade, Krzakala and Zdeborová 2014, arXiv:1406.1880; Kesten and Stigum 1966; threshold"
    " proved by Mossel, Neeman and Sly 2015, arXiv:1202.1499, and Massoulié 2014, arXiv:1311.3085",
    topic=TOPIC,
    sabotage="the factor 2 of the threshold is left out",
)
def community_eigenvalues(rng: torch.Generator, sabotage: bool) -> Evidence:
    """Graphs of 4000 nodes, mean degree 3, on both sides of the threshold.

    r² = c: a non-backtracking eigenvalue μ beyond √c, as c and (c_in - c_out)/2 may be, makes an
    eigenvalue of H(r) cross zero at r = μ, so that H(√c) has a negative one for each of them. The
    others end at 0 as n grows, at finite n up to about n^{-2/3} = 0.004: those below -0.03 count.
    """
    n, c = 4000, 3.0
    predicted: list[float] = []
    measured: list[float] = []
    labels: list[str] = []
    for strength in (0.0, 0.5, 0.75, 2.0, 2.5, 2.9):
        half = math.sqrt(strength * c)  # (c_in - c_out)/2
        inside, across = c + half, c - half
        signal, noise = (inside - across) ** 2, (inside + across) * (1 if sabotage else 2)
        predicted.append(1 + int(signal > noise))
        _, ends = two_communities(n, inside, across, rng)
        measured.append(negative(bethe_hessian(n, ends, c)))
        labels.append(f"signal to noise {strength:g}")
    return Evidence(predicted, measured, 0, "counting of those below −0.03, where the bulk does not"
                    " reach", labels=tuple(labels))  # fmt: skip


def bethe_hessian(n: int, ends: Tensor, c: float) -> "csr_matrix":
    """(c - 1) I - √c A + D, sparse.

    Args:
        n: nodes.
        ends: edges, each once, shape (2, edges).
        c: mean degree.
    """
    import numpy as np
    from scipy import sparse

    i, j = ends.numpy()
    ones, both = np.ones(2 * len(i)), (np.concatenate([i, j]), np.concatenate([j, i]))
    a = sparse.csr_matrix((ones, both), shape=(n, n))
    degree = np.asarray(a.sum(1)).ravel()
    return sparse.csr_matrix(sparse.diags(degree + c - 1) - math.sqrt(c) * a)


def negative(matrix: "csr_matrix", most: int = 4, margin: float = 0.03) -> int:
    """How many of the least eigenvalues of a sparse symmetric matrix are below minus a margin."""
    import numpy as np
    from scipy.sparse.linalg import eigsh

    start = np.ones(matrix.shape[0]) + np.arange(matrix.shape[0]) % 7
    values = eigsh(matrix, k=most, which="SA", v0=start, tol=1e-3, return_eigenvectors=False)
    return int((values < -margin).sum())


@claim(
    "detectability",
    statement="Belief propagation finds two communities as well as can be: not at all below the"
    " threshold of Kesten and Stigum, and above it as well as the recursion on a random tree says.",
    formula=r"h \stackrel{d}{=} \sum_{i=1}^{\mathrm{Poisson}(c)} s_i\,"
    r" 2\,\mathrm{artanh}\!\left(\theta \tanh \tfrac{h_i}{2}\right), \quad"
    r" \theta = \frac{c_{\mathrm{in}} - c_{\mathrm{out}}}{c_{\mathrm{in}} + c_{\mathrm{out}}},"
    r" \quad c\,\theta^2 = 1",
    source="Decelle, Krzakala, Moore and Zdeborová 2011, arXiv:1109.3041; Mossel, Neeman and Sly"
    " 2016, arXiv:1309.1380",
    topic=TOPIC,
    sabotage="the communities asked for are those of another draw",
)
def detectability(rng: torch.Generator, sabotage: bool) -> Evidence:
    """Overlap of beliefs with the communities, on graphs, against the law on trees.

    Overlap: the absolute mean of σ_i m_i, with m_i = tanh(h_i/2) the belief; for the tree the
    expectation of m where σ = 1.
    """
    n, c, repeats = 2000, 3.0, 6
    predicted: list[float] = []
    measured: list[float] = []
    bars: list[float] = []
    for strength, spread in SPREAD.items():
        half = math.sqrt(strength * c)
        predicted.append(tree_overlap(c, half / c, rng))
        found = []
        for _ in range(repeats):
            side, ends = two_communities(n, c + half, c - half, rng)
            graph = Graph.from_edge_index(torch.cat([ends, ends.flip(0)], 1), num_nodes=n)
            affinity = torch.tensor([[c + half, c - half], [c - half, c + half]]).double()
            found_groups = belief_propagation(graph, affinity, steps=60, damping=0.0, rng=rng)
            belief = found_groups[:, 0] - found_groups[:, 1]
            if sabotage:
                side = side[torch.randperm(n, generator=rng)]
            found.append(abs(float((side * belief).mean())))
        measured.append(sum(found) / repeats)
        bars.append(ERRORS * spread / math.sqrt(n * repeats) + 1e-4)
    return Evidence(
        predicted, measured, bars,
        f"{ERRORS:g} standard errors of the mean over {repeats} graphs, from the spread over 60"
        " others; 10⁻⁴ for what 60 steps leave below the threshold",
        labels=tuple(f"signal to noise {s:g}" for s in SPREAD),
        figure=_transition(measured, bars, c),
    )  # fmt: skip


def _transition(measured: list[float], bars: list[float], c: float) -> "Draw":
    """The law on trees, drawn finely, and what was measured."""

    def paint(axes: "Axes") -> None:
        rng = torch.Generator().manual_seed(0)
        x = [0.0, 0.5, 0.9, 1.0, 1.05, 1.1, 1.2, 1.3, 1.5, 1.8, 2.2, 2.6, 3.0]
        law = [tree_overlap(c, math.sqrt(s / c), rng, size=4000) for s in x]
        figures.curve(
            x, law, measured, at=list(SPREAD), bars=bars,
            labels=("signal to noise, (c_in − c_out)² / 2(c_in + c_out)", "overlap"),
        )(axes)  # fmt: skip

    return paint


def tree_overlap(
    c: float, theta: float, rng: torch.Generator, size: int = 10000, steps: int = 30
) -> float:
    """Expected belief in the truth at the root of a random tree whose far leaves are told.

    Density evolution: a population of log-odds of nodes of community +1, each made anew from
    Poisson(c) members, which are of the same community with probability (1 + θ)/2.

    Args:
        c: mean number of children.
        theta: correlation along an edge.
        rng: source of randomness.
        size: of the population; the error is of order size^{-1/2}.
        steps: generations; the last half are averaged.
    """
    h, total = torch.full((size,), 20.0, dtype=torch.float64), 0.0
    for step in range(steps):
        counts = torch.poisson(torch.full((size,), c), generator=rng).long()
        owner = torch.arange(size).repeat_interleave(counts)
        child = h[torch.randint(size, (len(owner),), generator=rng)]
        sign = (torch.rand(len(owner), generator=rng) < (1 + theta) / 2).double() * 2 - 1
        heard = sign * 2 * (theta * (child / 2).tanh()).atanh()
        h = torch.zeros(size, dtype=torch.float64).index_add(0, owner, heard)
        if step >= steps // 2:
            total += float((h / 2).tanh().mean())
    return total / (steps - steps // 2)
