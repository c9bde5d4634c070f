"""Spherical tensors: representations of O(3) or SO(3) as blocks of irreps."""

from collections.abc import Iterable
from typing import Any, Literal, NamedTuple

from geomdl.groups import Group, Rep, group
from geomdl.groups.constructions import Tensored
from geomdl.groups.orthogonal import Orthogonal
from geomdl.groups.rep import Irrep, Trivial, direct_sum

Parity = Literal["natural", "both"]


class Block(NamedTuple):
    """Copies of one irrep in a feature: component m of copy c is row start + m copies + c.

    Attributes:
        l: degree.
        p: parity, 1 or -1; 1 where the group has no inversion.
        copies: how many.
        start: first row.
    """

    l: int
    p: int
    copies: int
    start: int

    @property
    def stop(self) -> int:
        """Row after the last."""
        return self.start + (2 * self.l + 1) * self.copies

    @property
    def name(self) -> str:
        """As in e3nn: 2x1o."""
        return f"{self.copies}x{self.l}{'e' if self.p == 1 else 'o'}"


def spherical(lmax: int, parity: Parity = "natural", of: str | Group = "O3") -> Rep:
    """Sum of the irreps of degree 0, …, lmax, even before odd.

    Args:
        lmax: greatest degree, 0 or more.
        parity: of O(3): "natural", (-1)^l, that of harmonics; or "both".
        of: "O3" or "SO3".

    Raises:
        ValueError: no degree, parity or group of this kind.

    Example:
        >>> spherical(2).dim, spherical(1, "both").dim, spherical(2, of="SO3").dim
        (9, 8, 9)
    """
    if not isinstance(lmax, int) or isinstance(lmax, bool) or lmax < 0:
        raise ValueError(f"lmax: expected a whole number of at least 0, got {lmax!r}")
    if parity not in ("natural", "both"):
        raise ValueError(f"parity: expected 'natural' or 'both', got {parity!r}")
    both = (1, -1)
    return from_blocks(
        [(l, p, 1) for l in range(lmax + 1) for p in both if parity == "both" or p == (-1) ** l], of
    )


def from_blocks(numbers: Iterable[tuple[int, int, int]], of: str | Group = "O3") -> Rep:
    """Representation of blocks (l, p, copies), one after another.

    Example:
        >>> blocks(from_blocks([(0, 1, 2), (1, -1, 3)]))[1]
        Block(l=1, p=-1, copies=3, start=2)
    """
    whole = group(of) if isinstance(of, str) else of
    if not isinstance(whole, Orthogonal) or whole.n != 3:
        raise ValueError(f"of: expected O3 or SO3, got {of}")
    parts: list[tuple[Rep, int]] = []
    for l, p, copies in numbers:
        irrep = whole.irrep(l if whole.special else (l, p))
        parts.append((irrep if copies == 1 else irrep @ (copies * whole.trivial), 1))
    return direct_sum(parts)


def blocks(rep: Rep) -> tuple[Block, ...]:
    """Blocks of a representation of O(3) or SO(3), in its order.

    Args:
        rep: sum of irreps, or of irreps ⊗ n trivial (copies side by side, see `Block`).

    Raises:
        ValueError: another representation.

    Example:
        >>> [b.name for b in blocks(spherical(1, "both"))]
        ['1x0e', '1x0o', '1x1e', '1x1o']
    """
    found, start = [], 0
    for part, count in rep.blocks:
        irrep, copies = (part.left, part.right.dim) if isinstance(part, Tensored) else (part, 1)
        labels = _label(irrep)
        trivial = not isinstance(part, Tensored) or all(
            isinstance(r, Trivial) or _label(r) == (0, 1) for r, _ in part.right.blocks
        )
        if labels is None or not trivial:
            raise ValueError(
                f"rep: expected a sum of irreps of O3 or SO3, got {part.name} of {rep.group.name}"
            )
        for _ in range(count):
            found.append(Block(*labels, copies, start))
            start = found[-1].stop
    return tuple(found)


def _label(rep: Any) -> tuple[int, int] | None:
    """(l, p) of an irrep."""
    whole = rep.group
    if not isinstance(whole, Orthogonal) or whole.n != 3:
        return None
    if isinstance(rep, Trivial):
        return (0, 1)
    if not isinstance(rep, Irrep):
        return None
    return (int(rep.label), 1) if whole.special else (int(rep.label[0]), int(rep.label[1]))


def single(name: str, rep: Rep) -> tuple[Block, ...]:
    """Blocks of a representation that holds each irrep once.

    Raises:
        ValueError: it holds one more often.
    """
    found = blocks(rep)
    if any(b.copies > 1 for b in found) or len({(b.l, b.p) for b in found}) < len(found):
        names = " + ".join(b.name for b in found)
        raise ValueError(
            f"{name}: expected each irrep once (channels hold the copies; mix copies by Linear),"
            f" got {names}"
        )
    return found
