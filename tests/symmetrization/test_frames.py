"""Frames: exact, continuous where they should be, and sabotaged."""

import pytest
import torch
from torch import Tensor, nn

import geomdl
from geomdl.fields import Field, Points, Vector
from geomdl.symmetrization import Frame, PrincipalAxes, Symmetrized, Weighted, symmetrize
from tests.symmetrization.networks import (
    E3,
    O3,
    SO3,
    dense,
    members,
    points,
    randn,
    rows,
    seeded,
    vectors,
)

S4 = geomdl.group("S4")
NUMBERS, INVARIANT = Field(Vector(), S4.standard), Field(Vector(), 3 * S4.trivial)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("name", ["O3", "SO3", "SO2", "O(4)"])
def test_vectors(name: str, weighted: bool) -> None:
    G = geomdl.group(name)
    field, target = vectors(G, 3), vectors(G, 2)
    d = field.rep.dim // 3
    f, x = dense(3 * d, 2 * d), randn(2, 3 * d)
    model = symmetrize(f, G, "frames", source=field, target=target, weighted=weighted)
    assert geomdl.audit(model, x, samples=2).passed()
    assert geomdl.audit(model, x, samples=2, dtype=torch.float32).error <= 1e-6
    assert geomdl.audit(f, x, samples=2, source=field, target=target).error > 0.1


@pytest.mark.parametrize(
    ("name", "weighted"),
    [("E3", False), ("E3", True), ("SE2", False), ("SE2", True), ("R2", False)],
)
def test_points(name: str, weighted: bool) -> None:
    G = geomdl.group(name)
    field = points(G)
    d = field.rep.dim
    f, x = rows(5, d, d), randn(2, 5, d)
    model = symmetrize(f, G, "frames", source=field, target=field, weighted=weighted)
    assert geomdl.audit(model, x, samples=8).passed()
    assert geomdl.audit(f, x, samples=8, source=field, target=field).error > 0.1
    assert geomdl.audit(model, x[0], samples=2).passed()  # a cloud without batch axis


def test_a_rotation_has_half_the_signs() -> None:
    f = dense(12, 3)
    costs = [
        symmetrize(f, G, "frames", source=vectors(G, 4), target=vectors(G, 1)).cost
        for G in (O3, SO3)
    ]
    assert costs == [8, 4]
    weighted = symmetrize(
        f, O3, "frames", source=vectors(O3, 4), target=vectors(O3, 1), weighted=True
    )
    assert weighted.cost is None
    assert "cost=2 n^2" in repr(weighted)


class OneSign(PrincipalAxes):
    """The principal axes with the signs that the algorithm happens to give."""

    def forward(self, inputs) -> Weighted:
        g, inverses, _, _ = super().forward(inputs)
        return Weighted(g[:1], inverses[:1], [1.0])


class Uncentred(Frame):
    """About the origin."""

    def __init__(self, source) -> None:
        super().__init__(E3, 8)
        self.axes = PrincipalAxes(O3, source)

    def forward(self, inputs) -> Weighted:
        g, inverses, weights, _ = self.axes(inputs)
        zero = g.new_zeros(g.shape[:-1])
        return Weighted((g, zero), (inverses, zero), weights)


def test_sabotaged_frames_fail() -> None:
    field, x = vectors(O3, 4), randn(2, 12)
    f = dense(12, 12)
    assert geomdl.audit(Symmetrized(f, OneSign(O3, field), field, field), x).error > 1e-2
    positions = points(E3)
    twin = Symmetrized(rows(5, 3, 3), Uncentred(positions), positions, positions)
    assert geomdl.audit(twin, randn(2, 5, 3)).error > 1e-2


def test_against_written_out_principal_axes() -> None:
    """The plane, one cloud: eigenvectors by their closed form, four signs."""
    E2 = geomdl.group("E2")
    field = points(E2)
    f, x = rows(4, 2, 2).double(), randn(4, 2, dtype=torch.float64)
    centre = x.mean(0)
    a, b, c = ((x - centre)[:, i] @ (x - centre)[:, j] for i, j in ((0, 0), (0, 1), (1, 1)))
    angle = torch.atan2(2 * b, a - c) / 2
    u = torch.stack([angle.cos(), angle.sin()])  # of the larger eigenvalue
    v = torch.stack([-u[1], u[0]])
    expected = torch.zeros_like(x)
    for s in (1, -1):
        for t in (1, -1):
            R = torch.stack([s * v, t * u], 1)
            expected += (f((x - centre) @ R) @ R.T + centre) / 4
    model = symmetrize(f, E2, "frames", source=field, target=field)
    torch.testing.assert_close(model(x), expected, rtol=1e-10, atol=1e-10)


def jump(model: nn.Module, x: Tensor, size: float) -> float:
    """Change of the output from x − a to x + a, |a| of this size."""
    a = size * randn(*x.shape, seed=5, dtype=x.dtype)
    return float((model(x + a) - model(x - a)).detach().abs().max())


OCTAHEDRON = torch.cat([torch.eye(3), -torch.eye(3)]).double().unsqueeze(0)  # three equal axes


@pytest.mark.parametrize("group", [O3, SO3, E3], ids=lambda g: g.name)
@pytest.mark.parametrize("invariant", [True, False])
def test_weighted_frames_are_continuous_where_axes_cross(group, invariant: bool) -> None:
    target = Field(Vector(), 3 * group.trivial if invariant else group.linear)
    f = nn.Sequential(nn.Flatten(-2), dense(18, 3)).double()
    plain, weighted = (
        symmetrize(f, group, "frames", source=points(group), target=target, weighted=w)
        for w in (False, True)
    )
    rate = jump(weighted, OCTAHEDRON, 1e-2) / 1e-2
    for size in (1e-4, 1e-6):
        assert jump(weighted, OCTAHEDRON, size) <= 10 * rate * size
        assert jump(plain, OCTAHEDRON, size) > 1e-2


@pytest.mark.parametrize("spread", [1.0, 0.0])
def test_weighted_invariants_are_continuous_where_points_are_on_a_line(spread: float) -> None:
    line = torch.tensor([1.0, -0.5, 2.0, 0.7, -1.3, 0.4]).reshape(1, 6, 1).double()
    x = spread * line * torch.tensor([1.0, 2.0, 2.0])
    f = nn.Sequential(nn.Flatten(-2), dense(18, 3)).double()
    target = Field(Vector(), 3 * E3.trivial)
    model = symmetrize(f, E3, "frames", source=points(E3), target=target, weighted=True)
    near = [x + size * randn(*x.shape, dtype=x.dtype) for size in (1e-2, 1e-6)]
    far, close = (float((model(y) - model(x)).detach().abs().max()) for y in near)
    assert 0 < close <= 1e-3 * far


@pytest.mark.parametrize("line", [(1.0, 1.0, 0.0), (1.0, 1.0, 1.0), (0.0, 1.0, 1.0)])
@pytest.mark.parametrize(("mode", "options"), [("frames", {"weighted": True}), ("canonical", {})])
def test_frames_of_points_on_a_line_of_a_lattice_are_rotations(mode, options, line) -> None:
    """What rounding leaves off the axis is then along it, and no second axis."""
    SE3 = geomdl.group("SE3")
    x = torch.outer(torch.tensor([-1.16, 0.0, 1.3]), torch.tensor(line)).double().unsqueeze(0)
    f = nn.Sequential(nn.Flatten(-2), dense(9, 3)).double()
    target = Field(Vector(), 3 * SE3.trivial)
    model = symmetrize(f, SE3, mode, source=points(SE3), target=target, **options).double()
    turns, _ = model.frame((x,)).elements
    torch.testing.assert_close(turns.mT @ turns, torch.eye(3).expand_as(turns).double())
    assert geomdl.audit(model, x, samples=2).passed()


def test_principal_axes_of_symmetric_clouds_have_gradients() -> None:
    """On a line the axes across are free, and an invariant does not see them."""
    f = nn.Sequential(nn.Flatten(-2), dense(18, 3)).double()
    target = Field(Vector(), 3 * E3.trivial)
    model = symmetrize(f, E3, "frames", source=points(E3), target=target)
    line = torch.tensor([1.0, -0.5, 2.0, 0.7, -1.3, 0.4]).double().reshape(1, 6, 1)
    x = torch.cat([OCTAHEDRON, line * torch.eye(3)[0], torch.zeros(1, 6, 3)]).double()
    (grad,) = torch.autograd.grad(model(x.requires_grad_()).sum(), x)
    assert grad.isfinite().all()
    along = torch.zeros_like(line)
    along[0, 2] = 1e-5
    ends = [model((line + s * along) * torch.eye(3)[0]).sum() for s in (1, -1)]
    torch.testing.assert_close(grad[1, 2, 0], (ends[0] - ends[1]) / 2e-5, rtol=1e-6, atol=1e-8)
    general = randn(2, 6, 3, dtype=torch.float64).requires_grad_()
    assert torch.autograd.gradcheck(model, (general,), fast_mode=True, check_forward_ad=True)
    assert torch.autograd.gradgradcheck(model, (general,), fast_mode=True)


def test_weighted_frames_are_traced() -> None:
    SO2 = geomdl.group("SO2")
    field, x = vectors(SO2, 2), randn(2, 4)
    model = symmetrize(dense(4, 4), SO2, "frames", source=field, target=field, weighted=True)
    traced = torch.export.export(model, (x,)).module()
    torch.testing.assert_close(traced(x), model(x))


def test_weighted_frames_have_gradients() -> None:
    field, target = vectors(O3, 3), vectors(O3, 1)
    model = symmetrize(
        dense(9, 3), O3, "frames", source=field, target=target, weighted=True
    ).double()
    x = randn(2, 9, dtype=torch.float64).requires_grad_()
    assert torch.autograd.gradcheck(model, (x,), fast_mode=True)
    flat = torch.zeros(1, 9, dtype=torch.float64).requires_grad_()
    (model(flat).sum()).backward()
    assert flat.grad.isfinite().all()


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("kind", ["members", "numbers", "columns"])
def test_sets_under_s12(kind: str, weighted: bool) -> None:
    S12 = geomdl.group("S12")
    field = {
        "members": members(S12, 2),
        "numbers": Field(Vector(), S12.standard),
        "columns": Field(Vector(), S12.standard, channels=2),
    }[kind]
    f = dense(12, 12) if kind == "numbers" else rows(12, 2, 2)
    x = randn(2, 12) if kind == "numbers" else randn(2, 12, 2)
    model = symmetrize(f, S12, "frames", source=field, target=field, weighted=weighted)
    assert model.cost == (67 if weighted and kind != "numbers" else 1)
    assert geomdl.audit(model, x, samples=8).passed()
    assert geomdl.audit(model, x, samples=8, dtype=torch.float32).error <= 1e-6
    assert geomdl.audit(f, x, samples=8, source=field, target=field).error > 0.1


def test_ties_are_broken_by_the_next_number_and_averaged_where_all_are_equal() -> None:
    x = torch.tensor([[[1.0, 5.0], [0.0, 7.0], [1.0, 2.0], [0.0, 7.0]]])
    field = members(S4, 2)
    model = symmetrize(nn.Identity(), S4, "frames", source=field, target=field)
    assert model.frame((x,)).elements.tolist() == [[[1, 3, 2, 0]], [[3, 1, 2, 0]]]
    assert model.frame((x[:, :1].expand(2, 4, 2),)).weights.shape == (24, 2)
    model = symmetrize(rows(4, 2, 2), S4, "frames", source=field, target=field)
    assert geomdl.audit(model, x).passed()


class Both(nn.Module):
    """Numbers of the members of a set, of two inputs."""

    def __init__(self, out: int) -> None:
        super().__init__()
        self.net = dense(8, out)

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        return self.net(torch.cat([a, b], -1))


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("target", [NUMBERS, INVARIANT])
@pytest.mark.parametrize(
    ("mode", "options"), [("frames", {}), ("frames", {"weighted": True}), ("canonical", {})]
)
def test_members_that_tie_are_averaged_over(mode, options, target, training) -> None:
    source = {"a": NUMBERS, "b": NUMBERS}
    f = Both(4 if target == NUMBERS else 3)
    model = symmetrize(f, S4, mode, source=source, target=target, **options).train(training)
    a, other = torch.tensor([[1.0, 2, 1, 2], [0, 0, 0, 1], [3, 1, 2, 0]]), randn(3, 4)
    y = model(a, other)
    for g in S4.sample(3, seeded(1)):
        moved = model(*geomdl.act(g, source, (a, other)))
        assert torch.allclose(moved, target.act(g, y), atol=1e-6)
    alone = model(a[2:], other[2:])  # ties elsewhere are of no account
    assert torch.allclose(alone, y[2:], atol=1e-6)
    for i, count in enumerate((4, 6, 1)):
        assert len(model.frame({"a": a[i : i + 1], "b": other}).weights) == count
    order = [2, 1, 0, 3]  # which f itself does not respect, though the first input is the same
    assert not torch.allclose(f(a, other[:, order])[0], f(a, other)[0], atol=1e-3)


@pytest.mark.parametrize("mode", ["frames", "canonical"])
def test_many_members_that_tie_are_refused_unless_their_order_is_of_no_account(mode) -> None:
    S9 = geomdl.group("S9")
    x = torch.ones(2, 9)
    ends = [Field(Vector(), S9.standard), Field(Vector(), 4 * S9.trivial)]
    model = symmetrize(dense(9, 9), S9, mode, source=ends[0], target=ends[0])
    with pytest.raises(ValueError, match=r"^x: expected members that tie in at most 720 orders, g"):
        model(x)
    invariant = symmetrize(dense(9, 4), S9, mode, source=ends[0], target=ends[1])
    assert torch.allclose(invariant(x), invariant.f(x))
    assert len(invariant.frame((x,)).weights) == 1


def test_weighted_sorting_is_continuous_where_plain_sorting_jumps() -> None:
    S6 = geomdl.group("S6")
    field, x = members(S6, 2), randn(1, 6, 2, dtype=torch.float64)
    x[0, 1, 0] = x[0, 4, 0]
    f = rows(6, 2, 2).double()
    plain, weighted = (
        symmetrize(f, S6, "frames", source=field, target=field, weighted=w) for w in (False, True)
    )
    assert weighted.cost == 16
    rate = jump(weighted, x, 1e-3) / 1e-3
    assert jump(weighted, x, 1e-6) <= 1e-5 * rate
    assert jump(plain, x, 1e-6) > 1e-2


class Full(nn.Module):
    """A network that keeps full precision by itself."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, x: Tensor) -> Tensor:
        with torch.autocast("cpu", enabled=False):
            return self.net(x.float())


@pytest.mark.parametrize(("mode", "options"), [("frames", {}), ("average", {"degree": 2})])
def test_autocast_leaves_the_action_alone(mode: str, options: dict) -> None:
    f, x = Full(rows(5, 3, 3)), randn(2, 5, 3)
    model = symmetrize(f, O3, mode, source=points(O3), target=points(O3), **options)
    expected = model(x)
    with torch.autocast("cpu", torch.bfloat16):
        torch.testing.assert_close(model(x), expected)


def test_products_one_factor_after_the_other() -> None:
    """Points in any order: sorted inside, turned to their principal axes outside."""
    S4 = geomdl.group("S4")
    both = S4 * E3
    row = Field(Points(3, 3 * S4.trivial), 3 * S4.trivial)
    inner = symmetrize(rows(4, 3, 3), S4, "frames", source=row, target=row)
    model = symmetrize(inner, E3, "frames", source=points(E3), target=points(E3))
    x = randn(2, 4, 3)
    for side in (points(E3), row, points(both)):
        assert geomdl.audit(model, x, source=side, target=side, samples=4).passed()
    assert geomdl.audit(inner, x, source=points(E3), target=points(E3)).error > 0.1


def test_the_input_to_read_is_named() -> None:
    source = {"v": vectors(O3, 2), "pos": points(O3)}

    class Both(nn.Module):
        def forward(self, v: Tensor, pos: Tensor) -> Tensor:
            return (v[..., :3] + 2 * v[..., 3:]).relu() + pos.tanh().sum(-2)

    v, pos = randn(2, 6), randn(2, 4, 3)
    for by in (None, "v", "pos"):
        model = symmetrize(Both(), O3, "frames", source=source, target=vectors(O3, 1), by=by)
        if by == "pos":
            assert geomdl.audit(model, v, pos, samples=8).passed()
            torch.testing.assert_close(model(v, pos), model(pos=pos, v=v))
        assert model.frame.reading.key == ("v" if by is None else by)
