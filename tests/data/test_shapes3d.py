"""Turned shapes on voxels: volumes, hands, rotations, and what is refused."""

import pytest
import torch

from geomdl.data import load
from geomdl.data.shapes3d import SHAPES, VOLUME, random_rotations, render

NAMES = list(SHAPES)
ALL = torch.arange(len(NAMES))


def still(size: int, scale: float = 1.0) -> torch.Tensor:
    """Every shape once, not turned."""
    eye = torch.eye(3, dtype=torch.float64).repeat(len(NAMES), 1, 1)
    return render(ALL, eye, torch.full((len(NAMES),), scale, dtype=torch.float64), size)


def test_all_shapes_have_one_volume_and_fit_into_the_ball():
    size = 65
    rotations = random_rotations(len(NAMES), torch.Generator().manual_seed(0))
    images = render(ALL, rotations, torch.ones(len(NAMES)), size)
    volumes = (images > 0.5).double().sum((1, 2, 3, 4)) * (2 / size) ** 3
    assert (volumes / VOLUME - 1).abs().max() <= 0.05
    line = torch.arange(size) - (size - 1) / 2
    radius2 = line[:, None, None] ** 2 + line[:, None] ** 2 + line**2
    assert images[:, 0, radius2 > (size / 2) ** 2].max() <= 1e-3


def test_shapes_differ_whichever_way_they_are_turned():
    """Sorted radial profiles, which no rotation changes, tell all but the two helices apart."""
    size = 33
    images = still(size)[:, 0]
    line = torch.arange(size) - (size - 1) / 2
    shell = (line[:, None, None] ** 2 + line[:, None] ** 2 + line**2).sqrt().round().long()
    profile = torch.stack([images[:, shell == r].mean(1) for r in range(size // 2)], 1)
    distance = torch.cdist(profile, profile)
    left, right = NAMES.index("left helix"), NAMES.index("right helix")
    assert distance[left, right] <= 1e-9
    distance[left, right] = distance[right, left] = 1
    distance.fill_diagonal_(1)
    assert distance.min() > 0.05


def test_the_helices_are_mirror_images_and_wind_as_their_names_say():
    images = still(33)[:, 0]
    left, right = images[NAMES.index("left helix")], images[NAMES.index("right helix")]
    assert (left - right.flip(1)).abs().max() <= 1e-12
    assert (left - right).abs().max() > 0.9
    # the right one is (cos t, sin t, t): beside +x, y and z rise together; axes are (−z, −y, x)
    line = torch.arange(33, dtype=torch.float64) - 16
    z, y, x = torch.meshgrid(-line, -line, line, indexing="ij")
    near = ((x > 3) & (y.abs() <= 4) & (z.abs() <= 3)).double()
    assert (near * y * z * right).sum() > 10
    assert (near * y * z * left).sum() < -10


def test_a_quarter_turn_of_the_shape_turns_the_array():
    rng = torch.Generator().manual_seed(0)
    rotations = random_rotations(len(NAMES), rng)
    scales = torch.full((len(NAMES),), 0.9, dtype=torch.float64)
    x = render(ALL, rotations, scales, 15)
    about_z = torch.tensor([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]], dtype=torch.float64)
    turned = render(ALL, about_z @ rotations, scales, 15)
    assert (turned - x.rot90(1, (-2, -1))).abs().max() <= 1e-12
    assert (turned - x.rot90(-1, (-2, -1))).abs().max() > 0.5
    mirror = torch.diag(torch.tensor([-1.0, 1, 1], dtype=torch.float64))
    assert (render(ALL, mirror @ rotations, scales, 15) - x.flip(-1)).abs().max() <= 1e-12


def test_random_rotations_are_uniform_rotations():
    R = random_rotations(4000, torch.Generator().manual_seed(0))
    eye = torch.eye(3, dtype=torch.float64)
    assert (R @ R.mT - eye).abs().max() <= 1e-12
    assert (torch.linalg.det(R) - 1).abs().max() <= 1e-12
    trace = R.diagonal(dim1=1, dim2=2).sum(1)
    assert trace.mean().abs() < 0.06  # moments of the character of SO(3)
    assert (trace.square().mean() - 1).abs() < 0.08


def test_the_data_set():
    data = load("shapes3d", n=25, size=9)
    assert data["images"].shape == (25, 1, 9, 9, 9)
    assert (data["images"].dtype, data["labels"].dtype) == (torch.float32, torch.int64)
    assert sorted(torch.bincount(data["labels"]).tolist()) == [2] * 5 + [3] * 5
    again, other = load("shapes3d", n=25, size=9), load("shapes3d", n=25, size=9, seed=1)
    assert torch.equal(again["images"], data["images"])
    assert not torch.equal(other["images"], data["images"])
    quiet = load("shapes3d", n=25, size=9, noise=0.0)
    assert (data["images"] - quiet["images"]).std() == pytest.approx(0.1, rel=0.05)
    expected = render(quiet["labels"], quiet["rotations"], quiet["scales"], 9)
    assert (quiet["images"] - expected).abs().max() <= 1e-5
    upright = load("shapes3d", n=25, size=9, turned=False)
    assert torch.equal(upright["rotations"], torch.eye(3, dtype=torch.float64).repeat(25, 1, 1))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n": 0}, r"^shapes3d: n should be an int of at least 1, got 0$"),
        ({"size": 8}, r"^shapes3d: size should be an int of at least 9, got 8$"),
        ({"size": 17.0}, r"^shapes3d: size should be an int of at least 9, got 17.0$"),
        ({"noise": -1.0}, r"^shapes3d: noise should be at least 0 and finite, got -1.0$"),
        ({"noise": float("nan")}, r"^shapes3d: noise should be at least 0 and finite, got nan$"),
    ],
)
def test_what_is_refused(options, message):
    with pytest.raises(ValueError, match=message):
        load("shapes3d", **options)
