"""Scattering on graphs: diffusion wavelets."""

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any, Literal

import torch
from torch import Tensor, nn

from geomdl.fields import Edges, Field, Graph, Nodes, Vector
from geomdl.groups import group
from geomdl.kernels import segment_sum
from geomdl.kernels.norms import power, root
from geomdl.kernels.precision import uncast
from geomdl.kernels.rows import wide
from geomdl.registry import Example, register_layer
from geomdl.scattering.transform import check_number, check_word, powers_of

Frame = Literal["diffusion", "tight"]
Output = Literal["nodes", "moments"]
MOST = 5000  # nodes of a graph whose eigenvectors are taken


def _inputs(rng: torch.Generator) -> tuple[Any, ...]:
    ends = torch.tensor([[0, 0, 1, 2, 3], [1, 2, 2, 3, 4]])
    ring = Graph.from_edge_index(torch.cat([ends, ends.flip(0)], 1))
    pair = Graph.from_edge_index(torch.tensor([[0, 1], [1, 0]]))
    return torch.randn(7, 2, generator=rng, dtype=torch.float64), Graph.batch([ring, pair])


@register_layer(
    "scattering/GraphScattering", example=Example(lambda: GraphScattering(2, channels=2), _inputs)
)
class GraphScattering(nn.Module):
    """Moduli of diffusion wavelets on a graph, cascaded; at nodes, or summed over each graph.

    With the lazy walk P = ½ (I + D^(-1/2) A D^(-1/2)), 0 ≤ P ≤ I (isolated nodes stay where they
    are),

    Ψ₀ = I - P, Ψ_j = P^(2^(j-1)) - P^(2^j), j = 1 … J, Φ = P^(2^J).

    Their responses are not negative and add up to 1, so
    1/(J + 2) ‖x‖² ≤ ‖Φx‖² + Σ ‖Ψ_j x‖² ≤ ‖x‖²; frame="tight" takes the root of each, so that
    equality holds on the right, *exact*. U[j₁, j₂ …] = |Ψ_{j₂} |Ψ_{j₁} x||. Renumbering the nodes
    renumbers the result, *exact* up to the order of sums.

    Args:
        J: log₂ of the longest walk.
        order: greatest order, 0 to 3.
        frame: "diffusion", sparse: 2^J walks an order; "tight": by the eigenvectors of P, graph by
            graph, of up to 5000 nodes each, a dense n × n matrix. (Polynomials in P are no way
            round: degree K misses √(1 - P) by 0.14 / K.) There derivatives with respect to weights
            need distinct eigenvalues, and neither `torch.compile` with fullgraph nor
            `torch.export` takes it.
        output: "nodes": U at every node; "moments": Σ_nodes U^q over each graph.
        moments: the powers q.
        which: "all" paths, or those of "increasing" scale alone.
        channels: of x, if `source` and `target` are to be known; else any number.

    Attributes:
        paths: scales of each path, in the order of the result.
        source: fields of x and graph, or None. They name no permutations, whose number of nodes is
            that of the graph.
        target: field of the result, or None.

    Raises:
        ValueError: an impossible argument; when called, x, weight or a graph of the wrong size.

    Example:
        >>> graph = Graph.from_edge_index(torch.tensor([[0, 1, 1, 2], [1, 0, 2, 1]]))
        >>> GraphScattering(J=2, order=1)(torch.rand(3, 5), graph).shape
        torch.Size([3, 4, 5])

    Source: Gama, Ribeiro & Bruna 2019, arXiv:1806.08829; Gao, Wolf & Hirn 2019, arXiv:1810.03068.
    """

    def __init__(
        self,
        J: int,
        order: int = 2,
        *,
        frame: Frame = "diffusion",
        output: Output = "nodes",
        moments: Sequence[float] = (1, 2, 3, 4),
        which: Literal["all", "increasing"] = "all",
        channels: int | None = None,
    ) -> None:
        super().__init__()
        J, order = check_number("J", J, 0), check_number("order", order, 0, 3)
        check_word("frame", frame, Frame)
        check_word("output", output, Output)
        check_word("which", which, Literal["all", "increasing"])
        self.moments, self.which = powers_of(moments, lambda q: q >= 1), which
        if not self.moments:
            raise ValueError(f"moments: expected powers of at least 1, got {moments!r}")
        self.J, self.order, self.frame, self.output = J, order, frame, output
        paths: list[tuple[int, ...]] = [()]
        self.levels = [paths]
        for _ in range(order):
            paths = [(*p, j) for p in paths for j in range(J + 1) if self._follows(p, j)]
            self.levels.append(paths)
        self.paths = tuple(path for level in self.levels for path in level)
        self.channels, self.source, self.target = channels, None, None
        if channels is not None:
            self.channels = channels = check_number("channels", channels, 1)
            one = group("C1").trivial
            self.source = {
                "x": Field(Nodes(), channels * one),
                "graph": Field(Edges(), one),
                "weight": None,
            }
            powers = () if output == "nodes" else (len(self.moments),)
            shape = (len(self.paths), *powers, channels)
            domain = Nodes() if output == "nodes" else Vector()
            self.target = Field(domain, math.prod(shape) * one, shape=shape)

    def _follows(self, path: tuple[int, ...], j: int) -> bool:
        return self.which == "all" or not path or j > path[-1]

    @uncast
    def forward(self, x: Tensor, graph: Any, weight: Tensor | None = None) -> Tensor:
        """Signals on the nodes to coefficients.

        Args:
            x: shape (nodes, channels).
            graph: a `Graph`, undirected: with every edge its reverse; or a batch of such graphs; or
                a symmetric scipy matrix, whose values are the weights.
            weight: of each edge, finite, not negative, the same on its reverse; 1 if None.

        Returns:
            (nodes, paths, channels), or (graphs, paths, moments, channels).
        """
        graph, weight = self._checked(x, graph, weight)
        rows = x.to(wide(x.dtype))
        wavelets = self.operators(graph, rows, weight)
        levels = [rows.unsqueeze(1)]
        for before, after in zip(self.levels, self.levels[1:], strict=False):
            u = levels[-1]
            filtered = [psi.unflatten(1, u.shape[1:]) for psi in wavelets(u.flatten(1))[:-1]]
            place = {path: k for k, path in enumerate(before)}
            parts = [filtered[path[-1]][:, place[path[:-1]]] for path in after]
            levels.append(torch.stack(parts, 1).abs() if parts else u[:, :0])
        u = torch.cat(levels, 1)
        if self.output == "nodes":
            return u.to(x.dtype)
        powers = torch.stack([power(u.abs(), q) for q in self.moments], 2)
        rows = powers.index_select(0, graph.node_perm)
        sums = segment_sum(rows.flatten(1), graph.ptr).view(-1, *powers.shape[1:])
        return sums.to(x.dtype)

    @uncast
    def lowpass(self, x: Tensor, graph: Any, weight: Tensor | None = None) -> Tensor:
        """Φ x, shape (nodes, channels); arguments as those of `forward`."""
        graph, weight = self._checked(x, graph, weight)
        rows = x.to(wide(x.dtype))
        found: Tensor = self.operators(graph, rows, weight)(rows)[-1]
        return found.to(x.dtype)

    def _checked(self, x: Tensor, graph: Any, weight: Tensor | None) -> tuple[Graph, Tensor | None]:
        """Graph and weights, if they and x are what they should be."""
        if not isinstance(x, Tensor) or not x.is_floating_point():
            found = x.dtype if isinstance(x, Tensor) else type(x).__name__
            raise TypeError(f"x: expected a tensor of real floating-point numbers, got {found}")
        if not isinstance(graph, Graph):
            if weight is not None:
                raise ValueError("weight: a scipy matrix holds the weights itself; expected None")
            graph, weight = weighted(graph)
            graph, weight = graph.to(x.device), weight.to(x.device)
        width = "channels" if self.channels is None else self.channels
        if x.ndim != 2 or x.shape[0] != graph.num_nodes or self.channels not in (None, x.shape[1]):
            raise ValueError(
                f"x: expected shape ({graph.num_nodes}, {width}), got {tuple(x.shape)}"
            )
        if weight is not None and tuple(weight.shape) != (graph.num_edges,):
            raise ValueError(
                f"weight: expected shape ({graph.num_edges},), got {tuple(weight.shape)}"
            )
        if not torch.compiler.is_compiling():  # values are not at hand there
            check_undirected(graph, weight)
        return graph, weight

    def operators(self, graph: Graph, like: Tensor, weight: Tensor | None = None) -> Any:
        """Function x -> [Ψ₀ x, …, Ψ_J x, Φ x] on the graph."""
        if self.frame == "tight":
            return self._roots(graph, like, weight)
        walk = lazy_walk(graph, like, weight)

        def apply(x: Tensor) -> list[Tensor]:
            found, before, steps = [], x, 1
            for j in range(self.J + 1):
                after = before
                for _ in range(steps):
                    after = walk(after)
                found.append(before - after)
                before, steps = after, 2**j
            return [*found, before]

        return apply

    def _roots(self, graph: Graph, like: Tensor, weight: Tensor | None) -> Any:
        """As `operators`, with the roots of the responses, on the eigenvectors of each graph."""
        bases = [self._basis(*part, like) for part in split(graph, weight)]
        sizes = graph.ptr.diff().tolist()
        place = graph.node_perm.argsort()

        def apply(x: Tensor) -> list[Tensor]:
            parts = []
            for (vectors, roots), rows in zip(bases, x[graph.node_perm].split(sizes), strict=True):
                parts.append(vectors @ (roots[:, :, None] * (vectors.T @ rows)))
            joined = torch.cat(parts, 1) if parts else x.expand(self.J + 2, *x.shape)
            return list(joined[:, place])

        return apply

    def _basis(self, graph: Graph, weight: Tensor | None, like: Tensor) -> tuple[Tensor, Tensor]:
        """Eigenvectors of P of one graph (nodes, nodes), roots of responses (J + 2, nodes)."""
        if graph.num_nodes > MOST:
            raise ValueError(
                f"graph: frame='tight' takes the eigenvectors of graphs of at most {MOST} nodes,"
                f" got {graph.num_nodes}; use frame='diffusion', which is sparse"
            )
        walk = lazy_walk(graph, like, weight)
        matrix = walk(torch.eye(graph.num_nodes, dtype=like.dtype, device=like.device))
        values, vectors = torch.linalg.eigh((matrix + matrix.T) / 2)
        # roots magnify the rounding of eigenvalues that are 0 or 1
        rounding = 16 * len(values) * torch.finfo(values.dtype).eps
        values = torch.where(values > 1 - rounding, 1, torch.where(values < rounding, 0, values))
        powers = [torch.ones_like(values)] + [values ** (2**j) for j in range(self.J + 1)]
        responses = [a - b for a, b in pairwise(powers)] + [powers[-1]]
        return vectors, torch.stack([root(r.clamp(min=0)) for r in responses])


def weighted(matrix: Any) -> tuple[Graph, Tensor]:
    """Graph and weights of its edges, float64, of a scipy sparse matrix.

    Entries that are stored several times count as their sum, and zeros that are stored as none.

    Example:
        >>> import scipy.sparse
        >>> graph, weight = weighted(scipy.sparse.csr_array([[0.0, 0.5], [0.5, 0.0]]))
        >>> graph.num_edges, weight.tolist()
        (2, [0.5, 0.5])
    """
    if not hasattr(matrix, "tocoo"):
        found = type(matrix).__name__
        raise TypeError(f"graph: expected a Graph or a scipy sparse matrix, got {found}")
    entries = matrix.tocoo()
    if entries.dtype.kind not in "biuf":
        raise TypeError(f"graph: expected a matrix of real numbers, got {entries.dtype}")
    entries = entries.astype("float64")  # a copy
    entries.sum_duplicates()
    entries.eliminate_zeros()
    return Graph.from_scipy(entries), torch.tensor(entries.data, dtype=torch.float64)


def check_undirected(graph: Graph, weight: Tensor | None) -> None:
    """Refuse an edge without its reverse, and weights that differ from those of the reverse."""
    order = torch.arange(graph.num_edges, device=graph.device)
    if weight is not None:
        if not bool((weight.isfinite() & (weight >= 0)).all()):
            raise ValueError("weight: expected finite numbers of at least 0, got others")
        order = weight.detach().argsort()  # edges that are repeated, by their weights
    ends = graph.to_edge_index()
    keys = [a * graph.num_nodes + b for a, b in (ends, ends.flip(0))]
    ahead, back = (order[key[order].argsort(stable=True)] for key in keys)
    if not torch.equal(keys[0][ahead], keys[1][back]):
        raise ValueError("graph: expected with every edge its reverse, got some without")
    if weight is not None:
        miss = (weight[ahead] - weight[back]).detach().abs()
        if bool((miss > 8 * torch.finfo(weight.dtype).eps * weight[ahead].detach()).any()):
            raise ValueError("weight: expected the same on every edge and its reverse, got others")


def split(graph: Graph, weight: Tensor | None = None) -> list[tuple[Graph, Tensor | None]]:
    """Graphs of a batch, with the weights of their edges."""
    if weight is None:
        return [(part, None) for part in graph.unbatch()]
    owner = graph.batch_index[graph.source]
    counts = owner.bincount(minlength=graph.num_graphs).tolist()
    weights = weight[owner.argsort(stable=True)].split(counts)
    return list(zip(graph.unbatch(), weights, strict=True))


def lazy_walk(graph: Graph, like: Tensor, weight: Tensor | None = None) -> Any:
    """Function x -> P x, P = ½ (I + D^(-1/2) A D^(-1/2)), for x of shape (nodes, channels)."""
    ones = like.new_ones(graph.num_edges) if weight is None else weight.to(like.dtype)
    ones = ones.index_select(0, graph.perm).unsqueeze(1)
    degree = segment_sum(ones, graph.in_ptr)
    some = degree > 0
    scale = torch.where(some, torch.where(some, degree, 1).rsqrt(), 0)

    def walk(x: Tensor) -> Tensor:
        messages = (scale * x).index_select(0, graph.in_neighbors) * ones
        stay = torch.where(some, 0.5, 1.0).to(x.dtype)
        return stay * x + 0.5 * scale * segment_sum(messages, graph.in_ptr)

    return walk
