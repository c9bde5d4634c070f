"""Suite `molecules/gwl`: verdicts on differences that are given, cells, and that training runs."""

import math

import pytest
import torch

from geomdl.bench.suites.molecules import gwl
from geomdl.data.lookalikes import chains, incomplete, stars


def expected():
    """Differences as the statements say."""
    found = {}
    for task, row, column in gwl.cells():
        if task == "chains":
            first = {"PaiNN": 3, "MACE, ν = 2": 3, "NequIP": 5, "EGNN": 4, "Equiformer": 4}
            apart = int(column) >= first.get(row, 99)
        elif task == "pairs":
            apart = row == "PaiNN" and column == "2-body"
            apart |= row.startswith("MACE") and int(row[-1]) >= int(column[0])
        else:
            apart = int(row.split()[-1]) >= int(column)
        found[task, row, column] = 1e-3 if apart else 1e-16
    return found


def test_verdicts_hold_on_what_is_expected():
    checks = gwl.checks_of(expected())
    assert len(checks) == 6
    assert all(check.holds for check in checks)


@pytest.mark.parametrize(
    ("key", "check"),
    [
        (("chains", "PaiNN", "2"), "chains, many-body"),
        (("chains", "MACE, ν = 2", "3"), "chains, many-body"),
        (("chains", "NequIP", "4"), "chains, linear"),
        (("chains", "SchNet", "6"), "chains, invariant"),
        (("pairs", "MACE, ν = 3", "3-body"), "pairs, degree"),
        (("pairs", "MACE, ν = 3", "4-body"), "pairs, degree"),
        (("pairs", "EGNN", "2-body"), "pairs, linear"),
        (("stars", "l ≤ 3", "3"), "stars"),
        (("stars", "l ≤ 3", "5"), "stars"),
    ],
)
@pytest.mark.parametrize("nan", [False, True])
def test_one_wrong_cell_is_seen(key, check, nan):
    apart = expected()
    apart[key] = math.nan if nan else (1e-16 if apart[key] > gwl.APART else 1e-3)
    assert [c.name for c in gwl.checks_of(apart) if not c.holds] == [check]


def test_cells():
    assert gwl.cell_of(1e-16, []) == "same"
    assert gwl.cell_of(1e-3, [0.5, 1.0]) == "75 %"
    assert gwl.cell_of(1e-3, []) == "apart"
    assert gwl.cell_of(math.nan, []) == "n/a"


@pytest.mark.parametrize("n", [2, 3])
def test_a_star_of_its_degree_learns_and_one_below_cannot(n):
    inputs = gwl.together(stars(n))
    for degree, told in ((n, True), (n - 1, False)):

        def make(rng, degree=degree):
            return gwl.Star(degree, rng)

        assert (gwl.difference(make, inputs) > gwl.APART) is told
        if told:
            assert gwl.accuracy(make, inputs, 0) == 1.0


def test_both_sets_are_one_batch():
    z, pos, graph = gwl.together(chains(4))
    assert (len(z), pos.shape, graph.num_graphs) == (12, (12, 3), 2)
    pair = incomplete("2-body")
    for name, make in gwl.networks(1).items():
        model = make(torch.Generator().manual_seed(0)).double()
        with torch.no_grad():
            one, other = model(*gwl.together(pair))
            alone = gwl.together(pair._replace(second=pair.first))
            again, twin = model(*alone)
        assert torch.allclose(one, again, rtol=1e-12), name
        assert torch.allclose(again, twin, rtol=1e-12), name
        assert other.isfinite().all()
