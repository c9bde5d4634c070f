"""Small two-layer networks, many trained at once: one for each problem of a batch."""

import math
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from geomdl.generalization.random_features import relu_features

__all__ = ["TwoLayer", "train"]


class TwoLayer:
    """Networks f(x) = Σ_j a_j relu(⟨w_j, (x, 1)⟩) + c, one a problem; with a group, its mean.

    Args:
        count: networks.
        d: inputs.
        width: neurons; with a group their orbits, each of |G| neurons with one weight going out.
        outputs: k.
        rng: of the first weights: w ~ N(0, 2/d), a ~ N(0, 1/width), biases 0.
        group: matrices of all elements, shape (|G|, d, d); the networks are then invariant, exact.

    Example:
        >>> f = TwoLayer(3, 5, 4, 1, torch.Generator().manual_seed(0))
        >>> f(torch.zeros(3, 7, 5).double()).shape, f.parameters_of_one
        (torch.Size([3, 7, 1]), 29)
    """

    def __init__(
        self,
        count: int,
        d: int,
        width: int,
        outputs: int,
        rng: torch.Generator,
        group: Tensor | None = None,
    ) -> None:
        def normal(*shape: int) -> Tensor:
            return torch.randn(*shape, generator=rng, dtype=torch.float64)

        self.w = normal(count, width, d + 1) * (2 / d) ** 0.5
        self.w[..., -1] = 0  # acts on a constant input
        self.a = normal(count, width, outputs) * width**-0.5
        self.c = torch.zeros(count, 1, outputs, dtype=torch.float64)
        self.group = group
        if group is not None:
            one = torch.ones(1, 1, dtype=group.dtype)
            self.group = torch.stack([torch.block_diag(g, one) for g in group])
        for p in self.parameters():
            p.requires_grad_()

    def parameters(self) -> tuple[Tensor, ...]:
        """All weights, of all networks."""
        return self.w, self.a, self.c

    @property
    def parameters_of_one(self) -> int:
        """Weights of one network."""
        return sum(p[0].numel() for p in self.parameters())

    def __call__(self, x: Tensor) -> Tensor:
        """Inputs (count, n, d) to outputs (count, n, k)."""
        one = torch.ones(*x.shape[:-1], 1, dtype=x.dtype, device=x.device)
        features = relu_features(torch.cat([x, one], -1), self.w, self.group)
        value: Tensor = features @ self.a + self.c
        return value


def train(
    f: TwoLayer, x: Tensor, y: Tensor, steps: Sequence[int], lr: float, decay: float = 0.0
) -> Iterator[int]:
    """Adam on the mean square over each training set; stops at some steps to let one look.

    The loss is the sum over the networks, so each moves as if it were alone.

    Args:
        f: networks; they are changed.
        x: inputs, shape (count, n, d); with several sets of samples (passes), shape
            (count, passes, n, d), which the steps take in turn.
        y: targets, shape (count, n, k).
        steps: ascending numbers of steps after which to stop.
        lr: learning rate, which falls to 0 along a cosine unless there are several stops.
        decay: λ of a penalty λ|weights|² beside the mean square.

    Yields:
        the number of steps done.

    Example:
        >>> rng = torch.Generator().manual_seed(0)
        >>> x, y = torch.randn(2, 8, 3, generator=rng).double(), torch.ones(2, 8, 1).double()
        >>> f = TwoLayer(2, 3, 6, 1, rng)
        >>> list(train(f, x, y, [100], lr=0.02)), bool((f(x) - y).square().mean() < 0.01)
        ([100], True)
    """
    weights = f.parameters()
    optimizer = torch.optim.Adam(weights, lr=lr, betas=(0.9, 0.99))
    passes = x.unsqueeze(1) if x.ndim == 3 else x
    total, done = max(steps), 0
    for stop in steps:
        for step in range(done, stop):
            if len(steps) == 1:
                rate = lr * (1 + math.cos(math.pi * step / total)) / 2
                optimizer.param_groups[0]["lr"] = rate
            optimizer.zero_grad()
            out = f(passes[:, step % passes.shape[1]])
            loss = (out - y).square().sum(-1).mean(1).sum()
            if decay:
                loss = loss + decay * sum(p.square().sum() for p in (f.w, f.a))
            loss.backward()
            optimizer.step()
        done = stop
        yield done
