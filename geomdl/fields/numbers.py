"""Numbers and words that layers are made with: refused in one line where they cannot be."""

import math
from collections.abc import Iterable
from numbers import Integral, Real
from typing import Any


def positive(name: str, value: Any) -> float:
    """A positive finite number.

    Raises:
        ValueError: it is not one.

    Example:
        >>> positive("cutoff", 5)
        5.0
    """
    if isinstance(value, bool) or not isinstance(value, Real) or not 0 < float(value) < math.inf:
        raise ValueError(f"{name}: expected a positive number, got {value!r}")
    return float(value)


def is_finite(value: Any) -> bool:
    """Whether it is a real number by its type, and finite; bool is none.

    Example:
        >>> is_finite(0.5), is_finite(math.nan), is_finite("1")
        (True, False, False)
    """
    number = isinstance(value, Real) and not isinstance(value, bool)
    return number and math.isfinite(float(value))


def is_integer(value: Any) -> bool:
    """Whether it is a whole number by its type, of numpy too; bool is none.

    Example:
        >>> is_integer(3), is_integer(3.0), is_integer(True)
        (True, False, False)
    """
    return isinstance(value, Integral) and not isinstance(value, bool)


def at_least(name: str, value: Any, least: int) -> int:
    """A whole number that is not too small.

    Raises:
        ValueError: it is not one.

    Example:
        >>> at_least("n", 3, 1)
        3
    """
    if not is_integer(value) or int(value) < least:
        raise ValueError(f"{name}: expected an integer of at least {least}, got {value!r}")
    return int(value)


def dropout_rate(value: Any, name: str = "dropout") -> float:
    """A probability with which something is left out, below 1.

    Raises:
        ValueError: it is not one.

    Example:
        >>> dropout_rate(0)
        0.0
    """
    if isinstance(value, bool) or not isinstance(value, Real) or not 0 <= float(value) < 1:
        raise ValueError(f"{name}: expected a probability below 1, got {value!r}")
    return float(value)


def check_counts(**counts: Any) -> None:
    """Refuse what is not a number of things, at least one.

    Raises:
        ValueError: one of them is not.

    Example:
        >>> check_counts(channels=8, layers=2)
    """
    for name, value in counts.items():
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise ValueError(f"{name}: expected a positive number, got {value!r}")


def one_of(name: str, value: Any, known: Iterable[str]) -> Any:
    """One of the words.

    Raises:
        ValueError: it is none of them.

    Example:
        >>> one_of("readout", "sum", ("sum", "mean"))
        'sum'
    """
    words = tuple(known)
    if value not in words:
        raise ValueError(f"{name}: expected one of {', '.join(words)}, got {value!r}")
    return value
