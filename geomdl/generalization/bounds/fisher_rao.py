"""The Fisher–Rao norm, and how far the weights went."""

import math
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.func import functional_call, jvp

from geomdl.generalization.bounds.checks import check_count, check_finite, check_labels, check_model


def fisher_rao_norm(
    model: nn.Module, x: Tensor, y: Tensor, labels: Literal["data", "model"] = "data"
) -> float:
    r"""‖θ‖_fr = √(θᵀ I(θ) θ), I(θ) = E ∇c ∇cᵀ for the cross-entropy c.

    θᵀ∇c = ⟨∂c/∂f, D_θ f · θ⟩, one forward derivative along θ itself. If f is homogeneous of degree
    D in θ (a ReLU network of D = L + 1 layers of weights without biases), Euler's identity
    D_θ f · θ = D f gives

        ‖θ‖²_fr = (L + 1)² E ⟨∂c/∂f, f⟩²,

    from the scores alone (`homogeneous_fisher_rao`). *Exact* in float64, biases or not.

    Args:
        model: classifier.
        x: samples, shape (samples, ...).
        y: labels, int64.
        labels: the mean is over the given labels ("data", the empirical Fisher), or over those that
            the model draws ("model", Fisher's information; y is not used).

    Returns:
        The norm.

    Raises:
        ValueError: dropout or batch norm in training mode, shapes that do not fit, NaN.

    Example:
        >>> model = nn.Linear(2, 2, bias=False)
        >>> x, y = torch.tensor([[1.0, 2.0]]), torch.tensor([0])
        >>> a, b = fisher_rao_norm(model, x, y), homogeneous_fisher_rao(model(x), y, 1)
        >>> abs(a - b) < 1e-6
        True

    Source: Liang, Poggio, Rakhlin and Stokes 2019, arXiv:1711.01530.
    """
    check_model(model)
    check_finite("x", x)
    theta = {name: p.detach().double() for name, p in model.named_parameters()}
    fixed = {name: b.double() if b.is_floating_point() else b for name, b in model.named_buffers()}

    def scores(weights: dict[str, Tensor]) -> Tensor:
        out: Tensor = functional_call(model, {**weights, **fixed}, (x.double(),))
        return out

    f, along = jvp(scores, (theta,), (theta,))[:2]
    return _norm(f, along, y, labels)


def homogeneous_fisher_rao(
    scores: Tensor, y: Tensor, degree: int, labels: Literal["data", "model"] = "data"
) -> float:
    """Fisher–Rao norm of a homogeneous network from its scores, (L + 1) √(E ⟨∂c/∂f, f⟩²).

    Args:
        scores: f, shape (samples, classes).
        y: labels, int64.
        degree: L + 1, layers of weights.
        labels: as in `fisher_rao_norm`.

    Returns:
        The norm; *exact* for ReLU networks without biases or normalisation.

    Raises:
        TypeError: the scores are no tensor.
        ValueError: shapes that do not fit, NaN.

    Example:
        >>> homogeneous_fisher_rao(torch.zeros(1, 2), torch.tensor([0]), 3)
        0.0
    """
    f = check_finite("scores", scores).detach().double()
    check_count(degree, "degree")
    return _norm(f, degree * f, y, labels)


def _norm(f: Tensor, along: Tensor, y: Tensor, labels: str) -> float:
    check_labels(f, y)
    if labels not in ("data", "model"):
        raise ValueError(f"labels: expected 'data' or 'model', got {labels!r}")
    p = f.softmax(1)
    mean = (p * along).sum(1, keepdim=True)
    if labels == "data":
        return math.sqrt(float((mean - along.gather(1, y[:, None])).square().mean()))
    return math.sqrt(float((p * (along - mean).square()).sum(1).mean()))


def distance_from(model: nn.Module, initial: nn.Module) -> float:
    """‖θ - θ₀‖ over all parameters. *Exact*.

    Args:
        model: with weights θ.
        initial: the same network with weights θ₀.

    Returns:
        The distance.

    Raises:
        ValueError: another network.

    Example:
        >>> import copy
        >>> model = nn.Linear(3, 1)
        >>> distance_from(model, copy.deepcopy(model))
        0.0
    """
    check_model(model)
    check_model(initial, "initial")
    ours, first = dict(model.named_parameters()), dict(initial.named_parameters())
    if {n: p.shape for n, p in ours.items()} != {n: p.shape for n, p in first.items()}:
        raise ValueError("initial: expected the weights of model by name, got others")
    with torch.no_grad():
        squares = [(p.double() - first[n].double()).square().sum() for n, p in ours.items()]
    return math.sqrt(float(sum(squares)))


def cross_entropy(scores: Tensor, y: Tensor) -> float:
    """Mean cross-entropy of some scores, in nats."""
    return float(F.cross_entropy(scores.double(), y))
