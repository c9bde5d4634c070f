"""Groups from matrices that are no finite group, whatever their powers, against a null space."""

import math

import pytest
import torch

from geomdl.groups import intertwiners, matrix_group

F64 = torch.float64
C, S = math.cosh(1), math.sinh(1)
INFINITE = {
    "squeeze": [[[0.5, 0], [0, 2.0]]],
    "one stretch": [[[2.0, 0], [0, 1]]],
    "squeeze and swap": [[[0.5, 0], [0, 2.0]], [[0, 1.0], [1, 0]]],
    "cat map": [[[2.0, 1], [1, 1]]],
    "boost": [[[C, S], [S, C]]],
    "shear": [[[1.0, 1], [0, 1]]],
    "contraction": [[[0.5]]],
    "slow": [[[1.01]]],
    "spiral": [[[0.5, -0.5], [0.5, 0.5]]],
}


def dimension(source, target):
    """Of the maps W with target(g) W = W source(g) for all generators, by singular values."""
    one, other = (torch.eye(r.dim, dtype=F64) for r in (source, target))
    rows = [
        torch.kron(target(g), one) - torch.kron(other, source(g).mT.contiguous())
        for g in source.group.generators
    ]
    values = torch.linalg.svdvals(torch.cat(rows))
    return int((values < 1e-9 * values.max().clamp(min=1)).sum())


@pytest.mark.parametrize("name", INFINITE)
def test_powers_that_grow_or_shrink_are_infinitely_many(name):
    G = matrix_group(INFINITE[name], name=name)
    assert G.order is None and not G.compact
    V, one = G.standard, G.trivial
    for source, target in ((V, V), (V, one), (one, V @ V), (V @ V, V)):
        assert len(intertwiners(source, target)) == dimension(source, target)


def test_finite_groups_stay_finite():
    third = [[-0.5, -(3**0.5) / 2], [3**0.5 / 2, -0.5]]
    assert matrix_group([third]).order == 3
    assert matrix_group([third, [[1.0, 0], [0, -1]]]).order == 6
    skewed = torch.tensor([[1.0, 30], [0, 1]], dtype=F64)
    assert (
        matrix_group((skewed @ torch.tensor(third, dtype=F64) @ skewed.inverse())[None]).order == 3
    )
    assert matrix_group(torch.tensor([[[0, -1.0], [1, 0]]])).order == 4, "whole numbers of any type"
    assert matrix_group([[[1e-7, 0], [0, 1e-7]]]).order is None, "small, but invertible"


@pytest.mark.parametrize(
    ("matrices", "error", "message"),
    [
        (
            torch.tensor([[[0.6, -0.8], [0.8, 0.6]]]),
            ValueError,
            r"got torch\.float32; make",
        ),
        (torch.tensor([[[1j, 0], [0, 1]]]), TypeError, r"should be real, got torch\.complex64"),
        ([[[1.0, 1e-7], [0, 1]]], ValueError, "products that look equal are 1e-07 apart"),
        ([[[1.0, 0], [0, 1]], [[1.0, 0], [0, 0]]], ValueError, "invertible, but number 1 is not"),
    ],
)
def test_rounded_complex_and_singular_matrices_are_refused(matrices, error, message):
    with pytest.raises(error, match=rf"^generators: .*{message}"):
        matrix_group(matrices)
    if error is TypeError:
        with pytest.raises(error, match=r"^lie_algebra: should be real"):
            matrix_group(lie_algebra=matrices)
