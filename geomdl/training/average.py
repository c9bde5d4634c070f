"""An exponential average of the weights of a run, to be tested and kept in their place."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn

__all__ = ["Average"]


class Average:
    """Average m of the weights θ over the last steps: m ← d m + (1 - d) θ.

    At step t the memory d is min(decay, (1 + t) / (10 + t)), so that the weights with which a run
    begins are soon forgotten. Averaged are the parameters that are trained, and the running
    statistics of norms (buffers named ``running_...``).

    Args:
        model: whose weights.
        decay: greatest d, in [0, 1); about 1 / (1 - d) steps count.

    Example:
        >>> layer = nn.Linear(1, 1, bias=False)
        >>> average, _ = Average(layer, 0.9), nn.init.zeros_(layer.weight)
        >>> average.update(1)
        >>> with average.used():
        ...     bool(layer.weight == average.mean["weight"])
        True
        >>> layer.weight.item()
        0.0

    Source: Polyak & Juditsky 1992, doi:10.1137/0330046.
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        self.decay = decay
        parameters = {k: p.data for k, p in model.named_parameters() if p.requires_grad}
        self.weights: dict[str, Tensor] = parameters | {
            name: value
            for name, value in model.named_buffers()
            if name.rpartition(".")[2].startswith("running_")
        }
        self.mean = {name: value.clone() for name, value in self.weights.items()}

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Take in the weights after this step, from 1."""
        share = 1 - min(self.decay, (1 + step) / (10 + step))
        torch._foreach_lerp_(list(self.mean.values()), list(self.weights.values()), share)

    @contextmanager
    def used(self) -> Iterator[None]:
        """The model with the average in place of its weights."""
        kept = {name: value.clone() for name, value in self.weights.items()}
        _copy(self.mean, self.weights)
        try:
            yield
        finally:
            _copy(kept, self.weights)

    def put_back(self, mean: Mapping[str, Tensor]) -> None:
        """Give the average the values that it had."""
        _copy(mean, self.mean)


@torch.no_grad()
def _copy(source: Mapping[str, Tensor], target: Mapping[str, Tensor]) -> None:
    for name, value in target.items():
        value.copy_(source[name])
