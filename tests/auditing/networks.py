"""Small networks for the auditor: right ones, and twins with one sabotage each."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

import geomdl
from geomdl import Field, Grid, Vector

C4, D4 = geomdl.group("C4"), geomdl.group("D4")


def images(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float32) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def image(group: geomdl.Group = D4, channels: int = 1, d: int = 2) -> Field:
    return Field(Grid(d), channels * group.trivial)


def invariant(group: geomdl.Group = D4, channels: int = 1) -> Field:
    return Field(Vector(), channels * group.trivial)


def seeded(module: nn.Module, seed: int = 0) -> nn.Module:
    """Weights of size one, drawn from a generator of their own."""
    geomdl.auditing.redraw(module, torch.Generator().manual_seed(seed))
    return module


class Lift(nn.Module):
    """C4 lifting convolution by hand: channel (i, k) has filter i turned k times."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(outputs, inputs, 3, 3))
        self.bias = nn.Parameter(torch.zeros(outputs))

    def forward(self, x: Tensor) -> Tensor:
        turned = [self.weight.rot90(k, (-2, -1)) for k in range(4)]
        weight = torch.stack(turned, 1).flatten(0, 1)
        return F.conv2d(x, weight, self.bias.repeat_interleave(4), padding=1)


class GroupConv(nn.Module):
    """C4 group convolution by hand: weight[o, k, i, l] = turn^k of w[o, i, l − k]."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(outputs, inputs, 4, 3, 3))

    def forward(self, x: Tensor) -> Tensor:
        turned = [self.weight.roll(k, 2).rot90(k, (-2, -1)) for k in range(4)]
        weight = torch.stack(turned, 1).flatten(2, 3).flatten(0, 1)
        return F.conv2d(x, weight, padding=1)


class PoolFields(nn.Module):
    """Largest of the four channels of each field, then the mean over the image."""

    def forward(self, x: Tensor) -> Tensor:
        return x.unflatten(1, (-1, 4)).amax(2).mean((-2, -1))


class C4Net(nn.Module):
    """A correct C4 network that declares its types only as a whole."""

    def __init__(self) -> None:
        super().__init__()
        self.source, self.target = image(C4), invariant(C4, 5)
        self.lift = Lift(1, 3)
        self.act = nn.ReLU()
        self.conv = GroupConv(3, 3)
        self.act2 = nn.ReLU()
        self.pool = PoolFields()
        self.head = nn.Linear(3, 5)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.pool(self.act2(self.conv(self.act(self.lift(x))))))


class PlainCNN(nn.Module):
    def __init__(self, width: int = 6) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, width, 3, padding=1)
        self.relu1 = nn.ReLU()
        self.conv2 = nn.Conv2d(width, width, 3, padding=1)
        self.head = nn.Linear(width, 10)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.conv2(self.relu1(self.conv1(x))).relu().mean((-2, -1)))


class Around(nn.Module):
    """Something done to the output of a module, with its types."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner
        self.source, self.target = inner.source, inner.target


class Offset(Around):
    """The same symmetry, 10⁴ away from zero."""

    def forward(self, x: Tensor) -> Tensor:
        return self.inner(x) + 1e4


class Broken(Around):
    """A small part that sees where things are."""

    size = 1e-3

    def forward(self, x: Tensor) -> Tensor:
        ramp = torch.linspace(-1, 1, x.shape[-1], dtype=x.dtype)
        return self.inner(x) + self.size * (x * ramp).mean((-2, -1))


class BrokenOffset(Broken):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) + 1e4


class HiddenByZero(Broken):
    """The broken part has a gate that starts at zero."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__(inner)
        self.gate = nn.Parameter(torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        ramp = torch.linspace(-1, 1, x.shape[-1], dtype=x.dtype)
        return self.inner(x) + self.gate * (x * ramp).mean((-2, -1))


class NaN(Around):
    def forward(self, x: Tensor) -> Tensor:
        y = self.inner(x)
        return torch.where(y > y.min(), y, torch.nan)


class Constant(Around):
    def forward(self, x: Tensor) -> Tensor:
        return 3 + 0 * self.inner(x)
