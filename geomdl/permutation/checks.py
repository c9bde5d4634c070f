"""Checks that the modules of this package share."""

from torch import Tensor


def check_count(name: str, value: int, least: int = 1) -> int:
    """A whole number of at least `least`.

    Raises:
        ValueError: it is none.

    Example:
        >>> check_count("layers", 3)
        3
    """
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise ValueError(f"{name}: expected a whole number of at least {least}, got {value!r}")
    return value


def check_choice(name: str, value: str, known: tuple[str, ...]) -> str:
    """One of the words.

    Raises:
        ValueError: it is none of them.

    Example:
        >>> check_choice("readout", "sum", ("sum", "mean"))
        'sum'
    """
    if value not in known:
        raise ValueError(f"{name}: expected one of {', '.join(known)}, got {value!r}")
    return value


def check_shape(name: str, x: Tensor, *expected: int | str) -> None:
    """Refuse a tensor of another shape; a word stands for any number.

    Raises:
        ValueError: the shape is another.
    """
    fits = x.ndim == len(expected) and all(
        isinstance(e, str) or s == e for s, e in zip(x.shape, expected, strict=True)
    )
    if not fits:
        shape = ", ".join(map(str, expected)) + ("," if len(expected) == 1 else "")
        raise ValueError(f"{name}: expected shape ({shape}), got {tuple(x.shape)}")
