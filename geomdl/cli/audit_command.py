"""`geomdl audit`: does a network have the symmetry that it is sold with?"""

import argparse
import contextlib
import json
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from geomdl.auditing import Audit


def add(commands: Any) -> None:
    """Add the command to the parser."""
    command = commands.add_parser(
        "audit",
        help="measure the equivariance error of a network",
        description="Measure the equivariance error of any callable on random inputs. Exit code 0:"
        " it holds; 1: it does not, and the first layer that breaks is named; 2: bad input.",
    )
    command.add_argument(
        "what", metavar="WHAT", help="package.module:object, a checkpoint, or a registered model"
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
        nargs="+",
        type=sizes,
        metavar="N",
        help="of one input, channels first, where the object has no source: 1 28 28",
    )
    command.add_argument("--per-layer", action="store_true", help="show the error of every layer")
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
    """Audit, print, and tell by the exit code."""
    found = measure(arguments, arguments.per_layer)
    tol = found.tol if arguments.tol is None else arguments.tol
    passed = found.passed(tol)
    if not passed and not arguments.per_layer:
        with contextlib.suppress(TypeError):  # a plain function has no layers to name
            found = measure(arguments, per_layer=True)
    if arguments.json:
        verdict = {
            "passed": passed,
            "tol": tol,
            "confidence": found.confidence_at(tol),
            "first_break": found.first_break_at(tol),
        }
        document = {**found.to_dict(), **verdict}
        print(json.dumps(document, indent=1, allow_nan=False, ensure_ascii=False))
    else:
        print(found.summary(tol))
    if arguments.plot is not None:
        draw(found, arguments.plot)
    return 0 if passed else 1


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
    from geomdl.registry import default

    shape = None if arguments.shape is None else [n for part in arguments.shape for n in part]
    what = arguments.what
    return audit_object(
        default[what].factory if ":" not in what and what in default else what,
        group=arguments.group,
        shape=shape,
        load=geomdl.load,
        per_layer=per_layer,
        samples=arguments.samples,
        seed=arguments.seed,
        randomize=arguments.randomize,
        dtype=getattr(torch, arguments.dtype),
        progress=False if arguments.json else None,
    )


def draw(found: "Audit", path: str) -> None:
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
