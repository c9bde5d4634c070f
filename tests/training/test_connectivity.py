"""Symmetries of weights, alignment by them, and barriers between networks."""

import itertools
import math
from copy import deepcopy

import numpy as np
import pytest
import torch
from scipy.optimize import minimize
from torch import nn

import geomdl
from geomdl import linear, steerable, translation
from geomdl.training import align, barrier, bezier, fit, symmetric_copy
from geomdl.training.chain import Chain
from geomdl.training.objective import Objective
from geomdl.training.orbits import orbits_of


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def normal(*shape, seed=0):
    return torch.randn(*shape, generator=generator(seed), dtype=torch.float64)


def images(rep):
    return rep.permutation(rep.group.generators).reshape(-1, rep.dim)


def commuting(rep):
    """All permutations that commute with the generators, by trying each."""
    moves = images(rep).tolist()
    return {
        p
        for p in itertools.permutations(range(rep.dim))
        if all(p[move[i]] == move[p[i]] for move in moves for i in range(rep.dim))
    }


C3, S3, C4 = geomdl.group("C3"), geomdl.group("S3"), geomdl.group("C4")
REPS = {
    "2 regular of C3": 2 * C3.regular,
    "regular of S3": S3.regular,
    "2 standard of S3": 2 * S3.standard,
    "mixed": C4.regular + 2 * C4.quotient(C4.subgroup(geomdl.group("C2"))),
    "trivial beside": C3.regular + 3 * C3.trivial,
}


@pytest.mark.parametrize("name", REPS)
def test_orbits_know_every_commuting_permutation(name):
    rep = REPS[name]
    found, every = orbits_of(images(rep)), commuting(rep)
    assert found.order == len(every)
    drawn = {tuple(found.random(generator(s)).tolist()) for s in range(30 * len(every))}
    assert drawn == every
    for seed in range(3):  # the best of them, by trying each
        gain = normal(rep.dim, rep.dim, seed=seed)
        best = found.best(gain)
        at = torch.arange(rep.dim)
        value = max(float(gain[at, torch.tensor(p)].sum()) for p in every)
        assert tuple(best.tolist()) in every
        assert float(gain[at, best].sum()) == pytest.approx(value, rel=1e-12)


def test_a_regular_field_has_its_right_translations():
    G = geomdl.group("D4")
    found = orbits_of(images(3 * G.regular))
    assert (found.count, found.order) == (3, 8**3 * 6)
    p = found.random(generator())
    P = torch.eye(24, dtype=torch.float64)[p]
    for g in G.elements:
        rho = (3 * G.regular)(g)
        assert torch.equal(P @ rho, rho @ P)
    assert sorted(found.of_orbits(p).tolist()) == [0, 1, 2]
    with pytest.raises(ValueError, match=r"^images: each row should be a permutation"):
        orbits_of(torch.tensor([[0, 0, 1]]))


def grid(rep):
    return geomdl.Field(geomdl.Grid(2), rep)


def networks():
    torch.manual_seed(0)
    D4, C4 = geomdl.group("D4"), geomdl.group("C4")
    first, second = grid(3 * C4.regular), grid(2 * C4.regular)
    return {
        "mlp": nn.Sequential(
            nn.Flatten(), nn.Linear(49, 12), nn.ReLU(), nn.LayerNorm(12), nn.Linear(12, 8),
            nn.Tanh(), nn.Linear(8, 3, bias=False),
        ),
        "cnn": nn.Sequential(
            nn.Conv2d(1, 6, 3), nn.BatchNorm2d(6), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(6, 5, 1),
            nn.PReLU(5), nn.Flatten(), nn.Linear(20, 3),
        ),
        "translation": nn.Sequential(
            translation.Conv(1, 6, 3), nn.BatchNorm2d(6), nn.ReLU(), translation.Conv(6, 4, 3),
            nn.Tanh(), nn.Flatten(), nn.Linear(196, 3),
        ),
        "steerable": geomdl.create_model(
            "steerable/cnn", group=D4, shape=(7, 7), classes=3, channels=16, depth=2
        ),
        "linear": nn.Sequential(
            nn.Flatten(), linear.Linear(49 * C4.trivial, first.rep), nn.ReLU(),
            linear.Linear(first.rep, second.rep), nn.Tanh(),
            linear.Linear(second.rep, 3 * C4.trivial),
        ),
        "pooled, then flat": nn.Sequential(
            steerable.Conv(grid(C4.trivial), first, 3), nn.ELU(), steerable.Conv(first, second, 3),
            nn.ReLU(), steerable.GroupPool(second), nn.Flatten(), nn.Linear(18, 3),
        ),
    }  # fmt: skip


NAMES = tuple(networks())


def prepared(name):
    model = networks()[name].double()
    for number, tensor in enumerate((*model.parameters(), *model.buffers())):
        if tensor.dim() == 1 and tensor.is_floating_point():
            tensor.data.copy_(normal(*tensor.shape, seed=number).abs() + 0.1)
    return model.eval(), normal(5, 1, 7, 7)


@pytest.mark.parametrize("name", NAMES)
def test_a_symmetric_copy_is_the_same_function_and_is_found_again(name):
    model, x = prepared(name)
    copy = symmetric_copy(model, x, rng=generator(1))
    f = model(x).detach()
    assert torch.allclose(copy(x), f, rtol=0, atol=1e-12 * float(f.abs().max()))
    equivariant = name in ("steerable", "linear", "pooled, then flat")
    found = align(model, copy, x)
    assert found.before > 1
    assert found.after <= 1e-12
    assert found.error <= 1e-12
    for a, b in zip(model.state_dict().values(), found.model.state_dict().values(), strict=True):
        assert torch.allclose(a, b, rtol=0, atol=1e-12)
    alone = align(model, copy, x, symmetry="permutation")
    assert (alone.after > 1) == equivariant
    assert torch.equal(copy(x), symmetric_copy(model, x, rng=generator(1))(x))


def test_barriers_of_a_turned_copy():
    """Zero after alignment by the group; whole fields alone do not do it."""
    model, x = prepared("pooled, then flat")
    data = (x, model(x).detach())  # the loss is 0 at both ends
    copy = symmetric_copy(model, x, rng=generator(1))
    plain = barrier(model, copy, data, points=11)
    assert plain.height > 1e-2
    assert plain.losses[[0, -1]].tolist() == pytest.approx([0, 0], abs=1e-20)
    joined = barrier(model, align(model, copy, x).model, data, points=11)
    assert joined.height <= 1e-12
    whole = align(model, copy, x, symmetry="permutation").model
    assert barrier(model, whole, data, points=11).height > 1e-2


def test_alignment_does_not_lose_what_the_identity_has():
    """Of two trained networks: closer than before, the same function, a lower barrier."""
    x = normal(120, 2)
    data = (x, (x[:, 0] * x[:, 1] > 0).long())
    nets = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        net = nn.Sequential(nn.Linear(2, 48), nn.ReLU(), nn.Linear(48, 2)).double()
        fit(net, data, epochs=30, lr=2e-2, seed=seed, progress=False, accelerator="cpu")
        nets.append(net)
    found = align(*nets, x[:5], restarts=2)
    assert found.after < found.before
    assert torch.allclose(found.model(x), nets[1](x), rtol=1e-10)
    before, after = (barrier(nets[0], other, data).height for other in (nets[1], found.model))
    assert after < 0.7 * before


def test_losses_on_the_line_and_the_height():
    a, b = prepared("mlp")[0], prepared("mlp")[0]
    with torch.no_grad():
        for number, p in enumerate(b.parameters()):
            p.copy_(normal(*p.shape, seed=100 + number))
    data = (normal(5, 1, 7, 7), torch.arange(5) % 3)
    found = barrier(a, b, data, points=5, batch_size=2)
    assert found.losses[0] == pytest.approx(Objective(a, data).value(), rel=1e-12)
    assert found.losses[-1] == pytest.approx(Objective(b, data).value(), rel=1e-12)
    with torch.no_grad():
        for p, q in zip(a.parameters(), b.parameters(), strict=True):
            p.lerp_(q, 0.25)
    assert found.losses[1] == pytest.approx(Objective(a, data).value(), rel=1e-12)
    chord = found.losses[0] + 0.25 * (found.losses[-1] - found.losses[0])
    assert found.excess[1] == pytest.approx(float(found.losses[1] - chord), abs=1e-12)
    assert 0 <= found.error <= found.height
    single = barrier(networks()["mlp"], networks()["mlp"], data, dtype=torch.float64)
    assert single.height <= 1e-12


def test_a_barrier_is_drawn(tmp_path):
    model, x = prepared("mlp")
    found = barrier(model, symmetric_copy(model, x), (x, torch.arange(5) % 3), points=5)
    assert found.plot(tmp_path / "a.png").axes[0].has_data()
    assert (tmp_path / "a.png").stat().st_size > 5000


class Residual(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.second, self.third = nn.Linear(3, 6), nn.Linear(6, 6), nn.Linear(6, 2)

    def forward(self, x):
        h = self.first(x).relu()
        return self.third(h + self.second(h).relu())


class Twice(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.last = nn.Linear(3, 3), nn.Linear(3, 2)

    def forward(self, x):
        return self.last(self.first(self.first(x).relu()).relu())


class Idle(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.last, self.idle = nn.Linear(3, 3), nn.Linear(3, 2), nn.Linear(1, 1)

    def forward(self, x):
        return self.last(self.first(x).relu())


def irreps():
    C4 = geomdl.group("C4")
    a, b = grid(C4.trivial), grid(2 * C4.irrep(1))
    return nn.Sequential(steerable.Conv(a, b, 3), steerable.Conv(b, a, 3))


@pytest.mark.parametrize(("make", "shape", "message"), [
    (Residual, (4, 3), r"without skip connections; moving its weights changed its output by"),
    (Twice, (4, 3), r"each layer should be called once, 'first' was called twice"),
    (Idle, (4, 3), r"every weight should be in a layer that is called, not idle\.weight"),
    (lambda: nn.Linear(3, 2), (4, 3), r"should have at least 2 linear layers, got 1"),
    (lambda: nn.Sequential(nn.Linear(4, 4), nn.GLU(1), nn.Linear(2, 2)), (4, 4),
     r"2 should take the 4 channels of 0, got 2"),
    (lambda: nn.Sequential(nn.LSTM(3, 4)), (4, 3), r"should be a chain of linear .* got LSTM"),
    (irreps, (2, 1, 7, 7), r"sums of permutation representations, got 2·irrep"),
    (lambda: nn.Sequential(nn.Conv1d(2, 4, 1, groups=2), nn.Conv1d(4, 1, 1)), (1, 2, 3),
     r"0 should have groups=1, got 2"),
    (lambda: nn.Sequential(nn.Linear(3, 4), nn.Dropout(0.5)), (4, 3), r"be free of dropout"),
])  # fmt: skip
def test_what_is_no_chain_is_refused(make, shape, message):
    torch.manual_seed(0)
    model, x = make().double(), normal(*shape)
    with pytest.raises(ValueError, match=message) as error:
        symmetric_copy(model, x, rng=generator(1))
    assert "\n" not in str(error.value)


def test_refused_arguments():
    model, x = prepared("mlp")
    data = (x, torch.arange(5) % 3)
    with pytest.raises(ValueError, match=r"^symmetry: should be 'group' or 'permutation', got 'x'"):
        align(model, model, x, symmetry="x")
    for wrong in (x[..., :3], x.float()):
        with pytest.raises(ValueError, match=r"^inputs: the model refuses them: mat1 and mat2"):
            align(model, model, wrong)
    with pytest.raises(ValueError, match=r"^restarts: should be an integer >= 0"):
        align(model, model, x, restarts=-1)
    other = nn.Sequential(nn.Flatten(), nn.Linear(49, 2), nn.Linear(2, 3)).double()
    with pytest.raises(ValueError, match=r"^other: should have the architecture of model"):
        align(model, other, x)
    with pytest.raises(ValueError, match=r"^other: should have weights of the names and shapes"):
        barrier(model, other, data)
    with pytest.raises(ValueError, match=r"^points: should be an odd integer >= 3, got 4"):
        barrier(model, model, data, points=4)
    with pytest.raises(ValueError, match=r"^dtype: should be a floating-point type, got torch.int"):
        barrier(model, model, data, dtype=torch.int64)


def test_chains_name_their_fields():
    model, x = prepared("steerable")
    hidden = Chain.of(model, (x,)).hidden
    assert [orbits.count for orbits in hidden] == [2, 4]
    assert [orbits.order for orbits in hidden] == [8**2 * 2, 8**4 * math.factorial(4)]


class Point(nn.Module):
    """Two weights, which are the output for every sample."""

    def __init__(self, at):
        super().__init__()
        self.at = nn.Parameter(torch.tensor(at, dtype=torch.float64))

    def forward(self, x):
        return self.at.expand(len(x), 2)


def ring(output, target):
    """Least on the unit circle."""
    return ((output.square().sum(1) - 1) ** 2).mean()


def test_the_curve_is_the_best_of_its_kind():
    """Against the least mean loss over the middle, on a fine grid."""
    a, b, t = (1.0, 0.0), (0.0, 1.0), np.linspace(0, 1, 2001)[:, None]

    def mean(middle):
        at = (1 - t) ** 2 * np.array(a) + 2 * t * (1 - t) * middle + t**2 * np.array(b)
        return float(np.mean(((at**2).sum(1) - 1) ** 2))

    best = minimize(mean, np.array([0.5, 0.5])).x
    data = (torch.zeros(3, 1, dtype=torch.float64), torch.zeros(3))
    found = bezier(Point(a), Point(b), data, ring, steps=1500, lr=0.05)
    assert found.middle.at.tolist() == pytest.approx(best.tolist(), abs=1e-2)
    assert barrier(Point(a), Point(b), data, ring).height == pytest.approx(0.25, abs=1e-12)
    assert found.height < 1e-3
    assert found.losses[[0, -1]].tolist() == [0, 0]


def test_the_ends_of_a_curve_and_running_statistics_stay():
    """These go along the straight line; the weights on the curve are those of the formula."""
    a, x = prepared("cnn")
    b = prepared("cnn")[0]
    for number, tensor in enumerate((*b.parameters(), b[1].running_mean)):
        tensor.data.copy_(normal(*tensor.shape, seed=100 + number))
    data = (x, torch.arange(5) % 3)
    before = [deepcopy(net.state_dict()) for net in (a, b)]
    found = bezier(a, b, data, steps=20, points=5, batch_size=3)
    line = barrier(a, b, data, points=5, batch_size=3)
    assert torch.equal(found.losses[[0, -1]], line.losses[[0, -1]])
    assert float(found.losses[2]) < float(line.losses[2])
    for net, state in zip((a, b), before, strict=True):
        assert all(torch.equal(v, state[k]) for k, v in net.state_dict().items())
    assert torch.allclose(
        found.middle[1].running_mean, (a[1].running_mean + b[1].running_mean) / 2, rtol=1e-12
    )
    with torch.no_grad():  # t = 1/4
        for p, m, q in zip(a.parameters(), found.middle.parameters(), b.parameters(), strict=True):
            p.copy_((9 * p + 6 * m + q) / 16)
        a[1].running_mean.copy_((3 * a[1].running_mean + b[1].running_mean) / 4)
    assert found.losses[1] == pytest.approx(Objective(a, data).value(), rel=1e-12)
    again = bezier(prepared("cnn")[0], b, data, steps=20, points=5, batch_size=3)
    assert torch.equal(again.losses, found.losses)


def test_refused_curves():
    model, x = prepared("mlp")
    data = (x, torch.arange(5) % 3)
    for options, message in (
        ({"steps": 0}, r"^steps: should be an integer >= 1, got 0$"),
        ({"lr": 0.0}, r"^lr: should be a number > 0, got 0.0$"),
        ({"points": 4}, r"^points: should be an odd integer >= 3, got 4$"),
        ({"loss": lambda f, y: f.sum() / 0}, r"^loss: should be finite, got .* at step 1$"),
    ):
        with pytest.raises(ValueError, match=message):
            bezier(model, model, data, **options)
    with pytest.raises(ValueError, match=r"^other: should have weights of the names and shapes"):
        bezier(model, nn.Linear(3, 2), data)


def test_single_precision_rounds_the_filters():
    """Those of eighth turns have irrational entries."""
    torch.manual_seed(0)
    model = geomdl.create_model(
        "steerable/cnn", group=geomdl.group("C8"), shape=(7, 7), classes=3, channels=16, depth=2
    ).eval()
    x = normal(2, 1, 7, 7).float()
    found = align(model, symmetric_copy(model, x, rng=generator(1)), x)
    assert found.before > 1 > 1e-4 > found.after
    assert found.error < 1e-4


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_another_function_is_not_taken_for_rounding(dtype):
    """Outputs that hardly vary about a large constant, as energies do."""
    torch.manual_seed(0)
    model = Residual().to(dtype)
    with torch.no_grad():
        model.third.bias.fill_(1e3)
    x = normal(20, 3).to(dtype)
    with pytest.raises(ValueError, match="without skip connections; moving its weights changed"):
        symmetric_copy(model, x, rng=generator(1))
