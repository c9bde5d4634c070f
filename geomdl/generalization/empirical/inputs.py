"""Arguments of a network, row by row or all together."""

from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from geomdl.training import refuse_random

__all__ = ["Inputs", "trainable"]


def trainable(model: nn.Module) -> list[Tensor]:
    """Parameters that are trained, each once.

    Raises:
        TypeError: no module.
        ValueError: none is trained, one has a hook on its gradient, or the model is random.
    """
    if not isinstance(model, nn.Module):
        raise TypeError(f"model: expected an nn.Module, got {type(model).__name__}")
    refuse_random(model)
    found: list[Tensor] = [p for p in model.parameters() if p.requires_grad]
    if not found:
        raise ValueError("model: expected a parameter with requires_grad, got none")
    for name, p in model.named_parameters():
        if p.requires_grad and p._backward_hooks:
            raise ValueError(f"model: should leave gradients as they are, got a hook on {name!r}")
    return found


@dataclass(frozen=True, eq=False)
class Inputs:
    """Arguments of a network.

    Attributes:
        values: in order.
        joint: whether rows of the output may depend on all of the input, as nodes of a graph do.
        name: what the caller calls them.
    """

    values: tuple[Any, ...]
    joint: bool
    name: str

    @staticmethod
    def of(name: str, x: Any) -> "Inputs":
        """Check an argument: a tensor, one row a sample, or a tuple of arguments.

        Raises:
            TypeError: no tensor.
            ValueError: no rows, unequal numbers of rows, NaN.
        """
        values = x if isinstance(x, tuple) else (x,)
        tensors = [v for v in values if isinstance(v, Tensor)]
        if not tensors:
            raise TypeError(
                f"{name}: expected a tensor, or a tuple of the model's arguments with one,"
                f" got {type(x).__name__}"
            )
        for tensor in tensors:
            if tensor.is_floating_point() and not bool(tensor.isfinite().all()):
                raise ValueError(f"{name}: expected finite numbers, got NaN or infinity")
        joint = len(tensors) < len(values)
        if not joint:
            lengths = {len(v) if v.ndim else -1 for v in tensors}
            if len(lengths) > 1 or min(lengths) < 1:
                got = ", ".join(str(tuple(v.shape)) for v in tensors)
                raise ValueError(f"{name}: expected shape (n, …) with n ≥ 1, got {got}")
        return Inputs(values, joint, name)

    @property
    def rows(self) -> int:
        """Number of rows that go through the network one by one; 1 where they go together."""
        return 1 if self.joint else len(self.values[0])

    def leaves(self, begin: int, end: int) -> tuple[tuple[Any, ...], list[Tensor]]:
        """Some rows of each argument, and those among them that carry a gradient."""
        arguments, floats = [], []
        for value in self.values:
            if isinstance(value, Tensor):
                value = (value if self.joint else value[begin:end]).detach()
                if value.is_floating_point():
                    value = value.clone().requires_grad_()
                    floats.append(value)
            arguments.append(value)
        return tuple(arguments), floats

    def refused(self, error: Exception) -> ValueError:
        """What to raise where a network cannot take them: one line, with the error's first."""
        got = ", ".join(
            f"{v.dtype} {tuple(v.shape)}" if isinstance(v, Tensor) else type(v).__name__
            for v in self.values
        )
        why = next(iter(str(error).splitlines()), type(error).__name__)
        return ValueError(f"{self.name}: the model refuses {got}: {why}")

    def rows_of(self, y: Any, rows: int) -> Tensor:
        """An output as a matrix, one row for each row of the inputs.

        Raises:
            TypeError: no tensor.
            ValueError: another number of rows, no floating point numbers, NaN.
        """
        if not isinstance(y, Tensor):
            raise TypeError(f"model: should return a tensor, got {type(y).__name__}")
        if not y.is_floating_point():
            raise ValueError(f"model: should return floating point numbers, got {y.dtype}")
        if y.ndim == 0 or (not self.joint and len(y) != rows):
            raise ValueError(f"model: should return shape ({rows}, …), got {tuple(y.shape)}")
        if not bool(y.detach().isfinite().all()):
            raise ValueError("model: should return finite numbers, got NaN or infinity")
        return y.reshape(rows, -1)
