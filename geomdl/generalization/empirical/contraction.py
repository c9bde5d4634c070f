"""The kernel by whole Jacobians: what `torch.func` gives, as an oracle and for odd models."""

import warnings
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call, jacrev, vmap
from torch.nn.attention import SDPBackend, sdpa_kernel

from geomdl.generalization.empirical.inputs import Inputs, trainable

__all__ = ["jacobian_contraction"]


def jacobian_contraction(
    model: nn.Module, x1: Any, x2: Any = None, *, chunk: int | None = None
) -> Tensor:
    """Neural tangent kernel by contraction of whole Jacobians, Θ = J₁ J₂ᵀ.

    Takes memory n · out · parameters for each side, and (n · out)² · parameters multiplications. It
    knows nothing of layers, so `empirical_ntk` is tested against it. *Exact* up to rounding.

    Args:
        model: the network; see `empirical_ntk`.
        x1: inputs, shape (n1, …), or a tuple of arguments.
        x2: likewise; x1 if None.
        chunk: rows of each side at a time; all if None.

    Returns:
        Θ, shape (n1, n2, out, out).

    Raises:
        TypeError: no module, no tensor.
        ValueError: nothing is trained; NaN; inputs that the model cannot take; a random model.

    Example:
        >>> x = torch.tensor([[1.0, 2.0, 0.0]])
        >>> jacobian_contraction(nn.Linear(3, 1), x).item()
        6.0
    """
    trainable(model)
    if chunk is not None and chunk < 1:
        raise ValueError(f"chunk: expected at least 1, got {chunk}")
    sides = [Inputs.of("x1", x1)] + ([] if x2 is None else [Inputs.of("x2", x2)])
    rows = []
    for k in range(0, sides[0].rows, chunk or sides[0].rows):
        one = _jacobians(model, sides[0], k, chunk)
        row = []
        for i in range(0, sides[-1].rows, chunk or sides[-1].rows):
            two = one if x2 is None and i == k else _jacobians(model, sides[-1], i, chunk)
            parts = [torch.einsum("naf,mbf->nmab", p, q) for p, q in zip(one, two, strict=True)]
            row.append(sum(parts[1:], parts[0]))
        rows.append(torch.cat(row, 1))
    return torch.cat(rows)


def _jacobians(model: nn.Module, inputs: Inputs, begin: int, chunk: int | None) -> list[Tensor]:
    """Gradients of each parameter, (rows, outputs, size)."""
    # each place of each module once: functional_call leaves a module with two names broken
    places = {
        f"{path}.{name}".lstrip("."): p
        for path, module in model.named_modules()
        for name, p in module.named_parameters(recurse=False, remove_duplicate=False)
    }
    trained = {k: p.detach() for k, p in model.named_parameters() if p.requires_grad}
    first = {id(p): k for k, p in model.named_parameters()}
    arguments = [v.detach() if isinstance(v, Tensor) else v for v in inputs.values]

    def output(parameters: dict[str, Tensor], *some: Any) -> Tensor:
        put = {k: parameters.get(first[id(p)], p.detach()) for k, p in places.items()}
        y: Tensor = functional_call(model, put, some, tie_weights=False)
        return y.reshape(len(y), -1)

    def single(parameters: dict[str, Tensor], *row: Tensor) -> Tensor:
        return output(parameters, *(v.unsqueeze(0) for v in row)).squeeze(0)

    with warnings.catch_warnings(), sdpa_kernel(SDPBackend.MATH):
        warnings.filterwarnings("ignore", "There is a performance drop")
        if not inputs.joint:
            arguments = [v[begin : begin + (chunk or len(v))] for v in arguments]
        try:
            if inputs.joint:
                found = jacrev(output)(trained, *arguments)
            else:
                found = vmap(jacrev(single), (None, *len(arguments) * [0]))(trained, *arguments)
        except torch.OutOfMemoryError:
            raise
        except (RuntimeError, TypeError, IndexError) as error:
            raise inputs.refused(error) from error
    return [j.reshape(*j.shape[:2], -1) for j in found.values()]
