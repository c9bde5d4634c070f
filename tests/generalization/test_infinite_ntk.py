"""Kernels of infinite width: against random networks of finite width, laws and errors."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from geomdl.fields import Graph
from geomdl.generalization import infinite_ntk
from geomdl.generalization.infinite import (
    AvgPool,
    Conv,
    Dense,
    Flatten,
    GlobalAveragePool,
    GraphConv,
    GraphPool,
    GroupConv,
    GroupPool,
    Nonlinearity,
    Residual,
    Serial,
    aggregation_matrix,
)
from tests.generalization import wide

F64 = torch.float64
W, B = 1.3, 0.4
EDGES = torch.tensor([[0, 1, 1, 2, 2, 3, 0, 4, 5], [1, 0, 2, 1, 3, 2, 2, 5, 4]])
GRAPH = Graph.from_edge_index(EDGES, batch=torch.tensor([0, 0, 0, 0, 1, 1]))


def draw(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=F64)


def perceptron(w, x, m):
    h = torch.erf(wide.dense(w, x, m, W, B))
    h = h @ torch.eye(m, dtype=F64)
    return wide.dense(w, torch.relu(wide.dense(w, h, m, W, B)), 1, W, B)


def residual(w, x, m):
    h = wide.dense(w, x, m, W, B)
    h = h + wide.dense(w, torch.nn.functional.gelu(h), m, W, B)
    return wide.dense(w, torch.sin(h), 1, W, B)


def flat_conv(w, x, m):
    h = torch.relu(wide.conv(w, x, m, W, B, "valid"))
    return wide.dense(w, h.flatten(1), 1, W, B)


def pooled_conv(w, x, m):
    h = torch.relu(wide.conv(w, x, m, W, B, "circular"))
    h = torch.nn.functional.avg_pool2d(wide.conv(w, h, m, W, B, "zeros"), 2)
    return wide.dense(w, torch.relu(h).mean((2, 3)), 1, W, B)


def c4_conv(w, x, m):
    h = torch.relu(wide.lift_c4(w, x, m, W, B, "zeros"))
    h = torch.relu(wide.group_conv_c4(w, h, m, W, B, "zeros"))
    return wide.dense(w, h.mean((1, 3, 4)), 1, W, B)


def c4_flat(w, x, m):
    h = torch.relu(wide.lift_c4(w, x, m, W, B, "circular")).mean(1)
    return wide.dense(w, h.flatten(1), 1, W, B)


def graph_net(w, x, m):
    matrix = aggregation_matrix(GRAPH, "gcn")
    h = torch.relu(wide.dense(w, matrix @ x, m, W, 0) + B * w(m))  # W x + b of no bias, then b
    h = wide.dense(w, matrix @ h, m, W, 0) + B * w(m)
    pooled = torch.stack([h[:4].mean(0), h[4:].mean(0)])
    return wide.dense(w, torch.relu(pooled), 1, W, B)


def graph_residual(w, x, m):
    def heard(h):
        return wide.dense(w, aggregation_matrix(GRAPH, "gin") @ h, m, W, 0) + B * w(m)

    h = heard(x)
    h = h + heard(torch.nn.functional.gelu(h))
    return wide.dense(w, torch.sin(torch.stack([h[:4].sum(0), h[4:].sum(0)])), 1, W, B)


relu = Nonlinearity("relu")
KW = {"w_std": W, "b_std": B}
PAIRS = {
    "perceptron": (
        perceptron,
        [Dense(W, B), Nonlinearity("erf"), Dense(W, B), relu, Dense(W, B)],
        draw(3, 4),
    ),
    "residual": (
        residual,
        [
            Dense(W, B),
            Residual(Nonlinearity("gelu"), Dense(W, B)),
            Nonlinearity("sin"),
            Dense(W, B),
        ],
        draw(3, 4),
    ),
    "convolution": (
        flat_conv,
        [Conv(padding="valid", **KW), relu, Flatten(), Dense(W, B)],
        draw(3, 2, 4, 4),
    ),
    "pooled": (
        pooled_conv,
        [
            *(Conv(padding="circular", **KW), relu, Conv(**KW), AvgPool(2), relu),
            *(GlobalAveragePool(), Dense(W, B)),
        ],
        draw(3, 2, 4, 4),
    ),
    "group": (
        c4_conv,
        [
            *(GroupConv("C4", **KW), relu, GroupConv("C4", **KW), relu),
            *(GlobalAveragePool(), Dense(W, B)),
        ],
        draw(2, 2, 3, 3),
    ),
    "group, flat": (
        c4_flat,
        [GroupConv("C4", padding="circular", **KW), relu, GroupPool(), Flatten(), Dense(W, B)],
        draw(3, 2, 3, 4),
    ),
    "graph, residual": (
        graph_residual,
        [
            GraphConv(GRAPH, "gin", W, B),
            Residual(Nonlinearity("gelu"), GraphConv(GRAPH, "gin", W, B)),
            *(GraphPool(GRAPH, "sum"), Nonlinearity("sin"), Dense(W, B)),
        ],
        draw(6, 3),
    ),
    "graph": (
        graph_net,
        [
            *(GraphConv(GRAPH, "gcn", W, B), relu, GraphConv(GRAPH, "gcn", W, B)),
            *(GraphPool(GRAPH, "mean"), relu, Dense(W, B)),
        ],
        draw(6, 3),
    ),
}


@pytest.mark.parametrize("name", PAIRS)
def test_wide_networks_tend_to_it_as_one_over_the_root_of_the_width(name):
    finite, layers, x = PAIRS[name]
    exact = infinite_ntk(layers, x)
    rng = torch.Generator().manual_seed(1)
    size = float(exact.ntk.norm())
    spread = {}
    small = 4 if "group" in name or name == "pooled" else 16
    for m, draws in ((small, 80), (8 * small, 16 if name == "group" else 50)):
        nngp, ntk = wide.monte_carlo(finite, x, m, draws, rng)
        spread[m] = float((ntk - exact.ntk).square().sum((1, 2)).mean().sqrt()) / size
    assert 2.1 < spread[small] / spread[8 * small] < 3.8  # √8 = 2.8
    # the mean: 5 standard errors, and a bias of order 1/m
    for sample, kernel in ((nngp, exact.nngp), (ntk, exact.ntk)):
        error = sample.std(0) / math.sqrt(draws)
        assert bool(((sample.mean(0) - kernel).abs() <= 5 * error + 2 / m * kernel.abs()).all())


def test_the_formula_of_two_layers():
    """Θ(u) = u κ₀ + κ₁ on the unit sphere."""
    x = torch.nn.functional.normalize(draw(8, 5), dim=1)
    u = (x @ x.T).clamp(-1, 1).fill_diagonal_(1)
    angle = u.acos()
    k0, k1 = (math.pi - angle) / math.pi, (u * (math.pi - angle) + angle.sin()) / math.pi
    found = infinite_ntk([Dense(), relu, Dense(1.0)], x * 5**0.5)
    assert torch.allclose(found.nngp, k1, atol=1e-14)
    assert torch.allclose(found.ntk, u * k0 + k1, atol=1e-8, rtol=0)


def networks():
    c4 = [GroupConv("C4"), relu, GroupConv("C4"), relu, GlobalAveragePool(), Dense(1.0)]
    return {
        "dense": ([Dense(b_std=0.1), relu, Dense()], (4,)),
        "image": ([Conv(), relu, Flatten(), Dense()], (2, 3, 3)),
        "group": (c4, (1, 3, 3)),
        "graph": ([GraphConv(GRAPH), relu, GraphConv(GRAPH)], (6, 2)),
    }


@settings(deadline=None, max_examples=25)
@given(st.sampled_from(sorted(networks())), st.integers(0, 10**6), st.integers(1, 4))
def test_laws(name, seed, n):
    """Symmetric, positive semi-definite, and samples may be renumbered or be repeated."""
    network, shape = networks()[name]
    x = draw(n, *shape, seed=seed)
    x = torch.cat([x, x[:1]])
    found = infinite_ntk(network, x)
    for kernel in (found.nngp, found.ntk):
        turned = kernel.permute(1, 0, 3, 2) if kernel.ndim == 4 else kernel.T
        assert torch.equal(kernel, turned)
    trace = float(found.ntk.diagonal().sum())
    assert found.least_eigenvalue >= -1e-8 * trace
    assert torch.allclose(found.ntk[0], found.ntk[n], atol=1e-7)
    perm = torch.randperm(n + 1, generator=torch.Generator().manual_seed(seed))
    again = infinite_ntk(network, x[perm])
    assert torch.allclose(again.ntk, found.ntk[perm][:, perm], atol=1e-12)
    part = infinite_ntk(network, x, x[:1])
    assert math.isnan(part.least_eigenvalue)
    assert torch.allclose(part.ntk, found.ntk[:, :1], atol=1e-7)


def test_blocks_of_samples_join(monkeypatch):
    network, shape = networks()["image"]
    x, y = draw(5, *shape), draw(4, *shape, seed=1)
    whole, both = infinite_ntk(network, x), infinite_ntk(network, x, y)
    monkeypatch.setattr("geomdl.generalization.infinite.ntk._ENTRIES", 4 * 81)  # two by two
    assert torch.allclose(infinite_ntk(network, x).ntk, whole.ntk, atol=1e-14)
    assert torch.allclose(infinite_ntk(network, x, y).ntk, both.ntk, atol=1e-14)


def test_float32_is_computed_in_float64():
    x = draw(3, 4).float()
    network = networks()["dense"][0]
    found = infinite_ntk(network, x)
    assert found.ntk.dtype == F64
    assert torch.equal(found.ntk, infinite_ntk(network, x.double()).ntk)


def test_zero_inputs_have_no_kernel_without_biases():
    x = torch.zeros(2, 1, 3, 3, dtype=F64)
    x[0] = draw(1, 3, 3)
    found = infinite_ntk([Conv(), relu, Conv(), relu, Flatten(), Dense()], x)
    assert float(found.ntk[1].abs().max()) == 0
    assert bool(found.ntk.isfinite().all())


def test_a_kernel_that_is_not_positive_is_reported(monkeypatch):
    import geomdl.generalization.infinite.layers as layers

    def broken(name, a, b, c):
        return -(a * b).sqrt() * (a != b), torch.zeros_like(c)

    monkeypatch.setattr(layers, "gaussian_moments", broken)
    with pytest.warns(RuntimeWarning, match="infinite_ntk: least eigenvalue -"):
        infinite_ntk([Dense(), relu, Dense()], draw(3, 4))


IMAGE = draw(2, 1, 4, 4)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: infinite_ntk([], IMAGE), "Serial: expected at least one layer, got none"),
        (lambda: infinite_ntk([Dense(), relu], draw(2, 3)), "network: expected weights at its end"),
        (lambda: infinite_ntk([relu, Dense()], draw(2, 3)), "should follow a layer with weights"),
        (
            lambda: infinite_ntk([Conv(), Flatten(), relu, Dense()], IMAGE),
            "should follow a layer with weights",
        ),
        (lambda: infinite_ntk([Dense()], draw(2, 3) * math.nan), "x1: expected finite numbers"),
        (lambda: infinite_ntk([Dense()], draw(0, 3)), "x1: expected vectors or images with 2 or 4"),
        (lambda: infinite_ntk([Dense()], draw(2, 3), draw(2, 4)), "x2: expected samples of shape"),
        (lambda: infinite_ntk([Conv()], draw(2, 3)), "network: Conv takes images, got vectors"),
        (
            lambda: infinite_ntk([GroupConv("C4"), Conv()], IMAGE),
            "network: Conv takes plain images, got pixels 4×4 of C4; use GroupConv",
        ),
        (
            lambda: infinite_ntk([GroupConv("C4"), GroupConv("D4")], IMAGE),
            "group: expected C4 as before, got D4",
        ),
        (lambda: infinite_ntk([GroupPool()], IMAGE), "GroupPool takes lifted images"),
        (lambda: GroupConv("C8"), "group: expected one that maps pixels to pixels, as C4 or D4"),
        (lambda: Conv(kernel_size=2), "kernel_size: expected an odd number, got 2"),
        (lambda: Conv(padding="same"), "padding: expected one of zeros, circular, valid"),
        (lambda: Dense(-1.0), "w_std: expected a number of at least 0, got -1.0"),
        (lambda: Dense(b_std=math.nan), "b_std: expected a number of at least 0, got nan"),
        (lambda: Residual(Dense(), relu), "Residual: expected a branch ending with weights"),
        (
            lambda: infinite_ntk([Residual(Conv(padding="valid"))], IMAGE),
            "Residual: expected a branch to pixels 4×4, got one to pixels 2×2",
        ),
        (lambda: infinite_ntk([AvgPool(3)], IMAGE), "size: expected images that 3 divides"),
        (
            lambda: infinite_ntk([GraphConv(GRAPH)], draw(5, 2)),
            "network: GraphConv of a graph with 6 nodes got 5 nodes",
        ),
        (lambda: GraphConv(GRAPH, "max"), "aggregation: expected one of gcn, gin, mean, sum"),
        (lambda: GraphPool(GRAPH, "max"), "readout: expected one of mean, sum"),
    ],
)
def test_bad_input_is_refused_in_one_line(call, message):
    with pytest.raises(ValueError, match=f"^(network: .*)?{message}") as caught:
        call()
    assert "\n" not in str(caught.value)


def test_wrong_types_are_refused():
    with pytest.raises(TypeError, match=r"^Serial: expected layers of .*, got Linear$"):
        Serial(torch.nn.Linear(2, 2))
    with pytest.raises(
        TypeError, match=r"^network: expected layers of infinite width, got Linear$"
    ):
        infinite_ntk(torch.nn.Linear(3, 2), draw(2, 3))
    with pytest.raises(TypeError, match=r"^x1: expected a tensor of real numbers, got list$"):
        infinite_ntk([Dense()], [[1.0]])
    with pytest.raises(TypeError, match=r"^graph: expected a Graph, got Tensor$"):
        GraphConv(EDGES)
    with pytest.raises(TypeError, match=r"^group: expected a Group or its name, got int$"):
        GroupConv(4)
