"""Irreps, features, linear maps and products of e3nn carried over, with equal outputs."""

import pytest
import torch

import geomdl
from geomdl.euclidean import Gate, blocks, spherical
from geomdl.euclidean.interaction import small_graph
from geomdl.interop import e3nn as bridge

o3 = pytest.importorskip("e3nn.o3", reason="e3nn is not installed")
TOL = {torch.float32: 1e-6, torch.float64: 1e-12}


@pytest.fixture
def double():
    """e3nn rounds its coefficients to the default dtype."""
    torch.set_default_dtype(torch.float64)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        yield
    torch.set_default_dtype(torch.float32)


def uvu(irreps, lmax, target):
    """e3nn's tensor product with every path into irreps that are wanted."""
    harmonics, mid, instructions = o3.Irreps.spherical_harmonics(lmax), [], []
    kept = {ir for _, ir in o3.Irreps(target)}
    for i, (n, a) in enumerate(o3.Irreps(irreps)):
        for j, (_, b) in enumerate(harmonics):
            for to in a * b:
                if to in kept:
                    instructions.append((i, j, len(mid), "uvu", True))
                    mid.append((n, to))
    options = {"shared_weights": False, "internal_weights": False}
    return o3.TensorProduct(irreps, harmonics, o3.Irreps(mid), instructions, **options)


@pytest.mark.parametrize("dtype", TOL)
@pytest.mark.parametrize(
    ("irreps", "lmax", "target"),
    [
        ("4x0e+4x1o+4x2e", 2, "0e+1o+2e"),
        ("4x0e+4x0o+4x1o+4x1e", 3, "0e+0o+1e+1o+2e+2o+3o"),
        ("3x0e+3x1o", 2, "0e+1o+2e+3o"),
        ("2x0e+2x1o+2x2e+2x3o", 3, "0e+1o+2e+3o"),
    ],
)
def test_interaction(irreps, lmax, target, dtype, double):
    theirs, graph = uvu(irreps, lmax, target), small_graph()
    layer, order = bridge.interaction(theirs)
    x = theirs.irreps_in1.randn(graph.num_nodes, -1)
    s = theirs.irreps_in2.randn(graph.num_edges, -1)
    w = torch.randn(graph.num_edges, theirs.weight_numel)
    edges = theirs(x[graph.source.long()], s, w)
    sums = x.new_zeros(graph.num_nodes, edges.shape[1])
    expected = sums.index_add(0, graph.target.long(), edges)
    rows = bridge.from_features(x, layer.source["x"].rep, layer.channels)
    weights = w.unflatten(1, (-1, layer.channels))[:, order]
    found = layer(rows.to(dtype), s.to(dtype), weights.to(dtype), graph)
    copies, slices = {}, theirs.irreps_out.slices()
    for number in order:
        to, columns = theirs.irreps_out[number].ir, expected[:, slices[number]]
        block = next(b for b in blocks(layer.target.rep) if (b.l, b.p) == (to.l, to.p))
        copy = copies[to] = copies.get(to, -1) + 1
        ours = found[:, block.start + copy : block.stop : block.copies]
        wanted = columns.unflatten(1, (layer.channels, to.dim)).transpose(1, 2)
        assert (ours - wanted).abs().max() <= TOL[dtype] * expected.abs().max()
    assert sum(copies.values()) + len(copies) == len(slices)


@pytest.mark.parametrize("dtype", TOL)
def test_linear(dtype, double):
    module = o3.Linear("8x0e+16x1o+8x2e", "4x0e+4x1o+8x2e", biases=True)
    module.bias.data.normal_()
    x = module.irreps_in.randn(5, -1)
    layer = bridge.linear(module).to(dtype)
    expected = module(x)
    found = layer(bridge.from_features(x, layer.source.rep, 8).to(dtype))
    error = (bridge.to_features(found, layer.target.rep) - expected).abs().max()
    assert error <= TOL[dtype] * expected.abs().max()


def test_gate():
    from e3nn.nn import Gate as Theirs

    silu, sigmoid = torch.nn.functional.silu, torch.sigmoid
    theirs = Theirs("4x0e", [silu], "8x0e", [sigmoid], "4x1o+4x2e").double()
    gate = Gate(spherical(2), channels=4).double()
    x = torch.randn(5, 11, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    found = bridge.to_features(gate(x), gate.target.rep)
    expected = theirs(bridge.to_features(x, gate.source.rep))
    # e3nn's constants are those of a Monte Carlo estimate, good to 1e-3
    ratio = found / expected
    for part in (slice(0, 4), slice(4, None)):
        assert ratio[:, part].std() <= 1e-12
        assert (ratio[:, part].mean() - 1).abs() <= 1e-2


def test_refusals():
    with pytest.raises(ValueError, match="irreps: expected multiples of the least multiplicity 4"):
        bridge.from_irreps("4x0e+6x1o")
    with pytest.raises(ValueError, match="module: expected connections 'uvu'"):
        bridge.interaction(o3.FullyConnectedTensorProduct("2x0e", "1x0e", "2x0e"))
    with pytest.raises(ValueError, match="x: last axis should be 18, got 17"):
        bridge.from_features(torch.ones(1, 17), spherical(2), 2)
    with pytest.raises(ValueError, match=r"^module: expected instructions .* got none for 0e$"):
        bridge.linear(o3.Linear("4x1o+4x0e", "4x0e+8x1o", instructions=[(0, 1)]))
    paths = [(0, 0, 0), (1, 1, 0), (0, 1, 1), (1, 0, 1)]
    shared = o3.TensorProduct(
        "4x0e+4x1o",
        "0e+1o",
        "4x0e+4x1o",
        [(*path, "uvu", True) for path in paths],
        shared_weights=False,
        internal_weights=False,
        path_normalization="none",
    )
    with pytest.raises(ValueError, match=r"^module: expected an output for each path"):
        bridge.interaction(shared)


def test_gate_takes_the_constants_along():
    from e3nn.nn import Gate as Theirs

    silu, sigmoid = torch.nn.SiLU(), torch.sigmoid
    theirs = Theirs("4x0e", [silu], "8x0e", [sigmoid], "4x1o+4x2e").double()
    gate = bridge.gate(theirs)
    x = torch.randn(5, 11, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    found = bridge.to_features(gate(x), gate.target.rep)
    expected = theirs(bridge.to_features(x, gate.source.rep))
    assert (found - expected).abs().max() <= 1e-12 * expected.abs().max()
    plain = Gate(spherical(2), channels=4)
    assert (gate(x) - plain(x)).abs().max() > 1e-4 * expected.abs().max()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("4x0o", ["tanh"], "4x0e", ["sigmoid"], "4x1o"), "scalars and gates of 0e, got 4x0o"),
        (("4x0e", ["tanh"], "4x0e", ["sigmoid"], "4x1o"), "silu for scalars, got"),
        (("4x0e", ["silu"], "4x0e", ["tanh"], "4x1o"), "sigmoid for gates, got"),
        (("4x0e", ["silu"], "8x0e", ["sigmoid"], "8x1o"), "4 of each irrep, as of its scalars"),
        (
            ("4x0e", ["silu"], "8x0e", ["sigmoid"], "4x2e+4x1o"),
            "gated irreps each once, in ascending order, without 0o",
        ),
        (
            ("4x0e", ["silu"], "4x0e", ["sigmoid"], "4x0o"),
            "gated irreps each once, in ascending order, without 0o",
        ),
    ],
)
def test_gates_without_an_equal(arguments, message):
    from e3nn.nn import Gate as Theirs

    acts = {"tanh": torch.tanh, "silu": torch.nn.functional.silu, "sigmoid": torch.sigmoid}
    scalars, first, gates, second, gated = arguments
    theirs = Theirs(scalars, [acts[a] for a in first], gates, [acts[a] for a in second], gated)
    with pytest.raises(ValueError, match=f"^module: expected {message}"):
        bridge.gate(theirs)


@pytest.mark.parametrize("scales", [(1.0,), (1.0, float("nan"))])
def test_scales_of_gates_are_two_numbers(scales):
    with pytest.raises(ValueError, match=r"^scales: expected two finite numbers, got "):
        Gate(spherical(1), channels=2, scales=scales)


def test_products_without_weights_are_not_trained():
    paths = [(i, j, k, "uuu", False) for i, j, k in ((0, 0, 0), (1, 1, 0), (0, 1, 1), (1, 0, 1))]
    layer = bridge.tensor_product(o3.TensorProduct("3x0e+3x1o", "3x0e+3x1o", "3x0e+3x1o", paths))
    assert not list(p for p in layer.parameters() if p.requires_grad)
    whole = o3.FullyConnectedTensorProduct("3x0e+3x1o", "2x0e+2x1o", "4x0e+4x1o")
    assert bridge.tensor_product(whole).weight.requires_grad


def test_products_without_an_equal():
    one, two = "3x0e+3x1o", [(0, 0, 0), (1, 1, 0)]
    cases = {
        "connections uuu, uvu or uvw alone, got uvv": o3.TensorProduct(
            "3x0e", "3x0e", "3x0e", [(0, 0, 0, "uvv", True)]
        ),
        "weights of its own; for those of edges see interaction": o3.TensorProduct(
            "3x0e", "0e", "3x0e", [(0, 0, 0, "uvu", True)], internal_weights=False
        ),
        "every path into its irreps once": o3.TensorProduct(
            one, one, one, [(*path, "uuu", True) for path in two] + [(1, 0, 1, "uuu", True)]
        ),
        "every path once, got 0e 0e 0e again": o3.TensorProduct(
            "3x0e", "3x0e", "3x0e", [(0, 0, 0, "uuu", True)] * 2
        ),
    }
    for message, module in cases.items():
        with pytest.raises(ValueError, match=f"^module: expected {message}"):
            bridge.tensor_product(module)
    repeated = o3.FullyConnectedTensorProduct("3x0e+6x1o", "3x0e", "3x0e+3x1o")
    with pytest.raises(ValueError, match=r"^irreps_in1: expected each irrep once"):
        bridge.tensor_product(repeated)


def test_scales_are_saved(tmp_path):
    geomdl.save(Gate(spherical(1), channels=2, scales=(1.5, 1.25)), tmp_path / "g.safetensors")
    found = geomdl.load(tmp_path / "g.safetensors")
    assert (found.of_silu, found.of_sigmoid) == (1.5, 1.25)
