"""Convolutions of infinitely wide networks: over pixels, and over pixels and a group."""

import torch
from torch import Tensor

from geomdl.fields.numbers import at_least, one_of
from geomdl.generalization.infinite.layers import SQRT2, Layer, Weighted
from geomdl.generalization.infinite.state import Covariances, Map, Places, gathered, sandwiched
from geomdl.groups import Group, group
from geomdl.groups.finite import FiniteGroup

PADDINGS = ("zeros", "circular", "valid")


class _Windowed(Weighted):
    """A layer with a square window of pixels."""

    def __init__(
        self, kernel_size: int = 3, padding: str = "zeros", w_std: float = SQRT2, b_std: float = 0.0
    ) -> None:
        super().__init__(w_std, b_std)
        self.kernel_size = at_least("kernel_size", kernel_size, 1)
        if kernel_size % 2 == 0:
            raise ValueError(f"kernel_size: expected an odd number, got {kernel_size}")
        self.padding: str = one_of("padding", padding, PADDINGS)

    def _grid(self, places: Places) -> tuple[int, int]:
        if places.grid is None:
            raise ValueError(f"network: {type(self).__name__} takes images, got {places}")
        cut = self.kernel_size - 1 if self.padding == "valid" else 0
        height, width = (size - cut for size in places.grid)
        if min(height, width) < 1:
            raise ValueError(
                f"kernel_size: expected at most the image of {places}, got {self.kernel_size}"
            )
        return height, width

    def _offsets(self) -> Tensor:
        """Taps (kernel_size², 2) as (x, y), x to the right and y up."""
        r = torch.arange(self.kernel_size) - self.kernel_size // 2
        return torch.cartesian_prod(r, r)

    def _read(self, places: Places, moves: Tensor) -> Tensor:
        """Pixel (or -1) that each new pixel reads under each move (moves, 2) as (x, y)."""
        assert places.grid is not None
        (height, width), (h, w) = places.grid, self._grid(places)
        skip = self.kernel_size // 2 if self.padding == "valid" else 0
        row = (torch.arange(h) + skip)[None, :, None] - moves[:, 1, None, None]
        column = (torch.arange(w) + skip)[None, None, :] + moves[:, 0, None, None]
        if self.padding == "circular":
            row, column = row % height, column % width
        inside = (row >= 0) & (row < height) & (column >= 0) & (column < width)
        return torch.where(inside, row * width + column, -1).flatten(1)


class Conv(_Windowed):
    """Convolution: A_δ reads the pixel at p + δ, for each of the kernel_size² taps δ.

    Args:
        kernel_size: odd.
        padding: "zeros" or "circular", which keep the size, or "valid".
        w_std: standard deviation of the weights times √fan-in.
        b_std: standard deviation of the biases.

    Raises:
        ValueError: an even kernel, unknown padding; when used: no image, or a lifted one.

    Example:
        >>> Conv(kernel_size=3, padding="valid").to(Places(grid=(6, 5))).grid
        (4, 3)
    """

    def to(self, places: Places) -> Places:
        """Smaller without padding."""
        if places.group is not None:
            raise ValueError(f"network: Conv takes plain images, got {places}; use GroupConv")
        return Places(grid=self._grid(places))

    def spread(self, places: Places) -> Map:
        """Mean over the taps."""
        index = self._read(places, self._offsets())
        return lambda kernel: gathered(kernel, index)


class GroupConv(_Windowed):
    """Convolution over pixels and a group G of turns and flips; it lifts plain images first.

    On plain images f'(p, h) = Σ_δ W_δ f(p + hδ); on lifted ones

        f'(p, h) = Σ_δk W_δk f(p + hδ, hk),

    so that A_δk reads (p + hδ, hk): covariances run over pairs of a pixel and an element of G.
    Cost and memory are (pixels · |G|)² for each pair of samples.

    Args:
        group: C1, C2, C4, D1, D2, D4 or its name: it maps the pixels to pixels.
        kernel_size: odd.
        padding: "zeros" or "circular", which keep the size, or "valid".
        w_std: standard deviation of the weights times √fan-in.
        b_std: standard deviation of the biases.

    Raises:
        TypeError: no group.
        ValueError: a group that moves pixels off the grid, an even kernel, unknown padding; when
            used: no image, or one lifted to another group.

    Example:
        >>> GroupConv("C4").to(Places(grid=(5, 5))).size
        100

    Source: Cohen and Welling 2016, arXiv:1602.07576; kernels: Misof et al. 2025, arXiv:2406.06504.
    """

    def __init__(
        self,
        group: Group | str,
        kernel_size: int = 3,
        padding: str = "zeros",
        w_std: float = SQRT2,
        b_std: float = 0.0,
    ) -> None:
        self.group = _plane(group)
        super().__init__(kernel_size, padding, w_std, b_std)

    def to(self, places: Places) -> Places:
        """Lifted, smaller without padding."""
        if places.group is not None and places.group != self.group:
            raise ValueError(
                f"group: expected {places.group.name} as before, got {self.group.name}"
            )
        return Places(grid=self._grid(places), group=self.group)

    def spread(self, places: Places) -> Map:
        """Mean over the group, where there is one, then over the taps."""
        G = self.group
        pixels = places.size // places.order
        turns = G.standard(G.elements).round().to(torch.int64)
        moves = torch.einsum("hab,tb->hta", turns, self._offsets())
        taps = torch.stack([self._read(places, m) for m in moves], 1)  # (taps, |G|, new pixels)
        if places.group is None:
            index = taps.flatten(1)
            return lambda kernel: gathered(kernel, index)
        copy = torch.arange(G.size)[:, None] * pixels
        index = torch.where(taps < 0, -1, taps + copy).flatten(1)
        right = G.translated(G.elements).T  # (k, h): h k
        mixed = (right[..., None] * pixels + torch.arange(pixels)).flatten(1)
        return lambda kernel: gathered(gathered(kernel, mixed), index)


class GroupPool(Layer):
    """Mean over the group at each pixel: lifted images become plain ones.

    Raises:
        ValueError: when used: there is no group.

    Example:
        >>> GroupPool().to(Places(grid=(5, 5), group=group("C4"))).size
        25
    """

    def to(self, places: Places) -> Places:
        """Plain images."""
        if places.group is None:
            raise ValueError(f"network: GroupPool takes lifted images, got {places}")
        return Places(grid=places.grid)

    def __call__(self, state: Covariances) -> Covariances:
        after, n = self.to(state.places), state.places.order

        def mean(kernel: Tensor) -> Tensor:
            shape = (*kernel.shape[:-2], n, after.size, n, after.size)
            return kernel.reshape(shape).mean((-4, -2))

        return state.mapped(mean, after)


class AvgPool(Layer):
    """Mean over windows of size × size pixels that do not overlap.

    Args:
        size: it should divide the image.

    Raises:
        ValueError: a size below 1; when used: no plain image that it divides.

    Example:
        >>> AvgPool(2).to(Places(grid=(6, 4))).grid
        (3, 2)
    """

    def __init__(self, size: int = 2) -> None:
        self.size = at_least("size", size, 1)

    def to(self, places: Places) -> Places:
        """Smaller images."""
        if places.grid is None or any(n % self.size for n in places.grid):
            raise ValueError(f"size: expected images that {self.size} divides, got {places}")
        height, width = places.grid
        return Places((height // self.size, width // self.size), places.group)

    def __call__(self, state: Covariances) -> Covariances:
        after, grid = self.to(state.places), state.places.grid
        assert grid is not None
        height, width = (torch.arange(n) // self.size for n in grid)
        window = (height[:, None] * (grid[1] // self.size) + width).flatten()
        matrix = torch.zeros(after.size // after.order, len(window), dtype=torch.float64)
        matrix[window, torch.arange(len(window))] = 1 / self.size**2
        matrix = torch.block_diag(*[matrix] * after.order)
        return state.mapped(lambda kernel: sandwiched(kernel, matrix), after)


def _plane(G: Group | str) -> FiniteGroup:
    found = group(G) if isinstance(G, str) else G
    if not isinstance(found, Group):
        raise TypeError(f"group: expected a Group or its name, got {type(found).__name__}")
    fits = isinstance(found, FiniteGroup) and found.standard.dim == 2
    if isinstance(found, FiniteGroup) and fits:
        turns = found.standard(found.elements)
        if bool(((turns - turns.round()).abs() < 1e-9).all()):
            return found
    raise ValueError(f"group: expected one that maps pixels to pixels, as C4 or D4, got {found}")
