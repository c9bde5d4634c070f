import math

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import geomdl
from geomdl import Field, Grid, Vector
from geomdl.groups import matrix_group
from geomdl.symmetrization import Discovery, SubgroupDiscovery, discover, discover_subgroup
from geomdl.symmetrization.discover_algebra import (
    bracket_residual,
    closed,
    connected,
    orthonormal,
    signed_permutations,
)
from geomdl.symmetrization.discover_fit import fit_density, fit_values

ETA = torch.tensor([1.0, -1, -1, -1], dtype=torch.float64)


def draw(*shape: int, seed: int = 0) -> Tensor:
    rng = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=rng, dtype=torch.float64)


def same_span(a: Tensor, b: Tensor) -> float:
    """Largest part of a that lies outside of the span of b, relative; dimensions must agree."""
    assert a.shape == b.shape
    flat, frame = orthonormal(a).flatten(1), orthonormal(b).flatten(1)
    return float((flat - flat @ frame.mT @ frame).abs().max())


# --- SO(3) from inertia --------------------------------------------------------------------------
MASSES = torch.tensor([1.0, 2, 3, 0.5], dtype=torch.float64)


def inertia(x: Tensor) -> Tensor:
    outer = torch.einsum("c,sci,scj->sij", MASSES, x, x)
    return outer.diagonal(dim1=1, dim2=2).sum(1)[:, None, None] * torch.eye(3) - outer


def moments(x: Tensor) -> Tensor:
    return torch.linalg.eigvalsh(inertia(x))


def test_rotations_from_moments_of_inertia() -> None:
    found = discover(moments, draw(60, 4, 3))
    assert same_span(found.lie_algebra, geomdl.group("SO3").lie_algebra) < 1e-12
    assert found.plain and found.closed and found.gap > 1e9
    assert sum(c.accepted for c in found.candidates) == 48
    assert len(found.generators) == 1 and torch.linalg.det(found.generators) == -1
    # what is found is a group of the library: it builds fields, and is audited
    G = found.group
    v = Field(Vector(), G.standard)
    audit = geomdl.audit(moments, draw(9, 4, 3, seed=1), source=v,
                         target=Field(Vector(), 3 * G.trivial))  # fmt: skip
    assert G.compact and audit.passed()
    assert len(geomdl.intertwiners(G.standard @ G.standard, G.trivial)) == 1


def test_the_inertia_tensor_also_scales() -> None:
    found = discover(inertia, draw(60, 4, 3), target=2)
    expected = torch.cat([geomdl.group("SO3").lie_algebra, torch.eye(3).double().unsqueeze(0)])
    assert same_span(found.lie_algebra, expected) < 1e-12


def test_an_axis_that_is_told_apart_leaves_its_rotations() -> None:
    rotation = geomdl.group("SO3").lie_algebra[2:]
    broken = discover(lambda x: moments(x) + 0.01 * x[:, :1, 2] ** 2, draw(60, 4, 3))
    assert same_span(broken.lie_algebra, rotation) < 1e-9
    assert sum(c.accepted for c in broken.candidates) == 16


def test_an_unknown_action_on_the_outputs() -> None:
    mix = draw(3, 3, seed=5)
    f = lambda x: (x / (1 + x.square().sum(-1, keepdim=True))) @ mix  # noqa: E731
    found = discover(f, draw(60, 3), target="unknown")
    assert same_span(found.lie_algebra, geomdl.group("SO3").lie_algebra) < 1e-12
    assert not discover(lambda x: f(x).tanh(), draw(60, 3), target="unknown").algebra


# --- SO(1,3) from scattering ---------------------------------------------------------------------
def momenta(n: int, particles: int, seed: int = 0) -> Tensor:
    p = draw(n, particles, 3, seed=seed)
    mass = 0.5 + draw(n, particles, seed=seed + 1).abs()
    return torch.cat([(p.square().sum(-1) + mass**2).sqrt().unsqueeze(-1), p], -1)


def dot(a: Tensor, b: Tensor) -> Tensor:
    return (a * b * ETA).sum(-1)


def amplitude(p: Tensor) -> Tensor:
    total, transfer = p[:, 0] + p[:, 1], p[:, 0] - p[:, 2]
    return (dot(total, total).square() + 1) / (1 + dot(transfer, transfer).square())


def test_boosts_from_an_amplitude() -> None:
    found = discover(amplitude, momenta(150, 4))
    assert same_span(found.lie_algebra, geomdl.group("SO+(1,3)").lie_algebra) < 1e-12
    assert found.plain and found.gap > 1e9 and not found.group.compact
    assert sum(c.accepted for c in found.candidates) == 96 and len(found.generators) == 2
    broken = discover(lambda p: amplitude(p) + 0.01 * p[:, 0, 0], momenta(150, 4))
    assert same_span(broken.lie_algebra, geomdl.group("SO+(1,3)").lie_algebra[:3]) < 1e-9


def test_boosts_from_noisy_values() -> None:
    x = momenta(1200, 2)
    y, noise = dot(x[:, 0], x[:, 1]) + dot(x[:, 0], x[:, 0]), draw(1200, seed=9)
    lorentz = geomdl.group("SO+(1,3)").lie_algebra
    found = discover(y + 0.1 * noise, x, candidates=-torch.eye(4).unsqueeze(0))
    assert same_span(found.lie_algebra, lorentz) < 1e-12
    assert 0 < found.noise < found.tolerance < 0.1 and found.candidates[0].accepted
    assert found.singular_values[5] < found.noise < 0.1 < found.singular_values[6]
    broken = discover(y + x[:, 0, 0] ** 2 + 0.1 * noise, x, candidates=-torch.eye(4).unsqueeze(0))
    assert same_span(broken.lie_algebra, lorentz[:3]) < 1e-12
    with pytest.raises(ValueError, match="f: expected values that a polynomial of degree 2"):
        discover(noise, x)


# --- translations from a PDE ---------------------------------------------------------------------
def heat(n: int, decay: bool) -> tuple[Tensor, Tensor]:
    """Jets (t, x, u, u_x, u_xx) and u_t of solutions of u_t = κ(t) u_xx − u, κ = 1 or e^{−t}."""
    rng = torch.Generator().manual_seed(0)
    t, x, k, phase, size = (torch.rand(n, generator=rng, dtype=torch.float64) for _ in range(5))
    k, phase, size = 0.5 + k, 2 * math.pi * phase, 0.5 + size
    past = 1 - (-t).exp() if decay else t
    kappa = (-t).exp() if decay else torch.ones_like(t)
    damped = size * (-k.square() * past - t).exp()
    u, slope = damped * (k * x + phase).sin(), damped * k * (k * x + phase).cos()
    return torch.stack([t, x, u, slope, -k.square() * u], 1), -kappa * k.square() * u - u


@pytest.mark.parametrize("decay", [False, True])
def test_translations_of_the_solutions_of_a_heat_equation(decay: bool) -> None:
    jets, change = heat(2000, decay)
    found = discover(change, jets, among="translations", degree=3, tolerance=0.05)
    # u_t does not depend on x and u_x; if κ is constant, nor on t, nor if u and u_xx grow alike
    free = [[0, 1, 0, 0, 0], [0, 0, 0, 1, 0], [1, 0, 0, 0, 0], [0, 0, 1, 0, 1]]
    expected = torch.zeros(2 if decay else 4, 6, 6, dtype=torch.float64)
    expected[:, :5, 5] = torch.tensor(free[: len(expected)])
    assert same_span(found.lie_algebra, expected) < 1e-12
    assert found.plain and found.gap > 100


def test_characteristics_of_a_transported_wave() -> None:
    at = draw(200, 2) * torch.tensor([1.0, 30.0]) + torch.tensor([5.0, -100.0])  # (t, x)
    found = discover(lambda z: (z[:, 1] - 2 * z[:, 0]).mul(0.05).sin(), at, among="affine")
    # every affine multiple of ∂_t + 2 ∂_x, and none else
    flow = found.lie_algebra[:, :2]
    assert len(flow) == 3 and (flow[:, 1] - 2 * flow[:, 0]).abs().max() < 1e-6
    only = discover(lambda z: (z[:, 1] - 2 * z[:, 0]).sin(), at, among="translations")
    direction = only.lie_algebra[0, :2, 2] / only.lie_algebra[0, 0, 2]
    torch.testing.assert_close(direction, torch.tensor([1.0, 2.0]).double(), rtol=1e-14, atol=0)


# --- trained networks, densities -----------------------------------------------------------------
def perceptrons(y: Tensor, x: Tensor) -> list[nn.Module]:
    nets: list[nn.Module] = []
    for seed in range(2):
        torch.manual_seed(seed)
        net = nn.Sequential(nn.Linear(2, 32), nn.Tanh(), nn.Linear(32, 1))
        optimizer = torch.optim.Adam(net.parameters(), lr=0.02)
        for _ in range(250):
            optimizer.zero_grad()
            F.mse_loss(net(x.float()).squeeze(-1), y.float()).backward()
            optimizer.step()
        nets.append(net)
    return nets


def test_two_trained_networks_tell_their_own_noise() -> None:
    x = draw(400, 2)
    round_, oval = (torch.exp(-(x**2) @ torch.tensor(w).double()) for w in ([1.0, 1], [1.0, 3]))
    found = discover(perceptrons(round_, x), x)
    assert same_span(found.lie_algebra, geomdl.group("SO2").lie_algebra) < 1e-12
    assert 0 < found.noise < 0.25
    oval_found = discover(perceptrons(oval, x), x)
    rotation = geomdl.group("SO2").lie_algebra
    assert not (len(oval_found.algebra) == 1 and same_span(oval_found.lie_algebra, rotation) < 0.1)


def test_the_symmetry_of_a_density() -> None:
    found = discover(None, draw(4000, 3))
    assert same_span(found.lie_algebra, geomdl.group("SO3").lie_algebra) < 1e-12
    stretch = torch.tensor([1.0, 1, 2]).double()
    other = discover(None, draw(4000, 3) * stretch)
    rotations = geomdl.group("SO3").lie_algebra
    conjugate = stretch.diag() @ rotations @ (1 / stretch).diag()
    assert same_span(other.lie_algebra, conjugate) < 0.05
    # measures are preserved: squeezing the plane is a symmetry of none that is normalizable
    assert all(abs(float(a.trace())) < 0.05 for a in other.lie_algebra)


def test_units_are_of_no_account() -> None:
    units = torch.tensor([1.0, 1e3, 1e-3]).double()
    f = lambda x: (x * units).square().sum(-1)  # noqa: E731
    found = discover(f, draw(80, 3) / units)
    turned = units.diag() @ found.lie_algebra @ (1 / units).diag()
    sizes = turned.flatten(1).norm(dim=1)
    assert len(turned) == 3 and found.gap > 1e9 and found.closed
    assert ((turned + turned.mT).flatten(1).norm(dim=1) < 1e-8 * sizes).all()


def test_what_is_not_known_is_said() -> None:
    square = discover(None, draw(4000, 2).sin())  # on a square, and not round
    assert square.covariance and len(square.algebra) == 1 and "up to covariance" in str(square)
    finer = discover(None, draw(4000, 2), degree=4)
    assert not finer.covariance and "covariance" not in str(finer)
    # a tiny error that only one function makes is beyond the cut, and below the gap
    alone = discover(lambda x: x.square().sum(-1) + 1e-4 * x[:, 0] * x[:, 1] ** 3, draw(80, 3))
    assert not alone.algebra and not alone.noise
    assert "noise unknown, largest gap" in str(alone) and "after dimension 3" in str(alone)
    assert "unknown" not in str(square)


@pytest.mark.parametrize("seed", [3, 7, 11])
def test_an_estimated_algebra_gives_a_group(seed: int) -> None:
    found = discover(None, draw(3000, 3, seed=seed) * torch.tensor([1.0, 1, 3]).double())
    assert not found.plain and found.bracket > 1e-5
    assert bracket_residual(found.lie_algebra) < 1e-12 and found.group.lie_dim == 3
    G = matrix_group(lie_algebra=found.lie_algebra)
    assert len(geomdl.intertwiners(G.standard @ G.standard, G.trivial)) == 1  # one inner product


def test_score_matching_finds_the_precision_matrix() -> None:
    x = draw(4000, 2) @ draw(2, 2, seed=3)
    gradient = torch.autograd.functional.jacobian(
        lambda z: sum(g(z) for g in fit_density(x, 2)).sum() / 2, x[:50]
    )
    expected = -(x[:50] - x.mean(0)) @ torch.linalg.inv(x.mT.cov())
    assert (gradient - expected).norm() < 0.05 * expected.norm()


def test_polynomials_are_recovered() -> None:
    x = draw(400, 3)
    y = torch.stack([x[:, 0] ** 2 * x[:, 1] - x[:, 2], 3 + x.prod(1)], 1)
    first, _, error = fit_values(x, y, 3)
    assert error < 1e-12
    z = draw(5, 3, seed=4)
    assert torch.allclose(first(z)[:, 1], 3 + z.prod(1), atol=1e-10)


# --- algebra -------------------------------------------------------------------------------------
def test_a_noisy_algebra_is_closed_to_a_conjugate() -> None:
    rotations = geomdl.group("SO3").lie_algebra
    noisy = rotations + 0.03 * draw(3, 3, 3)
    assert bracket_residual(noisy) > 1e-2
    every = torch.eye(9, dtype=torch.float64).reshape(9, 3, 3)
    near = closed(noisy, every)
    assert bracket_residual(near) < 1e-8 and same_span(near, noisy) < 0.1
    # it is so(3) again, in other coordinates: the Killing form is definite
    adjoint = torch.stack([torch.stack([a @ b - b @ a for b in near]) for a in near])
    coefficients = torch.einsum("abij,cij->abc", adjoint, near)
    killing = torch.einsum("abc,dcb->ad", coefficients, coefficients)
    assert (torch.linalg.eigvalsh(killing) < 0).all()


def test_which_elements_are_connected_to_one() -> None:
    every = signed_permutations(3)
    inside = connected(every, geomdl.group("SO3").lie_algebra)
    assert torch.equal(inside, torch.linalg.det(every) > 0)
    lorentz = connected(signed_permutations(4), geomdl.group("SO+(1,3)").lie_algebra)
    assert int(lorentz.sum()) == 24  # time kept, space turned


def test_candidates_carry_the_algebra_into_itself() -> None:
    """Within a wide tolerance x and z may be exchanged, but their rotations are no symmetry."""
    f = lambda x: x.square().sum(-1) + 0.3 * torch.cos(6 * x[:, 2])  # noqa: E731
    swap = torch.eye(3, dtype=torch.float64)[[2, 1, 0]]
    turn = torch.tensor([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]], dtype=torch.float64)
    for tolerance, dimension in ((0.2, 1), (0.45, 3)):
        found = discover(f, draw(400, 3), candidates=torch.stack([swap, turn]), tolerance=tolerance)
        assert len(found.algebra) == dimension
        assert found.candidates[0].error < tolerance
        assert [c.accepted for c in found.candidates] == [dimension == 3, True]
    # an algebra that was measured is carried into itself up to its error
    noisy = square_sum(draw(400, 3) @ SKEW.mT) + 0.02 * draw(400, seed=1)
    inverse = torch.linalg.inv(SKEW)
    found = discover(noisy, draw(400, 3), candidates=inverse @ torch.stack([swap, turn]) @ SKEW)
    assert len(found.algebra) == 3 and not found.plain
    assert all(c.accepted for c in found.candidates)


SKEW = torch.tensor([[1.0, 0.3, 0], [0, 1, 0.2], [0.1, 0, 1]], dtype=torch.float64)


def square_sum(x: Tensor) -> Tensor:
    return x.square().sum(-1)


def test_traceless_fields_keep_volumes() -> None:
    found = discover(inertia, draw(60, 4, 3), target=2, among="traceless")
    assert len(found.singular_values) == 8
    assert same_span(found.lie_algebra, geomdl.group("SO3").lie_algebra) < 1e-12
    area = discover(lambda x: torch.linalg.det(x), draw(40, 2, 2), among="traceless")
    assert len(area.algebra) == 3 and not area.group.compact  # SL(2)


def test_finite_generators_alone() -> None:
    f = lambda x: (x**4).sum(-1) + (x[:, 0] * x[:, 1] * x[:, 2]) ** 2  # noqa: E731
    found = discover(f, draw(80, 3))
    assert not found.algebra and found.group.order == 48 and len(found.generators) == 3
    odd = discover(lambda x: f(x) + x.prod(-1), draw(80, 3))
    assert odd.group.order == 24  # the rotations and mirrors of a tetrahedron
    assert (
        discover(lambda x: f(x) + x[:, 0] + 2 * x[:, 1] + 3 * x[:, 2], draw(80, 3)).group.order == 1
    )


# --- digits --------------------------------------------------------------------------------------
def test_digits_keep_the_square_but_for_six_and_nine() -> None:
    digits = geomdl.data.load("digits", size=None)
    field = Field(Grid(2), geomdl.group("D4").trivial)

    def tried(*classes: int) -> SubgroupDiscovery:
        """What the nearest neighbour among upright digits makes of moved ones."""
        chosen = torch.isin(digits["labels"], torch.tensor(classes))
        images, labels = digits["images"][chosen], digits["labels"][chosen]
        half = len(labels) // 2

        def nearest(x: Tensor) -> Tensor:
            distance = torch.cdist(x.flatten(1), images[:half].flatten(1))
            score = torch.full((len(x), 10), -math.inf)
            return score.scatter_reduce(1, labels[:half].expand(len(x), -1), -distance, "amax")

        return discover_subgroup(nearest, images[half:], labels[half:], field)

    assert tried(0, 8).subgroup.group.order == 8
    every = tried(*range(10))
    turn = next(e for e in every.elements if e.label == "180°")
    assert every.subgroup.group.order == 1 and not turn.accepted
    assert turn.mistaken_for[6] == (9, pytest.approx(0.85, abs=0.15))
    assert turn.mistaken_for[9] == (6, pytest.approx(0.75, abs=0.15))
    assert turn.agreement[0] > 0.95 and max(turn.agreement[6], turn.agreement[9]) < 0.05
    assert "180°" in every.broken[6] and "1" not in every.broken[6]


def test_a_classifier_is_measured_as_it_answers_and_left_as_it_was() -> None:
    field = Field(Grid(2), geomdl.group("C4").trivial)
    x, labels = draw(400, 1, 4, 4), torch.arange(400) % 2
    half = discover_subgroup(lambda x: torch.eye(2)[[0] * len(x)], x, labels, field)
    assert half.subgroup.group.order == 4 and half.elements[0].agreement == (1.0, 0.0)
    assert half.broken == {}  # it is as wrong at g = 1
    net = nn.Sequential(nn.BatchNorm2d(1), nn.Dropout(), nn.Flatten(), nn.Linear(16, 2)).double()
    first, second = (discover_subgroup(net, x, labels, field) for _ in range(2))
    assert first == second and net.training and net[0].num_batches_tracked == 0


def test_what_was_found_is_stored_and_drawn(tmp_path) -> None:
    found = discover(lambda x: x[:, 0] * x[:, 1], draw(80, 2))
    assert Discovery.from_json(found.to_json()) == found and "dimension 1" in str(found)
    figure = found.plot(tmp_path / "found.png")
    assert (tmp_path / "found.png").stat().st_size > 1000 and len(figure.axes) == 2
    with pytest.raises(ValueError, match="text: expected a discovery"):
        Discovery.from_json("{}")


def test_errors_are_one_line() -> None:
    x = draw(80, 3)
    square = lambda x: x.square().sum(-1)  # noqa: E731
    for message, call in {
        "x: expected samples for at least 18": lambda: discover(square, x[:17]),
        "x: expected generic samples, 18 .* got 8$": lambda: discover(square, x[:8].repeat(9, 1)),
        "x: expected generic samples, 18 .* on distinct lines .* got 10$": lambda: discover(
            lambda x: x.square().sum(-1), draw(10, 3).repeat(40, 1) * draw(400, 1, seed=1)
        ),
        "x: expected generic samples, got some on a cone": lambda: discover(
            square, torch.cat([x * (1 - unit) for unit in torch.eye(3)[:2]])
        ),
        "among: expected finite": lambda: discover(
            square, x, among=torch.full((2, 3, 3), math.nan)
        ),
        "f: expected values that vary": lambda: discover(torch.zeros(80), x),
        "among: expected linear, since no": lambda: discover(square, x[:, :1], among="traceless"),
        "x: expected samples that span": lambda: discover(square, x @ torch.ones(3, 3).double()),
        "x: expected coordinates that vary": lambda: discover(square, x * ETA[1:].clamp(min=0)),
        "x: expected finite samples": lambda: discover(square, x / 0),
        "f: expected a function that varies": lambda: discover(lambda x: 0 * x[:, 0], x),
        "f: expected an output that is diff": lambda: discover(lambda x: torch.ones(80), x),
        "f: expected floating outputs of 80": lambda: discover(lambda x: x.sum(), x),
        "f: expected finite values": lambda: discover(lambda x: x[:, 0] / 0, x),
        "f: expected finite values of 80": lambda: discover(torch.ones(3), x),
        "f: expected outputs whose last 1": lambda: discover(square, x, target=1),
        "f: expected relative errors": lambda: discover([square, lambda x: x[:, 0]], x),
        "tolerance: expected less than 0.5": lambda: discover(square, x, tolerance=1.0),
        "target: expected 0 for the dens": lambda: discover(None, x, target=1),
        "among: expected linear, traceless, affine": lambda: discover(square, x, among="all"),
        "among: expected matrices": lambda: discover(square, x, among=torch.ones(1, 2, 2)),
        "candidates: expected invertible": lambda: discover(
            square, x, candidates=torch.ones(1, 3, 3)
        ),
    }.items():
        with pytest.raises(ValueError, match=message) as caught:
            call()
        assert "\n" not in str(caught.value)
    with pytest.raises(TypeError, match="x: expected a floating tensor"):
        discover(square, x.long())
    field = Field(Vector(), matrix_group(lie_algebra=[[[0.0, 1], [-1, 0]]]).standard)
    with pytest.raises(ValueError, match="source: expected a field of a finite group"):
        discover_subgroup(square, x, x.argmax(1), field)
    field, labels = Field(Vector(), geomdl.group("S3").standard), x.argmax(1)
    for message, change in {
        "f: expected scores, got NaN$": {"f": lambda x: x / 0 * 0},
        "labels: expected whole numbers of at least 0, got -2$": {"labels": -labels},
        "labels: expected whole numbers of at least 0, got torch.bool$": {"labels": labels > 1},
        "tolerance: expected a number of at least 0, got nan$": {"tolerance": math.nan},
    }.items():
        given = {"f": lambda x: x, "x": x, "labels": labels, "source": field} | change
        with pytest.raises(ValueError, match=message):
            discover_subgroup(**given)


def test_candidates_beside_translations() -> None:
    mirror = torch.diag(torch.tensor([-1.0, 1.0])).unsqueeze(0)
    found = discover(lambda z: z[:, 1].sin(), draw(80, 2), among="translations", candidates=mirror)
    G = found.group
    assert len(found.lie_algebra) == len(found.generators) == 1 and G.standard_dim == 3
    assert geomdl.audit(
        lambda z: z[:, 1:2].sin() * z[:, 2:] ** 2, F.pad(draw(9, 2), (0, 1), value=1.0),
        source=Field(Vector(), G.standard), target=Field(Vector(), G.trivial),
        draw=lambda rng: [F.pad(torch.randn(9, 2, generator=rng), (0, 1), value=1.0).double()],
    ).passed()  # fmt: skip
