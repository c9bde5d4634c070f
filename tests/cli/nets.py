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
