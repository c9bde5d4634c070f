"""What message passing on graphs can tell apart: colour refinement, trees, widths, matrices."""

import math

import numpy as np
import torch
from torch import Tensor

from geomdl.claims.evidence import Evidence
from geomdl.claims.registry import claim
from geomdl.expressivity import cfi, homomorphism_counts, trees, wl
from geomdl.fields import Graph
from geomdl.permutation import neighbor_mean, neighbor_sum

TOPIC = "graphs"
_SAME = 1e-9  # outputs of order 1; rounding is 1e-13, chance 1e-6


def _atlas(smallest: int, largest: int, connected: bool = False) -> list[Graph]:
    """All graphs of so many nodes up to isomorphism."""
    import networkx

    return [
        Graph.from_networkx(graph)
        for graph in networkx.graph_atlas_g()
        if smallest <= len(graph) <= largest and (not connected or networkx.is_connected(graph))
    ]


def _classes(values: Tensor) -> Tensor:
    """Number of the cluster of each value; clusters are more than `_SAME` apart."""
    ordered, order = values.sort()
    new = torch.cat([torch.zeros(1), (ordered.diff() > _SAME).double()])
    found = torch.empty_like(order)
    found[order] = new.cumsum(0).long()
    return found


@claim(
    "gin-colour-refinement",
    statement="A network of sums over neighbours with generic weights tells apart exactly the"
    " graphs that colour refinement does.",
    formula=r"f_\theta(G) = f_\theta(H) \iff G \equiv_{\text{1-WL}} H"
    r"\quad \text{for almost all } \theta",
    source="Xu et al. 2019, arXiv:1810.00826; Morris et al. 2019, arXiv:1810.02244",
    topic=TOPIC,
    sabotage="means over the neighbours in place of sums",
)
def gin_colour_refinement(rng: torch.Generator, sabotage: bool) -> Evidence:
    """Classes of outputs of five layers, with all graphs of six and of seven nodes."""
    gather = neighbor_mean if sabotage else neighbor_sum
    channels, layers = 16, 5
    weights = torch.randn(layers, channels, channels, generator=rng, dtype=torch.float64)
    biases = torch.randn(layers, channels, generator=rng, dtype=torch.float64)
    last = torch.randn(channels, 2, generator=rng, dtype=torch.float64)
    predicted, measured, labels = [], [], []
    for nodes in (6, 7):
        graphs = _atlas(nodes, nodes)
        batch = Graph.batch(graphs)
        x = torch.ones(batch.num_nodes, channels, dtype=torch.float64)
        for weight, bias in zip(weights, biases, strict=True):
            x = torch.sin((1.3 * x + gather(x, batch)) @ weight / channels + bias)
        sums = x.new_zeros(len(graphs), channels).index_add(0, batch.batch_index, x)
        outputs = sums @ last / math.sqrt(channels)
        classes = torch.stack([_classes(outputs[:, 0]), _classes(outputs[:, 1])])
        colors = wl(batch)
        both = torch.cat([classes, colors[None]])
        count = len(colors.unique())
        predicted += [count, count]
        measured += [classes.unique(dim=1).shape[1], both.unique(dim=1).shape[1]]
        labels += [f"classes of {len(graphs)} graphs", f"with colours, {nodes} nodes"]
    return Evidence(predicted, measured, 0, "counting: outputs of one class agree to 1e-13, of two"
                    " differ by more than 1e-9", labels=tuple(labels))  # fmt: skip


@claim(
    "tree-homomorphisms",
    statement="Two graphs are alike to colour refinement if, and only if, every tree has as many"
    " homomorphisms to one as to the other.",
    formula=r"G \equiv_{\text{1-WL}} H \iff"
    r" \mathrm{hom}(T, G) = \mathrm{hom}(T, H)\ \text{for all trees } T",
    source="Dvořák 2010, doi:10.1002/jgt.20461; Dell, Grohe and Rattan 2018, arXiv:1802.08876",
    topic=TOPIC,
    sabotage="stars in place of trees",
)
def tree_homomorphisms(rng: torch.Generator, sabotage: bool) -> Evidence:
    """Classes of the counts of all 95 trees of up to nine vertices, for graphs of up to six."""
    graphs = Graph.batch(_atlas(1, 6))
    patterns = [tree for n in range(1, 10) for tree in trees(n)]
    if sabotage:
        patterns = [tree for tree in patterns if tree.in_degree.max() == tree.num_nodes - 1]
    counts = homomorphism_counts(patterns, graphs).unique(dim=0, return_inverse=True)[1]
    colors = wl(graphs)
    both = torch.stack([counts, colors]).unique(dim=1).shape[1]
    classes = len(colors.unique())
    return Evidence([classes, classes], [len(counts.unique()), both], 0, "counting",
                    labels=("classes of counts", "with colours"))  # fmt: skip


@claim(
    "cfi-treewidth",
    statement="k-FWL tells the two Cai-Fürer-Immerman graphs of a connected graph apart if, and"
    " only if, its treewidth is at most k.",
    formula=r"\mathrm{CFI}(G) \not\equiv_{k\text{-FWL}} \widetilde{\mathrm{CFI}}(G)"
    r" \iff \mathrm{tw}(G) \le k",
    source="Cai, Fürer and Immerman 1992; Dawar and Richerby 2007,"
    " doi:10.1007/978-3-540-74915-8_10",
    topic=TOPIC,
    sabotage="the second graph is not twisted",
)
def cfi_treewidth(rng: torch.Generator, sabotage: bool) -> Evidence:
    """K = 1 and 2 for all connected graphs of three to five nodes, in random order of the nodes."""
    predicted, measured, labels = [], [], []
    for base in _atlas(3, 5, connected=True):
        if base.num_edges > 16:  # CFI graphs of more than 68 nodes take their time
            continue
        pair = [cfi(base), cfi(base, twisted=not sabotage)]
        pair[1] = pair[1].permute(torch.randperm(pair[1].num_nodes, generator=rng))
        for k in (1, 2):
            predicted.append(int(_width_at_most(base, k)))
            measured.append(len(wl(pair, k, folklore=True).unique()) - 1)
            labels.append(f"{base.num_nodes} nodes, {base.num_edges // 2} edges, k = {k}")
    return Evidence(predicted, measured, 0, "counting", labels=tuple(labels))


def _width_at_most(graph: Graph, k: int) -> bool:
    """Whether nodes of k ≤ 2 neighbours can be removed, these joined, until none is left."""
    near: dict[int, set[int]] = {v: set() for v in range(graph.num_nodes)}
    for u, v in zip(graph.source.tolist(), graph.target.tolist(), strict=True):
        near[u].add(v)
    while near:
        node = min(near, key=lambda v: len(near[v]))
        around = near.pop(node)
        if len(around) > k:
            return False
        for v in around:
            near[v] |= around - {v}
            near[v].discard(node)
    return True


@claim(
    "fractional-isomorphism",
    statement="Two graphs are alike to colour refinement if, and only if, a doubly stochastic"
    " matrix carries the adjacency matrix of one to that of the other.",
    formula=r"G \equiv_{\text{1-WL}} H \iff \exists S \ge 0:"
    r"\ S1 = 1,\ 1^T S = 1^T,\ AS = SB",
    source="Tinhofer 1986; Ramana, Scheinerman and Ullman 1994, doi:10.1016/0012-365X(94)90241-0",
    topic=TOPIC,
    sabotage="A S = S B is asked of one row only",
)
def fractional_isomorphism(rng: torch.Generator, sabotage: bool) -> Evidence:
    """Linear programs for pairs of graphs of six nodes: all that are alike, 16 that are not."""
    graphs = _atlas(6, 6)
    colors = wl(graphs).tolist()
    degrees = [tuple(sorted(graph.in_degree.tolist())) for graph in graphs]
    alike, not_alike = [], []
    for i, j in torch.combinations(torch.arange(len(graphs))).tolist():
        if colors[i] == colors[j]:
            alike.append((i, j))
        elif degrees[i] == degrees[j]:
            not_alike.append((i, j))
    order = torch.randperm(len(not_alike), generator=rng)[:16].tolist()
    pairs = alike + [not_alike[k] for k in order]
    measured = [int(_feasible(graphs[i], graphs[j], 1 if sabotage else 6)) for i, j in pairs]
    predicted = [int(colors[i] == colors[j]) for i, j in pairs]
    return Evidence(predicted, measured, 0, "linear programs: feasible or not",
                    labels=tuple(f"{i}, {j}" for i, j in pairs))  # fmt: skip


def _feasible(first: Graph, second: Graph, asked: int) -> bool:
    """Whether a doubly stochastic S has A S = S B in its first rows, as many as are asked."""
    from scipy.optimize import linprog

    n = first.num_nodes
    a, b = np.zeros((n, n)), np.zeros((n, n))
    a[first.source, first.target] = 1
    b[second.source, second.target] = 1
    one, eye = np.ones((1, n)), np.eye(n)
    # S row by row: (A S) is (A ⊗ 1) s, (S B) is (1 ⊗ Bᵀ) s
    carried = (np.kron(a, eye) - np.kron(eye, b.T))[: asked * n]
    rows = np.vstack([carried, np.kron(eye, one), np.kron(one, eye)])
    values = np.concatenate([np.zeros(len(carried)), np.ones(2 * n)])
    found = linprog(np.zeros(n * n), A_eq=rows, b_eq=values)
    return bool(found.status == 0)
