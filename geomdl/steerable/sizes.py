"""Sizes that keep 90° rotations exact: where windows may start so that they are centred.

Windows of k taps (d apart) at stride s cover an axis of n pixels, p padded on both sides,
symmetrically iff (n + 2p - d(k - 1) - 1) mod s = 0. Otherwise some pixels at one end are never
looked at, a rotation moves them to the other end, and the symmetry is lost.
"""

from collections.abc import Sequence


def excess(n: int, kernel_size: int, stride: int = 1, padding: int = 0, dilation: int = 1) -> int:
    """Pixels left over at one end, (n + 2p - d(k - 1) - 1) mod s; 0 keeps rotations exact.

    Example:
        >>> excess(28, 3, stride=2, padding=1), excess(29, 3, stride=2, padding=1)
        (1, 0)
    """
    return (n + 2 * padding - dilation * (kernel_size - 1) - 1) % stride


def check_exact(
    group: str,
    sizes: Sequence[int],
    kernel_size: int,
    stride: int = 1,
    padding: int = 0,
    dilation: int = 1,
) -> None:
    """Refuse sizes at which a window does not fit or strides break the symmetry.

    Args:
        group: name of the group, for the message.
        sizes: pixels along each axis.
        kernel_size: taps along each axis.
        stride: pixels from one window to the next.
        padding: pixels added at both ends.
        dilation: pixels from one tap to the next.

    Raises:
        ValueError: with the paddings, kernel sizes and image sizes that work.
    """
    for n in sizes:
        reach = dilation * (kernel_size - 1) + 1
        if n + 2 * padding < reach:
            raise ValueError(
                f"x: a window of {reach} pixels needs size {reach - 2 * padding} or more with "
                f"padding={padding}, got {n}"
            )
        if excess(n, kernel_size, stride, padding, dilation):
            raise ValueError(
                f"x: size {n} breaks {group} with kernel_size={kernel_size}, stride={stride}, "
                f"padding={padding}, dilation={dilation}: (n + 2p - d(k - 1) - 1) mod s should be "
                f"0, got {excess(n, kernel_size, stride, padding, dilation)}; "
                f"use {_remedies(n, kernel_size, stride, padding, dilation)}"
            )


def _remedies(n: int, k: int, s: int, p: int, d: int) -> str:
    """Nearest padding, kernel size and image sizes that are exact, as text."""
    reach = n + 2 * p - d * (k - 1) - 1  # the last place where a window fits
    paddings = [q for q in range(p, p + s) if not excess(n, k, s, q, d)]
    kernels = [k + c for c in range(1, reach // d + 1) if (reach - d * c) % s == 0]
    smaller = n - reach % s
    sizes = [m for m in (smaller, smaller + s) if m > 0]
    found = [f"padding={q}" for q in paddings[:1]] + [f"kernel_size={c}" for c in kernels[:1]]
    return " or ".join([*found, "size " + " or ".join(map(str, sizes))])


def out_size(n: int, kernel_size: int, stride: int = 1, padding: int = 0, dilation: int = 1) -> int:
    """Number of windows along an axis of n pixels.

    Example:
        >>> out_size(29, 3, stride=2, padding=1)
        15
    """
    return (n + 2 * padding - dilation * (kernel_size - 1) - 1) // stride + 1


def exact_padding(n: int, kernel_size: int, stride: int = 1, dilation: int = 1) -> int:
    """Least padding of at least half a kernel that makes windows centred on n pixels.

    Raises:
        ValueError: none does: with an even stride n and the reach d(k - 1) + 1 of a window must
            both be odd or both be even.

    Example:
        >>> exact_padding(29, 3, stride=2), exact_padding(30, 3, stride=3)
        (1, 3)
    """
    least = dilation * (kernel_size - 1) // 2
    for padding in range(least, least + stride):
        if not excess(n, kernel_size, stride, padding, dilation):
            return padding
    other = "odd" if dilation * (kernel_size - 1) % 2 == 0 else "even"
    raise ValueError(
        f"x: no padding makes windows of kernel_size={kernel_size} with stride={stride} and "
        f"dilation={dilation} centred on {n} pixels; sizes should be {other}, use size {n - 1} or "
        f"{n + 1}" + (f", or kernel_size={kernel_size + 1}" if dilation % 2 else "")
    )


def pool_window(n: int, stride: int) -> int:
    """Smallest window of at least ``stride`` pixels that pools n pixels to n // stride, centred.

    For stride 2 this chooses by parity: 2 for even sizes, 3 for odd ones.

    Raises:
        ValueError: fewer pixels than the stride.

    Example:
        >>> pool_window(28, 2), pool_window(29, 2)
        (2, 3)
    """
    if n < stride:
        raise ValueError(f"x: size should be at least stride={stride}, got {n}")
    return stride + n % stride
