"""What the spectrum of a Laplacian counts and bounds, on all graphs of up to seven nodes."""

import math
from functools import cache
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from geomdl.claims.evidence import Evidence
from geomdl.claims.figures import MEASURED, PREDICTED
from geomdl.claims.registry import claim
from geomdl.data import load

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from geomdl.claims.evidence import Draw

TOPIC = "graphs"


def atlas(n: int) -> Tensor:
    """All graphs of n ≤ 7 nodes, one of each isomorphism class.

    Args:
        n: nodes.

    Returns:
        Adjacency matrices in float64, shape (graphs, n, n).

    Example:
        >>> [len(atlas(n)) for n in range(1, 8)]
        [1, 2, 4, 11, 34, 156, 1044]
    """
    ptr, edge_index = _table()
    sizes = ptr.diff()
    found = torch.zeros(len(sizes), n, n, dtype=torch.float64)
    source, target = edge_index
    graph = torch.searchsorted(ptr, source, right=True) - 1
    here = sizes[graph] == n
    first = ptr[graph[here]]
    found[graph[here], source[here] - first, target[here] - first] = 1.0
    return found[sizes == n]


@cache
def _table() -> tuple[Tensor, Tensor]:
    """First nodes of all of them, and edges both ways."""
    found = load("atlas")
    return found["ptr"], found["edge_index"]


def reach(a: Tensor) -> Tensor:
    """Which nodes are joined by a path, shape (..., n, n), boolean; in whole numbers.

    Example:
        >>> reach(torch.tensor([[0.0, 1, 0], [1, 0, 0], [0, 0, 0]])).int().tolist()
        [[1, 1, 0], [1, 1, 0], [0, 0, 1]]
    """
    n = a.shape[-1]
    near = a + torch.eye(n, dtype=a.dtype)
    for _ in range(max(1, n).bit_length()):
        near = (near @ near > 0).to(a.dtype)
    return near > 0


def normalized_laplacian(a: Tensor) -> Tensor:
    """I - D^{-1/2} A D^{-1/2}, with 0 for a node without neighbours, shape (..., n, n).

    Example:
        >>> normalized_laplacian(torch.tensor([[0.0, 1], [1, 0]])).tolist()
        [[1.0, -1.0], [-1.0, 1.0]]
    """
    d = a.sum(-1)
    scale = torch.where(d > 0, d.clamp(min=1) ** -0.5, d)
    return torch.diag_embed((d > 0).to(a.dtype)) - scale.unsqueeze(-1) * a * scale.unsqueeze(-2)


@claim(
    "laplacian-kernel",
    statement="The eigenvalue 0 of the normalised Laplacian is as often there as the graph has"
    " components, its greatest possible eigenvalue 2 as often as it has bipartite components with"
    " an edge.",
    formula=r"\dim\ker L = \#\{\text{components}\}, \quad"
    r" \dim\ker(2 - L) = \#\{\text{bipartite components}\}",
    source="Chung 1997, Spectral graph theory, lemma 1.7",
    topic=TOPIC,
    sabotage="eigenvalues 0 of the adjacency matrix are counted",
)
def laplacian_kernel(rng: torch.Generator, sabotage: bool) -> Evidence:
    """Graphs of up to 7 nodes, drawn and renumbered: eigenvalues against paths in the graph.

    xᵀ(2 - L)x = Σ (x_i/√d_i + x_j/√d_j)² over edges vanishes where signs alternate along edges; a
    component is bipartite if in its double cover (i, even) and (i, odd) are not joined.
    """
    predicted: list[float] = []
    measured: list[float] = []
    for n in range(1, 8):
        graphs = atlas(n)
        a = graphs[torch.randperm(len(graphs), generator=rng)[:200]]
        order = torch.randperm(n, generator=rng)
        a = a[:, order][:, :, order]
        joined = reach(a)
        components = (1.0 / joined.double().sum(-1)).sum(-1).round()
        cover = torch.kron(torch.tensor([[0.0, 1], [1, 0]], dtype=a.dtype), a)
        odd = reach(cover)[:, :n, n:].diagonal(dim1=-2, dim2=-1)
        bipartite = ((~odd & (a.sum(-1) > 0)) / joined.double().sum(-1)).sum(-1).round()
        matrix = a if sabotage else normalized_laplacian(a)
        values = torch.linalg.eigvalsh(matrix)
        predicted += [*components.tolist(), *bipartite.tolist()]
        measured += (values.abs() < 1e-9).sum(-1).tolist()
        measured += ((values - 2).abs() < 1e-9).sum(-1).tolist()
    return Evidence(predicted, measured, 0, "counting: multiplicities are whole numbers")


@claim(
    "cheeger",
    statement="The second eigenvalue of the normalised Laplacian bounds the least share of edges"
    " that cuts a graph in two, from both sides.",
    formula=r"\frac{\lambda_2}{2} \le h \le \sqrt{2\lambda_2}, \quad"
    r" h = \min_S \frac{|\partial S|}{\min(\mathrm{vol}\, S, \mathrm{vol}\, S^c)}",
    source="Cheeger 1970; for graphs Chung 1997, Spectral graph theory, §2.2",
    topic=TOPIC,
    sabotage="the eigenvalue is that of D − A",
)
def cheeger(rng: torch.Generator, sabotage: bool) -> Evidence:
    """All 995 connected graphs of 2 to 7 nodes: h over all sets of nodes; λ₂/2h and h/√(2λ₂)."""
    ratios, points = [], []
    for n in range(2, 8):
        a = atlas(n)
        a = a[reach(a).flatten(1).all(1)]
        d = a.sum(-1)
        bits = torch.arange(1, 2 ** (n - 1))  # a set or its complement: node n - 1 is outside
        chosen = (bits.unsqueeze(1) >> torch.arange(n) & 1).to(a.dtype)
        cut = torch.einsum("si,gij,sj->gs", chosen, a, 1 - chosen)
        inside = d @ chosen.T
        h = (cut / torch.minimum(inside, d.sum(-1, keepdim=True) - inside)).min(1).values
        matrix = torch.diag_embed(d) - a if sabotage else normalized_laplacian(a)
        second = torch.linalg.eigvalsh(matrix)[:, 1]
        ratios += [second / 2 / h, h / (2 * second).sqrt()]
        points.append(torch.stack([second, h]))
    both = torch.cat(ratios)
    x, y = torch.cat(points, 1).tolist()
    return Evidence(
        torch.ones(len(both)), both, 1e-12,
        "rounding of eigenvalues of matrices of 7 rows", relation="at most",
        figure=_between(x, y),
    )  # fmt: skip


def _between(x: list[float], y: list[float]) -> "Draw":
    """Graphs between the two bounds."""

    def paint(axes: "Axes") -> None:
        top = max(x)
        steps = [top * k / 200 for k in range(201)]
        axes.plot(steps, [t / 2 for t in steps], color=PREDICTED, lw=2, label="λ/2")
        axes.plot(steps, [math.sqrt(2 * t) for t in steps], color=PREDICTED, ls="--", label="√(2λ)")
        axes.scatter(x, y, s=12, color=MEASURED, alpha=0.5, linewidths=0, label="graphs")
        axes.set_xlabel("second eigenvalue λ")
        axes.set_ylabel("least share of edges cut, h")
        axes.legend()

    return paint
