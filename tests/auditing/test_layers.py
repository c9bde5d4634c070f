"""Layer by layer: the first one that breaks is named, and no other."""

import pytest
import torch
from torch import Tensor, nn

import geomdl
from geomdl import Audit, Field, Grid, Nodes, Vector, audit
from tests.auditing import networks
from tests.auditing.networks import C4, D4, C4Net, GroupConv, Lift, image, images, invariant, seeded


@pytest.fixture
def x() -> Tensor:
    return images(4, 1, 11, 11)


def rows_of(found: Audit) -> dict[str, geomdl.auditing.LayerRow]:
    return {row.name: row for row in found.per_layer}


# --- foreign networks -------------------------------------------------------------------------
def test_a_correct_foreign_network_holds_in_every_layer(x: Tensor) -> None:
    found = audit(seeded(C4Net()), x, per_layer=True)
    rows = rows_of(found)
    assert list(rows) == ["lift", "act", "conv", "act2", "pool", "head", "(whole)"]
    for name in ("lift", "act", "conv", "act2"):
        assert rows[name].method == "fitted"
        assert rows[name].error <= 1e-11
        assert rows[name].before is not None
        assert rows[name].before > 0.5
    assert rows["head"].error <= 1e-11
    assert rows["(whole)"].error == found.error
    assert found.first_break is None
    assert "layers      all hold" in found.summary()


@pytest.mark.parametrize("group", [C4, D4])
def test_plain_cnn_breaks_at_its_first_convolution(group: geomdl.Group, x: Tensor) -> None:
    found = audit(seeded(networks.PlainCNN()), x, source=image(group), target=invariant(group, 10),
                  per_layer=True)  # fmt: skip
    conv = rows_of(found)["conv1"]
    assert 0.2 < conv.error < 1
    assert conv.input_error is not None
    assert conv.input_error <= 1e-12
    assert found.first_break is not None
    assert found.first_break.startswith("conv1 (Conv2d): error 0.")
    assert "after fitting a channel map" in found.first_break
    assert "breaks at   conv1 (Conv2d)" in found.summary()


def test_a_wide_convolution_is_cleared_and_the_pointwise_layer_blamed(x: Tensor) -> None:
    """Nine filters or more span all 3×3 filters: their outputs still turn, ReLU spoils it."""
    found = audit(seeded(networks.PlainCNN(width=12)), x, source=image(), target=invariant(D4, 10),
                  per_layer=True)  # fmt: skip
    assert rows_of(found)["conv1"].error <= 1e-9
    assert found.first_break is not None
    assert found.first_break.startswith("relu1 (ReLU), after conv1: error 0.")


@pytest.mark.parametrize("broken", ["lift", "conv"])
def test_the_broken_layer_of_several_is_named(broken: str, x: Tensor) -> None:
    net = C4Net()
    setattr(net, broken, nn.Conv2d(1 if broken == "lift" else 12, 12, 3, padding=1))
    if broken == "lift":  # fewer filters than dimensions, lest they span everything
        net.lift = nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.Conv2d(4, 12, 1))
    found = audit(seeded(net), x, per_layer=True)
    assert found.first_break is not None
    named = {"lift": "lift.0 (Conv2d): error", "conv": "conv (Conv2d), after act: error"}[broken]
    assert found.first_break.startswith(named)


def test_code_between_layers_is_blamed(x: Tensor) -> None:
    class Between(C4Net):
        def forward(self, x: Tensor) -> Tensor:
            x = self.act(self.lift(x))
            x = x + torch.linspace(-1, 1, x.shape[-1], dtype=x.dtype)
            return self.head(self.pool(self.act2(self.conv(x))))

    found = audit(seeded(Between()), x, per_layer=True)
    assert found.first_break is not None
    assert found.first_break.startswith("the code of Between before conv (GroupConv), after act:")


def test_code_after_all_layers_is_blamed(x: Tensor) -> None:
    class After(C4Net):
        def forward(self, x: Tensor) -> Tensor:
            return super().forward(x) + x[..., 0, 0]

    found = audit(seeded(After()), x, per_layer=True)
    assert found.first_break is not None
    assert found.first_break.startswith("the code of After itself, between layers that hold: error")


def test_a_layer_that_holds_clears_its_parts(x: Tensor) -> None:
    """An average over turned copies calls a plain convolution that breaks alone."""

    class Averaged(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(1, 3, 3, padding=1)

        def forward(self, x: Tensor) -> Tensor:
            copies = (self.conv(x.rot90(k, (-2, -1))).rot90(-k, (-2, -1)) for k in range(4))
            return sum(copies)  # type: ignore[return-value]

    class Net(nn.Module):
        source, target = image(C4), invariant(C4, 3)

        def __init__(self) -> None:
            super().__init__()
            self.average, self.last = Averaged(), nn.Conv2d(3, 3, 3, padding=1)

        def forward(self, x: Tensor) -> Tensor:
            return self.last(self.average(x)).relu().mean((-2, -1))

    found = audit(seeded(Net()), x, per_layer=True)
    rows = rows_of(found)
    assert list(rows)[:5] == [*(f"average.conv{n}" for n in ("", "#2", "#3", "#4")), "average"]
    assert rows["average.conv"].error > 0.1
    assert rows["average.conv"].parent == "average"
    assert rows["average"].error <= 1e-12
    assert found.first_break is not None
    assert found.first_break.startswith("last (Conv2d), after average: error")


def test_layers_with_too_few_samples_are_refused(x: Tensor) -> None:
    net = nn.Sequential(Lift(1, 2), nn.ReLU(), nn.Flatten(), nn.Linear(968, 4))
    seeded(net)
    found = audit(net, x, source=image(C4), target=invariant(C4, 4), per_layer=True)
    rows = rows_of(found)
    assert rows["2"].method == "refused"
    assert "samples are too few for 968 channels" in rows["2"].note
    assert rows["2"].error != rows["2"].error
    assert found.first_break is not None
    assert found.first_break.startswith("3 (Linear), after 2: error")


def test_what_cannot_be_judged_is_refused_with_the_reason(x: Tensor) -> None:
    class Tokens(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x.flatten(2).mT

    class Back(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x.mT.unflatten(2, (11, 11))

    class Many(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x.repeat(1, 200, 1, 1)

    class Positive(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x[:, 0, 0][x[:, 0, 0] > 0].unsqueeze(1)

    class Beside(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.positive, self.count = Positive(), Count()

        def forward(self, x: Tensor) -> Tensor:
            self.positive(x), self.count(x)
            return x

    class Count(nn.Module):
        def forward(self, x: Tensor) -> int:
            return len(x)

    net = nn.Sequential(Lift(1, 3), Tokens(), Back(), Many(), networks.PoolFields(), Beside())
    net[5] = nn.Identity()
    found = audit(seeded(net), x, source=image(C4), target=invariant(C4, 600), per_layer=True)
    rows = rows_of(found)
    assert found.passed()
    assert {name: row.method for name, row in rows.items()} == {
        "0": "fitted", "1": "refused", "2": "fitted", "3": "refused", "4": "refused",
        "5": "refused", "(whole)": "declared",
    }  # fmt: skip
    assert rows["1"].note == "shape (4, 121, 12) is not (batch, channels, size, size)"
    assert rows["3"].note == "2400 channels are more than 2048"
    found = audit(Beside(), x, source=image(C4), target=image(C4), per_layer=True)
    rows = rows_of(found)
    assert rows["positive"].method == "refused"
    assert rows["positive"].note
    assert rows["count"].note == "gives no floating tensor"
    assert found.first_break is None


def test_pooled_features_get_the_samples_they_need() -> None:
    """Thirty channels without space, in batches of four: further inputs are drawn."""
    net = nn.Sequential(Lift(1, 10), nn.ReLU(), networks.PoolFields(), nn.Linear(10, 30))
    seeded(net)
    found = audit(
        net, images(4, 1, 7, 7), source=image(C4), target=invariant(C4, 30), per_layer=True
    )
    assert rows_of(found)["3"].method == "fitted"
    assert rows_of(found)["3"].error <= 1e-9


def test_sets_without_types_inside() -> None:
    S6 = geomdl.group("S6")

    class DeepSets(nn.Module):
        source = target = Field(Nodes(), S6.trivial, channels=4)

        def __init__(self, broken: bool) -> None:
            super().__init__()
            self.first, self.second = nn.Linear(4, 4), nn.Linear(4, 4)
            self.broken = broken

        def forward(self, x: Tensor) -> Tensor:
            y = self.first(x).tanh()
            y = y + (y[:1] if self.broken else y.mean(0, keepdim=True))
            return self.second(y)

    x = images(6, 1, 4)
    assert audit(seeded(DeepSets(False)), x, per_layer=True, samples=8).first_break is None
    found = audit(seeded(DeepSets(True)), x, per_layer=True, samples=8)
    assert found.first_break is not None
    assert found.first_break.startswith("the code of DeepSets before second (Linear), after first:")


@pytest.mark.parametrize("inference", [False, True])
def test_layers_that_work_in_place(inference: bool, x: Tensor) -> None:
    """What a layer gave is remembered as it was, though the next one overwrites it."""

    class InPlace(C4Net):
        def forward(self, x: Tensor) -> Tensor:
            with torch.inference_mode(inference):
                return super().forward(x)

    net = InPlace()
    net.act = nn.ReLU(inplace=True)
    net.act2 = nn.Sequential(nn.ReLU(inplace=True), nn.Hardtanh(-1e-3, 9, inplace=True))
    rows = rows_of(audit(seeded(net), x, per_layer=True))
    assert all(row.error <= 1e-9 for row in rows.values())
    assert rows["conv"].before is not None
    assert rows["conv"].before != rows["act2.0"].before
    if not inference:  # one tensor, measured once
        assert rows["act2"].before == rows["act2.1"].before
    net.conv = nn.Conv2d(12, 12, 3, padding=1)
    found = audit(seeded(net), x, per_layer=True)
    assert found.first_break is not None
    assert found.first_break.startswith("conv (Conv2d), after act: error")


def test_nan_in_a_layer_is_named(x: Tensor) -> None:
    class Log(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x.log()

    net = nn.Sequential(Lift(1, 2), Log(), networks.PoolFields())
    found = audit(seeded(net), x, source=image(C4), target=invariant(C4, 2), per_layer=True)
    assert found.first_break is not None
    assert found.first_break.startswith("1 (Log), after 0: error nan")


def test_strided_layers_under_shifts_by_their_stride() -> None:
    """Shifts by two pixels are shifts by one after a stride of two."""
    Z = geomdl.group("Z4x4")
    fine, coarse = Field(Grid(2, periodic=True, resolution=2), Z.trivial), invariant(Z, 3)
    strided = nn.Conv2d(1, 3, 3, 2, 1, padding_mode="circular")
    net = nn.Sequential(strided, nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    found = audit(seeded(net), images(4, 1, 8, 8), source=fine, target=coarse, per_layer=True)
    rows = rows_of(found)
    assert found.passed()
    assert rows["0"].before is not None
    assert rows["0"].before <= 1e-12
    Z = geomdl.group("Z8x8")
    every = Field(Grid(2, periodic=True), Z.trivial)
    found = audit(net, images(4, 1, 8, 8), source=every, target=invariant(Z, 3), per_layer=True)
    assert found.first_break is not None
    assert found.first_break.startswith("0 (Conv2d): error")


# --- declared layers --------------------------------------------------------------------------
class Declared(nn.Module):
    """A layer that says how its channels turn."""

    def __init__(self, inner: nn.Module, source: Field, target: Field) -> None:
        super().__init__()
        self.inner, self.source, self.target = inner, source, target

    def forward(self, x: Tensor) -> Tensor:
        return self.inner(x)


MAPS = Field(Grid(2), 3 * C4.regular)


def declared(second: nn.Module) -> nn.Sequential:
    net = nn.Sequential(
        Declared(Lift(1, 3), image(C4), MAPS),
        Declared(second, MAPS, MAPS),
        Declared(networks.PoolFields(), MAPS, invariant(C4, 3)),
    )
    net.source, net.target = image(C4), invariant(C4, 3)
    return seeded(net)


def test_declared_layers_hold(x: Tensor) -> None:
    found = audit(declared(GroupConv(3, 3)), x, per_layer=True)
    rows = rows_of(found)
    assert [rows[str(i)].method for i in range(3)] == ["declared"] * 3
    assert all(rows[str(i)].error <= 1e-12 for i in range(3))
    assert rows["0.inner"].method == "fitted"
    assert found.first_break is None


def test_a_declared_layer_that_lies_is_named(x: Tensor) -> None:
    """A convolution with a channel map of its own, but not the one that it declares."""

    class Swapped(GroupConv):
        def forward(self, x: Tensor) -> Tensor:
            return super().forward(x)[:, [4, 1, 2, 3, 0, *range(5, 12)]]

    found = audit(declared(Swapped(3, 3)), x, per_layer=True)
    rows = rows_of(found)
    assert rows["1"].error > 0.1
    assert rows["1"].input_error is not None
    assert rows["1"].input_error <= 1e-12
    assert rows["1.inner"].error <= 1e-9
    # the fields are mixed up, so that pooling over them breaks, and the layer is at fault
    assert found.first_break is not None
    assert found.first_break.startswith("1 (Declared), after 0: error")


def test_a_declared_type_that_does_not_fit_gives_way_to_the_fit(x: Tensor) -> None:
    """One layer has other channels than it declares, one is called by keyword."""

    class Keyword(nn.Sequential):
        source, target = image(C4), invariant(C4, 3)

        def forward(self, x: Tensor) -> Tensor:
            return self[2](self[1](x=self[0](x)))

    short = Declared(Lift(1, 3), image(C4), Field(Grid(2), 2 * C4.regular))
    whole = Declared(GroupConv(3, 3), MAPS, MAPS)
    net = Keyword(short, whole, networks.PoolFields())
    rows = rows_of(audit(seeded(net), x, per_layer=True))
    assert [rows[name].method for name in "012"] == ["fitted", "declared", "fitted"]
    assert all(row.error <= 1e-9 for row in rows.values())


def test_other_libraries_may_call_other_things_source() -> None:
    net = nn.Sequential(nn.Linear(3, 3))
    net[0].source, net[0].target = "a file", 3
    field = Field(Vector(), 3 * C4.trivial)
    found = audit(seeded(net), images(20, 3), source=field, target=field, per_layer=True)
    assert rows_of(found)["0"].method == "fitted"
    with pytest.raises(
        ValueError, match=r"^source: f.source should be a Field or a tree of Fields"
    ):
        audit(net[0], images(20, 3))
    linear = geomdl.auditing.audit_object(net[0], "S3", [3])
    assert linear.error > 0.01


def test_first_break_goes_by_the_tolerance(x: Tensor) -> None:
    class Bit(GroupConv):
        def forward(self, x: Tensor) -> Tensor:
            ramp = torch.linspace(-1, 1, x.shape[-1], dtype=x.dtype)
            return super().forward(x) + 1e-6 * ramp * x

    found = audit(declared(Bit(3, 3)), x, per_layer=True)
    assert found.first_break is not None
    assert found.first_break.startswith("1.inner (Bit)")
    assert found.first_break_at(1e-4) is None
    assert "all hold" in found.summary(1e-4)


def test_layers_of_another_group_are_fitted(x: Tensor) -> None:
    """After a restriction to C4 the fields are of C4, while the audit is of D4."""
    found = audit(declared(GroupConv(3, 3)), x, source=image(D4), target=invariant(D4, 3),
                  per_layer=True)  # fmt: skip
    assert rows_of(found)["0"].method == "fitted"
    assert found.first_break is not None


def test_vectors_and_lie_groups() -> None:
    SO3 = geomdl.group("SO3")
    v = Field(Vector(), SO3.standard)

    class Norm(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x * x.norm(dim=-1, keepdim=True)

    net = nn.Sequential(Norm(), nn.Tanh(), Norm())
    found = audit(net, images(30, 3), source=v, target=v, per_layer=True, samples=4)
    assert rows_of(found)["0"].error <= 1e-9
    assert found.first_break is not None
    assert found.first_break.startswith("1 (Tanh), after 0: error")
