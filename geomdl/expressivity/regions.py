"""Linear regions of a network: exact on lines, in planes, and by enumeration in few dimensions."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic

import numpy as np
import torch
from torch import Tensor

from geomdl.expressivity.cells import Array, Interval, Polygon, Polyhedron
from geomdl.expressivity.following import Function
from geomdl.expressivity.walking import CellT, Chart, in_float64, walk
from geomdl.fields.numbers import at_least, positive

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_SAME = 1e-9  # relative difference below which two affine maps are one


@dataclass(frozen=True)
class Regions(Generic[CellT]):
    """Activation regions of a network in a domain, and its affine map on each.

    All networks with these activations are affine where no neuron passes a kink and no maximum
    passes from one entry to another. Two regions differ in this pattern, so that `len` counts
    patterns; neighbours may still carry one affine map, see `maps`.

    Args:
        cells: the regions, `Interval`, `Polygon` or `Polyhedron`.
        centres: a point in each, in coordinates of the domain, shape (n, k).
        slopes: derivatives along the coordinates, shape (n, out, k).
        values: outputs at the centres, shape (n, out).
        chart: from coordinates to inputs.
    """

    cells: list[CellT]
    centres: Tensor
    slopes: Tensor
    values: Tensor
    chart: Chart

    def __len__(self) -> int:
        return len(self.cells)

    @property
    def maps(self) -> int:
        """Number of different affine maps, up to rounding (1e-9, relative)."""
        return len(set(self.map_labels().tolist()))

    def map_labels(self) -> Tensor:
        """A number for the affine map of each region, equal for equal maps, shape (n,)."""
        k = self.centres.shape[1]
        offsets = self.values - torch.einsum("nok,nk->no", self.slopes, self.centres)
        maps = torch.cat([self.slopes.flatten(1), offsets], 1)
        thin = _SAME * float(maps.abs().max()) * k
        labels = torch.zeros(len(maps), dtype=torch.int64)
        order = sorted(range(len(maps)), key=lambda i: float(maps[i].sum()))
        first: list[int] = []  # representatives, by ascending sum
        reach = thin * maps.shape[1]
        for i in order:
            same = None
            for j in reversed(first):
                if float(maps[i].sum() - maps[j].sum()) > reach:
                    break
                if bool((maps[i] - maps[j]).abs().max() <= thin):
                    same = j
                    break
            if same is None:
                first.append(i)
            labels[i] = i if same is None else same
        return labels


@dataclass(frozen=True)
class LineRegions(Regions[Interval]):
    """`Regions` on a segment, in order."""

    @property
    def knots(self) -> Tensor:
        """Ends of the activation regions, in units of the segment, shape (n + 1,)."""
        return torch.tensor([self.cells[0].a, *(c.b for c in self.cells)], dtype=torch.float64)

    @property
    def breakpoints(self) -> Tensor:
        """Where the slope changes: knots between neighbours with different derivatives."""
        jump = (self.slopes[1:] - self.slopes[:-1]).abs().flatten(1).amax(1)
        return self.knots[1:-1][jump > _SAME * float(self.slopes.abs().max())]

    @property
    def pieces(self) -> int:
        """Number of linear pieces of the function, neighbours with one slope counted once."""
        return len(self.breakpoints) + 1


@dataclass(frozen=True)
class PlaneRegions(Regions[Polygon]):
    """`Regions` in a convex polygon, with corners to draw."""

    @property
    def polygons(self) -> list[Array]:
        """Corners of each region, shape (v, 2) each, in coordinates of the plane."""
        return [cell.corners for cell in self.cells]

    @property
    def areas(self) -> Tensor:
        """Of the regions, shape (n,)."""
        return torch.tensor([cell.area for cell in self.cells], dtype=torch.float64)

    def find(self, t: Tensor) -> Tensor:
        """The region of each point.

        Args:
            t: coordinates in the plane, shape (m, 2).

        Returns:
            int64, shape (m,); -1 outside of all; on a border, one of the neighbours.
        """
        points = t.detach().double().numpy()
        found = np.full(len(points), -1)
        thin = 1e-9 * self.cells[0].size
        for i, cell in enumerate(self.cells):
            edges = np.roll(cell.corners, -1, 0) - cell.corners
            away = points[:, None] - cell.corners
            cross = edges[:, 0] * away[..., 1] - edges[:, 1] * away[..., 0]
            first, second = cell.corners[:2] - cell.centre
            turn = np.sign(first[0] * second[1] - first[1] * second[0])
            found[(turn * cross >= -thin * np.linalg.norm(edges, axis=1)).all(1)] = i
        return torch.from_numpy(found)

    def plot(
        self, axes: "Axes | None" = None, color: str = "value", output: int = 0, **style: Any
    ) -> "Axes":
        """Draw the regions.

        Args:
            axes: of matplotlib; new ones if None.
            color: "value" of the network at the centre, "slope" (length of its gradient), or
                "map": one colour for each affine map, at random.
            output: which entry of the output.
            style: of matplotlib's `PolyCollection`.

        Returns:
            The axes.

        Raises:
            ValueError: an unknown ``color``, or no such output.
        """
        from matplotlib.collections import PolyCollection
        from matplotlib.figure import Figure

        if not 0 <= output < self.values.shape[1]:
            raise ValueError(f"output: expected one of {self.values.shape[1]}, got {output}")
        if color == "value":
            shade = self.values[:, output]
        elif color == "slope":
            shade = self.slopes[:, output].norm(dim=1)
        elif color == "map":
            labels = self.map_labels()
            shade = torch.rand(len(labels), generator=torch.Generator().manual_seed(0))[labels]
        else:
            raise ValueError(f"color: expected one of value, slope, map, got {color!r}")
        if axes is None:
            axes = Figure(figsize=(4.5, 4.5), layout="constrained").add_subplot()
        look: dict[str, Any] = {"edgecolors": "#1b2230", "linewidths": 0.4, "cmap": "viridis"}
        look |= style
        drawn = PolyCollection(self.polygons, array=shade.numpy(), **look)
        axes.add_collection(drawn)
        axes.autoscale_view()
        axes.set_aspect("equal")
        axes.grid(visible=False)
        return axes


def _input(name: str, value: Any) -> Tensor:
    if not isinstance(value, Tensor):
        raise TypeError(f"{name}: expected a tensor, got {type(value).__name__}")
    if value.is_complex():
        raise TypeError(f"{name}: expected real numbers, got {value.dtype}")
    number: Tensor = value.detach().double()
    if not bool(torch.isfinite(number).all()):
        raise ValueError(f"{name}: expected finite numbers, got NaN or infinity")
    return number


def regions_on_line(
    model: Function, start: Tensor, end: Tensor, *, limit: int = 1_000_000
) -> LineRegions:
    """Linear pieces of a network between two inputs: every breakpoint, no sampling.

    On x(t) = (1 - t) start + t end each pre-activation of the first layer is affine in t and has
    one root at most; between roots the next layer is affine, and so on. A maximum is cut where the
    entry that it takes changes. The network may be any module whose only nonlinearities are ReLU,
    leaky ReLU, PReLU, abs, clamp, hardtanh, ReLU6, hard sigmoid, soft shrinkage, and maxima and
    minima (max pooling, `amax`, `max`, `maximum`), with convolutions, residual connections, means,
    equivariant layers … between them; it is evaluated in float64, and compared with its affine
    pieces at their ends and within. *Exact* up to rounding: pieces shorter than 1e-11 of the
    segment are not told from none, nor are entries of a maximum that differ by less.

    Args:
        model: samples along its first axis.
        start: an input, without that axis.
        end: likewise.
        limit: most regions before giving up.

    Returns:
        Regions in order; `.knots`, `.breakpoints`, `.pieces`.

    Raises:
        TypeError: no network, or no tensors.
        ValueError: dropout or batch norm in training mode, a network with other nonlinearities,
            different shapes or equal ends, too many regions.

    Example:
        >>> from geomdl.expressivity import sawtooth
        >>> saw = sawtooth(5)
        >>> regions_on_line(saw, torch.zeros(1), torch.ones(1)).pieces
        32

    Source: elementary; regions along lines as Raghu et al. 2017, arXiv:1606.05336.
    """
    a, b = _input("start", start), _input("end", end)
    if a.shape != b.shape:
        raise ValueError(
            f"end: expected the shape of start, {tuple(a.shape)}, got {tuple(b.shape)}"
        )
    if bool((a == b).all()):
        raise ValueError("end: expected another point than start, got the same")
    chart = Chart(a, (b - a).unsqueeze(0))
    cells, slopes, values = walk(in_float64(model), [Interval(0.0, 1.0, 1.0)], chart, limit)
    return LineRegions(cells, _centres(cells), slopes, values, chart)


def regions_in_plane(model: Function, polygon: Tensor, *, limit: int = 100_000) -> PlaneRegions:
    """Linear regions of a network in a convex polygon of its input space, as polygons to draw.

    Every neuron cuts the pieces of the layers before along a straight line. *Exact* up to rounding:
    pieces thinner than 1e-11 of the polygon are not told from none. Networks as for
    `regions_on_line`.

    Args:
        model: samples along its first axis.
        polygon: corners in order, shape (v, *input), v ≥ 3, convex and flat. Where the input has
            shape (2,), its own coordinates are those of the plane; else they begin at the first
            corner, the first axis leads to the second one, both have length one.
        limit: most regions before giving up.

    Returns:
        Regions with `.polygons`, `.areas`, `.slopes` and `.plot()`.

    Raises:
        TypeError: no network, or no tensor.
        ValueError: fewer than three corners, a polygon that is not convex or not flat; as for
            `regions_on_line`.

    Example:
        >>> model = torch.nn.Sequential(torch.nn.Linear(2, 1), torch.nn.ReLU())
        >>> _ = torch.nn.init.ones_(model[0].weight), torch.nn.init.constant_(model[0].bias, -1.0)
        >>> square = torch.tensor([[0.0, 0], [1, 0], [1, 1], [0, 1]])
        >>> regions_in_plane(model, square).areas.tolist()
        [0.5, 0.5]

    Source: elementary; drawn so by Hanin and Rolnick 2019, arXiv:1901.09021.
    """
    corners = _input("polygon", polygon)
    if corners.ndim < 2 or len(corners) < 3:
        raise ValueError(
            f"polygon: expected corners (v, *input), v ≥ 3, got {tuple(corners.shape)}"
        )
    chart = _plane(corners)
    flat = corners.flatten(1) - chart.origin.flatten()
    t = flat @ chart.axes.flatten(1).T
    size = float((t - t[0]).abs().max())
    if not float((flat - t @ chart.axes.flatten(1)).abs().max()) <= 1e-9 * size:
        raise ValueError("polygon: expected corners in one plane")
    sides = t.roll(-1, 0) - t
    following = sides.roll(-1, 0)
    turn = sides[:, 0] * following[:, 1] - sides[:, 1] * following[:, 0]
    around = turn.sign().unique()
    angles = torch.atan2(turn, (sides * following).sum(1)).sum().abs()
    if len(around) != 1 or float(around) == 0 or not float(angles) < 6.5:
        raise ValueError("polygon: expected the corners of a convex polygon, in order")
    cells, slopes, values = walk(in_float64(model), [Polygon(t.numpy(), size)], chart, limit)
    return PlaneRegions(cells, _centres(cells), slopes, values, chart)


def _plane(corners: Tensor) -> Chart:
    """Orthonormal axes of the plane of the first three corners; the input's own in 2D."""
    shape = corners.shape[1:]
    if shape == (2,):
        return Chart(torch.zeros(2).double(), torch.eye(2).double())
    u, v = (corners[1] - corners[0]).flatten(), (corners[2] - corners[0]).flatten()
    first = u / u.norm()
    second = v - (v @ first) * first
    if not float(second.norm()) > 1e-12 * float(v.norm()):
        raise ValueError("polygon: expected three corners that are not on one line")
    axes = torch.stack([first, second / second.norm()])
    return Chart(corners[0], axes.reshape(2, *shape))


def enumerate_regions(
    model: Function, shape: int | tuple[int, ...], box: float | None = None, *, limit: int = 5000
) -> Regions[Polyhedron]:
    """All activation regions of a small network, in the whole input space or in a cube.

    A region is a polyhedron; a neuron of the next layer cuts it in two where a linear program finds
    room on both sides. The cost is one program for each region and neuron, a millisecond or so.
    *Exact* for regions that hold a ball of radius 1e-8 (times ``box``), up to rounding.

    Args:
        model: as for `regions_on_line`.
        shape: of an input, or its dimension.
        box: only |x_i| ≤ box; everything if None.
        limit: most regions before giving up.

    Returns:
        Regions, whose `.slopes` are the Jacobians of the network.

    Raises:
        ValueError: as for `regions_on_line`.

    Example:
        >>> from geomdl.expressivity import zaslavsky
        >>> _ = torch.manual_seed(0)
        >>> layer = torch.nn.Sequential(torch.nn.Linear(2, 4), torch.nn.ReLU())
        >>> len(enumerate_regions(layer, 2)), zaslavsky(4, 2)
        (11, 11)

    Source: Serra, Tjandraatmadja and Ramalingam 2018, arXiv:1711.02114, count by mixed integer
    programs; the walk by layers is elementary.
    """
    sizes = (shape,) if isinstance(shape, int) else tuple(shape)
    k = 1
    for size in sizes:
        k *= at_least("shape", size, 1)
    half = 1.0 if box is None else positive("box", box)
    walls = np.zeros((0, k)) if box is None else np.concatenate([np.eye(k), -np.eye(k)])
    start = Polyhedron(walls, np.full(len(walls), half), np.zeros(k), half)
    chart = Chart(torch.zeros(sizes).double(), torch.eye(k).double().reshape(k, *sizes))
    cells, slopes, values = walk(in_float64(model), [start], chart, limit)
    return Regions(cells, _centres(cells), slopes, values, chart)


def _centres(cells: Any) -> Tensor:
    return torch.from_numpy(np.stack([cell.centre for cell in cells]))
