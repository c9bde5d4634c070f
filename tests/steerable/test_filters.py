"""Filter banks are complete and equivariant, against a slow oracle that shares no code."""

from functools import reduce

import pytest
import torch
from torch import Tensor

import geomdl
from geomdl import Field, Grid, Rep
from geomdl.steerable import filter_basis, tap_representation
from geomdl.steerable.expansion import Expansion

CASES = [
    ("D4", 2, 3, "regular", "regular"),
    ("D4", 2, 3, "trivial", "regular"),
    ("D4", 2, 2, "standard", "regular"),
    ("D4", 2, 3, "standard", "standard"),
    ("D4", 2, 5, "quotient", "standard"),
    ("D4", 2, 3, "quotient", "trivial"),
    ("C4", 2, 4, "regular", "standard"),
    ("C2", 2, 3, "standard", "regular"),
    ("D1", 2, 3, "regular", "regular"),
    ("C1", 2, 2, "trivial", "regular"),
    ("O", 3, 2, "regular", "standard"),
    ("Oh", 3, 3, "standard", "trivial"),
    ("Oh", 3, 3, "standard", "standard"),
]


def representation(group: geomdl.Group, name: str) -> Rep:
    if name == "quotient":
        return group.quotient(group.subgroup(generators=group.elements[-1:]))
    value: Rep = getattr(group, name)
    return value


def kron(a: Tensor, b: Tensor) -> Tensor:
    return torch.kron(a.contiguous(), b.contiguous())


def dense(taps: Rep, r: Rep, s: Rep) -> Tensor:
    """The basis as (n, s.dim, taps * r.dim)."""
    basis = filter_basis(taps, r, s)
    if basis.labels is not None:
        one_hot = torch.nn.functional.one_hot(basis.labels, basis.n).movedim(-1, 0)
        return one_hot.to(torch.float64).flatten(2)
    assert basis.matrices is not None
    return basis.matrices.flatten(2)


@pytest.mark.parametrize("case", CASES, ids=lambda c: "-".join(map(str, c)))
def test_span_is_the_fixed_space_of_the_averaging_projector(
    case: tuple[str, int, int, str, str],
) -> None:
    """K -> mean of s(g) K (P ⊗ r)(g)⁻¹ over the whole group fixes the span, and nothing else."""
    name, d, kernel_size, source, target = case
    G = geomdl.group(name)
    r, s = representation(G, source), representation(G, target)
    taps = tap_representation(Field(Grid(d), G.trivial), kernel_size)
    basis = dense(taps, r, s)
    elements = [G.elements[i] for i in range(G.order)]
    moves = [(s(g), kron(taps(g), r(g)).inverse()) for g in elements]

    moved = [left @ basis @ right for left, right in moves]
    assert max((m - basis).abs().max() for m in moved) <= 1e-12
    assert torch.linalg.matrix_rank(basis.flatten(1)) == len(basis)
    characters = [taps(g).trace() * r(g).trace() * s(g).trace() for g in elements]
    assert len(basis) == pytest.approx(sum(characters).item() / G.order, abs=1e-9)

    any_filter = torch.randn(basis.shape[1:], dtype=torch.float64, generator=torch.Generator())
    mean = reduce(torch.add, (left @ any_filter @ right for left, right in moves)) / G.order
    rest = mean.flatten() - basis.flatten(1).T @ torch.linalg.lstsq(
        basis.flatten(1).T, mean.flatten().unsqueeze(1)
    ).solution.squeeze(1)
    assert rest.abs().max() <= 1e-12


def test_bases_are_orthonormal_or_disjoint_indicators() -> None:
    G = geomdl.group("D4")
    taps = tap_representation(Field(Grid(2), G.trivial), 3)
    basis = dense(taps, G.standard, G.standard).flatten(1)
    assert (basis @ basis.T - torch.eye(len(basis))).abs().max() <= 1e-12
    indicators = dense(taps, G.regular, G.quotient(G.subgroup("C2"))).flatten(1)
    assert torch.equal(indicators.sum(0), torch.ones(indicators.shape[1], dtype=torch.float64))


def test_regular_filters_are_rotated_and_mirrored_copies_of_free_ones() -> None:
    G = geomdl.group("D4")
    image = Field(Grid(2), G.trivial)
    taps = tap_representation(image, 3)
    filters = Expansion(taps, G.trivial, 2 * G.regular, 1.0)
    K = filters.expand().detach().reshape(2, 8, 1, 3, 3)
    assert filters.n == 2 * 9
    for i in range(8):
        # K[g t] from e to g: the channel of g holds the filter of the identity, moved by g
        assert torch.equal(K[:, i], image.act(G.elements[i], K[:, 0]))
    assert len({tuple(k.flatten().tolist()) for k in K[0]}) == 8


def test_dimension_of_c4_regular_is_the_number_of_taps_times_four() -> None:
    G = geomdl.group("C4")
    taps = tap_representation(Field(Grid(2), G.trivial), 3)
    assert filter_basis(taps, G.regular, G.regular).n == 4 * 9


def test_expansion_orders_copies_as_direct_sums_do() -> None:
    G = geomdl.group("D4")
    r, s = 2 * G.standard + G.regular, G.trivial + 3 * G.standard
    filters = Expansion(G.trivial, r, s, 1.0).double()
    W = filters.expand().detach().squeeze(-1)
    assert W.shape == (s.dim, r.dim)
    assert [tuple(b.weight.shape[:2]) for row in filters.rows for b in row] == [
        (1, 2), (1, 1), (3, 2), (3, 1),
    ]  # fmt: skip
    for i in range(8):
        g = G.elements[i]
        assert (s(g) @ W - W @ r(g)).abs().max() <= 1e-12
    assert filters.n == len(geomdl.intertwiners(r, s))


def test_double_restores_the_full_precision_of_the_basis() -> None:
    """A basis cast to float32 and back would be wrong by 1e-8."""
    G = geomdl.group("D4")
    taps = tap_representation(Field(Grid(2), G.trivial), 3)
    filters = Expansion(taps, G.standard, G.standard, 1.0).bfloat16().float().double()
    K = filters.expand().detach().flatten(1)
    for i in range(8):
        g = G.elements[i]
        moved = G.standard(g) @ K.reshape(2, 2, 9).transpose(1, 2).reshape(2, 18)
        moved = moved @ kron(taps(g), G.standard(g)).T
        assert (moved.reshape(2, 9, 2).transpose(1, 2).flatten(1) - K).abs().max() <= 1e-14


def test_the_cache_of_bases_is_out_of_reach_of_modules() -> None:
    G = geomdl.group("D4")
    filters = Expansion(G.trivial, G.standard, G.standard, 1.0).double()
    for buffer in filters.buffers():
        buffer.zero_()
    assert dense(G.trivial, G.standard, G.standard).abs().sum() > 0


def test_bases_are_no_part_of_the_state() -> None:
    G = geomdl.group("D4")
    filters = Expansion(G.trivial, G.standard + G.regular, G.standard + G.regular, 1.0)
    assert list(filters.state_dict()) == [f"blocks.{i}.weight" for i in range(4)]


def test_an_empty_bank_is_refused_and_names_both_representations() -> None:
    G = geomdl.group("D4")
    sign = next(r for r in G.irreps() if r.dim == 1 and r.character(G.generators).prod() == -1)
    with pytest.raises(ValueError, match="target: no equivariant map but zero leads from trivial"):
        Expansion(G.trivial, G.trivial, sign, 1.0)
