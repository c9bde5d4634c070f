"""The loss on lines and planes through the weights, in directions scaled filter by filter."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import torch
from torch import Tensor, nn

from .figures import BLUE, RED, figure
from .metrics import Measure
from .objective import Objective

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["Landscape", "filter_normalized", "landscape"]

Vectors = Literal["zero", "normalize"]


def filter_normalized(
    model: nn.Module, direction: Sequence[Tensor], *, vectors: Vectors = "zero"
) -> list[Tensor]:
    """A direction whose filters are as long as those of the weights: d_f ‖w_f‖ / ‖d_f‖.

    Networks with ReLU or norms do not change where one layer is multiplied and the next divided, so
    a step of fixed length means nothing; this one is in units of the weights. A filter f is what
    one output feature sees: a slice along the first axis of a weight with two or more (along the
    second of a transposed convolution). Each is scaled once. Biases, whatever their shape, other
    weights of one axis, and the scales and shifts of norms have no filters: they stay where they
    are, or are scaled whole.

    Args:
        model: any module.
        direction: one tensor for each weight that requires a gradient, in their order.
        vectors: of biases, norms and weights of one axis: "zero" keeps them, "normalize" scales
            each tensor as one filter.

    Returns:
        the scaled tensors; 0 where a filter of the direction or of the weights is 0. *Exact*.

    Raises:
        ValueError: shapes that do not fit.

    Example:
        >>> layer = nn.Linear(2, 1)
        >>> _ = layer.weight.data.copy_(torch.tensor([[3.0, 4.0]]))
        >>> filter_normalized(layer, [torch.tensor([[1.0, 0.0]]), torch.ones(1)])
        [tensor([[5., 0.]]), tensor([0.])]

    Source: Li, Xu, Taylor, Studer and Goldstein 2018, arXiv:1712.09913.
    """
    if vectors not in ("zero", "normalize"):
        raise ValueError(f"vectors: should be 'zero' or 'normalize', got {vectors!r}")
    weights = [p for p in model.parameters() if p.requires_grad]
    if [d.shape for d in direction] != [w.shape for w in weights]:
        raise ValueError(
            f"direction: should have the shapes of the {len(weights)} weights that require"
            " gradients, in their order"
        )
    plain, transposed = _special(model)
    found = []
    for weight, d in zip(weights, direction, strict=True):
        w = weight.detach()
        if w.dim() < 2 or _held(plain, weight):
            found.append(_scaled(d[None], w[None])[0] if vectors == "normalize" else d * 0)
        elif _held(transposed, weight):
            found.append(_scaled(d.transpose(0, 1), w.transpose(0, 1)).transpose(0, 1))
        else:
            found.append(_scaled(d, w))
    return found


def _scaled(d: Tensor, w: Tensor) -> Tensor:
    """Slices of d along the first axis, as long as those of w."""
    rows = (len(d), *(1 for _ in d.shape[1:]))
    own, wanted = (t.reshape(len(t), -1).norm(dim=1) for t in (d, w))
    return d * torch.where(own > 0, wanted / own, 0.0).view(rows)


@dataclass(frozen=True)
class Landscape:
    """Losses on a line or a plane through the weights.

    Attributes:
        steps: coordinates along each direction, from -span to span, (points,).
        losses: (points,) or (points, points), the first axis along the first direction.
        directions: (d, P), in the order of ``model.parameters()``.
        origin: the weights, (P,).
        center: the loss there.
    """

    steps: Tensor
    losses: Tensor
    directions: Tensor = field(repr=False)
    origin: Tensor = field(repr=False)
    center: float

    @property
    def cosine(self) -> float:
        """Cosine of the angle between the two directions; 0 for a line."""
        if len(self.directions) < 2:
            return 0.0
        a, b = self.directions
        return float(a @ b / (a.norm() * b.norm()))

    def project(self, weights: Tensor) -> Tensor:
        """Coordinates of the nearest points of the plane.

        Args:
            weights: (…, P), for instance those of a training run.

        Returns:
            (…, d), by least squares.
        """
        away = weights.to(self.origin) - self.origin
        flat = away.reshape(-1, away.shape[-1])
        found: Tensor = torch.linalg.lstsq(self.directions.mT, flat.mT).solution
        return found.mT.reshape(*away.shape[:-1], len(self.directions))

    def plot(self, path: str | Path | None = None, *, trajectory: Tensor | None = None) -> "Figure":
        """The line, or level sets of the logarithm of the loss.

        Args:
            path: where to write the figure; None writes nothing.
            trajectory: weights (n, P) to project on the plane, such as those of a run.
        """
        x = self.steps.numpy()
        way = None if trajectory is None else self.project(trajectory).cpu()

        def line(axes: "Axes") -> None:
            axes.plot(x, self.losses, color=BLUE)
            axes.plot([0], [self.center], "o", color=RED)
            axes.set(xlabel="step, in lengths of the filters", ylabel="loss")

        def plane(axes: "Axes") -> None:
            floor = max(float(self.losses.min()), 1e-12)
            shown = self.losses.clamp_min(floor).log10()
            drawn = axes.contourf(x, x, shown.mT, 24, cmap="viridis")
            axes.contour(x, x, shown.mT, 12, colors="white", linewidths=0.4, alpha=0.6)
            bar = axes.figure.colorbar(drawn, ax=axes)
            bar.set_label("log10 of the loss")
            if way is not None:
                axes.plot(way[:, 0], way[:, 1], ".-", color="white", lw=1, ms=3)
            axes.plot([0], [0], "o", color=RED)
            axes.set(xlabel="first direction", ylabel="second direction", aspect="equal")
            axes.grid(visible=False)

        return figure(line if self.losses.dim() == 1 else plane, path, size=(5.6, 4.4))


def landscape(
    model: nn.Module,
    data: Any,
    loss: Measure | None = None,
    *,
    dimensions: int = 2,
    directions: Sequence[Tensor] | None = None,
    span: float = 1.0,
    points: int = 21,
    vectors: Vectors = "zero",
    batch_size: int = 512,
    dtype: torch.dtype | None = None,
    rng: torch.Generator | None = None,
) -> Landscape:
    """The loss at θ + s₁ d₁ (+ s₂ d₂) for s from -span to span.

    By default d are random normal directions, each normalised once by `filter_normalized`, so that
    a step of 1 is as long as the weights, filter by filter. The losses are *exact* on the data
    given; one plane says little of all others (in P dimensions nearly every direction has about the
    mean curvature tr H / P): look at `hessian_spectrum` beside it.

    Args:
        model: any module without dropout and batch norm in training mode. Its weights are moved
            while the loss is computed, and put back bit for bit.
        data: as for `fit`, or a sequence of batches.
        loss: function of (output, target), mean over the batch; by default that of `fit`.
        dimensions: 1 or 2; not looked at where directions are given.
        directions: one or two vectors (P,) taken as they are, such as ``sharpness(…).direction``
            or the difference of two networks.
        span: how far.
        points: along each direction, odd so that the weights themselves are among them.
        vectors: whether random directions move biases and norms; see `filter_normalized`.
        batch_size: largest number of samples at once.
        dtype: type to compute in, on a copy of the model.
        rng: source of the directions; None takes the seed 0.

    Returns:
        the `Landscape`, with ``plot()``.

    Raises:
        ValueError: an impossible argument; a loss that is no scalar or not finite somewhere on the
            plane; dropout or batch norm in training mode.
        TypeError: directions that are no tensors.

    Example:
        >>> model = nn.Linear(1, 1, bias=False)
        >>> found = landscape(model, (torch.ones(1, 1),) * 2, dimensions=1, points=3)
        >>> found.losses.shape, found.steps
        (torch.Size([3]), tensor([-1.,  0.,  1.], dtype=torch.float64))

    Source: Li et al. 2018, arXiv:1712.09913; Goodfellow, Vinyals and Saxe 2015, arXiv:1412.6544.
    """
    if dimensions not in (1, 2):
        raise ValueError(f"dimensions: should be 1 or 2, got {dimensions!r}")
    if not 0 < span < float("inf"):
        raise ValueError(f"span: should be a number > 0, got {span!r}")
    if isinstance(points, bool) or not isinstance(points, int) or points < 3 or points % 2 == 0:
        raise ValueError(f"points: should be an odd integer >= 3, got {points!r}")
    objective = Objective(model, data, loss, batch_size=batch_size, dtype=dtype)
    if directions is None:
        rng = rng or torch.Generator().manual_seed(0)
        drawn = [
            [torch.randn(p.shape, generator=rng, dtype=torch.float64).to(p) for p in
             objective.parameters] for _ in range(dimensions)
        ]  # fmt: skip
        flat = [
            objective.flat(filter_normalized(objective.model, d, vectors=vectors)) for d in drawn
        ]
    else:
        if len(directions) not in (1, 2):
            raise ValueError(f"directions: should be one or two, got {len(directions)}")
        for d in directions:
            if not isinstance(d, Tensor):
                raise TypeError(f"directions: should be tensors, got {type(d).__name__}")
        flat = [d.to(objective.parameters[0].device, torch.float64) for d in directions]
        for d in flat:
            if d.shape != (objective.dim,) or not bool(d.isfinite().all()) or not bool(d.any()):
                raise ValueError(
                    f"directions: should be finite vectors ({objective.dim},) other than 0, got"
                    f" shape {tuple(d.shape)}"
                )
    steps = torch.linspace(-span, span, points, dtype=torch.float64)
    steps[points // 2] = 0.0
    found = []
    for at in itertools.product(steps.tolist(), repeat=len(flat)):
        move = sum((s * d for s, d in zip(at, flat, strict=True)), torch.zeros_like(flat[0]))
        with objective.moved(objective.split(move)):
            try:
                found.append(objective.value())
            except ValueError as error:
                place = ", ".join(f"{s:g}" for s in at)
                raise ValueError(f"{error} at the point ({place}) of the landscape") from error
    losses = torch.tensor(found, dtype=torch.float64).reshape([points] * len(flat))
    origin = objective.flat(objective.parameters)
    center = float(losses[(points // 2,) * len(flat)])
    return Landscape(steps, losses, torch.stack(flat), origin, center)


def _special(model: nn.Module) -> tuple[list[Tensor], list[Tensor]]:
    """Biases and weights of norms, whatever their shape, and weights of transposed convolutions."""
    plain: list[Tensor] = [p for name, p in model.named_parameters() if "bias" in name.split(".")]
    transposed: list[Tensor] = []
    for module in model.modules():
        own = list(module.parameters(recurse=False))
        if "norm" in type(module).__name__.lower():
            plain += own
        if isinstance(module, nn.modules.conv._ConvTransposeNd):
            transposed += own
    return plain, transposed


def _held(some: Sequence[Tensor], weight: Tensor) -> bool:
    return any(t is weight for t in some)
