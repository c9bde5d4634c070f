"""Products with curvature matrices, against dense matrices of torch.func."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.func import functional_call, jacrev
from torch.utils.data import DataLoader, TensorDataset

import geomdl
from geomdl.training import barrier
from geomdl.training.curvature import Curvature
from geomdl.training.metrics import mean_squared_error
from geomdl.training.objective import Objective, list_batches


def normal(*shape, seed=0):
    rng = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=rng, dtype=torch.float64)


def mlp():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 5), nn.Tanh(), nn.Linear(5, 4), nn.GELU(), nn.Linear(4, 3))


def cnn():
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Unflatten(1, (1, 3)), nn.Conv1d(1, 3, 2), nn.GroupNorm(1, 3), nn.Softplus(),
        nn.Flatten(), nn.Linear(6, 3),
    )  # fmt: skip


class Tied(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.inner, self.unused = nn.Linear(3, 3), nn.Parameter(torch.zeros(2))

    def forward(self, x):
        return self.inner(torch.sin(self.inner(x)))


class Attention(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.qkv = nn.Linear(1, 6)

    def forward(self, x):
        q, k, v = self.qkv(x[..., None]).unsqueeze(1).chunk(3, -1)
        return F.scaled_dot_product_attention(q, k, v).squeeze(1).sum(-1)


class Modulus(nn.Module):
    def forward(self, z):
        return z.abs()


MODELS = {"mlp": mlp, "cnn": cnn, "tied": Tied, "attention": Attention}
LOSSES = {
    "cross entropy": (F.cross_entropy, torch.tensor([0, 2, 1, 1, 0, 2, 2])),
    "squared error": (mean_squared_error, normal(7, 3, seed=1)),
}


def dense(model, x, y, loss, kind):
    """The definition, by torch.func, in the order of the parameters."""
    named = dict(model.named_parameters())
    names, shapes = list(named), [p.shape for p in named.values()]
    theta = torch.cat([p.detach().reshape(-1) for p in named.values()])

    def output(t, x):
        pieces = t.split([s.numel() for s in shapes])
        held = {n: p.view(s) for n, p, s in zip(names, pieces, shapes, strict=True)}
        return functional_call(model, held, (x,))

    with torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH):
        if kind == "hessian":
            return jacrev(jacrev(lambda t: loss(output(t, x), y)))(theta)
        if kind == "empirical_fisher":
            g = torch.stack([
                jacrev(lambda t, i=i: loss(output(t, x[i : i + 1]), y[i : i + 1]))(theta)
                for i in range(len(x))
            ])  # fmt: skip
            return g.mT @ g / len(x)
        total = 0
        for i in range(len(x)):
            one, target = x[i : i + 1], y[i : i + 1]
            J = jacrev(output)(theta, one)[0]
            B = jacrev(jacrev(lambda f, t=target: loss(f[None], t)))(output(theta, one)[0])
            total = total + J.mT @ B @ J / len(x)
        return total


@pytest.mark.parametrize(("name", "task"), [
    ("mlp", "cross entropy"), ("mlp", "squared error"), ("cnn", "cross entropy"),
    ("tied", "squared error"), ("attention", "cross entropy"),
])  # fmt: skip
@pytest.mark.parametrize("kind", ["hessian", "ggn", "empirical_fisher"])
def test_products_are_those_of_the_dense_matrix(name, task, kind):
    model, x = MODELS[name]().double(), normal(7, 3)
    loss, y = LOSSES[task]
    expected = dense(model, x, y, loss, kind)
    assert float(expected.abs().max()) > 1e-2
    for batch_size in (99, 3):
        found = Curvature(model, (x, y), kind=kind, batch_size=batch_size)
        assert len(found.objective.batches) == (1 if batch_size == 99 else 3)
        v = normal(found.dim, seed=2)
        assert torch.allclose(found @ v, expected @ v, rtol=0, atol=1e-10)
        assert found.quadratic(v) == pytest.approx(float(v @ expected @ v / (v @ v)), abs=1e-10)
    whole = Curvature(model, (x, y), kind=kind).dense()
    assert torch.allclose(whole, expected, rtol=0, atol=1e-10)


def test_the_gauss_newton_matrix_of_cross_entropy_is_the_fisher_matrix():
    """Σ_k p_k g_k g_kᵀ over the classes that the model itself would draw."""
    model, x = mlp().double(), normal(7, 3)
    ggn = Curvature(model, (x, torch.zeros(7, dtype=torch.int64)), kind="ggn").dense()
    p = model(x).softmax(1).detach()
    fisher = 0
    for k in range(3):
        objective = Objective(model, [(x[i : i + 1], torch.tensor([k])) for i in range(7)])
        g = torch.stack([objective.flat(objective.batch_gradient(i)) for i in range(7)])
        fisher = fisher + (g.mT * p[:, k]) @ g / 7
    assert torch.allclose(ggn, fisher, rtol=0, atol=1e-12)


def test_a_product_follows_the_weights():
    model, data = mlp().double(), (normal(7, 3), normal(7, 3, seed=1))
    found = Curvature(model, data)
    v = normal(found.dim, seed=2)
    before = found @ v
    assert torch.equal(found @ v, before)
    model[0].weight.data.mul_(2.0)  # does not count as a write
    fresh = Curvature(model, data) @ v
    assert not torch.allclose(fresh, before)
    assert torch.equal(found @ v, fresh)


def test_frozen_weights_are_constants():
    model, data = mlp().double(), (normal(7, 3), normal(7, 3, seed=1))
    whole = Curvature(model, data).dense()
    model[0].requires_grad_(False)
    part = Curvature(model, data)
    assert part.dim == whole.shape[0] - 20
    assert torch.allclose(part.dense(), whole[20:, 20:], rtol=0, atol=1e-12)


def test_float64_of_a_float32_model():
    model, data = mlp(), (normal(7, 3).float(), normal(7, 3, seed=1).float())
    double = mlp().double()
    v = normal(Curvature(model, data).dim, seed=2)
    exact = Curvature(double, data) @ v
    rounded = (Curvature(model, data) @ v - exact).abs().max()
    assert torch.equal(Curvature(model, data, dtype=torch.float64) @ v, exact)
    assert 1e-9 < float(rounded) < 1e-4
    assert model[0].weight.dtype is torch.float32


def test_layers_with_their_own_derivatives():
    """Steerable filters are expanded by their own autograd functions."""
    torch.manual_seed(0)
    G = geomdl.group("C4")
    fields = [geomdl.Field(geomdl.Grid(2), r) for r in (G.trivial, G.regular, 2 * G.trivial)]
    layers = geomdl.steerable
    model = nn.Sequential(
        layers.Conv(fields[0], fields[1], 3, padding=1), nn.Tanh(), layers.Conv(*fields[1:], 3),
        nn.Flatten(),
    ).double()  # fmt: skip
    x, y = normal(4, 1, 3, 3), normal(4, 2, seed=1)
    matrix = Curvature(model, (x, y)).dense()
    assert torch.allclose(matrix, matrix.mT, rtol=0, atol=1e-12)
    objective, step, size = Objective(model, (x, y)), 1e-5, len(matrix)
    for column in range(0, size, 7):
        v = torch.zeros(size, dtype=torch.float64)
        v[column] = step
        with objective.moved(objective.split(v)):
            plus = objective.gradient()
        with objective.moved(objective.split(-v)):
            minus = objective.gradient()
        assert torch.allclose((plus - minus) / (2 * step), matrix[:, column], rtol=0, atol=1e-8)


def test_every_form_of_data_gives_the_same():
    x, y = normal(7, 3), normal(7, 3, seed=1)
    model = mlp().double()
    expected = Curvature(model, (x, y))
    v = normal(expected.dim, seed=2)
    forms = {
        "dict": {"input": x, "y": y},
        "batches": [(x[:3], y[:3]), (x[3:], y[3:])],
        "generator": ((x[i : i + 1], y[i : i + 1]) for i in range(7)),
        "dataset": TensorDataset(x, y),
        "loader": DataLoader(TensorDataset(x, y), batch_size=4, shuffle=True),
    }
    for name, data in forms.items():
        found = Curvature(model, data)
        assert torch.allclose(found @ v, expected @ v, rtol=0, atol=1e-12), name
        assert found.objective.value() == pytest.approx(expected.objective.value(), abs=1e-12)
        assert torch.allclose(found.objective.gradient(), expected.objective.gradient())
    assert [b.size for b in list_batches((x, y), 4)] == [4, 3]


def test_moved_weights_come_back_bit_for_bit():
    model = mlp()
    objective = Objective(model, (normal(7, 3), normal(7, 3)))
    before = [p.clone() for p in model.parameters()]
    with objective.moved(objective.split(torch.ones(objective.dim))):
        assert not torch.equal(model[0].weight, before[0])
    assert all(torch.equal(a, b) for a, b in zip(before, model.parameters(), strict=True))


@pytest.mark.parametrize("kind", ["hessian", "ggn"])
def test_on_one_batch_a_sum_is_a_sum(kind):
    model, data = mlp().double(), (normal(7, 3), torch.arange(7) % 3)
    whole = Curvature(model, data, nn.CrossEntropyLoss(), kind=kind).dense()
    summed = Curvature(model, data, nn.CrossEntropyLoss(reduction="sum"), kind=kind).dense()
    assert torch.allclose(summed, 7 * whole, rtol=1e-10, atol=1e-12)


def test_a_loss_that_holds_something_for_each_sample_is_not_judged():
    """It cannot be asked of more samples than it has."""
    model, data, weights = mlp().double(), (normal(6, 3), normal(6, 3, seed=1)), normal(3, 3)

    def loss(f, y):
        return (weights.square() * (f - y).square()).mean()

    found = Curvature(model, data, loss, batch_size=3)
    assert bool((found @ torch.ones(found.dim)).isfinite().all())


def test_a_loss_that_asserts_its_number_of_samples_is_not_judged():
    def loss(f, y):
        assert len(f) <= 3
        return F.mse_loss(f, y)

    found = Curvature(mlp().double(), (normal(6, 3), normal(6, 3, seed=1)), loss, batch_size=3)
    assert bool((found @ torch.ones(found.dim)).isfinite().all())


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_means_in_half_precision_are_means(dtype):
    data = (normal(64, 3), torch.arange(64) % 3)
    half = Curvature(mlp().to(dtype), data, kind="empirical_fisher")
    exact = Curvature(mlp(), data, kind="empirical_fisher", dtype=torch.float64)
    v = normal(half.dim, seed=2)
    assert float((half @ v - exact @ v).norm()) <= 0.05 * float((exact @ v).norm())
    with pytest.raises(ValueError, match="for empirical_fisher"):
        Curvature(mlp().to(dtype), data, nn.CrossEntropyLoss(reduction="sum"),
                  kind="empirical_fisher") @ v  # fmt: skip


def test_complex_weights_are_refused():
    model = nn.Sequential(nn.Linear(3, 2, dtype=torch.complex64), Modulus(), nn.Linear(2, 1))
    data = (normal(4, 3).to(torch.complex64), normal(4, 1).float())
    for measure in (Curvature, lambda m, d: barrier(m, m, d)):
        with pytest.raises(ValueError, match=r"^model: should have real .* torch.complex64 at '0."):
            measure(model, data)


def test_affine_losses_have_no_curvature():
    model = nn.Linear(3, 2)
    for kind in ("hessian", "ggn"):
        found = Curvature(
            model, (normal(7, 3), normal(7, 2)), lambda f, y: (f * y).mean(), kind=kind
        )
        assert not (found @ torch.ones(8)).any()


@pytest.mark.parametrize(("make", "message"), [
    (lambda m, d: Curvature(m, d, lambda f, y: (f - y).square()),
     r"^loss: should be a scalar, got shape \(7, 3\) on batch 0"),
    (lambda m, d: Curvature(m, d, lambda f, y: (f.sum() - f.sum()) / 0),
     r"^loss: should be finite, got nan on batch 0"),
    (lambda m, d: Curvature(m, d, nn.MSELoss(reduction="sum"), batch_size=4),
     r"^loss: should be a mean over samples, got a sum: two copies of each double it$"),
    (lambda m, d: Curvature(m, d, nn.MSELoss(reduction="sum"), kind="empirical_fisher"),
     r"^loss: should be the mean of what it is on each sample for empirical_fisher, got \S+ and"),
    (lambda m, d: Curvature(
        m, (d[0], torch.arange(7) % 3), nn.CrossEntropyLoss(torch.tensor([1.0, 2, 3]).double()),
        kind="empirical_fisher"), r"^loss: should be the mean of what it is on each sample"),
    (lambda m, d: Curvature(
        m, (d[0], torch.arange(7) % 3), nn.CrossEntropyLoss(ignore_index=0),
        kind="empirical_fisher"), r"^loss: should be the mean of .* got \S+ and a mean of nan$"),
    (lambda m, d: Curvature(nn.Sequential(m, nn.Dropout(0.5)), d),
     r"^model: should be free of dropout in training mode.*model\.eval"),
    (lambda m, d: Curvature(nn.Sequential(m, nn.BatchNorm1d(3)), d), r"free of batch norm"),
    (lambda m, d: Curvature(m, d, kind="fisher"), r"^kind: should be one of hessian, ggn, emp"),
    (lambda m, d: Curvature(m.requires_grad_(False), d), r"^model: should have weights"),
    (lambda m, d: Curvature(m, d, batch_size=0), r"^batch_size: should be an integer >= 1"),
    (lambda m, d: Curvature(m, d, dtype=torch.int64), r"^dtype: should be a floating-point type"),
    (lambda m, d: Curvature(m, (d[0] / 0, d[1])), r"should be finite, got"),
    (lambda m, d: Curvature(m, []), r"^data: should be \(x, \.\.\., y\), got 0 item"),
])  # fmt: skip
def test_refused_in_one_line(make, message):
    model, data = mlp().double(), (normal(7, 3), normal(7, 3, seed=1))
    with pytest.raises(ValueError, match=message) as error:
        make(model, data) @ torch.ones(59)
    assert "\n" not in str(error.value)


def test_refused_vectors_and_sizes():
    found = Curvature(mlp(), (normal(7, 3), normal(7, 3)))
    with pytest.raises(ValueError, match=rf"^vector: shape should be \({found.dim},\), got \(3,\)"):
        found @ torch.ones(3)
    with pytest.raises(ValueError, match="dense: should have at most"):
        Curvature(nn.Linear(80, 80), (normal(2, 80), normal(2, 80))).dense()
    with pytest.raises(ValueError, match=r"row for each of the 7 samples"):
        Curvature(
            Summed(), (normal(7, 3), normal(7)), lambda f, y: f.square().mean(),
            kind="empirical_fisher",
        ) @ torch.ones(4)  # fmt: skip


class Summed(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(3, 1)

    def forward(self, x):
        return self.linear(x).sum(0)


def test_there_is_no_curvature_along_zero():
    H = Curvature(mlp().double(), (normal(7, 3), normal(7, 3, seed=1)))
    for vector in (torch.zeros(H.dim), torch.full((H.dim,), float("nan"))):
        with pytest.raises(ValueError, match=r"^vector: should be finite and other than 0"):
            H.quadratic(vector)


def test_a_vector_that_is_no_tensor_is_refused():
    H = Curvature(mlp().double(), (normal(7, 3), normal(7, 3, seed=1)))
    vector = normal(H.dim).numpy()
    for product in (lambda: H @ vector, lambda: H.quadratic(vector)):
        with pytest.raises(TypeError, match=r"^vector: should be a tensor, got ndarray$"):
            product()


def test_what_the_model_refuses_is_named_in_one_line():
    H = Curvature(mlp().double(), (normal(7, 2), normal(7, 3)))
    with pytest.raises(ValueError, match=r"^data: the model refuses the input: mat1 and ") as error:
        H.dense()
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("target", [normal(7, 3, seed=1), torch.arange(7) % 3])
def test_the_loss_of_fit_takes_a_tensor_alone(target):
    class Two(nn.Linear):
        def forward(self, x):
            return super().forward(x), x

    with pytest.raises(TypeError, match=r"^output: should be a tensor, got tuple$"):
        Objective(Two(3, 3).double(), (normal(7, 3), target)).value()
