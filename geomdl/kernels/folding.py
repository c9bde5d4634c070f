"""Filter spectra and fold them: the product with many filters, and every n-th sample of the result.

Keeping every n-th sample of a signal sums its spectrum over n aliases. Product and sum are one
pass here, over the band of each filter alone, so nothing of the size of signals × filters at full
resolution is ever stored. Complex numbers are pairs of reals, on a last axis of size 2.
"""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from geomdl.kernels.compiled import Compiled
from geomdl.kernels.op import Args, Kernel, register
from geomdl.kernels.rows import check_features, wide
from geomdl.kernels.threads import share_rows

_LONG = 64  # columns: rows of so many are long enough a loop


def filter_fold(x: Tensor, psi: Tensor, bands: Tensor, rows: int, columns: int) -> Tensor:
    """Multiply spectra by real filters and sum over aliases.

    y[r, l, i, j] = Σ_ab x[r, a m + i, b n + j] ψ[l, a m + i, b n + j], 0 ≤ a < rows,
    0 ≤ b < columns, m = M / rows, n = N / columns, ψ taken to be 0 outside of its band.

    Exact up to rounding: |error| ≤ rows columns eps Σ|x ψ|, in float32 for half precision. Linear
    in x and in ψ, with derivatives of every order; forward mode and `torch.func` run the
    plain-torch reference.

    Args:
        x: spectra, shape (R, M, N, 2).
        psi: filters, shape (L, M, N).
        bands: first row, number of rows, first column, number of columns of each filter, int32 or
            int64, shape (L, 4); a band may pass the end and go on at 0.
        rows: aliases along the rows, a divisor of M.
        columns: aliases along the columns, a divisor of N.

    Returns:
        shape (R, L, m, n, 2), contiguous, dtype of x.

    Raises:
        TypeError: a type that is not served.
        ValueError: shapes or devices that do not fit; on the CPU, also bands outside of ψ.

    Example:
        >>> x, psi = torch.ones(1, 1, 4, 2), torch.tensor([[[1.0, 2.0, 3.0, 4.0]]])
        >>> filter_fold(x, psi, torch.tensor([[0, 1, 1, 3]]), 1, 2)[0, 0, 0, :, 0].tolist()
        [3.0, 6.0]
    """
    return FOLD(x, psi, bands, rows, columns)


def filter_spread(y: Tensor, psi: Tensor, bands: Tensor, rows: int, columns: int) -> Tensor:
    """Adjoint of `filter_fold` in x: multiply all aliases by the filters and sum over these.

    x[r, a m + i, b n + j] = Σ_l y[r, l, i, j] ψ[l, a m + i, b n + j]

    Exact up to rounding: |error| ≤ L eps Σ|y ψ|. Otherwise as `filter_fold`.

    Args:
        y: shape (R, L, m, n, 2).
        psi: filters, shape (L, M, N).
        bands: of each filter, shape (L, 4).
        rows: aliases along the rows, M = rows m.
        columns: aliases along the columns, N = columns n.

    Returns:
        shape (R, M, N, 2), contiguous, dtype of y.

    Raises:
        TypeError: a type that is not served.
        ValueError: shapes or devices that do not fit; on the CPU, also bands outside of ψ.

    Example:
        >>> y, psi = torch.ones(1, 1, 1, 2, 2), torch.tensor([[[1.0, 2.0, 3.0, 4.0]]])
        >>> filter_spread(y, psi, torch.tensor([[0, 1, 1, 3]]), 1, 2)[0, 0, :, 0].tolist()
        [0.0, 2.0, 3.0, 4.0]
    """
    return SPREAD(y, psi, bands, rows, columns)


def filter_gradient(x: Tensor, y: Tensor, bands: Tensor, rows: int, columns: int) -> Tensor:
    """Adjoint of `filter_fold` in ψ: Σ_r x y over all aliases, in each filter's band.

    Plain torch: filters are few, and mostly constant.

    Args:
        x: shape (R, M, N, 2).
        y: shape (R, L, m, n, 2).
        bands: of each filter, shape (L, 4).
        rows: aliases along the rows.
        columns: aliases along the columns.

    Returns:
        shape (L, M, N).
    """
    height, width = x.shape[1:3]
    parts = x.reshape(len(x), rows, height // rows, columns, width // columns, 2)
    products = torch.einsum("raibjc,rlijc->laibj", parts, y).reshape(-1, height, width)
    return torch.where(inside(bands, products), products, 0)


def inside(bands: Tensor, psi: Tensor) -> Tensor:
    """Whether a place lies in the band of each filter, shape (L, M, N)."""
    within = []
    for axis, first in ((1, 0), (2, 2)):
        n = psi.shape[axis]
        place = (torch.arange(n, device=bands.device) - bands[:, first, None]) % n
        within.append(place < bands[:, first + 1, None])
    return within[0][:, :, None] & within[1][:, None]


def _fold_reference(x: Tensor, psi: Tensor, bands: Tensor, rows: int, columns: int) -> Tensor:
    values = x.to(wide(x.dtype))
    product = values[:, None] * psi.to(values.dtype)[..., None]
    product = torch.where(inside(bands, psi)[..., None], product, 0)
    shape = (*product.shape[:2], rows, x.shape[1] // rows, columns, x.shape[2] // columns, 2)
    return product.reshape(shape).sum((2, 4)).to(x.dtype)


def _spread_reference(y: Tensor, psi: Tensor, bands: Tensor, rows: int, columns: int) -> Tensor:
    values = y.to(wide(y.dtype)).repeat(1, 1, rows, columns, 1)
    product = values * psi.to(values.dtype)[..., None]
    return torch.where(inside(bands, psi)[..., None], product, 0).sum(1).to(y.dtype)


@Compiled
def fold_rows(start, stop, x, psi, bands, y, m, n):  # type: ignore[no-untyped-def]
    """Pairs (r, l), start ≤ r L + l < stop, of x (R, 2 M N), psi (L, M, N), y (R L, 2 m n).

    Returns -1, or the number of a band that lies outside of psi. Loops run over flat arrays, the
    only ones that LLVM turns into vector instructions for pairs of numbers.
    """
    count, height, width = psi.shape
    held = np.empty(2 * m * width if n < width else 0, dtype=y.dtype)
    for pair in range(start, stop):
        r, l = pair // count, pair % count
        top, tall, left, wide = bands[l, 0], bands[l, 1], bands[l, 2], bands[l, 3]
        if top < -height or top >= height or tall < 0 or tall > height:
            return l
        if left < -width or left >= width or wide < 0 or wide > width:
            return l
        whole, into = x[r], y[pair]
        if tall == height and wide == width:  # long loops over many rows at once, then columns
            size, filter = m * width, psi[l].reshape(height * width)
            sums = into if n == width else held
            for t in range(size):
                sums[2 * t] = whole[2 * t] * filter[t]
                sums[2 * t + 1] = whole[2 * t + 1] * filter[t]
            for a in range(size, height * width, size):
                part, other = whole[2 * a : 2 * (a + size)], filter[a : a + size]
                for t in range(size):
                    sums[2 * t] += part[2 * t] * other[t]
                    sums[2 * t + 1] += part[2 * t + 1] * other[t]
            if n < width:
                for i in range(m):
                    target = into[2 * n * i : 2 * n * (i + 1)]
                    first = sums[2 * width * i : 2 * (width * i + n)]
                    second = sums[2 * (width * i + n) : 2 * (width * i + 2 * n)]
                    for t in range(2 * n):
                        target[t] = first[t] + second[t]
                    for b in range(2 * n, width, n):
                        part = sums[2 * (width * i + b) : 2 * (width * i + b + n)]
                        for t in range(2 * n):
                            target[t] += part[t]
            continue
        for t in range(2 * m * n):
            into[t] = 0
        for step in range(tall):
            row = (top + step) % height
            target = into[2 * n * (row % m) : 2 * n * (row % m + 1)]
            line, filter = whole[2 * width * row : 2 * width * (row + 1)], psi[l, row]
            done = 0
            while done < wide:
                column = (left + done) % width
                j = column % n
                run = min(wide - done, width - column, n - j)
                part, other = line[2 * column : 2 * (column + run)], filter[column : column + run]
                sums = target[2 * j : 2 * (j + run)]
                for t in range(run):
                    sums[2 * t] += part[2 * t] * other[t]
                    sums[2 * t + 1] += part[2 * t + 1] * other[t]
                done += run
    return -1


@Compiled
def spread_rows(start, stop, y, psi, bands, x, m, n):  # type: ignore[no-untyped-def]
    """Rows (r, row), start ≤ r M + row < stop, of y (R, L, 2 m n), psi (L, M, N), x (R M, 2 N).

    Returns -1, or the number of a band that lies outside of psi.
    """
    count, height, width = psi.shape
    for pair in range(start, stop):
        r, row = pair // height, pair % height
        into = x[pair]
        for t in range(2 * width):
            into[t] = 0
        for l in range(count):
            top, tall, left, wide = bands[l, 0], bands[l, 1], bands[l, 2], bands[l, 3]
            if top < -height or top >= height or tall < 0 or tall > height:
                return l
            if left < -width or left >= width or wide < 0 or wide > width:
                return l
            if (row - top) % height >= tall:
                continue
            line, filter = y[r, l, 2 * n * (row % m) : 2 * n * (row % m + 1)], psi[l, row]
            done = 0
            while done < wide:
                column = (left + done) % width
                j = column % n
                run = min(wide - done, width - column, n - j)
                part, other = line[2 * j : 2 * (j + run)], filter[column : column + run]
                sums = into[2 * column : 2 * (column + run)]
                for t in range(run):
                    sums[2 * t] += part[2 * t] * other[t]
                    sums[2 * t + 1] += part[2 * t + 1] * other[t]
                done += run
    return -1


@Compiled
def spread_blocks(start, stop, y, psi, x, m, n):  # type: ignore[no-untyped-def]
    """Signals start ≤ r < stop of y (R, L, 2 m n), psi (L, M, N), x (R, 2 M N), bands being whole.

    Short rows make short loops; here each goes over m rows, for which the aliases of y along the
    columns are laid out first.
    """
    count, height, width = psi.shape
    size = m * width
    held = np.empty(2 * size, dtype=y.dtype)
    for r in range(start, stop):
        into = x[r]
        for l in range(count):
            line, filter = y[r, l], psi[l].reshape(height * width)
            for i in range(m):
                row = line[2 * n * i : 2 * n * (i + 1)]
                for b in range(0, width, n):
                    target = held[2 * (width * i + b) : 2 * (width * i + b + n)]
                    for t in range(2 * n):
                        target[t] = row[t]
            for a in range(0, height * width, size):
                sums, other = into[2 * a : 2 * (a + size)], filter[a : a + size]
                if l == 0:
                    for t in range(size):
                        sums[2 * t] = held[2 * t] * other[t]
                        sums[2 * t + 1] = held[2 * t + 1] * other[t]
                else:
                    for t in range(size):
                        sums[2 * t] += held[2 * t] * other[t]
                        sums[2 * t + 1] += held[2 * t + 1] * other[t]
    return -1


def array(x: Tensor, dtype: torch.dtype) -> Any:
    """A tensor as a contiguous numpy array of a type."""
    if x.dtype != dtype or x.is_neg():
        x = x.to(dtype).resolve_neg()
    return x.detach().contiguous().numpy()


def _share(body: Any, tasks: int, work: int, *arrays: Any) -> None:
    """Run a loop over tasks of equal work in threads."""
    codes = share_rows(body, range(tasks + 1), work, *arrays) if tasks else []
    for code in codes:
        if code >= 0:
            raise ValueError(f"bands: that of filter {code} lies outside of psi")


class Folding:
    """Filters made ready for the loops on the CPU.

    Args:
        psi: filters, shape (L, M, N).
        bands: of each filter.
        rows: aliases along the rows.
        columns: aliases along the columns.
        dtype: that sums are taken in.
    """

    def __init__(
        self, psi: Tensor, bands: Tensor, rows: int, columns: int, dtype: torch.dtype
    ) -> None:
        self.count, height, width = psi.shape
        self.m, self.n, self._size = height // rows, width // columns, psi.numel()
        self._psi, self._bands = array(psi, dtype), array(bands, bands.dtype)
        whole = torch.tensor([0, height, 0, width], dtype=bands.dtype)
        self._blocks = self.n < _LONG and self.count > 0 and bool((bands == whole).all())

    def fold(self, x: Tensor, y: Tensor) -> None:
        """Write `filter_fold` of x, (R, M, N, 2), to y, (R, L, m, n, 2), both contiguous."""
        result = y.view(-1, 2 * self.m * self.n).numpy()
        sizes = len(result), len(x) * self._size
        values = x.view(len(x), -1).numpy()
        _share(fold_rows, *sizes, values, self._psi, self._bands, result, self.m, self.n)

    def spread(self, y: Tensor, x: Tensor) -> None:
        """Write `filter_spread` of y to x, both contiguous."""
        values, work = y.flatten(2).numpy(), len(y) * self._size
        if self._blocks and len(x) >= torch.get_num_threads():
            result = x.view(len(x), -1).numpy()
            _share(spread_blocks, len(x), work, values, self._psi, result, self.m, self.n)
        else:
            result = x.view(-1, 2 * x.shape[2]).numpy()
            arrays = values, self._psi, self._bands, result, self.m, self.n
            _share(spread_rows, len(result), work, *arrays)


def ready(x: Tensor) -> Tensor:
    """A tensor as the loops take it: of the wide type, contiguous, without a graph."""
    return x.detach().to(wide(x.dtype)).resolve_neg().contiguous()


def _fold_cpu(x: Tensor, psi: Tensor, bands: Tensor, rows: int, columns: int) -> Tensor:
    values = ready(x)
    y = _fold_fake(values, psi, bands, rows, columns)
    if y.numel():
        Folding(psi, bands, rows, columns, y.dtype).fold(values, y)
    return y.to(x.dtype)


def _spread_cpu(y: Tensor, psi: Tensor, bands: Tensor, rows: int, columns: int) -> Tensor:
    values = ready(y)
    x = _spread_fake(values, psi, bands, rows, columns)
    if x.numel():
        Folding(psi, bands, rows, columns, x.dtype).spread(values, x)
    return x.to(y.dtype)


def _fold_fake(x: Tensor, psi: Tensor, bands: Tensor, rows: int, columns: int) -> Tensor:
    m, n = x.shape[1] // rows, x.shape[2] // columns
    return x.new_empty(x.shape[0], psi.shape[0], m, n, 2)


def _spread_fake(y: Tensor, psi: Tensor, bands: Tensor, rows: int, columns: int) -> Tensor:
    return y.new_empty(y.shape[0], *psi.shape[1:], 2)


def _check(psi: Tensor, bands: Tensor, rows: int, columns: int) -> None:
    check_features("psi", psi)
    if psi.ndim != 3:
        raise ValueError(f"psi: expected shape (filters, M, N), got {tuple(psi.shape)}")
    if bands.dtype not in (torch.int32, torch.int64):
        raise TypeError(f"bands: expected int32 or int64, got {bands.dtype}")
    if tuple(bands.shape) != (psi.shape[0], 4):
        raise ValueError(f"bands: expected shape ({psi.shape[0]}, 4), got {tuple(bands.shape)}")
    for name, parts, size in (("rows", rows, psi.shape[1]), ("columns", columns, psi.shape[2])):
        if parts < 1 or size % parts:
            raise ValueError(f"{name}: expected a divisor of {size}, got {parts}")


def check_fold(x: Tensor, psi: Tensor, bands: Tensor, rows: int, columns: int) -> None:
    """Refuse arguments of `filter_fold` that do not fit together."""
    check_features("x", x)
    _check(psi, bands, rows, columns)
    _same("x", x, (x.shape[0], *psi.shape[1:], 2), psi, bands)


def _check_spread(y: Tensor, psi: Tensor, bands: Tensor, rows: int, columns: int) -> None:
    check_features("y", y)
    _check(psi, bands, rows, columns)
    count, height, width = psi.shape
    _same("y", y, (y.shape[0], count, height // rows, width // columns, 2), psi, bands)


def _same(name: str, x: Tensor, shape: tuple[int, ...], *others: Tensor) -> None:
    if tuple(x.shape) != shape:
        raise ValueError(f"{name}: expected shape {shape}, got {tuple(x.shape)}")
    for other in others:
        if other.device != x.device:
            raise ValueError(f"{name}: expected a tensor on {other.device}, got one on {x.device}")


def _setup(ctx: Any, inputs: Args, output: Tensor) -> None:
    ctx.save_for_backward(*inputs[:3])
    ctx.folds = inputs[3:]


def _fold_backward(ctx: Any, g: Tensor) -> tuple[Tensor | None, ...]:
    x, psi, bands = ctx.saved_tensors
    need_x, need_psi = ctx.needs_input_grad[:2]
    gx = filter_spread(g, psi, bands, *ctx.folds) if need_x else None
    gpsi = filter_gradient(x, g, bands, *ctx.folds).to(psi.dtype) if need_psi else None
    return gx, gpsi, None, None, None


def _spread_backward(ctx: Any, g: Tensor) -> tuple[Tensor | None, ...]:
    y, psi, bands = ctx.saved_tensors
    need_y, need_psi = ctx.needs_input_grad[:2]
    gy = filter_fold(g, psi, bands, *ctx.folds) if need_y else None
    gpsi = filter_gradient(g, y, bands, *ctx.folds).to(psi.dtype) if need_psi else None
    return gy, gpsi, None, None, None


CASES = {  # R, L, M, N, rows, columns
    "usual": (3, 3, 4, 6, 2, 3),
    "whole bands": (2, 3, 4, 6, 2, 3),
    "rows alone": (2, 3, 4, 5, 2, 1),
    "signals": (2, 3, 1, 12, 1, 2),
    "not folded": (2, 2, 3, 5, 1, 1),
    "no spectra": (0, 2, 2, 4, 1, 2),
    "no filters": (2, 0, 2, 4, 2, 1),
}


def fold_example(dtype: torch.dtype, index_dtype: torch.dtype, case: str) -> Args:
    """Arguments of `filter_fold`; bands among them that pass the end."""
    count, filters, height, width, rows, columns = CASES[case]
    rng = torch.Generator().manual_seed(count + width)
    x = torch.randn(count, height, width, 2, generator=rng, dtype=torch.float64).to(dtype)
    psi = torch.randn(filters, height, width, generator=rng, dtype=torch.float64).to(dtype)
    places = [[0, height, 1, width - 1], [height - 1, 1, width - 2, 3], [0, height, -1, width]]
    if case == "whole bands":
        places = 3 * [[0, height, 0, width]]
    bands = torch.tensor(places, dtype=index_dtype)[:filters]
    return x, psi, bands, rows, columns


def _spread_example(dtype: torch.dtype, index_dtype: torch.dtype, case: str) -> Args:
    x, psi, bands, *folds = fold_example(dtype, index_dtype, case)
    y = _fold_reference(x.double(), psi.double(), bands, *folds) - 0.5
    return (y.to(dtype), psi, bands, *folds)


def fold_bound(args: Args, eps: float) -> Tensor:
    """Rounding of `filter_fold`: one product and rows columns - 1 sums."""
    x, psi, *rest = args
    bound: Tensor = rest[1] * rest[2] * eps * _fold_reference(x.abs(), psi.abs(), *rest)
    return bound


def _spread_bound(args: Args, eps: float) -> Tensor:
    y, psi, *rest = args
    bound: Tensor = psi.shape[0] * eps * _spread_reference(y.abs(), psi.abs(), *rest)
    return bound


FOLD = register(
    Kernel(
        "filter_fold",
        reference=_fold_reference,
        cpu=_fold_cpu,
        fake=_fold_fake,
        setup=_setup,
        backward=_fold_backward,
        check=check_fold,
        example=fold_example,
        bound=fold_bound,
        cases=tuple(CASES),
    )
)
SPREAD = register(
    Kernel(
        "filter_spread",
        reference=_spread_reference,
        cpu=_spread_cpu,
        fake=_spread_fake,
        setup=_setup,
        backward=_spread_backward,
        check=_check_spread,
        example=_spread_example,
        bound=_spread_bound,
        cases=tuple(CASES),
    )
)
