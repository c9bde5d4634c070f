"""Objects to audit by their names."""

import torch


class Plain(torch.nn.Module):
    """A plain CNN: two layers, the first of which breaks rotations."""

    def __init__(self):
        super().__init__()
        self.first = torch.nn.Conv2d(1, 4, 3, padding=1)
        self.second = torch.nn.Linear(4, 3)

    def forward(self, x):
        return self.second(self.first(x).relu().mean((-2, -1)))


def relu(x):
    return x.relu()


def left(x):
    return x * torch.linspace(0, 1, x.shape[-1], dtype=x.dtype)


number = 3


def unlucky():
    raise RuntimeError("no luck\nat all")


def wide(n):
    return torch.nn.Conv2d(1, 2, 3, padding=len(n) - len(n))


def leaves(x):
    raise SystemExit(3)


def falls(x):
    raise RuntimeError("no luck\nat all")


class Cut(torch.nn.Module):
    """Its forward pass leaves no tape."""

    def forward(self, x):
        with torch.no_grad():
            return x.square().mean((-2, -1)) * x[..., 4, 4]


class Isotropic(torch.nn.Module):
    """A 3×3 convolution whose filters D4 leaves as they are."""

    def __init__(self, inputs, outputs, pad):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.randn(outputs, inputs, 3) / (3 * inputs) ** 0.5)
        self.pad = pad

    def forward(self, x):
        centre, edge, corner = self.weight.unbind(-1)
        rows = [(corner, edge, corner), (edge, centre, edge), (corner, edge, corner)]
        filters = torch.stack([torch.stack(row, -1) for row in rows], -2)
        return torch.nn.functional.conv2d(torch.nn.functional.pad(x, self.pad), filters)


def mirrored_whole(broken=None):
    """Ten layers with the symmetry of the square, unless one pads more on the left."""
    layers = []
    for i in range(10):
        pad = (2, 0, 1, 1) if i == broken else (1, 1, 1, 1)
        layers += [Isotropic(3 if i else 1, 3, pad), torch.nn.GELU()]
    return torch.nn.Sequential(*layers)


def mirrored_broken():
    return mirrored_whole(6)


def torus_whole(broken=None):
    """Ten layers on a torus, unless one pads with zeros."""
    layers = []
    for i in range(10):
        mode = "zeros" if i == broken else "circular"
        conv = torch.nn.Conv2d(3 if i else 1, 3, 3, padding=1, padding_mode=mode)
        torch.nn.init.kaiming_normal_(conv.weight)
        layers += [conv, torch.nn.GELU()]
    return torch.nn.Sequential(*layers)


def torus_broken():
    return torus_whole(4)
