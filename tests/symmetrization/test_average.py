"""Averages over groups: against written-out sums and integrals, audited, and sabotaged."""

import copy

import pytest
import torch
from torch import Tensor, nn

import geomdl
from geomdl.fields import Edges, Field, Graph, Grid, Nodes, Vector
from geomdl.groups import elements as el
from geomdl.symmetrization import Orbit, Symmetrized, Weighted, symmetrize
from tests.symmetrization.networks import (
    D4,
    E3,
    IMAGE,
    cnn,
    dense,
    members,
    points,
    randn,
    rows,
    vectors,
)

EXACT = 1e-6  # in float32


class Saboteur(Orbit):
    """An orbit that lacks an element, or takes elements for their inverses."""

    def __init__(self, group, fault: str) -> None:
        super().__init__(group)
        self.fault = fault

    def forward(self, inputs) -> Weighted:
        g, inverses, weights, _ = self.every
        if self.fault == "lacks one":
            kept = torch.arange(1, len(weights))
            n = len(kept)
            return Weighted(el.take(g, kept), el.take(inverses, kept), [1 / n] * n)
        return Weighted(g, g, weights)


@pytest.mark.parametrize("size", [5, 6])
@pytest.mark.parametrize("outputs", ["invariant", "regular", "image"])
def test_images_under_d4(size: int, outputs: str) -> None:
    target = {
        "invariant": Field(Vector(), 8 * D4.trivial),
        "regular": Field(Vector(), D4.regular),
        "image": Field(Grid(2), D4.standard),
    }[outputs]
    f = nn.Conv2d(2, 2, 3, padding=1) if outputs == "image" else cnn(size, 8)
    model = symmetrize(f, D4, source=IMAGE, target=target)
    x = randn(3, 2, size, size)
    assert model.cost == 8
    assert "group=D4, cost=8" in repr(model)
    assert geomdl.audit(model, x).passed()
    assert geomdl.audit(model, x, dtype=torch.float32).error <= EXACT
    assert geomdl.audit(f, x, source=IMAGE, target=target).error > 0.1
    for fault in ("lacks one", "no inverse"):
        twin = Symmetrized(f, Saboteur(D4, fault), IMAGE, target)
        if fault == "lacks one" or outputs != "invariant":  # all g, or all g⁻¹: the same for these
            assert geomdl.audit(twin, x).error > 1e-2


def test_against_a_written_out_sum() -> None:
    """Quarter turns of an image, outputs that turn as vectors of the plane."""
    C4 = geomdl.group("C4")
    f = cnn(5, 2)
    model = symmetrize(
        f, "C4", source=Field(Grid(2), 2 * C4.trivial), target=Field(Vector(), C4.standard)
    )
    x, quarter = randn(2, 2, 5, 5), torch.tensor([[0.0, -1.0], [1.0, 0.0]])
    expected = torch.zeros(2, 2)
    for k in range(4):
        y = f(x.rot90(-k, dims=(-2, -1)))
        expected += y @ torch.linalg.matrix_power(quarter, k).T / 4
    torch.testing.assert_close(model(x), expected)


def test_the_network_is_left_as_it_is() -> None:
    f = cnn(5, 3)
    before = copy.deepcopy(f.state_dict())
    model = symmetrize(f, D4, source=IMAGE, target=Field(Vector(), 3 * D4.trivial))
    assert [id(p) for p in model.parameters()] == [id(p) for p in f.parameters()]
    assert list(model.state_dict()) == [f"f.{key}" for key in before]
    x = randn(2, 2, 5, 5)
    model(x).square().sum().backward()
    gradients = [p.grad.clone() for p in f.parameters()]
    f.zero_grad()
    orbit = [D4_image(k, flip, x) for k in range(4) for flip in (False, True)]
    (torch.stack([f(y) for y in orbit]).mean(0)).square().sum().backward()
    for ours, p in zip(gradients, f.parameters(), strict=True):
        torch.testing.assert_close(ours, p.grad)
    assert all(torch.equal(p, before[key]) for key, p in f.state_dict().items())


def D4_image(k: int, flip: bool, x: Tensor) -> Tensor:  # noqa: N802
    return (x.flip(-1) if flip else x).rot90(k, dims=(-2, -1))


@pytest.mark.parametrize("chunk", [1, 3, 64])
def test_chunks_do_not_matter(chunk: int) -> None:
    target = Field(Vector(), D4.regular)
    model = symmetrize(cnn(5, 8), D4, source=IMAGE, target=target, chunk=chunk)
    whole = symmetrize(cnn(5, 8), D4, source=IMAGE, target=target)
    x = randn(3, 2, 5, 5)
    torch.testing.assert_close(model(x), whole(x))


def test_images_whose_sides_differ() -> None:
    torch.manual_seed(0)
    f = nn.Sequential(nn.Conv2d(2, 3, 3), nn.Tanh(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    model = symmetrize(f, D4, source=IMAGE, target=Field(Vector(), 3 * D4.trivial))
    assert geomdl.audit(model, randn(2, 2, 4, 6)).passed()


@pytest.mark.parametrize("name", ["T", "Oh", "C3 * C2"])
def test_vectors_under_finite_matrix_groups(name: str) -> None:
    G = geomdl.group(name)
    field = vectors(G, 2)
    net = dense(field.rep.dim, field.rep.dim)
    model, x = symmetrize(net, G, source=field, target=field), randn(3, field.rep.dim)
    assert geomdl.audit(model, x).passed()
    assert geomdl.audit(model, x, dtype=torch.float32).error <= EXACT
    assert geomdl.audit(net, x, source=field, target=field).error > 0.1


class Quadratic(nn.Module):
    """Q(x, x) + L x with random coefficients: a polynomial of degree 2."""

    def __init__(self, n: int) -> None:
        super().__init__()
        self.q, self.l = randn(n, n, n, seed=1), randn(n, n, seed=2)

    def forward(self, x: Tensor) -> Tensor:
        q, l = self.q.to(x), self.l.to(x)
        return torch.einsum("ijk,...j,...k->...i", q, x, x) + x @ l.T


@pytest.mark.parametrize("name", ["O3", "SO3", "SO2", "O2 * C2"])
def test_quadrature_is_exact_for_polynomials(name: str) -> None:
    G = geomdl.group(name)
    field = Field(Vector(), 2 * G.standard)
    f, x = Quadratic(field.rep.dim), randn(2, field.rep.dim)
    exact = symmetrize(f, G, source=field, target=field, degree=3)
    assert geomdl.audit(exact, x, samples=8).passed()
    short = symmetrize(f, G, source=field, target=field, degree=2)
    if name == "SO2":  # the rules of the others are of higher degree than asked
        assert geomdl.audit(short, x, samples=8).error > 1e-3


def test_quadrature_against_an_integral() -> None:
    """The mean of ⟨a, x⟩⁴ over rotations is |a|⁴ |x|⁴ / 5."""
    f = nn.Linear(3, 1, bias=False)
    power = nn.Sequential(f, _Power(4))
    SO3 = geomdl.group("SO3")
    model = symmetrize(
        power, SO3, source=vectors(SO3, 1), target=Field(Vector(), SO3.trivial), degree=4
    ).double()
    x = randn(3, 3, dtype=torch.float64)
    expected = f.weight.norm() ** 4 * x.norm(dim=-1, keepdim=True) ** 4 / 5
    torch.testing.assert_close(model(x), expected, rtol=1e-12, atol=0)


class _Power(nn.Module):
    def __init__(self, k: int) -> None:
        super().__init__()
        self.k = k

    def forward(self, x: Tensor) -> Tensor:
        return x**self.k


def test_the_error_falls_with_the_degree() -> None:
    O2 = geomdl.group("O2")
    field, target, f, x = vectors(O2, 3), vectors(O2, 1), dense(6, 2), randn(2, 6)
    errors = [
        geomdl.audit(symmetrize(f, O2, source=field, target=target, degree=d), x, samples=4).error
        for d in (2, 6, 12)
    ]
    assert errors[0] > 4 * errors[1] > 16 * errors[2] > 0


def test_points_under_e3_turn_about_the_centroid() -> None:
    """f of degree 2 in the positions."""
    field = points(E3)
    f = nn.Sequential(nn.Flatten(1), Quadratic(12), nn.Unflatten(1, (4, 3)))
    model = symmetrize(f, E3, source=field, target=field, degree=3)
    assert geomdl.audit(model, randn(2, 4, 3), samples=8).passed()


def test_sets_under_s5() -> None:
    S5 = geomdl.group("S5")
    field, x = members(S5, 2), randn(2, 5, 2)
    f = rows(5, 2, 2)
    model = symmetrize(f, S5, source=field, target=field)
    assert model.cost == 120
    assert geomdl.audit(model, x, samples=4).passed()
    assert geomdl.audit(model, x, samples=4, dtype=torch.float32).error <= EXACT
    assert geomdl.audit(f, x, samples=4, source=field, target=field).error > 0.1


def test_adjacency_matrices_under_s4() -> None:
    S4 = geomdl.group("S4")
    source = Field(Vector(), S4.standard @ S4.standard, shape=(4, 4))
    f = nn.Sequential(nn.Flatten(1), dense(16, 4))
    model = symmetrize(f, S4, source=source, target=Field(Vector(), S4.standard))
    assert geomdl.audit(model, randn(2, 4, 4)).passed()


class OnGraph(nn.Module):
    """Numbers of nodes from all nodes and edges in their order."""

    def __init__(self) -> None:
        super().__init__()
        self.net = dense(4 + 16, 4)

    def forward(self, x: Tensor, graph: Graph, scale: float | None = None) -> Tensor:
        a = x.new_zeros(4, 4).index_put((graph.source.long(), graph.target.long()), x.new_ones(()))
        y = self.net(torch.cat([x.flatten(), a.flatten()]))
        return (y if scale is None else scale * y).unsqueeze(-1)


def test_graphs_under_s4() -> None:
    S4 = geomdl.group("S4")
    node = Field(Nodes(), S4.trivial)
    source = {"x": node, "graph": Field(Edges(), S4.trivial), "scale": None}
    model = symmetrize(OnGraph(), S4, source=source, target=node)
    graph = Graph.from_edge_index(torch.tensor([[0, 1, 1, 2], [1, 0, 2, 3]]), num_nodes=4)
    x = randn(4, 1)
    assert geomdl.audit(model, x, graph, 2.0).passed()
    torch.testing.assert_close(model(x, graph, scale=2.0), 2 * model(x, graph))


def test_sampling_is_equivariant_in_expectation_only() -> None:
    field, x = Field(Vector(), 3 * D4.trivial), randn(2, 2, 5, 5)
    f = cnn(5, 3)
    exact = symmetrize(f, D4, source=IMAGE, target=field)(x)
    model = symmetrize(f, D4, "sample", source=IMAGE, target=field, n=16)
    draws = torch.stack([model(x).detach() for _ in range(40)])
    assert model.cost == 16
    assert geomdl.audit(model, x).error > 1e-2
    assert not torch.equal(draws[0], draws[1])
    spread = draws.std(0) / 40**0.5
    assert bool(((draws.mean(0) - exact).abs() <= 5 * spread).all())


def test_types_that_the_network_states_are_taken() -> None:
    f = cnn(5, 8)
    f.source, f.target = IMAGE, Field(Vector(), D4.regular)
    model = symmetrize(f, "D4")
    assert (model.source, model.target, model.group) == (f.source, f.target, D4)


def test_nan_stays_within_its_sample() -> None:
    model = symmetrize(cnn(5, 8), D4, source=IMAGE, target=Field(Vector(), D4.regular))
    x = randn(2, 2, 5, 5)
    clean = model(x)
    x[0, 0, 0, 0] = torch.nan
    y = model(x)
    assert y[0].isnan().all()
    torch.testing.assert_close(y[1], clean[1])


def test_the_traced_action_has_the_gradient_of_the_action() -> None:
    """Also between pixels."""
    import json

    C8 = geomdl.group("C8")
    field = Field(Grid(2), C8.regular)
    x = randn(1, 8, 5, 5, dtype=torch.float64).requires_grad_()
    op, g = torch.ops.geomdl.act, torch.tensor(3)
    y = op(json.dumps(field.to_config()), [g], x)
    expected = field.act(g, x)
    torch.testing.assert_close(y, expected, rtol=0, atol=0)
    weight = randn(*y.shape, seed=1, dtype=torch.float64)
    ours, theirs = (torch.autograd.grad((z * weight).sum(), x)[0] for z in (y, expected))
    torch.testing.assert_close(ours, theirs, rtol=0, atol=0)


def test_batch_statistics_are_those_of_the_orbit_where_one_call_has_it() -> None:
    """In training mode, each sample moved by an element of its own; a part of the orbit fails."""
    f = nn.Sequential(nn.Flatten(), nn.Linear(50, 8), nn.BatchNorm1d(8), nn.Tanh(), nn.Linear(8, 3))
    x, target = randn(6, 2, 5, 5), Field(Vector(), 3 * D4.trivial)
    moved = geomdl.act(D4.sample(6, torch.Generator().manual_seed(1)), IMAGE, x)
    for chunk, passes in ((8, True), (7, False)):
        model = symmetrize(f, D4, source=IMAGE, target=target, chunk=chunk).train()
        assert ((model(moved) - model(x)).abs().max() <= 1e-6).item() is passes
