"""The mean loss of a model over fixed data, as a function of its weights."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import deepcopy
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.data import DataLoader, Dataset

from .batches import Batch, make_batches
from .engine import require_finite
from .evaluation import floating_dtype
from .metrics import Measure, default_loss
from .modes import refuse_random

__all__ = ["Objective", "list_batches"]


def list_batches(data: Any, batch_size: int) -> list[Batch]:
    """Batches of a data set, read once and held, so that every pass sees the same numbers.

    Args:
        data: what `fit` takes (a tuple, a dict, a ``Dataset``, a ``DataLoader``), or a sequence or
            iterator of such tuples or dicts, each a batch.
        batch_size: largest batch where the data come as a whole.

    Returns:
        the batches, in order.

    Raises:
        TypeError: data of an unknown kind.
        ValueError: no samples, or NaN or infinity among them.

    Example:
        >>> x, y = torch.zeros(5, 3), torch.zeros(5)
        >>> [len(batch.target) for batch in list_batches([(x, y), (x[:2], y[:2])], 99)]
        [5, 2]
    """
    if isinstance(batch_size, bool) or not isinstance(batch_size, int) or batch_size < 1:
        raise ValueError(f"batch_size: should be an integer >= 1, got {batch_size!r}")
    if isinstance(data, Iterator):
        data = list(data)
    whole = isinstance(data, Mapping | Dataset | DataLoader) or not isinstance(data, list | tuple)
    if whole or len(data) == 0 or not isinstance(data[0], tuple | list | Mapping):
        return list(make_batches(data, batch_size, "data").epoch(None))
    return [
        batch
        for number, part in enumerate(data)
        for batch in make_batches(part, 2**62, f"data batch {number}").epoch(None)
    ]


class Objective:
    """L(θ) = Σ_b n_b loss(f_θ(x_b), y_b) / Σ_b n_b, over batches b of n_b samples.

    θ are the weights that require gradients, in the order of ``model.parameters()``, each tied one
    once; the other weights are constants. L is the mean over all samples if ``loss`` is a mean over
    those of a batch; a sum is refused where there are several, since its L would depend on where
    the samples are cut. What is measured is one function, so dropout and batch norm in training
    mode are refused. Attention is computed by torch's plain formulas, since the fused ones have no
    second derivatives.

    Args:
        model: any module.
        data: as for `fit`, or a sequence of batches. It is read once and held.
        loss: function of (output, target), mean over the batch; by default that of `fit`.
        batch_size: largest number of samples at once, which bounds the memory.
        dtype: type to compute in, on a copy of the model; None takes the model itself.

    Attributes:
        model: the module that is evaluated.
        batches: the data, on the device and in the type of the model.
        count: number of samples.
        names: of the weights.
        parameters: the weights.
        dim: number of weights, P.

    Raises:
        ValueError: no weights that require gradients, complex ones, no samples, NaN or infinity in
            the data, dropout or batch norm in training mode.

    Example:
        >>> model = nn.Linear(2, 1, bias=False)
        >>> _ = model.weight.data.copy_(torch.tensor([[1.0, 2.0]]))
        >>> objective = Objective(model, (torch.eye(2), torch.zeros(2, 1)))
        >>> objective.value(), objective.gradient()
        (2.5, tensor([1., 2.], dtype=torch.float64))
    """

    def __init__(
        self,
        model: nn.Module,
        data: Any,
        loss: Measure | None = None,
        *,
        batch_size: int = 512,
        dtype: torch.dtype | None = None,
    ) -> None:
        refuse_random(model)
        if dtype is not None and not dtype.is_floating_point:
            raise ValueError(f"dtype: should be a floating-point type, got {dtype}")
        own = floating_dtype(model)
        self.model = model if dtype in (None, own) else deepcopy(model).to(dtype)
        held = {name: p for name, p in self.model.named_parameters() if p.requires_grad}
        if not held:
            raise ValueError("model: should have weights that require gradients, got none")
        for name, p in held.items():
            if p.is_complex():
                raise ValueError(f"model: should have real weights, got {p.dtype} at {name!r}")
        self.names, self.parameters = list(held), list(held.values())
        self.dim = sum(p.numel() for p in self.parameters)
        device = self.parameters[0].device
        batches = list_batches(data, batch_size)
        self.batches = [batch.to(device, floating_dtype(self.model)) for batch in batches]
        self.count = sum(batch.size for batch in self.batches)
        self.loss = loss or default_loss(self.batches[0].target)
        self._is_mean = False

    @property
    def state(self) -> list[Tensor]:
        """All weights and buffers."""
        return [t.detach() for t in (*self.model.parameters(), *self.model.buffers())]

    def share(self, batch: Batch) -> float:
        """n_b / n."""
        return batch.size / self.count

    def output(self, batch: Batch) -> Any:
        """f_θ(x_b).

        Raises:
            ValueError: the model fails on it, as on inputs of a wrong shape.
        """
        with plain_attention():
            try:
                return self.model(*batch.args, **batch.kwargs)
            except torch.OutOfMemoryError:
                raise
            except RuntimeError as error:
                reason = (str(error).splitlines() or [type(error).__name__])[0]
                raise ValueError(f"data: the model refuses the input: {reason}") from error

    def batch_loss(self, number: int) -> Tensor:
        """Loss on one batch, with its graph.

        Raises:
            ValueError: it is no scalar, NaN or infinite, or a sum where there are several batches.
        """
        batch = self.batches[number]
        output = self.output(batch)
        value = self.loss(output, batch.target)
        if not isinstance(value, Tensor):
            raise TypeError(f"loss: should give a tensor, got {type(value).__name__}")
        require_finite(value, "loss", f"on batch {number}")
        if len(self.batches) > 1 and not self._is_mean:
            if _is_sum(self.loss, output, batch.target, float(value.detach())):
                raise ValueError(
                    "loss: should be a mean over samples, got a sum: two copies of each double it"
                )
            self._is_mean = True
        return value.reshape(())

    def value(self) -> float:
        """L(θ), added up in float64."""
        with torch.no_grad():
            return sum(
                self.share(batch) * float(self.batch_loss(number))
                for number, batch in enumerate(self.batches)
            )

    def batch_gradient(self, number: int, create_graph: bool = False) -> tuple[Tensor, ...]:
        """Gradient of the loss on one batch, a tensor for each weight."""
        with torch.enable_grad(), plain_attention():
            value = self.batch_loss(number)
            if not value.requires_grad:
                return tuple(torch.zeros_like(p) for p in self.parameters)
            return torch.autograd.grad(
                value,
                self.parameters,
                create_graph=create_graph,
                allow_unused=True,
                materialize_grads=True,
            )

    def gradient(self) -> Tensor:
        """∇L(θ), shape (P,), added up in float64."""
        total = torch.zeros(self.dim, dtype=torch.float64, device=self.parameters[0].device)
        for number, batch in enumerate(self.batches):
            total += self.share(batch) * self.flat(self.batch_gradient(number))
        return total

    def flat(self, tensors: Sequence[Tensor]) -> Tensor:
        """One tensor a weight -> one vector (P,) in float64."""
        return torch.cat([t.detach().reshape(-1).double() for t in tensors])

    def split(self, vector: Tensor) -> list[Tensor]:
        """A vector (P,) -> one tensor a weight, in its shape and type."""
        if vector.shape != (self.dim,):
            raise ValueError(f"vector: shape should be ({self.dim},), got {tuple(vector.shape)}")
        pieces = vector.split([p.numel() for p in self.parameters])
        pairs = zip(pieces, self.parameters, strict=True)
        return [piece.to(p).view_as(p) for piece, p in pairs]

    @contextmanager
    def moved(self, steps: Sequence[Tensor]) -> Iterator[None]:
        """The weights moved by ``steps`` within, and put back bit for bit."""
        before = [p.detach().clone() for p in self.parameters]
        try:
            with torch.no_grad():
                for p, step in zip(self.parameters, steps, strict=True):
                    p.add_(step)
            yield
        finally:
            with torch.no_grad():
                for p, old in zip(self.parameters, before, strict=True):
                    p.copy_(old)


def _is_sum(loss: Measure, output: Any, target: Any, value: float) -> bool:
    """Whether a loss adds up samples: twice as large where each is there twice."""
    if not all(isinstance(t, Tensor) and t.dim() > 0 for t in (output, target)):
        return False
    with torch.no_grad():
        try:
            twice = float(loss(torch.cat([output, output]), torch.cat([target, target])))
        except Exception:  # it holds something for each sample
            return False
    return value != 0 and abs(twice - 2 * value) <= 1e-3 * abs(value)


@contextmanager
def plain_attention() -> Iterator[None]:
    """Attention by torch's plain formulas, which have derivatives of every order."""
    with sdpa_kernel(SDPBackend.MATH):
        yield
