"""`geomdl audit`: does a network have the symmetry that it is sold with?"""

import argparse
import contextlib
import json
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from geomdl.auditing import Audit, LieDerivative, LocalErrors


def add(commands: Any) -> None:
    """Add the command to the parser."""
    command = commands.add_parser(
        "audit",
        help="measure the equivariance error of a network",
        description="Measure the equivariance error of any callable on random inputs. Exit code 0:"
        " it holds; 1: it does not, and the first layer that breaks is named; 2: bad input.",
    )
    command.add_argument(
        "what",
        metavar="WHAT",
        help="package.module:object, path/file.py:object, a checkpoint, or a registered model",
    )
    command.add_argument("--group", metavar="NAME", help='like "D4"; default: that of the object')
    command.add_argument(
        "--tol",
        type=tolerance,
        metavar="X",
        help="greatest relative error that passes; default by the dtype",
    )
    command.add_argument(
        "--shape",
        "--input",
        nargs="+",
        type=sizes,
        metavar="N",
        help="of one input, channels first, where the object has no source: 1 28 28, or with the"
        " batch 4,1,28,28",
    )
    command.add_argument("--per-layer", action="store_true", help="show a table of all layers")
    command.add_argument(
        "--lie",
        nargs="*",
        metavar="ACTION",
        help="show the error of small moves, and which layer costs what: translation, rotation,"
        " scale, shear, hyperbolic (default: all of them, shifts for a periodic group, or the"
        " algebra of a Lie group); without a group nothing else is measured, and a tolerance that"
        " is given holds for this error",
    )
    command.add_argument("--html", metavar="FILE", help="write a report of one page")
    command.add_argument(
        "--samples",
        type=int,
        default=32,
        metavar="N",
        help="random elements, for groups of more than 64 (default: 32)",
    )
    command.add_argument("--seed", type=int, default=0, metavar="N", help="default: 0")
    command.add_argument(
        "--dtype",
        choices=("float64", "float32"),
        default="float64",
        help="default: float64, where exact means 1e-12",
    )
    command.add_argument(
        "--randomize",
        action="store_true",
        help="redraw all weights first: zeros hide everything behind them",
    )
    command.add_argument("--json", action="store_true", help="print the certificate as JSON")
    command.add_argument(
        "--plot",
        nargs="?",
        const="audit.png",
        metavar="FILE",
        help="draw the error over the group (default: audit.png)",
    )
    command.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Audit, print, and tell by the exit code.

    Raises:
        ValueError: bad input, or code that leaves the program.
    """
    try:
        return _run(arguments)
    except SystemExit as leave:
        raise ValueError(
            f"{arguments.what}: expected code that returns, got a call of exit({leave.code!r})"
        ) from leave


def _run(arguments: argparse.Namespace) -> int:
    tol = arguments.tol
    found = local = None
    if arguments.lie is None or arguments.group is not None:
        found = measure(arguments, arguments.per_layer)
        tol = found.tol if tol is None else tol
        if not (found.passed(tol) and arguments.html is None) and not found.per_layer:
            with contextlib.suppress(TypeError):  # a plain function has no layers to name
                found = measure(arguments, per_layer=True)
    if arguments.lie is not None:
        local = measure_locally(arguments)
    if found is not None:
        passed = found.passed(tol)
    else:  # a small move is never exact on a grid: it fails by a tolerance that is given
        passed = local is None or tol is None or local.lie.passed(tol)
    if arguments.json:
        print(json.dumps(document(found, local, passed, tol), indent=1, allow_nan=False,
                         ensure_ascii=False))  # fmt: skip
    else:
        show(found, local, tol, arguments.per_layer)
    if arguments.plot is not None:
        drawn = found or (local and local.lie)
        assert drawn is not None
        draw(drawn, arguments.plot)
    if arguments.html is not None:
        from geomdl.cli.audit_page import write

        write(arguments.html, found, local, tol)
    return 0 if passed else 1


def document(
    found: "Audit | None", local: "LocalErrors | None", passed: bool, tol: float | None
) -> dict[str, Any]:
    """All that was found, as JSON-able values."""
    verdict: dict[str, Any] = {"passed": passed, "tol": tol}
    whole: dict[str, Any] = {}
    if found is not None:
        assert tol is not None
        whole = found.to_dict()
        verdict["confidence"] = found.confidence_at(tol)
        verdict["first_break"] = found.first_break_at(tol)
    if local is not None:
        verdict["lie"] = local.lie.to_dict()
        verdict["orbits"] = [json.loads(orbit.to_json()) for orbit in local.orbits]
    return {**whole, **verdict}


def show(
    found: "Audit | None", local: "LocalErrors | None", tol: float | None, per_layer: bool
) -> None:
    """Print all that was found."""
    if found is not None:
        print(found.summary(tol))
        if per_layer:
            print_tables(found.table(tol))
    if local is not None:
        print("\n".join([local.lie.summary(), *(orbit.summary() for orbit in local.orbits)]))
        if per_layer:
            print_tables(local.lie.table(), *(o.table() for o in local.orbits if o.layers))


def print_tables(*tables: Any) -> None:
    """Print tables, as wide as they are where nobody looks."""
    from rich.console import Console

    console = Console()
    for table in tables:
        Console(width=None if console.is_terminal else 200).print(table)


def measure(arguments: argparse.Namespace, per_layer: bool) -> "Audit":
    """Audit what the arguments name.

    Args:
        arguments: of the command line.
        per_layer: measure every layer.

    Returns:
        The certificate.
    """
    import torch

    import geomdl
    from geomdl.auditing import audit_object

    return audit_object(
        subject(arguments),
        group=arguments.group,
        shape=shape(arguments),
        load=geomdl.load,
        per_layer=per_layer,
        samples=arguments.samples,
        seed=arguments.seed,
        randomize=arguments.randomize,
        dtype=getattr(torch, arguments.dtype),
        progress=False if arguments.json else None,
    )


def measure_locally(arguments: argparse.Namespace) -> "LocalErrors":
    """Local errors of what the arguments name.

    Args:
        arguments: of the command line.

    Returns:
        What was found.
    """
    import torch

    import geomdl
    from geomdl.auditing import lie_object

    return lie_object(
        subject(arguments),
        arguments.lie or None,
        arguments.group,
        shape(arguments),
        load=geomdl.load,
        seed=arguments.seed,
        randomize=arguments.randomize,
        dtype=getattr(torch, arguments.dtype),
        progress=False if arguments.json else None,
    )


def subject(arguments: argparse.Namespace) -> Any:
    """What is audited: the factory of a registered model, or a name as it stands."""
    from geomdl.registry import default

    what = arguments.what
    return default[what].factory if ":" not in what and what in default else what


def shape(arguments: argparse.Namespace) -> list[int] | None:
    """Shape of one input."""
    words = arguments.shape
    return None if words is None else [n for part in words for n in part]


def draw(found: "Audit | LieDerivative", path: str) -> None:
    """Write the plot of a certificate.

    Args:
        found: the certificate.
        path: of the file; its ending names the format.

    Raises:
        ValueError: the ending names no format, or the file cannot be written.
    """
    try:
        found.plot(path)
    except OSError as error:
        raise ValueError(f"--plot: cannot write {path!r} ({error.strerror})") from None


def tolerance(text: str) -> float:
    """A tolerance: a number that is not negative.

    Args:
        text: as given.

    Returns:
        The number.

    Example:
        >>> tolerance("1e-5")
        1e-05
    """
    value = float(text)
    if not value >= 0:
        raise argparse.ArgumentTypeError(f"expected a number of at least 0, got {text}")
    return value


def sizes(text: str) -> list[int]:
    """Sizes from a word.

    Args:
        text: numbers, with commas or × between them.

    Returns:
        The numbers.

    Example:
        >>> sizes("1"), sizes("1,28,28")
        ([1], [1, 28, 28])
    """
    parts = re.split(r"[,x×]", text.strip("()[]"))
    if not all(part.strip().isdecimal() for part in parts):
        raise argparse.ArgumentTypeError(f"expected whole numbers such as 1 28 28, got {text}")
    return [int(part) for part in parts]
