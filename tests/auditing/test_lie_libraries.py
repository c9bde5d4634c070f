"""Modules of other libraries speak for themselves, or are told."""

import pytest
import torch
from torch import Tensor, nn

import geomdl
from geomdl import Field, Grid, Vector, lie_derivative
from geomdl.auditing import LieDerivative, analytic_inputs
from geomdl.fields import Points, positions
from tests.auditing.networks import images


@pytest.fixture(autouse=True)
def seed() -> None:
    torch.manual_seed(0)


def costs(found: LieDerivative) -> dict[str, float]:
    return {f"{c.kind} {c.name}": c.worst for c in found.layers}


def test_e3nn_modules_speak_for_themselves() -> None:
    from e3nn import o3

    class Net(nn.Module):
        def __init__(self, broken: bool) -> None:
            super().__init__()
            self.product = o3.FullyConnectedTensorProduct("1x1o", "1x1o", "4x0e+2x1e+1x2e")
            self.linear = o3.Linear("4x0e+2x1e+1x2e", "2x0e+1x1e")
            self.last = nn.Linear(5, 5, bias=False) if broken else o3.Linear("2x0e+1x1e", "1x1e")

        def forward(self, x: Tensor) -> Tensor:
            return self.last(self.linear(self.product(x, x.cumsum(0))))[..., -3:]

    SO3 = geomdl.group("SO3")
    v = Field(Vector(), SO3.standard)
    for broken in (False, True):
        found = lie_derivative(Net(broken), images(4, 3), group="SO3", source=v, target=v,
                               per_layer=True)  # fmt: skip
        rows = costs(found)
        assert [row.name for row in found.rows] == ["A0", "A1", "A2"]
        assert rows["FullyConnectedTensorProduct product"] < 1e-6  # its constants are of float32
        assert rows["Linear linear"] < 1e-12
        assert (found.error > 1e-2) == broken
        assert found.costliest is not None
        if broken:
            assert found.costliest.name in ("last", "(end)")


def test_layers_of_a_factor_speak_for_the_product() -> None:
    from e3nn import o3

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.linear = o3.Linear("1x1o", "2x1o")
            self.mix = o3.Linear("2x1o", "1x1o")

        def forward(self, pos: Tensor) -> Tensor:
            return self.mix(self.linear(pos - pos.mean(0)))

    G = geomdl.group("SE3")
    found = lie_derivative(Net(), images(4, 3), group=G, source=positions(G),
                           target=Field(Vector(), G.linear), per_layer=True)  # fmt: skip
    assert len(found.rows) == 6
    assert [c.name for c in found.layers] == ["linear", "mix"]
    assert max(c.worst for c in found.layers) < 1e-12


@pytest.mark.parametrize("unused", [False, True])
def test_forces_are_whole_and_left_out_of_costs(unused: bool) -> None:
    class Atoms(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.last = nn.Linear(1, 4), nn.Linear(4, 1)

        def forward(self, pos: Tensor) -> dict[str, Tensor]:
            pos = pos if pos.requires_grad else pos.requires_grad_()
            far = (pos[:, None] - pos[None]).square().sum(-1, keepdim=True)
            energy = self.last(self.first(far).tanh()).sum()
            (slope,) = torch.autograd.grad(energy, pos, create_graph=True, allow_unused=unused)
            return {"energy": energy, "forces": pos * 0 if slope is None else -slope}

    G = geomdl.group("SE3")
    target = {"energy": Field(Vector(), G.trivial, shape=()), "forces": Field(Points(3), G.linear)}
    options = {"group": G, "source": positions(G), "target": target}
    whole = lie_derivative(Atoms(), images(4, 3), **options)
    assert whole.error < 1e-12
    if not unused:
        with pytest.raises(
            ValueError, match=r"^per_layer: expected a network that can be cut, got"
        ):
            lie_derivative(Atoms(), images(4, 3), per_layer=True, **options)
        return
    found = lie_derivative(Atoms(), images(4, 3), per_layer=True, **options)
    assert [c.name for c in found.layers] == ["first", "last"]
    assert max(c.worst for c in found.layers) < 1e-12


def test_layers_of_pyg_on_points() -> None:
    from torch_geometric.nn import GCNConv

    class Net(nn.Module):
        def __init__(self, broken: bool) -> None:
            super().__init__()
            self.conv = GCNConv(4, 2)
            self.broken = broken

        def forward(self, pos: Tensor, edges: Tensor) -> Tensor:
            source, target = edges
            weight = (pos[source] - pos[target]).norm(dim=-1)
            x = pos[:, :1] if self.broken else pos.norm(dim=-1, keepdim=True)
            return self.conv(torch.cat([x, x**2, x**3, x**4], 1), edges, weight)

    G = geomdl.group("SO3")
    edges = torch.tensor([[0, 1, 2, 3, 4, 0], [1, 2, 3, 4, 0, 2]])
    for broken in (False, True):
        found = lie_derivative(
            Net(broken), images(5, 3), edges, group=G, source=(positions(G), None),
            target=Field(Vector(), 2 * G.trivial), per_layer=True,
        )  # fmt: skip
        assert (found.error < 1e-10) != broken
        if broken:
            assert found.costliest is not None
            assert (found.costliest.kind, found.costliest.name) == ("code before", "conv.lin")


def test_fields_may_be_said_for_a_layer() -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.twice = nn.Linear(3, 3, bias=False)
            nn.init.eye_(self.twice.weight)

        def forward(self, x: Tensor) -> Tensor:
            return self.twice(x).sum(-1, keepdim=True)

    G = geomdl.group("SO3")
    v, scalar = Field(Vector(), G.standard), Field(Vector(), G.trivial)
    options = {"group": G, "source": v, "target": scalar, "per_layer": True}
    plain = costs(lie_derivative(Net(), images(4, 3), **options))
    said = costs(lie_derivative(Net(), images(4, 3), actions={"twice": v}, **options))
    assert plain["Linear twice"] > 0.1  # its output was taken for invariant
    assert "code (end)" not in plain
    assert said["Linear twice"] < 1e-12  # it turns; the sum that follows breaks
    assert said["code (end)"] == pytest.approx(plain["Linear twice"])


def test_typed_layers_are_taken_at_their_word() -> None:
    """A steerable convolution then costs sampling alone, which falls with the pixel size."""
    G = geomdl.group("SO2")
    source = Field(Grid(2), G.trivial)
    middle = Field(Grid(2), 2 * (G.trivial + G.irrep(1)))
    conv = geomdl.steerable.Conv(source, middle, 5, padding=2)
    last = geomdl.steerable.Conv(middle, source, 5, padding=2)
    net = geomdl.steerable.Sequential(conv, last)
    declared, scalars = [], []
    for n in (16, 32):
        x = analytic_inputs(source, (n, n)).tensor
        declared.append(costs(lie_derivative(net, x, per_layer=True))["Conv 1"])
        scalars.append(costs(lie_derivative(net, x, action="rotation", per_layer=True))["Conv 1"])
    assert declared[1] < declared[0] / 6
    assert scalars[1] > 5 * declared[1]
