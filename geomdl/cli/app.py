"""The parser, and the one place where an error becomes a line and an exit code."""

import argparse
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import NoReturn

COMMANDS = ("doctor", "list", "audit", "train", "export", "bench", "verify", "report")
# Bad input is one of these by the library's own rule; anything else is a defect and keeps its
# traceback.
EXPECTED = (ValueError, TypeError, OSError, ImportError)


class Parser(argparse.ArgumentParser):
    """An argument parser whose errors are one line."""

    def error(self, message: str) -> NoReturn:
        """Say what is wrong, and where help is, and leave."""
        self.exit(2, f"geomdl: {message} (see {self.prog} --help)\n")


def parser() -> Parser:
    """The parser of the whole command line.

    Returns:
        A parser; its result holds `run`, a function of the parsed arguments that gives the exit
        code.
    """
    import geomdl

    whole = Parser(
        prog="geomdl",
        description="Geometric deep learning: name the symmetry, get the network, and a"
        " certificate that it holds.",
    )
    whole.add_argument("--version", action="version", version=f"geomdl {geomdl.__version__}")
    commands = whole.add_subparsers(title="commands", metavar="COMMAND", parser_class=Parser)
    for name in COMMANDS:
        import_module(f"geomdl.cli.{name}_command").add(commands)
    return whole


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command line.

    Args:
        argv: the words after `geomdl`; default those of the process.

    Returns:
        Exit code: 0 success, 1 an audit or a check that failed, 2 bad input, 130 interrupted.

    Example:
        >>> main(["list", "suites", "no such suite"])
        2
    """
    try:
        whole = parser()
        arguments = whole.parse_args(argv)
    except SystemExit as leave:  # --help, --version, or an error already said
        return leave.code if isinstance(leave.code, int) else 2
    if not hasattr(arguments, "run"):
        whole.print_help()
        return 0
    try:
        return int(arguments.run(arguments))
    except BrokenPipeError:  # `geomdl list | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        print("geomdl: interrupted", file=sys.stderr)
        return 130
    except EXPECTED as error:
        if os.environ.get("GEOMDL_DEBUG"):
            raise
        print(f"geomdl: {one_line(error)}", file=sys.stderr)
        return 2


def one_line(error: BaseException) -> str:
    r"""What an error says, in one line.

    Args:
        error: any exception.

    Returns:
        Its message without line breaks; the name of its type where it has none.

    Example:
        >>> one_line(ValueError("x: expected 3,\n  got 4")), one_line(TypeError())
        ('x: expected 3, got 4', 'TypeError')
    """
    return " ".join(str(error).split()) or type(error).__name__
