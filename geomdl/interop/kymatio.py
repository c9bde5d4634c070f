"""kymatio's transforms as ours, with equal outputs."""

from typing import Any

from torch import nn

from geomdl.scattering import HarmonicScattering3D, Scattering1D, Scattering2D


def convert(transform: Any) -> nn.Module:
    """Make a module of ours with the outputs of a transform of kymatio.

    Scattering of signals and images; solid harmonics of even sizes. Numbers agree with those of
    release 0.3 to 3e-7 (signals), 1e-6 (images), 1e-5 (volumes, of inputs without energy at the
    Nyquist frequency), relative, in float32. Transforms of kymatio's main branch are told by their
    attributes; they are *not compared* in our tests. kymatio itself is not needed here.

    Args:
        transform: `Scattering1D`, `Scattering2D` or `HarmonicScattering3D` of any of its frontends.

    Returns:
        The module, in the dtype and on the device of a transform of torch, else of float32; for
        signals with the scaling of the version that the transform is of.

    Raises:
        TypeError: no such transform.
        ValueError: an option that has no counterpart: among others signals shorter than 2^J, and T
            that is no whole number.
    """
    kinds = {kind.__name__ for kind in type(transform).__mro__}
    makers = {f"ScatteringBase{d}D": m for d, m in enumerate((_signals, _images, _volumes), 1)}
    make = next((make for kind, make in makers.items() if kind in kinds), None)
    if make is None:
        names = " ".join(sorted(kinds))
        raise TypeError(f"transform: expected a scattering transform of kymatio, got {names}")
    try:
        ours = make(transform)
    except ValueError as error:
        raise ValueError(f"transform: {error}") from error
    held = next(transform.buffers(), None) if isinstance(transform, nn.Module) else None
    return ours if held is None else ours.to(held.device, held.dtype)


def _order(theirs: Any) -> int:
    """Kymatio always gives orders 0 and 1."""
    if theirs.max_order > 2:
        raise ValueError(f"max_order={theirs.max_order} has no counterpart; expected at most 2")
    return max(int(theirs.max_order), 1)


def _signals(theirs: Any) -> Scattering1D:
    average = getattr(theirs, "average", True)
    if average not in (True, False, "local"):
        raise ValueError(
            f"average={average!r} has no counterpart: it sums over the padded signal;"
            " Scattering1D(…, T='global') gives means over the signal itself"
        )
    average = bool(average)
    T = int(theirs.T) if theirs.T % 1 == 0 else theirs.T
    return Scattering1D(
        theirs.J,
        tuple(theirs.shape),
        tuple(theirs.Q),
        T if average else None,
        order=_order(theirs),
        out=theirs.out_type,
        average=average,
        oversampling=theirs.oversampling,
        stride=getattr(theirs, "stride", None),
        convention="0.4" if hasattr(theirs, "log2_stride") else "0.3",
    )


def _images(theirs: Any) -> Scattering2D:
    if theirs.pre_pad:
        raise ValueError("pre_pad=True has no counterpart; pad after, or crop before")
    return Scattering2D(
        theirs.J, tuple(theirs.shape), theirs.L, order=_order(theirs), out=theirs.out_type
    )


def _volumes(theirs: Any) -> HarmonicScattering3D:
    if theirs.method != "integral" or not theirs.rotation_covariant:
        raise ValueError("expected method='integral' and rotation_covariant=True")
    if any(n % 2 for n in theirs.shape):
        raise ValueError(f"kymatio's filters of odd sizes are off centre: {theirs.shape}")
    return HarmonicScattering3D(
        theirs.J,
        tuple(theirs.shape),
        theirs.L,
        theirs.sigma_0,
        order=_order(theirs),
        powers=tuple(theirs.integral_powers),
    )
