"""What is timed of a network: a training step, and an evaluation."""

from collections.abc import Callable

import torch
from torch import nn


def training_step(model: nn.Module, x: torch.Tensor, mixed: bool = False) -> Callable[[], object]:
    """Forward, under autocast in bfloat16 if `mixed`, backward, a step of SGD with momentum."""
    model.train()
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-4, momentum=0.9)

    def step() -> None:
        optimizer.zero_grad()
        with torch.autocast("cpu", torch.bfloat16, enabled=mixed):
            y = model(x)
        y.float().square().mean().backward()
        optimizer.step()

    return step


def evaluation(model: nn.Module, x: torch.Tensor) -> Callable[[], object]:
    """Forward in evaluation mode, without a graph."""
    model.eval()

    def step() -> None:
        with torch.no_grad():
            model(x)

    return step
