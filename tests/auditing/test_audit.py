"""The audit passes what is right, and fails each twin."""

import functools

import pytest
import torch
from torch import Tensor, nn

import geomdl
from geomdl import Field, Grid, Nodes, Vector, audit
from geomdl.fields import positions
from tests.auditing import networks
from tests.auditing.networks import C4, D4, C4Net, images, invariant, seeded

EXACT = 1e-12


# --- images -----------------------------------------------------------------------------------
def test_hand_written_group_convolution_is_exact(net: C4Net, x: Tensor) -> None:
    found = audit(net, x)
    assert found.error <= EXACT
    assert found.passed()
    assert found.passed(EXACT)
    assert found.group == "C4"
    assert found.dtype == "float64"
    assert found.exhaustive
    assert [row.label for row in found.per_element] == ["90°", "180°", "270°"]
    assert found.roundtrip == 0.0


def test_feature_maps_turn_with_their_channels(net: C4Net, x: Tensor) -> None:
    maps = Field(Grid(2), 3 * C4.regular)
    assert audit(net.lift, x, source=net.source, target=maps).passed()
    wrong = Field(Grid(2), 12 * C4.trivial)
    assert audit(net.lift, x, source=net.source, target=wrong).error > 0.1


def test_float32_stays_within_its_tolerance(net: C4Net, x: Tensor) -> None:
    found = audit(net, x, dtype=torch.float32)
    assert 0 < found.error <= 1e-5
    assert found.dtype == "float32"
    assert found.passed()


def test_plain_cnn_fails(x: Tensor) -> None:
    found = audit(seeded(networks.PlainCNN()), x, source=networks.image(), target=invariant(D4, 10))
    assert found.error > 1e-2
    assert not found.passed(1e-3)


def test_offset_hides_nothing(net: C4Net, x: Tensor) -> None:
    plain = audit(networks.Broken(net), x)
    hidden = audit(networks.BrokenOffset(net), x)
    assert not hidden.passed()
    assert not hidden.passed(1e-5)
    assert hidden.error == pytest.approx(plain.error, rel=1e-3)
    # relative to the size of the output the break is nowhere to be seen
    assert hidden.error * hidden.outputs[0].variation / hidden.outputs[0].size < 1e-7


def test_offset_alone_is_no_break(net: C4Net, x: Tensor) -> None:
    found = audit(networks.Offset(net), x)
    assert found.passed()
    assert 1e-12 < found.tol < 1e-10
    assert found.error <= 1e-10


def test_offset_by_what_the_group_leaves_alone_hides_nothing() -> None:
    """Energies of molecules: they vary a lot with the atoms, and little with what turns them."""
    O3 = geomdl.group("O3")
    source = {"z": Field(Nodes(), O3.trivial, shape=()), "pos": positions(O3)}
    z = torch.tensor([6.0, 1.0, 8.0, 1.0])
    pos = images(4, 3)

    def energy(z: Tensor, pos: Tensor, broken: float) -> Tensor:
        pairs = torch.cdist(pos, pos).square()
        return -1e3 * z.sum() + (z @ torch.exp(-pairs) @ z) + broken * pos[:, 0].square().sum()

    def error(broken: float) -> float:
        f = functools.partial(energy, broken=broken)
        return audit(f, z, pos, source=source, target=Field(Vector(), O3.trivial, shape=())).error

    assert error(0.0) <= 1e-11
    assert error(1e-3) > 1e-5


def test_zero_hides_and_randomize_finds(net: C4Net, x: Tensor) -> None:
    hidden = networks.HiddenByZero(net)
    assert audit(hidden, x).passed()
    found = audit(hidden, x, randomize=True)
    assert found.error > 1e-3
    assert found.randomized
    assert audit(net, x, randomize=True).passed()
    assert hidden.gate.item() == 0.0


def test_nan_never_passes(net: C4Net, x: Tensor) -> None:
    found = audit(networks.NaN(net), x)
    assert not found.error <= 1e300
    assert not found.passed(float("inf"))
    assert found.reason == "output of f is not finite: it has NaN or infinite entries"


def test_nan_at_one_element_never_passes(x: Tensor) -> None:
    def f(x: Tensor) -> Tensor:
        y = x.square().mean((-2, -1))
        upper = x[..., : x.shape[-2] // 2, :].mean()
        return y if upper == mean else torch.log(-y)

    mean = x.double()[..., :5, :].mean()
    found = audit(f, x, source=networks.image(C4), target=invariant(C4))
    assert not found.passed(float("inf"))
    assert found.reason == "output of f is not finite at 90°"


def test_constant_never_passes(net: C4Net, x: Tensor) -> None:
    found = audit(networks.Constant(net), x)
    assert not found.error <= 1e300
    assert not found.passed(float("inf"))
    assert found.reason is not None
    assert found.reason.startswith("output does not vary with the inputs beyond rounding (rms 3)")


def test_constant_class_never_passes(x: Tensor) -> None:
    f = lambda x: torch.zeros(len(x), dtype=torch.int64)  # noqa: E731
    found = audit(
        f, x, source=networks.image(C4), target=None or Field(Vector(), C4.trivial, shape=())
    )
    assert not found.passed(float("inf"))
    assert found.reason == "output has the same value everywhere: a constant proves nothing"


def test_labels_count_the_share_that_differs(x: Tensor) -> None:
    scalar = Field(Vector(), C4.trivial, shape=())
    right = lambda x: (x.square().mean((1, 2, 3)) > 1).long()  # noqa: E731
    wrong = lambda x: (x[:, 0, 0, 0] > 0).long()  # noqa: E731
    assert audit(right, x, source=networks.image(C4), target=scalar).error == 0.0
    assert audit(wrong, x, source=networks.image(C4), target=scalar).error >= 0.25


@pytest.mark.parametrize("dropped", range(4))
def test_one_dropped_element_is_found(net: C4Net, x: Tensor, dropped: int) -> None:
    """A Reynolds average over D4 that forgets one element (deepinv's way of failing)."""
    head = nn.Conv2d(1, 3, 3)
    seeded(head)
    elements = [(k, flip) for k in range(4) for flip in (False, True)]

    class Average(nn.Module):
        source, target = networks.image(), invariant(D4, 3)

        def __init__(self, elements: list[tuple[int, bool]]) -> None:
            super().__init__()
            self.head, self.elements = head, elements

        def forward(self, x: Tensor) -> Tensor:
            moved = (x.flip(-1).rot90(k, (-2, -1)) if flip else x.rot90(k, (-2, -1))
                     for k, flip in self.elements)  # fmt: skip
            return sum(self.head(m).relu().mean((-2, -1)) for m in moved)

    assert audit(Average(elements), x).passed()
    assert audit(Average(elements[: 2 * dropped] + elements[2 * dropped + 1 :]), x).error > 1e-3


def test_a_break_on_flips_alone_is_found(net: C4Net, x: Tensor) -> None:
    """The C4 network under D4: turns hold, flips do not, and the worst element says so."""
    found = audit(net, x, source=networks.image(D4), target=invariant(D4, 5))
    rows = {row.label: row.error for row in found.per_element}
    assert len(rows) == 7
    assert all(rows[label] <= EXACT for label in ("90°", "180°", "270°"))
    assert all(error > 1e-2 for label, error in rows.items() if "flip" in label)
    assert found.worst is not None
    assert "flip" in found.worst.label


def test_a_subgroup_of_the_declared_group(net: C4Net, x: Tensor) -> None:
    broken = functools.partial(audit, net, x, source=networks.image(D4), target=invariant(D4, 5))
    found = broken(group="C4")
    assert found.group == "C4"
    assert found.passed()
    assert not broken(group="D4").passed(1e-2)
    assert audit(net, x, group="C2").passed()


def test_random_f_is_told(x: Tensor) -> None:
    f = lambda x: x.mean((-2, -1)) + 1e-3 * torch.randn(len(x), 1, dtype=x.dtype)  # noqa: E731
    found = audit(f, x, source=networks.image(C4), target=invariant(C4))
    assert not found.passed(1e-5)
    assert found.notes == ("f is not deterministic: output differs between two calls",)


# --- a symmetric input ------------------------------------------------------------------------
@pytest.mark.parametrize("x", [torch.zeros(2, 1, 9, 9), torch.ones(2, 1, 9, 9)])
def test_an_input_that_elements_fix_hides_nothing(x: Tensor) -> None:
    cnn = seeded(networks.PlainCNN())
    found = audit(cnn, x, source=networks.image(), target=invariant(D4, 10))
    assert found.error > 1e-3
    assert "7 of the elements fix the inputs, which were perturbed by a tenth" in found.notes


def test_inputs_on_which_nothing_acts_are_left_alone() -> None:
    field = Field(Vector(), 3 * D4.trivial)
    found = audit(torch.sin, torch.ones(2, 3), source=field, target=field)
    assert found.passed()
    assert found.notes == ()
