"""Moving pixels: exact where they go to pixels, with errors that fall with resolution elsewhere."""

import itertools

import numpy as np
import pytest
import scipy.ndimage
import torch
from torch import Tensor

import geomdl
from geomdl import Field, Grid
from geomdl.fields.grid import Motion, array_frame, coordinates, inscribed, keeps_pixels, move
from geomdl.fields.resample import METHODS


def noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def signed_permutations(d: int) -> list[Tensor]:
    """All symmetries of the d-dimensional cube."""
    eye = torch.eye(d, dtype=torch.float64)
    return [
        eye[list(order)] * torch.tensor(signs, dtype=torch.float64)
        for order in itertools.permutations(range(d))
        for signs in itertools.product((1.0, -1.0), repeat=d)
    ]


def by_hand(x: Tensor, linear: Tensor, shift: tuple[int, ...], periodic: bool) -> Tensor:
    """(g f)(p) = f(g⁻¹ p), one pixel after another, in the frame of the array."""
    n = np.array(x.shape[2:])
    out = torch.zeros_like(x)
    for place in np.ndindex(*n):
        origin = linear.T.numpy() @ (np.array(place) - np.array(shift) - (n - 1) / 2) + (n - 1) / 2
        origin = origin.round().astype(int)
        if periodic:
            origin = origin % n
        if (origin >= 0).all() and (origin < n).all():
            out[(..., *place)] = x[(..., *origin)]
    return out


@pytest.mark.parametrize("n", [4, 5])
@pytest.mark.parametrize("periodic", [False, True])
@pytest.mark.parametrize("d", [1, 2, 3])
def test_pixels_go_to_pixels_exactly(d: int, periodic: bool, n: int) -> None:
    x = noise(2, 3, *[n] * d)
    rng = np.random.default_rng(0)
    for linear in signed_permutations(d):
        shift = tuple(int(s) for s in rng.integers(-n - 1, n + 2, size=d))
        motion = Motion(linear, torch.tensor(shift, dtype=torch.float64))
        moved = move(x, motion, periodic=periodic, interpolation="spline")
        assert torch.equal(moved, by_hand(x, linear, shift, periodic))


def test_interpolation_agrees_where_pixels_go_to_pixels() -> None:
    x = noise(1, 1, 5, 5)
    for linear in signed_permutations(2):
        for method in METHODS:
            motion = Motion(linear.requires_grad_(), torch.zeros(2, dtype=torch.float64))
            read = move(x, motion, periodic=False, interpolation=method)
            exact = move(x, Motion(linear.detach(), motion.shift), periodic=False,
                         interpolation=method)  # fmt: skip
            assert (read - exact).abs().max() <= 1e-13


@pytest.mark.parametrize("size", [(28, 28), (29, 29), (4, 6)])
def test_generator_of_c4_is_rot90(size: tuple[int, int]) -> None:
    field = Field(Grid(2), geomdl.group("C4").trivial)
    x = noise(2, 1, *size)
    assert torch.equal(field.act(torch.tensor(1), x), x.rot90(1, dims=(-2, -1)))
    assert not torch.equal(field.act(torch.tensor(3), x), x.rot90(1, dims=(-2, -1)))


def test_flip_of_d4_reverses_columns() -> None:
    field = Field(Grid(2), geomdl.group("D4").trivial)
    x = noise(2, 1, 6, 6)
    assert torch.equal(field.act(torch.tensor([0, 1]), x), x.flip(-1))


def test_axes_of_space() -> None:
    points = coordinates((3, 3, 3))
    assert points[1, 1, 2].tolist() == [1, 0, 0], "x runs along the last axis"
    assert points[1, 0, 1].tolist() == [0, 1, 0], "y runs against the rows"
    assert points[0, 1, 1].tolist() == [0, 0, 1], "z runs against the depth"
    frame = array_frame(3)
    assert torch.equal(frame @ frame.T, torch.eye(3, dtype=torch.float64))


def test_translations_of_space_are_x_y() -> None:
    x = torch.zeros(1, 1, 5, 5, dtype=torch.float64)
    x[0, 0, 2, 2] = 1
    field = Field(Grid(2), geomdl.group("R2").trivial)
    moved = field.act(torch.tensor([2.0, 1.0], dtype=torch.float64), x)
    assert moved[0, 0, 1, 4] == 1, "two columns to the right, one row up"


def test_periodic_shifts_roll_along_the_axes() -> None:
    field = Field(Grid(2, periodic=True), geomdl.group("Z4x6").trivial)
    x = noise(1, 1, 4, 6)
    assert torch.equal(field.act(torch.tensor([1, 2]), x), x.roll((1, 2), (-2, -1)))


def test_semidirect_turns_about_the_centre_and_then_rolls() -> None:
    group = geomdl.group("Z6x6 ⋊ D4")
    field = Field(Grid(2, periodic=True), group.trivial)
    x = noise(1, 1, 6, 6)
    for k, flip, shift in [(1, 0, (2, 5)), (3, 1, (0, 1)), (2, 1, (3, 3))]:
        turned = x.flip(-1) if flip else x
        turned = turned.rot90(k, dims=(-2, -1)).roll(shift, (-2, -1))
        g = (torch.tensor([k, flip]), torch.tensor(shift))
        assert torch.equal(field.act(g, x), turned)


def test_oblong_arrays_are_turned_with_their_sides() -> None:
    field = Field(Grid(2), geomdl.group("D4").regular)
    x = noise(1, 8, 4, 6)
    quarter, half = torch.tensor([1, 0]), torch.tensor([2, 0])
    assert field.act(quarter, x).shape == (1, 8, 6, 4)
    assert torch.equal(field.act(quarter, field.act(quarter, x)), field.act(half, x))
    together = torch.stack([quarter, half])
    with pytest.raises(ValueError, match=r"^x: a batch of elements that exchange axes needs equal"):
        field.act(together, x.expand(2, -1, -1, -1))


def test_oblong_arrays_with_shifts_by_parts_of_a_pixel() -> None:
    field = Field(Grid(2), geomdl.group("SE2").trivial)
    places = coordinates((25, 33))
    x = torch.exp(-places.square().sum(-1) / 16)[None, None]
    quarter, eye = torch.tensor([[0.0, -1.0], [1.0, 0.0]]).double(), torch.eye(2).double()
    shift = torch.tensor([0.5, 0.25]).double()
    moved = field.act((quarter, shift), x)
    assert moved.shape == (1, 1, 33, 25)
    truth = torch.exp(-(coordinates((33, 25)) - shift).square().sum(-1) / 16)
    origin = (coordinates((33, 25)) - shift) @ quarter  # rows: quarter⁻¹ p
    inside = (origin.abs() <= torch.tensor([16.0, 12.0])).all(-1)
    assert (moved[0, 0] - truth)[inside].abs().max() <= 1e-3
    assert (moved[0, 0, ~inside] == 0).all()
    both = (torch.stack([quarter, eye]), torch.stack([shift, shift]))
    with pytest.raises(ValueError, match=r"^x: a batch of elements that exchange axes needs equal"):
        field.act(both, x.expand(2, -1, -1, -1))
    same = (torch.stack([quarter, quarter]), torch.stack([shift, -shift]))
    assert torch.equal(field.act(same, x.expand(2, -1, -1, -1))[:1], moved)


@pytest.mark.parametrize("method", METHODS)
def test_a_batch_acts_sample_by_sample(method: str) -> None:
    group = geomdl.group("SE2")
    field = Field(Grid(2, interpolation=method), group.trivial + group.linear)
    g = group.sample(6, torch.Generator().manual_seed(0))
    for i, quarters in enumerate([1, 1, 2]):  # some exact ones among them, two of them alike
        matrix = torch.linalg.matrix_power(torch.tensor([[0.0, -1.0], [1.0, 0.0]]), quarters)
        g[0][2 * i], g[1][2 * i] = matrix.double(), torch.tensor([1.0, -2.0])
    x = noise(6, 3, 7, 7)
    together = field.act(g, x)
    for i in range(6):
        single = (g[0][i], g[1][i])
        assert field.exact(single, x[i : i + 1]) is False
        assert (field.act(single, x[i : i + 1]) - together[i]).abs().max() <= 1e-13


@pytest.mark.parametrize(("periodic", "mode"), [(False, "mirror"), (True, "grid-wrap")])
@pytest.mark.parametrize("n", [8, 9])
def test_rotation_against_scipy(n: int, periodic: bool, mode: str) -> None:
    group = geomdl.group("SO2")
    field = Field(Grid(2, periodic=periodic), group.trivial)
    g = group.exp(torch.tensor([0.7], dtype=torch.float64))
    x = noise(1, 1, n, n)
    frame = array_frame(2)
    back = (frame @ g @ frame.T).T.numpy()
    centre = np.full(2, (n - 1) / 2)
    theirs = scipy.ndimage.affine_transform(
        x[0, 0].numpy(), back, centre - back @ centre, order=3, mode=mode
    )
    inside = inscribed((n, n))
    ours = field.act(g, x)[0, 0]
    assert (ours - torch.from_numpy(theirs))[inside].abs().max() <= 1e-13
    assert (ours[~inside] == 0).all()
    assert torch.equal(field.mask(x), inside)


def test_what_comes_from_outside_is_zero() -> None:
    group = geomdl.group("SE2")
    field = Field(Grid(2), group.trivial)
    g = (group.point.exp(torch.tensor([0.3]).double()), torch.tensor([2.0, 0.0]).double())
    moved = field.act(g, torch.ones(1, 1, 11, 11, dtype=torch.float64))[0, 0]
    origin = (coordinates((11, 11)) - g[1]) @ g[0]
    kept = inscribed((11, 11)) & (origin.norm(dim=-1) <= 5)
    assert (moved[kept] - 1).abs().max() <= 1e-13
    assert (moved[~kept] == 0).all()
    assert (~kept & inscribed((11, 11))).any(), "the shift must push something out"


def bump(points: Tensor, centre: Tensor, width: float) -> Tensor:
    return torch.exp(-(points - centre).square().sum(-1) / (2 * width**2))


def turning_error(n: int, d: int, method: str) -> float:
    """Largest error in the disc of turning a Gaussian bump in [−1, 1]^d, sampled n times a side."""
    group = geomdl.group(f"SO{d}")
    field = Field(Grid(d, interpolation=method), group.trivial)
    g = group.exp(0.6 * torch.ones(group.lie_dim, dtype=torch.float64))
    places = coordinates((n,) * d) * 2 / (n - 1)
    centre = torch.tensor([0.25, 0.1, -0.1][:d], dtype=torch.float64)
    x, truth = bump(places, centre, 0.13), bump(places, g @ centre, 0.13)
    moved = field.act(g, x[None, None])[0, 0]
    return float((moved - truth)[inscribed((n,) * d)].abs().max())


def test_spline_error_falls_with_the_fourth_power_of_the_pixel() -> None:
    errors = [turning_error(n, 2, "spline") for n in (17, 33, 65)]
    assert errors[1] <= errors[0] / 10
    assert errors[2] <= errors[1] / 10
    assert errors[2] <= 1e-4


def test_spline_error_falls_in_three_dimensions() -> None:
    assert turning_error(33, 3, "spline") <= turning_error(17, 3, "spline") / 12


def test_fourier_error_falls_to_that_of_the_periodic_ends() -> None:
    errors = [turning_error(n, 2, "fourier") for n in (9, 17, 33)]
    assert errors[1] <= errors[0] / 30
    assert errors[2] <= 1e-3  # the bump at the ends, which do not fit together


def test_nearest_pixels_would_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    """The twin: rounding the points to pixels gives an error that hardly falls."""
    from geomdl.fields import grid

    def nearest(x: Tensor, points: Tensor, **options: object) -> Tensor:
        return interpolate(x, points.round(), **options)

    interpolate = grid.interpolate
    monkeypatch.setattr(grid, "interpolate", nearest)
    errors = [turning_error(n, 2, "spline") for n in (17, 33)]
    assert errors[1] > errors[0] / 4


def test_vectors_turn_with_the_grid() -> None:
    group = geomdl.group("SO2")
    field = Field(Grid(2), group.standard)
    g = group.exp(torch.tensor([0.9], dtype=torch.float64))
    places = coordinates((65, 65)) / 32
    centre = torch.tensor([0.2, -0.1], dtype=torch.float64)

    def flow(centre: Tensor) -> Tensor:  # the gradient of a bump
        return ((centre - places) * bump(places, centre, 0.13).unsqueeze(-1)).movedim(-1, 0)

    moved = field.act(g, flow(centre)[None])[0]
    inside = inscribed((65, 65))
    assert (moved - flow(g @ centre))[:, inside].abs().max() <= 1e-5
    values_only = torch.einsum("ij,jhw->ihw", g, flow(centre))
    assert (values_only - flow(g @ centre))[:, inside].abs().max() >= 1e-2


def test_fourier_turns_waves_exactly() -> None:
    """In a disc, an array of waves that fit into it is turned without error, to any angle."""
    group = geomdl.group("SO2")
    g = group.exp(torch.tensor([1.1], dtype=torch.float64))
    places = coordinates((12, 12))
    k = 2 * torch.pi / 12 * torch.tensor([[1.0, 3.0], [-4.0, 2.0], [5.0, 5.0]]).double()

    def waves(places: Tensor) -> Tensor:
        return (places @ k.T + torch.arange(3)).sin().sum(-1)

    x, truth = waves(places)[None, None], waves(places @ g)  # rows: g⁻¹ p
    errors = {}
    for method in METHODS:
        field = Field(Grid(2, periodic=True, interpolation=method), group.trivial)
        errors[method] = ((field.act(g, x)[0, 0] - truth)[inscribed((12, 12))]).abs().max()
    assert errors["fourier"] <= 1e-12
    assert errors["spline"] >= 1e-3


def test_fourier_shifts_by_parts_of_a_pixel_are_an_action() -> None:
    group = geomdl.group("R2")
    a, b = group.sample(2, torch.Generator().manual_seed(1))
    x = noise(1, 1, 7, 9)
    for method in METHODS:
        field = Field(Grid(2, periodic=True, interpolation=method), group.trivial)
        error = (field.act(a, field.act(b, x)) - field.act(a + b, x)).abs().max()
        assert error <= 1e-12 if method == "fourier" else error >= 1e-2


def test_derivative_along_the_group_is_the_lie_derivative() -> None:
    """d/dt f(exp(−tA) p) at t = 0 is −(A p)·∇f: act is differentiable in the element too."""
    group = geomdl.group("SO2")
    field = Field(Grid(2), group.trivial)
    places = coordinates((65, 65)) / 32
    centre = torch.tensor([0.2, -0.1], dtype=torch.float64)
    x = bump(places, centre, 0.13)

    def turned(angle: Tensor) -> Tensor:
        return field.act(group.exp(angle), x[None, None])[0, 0]

    zero = torch.zeros(1, dtype=torch.float64)
    ours = torch.func.jvp(turned, (zero,), (torch.ones_like(zero),))[1]
    gradient = (centre - places) / 0.13**2 * x.unsqueeze(-1)
    truth = -((places @ group.lie_algebra[0].T) * gradient).sum(-1)
    assert (ours - truth)[inscribed((65, 65))].abs().max() <= 2e-3 * truth.abs().max()


def test_gradients() -> None:
    group = geomdl.group("SE2")
    field = Field(Grid(2), group.linear)
    x = noise(1, 2, 4, 4).requires_grad_()
    c = torch.tensor([0.4, 0.3, -0.2], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x, c: field.act(group.exp(c), x), (x, c))
    exact = (torch.tensor([[0.0, -1.0], [1.0, 0.0]]).double(), torch.tensor([1.0, 0.0]).double())
    assert torch.autograd.gradcheck(lambda x: field.act(exact, x), (x,))


def test_keeps_pixels() -> None:
    eye = torch.eye(2, dtype=torch.float64)
    shifts = torch.tensor([[0.0, 3.0], [0.5, 0.0]]).double()
    assert keeps_pixels(Motion(eye.expand(2, 2, 2), shifts)).tolist() == [True, False]
    assert not keeps_pixels(Motion(torch.ones(2, 2).double(), shifts[0]))
    assert not keeps_pixels(Motion(2 * eye, shifts[0]))
    assert not keeps_pixels(Motion(torch.full((2, 2), torch.nan).double(), shifts[0]))


def test_exact_says_whether_something_is_lost() -> None:
    group = geomdl.group("SE2")
    field = Field(Grid(2), group.trivial)
    quarter = torch.tensor([[0.0, -1.0], [1.0, 0.0]]).double()
    x = torch.zeros(1, 1, 5, 5)
    x[0, 0, 2, 3] = 1
    assert field.exact((quarter, torch.tensor([1.0, 0.0]).double()), x)
    assert not field.exact((quarter, torch.tensor([0.0, 2.0]).double()), x), "pushed out at the top"
    assert not field.exact((quarter, torch.tensor([0.5, 0.0]).double()), x)
    assert not field.exact((group.point.exp(torch.tensor([0.1]).double()), group.identity[1]), x)


@pytest.mark.parametrize(
    ("name", "whole"), [("C4", True), ("D4", True), ("C8", False), ("SO2", False), ("C3", False)]
)
def test_mask_is_whole_where_pixels_go_to_pixels(name: str, whole: bool) -> None:
    mask = Field(Grid(2), geomdl.group(name).trivial).mask(torch.zeros(1, 1, 6, 6))
    assert mask.shape == (6, 6)
    assert bool(mask.all()) is whole


def test_discs() -> None:
    assert inscribed((5, 5)).sum() == 13
    assert inscribed((4, 6)).sum() == 4
    assert inscribed((3, 3, 3)).sum() == 7
    assert inscribed((4,)).all()


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16, torch.float16])
def test_dtype_is_kept(dtype: torch.dtype) -> None:
    for name in ("D4", "SO2"):
        group = geomdl.group(name)
        field = Field(Grid(2), group.standard)
        x = noise(2, 2, 5, 5)
        g = group.sample(2, torch.Generator().manual_seed(0))
        moved = field.act(g, x.to(dtype))
        assert moved.dtype == dtype
        assert (moved.double() - field.act(g, x)).abs().max() <= 20 * torch.finfo(dtype).eps


def test_integers_move_but_do_not_blend() -> None:
    x = torch.arange(9, dtype=torch.uint8).reshape(1, 1, 3, 3)
    quarter = Field(Grid(2), geomdl.group("C4").trivial)
    assert torch.equal(quarter.act(torch.tensor(1), x), x.rot90(dims=(-2, -1)))
    eighth = Field(Grid(2), geomdl.group("C8").trivial)
    with pytest.raises(
        TypeError, match=r"^x: a resampled action needs floating values, got torch.u"
    ):
        eighth.act(torch.tensor(1), x)
    with pytest.raises(TypeError, match=r"^x: torch.uint8 cannot hold what a matrix mixes"):
        Field(Grid(2), geomdl.group("C4").standard).act(torch.tensor(1), x.expand(1, 2, 3, 3))


def test_empty_batches() -> None:
    group = geomdl.group("SO2")
    field = Field(Grid(2), group.standard)
    x = torch.zeros(0, 2, 5, 5)
    assert field.act(group.identity, x).shape == x.shape
    assert field.act(group.sample(1)[0], x).shape == x.shape
    assert field.act(group.sample(0), x).shape == x.shape


def test_an_action_of_its_own() -> None:
    """C4 about the x axis of space, and the reflection of a line."""
    c4 = geomdl.group("C4")
    k = torch.arange(4)
    matrices = torch.eye(3, dtype=torch.float64).repeat(4, 1, 1)
    matrices[:, 1:, 1:] = c4.standard(k)
    field = Field(Grid(3, action=c4.finite_rep(matrices)), c4.trivial)
    x = noise(1, 1, 4, 4, 4)
    # y to z: array axis −2 is −y, −3 is −z
    assert torch.equal(field.act(torch.tensor(1), x), x.rot90(1, dims=(-2, -3)))
    c2 = geomdl.group("C2")
    line = Field(Grid(1, action=c2.irrep(1)), c2.irrep(1))
    y = noise(1, 1, 5)
    assert torch.equal(line.act(torch.tensor(1), y), -y.flip(-1))


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no accelerator here")
@pytest.mark.parametrize("name", ["D4", "SE2", "SO2"])
def test_on_an_accelerator(name: str) -> None:
    group = geomdl.group(name)
    field = Field(Grid(2), group.linear)
    x, g = noise(4, 2, 9, 9), group.sample(4)
    moved = field.act(g, x.cuda())
    assert moved.is_cuda
    assert (moved.cpu() - field.act(g, x)).abs().max() <= 1e-12


def test_resolution_is_pixels_per_unit():
    z = geomdl.group("Z4x3")
    coarse = geomdl.Field(geomdl.Grid(2, periodic=True, resolution=2), z.trivial)
    x = torch.arange(48.0).reshape(1, 1, 8, 6)
    assert torch.equal(coarse.act(torch.tensor([1, 2]), x), x.roll((2, 4), (-2, -1)))
    pooled = geomdl.Field(geomdl.Grid(2, periodic=True), z.trivial)
    g = torch.tensor([3, 1])
    assert torch.equal(pooled.act(g, x[..., ::2, ::2]), coarse.act(g, x)[..., ::2, ::2])
    assert geomdl.Field.from_config(coarse.to_config()) == coarse
    with pytest.raises(ValueError, match=r"x: spatial axes should be \(8, 6\)"):
        coarse.check(x[..., :5])
    with pytest.raises(ValueError, match="resolution: should be a positive integer, got 0"):
        geomdl.Grid(2, resolution=0)
