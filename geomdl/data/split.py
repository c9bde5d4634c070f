"""Split samples into parts."""

from collections.abc import Mapping, Sequence
from itertools import accumulate, pairwise
from typing import overload

import torch
from torch import Tensor


@overload
def split(
    data: int, fractions: Sequence[float], seed: int = 0, *, shuffle: bool = True
) -> tuple[Tensor, ...]: ...
@overload
def split(
    data: Mapping[str, Tensor], fractions: Sequence[float], seed: int = 0, *, shuffle: bool = True
) -> tuple[dict[str, Tensor], ...]: ...
def split(
    data: int | Mapping[str, Tensor],
    fractions: Sequence[float],
    seed: int = 0,
    *,
    shuffle: bool = True,
) -> tuple[Tensor, ...] | tuple[dict[str, Tensor], ...]:
    """Split n samples into disjoint parts, at random or in contiguous blocks.

    Part k holds the positions from round(n (f₁ + … + fₖ₋₁)) to round(n (f₁ + … + fₖ)), exclusive,
    of the samples, shuffled by `seed` or in their order. Frames of a trajectory want
    `shuffle=False`: neighbours in time leak.

    Args:
        data: number n of samples, or a dict of tensors with n samples on the leading axis.
        fractions: of the parts, positive, with sum at most 1; what remains is left out.
        seed: of the shuffle.
        shuffle: whether to draw the parts at random; if not, they are contiguous blocks.

    Returns:
        One part a fraction: positions, int64 of shape (size,), or dicts like `data`.

    Raises:
        ValueError: fractions are not as above, tensors are not as long, or a part would be empty.

    Example:
        >>> split(10, (0.5, 0.2), shuffle=False)
        (tensor([0, 1, 2, 3, 4]), tensor([5, 6]))
        >>> train, test = split({"x": torch.zeros(10, 3)}, (0.8, 0.2))
        >>> train["x"].shape, test["x"].shape
        (torch.Size([8, 3]), torch.Size([2, 3]))
    """
    n = data if isinstance(data, int) else _length(data)
    if not fractions or not all(f > 0 for f in fractions) or sum(fractions) > 1 + 1e-9:
        raise ValueError(
            f"fractions: should be positive with sum at most 1, got {tuple(fractions)}"
        )
    bounds = [round(n * f) for f in accumulate(fractions, initial=0.0)]
    for fraction, (start, stop) in zip(fractions, pairwise(bounds), strict=True):
        if start == stop:
            raise ValueError(f"fractions: {fraction} of {n} samples is an empty part")
    order = torch.arange(n)
    if shuffle:
        order = torch.randperm(n, generator=torch.Generator().manual_seed(seed))
    parts = tuple(order[start:stop] for start, stop in pairwise(bounds))
    if isinstance(data, int):
        return parts
    return tuple({key: value[part] for key, value in data.items()} for part in parts)


def _length(data: Mapping[str, Tensor]) -> int:
    """Number of samples that all tensors agree on."""
    if not data:
        raise ValueError("data: expected tensors, got an empty dict")
    lengths = {key: value.shape[0] if value.ndim else 0 for key, value in data.items()}
    if len(set(lengths.values())) > 1:
        raise ValueError(f"data: tensors should be as long as each other, got {lengths}")
    return next(iter(lengths.values()))
