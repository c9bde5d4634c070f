"""Are two minima joined? The loss on the straight line between two networks."""

from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from .figures import BLUE, GREY, figure
from .metrics import Measure
from .objective import Objective

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["Barrier", "barrier"]


@dataclass(frozen=True)
class Barrier:
    """Losses between two networks.

    Attributes:
        at: shares t of the second network, from 0 to 1, (points,).
        losses: at (1 - t) θ + t θ', (points,).
    """

    at: Tensor
    losses: Tensor

    @property
    def excess(self) -> Tensor:
        """L(t) - (1 - t) L(0) - t L(1), (points,)."""
        ends = (1 - self.at) * self.losses[0] + self.at * self.losses[-1]
        return self.losses - ends

    @property
    def height(self) -> float:
        """Largest excess on the grid, at least 0: a lower bound for that of the line."""
        return max(0.0, float(self.excess.max()))

    @property
    def error(self) -> float:
        """By how much the height grew when the grid was last halved."""
        return self.height - max(0.0, float(self.excess[::2].max()))

    def plot(self, path: str | Path | None = None) -> "Figure":
        """The losses over the line, and the chord between the ends.

        Args:
            path: where to write the figure; None writes nothing.
        """

        def draw(axes: "Axes") -> None:
            axes.plot(self.at, self.losses, ".-", color=BLUE, label="loss")
            axes.plot([0, 1], [self.losses[0], self.losses[-1]], "--", color=GREY, label="chord")
            axes.set(xlabel="share of the second network", ylabel="loss")
            axes.set_title(f"barrier {self.height:.3g}", fontsize=11, loc="left")
            axes.legend()

        return figure(draw, path)


def barrier(
    model: nn.Module,
    other: nn.Module,
    data: Any,
    loss: Measure | None = None,
    *,
    points: int = 21,
    batch_size: int = 512,
    dtype: torch.dtype | None = None,
) -> Barrier:
    """The loss at (1 - t) θ + t θ' for weights θ and θ' of two networks of one architecture.

    Running statistics of batch norm are averaged as weights are, which is not what the averaged
    network would gather. The losses are *exact* on the data given; the height is that on the grid.

    Args:
        model: any module without dropout and batch norm in training mode.
        other: the same with other weights; `align` it before, or most of the barrier is that of
            units in another order.
        data: as for `fit`, or a sequence of batches.
        loss: function of (output, target), mean over the batch; by default that of `fit`.
        points: of the grid, with both ends, odd.
        batch_size: largest number of samples at once.
        dtype: type to compute in, on copies.

    Returns:
        the `Barrier`.

    Raises:
        ValueError: other names or shapes of weights, a loss that is no scalar or not finite, an
            impossible argument, dropout or batch norm in training mode.

    Example:
        >>> a, b = nn.Linear(1, 1, bias=False), nn.Linear(1, 1, bias=False)
        >>> _ = a.weight.data.fill_(1.0), b.weight.data.fill_(-1.0)
        >>> found = barrier(a, b, (torch.ones(1, 1), torch.zeros(1, 1)), points=3)
        >>> found.losses, found.height
        (tensor([1., 0., 1.], dtype=torch.float64), 0.0)

    Source: Frankle, Dziugaite, Roy and Carbin 2020, arXiv:1912.05671; Entezari et al. 2022,
    arXiv:2110.06296.
    """
    if isinstance(points, bool) or not isinstance(points, int) or points < 3 or points % 2 == 0:
        raise ValueError(f"points: should be an odd integer >= 3, got {points!r}")
    between = deepcopy(model if dtype is None else deepcopy(model).to(dtype))
    for p in between.parameters():
        p.requires_grad_(True)
    objective = Objective(between, data, loss, batch_size=batch_size)
    ends = [_tensors(one) for one in (model, other)]
    if [(k, v.shape) for k, v in ends[0].items()] != [(k, v.shape) for k, v in ends[1].items()]:
        raise ValueError("other: should have weights of the names and shapes of model")
    held = _tensors(between)
    at, losses = torch.linspace(0, 1, points, dtype=torch.float64), []
    for t in at.tolist():
        with torch.no_grad():
            for name, value in held.items():
                a, b = (end[name].double() for end in ends)
                value.copy_((1 - t) * a + t * b)
        losses.append(objective.value())
    return Barrier(at, torch.tensor(losses, dtype=torch.float64))


def _tensors(model: nn.Module) -> dict[str, Tensor]:
    """Weights and floating-point buffers of the state."""
    named = {**dict(model.named_parameters()), **dict(model.named_buffers())}
    kept = model.state_dict()
    return {k: v.detach() for k, v in named.items() if k in kept and v.is_floating_point()}
