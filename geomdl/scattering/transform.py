"""What the scattering transforms of signals and of images share."""

import math
from collections.abc import Callable, Mapping, Sequence
from numbers import Integral, Real
from typing import Any, Literal, get_args

import torch
from torch import Tensor, nn

from geomdl.fields.numbers import one_of
from geomdl.fields.space import Space
from geomdl.kernels.precision import uncast
from geomdl.kernels.rows import wide
from geomdl.scattering.banks import Bank
from geomdl.scattering.cascade import Levels, Node, Plan, Which, canonical
from geomdl.scattering.learnt import Parameters
from geomdl.scattering.lowpass import Span
from geomdl.scattering.padding import Axis, Mode, check_mode, pad
from geomdl.scattering.paths import PathInfo, describe

Out = Literal["array", "dict", "list"]
Frame = Literal["morlet", "tight"]
Width = int | Literal["global"] | None


def check_word(name: str, value: str, words: Any) -> None:
    """Refuse another value than those of a Literal."""
    one_of(name, value, get_args(words))


def check_number(name: str, value: Any, least: int, most: int | None = None) -> int:
    """A whole number in a range, NumPy's too, as an int; anything else is refused."""
    if isinstance(value, bool) or not isinstance(value, Integral) or int(value) < least:
        raise ValueError(f"{name}: expected an integer of at least {least}, got {value!r}")
    if most is not None and int(value) > most:
        raise ValueError(f"{name}: expected at most {most}, got {value}")
    return int(value)


def is_finite(value: Any) -> bool:
    """Whether it is a real number, neither infinite nor NaN."""
    return isinstance(value, Real) and math.isfinite(value)


def check_value(value: Any) -> None:
    """Refuse what cannot be the value of constant padding."""
    if not is_finite(value):
        raise ValueError(f"value: expected a finite number, got {value!r}")


def powers_of(values: Any, fits: Callable[[float], bool]) -> tuple[float, ...]:
    """Powers that fit, or () if there is none or one that does not."""
    found = () if isinstance(values, Real) else items(values)
    if not all(is_finite(q) and fits(q) for q in found):
        return ()
    return tuple(q if isinstance(q, int) else float(q) for q in found)


def items(value: Any) -> tuple[Any, ...]:
    """Those of a sequence; of anything else, the thing itself."""
    try:
        return tuple(value)
    except TypeError:
        return (value,)


def width_of(T: Any, J: int, most: int, average: bool) -> tuple[int, bool]:
    """Samples that the low-pass averages over, and whether the mean over all is taken instead."""
    if T == "global" and not average:
        raise ValueError("T: 'global' is an average; expected average=True")
    if T is None or T == "global":
        return 2**J, T == "global"
    if isinstance(T, str):
        raise ValueError(f"T: expected a number of samples, 'global' or None, got {T!r}")
    return check_number("T", T, 1, most), False


def check_dtype(x: Any, held: torch.dtype, complex_input: bool = False, name: str = "x") -> None:
    """Refuse what is no tensor, or of another kind of number than the transform's."""
    if not isinstance(x, Tensor):
        raise TypeError(f"{name}: expected a tensor, got {type(x).__name__}")
    if x.is_complex() != complex_input:
        word = "complex" if complex_input else "real"
        raise TypeError(f"{name}: expected {word} samples (complex_input=…), got {x.dtype}")
    real = x.real.dtype if x.is_complex() else x.dtype
    if not real.is_floating_point or wide(real) != held:
        raise TypeError(f"{name}: expected {held}, the dtype of the transform, got {x.dtype}")


def some(rows: Tensor) -> Tensor:
    """The rows, or one of zeros where there is none, which an FFT would refuse."""
    return rows if rows.shape[0] else rows.sum(0, keepdim=True)


class Scattering(nn.Module):
    """Base of `Scattering1D` and `Scattering2D`. Not a transform of its own.

    Args:
        banks: wavelets and low-pass of each order, the last for all orders after.
        axes: padding, one an axis.
        levels: subsampling.
        spans: level -> which samples of a low-passed signal at that level are the result.
        order: greatest order.
        out: form of the result.
        average: whether the moduli are low-passed.
        padding: how the input goes on beyond its ends.
        value: of constant padding.
        complex_input: whether the input is complex.
        which: which wavelets may follow which.
        channels: of the input (batch, channels, *shape), if it is to be a layer.
        mean: whether coarser filters are the mean of the aliases.
        learnable: names of the wavelets' parameters that are to be learnt; () for none.
        whole: whether the low-pass is the mean over the whole input.
    """

    d: int

    def __init__(
        self,
        banks: Sequence[Bank],
        axes: Sequence[Axis],
        levels: Levels,
        spans: Any,
        *,
        order: int,
        out: Out,
        average: bool,
        padding: Mode,
        value: float,
        complex_input: bool,
        which: Which,
        channels: int | None,
        mean: bool = False,
        learnable: Sequence[str] = (),
        whole: bool = False,
    ) -> None:
        super().__init__()
        check_word("out", out, Out)
        check_word("which", which, Which)
        check_mode(padding)
        check_value(value)
        order = check_number("order", order, 0, 3)
        if not average and out == "array":
            raise ValueError(
                "out: moduli without average differ in size; expected 'dict' or 'list'"
            )
        if channels is not None:
            channels = check_number("channels", channels, 1)
            if out != "array" or complex_input:
                raise ValueError("channels: a layer has out='array' and real input")
        self.axes, self.levels, self.order = tuple(axes), levels, order
        self.out, self.average, self.padding, self.value = out, average, padding, value
        self.complex_input, self.channels, self.whole = complex_input, channels, whole
        self.shape = tuple(axis.size for axis in axes)
        plan = Plan(tuple(banks), order, levels, spans, self.d, which, mean, bool(learnable), whole)
        self.tree = Node(plan, 0, -1, 0)
        paths = self.tree.paths
        self.wavelets = nn.ModuleList()
        if learnable:
            for bank in plan.banks[: max(map(len, paths))]:  # those that some path meets
                self.wavelets.append(Parameters(bank, learnable))
        places = canonical(paths)
        self.paths = tuple(describe(paths[place], banks) for place in places)
        self._plain = {path.n: path for path in self.paths}
        if complex_input and average:  # the low-pass has two parts, in front
            places = [0, 1, *(place + 1 for place in places[1:])]
            parts = tuple(describe((), banks, part) for part in ("re", "im"))
            self.paths = (*parts, *self.paths[1:])
        self.register_buffer("places", torch.tensor(places), persistent=False)
        self.source = self.target = None
        if channels is not None:
            circular, step = padding == "periodic", 2**levels.result
            space = Space(self.d, self.shape if circular else None, step, circular)
            self.source = space.field(channels)
            numbers = channels * len(self.paths)
            self.target = space.vector(numbers) if whole else space.coarser(step).field(numbers)

    @property
    def names(self) -> list[str]:
        """Names of the paths, in the order of the result."""
        return [path.name for path in self.paths]

    @uncast
    def forward(self, x: Tensor) -> Any:
        """(…, *shape) to (…, paths, *counts); as a layer (batch, channels, *) to the same.

        Of the mean over the whole, counts are 1; a layer gives (batch, channels · paths).
        """
        self._check(x)
        held = self.tree.lowpass.dtype
        if x.is_complex():
            held = torch.promote_types(held, torch.complex32)
        rows = x.reshape(-1, *self.shape).to(held)
        u = pad(some(rows), self.axes, self.padding, self.value)
        lead = x.shape[: x.ndim - self.d]
        dtype = x.real.dtype if x.is_complex() else x.dtype
        if not self.average:
            return self._unaveraged(u, lead, dtype)
        s = self.tree(u, self._learnt()).index_select(1, self.places)[: rows.shape[0]].to(dtype)
        if self.channels is not None:
            return s.unflatten(0, lead).flatten(1, -1 if self.whole else 2)
        s = s.view(*lead, *s.shape[1:])
        if self.out == "array":
            return s
        return self._named(dict(zip(self.paths, s.unbind(s.ndim - self.d - 1), strict=True)))

    def transforms(self, parameters: Mapping[str, Tensor]) -> Tensor:
        """Of wavelets with these parameters, on the padded grid."""
        raise NotImplementedError

    def _learnt(self) -> list[Tensor] | None:
        if not len(self.wavelets):
            return None
        wavelets: Any = self.wavelets
        return [
            self.transforms({name: p.to(wide(p.dtype)) for name, p in held.items()})
            for held in wavelets
        ]

    def _named(self, found: dict[PathInfo, Tensor]) -> Any:
        if self.out == "list":
            return [{"coef": value, **path._asdict()} for path, value in found.items()]
        return {path.n + ((path.part,) if path.part else ()): s for path, s in found.items()}

    def _unaveraged(self, u: Tensor, lead: tuple[int, ...], dtype: torch.dtype) -> Any:
        found = {}
        for path, level, values in self.tree.walk(u, self._learnt()):
            for axis, a in enumerate(self.axes, start=1):
                values = values.narrow(axis, *a.own(2**level))
            values = values[: math.prod(lead)]
            kept = values if values.is_complex() else values.to(dtype)
            found[path] = kept.reshape(*lead, *kept.shape[1:])
        ordered = sorted(found, key=lambda path: (len(path), path))
        return self._named({self._plain[path]: found[path] for path in ordered})

    def _check(self, x: Tensor) -> None:
        check_dtype(x, self.tree.lowpass.dtype, self.complex_input)
        if x.ndim < self.d or tuple(x.shape[x.ndim - self.d :]) != self.shape:
            raise ValueError(
                f"x: expected shape (…, {str(self.shape)[1:-1].strip(',')}), got {tuple(x.shape)}"
            )
        if self.channels is not None and (x.ndim != self.d + 2 or x.shape[1] != self.channels):
            raise ValueError(
                f"x: expected (batch, channels={self.channels}, *{self.shape}),"
                f" got {tuple(x.shape)}"
            )

    def extra_repr(self) -> str:
        step = "'global'" if self.whole else 2**self.levels.result
        return f"shape={self.shape}, paths={len(self.paths)}, step={step}"


def spans_of(axes: Sequence[Axis], levels: Levels, edges: int, whole: bool = False) -> Any:
    """Level -> spans: the samples of the result that belong to the input.

    Args:
        axes: padding.
        levels: subsampling.
        edges: samples at the full stride that are left out at either end, or -1: those before the
            input's first and after its last sample.
        whole: whether every sample of a level that belongs to the input is meant.
    """

    def at(level: int) -> tuple[Span, ...]:
        to = level if whole else levels.result
        found = []
        for axis in axes:
            if edges < 0 or whole:
                first, count = axis.own(2**to)
            else:
                first = edges * 2 ** (levels.stride - to)
                count = axis.padded // 2**to - 2 * first
            found.append(Span(2 ** (to - level), first, count))
        return tuple(found)

    return at
