"""Where a parameter enters: what the cotangent of an output becomes in its gradient."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

__all__ = ["Product", "Scale", "Use", "Window", "windows"]


@dataclass(frozen=True)
class Window:
    """What a convolution looks at: sizes along each spatial axis."""

    size: tuple[int, ...]
    stride: tuple[int, ...]
    padding: tuple[tuple[int, int], ...]
    dilation: tuple[int, ...]
    groups: int


def windows(x: Tensor, window: Window) -> Tensor:
    """Entries under each position of a window, (n, groups, channels · taps, positions).

    Args:
        x: shape (n, groups · channels, *spatial).
        window: sizes.

    Example:
        >>> one = Window((2,), (1,), ((0, 0),), (1,), 1)
        >>> windows(torch.arange(3.0).view(1, 1, 3), one)
        tensor([[[[0., 1.],
                  [1., 2.]]]])
    """
    d = len(window.size)
    if any(end for ends in window.padding for end in ends):
        x = F.pad(x, [end for ends in reversed(window.padding) for end in ends])
    for axis, (size, stride, step) in enumerate(
        zip(window.size, window.stride, window.dilation, strict=True)
    ):
        x = x.unfold(2 + axis, step * (size - 1) + 1, stride)[..., ::step]
    taps, places = range(2 + d, 2 + 2 * d), range(2, 2 + d)
    found: Tensor = x.permute(0, 1, *taps, *places)
    n, groups = len(x), window.groups
    return found.reshape(n, groups, x.shape[1] // groups * _count(window.size), -1)


def _count(sizes: Sequence[int]) -> int:
    count = 1
    for size in sizes:
        count *= size
    return count


@dataclass(frozen=True, eq=False)
class Use:
    """One use of a tensor made of parameters alone by a call that is linear in it.

    Attributes:
        tensor: the argument, with its way back to the parameters.
        then: its version at this use.
        made_of: positions of these parameters.
        edge: of the output of the call in autograd's graph, where the cotangent is read.
        shape: of that output.
    """

    tensor: Tensor
    then: int
    made_of: tuple[int, ...]
    edge: Any
    shape: torch.Size

    def splits(self, rows: int) -> bool:
        """Whether the first axis of the output has as many entries for each of some rows."""
        return len(self.shape) > 0 and self.shape[0] % rows == 0

    def jacobian(self, delta: Tensor, rows: int) -> Tensor:
        """Gradients (rows, cotangents, *tensor.shape) of cotangents (cotangents, *shape)."""
        raise NotImplementedError


@dataclass(frozen=True, eq=False)
class Product(Use):
    """Products with a matrix at each of S positions, y[s] = W a[s], in groups.

    ∂/∂W = Σ_s δ[s] a[s]ᵀ

    Attributes:
        x: what was multiplied: (…, I), (n, channels, *spatial), or numbers of rows of W.
        window: of a convolution; None for others.
        mirrored: whether the tensor is Wᵀ.
        table: whether x says which columns are looked up; -1 for none.
    """

    x: Tensor
    version: int
    window: Window | None = None
    mirrored: bool = False
    table: bool = False

    @property
    def sizes(self) -> tuple[int, int, int, int]:
        """Groups, positions for all rows together, columns and rows of W."""
        if self.window is None:
            columns, rows = self.tensor.shape if self.mirrored else self.tensor.shape[::-1]
            return 1, _count(self.shape[:-1]), columns, rows
        groups = self.window.groups
        places = self.shape[0] * _count(self.shape[2:])
        return groups, places, _count(self.tensor.shape[1:]), self.shape[1] // groups

    def inputs(self, rows: int) -> Tensor:
        """Every a, (rows, groups, S, I)."""
        if self.x._version != self.version:
            raise RuntimeError(
                "model: should leave the input of a layer as it is, got one changed in place"
                f" afterwards, of shape {tuple(self.x.shape)}"
            )
        if self.window is not None:
            seen = windows(self.x, self.window)
            if len(seen) == rows:
                return seen.mT
            each: Tensor = seen.unflatten(0, (rows, len(seen) // rows))
            return each.permute(0, 2, 1, 4, 3).flatten(2, 3)
        if not self.table:
            return self.x.reshape(rows, 1, -1, self.x.shape[-1])
        count = self.tensor.shape[0]
        one: Tensor = F.one_hot(self.x.reshape(rows, 1, -1) + 1, count + 1)
        return one[..., 1:].to(self.tensor.dtype)

    def cotangents(self, delta: Tensor, rows: int) -> Tensor:
        """Every δ, (rows, groups, cotangents, C, S)."""
        if self.window is None:
            found: Tensor = delta.reshape(len(delta), rows, -1, self.shape[-1])
            return found.permute(1, 0, 3, 2).unsqueeze(1)
        groups = self.window.groups
        found = delta.reshape(
            len(delta), rows, self.shape[0] // rows, groups, self.shape[1] // groups, -1
        )
        return found.permute(1, 3, 0, 4, 2, 5).flatten(4)

    def jacobian(self, delta: Tensor, rows: int) -> Tensor:
        d, a = self.cotangents(delta, rows), self.inputs(rows)
        found: Tensor = d.flatten(2, 3) @ a  # (rows, groups, cotangents · C, I)
        found = found.unflatten(2, d.shape[2:4]).transpose(1, 2)  # (…, groups, C, I)
        if self.mirrored:
            found = found.mT
        return found.reshape(rows, len(delta), *self.tensor.shape)


@dataclass(frozen=True, eq=False)
class Scale(Use):
    """Entrywise products y = x w, w broadcast, or sums y = x + w.

    ∂/∂w = δ x, or δ, summed over the axes along which w is broadcast.

    Attributes:
        x: the factor; None for sums.
        version: of x.
        broadcast: shape of w in the product, with as many axes as the output.
    """

    x: Tensor | None
    version: int
    broadcast: tuple[int, ...]

    def splits(self, rows: int) -> bool:
        shared = len(self.broadcast) > 0 and self.broadcast[0] == 1
        return super().splits(rows) and (shared or rows == 1)

    def jacobian(self, delta: Tensor, rows: int) -> Tensor:
        if self.x is not None and self.x._version != self.version:
            raise RuntimeError(
                "model: should leave a factor as it is, got one changed in place afterwards,"
                f" of shape {tuple(self.x.shape)}"
            )
        found = delta if self.x is None else delta * self.x
        if not self.shape:
            return found.reshape(rows, len(delta), *self.tensor.shape)
        found = found.reshape(len(delta), rows, self.shape[0] // rows, *self.shape[1:])
        over = [2 + k for k, n in enumerate(self.broadcast) if n == 1]
        found = found.sum(over) if over else found
        return found.transpose(0, 1).reshape(rows, len(delta), *self.tensor.shape)
