"""The tangent kernel against loops of gradients, which know nothing of layers."""

import functools

import numpy as np
import pytest
import torch
import torch.nn.functional as F
import torch.utils.checkpoint
from torch import nn
from torch.autograd import forward_ad

import geomdl
from geomdl.fields import Graph
from geomdl.generalization import empirical_ntk, jacobian_contraction, ntk_operator
from geomdl.generalization.empirical import features
from geomdl.generalization.empirical.features import Reader
from geomdl.generalization.empirical.inputs import Inputs, trainable
from geomdl.generalization.empirical.uses import Product
from geomdl.linear import EMLP
from geomdl.permutation import GAT, GCN, GINConv, SAGEConv
from geomdl.registry import default
from geomdl.translation import CNN


def by_loops(model, x1, x2=None):
    """A gradient for each row, alone, and output: the definition."""
    parameters = [p for p in model.parameters() if p.requires_grad]

    def gradients(x):
        if isinstance(x, tuple) and not all(isinstance(v, torch.Tensor) for v in x):
            y = model(*x)
            rows = list(y.reshape(len(y), -1))
        else:
            x = x if isinstance(x, tuple) else (x,)
            rows = [model(*(v[n : n + 1] for v in x)).reshape(-1) for n in range(len(x[0]))]
        found = []
        for row in rows:
            for value in row:
                each = torch.autograd.grad(
                    value, parameters, retain_graph=True, allow_unused=True, materialize_grads=True
                )
                real = [torch.view_as_real(g) if g.is_complex() else g for g in each]
                found.append(torch.cat([g.flatten() for g in real]))
        return torch.stack(found).view(len(rows), len(rows[0]), -1)

    one = gradients(x1)
    two = one if x2 is None else gradients(x2)
    return torch.einsum("naf,mbf->nmab", one, two)


def off(found, expected):
    return float((found - expected).norm() / expected.norm())


class Residual(nn.Module):
    def __init__(self):
        super().__init__()
        self.inner = nn.Sequential(nn.LayerNorm(6), nn.Linear(6, 6), nn.GELU())
        self.last = nn.Linear(6, 2)

    def forward(self, x):
        return self.last(x + self.inner(x) + self.inner(x.sin()))


class Tied(nn.Module):
    """One weight in two layers, in a layer run twice, transposed, and in a sum."""

    def __init__(self):
        super().__init__()
        self.first, self.last, self.other = nn.Linear(5, 5), nn.Linear(5, 3), nn.Linear(5, 3)
        self.other.weight = self.last.weight

    def forward(self, x):
        h = self.first(self.first(x).relu()).tanh()
        y = self.last(h) + self.other(h.sin())
        back = y @ self.last.weight
        return F.linear(back, self.last.weight) + self.last.weight.square().sum()


class Language(nn.Module):
    def __init__(self):
        super().__init__()
        self.tokens, self.places = nn.Embedding(7, 6, padding_idx=0), nn.Embedding(4, 6)
        self.shift = nn.Parameter(torch.randn(1, 4, 6))
        self.layer = nn.TransformerEncoderLayer(6, 2, 8, dropout=0.0, batch_first=True)
        self.last = nn.Linear(6, 2)

    def forward(self, tokens):
        h = self.tokens(tokens) + self.shift + self.places(torch.arange(4))
        return self.last(self.layer(h)[:, -1])


class TimeFirst(nn.Module):
    """Rows on the second axis inside."""

    def __init__(self):
        super().__init__()
        self.first, self.last = nn.Linear(5, 6), nn.Linear(6, 2)

    def forward(self, x):
        return self.last(self.first(x.transpose(0, 1)).relu().mean(0))


class Bare(nn.Module):
    """Parameters without layers."""

    def __init__(self):
        super().__init__()
        self.a, self.g = nn.Parameter(torch.randn(5)), nn.Parameter(torch.tensor(0.3))
        self.w, self.s = nn.Parameter(torch.randn(5, 4)), nn.Parameter(torch.randn(4))

    def forward(self, x):
        return ((x * self.a + self.g) @ self.w * (1 + self.s)).square() * self.g + self.s.exp()


class Two(nn.Module):
    def __init__(self, convolution):
        super().__init__()
        self.first, self.last = convolution(3, 6), convolution(6, 2)

    def forward(self, x, graph):
        return self.last(self.first(x, graph).relu(), graph)


class Force(nn.Module):
    """A gradient with respect to the input: weights are in its backward pass as well."""

    def __init__(self):
        super().__init__()
        self.inner = nn.Sequential(nn.Linear(5, 6), nn.Tanh(), nn.Linear(6, 1))

    def forward(self, x):
        x = x if x.requires_grad else x.detach().requires_grad_()
        return torch.autograd.grad(self.inner(x).sum(), x, create_graph=True)[0]


class Jet(Force):
    """Derivatives by torch.func, in reverse, and in forward mode, and one of these alone."""

    def forward(self, x):
        slope = torch.func.vmap(torch.func.grad(lambda v: self.inner(v)[0]))(x)
        along = torch.func.jvp(self.inner, (x,), (x.sin(),))[1]
        with forward_ad.dual_level():
            dual = self.inner(forward_ad.make_dual(x, x.cos()))
            return torch.cat([slope, along, forward_ad.unpack_dual(dual).tangent], 1)


class Recomputed(nn.Module):
    def __init__(self):
        super().__init__()
        self.inner, self.last = nn.Sequential(nn.Linear(5, 6), nn.Tanh()), nn.Linear(6, 2)

    def forward(self, x):
        return self.last(torch.utils.checkpoint.checkpoint(self.inner, x, use_reentrant=False))


class Sorted(nn.Module):
    """Rows in another order inside, one that keeps the half on which mixing is looked for."""

    def __init__(self):
        super().__init__()
        self.first, self.last = nn.Linear(5, 6), nn.Linear(6, 2)

    def forward(self, x):
        order = torch.tensor([0, 2, 1] if len(x) == 3 else range(len(x)))
        return self.last(self.first(x[order]).tanh())[order]


class Spectral(nn.Module):
    """Complex parameters, and real ones in a complex product."""

    def __init__(self):
        super().__init__()
        self.c = nn.Parameter(torch.randn(3, dtype=torch.complex128))
        self.a, self.s = nn.Parameter(torch.randn(3, 3)), nn.Parameter(torch.randn(3))

    def forward(self, x):
        h = torch.fft.rfft(x, dim=1) * self.c * self.s
        h = F.linear(h, torch.complex(self.a, self.a.sin()))
        return torch.fft.irfft(h, n=5, dim=1)


class Keyword(nn.Module):
    def __init__(self):
        super().__init__()
        self.w = nn.Parameter(torch.randn(5, 4))

    def forward(self, x):
        return torch.mm(x, mat2=self.w).tanh() + torch.matmul(x, self.w, out=None)


def frozen():
    model = nn.Sequential(nn.Linear(5, 6), nn.ReLU(), nn.Linear(6, 6), nn.ReLU(), nn.Linear(6, 2))
    model[0].requires_grad_(False)
    model[2].bias.requires_grad_(False)
    return model


def steerable():
    return default.example("steerable/d4_cnn").build()


def path():
    edges = torch.tensor([[0, 1, 1, 2, 2, 3, 4], [1, 0, 2, 1, 3, 2, 0]])
    return Graph.from_edge_index(edges)


def randn(*shape):
    return torch.randn(*shape, dtype=torch.float64)


def nodes():
    return randn(5, 3), path()


ZOO = {
    "mlp": (lambda: nn.Sequential(nn.Linear(5, 7), nn.ReLU(True), nn.Linear(7, 3)), (6, 5)),
    "deep": (lambda: nn.Sequential(*(nn.Linear(4, 4), nn.Tanh()) * 3, nn.Linear(4, 1)), (4, 4)),
    "cnn": (
        lambda: nn.Sequential(
            nn.Conv2d(4, 6, 3, stride=2, padding=1, groups=2), nn.BatchNorm2d(6), nn.ReLU(True),
            nn.Conv2d(6, 4, (3, 1), padding="same", dilation=2, bias=False), nn.GroupNorm(2, 4),
            nn.Tanh(), nn.Flatten(), nn.Linear(64, 3),
        ),
        (4, 4, 8, 8),
    ),
    "conv1d": (
        lambda: nn.Sequential(
            nn.Conv1d(2, 3, 3, dilation=2, padding_mode="circular", padding=2), nn.Tanh(),
            nn.Conv1d(3, 2, 4, stride=2), nn.Flatten(),
        ),
        (3, 2, 9),
    ),
    "conv3d": (
        lambda: nn.Sequential(nn.Conv3d(2, 3, 2), nn.Tanh(), nn.Flatten(), nn.Linear(24, 2)),
        (3, 2, 3, 3, 3),
    ),
    "transposed": (
        lambda: nn.Sequential(nn.Conv2d(2, 3, 2), nn.Tanh(), nn.ConvTranspose2d(3, 2, 2)),
        (2, 2, 3, 3),
    ),
    "sequence": (
        lambda: nn.Sequential(nn.Linear(5, 7), nn.LayerNorm(7), nn.GELU(), nn.Linear(7, 2)),
        (4, 3, 5),
    ),
    "in place": (
        lambda: nn.Sequential(nn.Linear(5, 7), nn.ReLU(True), nn.Linear(7, 2), nn.Sigmoid()),
        (4, 3, 5),
    ),
    "force": (Force, (4, 5)),
    "jet": (Jet, (4, 5)),
    "checkpoint": (Recomputed, (4, 5)),
    "spectral": (Spectral, (4, 5)),
    "keyword": (Keyword, (4, 5)),
    "sorted": (Sorted, (3, 5)),
    "prelu": (lambda: nn.Sequential(nn.Linear(5, 7), nn.PReLU(), nn.Linear(7, 3)), (4, 5)),
    "weight norm": (
        lambda: nn.Sequential(
            nn.utils.parametrizations.weight_norm(nn.Linear(5, 7)), nn.SiLU(), nn.Linear(7, 2)
        ),
        (4, 5),
    ),
    "lstm": (lambda: Last(nn.LSTM(3, 4, batch_first=True)), (3, 4, 3)),
    "residual": (Residual, (4, 6)),
    "tied": (Tied, (4, 5)),
    "time first": (TimeFirst, (4, 3, 5)),
    "bare": (Bare, (4, 5)),
    "frozen": (frozen, (4, 5)),
    "language": (Language, lambda: torch.randint(7, (5, 4))),
    "pair": (lambda: Distance(), lambda: (randn(4, 3), randn(4, 3))),
    "CNN": (lambda: CNN(1, 3, widths=(4, 5), shape=(8, 8)), (3, 1, 8, 8)),
    "steerable": (steerable, lambda: default.example("steerable/d4_cnn").draw()[0]),
    "EMLP": (
        lambda: EMLP(
            2 * geomdl.group("SO3").standard, geomdl.group("SO3").standard, channels=16, layers=1,
            products=32,
        ),
        (4, 6),
    ),
    "GCN": (lambda: GCN(3, 2, channels=6, layers=2, readout="nodes"), nodes),
    "GCN, graphs": (lambda: GCN(3, 2, channels=6, layers=2, norm="layer"), nodes),
    "GAT": (lambda: GAT(3, 2, channels=4, layers=1, heads=2, readout="nodes"), nodes),
    "GIN": (lambda: Two(GINConv), nodes),
    "SAGE": (lambda: Two(SAGEConv), nodes),
}  # fmt: skip


class Last(nn.Module):
    def __init__(self, inner):
        super().__init__()
        self.inner = inner

    def forward(self, x):
        return self.inner(x)[0][:, -1]


class Distance(nn.Module):
    def __init__(self):
        super().__init__()
        self.inner = nn.Linear(3, 4)

    def forward(self, x, y):
        return (self.inner(x).tanh() - self.inner(y).tanh()).square().sum(1)


@functools.cache
def case(name):
    """Model, two inputs, and the kernels of the first alone and of both."""
    torch.manual_seed(0)
    build, shape = ZOO[name]
    model = build().double().eval()
    draw = (lambda: randn(*shape)) if isinstance(shape, tuple) else shape
    x1, x2 = draw(), draw()
    if isinstance(x2, torch.Tensor):
        x2 = x2[:2]
    for p in model.parameters():  # nothing at a special value
        p.data += 0.1 * torch.randn_like(p)
    return model, x1, x2, by_loops(model, x1), by_loops(model, x1, x2)


@pytest.fixture(autouse=True)
def _seed():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield


@pytest.mark.parametrize("method", ["auto", "jacobian", "gram"])
@pytest.mark.parametrize("name", ZOO)
def test_kernel(name, method):
    model, x1, x2, alone, both = case(name)
    found = empirical_ntk(model, x1, method=method)
    assert found.shape == alone.shape and found.dtype == torch.float64
    assert off(found, alone) <= 1e-12
    assert torch.equal(found, found.permute(1, 0, 3, 2))
    assert off(empirical_ntk(model, x1, x2, method=method, block=2), both) <= 1e-12
    assert off(empirical_ntk(model, x1, method=method, block=3), alone) <= 1e-12


@pytest.mark.parametrize(
    "name", sorted(set(ZOO) - {"lstm", "prelu", "force", "jet", "checkpoint", "spectral"})
)
def test_contraction(name):
    """But for what torch.func does not take: recurrence, nested batches, complex parameters."""
    model, x1, x2, alone, both = case(name)
    assert off(jacobian_contraction(model, x1), alone) <= 1e-12
    assert off(empirical_ntk(model, x1, x2, method="contraction", block=2), both) <= 1e-12


@pytest.mark.parametrize("name", ZOO)
def test_operator(name):
    model, x1, _, alone, _ = case(name)
    n, _, outputs, _ = alone.shape
    matrix = alone.transpose(1, 2).reshape(n * outputs, n * outputs)
    theta, v = ntk_operator(model, x1), randn(n * outputs)
    assert theta.shape == matrix.shape
    assert off(theta @ v, matrix @ v) <= 1e-12
    assert off(theta @ v, matrix @ v) <= 1e-12  # of the graph that was kept
    assert off(theta.diagonal().flatten(), matrix.diag()) <= 1e-12
    assert theta.trace() == pytest.approx(float(matrix.trace()), rel=1e-12)
    blocks = ntk_operator(model, x1, block=2)
    assert off(blocks @ v.view(n, outputs), (matrix @ v).view(n, outputs)) <= 1e-12
    found = theta.to_scipy() @ v.numpy()
    assert np.abs(found - (matrix @ v).numpy()).max() <= 1e-10 * np.abs(found).max()


@pytest.mark.parametrize("name", ["mlp", "cnn", "tied", "steerable", "GCN", "language"])
def test_a_few_at_a_time(name, monkeypatch):
    """However few rows and cotangents go together, the kernel is the same."""
    model, x1, _, alone, _ = case(name)
    monkeypatch.setattr(features, "AT_ONCE", 1)
    assert off(empirical_ntk(model, x1), alone) <= 1e-12
    squares = torch.einsum("nnaa->na", alone)
    assert off(ntk_operator(model, x1).diagonal(), squares) <= 1e-12


def test_forms():
    """Which rows go together, and what is differentiated directly."""
    alone = {"transposed", "prelu", "lstm", "time first", "language"}
    alone |= {"force", "jet", "checkpoint", "spectral", "keyword", "sorted"}
    for name in ZOO:
        model, x1, *_ = case(name)
        reader = Reader(model, trainable(model), Inputs.of("x1", x1))
        list(reader.runs(0, reader.inputs.rows))
        assert (reader.at_once == 1) == (name in alone or reader.inputs.joint), name
    loose = {"transposed": 2, "prelu": 1, "tied": 0, "lstm": 4, "force": 3, "checkpoint": 2}
    for name, count in loose.items():
        model, x1, *_ = case(name)
        reader = Reader(model, trainable(model), Inputs.of("x1", x1))
        assert len(reader.first.loose) == count, name


def test_float32():
    model = nn.Sequential(
        nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Flatten(), nn.Linear(288, 64), nn.ReLU(), nn.Linear(64, 4)
    )
    x = torch.randn(5, 3, 8, 8)
    found = empirical_ntk(model, x)
    assert found.dtype == torch.float32
    assert empirical_ntk(model, x, dtype=torch.float64).dtype == torch.float64
    assert off(found.double(), by_loops(model.double(), x.double())) <= 1e-6


def test_one_layer_less_is_seen(monkeypatch):
    """Sabotage: a product whose gradient is lost, or is that of its first position."""
    model, x1, _, alone, _ = case("cnn")
    true = Product.jacobian
    monkeypatch.setattr(Product, "jacobian", lambda self, *a: 0 * true(self, *a))
    assert off(empirical_ntk(model, x1, method="jacobian"), alone) > 1e-3
    monkeypatch.undo()
    inputs = Product.inputs
    monkeypatch.setattr(Product, "inputs", lambda self, *a: inputs(self, *a)[:, :, :1].expand_as(
        inputs(self, *a)))  # fmt: skip
    assert off(empirical_ntk(model, x1), alone) > 1e-3


@pytest.mark.parametrize("name", [
    "translation/resnet", "steerable/e2cnn_small", "steerable/cnn1d_c2", "permutation/PPGN",
    "permutation/SetTransformer", "permutation/GPS", "euclidean/EGNN",
])  # fmt: skip
def test_registered_models(name):
    """Kernel against operator on networks of the library, whatever layers they are made of."""
    example = default.example(name)
    model, x = example.build().double().eval(), example.draw()
    x = x[0] if len(x) == 1 else x
    kernel = empirical_ntk(model, x)
    v = randn(kernel.shape[0], kernel.shape[2])
    expected = torch.einsum("nmab,mb->na", kernel, v)
    assert off(ntk_operator(model, x) @ v, expected) <= 1e-12


# --- what is refused ---------------------------------------------------------------------------


class Mixing(nn.Module):
    def __init__(self):
        super().__init__()
        self.inner = nn.Linear(3, 2)

    def forward(self, x):
        return self.inner(x - x.mean(0))


class MixingLoose(Mixing):
    """As above, where rows go through the network one by one."""

    def forward(self, x):
        return F.prelu(self.inner(x - x.mean(0)), self.inner.bias[:1])


class Learner(Mixing):
    """A step of gradient descent on all rows."""

    def forward(self, x):
        w = self.inner.weight
        (step,) = torch.autograd.grad(self.inner(x).square().sum(), w, create_graph=True)
        return F.linear(x, w - 0.1 * step)


class Detached(Mixing):
    def forward(self, x):
        return self.inner(x).detach()


class MixingTokens(nn.Module):
    def __init__(self):
        super().__init__()
        self.inner = nn.Embedding(5, 2)

    def forward(self, x):
        return self.inner(x) * x.double().mean()


class Random(nn.Module):
    def __init__(self):
        super().__init__()
        self.inner = nn.Linear(3, 2)

    def forward(self, x):
        return F.dropout(self.inner(x), 0.5)


class Branch(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(3, 2), nn.Linear(3, 2)

    def forward(self, x):
        return self.a(x) if float(x.detach()[0, 0]) > 0 else self.b(x)


class Changed(nn.Module):
    def __init__(self):
        super().__init__()
        self.a = nn.Linear(3, 3)

    def forward(self, x):
        h = x.sin()
        y = self.a(h)
        h.mul_(2)
        return y


class ChangedWeight(nn.Module):
    def __init__(self):
        super().__init__()
        self.a = nn.Parameter(torch.randn(3))

    def forward(self, x):
        b = self.a.sin()
        y = x + b
        b.mul_(2)
        return y * b


class Experts(nn.Module):
    """A layer that sees some of the rows."""

    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(3, 2), nn.Linear(3, 2)

    def forward(self, x):
        here = x[:, 0] > 0
        y = x.new_zeros(len(x), 2)
        y[here], y[~here] = self.a(x[here]), self.b(x[~here])
        return y


class Cube(torch.autograd.Function):
    """Its backward pass is a constant to autograd."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x**3

    @staticmethod
    def backward(ctx, g):
        return 3 * ctx.saved_tensors[0].detach() ** 2 * g.detach()


class Cubic(Mixing):
    def forward(self, x):
        return Cube.apply(self.inner(x))


def hooked():
    model = nn.Linear(3, 2)
    model.bias.register_hook(lambda g: 2 * g)
    return model


def test_a_layer_that_sees_some_rows():
    model, x = Experts().double(), torch.tensor([[1.0, 2, 0], [-1, 1, 1], [2, 0, 1]]).double()
    assert off(empirical_ntk(model, x, method="jacobian"), by_loops(model, x)) <= 1e-12
    with pytest.raises(ValueError, match=r"alike for every row.*method='jacobian'"):
        empirical_ntk(model, x)


def test_rounding_is_not_taken_for_rows_in_another_order():
    """What is left of gradients beyond a saturated softmax is rounding."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(16, 8), nn.Linear(8, 8), nn.Softmax(1))
    reader = Reader(model, trainable(model), Inputs.of("x", 100 * randn(40, 16).float()))
    next(reader.runs(0, 40))
    assert reader.at_once > 40


def test_an_operator_needs_a_backward_pass_to_differentiate():
    model, x = Cubic().double(), randn(4, 3)
    assert off(empirical_ntk(model, x), by_loops(model, x)) <= 1e-12
    with pytest.raises(ValueError, match="model: should have a backward pass that can be"):
        ntk_operator(model, x)


@pytest.mark.parametrize(("model", "x", "message"), [
    (MixingLoose(), randn(4, 3), "depend on its own row of x alone"),
    (Learner(), randn(4, 3), "depend on its own row of x alone"),
    (Detached(), randn(4, 3), "depend on a trained parameter, got one of none"),
    (hooked(), randn(4, 3), "leave gradients as they are, got a hook on 'bias'"),
    (nn.Sequential(nn.Linear(3, 2), nn.Dropout()), randn(4, 3), "free of dropout"),
    (nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2)), randn(4, 3), "free of batch norm"),
    (Random(), randn(4, 3), "model: should not be random, got dropout with p=0.5"),
    (nn.Linear(3, 2), torch.full((4, 3), torch.nan), "x1?: expected finite numbers, got NaN"),
    (nn.Linear(3, 2).requires_grad_(False), randn(4, 3), "requires_grad, got none"),
    (Mixing(), randn(4, 3), "depend on its own row of x alone"),
    (MixingTokens(), torch.arange(4), "depend on its own row of x alone"),
    (Branch(), torch.tensor([[1.0, 0, 0], [-1.0, 0, 0]]), "same layers for every row|own row"),
    (nn.Linear(3, 2), torch.zeros(0, 3), "n ≥ 1"),
    (nn.Flatten(0), randn(4, 3), "requires_grad, got none"),
    (nn.Sequential(nn.Linear(3, 2), nn.Flatten(0)), randn(4, 3), r"should return shape \(1, …\)"),
])  # fmt: skip
def test_refused(model, x, message):
    x = x if x.dtype == torch.int64 else x.double()
    for measure in (empirical_ntk, ntk_operator):
        with pytest.raises(ValueError, match=message):
            measure(model.double(), x)


@pytest.mark.parametrize("x", [
    torch.randn(4, 3), torch.ones(4, 3, dtype=torch.int64), randn(4, 5).double(),
    (randn(4, 3).double(), randn(4, 3).double()),
])  # fmt: skip
def test_what_the_model_cannot_take_is_refused_by_name(x):
    model, good = nn.Linear(3, 2).double(), randn(4, 3).double()
    for name, call in (
        ("x1", lambda: empirical_ntk(model, x)),
        ("x2", lambda: empirical_ntk(model, good, x)),
        ("x1", lambda: empirical_ntk(model, x, good, method="contraction")),
        ("x2", lambda: jacobian_contraction(model, good, x)),
        ("x", lambda: ntk_operator(model, x)),
    ):
        with pytest.raises(ValueError, match=f"^{name}: the model refuses torch") as caught:
            call()
        assert "\n" not in str(caught.value)


def test_other_refusals():
    model, x = nn.Linear(3, 2), torch.randn(4, 3)
    with pytest.raises(TypeError, match=r"model: expected an nn\.Module, got function"):
        empirical_ntk(lambda x: x, x)
    with pytest.raises(TypeError, match="x1: expected a tensor"):
        empirical_ntk(model, [1.0])
    with pytest.raises(TypeError, match="model: should return a tensor, got tuple"):
        empirical_ntk(nn.LSTM(3, 2), x)
    with pytest.raises(ValueError, match="method: expected one of auto"):
        empirical_ntk(model, x, method="structured")
    with pytest.raises(ValueError, match="block: expected at least 1, got 0"):
        empirical_ntk(model, x, block=0)
    with pytest.raises(ValueError, match="chunk: expected at least 1, got 0"):
        jacobian_contraction(model, x, chunk=0)
    with pytest.raises(ValueError, match="x2: expected finite"):
        empirical_ntk(model, x, x / 0)
    with pytest.raises(ValueError, match=r"v: expected shape \(8,\) or \(4, 2\), got \(3,\)"):
        ntk_operator(model, x) @ torch.ones(3)
    with pytest.raises(RuntimeError, match="changed in place"):
        empirical_ntk(Changed(), x)
    with pytest.raises(RuntimeError, match=r"makes of its weights .* in place afterwards"):
        empirical_ntk(ChangedWeight(), x)
    with pytest.raises(ValueError, match="finite numbers"):
        empirical_ntk(nn.Sequential(model, nn.Softplus(), Log()), -1e4 * x.abs())


class Log(nn.Module):
    def forward(self, x):
        return (x * 0).log() * 0


def test_modes_and_gradients_are_left_alone():
    model, x1, *_ = case("cnn")
    before = {k: v.clone() for k, v in model.state_dict().items()}
    empirical_ntk(model, x1)
    ntk_operator(model, x1) @ randn(12)
    assert all(p.grad is None for p in model.parameters()) and not x1.requires_grad
    assert all(torch.equal(v, before[k]) for k, v in model.state_dict().items())
    with torch.no_grad():
        assert off(empirical_ntk(model, x1), case("cnn")[3]) <= 1e-12


def test_a_constant_network():
    """No parameter moves the output where the unit is dead."""
    model = nn.Sequential(nn.Linear(3, 2), nn.ReLU())
    nn.init.constant_(model[0].bias, -100.0)
    x = torch.randn(3, 3)
    assert not empirical_ntk(model, x).any() and not (ntk_operator(model, x) @ torch.ones(6)).any()


def test_a_kernel_beyond_memory_is_refused_before_work():
    big = nn.Sequential(nn.Linear(2, 40_000))
    with pytest.raises(ValueError, match=r"x1: the kernel of 4 × 40000 outputs .* takes 205 GB"):
        empirical_ntk(big, torch.randn(4, 2))
