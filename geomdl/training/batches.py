"""What `fit` and `evaluate` eat: tensors, a Dataset or a DataLoader, as a stream of batches."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import (
    DataLoader,
    Dataset,
    IterableDataset,
    TensorDataset,
    default_collate,
)

__all__ = ["Batch", "Batches", "check_finite", "make_batches"]

TARGET = "y"


@dataclass(frozen=True)
class Batch:
    """Arguments of the model's ``forward`` and the target, with the batch axis first.

    Args:
        args: positional arguments.
        kwargs: arguments by name.
        target: what the loss compares the output with.
    """

    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    target: Any

    @property
    def size(self) -> int:
        """Number of samples."""
        return len(self.target)

    def part(self, start: int, stop: int) -> "Batch":
        """Samples start, …, stop - 1 as a batch.

        Raises:
            TypeError: an input or the target is no sequence with one entry a sample.
        """

        def cut(value: Any) -> Any:
            is_array = isinstance(value, Tensor | np.ndarray)
            count = -1
            if (is_array and value.ndim > 0) or isinstance(value, list | tuple):
                count = len(value)
            if count == self.size:
                return value[start:stop]
            raise TypeError(
                f"batch: on several processes inputs should be sequences of the {self.size} samples"
                f" of the target, got {type(value).__name__}"
                + (f" of length {count}" if count >= 0 else "")
            )

        args = tuple(cut(value) for value in self.args)
        return Batch(args, {k: cut(v) for k, v in self.kwargs.items()}, cut(self.target))

    def to(self, device: torch.device, dtype: torch.dtype | None) -> "Batch":
        """Move to ``device``; floating-point tensors are cast to ``dtype`` (None: left as is)."""

        def place(value: Any) -> Any:
            if not isinstance(value, Tensor):
                return value.to(device) if hasattr(value, "to") else value
            return value.to(device, dtype if value.is_floating_point() else None)

        args = tuple(place(value) for value in self.args)
        kwargs = {key: place(value) for key, value in self.kwargs.items()}
        return Batch(args, kwargs, place(self.target))


class Batches(Protocol):
    """A stream of batches, the same one each time it is asked with the same generator."""

    @property
    def steps(self) -> int:
        """Number of batches an epoch."""

    def epoch(self, rng: torch.Generator | None) -> Iterator[Batch]:
        """Batches of one pass, shuffled by ``rng``; None keeps the order."""

    def example(self) -> Batch:
        """The first sample as a batch of one, to see of what kind the target is."""


def check_finite(value: Any, name: str) -> None:
    """Refuse a NaN or an infinity in a tensor, naming the first place where one stands.

    Args:
        value: anything; only floating-point tensors are looked at.
        name: what the message calls it.

    Raises:
        ValueError: for instance ``train x[17, 0, 3]: should be finite, got nan``.
    """
    if not isinstance(value, Tensor) or not value.is_floating_point():
        return
    bad = ~value.isfinite()
    if bad.any():
        index = bad.nonzero()[0].tolist()
        raise ValueError(f"{name}{index}: should be finite, got {value[tuple(index)].item()}")


def _split(data: Any, name: str) -> tuple[dict[str | int, Any], Any]:
    """Inputs by position or name, and the target."""
    if isinstance(data, Mapping):
        if TARGET not in data or len(data) < 2:
            keys = sorted(str(key) for key in data)
            raise ValueError(f"{name}: should hold inputs and the target {TARGET!r}, got {keys}")
        return {key: value for key, value in data.items() if key != TARGET}, data[TARGET]
    if isinstance(data, tuple | list):
        if len(data) < 2:
            raise ValueError(f"{name}: should be (x, ..., y), got {len(data)} item")
        return dict(enumerate(data[:-1])), data[-1]
    raise TypeError(
        f"{name}: should be (x, ..., y), a dict with {TARGET!r}, a Dataset or a DataLoader,"
        f" got {type(data).__name__}"
    )


def _label(key: str | int, count: int) -> str:
    """What messages call an input: its name, or x, or x0, x1, …."""
    return key if isinstance(key, str) else ("x" if count == 1 else f"x{key}")


def _check(inputs: dict[str | int, Any], target: Any, name: str, check_target: bool) -> None:
    for key, value in inputs.items():
        check_finite(value, f"{name} {_label(key, len(inputs))}")
    if check_target:
        check_finite(target, f"{name} {TARGET}")


def _batch(inputs: dict[str | int, Any], target: Any) -> Batch:
    args = tuple(value for key, value in inputs.items() if isinstance(key, int))
    kwargs = {key: value for key, value in inputs.items() if isinstance(key, str)}
    return Batch(args, kwargs, target)


def _even_chunks(count: int, batch_size: int, rng: torch.Generator | None) -> list[Tensor]:
    """Indices in ceil(count / batch_size) chunks whose sizes differ by at most one.

    A last batch of one or two samples would weigh as much as a full one in a step, and one sample
    alone breaks batch normalisation.
    """
    order = torch.arange(count) if rng is None else torch.randperm(count, generator=rng)
    return list(order.tensor_split(-(-count // batch_size)))


class _TensorBatches:
    def __init__(self, data: Any, batch_size: int, name: str, check_target: bool) -> None:
        self.inputs, self.target = _split(data, name)
        entries = {_label(key, len(self.inputs)): value for key, value in self.inputs.items()}
        entries[TARGET] = self.target
        for key, value in entries.items():
            if not isinstance(value, Tensor):
                raise TypeError(f"{name} {key}: should be a tensor, got {type(value).__name__}")
            if value.dim() == 0 or len(value) != len(self.target):
                raise ValueError(
                    f"{name} {key}: shape should begin with the {len(self.target)} samples of"
                    f" {TARGET}, got {tuple(value.shape)}"
                )
        self.count, self.batch_size = len(self.target), batch_size
        if self.count == 0:
            raise ValueError(f"{name}: should hold at least 1 sample, got 0")
        _check(self.inputs, self.target, name, check_target)

    @property
    def steps(self) -> int:
        return -(-self.count // self.batch_size)

    def epoch(self, rng: torch.Generator | None) -> Iterator[Batch]:
        for index in _even_chunks(self.count, self.batch_size, rng):
            yield self._select(index)

    def example(self) -> Batch:
        return self._select(torch.zeros(1, dtype=torch.int64))

    def _select(self, index: Tensor) -> Batch:
        inputs = {key: value[index] for key, value in self.inputs.items()}
        return _batch(inputs, self.target[index])


class _LoadedBatches:
    """Batches of a Dataset (shuffled here) or of a DataLoader (taken as they come)."""

    def __init__(
        self, source: Dataset[Any] | DataLoader[Any], batch_size: int, name: str, check_target: bool
    ) -> None:
        self.source, self.batch_size = source, batch_size
        self.name, self.check_target = name, check_target
        try:
            self.count = len(source)  # type: ignore[arg-type]  # a TypeError is the answer
        except TypeError as error:
            raise TypeError(
                f"{name}: should have a length (the schedule needs it), got {type(source).__name__}"
            ) from error
        if self.count == 0:
            raise ValueError(f"{name}: should hold at least 1 sample, got 0")

    @property
    def steps(self) -> int:
        if isinstance(self.source, DataLoader):
            return self.count
        return -(-self.count // self.batch_size)

    def _loader(self, rng: torch.Generator | None) -> DataLoader[Any]:
        if isinstance(self.source, DataLoader):
            return self.source
        chunks = [chunk.tolist() for chunk in _even_chunks(self.count, self.batch_size, rng)]
        return DataLoader(self.source, batch_sampler=chunks)

    def epoch(self, rng: torch.Generator | None) -> Iterator[Batch]:
        for number, data in enumerate(self._loader(rng)):
            inputs, target = _split(data, f"{self.name} batch {number}")
            _check(inputs, target, f"{self.name} batch {number}", self.check_target)
            yield _batch(inputs, target)

    def example(self) -> Batch:
        if isinstance(self.source, DataLoader):
            collate, dataset = self.source.collate_fn, self.source.dataset
        else:
            collate, dataset = default_collate, self.source
        return _batch(*_split(collate([dataset[0]]), self.name))


def make_batches(data: Any, batch_size: int, name: str, check_target: bool = True) -> Batches:
    """A stream of batches from what the user has.

    Args:
        data: a tuple ``(x, ..., y)`` of tensors (``model(x, ...)``), a dict of tensors with the
            target under ``"y"`` (``model(**rest)``), a ``Dataset`` of such samples, or a
            ``DataLoader`` of such batches, which keeps its own batch size and order.
        batch_size: largest number of samples in a batch; batches are of even size.
        name: what messages call the data, for instance ``train``.
        check_target: whether a NaN in the target is refused too.

    Returns:
        the stream. Tensors are checked here; batches of a Dataset or DataLoader as they come.

    Raises:
        TypeError: data of another kind, without tensors, or without a length.
        ValueError: no samples, unequal lengths, NaN or infinity.

    Example:
        >>> batches = make_batches((torch.zeros(5, 3), torch.zeros(5)), 2, "train")
        >>> [batch.size for batch in batches.epoch(None)]
        [2, 2, 1]
    """
    if isinstance(data, IterableDataset):
        raise TypeError(
            f"{name}: should have a length (the schedule needs it), got {type(data).__name__}"
        )
    if isinstance(data, TensorDataset):
        data = data.tensors
    if isinstance(data, Dataset | DataLoader):
        return _LoadedBatches(data, batch_size, name, check_target)
    return _TensorBatches(data, batch_size, name, check_target)
