"""Haar measure: every matrix entry of a nontrivial irrep has mean zero; finite elements by χ²."""

import math

import pytest
import torch
from scipy import stats

from geomdl.groups.orthogonal import Orthogonal
from geomdl.groups.planar import Cyclic
from geomdl.groups.wigner import so3_generators
from tests.groups.catalog import FINITE, MATRIX, named

N = 4000


def worst_entry(g) -> float:
    """Largest |mean ρ(g)ᵢⱼ| over nontrivial irreps, in standard errors 1/√(dN) · √dim End."""
    sample = g.sample(N, torch.Generator().manual_seed(11))
    worst = 0.0
    for rep in g.irreps(3)[1:]:
        m = rep(sample)
        error = math.sqrt(rep.endomorphism_dim / (rep.dim * N))
        worst = max(worst, float(m.mean(0).abs().max()) / error)
    return worst


@pytest.mark.parametrize("name", ["SO2", "O2", "SO3", "O3", "SU2", "SO2 * C3"])
def test_irreps_have_mean_zero(name):
    assert worst_entry(named(name)) <= 5.0


class FixedAxis(Orthogonal):
    """Rotations about z by the right angles: its characters have the right means."""

    def sample(self, n, rng=None, component=None, rapidity=1.0):
        right = super().sample(n, rng, component)
        angle = torch.acos(((right.diagonal(dim1=1, dim2=2).sum(1) - 1) / 2).clamp(-1, 1))
        return torch.linalg.matrix_exp(angle[:, None, None] * so3_generators(1)[2])


def test_a_fixed_axis_sampler_passes_on_characters_and_fails_on_entries():
    twin = FixedAxis(3, True)
    sample = twin.sample(N, torch.Generator().manual_seed(11))
    characters = [twin.irrep(l).character(sample).mean().abs() for l in (1, 2, 3)]
    assert max(characters) <= 5 / math.sqrt(N)
    assert worst_entry(twin) > 20.0


@pytest.mark.parametrize("name", [n for n in FINITE if named(n).order > 1] + ["cycle of 4"])
def test_finite_elements_are_uniform(name):
    g = named(name)
    counts = g.index(g.sample(50 * g.order, torch.Generator().manual_seed(5)))
    counts = counts.bincount(minlength=g.order)
    assert stats.chisquare(counts.numpy()).pvalue > 1e-4


def test_a_biased_sampler_fails_the_chi_square():
    class Biased(Cyclic):
        def sample(self, n, rng=None, component=None, rapidity=1.0):
            return super().sample(n, rng).clamp(min=1)

    g = Biased(5)
    counts = g.sample(250, torch.Generator().manual_seed(5)).bincount(minlength=5)
    assert stats.chisquare(counts.numpy()).pvalue < 1e-4


def test_words_of_a_compact_matrix_group_approach_haar():
    turns = MATRIX["three rotations"]
    sample = turns.sample(N, torch.Generator().manual_seed(1))
    for l in (1, 2):
        means = named("SO3").irrep(l)(sample).mean(0).abs().max()
        assert means <= 5 / math.sqrt((2 * l + 1) * N)


def test_rapidity_is_the_scale_of_boosts():
    g = named("SO+(1,3)")
    for rapidity in (0.2, 1.0):
        boost = torch.acosh(g.sample(N, rapidity=rapidity)[:, 0, 0].clamp(min=1))
        assert abs(float(boost.square().mean()) / rapidity**2 - 1) <= 0.1


@pytest.mark.parametrize("name", ["C8", "S5", "O3", "SU2", "O(1,3)", "E3", "S3 * O3", "shear"])
def test_samples_are_seeded_and_leave_the_global_state_alone(name):
    g = named(name)
    state = torch.random.get_rng_state()
    a = g.standard(g.sample(5, torch.Generator().manual_seed(3)))
    b = g.standard(g.sample(5, torch.Generator().manual_seed(3)))
    c = g.standard(g.sample(5, torch.Generator().manual_seed(4)))
    assert torch.equal(a, b) and not torch.equal(a, c)
    assert torch.equal(g.standard(g.sample(5)), g.standard(g.sample(5)))
    assert torch.equal(state, torch.random.get_rng_state())
