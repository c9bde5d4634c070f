"""Solid shapes on a grid of voxels, turned at random; made, not read."""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from geomdl.data.files import Root
from geomdl.data.registry import register

VOLUME = 0.3  # of every shape at scale 1, in units of the radius of the inscribed ball cubed
BLUR = 0.6  # standard deviation of the antialiasing, in voxels


def _cube(p: Tensor) -> Tensor:
    return p.abs().amax(-1) - math.cbrt(VOLUME) / 2


def _tetrahedron(p: Tensor) -> Tensor:
    edge = math.cbrt(6 * math.sqrt(2) * VOLUME)
    faces = p.new_tensor([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]]) / math.sqrt(3)
    return (p @ faces.T).amax(-1) - edge / math.sqrt(24)


def _octahedron(p: Tensor) -> Tensor:
    edge = math.cbrt(3 / math.sqrt(2) * VOLUME)
    return (p.abs().sum(-1) - edge / math.sqrt(2)) / math.sqrt(3)


def _cylinder(p: Tensor) -> Tensor:
    radius = math.cbrt(VOLUME / (2.5 * math.pi))  # height 2.5 radii
    return torch.maximum(p[..., :2].norm(dim=-1) - radius, p[..., 2].abs() - 1.25 * radius)


def _cone(p: Tensor) -> Tensor:
    radius = math.cbrt(3 * VOLUME / (2 * math.pi))  # height 2 radii; the centroid is the origin
    base, apex = -0.5 * radius, 1.5 * radius
    side = (2 * p[..., :2].norm(dim=-1) + p[..., 2] - apex) / math.sqrt(5)
    return torch.maximum(side, base - p[..., 2])


def _torus(p: Tensor) -> Tensor:
    tube = math.cbrt(VOLUME / (4.4 * math.pi**2))  # of a ring of radius 2.2 tubes
    around = p[..., :2].norm(dim=-1) - 2.2 * tube
    return torch.hypot(around, p[..., 2]) - tube


def _box(p: Tensor, centre: tuple[float, ...], half: tuple[float, ...]) -> Tensor:
    return ((p - p.new_tensor(centre)).abs() - p.new_tensor(half)).amax(-1)


def _cross(p: Tensor) -> Tensor:
    arm = math.cbrt(27 / 7 * VOLUME) / 2  # three square bars, three times as long as wide
    bars = [tuple(arm if axis == k else arm / 3 for axis in range(3)) for k in range(3)]
    return torch.stack([_box(p, (0, 0, 0), bar) for bar in bars]).amin(0)


def _ell(p: Tensor) -> Tensor:
    s = math.cbrt(VOLUME / 4)  # three cubes in a row and one beside the last; centroid 0
    row = _box(p, (-s / 4, s / 4, 0), (s / 2, 1.5 * s, s / 2))
    foot = _box(p, (0.75 * s, -0.75 * s, 0), (s / 2, s / 2, s / 2))
    return torch.minimum(row, foot)


def _helix(hand: int) -> Callable[[Tensor], Tensor]:
    turns, radius, pitch = 1.5, 0.42, 0.6
    length = turns * math.hypot(2 * math.pi * radius, pitch)
    tube = math.sqrt(VOLUME / (math.pi * length))

    def distance(p: Tensor) -> Tensor:
        t = math.pi * turns * torch.linspace(-1, 1, 64, dtype=p.dtype)
        height = pitch * t / (2 * math.pi)
        curve = torch.stack([radius * t.cos(), hand * radius * t.sin(), height], -1)
        return torch.cdist(p, curve).amin(-1) - tube

    return distance


SHAPES: dict[str, Callable[[Tensor], Tensor]] = {
    "cube": _cube,
    "tetrahedron": _tetrahedron,
    "octahedron": _octahedron,
    "cylinder": _cylinder,
    "cone": _cone,
    "torus": _torus,
    "cross": _cross,
    "ell": _ell,
    "left helix": _helix(-1),
    "right helix": _helix(1),
}
"""Distance from the surface, negative inside, of points (..., 3): by name, in order of the labels.

All have the volume `VOLUME` (but for the overlap of a helix with itself and its rounded ends) and
fit into the unit ball. The two helices are mirror images of one another; all other shapes are
mirror images of themselves.
"""


def render(labels: Tensor, rotations: Tensor, scales: Tensor, size: int) -> Tensor:
    """Occupancy of turned shapes on a cubic grid, antialiased.

    y[n, p] = Φ(−s d(R⁻¹ p / s) / (b h)): p the voxel's place in units of the radius of the
    inscribed ball, d the distance from the surface, s the scale, h the voxel's width, b = `BLUR`,
    Φ the normal distribution. So flat faces are blurred by a Gaussian; the function of p that is
    sampled is turned *exactly*.

    Args:
        labels: places in `SHAPES`, int64, shape (n,).
        rotations: R, orthogonal, on coordinates (x, y, z), shape (n, 3, 3), floating; x runs along
            the last axis of the array, y and z against the two before it.
        scales: s, shape (n,).
        size: voxels along each axis.

    Returns:
        shape (n, 1, size, size, size), in [0, 1], of the dtype of ``rotations``.

    Example:
        >>> one = torch.tensor([0])
        >>> x = render(one, torch.eye(3)[None], torch.ones(1), 9)
        >>> [round(float(v), 2) for v in x[0, 0, 4, 4]]
        [0.0, 0.01, 0.21, 0.8, 0.99, 0.8, 0.21, 0.01, 0.0]
    """
    line = torch.arange(size, dtype=rotations.dtype) - (size - 1) / 2
    z, y, x = torch.meshgrid(-line, -line, line, indexing="ij")
    points = torch.stack([x, y, z], -1).reshape(-1, 3) * (2 / size)
    scales = scales.to(rotations.dtype).reshape(-1, 1)
    occupancy = rotations.new_zeros(len(labels), size**3)
    for label, distance in enumerate(SHAPES.values()):
        for at in (labels == label).nonzero().flatten().split(64):
            local = points @ rotations[at] / scales[at].unsqueeze(-1)  # rows: R⁻¹ p / s
            occupancy[at] = torch.special.ndtr(-scales[at] * distance(local) * (size / 2 / BLUR))
    return occupancy.reshape(-1, 1, size, size, size)


def random_rotations(n: int, rng: torch.Generator) -> Tensor:
    """Uniformly random rotations, from unit quaternions: shape (n, 3, 3), float64.

    Example:
        >>> R = random_rotations(5, torch.Generator().manual_seed(0))
        >>> bool((torch.linalg.det(R) - 1).abs().max() < 1e-12)
        True
    """
    q = torch.randn(n, 4, generator=rng, dtype=torch.float64)
    w, x, y, z = (q / q.norm(dim=1, keepdim=True)).unbind(1)
    rows = [
        1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y),
        2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x),
        2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y),
    ]  # fmt: skip
    return torch.stack(rows, 1).reshape(n, 3, 3)


@register("shapes3d")
def shapes3d(
    root: Root = None,
    download: bool = False,
    n: int = 1000,
    size: int = 17,
    seed: int = 0,
    noise: float = 0.1,
    turned: bool = True,
) -> dict[str, Tensor]:
    """Solid shapes on voxels, in ten classes: each turned and scaled at random, with noise.

    The classes are those of `SHAPES`, equally frequent (up to one), all of the same volume;
    rotations are uniform, scales uniform in [0.8, 1].

    Args:
        root: not needed.
        download: not needed.
        n: number of samples.
        size: voxels along each axis, at least 9.
        seed: of everything that is random; another seed gives independent samples.
        noise: standard deviation of the white Gaussian noise in every voxel.
        turned: whether to turn the shapes; if not, the rotations are the identity.

    Returns:
        images: float32, shape (n, 1, size, size, size), occupancy in [0, 1] before the noise.
        labels: int64, 0 to 9, shape (n,).
        rotations: float64, shape (n, 3, 3), as for `render`.
        scales: float64, shape (n,).

    Raises:
        ValueError: `n`, `size` or `noise` out of range.

    Example:
        >>> from geomdl.data import load
        >>> load("shapes3d", n=20, size=9)["images"].shape
        torch.Size([20, 1, 9, 9, 9])
    """
    for name, value, least in (("n", n, 1), ("size", size, 9)):
        if not isinstance(value, int) or isinstance(value, bool) or value < least:
            raise ValueError(
                f"shapes3d: {name} should be an int of at least {least}, got {value!r}"
            )
    if not 0 <= noise < math.inf:
        raise ValueError(f"shapes3d: noise should be at least 0 and finite, got {noise}")
    rng = torch.Generator().manual_seed(seed)
    labels = torch.randperm(n, generator=rng) % len(SHAPES)
    rotations = random_rotations(n, rng)
    scales = 0.8 + 0.2 * torch.rand(n, generator=rng, dtype=torch.float64)
    if not turned:
        rotations = torch.eye(3, dtype=torch.float64).repeat(n, 1, 1)
    images = render(labels, rotations.to(torch.float32), scales, size)
    images += noise * torch.randn(images.shape, generator=rng)
    return {"images": images, "labels": labels, "rotations": rotations, "scales": scales}
