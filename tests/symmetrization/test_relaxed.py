from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import geomdl
from geomdl import Field, Grid, Vector, steerable
from geomdl.linear import EMLP
from geomdl.symmetrization import (
    FreeConv,
    Relaxed,
    RelaxedConv,
    departure,
    departures,
    penalized,
    penalty,
    plot_departures,
    relaxed,
)
from geomdl.translation import MLP

D4, SO3 = geomdl.group("D4"), geomdl.group("SO3")
V = Field(Vector(), 2 * SO3.standard)
IMAGE, REGULAR = Field(Grid(2), D4.trivial), Field(Grid(2), 2 * D4.regular)


def draw(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def convolutions() -> nn.Sequential:
    return nn.Sequential(
        steerable.Conv(IMAGE, REGULAR, 3, padding=1),
        nn.ReLU(),
        steerable.Conv(REGULAR, IMAGE, 3, padding=1, padding_mode="circular"),
    )


@pytest.mark.parametrize("kind", ["vectors", "conv", "pixels", "stride", "lifting", "group"])
def test_is_equivariant_at_the_start_and_not_after(kind: str) -> None:
    torch.manual_seed(0)
    layer, x = {
        "vectors": lambda: (relaxed(steerable.Linear(V, V)), draw(8, 6)),
        "conv": lambda: (relaxed(steerable.Conv(IMAGE, REGULAR, 3, padding=1)), draw(3, 1, 5, 5)),
        "pixels": lambda: (relaxed(steerable.Linear(REGULAR, IMAGE)), draw(3, 16, 5, 5)),
        "stride": lambda: (
            relaxed(steerable.Conv(IMAGE, REGULAR, 3, stride=2, padding="exact")),
            draw(3, 1, 7, 7),
        ),
        "lifting": lambda: (RelaxedConv(IMAGE, REGULAR, 3, padding=1), draw(3, 1, 5, 5)),
        "group": lambda: (RelaxedConv(REGULAR, REGULAR, 3, padding=1), draw(3, 16, 5, 5)),
    }[kind]()
    if isinstance(layer, Relaxed):
        assert torch.equal(layer(x), layer.strict(x))
    assert geomdl.audit(layer, x).passed()
    free = layer.weights if isinstance(layer, RelaxedConv) else layer.free.weight
    with torch.no_grad():
        free.add_(0.1 * torch.randn_like(free))
    audit = geomdl.audit(layer, x)
    assert not audit.passed() and audit.error > 1e-3
    # the differentiable estimate is the root mean square of what the audit takes the worst of
    estimate = float(departure(layer.double(), x.double(), n=16).detach())
    errors = torch.tensor([row.error for row in audit.per_element])
    assert 0.5 < estimate / float(errors.square().mean().sqrt()) < 2


def test_the_free_convolution_is_torchs() -> None:
    free = FreeConv(IMAGE, REGULAR, 3, stride=2)
    nn.init.normal_(free.weight)
    x = draw(2, 1, 7, 7)
    assert torch.allclose(free(x, (4, 4)), F.conv2d(x, free.weight, stride=2, padding=1), atol=1e-5)


def test_a_relaxed_group_convolution_is_a_sum_over_banks() -> None:
    layer = RelaxedConv(REGULAR, REGULAR, 3, padding=1, rank=2, bias=False).double()
    nn.init.normal_(layer.weights)
    x = draw(1, 16, 4, 4).double()
    w = layer.weights.detach().repeat(1, 2)
    kernel = layer.conv.filter() if callable(getattr(layer.conv, "filter", None)) else None
    assert kernel is not None
    weight = kernel[0] if isinstance(kernel, tuple) else kernel
    banks = weight.reshape(16, 2, 16, 3, 3)
    expected = sum(F.conv2d(x * w[l].reshape(1, 16, 1, 1), banks[:, l], padding=1) for l in (0, 1))
    assert torch.allclose(layer(x), expected, atol=1e-12)


def trained(model: nn.Module, x: torch.Tensor, y: torch.Tensor, weight: float) -> float:
    """Fit by Adam, return the error over the deviation."""
    rng = torch.Generator().manual_seed(0)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.05)
    for _ in range(150):
        optimizer.zero_grad()
        loss = F.mse_loss(model(x), y)
        if weight:
            loss = loss + weight * penalty(model, x[:8], rng=rng)
        loss.backward()
        optimizer.step()
    return float((F.mse_loss(model(x), y) / y.var()).sqrt().detach())


def test_training_departs_as_far_as_the_data_ask() -> None:
    torch.manual_seed(0)
    x, noise = draw(256, 6), 0.05 * draw(256, 6, seed=1)
    goal = steerable.Linear(V, V)
    symmetric = (goal(x) + noise).detach()
    broken = symmetric * torch.tensor([1.0, 1, 2, 1, 1, 1])  # one coordinate weighs more
    error, depart = {}, {}
    for name, y in (("symmetric", symmetric), ("broken", broken)):
        strict = steerable.Linear(V, V)
        model = relaxed(strict)
        nn.init.normal_(model.free.weight, std=0.3)
        error[name, "strict"] = trained(strict, x, y, 0)
        error[name, "relaxed"] = trained(model, x, y, 0.01)
        depart[name] = float(departures(model, x, n=16)[""].detach())
    assert depart["symmetric"] < 0.02 < 0.2 < depart["broken"]
    assert error["broken", "relaxed"] < 0.3 * error["broken", "strict"]
    assert abs(error["symmetric", "relaxed"] - error["symmetric", "strict"]) < 0.02


def test_the_penalty_forgets_noise_before_symmetry() -> None:
    """Few and noisy samples: what the free path took up of the noise, the penalty takes back."""
    torch.manual_seed(0)
    x, noise = draw(24, 6), 0.2 * draw(24, 6, seed=1)
    symmetric = (steerable.Linear(V, V)(x) + noise).detach()
    broken = symmetric * torch.tensor([1.0, 1, 2, 1, 1, 1])
    depart = {}
    for name, y, weight in (("free", symmetric, 0), ("held", symmetric, 1), ("broken", broken, 1)):
        model = relaxed(steerable.Linear(V, V))
        trained(model, x, y, weight)
        depart[name] = float(departures(model, x, n=16)[""].detach())
    assert depart["held"] < 0.5 * depart["free"] and depart["held"] < 0.4 * depart["broken"]


def test_departures_by_layer_and_their_picture(tmp_path) -> None:
    torch.manual_seed(0)
    net = convolutions().double().eval()
    model, x = relaxed(net), draw(2, 1, 6, 6).double()
    assert torch.equal(model(x), net(x)) and not model[0].training
    with torch.no_grad():
        nn.init.normal_(model[2].free.weight)
    found = departures(model, x)
    assert list(found) == ["0", "2"] and found["0"] < 1e-12 < 0.1 < found["2"]
    penalty(model, x).backward()
    assert model[2].free.weight.grad.abs().sum() > 0
    assert all(bool(torch.isfinite(p.grad).all()) for p in model.parameters() if p.grad is not None)
    figure = plot_departures(model, x, path=tmp_path / "departures.png")
    assert (tmp_path / "departures.png").stat().st_size > 1000
    assert figure.axes[0].patches[0].get_width() < 1e-6


def test_a_free_network_beside_any_module() -> None:
    torch.manual_seed(0)
    strict = steerable.Linear(V, V)
    model, x = (
        relaxed(strict, free=nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, 6))),
        draw(4, 6),
    )
    assert torch.equal(model(x), strict(x)) and model.prior() == 0
    model(x).square().sum().backward()
    assert float(model.amount.grad) != 0
    assert Relaxed(strict).prior() == 0 and RelaxedConv(IMAGE, REGULAR, 3).prior() == 0


def test_shared_layers_stay_shared() -> None:
    layer, block = steerable.Linear(V, V), nn.Sequential(steerable.Linear(V, V))
    model = relaxed(nn.Sequential(layer, block, layer, block))
    assert isinstance(model[0], Relaxed) and model[0] is model[2] and model[0] is not model[1]
    assert isinstance(model[1][0], Relaxed) and model[1][0] is model[3][0]
    assert list(departures(model, draw(4, 6))) == ["0", "1.0"]
    assert sum(isinstance(m, Relaxed) for m in model.modules()) == 2


def test_layers_of_any_matrix_group() -> None:
    torch.manual_seed(0)
    net = EMLP(SO3.standard, SO3.standard, channels=8, layers=1, products=8).double()
    model, x = relaxed(net), draw(4, 3).double()
    assert torch.equal(model(x), net(x)) and not isinstance(model, Relaxed)
    names = ["blocks.0.linear", "blocks.0.bilinear.linear", "head"]
    assert sorted(departures(model, x)) == sorted(names) and penalty(model, x) < 1e-20
    nn.init.normal_(model.head.free.weight)
    assert penalty(model, x) > 1e-3


def test_running_statistics_stay() -> None:
    torch.manual_seed(0)
    inside = Relaxed(
        nn.Sequential(steerable.BatchNorm(REGULAR), steerable.Conv(REGULAR, REGULAR, 3, padding=1)),
        nn.Conv2d(16, 16, 3, padding=1),
    )
    inside.source = inside.target = REGULAR
    model = nn.Sequential(relaxed(steerable.Conv(IMAGE, REGULAR, 3)), nn.BatchNorm2d(16), inside)
    before = {k: v.clone() for k, v in model.state_dict().items()}
    penalty(model, draw(2, 1, 6, 6)).backward()
    assert all(torch.equal(v, before[k]) for k, v in model.state_dict().items())
    model(draw(2, 1, 6, 6))  # whereas training moves them
    assert not torch.equal(model[1].running_mean, before["1.running_mean"])
    assert not torch.equal(inside.strict[0].running_var, before["2.strict.0.running_var"])


def test_errors_are_one_line() -> None:
    x = draw(4, 6)
    with pytest.raises(TypeError, match=r"module: expected an nn\.Module, got int"):
        relaxed(3)
    with pytest.raises(ValueError, match="free: expected a module"):
        relaxed(nn.Linear(3, 3))
    with pytest.raises(ValueError, match="module: expected a network with layers to relax"):
        relaxed(nn.Sequential(nn.Linear(3, 3)))
    with pytest.raises(ValueError, match="free: expected an output of shape"):
        Relaxed(steerable.Linear(V, V), nn.Linear(6, 5))(x)
    with pytest.raises(ValueError, match="model: expected relaxed layers, got none in Linear"):
        departures(steerable.Linear(V, V), x)
    with pytest.raises(ValueError, match="target: expected copies of the regular"):
        RelaxedConv(IMAGE, IMAGE, 3)
    with pytest.raises(ValueError, match="source: expected Fields of a group, got none"):
        departure(nn.Linear(6, 6), x)
    with pytest.raises(ValueError, match="f: expected an output that varies"):
        departure(lambda x: torch.ones(4, 6), x, source=V, target=V)


def test_relaxed_and_symmetrized_networks_are_saved(tmp_path: Path) -> None:
    image, scores = Field(Grid(2), D4.trivial), Field(Vector(), 2 * D4.trivial)
    strict = geomdl.create_model("steerable/d4_cnn", shape=(12, 12), classes=2, channels=8)
    free, x = relaxed(strict), draw(2, 1, 12, 12)
    for p in free.parameters():
        nn.init.normal_(p)
    for model in (free, geomdl.symmetrize(free, D4, source=image, target=scores)):
        geomdl.save(model.eval(), tmp_path / "x")
        again = geomdl.load(tmp_path / "x")
        assert torch.equal(again(x), model(x))
        assert departures(again, x).keys() == departures(model, x).keys()
    layer = relaxed(steerable.Linear(V, V), free=MLP(6, 6, width=3, depth=1))
    nn.init.ones_(layer.amount)
    geomdl.save(layer, tmp_path / "x")
    assert torch.equal(geomdl.load(tmp_path / "x")(draw(2, 6)), layer(draw(2, 6)))


def test_what_is_not_registered_is_not_saved(tmp_path: Path) -> None:
    image, scores = Field(Grid(2), D4.trivial), Field(Vector(), 2 * D4.trivial)
    foreign = nn.Sequential(nn.Flatten(), nn.Linear(144, 2))
    for model, what in (
        (relaxed(steerable.Linear(V, V), free=nn.Linear(6, 6)), "'free' of .*/Relaxed"),
        (geomdl.symmetrize(foreign, D4, source=image, target=scores), "'f' of .*/Average"),
        (relaxed(convolutions()), "'module' of .*/relaxed"),
    ):
        with pytest.raises(ValueError, match=f"^argument {what}: .*; register its class"):
            geomdl.save(model, tmp_path / "x")
    assert not (tmp_path / "x").exists()


def test_names_of_relaxed_layers_are_checked() -> None:
    for name in ("body.9", ""):
        with pytest.raises(ValueError, match=r"^layers: expected names of layers, got '"):
            geomdl.create_model("symmetrization/relaxed", module=nn.Sequential(), layers=[name])


def square(output: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    return (output - target).square().mean()


def test_penalized_is_the_loss_with_departures_and_priors() -> None:
    model, x, y = relaxed(convolutions()), draw(4, 1, 5, 5), draw(4, 1, 5, 5, seed=1)
    for p in model.parameters():
        nn.init.normal_(p, std=0.3)
    held = penalized(square, model, 0.5, prior=0.25)
    with pytest.raises(ValueError, match=r"^model: expected a call of every relaxed layer before"):
        held(y, y)
    torch.manual_seed(5)
    rng = torch.Generator().manual_seed(int(torch.randint(2**62, ())))
    torch.manual_seed(5)
    value = held(model(x), y)
    plain = square(model(x), y)
    priors = sum(m.prior() for m in model.modules() if isinstance(m, Relaxed))
    expected = plain + 0.5 * penalty(model, x, rng=rng) + 0.25 * priors
    assert value.item() == pytest.approx(expected.item(), rel=1e-6)
    assert value.item() > 1.1 * plain.item()
    value.backward()
    assert all(float(m.free.weight.grad.norm()) > 0 for m in model.modules() if hasattr(m, "free"))
    with torch.no_grad():  # as for validation
        assert torch.equal(held(model(x), y), plain)
    assert len(model[0]._forward_pre_hooks) == 1
    del held
    assert not model[0]._forward_pre_hooks


def test_fit_with_a_penalty_stays_near_the_symmetry() -> None:
    x = draw(64, 6)
    y = x + 0.5 * x.roll(1, -1)  # no law of SO(3)
    found = {}
    for weight in (0.0, 30.0, 30.0):
        torch.manual_seed(0)
        model = relaxed(steerable.Linear(V, V))
        run = geomdl.training.fit(model, (x, y), (x, y), epochs=30, lr=0.02, seed=3,
                                  weight_decay=0.0, loss=penalized(square, model, weight),
                                  progress=False)  # fmt: skip
        again = found.get(weight)
        found[weight] = departure(model, x, n=16).item(), run.best["val_loss"]
        assert again in (None, found[weight])
    assert found[30.0][0] < 0.5 * found[0.0][0]
    assert found[30.0][1] > 1.2 * found[0.0][1]


def test_penalized_refuses() -> None:
    model = relaxed(convolutions())
    for make, error, message in (
        (lambda: penalized("mse", model), TypeError, "loss: expected a function, got str"),
        (lambda: penalized(square, model, -1.0), ValueError, "weight: expected a number of at"),
        (lambda: penalized(square, model, prior=float("nan")), ValueError, "prior: expected a"),
        (lambda: penalized(square, nn.ReLU()), ValueError, "model: expected relaxed layers, got"),
    ):
        with pytest.raises(error, match=f"^{message}"):
            make()


def test_odd_arguments_are_refused() -> None:
    layer = relaxed(steerable.Linear(V, V))
    again = nn.Sequential(layer, nn.ReLU())
    for make, error, message in (
        (lambda: departure(layer, draw(2, 6), n=0), ValueError, "n: expected an integer of at"),
        (lambda: penalized(square, layer, n=0), ValueError, "n: expected an integer of at least"),
        (lambda: penalized(square, layer, "a"), ValueError, "weight: expected a number of at"),
        (lambda: penalized(square, "a"), TypeError, "model: expected an nn.Module, got str"),
        (lambda: relaxed(again, layers="Linear"), TypeError, "layers: expected a tuple of classes"),
        (lambda: relaxed(again), ValueError, "module: expected a network with layers to relax"),
    ):
        with pytest.raises(error, match=f"^{message}"):
            make()
