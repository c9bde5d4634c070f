"""Scattering on graphs: renumbering, frame bounds, the dense formula, batches."""

import itertools

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from geomdl import Graph
from geomdl.registry import LAWS, Example, default
from geomdl.scattering import GraphScattering
from tests.laws.cases import make_case
from tests.laws.laws import check
from tests.scattering.oracle import noise


def random_graph(n, p, seed):
    rng = torch.Generator().manual_seed(seed)
    upper = (torch.rand(n, n, generator=rng) < p).triu(1)
    return Graph.from_edge_index((upper | upper.T).nonzero().T, n)


def dense(graph, J, weight=1.0):
    n = graph.num_nodes
    A = torch.zeros(n, n, dtype=torch.float64)
    A[graph.target.long(), graph.source.long()] = weight
    d = A.sum(1)
    root = torch.where(d > 0, torch.where(d > 0, d, 1).rsqrt(), 0)
    P = 0.5 * (torch.eye(n) + root[:, None] * A * root) + torch.diag(0.5 * (d == 0))
    powers = [torch.eye(n, dtype=torch.float64)] + [
        torch.linalg.matrix_power(P, 2**j) for j in range(J + 1)
    ]
    return [a - b for a, b in itertools.pairwise(powers)], powers[-1]


@pytest.mark.parametrize("p", [0.0, 0.1, 0.5])
def test_against_dense_powers(p):
    graph, x = random_graph(12, p, 0), noise(12, 3)
    psi, phi = dense(graph, 3)
    scattering = GraphScattering(3, 2)
    found = scattering(x, graph)
    for k, path in enumerate(scattering.paths):
        u = x
        for j in path:
            u = (psi[j] @ u).abs()
        assert (found[:, k] - u).abs().max() <= 1e-13
    assert (scattering.lowpass(x, graph) - phi @ x).abs().max() <= 1e-13


@settings(deadline=None, max_examples=20)
@given(st.integers(2, 15), st.floats(0, 1), st.integers(0, 1000), st.integers(0, 4))
def test_frames(n, p, seed, J):
    graph, x = random_graph(n, p, seed), noise(n, 1, seed=seed)
    energy = x.square().sum()
    for frame in ("diffusion", "tight"):
        parts = GraphScattering(J, frame=frame).operators(graph, x)(x)
        share = float(sum(part.square().sum() for part in parts) / energy)
        if frame == "tight":
            assert abs(share - 1) <= 1e-12
        else:
            assert 1 / (J + 2) - 1e-12 <= share <= 1 + 1e-12


@pytest.mark.parametrize("frame", ["diffusion", "tight"])
def test_renumbering(frame):
    graph, x = random_graph(15, 0.3, 1), noise(15, 2)
    perm = torch.randperm(15, generator=torch.Generator().manual_seed(0))
    moved = torch.empty_like(x)
    moved[perm] = x
    scattering = GraphScattering(2, 2, frame=frame)
    one, other = scattering(x, graph), scattering(moved, graph.permute(perm))
    assert (other[perm] - one).abs().max() <= 1e-12
    assert (other - one).abs().max() > 1e-3  # the twin that must fail
    pooled = GraphScattering(2, 2, frame=frame, output="moments")
    assert (pooled(x, graph) - pooled(moved, graph.permute(perm))).abs().max() <= 1e-11
    assert (pooled(x, graph) - pooled(moved, graph)).abs().max() > 1e-3  # the twin that must fail


def test_batches_are_graph_by_graph():
    graphs = [random_graph(n, 0.4, n) for n in (5, 8, 1)]
    xs = [noise(g.num_nodes, 2, seed=g.num_nodes) for g in graphs]
    for frame in ("diffusion", "tight"):
        scattering = GraphScattering(2, 2, frame=frame, output="moments")
        together = scattering(torch.cat(xs), Graph.batch(graphs))
        for k, (x, graph) in enumerate(zip(xs, graphs, strict=True)):
            assert (together[k] - scattering(x, graph)[0]).abs().max() <= 1e-12


def test_roots_are_roots():
    """Of a shuffled batch with weights: twice Ψ is the diffusion, and Ψ ≥ 0."""
    batch = Graph.batch([random_graph(n, 0.5, n) for n in (6, 1, 4)])
    perm = torch.randperm(11, generator=torch.Generator().manual_seed(3))
    graph, x = batch.permute(perm), noise(11, 2)
    both = graph.source.long() * graph.target.long()
    weight = 0.5 + (both % 5) + (graph.source + graph.target) % 3
    tight = GraphScattering(3, frame="tight").operators(graph, x, weight)
    plain = GraphScattering(3).operators(graph, x, weight)(x)
    for k, expected in enumerate(plain):
        once = tight(x)[k]
        assert (tight(once)[k] - expected).abs().max() <= 1e-13
        assert float((once * x).sum()) >= 0
    unweighted = GraphScattering(3).operators(graph, x)(x)
    assert (unweighted[0] - plain[0]).abs().max() > 1e-3


LAYERS = {
    "moments": lambda: GraphScattering(1, output="moments", moments=(1, 2), channels=2),
    "tight": lambda: GraphScattering(1, frame="tight", channels=2),
}


@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize("law", LAWS)
def test_laws(name, law):
    example = Example(LAYERS[name], default.example("scattering/GraphScattering").inputs)
    case = make_case(f"scattering/{name}", default, example)
    if name == "tight" and law in ("compile", "export"):  # as its docstring says
        with pytest.raises(AssertionError, match=f"breaks the law of {law}"):
            check(law, case)
    else:
        check(law, case)


def test_large_graphs_have_no_roots(monkeypatch):
    monkeypatch.setattr("geomdl.scattering.graphs.MOST", 3)
    graphs = [random_graph(n, 0.5, n) for n in (3, 2, 3)]
    GraphScattering(1, frame="tight")(noise(8, 1), Graph.batch(graphs))
    with pytest.raises(ValueError, match=r"at most 3 nodes, got 4; use frame='diffusion'"):
        GraphScattering(1, frame="tight")(noise(4, 1), random_graph(4, 0.5, 0))


@pytest.mark.parametrize("form", ["coo", "csr"])
def test_weights_and_scipy(form):
    import scipy.sparse

    matrix = scipy.sparse.random(10, 10, 0.3, random_state=0)
    matrix = (matrix + matrix.T).asformat(form)
    graph = Graph.from_scipy(matrix)
    x = noise(10, 2)
    scattering = GraphScattering(2)
    weight = torch.as_tensor(matrix.toarray())[graph.source.long(), graph.target.long()]
    found = scattering(x, graph, weight)
    psi, phi = dense(graph, 2, weight)
    for k, path in enumerate(scattering.paths):
        u = x
        for j in path:
            u = (psi[j] @ u).abs()
        assert (found[:, k] - u).abs().max() <= 1e-13
    assert torch.equal(scattering(x, matrix), found)
    assert (scattering.lowpass(x, matrix) - phi @ x).abs().max() <= 1e-13
    plain = scattering(x, graph)
    assert torch.allclose(plain, scattering(x, graph, torch.full((graph.num_edges,), 3.0)))
    assert (plain - found).abs().max() > 1e-3


def test_a_matrix_is_what_it_means_not_how_it_is_stored():
    """Parts of an entry are added; a stored zero is no edge."""
    import scipy.sparse

    rows, columns = [0, 0, 1, 1, 2, 0], [1, 1, 0, 2, 1, 2]
    values = [1.0, 2.0, 3.0, 4.0, 4.0, 0.0]
    stored = scipy.sparse.coo_array((values, (rows, columns)), shape=(3, 3))
    x, scattering = noise(3, 2), GraphScattering(2)
    expected = scattering(x, scipy.sparse.csr_array(stored.toarray()))
    assert (scattering(x, stored) - expected).abs().max() <= 1e-15
    assert stored.nnz == 6  # the caller's own


@pytest.mark.parametrize("frame", ["diffusion", "tight"])
def test_gradients_in_weights(frame):
    graph = random_graph(6, 0.6, 4)
    pairs = graph.to_edge_index().sort(0).values
    _, place = pairs.unique(dim=1, return_inverse=True)
    free = 0.5 + torch.rand(int(place.max()) + 1, generator=torch.Generator().manual_seed(0))
    free = free.double().requires_grad_()
    scattering, x = GraphScattering(1, 1, frame=frame), noise(6, 1)
    torch.autograd.gradcheck(lambda w: scattering(x, graph, w[place]), free)
    torch.autograd.gradgradcheck(lambda w: scattering(x, graph, w[place]), free)


def test_second_derivatives_of_moments_where_nothing_is():
    graph = Graph.from_edge_index(torch.tensor([[0, 1], [1, 0]]), 3)
    x = torch.tensor([[1.0], [2.0], [0.0]], dtype=torch.float64, requires_grad=True)
    y = GraphScattering(1, output="moments", moments=(1, 1.5, 2))(x, graph)
    (slope,) = torch.autograd.grad(y.sum(), x, create_graph=True)
    (curvature,) = torch.autograd.grad(slope.square().sum(), x)
    assert bool(curvature.isfinite().all()) and bool((curvature != 0).any())


def test_gradients():
    graph = random_graph(6, 0.5, 2)
    for frame in ("diffusion", "tight"):
        scattering = GraphScattering(1, 2, frame=frame)
        torch.autograd.gradcheck(lambda x, s=scattering: s(x, graph), noise(6, 1).requires_grad_())


PAIR = Graph.from_edge_index(torch.tensor([[0, 1], [1, 0]]))
TWICE = Graph.from_edge_index(torch.tensor([[0, 0, 1, 1], [1, 1, 0, 0]]))


def on(graph, weight=None, x=None, **options):
    x = noise(getattr(graph, "num_nodes", 2), 1) if x is None else x
    weight = torch.tensor(weight) if isinstance(weight, list) else weight
    return GraphScattering(1, **options)(x, graph, weight)


def test_repeated_edges_may_come_in_any_order():
    assert torch.equal(on(TWICE, [1.0, 2.0, 2.0, 1.0]), on(TWICE, [1.0, 2.0, 1.0, 2.0]))


class Matrix:
    """Of complex numbers."""

    def tocoo(self):
        return torch.ones(1, dtype=torch.complex64).numpy()


REFUSED = {
    r"x: expected shape \(2, channels\), got \(5, 1\)": lambda: on(PAIR, x=noise(5, 1)),
    r"x: expected shape \(2, 3\), got \(2, 1\)": lambda: on(PAIR, channels=3),
    "x: expected a tensor of real floating-point numbers, got ndarray":
        lambda: on(PAIR, x=noise(2, 1).numpy()),
    r"x: expected a tensor of real floating-point numbers, got torch\.int64":
        lambda: on(PAIR, x=torch.ones(2, 1, dtype=torch.int64)),
    r"graph: expected a Graph or a scipy sparse matrix, got ndarray":
        lambda: on(noise(2, 2).numpy()),
    "graph: expected a matrix of real numbers, got complex64": lambda: on(Matrix()),
    "graph: expected with every edge its reverse":
        lambda: on(Graph.from_edge_index(torch.tensor([[0, 1, 0], [1, 0, 1]]))),
    "graph: expected with every edge its reverse, got some without":
        lambda: on(Graph.from_edge_index(torch.tensor([[0, 1], [1, 2]]))),
    r"weight: expected shape \(2,\)": lambda: on(PAIR, [1.0]),
    "weight: expected the same on every edge": lambda: on(PAIR, [1.0, 1.1]),
    "weight: expected the same on every edge and its reverse":
        lambda: on(TWICE, [1.0, 2.0, 2.0, 2.0]),
    "weight: expected finite numbers of at least 0": lambda: on(PAIR, [-1.0, -1.0]),
    "weight: expected finite numbers of at least 0, got others":
        lambda: on(PAIR, [float("nan"), float("nan")]),
    "weight: a scipy matrix holds the weights itself": lambda: on(Matrix(), [1.0]),
    "moments: expected powers": lambda: on(PAIR, moments=(0.5,)),
    "channels: expected an integer of at least 1, got 0": lambda: on(PAIR, channels=0),
}  # fmt: skip


@pytest.mark.parametrize("message", REFUSED)
def test_refusals(message):
    with pytest.raises((TypeError, ValueError), match=message) as caught:
        REFUSED[message]()
    assert "\n" not in str(caught.value)
