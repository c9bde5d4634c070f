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
        The module; for signals with the scaling of the version that the transform is of.

    Raises:
        TypeError: no such transform.
        ValueError: an option that has no counterpart.
    """
    kinds = {kind.__name__ for kind in type(transform).__mro__}
    names = " ".join(sorted(kinds))
    if "ScatteringBase1D" in kinds:
        return _signals(transform)
    if "ScatteringBase2D" in kinds:
        return _images(transform)
    if "ScatteringBase3D" in kinds:
        return _volumes(transform)
    raise TypeError(f"transform: expected a scattering transform of kymatio, got {names}")


def _signals(theirs: Any) -> Scattering1D:
    average = getattr(theirs, "average", True)
    if average not in (True, False, "local"):
        raise ValueError(
            f"transform: average={average!r} has no counterpart: it sums over the padded signal;"
            " Scattering1D(…, T='global') gives means over the signal itself"
        )
    average = bool(average)
    return Scattering1D(
        theirs.J,
        tuple(theirs.shape),
        tuple(theirs.Q),
        None if not average else theirs.T,
        order=theirs.max_order,
        out=theirs.out_type,
        average=average,
        oversampling=theirs.oversampling,
        stride=getattr(theirs, "stride", None),
        convention="0.4" if hasattr(theirs, "log2_stride") else "0.3",
    )


def _images(theirs: Any) -> Scattering2D:
    if theirs.pre_pad:
        raise ValueError("transform: pre_pad=True has no counterpart; pad after, or crop before")
    return Scattering2D(
        theirs.J, tuple(theirs.shape), theirs.L, order=theirs.max_order, out=theirs.out_type
    )


def _volumes(theirs: Any) -> HarmonicScattering3D:
    if theirs.method != "integral" or not theirs.rotation_covariant:
        raise ValueError("transform: expected method='integral' and rotation_covariant=True")
    if any(n % 2 for n in theirs.shape):
        raise ValueError(
            f"transform: kymatio's filters of odd sizes are off centre: {theirs.shape}"
        )
    return HarmonicScattering3D(
        theirs.J,
        tuple(theirs.shape),
        theirs.L,
        theirs.sigma_0,
        order=theirs.max_order,
        powers=tuple(theirs.integral_powers),
    )
