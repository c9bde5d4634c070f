"""Interaction and Linear against dense products, and what they refuse."""

import pytest
import torch

from geomdl.euclidean import Interaction, Linear, blocks, spherical
from geomdl.euclidean.interaction import small_graph
from geomdl.euclidean.paths import product
from geomdl.euclidean.spherical import from_blocks
from geomdl.groups import clebsch_gordan, group, intertwiners

F64 = torch.float64


def draw(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=F64)


@pytest.mark.parametrize(
    ("left", "right", "target"),
    [
        (spherical(2), spherical(2), spherical(2)),
        (spherical(1, "both"), spherical(3), None),
        (spherical(2, of="SO3"), spherical(2, of="SO3"), None),
    ],
)
def test_against_dense_products(left, right, target):
    layer, graph, C = Interaction(left, right, target, channels=2).double(), small_graph(), 2
    x, s = draw(7, left.dim, C), draw(graph.num_edges, right.dim, seed=1)
    w = draw(graph.num_edges, layer.paths, C, seed=2)
    expected = torch.zeros(7, layer.components, C, dtype=F64)
    so3, used = group("SO3"), {}
    for number, path in enumerate(product(left, right, target).paths):
        a, b = path.left, path.right
        cg = clebsch_gordan(so3.irrep(a.l), so3.irrep(b.l), so3.irrep(path.l))[0]
        edges = torch.einsum(
            "eiu,ej,ijk,eu->eku",
            x[graph.source.long(), a.start : a.stop],
            s[:, b.start : b.stop],
            cg * (2 * path.l + 1) ** 0.5,
            w[:, number],
        )
        to = next(c for c in blocks(layer.target.rep) if (c.l, c.p) == (path.l, path.p))
        copy = used[path.l, path.p] = used.get((path.l, path.p), -1) + 1
        rows = slice(to.start + copy, to.stop, to.copies)
        expected[:, rows] += torch.zeros(7, *edges.shape[1:], dtype=F64).index_add(
            0, graph.target.long(), edges
        )
    assert expected.abs().max() > 1
    assert (layer(x, s, w, graph) - expected).abs().max() <= 1e-12 * expected.abs().max()


def test_coefficients_are_exact_in_every_dtype():
    layer = Interaction(spherical(2), spherical(2), channels=2)
    before = layer.table[1].clone()
    assert torch.equal(layer.bfloat16().double().table[1], before)
    assert before.dtype == F64


def test_bad_input():
    graph = small_graph()
    with pytest.raises(ValueError, match=r"left: expected each irrep once.*got 2x1o"):
        Interaction(from_blocks([(1, -1, 2)]), spherical(1), channels=1)
    with pytest.raises(ValueError, match="target: no product of the two features holds 2e"):
        Interaction(spherical(0), spherical(1), spherical(2), channels=1)
    with pytest.raises(ValueError, match="right: expected O3, got SO3"):
        Interaction(spherical(1), spherical(1, of="SO3"), channels=1)
    with pytest.raises(ValueError, match="rep: expected a sum of irreps of O3 or SO3, got"):
        Linear(group("D4").regular, channels=1)
    with pytest.raises(ValueError, match=r"channels: expected a positive number, got 0"):
        Interaction(spherical(1), spherical(1), channels=0)
    with pytest.raises(ValueError, match=r"^source: expected degrees up to 6, got 7$"):
        Interaction(spherical(7), spherical(1), channels=16)
    layer = Interaction(spherical(1), spherical(1), channels=2)
    with pytest.raises(ValueError, match=r"w: expected shape \(9, 6, 2\), got \(9, 6, 3\)"):
        layer(torch.ones(7, 4, 2), torch.ones(9, 4), torch.ones(9, 6, 3), graph)


def test_linear_spans_all_intertwiners():
    source, target = from_blocks([(0, 1, 1), (1, -1, 2)]), from_blocks([(0, 1, 2), (1, -1, 1)])
    layer = Linear(source, target, channels=2, out_channels=1, bias=False).double()
    count = sum(w.numel() for w in layer.parameters())
    whole = intertwiners(2 * source, target)
    assert count == whole.shape[0]
    maps = []
    for parameter in layer.parameters():
        parameter.data.zero_()
    for parameter in layer.parameters():
        for entry in range(parameter.numel()):
            parameter.data.view(-1)[entry] = 1
            eye = torch.eye(2 * source.dim, dtype=F64).view(-1, 2, source.dim).transpose(1, 2)
            maps.append(layer(eye.contiguous()).squeeze(-1).T)
            parameter.data.view(-1)[entry] = 0
    together = torch.cat([torch.stack(maps).flatten(1), whole.flatten(1)])
    assert torch.linalg.matrix_rank(together) == count
    assert torch.linalg.matrix_rank(torch.stack(maps).flatten(1)) == count


def test_linear_keeps_variance():
    rng = torch.Generator().manual_seed(1)
    layer = Linear(spherical(2), channels=256, bias=False, rng=rng).double()
    y = layer(draw(64, 9, 256))
    assert (y.square().mean((0, 2)) - 1).abs().max() <= 0.2


def test_every_invariant_has_a_bias_of_its_own():
    target = from_blocks([(0, 1, 1), (1, -1, 1), (0, 1, 1)])
    for source in (from_blocks([(1, -1, 1)]), spherical(1)):
        layer = Linear(source, target, channels=2)
        layer.bias.data.copy_(torch.arange(4.0))
        found = layer(torch.zeros(1, source.dim, 2))[0]
        assert torch.equal(found[[0, 4]], torch.tensor([[0.0, 1.0], [2.0, 3.0]]))
