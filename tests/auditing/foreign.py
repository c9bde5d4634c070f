"""Foreign networks for local errors: plain, residual, and a small vision transformer."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class Ten(nn.Sequential):
    """Ten convolutions on a torus, of which one may pad with zeros."""

    def __init__(self, broken: int | None = None, act: type[nn.Module] = nn.GELU) -> None:
        layers: list[nn.Module] = []
        for i in range(10):
            mode = "zeros" if i == broken else "circular"
            conv = nn.Conv2d(4 if i else 1, 4, 3, padding=1, padding_mode=mode)
            nn.init.kaiming_normal_(conv.weight, generator=torch.Generator().manual_seed(i))
            nn.init.constant_(conv.bias, 0.1)
            layers += [conv, act()]
        super().__init__(*layers)


class Block(nn.Module):
    """Residual, with a functional activation and one that works in place."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(width, width, 3, padding=1)
        self.act = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv2(self.act(self.conv1(x)))
        y += x
        return F.gelu(y)


class Residual(nn.Module):
    """Strided stem, one block called twice, a head on the mean; a ramp in between if asked for."""

    def __init__(self, ramp: float = 0.0) -> None:
        super().__init__()
        self.stem = nn.Conv2d(1, 4, 3, stride=2, padding=1)
        self.block = Block(4)
        self.head = nn.Linear(4, 3)
        self.ramp = ramp

    def forward(self, x: Tensor) -> Tensor:
        x = self.block(self.stem(x))
        x = x + self.ramp * torch.linspace(-1, 1, x.shape[-1], dtype=x.dtype)
        return self.head(self.block(x).mean((-2, -1)))


class Attention(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = self.qkv(self.norm(x)).unflatten(-1, (3, 2, -1)).permute(2, 0, 3, 1, 4)
        y = F.scaled_dot_product_attention(q, k, v)
        return x + self.out(y.transpose(1, 2).flatten(2))


class ViT(nn.Module):
    """Patches of 4, a class token, two blocks of attention and perceptron."""

    def __init__(self, position: float = 1.0, width: int = 8) -> None:
        super().__init__()
        self.patch = nn.Conv2d(1, width, 4, stride=4)
        self.token = nn.Parameter(torch.randn(1, 1, width))
        self.position = nn.Parameter(position * torch.randn(1, 17, width))
        self.attention = nn.ModuleList(Attention(width) for _ in range(2))
        self.mlp = nn.ModuleList(
            nn.Sequential(nn.LayerNorm(width), nn.Linear(width, 16), nn.GELU(), nn.Dropout(0.1),
                          nn.Linear(16, width))
            for _ in range(2)
        )  # fmt: skip
        self.head = nn.Linear(width, 3)

    def forward(self, x: Tensor) -> Tensor:
        tokens = self.patch(x).flatten(2).mT
        tokens = torch.cat([self.token.expand(len(x), -1, -1), tokens], 1) + self.position
        for attention, mlp in zip(self.attention, self.mlp, strict=True):
            tokens = attention(tokens)
            tokens = tokens + mlp(tokens)
        return self.head(tokens[:, 0])
