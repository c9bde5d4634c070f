"""What depth does to features of nodes: they become alike, and far ones are hardly heard."""

import math
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from geomdl.claims.evidence import Evidence
from geomdl.claims.figures import MEASURED, PREDICTED
from geomdl.claims.graphs_spectra import reach
from geomdl.claims.registry import claim

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from geomdl.claims.evidence import Draw

TOPIC = "graphs"


def propagation(a: Tensor, loops: bool = True) -> Tensor:
    """Symmetric normalised adjacency P = D̃^{-1/2} (A + I) D̃^{-1/2}, shape (n, n).

    Its eigenvalues 1 - λ lie in (-1, 1]: -1 would need a bipartite component, and a loop is an odd
    cycle. Without loops, D^{-1/2} A D^{-1/2}, in [-1, 1].

    Example:
        >>> propagation(torch.tensor([[0.0, 1], [1, 0]])).round(decimals=6).tolist()
        [[0.5, 0.5], [0.5, 0.5]]
    """
    a = a + torch.eye(len(a), dtype=a.dtype) if loops else a
    scale = a.sum(1) ** -0.5
    return scale.unsqueeze(1) * a * scale


def dirichlet(p: Tensor, x: Tensor) -> float:
    """Energy tr Xᵀ (I - P) X = ½ Σ_ij ã_ij ‖x_i/√d_i - x_j/√d_j‖².

    Example:
        >>> p = propagation(torch.tensor([[0.0, 1], [1, 0]]))
        >>> [round(dirichlet(p, torch.tensor([[1.0], [y]])), 6) for y in (1.0, -1.0)]
        [0.0, 2.0]
    """
    return float((x * (x - p @ x)).sum())


def _adjacency(graph: Any) -> Tensor:
    """Of a networkx graph, in float64."""
    import networkx as nx

    return torch.from_numpy(nx.to_numpy_array(graph, dtype="float64"))


def _families() -> list[tuple[str, Tensor, float]]:
    """Graphs, and the greatest (1 - λ)² < 1, in closed form.

    Of an r-regular graph, 1 - λ = (1 + a)/(1 + r) with a an eigenvalue of A. Cycles: a = 2 cos
    2πk/n. K_{m,m}: a = ±m, 0, so (m - 1)²/(m + 1)², of the *least* eigenvalue, for m > 2.
    Petersen's graph: a = 3, 1, -2. Cube of d dimensions: a = d - 2i, so (d - 1)²/(d + 1)² at both
    ends. A star: ¼, of differences of leaves; between the centre and them, (1/2 - 1/(m + 1))² < ¼.
    """
    import networkx as nx

    found = [(f"cycle of {n}", nx.cycle_graph(n), ((1 + 2 * math.cos(2 * math.pi / n)) / 3) ** 2)
             for n in (6, 9)]  # fmt: skip
    found += [(f"K{m},{m}", nx.complete_bipartite_graph(m, m), ((m - 1) / (m + 1)) ** 2)
              for m in (3, 5, 8)]  # fmt: skip
    found += [("Petersen", nx.petersen_graph(), 0.25), ("cube", nx.hypercube_graph(3), 0.25),
              ("star of 6", nx.star_graph(6), 0.25)]  # fmt: skip
    return [(name, _adjacency(graph), rate) for name, graph, rate in found]


@claim(
    "over-smoothing-rate",
    statement="A layer without nonlinearity lets the Dirichlet energy shrink, in the end, by the"
    " square of the greatest eigenvalue of the propagation below one in absolute value; on"
    " complete bipartite graphs that is the negative one.",
    formula=r"\frac{E(P^{t+1} X)}{E(P^t X)} \to \max_{\lambda > 0} (1 - \lambda)^2, \quad"
    r" E(X) = \mathrm{tr}\, X^\top (I - P) X",
    source="Cai and Wang 2020, arXiv:2006.13318; Oono and Suzuki 2020, arXiv:1905.10947",
    topic=TOPIC,
    sabotage="the graphs are propagated without self-loops",
)
def over_smoothing_rate(rng: torch.Generator, sabotage: bool) -> Evidence:
    """Ratio of energies after 300 layers of random features, against closed forms.

    E(PX) = Σ λ (1 - λ)² ‖c_λ‖² over components c of X. The kernel of I - P carries no energy and is
    taken off, features are scaled, so that nothing is lost to rounding.
    """
    predicted: list[float] = []
    measured: list[float] = []
    labels: list[str] = []
    track = []
    for name, a, rate in _families():
        p = propagation(a, loops=not sabotage)
        values, vectors = torch.linalg.eigh(p)
        still = vectors[:, values > 1 - 1e-9]
        x = torch.randn(len(a), 4, generator=rng, dtype=torch.float64)
        ratio, energies = 0.0, [1.0]
        for _ in range(300):
            x = x - still @ (still.T @ x)
            x = x / x.norm()
            ratio = dirichlet(p, p @ x) / dirichlet(p, x)
            energies.append(energies[-1] * ratio)
            x = p @ x
        predicted, measured, labels = [*predicted, rate], [*measured, ratio], [*labels, name]
        track.append((energies[:21], rate))
    return Evidence(
        predicted, measured, 1e-6,
        "the next eigenvalue is below the greatest by more than 4 %: 0.96⁶⁰⁰ < 10⁻¹⁰",
        labels=tuple(labels), figure=_decay(track[:4], labels),
    )  # fmt: skip


def _decay(track: list[tuple[list[float], float]], labels: list[str]) -> "Draw":
    """Energies against depth, with the slope that is predicted."""

    def paint(axes: "Axes") -> None:
        for (energies, rate), name, mark in zip(track, labels, "os^d", strict=False):
            depth = list(range(len(energies)))
            line = [energies[-1] * rate ** (t - depth[-1]) for t in depth]
            axes.plot(depth, line, color=PREDICTED, lw=1.2)
            axes.plot(depth, energies, mark, color=MEASURED, ms=4, label=name)
        axes.set_yscale("log")
        axes.set_xlabel("layers")
        axes.set_ylabel("Dirichlet energy; lines: slope predicted")
        axes.legend()

    return paint


@claim(
    "over-smoothing",
    statement="A layer of a graph convolution multiplies the Dirichlet energy by at most the"
    " squares of the norm of its weights and of the greatest eigenvalue of the propagation below"
    " one in absolute value; ReLU adds none.",
    formula=r"E(\mathrm{ReLU}(P X W)) \le s^2\, \max_{\lambda > 0}(1 - \lambda)^2\, E(X),"
    r" \quad s = \|W\|_2",
    source="Cai and Wang 2020, arXiv:2006.13318, lemmas 3.1 to 3.3",
    topic=TOPIC,
    sabotage="λ is taken to be the least positive eigenvalue, dominant or not",
)
def over_smoothing(rng: torch.Generator, sabotage: bool) -> Evidence:
    """Layers on random graphs and on closed families; last, for each, features that reach it.

    These are √d̃ + v with v the eigenvector that decays slowest and small enough that ReLU sees
    no negative number, and W a multiple of an orthogonal matrix.
    """
    graphs = [a for _, a, _ in _families()]
    for n in (8, 12, 20, 20, 30):
        upper = torch.rand(n, n, generator=rng, dtype=torch.float64).triu(1) < 0.3
        graphs.append((upper | upper.T).double())
    ratios = []
    for a in graphs:
        p = propagation(a)
        values, vectors = torch.linalg.eigh(p)
        below = values[values < 1 - 1e-9]
        rate = float(below.max() ** 2 if sabotage else below.square().max())
        x = torch.randn(len(a), 6, generator=rng, dtype=torch.float64)
        for _ in range(8):
            w = torch.randn(6, 6, generator=rng, dtype=torch.float64)
            energy, s = dirichlet(p, x), float(torch.linalg.matrix_norm(w, 2))
            y = (p @ x @ w).relu()
            ratios.append(dirichlet(p, y) / (s**2 * rate * energy))
            x = y + 0.1 * torch.randn(y.shape, generator=rng, dtype=torch.float64)
        slow = vectors[:, values < 1 - 1e-9][:, below.abs().argmax()]
        x = (a.sum(1) + 1).sqrt() + 0.2 * slow
        y = (2.0 * p @ x).relu()
        ratios.append(dirichlet(p, y.unsqueeze(1)) / (4 * rate * dirichlet(p, x.unsqueeze(1))))
    return Evidence(torch.ones(len(ratios)), ratios, 1e-10,
                    "rounding: energies of features a hundred times larger, times ε",
                    relation="at most")  # fmt: skip


@claim(
    "over-squashing",
    statement="Of what lies r edges away, r layers of messages hear no more than the entry of the"
    " r-th power of the normalised adjacency says, times slopes.",
    formula=r"\left\| \frac{\partial h_i^{(r)}}{\partial x_s} \right\|"
    r" \le (\alpha\beta)^r\, (\hat A^r)_{is}, \quad d(i, s) = r",
    source="Topping et al. 2022, arXiv:2111.14522, lemma 1; Di Giovanni et al. 2023,"
    " arXiv:2302.02941",
    topic=TOPIC,
    sabotage="the pairs are one edge nearer than there are layers",
)
def over_squashing(rng: torch.Generator, sabotage: bool) -> Evidence:
    """Jacobians by automatic differentiation, over bounds: largest ratio of each network, ≤ 1.

    h_i ← tanh(U h_i + V Σ_j Â_ij tanh(S h_i + B h_j)) with α = ‖V‖, β = ‖B‖: on walks of r steps
    between nodes at distance r every step is along an edge, and the terms of U and S, which stay,
    have no part. The last networks have orthogonal V, B at the point where slopes are 1: equality.
    """
    import networkx as nx

    graphs = [_adjacency(nx.balanced_tree(2, 3)), _adjacency(nx.barbell_graph(4, 2)),
              _adjacency(nx.cycle_graph(9)), _adjacency(nx.grid_2d_graph(3, 4))]  # fmt: skip
    measured: list[float] = []
    labels: list[str] = []
    pieces = []
    for a, name in zip(graphs, ("tree", "barbell", "cycle", "grid"), strict=True):
        hat = propagation(a, loops=False)
        away = _distances(a)
        for r in (1, 2, 3, 4):
            for best in (False, True):
                u, v, s, b = 0.8 * torch.randn(4, 3, 3, generator=rng, dtype=torch.float64)
                x = torch.randn(len(a), 3, generator=rng, dtype=torch.float64)
                if best:
                    v, b, x = *(1.2 * torch.linalg.qr(m).Q for m in (v, b)), 0 * x
                slopes = _jacobians(hat, x, (u, v, s, b), r)
                factor = float(torch.linalg.matrix_norm(v, 2) * torch.linalg.matrix_norm(b, 2)) ** r
                bound = factor * torch.linalg.matrix_power(hat, r)
                pairs = away == (r - 1 if sabotage else r)
                floor = 1e-9 * factor  # where no walk of r steps is, there is nothing to divide by
                ratio = slopes[pairs] / bound[pairs].clamp(min=floor)
                measured.append(float(ratio.max()))
                labels.append(f"{name}, {r} layers" + ", equality" * best)
                if not best:
                    pieces.append(torch.stack([bound[pairs], slopes[pairs]]))
    x, y = torch.cat(pieces, 1).tolist()
    return Evidence(torch.ones(len(measured)), measured, 1e-10,
                    "rounding: products of at most eight 3 × 3 matrices, times ε",
                    relation="at most", labels=tuple(labels), figure=_under(x, y))  # fmt: skip


def _under(bounds: list[float], slopes: list[float]) -> "Draw":
    """Jacobians of random networks under their bounds."""

    def paint(axes: "Axes") -> None:
        ends = [min(bounds), max(bounds)]
        axes.plot(ends, ends, color=PREDICTED, lw=2, label="bound")
        axes.scatter(bounds, slopes, s=10, color=MEASURED, alpha=0.5, linewidths=0,
                     label="pairs of nodes")  # fmt: skip
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.set_xlabel("(αβ)^r times the entry of the r-th power")
        axes.set_ylabel("norm of the Jacobian")
        axes.legend()

    return paint


def _jacobians(hat: Tensor, x: Tensor, weights: tuple[Tensor, ...], layers: int) -> Tensor:
    """Spectral norms of ∂h_i/∂x_s, shape (n, n)."""
    u, v, s, b = weights

    def network(h: Tensor) -> Tensor:
        for _ in range(layers):
            message = ((h @ s.T).unsqueeze(1) + (h @ b.T).unsqueeze(0)).tanh()
            h = (h @ u.T + (hat.unsqueeze(2) * message).sum(1) @ v.T).tanh()
        return h

    jacobian: Tensor = torch.func.jacrev(network)(x)  # (n, 3, n, 3)
    norms: Tensor = torch.linalg.matrix_norm(jacobian.permute(0, 2, 1, 3), 2)
    return norms


def _distances(a: Tensor) -> Tensor:
    """Edges on the shortest path, -1 if there is none, shape (n, n)."""
    n = len(a)
    found = torch.where(reach(a), n, -1)
    walk = torch.eye(n, dtype=torch.bool)
    for d in range(n):
        found[walk & (found == n)] = d
        walk = walk | (walk.double() @ a > 0)
    return found


def forman(a: Tensor, i: int, j: int) -> float:
    """Balanced Forman curvature of an edge, from its definition. *Exact* up to rounding.

    Ric = 2/d_i + 2/d_j - 2 + 2 Δ/max(d_i, d_j) + Δ/min(d_i, d_j) + (□_i + □_j)/(γ max(d_i, d_j))

    with Δ the triangles on the edge, □_i the neighbours k of i on a 4-cycle i, j, w, k without
    diagonals, and γ the most such cycles through one of these k. 0 where an end has degree 1.

    Args:
        a: adjacency, shape (n, n).
        i: one end.
        j: the other.

    Example:
        >>> round(forman(1 - torch.eye(4).double(), 0, 1), 6)
        1.333333
    """
    near = [set(torch.nonzero(row).flatten().tolist()) for row in a]
    di, dj = len(near[i]), len(near[j])
    if min(di, dj) == 1:
        return 0.0
    triangles = len(near[i] & near[j])
    squares = [
        [len((near[k] & near[q]) - near[p] - {p}) for k in near[p] - near[q] - {q}]
        for p, q in ((i, j), (j, i))
    ]
    counts = [c for side in squares for c in side if c]
    found = 2 / di + 2 / dj - 2 + 2 * triangles / max(di, dj) + triangles / min(di, dj)
    return found + (len(counts) / max(counts) / max(di, dj) if counts else 0.0)


@claim(
    "graph-curvature",
    statement="The balanced Forman curvature of edges is 1 in a square, 0 in longer cycles and in"
    " square grids, n/(n − 1) in complete graphs, and negative in trees, where it says how much"
    " they branch.",
    formula=r"\mathrm{Ric}(C_4) = 1,\; \mathrm{Ric}(C_{n \ge 5}) = 0,\; \mathrm{Ric}(K_n) ="
    r" \frac{n}{n - 1},\; \mathrm{Ric}(T_r) = \frac{4}{r + 1} - 2",
    source="Topping et al. 2022, arXiv:2111.14522, definition 1 and table 1",
    topic=TOPIC,
    sabotage="one edge of each graph is left out",
)
def graph_curvature(rng: torch.Generator, sabotage: bool) -> Evidence:
    """An edge of each family."""
    import networkx as nx

    cases: list[tuple[str, Any, Any, float]] = [
        *((f"C{n}", nx.cycle_graph(n), (0, 1), float(n == 4)) for n in range(4, 9)),
        *((f"K{n}", nx.complete_graph(n), (0, 1), n / (n - 1)) for n in range(3, 8)),
        *((f"tree, {r} children", nx.balanced_tree(r, 3), (1, r + 1), 4 / (r + 1) - 2)
          for r in (2, 3, 4)),
        ("torus, 6 × 6", nx.grid_2d_graph(6, 6, periodic=True), ((0, 0), (0, 1)), 0.0),
    ]  # fmt: skip
    predicted: list[float] = []
    measured: list[float] = []
    for _, graph, (p, q), value in cases:
        nodes = list(graph)
        a = _adjacency(graph)
        i, j = nodes.index(p), nodes.index(q)
        if sabotage:
            k = next(k for k in torch.nonzero(a[i]).flatten().tolist() if k != j)
            a[i, k] = a[k, i] = 0
        order = torch.randperm(len(a), generator=rng)
        place = order.argsort()
        predicted.append(value)
        measured.append(forman(a[order][:, order], int(place[i]), int(place[j])))
    return Evidence(predicted, measured, 1e-12, "rounding of seven fractions",
                    labels=tuple(name for name, *_ in cases))  # fmt: skip
