"""Scattering on graphs: diffusion wavelets."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, Literal

import torch
from torch import Tensor, nn

from geomdl.fields.graph import Graph
from geomdl.kernels import segment_sum
from geomdl.kernels.precision import uncast
from geomdl.kernels.rows import wide
from geomdl.scattering.transform import check_number, check_word

Frame = Literal["diffusion", "tight"]
Output = Literal["nodes", "moments"]


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
        frame: "diffusion", sparse; "tight", by the eigenvectors of P, for graphs of some thousand
            nodes.
        output: "nodes": U at every node; "moments": Σ_nodes U^q over each graph.
        moments: the powers q.
        which: "all" paths, or those of "increasing" scale alone.

    Attributes:
        paths: scales of each path, in the order of the result.

    Raises:
        ValueError: an impossible argument.

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
    ) -> None:
        super().__init__()
        check_number("J", J, 0)
        check_number("order", order, 0, 3)
        check_word("frame", frame, Frame)
        check_word("output", output, Output)
        check_word("which", which, Literal["all", "increasing"])
        if not moments or not all(q >= 1 for q in moments):
            raise ValueError(f"moments: expected powers of at least 1, got {moments!r}")
        self.J, self.order, self.frame, self.output = J, order, frame, output
        self.moments, self.which = tuple(moments), which
        paths: list[tuple[int, ...]] = [()]
        self.levels = [paths]
        for _ in range(order):
            paths = [(*p, j) for p in paths for j in range(J + 1) if self._follows(p, j)]
            self.levels.append(paths)
        self.paths = tuple(path for level in self.levels for path in level)

    def _follows(self, path: tuple[int, ...], j: int) -> bool:
        return self.which == "all" or not path or j > path[-1]

    @uncast
    def forward(self, x: Tensor, graph: Graph, weight: Tensor | None = None) -> Tensor:
        """Signals on the nodes to coefficients.

        Args:
            x: shape (nodes, channels).
            graph: undirected: with every edge its reverse; or a batch of such graphs.
            weight: of each edge, not negative, the same on its reverse; 1 if None.

        Returns:
            (nodes, paths, channels), or (graphs, paths, moments, channels).
        """
        if x.ndim != 2 or x.shape[0] != graph.num_nodes:
            raise ValueError(
                f"x: expected shape ({graph.num_nodes}, channels), got {tuple(x.shape)}"
            )
        if weight is not None and tuple(weight.shape) != (graph.num_edges,):
            raise ValueError(
                f"weight: expected shape ({graph.num_edges},), got {tuple(weight.shape)}"
            )
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
        powers = torch.stack([u.abs() ** q if q != 1 else u.abs() for q in self.moments], 2)
        rows = powers.index_select(0, graph.node_perm)
        sums = segment_sum(rows.flatten(1), graph.ptr).view(-1, *powers.shape[1:])
        return sums.to(x.dtype)

    @uncast
    def lowpass(self, x: Tensor, graph: Graph, weight: Tensor | None = None) -> Tensor:
        """Φ x, shape (nodes, channels)."""
        rows = x.to(wide(x.dtype))
        found: Tensor = self.operators(graph, rows, weight)(rows)[-1]
        return found.to(x.dtype)

    def operators(self, graph: Graph, like: Tensor, weight: Tensor | None = None) -> Any:
        """Function x -> [Ψ₀ x, …, Ψ_J x, Φ x] on the graph."""
        walk = lazy_walk(graph, like, weight)
        if self.frame == "diffusion":

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
        matrix = walk(torch.eye(graph.num_nodes, dtype=like.dtype, device=like.device))
        values, vectors = torch.linalg.eigh((matrix + matrix.T) / 2)
        # roots magnify the rounding of eigenvalues that are 0 or 1
        rounding = 16 * len(values) * torch.finfo(values.dtype).eps
        values = torch.where(values > 1 - rounding, 1, torch.where(values < rounding, 0, values))
        powers = [torch.ones_like(values)] + [values ** (2**j) for j in range(self.J + 1)]
        responses = [a - b for a, b in pairwise(powers)] + [powers[-1]]
        roots = [r.clamp(min=0).sqrt() for r in responses]

        def apply_roots(x: Tensor) -> list[Tensor]:
            spectrum = vectors.T @ x
            return [vectors @ (r[:, None] * spectrum) for r in roots]

        return apply_roots


def lazy_walk(graph: Graph, like: Tensor, weight: Tensor | None = None) -> Any:
    """Function x -> P x, P = ½ (I + D^(-1/2) A D^(-1/2)), for x of shape (nodes, channels)."""
    ones = like.new_ones(graph.num_edges) if weight is None else weight.to(like.dtype)
    ones = ones.index_select(0, graph.perm).unsqueeze(1)
    degree = segment_sum(ones, graph.in_ptr)
    some = degree > 0
    root = torch.where(some, torch.where(some, degree, 1).rsqrt(), 0)

    def walk(x: Tensor) -> Tensor:
        messages = (root * x).index_select(0, graph.in_neighbors) * ones
        stay = torch.where(some, 0.5, 1.0).to(x.dtype)
        return stay * x + 0.5 * root * segment_sum(messages, graph.in_ptr)

    return walk
