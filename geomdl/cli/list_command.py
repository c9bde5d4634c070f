"""`geomdl list`: names of groups, models, layers, suites and data sets."""

import argparse
from collections.abc import Callable
from fnmatch import fnmatchcase
from typing import Any

# Example of a name, and what names of its kind mean. `geomdl.group` parses them all.
GROUPS = {
    "C4": "C<n>: rotations of the plane by multiples of 360°/n",
    "D4": "D<n>: those and the flips; 2n elements",
    "SO2": "rotations of the plane by any angle",
    "O2": "rotations and flips of the plane",
    "SO3": "SO<n>: rotations of n-dimensional space",
    "O3": "O<n>: rotations and reflections of n-dimensional space",
    "SU2": "unit quaternions",
    "Q8": "the quaternion group",
    "S5": "S<n>: permutations of n things",
    "T": "rotations of the tetrahedron; Td with reflections, Th with inversion",
    "O": "rotations of the octahedron and the cube; Oh with inversion",
    "I": "rotations of the icosahedron; Ih with inversion",
    "Z28x28": "Z<n>x<m>…: translations of a periodic grid",
    "R3": "R<d>: translations of space",
    "SE3": "SE<d>: rotations and translations of space",
    "E3": "E<d>: rotations, reflections and translations of space",
    "SO+(1,3)": "proper orthochronous Lorentz group",
    "SO(1,3)": "proper Lorentz group",
    "O(1,3)": "Lorentz group",
    "C8 * C2": "A * B: direct product",
    "Z28x28 ⋊ D4": "N ⋊ H, or N : H: semidirect product",
}


def add(commands: Any) -> None:
    """Add the command to the parser."""
    command = commands.add_parser(
        "list",
        help="names of groups, models, layers, suites, data sets",
        description="Names that may be used, all or those that match a shell pattern.",
    )
    command.add_argument(
        "what",
        nargs="?",
        choices=tuple(listings()),
        metavar="WHAT",
        help=f"one of {', '.join(listings())}; default: all of them",
    )
    command.add_argument("pattern", nargs="?", default="*", metavar="PATTERN", help='like "D*"')
    command.set_defaults(run=run)


def listings() -> dict[str, Callable[[str], list[str]]]:
    """What can be listed -> function from a pattern to lines."""
    return {"groups": groups, "models": models, "layers": layers, "suites": suites, "data": data}


def run(arguments: argparse.Namespace) -> int:
    """Print names, one a line."""
    chosen = [arguments.what] if arguments.what else list(listings())
    for what in chosen:
        lines = listings()[what](arguments.pattern)
        if arguments.what is None:
            print(f"{what}:")
            lines = ["  " + line for line in lines]
        elif not lines:
            raise ValueError(f"{what}: no name matches {arguments.pattern!r}")
        print("\n".join(lines))
    return 0


def groups(pattern: str) -> list[str]:
    """Kinds of groups, each with an example of its name."""
    width = max(map(len, GROUPS))
    return [f"{n:<{width}}  {text}" for n, text in GROUPS.items() if fnmatchcase(n, pattern)]


def models(pattern: str) -> list[str]:
    """Names of the registered models."""
    from geomdl.registry import list_models

    return list_models(pattern)


def layers(pattern: str) -> list[str]:
    """Names of the registered layers."""
    from geomdl.registry import list_layers

    return list_layers(pattern)


def suites(pattern: str) -> list[str]:
    """Names of the registered suites."""
    from geomdl.bench import list_suites

    return list_suites(pattern)


def data(pattern: str) -> list[str]:
    """Names of the data sets."""
    from geomdl import data

    return [name for name in data.names() if fnmatchcase(name, pattern)]
