"""Callbacks of `fit` and `descend`, and what they track."""

import math
import sys
import types
from itertools import pairwise

import numpy as np
import pytest
import torch
from torch import nn

import geomdl
from geomdl.training import (
    Balance,
    Moment,
    Tracker,
    balancedness,
    descend,
    edge_of_stability,
    effective_rank,
    fit,
    implicit_bias,
    noise_scale,
    stability_threshold,
    stable_rank,
)
from geomdl.training.curvature import Curvature
from geomdl.training.dynamics import _preconditioner
from geomdl.training.history import read_history


def normal(*shape, seed=0):
    rng = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=rng, dtype=torch.float64)


def network(*sizes, seed=0, bias=True, act=nn.Tanh):
    torch.manual_seed(seed)
    layers = []
    for a, b in pairwise(sizes):
        layers += [nn.Linear(a, b, bias=bias), act()]
    return nn.Sequential(*layers[:-1]).double()


DATA = (normal(40, 3), normal(40, 2, seed=1))
OPTIONS = {"epochs": 3, "batch_size": 10, "progress": False, "accelerator": "cpu"}


class Noisy:
    """Draws from every global state, takes gradients, changes the mode; every third step."""

    every = 3

    def __init__(self):
        self.seen = []

    def __call__(self, moment):
        torch.rand(7), np.random.rand(3)
        moment.model.train(moment.step % 2 == 0)
        moment.model(DATA[0]).sum().backward()
        self.seen.append((moment.step, moment.epoch, moment.loss is None))


def state(model):
    return [p.detach().clone() for p in model.parameters()]


def test_a_run_is_the_same_with_callbacks_as_without():
    one, two = (nn.Sequential(network(3, 5, 2), nn.Dropout(0.3)) for _ in range(2))
    plain = fit(one, DATA, DATA, **OPTIONS)
    noisy, rows = Noisy(), []
    watched = fit(two, DATA, DATA, callbacks=[noisy, lambda m: rows.append(m.row)], **OPTIONS)
    assert all(torch.equal(a, b) for a, b in zip(state(one), state(two), strict=True))
    assert [r["train_loss"] for r in plain.history] == [r["train_loss"] for r in watched.history]
    assert [s[0] for s in noisy.seen] == [0, 3, 6, 9, 12]
    assert [s[1] for s in noisy.seen] == [0, 1, 2, 3, 3]
    assert [s[2] for s in noisy.seen] == [True, False, False, False, False]
    assert rows == [None, *watched.history]


def test_a_killed_run_goes_on_with_its_rows(tmp_path):
    def norm(moment):
        return {"norm": float(moment.model[0].weight.detach().norm())}

    whole = Tracker(norm, every=2)
    fit(network(3, 5, 2), DATA, callbacks=whole, **OPTIONS)

    def killed(moment):
        if moment.step == 7:
            raise RuntimeError("killed")

    killed.every = 1
    path, folder = tmp_path / "rows.jsonl", tmp_path / "run"
    options = OPTIONS | {"folder": folder, "checkpoint_every": 0.0}
    with pytest.raises(RuntimeError, match="killed"):
        fit(
            network(3, 5, 2), DATA, callbacks=[Tracker(norm, every=2, path=path), killed], **options
        )
    assert [row["step"] for row in read_history(path)] == [0, 2, 4, 6]
    again = Tracker(norm, every=2, path=path)
    fit(network(3, 5, 2), DATA, callbacks=[again], **options)
    assert again.rows == whole.rows == read_history(path)
    later = Tracker(norm, every=2, path=path)
    fit(network(3, 5, 2), DATA, callbacks=[later], **options)  # it had ended
    assert later.rows == whole.rows
    fit(network(3, 5, 2), DATA, callbacks=[again], **options, resume=False)
    assert again.rows == whole.rows


def never():
    one = Noisy()
    one.every = 0
    return one


@pytest.mark.parametrize(("callbacks", "kind", "message"), [
    (3, TypeError, r"^callbacks: should be a sequence of functions, got int"),
    ([print, "x"], TypeError, r"^callbacks\[1\]: should be callable, got str"),
    ([never()], ValueError, r"^callbacks\[0\]\.every: should be an integer >= 1 or None, got 0"),
])  # fmt: skip
def test_callbacks_are_refused_before_training(callbacks, kind, message):
    model = network(3, 2)
    before = state(model)
    with pytest.raises(kind, match=message):
        fit(model, DATA, callbacks=callbacks, **OPTIONS)
    assert all(torch.equal(a, b) for a, b in zip(before, state(model), strict=True))


def test_a_tracker_keeps_draws_and_refuses(tmp_path):
    live = tmp_path / "live.png"
    sizes = []

    def measure(moment):
        assert not moment.model.training
        sizes.append(live.stat().st_size if live.exists() else 0)
        return {"value": moment.step + 1.0, "threshold": 2.0} if moment.step != 4 else {}

    tracker = Tracker(measure, every=2, live=live, refresh=2, log=True, title="a run")
    fit(network(3, 2), DATA, callbacks=tracker, **OPTIONS)
    assert tracker.column("step") == [0, 2, 6, 8, 10, 12]
    assert tracker.column("value") == [1, 3, 7, 9, 11, 13]
    assert sizes[0] == 0
    assert sizes[2] > 5000
    lines = tracker.plot(tmp_path / "a.png").axes[0].get_lines()
    assert [line.get_linestyle() for line in lines] == ["-", "--"]
    assert lines[0].get_ydata().tolist() == tracker.column("value")
    with pytest.raises(ValueError, match=r"^name: should be one of epoch, step, threshold, value"):
        tracker.column("loss")
    with pytest.raises(ValueError, match=r"^tracker x: should be finite, got nan at step 0"):
        fit(network(3, 2), DATA, callbacks=Tracker(lambda m: {"x": math.nan}), **OPTIONS)
    with pytest.raises(TypeError, match=r"^measure: should be callable, got int"):
        Tracker(3)
    for wrong, kind in ((lambda m: 3, "int"), (lambda m: None, "NoneType")):
        with pytest.raises(TypeError, match=rf"^measure: should give .* in a dict, got {kind}$"):
            fit(network(3, 2), DATA, callbacks=Tracker(wrong), **OPTIONS)
    norm = Tracker(lambda m: {"norm": m.model[0].weight.norm(), "one": np.float32(1)},
                   path=tmp_path / "rows.jsonl")  # fmt: skip
    fit(network(3, 2), DATA, callbacks=norm, **OPTIONS)
    assert norm.rows == read_history(tmp_path / "rows.jsonl")  # numbers, where tensors are given
    assert len(norm.rows) == 4
    for value, kind, message in (
        ("b", TypeError, r"^tracker x: should be a number, got str at step 0$"),
        (torch.ones(2), ValueError, r"^tracker x: should be a scalar, got shape \(2,\) at step 0$"),
    ):
        with pytest.raises(kind, match=message):
            fit(network(3, 2), DATA, callbacks=Tracker(lambda m, v=value: {"x": v}), **OPTIONS)
    with pytest.raises(ValueError, match=r"^measure: should leave the name 'step' to the tracker"):
        fit(network(3, 2), DATA, callbacks=Tracker(lambda m: {"step": 1.0}), **OPTIONS)
    with pytest.raises(TypeError, match=r"^live: should be True, False or a path, got int$"):
        Tracker(measure, live=3)
    (tmp_path / "file").touch()
    for name in ("path", "live"):
        made = Tracker(measure, **{name: tmp_path / name / "a.png"})
        fit(network(3, 2), DATA, callbacks=made, **OPTIONS)
        assert (tmp_path / name / "a.png").stat().st_size > 100
        with pytest.raises(ValueError, match=r"^folder: should be a writable folder, got .*file"):
            fit(network(3, 2), DATA, callbacks=Tracker(measure, **{name: tmp_path / "file" / "a"}),
                **OPTIONS)  # fmt: skip
    for options in ({"every": 0}, {"refresh": 0}, {"every": True}):
        with pytest.raises(ValueError, match=r"should be an integer >= 1"):
            Tracker(measure, **options)


def test_in_a_notebook_one_figure_is_refreshed(monkeypatch):
    shown = []

    class Handle:
        def update(self, figure):
            shown.append(("update", figure))

    def display(figure, display_id):
        shown.append(("display", figure))
        return Handle()

    shell = type("ZMQInteractiveShell", (), {})()
    fake = types.SimpleNamespace(
        get_ipython=lambda: shell, display=types.SimpleNamespace(display=display)
    )
    monkeypatch.setitem(sys.modules, "IPython", fake)
    tracker = Tracker(lambda m: {"x": 1.0}, live=True)
    fit(network(3, 2), DATA, callbacks=tracker, **OPTIONS)
    assert [kind for kind, _ in shown] == ["display", "update", "update", "update"]
    for _, picture in shown:  # IPython would show a figure as its name alone, without pyplot
        assert picture._repr_png_().startswith(b"\x89PNG")
    fake.get_ipython = lambda: None  # a script that has imported IPython
    fit(network(3, 2), DATA, callbacks=tracker, **OPTIONS)
    assert len(shown) == 4


def test_descent_is_that_of_torch_and_of_the_formula():
    for options in ({}, {"momentum": 0.8}, {"momentum": 0.8, "nesterov": True}):
        model, other = network(3, 5, 2), network(3, 5, 2)
        losses = descend(model, DATA, lr=0.05, steps=6, **options)
        optimizer = torch.optim.SGD(other.parameters(), lr=0.05, **options)
        for found in losses:
            optimizer.zero_grad()
            loss = (other(DATA[0]) - DATA[1]).square().mean()
            assert float(found) == pytest.approx(float(loss.detach()), rel=1e-12)
            loss.backward()
            optimizer.step()
        for a, b in zip(state(model), state(other), strict=True):
            assert torch.allclose(a, b, rtol=1e-12, atol=1e-14)
    batches = [(DATA[0][:7], DATA[1][:7]), (DATA[0][7:], DATA[1][7:])]
    again = descend(network(3, 5, 2), batches, lr=0.05, steps=6, momentum=0.8, nesterov=True)
    assert torch.allclose(again, losses, rtol=1e-12)


def test_stochastic_steps_are_drawn_from_the_generator_and_are_unbiased():
    one, two, three = (
        descend(network(3, 2), DATA, lr=1e-3, steps=5, batch_size=4,
                rng=torch.Generator().manual_seed(s)) for s in (1, 1, 2)
    )  # fmt: skip
    assert torch.equal(one, two)
    assert not torch.equal(one, three)
    # the weights hardly move, so the losses are means of 4 samples of one distribution
    model = network(3, 2)
    each = (model(DATA[0]) - DATA[1]).square().mean(1).detach()
    losses = descend(model, DATA, lr=1e-9, steps=500, batch_size=4)
    error = float(each.std(correction=0)) / math.sqrt(4 * 500)
    assert abs(float(losses.mean() - each.mean())) <= 5 * error
    assert float(losses.std()) == pytest.approx(float(each.std(correction=0)) / 2, rel=0.15)


@pytest.mark.parametrize(("options", "message"), [
    ({"lr": 0.0}, r"^lr: should be a number > 0"),
    ({"steps": 0}, r"^steps: should be an integer >= 1"),
    ({"momentum": 1.0}, r"^momentum: should be in \[0, 1\)"),
    ({"nesterov": True}, r"^momentum: should be > 0 with nesterov"),
    ({"batch_size": 0}, r"^batch_size: should be an integer >= 1"),
    ({"lr": 1e8, "steps": 200}, r"^loss: should be finite, got (inf|nan) on batch 0 at step \d+$"),
    ({"data": [DATA, DATA], "batch_size": 2}, r"^data: should be tensors, not batches"),
])  # fmt: skip
def test_descent_refuses_in_one_line(options, message):
    options = {"lr": 0.1, "steps": 3, "data": DATA} | options
    with pytest.raises(ValueError, match=message) as error:
        descend(network(3, 2), **options)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("options", [
    {}, {"momentum": 0.7}, {"momentum": 0.7, "nesterov": True},
])  # fmt: skip
def test_the_threshold_is_where_descent_on_a_quadratic_ceases_to_converge(options):
    for factor, settles in ((0.98, True), (1.02, False)):
        model = nn.Linear(1, 1, bias=False).double()
        model.weight.data.fill_(1.0)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1, **options)
        curvature = factor * stability_threshold(optimizer)
        x = torch.full((1, 1), math.sqrt(curvature / 2), dtype=torch.float64)  # L'' = 2 x²
        data = (x, torch.zeros_like(x))
        descend(model, data, lr=0.1, steps=250, **options)
        assert (abs(float(model.weight.detach())) < 1) == settles


def test_the_threshold_of_adam_with_its_preconditioner_held():
    for factor, settles in ((0.98, True), (1.02, False)):
        w = nn.Parameter(torch.full((), 0.01, dtype=torch.float64))
        optimizer = torch.optim.Adam([w], lr=100.0, eps=0.0)
        curvature = factor * stability_threshold(optimizer)
        state = {"step": torch.tensor(1e6), "exp_avg": torch.zeros_like(w.detach())}
        optimizer.state[w] = state | {"exp_avg_sq": torch.ones_like(w.detach())}
        for _ in range(600):
            w.grad = curvature * w.detach()
            v = (1 - 0.001 * w.grad.square()) / 0.999  # so that it is 1 after the update
            optimizer.state[w]["exp_avg_sq"].copy_(v)
            optimizer.step()
            assert float(optimizer.state[w]["exp_avg_sq"]) == pytest.approx(1, rel=1e-12)
            if abs(float(w.detach())) > 4:
                break
        assert (abs(float(w.detach())) < 0.01) == settles, factor


@pytest.mark.parametrize("amsgrad", [False, True])
@pytest.mark.parametrize("kind", [torch.optim.Adam, torch.optim.AdamW])
def test_the_preconditioner_is_what_the_step_divides_by(kind, amsgrad):
    """Each group with its own ε and choice of AMSGrad; gradients shrink, and so does v."""
    a, b = (nn.Parameter(normal(4, seed=s)) for s in (1, 2))
    groups = [{"params": [a], "eps": 0.1}, {"params": [b], "amsgrad": amsgrad}]
    optimizer = kind(groups, lr=0.01, betas=(0.5, 0.7), weight_decay=0.0)
    for k in range(6):
        a.grad, b.grad = 0.1**k * normal(4, seed=3), 0.1**k * normal(4, seed=4)
        before = torch.cat([a.detach(), b.detach()])
        optimizer.step()
    moved = before - torch.cat([a.detach(), b.detach()])
    mean = torch.cat([optimizer.state[p]["exp_avg"] for p in (a, b)])
    assert torch.allclose(_preconditioner(optimizer, [a, b]), 0.01 * mean / moved, rtol=1e-6)


def test_thresholds_of_others_are_refused():
    p = [nn.Parameter(torch.ones(2))]
    with pytest.raises(ValueError, match=r"^optimizer: should be SGD, Adam or AdamW, got Adagrad"):
        stability_threshold(torch.optim.Adagrad(p))
    with pytest.raises(ValueError, match=r"no dampening"):
        stability_threshold(torch.optim.SGD(p, lr=0.1, momentum=0.9, dampening=0.5))
    q = {"params": [nn.Parameter(torch.ones(2))], "lr": 0.5}
    with pytest.raises(ValueError, match=r"^optimizer: should have one learning rate"):
        stability_threshold(torch.optim.SGD([{"params": p}, q], lr=0.1))


ADAM, SGD = torch.optim.Adam, torch.optim.SGD


@pytest.mark.parametrize(("kind", "options", "second", "message"), [
    (SGD, {"momentum": 0.9}, {"momentum": 0.0}, r"one momentum for all groups, got 0\.9 and 0\.0$"),
    (SGD, {"momentum": 0.9}, {"nesterov": True}, r"one nesterov for all groups, got False"),
    (SGD, {"momentum": 0.9}, {"dampening": 0.5}, r"one dampening for all groups, got 0 and 0\.5$"),
    (SGD, {}, {"maximize": True}, r"one maximize for all groups, got False and True$"),
    (ADAM, {}, {"betas": (0.5, 0.9)}, r"one betas for all groups, got \(0\.9, 0\.999\) and \(0\.5"),
    (ADAM, {}, {"maximize": True}, r"one maximize for all groups, got False and True$"),
    (ADAM, {"maximize": True}, {}, r"have no dampening and minimise$"),
    (torch.optim.AdamW, {"maximize": True}, {}, r"have no dampening and minimise$"),
    (SGD, {"maximize": True}, {}, r"have no dampening and minimise$"),
])  # fmt: skip
def test_a_threshold_holds_for_all_groups_or_is_refused(kind, options, second, message):
    a, b = nn.Parameter(torch.ones(2)), nn.Parameter(torch.ones(2))
    groups = [{"params": [a]}, {"params": [b]} | second]
    with pytest.raises(ValueError, match=r"^optimizer: should .*" + message):
        stability_threshold(kind(groups, lr=0.1, **options))


def test_rates_that_are_tensors():
    a, b = nn.Parameter(torch.ones(2)), nn.Parameter(torch.ones(2))
    for second in (0.25, torch.tensor(0.25)):
        groups = [{"params": [a], "lr": torch.tensor(0.25)}, {"params": [b], "lr": second}]
        assert stability_threshold(SGD(groups, lr=0.25)) == 8.0


class Partly(nn.Linear):
    """A layer beside which a weight lies idle."""

    def __init__(self):
        super().__init__(3, 2)
        self.idle = nn.Parameter(torch.ones(4))


def test_weights_that_stay_do_not_count_under_adam():
    rows = []
    for make in (lambda: nn.Linear(3, 2), Partly):
        torch.manual_seed(0)
        edge = Tracker(edge_of_stability(DATA, tol=1e-9), every=4)
        fit(make().double(), DATA, callbacks=edge, **OPTIONS)
        rows.append([row["sharpness"] for row in edge.rows])
    assert len(rows[0]) == 3
    assert rows[0] == pytest.approx(rows[1], rel=1e-7)
    model = network(3, 4, 2)
    for kind in (SGD, ADAM):
        optimizer = kind(model[0].parameters(), lr=0.1)
        model(DATA[0]).sum().backward()
        optimizer.step()
        with pytest.raises(ValueError, match=r"^optimizer: should have every weight that requires"):
            edge_of_stability(DATA)(Moment(model, optimizer, 1))


def test_sharpness_along_descent_and_under_adam():
    model = network(3, 4, 2)
    edge = Tracker(edge_of_stability(DATA, tol=1e-9), every=5)
    descend(model, DATA, lr=0.05, steps=10, callbacks=edge)
    exact = float(torch.linalg.eigvalsh(Curvature(model, DATA).dense())[-1])
    assert edge.column("sharpness")[-1] == pytest.approx(exact, abs=1e-8)
    assert edge.column("threshold") == [40.0] * 3
    model, held = network(3, 4, 2), {}

    def dense(moment):
        if moment.step == 12:
            H = Curvature(moment.model, DATA).dense()
            state = [moment.optimizer.state[p] for p in moment.model.parameters()]
            P = torch.cat([(1 - 0.9**12) * ((s["exp_avg_sq"] / (1 - 0.999**12)).sqrt() + 1e-8)
                           .flatten() for s in state])  # fmt: skip
            held["top"] = float(torch.linalg.eigvals(H / P[:, None]).real.max())

    adam = Tracker(edge_of_stability(DATA, tol=1e-9), every=6)
    fit(model, DATA, callbacks=[adam, dense], **OPTIONS)
    assert adam.column("step") == [6, 12]
    assert adam.column("sharpness")[-1] == pytest.approx(held["top"], rel=1e-7)


def test_linear_layers_keep_their_balance_and_relu_that_of_its_neurons():
    def drift(model, lr, neurons):
        tracker = Tracker(Balance(model, neurons))
        descend(model, DATA, lr=lr, steps=round(1 / lr), callbacks=tracker)
        return tracker.column("drift 1")[-1]

    linear = [drift(network(3, 4, 2, act=nn.Identity), lr, False) for lr in (2e-2, 4e-3)]
    assert linear[0] / linear[1] == pytest.approx(5, rel=0.1)
    relu = [drift(network(3, 4, 2, act=nn.ReLU), lr, True) for lr in (2e-2, 4e-3)]
    assert relu[0] / relu[1] == pytest.approx(5, rel=0.2)
    assert drift(network(3, 4, 2, act=nn.ReLU), 4e-3, False) > 10 * relu[1]
    with pytest.raises(ValueError, match=r"^model: should have at least 2 linear layers, got 1"):
        balancedness(network(3, 2))
    with pytest.raises(ValueError, match=r"^model: linear layers should follow one another, got 3"):
        balancedness(nn.Sequential(nn.Linear(2, 3), nn.Linear(4, 1)))


def test_balance_is_that_of_one_network():
    moment = Moment(network(3, 4, 4, 2), SGD([nn.Parameter(torch.ones(1))]), 0)
    for other in (network(3, 4, 2), network(3, 5, 4, 2)):
        with pytest.raises(ValueError, match=r"^model: should have the linear layers of the netw"):
            Balance(other)(moment)


def test_ranks_norms_and_margins():
    u, v = normal(6), normal(4)
    assert stable_rank(torch.outer(u, v)) == pytest.approx(1, abs=1e-12)
    assert effective_rank(torch.outer(u, v)) == pytest.approx(1, abs=1e-6)
    assert stable_rank(torch.diag(torch.tensor([2.0, 1.0, 1.0]))) == pytest.approx(1.5)
    assert (stable_rank(torch.zeros(2, 2)), effective_rank(torch.zeros(2, 2))) == (0, 0)
    x, y = normal(30, 3), torch.arange(30) % 3
    model = network(3, 5, 3, bias=False, act=nn.ReLU)
    moment = Moment(model, torch.optim.SGD(model.parameters()), 0)
    found = implicit_bias((x, y), batch_size=7)(moment)
    f = model(x).detach()
    each = [float(f[i, y[i]] - max(f[i, k] for k in range(3) if k != y[i])) for i in range(30)]
    norm = float(torch.cat([p.detach().flatten() for p in model.parameters()]).norm())
    assert found["margin"] == pytest.approx(min(each), rel=1e-12)
    assert found["norm"] == pytest.approx(norm, rel=1e-12)
    assert found["normalised margin"] == pytest.approx(min(each) / norm**2, rel=1e-12)
    assert found["stable rank 2"] == pytest.approx(stable_rank(model[2].weight.detach()))
    for p in model.parameters():
        p.data *= 3  # homogeneous: the normalised margin does not see it
    assert implicit_bias((x, y))(moment)["normalised margin"] == pytest.approx(
        found["normalised margin"], rel=1e-10
    )
    with pytest.raises(ValueError, match=r"^data: targets should be labels for margins"):
        implicit_bias(DATA)(moment)
    with pytest.raises(ValueError, match=r"^model: should have linear layers or convolutions"):
        implicit_bias()(Moment(nn.LayerNorm(3), moment.optimizer, 0))


def test_equivariant_layers_count():
    """The output is of degree 3 in the weights of these."""
    G = geomdl.group("C4")
    image, field = (geomdl.Field(geomdl.Grid(2), rep) for rep in (G.trivial, 2 * G.regular))
    torch.manual_seed(0)
    model = nn.Sequential(
        geomdl.steerable.Conv(image, field, 3, bias=False), nn.ReLU(), nn.Flatten(),
        nn.Linear(72, 5, bias=False), nn.ReLU(), nn.Linear(5, 2, bias=False),
    ).double()  # fmt: skip
    data = (normal(6, 1, 5, 5), torch.arange(6) % 2)
    moment = Moment(model, SGD(model.parameters()), 0)
    found = implicit_bias(data)(moment)
    filters = model[0].filters.expand().detach()
    assert found["stable rank 1"] == pytest.approx(stable_rank(filters.flatten(1)), rel=1e-12)
    assert found["normalised margin"] == pytest.approx(found["margin"] / found["norm"] ** 3)
    for p in model.parameters():
        p.data *= 3
    after = implicit_bias(data)(moment)
    assert after["normalised margin"] == pytest.approx(found["normalised margin"], rel=1e-10)
    model.append(nn.Bilinear(2, 2, 2).double())  # of a degree that nobody counts
    model[-1].forward = lambda x: x
    other = implicit_bias(data)(moment)
    assert "normalised margin" not in other and other["margin"] == after["margin"]


def test_a_rate_that_warms_up_from_zero_is_stable():
    p = [nn.Parameter(torch.ones(2))]
    assert stability_threshold(SGD(p, lr=0.0)) == stability_threshold(ADAM(p, lr=0.0)) == math.inf
    model = network(3, 2)
    found = edge_of_stability(DATA)(Moment(model, SGD(model.parameters(), lr=0.0), 0))
    assert set(found) == {"sharpness", "error", "loss"}  # rows hold finite numbers


@pytest.mark.parametrize("rank", [stable_rank, effective_rank])
@pytest.mark.parametrize(("matrix", "message"), [
    (torch.ones(3), r"should be of 2 axes, got shape \(3,\)$"),
    (torch.ones(2, 2, 2), r"should be of 2 axes, got shape \(2, 2, 2\)$"),
    (torch.full((2, 2), math.nan), r"should be finite, got nan or inf$"),
    (torch.full((2, 2), math.inf), r"should be finite, got nan or inf$"),
])  # fmt: skip
def test_ranks_refuse(rank, matrix, message):
    with pytest.raises(ValueError, match=r"^matrix: " + message):
        rank(matrix)


@pytest.mark.parametrize(("classes", "labels", "message"), [
    (1, torch.zeros(40, dtype=torch.int64), r"^model: output should be of at least 2 classes"),
    (1, torch.zeros(40, dtype=torch.bool), r"^model: output should be of at least 2 classes"),
    (2, torch.full((40,), 5), r"^data: labels should be 0, …, 1 for 2 classes, got 5, …, 5$"),
    (2, torch.arange(40) % 2 - 1, r"^data: labels should be 0, …, 1 for 2 classes, got -1, …, 0$"),
    (2, torch.zeros(40, 1, dtype=torch.int64), r"^data: labels should be \(40,\), got \(40, 1\)$"),
])  # fmt: skip
def test_margins_refuse_in_one_line(classes, labels, message):
    model = network(3, classes)
    with pytest.raises(ValueError, match=message):
        implicit_bias((DATA[0], labels))(Moment(model, SGD(model.parameters()), 0))


def test_weights_that_are_all_zero_have_no_normalised_margin():
    model = nn.Linear(3, 2).double()
    for p in model.parameters():
        p.data.zero_()
    found = implicit_bias((DATA[0], torch.arange(40) % 2))(
        Moment(model, SGD(model.parameters()), 0)
    )
    assert found == {"norm": 0, "margin": 0, "stable rank 1": 0, "effective rank 1": 0}


def test_noise_along_a_run():
    x = normal(64, 3)
    data, model = (x, 3 + x.sum(1, keepdim=True)), network(3, 1)
    noise = Tracker(noise_scale(data, batches=16), every=5)
    descend(model, data, lr=0.3, steps=100, callbacks=noise)
    assert noise.column("step")[0] == 0
    assert len(noise.column("noise scale")) < 21  # at the minimum there is nothing but noise
