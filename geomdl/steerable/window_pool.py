"""Windows over which pools run: where they are, what goes round the ends, what is refused."""

from collections.abc import Sequence

from torch import Tensor, nn

from geomdl.fields import Field
from geomdl.steerable.checks import GridCheck, is_whole, named, shifts, whole
from geomdl.steerable.low_pass import blur, positive, reach, wrapped
from geomdl.steerable.sizes import pool_window
from geomdl.steerable.taps import grid_of


class WindowPool(nn.Module):
    """What pools over windows share: windows chosen by parity, and checked. Not a layer.

    Attributes:
        wrap: whether the array closes up, so that windows and Gaussians go round its ends.
    """

    def __init__(
        self,
        source: Field,
        stride: int = 2,
        kernel_size: int | None = None,
        padding: int = 0,
        antialias: float | None = None,
    ) -> None:
        super().__init__()
        whole(stride=stride, kernel_size=1 if kernel_size is None else kernel_size)
        positive(antialias)
        if not is_whole(padding) or (
            padding and (kernel_size is None or 2 * padding > kernel_size)
        ):
            raise ValueError(
                f"padding: should be from 0 to half of kernel_size={kernel_size}, got {padding!r}"
            )
        if shifts(source):
            _keeps_shifts(source, stride, kernel_size, padding)
        self.source = self.target = source
        self.stride, self.kernel_size, self.padding = stride, kernel_size, padding
        self.antialias = antialias
        self._grid = grid_of(source, "source")
        self._check = GridCheck.of(source)
        self.wrap = self._grid.periodic
        self.prepare()

    def prepare(self) -> None:
        """What a kind of pool refuses, and finds out, at construction."""

    def window(self, x: Tensor) -> list[int]:
        """Check the input; window along each axis."""
        self._check.shape(self, x)
        return named(self, self._windows, x.shape[2:])

    def _windows(self, sizes: Sequence[int]) -> list[int]:
        if self.kernel_size is None:
            return [pool_window(n, self.stride) for n in sizes]
        self._check.fit(sizes, self.kernel_size, self.stride, self.padding)
        return [self.kernel_size] * self._grid.d

    def extended(self, x: Tensor) -> tuple[Tensor, int]:
        """On an array that closes up: the input with all pixels that windows and Gaussians meet.

        Else the input. Also the padding that is left to the pool.
        """
        if not self.wrap:
            return x, self.padding
        margin = 0 if self.antialias is None else reach(self.antialias)
        margin += self.padding
        named(self, self._goes_round_once, margin, x.shape[2:])
        return wrapped(x, [margin] * self._grid.d), 0

    def _goes_round_once(self, margin: int, sizes: Sequence[int]) -> None:
        """Refuse an array with fewer pixels than windows and Gaussians meet round its ends."""
        if margin > min(sizes):
            raise ValueError(
                f"x: padding={self.padding} and antialias={self.antialias} reach {margin} pixels "
                f"round the ends, more than {min(sizes)}"
            )

    def thinned(self, x: Tensor) -> Tensor:
        """Low-pass what was pooled at every place, and keep one place in ``stride``."""
        assert self.antialias is not None
        return blur(x, self.antialias, self.stride, extended=self.wrap)

    def extra_repr(self) -> str:
        """Sizes."""
        window = "by parity" if self.kernel_size is None else self.kernel_size
        low_pass = "" if self.antialias is None else f", antialias={self.antialias}"
        return f"stride={self.stride}, kernel_size={window}, padding={self.padding}{low_pass}"


def _keeps_shifts(source: Field, stride: int, kernel_size: int | None, padding: int) -> None:
    """Refuse windows that would skip pixels, or give fewer than there are."""
    if stride > 1:
        raise ValueError(
            f"stride: {source.group.name} shifts pixels, which a stride of {stride} would skip"
        )
    if kernel_size is not None and kernel_size != 2 * padding + 1:
        raise ValueError(
            f"kernel_size: {source.group.name} shifts pixels, which needs 2·padding + 1="
            f"{2 * padding + 1}, got {kernel_size}"
        )
