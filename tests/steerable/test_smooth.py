"""Smooth filters: complete, equivariant at every angle, exact where taps map to taps."""

import itertools
import math

import pytest
import torch
from torch import Tensor

import geomdl
from geomdl import Field, Grid, Rep
from geomdl.groups import harmonic_values
from geomdl.steerable import Conv, filter_basis
from geomdl.steerable.coordinates import tap_coordinates
from geomdl.steerable.filters import _smooth
from geomdl.steerable.orbital import orbital
from geomdl.steerable.rings import Rings, ring_samples
from geomdl.steerable.taps import TapSpace, tap_space

TWO_HOLED = Rings((0.0, 1.5), (0.3, 0.7), (0, 1))


def quotient(group: geomdl.Group) -> Rep:
    return group.quotient(group.subgroup(generators=group.elements[-1:]))


def cases() -> list[tuple[str, int, Rep, Rep]]:
    """Group, kernel size, source, target."""
    C8, C5, D8, D3 = (geomdl.group(n) for n in ("C8", "C5", "D8", "D3"))
    SO2, O2, SO3, O3 = (geomdl.group(n) for n in ("SO2", "O2", "SO3", "O3"))
    T, icosahedral = geomdl.group("T"), geomdl.group("I")
    return [
        ("C8", 3, C8.regular, C8.regular),
        ("C8", 5, C8.standard, C8.regular),
        ("C5", 5, C5.regular, C5.trivial),
        ("D8", 5, D8.regular, D8.regular),
        ("D8", 5, quotient(D8), quotient(D8)),
        ("D8", 4, D8.regular, quotient(D8)),
        ("D3", 5, D3.standard @ D3.standard, D3.regular + D3.standard),
        ("SO2", 5, SO2.bandlimited(2), SO2.standard),
        ("O2", 5, O2.standard, O2.standard.sym(2)),
        ("O2", 7, O2.trivial, O2.bandlimited(3)),
        ("T", 3, T.regular, T.standard),
        ("I", 3, icosahedral.trivial, icosahedral.regular),
        ("SO3", 3, SO3.irrep(1), SO3.irrep(2)),
        ("SO3", 3, SO3.standard + SO3.trivial, SO3.standard @ SO3.standard),
        ("O3", 3, O3.standard, O3.standard),
    ]


CASES = cases()
named = pytest.mark.parametrize(
    ("name", "kernel_size", "source", "target"), CASES, ids=[f"{c[0]}-{c[2]}-{c[3]}" for c in CASES]
)


def dimension(group: geomdl.Group) -> int:
    return group.linear.dim


def elements(group: geomdl.Group) -> tuple[Tensor, Tensor]:
    """Elements with weights that integrate characters: all of them, or a quadrature of classes."""
    if group.order is not None:
        return group.elements, torch.full((group.order,), 1 / group.order, dtype=torch.float64)
    angles = torch.arange(64, dtype=torch.float64) * (2 * math.pi / 64)
    c, s = angles.cos(), angles.sin()
    found = torch.eye(group.n, dtype=torch.float64).repeat(64, 1, 1)
    found[:, 0, 0], found[:, 0, 1], found[:, 1, 0], found[:, 1, 1] = c, -s, s, c
    weights = torch.full((64,), 1 / 64, dtype=torch.float64)
    if group.n == 3:
        weights = weights * (1 - c)  # Weyl's density of the angle
    if len(group.components) > 1:
        mirror = torch.eye(group.n, dtype=torch.float64)
        mirror[0, 0] = -1
        second = found @ mirror if group.n == 2 else -found
        found, weights = torch.cat([found, second]), torch.cat([weights, weights]) / 2
    return found, weights


def space_of(source: Rep, kernel_size: int, radial: Rings | str = "gaussian") -> TapSpace:
    return tap_space(Field(Grid(dimension(source.group)), source), kernel_size, radial)


@named
def test_dimension_is_that_of_the_character_formula(
    name: str, kernel_size: int, source: Rep, target: Rep
) -> None:
    space = space_of(source, kernel_size)
    found, weights = elements(source.group)
    product = space.rep.character(found) * source.character(found) * target.character(found)
    wanted = float((weights * product).sum())
    assert filter_basis(space, source, target).n == pytest.approx(wanted, abs=1e-9)
    basis = filter_basis(space, source, target).dense()
    assert torch.linalg.matrix_rank(basis.flatten(1)) == len(basis)  # k taps tell them apart


def values_at(space: TapSpace, points: Tensor) -> Tensor:
    """The functions of a space at any points (n, d), (n, T.dim): from the formula of `Rings`."""
    rings = space.rings
    assert rings is not None
    taps = tap_coordinates(space.d, space.kernel_size).to(torch.float64) / 2
    columns = []
    for ring, l in rings.degrees(space.d):
        r, w = rings.radii[ring], rings.widths[ring]

        def function(x: Tensor, r: float = r, w: float = w, l: int = l) -> Tensor:
            length = x.square().sum(1, keepdim=True).sqrt()
            return torch.exp(-((length - r) ** 2) / (2 * w**2)) * harmonic_values(x, l)

        columns.append(function(points) / function(taps).square().sum(0).mean().sqrt())
    return torch.cat(columns, 1)


def residual(space: TapSpace, basis: Tensor, source: Rep, target: Rep) -> float:
    """max |K(g x) − s(g) K(x) r(g)⁻¹| over points between the taps and random g."""
    samples = space.samples
    weights = torch.linalg.lstsq(samples, basis.permute(2, 0, 1, 3).flatten(1)).solution
    rest = samples @ weights - basis.permute(2, 0, 1, 3).flatten(1)
    assert rest.abs().max() <= 1e-10  # K is made of the functions of the space
    rng = torch.Generator().manual_seed(4)
    points = torch.randn(7, space.d, generator=rng, dtype=torch.float64)
    shape = (7, len(basis), target.dim, source.dim)
    here = (values_at(space, points) @ weights).reshape(shape)
    worst = torch.zeros((), dtype=torch.float64)
    for g in source.group.sample(5, rng):
        action = source.group.linear(g)
        there = (values_at(space, points @ action.T) @ weights).reshape(shape)
        worst = torch.maximum(worst, (there - target(g) @ here @ source(g).inverse()).abs().max())
    return float(worst / here.abs().max())


@named
def test_filters_are_equivariant_functions_at_every_angle(
    name: str, kernel_size: int, source: Rep, target: Rep
) -> None:
    space = space_of(source, kernel_size)
    if torch.linalg.matrix_rank(space.samples) < space.rep.dim:
        pytest.fail("taps do not determine the functions; choose a wider kernel for this case")
    taps = tap_coordinates(space.d, kernel_size).to(torch.float64) / 2
    assert (values_at(space, taps) - space.samples).abs().max() <= 1e-14
    basis = filter_basis(space, source, target).dense()
    assert residual(space, basis, source, target) <= 1e-9
    bent = basis + 1e-3 * space.samples[None, None, :, -1, None]
    assert not residual(space, bent, source, target) <= 1e-6


@pytest.mark.parametrize("name", ["C8", "D8", "D3", "T"])
@pytest.mark.parametrize("kind", ["regular", "quotient", "mixed"])
def test_orbits_give_the_intertwiners(name: str, kind: str) -> None:
    """One function for each orbit spans what a null space does; the two share no code."""
    G = geomdl.group(name)
    source = {"regular": G.regular, "quotient": quotient(G), "mixed": G.trivial}[kind]
    target = G.regular if kind == "mixed" else source
    space = space_of(source, 3)
    basis = filter_basis(space, source, target)
    assert basis.orbital is not None
    one = basis.dense().flatten(1)
    other = torch.cat(_smooth(space, source, target)).flatten(1)
    assert len(one) == len(other)
    assert torch.linalg.matrix_rank(torch.cat([one, other])) == len(one)
    assert basis.energy == pytest.approx(float(one.square().sum()) / target.dim)


# --- rings ---------------------------------------------------------------------------------------
def test_columns_have_mean_square_norm_one() -> None:
    for d, size in ((1, 5), (2, 5), (2, 4), (3, 3)):
        rings = Rings.default(size)
        samples, start = ring_samples(rings, d, size), 0
        assert samples.shape[0] == size**d
        for _, l in rings.degrees(d):
            dim = harmonic_values(torch.ones(1, d, dtype=torch.float64), l).shape[1]
            part = samples[:, start : start + dim]
            assert part.square().sum(0).mean() == pytest.approx(1)
            start += dim
        assert start == samples.shape[1]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (((0.0, 1.0), (1.0,), (0, 1)), r"^rings: expected one radius, width and frequency a ring"),
        (((), (), ()), r"^rings: expected one radius, width and frequency a ring"),
        (((-1.0,), (1.0,), (0,)), r"^radii: should be at least 0, got \(-1.0,\)"),
        (((1.0,), (0.0,), (0,)), r"^widths: should be at least 1e-12, got \(0.0,\)"),
        (((1.0,), (float("nan"),), (0,)), r"^widths: should be at least 1e-12, got \(nan,\)"),
        (((1.0,), (0.5,), (-1,)), r"^frequencies: should be at least 0, got \(-1,\)"),
    ],
)
def test_bad_rings_are_refused(arguments: tuple[tuple[float, ...], ...], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Rings(*arguments)  # type: ignore[arg-type]


def test_rings_that_touch_no_tap_are_refused() -> None:
    field = Field(Grid(2), geomdl.group("C8").trivial)
    with pytest.raises(ValueError, match=r"^rings: ring 1 of radius 9 .* cannot hold frequency 0"):
        Conv(field, field, 3, radial=Rings((0.0, 9.0), (0.1, 0.1), (0, 0)))
    with pytest.raises(ValueError, match=r"^rings: ring 0 .* cannot hold frequency 2: with kernel"):
        Conv(field, field, 2, radial=Rings((0.7,), (0.6,), (2,)))
    with pytest.raises(ValueError, match=r"^radial: should be 'free', 'gaussian' or Rings\(…\)"):
        Conv(field, field, 3, radial="smooth")  # type: ignore[arg-type]


def test_an_empty_basis_is_refused_with_the_reason() -> None:
    G = geomdl.group("C8")
    source, target = Field(Grid(2), G.trivial), Field(Grid(2), G.irrep(4))
    with pytest.raises(ValueError, match=r"with frequencies up to 2 on 3 taps; a wider kernel or"):
        Conv(source, target, 3)
    assert Conv(source, target, 7, radial=Rings((3.0,), (0.6,), (4,))).filters.n == 2


# --- on the grid ---------------------------------------------------------------------------------
def images(channels: int, *sizes: int) -> Tensor:
    rng = torch.Generator().manual_seed(0)
    return torch.randn(2, channels, *sizes, generator=rng, dtype=torch.float64)


@pytest.mark.parametrize("name", ["C4", "D4", "O", "Oh"])
@pytest.mark.parametrize("radial", ["gaussian", TWO_HOLED], ids=str)
def test_smooth_filters_of_groups_of_the_grid_are_exact(name: str, radial: Rings | str) -> None:
    G = geomdl.group(name)
    d = dimension(G)
    conv = Conv(
        Field(Grid(d), G.standard + G.trivial),
        Field(Grid(d), G.regular + quotient(G)),
        3,
        stride=2,
        padding=1,
        radial=radial,  # type: ignore[arg-type]
    )
    assert geomdl.audit(conv, images(d + 1, *[5] * d), randomize=True).error <= 1e-12


@pytest.mark.parametrize("name", ["C8", "D8", "O2", "SO2"])
def test_quarter_turns_are_exact_for_every_group_of_the_plane(name: str) -> None:
    G = geomdl.group(name)
    reps = G.regular if G.order is not None else G.bandlimited(2)
    source, target = Field(Grid(2), G.trivial + reps), Field(Grid(2), 2 * reps)
    conv = Conv(source, target, 5, stride=2, padding=2).double()
    x = images(source.rep.dim, 9, 9)
    turn = torch.tensor([[0.0, -1.0], [1.0, 0.0]], dtype=torch.float64)
    g = G.from_matrix(turn)
    moved = torch.einsum("ij,bjyx->biyx", source.rep(g), torch.rot90(x, 1, (2, 3)))
    wanted = torch.einsum("ij,bjyx->biyx", target.rep(g), torch.rot90(conv(x), 1, (2, 3)))
    assert (conv(moved) - wanted).abs().max() <= 1e-12 * wanted.abs().max()
    assert (conv(x) - wanted).abs().max() >= 0.1 * wanted.abs().max()


def test_parts_of_channels_see_their_own_inputs() -> None:
    C8 = geomdl.group("C8")
    field, half = Field(Grid(2), 4 * C8.regular), Field(Grid(2), 2 * C8.regular)
    conv = Conv(field, field, 3, padding=1, groups=2).double()
    assert conv.filters.n * 2 == Conv(field, field, 3).filters.n
    x = images(32, 7, 7)
    y = conv(x)
    changed = x.clone()
    changed[:, :16] += 1
    assert torch.equal(conv(changed)[:, 16:], y[:, 16:])
    assert not torch.equal(conv(changed)[:, :16], y[:, :16])
    weight, bias = conv.filter()
    one = Conv(half, half, 3, padding=1).double()
    assert one.filter()[0].shape == weight[:16].shape
    plain = torch.nn.functional.conv2d(x[:, 16:], weight[16:], bias[16:], padding=1)  # type: ignore[index]
    assert (plain - y[:, 16:]).abs().max() <= 1e-12
    D4 = geomdl.group("D4")
    free = Conv(
        Field(Grid(2), 2 * D4.regular), Field(Grid(2), 2 * D4.standard), 3, padding=1, groups=2
    )
    assert geomdl.audit(free, images(16, 6, 6), randomize=True).error <= 1e-12
    with pytest.raises(ValueError, match=r"^source: "):
        Conv(field, Field(Grid(2), 2 * C8.regular), 3, groups=3)


@pytest.mark.parametrize("size", [8, 9, 28, 29])
@pytest.mark.parametrize(("kernel_size", "stride", "dilation"), [(3, 1, 1), (3, 3, 1), (5, 3, 2)])
def test_exact_padding_keeps_strides_centred(
    size: int, kernel_size: int, stride: int, dilation: int
) -> None:
    D4 = geomdl.group("D4")
    source, target = Field(Grid(2), D4.trivial), Field(Grid(2), D4.regular)
    conv = Conv(source, target, kernel_size, stride, "exact", dilation)
    x = images(1, size, size)
    assert geomdl.audit(conv, x, randomize=True).error <= 1e-12
    y = conv.float()(x.float())
    assert tuple(y.shape[2:]) == conv.sizes((size, size))
    (padding, _) = conv.padding_for((size, size))
    assert 2 * padding >= dilation * (kernel_size - 1)
    assert y.shape[2] >= size / stride


def test_exact_padding_that_does_not_exist_is_refused() -> None:
    D4 = geomdl.group("D4")
    field = Field(Grid(2), D4.trivial)
    conv = Conv(field, field, 3, stride=2, padding="exact")
    conv(images(1, 9, 9).float())
    with pytest.raises(ValueError, match=r"^Conv\(.*\): x: no padding makes .* use size 7 or 9"):
        conv(images(1, 8, 8).float())
    assert Conv(field, field, 4, stride=2, padding="exact")(images(1, 8, 8).float()).shape[2] == 4


def test_only_axes_that_are_turned_must_be_equal() -> None:
    C4 = geomdl.group("C4")
    space = Grid(3, action=C4.standard + C4.trivial)  # x and y turn, z stays
    conv = Conv(Field(space, C4.trivial), Field(space, C4.regular), 3, padding=1)
    assert conv(images(1, 4, 6, 6).float()).shape == (2, 4, 4, 6, 6)
    with pytest.raises(ValueError, match=r"sizes along axes \(1, 2\) should be equal, got 6x4x6"):
        conv(images(1, 6, 4, 6).float())
    tilted = Grid(3, action=C4.trivial + C4.standard)  # y and z turn
    conv = Conv(Field(tilted, C4.trivial), Field(tilted, C4.regular), 3, padding=1)
    assert conv(images(1, 6, 6, 4).float()).shape == (2, 4, 6, 6, 4)
    with pytest.raises(ValueError, match=r"sizes along axes \(0, 1\) should be equal, got 4x6x6"):
        conv(images(1, 4, 6, 6).float())


def test_an_accepted_size_does_not_let_another_in() -> None:
    D4 = geomdl.group("D4")
    conv = Conv(Field(Grid(2), D4.trivial), Field(Grid(2), D4.regular), 3, stride=2, padding=1)
    for _ in range(2):
        conv(images(1, 9, 9).float())
        with pytest.raises(ValueError, match="x: size 8 breaks D4"):
            conv(images(1, 8, 8).float())
        with pytest.raises(ValueError, match="should be floating point"):
            conv(torch.zeros(2, 1, 9, 9, dtype=torch.long))
        with pytest.raises(ValueError, match="should be equal, got 9x11"):
            conv(images(1, 9, 11).float())


@pytest.mark.parametrize("name", ["C1", "C3", "C8", "D6"])
def test_entries_are_the_functions_of_their_orbits_moved(name: str) -> None:
    G = geomdl.group(name)
    reps = [G.trivial, G.regular, *([G.quotient("C3")] if name in ("C3", "D6") else [])]
    for source, target in itertools.product([*reps, 2 * G.trivial + G.regular], repeat=2):
        space = space_of(source, 5)
        found = orbital(space, source, target)
        xs, ys = source.permutation(G.elements), target.permutation(G.elements)
        first: dict[tuple[int, int], tuple[int, int]] = {}  # pair -> number of orbit, element
        pairs = list(itertools.product(range(target.dim), range(source.dim)))
        orbits = 0
        for y, x in pairs:
            if (y, x) not in first:
                for g in range(G.order):
                    first.setdefault((int(ys[g, y]), int(xs[g, x])), (orbits, g))
                orbits += 1
        assert found.count == orbits
        assert found.orbit.flatten().tolist() == [first[p][0] for p in pairs]
        moved = space.samples @ space.rep(G.elements)[[first[p][1] for p in pairs]]
        assert (found.carriers[found.carrier.flatten()] - moved).abs().max() <= 1e-14
        squares = float(found.dense().square().sum()) / target.dim
        assert abs(found.energy - squares) <= 1e-12 * squares


def test_what_is_remembered_is_not_handed_out() -> None:
    G = geomdl.group("C5")
    space = space_of(G.trivial, 5)
    spoilt = orbital(space, G.trivial, G.regular).carriers.zero_()
    assert float(orbital(space, G.trivial, G.regular).carriers.abs().max()) > 0.1
    assert not spoilt.any()
