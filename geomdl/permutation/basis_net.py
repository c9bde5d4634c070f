"""Functions of eigenspaces that do not depend on the basis."""

import torch
from torch import Tensor, nn

from geomdl.fields import Graph
from geomdl.fields.numbers import check_counts, positive
from geomdl.permutation.affine import perceptron
from geomdl.permutation.blocks import blocks_of
from geomdl.permutation.inputs import (
    check_nodes,
    graph_field,
    node_field,
    sources,
    three_graphs,
)
from geomdl.registry import Example, register_layer


def _inputs(rng: torch.Generator) -> tuple[Tensor, Graph, Tensor]:
    graph = three_graphs()
    x = torch.randn(graph.num_nodes, 3, generator=rng, dtype=torch.float64)
    values = torch.rand(graph.num_graphs, 3, generator=rng, dtype=torch.float64) / 4
    values = values + torch.arange(3)
    values[:, 1] = values[:, 0]  # a space of dimension two
    return x, graph, values


@register_layer("permutation/BasisNet", example=Example(lambda: BasisNet(3, 2, hidden=4), _inputs))
class BasisNet(nn.Module):
    """Positions from eigenspaces, whatever their bases: of projectors P_a = Σ_b v_b v_bᵀ.

    b runs over the eigenvectors whose eigenvalue is that of a;
    y_i = ρ([Σ_j φ(P_a,ii, P_a,jj, P_a,ij, λ_a)]_a), j over the nodes of the graph of i

    φ and ρ are perceptrons. Rotations within an eigenspace, signs among them, leave P as it is, so
    that y is *exact* up to rounding. This is a small one: of the authors' networks of matrices only
    one sum over rows of a function of the entries, the diagonal beside them. An eigenspace that k
    has cut is no function of the graph; `laplacian_pe` with ``whole=True`` leaves it out. Memory
    grows with k · hidden · the square of a graph's size.

    Args:
        k: number of eigenvectors.
        out_channels: of the result.
        hidden: channels within φ and ρ.
        tol: by which eigenvalues of one space differ at most.
        rng: for the weights; torch's global one if None.

    Raises:
        ValueError: an impossible argument; when called, a tensor of the wrong shape.

    Example:
        >>> from geomdl.permutation import laplacian_pe
        >>> graph = Graph.from_edge_index(torch.tensor([[0, 1, 1, 2], [1, 0, 2, 1]]))
        >>> values, vectors = laplacian_pe(graph, 2)
        >>> BasisNet(2, 8)(vectors, graph, values).shape
        torch.Size([3, 8])

    Source: Lim et al. 2023, arXiv:2202.13013.
    """

    def __init__(
        self,
        k: int,
        out_channels: int,
        *,
        hidden: int = 16,
        tol: float = 1e-4,
        rng: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        check_counts(k=k, out_channels=out_channels, hidden=hidden)
        self.k, self.tol = k, positive("tol", tol)
        self.phi = perceptron([4, hidden, hidden], rng=rng)
        self.rho = perceptron([k * hidden, hidden, out_channels], rng=rng)
        self.source = {**sources(k), "values": graph_field(k)}
        self.target = node_field(out_channels)

    def forward(self, x: Tensor, graph: Graph, values: Tensor) -> Tensor:
        """Positions.

        Args:
            x: eigenvectors, shape (nodes, k).
            graph: whose these are.
            values: eigenvalues, shape (graphs, k).

        Returns:
            shape (nodes, out_channels).
        """
        check_nodes(x, graph, self.k)
        if values.shape != (graph.num_graphs, self.k):
            raise ValueError(
                f"values: expected shape ({graph.num_graphs}, {self.k}), got {tuple(values.shape)}"
            )
        near = (values.unsqueeze(2) - values.unsqueeze(1)).abs() <= self.tol
        owner = graph.batch_index
        own = torch.where(near.index_select(0, owner), x.unsqueeze(1), 0)  # (nodes, a, b)
        blocks = blocks_of(graph)
        left, right = blocks.spread(own), blocks.spread(x)
        projectors = torch.einsum("giab,gjb->gija", left, right)
        diagonal = blocks.spread(torch.einsum("iab,ib->ia", own, x))
        level = blocks.spread(values.index_select(0, owner))
        parts = torch.broadcast_tensors(
            diagonal.unsqueeze(2), diagonal.unsqueeze(1), projectors, level.unsqueeze(2)
        )
        h = self.phi(torch.stack(parts, -1))  # (blocks, places, places, k, hidden)
        h = torch.where(blocks.together.unsqueeze(3).unsqueeze(4), h, 0).sum(2)
        y: Tensor = self.rho(blocks.gather(h).flatten(1))
        return y
