"""One-parameter groups t -> ρ(t), and how they move tensors: inputs, outputs, and all between."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from geomdl.fields import Field, Grid
from geomdl.fields.grid import Motion
from geomdl.fields.mixing import mix
from geomdl.fields.motion import motion
from geomdl.fields.numbers import one_of
from geomdl.fields.resample import interpolate
from geomdl.groups.translations import array_frame, array_matrix

Curve = Callable[[Tensor, Tensor], Tensor]  # (t, x) -> x moved by ρ(t); t is a float64 number
_TURNS = {  # linear generators of the plane, (x, y) with y up
    "rotation": ((0.0, -1.0), (1.0, 0.0)),
    "scale": ((1.0, 0.0), (0.0, 1.0)),
    "shear": ((0.0, 1.0), (0.0, 0.0)),
    "hyperbolic": ((1.0, 0.0), (0.0, -1.0)),
}


def still(_t: Tensor, x: Tensor) -> Tensor:
    """Move nothing: the action on what is invariant."""
    return x


def tangent(curve: Curve, x: Tensor) -> Tensor:
    """Derivative d/dt ρ(t) x at t = 0, by double-vjp: *exact* for the curve as it is written.

    Forward mode is not used: through a custom op it may be zero without a word. A curve with a
    method `tangent` is asked for it instead.

    Args:
        curve: (t, x) -> x_t, differentiable in t.
        x: floating tensor.

    Returns:
        shape of ``x``.

    Raises:
        ValueError: the curve changes the shape, or is not x at t = 0.

    Example:
        >>> tangent(lambda t, x: torch.exp(2 * t) * x, torch.ones(2, dtype=torch.float64))
        tensor([2., 2.], dtype=torch.float64)
    """
    if curve is still:
        return torch.zeros_like(x)
    own = getattr(curve, "tangent", None)
    if own is not None:
        return own(x)  # type: ignore[no-any-return]
    with torch.enable_grad():
        t = torch.zeros((), dtype=torch.float64, device=x.device, requires_grad=True)
        y = curve(t, x.detach())
        if y.shape != x.shape:
            raise ValueError(
                f"action: expected the shape {tuple(x.shape)} of x, got {tuple(y.shape)}"
            )
        off = (y - x).detach().abs()
        if off.numel() and not bool((off <= 1e-5 * (1 + x.abs().max())).all()):
            raise ValueError(f"action: expected x at t = 0, got one off by {float(off.max()):.2g}")
        if not y.requires_grad:
            return torch.zeros_like(x)
        dual = torch.zeros_like(y, requires_grad=True)
        (slope,) = torch.autograd.grad(y, t, dual, create_graph=True)
        (found,) = torch.autograd.grad(slope, dual)
    return found.detach()


def moved(curve: Curve, t: float, x: Tensor) -> Tensor:
    """The tensor moved by ρ(t)."""
    return curve(torch.tensor(t, dtype=torch.float64, device=x.device), x)


@dataclass(frozen=True, eq=False)
class Warp:
    """A one-parameter group of affine motions of the plane, on arrays of any resolution.

        (ρ(t) h)(p) = h(S M(−t) S⁻¹ p),    S = diag(size of h / size of the input),

    p in pixels from the centre. A tensor (batch, channels, *spatial), or with its channels last, is
    moved; of a sequence (batch, 1 + n, channels) whose n tokens are patches of the input the n are,
    and its first, a class token, stays; all else is invariant. Between pixels arrays are read by
    Fourier series if periodic (*exact* below half the sampling rate), else by cubic B-splines,
    mirrored at the border (the error falls with the fourth power of the pixel size). A map whose
    centre a layer has shifted (a stride that does not divide) is moved about its own.

    Attributes:
        at: t -> motion in pixels of the input, in the array's frame; differentiable.
        sizes: spatial sizes of the input.
        periodic: whether the array closes up.
    """

    at: Callable[[Tensor], Motion]
    sizes: tuple[int, ...]
    periodic: bool = False

    def __call__(self, t: Tensor, x: Tensor) -> Tensor:
        """Move one tensor."""
        d = len(self.sizes)
        if x.ndim == d + 2:
            last = not self.fits(x.shape[2:]) and self.fits(x.shape[1:-1])
            return self.image(t, x.movedim(-1, 1)).movedim(1, -1) if last else self.image(t, x)
        patches = self.patches(x)
        if patches is None:
            return x
        first = x.shape[1] - torch.Size(patches).numel()
        image = self.image(t, x[:, first:].mT.unflatten(2, patches))
        return torch.cat([x[:, :first], image.flatten(2).mT], dim=1)

    def image(self, t: Tensor, x: Tensor) -> Tensor:
        """Move an array (batch, channels, *spatial)."""
        place = self.at(-t.cpu())
        sizes = torch.tensor(x.shape[2:], dtype=torch.float64)
        ratio = sizes / torch.tensor(self.sizes, dtype=torch.float64)
        linear = ratio.unsqueeze(1) * place.linear / ratio
        ranges = [torch.arange(n, dtype=torch.float64) - (n - 1) / 2 for n in x.shape[2:]]
        goal = torch.stack(torch.meshgrid(*ranges, indexing="ij"), dim=-1).flatten(0, -2)
        origin = goal @ linear.mT + ratio * place.shift + (sizes - 1) / 2
        method = "fourier" if self.periodic else "spline"
        return interpolate(x, origin, periodic=self.periodic, method=method).reshape(x.shape)

    def fits(self, sizes: torch.Size) -> bool:
        """Whether an array of these sizes has the proportions of the input."""
        return all(n * self.sizes[0] == sizes[0] * m
                   for n, m in zip(sizes, self.sizes, strict=True))  # fmt: skip

    def acts(self, x: Tensor) -> bool:
        """Whether an array can be moved: where images close up, a padded one cannot."""
        d = len(self.sizes)
        if not self.periodic or x.ndim != d + 2:
            return True
        ends = [(s, n) for i in (2, 1) for s, n in zip(x.shape[i : i + d], self.sizes, strict=True)]
        whole = [bool(s and n) and (s % n == 0 or n % s == 0) for s, n in ends]
        return all(whole[:d]) or all(whole[d:])

    def patches(self, x: Tensor) -> tuple[int, ...] | None:
        """Numbers of patches along the axes of the input; None if it is no sequence of them."""
        if x.ndim != 3 or len(self.sizes) < 2:
            return None
        for size in range(1, min(self.sizes) + 1):
            if all(n % size == 0 for n in self.sizes):
                numbers = tuple(n // size for n in self.sizes)
                if x.shape[1] - torch.Size(numbers).numel() in (0, 1):
                    return numbers
        return None


def warp(name: str, sizes: tuple[int, ...], periodic: bool = False) -> Warp:
    """Warp of images by name.

    Args:
        name: "translation_x" (to the right, t in pixels), "translation_y" (up), "translation_z";
            in the plane also "rotation" (counterclockwise, t in radians), "scale" (by e^t),
            "shear" (x + t y) and "hyperbolic" (x e^t, y e^−t), about the centre.
        sizes: spatial sizes of the image.
        periodic: whether it closes up.

    Raises:
        ValueError: unknown name, or one that does not act on a periodic array.
    """
    d = len(sizes)
    known = names(d)
    one_of("action", name, known)
    if periodic and name in _TURNS:
        raise ValueError(f"action: expected a translation of a periodic array, got {name!r}")
    linear, shift = torch.zeros(d, d, dtype=torch.float64), torch.zeros(d, dtype=torch.float64)
    if name in _TURNS:
        linear = array_matrix(torch.tensor(_TURNS[name]))
    else:
        shift = array_frame(d)[:, known.index(name)]

    def at(t: Tensor) -> Motion:
        return Motion(torch.linalg.matrix_exp(t * linear), t * shift)

    return Warp(at, sizes, periodic)


def names(d: int) -> list[str]:
    """Names of the warps of a d-dimensional array.

    Example:
        >>> names(1), len(names(2))
        (['translation_x'], 6)
    """
    return [*(f"translation_{axis}" for axis in "xyz"[:d]), *(_TURNS if d == 2 else ())]


@dataclass(frozen=True, eq=False)
class FieldCurve:
    """exp(t A) acting on a field, A = `group.lie_algebra[index]`.

    On grids as `Warp` with ρ(exp(t A)) beside; its derivative has `Rep.lie`, *exactly*.
    """

    field: Field
    index: int

    def element(self, t: Tensor) -> Any:
        """exp(t A)."""
        group = self.field.group
        return group.exp(t.cpu() * torch.eye(group.lie_dim, dtype=torch.float64)[self.index])

    def places(self, sizes: tuple[int, ...]) -> Warp:
        """How the pixels of a grid move."""
        grid = self.field.domain
        assert isinstance(grid, Grid)
        return Warp(lambda t: motion(grid, self.field.group, self.element(t)), sizes, grid.periodic)

    def __call__(self, t: Tensor, x: Tensor) -> Tensor:
        """Act on a tensor of the field's type."""
        if not isinstance(self.field.domain, Grid):
            return self.field.act(self.element(t), x)
        there = self.places(tuple(x.shape[2:])).image(t, x)
        return mix(self.field.rep, self.element(t), there.flatten(2)).reshape(x.shape)

    def tangent(self, x: Tensor) -> Tensor:
        """A x."""
        field = self.field
        self.field.check(x)
        lie = field.rep.lie[self.index].to(x)
        if isinstance(field.domain, Grid):
            mixed = torch.einsum("ij,bj...->bi...", lie, x)
            return mixed + tangent(self.places(tuple(x.shape[2:])).image, x)
        values = x.reshape(*x.shape[: x.ndim - len(field.fibre)], field.rep.dim, -1)
        turned = (lie @ values).reshape(x.shape)
        if not field.affine:
            return turned

        def shift(t: Tensor, _zero: Tensor) -> Tensor:
            translation = field.group.parts(self.element(t)).translation
            return _zero if translation is None else translation

        return turned + tangent(shift, torch.zeros(field.rep.dim, dtype=torch.float64)).to(x)
