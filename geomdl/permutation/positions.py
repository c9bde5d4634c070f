"""Where a node is in its graph: eigenvectors of the Laplacian, and returns of a random walk."""

from typing import Literal, NamedTuple

import torch
from torch import Tensor

from geomdl.fields import Graph
from geomdl.fields.numbers import at_least
from geomdl.permutation.aggregate import neighbor_sum

CHUNK = 256  # walks that are followed at once


class Spectrum(NamedTuple):
    """Eigenvalues (graphs, k) and eigenvectors (nodes, k), the least first."""

    values: Tensor
    vectors: Tensor


def laplacian_pe(
    graph: Graph,
    k: int,
    *,
    normalization: Literal["sym", "none"] = "sym",
    whole: bool = False,
    tol: float = 1e-6,
    rng: torch.Generator | None = None,
    dtype: torch.dtype | None = None,
) -> Spectrum:
    """The k least eigenvalues of each graph's Laplacian, and eigenvectors of length one.

    L = 1 - D^(-1/2) A D^(-1/2) ("sym") or D - A ("none"); the rows of isolated nodes are 0, so that
    0 is an eigenvalue once for each component. Loops count in A, repeated edges as often as they
    are there. *Exact* up to rounding, computed in float64, densely: graphs of n nodes need n²
    numbers. A graph of less than k nodes has zeros for what it lacks.

    Vectors are no function of the graph: each may as well be its negative, and those of one
    eigenvalue may be rotated into each other. `SignNet` and `BasisNet` undo it. What they span
    moves with the nodes.

    Args:
        graph: undirected: with every edge its reverse.
        k: how many, the constant one included.
        normalization: of L, "sym" or "none".
        whole: whether to leave zeros in the place of an eigenspace that k would cut, which is no
            function of the graph whatever its basis.
        tol: by which eigenvalues of one space differ at most.
        rng: by which signs are drawn, as to train without regard for them; None for those that the
            solver finds.
        dtype: of the result; the default one if None.

    Raises:
        ValueError: an edge lacks its reverse, or an impossible argument.

    Example:
        >>> pair = Graph.from_edge_index(torch.tensor([[0, 1], [1, 0]]))
        >>> laplacian_pe(pair, 2).values
        tensor([[0., 2.]])

    Source: Dwivedi et al. 2023, arXiv:2003.00982.
    """
    k = at_least("k", k, 1)
    if normalization not in ("sym", "none"):
        raise ValueError(f"normalization: expected 'sym' or 'none', got {normalization!r}")
    device = graph.device
    values = torch.zeros(graph.num_graphs, k, dtype=torch.float64, device=device)
    vectors = torch.zeros(graph.num_nodes, k, dtype=torch.float64, device=device)
    sizes = graph.ptr.diff()
    first = graph.ptr[:-1].long()
    place = torch.empty_like(first.new_empty(graph.num_nodes))  # in its graph
    order = graph.node_perm.long()
    owner = graph.batch_index.long()
    place[order] = torch.arange(graph.num_nodes, device=device) - first[owner[order]]
    for size in sizes.unique().tolist():
        if not size:
            continue
        graphs = (sizes == size).nonzero().flatten()
        slot = torch.full_like(first, -1)
        slot[graphs] = torch.arange(len(graphs), device=device)
        at, to = graph.source.long(), graph.target.long()
        of = slot[owner[at]]
        at, to, of = at[of >= 0], to[of >= 0], of[of >= 0]
        dense = torch.zeros(len(graphs), size, size, dtype=torch.float64, device=device)
        ones = torch.ones(len(at), dtype=torch.float64, device=device)
        dense.index_put_((of, place[at], place[to]), ones, accumulate=True)
        if not torch.equal(dense, dense.mT):
            raise ValueError("graph: expected with every edge its reverse, got some without")
        degree = dense.sum(2)
        if normalization == "sym":
            scale = torch.where(degree > 0, degree.clamp(min=1).rsqrt(), 0)
            dense = scale.unsqueeze(1) * dense * scale.unsqueeze(2)
            degree = (degree > 0).to(degree.dtype)
        found, basis = torch.linalg.eigh(torch.diag_embed(degree) - dense)
        kept = min(k, size)
        if whole and kept < size:
            cut = (found[:, :kept] - found[:, kept : kept + 1]).abs() <= tol
            cut = _linked(cut, found[:, :kept], tol).unsqueeze(1)
            basis = torch.where(cut, 0, basis[:, :, :kept])
        values[graphs, :kept] = found[:, :kept]
        nodes = order[first[graphs].unsqueeze(1) + torch.arange(size, device=device)]
        vectors[nodes.flatten(), :kept] = basis[:, :, :kept].flatten(0, 1)
    # rounding about 0 and about what is the same
    values = torch.where(values.abs() < tol, 0.0, values)
    if rng is not None:
        signs = torch.randint(0, 2, values.shape, generator=rng).to(device) * 2 - 1
        vectors = vectors * signs[owner]
    dtype = torch.get_default_dtype() if dtype is None else dtype
    return Spectrum(values.to(dtype), vectors.to(dtype))


def _linked(cut: Tensor, values: Tensor, tol: float) -> Tensor:
    """What is cut, and what is in one eigenspace with it by steps of at most tol."""
    cut = cut.clone()
    for place in range(values.shape[1] - 2, -1, -1):
        near = (values[:, place + 1] - values[:, place]).abs() <= tol
        cut[:, place] |= cut[:, place + 1] & near
    return cut


def random_walk_pe(graph: Graph, steps: int, dtype: torch.dtype | None = None) -> Tensor:
    """Probability that a walk from each node is back after 1, 2, …, `steps` steps: (P^t)_ii.

    From j the walk takes each edge that leaves j with the same probability; where none does it
    ends. A function of the graph, *exact* up to rounding, equal on nodes that a symmetry exchanges.
    Time grows with edges × nodes of the largest graph × steps; memory with nodes.

    Args:
        graph: directed or not; repeated edges count as often as they are there.
        steps: how many.
        dtype: of the result; the default one if None.

    Returns:
        shape (nodes, steps).

    Example:
        >>> pair = Graph.from_edge_index(torch.tensor([[0, 1], [1, 0]]))
        >>> random_walk_pe(pair, 3).tolist()
        [[0.0, 1.0, 0.0], [0.0, 1.0, 0.0]]

    Source: Dwivedi et al. 2022, arXiv:2110.07875.
    """
    steps = at_least("steps", steps, 1)
    dtype = torch.get_default_dtype() if dtype is None else dtype
    nodes, device = graph.num_nodes, graph.device
    found = torch.zeros(nodes, steps, dtype=torch.float64, device=device)
    order, owner = graph.node_perm.long(), graph.batch_index.long()
    place = torch.empty_like(order)
    place[order] = torch.arange(nodes, device=device) - graph.ptr.long()[owner[order]]
    share = 1 / graph.out_degree.clamp(min=1).double().unsqueeze(1)
    for start in range(0, int(place.max()) + 1 if nodes else 0, CHUNK):
        walkers = ((place >= start) & (place < start + CHUNK)).nonzero().flatten()
        column = place[walkers] - start
        x = torch.zeros(nodes, int(column.max()) + 1, dtype=torch.float64, device=device)
        x[walkers, column] = 1
        for step in range(steps):
            x = neighbor_sum(x * share, graph)
            found[walkers, step] = x[walkers, column]
    return found.to(dtype)
