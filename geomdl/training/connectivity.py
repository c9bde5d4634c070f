"""Are two minima joined? The loss on a line, or on a curve, between two networks."""

from copy import deepcopy
from dataclasses import dataclass, field
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

__all__ = ["Barrier", "Bezier", "barrier", "bezier"]


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
            axes.set(xlabel="t, from the first network to the second", ylabel="loss")
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
    way = _Way(model, other, data, loss, points, batch_size, dtype)
    return Barrier(way.at, way.losses())


@dataclass(frozen=True)
class Bezier(Barrier):
    """Losses on a curve between two networks.

    Attributes:
        at: t from 0 to 1, (points,).
        losses: at (1 - t)² θ + 2t (1 - t) μ + t² θ', (points,).
        middle: the network of weights μ, towards which the line is bent.
    """

    middle: nn.Module = field(repr=False)


def bezier(
    model: nn.Module,
    other: nn.Module,
    data: Any,
    loss: Measure | None = None,
    *,
    steps: int = 500,
    lr: float = 1e-2,
    points: int = 21,
    batch_size: int = 512,
    dtype: torch.dtype | None = None,
    rng: torch.Generator | None = None,
) -> Bezier:
    """A valley between two networks: a quadratic Bézier curve along which the loss is low.

    The ends are held. The middle μ starts halfway, where the curve is the straight line of
    `barrier`, and takes steps of Adam, whose rate falls linearly to 0, on E_t L at

        (1 - t)² θ + 2t (1 - t) μ + t² θ',    t uniform in [0, 1].

    The losses are *exact* on the data given, the curve is the one that was found: a barrier on it
    shows how high one must climb at most, not that one must. Running statistics of batch norm go
    along the straight line.

    Args:
        model: any module without dropout and batch norm in training mode.
        other: the same with other weights; after `align` there is less to go round.
        data: as for `fit`, or a sequence of batches.
        loss: function of (output, target), mean over the batch; by default that of `fit`.
        steps: each on one batch, with one t.
        lr: rate of the first step.
        points: of the grid on which the curve is measured, with both ends, odd.
        batch_size: largest number of samples at once.
        dtype: type to compute in, on copies.
        rng: source of t; None takes the seed 0.

    Returns:
        the `Bezier`: losses, height and middle of the curve.

    Raises:
        ValueError: as for `barrier`.

    Example:
        >>> a, b = nn.Linear(1, 2, bias=False), nn.Linear(1, 2, bias=False)
        >>> _ = a.weight.data.copy_(torch.tensor([[1.0], [0.0]]))
        >>> _ = b.weight.data.copy_(torch.tensor([[0.0], [1.0]]))
        >>> data = torch.ones(1, 1), torch.zeros(1)
        >>> ring = lambda output, target: (output.square().sum() - 1) ** 2  # least on a circle
        >>> line, curve = barrier(a, b, data, ring), bezier(a, b, data, ring)
        >>> line.height, curve.height < 0.01
        (0.25, True)

    Source: Garipov, Izmailov, Podoprikhin, Vetrov and Wilson 2018, arXiv:1802.10026; Draxler,
    Veschgini, Salmhofer and Hamprecht 2018, arXiv:1803.00885.
    """
    if isinstance(steps, bool) or not isinstance(steps, int) or steps < 1:
        raise ValueError(f"steps: should be an integer >= 1, got {steps!r}")
    if not 0 < lr < float("inf"):
        raise ValueError(f"lr: should be a number > 0, got {lr!r}")
    way = _Way(model, other, data, loss, points, batch_size, dtype)
    rng = rng or torch.Generator().manual_seed(0)
    middle = [way.middle[name] for name in way.objective.names]
    adam = torch.optim.Adam(middle, lr=lr)
    for step, t in enumerate(torch.rand(steps, generator=rng, dtype=torch.float64).tolist()):
        way.go(t)
        try:
            slope = way.objective.batch_gradient(step % len(way.objective.batches))
        except ValueError as error:
            raise ValueError(f"{error} at step {step + 1}") from error
        for m, g in zip(middle, slope, strict=True):
            m.grad = 2 * t * (1 - t) * g.double()
        adam.param_groups[0]["lr"] = lr * (1 - step / steps)
        adam.step()
    losses = way.losses()
    for name, value in way.held.items():
        value.copy_(way.middle[name])
    return Bezier(way.at, losses, way.objective.model)


class _Way:
    """Networks (1 - t)² θ + 2t (1 - t) μ + t² θ', and the loss there; at first the line."""

    def __init__(
        self,
        model: nn.Module,
        other: nn.Module,
        data: Any,
        loss: Measure | None,
        points: int,
        batch_size: int,
        dtype: torch.dtype | None,
    ) -> None:
        if isinstance(points, bool) or not isinstance(points, int) or points < 3 or points % 2 == 0:
            raise ValueError(f"points: should be an odd integer >= 3, got {points!r}")
        between = deepcopy(model).requires_grad_(True)
        self.objective = Objective(between, data, loss, batch_size=batch_size, dtype=dtype)
        self.ends = [{k: v.double() for k, v in _tensors(one).items()} for one in (model, other)]
        first, last = self.ends
        if [(k, v.shape) for k, v in first.items()] != [(k, v.shape) for k, v in last.items()]:
            raise ValueError("other: should have weights of the names and shapes of model")
        self.middle = {k: (v + last[k]) / 2 for k, v in first.items()}
        self.held = _tensors(self.objective.model)
        self.at = torch.linspace(0, 1, points, dtype=torch.float64)

    def go(self, t: float) -> None:
        """Put the weights at t into the network between."""
        first, last = self.ends
        for name, value in self.held.items():
            a, m, b = first[name], self.middle[name], last[name]
            value.copy_((1 - t) ** 2 * a + 2 * t * (1 - t) * m + t**2 * b)

    def losses(self) -> Tensor:
        """At the points of the grid, float64."""
        found = []
        for t in self.at.tolist():
            self.go(t)
            found.append(self.objective.value())
        return torch.tensor(found, dtype=torch.float64)


def _tensors(model: nn.Module) -> dict[str, Tensor]:
    """Weights and floating-point buffers of the state."""
    named = {**dict(model.named_parameters()), **dict(model.named_buffers())}
    kept = model.state_dict()
    return {k: v.detach() for k, v in named.items() if k in kept and v.is_floating_point()}
