"""The fit of a channel map: exact where there is one, and never overfitted."""

import pytest
import torch
from torch import Tensor

import geomdl
from geomdl import Grid
from geomdl.auditing.channel_map import Fit, Places, enough, fit
from tests.auditing.networks import D4, images


def normal(*shape: int, seed: int) -> Tensor:
    return images(*shape, seed=seed, dtype=torch.float64)


def test_fit_finds_a_linear_map_and_judges_it_on_other_data() -> None:
    v, fresh, R = normal(60, 8, seed=0), normal(60, 8, seed=1), normal(8, 8, seed=2)
    found = fit((v, v @ R), (fresh, fresh @ R))
    assert isinstance(found, Fit)
    assert found.residual <= 1e-13
    assert found.before > 0.5
    bent = fit((v, (v @ R).relu()), (fresh, (fresh @ R).relu()))
    assert isinstance(bent, Fit)
    assert bent.residual > 0.1


@pytest.mark.parametrize("channels", [1, 5, 40])
def test_fit_cannot_be_overfitted(channels: int) -> None:
    """Values that have nothing to do with each other: on the rows of the fit they would agree."""
    n = enough(channels)
    known = normal(n, channels, seed=0), normal(n, channels, seed=1)
    fresh = normal(n, channels, seed=2), normal(n, channels, seed=3)
    found = fit(known, fresh)
    assert isinstance(found, Fit)
    assert found.residual > 0.9
    few = n - 1
    refused = fit((known[0][:few], known[1][:few]), fresh)
    assert refused == f"{few} samples are too few for {channels} channels"


def test_fit_of_dependent_channels_and_of_constants() -> None:
    v, fresh = normal(40, 2, seed=0), normal(40, 2, seed=1)
    double = lambda t: torch.cat([t, t, 0 * t], 1)  # noqa: E731
    found = fit((double(v), double(v.flip(1))), (double(fresh), double(fresh.flip(1))))
    assert isinstance(found, Fit)
    assert found.residual <= 1e-12
    assert fit((v, 0 * v + 1), (fresh, 0 * fresh + 1)) == "constant"
    broken = fit((v, v * torch.nan), (fresh, fresh * torch.nan))
    assert isinstance(broken, Fit)
    assert not broken.residual <= 1e300


def test_a_channel_that_seldom_works_is_not_held_against_the_layer() -> None:
    """Active in three places of the fresh data, and nowhere where the map was fitted."""
    v, fresh = normal(60, 4, seed=0), normal(60, 4, seed=1)
    v[:, 3], fresh[:, 3] = 0, 0
    fresh[:3, 3] = 1
    R = normal(4, 4, seed=2)
    found = fit((v, v @ R), (fresh, fresh @ R))
    assert isinstance(found, Fit)
    assert found.residual <= 1e-13
    bent = fit((v, (v @ R).relu()), (fresh, (fresh @ R).relu()))
    assert isinstance(bent, Fit)
    assert bent.residual > 0.1
    fresh[:, 3] = 1
    assert fit((v, v @ R), (fresh, fresh @ R)) == "4 channels are too seldom active for 60 samples"


def test_places_of_foreign_tensors() -> None:
    x = normal(2, 3, 4, 6, 6, seed=0)
    places = Places(D4, Grid(2))
    quarter = D4.elements[1]
    before, after = places.rows(quarter, x, x.rot90(1, (-2, -1)))
    assert before.shape == (2 * 36, 12)
    assert torch.equal(before, after)
    assert isinstance(places.rows(quarter, x[0, 0, 0, :3], x[0, 0, 0, :3]), tuple)
    assert (
        places.rows(quarter, x[0, 0], x[0, 0])
        == "shape (4, 6, 6) is not (batch, channels, size, size)"
    )
    tall, wide = x[..., :3, :], x[..., :3]
    assert isinstance(places.rows(quarter, tall, wide), tuple)
    assert places.rows(quarter, tall, tall) == "shape (2, 12, 3, 6) for g x, (2, 12, 6, 3) for x"
    S3 = geomdl.group("S3")
    h = normal(3, 5, seed=1)
    perm = torch.tensor([1, 2, 0])
    before, after = Places(S3, nodes=(3,)).rows(perm, h, h[perm.argsort()])
    assert torch.equal(before, after)
