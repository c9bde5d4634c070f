"""A grid of small networks trained to one loss, and the measures of each."""

import copy
import itertools
import math
from dataclasses import asdict, dataclass
from functools import cache

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from geomdl import data
from geomdl.fields import Field, Grid
from geomdl.generalization import bounds
from geomdl.groups import group
from geomdl.steerable import Conv, to_plain

SIZE, CLASSES, TEST = 8, 10, 900
LOSS, EPOCHS, MOMENTUM = 0.1, 300, 0.9
SAMPLES = 300  # on which flatness is measured
SQUARE = "D4"


@dataclass(frozen=True)
class Setting:
    """One network of the grid.

    Attributes:
        kind: "dense", or "D4", invariant under the square by its layers.
        width: units of a hidden layer.
        depth: hidden layers.
        lr: of gradient descent with momentum.
        batch: samples a step.
        samples: of the training set.
    """

    kind: str
    width: int
    depth: int
    lr: float
    batch: int
    samples: int


def grid() -> list[Setting]:
    """All settings, in an order that mixes them."""
    every = itertools.product(
        ("dense", SQUARE), (64, 256), (1, 2), (0.03, 0.1), (32, 128), (150, 600)
    )
    settings = [Setting(*values) for values in every]
    order = torch.randperm(len(settings), generator=torch.Generator().manual_seed(0))
    return [settings[i] for i in order]


@cache
def digits(seed: int) -> tuple[Tensor, Tensor]:
    """All digits of scikit-learn, 8 × 8 pixels, each turned or mirrored at random, shuffled."""
    loaded = data.load("digits", size=None)
    rng = torch.Generator().manual_seed(seed)
    order = torch.randperm(len(loaded["images"]), generator=rng)
    images, labels = loaded["images"][order], loaded["labels"][order]
    turns = torch.randint(4, (len(images),), generator=rng)
    mirrors = torch.randint(2, (len(images),), generator=rng) == 1
    images = torch.where(mirrors[:, None, None, None], images.flip(-1), images)
    for k in range(1, 4):
        images[turns == k] = torch.rot90(images[turns == k], k, dims=(-2, -1))
    return images, labels


def build(setting: Setting, seed: int) -> nn.Module:
    """Linear maps without biases and ReLU: homogeneous, so that every norm is exact.

    A layer that spans the image is a dense one, and between regular fields of D4 the most general
    invariant one.
    """
    rng = torch.Generator().manual_seed(seed)
    sizes = [SIZE] + setting.depth * [1]
    layers: list[nn.Module] = []
    if setting.kind == SQUARE:
        G = group(SQUARE)
        hidden = Field(Grid(2), setting.width // G.regular.dim * G.regular)
        scores = Field(Grid(2), CLASSES * G.trivial)
        fields = [Field(Grid(2), G.trivial), *setting.depth * [hidden], scores]
        for size, (source, target) in zip(sizes, itertools.pairwise(fields), strict=True):
            layers += [Conv(source, target, size, bias=False, rng=rng), nn.ReLU()]
    else:
        channels = [1, *setting.depth * [setting.width], CLASSES]
        for size, (before, after) in zip(sizes, itertools.pairwise(channels), strict=True):
            layer = nn.Conv2d(before, after, size, bias=False)
            nn.init.kaiming_normal_(layer.weight, generator=rng)
            layers += [layer, nn.ReLU()]
    return nn.Sequential(*layers[:-1], nn.Flatten())


@dataclass(frozen=True)
class Trained:
    """A trained network, its first weights and its errors."""

    model: nn.Module
    initial: nn.Module
    x: Tensor
    y: Tensor
    loss: float
    train_error: float
    test_error: float
    epochs: int


def train(setting: Setting, seed: int, test: int = TEST) -> Trained:
    """Descend until the mean loss of the training set is small, looked at after each epoch."""
    x, y = digits(seed)
    test_x, test_y = x[-test:], y[-test:]
    x, y = x[: setting.samples], y[: setting.samples]
    model = build(setting, seed)
    initial = copy.deepcopy(model)
    optimizer = torch.optim.SGD(model.parameters(), lr=setting.lr, momentum=MOMENTUM)
    rng = torch.Generator().manual_seed(1000 + seed)
    loss, epoch = math.inf, 0
    while epoch < EPOCHS and not loss <= LOSS and not math.isnan(loss):
        epoch += 1
        for rows in torch.randperm(len(x), generator=rng).split(setting.batch):
            optimizer.zero_grad()
            F.cross_entropy(model(x[rows]), y[rows]).backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
        with torch.no_grad():
            loss = float(F.cross_entropy(model(x), y))
    model.eval()
    with torch.no_grad():
        wrong = [
            float((model(a).argmax(1) != b).double().mean()) for a, b in ((x, y), (test_x, test_y))
        ]
    return Trained(model, initial, x, y, loss, wrong[0], wrong[1], epoch)


def measures(net: Trained, seed: int) -> dict[str, float]:
    """Each measure over the number of training samples, as in a bound on the square of the gap."""
    rng = torch.Generator().manual_seed(seed)
    model, x, y, n = net.model, net.x, net.y, len(net.x)
    plain = to_plain(model).double()
    first = to_plain(net.initial).double()
    wide = x.double()
    with torch.no_grad():
        gammas = bounds.margins(plain(wide), y)
    gamma = max(bounds.margin_percentile(gammas, 10), 1e-3)
    layers = bounds.layer_norms(plain, wide, first, rng=rng)
    some = (x[:SAMPLES], y[:SAMPLES])
    sigma, relative = (
        bounds.pac_bayes_sigma(model, *some, rng=rng, relative=r, draws=3, steps=10)
        for r in (False, True)
    )
    distance = bounds.distance_from(model, net.initial)
    found = {
        "samples alone": 1.0,
        "parameters": float(sum(p.numel() for p in model.parameters())),
        "inverse margin": 1 / gamma**2,
        "product of Frobenius norms": math.prod(layer.frobenius for layer in layers) ** 2
        / gamma**2,
        "product of operator norms": bounds.lipschitz_product(layers) ** 2 / gamma**2,
        "spectral complexity": bounds.spectral_complexity(layers) ** 2 / gamma**2,
        "path norm": bounds.path_norm(plain, wide) ** 2 / gamma**2,
        "Fisher–Rao norm": bounds.fisher_rao_norm(plain, wide, y) ** 2,
        "distance from the start": distance**2,
        "flatness": 1 / sigma**2,
        "flatness, relative": 1 / relative**2,
        "PAC-Bayes term": distance**2 / sigma**2,
        "adaptive sharpness": bounds.worst_case_rise(model, *some, rho=0.5, steps=3),
    }
    return {name: value / n for name, value in found.items()}


def axes_of(settings: list[Setting]) -> dict[str, list[object]]:
    """Values of each hyperparameter over some networks."""
    rows = [asdict(s) for s in settings]
    return {key: [row[key] for row in rows] for key in rows[0]}
