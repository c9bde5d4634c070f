"""Where the transforms of filters are not negligible."""

import torch
from torch import Tensor

_LEAST = 1e-12  # of a filter's greatest value
_SHORT = 300  # columns of an image


def bands_of(psi: Tensor) -> Tensor:
    """Rows and columns outside of which a filter is below 1e-12 of its greatest value.

    Args:
        psi: transforms, shape (filters, M, N).

    Returns:
        int64, shape (filters, 4): first row, rows, first column, columns. A band may pass the end
        and go on at 0. Short rows are taken whole, which is faster.

    Example:
        >>> bands_of(torch.tensor([[[3.0, 1.0, 0.0, 2.0]]])).tolist()
        [[0, 1, 3, 3]]
    """
    if psi.shape[1] > 1 and psi.shape[2] < _SHORT:
        return torch.tensor([[0, psi.shape[1], 0, psi.shape[2]]]).repeat(len(psi), 1)
    found = []
    for filter in psi.abs():
        least = _LEAST * float(filter.max())
        rows, columns = (_band(filter.amax(1 - axis) > least) for axis in (0, 1))
        found.append((*rows, *columns))
    return torch.tensor(found, dtype=torch.int64).reshape(-1, 4)


def _band(kept: Tensor) -> tuple[int, int]:
    """First place and length of the shortest arc of a circle that holds all that is kept."""
    n, places = len(kept), kept.nonzero().flatten()
    if len(places) in (0, n):
        return 0, len(places)
    gaps = torch.cat([places[1:], places[:1] + n]) - places
    last = int(gaps.argmax())  # the widest gap lies after it
    return int(places[(last + 1) % len(places)]), n - int(gaps[last]) + 1
