"""Harmonics move with their values, under any orthogonal action."""

import pytest
import torch

import geomdl
from geomdl.groups import Rep, from_config, harmonic_values, harmonics, intertwiners
from geomdl.groups.planar import mirrored, planar_det

ACTIONS = {
    **{name: lambda G: G.standard for name in ("C8", "D6", "SO2", "O2", "I", "Td", "SO3", "O3")},
    "C5": lambda G: G.standard + G.trivial,  # about an axis of space
    "C4": lambda G: G.irrep(2) + G.irrep(1),
    "C2": lambda G: G.irrep(1),
}


def draw(action: Rep) -> tuple[torch.Tensor, torch.Tensor]:
    rng = torch.Generator().manual_seed(0)
    x = torch.randn(7, action.dim, generator=rng, dtype=torch.float64)
    return action.group.sample(5, rng), x


def gap(action: Rep, rep: Rep, l: int) -> float:
    """Largest |Y(g x) − D(g) Y(x)|."""
    g, x = draw(action)
    moved = harmonic_values(torch.einsum("gij,nj->gni", action(g), x), l)
    turned = torch.einsum("gij,nj->gni", rep(g), harmonic_values(x, l))
    return float((moved - turned).abs().max())


@pytest.mark.parametrize("l", range(5))
@pytest.mark.parametrize("name", ACTIONS)
def test_values_move_by_the_representation(name: str, l: int) -> None:
    action = ACTIONS[name](geomdl.group(name))
    if action.dim == 1 and l > 1:
        with pytest.raises(ValueError, match=r"^l: there are no harmonics of degree"):
            harmonics(action, l)
        return
    rep = harmonics(action, l)
    assert gap(action, rep, l) <= 1e-12
    assert rep.is_orthogonal
    assert from_config(rep.to_config()) == rep
    norms = harmonic_values(draw(action)[1], l).norm(dim=-1)
    assert (norms - 1).abs().max() <= 1e-12


def test_another_degree_or_way_round_is_seen() -> None:
    action = geomdl.group("SO2").standard
    assert gap(action, harmonics(action, 3), 2) > 0.1
    space = geomdl.group("SO3").standard
    g, x = draw(space)
    back = harmonics(space, 2)(space.group.inverse(g))
    moved = harmonic_values(torch.einsum("gij,nj->gni", space(g), x), 2)
    turned = torch.einsum("gij,nj->gni", back, harmonic_values(x, 2))
    assert (moved - turned).abs().max() > 0.1


@pytest.mark.parametrize("name", ["SO2", "O2", "SO3", "O3"])
def test_derivative_and_irreducibility(name: str) -> None:
    G = geomdl.group(name)
    action = G.standard + G.trivial if G.standard.dim == 2 else G.standard
    rep, e = harmonics(action, 2), 1e-6
    for i in range(G.lie_dim):
        step = torch.zeros(G.lie_dim, dtype=torch.float64)
        step[i] = e
        difference = rep(G.exp(step)) - rep(G.identity)
        assert (difference / e - rep.lie[i]).abs().max() <= 1e-4
        assert rep.lie[i].abs().max() > 0.5
    if action == G.standard:
        assert len(intertwiners(rep, rep)) == 1


def test_the_origin_has_no_direction() -> None:
    for d in (1, 2, 3):
        zero = torch.zeros(1, d, dtype=torch.float64)
        assert harmonic_values(zero, 0).item() == 1
        assert harmonic_values(zero, 1).abs().max() == 0


def test_refusals() -> None:
    with pytest.raises(ValueError, match=r"^action: should be orthogonal, of dimension 1, 2 or 3"):
        harmonics(geomdl.group("C4").regular, 1)
    with pytest.raises(ValueError, match=r"^l: there are no harmonics of degree -1"):
        harmonics(geomdl.group("C4").standard, -1)


def test_determinants_and_mirrors_in_the_plane() -> None:
    m = torch.randn(3, 5, 2, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    assert (planar_det(m) - torch.linalg.det(m)).abs().max() <= 1e-14
    sign = planar_det(m).sign()
    assert set(sign.unique().tolist()) == {-1.0, 1.0}
    flips = torch.diag_embed(torch.stack([sign, torch.ones_like(sign)], -1))
    assert torch.equal(mirrored(m, sign), m @ flips)
    assert bool((planar_det(mirrored(m, sign)) > 0).all())


def test_a_sum_has_the_matrices_of_its_parts() -> None:
    G = geomdl.group("D6")
    parts = [harmonics(G.standard, l) for l in (0, 1, 2, 1, 2)]
    whole = parts[0] + parts[1] + parts[2] + parts[3] + parts[4]
    blocks = [torch.block_diag(*(r(g) for r in parts)) for g in G.elements]
    assert torch.equal(whole(G.elements), torch.stack(blocks))
