"""Transposed convolutions: adjoint to convolutions, exact at every size, complete."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

import geomdl
from geomdl import Field, Grid
from geomdl.registry import Example, default
from geomdl.steerable import Conv
from geomdl.steerable.conv_transpose import ConvTranspose
from tests.laws.cases import make_case
from tests.laws.laws import check
from tests.steerable.nonlinearities import draw, randomized

CASES = [
    ("D4", 2, 3, 2, 1, 1),
    ("D4", 2, 4, 2, 1, 1),
    ("C4", 2, 2, 3, 0, 2),
    ("D4", 2, 5, 1, 2, 1),
    ("Oh", 3, 3, 2, 1, 1),
    ("O", 3, 2, 2, 0, 1),
    ("C8", 2, 5, 2, 2, 1),
    ("SO3", 3, 3, 2, 1, 1),
]


def fields(name: str, d: int) -> tuple[Field, Field]:
    G = geomdl.group(name)
    first = G.regular if G.order else G.irrep(2)
    return Field(Grid(d), G.standard + first), Field(Grid(d), 2 * G.standard + 2 * G.trivial)


def layer_of(name: str, d: int, k: int, s: int, p: int, dilation: int) -> ConvTranspose:
    layer = ConvTranspose(*fields(name, d), k, s, p, dilation=dilation)
    return randomized(layer)  # type: ignore[return-value]


def turned(x: Tensor, field: Field, quarter: int = 1) -> Tensor:
    """A quarter turn about the last axis of space, and what it does to the channels."""
    matrix = torch.eye(field.domain.d, dtype=torch.float64)  # type: ignore[attr-defined]
    for _ in range(quarter):
        step = torch.eye(len(matrix), dtype=torch.float64)
        step[:2, :2] = torch.tensor([[0.0, -1.0], [1.0, 0.0]])
        matrix = step @ matrix
    g = field.group.from_matrix(matrix)
    return field.act(g, x)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_it_is_the_adjoint_of_a_convolution(case: tuple[str, int, int, int, int, int]) -> None:
    _, d, k, s, p, dilation = case
    layer = layer_of(*case)
    weight, bias = layer.filter()
    assert bias is not None
    y = draw(2, layer.source.channels, *[3] * d)
    up = layer(y) - bias.view(-1, *[1] * d)
    x = draw(*up.shape, seed=1)
    conv = (F.conv1d, F.conv2d, F.conv3d)[d - 1]
    down = conv(x, weight, None, s, p, dilation)
    assert down.shape == y.shape
    left, right = (down * y).sum(), (x * up).sum()
    assert abs(left - right) <= 1e-10 * right.abs()

    radial = "gaussian" if layer.filters.blocks[0].taps.rings else None
    back = Conv(layer.target, layer.source, k, s, p, dilation, radial=radial)
    assert back.filters.project(weight.flatten(2)) <= 1e-10
    assert back.filters.n == layer.filters.n


@pytest.mark.parametrize("n", [1, 2, 3, 4])
@pytest.mark.parametrize("case", CASES, ids=str)
def test_quarter_turns_are_exact_at_every_size(
    case: tuple[str, int, int, int, int, int], n: int
) -> None:
    layer = layer_of(*case)
    x = draw(2, layer.source.channels, *[n] * case[1])
    y = layer(x)
    wanted = turned(y, layer.target)
    assert y.shape[2:] == layer.sizes(x.shape[2:])
    assert (layer(turned(x, layer.source)) - wanted).norm() <= 1e-12 * wanted.norm()

    # the twins: pixels at one end alone, and a bent filter
    lopsided = F.pad(y, [0, 1] * case[1])
    again = F.pad(layer(turned(x, layer.source)), [0, 1] * case[1])
    assert (again - turned(lopsided, layer.target)).norm() >= 1e-2 * wanted.norm()
    broken = 1 + 0.1 * torch.arange(y.shape[1], dtype=y.dtype).view(-1, *[1] * case[1])
    wrong = layer(turned(x, layer.source)) * broken - turned(y * broken, layer.target)
    assert wrong.norm() >= 1e-3 * wanted.norm()


def test_the_audit_passes_and_sees_a_bent_filter() -> None:
    class Bent(ConvTranspose):
        def filter(self) -> tuple[Tensor, Tensor | None]:
            weight, bias = super().filter()
            return torch.cat([weight[:, :1] * 1.01, weight[:, 1:]], 1), bias

    for kind, passes in ((ConvTranspose, True), (Bent, False)):
        layer = kind(*fields("D4", 2), 3, 2, 1).double()
        found = geomdl.audit(layer, draw(2, layer.source.channels, 5, 5))
        assert found.passed(1e-12) is passes, found


def test_values_follow_the_formula() -> None:
    G = geomdl.group("C1")
    line = Grid(1, action=G.trivial)
    layer = ConvTranspose(Field(line, 2 * G.trivial), Field(line, 3 * G.trivial), 3, 2, 1)
    layer = randomized(layer)  # type: ignore[assignment]
    weight, bias = layer.filter()
    x = draw(1, 2, 4)
    assert bias is not None
    wanted = bias.repeat(7, 1).T.clone()
    for i in range(4):
        for t in range(3):
            place = 2 * i + t - 1
            if 0 <= place < 7:
                wanted[:, place] += weight[:, :, t].T @ x[0, :, i]
    assert (layer(x)[0] - wanted).abs().max() <= 1e-13


def test_it_undoes_the_size_of_a_convolution() -> None:
    G = geomdl.group("D4")
    field = Field(Grid(2), G.regular)
    for n, k, p in ((28, 4, 1), (29, 3, 1)):
        down, up = Conv(field, field, k, 2, p), ConvTranspose(field, field, k, 2, p)
        assert up.sizes(down.sizes((n, n))) == (n, n)


def test_groups_of_channels_do_not_see_one_another() -> None:
    G = geomdl.group("D4")
    field = Field(Grid(2), 2 * G.regular)
    layer = randomized(ConvTranspose(field, field, 3, 2, 1, groups=2))
    x = draw(2, 16, 4, 4)
    changed = x.clone()
    changed[:, 8:] += 1
    assert torch.equal(layer(x)[:, :8], layer(changed)[:, :8])
    assert not torch.allclose(layer(x)[:, 8:], layer(changed)[:, 8:])
    assert geomdl.audit(layer, x).passed(1e-12)


@pytest.mark.parametrize(("k", "s"), [(4, 2), (6, 3), (5, 1)])
def test_initial_weights_preserve_the_mean_square(k: int, s: int) -> None:
    G = geomdl.group("D4")
    rng = torch.Generator().manual_seed(0)
    layer = ConvTranspose(
        Field(Grid(2), 4 * G.regular), Field(Grid(2), 64 * G.regular), k, s, rng=rng
    ).double()
    y = layer(draw(2, 32, 12, 12))[..., k:-k, k:-k]
    assert y.square().mean().item() == pytest.approx(2.0, rel=0.1)


def test_laws_hold_in_space_with_groups_of_channels() -> None:
    field = Field(Grid(3), 2 * geomdl.group("O").standard)
    example = Example(
        lambda: ConvTranspose(field, field, 2, 2, groups=2), lambda rng: (draw(2, 6, 3, 3, 3),)
    )
    case = make_case("ConvTranspose", default, example)
    for law in ("equivariance", "dtypes", "export", "save_load", "nan_isolation"):
        check(law, case)


def test_bad_arguments_are_refused_in_one_line() -> None:
    G = geomdl.group("C4")
    field = Field(Grid(2), G.regular)
    with pytest.raises(ValueError, match=r"^output_padding: adds pixels at one end, which breaks"):
        ConvTranspose(field, field, 3, 2, 1, output_padding=1)
    with pytest.raises(ValueError, match=r"^output_padding: should be from 0 to .*=1, got 2$"):
        ConvTranspose(field, field, 3, 2, 1, output_padding=2)
    with pytest.raises(ValueError, match=r"^padding: should be 0 or more, got -1$"):
        ConvTranspose(field, field, 3, 2, -1)
    with pytest.raises(ValueError, match=r"^gain: should be a finite number, got nan$"):
        ConvTranspose(field, field, 3, gain=float("nan"))
    with pytest.raises(ValueError, match=r"^stride: should be a positive integer, got 0$"):
        ConvTranspose(field, field, 3, 0)
    shifting = Field(Grid(2, periodic=True), geomdl.group("Z4x4").trivial)
    with pytest.raises(ValueError, match=r"^source: Z4x4 shifts pixels"):
        ConvTranspose(shifting, shifting, 3)
    layer = ConvTranspose(field, field, 2, 2, 2)
    name = r"^ConvTranspose\(.* of C4\): x: "
    with pytest.raises(ValueError, match=name + r"size 2 gives no pixels .*; use size 3 or more$"):
        layer(torch.zeros(1, 4, 2, 2))
    with pytest.raises(ValueError, match=name + "C4 turns the grid, so all sizes should be equal"):
        layer(torch.zeros(1, 4, 3, 5))
    one = Field(Grid(2), geomdl.group("C1").trivial)
    layer = ConvTranspose(one, one, 3, 2, 1, output_padding=1)
    assert layer(torch.zeros(1, 1, 4, 4)).shape[2:] == layer.sizes((4, 4)) == (8, 8)
