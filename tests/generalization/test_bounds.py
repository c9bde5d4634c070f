"""Norms, margins and paths, against dense matrices, enumeration and finite differences."""

import copy
import itertools
import math

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import geomdl
from geomdl import Field, Grid, steerable, translation
from geomdl.generalization import bounds
from geomdl.permutation import GCNConv


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def randn(*shape, seed=0):
    return torch.randn(*shape, generator=seeded(seed), dtype=torch.float64)


def singular(matrix):
    return float(torch.linalg.svdvals(matrix)[0])


# --- operator norms ---------------------------------------------------------------------------

CONVS = [  # d, stride, dilation, groups, kernel, padding, mode
    (2, 1, 1, 1, 3, 1, "circular"),
    (2, 2, 1, 1, 3, 1, "circular"),
    (2, 2, 2, 2, 3, 2, "circular"),
    (1, 3, 1, 1, 5, 2, "circular"),
    (3, 1, 1, 1, 3, 1, "circular"),
    (2, 1, 1, 1, 3, 1, "zeros"),
    (2, 2, 1, 1, 3, 1, "zeros"),
    (2, 1, 2, 2, 3, 0, "zeros"),
    (2, 5, 1, 1, 3, 1, "circular"),  # a stride that does not divide
]


@pytest.mark.parametrize(("d", "stride", "dilation", "groups", "k", "padding", "mode"), CONVS)
def test_convolution_against_its_matrix(d, stride, dilation, groups, k, padding, mode):
    kind = (nn.Conv1d, nn.Conv2d, nn.Conv3d)[d - 1]
    conv = kind(
        4, 6, k, stride=stride, dilation=dilation, groups=groups, padding=padding,
        padding_mode=mode, bias=True,
    ).double()  # fmt: skip
    conv.weight.data = randn(*conv.weight.shape)
    sizes = (6,) * d if d < 3 else (4,) * 3
    matrix = bounds.dense(conv, (1, 4, *sizes))
    found = bounds.conv_operator_norm(
        conv.weight, sizes, stride=stride, padding=padding, dilation=dilation, groups=groups,
        padding_mode=mode,
    )  # fmt: skip
    assert found.value == pytest.approx(singular(matrix), rel=1e-9)
    by_steps = bounds.operator_norm(conv, (1, 4, *sizes), rng=seeded())
    assert by_steps.value == pytest.approx(singular(matrix), rel=1e-9)
    assert by_steps.value <= singular(matrix) * (1 + 1e-12)
    (layer,) = bounds.layer_norms(conv, torch.ones(1, 4, *sizes), rng=seeded())
    rows = torch.linalg.vector_norm(matrix, dim=1)
    assert layer.spectral.value == pytest.approx(singular(matrix), rel=1e-9)
    assert layer.frobenius == pytest.approx(float(matrix.norm()), rel=1e-9)
    assert layer.two_one == pytest.approx(float(rows.sum()), rel=1e-9)


def test_the_reshaped_kernel_is_another_matrix():
    weight = randn(5, 3, 3, 3).abs()
    true = bounds.conv_operator_norm(weight, (8, 8), padding=1, padding_mode="circular").value
    reshaped = singular(weight.reshape(5, -1))
    assert 2.5 * reshaped < true <= 3 * reshaped * (1 + 1e-12)


def test_error_estimate_of_few_steps():
    A = randn(40, 30)
    true = singular(A)
    short = bounds.operator_norm(lambda x: A @ x, (30,), rng=seeded(), max_steps=4)
    values = torch.linalg.svdvals(A)
    assert short.value < true * (1 - 1e-6)
    assert short.error >= float((values - short.value).abs().min())
    full = bounds.operator_norm(lambda x: A @ x, (30,), rng=seeded())
    assert abs(full.value - true) <= 1e-9 * true


def test_degenerate_maps():
    Q = torch.linalg.qr(randn(12, 12)).Q
    assert bounds.operator_norm(lambda x: 3 * Q @ x, (12,), rng=seeded()).value == pytest.approx(3)
    assert bounds.operator_norm(lambda x: 0 * x, (12,), rng=seeded()).value == 0
    assert bounds.operator_norm(lambda x: torch.ones(3), (12,), rng=seeded()).value == 0


def test_message_passing_is_a_linear_map():
    edges = torch.tensor([[0, 1, 1, 2, 2, 3, 1, 3], [1, 0, 2, 1, 3, 2, 3, 1]])
    graph = geomdl.Graph.from_edge_index(edges, 4)
    loops = torch.eye(4, dtype=torch.float64)
    loops[edges[1], edges[0]] = 1
    degree = loops.sum(1).rsqrt()
    step = degree[:, None] * loops * degree
    layer = GCNConv(3, 2).double()
    found = bounds.operator_norm(lambda x: layer(x, graph), (4, 3), rng=seeded())
    weight = layer.weight if hasattr(layer, "weight") else layer.linear.weight
    assert found.value == pytest.approx(singular(step) * singular(weight.detach()), rel=1e-9)


def test_steerable_convolution():
    G = geomdl.group("D4")
    field = Field(Grid(2), 2 * G.regular)
    conv = steerable.Conv(Field(Grid(2), G.trivial + G.standard), field, 3, padding=1).double()
    plain = steerable.to_plain(conv)
    assert isinstance(plain, nn.Conv2d)
    x = torch.ones(1, 3, 6, 6)
    (ours,), (theirs,) = (bounds.layer_norms(m, x, rng=seeded()) for m in (conv, plain))
    assert ours.spectral.value == pytest.approx(theirs.spectral.value, rel=1e-8)
    assert ours.two_one == pytest.approx(theirs.two_one, rel=1e-10)
    assert ours.parameters < theirs.parameters


def test_layers_of_a_network_with_batch_norm():
    torch.manual_seed(0)
    model = translation.CNN(1, 3).double()
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_var.uniform_(0.5, 2.0, generator=seeded())
            module.weight.data.uniform_(-2.0, 2.0, generator=seeded(1))
    x = randn(2, 1, 8, 8)
    layers = bounds.layer_norms(model.eval(), x, rng=seeded())
    by_name = dict(model.named_modules())
    for layer, (name, (module, shape)) in zip(
        layers, bounds.linear_layers(model, x).items(), strict=True
    ):
        assert layer.name == name
        assert module is by_name[name]
        if math.prod(shape) > 300:
            continue
        matrix = bounds.dense(module, shape)
        assert layer.spectral.value == pytest.approx(singular(matrix), rel=1e-8), name
        assert layer.frobenius == pytest.approx(float(matrix.norm()), rel=1e-8), name


def test_distances_are_from_the_first_weights():
    first = nn.Sequential(nn.Conv2d(1, 2, 3, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(50, 3))
    moved = copy.deepcopy(first)
    change = randn(2, 1, 3, 3).float()
    moved[0].weight.data += change
    x = torch.ones(1, 1, 5, 5)
    one, two = bounds.layer_norms(moved, x, first, rng=seeded())
    difference = nn.Conv2d(1, 2, 3, padding=1, bias=False).double()
    difference.weight.data = change.double()
    matrix = bounds.dense(difference, (1, 1, 5, 5))
    assert one.distance == pytest.approx(float(matrix.norm()), rel=1e-6)
    assert one.two_one_distance == pytest.approx(float(matrix.norm(dim=1).sum()), rel=1e-6)
    assert two.distance == 0
    assert bounds.distance_from(moved, first) == pytest.approx(float(change.norm()), rel=1e-6)


def test_weights_of_other_classes_of_convolutions():
    """A parametrised layer and a subclass use weights that are not those they hold."""

    class Centred(nn.Conv2d):
        def forward(self, x):
            weight = self.weight - self.weight.mean((1, 2, 3), keepdim=True)
            return self._conv_forward(x, weight, self.bias)

    torch.manual_seed(0)
    bound = nn.utils.parametrizations.weight_norm(nn.Conv2d(2, 3, 3))
    for conv in (Centred(2, 3, 3).double(), bound.double()):
        matrix = bounds.dense(conv, (1, 2, 5, 5))
        (layer,) = bounds.layer_norms(conv, torch.ones(1, 2, 5, 5), rng=seeded())
        assert layer.spectral.value == pytest.approx(singular(matrix), rel=1e-8)
        assert layer.two_one == pytest.approx(float(matrix.norm(dim=1).sum()), rel=1e-8)


@pytest.mark.parametrize("name", ["weight_norm", "spectral_norm"])
def test_parametrised_layers_are_those_that_they_make(name):
    """Of any size: convolutions on images are no matrices that could be held."""
    torch.manual_seed(0)
    conv = nn.Conv2d(8, 8, 3, padding=1).double()
    bound = getattr(nn.utils.parametrizations, name)(copy.deepcopy(conv)).eval()
    conv.weight.data = bound.weight.detach()
    x = torch.ones(1, 8, 30, 30)
    plain, found = (bounds.layer_norms(m, x, rng=seeded())[0] for m in (conv, bound))
    assert found.spectral.value == pytest.approx(plain.spectral.value, rel=1e-9)
    for value in ("frobenius", "two_one", "distance", "two_one_distance"):
        assert getattr(found, value) == pytest.approx(getattr(plain, value), rel=1e-9)
    assert found.parameters == sum(p.numel() for p in bound.parameters())
    frozen = bounds.layer_norms(bound.requires_grad_(False), x, bound, rng=seeded())[0]
    assert (frozen.two_one, frozen.distance) == (found.two_one, 0)


# --- margins ----------------------------------------------------------------------------------


def test_spectral_complexity_by_hand():
    model = nn.Sequential(nn.Linear(3, 4, bias=False), nn.ReLU(), nn.Linear(4, 2, bias=False))
    model = model.double()
    layers = bounds.layer_norms(model, torch.ones(1, 3), rng=seeded())
    A, B = model[0].weight.detach(), model[2].weight.detach()
    s, t = singular(A), singular(B)
    a, b = float(A.norm(dim=1).sum()), float(B.norm(dim=1).sum())
    expected = s * t * ((a / s) ** (2 / 3) + (b / t) ** (2 / 3)) ** 1.5
    assert bounds.spectral_complexity(layers) == pytest.approx(expected, rel=1e-10)
    x, y = randn(6, 3), torch.tensor([0, 1, 0, 1, 1, 0])
    before = bounds.normalized_margins(model, x, y, expected)
    with torch.no_grad():
        model[0].weight *= 5
    scaled = bounds.spectral_complexity(bounds.layer_norms(model, torch.ones(1, 3), rng=seeded()))
    assert torch.allclose(bounds.normalized_margins(model, x, y, scaled), before, rtol=1e-10)


def test_spectral_complexity_with_a_layer_of_zeros():
    first = nn.Sequential(nn.Linear(3, 4, bias=False), nn.ReLU(), nn.Linear(4, 2, bias=False))
    moved = copy.deepcopy(first)
    found = []
    for size in (0.0, 1e-9):
        moved[0].weight.data = size * first[0].weight.data
        layers = bounds.layer_norms(moved, torch.ones(1, 3), first, rng=seeded())
        found.append(bounds.spectral_complexity(layers))
    assert found[0] == pytest.approx(found[1], rel=1e-6)
    assert found[0] == pytest.approx(layers[0].two_one_distance * layers[1].spectral.value)


def test_products_refuse_what_leads_around_a_layer():
    chain = nn.Sequential(nn.ReLU(inplace=True), nn.Linear(3, 3), nn.ReLU(), nn.Linear(3, 2))
    for model, around in ((chain, []), (nn.Sequential(nn.Linear(3, 3), Skip()), ["1.inner"])):
        layers = bounds.layer_norms(model, torch.ones(1, 3), rng=seeded())
        assert [layer.name for layer in layers if layer.passed_by] == around
        assert all(p.requires_grad for p in model.parameters())
    for product in (bounds.lipschitz_product, bounds.spectral_complexity):
        with pytest.raises(ValueError, match="a chain, got a way around '1"):
            product(layers)


def test_margins_by_hand():
    scores = torch.tensor([[1.0, 4.0, 2.0], [5.0, 5.0, 0.0]])
    assert bounds.margins(scores, torch.tensor([1, 0])).tolist() == [2.0, 0.0]
    assert bounds.margin_percentile(torch.tensor([3.0, 1.0, 2.0]), 50) == 2.0


# --- paths ------------------------------------------------------------------------------------


def enumerated(weights, biases, p):
    """Sum over every path of a perceptron, one by one."""
    total = 0.0
    sizes = [weights[0].shape[1], *(w.shape[0] for w in weights)]
    for start in range(len(weights) + 1):  # layer at which the path begins; > 0: at a bias
        for units in itertools.product(*(range(m) for m in sizes[start:])):
            product = 1.0
            if start:
                product *= abs(float(biases[start - 1][units[0]])) ** p
            for l, (i, o) in enumerate(itertools.pairwise(units), start=start):
                product *= abs(float(weights[l][o, i])) ** p
            total += product
    return total ** (1 / p)


@pytest.mark.parametrize("p", [1.0, 2.0, 3.0])
def test_path_norm_is_a_sum_over_paths(p):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2), nn.ReLU(), nn.Linear(2, 2))
    linear = [m for m in model.double() if isinstance(m, nn.Linear)]
    expected = enumerated([m.weight.detach() for m in linear], [m.bias.detach() for m in linear], p)
    assert bounds.path_norm(model, torch.zeros(1, 3), p) == pytest.approx(expected, rel=1e-12)


class Skip(nn.Module):
    """x + relu(A x), whose slope may be 1 + ‖A‖."""

    def __init__(self):
        super().__init__()
        self.inner = nn.Linear(3, 3, bias=False)

    def forward(self, x):
        return x + torch.relu(self.inner(x))


class Mixed(nn.Module):
    """Convolutions, batch norm, a skip connection, means and sums."""

    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Conv2d(1, 2, 3, padding=1), nn.Conv2d(2, 2, 3, padding=1)
        self.norm, self.head = nn.BatchNorm2d(2), nn.Linear(2, 3)

    def forward(self, x):
        h = F.relu(self.norm(self.a(x)))
        h = h - 0.5 * torch.relu(self.b(h))
        return self.head(F.avg_pool2d(h, 2).mean((2, 3)))


@pytest.mark.parametrize("p", [1.0, 2.0])
def test_path_norm_of_other_layers(p):
    """The same sum by matrices: every linear map dense, paths of a skip beside the others."""
    torch.manual_seed(1)
    model = Mixed().double().eval()
    model.norm.running_mean.normal_(generator=seeded())
    model.norm.running_var.uniform_(0.5, 2, generator=seeded())
    shape = (1, 2, 4, 4)

    def lifted(module, of):
        matrix = bounds.dense(module, of).abs() ** p
        with torch.no_grad():
            shift = module(torch.zeros(of, dtype=torch.float64)).reshape(-1).abs() ** p
        return matrix, shift

    A, a = lifted(model.a, (1, 1, 4, 4))
    N, s = lifted(model.norm, shape)
    B, b = lifted(model.b, shape)
    pool = bounds.dense(lambda h: F.avg_pool2d(h, 2).mean((2, 3)), shape).abs() ** p
    H, c = lifted(model.head, (1, 2))
    h = N @ (A.sum(1) + a) + s
    h = h + 0.5**p * (B @ h + b)
    pooled = bounds.dense(lambda h: F.avg_pool2d(h, 2), shape).abs() ** p
    mean = bounds.dense(lambda h: h.mean((2, 3)), (1, 2, 2, 2)).abs() ** p
    assert torch.allclose(mean @ pooled, pool)  # windows do not overlap
    total = float((H @ (pool @ h) + c).sum()) ** (1 / p)
    assert bounds.path_norm(model, torch.zeros(1, 1, 4, 4), p) == pytest.approx(total, rel=1e-10)


def test_path_norm_of_a_steerable_network_is_that_of_its_plain_form():
    G = geomdl.group("C4")
    one, many = Field(Grid(2), G.trivial), Field(Grid(2), 2 * G.regular)
    net = nn.Sequential(
        steerable.Conv(one, many, 3), nn.ReLU(), steerable.Conv(many, one, 3), nn.Flatten()
    ).double()
    model = steerable.SteerableCNN("C4", channels=4, depth=2).double().eval()
    for equivariant, sizes in ((net, (5, 5)), (model, (28, 28))):
        x = torch.zeros(1, 1, *sizes)
        plain = bounds.path_norm(steerable.to_plain(equivariant), x)
        assert bounds.path_norm(equivariant, x) == pytest.approx(plain, rel=1e-12)


@pytest.mark.parametrize("layer", [nn.Tanh(), nn.LPPool1d(2, 2), nn.Softmax(1), nn.LayerNorm(4)])
def test_path_norm_refuses_what_has_none(layer):
    model = nn.Sequential(nn.Linear(3, 4), layer)
    with pytest.raises(ValueError, match=r"model: expected a ReLU network, got \w+"):
        bounds.path_norm(model, torch.zeros(1, 3))


@pytest.mark.parametrize("p", [1.0, 2.0])
def test_path_norm_of_maxima(p):
    class Largest(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.head = nn.Conv2d(1, 2, 3).double(), nn.Linear(2, 1).double()

        def forward(self, x):
            h = F.max_pool2d(self.conv(x).relu(), 3, stride=(2, 1), padding=1)
            return self.head(h.amax((2, 3)))

    model, x = Largest(), torch.ones(1, 1, 7, 6, dtype=torch.float64)
    conv, head = ([v.detach().abs() ** p for v in m.parameters()] for m in model.children())
    h = 9 * F.avg_pool2d(F.conv2d(x, *conv), 3, stride=(2, 1), padding=1)  # each window whole
    expected = float(F.linear(h.sum((2, 3)), *head)) ** (1 / p)
    assert bounds.path_norm(model, x, p) == pytest.approx(expected, rel=1e-12)
    linear = nn.Linear(3, 4)  # windows that part its outputs lose no path
    parted = nn.Sequential(linear, nn.MaxPool1d(2))
    alone = bounds.path_norm(linear, torch.ones(1, 3), p)
    assert bounds.path_norm(parted, torch.ones(1, 3), p) == pytest.approx(alone, rel=1e-12)


@pytest.mark.parametrize("p", [1.0, 2.0])
def test_path_norm_of_joined_constants(p):
    class Joined(nn.Module):
        def __init__(self):
            super().__init__()
            self.head = nn.Linear(3, 1, bias=False)

        def forward(self, x):
            return self.head(torch.cat([x, torch.full((len(x), 1), -3.0)], 1))

    model = Joined()
    model.head.weight.data = torch.tensor([[1.0, -1.0, 2.0]])
    expected = (1 + 1 + 6**p) ** (1 / p)  # the constant is a bias of -3
    assert bounds.path_norm(model, torch.zeros(1, 2), p) == pytest.approx(expected, rel=1e-12)


def test_path_norm_refuses_products_of_features():
    class Square(nn.Module):
        def forward(self, x):
            return x * x

    with pytest.raises(ValueError, match="mul of two features"):
        bounds.path_norm(Square(), torch.zeros(1, 3))


# --- the Fisher–Rao norm ----------------------------------------------------------------------


@pytest.mark.parametrize("labels", ["data", "model"])
def test_fisher_rao_against_the_matrix(labels):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 3)).double()
    x, y = randn(5, 3), torch.tensor([0, 1, 2, 1, 0])
    theta = torch.cat([p.detach().reshape(-1) for p in model.parameters()])
    total = 0.0
    for i in range(5):
        p = model(x[i : i + 1]).softmax(1).detach()[0]
        weights = {int(y[i]): 1.0} if labels == "data" else dict(enumerate(p.tolist()))
        for label, weight in weights.items():
            loss = F.cross_entropy(model(x[i : i + 1]), torch.tensor([label]))
            g = torch.cat([g.reshape(-1) for g in torch.autograd.grad(loss, model.parameters())])
            total += weight * float(theta @ g) ** 2 / 5
    found = bounds.fisher_rao_norm(model, x, y, labels)
    assert found == pytest.approx(math.sqrt(total), rel=1e-10)


def test_fisher_rao_of_a_homogeneous_network():
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Conv1d(1, 3, 3, bias=False), nn.ReLU(), nn.Flatten(), nn.Linear(12, 4, bias=False),
        nn.ReLU(), nn.Linear(4, 3, bias=False),
    ).double()  # fmt: skip
    x, y = randn(7, 1, 6), torch.randint(3, (7,), generator=seeded())
    for labels in ("data", "model"):
        whole = bounds.fisher_rao_norm(model, x, y, labels)
        assert whole == pytest.approx(
            bounds.homogeneous_fisher_rao(model(x), y, 3, labels), rel=1e-10
        )


# --- what is refused --------------------------------------------------------------------------

X, Y = torch.zeros(2, 3), torch.tensor([0, 1])
NET = nn.Sequential(nn.Linear(3, 3), nn.ReLU(), nn.Linear(3, 2))
NAN = copy.deepcopy(NET)
NAN[0].weight.data[0, 0] = math.nan
RNG = torch.Generator()
KERNEL = torch.ones(2, 1, 3)
REFUSED = [
    (lambda: bounds.layer_norms(nn.Dropout(0.5), X, rng=RNG), "dropout"),
    (lambda: bounds.layer_norms(nn.BatchNorm1d(3), X, rng=RNG), "batch norm"),
    (lambda: bounds.layer_norms(NAN, X, rng=RNG), "NaN"),
    (lambda: bounds.layer_norms(NET, X[:0], rng=RNG), "at least one sample"),
    (lambda: bounds.layer_norms(NET, X, NET[0], rng=RNG), "initial"),
    (lambda: bounds.layer_norms(nn.ReLU(), X, rng=RNG), "linear layers"),
    (lambda: bounds.layer_norms(nn.PReLU(), X, rng=RNG), "not affine"),
    (lambda: bounds.layer_norms(nn.Sequential(NET[0], NET[0]), X, rng=RNG), "one call"),
    (lambda: bounds.operator_norm(torch.relu, (3,), rng=RNG), "affine"),
    (lambda: bounds.operator_norm(lambda x: x * math.nan, (3,), rng=RNG), "linear_map"),
    (lambda: bounds.operator_norm(lambda x: x, (0,), rng=RNG), "input_shape"),
    (lambda: bounds.conv_operator_norm(torch.zeros(2, 2), ()), "weight"),
    (lambda: bounds.conv_operator_norm(torch.zeros(2, 2, 3), (4, 4)), "sizes"),
    (lambda: bounds.conv_operator_norm(KERNEL, (2,)), r"sizes: expected room for windows of \[3\]"),
    (lambda: bounds.conv_operator_norm(KERNEL, (4,), stride=0), "stride"),
    (lambda: bounds.conv_operator_norm(KERNEL, (4,), stride=(1, 2)), "stride"),
    (lambda: bounds.conv_operator_norm(KERNEL, (4,), groups=3), "groups: expected to divide 2"),
    (
        lambda: bounds.conv_operator_norm(KERNEL, (4,), padding=5, padding_mode="circular"),
        "padding: expected at most once around",
    ),
    (lambda: bounds.path_norm(NET, X, 0.5), "p: expected"),
    (lambda: bounds.path_norm(nn.Dropout(0.5), X), "dropout"),
    (lambda: bounds.margins(torch.zeros(2, 2), torch.tensor([0, 2])), "labels"),
    (lambda: bounds.margins(torch.full((2, 2), math.nan), Y), "NaN"),
    (lambda: bounds.margins(torch.zeros(2, 1), Y), "scores"),
    (lambda: bounds.margins(torch.zeros(0, 2), Y[:0]), "at least one"),
    (lambda: bounds.margins(torch.zeros(2, 2), Y.float()), "int64"),
    (lambda: bounds.margin_percentile(torch.zeros(2), 101), r"^percent: .*\[0, 100\], got 101$"),
    (lambda: bounds.homogeneous_fisher_rao(NET, Y, 2), "scores: expected a tensor, got"),
    (lambda: bounds.normalized_margins(NET, X, Y, 0.0), "complexity"),
    (lambda: bounds.spectral_complexity([]), "layers"),
    (lambda: bounds.fisher_rao_norm(nn.Dropout(0.5), X, Y), "dropout"),
    (lambda: bounds.distance_from(NET, NET[0]), "initial"),
    (lambda: bounds.linear_margin_bound(torch.ones(2), 1.0, X, 1.0, 1.0), "delta"),
]


@pytest.mark.parametrize(("call", "text"), REFUSED)
def test_refused_in_one_line(call, text):
    with pytest.raises((ValueError, TypeError), match=text) as error:
        call()
    assert "\n" not in str(error.value)
