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


def folds(labels: Tensor, k: int = 10, seed: int = 0) -> Tensor:
    """Fold of each sample, for cross-validation, with classes spread evenly over the folds.

    The samples of each class are shuffled and dealt out in turn, each class going on where the one
    before it ended: folds differ by at most one sample in each class and in all.

    Args:
        labels: classes, integers, shape (n,).
        k: number of folds, from 2 to n.
        seed: of the shuffle.

    Returns:
        0, …, k - 1, int64, shape (n,); fold f tests what it holds: ``labels[found == f]``.

    Raises:
        ValueError: labels of another kind, or k out of range.

    Example:
        >>> found = folds(torch.tensor([0, 0, 0, 1, 1, 1]), k=3)
        >>> [sorted(found[:3].tolist()), sorted(found[3:].tolist())]
        [[0, 1, 2], [0, 1, 2]]
    """
    n = len(labels)
    if labels.ndim != 1 or labels.is_floating_point() or labels.is_complex():
        raise ValueError(
            f"labels: expected integers of shape (n,), got {labels.dtype} {tuple(labels.shape)}"
        )
    if not isinstance(k, int) or not 2 <= k <= n:
        raise ValueError(f"k: expected a whole number from 2 to {n}, got {k!r}")
    order = torch.randperm(n, generator=torch.Generator().manual_seed(seed))
    order = order[labels[order].argsort(stable=True)]
    found = torch.empty(n, dtype=torch.int64)
    found[order] = torch.arange(n) % k
    return found


PARTS = ("train", "validation", "test")


def time_blocks(frames: int, train: int, validation: int, gap: int = 0) -> Tensor:
    """Part of each frame of a trajectory, in contiguous blocks with gaps between them.

    Args:
        frames: number of frames, in the order of time.
        train: size of the first block.
        validation: size of the second; the third takes the rest.
        gap: frames left out between two blocks, to let correlations in time decay.

    Returns:
        0 train, 1 validation, 2 test, -1 left out, int64, shape (frames,).

    Raises:
        ValueError: a negative size, or more frames asked for than there are.

    Example:
        >>> time_blocks(10, train=4, validation=2, gap=1).tolist()
        [0, 0, 0, 0, -1, 1, 1, -1, 2, 2]
    """
    for name, size in (("train", train), ("validation", validation), ("gap", gap)):
        if not isinstance(size, int) or isinstance(size, bool) or size < 0:
            raise ValueError(f"{name}: expected an int of at least 0, got {size!r}")
    first = train + gap
    last = first + validation + gap
    if last > frames:
        raise ValueError(
            f"train: {train} frames, {validation} to validate on and two gaps of {gap} should be at"
            f" most {frames}, got {last}"
        )
    part = torch.full((frames,), -1)
    part[:train], part[first : first + validation], part[last:] = 0, 1, 2
    return part


def parts(data: Mapping[str, Tensor]) -> dict[str, dict[str, Tensor]]:
    """Training, validation and test samples of a data set that says which are which.

    Args:
        data: tensors with samples on the leading axis, among them `split`: 0 train, 1 validation,
            2 test, anything else is left out.

    Returns:
        "train", "validation", "test" -> dicts like `data`, without `split`, in the same order.

    Raises:
        ValueError: there is no `split`, or tensors are not as long as each other.

    Example:
        >>> data = {"x": torch.arange(4.0), "split": torch.tensor([2, 0, -1, 0])}
        >>> parts(data)["train"]["x"].tolist()
        [1.0, 3.0]
    """
    if "split" not in data:
        raise ValueError(f"data: expected a tensor called 'split', got {sorted(data)}")
    _length(data)
    return {
        name: {key: x[data["split"] == k] for key, x in data.items() if key != "split"}
        for k, name in enumerate(PARTS)
    }


def _length(data: Mapping[str, Tensor]) -> int:
    """Number of samples that all tensors agree on."""
    if not data:
        raise ValueError("data: expected tensors, got an empty dict")
    lengths = {key: value.shape[0] if value.ndim else 0 for key, value in data.items()}
    if len(set(lengths.values())) > 1:
        raise ValueError(f"data: tensors should be as long as each other, got {lengths}")
    return next(iter(lengths.values()))
