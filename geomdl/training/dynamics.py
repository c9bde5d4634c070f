"""What to track along a run: sharpness, balance of layers, norms, ranks, margins, noise."""

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn

from .callbacks import Moment
from .chain import Link, is_layer
from .curvature import Curvature
from .krylov import eigenpairs
from .metrics import Measure
from .noise import OnlyNoiseError, gradient_noise
from .objective import Objective
from .tracker import Measurement

__all__ = [
    "Balance",
    "balancedness",
    "edge_of_stability",
    "effective_rank",
    "implicit_bias",
    "noise_scale",
    "stability_threshold",
    "stable_rank",
]


def stability_threshold(optimizer: torch.optim.Optimizer) -> float:
    """Largest curvature at which an optimiser is stable on a quadratic.

    - SGD with heavy ball: 2 (1 + β) / η; with Nesterov: 2 (1 + β) / (η (1 + 2 β));
    - Adam and AdamW: 2 (1 + β₁) / (η (1 - β₁)), for the Hessian divided by the preconditioner
      √v̂ + ε, taken as constant; 38/η for β₁ = 0.9.

    *Exact* on quadratics for SGD without weight decay; with it, the decay adds to the curvature.

    Args:
        optimizer: one of these, with the same rate, momentum and signs in all groups.

    Returns:
        the threshold; infinite for a rate of 0.

    Raises:
        ValueError: another optimiser, dampening, ascent, or groups that differ.

    Example:
        >>> stability_threshold(torch.optim.SGD(nn.Linear(1, 1).parameters(), lr=0.5, momentum=0.5))
        6.0

    Source: Cohen et al. 2021, arXiv:2103.00065; Cohen et al. 2022, arXiv:2207.14484 (Adam).
    """
    groups = optimizer.param_groups
    rates = {float(group["lr"]) for group in groups}
    if len(rates) != 1:
        raise ValueError(f"optimizer: should have one learning rate, got {sorted(rates)}")
    lr = rates.pop()
    first = groups[0]
    for key in ("momentum", "dampening", "nesterov", "maximize", "betas"):
        for group in groups:
            if group.get(key) != first.get(key):
                raise ValueError(
                    f"optimizer: should have one {key} for all groups, got {first.get(key)} and"
                    f" {group.get(key)}"
                )
    if first.get("dampening") or first.get("maximize"):
        raise ValueError("optimizer: should have no dampening and minimise")
    if isinstance(optimizer, torch.optim.SGD):
        beta = float(first["momentum"])
        factor = 1 + 2 * beta if first["nesterov"] else 1.0
        return 2 * (1 + beta) / (lr * factor) if lr else float("inf")
    if isinstance(optimizer, torch.optim.Adam | torch.optim.AdamW):
        beta = float(first["betas"][0])
        return 2 * (1 + beta) / (lr * (1 - beta)) if lr else float("inf")
    raise ValueError(f"optimizer: should be SGD, Adam or AdamW, got {type(optimizer).__name__}")


class _Preconditioned:
    """P^(-1/2) H P^(-1/2) for a diagonal P > 0; its eigenvalues are those of P⁻¹ H."""

    def __init__(self, matrix: Curvature, diagonal: Tensor) -> None:
        self.matrix, self.root, self.shape = matrix, diagonal.rsqrt(), matrix.shape
        self.device = matrix.device

    def __matmul__(self, vector: Tensor) -> Tensor:
        return self.root * (self.matrix @ (self.root * vector))


def _preconditioner(optimizer: torch.optim.Optimizer, parameters: list[nn.Parameter]) -> Tensor:
    """P = (1 - β₁ᵗ) (√(v / (1 - β₂ᵗ)) + ε), by which Adam divides its mean of gradients.

    With AMSGrad v is the largest so far. Infinite for weights without a gradient, which stay.
    """
    owner, found = {p: group for group in optimizer.param_groups for p in group["params"]}, []
    for p in parameters:
        state, group = optimizer.state.get(p), owner[p]
        if not state:
            found.append(torch.full_like(p.detach(), float("inf"), dtype=torch.float64).reshape(-1))
            continue
        first, second = group["betas"]
        t = float(state["step"])
        v = state["max_exp_avg_sq" if group["amsgrad"] else "exp_avg_sq"]
        root = (v.double() / (1 - second**t)).sqrt()
        found.append(((1 - first**t) * (root + group["eps"])).reshape(-1))
    return torch.cat(found)


def edge_of_stability(
    data: Any,
    loss: Measure | None = None,
    *,
    tol: float = 1e-3,
    max_steps: int = 60,
    batch_size: int = 512,
) -> Measurement:
    """For a `Tracker`: the sharpness λ_max of the Hessian, beside the threshold of the optimiser.

    Full-batch gradient descent lets the sharpness grow until it stands at the threshold, about
    which it then oscillates while the loss still falls. For Adam it is that of the preconditioned
    Hessian, and nothing before the first step.

    Args:
        data: that is trained on.
        loss: function of (output, target); by default that of `fit`.
        tol: of `sharpness`.
        max_steps: of `sharpness`.
        batch_size: largest number of samples at once.

    Returns:
        a measurement of "loss", "sharpness", its residual "error" and, where it is finite,
        "threshold".

    Raises:
        ValueError: when called: an optimiser that `stability_threshold` refuses, or without some
            of the weights that require a gradient.

    Example:
        >>> from geomdl.training import Tracker, descend
        >>> x = torch.linspace(-1, 1, 8)[:, None]
        >>> edge = Tracker(edge_of_stability((x, x)), every=2)
        >>> _ = descend(nn.Linear(1, 1), (x, x), lr=0.1, steps=4, callbacks=edge)
        >>> edge.column("threshold")
        [20.0, 20.0, 20.0]

    Source: Cohen et al. 2021, arXiv:2103.00065; 2022, arXiv:2207.14484 (Adam).
    """

    def measure(moment: Moment) -> Mapping[str, float]:
        threshold = stability_threshold(moment.optimizer)
        matrix = Curvature(moment.model, data, loss, batch_size=batch_size)
        held = {p for group in moment.optimizer.param_groups for p in group["params"]}
        if not held.issuperset(matrix.objective.parameters):
            raise ValueError(
                "optimizer: should have every weight that requires a gradient; freeze the others"
            )
        operator: Any = matrix
        if not isinstance(moment.optimizer, torch.optim.SGD):
            if not moment.optimizer.state:
                return {}
            diagonal = _preconditioner(moment.optimizer, matrix.objective.parameters)
            operator = _Preconditioned(matrix, diagonal)
        top = eigenpairs(operator, 1, tol=tol, max_steps=max_steps)
        value, error = float(top.values[0]), float(top.errors[0])
        found = {"sharpness": value, "error": error}
        if threshold < float("inf"):
            found["threshold"] = threshold
        return found | {"loss": matrix.objective.value()}

    return measure


def _weights(model: nn.Module) -> list[Tensor]:
    """Matrix (out, in · taps) of each linear layer and convolution, in their order, on the CPU."""
    found = [
        Link(name, module).weight().flatten(1)
        for name, module in model.named_modules()
        if is_layer(module)
    ]
    if not found:
        raise ValueError("model: should have linear layers or convolutions, got none")
    return found


def balancedness(model: nn.Module) -> list[Tensor]:
    """D_i = W_{i+1}ᵀ W_{i+1} - W_i W_iᵀ - b_i b_iᵀ for each pair of linear layers in a row.

    Gradient flow conserves D_i if nothing lies between the layers, and its diagonal if a ReLU does;
    gradient descent of step η drifts by O(η).

    Args:
        model: its `nn.Linear` layers follow one another in the order of ``model.modules()``.

    Returns:
        one matrix (width, width) a pair, float64.

    Raises:
        ValueError: fewer than two linear layers, or sizes that do not follow.

    Example:
        >>> net = nn.Sequential(nn.Linear(3, 2, bias=False), nn.Linear(2, 1, bias=False))
        >>> balancedness(net)[0].shape
        torch.Size([2, 2])

    Source: Arora, Cohen and Hazan 2018, arXiv:1802.06509; Du, Hu and Lee 2018, arXiv:1806.00900.
    """
    layers = [module for module in model.modules() if isinstance(module, nn.Linear)]
    if len(layers) < 2:
        raise ValueError(f"model: should have at least 2 linear layers, got {len(layers)}")
    found = []
    for first, second in pairwise(layers):
        if second.in_features != first.out_features:
            raise ValueError(
                f"model: linear layers should follow one another, got {first.out_features} outputs"
                f" before {second.in_features} inputs"
            )
        a, b = first.weight.detach().double(), second.weight.detach().double()
        d = b.mT @ b - a @ a.mT
        if first.bias is not None:
            bias = first.bias.detach().double()
            d = d - bias[:, None] * bias
        found.append(d)
    return found


class Balance:
    """For a `Tracker`: how far `balancedness` has drifted from that of the initial network.

    Args:
        model: the network before it is trained.
        neurons: look at the diagonal alone, which is what ReLU conserves.

    Example:
        >>> net = nn.Sequential(nn.Linear(3, 2), nn.ReLU(), nn.Linear(2, 1))
        >>> start = Balance(net, neurons=True)
        >>> start(Moment(net, torch.optim.SGD(net.parameters()), 0))
        {'drift 1': 0.0}
    """

    def __init__(self, model: nn.Module, neurons: bool = False) -> None:
        self.neurons, self.start = neurons, balancedness(model)

    def __call__(self, moment: Moment) -> Mapping[str, float]:
        """Frobenius norm of the drift of each pair."""
        found, held = {}, balancedness(moment.model)
        if [d.shape for d in held] != [d.shape for d in self.start]:
            raise ValueError("model: should have the linear layers of the network it began as")
        for i, (now, then) in enumerate(zip(held, self.start, strict=True)):
            away = now - then
            found[f"drift {i + 1}"] = float((away.diag() if self.neurons else away).norm())
        return found


def _singular_values(matrix: Tensor) -> Tensor:
    if matrix.dim() != 2:
        raise ValueError(f"matrix: should be of 2 axes, got shape {tuple(matrix.shape)}")
    if not bool(matrix.isfinite().all()):
        raise ValueError("matrix: should be finite, got nan or inf")
    values: Tensor = torch.linalg.svdvals(matrix.double())
    return values


def stable_rank(matrix: Tensor) -> float:
    """Stable rank ‖W‖_F² / ‖W‖₂² = Σ s_i² / max s_i² of a matrix. *Exact* up to rounding.

    Args:
        matrix: W, shape (rows, columns).

    Returns:
        between 1 and the rank; 0 for the zero matrix.

    Raises:
        ValueError: no matrix, or one that is not finite.

    Example:
        >>> stable_rank(torch.eye(3))
        3.0
    """
    s = _singular_values(matrix).square()
    return float(s.sum() / s.max()) if float(s.max()) > 0 else 0.0


def effective_rank(matrix: Tensor) -> float:
    """Effective rank exp(-Σ p_i log p_i), p = s / Σ s, of singular values s. *Exact*.

    That of a covariance's tail, in benign overfitting, is `generalization.effective_rank`.

    Args:
        matrix: W, shape (rows, columns).

    Returns:
        between 1 and the rank; 0 for the zero matrix.

    Raises:
        ValueError: no matrix, or one that is not finite.

    Example:
        >>> round(effective_rank(torch.diag(torch.tensor([1.0, 1.0, 0.0]))), 6)
        2.0

    Source: Roy and Vetterli 2007.
    """
    s = _singular_values(matrix)
    if not float(s.sum()) > 0:
        return 0.0
    return float(torch.special.entr(s / s.sum()).sum().exp())


def implicit_bias(data: Any = None, *, batch_size: int = 512) -> Measurement:
    """For a `Tracker`: what gradient descent prefers without being told to.

    - "norm": ‖θ‖ of all weights;
    - "stable rank i", "effective rank i" of each linear layer or convolution i, those of geomdl
      with their filters expanded;
    - with labelled data "margin": min_i (f_y - max_{k≠y} f_k), and "normalised margin": divided by
      ‖θ‖^L for L such layers, which gradient flow on a homogeneous network (ReLU without biases)
      increases once the loss is small; not where all weights are 0, nor where a matrix of weights
      belongs to a layer of another kind, whose degree is not known.

    Args:
        data: as for `fit`, with integer targets; None for norms and ranks alone.
        batch_size: largest number of samples at once.

    Returns:
        a measurement.

    Raises:
        ValueError: when called: targets that are no labels of the classes, fewer than two classes,
            or a model without such layers.

    Example:
        >>> net = nn.Linear(2, 2, bias=False)
        >>> _ = net.weight.data.copy_(2 * torch.eye(2))
        >>> measure = implicit_bias((torch.eye(2), torch.arange(2)))
        >>> found = measure(Moment(net, torch.optim.SGD(net.parameters()), 0))
        >>> found["margin"], round(found["normalised margin"], 4), found["stable rank 1"]
        (2.0, 0.7071, 2.0)

    Source: Lyu and Li 2020, arXiv:1906.05890; Arora et al. 2019, arXiv:1905.13655 (ranks).
    """

    def measure(moment: Moment) -> Mapping[str, float]:
        layers = _weights(moment.model)
        squares = [float(p.detach().double().square().sum()) for p in moment.model.parameters()]
        norm = sum(squares) ** 0.5
        found = {"norm": norm}
        if data is not None:
            margin = _margin(moment.model, data, batch_size)
            found["margin"] = margin
            if norm > 0 and not _other_matrices(moment.model):
                found["normalised margin"] = margin / norm ** len(layers)
        for i, weight in enumerate(layers):
            found[f"stable rank {i + 1}"] = stable_rank(weight)
            found[f"effective rank {i + 1}"] = effective_rank(weight)
        return found

    return measure


def _other_matrices(model: nn.Module) -> bool:
    """Whether weights of two axes or more lie outside of linear layers and convolutions."""
    counted = {id(p) for layer in filter(is_layer, model.modules()) for p in layer.parameters()}
    return any(p.dim() > 1 and id(p) not in counted for p in model.parameters())


def _margin(model: nn.Module, data: Any, batch_size: int) -> float:
    """Least margin over the samples."""
    objective, least = Objective(model, data, batch_size=batch_size), float("inf")
    for batch in objective.batches:
        if batch.target.is_floating_point():
            raise ValueError(
                f"data: targets should be labels for margins, got {batch.target.dtype}"
            )
        with torch.no_grad():
            output = objective.output(batch).double()
        if output.dim() != 2 or output.shape[1] < 2:
            raise ValueError(
                f"model: output should be of at least 2 classes for margins, got shape"
                f" {tuple(output.shape)}"
            )
        n, classes = output.shape
        if batch.target.shape != (n,):
            raise ValueError(f"data: labels should be ({n},), got {tuple(batch.target.shape)}")
        low, high = int(batch.target.min()), int(batch.target.max())
        if low < 0 or high >= classes:
            raise ValueError(
                f"data: labels should be 0, …, {classes - 1} for {classes} classes, got {low}, …,"
                f" {high}"
            )
        label = batch.target.long()[:, None]
        others = output.scatter(1, label, float("-inf")).amax(1)
        least = min(least, float((output.gather(1, label)[:, 0] - others).min()))
    return least


def noise_scale(data: Any, loss: Measure | None = None, *, batches: int = 32) -> Measurement:
    """For a `Tracker`: the noise scale of `gradient_noise`, its error, |G|² and tr Σ.

    Args:
        data: that is trained on, in random order.
        loss: function of (output, target); by default that of `fit`.
        batches: of `gradient_noise`.

    Returns:
        a measurement; nothing where the gradient cannot be told from its noise.

    Raises:
        ValueError: when called: as `gradient_noise`.

    Example:
        >>> x = torch.randn(64, 3, generator=torch.Generator().manual_seed(0))
        >>> net = nn.Linear(3, 1)
        >>> measure = noise_scale((x, 3 + x.sum(1, keepdim=True)), batches=16)
        >>> sorted(measure(Moment(net, torch.optim.SGD(net.parameters()), 0)))
        ['error', 'noise scale', 'square of the gradient', 'trace of its covariance']
    """

    def measure(moment: Moment) -> Mapping[str, float]:
        try:
            found = gradient_noise(moment.model, data, loss, batches=batches)
        except OnlyNoiseError:
            return {}
        return {
            "noise scale": found.scale.value,
            "error": found.scale.error,
            "square of the gradient": found.square.value,
            "trace of its covariance": found.trace.value,
        }

    return measure
