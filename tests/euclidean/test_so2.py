"""Messages in the frames of edges: against harmonics, at the poles, and what is sabotaged."""

import pytest
import torch

import geomdl
from geomdl.euclidean import (
    Convolution,
    Interaction,
    SO2Conv,
    SO2Interaction,
    TensorProduct,
    blocks,
    spherical,
    spherical_harmonics,
)
from geomdl.euclidean.alignment import Alignment, Rows
from geomdl.euclidean.convolution import InFrames
from geomdl.euclidean.interaction import small_graph
from geomdl.euclidean.paths import summed_product
from geomdl.fields import Graph

F64 = torch.float64
POLES = torch.tensor([[0.0, 1, 0], [0, -1, 0], [1, 0, 0], [0, 0, 0], [2, -1e-9, 1]], dtype=F64)
KINDS = [
    (spherical(2), spherical(2)),
    (spherical(1, "both"), spherical(2, "both")),
    (spherical(3, "both"), spherical(1)),
    (spherical(2, of="SO3"), spherical(3, of="SO3")),
]


def draw(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=F64)


def vectors():
    return torch.cat([POLES, draw(4, 3, seed=3)])


def summed(layer, y):
    """Paths into an irrep added up."""
    kept = blocks(layer.target.rep)
    pieces = y.split([b.stop - b.start for b in kept], 1)
    return torch.cat(
        [p.unflatten(1, (-1, b.copies)).sum(2) for p, b in zip(pieces, kept, strict=True)], 1
    )


@pytest.mark.parametrize("l", range(7))
def test_the_harmonics_of_aligned_vectors_are_of_order_0(l):
    v = draw(50, 3)
    d = Alignment([Rows(l, False, l)])(torch.cat([v, POLES[:3]]))[0]
    y = spherical_harmonics(torch.cat([v, POLES[:3]]), l)[:, l * l :]
    found = torch.einsum("eij,ej->ei", d, y)
    expected = torch.zeros(2 * l + 1, dtype=F64)
    expected[l] = (2 * l + 1) ** 0.5
    assert (found - expected).abs().max() <= 1e-12
    assert (d @ d.mT - torch.eye(2 * l + 1, dtype=F64)).abs().max() <= 1e-12
    assert not (found.roll(1, 0) - y).abs().max() <= 1e-3 or l == 0
    assert not Alignment([Rows(l, False, l)])(POLES[3:4])[0].any()


@pytest.mark.parametrize("kind", range(len(KINDS)))
def test_all_paths_are_all_maps(kind):
    """As many weights as paths, one to one, and the same sums."""
    source, target = KINDS[kind]
    lmax = max(b.l for b in blocks(source)) + max(b.l for b in blocks(target))
    edge = spherical(lmax, of=source.group)
    reference, graph = Interaction(source, edge, target, channels=2), small_graph()
    layer = InFrames(summed_product(source, edge, target), source, target, 2)
    assert reference.paths == layer.layer.weights
    table = layer.converted(draw(1, 3), torch.eye(reference.paths, dtype=F64)[None])[0]
    assert torch.linalg.matrix_rank(table) == reference.paths
    x, v, w = draw(7, source.dim, 2), vectors(), draw(9, reference.paths, 2, seed=2)
    expected = summed(reference, reference(x, spherical_harmonics(v, lmax), w, graph))
    assert expected.abs().max() > 1
    assert (layer(x, v, w, graph) - expected).abs().max() <= 1e-12 * expected.abs().max()
    sabotaged = layer(x, v, w.flip(1), graph)
    assert not (sabotaged - expected).abs().max() <= 1e-3 * expected.abs().max()


@pytest.mark.parametrize("kind", range(len(KINDS)))
def test_both_ways_agree_with_their_derivatives(kind):
    source, target = KINDS[kind]
    graph, found = small_graph(), {}
    for path in ("fused", "so2"):
        layer = Convolution(source, target, lmax=2, channels=2, path=path)
        assert layer.choice.path == path and f"path='{path}'" in repr(layer)
        sizes = (7, source.dim, 2), (9, layer.paths, 2)
        leaves = [draw(*sizes[0]), vectors(), draw(*sizes[1], seed=1)]
        leaves = [t.requires_grad_() for t in leaves]
        y = layer(*leaves, graph)
        first = torch.autograd.grad(y.pow(3).sum(), leaves, create_graph=True)
        second = torch.autograd.grad(sum(g.pow(3).sum() for g in first), leaves)
        found[path] = [y, *first, *second]
    for ours, theirs in zip(found["so2"], found["fused"], strict=True):
        assert theirs.abs().max() > 0.1
        assert (ours - theirs).abs().max() <= 1e-11 * theirs.abs().max()


@pytest.mark.parametrize("v", [POLES[0], POLES[1], POLES[2]], ids=["+y", "-y", "x"])
def test_derivatives_at_the_poles_are_those_of_differences(v):
    source = spherical(2)
    layer = SO2Interaction(source, source, channels=1)
    graph = Graph.from_edge_index(torch.tensor([[0], [1]]))
    x, w = draw(2, 9, 1), draw(1, layer.weights, 1, seed=1)
    assert torch.autograd.gradcheck(lambda v: layer(x, v, w, graph), v[None].requires_grad_())
    assert torch.autograd.gradgradcheck(lambda v: layer(x, v, w, graph), v[None].requires_grad_())
    d = layer.frames.alignment
    across = torch.tensor([[0.0, 1e-6, 0]], dtype=F64)
    jump = d(POLES[2:3] + across)[1] - d(POLES[2:3] - across)[1]
    assert jump.abs().max() > 0.1  # the frame itself is not smooth at the equator


@pytest.mark.parametrize("mmax", [0, 1, 2])
def test_few_orders_are_as_equivariant(mmax):
    source, target = spherical(3, "both"), spherical(2, "both")
    layer = SO2Conv(source, target, channels=2, mmax=mmax).double()
    args = draw(7, source.dim, 2), draw(9, 3), draw(9, layer.inputs, 2), small_graph()
    assert layer(*args).abs().max() > 0.1
    assert geomdl.audit(layer, *args).passed(1e-11)


def test_the_published_layer_is_not_equivariant_under_reflections():
    """A and B both, as under SO(3), with features of O(3): rotations pass, reflections fail."""
    source = spherical(2, of="SO3")
    layer = SO2Conv(source, channels=2).double()
    args = draw(7, 9, 2), draw(9, 3), draw(9, layer.inputs, 2), small_graph()
    assert geomdl.audit(layer, *args).passed(1e-11)
    mirrored = SO2Conv(spherical(2), channels=2)
    layer.source = mirrored.source | {"w": layer.source["w"]}
    layer.target = mirrored.target
    one = geomdl.group("O3").trivial
    layer.source["w"] = geomdl.Field(
        geomdl.Vector(), layer.inputs * 2 * one, shape=(layer.inputs, 2)
    )
    assert not geomdl.audit(layer, *args).passed(1e-3)


def test_mixing_covers_the_fully_connected_product():
    """Messages of one edge, for all features: a space of the same dimension holds both."""
    source = spherical(2)
    graph = Graph.from_edge_index(torch.tensor([[0], [1]]))
    v, eye = draw(1, 3), torch.eye(9, dtype=F64)
    layer = SO2Conv(source, channels=1).double()
    x = torch.zeros(9, 2, 9, 1, dtype=F64)
    x[:, 0, :, 0] = eye
    maps = []
    for matrix in layer.matrices:
        matrix.data.zero_()
    for matrix in layer.matrices:
        for entry in range(matrix.numel()):
            matrix.data.view(-1)[entry] = 1
            w = torch.ones(1, layer.inputs, 1, dtype=F64)
            maps.append(torch.stack([layer(one, v, w, graph)[1, :, 0] for one in x]))
            matrix.data.view(-1)[entry] = 0
    product = TensorProduct(
        source, spherical(4), source, channels=1, right_channels=1, connections="uvw"
    ).double()
    y = spherical_harmonics(v, 4)[:, :, None].expand(9, -1, -1)
    theirs = []
    for path in range(len(product.weight)):
        product.weight.data.zero_()
        product.weight.data[path] = 1
        theirs.append(product(eye[:, :, None], y)[:, :, 0].detach())
    ours, theirs = (torch.stack(some).flatten(1) for some in (maps, theirs))
    rank = torch.linalg.matrix_rank(ours)
    assert rank == len(maps) == torch.linalg.matrix_rank(theirs)
    assert torch.linalg.matrix_rank(torch.cat([ours, theirs])) == rank
    without = torch.linalg.matrix_rank(torch.cat([ours[:-1], theirs]))
    assert without == rank and torch.linalg.matrix_rank(ours[:-1]) == rank - 1


def test_the_choice_is_measured_or_not(monkeypatch):
    source = spherical(1)
    monkeypatch.setenv("GEOMDL_MEASURE", "0")
    layer = Convolution(source, source, lmax=1, channels=16)
    assert layer.choice.path == "fused" and not layer.choice.seconds
    monkeypatch.delenv("GEOMDL_MEASURE")
    layer = Convolution(source, source, lmax=1, channels=16)
    seconds = layer.choice.seconds
    assert set(seconds) == {"fused", "so2"}
    assert layer.choice.path == min(seconds, key=seconds.get)
    args = [torch.randn(7, 4, 16), torch.randn(9, 3), torch.randn(9, layer.paths, 16)]
    before = layer(*args, small_graph())
    choice = layer.tune(*args, small_graph())
    assert layer.choice is choice and choice.path == min(choice.seconds, key=choice.seconds.get)
    assert (layer(*args, small_graph()) - before).abs().max() <= 1e-5 * before.abs().max()


def test_the_frames_compile_and_export():
    source = spherical(2)
    layer, graph = Convolution(source, source, lmax=2, channels=2, path="so2"), small_graph()
    args = torch.randn(7, 9, 2), torch.randn(9, 3), torch.randn(9, layer.paths, 2), graph
    expected = layer(*args)
    found = torch.compile(layer, fullgraph=True, backend="aot_eager")(*args)
    assert expected.abs().max() > 0.1
    assert (found - expected).abs().max() <= 1e-5 * expected.abs().max()
    exported = torch.export.export(layer, args).module()
    assert (exported(*args) - expected).abs().max() <= 1e-5 * expected.abs().max()


def test_refusals():
    with pytest.raises(ValueError, match="path: expected 'auto', 'fused' or 'so2', got 'gaunt'"):
        Convolution(spherical(1), spherical(1), lmax=1, path="gaunt")
    with pytest.raises(ValueError, match="target: no product of the two features holds 0o"):
        SO2Conv(spherical(0), spherical(0, "both"), channels=1)
    with pytest.raises(ValueError, match="target: expected O3, got SO3"):
        SO2Interaction(spherical(1), spherical(1, of="SO3"))
    with pytest.raises(ValueError, match="mmax: expected a whole number of at least 0, got -1"):
        SO2Conv(spherical(1), channels=1, mmax=-1)
    with pytest.raises(ValueError, match="source: expected degrees up to 6, got 7"):
        SO2Interaction(spherical(7), spherical(1))
    with pytest.raises(ValueError, match=r"channels: expected a positive number, got 0"):
        SO2Interaction(spherical(1), spherical(1), channels=0)
    layer = SO2Interaction(spherical(1), spherical(1))
    with pytest.raises(ValueError, match=r"v: expected shape \(9, 3\), got \(9, 4\)"):
        layer(torch.ones(7, 4, 1), torch.ones(9, 4), torch.ones(9, 5, 1), small_graph())
