"""`EquivariantLinear` against the dense solution of the equations of equivariance."""

import re

import pytest
import torch

import geomdl
from geomdl.groups import group
from geomdl.permutation import EquivariantLinear, partitions

F64 = torch.float64
ORDERS = [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (2, 0), (1, 2), (2, 1), (2, 2), (1, 3), (3, 1)]


def matrices(k, l, n, **options):
    """What each partition does, (maps, n^l, n^k), by the layer itself."""
    count = len(partitions(k + l))
    layer = EquivariantLinear(k, l, 1, count, n=n, bias=False, normalize=False, **options).double()
    with torch.no_grad():
        layer.weight.copy_(torch.eye(count)[:, None])
        units = torch.eye(n**k, dtype=F64).view(n**k, *[n] * k, 1)
        return layer(units).view(n**k, n**l, count).permute(2, 1, 0)


def tensors(k, n):
    rep = group(f"S{n}").trivial
    for _ in range(k):
        rep = rep @ group(f"S{n}").standard
    return rep


@pytest.mark.parametrize("n", [2, 3, 4, 5])
@pytest.mark.parametrize(("k", "l"), ORDERS)
def test_the_maps_span_all_that_there_are(k, l, n):
    """Rank, and the projection of the maps on the dense basis, which loses nothing."""
    ours = matrices(k, l, n).flatten(1)
    oracle = geomdl.intertwiners(tensors(k, n), tensors(l, n)).to(F64).flatten(1)
    assert torch.linalg.matrix_rank(ours) == len(oracle)
    assert torch.allclose(ours @ oracle.T @ oracle, ours, atol=1e-10)


def test_bell_numbers():
    found = [int(torch.linalg.matrix_rank(matrices(2, 2, n).flatten(1))) for n in (1, 2, 3, 4, 5)]
    assert found == [1, 8, 14, 15, 15]
    assert len(EquivariantLinear(2, 2, 1, 1).partitions) == 15
    assert len(EquivariantLinear(3, 3, 1, 1).partitions) == 203


def test_every_partition_by_brute_force():
    """y[o] = Σ x[i] over indices that agree in each block, written out."""
    n, k, l = 3, 2, 2
    for maps, partition in zip(matrices(k, l, n), partitions(k + l), strict=True):
        for o in range(n**l):
            for i in range(n**k):
                index = (*divmod(i, n), *divmod(o, n))
                agree = len(set(zip(partition, index, strict=True))) == len(set(partition))
                assert maps[o, i] == float(agree)


@pytest.mark.parametrize(("k", "l"), [(0, 2), (1, 1), (2, 0), (1, 2), (2, 2), (3, 2)])
def test_audit(k, l):
    rng = torch.Generator().manual_seed(0)
    layer = EquivariantLinear(k, l, 2, 3, n=4, rng=rng).double()
    with torch.no_grad():
        layer.bias.normal_(generator=rng)
    x = torch.randn(2, *[4] * k, 2, generator=rng, dtype=F64)
    audit = geomdl.audit(layer, x)
    assert audit.group == "S4"
    assert audit.passed(1e-12), str(audit)


class Skewed(EquivariantLinear):
    """Weighs the second index of the input by its number."""

    def forward(self, x, mask=None):
        return super().forward(x * (1 + torch.arange(x.shape[2])).to(x)[:, None], mask)


class Upper(EquivariantLinear):
    """Adds something above the diagonal alone."""

    def forward(self, x, mask=None):
        y = super().forward(x, mask)
        return y + torch.ones_like(y[..., 0]).triu(1)[..., None]


@pytest.mark.parametrize("bad", [Skewed, Upper])
def test_sabotaged_twins_fail(bad):
    layer = bad(2, 2, 2, 3, n=4, rng=torch.Generator().manual_seed(0)).double()
    x = torch.randn(2, 4, 4, 2, generator=torch.Generator().manual_seed(1), dtype=F64)
    assert not geomdl.audit(layer, x).passed(1e-3)


@pytest.mark.parametrize(("k", "l"), [(0, 2), (1, 2), (2, 1), (2, 2)])
@pytest.mark.parametrize("normalize", [True, False])
def test_a_mask_is_a_smaller_set(k, l, normalize):
    """Padded places change nothing, whatever stands there, and give zeros."""
    rng = torch.Generator().manual_seed(0)
    layer = EquivariantLinear(k, l, 2, 3, normalize=normalize, rng=rng).double()
    with torch.no_grad():
        layer.bias.normal_(generator=rng)
    small = torch.randn(1, *[3] * k, 2, generator=rng, dtype=F64)
    x = small.new_full((1, *[5] * k, 2), torch.nan)
    inner = (slice(None), *[slice(3)] * k)
    x[inner] = small
    if k == 0:
        x = small
    mask = torch.arange(5)[None] < 3
    y = layer(x, mask)
    alone = layer(small, mask[:, :3])
    assert torch.allclose(y[(slice(None), *[slice(3)] * l)], alone, atol=1e-13)
    y[(slice(None), *[slice(3)] * l)] = 0
    assert (y == 0).all()


def test_numbers_do_not_grow_with_the_set():
    sizes = []
    for n in (4, 16, 64):
        rng = torch.Generator().manual_seed(0)
        layer = EquivariantLinear(2, 2, 8, 8, rng=rng)
        sizes.append(float(layer(torch.ones(1, n, n, 8)).detach().std()))
    assert max(sizes) < 1.5 * min(sizes)


def test_an_empty_set_gives_finite_numbers():
    layer = EquivariantLinear(2, 0, 2, 3)
    assert layer(torch.zeros(1, 0, 0, 2)).isfinite().all()
    nobody = torch.zeros(1, 4, dtype=torch.bool)
    assert layer(torch.full((1, 4, 4, 2), torch.nan), nobody).isfinite().all()


@pytest.mark.parametrize(
    ("layer", "arguments", "message"),
    [
        ((2, 2, 3, 1), (torch.zeros(2, 5, 5, 2),), "x: expected shape (batch, 5, 5, 3), got"),
        ((2, 2, 3, 1), (torch.zeros(2, 5, 4, 3),), "x: expected shape (batch, 5, 5, 3), got"),
        ((2, 2, 3, 1), (torch.zeros(5, 3),), "x: expected shape (batch, n, n, 3), got (5, 3)"),
        ((0, 2, 3, 1), (torch.zeros(2, 3),), "mask: expected shape (batch, n), which says n"),
        (
            (1, 1, 3, 1),
            (torch.zeros(2, 5, 3), torch.ones(2, 4, dtype=torch.bool)),
            "mask: expected bool of shape (2, 5)",
        ),
    ],
)
def test_wrong_shapes_are_one_line(layer, arguments, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        EquivariantLinear(*layer)(*arguments)


def test_wrong_orders_are_refused():
    with pytest.raises(ValueError, match="k: expected an integer of at least 0, got -1"):
        EquivariantLinear(-1, 2, 1, 1)


def test_another_type_than_the_weights_is_refused_in_one_line():
    layer = EquivariantLinear(1, 1, 1, 1)
    with pytest.raises(TypeError, match=r"^x: expected torch.float32, .*, got torch.int64 \(take"):
        layer(torch.zeros(2, 5, 1, dtype=torch.int64))
